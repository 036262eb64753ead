//! Elements of memory that are held like registers while a region runs: a stack machine's operands, a frame's variables.
//!
//! Where all accesses of a region to a space go through one register's value at the region's entry, plus constants, these
//! are known not to meet unless the constants are equal. Each such element becomes a slot, after the guest's own: it is
//! loaded when control enters, if its value then is used, and stored where control leaves, if it has changed and still
//! matters ([`Ops::discard`]).
//! The bound is tested once, at the entry, for all of them.
//!
//! [`Ops::discard`]: crate::ops::Ops::discard

use std::ops::Range;

use cranelift_codegen::ir::{InstBuilder, Value, types};

use super::facts::{Access, Place};
use super::translate::{Point, Translator, Val, clif};
use crate::guest::Guest;
use crate::ops::Type;
use crate::state::Bound;

/// Elements of a region that are slots, at most. All are looked at where control joins or leaves.
const MOST: usize = 32;

/// An element that is a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Element {
    pub(crate) space: usize,
    /// From the base of its space.
    pub(crate) offset: i64,
    pub(crate) ty: Type,
    /// The region stores to it.
    pub(crate) is_written: bool,
}

/// A space whose accesses all go through one register's value at the entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Base {
    pub(crate) space: usize,
    /// The register.
    pub(crate) slot: usize,
    /// The offsets of the accesses.
    pub(crate) offsets: Range<i64>,
}

/// The elements that a region holds as slots, in the order of their slots, and where they are.
#[derive(Clone, Default, Debug)]
pub(crate) struct Elements {
    pub(crate) elements: Vec<Element>,
    pub(crate) bases: Vec<Base>,
}

/// Where an access goes that needs no test.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Home {
    /// To a slot.
    Slot(usize),
    /// To memory, at this distance from the space's base.
    Memory(i64),
}

impl Elements {
    /// The elements of a region with these accesses, of which the slots below `entries` are the pointers that the
    /// registers are at its entry. `is_constant` tells which registers have one value throughout.
    pub(super) fn find<G: Guest>(accesses: &[Access], is_constant: impl Fn(usize) -> bool) -> Elements {
        let mut found = Elements::default();
        for (space, info) in G::SPACES.iter().enumerate().filter(|(_, info)| !info.attributes) {
            let is_bounded = !matches!(info.bound, Bound::Register(slot) if !is_constant(slot.into()));
            let mut own = accesses.iter().filter(|access| access.kind.0 == space).peekable();
            let Some(&&Access { at: Place { pointer: slot, offset }, ty, .. }) = own.peek() else { continue };
            let alike = |a: &Access| a.at.pointer == slot && a.ty == ty;
            if !is_bounded || slot >= G::SLOTS.len() || ty.bytes() != info.stride || !own.clone().all(alike) {
                continue;
            }
            let mut offsets = offset..offset + 1;
            for &Access { kind: (_, is_store), at: Place { offset, .. }, .. } in own {
                offsets = offsets.start.min(offset)..offsets.end.max(offset + 1);
                let is_same = |e: &Element| e.space == space && e.offset == offset;
                match found.elements.iter().position(is_same) {
                    Some(number) => found.elements[number].is_written |= is_store,
                    None if found.elements.len() == MOST => {}
                    None => found.elements.push(Element { space, offset, ty, is_written: is_store }),
                }
            }
            found.bases.push(Base { space, slot, offsets });
        }
        found
    }

    /// The numbers of those that the region writes.
    pub(super) fn written(&self) -> impl Iterator<Item = usize> {
        self.elements.iter().enumerate().filter(|(_, element)| element.is_written).map(|(number, _)| number)
    }

    /// Where an access to a space goes.
    pub(super) fn home<G: Guest>(&self, space: usize, at: Place) -> Option<Home> {
        self.bases.iter().find(|base| base.space == space)?;
        let is_it = |e: &Element| e.space == space && e.offset == at.offset;
        let number = self.elements.iter().position(is_it);
        Some(number.map_or(Home::Memory(at.offset), |number| Home::Slot(G::SLOTS.len() + number)))
    }
}

impl<G: Guest> Translator<'_, G> {
    /// At the region's entry: leaves if an element is outside its space, and loads those whose values are used.
    pub(super) fn load_elements(&mut self) {
        let Elements { elements, bases } = self.facts.elements.clone();
        for Base { space, slot, offsets } in bases {
            let pointer = self.slot_value(slot);
            let base = match G::SLOTS[slot].1 {
                Type::I64 => pointer,
                _ => self.b.ins().uextend(types::I64, pointer),
            };
            self.check_bound(&G::SPACES[space], base, offsets);
            self.bases[space] = Some(base);
        }
        for Element { space, offset, ty, .. } in elements {
            let is_used = self.facts.loaded.contains(&self.now.slots.len());
            let value = is_used.then(|| {
                let (address, constant) = self.element_address(space, offset);
                let flags = self.flags(Some(space));
                Val::Is(self.b.ins().load(clif(ty), flags, address, constant))
            });
            self.now.slots.push(value);
        }
    }

    /// The address, as a base and a constant, of an element at a distance from its space's base.
    pub(super) fn element_address(&mut self, space: usize, offset: i64) -> (Value, i32) {
        let base = self.base(space);
        self.address(&G::SPACES[space], base, offset)
    }

    /// What the elements of a space are counted from, in 64 bits.
    pub(super) fn base(&self, space: usize) -> Value {
        self.bases[space].expect("a space with elements has a base")
    }

    /// Where control leaves: stores those elements that have changed and matter.
    pub(super) fn store_elements(&mut self, point: &Point) {
        for i in 0..self.facts.elements.elements.len() {
            let Element { space, offset, ty, .. } = self.facts.elements.elements[i];
            let slot = G::SLOTS.len() + i;
            // Before the elements are loaded there are no such slots.
            let Some(value) = point.slots.get(slot).copied().flatten() else { continue };
            if self.tops[0][slot] != Some(value) {
                let mut value = self.materialise(value, ty);
                if ty == Type::F64 {
                    value = self.one_nan(value);
                }
                let (address, constant) = self.element_address(space, offset);
                let flags = self.flags(Some(space));
                self.b.ins().store(flags, value, address, constant);
            }
        }
    }
}
