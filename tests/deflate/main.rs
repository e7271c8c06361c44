//! permessage-deflate (RFC 7692): negotiation, both directions, and both together with a connection.

mod inflate;
mod naive;
mod negotiation;
mod peers;
