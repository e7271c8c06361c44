//! The public face of receiving: the events, and the state of the connection.

use core::marker::PhantomData;

use super::config::Config;
use super::control::Reply;
use super::event::Received;
use super::frames::Frames;
use super::machine::Machine;
use super::state::{self, Incoming, State, Transport};
use crate::role::{Role, Side};
use crate::wire::error::ProtocolError;
use crate::wire::{CloseCode, CloseFrame, Opcode};

/// The receiving half of a [`Connection`](crate::Connection).
///
/// ```
/// use barews::connection::{Event, State, Transport};
/// use barews::wire::CloseCode;
///
/// let (mut receiver, _transmitter) = barews::Connection::new(barews::Server, &Default::default()).split();
/// let mut read = *b"\x88\x82\0\0\0\0\x03\xE8";
/// assert_eq!(receiver.receive(&mut read)?.event, Some(Event::Close(Some(CloseCode::NORMAL))));
/// let reply = receiver.take_reply(); // for the writing task, after each `receive`
/// assert!(receiver.close_received() && reply.is_some_and(|reply| reply.is_close()));
///
/// // The writing task reports what its `close_sent` returns: first false, then true.
/// assert_eq!((receiver.state(false), receiver.transport(false)), (State::Closing, Transport::Keep));
/// assert_eq!((receiver.state(true), receiver.transport(true)), (State::Closing, Transport::HalfClose));
/// # Ok::<(), barews::ProtocolError>(())
/// ```
pub struct Receiver<R> {
    frames: Frames,
    role: PhantomData<fn() -> R>,
}

shown! {
    impl[R: Role] Receiver<R> {
        error: Option<ProtocolError> = this.error(),
        close_received: bool = this.close_received(),
        unread_payload: u64 = this.unread_payload(),
    } of this
}

impl<R: Role> Receiver<R> {
    pub(super) const fn new(config: &Config) -> Self {
        Self { frames: Frames::new(config), role: PhantomData }
    }

    /// Reads the next event from bytes that the transport read. Unmasks the payload in place, and returns the rest of
    /// the bytes: call it with these until there is no event, then call
    /// [`poll_transmit`](crate::Connection::poll_transmit) until it returns 0.
    ///
    /// Without an event all bytes were consumed. The input can be split anywhere, and the host need not keep any of it.
    /// To exert back-pressure, keep the rest and call later. After the peer's Close frame all bytes are consumed and
    /// ignored.
    ///
    /// See [`Connection::receive`](crate::Connection::receive) for an example.
    ///
    /// # Errors
    ///
    /// The connection failed, mostly because the peer broke a rule or a limit. Every later call returns the same error.
    /// A Close frame is due, unless the transport has ended.
    // RFC 6455 5.4, 6.2, 10.7: in fragments or not [6455-5.4-10] [6455-6.2-1] [6455-10.7-1]
    #[inline(always)]
    pub fn receive<'b>(&mut self, bytes: &'b mut [u8]) -> Result<Received<'b>, ProtocolError> {
        self.frames.receive(bytes, Side::of::<R>())
    }

    /// Returns the payload of the control frame that [`receive`](Self::receive) returned last, until it is called
    /// again.
    ///
    /// While one of our Pongs is pending, the payload of a received Pong can be cut to its first 14 bytes:
    /// [`is_control_payload_cut`](Self::is_control_payload_cut). A host that matches Pongs with its Pings should give
    /// those at most 14 bytes of payload.
    ///
    /// See [`Connection::write_ping`](crate::Connection::write_ping) for an example.
    #[must_use]
    pub fn control_payload(&self) -> &[u8] {
        self.machine().control().collected()
    }

    /// Returns whether [`control_payload`](Self::control_payload) has only the beginning of the payload that the peer
    /// sent.
    ///
    /// See [`Connection::is_control_payload_cut`](crate::Connection::is_control_payload_cut) for an example.
    #[must_use]
    pub fn is_control_payload_cut(&self) -> bool {
        self.machine().control().is_cut()
    }

    /// Returns how many payload bytes of the current frame are still to come; 0 between frames. A relay needs it to begin
    /// the same frame: see [`is_last_frame`](Self::is_last_frame). Do not limit reads from a socket to it: that is another
    /// system call for each frame.
    ///
    /// See [`Connection::unread_payload`](crate::Connection::unread_payload) for an example.
    #[must_use]
    pub fn unread_payload(&self) -> u64 {
        self.frames.left()
    }

    /// Returns whether the data frame in progress is the last of its message, as its first byte says. False between
    /// frames. With [`unread_payload`](Self::unread_payload), a relay can begin the same frame at its first chunk.
    ///
    /// See [`Connection::is_last_frame`](crate::Connection::is_last_frame) for an example.
    #[must_use]
    pub fn is_last_frame(&self) -> bool {
        self.frames.left() > 0 && self.machine().is_last_frame()
    }

    /// Notes the end of the transport.
    ///
    /// See [`Connection::receive_eof`](crate::Connection::receive_eof) for an example.
    ///
    /// # Errors
    ///
    /// [`ProtocolError::UnexpectedEof`] when no Close frame came before, or the error that the connection failed with.
    // RFC 6455 7.1.5, 7.2.1 [6455-7.2.1-2]
    pub fn receive_eof(&mut self) -> Result<(), ProtocolError> {
        self.frames.machine_mut().receive_eof()
    }

    /// Fails the connection for a reason that the host found, such as bad data in an extension, or a
    /// [`MessageBuffer`](crate::message::MessageBuffer) that is too small: nothing more is received, and a Close frame
    /// with the error's code is due. Does nothing after the peer's Close frame or another error.
    ///
    /// See [`Connection::fail`](crate::Connection::fail) for an example.
    pub fn fail(&mut self, error: ProtocolError) {
        if self.is_open() {
            self.frames.machine_mut().fail(error);
        }
    }

    /// Returns the first error: from the peer's bytes, from [`fail`](Self::fail), or [`ProtocolError::UnexpectedEof`]
    /// if the transport ended without the peer's Close frame. `None` after that Close. Log it when the transport is
    /// closed.
    ///
    /// See [`Connection::error`](crate::Connection::error) for an example.
    #[must_use]
    pub const fn error(&self) -> Option<ProtocolError> {
        self.machine().error()
    }

    /// Returns the whole state, for tests that compare it. `Debug` omits keys and payloads.
    #[doc(hidden)]
    #[must_use]
    pub const fn internals(&self) -> impl core::fmt::Debug + '_ {
        &self.frames
    }

    const fn machine(&self) -> &Machine {
        self.frames.machine()
    }

    /// Returns the opcode and the payload of the control frame that is due.
    pub(super) fn due(&self) -> Option<(Opcode, &[u8])> {
        self.machine().control().due()
    }

    pub(super) const fn is_due(&self) -> bool {
        self.machine().control().is_due()
    }

    pub(super) fn forget_due(&mut self) {
        self.frames.machine_mut().control_mut().forget();
    }

    /// Takes the control frame that is due, for the transmitter of a [split](crate::Connection::split) connection. Call
    /// this after each [`receive`](Self::receive), also after one that fails: the Close that reports the error is a
    /// reply. A newer Pong can replace one that waits in the host's channel.
    #[must_use]
    pub fn take_reply(&mut self) -> Option<Reply> {
        self.frames.machine_mut().control_mut().take()
    }

    pub(super) const fn is_open(&self) -> bool {
        self.machine().is_receiving()
    }

    /// Returns whether the peer's Close frame was received.
    #[must_use]
    pub const fn close_received(&self) -> bool {
        self.machine().close_received()
    }

    /// Returns whether the transport ended without a Close frame: nothing can be sent any more.
    pub(super) const fn is_lost(&self) -> bool {
        matches!(self.error(), Some(ProtocolError::UnexpectedEof))
    }

    const fn incoming(&self) -> Incoming {
        match self.error() {
            _ if self.close_received() => Incoming::Close,
            Some(_) if !self.is_lost() => Incoming::Error,
            _ => Incoming::Neither,
        }
    }

    /// Returns the state of the connection; `close_sent` says whether our Close frame was sent:
    /// [`Transmitter::close_sent`](super::Transmitter::close_sent).
    #[must_use]
    pub const fn state(&self, close_sent: bool) -> State {
        state::lookup(self.incoming(), self.machine().eof(), close_sent, Side::of::<R>()).0
    }

    /// Says what to do with the transport; `close_sent` says whether our Close frame was sent:
    /// [`Transmitter::close_sent`](super::Transmitter::close_sent).
    #[must_use]
    pub const fn transport(&self, close_sent: bool) -> Transport {
        state::lookup(self.incoming(), self.machine().eof(), close_sent, Side::of::<R>()).1
    }

    /// Returns how the connection closed. See [`Connection::close_code`](crate::Connection::close_code) for an example.
    // RFC 6455 7.1.5 [6455-7.1.5-1]
    #[must_use]
    pub fn close_code(&self) -> Option<CloseCode> {
        if self.close_received() {
            return Some(self.machine().control().close_code().unwrap_or(CloseCode::NO_STATUS));
        }
        self.error().map(|_| CloseCode::ABNORMAL)
    }

    /// Returns the reason in the Close frame received, or the empty string.
    ///
    /// See [`Connection::close_code`](crate::Connection::close_code) for an example.
    // RFC 6455 7.1.6 [6455-7.1.6-1]
    #[must_use]
    pub fn close_reason(&self) -> &str {
        match CloseFrame::parse(self.control_payload()) {
            Ok(Some(close)) if self.close_received() => close.reason(),
            _ => "",
        }
    }
}
