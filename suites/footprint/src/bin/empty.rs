//! The baseline without a WebSocket: an echo of all bytes received.

#![no_std]
#![no_main]

footprint::program!({
    let mut buffer = [0; 512];
    footprint::random(&mut buffer);
    loop {
        footprint::write(footprint::read(&mut buffer));
        footprint::write(&footprint::now().to_le_bytes());
    }
});
