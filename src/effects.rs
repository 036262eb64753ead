//! What an instruction reads, writes and where it goes: its meaning over known constants.
//!
//! The third client of [`Ops`]. The region finder follows control flow with it, the translator learns which
//! registers a region changes, and the rules that keep a meaning right for every client are asserted here.

use crate::guest::{Guest, Insn};
use crate::ops::{Binary, Cond, Float, FloatCond, Flow, Int, Ops, Pc, Reg, Scalar, Space};
use crate::state::{Bound, SpaceInfo};

/// A set of register slots.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Slots(u128);

impl Slots {
    /// Adds a slot.
    pub fn insert(&mut self, slot: usize) {
        self.0 |= 1 << slot;
    }
    /// Whether the slot is in the set.
    pub fn contains(self, slot: usize) -> bool {
        self.0 >> slot & 1 != 0
    }
    /// Adds a whole set.
    pub fn extend(&mut self, other: Slots) {
        self.0 |= other.0;
    }
    /// The slots, lowest first.
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..crate::state::SLOTS).filter(move |&slot| self.contains(slot))
    }
}

/// An access to memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Access {
    /// The space's number.
    pub space: usize,
    /// The address, where the instruction itself fixes it.
    pub at: Option<u64>,
    /// A store, not a load.
    pub store: bool,
}

/// What an instruction does, as far as the instruction itself tells.
#[derive(Clone, Debug)]
pub struct Effects {
    /// Registers read, those that bound a space among them.
    pub reads: Slots,
    /// Registers written.
    pub writes: Slots,
    /// Accesses to memory, in order.
    pub accesses: Vec<Access>,
    /// Whether something is required that may not hold.
    pub requires: bool,
    /// Where control goes.
    pub flow: Flow<Option<bool>, Option<Pc>>,
}

/// What `insn` at `pc` does.
///
/// # Panics
/// With debug assertions, if the meaning breaks a rule of [`Ops`]: something that may refuse the
/// instruction after its first effect.
pub fn of<G: Guest>(insn: Insn, pc: Pc) -> Effects {
    let mut client = Client { effects: Effects::none(), insn, acted: false, spaces: G::SPACES };
    let flow = G::meaning(insn, pc, &mut client);
    client.effects.flow = flow;
    client.effects
}

impl Effects {
    fn none() -> Effects {
        Effects {
            reads: Slots::default(),
            writes: Slots::default(),
            accesses: Vec::new(),
            requires: false,
            flow: Flow::Next,
        }
    }

    /// The accesses whose addresses the instruction itself fixes: bit n is for access n.
    pub fn named_accesses(&self) -> u32 {
        let bits = self.accesses.iter().enumerate().map(|(n, access)| u32::from(access.at.is_some()) << n);
        bits.fold(0, |all, bit| all | bit)
    }

    /// Whether the instruction does nothing but go on to the next.
    pub fn is_idle(&self) -> bool {
        self.flow == Flow::Next && self.writes == Slots::default() && self.accesses.is_empty()
    }
}

struct Client {
    effects: Effects,
    insn: Insn,
    /// An effect has been seen.
    acted: bool,
    spaces: &'static [SpaceInfo],
}

impl Client {
    fn may_refuse(&self) {
        debug_assert!(!self.acted, "{:?} may be refused after its first effect", self.insn);
    }

    fn access(&mut self, space: usize, at: Option<u64>, store: bool) {
        self.effects.accesses.push(Access { space, at, store });
        if let Bound::Register(slot) = self.spaces[space].bound {
            self.effects.reads.insert(slot as usize);
        }
    }
}

fn both<A, B, C>(a: Option<A>, b: Option<B>, f: impl FnOnce(A, B) -> C) -> Option<C> {
    Some(f(a?, b?))
}

impl Ops for Client {
    type V<T: Scalar> = Option<T>;

    fn imm<T: Scalar>(&mut self, value: T) -> Option<T> {
        Some(value)
    }
    fn binary<T: Int>(&mut self, op: Binary, a: Option<T>, b: Option<T>) -> Option<T> {
        both(a, b, |a, b| T::binary(op, a, b))
    }
    fn compare<T: Int>(&mut self, cond: Cond, a: Option<T>, b: Option<T>) -> Option<bool> {
        both(a, b, |a, b| T::compare(cond, a, b))
    }
    fn select<T: Scalar>(&mut self, c: Option<bool>, a: Option<T>, b: Option<T>) -> Option<T> {
        if c? { a } else { b }
    }
    fn unsigned<F: Int, T: Int>(&mut self, v: Option<F>) -> Option<T> {
        v.map(|v| T::from_bits(v.to_bits()))
    }
    fn signed<F: Int, T: Int>(&mut self, v: Option<F>) -> Option<T> {
        v.map(|v| T::from_bits(v.sign_extended()))
    }
    fn float(&mut self, op: Float, a: Option<f64>, b: Option<f64>) -> Option<f64> {
        both(a, b, |a, b| op.apply(a, b))
    }
    fn compare_float(&mut self, cond: FloatCond, a: Option<f64>, b: Option<f64>) -> Option<bool> {
        both(a, b, |a, b| cond.apply(a, b))
    }
    fn int_to_float(&mut self, v: Option<u64>) -> Option<f64> {
        v.map(|v| v as i64 as f64)
    }
    fn float_bits(&mut self, v: Option<f64>) -> Option<u64> {
        v.map(Scalar::to_bits)
    }
    fn bits_float(&mut self, v: Option<u64>) -> Option<f64> {
        v.map(f64::from_bits)
    }
    fn get<T: Scalar>(&mut self, r: Reg<T>) -> Option<T> {
        self.effects.reads.insert(r.slot());
        None
    }
    fn set<T: Scalar>(&mut self, r: Reg<T>, _: Option<T>) {
        self.acted = true;
        self.effects.writes.insert(r.slot());
    }
    fn load<A: Int, T: Scalar>(&mut self, space: Space<A, T>, at: Option<A>) -> Option<T> {
        self.may_refuse();
        self.access(space.id(), at.map(A::to_bits), false);
        None
    }
    fn store<A: Int, T: Scalar>(&mut self, space: Space<A, T>, at: Option<A>, _: Option<T>) {
        self.may_refuse();
        self.acted = true;
        self.access(space.id(), at.map(A::to_bits), true);
    }
    fn discard<A: Int, T: Scalar>(&mut self, _: Space<A, T>, _: Option<A>) {
        self.acted = true;
    }
    fn require(&mut self, _: Option<bool>, _: u8) {
        self.may_refuse();
        self.effects.requires = true;
    }
}
