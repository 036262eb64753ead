//! Forwarding: what memory is known to hold, because it was just loaded or stored, is not loaded again.
//!
//! Addresses are told apart as a pointer plus a constant: two of one pointer meet only if the constants are equal, any others
//! may. What is held has been accessed on every way to here, so that it needs no test either.

use cranelift_codegen::ir::Value;

use super::translate::{Translator, Val};
use crate::guest::Guest;
use crate::ops::{Int, Type};
use crate::state::SpaceInfo;

/// Elements that are remembered at once, at most.
const MOST: usize = 32;

/// Where an element is in its space: so far from a pointer, or from 0.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Address {
    pointer: Option<Value>,
    offset: u64,
}

impl Address {
    /// Whether another address, which is not equal to this one, may be the same place.
    fn may_meet(self, other: Address) -> bool {
        self.pointer != other.pointer
    }
}

/// What an element holds.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Held {
    space: usize,
    at: Address,
    value: Val,
}

/// What memory is known to hold, the latest last.
#[derive(Clone, Default, Debug)]
pub(super) struct Memory(Vec<Held>);

impl Memory {
    fn get(&self, space: usize, at: Address) -> Option<Val> {
        self.0.iter().find(|held| held.space == space && held.at == at).map(|held| held.value)
    }

    /// Takes note of what an element holds that was unknown, or has been stored.
    fn set(&mut self, held: Held) {
        self.0.retain(|other| other.space != held.space || other.at != held.at);
        if self.0.len() == MOST {
            self.0.remove(0);
        }
        self.0.push(held);
    }

    /// Keeps what is known on another way, too.
    fn meet(&mut self, other: &Memory) {
        self.0.retain(|held| other.0.contains(held));
    }
}

impl<G: Guest> Translator<'_, G> {
    /// The address of an access whose value may be forwarded.
    pub(super) fn forwardable<A: Int>(&self, info: &SpaceInfo, at: Val) -> Option<Address> {
        // Where elements have attributes, the bound is natural and all accesses are of one type: what was accessed can be again.
        let may_forward = self.known.forwarding && info.attributes && info.element != Type::F64;
        let address = match at {
            Val::Known(at) => Address { pointer: None, offset: at },
            Val::Is(at) => {
                let (pointer, offset) = self.offsets.get(&at).copied().unwrap_or((at, 0));
                Address { pointer: Some(pointer), offset: A::truncate(offset as u64) }
            }
        };
        may_forward.then_some(address)
    }

    /// What an element is known to hold.
    pub(super) fn held(&self, space: usize, at: Option<Address>) -> Option<Val> {
        self.memory.get(space, at?)
    }

    /// An element was loaded.
    pub(super) fn note_load(&mut self, space: usize, at: Option<Address>, value: Val) {
        if let Some(at) = at {
            self.memory.set(Held { space, at, value });
        }
    }

    /// An element was stored.
    pub(super) fn note_store(&mut self, space: usize, at: Option<Address>, value: Val) {
        if let Some(at) = at {
            self.memory.0.retain(|held| held.space != space || !held.at.may_meet(at));
            self.memory.set(Held { space, at, value });
        }
    }

    /// Control may go from here to a block, with memory as it is known to be now.
    pub(super) fn hand_on_memory(&mut self, to: usize) {
        match &mut self.handed_on[to] {
            Some(known) => known.meet(&self.memory),
            none => *none = Some(self.memory.clone()),
        }
    }

    /// What is known of memory at the top of a block: where a cycle closes, nothing.
    pub(super) fn take_memory(&mut self, block: usize) {
        let known = self.handed_on[block].take().filter(|_| !self.region.blocks[block].is_checkpoint);
        self.memory = known.unwrap_or_default();
    }
}
