//! permessage-deflate (RFC 7692): negotiation, deflating, inflating, and whole connections.

mod attacks;
mod corrupted;
mod deflate;
mod inflate;
mod negotiation;
mod peers;
mod session;

use barews_tests::cases;
