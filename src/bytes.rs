//! Slice copies that cannot panic, shared by all layers.

use core::cell::Cell;
use core::ops::Range;

/// Copies as much of `from` as `to` has room for, and returns how much. `copy_from_slice` can panic, and the compiler
/// leaves that panic in when it optimises for size.
#[inline]
pub(crate) fn copy<T: Copy>(to: &mut [T], from: &[T]) -> usize {
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
    to.len().min(from.len())
}

/// Moves the bytes at `from` to an earlier place, and returns how many; 0 if `from` is not in `bytes`.
pub(crate) fn move_down(bytes: &mut [u8], from: Range<usize>, to: usize) -> usize {
    let cells = Cell::from_mut(bytes).as_slice_of_cells();
    let (Some(from), Some(to)) = (cells.get(from), cells.get(to..)) else { return never!(0) };
    to.iter().zip(from).for_each(|(to, from)| to.set(from.get()));
    from.len()
}
