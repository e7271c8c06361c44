//! ws-framer, as its documentation shows it.

#![no_std]
#![no_main]

use cortex_m_bench::{Aligned, Frame, KEY, Kind, ROOM, fail, random, receives, sends, sink};
use ws_framer::{WsFrame, WsRxFramer, WsTxFramer};

cortex_m_bench::program!({
    receives("a server receives binary", Kind::Binary, Some(KEY), receive);
    receives("a server receives text", Kind::Text, Some(KEY), receive);
    sends("a server sends binary", Kind::Binary, None, |frame, messages| send(false, frame, messages));
    receives("a client receives binary", Kind::Binary, None, receive);
    sends("a client sends binary", Kind::Binary, Some(KEY), |frame, messages| send(true, frame, messages));
});

/// It receives the same for both roles.
#[inline(never)]
fn receive(frame: &Frame, messages: u32) {
    let (Aligned(rx), tx) = (&mut Aligned([0; ROOM]), &mut [0; 131]);
    let (mut receiver, mut transmitter) = (WsRxFramer::new(rx), WsTxFramer::new(false, tx));
    for _ in 0..messages {
        let len = frame.read(receiver.read_buf());
        receiver.advance(len);
        while let Some(received) = receiver.next_frame() {
            match received {
                Ok(WsFrame::Text(text)) => sink(text.as_bytes()),
                Ok(WsFrame::Binary(payload)) => sink(payload),
                Ok(WsFrame::Ping(payload)) => sink(transmitter.pong(payload).unwrap_or_default()),
                Ok(WsFrame::Pong(_)) => {}
                Ok(WsFrame::Close(..)) => fail("a Close"),
                Err(_) => fail("receive"),
            }
        }
    }
}

#[inline(never)]
fn send(mask: bool, frame: &Frame, messages: u32) {
    let Aligned(tx) = &mut Aligned([0; ROOM]);
    let mut transmitter = WsTxFramer::new(mask, tx);
    for _ in 0..messages {
        match transmitter.binary(frame.payload()) {
            Some(bytes) => sink(bytes),
            None => fail("send"),
        }
    }
}

/// The source of random bytes that the crate calls.
// SAFETY: getrandom declares this function so; it is called with `len` bytes at `to`.
#[unsafe(no_mangle)]
unsafe extern "Rust" fn __getrandom_v03_custom(to: *mut u8, len: usize) -> Result<(), getrandom::Error> {
    // SAFETY: as above.
    let to = unsafe { core::slice::from_raw_parts_mut(to, len) };
    for bytes in to.chunks_mut(4) {
        bytes.copy_from_slice(&random().to_le_bytes()[..bytes.len()]);
    }
    Ok(())
}
