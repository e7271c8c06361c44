//! The pointers of C as references and slices. All checks of pointers are here.
//!
//! The duties of the caller are those of the header's introduction: a pointer is null, or points to memory of the stated
//! size that stays valid, and that no other thread uses, during the call. These functions find what can be found: null,
//! a wrong alignment, a length that no memory has, an overlap, and an object that was not initialised.

use core::mem::MaybeUninit;
use core::slice;

/// Does what the caller of an exported function must have made safe.
macro_rules! trusting {
    ($($body:tt)*) => {
        // SAFETY: each pointer that the caller passed is null, or points to memory as the header's introduction requires.
        // The functions that take it check the rest.
        unsafe { $($body)* }
    };
}

/// An object in the caller's memory: a mark, and a value of Rust.
#[repr(C)]
pub(crate) struct Slot<T> {
    mark: u64,
    value: MaybeUninit<T>,
}

/// A type of the header that is opaque, with the type that is inside.
pub(crate) trait Opaque: Sized {
    /// What is inside.
    type Inner: 'static;
    /// Marks an object that is initialised. Differs for each type, and is no pattern that memory has by chance.
    const MARK: u64;
}

/// Declares what an opaque type contains, and checks that it fits.
macro_rules! opaque {
    ($Name:ident, $Inner:ty, $mark:literal) => {
        impl crate::memory::Opaque for $Name {
            type Inner = $Inner;
            const MARK: u64 = 0x6261_7265_7773_0000 | $mark;
        }
        const _: () = {
            type Slot = crate::memory::Slot<$Inner>;
            assert!(size_of::<Slot>() <= size_of::<$Name>(), "the header's size is too small");
            assert!(size_of::<$Name>() < size_of::<Slot>() + 64, "the header's size is too large");
            assert!(align_of::<Slot>() <= align_of::<$Name>(), "the header's alignment is too small");
            assert!(!core::mem::needs_drop::<$Inner>(), "C runs no destructor");
        };
    };
}

/// Returns the object's value, if it is initialised.
///
/// # Safety
///
/// `object` is null, or points to memory of this size that nobody changes during `'a`.
pub(crate) unsafe fn get<'a, T: Opaque>(object: *const T) -> Option<&'a T::Inner> {
    let slot = object.cast::<Slot<T::Inner>>();
    if slot.is_null() || !slot.is_aligned() {
        return None;
    }
    // SAFETY: it is not null and aligned, and the caller says that there is this memory. `opaque!` checks the size. The
    // value need not be initialised.
    let slot = unsafe { &*slot };
    if slot.mark != T::MARK {
        return None;
    }
    // SAFETY: only `put` writes the mark, together with the value.
    Some(unsafe { slot.value.assume_init_ref() })
}

/// Returns the object's value, if it is initialised.
///
/// # Safety
///
/// `object` is null, or points to memory of this size that nobody else uses during `'a`.
pub(crate) unsafe fn get_mut<'a, T: Opaque>(object: *mut T) -> Option<&'a mut T::Inner> {
    let slot = object.cast::<Slot<T::Inner>>();
    if slot.is_null() || !slot.is_aligned() {
        return None;
    }
    // SAFETY: as in `get`, and nobody else uses it.
    let slot = unsafe { &mut *slot };
    if slot.mark != T::MARK {
        return None;
    }
    // SAFETY: only `put` writes the mark, together with the value.
    Some(unsafe { slot.value.assume_init_mut() })
}

/// Whether an object can be put there.
pub(crate) fn is_place<T: Opaque>(object: *mut T) -> bool {
    !object.is_null() && object.cast::<Slot<T::Inner>>().is_aligned()
}

/// Initialises an object. Returns false if there is no place for it.
///
/// # Safety
///
/// `object` is null, or points to memory of this size that nobody else uses.
pub(crate) unsafe fn put<T: Opaque>(object: *mut T, value: T::Inner) -> bool {
    if !is_place(object) {
        return false;
    }
    // SAFETY: it is not null and aligned, and the caller says that there is this memory. Old values need no drop.
    unsafe { object.cast::<Slot<T::Inner>>().write(Slot { mark: T::MARK, value: MaybeUninit::new(value) }) };
    true
}

/// Makes an object one that is not initialised, so that each call with it is an error.
///
/// # Safety
///
/// `object` is null, or points to memory of this size that nobody else uses.
pub(crate) unsafe fn clear<T: Opaque>(object: *mut T) {
    if is_place(object) {
        // SAFETY: as in `put`. The mark is the first field.
        unsafe { object.cast::<u64>().write(0) };
    }
}

/// Moves the value out of an object, which is not initialised after that.
///
/// # Safety
///
/// `object` is null, or points to memory of this size that nobody else uses.
pub(crate) unsafe fn take<T: Opaque>(object: *mut T) -> Option<T::Inner> {
    // SAFETY: the same duty.
    let value = core::ptr::from_mut(unsafe { get_mut(object) }?);
    // SAFETY: it is initialised. The mark goes with the value, so that there are not two of it.
    unsafe {
        let value = value.read();
        clear(object);
        Some(value)
    }
}

/// Whether memory of this length can be at this address.
fn is_memory(data: *const u8, len: usize) -> bool {
    !data.is_null() && len <= isize::MAX as usize && data.addr().checked_add(len).is_some()
}

/// Returns bytes to read; none if `len` is 0, wherever they are. `None` for null with another length.
///
/// # Safety
///
/// `data` is null, or points to `len` bytes that nobody changes during `'a`.
pub(crate) unsafe fn bytes<'a>(data: *const u8, len: usize) -> Option<&'a [u8]> {
    match len {
        0 => Some(&[]),
        _ if !is_memory(data, len) => None,
        // SAFETY: it is not null, not too long, and the caller says that there are these bytes.
        _ => Some(unsafe { slice::from_raw_parts(data, len) }),
    }
}

/// Returns bytes that are initialised, to change in place. See [`bytes`].
///
/// # Safety
///
/// `data` is null, or points to `len` bytes that nobody else uses during `'a`.
pub(crate) unsafe fn bytes_mut<'a>(data: *mut u8, len: usize) -> Option<&'a mut [u8]> {
    match len {
        0 => Some(&mut []),
        _ if !is_memory(data, len) => None,
        // SAFETY: it is not null, not too long, and the caller says that there are these bytes.
        _ => Some(unsafe { slice::from_raw_parts_mut(data, len) }),
    }
}

/// Returns memory to write to, at most `most` bytes of it, which can be uninitialised in C. It is filled with zeros,
/// because a slice of Rust must not be.
///
/// # Safety
///
/// `data` is null, or points to `len` bytes that nobody else uses during `'a`.
pub(crate) unsafe fn output<'a>(data: *mut u8, len: usize, most: usize) -> Option<&'a mut [u8]> {
    let len = len.min(most);
    if len > 0 {
        if !is_memory(data, len) {
            return None;
        }
        // SAFETY: it is not null, and the caller says that there are these bytes.
        unsafe { data.write_bytes(0, len) };
    }
    // SAFETY: the same duty.
    unsafe { bytes_mut(data, len) }
}

/// Writes a result, if the caller wants it.
///
/// # Safety
///
/// `place` is null, or points to memory for a `T` that nobody else uses.
pub(crate) unsafe fn write<T>(place: *mut T, value: T) {
    if !place.is_null() && place.is_aligned() {
        // SAFETY: it is not null and aligned, and the caller says that there is this memory.
        unsafe { place.write(value) };
    }
}

/// Reads a structure of the header; `None` for null.
///
/// # Safety
///
/// `place` is null, or points to a `T` that is initialised and that nobody changes.
pub(crate) unsafe fn read<T: Copy>(place: *const T) -> Option<T> {
    if place.is_null() || !place.is_aligned() {
        return None;
    }
    // SAFETY: it is not null and aligned, and the caller says that it is initialised.
    Some(unsafe { place.read() })
}

/// Reads a structure of the header; `default` for null.
///
/// # Safety
///
/// As for [`read`].
pub(crate) unsafe fn read_or<T: Copy>(place: *const T, default: T) -> T {
    // SAFETY: the same duty.
    unsafe { read(place) }.unwrap_or(default)
}

/// Whether two ranges of memory have a byte in common.
pub(crate) fn overlap<A, B>(a: *const A, a_len: usize, b: *const B, b_len: usize) -> bool {
    let (a, b) = (a.addr(), b.addr());
    a_len > 0 && b_len > 0 && a < b.saturating_add(b_len) && b < a.saturating_add(a_len)
}

/// Whether an object has a byte in common with a range of memory.
pub(crate) fn holds<T, B>(object: *const T, data: *const B, len: usize) -> bool {
    overlap(object, size_of::<T>(), data, len)
}

/// Memory that the caller lends until the object that has it is not used any more.
pub(crate) struct Storage {
    data: *mut u8,
    len: usize,
}

impl Storage {
    /// Takes memory, and fills it with zeros: it can be uninitialised in C. `None` for null with another length than 0.
    ///
    /// # Safety
    ///
    /// `data` is null, or points to `len` bytes that nobody else uses as long as the storage is used.
    pub(crate) unsafe fn new(data: *mut u8, len: usize) -> Option<Self> {
        // SAFETY: the same duty.
        let bytes = unsafe { output(data, len, len) }?;
        Some(Self { data: bytes.as_mut_ptr(), len })
    }

    /// Returns where it is, for the caller.
    pub(crate) fn parts(&self) -> (*mut u8, usize) {
        if self.len == 0 { (core::ptr::null_mut(), 0) } else { (self.data, self.len) }
    }
}

impl Default for Storage {
    fn default() -> Self {
        Self { data: core::ptr::NonNull::dangling().as_ptr(), len: 0 }
    }
}

impl AsRef<[u8]> for Storage {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: `new` was promised these bytes, initialised them, and nobody else uses them. Not null, also without
        // bytes.
        unsafe { slice::from_raw_parts(self.data, self.len) }
    }
}

impl AsMut<[u8]> for Storage {
    fn as_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `as_ref`; the storage is borrowed mutably, and there is no second one with these bytes.
        unsafe { slice::from_raw_parts_mut(self.data, self.len) }
    }
}
