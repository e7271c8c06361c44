//! The two roles. A role is a type, so that a server holds no client code and a client cannot lack a masking key.

/// Which side of the connection we are: [`Server`] or [`Client`].
pub trait Role: sealed::Sealed {
    /// True for [`Server`].
    const IS_SERVER: bool;

    /// Returns the masking key of the next frame to send: a fresh one for a client, none for a server.
    #[doc(hidden)]
    fn next_masking_key(&mut self) -> Option<[u8; 4]>;
}

/// Which side we are, as a value: for code that is the same for both roles, so that a program with both has it once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Side {
    Client,
    Server,
}

impl Side {
    pub(crate) const fn of<R: Role>() -> Self {
        if R::IS_SERVER { Self::Server } else { Self::Client }
    }

    pub(crate) const fn is_server(self) -> bool {
        matches!(self, Self::Server)
    }

    /// Whether the peer's frames are masked.
    // RFC 6455 5.1: clients mask, servers do not [6455-5.1-2] [6455-5.1-5]
    pub(crate) const fn is_peer_masking(self) -> bool {
        self.is_server()
    }
}

/// The server's side: sends unmasked frames and refuses unmasked ones.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Server;

/// The client's side: masks every frame that it sends with a key from `K`, and refuses masked ones.
///
/// `K` is called once for each frame. Its keys must come from a cryptographically secure source that the peer cannot
/// predict (RFC 6455 sections 5.3 and 10.3): otherwise an attacker who chooses payloads also chooses the bytes on the
/// wire. There is no fallback key.
///
/// ```
/// let role = barews::Client(|| {
///     let mut key = [0; 4];
///     getrandom::fill(&mut key).expect("the operating system has randomness");
///     key
/// });
/// let client = barews::Connection::new(role, &Default::default());
/// ```
#[derive(Clone, Copy)]
pub struct Client<K>(pub K);

/// A source of masking keys. Every `FnMut() -> [u8; 4]` is one.
///
/// Implement it for a type of your own if a struct owns the generator of random numbers, so that the client has a type
/// that can be named. The connection keeps its generator: a device that reconnects gives each connection a new one, whose
/// seed comes from the device's own.
///
/// ```
/// use barews::{Client, Connection, MaskingKeys};
///
/// struct Generator {
///     // the state of a cryptographically secure generator
/// # next: u8,
/// }
///
/// impl MaskingKeys for Generator {
///     fn next_key(&mut self) -> [u8; 4] {
///         // the next four random bytes
/// #       self.next += 1;
/// #       [self.next; 4]
///     }
/// }
///
/// struct Session {
///     connection: Connection<Client<Generator>>,
/// }
/// # let mut session =
/// #     Session { connection: Connection::new(Client(Generator { next: 0 }), &Default::default()) };
/// # let mut out = [0; 16];
/// # _ = session.connection.write_text("a", &mut out)?;
/// # assert_eq!(out[2..6], [1; 4]);
/// # Ok::<(), barews::SendError>(())
/// ```
pub trait MaskingKeys {
    /// Returns the masking key of the next frame: four fresh random bytes.
    fn next_key(&mut self) -> [u8; 4];
}

impl<F: FnMut() -> [u8; 4]> MaskingKeys for F {
    #[inline]
    fn next_key(&mut self) -> [u8; 4] {
        self()
    }
}

impl Role for Server {
    const IS_SERVER: bool = true;

    #[inline(always)]
    fn next_masking_key(&mut self) -> Option<[u8; 4]> {
        None // RFC 6455 5.1: a server masks nothing [6455-5.1-4]
    }
}

impl<K: MaskingKeys> Role for Client<K> {
    const IS_SERVER: bool = false;

    #[inline(always)]
    fn next_masking_key(&mut self) -> Option<[u8; 4]> {
        // RFC 6455 5.1, 5.3, 10.3: a client masks every frame with a fresh key
        // [6455-5.1-1] [6455-5.3-1] [6455-5.3-2] [6455-10.3-1] [6455-6.1-7]
        Some(self.0.next_key())
    }
}

impl<K> core::fmt::Debug for Client<K> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Client")
    }
}

#[cfg(feature = "defmt")]
impl<K> defmt::Format for Client<K> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Client");
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Server {}
    impl<K> Sealed for super::Client<K> {}
}
