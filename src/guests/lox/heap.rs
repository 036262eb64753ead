//! Memory for objects: blocks of lines. Where a collection found no object, in whole lines, is free again; allocation
//! moves a pointer through such holes. Objects that are too large for a block have places of their own.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::Cell;
use std::ptr;

use super::object::{Header, Ref, Str, shape};

/// Bytes of a block, which is aligned to as many.
const BLOCK: usize = 1 << 16;
/// Bytes of a line.
const LINE: usize = 128;
/// Lines of a block.
const LINES: usize = BLOCK / LINE;
/// The first lines of a block hold its marks, a byte a line.
const FIRST: usize = LINES / LINE;
/// Objects of more bytes have places of their own.
const LARGE: usize = 1 << 13;

/// Where new objects go: between `next` and `end`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Hole {
    pub next: usize,
    pub end: usize,
}

/// An object in a place of its own.
struct Large {
    at: *mut u8,
    size: usize,
}

/// The heap.
pub struct Heap {
    blocks: Vec<*mut u8>,
    /// Blocks with holes, as of the last collection, and the line to go on from in the last one.
    holed: Vec<*mut u8>,
    line: usize,
    /// Blocks without any object.
    empty: Vec<*mut u8>,
    /// Where objects go that do not fit in the hole at hand, but are larger than a line.
    spare: Hole,
    large: Vec<Large>,
    /// Bytes handed out since the last collection, in holes.
    handed_out: usize,
    /// Bytes that are to be handed out before the next one.
    threshold: usize,
    /// Bytes that objects had at the last one.
    live: usize,
    /// Bytes that the heap may have in all.
    pub limit: usize,
    /// Bytes that may be allocated before the first collection, and at least between two.
    least: usize,
    /// Each so manieth allocation is preceded by a collection: to find references that are not known. 0 is none.
    stress: u32,
    /// How many are left until the next one.
    stress_left: Cell<u32>,
    /// What marks an object as found by the collection that runs, or ran last.
    epoch: u8,
}

// SAFETY: the heap owns its blocks; nothing in them belongs to a thread.
unsafe impl Send for Heap {}

impl Heap {
    pub fn new(limit: usize, least: usize) -> Heap {
        Heap {
            blocks: Vec::new(),
            holed: Vec::new(),
            line: FIRST,
            empty: Vec::new(),
            spare: Hole::default(),
            large: Vec::new(),
            handed_out: 0,
            threshold: least,
            live: 0,
            limit,
            least,
            stress: 0,
            stress_left: Cell::new(0),
            epoch: 1,
        }
    }

    /// Bytes taken from the host.
    pub fn size(&self) -> usize {
        self.blocks.len() * BLOCK + self.large.iter().map(|large| large.size).sum::<usize>()
    }

    /// Bytes that objects had at the last collection, and those handed out since.
    pub fn used(&self) -> usize {
        self.live + self.handed_out
    }

    /// Whether it is time to collect, before an allocation.
    pub fn is_due(&self) -> bool {
        self.handed_out >= self.threshold || self.stress > 0 && self.is_stressed()
    }

    fn is_stressed(&self) -> bool {
        let left = self.stress_left.get().checked_sub(1).unwrap_or(self.stress - 1);
        self.stress_left.set(left);
        left == 0
    }

    /// Lets each so manieth allocation be preceded by a collection, from now on.
    pub fn set_stress(&mut self, every: u32) {
        self.stress = every;
        self.stress_left.set(every);
    }

    /// So many bytes for an object, from `hole` or elsewhere.
    pub fn allocate(&mut self, hole: &mut Hole, size: usize) -> *mut u8 {
        if size > LARGE {
            return self.allocate_large(size);
        }
        if self.stress > 0 {
            // The hole that is given stays empty, so that all allocation comes here.
            let mut hidden = self.spare;
            let at = self.allocate_from(&mut hidden, size);
            self.spare = hidden;
            return at;
        }
        self.allocate_from(hole, size)
    }

    fn allocate_from(&mut self, hole: &mut Hole, size: usize) -> *mut u8 {
        loop {
            let end = hole.next + size;
            if end <= hole.end {
                return ptr::with_exposed_provenance_mut(std::mem::replace(&mut hole.next, end));
            }
            if size > LINE && self.stress == 0 {
                return self.allocate_spare(size);
            }
            *hole = self.next_hole();
        }
    }

    /// A new object of this shape with so many values behind its fixed part, which are to be set at once.
    pub fn make<T>(
        &mut self,
        hole: &mut Hole,
        shape: u32,
        values: usize,
        new: impl FnOnce(Header) -> T,
    ) -> Ref<T> {
        let size = size_of::<T>() + 8 * values;
        let at = self.allocate(hole, size).cast::<T>();
        let words = if size > LARGE { 0 } else { (size / 8) as u16 };
        // SAFETY: the memory is new, has that size and is aligned to words, as all objects are.
        unsafe { at.write(new(Header::new(shape, words))) };
        Ref::at(at.expose_provenance() as u64)
    }

    /// A new string, not yet known to be the only one of its content.
    pub fn make_string(&mut self, hole: &mut Hole, bytes: &[u8], hash: u32) -> Ref<Str> {
        let len = bytes.len() as u32;
        let string =
            self.make(hole, shape::STRING, bytes.len().div_ceil(8), |header| Str { header, len, hash });
        let to = ptr::with_exposed_provenance_mut::<u8>(string.address() as usize + size_of::<Str>());
        // SAFETY: there is room for the bytes behind the fixed part, and nobody else has the string yet.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
        string
    }

    fn allocate_spare(&mut self, size: usize) -> *mut u8 {
        if self.spare.next + size > self.spare.end {
            self.spare = self.fresh_block();
        }
        let at = self.spare.next;
        self.spare.next += size;
        ptr::with_exposed_provenance_mut(at)
    }

    fn allocate_large(&mut self, size: usize) -> *mut u8 {
        let layout = Layout::from_size_align(size, 8).expect("an object is not that large");
        // SAFETY: the size is not 0.
        let at = unsafe { alloc(layout) };
        if at.is_null() {
            handle_alloc_error(layout);
        }
        self.large.push(Large { at, size });
        self.handed_out += size;
        at
    }

    /// The next hole of any size.
    fn next_hole(&mut self) -> Hole {
        while let Some(&block) = self.holed.last() {
            let marks = marks(block);
            let start = (self.line..LINES).find(|&line| marks[line] == 0);
            let Some(start) = start else {
                self.holed.pop();
                self.line = FIRST;
                continue;
            };
            let end = (start..LINES).find(|&line| marks[line] != 0).unwrap_or(LINES);
            self.line = end;
            self.handed_out += (end - start) * LINE;
            let base = block.expose_provenance();
            return Hole { next: base + start * LINE, end: base + end * LINE };
        }
        self.fresh_block()
    }

    fn fresh_block(&mut self) -> Hole {
        let block = self.empty.pop().unwrap_or_else(|| {
            let layout = Layout::from_size_align(BLOCK, BLOCK).expect("a block has a size");
            // SAFETY: the size is not 0.
            let block = unsafe { alloc(layout) };
            if block.is_null() {
                handle_alloc_error(layout);
            }
            self.blocks.push(block);
            block
        });
        self.handed_out += BLOCK - FIRST * LINE;
        let base = block.expose_provenance();
        Hole { next: base + FIRST * LINE, end: base + BLOCK }
    }

    /// Starts a collection: nothing is found yet.
    pub fn start_marking(&mut self) {
        self.epoch = 3 - self.epoch;
        for &block in &self.blocks {
            // SAFETY: a block starts with its marks.
            unsafe { ptr::write_bytes(block, 0, LINES) };
        }
    }

    /// Notes that an object was found; whether it was not found before.
    #[inline(always)]
    pub fn mark(&self, header: &Header) -> bool {
        if header.mark.get() == self.epoch {
            return false;
        }
        header.mark.set(self.epoch);
        if header.words != 0 {
            let at = ptr::from_ref(header).addr();
            let block: *mut u8 = ptr::with_exposed_provenance_mut(at & !(BLOCK - 1));
            let first = (at & (BLOCK - 1)) / LINE;
            let last = ((at & (BLOCK - 1)) + usize::from(header.words) * 8 - 1) / LINE;
            for line in first..=last {
                // SAFETY: the object is in a block, which starts with its marks, and ends inside it.
                unsafe { *block.add(line) = 1 };
            }
        }
        true
    }

    /// Whether the collection that runs, or ran last, has found an object that was there before.
    pub fn is_marked(&self, header: &Header) -> bool {
        header.mark.get() == self.epoch
    }

    /// Ends a collection: what was not found is free. Returns the bytes that objects have.
    pub fn sweep(&mut self) -> usize {
        (self.spare, self.line) = (Hole::default(), FIRST);
        self.empty.clear();
        self.holed.clear();
        let mut lines = 0;
        for &block in &self.blocks {
            let found = marks(block)[FIRST..].iter().map(|&mark| usize::from(mark)).sum::<usize>();
            lines += found;
            if found == 0 {
                self.empty.push(block);
            } else if found < LINES - FIRST {
                self.holed.push(block);
            }
        }
        if self.stress > 0 {
            self.blocks.iter().for_each(|&block| spoil(block));
        }
        let epoch = self.epoch;
        self.large.retain(|large| {
            // SAFETY: an object starts with its header.
            let is_found = unsafe { (*large.at.cast::<Header>()).mark.get() } == epoch;
            if !is_found {
                free(large);
            }
            is_found
        });
        self.live = lines * LINE + self.large.iter().map(|large| large.size).sum::<usize>();
        self.handed_out = 0;
        let room = self.limit.saturating_sub(self.live).max(BLOCK);
        self.threshold = self.least.max(self.live).min(room);
        self.give_back();
        self.live
    }

    /// Gives empty blocks back to the host that the next cycle will not need.
    fn give_back(&mut self) {
        let keep = 2 * self.threshold / BLOCK;
        if self.empty.len() <= keep {
            return;
        }
        let surplus: std::collections::HashSet<*mut u8> = self.empty.drain(keep..).collect();
        self.blocks.retain(|block| !surplus.contains(block));
        surplus.into_iter().for_each(free_block);
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        self.blocks.drain(..).for_each(free_block);
        self.large.drain(..).for_each(|large| free(&large));
    }
}

fn marks(block: *mut u8) -> &'static [u8; LINES] {
    // SAFETY: a block starts with its marks; callers let go of them before they are changed or the block is freed.
    unsafe { &*block.cast() }
}

/// Overwrites what is free in a block, so that nobody can use it unnoticed.
fn spoil(block: *mut u8) {
    for line in (FIRST..LINES).filter(|&line| marks(block)[line] == 0) {
        // SAFETY: the line is in the block, and no object that was found is in it.
        unsafe { ptr::write_bytes(block.add(line * LINE), 0xfd, LINE) };
    }
}

fn free_block(block: *mut u8) {
    // SAFETY: it was allocated so, and nothing refers to it any more.
    unsafe { dealloc(block, Layout::from_size_align_unchecked(BLOCK, BLOCK)) };
}

fn free(large: &Large) {
    // SAFETY: as above.
    unsafe { dealloc(large.at, Layout::from_size_align_unchecked(large.size, 8)) };
}
