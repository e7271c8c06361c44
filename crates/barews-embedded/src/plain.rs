//! Takes the place of `deflate.rs` without the feature: nothing is compressed.

use core::future::Future;
use core::marker::PhantomData;

use barews::connection::{Chunk, Outgoing};
use barews::handshake::Accept;
use barews::session::SessionRole;
use barews::{BuildError, Client, MaskingKeys, SendError, Server};
use embedded_io_async::{Read, Write};

use crate::clock::Clock;
use crate::error::Error;
use crate::websocket::{Piece, Resources, Step, WebSocket};

pub(crate) struct Codec<B>(PhantomData<B>);

impl<B> Codec<B> {
    pub(crate) const fn of<C>(_: &mut Resources<B, C>) -> Self {
        Self(PhantomData)
    }

    pub(crate) const fn is_agreed(&self) -> bool {
        false
    }

    pub(crate) fn chunk<'b>(&'b mut self, piece: Piece, receive: &'b mut [u8]) -> Chunk<'b> {
        piece.in_buffer(receive)
    }

    pub(crate) fn forget(&mut self) {}
}

impl<T, R: SessionRole, C: Clock, B: AsRef<[u8]> + AsMut<[u8]>> WebSocket<'_, T, R, C, B> {
    pub(crate) fn put_fragment(&mut self, message: &mut Outgoing<'_>) -> Result<(), SendError> {
        let connection = self.session.sender(self.clock.now())?;
        let len = connection.write_fragment(message, self.transmit.as_mut())?.len();
        self.unsent = 0..len;
        Ok(())
    }
}

impl<T: Read + Write, R: SessionRole, C: Clock, B: AsRef<[u8]> + AsMut<[u8]>> WebSocket<'_, T, R, C, B> {
    pub(crate) fn next_step(&mut self) -> impl Future<Output = Result<Option<Step>, Error<T::Error>>> {
        self.step()
    }
}

impl<T, C: Clock, B: AsRef<[u8]> + AsMut<[u8]>> WebSocket<'_, T, Server, C, B> {
    pub(crate) fn build_response(&mut self, response: &Accept<'_>) -> Result<(), BuildError> {
        self.session.accept(response, &self.limits)
    }
}

impl<T: Read, K: MaskingKeys, C: Clock, B: AsRef<[u8]> + AsMut<[u8]>> WebSocket<'_, T, Client<K>, C, B> {
    pub(crate) fn open(&mut self) -> Result<(), Error<T::Error>> {
        let Client(keys) = self.role.take().ok_or(BuildError::NotNow)?;
        Ok(self.session.connect(keys, &self.limits)?)
    }
}
