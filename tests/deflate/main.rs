//! permessage-deflate (RFC 7692): negotiation, both directions, and both together with a connection.

mod attacks;
mod deflate;
mod inflate;
mod negotiation;
mod peers;
mod session;

use barews_tests::cases;
