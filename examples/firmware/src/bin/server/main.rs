//! A server in 64 KiB of RAM: a page at `/`, whose script shows the board's state through a WebSocket at `/live`, and
//! an echo at `/echo`.
//!
//! This file has the loop: poll TCP/IP, give each connection a turn, sleep. `connection.rs` has the connections,
//! `live.rs` the data that the page shows.

#![no_std]
#![no_main]

mod connection;
#[cfg(feature = "deflate")]
mod deflate_echo;
mod live;

use core::mem::MaybeUninit;

use cortex_m_rt::entry;
use firmware::ethernet::Ethernet;
use firmware::network::{Buffers, Network};
use firmware::{BUFFER_SIZE, board, clock, stack};
use smoltcp::iface::SocketStorage;
use smoltcp::socket::tcp::Socket;

use crate::connection::Connection;
use crate::live::Live;

/// The maximum number of connections. smoltcp has no backlog; each free socket listens.
const CONNECTIONS: usize = 6;

#[entry]
fn main() -> ! {
    // The attribute turns these into `&'static mut`.
    static mut ETHERNET: Ethernet = Ethernet::EMPTY;
    static mut SOCKETS: [SocketStorage<'static>; CONNECTIONS] = [SocketStorage::EMPTY; CONNECTIONS];
    // Uninitialised, so that flash has no copy of it.
    static mut SLOTS: [MaybeUninit<Option<Connection>>; CONNECTIONS] = [const { MaybeUninit::uninit() }; CONNECTIONS];
    static mut BUFFERS: [Buffers; CONNECTIONS] = [Buffers::EMPTY; CONNECTIONS];
    static mut RX: [u8; BUFFER_SIZE] = [0; BUFFER_SIZE]; // the bytes that one connection reads in its turn

    let core = cortex_m::Peripherals::take().unwrap();
    board::start(core.SYST);
    let mut network = Network::new(ETHERNET, SOCKETS);
    let handles = BUFFERS.each_mut().map(|buffers| network.add_socket(buffers));
    let mut slots = SLOTS.each_mut().map(|slot| slot.write(None));
    let mut live = Live::new();
    defmt::info!("listening, {} sockets with buffers of 2 x {} bytes", CONNECTIONS, BUFFER_SIZE);

    let (mut second, mut deepest) = (0, 0);
    loop {
        network.poll();
        let now = clock::millis();
        live.poll(now);
        let mut busy = false;
        let mut due = None;
        for (slot, handle) in slots.iter_mut().zip(handles) {
            let turn = connection::turn(slot, network.sockets.get_mut::<Socket<'_>>(handle), RX, &mut live, now);
            busy |= turn.busy;
            due = due.into_iter().chain(turn.due).min();
        }
        if !busy {
            network.sleep_until(due);
        }
        if now / 1000 > second {
            second = now / 1000;
            let used = stack::used();
            if used > deepest {
                deepest = used;
                defmt::info!("stack: {} of {} bytes used", used, stack::size());
            }
        }
    }
}
