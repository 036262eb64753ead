//! A guest's state: one block of plain bytes that both tiers read and write.
//!
//! ```text
//! 0        budget: u64          instructions that the run may still retire
//! 8        pc: u32              where to go on
//! 16       slots: [u64; 128]    the register file; a value narrower than its slot is zero-extended
//! 1040     end: u64             instructions that will have retired when the budget is spent
//! 1048     plain: [[u64; 2]]    for each space with attributes, a range of addresses that have none
//! 2048     spaces               for each: its attributes, a byte an element (where it has them), then its elements
//! ```
//!
//! The offsets are constants of the guest, so the interpreter's accesses and the translator's are the same
//! few numbers, and native code needs one pointer. This file is one of the few with `unsafe`: all of it
//! rests on the one invariant that every offset below stays in `block`.

mod space;

use std::ops::Range;
use std::sync::Arc;

pub(crate) use space::info;
#[cfg(feature = "jit")]
use space::seek;
use space::{ALIGN, PAD, PART};
pub use space::{Bound, SpaceInfo, attr, lay_out};

use crate::ops::{Int, Pc, Reg, Scalar, Space, Type};
use crate::table::Zeros;

/// Slots in the register file.
pub const SLOTS: usize = 128;
/// Offset of the budget in the state.
pub const BUDGET: usize = 0;
/// Offset of the pc in the state.
pub const PC: usize = 8;
/// Offset of the register file in the state.
pub const REGISTERS: usize = 16;
const END: usize = REGISTERS + 8 * SLOTS;
/// Offset of what native code keeps back of the budget.
pub(crate) const KEPT: usize = END + 8;
const PLAIN: usize = KEPT + 8;
const SPACES: usize = 2048;

/// Offsets in the state of a range of plain addresses of a space, its start and its end.
pub(crate) const fn plain_offset(space: usize) -> [usize; 2] {
    [PLAIN + 16 * space, PLAIN + 16 * space + 8]
}

/// A guest's state. All zero at first.
pub struct State {
    block: Zeros,
    spaces: &'static [SpaceInfo],
    touched: Vec<Range<Pc>>,
    origin: Option<Origin>,
}

/// Where a state comes from.
struct Origin {
    state: Arc<State>,
    /// The parts, by space and number, that may differ from it. In spaces without attributes all may.
    changed: Vec<(usize, usize)>,
}

impl State {
    /// A state of zeros with these spaces, which [`lay_out`] has placed. Memory that is never touched
    /// costs address space only.
    pub fn new(spaces: &'static [SpaceInfo]) -> State {
        let size = spaces.last().map_or(SPACES, |s| s.offset + s.bytes()).next_multiple_of(ALIGN);
        let mut end = SPACES;
        assert!(plain_offset(spaces.len())[0] <= SPACES, "there are too many spaces");
        for space in spaces {
            // What every access rests on: a space lies in the block, behind the one before it.
            let start = if space.attributes { space.attributes_offset } else { space.offset };
            let elements = if space.attributes { start + space.len + PAD + space.guard() } else { start };
            let span = space.span(space.element);
            let fits = start >= end && space.offset >= elements && span > 0 && space.len >= span;
            assert!(fits, "the guest's spaces were not laid out: {space:?}");
            end = space.offset + space.bytes();
        }
        let block = Zeros::new(size);
        let mut state = State { block, spaces, touched: Vec::new(), origin: None };
        for info in spaces.iter().filter(|s| s.attributes) {
            state.write(info.attributes_offset + info.len, [u8::MAX; PAD]);
        }
        state
    }

    /// A state like this one, that can be made so again ([`State::restore`]) at the cost of what has changed since.
    pub(crate) fn derive(self: &Arc<Self>) -> State {
        Self::derived(self, self)
    }

    /// A state derived from `from`, but for the registers, and spaces without attributes, which are those of `now`.
    fn derived(from: &Arc<State>, now: &State) -> State {
        let mut state = State::new(from.spaces);
        state.copy_registers(now);
        for (id, info) in from.spaces.iter().enumerate() {
            let elements = if info.attributes { from } else { now };
            state.fill(elements, info.addresses(0..elements.len(id)));
        }
        state.take_attributes(from, attr::CLEAN);
        state.origin = Some(Origin { state: from.clone(), changed: Vec::new() });
        state
    }

    /// Makes a state from [`State::derive`] what it was then. What has been made from words that change is noted, as
    /// when they are written. Of spaces without attributes as much is copied as matters before or after, as `live` says.
    /// Nothing happens where the state is not derived.
    pub(crate) fn restore(&mut self, live: impl Fn(&State, usize) -> usize) {
        let Some(Origin { state: from, changed }) = self.origin.take() else { return };
        for (id, info) in self.spaces.iter().enumerate().filter(|(_, info)| !info.attributes) {
            let matter = live(self, id).max(live(&from, id)).min(info.len);
            self.copy(&from, info.addresses(0..matter));
        }
        self.copy_registers(&from);
        let restored = |&(space, part): &(usize, usize)| !self.restore_part(&from, space, part);
        let changed = changed.into_iter().filter(restored).collect();
        self.origin = Some(Origin { state: from, changed });
    }

    /// Makes a part what it was; false if stores to it must go on without being noted.
    fn restore_part(&mut self, from: &State, space: usize, part: usize) -> bool {
        self.copy_part(from, space, part);
        let part = self.spaces[space].part(part);
        let is_trusted = self.all_attributes(space)[part.clone()].iter().any(|a| a & attr::TRUSTED != 0);
        if !is_trusted {
            self.attributes_mut(space, part).iter_mut().for_each(|attributes| *attributes |= attr::CLEAN);
        }
        !is_trusted
    }

    /// Copies a part from a state of the same spaces, and notes what has been made from words that change.
    fn copy_part(&mut self, from: &State, space: usize, part: usize) {
        let info = &self.spaces[space];
        let part = info.part(part);
        let all = self.all_attributes(space)[part.clone()].iter().fold(0, |all, one| all | one);
        if all & attr::MADE == 0 {
            return self.copy(from, info.addresses(part));
        }
        for at in part {
            let element = info.addresses(at..at + 1);
            if self.block[element.clone()] != from.block[element.clone()] {
                self.copy(from, element);
                self.wrote(space, at as u64);
            }
        }
    }

    /// Makes a state what another one is that was derived from the same, at the cost of what has changed in either. The
    /// rest is as [`State::restore`] has it.
    pub(crate) fn follow(&mut self, other: &State, live: impl Fn(&State, usize) -> usize) {
        self.restore(&live);
        self.copy_registers(other);
        for (id, info) in self.spaces.iter().enumerate().filter(|(_, info)| !info.attributes) {
            self.copy(other, info.addresses(0..live(other, id).min(info.len)));
        }
        self.take_changes(other);
    }

    /// Copies the parts that have changed in a state that was derived from the same.
    fn take_changes(&mut self, other: &State) {
        for &(space, part) in other.origin.iter().flat_map(|origin| &origin.changed) {
            self.change(space, self.spaces[space].part(part).start as u64);
            self.copy_part(other, space, part);
        }
    }

    /// Notes that the part of the element at `at` may differ from what it was; stores there are plain from now on.
    #[cold]
    pub(crate) fn change(&mut self, space: usize, at: u64) {
        let is_clean = self.attributes(space, at) & attr::CLEAN != 0;
        let Some(origin) = self.origin.as_mut().filter(|_| is_clean) else { return };
        let part = at as usize / PART;
        origin.changed.push((space, part));
        let part = self.spaces[space].part(part);
        let mut all = 0;
        for attributes in self.attributes_mut(space, part.clone()) {
            *attributes &= !attr::CLEAN;
            all |= *attributes;
        }
        if all & attr::ANY == 0 {
            self.add_plain(space, part.start as u64..part.end as u64);
        }
    }

    /// A part has become plain: it goes to the range at one of whose ends it is, or is one that is longer.
    fn add_plain(&mut self, space: usize, part: Range<u64>) {
        let plain = self.plain(space);
        let plain = match part {
            part if part.start == plain.end => plain.start..part.end,
            part if part.end == plain.start => part.start..plain.end,
            part if part.end - part.start > plain.end - plain.start => part,
            _ => plain,
        };
        self.set_plain(space, plain);
    }

    /// Whether this state was derived from that one.
    pub(crate) fn is_from(&self, state: &Arc<State>) -> bool {
        self.origin.as_ref().is_some_and(|origin| Arc::ptr_eq(&origin.state, state))
    }

    /// How many parts may differ from what they were.
    #[cfg(feature = "jit")]
    pub(crate) fn changes(&self) -> usize {
        self.origin.as_ref().map_or(0, |origin| origin.changed.len())
    }

    /// The spaces.
    pub fn spaces(&self) -> &'static [SpaceInfo] {
        self.spaces
    }

    /// A range of addresses, perhaps an empty one, at which all accesses are plain.
    fn plain(&self, space: usize) -> Range<u64> {
        let [start, end] = plain_offset(space);
        self.read(start)..self.read(end)
    }

    fn set_plain(&mut self, space: usize, plain: Range<u64>) {
        let [start, end] = plain_offset(space);
        self.write(start, plain.start);
        self.write(end, plain.end);
    }

    /// Looks for the longest range of plain addresses in each space. It is kept up until it is looked for again: it
    /// becomes shorter where addresses get attributes.
    #[cfg(feature = "jit")]
    pub(crate) fn find_plain(&mut self) {
        for space in (0..self.spaces.len()).filter(|&space| self.spaces[space].attributes) {
            self.set_plain(space, self.longest_plain(space));
        }
    }

    /// The longest range of plain addresses in a space.
    #[cfg(feature = "jit")]
    pub(crate) fn longest_plain(&self, space: usize) -> Range<u64> {
        let longest = self.without(space, attr::ANY).max_by_key(|range| range.end - range.start);
        longest.unwrap_or_default()
    }

    /// The ranges of addresses of a space that have none of these attributes, in order.
    #[cfg(feature = "jit")]
    pub(crate) fn without(&self, space: usize, attributes: u8) -> impl Iterator<Item = Range<u64>> + '_ {
        let all = self.all_attributes(space);
        let mut end = 0;
        std::iter::from_fn(move || {
            let start = seek(all, end, |of| of & attributes == 0);
            end = seek(all, start, |of| of & attributes != 0);
            (start < end).then_some(start as u64..end as u64)
        })
    }

    /// An address in a range of plain ones has got an attribute: the longer side is what is left.
    #[cold]
    fn cut_plain(&mut self, space: usize, at: u64) {
        let Range { start, end } = self.plain(space);
        self.set_plain(space, if at - start > end - at - 1 { start..at } else { at + 1..end });
    }

    /// Nothing is known to be plain.
    fn forget_plain(&mut self) {
        (0..self.spaces.len()).for_each(|space| self.set_plain(space, 0..0));
    }

    /// The block's address, for native code.
    pub fn as_mut_ptr(&mut self) -> *mut u8 {
        self.block.as_mut_ptr()
    }

    /// Reads a plain value at a byte offset that is inside the block.
    #[inline(always)]
    fn read<T: Copy>(&self, offset: usize) -> T {
        debug_assert!(offset + size_of::<T>() <= self.block.len());
        // SAFETY: offsets are made in this file from slots below SLOTS and indices below a space's length;
        // the block is that long (see `new`), lives as long as `self`, and any bytes are a valid T: only
        // integers are read. Elements of a byte-addressed space may be unaligned.
        unsafe { self.block.as_ptr().add(offset).cast::<T>().read_unaligned() }
    }

    /// Writes a plain value at a byte offset that is inside the block.
    #[inline(always)]
    fn write<T: Copy>(&mut self, offset: usize, value: T) {
        debug_assert!(offset + size_of::<T>() <= self.block.len());
        // SAFETY: as in `read`; `&mut self` makes the access exclusive.
        unsafe { self.block.as_mut_ptr().add(offset).cast::<T>().write_unaligned(value) }
    }

    /// How many instructions the run may still retire.
    #[inline(always)]
    pub fn budget(&self) -> u64 {
        self.read(BUDGET)
    }

    /// Sets what the run may still retire.
    #[inline(always)]
    pub fn set_budget(&mut self, budget: u64) {
        self.write(BUDGET, budget);
    }

    /// Sets how many instructions have retired, and how many will have when the budget is spent.
    #[inline(always)]
    pub(crate) fn set_bounds(&mut self, retired: u64, end: u64) {
        self.write(END, end);
        self.set_budget(end - retired);
    }

    /// How many instructions will have retired when the budget is spent.
    #[inline(always)]
    pub(crate) fn end(&self) -> u64 {
        self.read(END)
    }

    /// How many instructions the machine has retired, as of the last one that asked its guest for something.
    pub fn retired(&self) -> u64 {
        self.end() - self.budget()
    }

    /// Where to go on.
    #[inline(always)]
    pub fn pc(&self) -> Pc {
        self.read(PC)
    }

    /// Sets where to go on.
    #[inline(always)]
    pub fn set_pc(&mut self, pc: Pc) {
        self.write(PC, pc);
    }

    /// A register's value.
    #[inline(always)]
    pub fn get<T: Scalar>(&self, r: Reg<T>) -> T {
        T::from_bits(self.slot(r.slot()))
    }

    /// Gives a register a value.
    #[inline(always)]
    pub fn set<T: Scalar>(&mut self, r: Reg<T>, value: T) {
        self.write(REGISTERS + r.slot() * 8, value.to_bits());
    }

    /// The bits in slot `slot`, modulo [`SLOTS`].
    #[inline(always)]
    pub fn slot(&self, slot: usize) -> u64 {
        self.read(REGISTERS + slot % SLOTS * 8)
    }

    /// The byte offset of the value of this type at `at` of one of this state's spaces, or `None` outside its bound.
    #[inline(always)]
    pub(crate) fn element(&self, info: &'static SpaceInfo, ty: Type, at: u64) -> Option<usize> {
        debug_assert!(self.spaces.iter().any(|s| s.offset == info.offset && s.len == info.len));
        let end = at.checked_add(info.span(ty) as u64);
        // Checked all the same where the bound is natural: folded away where the address type makes it true.
        let inside = end.is_some_and(|end| end <= self.bound(info) as u64);
        inside.then(|| info.offset + at as usize * info.stride)
    }

    /// How many addresses of space `space` may be accessed now.
    pub fn len(&self, space: usize) -> usize {
        self.bound(&self.spaces[space])
    }

    #[inline(always)]
    fn bound(&self, info: &SpaceInfo) -> usize {
        match info.bound {
            Bound::Natural | Bound::Fixed => info.len,
            Bound::Register(slot) => self.slot(slot as usize).min(info.len as u64) as usize,
        }
    }

    /// The element at an offset that [`State::element`] gave.
    #[inline(always)]
    pub(crate) fn read_element<T: Scalar>(&self, offset: usize) -> T {
        match T::TYPE {
            Type::Bool | Type::I8 => T::from_bits(self.read::<u8>(offset) as u64),
            Type::I16 => T::from_bits(self.read::<u16>(offset) as u64),
            Type::I32 => T::from_bits(self.read::<u32>(offset) as u64),
            Type::I64 | Type::F64 => T::from_bits(self.read::<u64>(offset)),
        }
    }

    /// Writes the element at an offset that [`State::element`] gave.
    #[inline(always)]
    pub(crate) fn write_element<T: Scalar>(&mut self, offset: usize, value: T) {
        match T::TYPE {
            Type::Bool | Type::I8 => self.write(offset, value.to_bits() as u8),
            Type::I16 => self.write(offset, value.to_bits() as u16),
            Type::I32 => self.write(offset, value.to_bits() as u32),
            Type::I64 | Type::F64 => self.write(offset, value.to_bits()),
        }
    }

    /// The element at `at`, whatever its attributes; `None` outside the space.
    #[inline(always)]
    pub fn peek<A: Int, T: Scalar>(&self, space: Space<A, T>, at: A) -> Option<T> {
        self.element(self.info(space), T::TYPE, at.to_bits()).map(|offset| self.read_element(offset))
    }

    /// The bits of the element at address `at` of space `space`, whatever its type and attributes.
    pub fn bits(&self, space: usize, at: u64) -> Option<u64> {
        let info = &self.spaces[space];
        let offset = self.element(info, info.element, at)?;
        Some(match info.element {
            Type::Bool | Type::I8 => self.read::<u8>(offset) as u64,
            Type::I16 => self.read::<u16>(offset) as u64,
            Type::I32 => self.read::<u32>(offset) as u64,
            Type::I64 | Type::F64 => self.read(offset),
        })
    }

    /// Writes the element at `at`, whatever its attributes; `None` outside the space. If a tier holds
    /// something made from its old value, that is noted for it ([`State::touch`]).
    #[inline(always)]
    pub fn poke<A: Int, T: Scalar>(&mut self, space: Space<A, T>, at: A, value: T) -> Option<()> {
        let offset = self.element(self.info(space), T::TYPE, at.to_bits())?;
        self.write_element(offset, value);
        self.wrote(space.id(), at.to_bits());
        Some(())
    }

    /// Notes that the element at `at` was written, if a tier holds something made from it, or its part was clean.
    #[inline(always)]
    pub(crate) fn wrote(&mut self, space: usize, at: u64) {
        let attributes = self.attributes(space, at);
        if attributes & attr::CLEAN != 0 {
            self.change(space, at);
        }
        if attributes & attr::MADE != 0 {
            self.touch(at as Pc..at as Pc + 1);
        }
    }

    /// Notes that what was decoded or compiled from these code addresses no longer holds. Whoever runs the
    /// machine looks before it goes on.
    #[cold]
    pub fn touch(&mut self, range: Range<Pc>) {
        self.touched.push(range);
    }

    /// Touches those words of a range of the space that a tier holds something made from. Cheap where these are few.
    pub fn touch_made(&mut self, space: usize, range: Range<Pc>) {
        const TOGETHER: usize = 64;
        let made = |attributes: &u8| attributes & attr::MADE != 0;
        let mut found = Vec::new();
        let all =
            self.all_attributes(space).get(range.start as usize..range.end as usize).unwrap_or_default();
        for (chunk, first) in all.chunks(TOGETHER).zip((range.start..).step_by(TOGETHER)) {
            // All of a chunk at once: most have none.
            if made(&chunk.iter().fold(0, |all, one| all | one)) {
                found.extend((first..).zip(chunk).filter(|(_, one)| made(one)).map(|(at, _)| at));
            }
        }
        found.into_iter().for_each(|at| self.touch(at..at + 1));
    }

    /// The attributes of a space, by address; none where it has none.
    pub(crate) fn all_attributes(&self, space: usize) -> &[u8] {
        let info = &self.spaces[space];
        let len = if info.attributes { info.len } else { 0 };
        &self.block[info.attributes_offset..info.attributes_offset + len]
    }

    /// The same for some addresses of a space that has them, to change.
    fn attributes_mut(&mut self, space: usize, addresses: Range<usize>) -> &mut [u8] {
        let info = &self.spaces[space];
        assert!(info.attributes && addresses.end <= info.len);
        &mut self.block[info.attributes_offset + addresses.start..info.attributes_offset + addresses.end]
    }

    /// Copies what the guest says of its memory, adding these attributes to all elements.
    fn take_attributes(&mut self, from: &State, add: u8) {
        for space in (0..self.spaces.len()).filter(|&space| self.spaces[space].attributes) {
            let attributes = self.attributes_mut(space, 0..from.spaces[space].len);
            for (attributes, of) in attributes.iter_mut().zip(from.all_attributes(space)) {
                *attributes = of & attr::GUEST | add;
            }
        }
    }

    /// Copies a range of the block from a state of the same spaces.
    fn copy(&mut self, from: &State, range: Range<usize>) {
        self.block[range.clone()].copy_from_slice(&from.block[range]);
    }

    /// Copies what is not in spaces.
    fn copy_registers(&mut self, from: &State) {
        self.copy(from, 0..SPACES);
        self.forget_plain();
    }

    /// The same into zeros: pages that are to be zero stay untouched.
    fn fill(&mut self, from: &State, range: Range<usize>) {
        const PAGE: usize = 4096;
        for start in range.clone().step_by(PAGE) {
            let page = start..range.end.min(start + PAGE);
            if from.block[page.clone()] != [0; PAGE][..page.len()] {
                self.copy(from, page);
            }
        }
    }

    /// The registers, and the spaces that have attributes, as they are now with all that the tiers have noted there: what a
    /// translator may look at.
    #[cfg(feature = "jit")]
    pub(crate) fn snapshot(&self) -> State {
        self.block.will_read();
        let mut copy = State::new(self.spaces);
        copy.copy(self, 0..SPACES);
        for (id, info) in self.spaces.iter().enumerate().filter(|(_, info)| info.attributes) {
            copy.fill(self, info.attributes_offset..info.attributes_offset + info.len);
            copy.fill(self, info.addresses(0..self.len(id)));
        }
        copy
    }

    /// What was touched since the last call.
    pub(crate) fn take_touched(&mut self) -> Vec<Range<Pc>> {
        std::mem::take(&mut self.touched)
    }

    #[inline(always)]
    fn info<A: Int, T: Scalar>(&self, space: Space<A, T>) -> &'static SpaceInfo {
        info(self.spaces, space)
    }

    /// The attributes of the element at address `at` of space `space`; 0 where there are none.
    #[inline(always)]
    pub fn attributes(&self, space: usize, at: u64) -> u8 {
        let info = &self.spaces[space];
        if info.attributes && at < info.len as u64 {
            self.read(info.attributes_offset + at as usize)
        } else {
            0
        }
    }

    /// The attributes of the element at `at`, for which [`State::element`] gave an offset, of a space that
    /// has attributes.
    #[inline(always)]
    pub(crate) fn attributes_in(&self, info: &'static SpaceInfo, at: u64) -> u8 {
        debug_assert!(info.attributes && at < info.len as u64);
        self.read(info.attributes_offset + at as usize)
    }

    /// Changes attributes of the element at address `at` of space `space`: clears, then sets.
    #[inline(always)]
    pub(crate) fn change_attributes(&mut self, space: usize, at: u64, clear: u8, set: u8) {
        let info = &self.spaces[space];
        if info.attributes && at < info.len as u64 {
            let offset = info.attributes_offset + at as usize;
            let now: u8 = self.read(offset);
            self.write(offset, now & !clear | set);
            if set & attr::ANY != 0 && self.plain(space).contains(&at) {
                self.cut_plain(space, at);
            }
        }
    }

    /// Gives these attributes to addresses of a space that has attributes: before the machine runs.
    pub(crate) fn mark(&mut self, space: usize, addresses: Range<usize>, set: u8) {
        self.attributes_mut(space, addresses).iter_mut().for_each(|attributes| *attributes |= set);
    }

    /// The bytes of space `space`'s elements, as far as they may be accessed.
    pub fn bytes(&self, space: usize) -> &[u8] {
        let info = &self.spaces[space];
        &self.block[info.addresses(0..self.len(space))]
    }
}

/// A copy with nothing in it that tiers have made. If the state can be restored, the copy can, too, to the same.
impl Clone for State {
    fn clone(&self) -> Self {
        if let Some(Origin { state, .. }) = &self.origin {
            let mut copy = Self::derived(state, self);
            copy.take_changes(self);
            return copy;
        }
        let mut copy = State::new(self.spaces);
        copy.copy_registers(self);
        for (id, info) in self.spaces.iter().enumerate() {
            copy.fill(self, info.addresses(0..self.len(id)));
        }
        copy.take_attributes(self, 0);
        copy
    }
}
