//! With the feature `defmt`, every public type implements `defmt::Format`. The test passes if it compiles.

use barews::connection::*;
use barews::deadlines::*;
use barews::handshake::*;
use barews::message::*;
use barews::session::{self, Fault, Session};
use barews::wire::*;
use barews::*;

const fn has_format<T: defmt::Format>() {}

#[test]
fn every_public_type_has_format() {
    type Keys = fn() -> [u8; 4];
    has_format::<(ProtocolError, HandshakeError, SendError, BuildError, UriError)>();
    has_format::<(Server, Client<Keys>, Connection<Server>, Connection<Client<Keys>>)>();
    has_format::<(CloseCode, CloseFrame<'_>, EncodedHeader, FrameHeader, Opcode, Mask, Utf8Validator)>();
    has_format::<(ServerConfig<'_>, ServerHandshake<'_, [u8; 512]>, Accept<'_>, Subprotocol<'_>, OriginPolicy<'_>)>();
    has_format::<(ClientConfig<'_>, ClientHandshake<'_, [u8; 512]>, Uri<'_>, Progress<'_>)>();
    has_format::<(Request<'_>, Response<'_>, Extension<'_>, Param<'_>, ParamValue<'_>)>();
    has_format::<(Receiver<Server>, Transmitter<Server>, Config, State, Transport, Reply, Outgoing<'_>)>();
    has_format::<(Event<'_>, Received<'_>, Chunk<'_>, MessageKind)>();
    has_format::<(MessageBuffer<[u8; 8]>, Message<'_>)>();
    has_format::<(Deadlines, Timeouts, Timeout, Reason)>();
    has_format::<(Session<'_, Server, [u8; 8]>, Session<'_, Client<Keys>, [u8; 8]>)>();
    has_format::<(session::Received<'_>, session::Event<'_>, session::Error, Fault)>();
    has_format::<(Rsv, ClientRequest<'_>)>();
}
