//! A tunnel through an HTTP proxy: CONNECT (RFC 9110 section 9.3.6, RFC 9112 section 3.2.3). Writes the request and
//! reads the response. The host opens the transport to the proxy; the handshake follows over the same transport.

use super::config::ClientConfig;
use super::error::{BuildError, HandshakeError};
use super::fields::Names;
use super::head::Head;
use super::progress::{Progress, State};
use super::response::{StatusLine, read_final, seconds};
use super::uri::Uri;
use super::writer::check_fields;
use crate::writer::build;

/// The fields that a host needs if the proxy refuses.
const NAMES: &[&str] = &["Proxy-Authenticate", "Location", "Retry-After"];

/// A tunnel through a proxy to the server of a [`Uri`]; make a new one for each connection. When it
/// [is open](Self::is_open), use the transport as if it led to the server: start TLS if the URI is
/// [secure](Uri::secure), then a [`ClientHandshake`](super::ClientHandshake) or a
/// [`Session::client`](crate::session::Session::client).
///
/// `S` is the storage, as for `ClientHandshake`; after the tunnel the handshake can use the same. It holds the status
/// line and the values of Proxy-Authenticate, Location, Retry-After and the fields that [`ClientConfig::keep`] names,
/// plus 4 bytes for each of them.
///
/// ```
/// use barews::handshake::{ClientConfig, Progress, Proxy, Tunnel, Uri};
///
/// let uri = Uri::parse("wss://example.com/room")?;
/// let proxy = Proxy::parse("http://Aladdin:open%20sesame@proxy.example:3128")?;
/// let mut value = [0; 128];
/// let value = proxy.authorization(&mut value)?;
/// let fields = value.map(|value| ("Proxy-Authorization", value));
/// let (mut storage, mut out) = ([0; 512], [0; 512]);
///
/// // Connect to proxy.host() and proxy.port(). Send out[..len], then read:
/// let mut tunnel = Tunnel::new(&ClientConfig::DEFAULT, &mut storage);
/// let len = tunnel.request(&uri, fields.as_slice(), &mut out)?;
/// assert!(out[..len].starts_with(b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n"));
/// # let mut read = *b"HTTP/1.1 200 Connection established\r\n\r\n";
/// match tunnel.receive(&mut read)? {
///     Progress::Partial => {} // read more
///     Progress::Complete { rest, .. } if tunnel.is_open() => {
///         // Pass `rest` to TLS or to the handshake first.
///         assert!(rest.is_empty());
///     }
///     // Close. 407 asks for credentials:
///     Progress::Complete { .. } => eprintln!("{:?} {:?}", tunnel.status(), tunnel.field("Proxy-Authenticate")),
/// }
/// assert!(tunnel.is_open());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Tunnel<'c, S> {
    storage: S,
    head: Head<'c>,
    line: StatusLine,
    state: State,
}

shown! {
    impl['c, S] Tunnel<'c, S> {
        state: State = this.state,
        status: u16 = this.line.status,
    } of this
}

impl<'c, S: AsRef<[u8]> + AsMut<[u8]>> Tunnel<'c, S> {
    /// Prepares a tunnel. Of `config` it uses `keep`, `max_head_size` and `max_fields`.
    pub fn new(config: &'c ClientConfig<'c>, storage: S) -> Self {
        let names = Names { engine: NAMES, keep: config.keep };
        let head = Head::new(names, config.max_head_size, config.max_fields);
        Self { storage, head, line: StatusLine::NONE, state: State::Reading }
    }

    /// Writes the request to `out` and returns its length. Send nothing after it until the tunnel is open.
    ///
    /// It contains the host and the port of `uri`, nothing else of it. `fields` are for the proxy, such as
    /// Proxy-Authorization and User-Agent; the proxy does not pass them on. Fields for the server are those of the
    /// [`ClientRequest`](super::ClientRequest).
    ///
    /// # Errors
    ///
    /// Fails if a field is invalid, or `out` is too small. The call can be repeated.
    pub fn request(&self, uri: &Uri<'_>, fields: &[(&str, &str)], out: &mut [u8]) -> Result<usize, BuildError> {
        check_fields(fields)?;
        // RFC 6455 4.1: ask the proxy for a tunnel [6455-4.1-6]
        let len = build(out, &|w| {
            // RFC 9110 9.3.6, RFC 9112 3.2.3: the host, and always the port [9110-9.3.6-1] [9112-3.2.3-1]
            // RFC 9110 7.2, RFC 9112 3.2: the same in Host, the first field [9110-7.2-1] [9110-7.2-2] [9112-3.2-1]
            for before in [&b"CONNECT "[..], b" HTTP/1.1\r\nHost: "] {
                w.bytes(before);
                w.bytes(uri.host().as_bytes());
                w.bytes(b":");
                w.number(uri.port().into());
            }
            w.bytes(b"\r\n");
            w.fields(fields); // RFC 9110 11.7.2: those for the proxy are in this request only [9110-11.7.2-1]
            w.bytes(b"\r\n"); // RFC 9110 9.3.6: no content [9110-9.3.6-6]
        })?;
        Ok(len)
    }

    /// Reads bytes from the transport. Consumes all of them until the response is complete, then returns the bytes
    /// after it: the first ones of the server if the tunnel is open, else the body of the proxy's response.
    ///
    /// Interim responses are skipped. A 101 is not one of them: it is a refusal, because CONNECT asks for no upgrade.
    ///
    /// # Errors
    ///
    /// The response breaks a rule or a limit. The tunnel has failed, and every later call returns the same error: close
    /// the transport.
    pub fn receive<'b>(&mut self, bytes: &'b mut [u8]) -> Result<Progress<'b>, HandshakeError> {
        let consumed = match self.state {
            State::Failed(error) => return Err(error),
            State::Reading => self.read(bytes).inspect_err(|error| self.state = State::Failed(*error))?,
            State::Complete => 0,
        };
        Ok(Progress::new(self.state == State::Complete, bytes, consumed))
    }

    fn read(&mut self, bytes: &[u8]) -> Result<usize, HandshakeError> {
        let consumed = read_final(&mut self.head, &mut self.line, self.storage.as_mut(), bytes)?;
        if self.head.is_complete() {
            // RFC 9110 9.3.6, RFC 9112 6.3: the head ends the response; Content-Length and Transfer-Encoding are ignored
            // [9110-9.3.6-3] [9110-9.3.6-5] [9112-6.3-1]
            self.state = State::Complete;
        }
        Ok(consumed)
    }

    /// Reports that the transport has ended.
    ///
    /// ```
    /// use barews::HandshakeError;
    /// use barews::handshake::{ClientConfig, Tunnel};
    ///
    /// let mut tunnel = Tunnel::new(&ClientConfig::DEFAULT, [0; 512]);
    /// assert_eq!(tunnel.receive_eof(), Err(HandshakeError::UnexpectedEof));
    /// ```
    ///
    /// # Errors
    ///
    /// [`HandshakeError::UnexpectedEof`] if the response is not complete, or the error that the tunnel failed with.
    pub fn receive_eof(&mut self) -> Result<(), HandshakeError> {
        self.state.receive_eof()
    }

    /// Returns whether the tunnel is open: the response is complete, and its status is a 2xx.
    #[must_use]
    pub fn is_open(&self) -> bool {
        // RFC 9110 9.3.6: any 2xx, and nothing else [9110-9.3.6-3] [9110-9.3.6-4]
        self.state == State::Complete && matches!(self.line.status, 200..=299)
    }

    /// Returns the status of the response once its status line is complete, even if the rest is refused. Any status but
    /// a 2xx is a refusal: 407 if the proxy demands credentials (RFC 9110 section 15.5.8), 403 if its rules forbid the
    /// server, 502 to 504 if it does not reach the server, for example.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        Some(self.line.status).filter(|&status| status > 0)
    }

    /// Returns the first value of a field of a complete response, without white space around it: Proxy-Authenticate,
    /// Location, Retry-After or one that [`ClientConfig::keep`] names. `name` can be in any case.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        self.fields(name).next()
    }

    /// Returns all values of such a field, in order: each challenge of a 407, for example.
    ///
    /// ```
    /// use barews::handshake::{ClientConfig, Tunnel};
    ///
    /// let mut tunnel = Tunnel::new(&ClientConfig::DEFAULT, [0; 512]);
    /// let mut read = *b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Negotiate\r\n\
    ///     Proxy-Authenticate: Basic realm=\"office\"\r\nContent-Length: 0\r\n\r\n";
    /// let _progress = tunnel.receive(&mut read)?;
    /// assert_eq!((tunnel.is_open(), tunnel.status()), (false, Some(407)));
    /// assert!(tunnel.fields("Proxy-Authenticate").any(|challenge| challenge == b"Basic realm=\"office\""));
    /// # Ok::<(), barews::HandshakeError>(())
    /// ```
    pub fn fields<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'c, S> {
        // RFC 9110 11.6.1: it can occur several times [9110-11.6.1-1]
        let complete = if self.state == State::Complete { usize::MAX } else { 0 };
        self.head.fields(self.storage.as_ref()).named(name).take(complete)
    }

    /// Returns the seconds that the proxy asks to wait before the next attempt (RFC 9110 section 10.2.3). `None` without
    /// the field Retry-After, or if it has a date.
    ///
    /// ```
    /// use barews::handshake::{ClientConfig, Tunnel};
    ///
    /// let mut tunnel = Tunnel::new(&ClientConfig::DEFAULT, [0; 512]);
    /// let _progress = tunnel.receive(&mut b"HTTP/1.1 503 Busy\r\nRetry-After: 120\r\n\r\n".to_owned())?;
    /// assert_eq!(tunnel.retry_after(), Some(120));
    /// # Ok::<(), barews::HandshakeError>(())
    /// ```
    #[must_use]
    pub fn retry_after(&self) -> Option<u32> {
        seconds(self.field("Retry-After")?)
    }
}
