//! Whole messages.

use barews::connection::Connection;
use barews::message::{Incoming, MessageBuffer, ReceiveBuffer};
use barews::session::SessionRole;

use crate::endpoint::{self, Lent};
use crate::error::{BAREWS_ERR_ARGUMENT, BAREWS_ERR_OVERLAP, BAREWS_OK, Code, barews_error};
use crate::event::{WRONG, barews_event, barews_message};
use crate::memory::{Opaque, Storage, get_mut, holds, overlap, put, read, write};

/// The size of `barews_message_buffer` in words of 8 bytes.
#[cfg(target_pointer_width = "64")]
pub const BAREWS_MESSAGE_BUFFER_WORDS: usize = 4;
/// The size of `barews_message_buffer` in words of 8 bytes.
#[cfg(target_pointer_width = "32")]
pub const BAREWS_MESSAGE_BUFFER_WORDS: usize = 3;

/// Joins the chunks of a message in memory of its own. Many connections can share the buffer into which the host reads.
#[repr(C)]
pub struct barews_message_buffer {
    words: [u64; BAREWS_MESSAGE_BUFFER_WORDS],
}

opaque!(barews_message_buffer, MessageBuffer<Storage>, 0x30);

/// Makes a buffer. The longest message has `storage_len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_message_buffer_init(
    buffer: *mut barews_message_buffer,
    storage: *mut u8,
    storage_len: usize,
) -> barews_error {
    if holds(buffer, storage, storage_len) {
        return BAREWS_ERR_OVERLAP;
    }
    trusting! {
        let Some(storage) = Storage::new(storage, storage_len) else { return BAREWS_ERR_ARGUMENT };
        if put(buffer, MessageBuffer::new(storage)) { BAREWS_OK } else { BAREWS_ERR_ARGUMENT }
    }
}

/// Adds a chunk: `BAREWS_EVENT_DATA`, or a piece of `barews_inflater_inflate`. `message->is_complete` says whether it was the
/// last of its message. A message that is one chunk stays where it is, so `message->payload` is in the buffer of the host or
/// in this one, until the next call. An error goes to `barews_server_fail` or the like.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_message_buffer_push(
    buffer: *mut barews_message_buffer,
    chunk: *const barews_event,
    message: *mut barews_message,
) -> barews_error {
    if message.is_null() || !message.is_aligned() {
        return BAREWS_ERR_ARGUMENT;
    }
    if holds(buffer, message, size_of::<barews_message>()) {
        return BAREWS_ERR_OVERLAP;
    }
    trusting! {
        let Some(chunk) = read(chunk) else { return BAREWS_ERR_ARGUMENT };
        let Some(inner) = get_mut(buffer) else { return BAREWS_ERR_ARGUMENT };
        if holds(buffer, chunk.payload, chunk.len) || holds(message, chunk.payload, chunk.len) {
            return BAREWS_ERR_OVERLAP;
        }
        let Some(chunk) = chunk.chunk() else { return BAREWS_ERR_ARGUMENT };
        let (found, code) = match inner.push(chunk) {
            Ok(Some(complete)) => (barews_message::of(complete), BAREWS_OK),
            Ok(None) => (barews_message::NONE, BAREWS_OK),
            Err(error) => (barews_message::NONE, error.code()),
        };
        write(message, found);
        code
    }
}

/// The size of `barews_receive_buffer` in words of 8 bytes.
#[cfg(target_pointer_width = "64")]
pub const BAREWS_RECEIVE_BUFFER_WORDS: usize = 10;
/// The size of `barews_receive_buffer` in words of 8 bytes.
#[cfg(target_pointer_width = "32")]
pub const BAREWS_RECEIVE_BUFFER_WORDS: usize = 6;

/// A buffer into which the host reads, and which makes whole messages there. One for each connection.
#[repr(C)]
pub struct barews_receive_buffer {
    words: [u64; BAREWS_RECEIVE_BUFFER_WORDS],
}

/// A receive buffer, with where its memory is.
pub(crate) struct Receiving {
    buffer: ReceiveBuffer<Storage>,
    place: (*const u8, usize),
}

opaque!(barews_receive_buffer, Receiving, 0x31);

/// Makes a buffer. The longest message is some bytes shorter than `storage_len`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_receive_buffer_init(
    buffer: *mut barews_receive_buffer,
    storage: *mut u8,
    storage_len: usize,
) -> barews_error {
    if holds(buffer, storage, storage_len) {
        return BAREWS_ERR_OVERLAP;
    }
    trusting! {
        let place = (storage.cast_const(), storage_len);
        let Some(storage) = Storage::new(storage, storage_len) else { return BAREWS_ERR_ARGUMENT };
        let made = Receiving { buffer: ReceiveBuffer::new(storage), place };
        if put(buffer, made) { BAREWS_OK } else { BAREWS_ERR_ARGUMENT }
    }
}

/// Returns where to read into, and stores in `len` how many bytes there are. A message that was returned is not valid any
/// more after this call. Returns null if `buffer` was not initialised.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_receive_buffer_unfilled(
    buffer: *mut barews_receive_buffer,
    len: *mut usize,
) -> *mut u8 {
    trusting! {
        let Some(inner) = get_mut(buffer) else {
            write(len, 0);
            return core::ptr::null_mut();
        };
        let place = inner.buffer.unfilled();
        write(len, place.len());
        place.as_mut_ptr()
    }
}

/// Adds the first `len` bytes of `barews_receive_buffer_unfilled`, which the transport has filled.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn barews_receive_buffer_advance(buffer: *mut barews_receive_buffer, len: usize) -> barews_error {
    trusting!(endpoint::change(buffer, |inner| inner.buffer.advance(len)))
}

/// Whether a call that receives into a buffer has its arguments apart. Writes an event if not.
unsafe fn is_apart<T>(object: *const T, buffer: *const barews_receive_buffer, to: *mut barews_event) -> bool {
    let event = size_of::<barews_event>();
    if to.is_null() || !to.is_aligned() || holds(object, to, event) || holds(buffer, to, event) {
        return false;
    }
    if holds(object, buffer, size_of::<barews_receive_buffer>()) {
        trusting!(write(to, barews_event::wrong(BAREWS_ERR_OVERLAP)));
        return false;
    }
    true
}

/// Whether an event can be written without a byte of the buffer's memory.
fn is_outside(inner: &Receiving, to: *const barews_event) -> bool {
    !overlap(inner.place.0, inner.place.1, to, size_of::<barews_event>())
}

/// Returns a whole message as an event.
fn data(message: barews::message::Message<'_>) -> barews_event {
    let barews::message::Message { kind, payload } = message;
    let rsv = barews::wire::Rsv::NONE;
    barews_event::data(barews::connection::Chunk { kind, first: true, last: true, rsv, payload })
}

pub(crate) unsafe fn receive_into<T, R>(
    object: *mut T,
    buffer: *mut barews_receive_buffer,
    now: u64,
    to: *mut barews_event,
) where
    T: Opaque<Inner = Lent<R>>,
    R: SessionRole,
{
    if !trusting!(is_apart(object, buffer, to)) {
        return;
    }
    let (Some(session), Some(inner)) = (trusting!(get_mut(object)), trusting!(get_mut(buffer))) else {
        trusting!(write(to, WRONG));
        return;
    };
    if !is_outside(inner, to) {
        return;
    }
    let event = match session.receive_into(&mut inner.buffer, now) {
        Some(Incoming::Message(message)) => data(message),
        other => {
            let other = other.and_then(|other| if let Incoming::Event(event) = other { Some(event) } else { None });
            barews_event { is_due: session.is_due(), ..endpoint::event(session, other) }
        }
    };
    trusting!(write(to, event));
}

pub(crate) unsafe fn receive_connection_into<T, R>(
    object: *mut T,
    buffer: *mut barews_receive_buffer,
    to: *mut barews_event,
) where
    T: Opaque<Inner = Connection<R>>,
    R: SessionRole,
{
    if !trusting!(is_apart(object, buffer, to)) {
        return;
    }
    let (Some(connection), Some(inner)) = (trusting!(get_mut(object)), trusting!(get_mut(buffer))) else {
        trusting!(write(to, WRONG));
        return;
    };
    if !is_outside(inner, to) {
        return;
    }
    let event = match inner.buffer.receive(connection) {
        Ok(Some(Incoming::Message(message))) => data(message),
        Ok(Some(Incoming::Event(event))) => endpoint::connection_event(connection, Some(event)),
        Ok(None) => endpoint::connection_event(connection, None),
        Err(error) => barews_event { is_due: true, ..barews_event::failed(error) },
    };
    trusting!(write(to, event));
}
