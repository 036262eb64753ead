//! Memory that is zero at first and costs address space only, until it is written: straight from the host, because
//! allocators clear, and so touch, what they have had before.

use std::alloc::{Layout, handle_alloc_error};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use memmap2::MmapMut;

use crate::ops::Int;

/// So many zero bytes, aligned to a page.
pub(crate) fn zeros(len: usize) -> MmapMut {
    // No mapping is empty.
    let len = len.max(1);
    let refused = |_| handle_alloc_error(Layout::from_size_align(len, 1).unwrap_or(Layout::new::<u8>()));
    MmapMut::map_anon(len).unwrap_or_else(refused)
}

/// Room for tables, which is one mapping: what a host maps and takes back is seen by all its threads, which takes time.
pub(crate) struct Room {
    memory: Arc<MmapMut>,
    /// Where the mapping starts.
    start: *mut u8,
    /// Bytes that tables have so far.
    used: usize,
}

impl Room {
    /// Room for so many bytes.
    pub(crate) fn new(len: usize) -> Room {
        let mut memory = zeros(len);
        let start = memory.as_mut_ptr();
        Room { memory: Arc::new(memory), start, used: 0 }
    }

    /// A table in the part that is left.
    ///
    /// # Panics
    /// If there is too little of it.
    pub(crate) fn table<T: Int>(&mut self, len: usize) -> Table<T> {
        let start = self.used.next_multiple_of(size_of::<T>());
        self.used = start + len * size_of::<T>();
        assert!(self.used <= self.memory.len(), "there is room for the tables");
        Table { at: self.start.wrapping_add(start).cast(), len, _memory: self.memory.clone() }
    }
}

/// A slice of integers that are zero at first.
pub(crate) struct Table<T> {
    at: *mut T,
    len: usize,
    _memory: Arc<MmapMut>,
}

// SAFETY: a table owns its part of the mapping, which holds integers only.
unsafe impl<T: Int> Send for Table<T> {}
// SAFETY: as above; who shares a table can only read it.
unsafe impl<T: Int> Sync for Table<T> {}

impl<T: Int> Table<T> {
    /// A table in a mapping of its own.
    pub(crate) fn new(len: usize) -> Table<T> {
        Room::new(len * size_of::<T>()).table(len)
    }
}

impl<T: Int> Deref for Table<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        // SAFETY: the part of the mapping has room for `len` integers, is aligned to them, nobody else has it, and any
        // bits are an integer.
        unsafe { std::slice::from_raw_parts(self.at, self.len) }
    }
}

impl<T: Int> DerefMut for Table<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`; `&mut self` makes it exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.at, self.len) }
    }
}
