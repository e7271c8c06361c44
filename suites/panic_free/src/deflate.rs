//! The layer `deflate`.

use barews::connection::Chunk;
use barews::deflate::{Deflater, Direction, Inflater, Level, Parameters};
use barews::handshake::{Request, Response};

use crate::{Unknown, calls};

#[unsafe(no_mangle)]
pub fn inflater(
    u: &mut Unknown<'_>,
    slice: &mut Inflater<&mut [u8]>,
    array: &mut Inflater<[u8; 512]>,
    chunk: &mut Chunk<'_>,
    agreed: Direction,
) {
    calls!(u.which;
        Inflater::new(&mut *u.bytes, agreed, u.long),
        slice.inflate(chunk, u.out),
        array.inflate(chunk, u.out),
    );
}

#[unsafe(no_mangle)]
pub fn deflater(
    u: &mut Unknown<'_>,
    slice: &mut Deflater<&mut [u8]>,
    array: &mut Deflater<[u8; 768]>,
    agreed: Direction,
) {
    let level = if u.flag { Level::SMALL } else { Level::LARGE };
    calls!(u.which;
        Deflater::new(&mut *u.bytes, level, agreed, u.short.into()),
        slice.deflate_message(u.bytes, u.out),
        slice.deflate_always(u.bytes, u.out),
        slice.deflate_part(u.bytes, u.flag, u.out),
        slice.forget(),
        array.deflate_message(u.bytes, u.out),
        array.deflate_always(u.bytes, u.out),
        array.deflate_part(u.bytes, u.flag, u.out),
        array.forget(),
        level.memory(u.short.into()),
        agreed.window_size(),
    );
}

#[unsafe(no_mangle)]
pub fn negotiation(
    u: &mut Unknown<'_>,
    limits: &Parameters,
    offers: &[Parameters],
    request: &Request<'_>,
    response: &Response<'_>,
) {
    calls!(u.which;
        limits.accept(request.extensions(), u.out),
        Parameters::offer(offers, u.out),
        Parameters::agree(offers, response.extensions()),
    );
}
