//! One instruction over plain numbers: as long as nothing about it is special, and in full.

use std::marker::PhantomData;

use super::{Event, Machine};
use crate::guest::{Guest, Refusal};
use crate::ops::{Binary, Cond, Float, FloatCond, Int, Ops, Reg, Scalar, Space, Type};
use crate::state::{State, attr, info};

/// What plain numbers do, whatever memory is.
macro_rules! arithmetic {
    () => {
        type V<T: Scalar> = T;

        #[inline(always)]
        fn imm<T: Scalar>(&mut self, value: T) -> T {
            value
        }
        #[inline(always)]
        fn binary<T: Int>(&mut self, op: Binary, a: T, b: T) -> T {
            T::binary(op, a, b)
        }
        #[inline(always)]
        fn compare<T: Int>(&mut self, cond: Cond, a: T, b: T) -> bool {
            T::compare(cond, a, b)
        }
        #[inline(always)]
        fn select<T: Scalar>(&mut self, c: bool, a: T, b: T) -> T {
            if c { a } else { b }
        }
        #[inline(always)]
        fn unsigned<F: Int, T: Int>(&mut self, v: F) -> T {
            T::from_bits(v.to_bits())
        }
        #[inline(always)]
        fn signed<F: Int, T: Int>(&mut self, v: F) -> T {
            T::from_bits(v.sign_extended())
        }
        #[inline(always)]
        fn float(&mut self, op: Float, a: f64, b: f64) -> f64 {
            op.apply(a, b)
        }
        #[inline(always)]
        fn compare_float(&mut self, cond: FloatCond, a: f64, b: f64) -> bool {
            cond.apply(a, b)
        }
        #[inline(always)]
        fn int_to_float(&mut self, v: u64) -> f64 {
            v as i64 as f64
        }
        #[inline(always)]
        fn float_bits(&mut self, v: f64) -> u64 {
            Scalar::to_bits(v)
        }
        #[inline(always)]
        fn bits_float(&mut self, v: u64) -> f64 {
            f64::from_bits(v)
        }
        #[inline(always)]
        fn discard<A: Int, T: Scalar>(&mut self, _: Space<A, T>, _: A) {}
    };
}

/// An instruction whose accesses are expected to be plain ones. If one is not, or a requirement does not hold, that is
/// noted, and what is left of the instruction has no effect; before it there was none, by the rule *leave first*.
pub(super) struct Plain<'a, G> {
    pub(super) state: &'a mut State,
    pub(super) special: bool,
    pub(super) guest: PhantomData<G>,
}

impl<G: Guest> Ops for Plain<'_, G> {
    arithmetic!();

    #[inline(always)]
    fn get<T: Scalar>(&mut self, r: Reg<T>) -> T {
        self.state.get(r)
    }
    #[inline(always)]
    fn set<T: Scalar>(&mut self, r: Reg<T>, v: T) {
        if !self.special {
            self.state.set(r, v);
        }
    }
    #[inline(always)]
    fn load<A: Int, T: Scalar>(&mut self, space: Space<A, T>, at: A) -> T {
        let info = info(G::SPACES, space);
        let at = at.to_bits();
        match self.state.element(info, T::TYPE, at) {
            Some(offset) if !info.attributes || self.state.attributes_in(info, at) & attr::READ == 0 => {
                self.state.read_element(offset)
            }
            _ => {
                self.special = true;
                T::from_bits(0)
            }
        }
    }
    #[inline(always)]
    fn store<A: Int, T: Scalar>(&mut self, space: Space<A, T>, at: A, v: T) {
        let info = info(G::SPACES, space);
        let at = at.to_bits();
        match self.state.element(info, T::TYPE, at) {
            Some(offset) if !info.attributes || self.state.attributes_in(info, at) & attr::STORE == 0 => {
                if !self.special {
                    self.state.write_element(offset, v);
                }
            }
            _ => self.special = true,
        }
    }
    #[inline(always)]
    fn require(&mut self, holds: bool, _: u8) {
        self.special |= !holds;
    }
}

/// An instruction with all that may be special about it.
pub(super) struct Special<'a, G> {
    pub(super) machine: &'a mut Machine<G>,
    /// The instruction is refused, for the reason in the machine's event: what is left of it has no effect.
    pub(super) refused: bool,
}

impl<G: Guest> Ops for Special<'_, G> {
    arithmetic!();

    fn get<T: Scalar>(&mut self, r: Reg<T>) -> T {
        self.machine.state.get(r)
    }
    fn set<T: Scalar>(&mut self, r: Reg<T>, v: T) {
        if !self.refused {
            self.machine.state.set(r, v);
        }
    }
    fn load<A: Int, T: Scalar>(&mut self, space: Space<A, T>, at: A) -> T {
        if self.refused {
            return T::from_bits(0);
        }
        let value = self.machine.load(space.id(), at.to_bits());
        self.refused = value.is_none();
        value.unwrap_or(T::from_bits(0))
    }
    fn store<A: Int, T: Scalar>(&mut self, space: Space<A, T>, at: A, v: T) {
        if !self.refused {
            self.refused = !self.machine.store(space.id(), at.to_bits(), v);
        }
    }
    fn require(&mut self, holds: bool, fault: u8) {
        if !holds && !self.refused {
            let (reason, detail) = self.machine.guest.required(&self.machine.state, fault);
            self.machine.refuse(Refusal::Fault(reason, detail));
            self.refused = true;
        }
    }
}

impl<G: Guest> Machine<G> {
    fn refuse(&mut self, refusal: Refusal) {
        self.event = Some(Event::Refused(refusal));
    }

    /// A load; `None` if it is refused.
    fn load<T: Scalar>(&mut self, space: usize, at: u64) -> Option<T> {
        let info = &G::SPACES[space];
        let offset = self.element(space, T::TYPE, at, false)?;
        if !info.attributes || self.state.attributes_in(info, at) & attr::READ == 0 {
            return Some(self.state.read_element(offset));
        }
        match self.guest.load(&mut self.state, space, at) {
            Ok(bits) => Some(T::from_bits(bits)),
            Err(refusal) => {
                self.refuse(refusal);
                None
            }
        }
    }

    /// A store; `false` if it is refused.
    fn store<T: Scalar>(&mut self, space: usize, at: u64, value: T) -> bool {
        let Some(offset) = self.element(space, T::TYPE, at, true) else { return false };
        if self.state.attributes(space, at) & attr::WRITE != 0 {
            match self.guest.store(&mut self.state, space, at, value.to_bits()) {
                Ok(false) => {}
                Ok(true) => self.event = Some(Event::Halt),
                Err(refusal) => {
                    self.refuse(refusal);
                    return false;
                }
            }
        } else {
            self.state.write_element(offset, value);
            self.state.wrote(space, at);
        }
        self.code.refresh::<G>(&mut self.state);
        true
    }

    /// The offset of the value of this type at `at`; `None` if the access is refused.
    fn element(&mut self, space: usize, ty: Type, at: u64, store: bool) -> Option<usize> {
        let info = &G::SPACES[space];
        let end = at.saturating_add(info.span(ty) as u64);
        if end > self.state.len(space) as u64 {
            self.guest.grow(&mut self.state, space, end);
        }
        let offset = self.state.element(info, ty, at);
        if offset.is_none() {
            let (reason, detail) = self.guest.outside(&self.state, space, at, store);
            self.refuse(Refusal::Fault(reason, detail));
        }
        offset
    }
}
