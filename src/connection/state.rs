//! The life of a connection, as one table (RFC 6455 sections 5.5.1, 7.1.1, 7.1.3 and 7.1.7).
//!
//! All rules about closing are here: no other file decides when a connection is closing or closed, or what to do with
//! the transport. The table depends on what was received, on whether our Close was sent, and on whether the transport
//! has ended.

use crate::role::Side;

/// The state of a connection (RFC 6455 sections 4.1, 7.1.3 and 7.1.4). CONNECTING is the
/// [opening handshake](crate::handshake).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum State {
    /// Messages can be sent both ways.
    Open,
    /// A Close frame was sent or received, or the connection failed.
    Closing,
    /// Nothing can be sent or received any more.
    Closed,
}

/// What to do with the transport once [`poll_transmit`](crate::Connection::poll_transmit) has returned 0 and its output
/// is written. It answers "when do I close TCP?" (RFC 6455 section 7.1.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Transport {
    /// Go on reading and writing.
    Keep,
    /// Shut down the writing side, then read and discard until the end of the stream or the closing timeout, then
    /// close. Unread bytes would cause a reset, which can destroy the Close frame.
    HalfClose,
    /// Read and discard until the peer ends the stream or the closing timeout, then close: the server closes first.
    // RFC 6455 7.1.1 [6455-7.1.1-6]
    AwaitEof,
    /// Close now.
    Close,
}

/// What was received so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Incoming {
    /// Neither a Close frame nor an error.
    Neither,
    /// A Close frame.
    Close,
    /// An error; nothing more is processed.
    Error,
}

/// The table. `eof`: the transport has ended; `sent`: our Close frame was sent.
pub(crate) const fn lookup(incoming: Incoming, eof: bool, sent: bool, side: Side) -> (State, Transport) {
    use Incoming as I;
    use State::{Closed, Closing, Open};
    match (incoming, eof, sent) {
        (I::Neither, false, false) => (Open, Transport::Keep),
        // Our Close was sent: CLOSING, and the peer's Close is still to come [6455-7.1.3-1]
        (I::Neither, false, true) => (Closing, Transport::Keep),
        // The end without a Close frame: 1006 [6455-7.1.4-1] [6455-7.2.1-2]
        (I::Neither, true, _) => (Closed, Transport::Close),
        // The peer's Close, or an error: CLOSING; our Close is due, and the peer can still read it
        // [6455-5.5.1-7] [6455-7.1.7-5]
        (I::Close | I::Error, _, false) => (Closing, Transport::Keep),
        // Close frames were sent both ways: the server closes TCP at once, the client waits for that
        // [6455-5.5.1-10] [6455-5.5.1-11] [6455-5.5.1-12] [6455-5.5.1-14]
        // [6455-7.1.1-3] [6455-7.1.1-5] [6455-7.1.1-6] [6455-7.1.2-2]
        (I::Close, false, true) if side.is_server() => (Closing, Transport::HalfClose),
        (I::Close, false, true) => (Closing, Transport::AwaitEof),
        // Failed, and our Close was sent: close, without waiting for an answer [6455-7.1.7-1] [6455-7.1.7-3]
        // [6455-7.1.7-7]
        (I::Error, false, true) => (Closing, Transport::HalfClose),
        (I::Close | I::Error, true, true) => (Closed, Transport::Close),
    }
}
