//! Strings, and lists of them.

use core::ffi::c_char;

use crate::memory::bytes;

/// A string: pointer and length, without a NUL at its end. Text that the caller passes must be UTF-8.
///
/// In a list, `data` must not be null, also if `len` is 0. `BAREWS_STR("literal")` makes one.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct barews_str {
    /// The first byte.
    pub data: *const c_char,
    /// The number of bytes.
    pub len: usize,
}

/// A header field of HTTP.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct barews_field {
    /// The name.
    pub name: barews_str,
    /// The value.
    pub value: barews_str,
}

impl barews_str {
    pub(crate) const NONE: Self = Self { data: core::ptr::null(), len: 0 };

    /// Returns the text; `None` if it is null with a length, or not UTF-8.
    ///
    /// # Safety
    ///
    /// `data` is null, or points to `len` bytes that nobody changes during `'a`.
    pub(crate) unsafe fn text<'a>(self) -> Option<&'a str> {
        // SAFETY: the same duty.
        let bytes = unsafe { bytes(self.data.cast(), self.len) }?;
        core::str::from_utf8(bytes).ok()
    }
}

impl From<&[u8]> for barews_str {
    fn from(bytes: &[u8]) -> Self {
        Self { data: bytes.as_ptr().cast(), len: bytes.len() }
    }
}

impl From<&str> for barews_str {
    fn from(text: &str) -> Self {
        text.as_bytes().into()
    }
}

// Lists of C are read as lists of Rust, without a copy. The layout of Rust's strings and pairs is not documented, so the
// compiler that builds this checks it: it refuses to read a pointer as a length.
const _: () = {
    // SAFETY: both are a pointer and a length, or this does not compile.
    let text = unsafe { core::mem::transmute::<&'static str, barews_str>("abc") };
    assert!(text.len == 3 && align_of::<&str>() == align_of::<barews_str>());
    // SAFETY: both are two of these.
    let field = unsafe { core::mem::transmute::<(&'static str, &'static str), barews_field>(("a", "bc")) };
    assert!(field.name.len == 1 && field.value.len == 2);
    assert!(align_of::<(&str, &str)>() == align_of::<barews_field>());
};

/// Whether a list can be read: each string has a pointer and is UTF-8.
///
/// # Safety
///
/// As for [`barews_str::text`].
unsafe fn is_text(text: barews_str) -> bool {
    // SAFETY: the same duty.
    !text.data.is_null() && unsafe { text.text() }.is_some()
}

/// Whether a list of this many elements can be at this address.
fn is_list<T>(list: *const T, len: usize) -> bool {
    !list.is_null() && list.is_aligned() && len <= isize::MAX as usize / size_of::<T>().max(1)
}

/// Returns a list of strings; `None` if one is null or not UTF-8.
///
/// # Safety
///
/// `list` is null, or points to `len` strings. Nobody changes them, or what they point to, during `'a`.
pub(crate) unsafe fn strings<'a>(list: *const barews_str, len: usize) -> Option<&'a [&'a str]> {
    if len == 0 {
        return Some(&[]);
    }
    if !is_list(list, len) {
        return None;
    }
    // SAFETY: it is not null, aligned, not too long, and the caller says that there are these strings.
    let given = unsafe { core::slice::from_raw_parts(list, len) };
    // SAFETY: the same duty for each.
    if !given.iter().all(|text| unsafe { is_text(*text) }) {
        return None;
    }
    // SAFETY: the layout is the same, as checked above, and each is valid text that is not null.
    Some(unsafe { core::slice::from_raw_parts(list.cast(), len) })
}

/// Returns a list of fields; `None` if a string in it is null or not UTF-8.
///
/// # Safety
///
/// As for [`strings`].
pub(crate) unsafe fn fields<'a>(list: *const barews_field, len: usize) -> Option<&'a [(&'a str, &'a str)]> {
    if len == 0 {
        return Some(&[]);
    }
    if !is_list(list, len) {
        return None;
    }
    // SAFETY: it is not null, aligned, not too long, and the caller says that there are these fields.
    let given = unsafe { core::slice::from_raw_parts(list, len) };
    // SAFETY: the same duty for each.
    if !given.iter().all(|field| unsafe { is_text(field.name) && is_text(field.value) }) {
        return None;
    }
    // SAFETY: the layout is the same, as checked above, and each is valid text that is not null.
    Some(unsafe { core::slice::from_raw_parts(list.cast(), len) })
}
