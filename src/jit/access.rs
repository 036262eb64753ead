//! Accesses to memory: which of them leave, what is tested, and what need not be tested again.

use std::ops::Range;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, Value, types};

use super::Reason;
use super::elements::Home;
use super::facts::Extent;
use super::translate::{Translator, Val, clif};
use crate::guest::Guest;
use crate::ops::{Int, Pc, Scalar, Space, Type};
use crate::state::{Bound, SpaceInfo, attr, info};
use crate::tier::Plant;

/// Elements around a pointer that were tested: an access to one of them needs no test where this block has
/// been passed.
#[derive(Clone, Copy)]
pub(super) struct Found {
    pub(super) block: usize,
    /// Offsets from the pointer, inclusive.
    pub(super) from: i64,
    pub(super) to: i64,
    /// The address, in 64 bits, of the element at offset `base_offset`. Addresses between `from` and `to` do
    /// not wrap round.
    pub(super) base: Value,
    pub(super) base_offset: i64,
}

impl<G: Guest> Translator<'_, G> {
    /// A load: what leaves before it, then the access itself, or the value of a literal.
    pub(super) fn load_element<A: Int, T: Scalar>(&mut self, space: Space<A, T>, at: Val) -> Val {
        let id = space.id();
        let info = info(G::SPACES, space);
        let (extent, home) = self.accesses.next().unwrap_or_default();
        let named = self.named & 1 != 0;
        self.named >>= 1;
        let forwardable = self.forwardable::<A>(info, at);
        let (base, offset) = match (home, self.held(id, forwardable), at) {
            // What does not matter any more is nothing that a right meaning reads.
            (Some(Home::Slot(slot)), ..) => return self.now.slots[slot].unwrap_or(Val::Known(0)),
            (Some(Home::Memory(offset)), ..) => (self.base(id), offset),
            (None, _, Val::Known(at)) if self.attributes(id, at) & attr::READ != 0 => {
                self.leave_always(Reason::Load);
                return Val::Known(0);
            }
            // A word that an instruction names is often a constant; what a pointer points to seldom is.
            (None, _, Val::Known(at)) if named && G::CODE == Some(id) && self.literal(at).is_some() => {
                self.literals.insert(at as Pc);
                return Val::Known(self.literal(at).unwrap_or_default());
            }
            (None, Some(held), _) => return held,
            (None, None, Val::Is(at)) if info.attributes => {
                self.check_access::<A>(id, at, attr::READ, extent)
            }
            (None, None, at) => self.check_element::<A>(id, info.span(T::TYPE), at, extent),
        };
        let (address, offset) = self.address(info, base, offset);
        let flags = self.flags(Some(id));
        let value = Val::Is(self.b.ins().load(clif(T::TYPE), flags, address, offset));
        self.note_load(id, forwardable, value);
        value
    }

    /// A store: what leaves before it, then the access itself.
    pub(super) fn store_element<A: Int, T: Scalar>(&mut self, space: Space<A, T>, at: Val, v: Val) {
        let id = space.id();
        let info = info(G::SPACES, space);
        let (extent, home) = self.accesses.next().unwrap_or_default();
        self.named >>= 1;
        let forwardable = self.forwardable::<A>(info, at);
        let (base, offset) = match (home, at) {
            (Some(Home::Slot(slot)), _) => {
                self.now.slots[slot] = Some(v);
                return;
            }
            (Some(Home::Memory(offset)), _) => (self.base(id), offset),
            (None, Val::Known(at)) if info.attributes => {
                let special = self.attributes(id, at);
                let pc = at as Pc;
                let base = self.extended::<A>(Val::Known(at));
                if special & attr::WRITE != 0 {
                    return self.leave_always(Reason::Store);
                }
                let is_made = special & attr::MADE != 0 || self.own_words.contains(&pc);
                if G::CODE == Some(id) && !is_made && self.literal(at).is_none() {
                    self.trusted.insert(pc);
                } else {
                    let special = self.test_attributes(id, base, types::I32, attr::STORE as u64);
                    self.leave_if(special, Reason::Store);
                }
                (base, 0)
            }
            (None, Val::Is(at)) if info.attributes => self.check_access::<A>(id, at, attr::ANY, extent),
            (None, at) => self.check_element::<A>(id, info.span(T::TYPE), at, extent),
        };
        let (address, offset) = self.address(info, base, offset);
        let mut value = self.value::<T>(v);
        if T::TYPE == Type::F64 {
            value = self.one_nan(value);
        }
        let flags = self.flags(Some(id));
        self.b.ins().store(flags, value, address, offset);
        self.note_store(id, forwardable, v);
    }

    /// What was found out about the element at `offset` from `pointer` on every way to here.
    fn found(&self, space: usize, pointer: Value, kind: u8, offset: i64) -> Option<Found> {
        let found = self.found.get(&(space, pointer, kind))?;
        let mut block = self.current;
        loop {
            let here = found.iter().find(|f| f.block == block && (f.from..=f.to).contains(&offset));
            if here.is_some() {
                return here.copied();
            }
            block = self.region.blocks[block].dominator?;
        }
    }

    /// The attributes of an address known when translating.
    fn attributes(&self, space: usize, at: u64) -> u8 {
        self.known.state.attributes(space, at)
    }

    /// What an element does not hold any more: nobody reads it before it is written.
    pub(super) fn discard_element(&mut self) {
        if let Some((_, Some(Home::Slot(slot)))) = self.accesses.next() {
            self.now.slots[slot] = None;
        }
    }

    /// Leaves unless the `span` addresses from `at` are within the space. Returns the address of an element in 64 bits,
    /// and how far the one at `at` is from it.
    fn check_element<A: Int>(&mut self, space: usize, span: usize, at: Val, extent: Extent) -> (Value, i64) {
        let info = &G::SPACES[space];
        let may_change = |slot: u8| self.written.contains(&usize::from(slot));
        let alone = match info.bound {
            Bound::Natural => return (self.extended::<A>(at), 0),
            Bound::Fixed => self.known.is_careful(self.pc),
            Bound::Register(slot) => self.known.is_careful(self.pc) || may_change(slot),
        };
        let (pointer, offset) = match at {
            Val::Is(at) if !alone => self.offsets.get(&at).copied().unwrap_or((at, 0)),
            at => {
                let at = self.extended::<A>(at);
                self.check_bound(info, at, 0..span as i64);
                return (at, 0);
            }
        };
        let found = self.found(space, pointer, span as u8, offset).unwrap_or_else(|| {
            let base = self.extended::<A>(Val::Is(pointer));
            let (from, to) = (offset + extent.below, offset + extent.above);
            self.check_bound(info, base, from..to + span as i64);
            let found = Found { block: self.current, from, to, base, base_offset: 0 };
            self.found.entry((space, pointer, span as u8)).or_default().push(found);
            found
        });
        (found.base, offset)
    }

    /// Leaves unless the addresses at these distances from `at`, extended to 64 bits, are within the space. What is
    /// compared with, perhaps below zero, has nothing of `at` in it: where the length stays the same, so does it.
    pub(super) fn check_bound(&mut self, info: &SpaceInfo, at: Value, Range { start, end }: Range<i64>) {
        let len = info.len as i64;
        let behind = match info.bound {
            Bound::Natural | Bound::Fixed => self.b.ins().iconst(types::I64, len - end + 1),
            Bound::Register(slot) => {
                debug_assert_eq!(G::SLOTS[slot as usize].1, Type::I32);
                let limit = self.slot_value(slot as usize);
                let limit = self.b.ins().uextend(types::I64, limit);
                let len = self.b.ins().iconst(types::I64, len);
                let limit = self.b.ins().umin(limit, len);
                self.b.ins().iadd_imm_s(limit, 1 - end)
            }
        };
        let outside = if start < 0 {
            // What is below 0 is, without a sign, above all. Where there is no room at all, nothing is inside.
            let first = self.b.ins().iadd_imm_s(at, start);
            let places = self.b.ins().iadd_imm_s(behind, start);
            let none = self.b.ins().iconst(types::I64, 0);
            let places = self.b.ins().smax(places, none);
            self.b.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, first, places)
        } else {
            self.b.ins().icmp(IntCC::SignedGreaterThanOrEqual, at, behind)
        };
        self.leave_if(outside, Reason::Bounds);
    }

    /// Leaves where an access to `at` is not a plain one. Returns the address of an element in 64 bits, and how
    /// far the one at `at` is from it.
    fn check_access<A: Int>(&mut self, space: usize, at: Value, kind: u8, extent: Extent) -> (Value, i64) {
        let (pointer, offset) = self.offsets.get(&at).copied().unwrap_or((at, 0));
        let known = self
            .found(space, pointer, kind, offset)
            // Where any access is a plain one, so is this.
            .or_else(|| self.found(space, pointer, attr::ANY, offset));
        let found = known.unwrap_or_else(|| {
            let kind = if extent.is_stored { attr::ANY } else { kind };
            let found = match (&self.known.plain[space], kind) {
                (Some(plain), attr::READ) => self.check_range::<A>(plain.clone(), pointer, offset, extent),
                _ => self.check_attributes::<A>(space, kind, (at, offset), extent),
            };
            self.found.entry((space, pointer, kind)).or_default().push(found);
            found
        });
        (found.base, offset - found.base_offset)
    }

    /// Leaves unless all of the extent around `pointer` plus `offset` is in `plain`.
    fn check_range<A: Int>(
        &mut self,
        plain: std::ops::Range<u64>,
        pointer: Value,
        offset: i64,
        extent: Extent,
    ) -> Found {
        let (from, to) = (offset + extent.below, offset + extent.above);
        // A small, perhaps negative, index into a table: with its sign, the sum needs not be cut to the address's width, and
        // is the address if it is in range. Where it often was not, the index may be large, and the sum wrap.
        let is_small = |&(_, table): &(Value, u64)| plain.contains(&table) && !self.known.is_careful(self.pc);
        let indexed = self.indexed.get(&pointer).copied().filter(is_small);
        let (base, table) = match indexed {
            Some((index, table)) => (self.b.ins().sextend(types::I64, index), table as i64),
            None => (self.extended::<A>(Val::Is(pointer)), 0),
        };
        // One test: what is below the range wraps, in 64 bits, to above it.
        let start = self.b.ins().iadd_imm_s(base, table + from - plain.start as i64);
        let len = ((plain.end - plain.start) as i64 - (to - from)).max(0);
        let special = self.b.ins().icmp_imm_s(IntCC::UnsignedGreaterThanOrEqual, start, len);
        self.leave_if(special, Reason::Load);
        Found { block: self.current, from, to, base, base_offset: -table }
    }

    /// Leaves if an element of the extent around `at` has one of the attributes `mask`. One load tests up to
    /// eight: the attributes' end is padded with bytes that have them all, so an extent that wraps leaves.
    fn check_attributes<A: Int>(
        &mut self,
        space: usize,
        mask: u8,
        (at, offset): (Value, i64),
        extent: Extent,
    ) -> Found {
        let count = extent.above - extent.below + 1;
        // Not less than 32 bits, whose loads are cheaper than those of parts of a register.
        let ty = if count <= 4 { types::I32 } else { types::I64 };
        let from = offset + extent.below;
        let first = match extent.below {
            0 => at,
            below => self.b.ins().iadd_imm_s(at, below),
        };
        let base = self.extended::<A>(Val::Is(first));
        let wanted = u64::MAX >> (64 - 8 * count);
        let special = self.test_attributes(space, base, ty, u64::from_ne_bytes([mask; 8]) & wanted);
        self.leave_if(special, if mask == attr::READ { Reason::Load } else { Reason::Store });
        Found { block: self.current, from, to: offset + extent.above, base, base_offset: from }
    }

    /// Whether the elements from `at` on have one of these attributes, a byte of the mask an element.
    /// Attributes change only while no native code runs.
    fn test_attributes(&mut self, space: usize, at: Value, ty: ir::Type, mask: u64) -> Value {
        let flags = MemFlagsData::new().with_notrap().with_readonly().with_can_move();
        let address = self.b.ins().iadd(self.state, at);
        let offset = G::SPACES[space].attributes_offset() as i32;
        let attributes = self.b.ins().load(ty, flags, address, offset);
        let mask = self.b.ins().iconst(ty, mask as i64);
        self.b.ins().band(attributes, mask)
    }

    /// The address, as a base and a constant, of the element `offset` elements from the one at `base`.
    pub(super) fn address(&mut self, info: &SpaceInfo, base: Value, offset: i64) -> (Value, i32) {
        let scaled = match info.stride {
            1 => base,
            stride => self.b.ins().ishl_imm_u(base, stride.trailing_zeros() as i64),
        };
        let astray = i64::from(self.known.plant == Some(Plant::Access)) << 24;
        let constant = info.offset() as i64 + offset * info.stride as i64 + astray;
        (self.b.ins().iadd(self.state, scaled), constant as i32)
    }

    fn literal(&self, at: u64) -> Option<u64> {
        self.known.literal::<G>(at)
    }

    fn extended<A: Int>(&mut self, at: Val) -> Value {
        match at {
            Val::Known(at) => self.b.ins().iconst(types::I64, at as i64),
            Val::Is(at) if A::TYPE == Type::I64 => at,
            Val::Is(at) => self.b.ins().uextend(types::I64, at),
        }
    }
}
