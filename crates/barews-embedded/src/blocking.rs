#![doc = include_str!("blocking.md")]

use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::{Context, Poll, Waker};

use barews::connection::{MessageKind, Outgoing};
use barews::deadlines::Reconnect;
use barews::handshake::{Accept, ClientConfig, ClientRequest, Request, Response, ServerConfig};
use barews::message::{Message, MessageBuffer};
use barews::session::{Session, SessionRole};
use barews::wire::CloseCode;
use barews::{BuildError, Client, HandshakeError, MaskingKeys, SendError, Server};
use embedded_io::{ErrorType, Read, ReadReady, Write, WriteReady};

use crate::clock::NoClock;
use crate::error::Error;
use crate::websocket::{self, Event, Resources};

/// A clock that counts milliseconds and never runs backwards.
pub trait Clock {
    /// Returns the time in milliseconds.
    fn now(&self) -> u64;

    /// Called again and again while a call waits for the transport: sleep until the next interrupt, feed the watchdog,
    /// poll the network stack. It can return at any time. By default it does nothing.
    fn idle(&self) {
        core::hint::spin_loop();
    }
}

impl<C: Clock> Clock for &C {
    fn now(&self) -> u64 {
        C::now(self)
    }

    fn idle(&self) {
        C::idle(self);
    }
}

impl Clock for NoClock {
    fn now(&self) -> u64 {
        0
    }
}

/// A transport that is always ready: for one without [`ReadReady`] and [`WriteReady`], whose calls block. A deadline is
/// then handled only when a call of the transport has returned, and [`WebSocket::poll`] waits for bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct AlwaysReady<T>(pub T);

impl<T: ErrorType> ErrorType for AlwaysReady<T> {
    type Error = T::Error;
}

impl<T: Read> Read for AlwaysReady<T> {
    fn read(&mut self, to: &mut [u8]) -> Result<usize, T::Error> {
        self.0.read(to)
    }
}

impl<T: Write> Write for AlwaysReady<T> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, T::Error> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> Result<(), T::Error> {
        self.0.flush()
    }
}

impl<T: ErrorType> ReadReady for AlwaysReady<T> {
    fn read_ready(&mut self) -> Result<bool, T::Error> {
        Ok(true)
    }
}

impl<T: ErrorType> WriteReady for AlwaysReady<T> {
    fn write_ready(&mut self) -> Result<bool, T::Error> {
        Ok(true)
    }
}

/// Makes a transport or a clock of this module one of the asynchronous side: it is asked at each poll, and wakes no task.
#[derive(Clone, Copy, Debug)]
pub struct Polled<T>(pub T);

/// Calls `ready` at each poll until it returns `true`.
async fn until_ready<E>(mut ready: impl FnMut() -> Result<bool, E>) -> Result<(), E> {
    poll_fn(|_| match ready() {
        Ok(true) => Poll::Ready(Ok(())),
        Ok(false) => Poll::Pending,
        Err(error) => Poll::Ready(Err(error)),
    })
    .await
}

impl<T: ErrorType> ErrorType for Polled<T> {
    type Error = T::Error;
}

impl<T: Read + ReadReady> embedded_io_async::Read for Polled<T> {
    async fn read(&mut self, to: &mut [u8]) -> Result<usize, T::Error> {
        until_ready(|| self.0.read_ready()).await?;
        self.0.read(to)
    }
}

impl<T: Write + WriteReady> embedded_io_async::Write for Polled<T> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, T::Error> {
        until_ready(|| self.0.write_ready()).await?;
        self.0.write(bytes)
    }

    async fn flush(&mut self) -> Result<(), T::Error> {
        self.0.flush()
    }
}

impl<C: Clock> crate::Clock for Polled<C> {
    fn now(&self) -> u64 {
        self.0.now()
    }

    async fn wait_until(&self, time: u64) {
        poll_fn(|_| if self.now() < time { Poll::Pending } else { Poll::Ready(()) }).await;
    }
}

/// The WebSocket of the asynchronous side that does the work.
pub type Inner<'c, T, R, C, B> = websocket::WebSocket<'c, Polled<T>, R, Polled<C>, B>;

/// A WebSocket over a blocking transport. See the [module](self).
#[derive(Debug)]
pub struct WebSocket<'c, T, R: SessionRole, C, B: AsRef<[u8]> + AsMut<[u8]>>(Inner<'c, T, R, C, B>);

/// Polls `future` until it is ready.
fn wait<F: Future>(clock: impl Clock, future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => return output,
            Poll::Pending => clock.idle(),
        }
    }
}

/// Waits before a client connects again, as [`back_off`](crate::back_off) does.
pub fn back_off<E>(reconnect: &mut Reconnect, clock: &impl Clock, random: u32, error: Option<&Error<E>>) {
    wait(clock, crate::back_off(reconnect, &Polled(clock), random, error));
}

/// Methods of the asynchronous side that wait here.
macro_rules! waits {
    ($($name:ident $(<$generic:ident: $bound:path>)? ($($argument:ident: $type:ty),*) -> $output:ty;)*) => {$(
        #[doc = concat!(
            "Does what [`WebSocket::", stringify!($name), "`](crate::WebSocket::", stringify!($name), ") does, and returns \
             when it is done.\n\n# Errors\n\nThose of [`WebSocket::",
            stringify!($name), "`](crate::WebSocket::", stringify!($name), ").",
        )]
        #[allow(clippy::needless_lifetimes, reason = "most outputs have it")]
        pub fn $name<'a $(, $generic: $bound)?>(&'a mut self $(, $argument: $type)*) -> Result<$output, Error<T::Error>> {
            wait(self.0.clock.0, self.0.$name($($argument),*))
        }
    )*};
}

impl<'c, T, K: MaskingKeys, C: Clock, B: AsRef<[u8]> + AsMut<[u8]>> WebSocket<'c, T, Client<K>, C, B> {
    /// Creates a client over a transport that is open, as [`WebSocket::client`](crate::WebSocket::client) does. Then
    /// call [`connect`](Self::connect).
    ///
    /// # Errors
    ///
    /// Those of [`WebSocket::client`](crate::WebSocket::client).
    pub fn client(
        transport: T,
        resources: Resources<B, C>,
        config: &'c ClientConfig<'c>,
        request: &ClientRequest<'_>,
        keys: K,
    ) -> Result<Self, BuildError> {
        Inner::client(Polled(transport), resources.with_clock(Polled), config, request, keys).map(Self)
    }
}

impl<'c, T, C: Clock, B: AsRef<[u8]> + AsMut<[u8]>> WebSocket<'c, T, Server, C, B> {
    /// Creates a server over a transport that was accepted. Then call [`request`](Self::request).
    pub fn server(transport: T, resources: Resources<B, C>, config: &'c ServerConfig<'c>) -> Self {
        Self(Inner::server(Polled(transport), resources.with_clock(Polled), config))
    }
}

impl<'c, T, R: SessionRole, C: Clock, B: AsRef<[u8]> + AsMut<[u8]>> WebSocket<'c, T, R, C, B> {
    /// Makes one call of the asynchronous side without waiting: `None` if it is not done. Then make it again, or another
    /// one: what it has done is not lost. [`Clock::idle`] is not called.
    ///
    /// ```
    /// use barews_embedded::barews::Server;
    /// use barews_embedded::blocking::{Clock, WebSocket};
    /// use barews_embedded::{Error, Event};
    /// use embedded_io::{Read, ReadReady, Write, WriteReady};
    ///
    /// fn turn<T: Read + ReadReady + Write + WriteReady>(
    ///     socket: &mut WebSocket<'_, T, Server, impl Clock, [u8; 512]>,
    /// ) -> Result<(), Error<T::Error>> {
    ///     if let Some(event) = socket.poll(|socket| socket.receive()) {
    ///         if let Some(Event::Chunk(chunk)) = event? {
    ///             // Use `chunk.payload`.
    ///         }
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn poll<'a, F: Future>(
        &'a mut self,
        call: impl FnOnce(&'a mut Inner<'c, T, R, C, B>) -> F,
    ) -> Option<F::Output> {
        match pin!(call(&mut self.0)).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }

    /// Returns whether the handshake is done and the connection has not begun to close.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.0.is_open()
    }

    /// Returns the session, for its questions.
    #[must_use]
    pub const fn session(&self) -> &Session<'c, R, B> {
        self.0.session()
    }

    /// Returns the status code of the peer's Close frame; 1006 if the transport ended without one. `None` while the
    /// connection is open.
    #[must_use]
    pub fn close_code(&self) -> Option<CloseCode> {
        self.0.close_code()
    }

    /// Returns the transport, to shut it down for example.
    pub const fn transport_mut(&mut self) -> &mut T {
        &mut self.0.transport_mut().0
    }

    /// Returns the transport.
    pub fn into_transport(self) -> T {
        self.0.into_transport().0
    }

    /// Puts a fragment of a message into the transmit buffer, as [`WebSocket::put`](crate::WebSocket::put) does. Call
    /// [`flush`](Self::flush) before and after.
    ///
    /// # Errors
    ///
    /// [`SendError`]; nothing is changed.
    pub fn put(&mut self, kind: MessageKind, last: bool, payload: &[u8]) -> Result<(), SendError> {
        self.0.put(kind, last, payload)
    }
}

impl<'c, T, R, C, B> WebSocket<'c, T, R, C, B>
where
    T: Read + ReadReady + Write + WriteReady,
    R: SessionRole,
    C: Clock + Copy,
    B: AsRef<[u8]> + AsMut<[u8]>,
{
    waits! {
        receive() -> Option<Event<'a>>;
        receive_message<M: AsMut<[u8]>>(messages: &'a mut MessageBuffer<M>) -> Option<Message<'a>>;
        send(message: &mut Outgoing<'_>) -> ();
        send_text(text: &str) -> ();
        send_binary(data: &[u8]) -> ();
        ping(payload: &[u8]) -> ();
        flush() -> ();
        close(code: CloseCode, reason: &str) -> ();
        finish() -> ();
    }

    /// Ends the connection, as [`WebSocket::end`](crate::WebSocket::end) does. `shut_down` shuts down the writing side of
    /// the transport, for which `embedded-io` has no call.
    ///
    /// # Errors
    ///
    /// Those of [`WebSocket::end`](crate::WebSocket::end).
    pub fn end<O>(&mut self, shut_down: impl FnOnce(&mut T) -> O) -> Result<(), Error<T::Error>> {
        wait(self.0.clock.0, self.0.end(async |transport| shut_down(&mut transport.0)))
    }
}

impl<'c, T, K, C, B> WebSocket<'c, T, Client<K>, C, B>
where
    T: Read + ReadReady + Write + WriteReady,
    K: MaskingKeys,
    C: Clock + Copy,
    B: AsRef<[u8]> + AsMut<[u8]>,
{
    waits! {
        response() -> Response<'a>;
        connect() -> ();
    }
}

impl<'c, T, C, B> WebSocket<'c, T, Server, C, B>
where
    T: Read + ReadReady + Write + WriteReady,
    C: Clock + Copy,
    B: AsRef<[u8]> + AsMut<[u8]>,
{
    waits! {
        request() -> Request<'a>;
        accept(response: &Accept<'_>) -> ();
        respond(status: u16, fields: &[(&str, &str)], body: &'c [u8]) -> ();
        refuse(error: HandshakeError) -> ();
    }
}
