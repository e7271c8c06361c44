//! What a session needs of the handshakes of both roles.

use super::error::Error;
use super::event::Event;
use crate::handshake::error::HandshakeError;
use crate::handshake::{ClientHandshake, Progress, ServerHandshake};
use crate::role::{Client, MaskingKeys, Role, Server};

/// A role with its handshake: [`Server`] or [`Client`].
pub trait SessionRole: Role {
    /// The handshake of this role.
    #[doc(hidden)]
    type Handshake<'c, S: AsRef<[u8]> + AsMut<[u8]>>: Opening<S>;
}

impl SessionRole for Server {
    type Handshake<'c, S: AsRef<[u8]> + AsMut<[u8]>> = ServerHandshake<'c, S>;
}

impl<K: MaskingKeys> SessionRole for Client<K> {
    type Handshake<'c, S: AsRef<[u8]> + AsMut<[u8]>> = ClientHandshake<'c, S>;
}

/// An opening handshake.
pub trait Opening<S> {
    /// A handshake that was done elsewhere.
    fn unused(storage: S) -> Self;
    fn receive<'b>(&mut self, bytes: &'b mut [u8]) -> Result<Progress<'b>, HandshakeError>;
    fn receive_eof(&mut self) -> Result<(), HandshakeError>;
    fn is_complete(&self) -> bool;
    /// Returns the event of a complete head, and whether a connection can follow.
    fn event(&self) -> (Event<'static>, bool);
    /// Writes the head of a refusal to the start of the storage, if this is a server's. Returns its length, and the
    /// body.
    fn refuse(&mut self, error: Error) -> (usize, &'static [u8]);
    fn storage(&self) -> &[u8];
    fn storage_mut(&mut self) -> &mut S;
    fn into_storage(self) -> S;
}
