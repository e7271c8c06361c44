//! The baseline without a WebSocket: an echo of all bytes received, and the functions that compilers call, which every firmware
//! contains.

#![no_std]
#![no_main]

use core::hint::black_box;

footprint::program!({
    let (mut buffer, mut other) = ([0; 512], [0; 512]);
    footprint::random(&mut buffer);
    loop {
        let bytes = footprint::read(&mut buffer);
        let other = &mut other[..bytes.len()];
        other.fill(black_box(1));
        if other != bytes {
            other.copy_from_slice(bytes);
        }
        footprint::write(other);
        footprint::write(&footprint::now().to_le_bytes());
    }
});
