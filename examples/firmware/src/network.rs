//! TCP/IP: smoltcp on the Ethernet controller, with a fixed address. The emulator's network is 10.0.2.0/24; the host of the
//! emulator is 10.0.2.2 there, and the gateway.

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet, SocketStorage};
use smoltcp::socket::tcp::{Socket, SocketBuffer};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{IpCidr, Ipv4Address};

use crate::ethernet::{self, Ethernet};
use crate::random::random;
use crate::{BUFFER_SIZE, clock};

const ADDRESS: Ipv4Address = Ipv4Address::new(10, 0, 2, 15);
const PREFIX: u8 = 24;
const GATEWAY: Ipv4Address = Ipv4Address::new(10, 0, 2, 2);

/// How long a peer may acknowledge nothing that was sent to it.
const PATIENCE: Duration = Duration::from_secs(20);

/// The memory of a socket.
pub struct Buffers {
    rx: [u8; BUFFER_SIZE],
    tx: [u8; BUFFER_SIZE],
}

impl Buffers {
    pub const fn new() -> Self {
        Self { rx: [0; BUFFER_SIZE], tx: [0; BUFFER_SIZE] }
    }
}

/// The interface and its sockets.
pub struct Network {
    device: &'static mut Ethernet,
    interface: Interface,
    pub sockets: SocketSet<'static>,
}

impl Network {
    #[inline(never)]
    pub fn new(device: &'static mut Ethernet, sockets: &'static mut [SocketStorage<'static>]) -> Self {
        let mut config = Config::new(device.start().into());
        config.random_seed = u64::from_le_bytes(random()); // sequence numbers
        let mut interface = Interface::new(config, device, now());
        interface.update_ip_addrs(|addresses| {
            let _ = addresses.push(IpCidr::new(ADDRESS.into(), PREFIX)); // the first of them has room
        });
        let _ = interface.routes_mut().add_default_ipv4_route(GATEWAY);
        Self { device, interface, sockets: SocketSet::new(sockets) }
    }

    pub fn add_socket(&mut self, buffers: &'static mut Buffers) -> SocketHandle {
        let mut socket = Socket::new(SocketBuffer::new(&mut buffers.rx[..]), SocketBuffer::new(&mut buffers.tx[..]));
        socket.set_nagle_enabled(false); // a frame is written as a whole, and waits for nothing
        socket.set_ack_delay(None); // the window is small: the peer waits for each acknowledgement
        socket.set_timeout(Some(PATIENCE));
        self.sockets.add(socket)
    }

    /// Receives and sends what there is to receive and to send.
    pub fn poll(&mut self) {
        self.interface.poll(now(), self.device, &mut self.sockets);
    }

    pub fn connect(&mut self, socket: SocketHandle, host: Ipv4Address, port: u16) -> bool {
        // A port that was not used a moment ago: the peer may still know the old connection. RFC 6056 3.3.1
        let local = 0xc000 | u16::from_le_bytes(random());
        let socket = self.sockets.get_mut::<Socket<'_>>(socket);
        socket.connect(self.interface.context(), (host, port), local).is_ok()
    }

    /// Nothing but TCP/IP until then, in milliseconds.
    pub fn rest_until(&mut self, due: u64) {
        while clock::millis() < due {
            self.poll();
            self.sleep_until(Some(due));
        }
    }

    /// Sleeps until smoltcp has something to do, until a frame comes, or until `due`, in milliseconds.
    pub fn sleep_until(&mut self, due: Option<u64>) {
        let due = due.map(|due| due * 1000);
        let next = self.interface.poll_at(now(), &self.sockets).map(|next| next.total_micros() as u64);
        clock::sleep_until(due.into_iter().chain(next).min(), ethernet::has_frame);
    }
}

fn now() -> Instant {
    Instant::from_micros(clock::micros() as i64)
}
