use super::{Peer, ROOM};
use crate::stream::Role;
use crate::transport::Transport;
use crate::verdict::Outcome;
use ws_framer::{WsFrame, WsRxFramer};

pub const PEER: Peer = Peer {
    name: "ws-framer",
    notes: "`WsRxFramer` with a buffer of 256 KiB. It has one receiver for both roles and no state of the connection, \
            so the checks of the MASK bit and of what follows a Close are the application's.",
    run,
};

fn run(_: Role, mut transport: Transport, outcome: &mut Outcome) {
    let mut buffer = vec![0; ROOM];
    let mut framer = WsRxFramer::new(&mut buffer);
    while let Some(bytes) = transport.take(framer.read_buf().len()) {
        framer.read_buf()[..bytes.len()].copy_from_slice(&bytes);
        framer.advance(bytes.len());
        while let Some(frame) = framer.next_frame() {
            match frame {
                Ok(WsFrame::Text(text)) => outcome.text(text),
                Ok(WsFrame::Binary(payload)) => outcome.binary(payload),
                Ok(WsFrame::Close(..)) => outcome.closed = true,
                Ok(_) => {}
                Err(error) => return outcome.error(error),
            }
        }
    }
}
