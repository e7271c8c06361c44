//! The layer `session`, in both roles.

use barews::connection::{Config, Connection};
use barews::deadlines::Timeouts;
use barews::handshake::{Accept, ClientConfig, ClientHandshake, ClientRequest, ServerConfig};
use barews::message::ReceiveBuffer;
use barews::session::{Error, Session, SessionRole};
use barews::{Client, HandshakeError, ProtocolError, Server};

use crate::{Unknown, calls};

type Keys = fn() -> [u8; 4];

#[unsafe(no_mangle)]
pub fn server_session<'c>(
    u: &mut Unknown<'_>,
    session: &mut Session<'c, Server, [u8; 512]>,
    (config, accept): (&'c ServerConfig<'c>, &Accept<'_>),
    (limits, timeouts): (&Config, Timeouts),
    (fields, body): (&[(&str, &str)], &'c [u8]),
    (error, failure): (HandshakeError, ProtocolError),
) {
    calls!(u.which;
        Session::server(config, [0; 512], timeouts, u.long),
        session.request(),
        session.accept(accept, limits),
        session.respond(u.short, fields, body),
        session.respond_head(u.short, fields, body.len()),
        session.refuse(error),
    );
    either(u, session, failure);
}

#[unsafe(no_mangle)]
pub fn client_session<'c>(
    u: &mut Unknown<'_>,
    session: &mut Session<'c, Client<Keys>, [u8; 512]>,
    (config, request): (&'c ClientConfig<'c>, &ClientRequest<'_>),
    (limits, timeouts): (&Config, Timeouts),
    (nonce, keys): ([u8; 16], Keys),
    failure: ProtocolError,
) {
    calls!(u.which;
        Session::<Client<Keys>, _>::client(config, request, nonce, [0; 512], timeouts, u.long),
        Session::<Client<Keys>, _>::from_handshake(ClientHandshake::new(config, nonce, [0; 512]), timeouts, u.long),
        session.response(),
        session.connect(keys, limits),
    );
    either(u, session, failure);
}

#[unsafe(no_mangle)]
pub fn session_parts<'c>(
    u: &mut Unknown<'_>,
    connection: Connection<Server>,
    session: Session<'c, Server, [u8; 512]>,
    timeouts: Timeouts,
    error: Error,
) {
    calls!(u.which;
        Session::from_connection(connection, [0; 512], timeouts, u.long),
        session.into_parts().is_ok(),
        error.fault(),
    );
}

#[unsafe(no_mangle)]
pub fn session_with_lent_storage(u: &mut Unknown<'_>, session: &mut Session<'_, Server, &mut [u8]>) {
    calls!(u.which;
        session.take_storage(),
        session.receive(u.bytes, u.long),
        session.request(),
    );
}

#[unsafe(no_mangle)]
pub fn session_with_buffer(
    u: &mut Unknown<'_>,
    session: &mut Session<'_, Server, [u8; 512]>,
    buffer: &mut ReceiveBuffer<&mut [u8]>,
) {
    calls!(u.which; session.receive_into(buffer, u.long));
}

#[inline(always)]
fn either<R: SessionRole>(u: &mut Unknown<'_>, session: &mut Session<'_, R, [u8; 512]>, error: ProtocolError) {
    calls!(u.which;
        session.receive(u.bytes, u.long),
        session.receive_eof(u.long),
        session.fail(error),
        session.poll_transmit(u.out),
        session.is_due(),
        session.poll_timeout(),
        session.transport(),
        session.sender(u.long).is_ok(),
        session.connection(),
        session.on_bytes(u.long),
        session.on_written(u.long),
        session.set_timeouts(Timeouts::MILLISECONDS, u.long),
        session.is_open(),
        session.error(),
    );
}
