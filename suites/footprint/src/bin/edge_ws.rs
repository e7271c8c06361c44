//! The same echo with edge-ws, frame by frame, as its documentation shows it. Its handshake is in another crate. The transport
//! is never pending, so a single poll replaces an executor.

#![no_std]
#![no_main]

use core::convert::Infallible;
use core::future::Future;
use core::pin::pin;
use core::task::{Context, Waker};

use edge_ws::{FrameHeader, FrameType};
use embedded_io_async::{ErrorType, Read, Write};

footprint::program!({
    loop {
        let _ = pin!(echo()).poll(&mut Context::from_waker(Waker::noop()));
    }
});

async fn echo() {
    let mut payload = [0; 512];
    while let Ok(mut header) = FrameHeader::recv(Transport).await {
        let Ok(payload) = header.recv_payload(Transport, &mut payload).await else { return };
        match header.frame_type {
            FrameType::Ping => header.frame_type = FrameType::Pong,
            FrameType::Pong => continue,
            _ => {}
        }
        header.mask_key = None;
        if header.send(Transport).await.is_err() || header.send_payload(Transport, payload).await.is_err() {
            return;
        }
        if matches!(header.frame_type, FrameType::Close) {
            return;
        }
    }
}

struct Transport;

impl ErrorType for Transport {
    type Error = Infallible;
}

impl Read for Transport {
    async fn read(&mut self, to: &mut [u8]) -> Result<usize, Infallible> {
        Ok(footprint::read(to).len())
    }
}

impl Write for Transport {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        footprint::write(bytes);
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
