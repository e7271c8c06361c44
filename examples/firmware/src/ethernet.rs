//! The part's Ethernet controller behind smoltcp's [`Device`]. Frames go through its FIFO word by word; it holds a few that
//! were received, so one buffer each way is enough.

use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant;
use smoltcp::wire::EthernetAddress;

use crate::board::registers;

registers! { 0x4004_8000:
    INTERRUPTS = 0x00, INTERRUPT_MASK = 0x04, RECEIVE_CONTROL = 0x08, TRANSMIT_CONTROL = 0x0c, DATA = 0x10,
    ADDRESS_LOW = 0x14, ADDRESS_HIGH = 0x18, FRAMES = 0x34, TRANSMIT_REQUEST = 0x38
}
// System control: two words that the maker of a board fills, here with its MAC address.
registers! { 0x400f_e000: USER_0 = 0x1e0, USER_1 = 0x1e4 }

const RECEIVED: u32 = 1;

/// The length of a frame without its checksum.
const FRAME: usize = 1514;
const HEADER: usize = 14;
const CHECKSUM: usize = 4;
/// Two bytes of length stand before a frame in the FIFO.
const LENGTH: usize = 2;
/// In whole words.
const BUFFER: usize = (LENGTH + FRAME + CHECKSUM).next_multiple_of(4);

/// The controller and a frame's buffer for each direction.
pub struct Ethernet {
    rx: [u8; BUFFER],
    tx: [u8; BUFFER],
}

impl Ethernet {
    pub const EMPTY: Self = Self { rx: [0; BUFFER], tx: [0; BUFFER] };

    /// Switches the controller on.
    pub fn start(&mut self) -> EthernetAddress {
        let (low, high) = (USER_0.read().to_le_bytes(), USER_1.read().to_le_bytes());
        let address = [low[0], low[1], low[2], high[0], high[1], high[2]];
        ADDRESS_LOW.write(u32::from_le_bytes([low[0], low[1], low[2], high[0]]));
        ADDRESS_HIGH.write(u32::from_le_bytes([high[1], high[2], 0, 0]));
        RECEIVE_CONTROL.write(1 << 4); // empties the FIFO
        TRANSMIT_CONTROL.write(1 << 4 | 1 << 2 | 1 << 1 | 1); // full duplex; adds checksum and padding; on
        RECEIVE_CONTROL.write(1 << 3 | 1); // drops what has a bad checksum; on
        INTERRUPT_MASK.write(RECEIVED);
        EthernetAddress(address)
    }
}

/// Whether a frame waits to be read.
pub fn has_frame() -> bool {
    FRAMES.read() != 0
}

/// The interrupt's only task is to end a sleep.
pub(crate) fn acknowledge() {
    INTERRUPTS.write(RECEIVED);
}

impl Device for Ethernet {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = Transmit<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Received<'_>, Transmit<'_>)> {
        if !has_frame() {
            return None;
        }
        let first = DATA.read().to_le_bytes();
        let len = usize::from(u16::from_le_bytes([first[0], first[1]])); // with itself and the checksum
        let (head, body) = self.rx.split_at_mut(first.len());
        head.copy_from_slice(&first);
        let mut place = body.chunks_exact_mut(4);
        for _ in 1..len.div_ceil(4) {
            let word = DATA.read().to_le_bytes();
            // A frame that is too long is read to its end, and not kept.
            if let Some(place) = place.next() {
                place.copy_from_slice(&word);
            }
        }
        let frame = self.rx.get_mut(LENGTH..len.checked_sub(CHECKSUM)?)?;
        Some((Received(frame), Transmit(&mut self.tx)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Transmit<'_>> {
        Some(Transmit(&mut self.tx))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = FRAME;
        capabilities.max_burst_size = Some(1);
        capabilities
    }
}

/// A frame that was received.
pub struct Received<'a>(pub &'a mut [u8]);

impl RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(self.0)
    }
}

/// Room for a frame to send.
pub struct Transmit<'a>(&'a mut [u8; BUFFER]);

impl TxToken for Transmit<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let end = LENGTH + len;
        let written = write(&mut self.0[LENGTH..end]);
        // The length that the controller wants is that of the payload.
        self.0[..LENGTH].copy_from_slice(&((len - HEADER) as u16).to_le_bytes());
        while TRANSMIT_REQUEST.read() & 1 != 0 {} // the frame before this one leaves the FIFO
        for word in self.0[..end.next_multiple_of(4)].chunks_exact(4) {
            DATA.write(u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
        }
        TRANSMIT_REQUEST.write(1);
        written
    }
}
