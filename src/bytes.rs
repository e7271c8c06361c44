//! A slice copy that cannot panic, shared by all layers.

/// Copies as much of `from` as `to` has room for, and returns how much. `copy_from_slice` can panic, and the compiler
/// leaves that panic in when it optimises for size.
#[inline]
pub(crate) fn copy<T: Copy>(to: &mut [T], from: &[T]) -> usize {
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
    to.len().min(from.len())
}
