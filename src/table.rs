//! Memory that is zero at first and costs address space only, until it is written: straight from the host, because
//! allocators clear, and so touch, what they have had before.

use std::alloc::{Layout, handle_alloc_error};
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex};

use memmap2::MmapMut;

use crate::ops::Int;

/// Mappings up to this size are kept for others of that size: to clear what is not zero in them takes less than to have
/// the host map as much, one page after the other.
const SMALL: usize = 256 << 10;
/// Mappings that are kept.
const SPARES: usize = 16;
/// What is looked at together for whether it is zero.
const PAGE: usize = 4096;

static SPARE: Mutex<Vec<MmapMut>> = Mutex::new(Vec::new());

/// Bytes that are zero at first, aligned to a page.
pub(crate) struct Zeros(ManuallyDrop<MmapMut>);

impl Zeros {
    /// So many bytes.
    pub(crate) fn new(len: usize) -> Zeros {
        // No mapping is empty.
        let len = len.max(1);
        let refused = |_| handle_alloc_error(Layout::from_size_align(len, 1).unwrap_or(Layout::new::<u8>()));
        let map = spare(len).unwrap_or_else(|| MmapMut::map_anon(len).unwrap_or_else(refused));
        Zeros(ManuallyDrop::new(map))
    }

    /// Says that all of it will be read: if that is not much, the host maps it at once, not page by page.
    #[cfg(feature = "jit")]
    pub(crate) fn will_read(&self) {
        #[cfg(target_os = "linux")]
        if self.len() <= SMALL {
            // A host that does not know of this maps what is read.
            let _ = self.0.advise(memmap2::Advice::PopulateRead);
        }
    }
}

/// A mapping of so many bytes that was kept, zero again.
fn spare(len: usize) -> Option<MmapMut> {
    let mut map = {
        let mut spares = SPARE.lock().expect("nobody panics while taking a mapping");
        let last = spares.iter().rposition(|spare| spare.len() == len)?;
        spares.remove(last)
    };
    for page in map.chunks_mut(PAGE).filter(|page| page[..] != [0; PAGE][..page.len()]) {
        page.fill(0);
    }
    Some(map)
}

impl Drop for Zeros {
    fn drop(&mut self) {
        // SAFETY: nobody uses `self.0` after this.
        let map = unsafe { ManuallyDrop::take(&mut self.0) };
        if map.len() <= SMALL
            && let Ok(mut spares) = SPARE.lock()
        {
            if spares.len() == SPARES {
                spares.remove(0);
            }
            spares.push(map);
        }
    }
}

impl Deref for Zeros {
    type Target = [u8];

    #[inline(always)]
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for Zeros {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

/// Room for tables, which is one mapping: what a host maps and takes back is seen by all its threads, which takes time.
pub(crate) struct Room {
    memory: Arc<Zeros>,
    /// Where the mapping starts.
    start: *mut u8,
    /// Bytes that tables have so far.
    used: usize,
}

impl Room {
    /// Room for so many bytes.
    pub(crate) fn new(len: usize) -> Room {
        let mut memory = Zeros::new(len);
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
    _memory: Arc<Zeros>,
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
