//! Memory that is zero at first and costs address space only, until it is written: straight from the host, because
//! allocators clear, and so touch, what they have had before.

use std::alloc::{Layout, handle_alloc_error};
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use memmap2::MmapMut;

use crate::ops::Int;

/// So many zero bytes, aligned to a page.
pub(crate) fn zeros(len: usize) -> MmapMut {
    // No mapping is empty.
    let len = len.max(1);
    let refused = |_| handle_alloc_error(Layout::from_size_align(len, 1).unwrap_or(Layout::new::<u8>()));
    MmapMut::map_anon(len).unwrap_or_else(refused)
}

/// A slice of integers that are zero at first.
pub(crate) struct Table<T> {
    bytes: MmapMut,
    len: usize,
    of: PhantomData<T>,
}

impl<T: Int> Table<T> {
    pub(crate) fn new(len: usize) -> Table<T> {
        Table { bytes: zeros(len * size_of::<T>()), len, of: PhantomData }
    }
}

impl<T: Int> Deref for Table<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        // SAFETY: the mapping has room for `len` integers, is aligned to a page, and any bits are an integer.
        unsafe { std::slice::from_raw_parts(self.bytes.as_ptr().cast(), self.len) }
    }
}

impl<T: Int> DerefMut for Table<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`; `&mut self` makes it exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.bytes.as_mut_ptr().cast(), self.len) }
    }
}
