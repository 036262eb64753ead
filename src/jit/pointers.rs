//! How far the accesses of a block reach from the pointers that they go through, so that the first can be
//! tested for all of them: a meaning over *pointer plus offset*.

use crate::guest::Guest;
use crate::ops::{Binary, Cond, Float, FloatCond, Int, Ops, Reg, Scalar, Space};
use crate::region::Block;

/// Accesses further apart than this are not tested together.
const REACH: i64 = 7;

/// How far accesses through the same pointer reach from this one: offsets that are at most 0 and at least 0.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Extent {
    pub(crate) below: i64,
    pub(crate) above: i64,
}

/// The extents of a block's accesses, in the order in which its instructions make them.
pub(crate) fn extents<G: Guest>(block: &Block) -> Vec<Extent> {
    let mut client = Client { slots: vec![None; G::SLOTS.len()], pointers: 0, accesses: Vec::new() };
    for &(pc, insn) in &block.insns {
        G::meaning(insn, pc, &mut client);
    }
    let all = &client.accesses;
    (0..all.len()).map(|i| extent(&all[i], &all[i..])).collect()
}

fn extent(first: &Access, rest: &[Access]) -> Extent {
    let mut extent = Extent::default();
    for other in rest.iter().filter(|a| a.kind == first.kind && a.at.pointer == first.at.pointer) {
        let from = other.at.offset - first.at.offset;
        let (below, above) = (extent.below.min(from), extent.above.max(from));
        if above - below <= REACH {
            extent = Extent { below, above };
        }
    }
    extent
}

/// A pointer, by number, and an offset from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pointer: usize,
    offset: i64,
}

#[derive(Debug)]
struct Access {
    /// Space and direction.
    kind: (usize, bool),
    at: Place,
}

/// A value: known, or a place.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value {
    Known(u64),
    At(Place),
}

struct Client {
    slots: Vec<Option<Value>>,
    pointers: usize,
    accesses: Vec<Access>,
}

impl Client {
    fn fresh(&mut self) -> Value {
        self.pointers += 1;
        Value::At(Place { pointer: self.pointers, offset: 0 })
    }

    fn access(&mut self, space: usize, store: bool, at: Value) {
        // An address that is known belongs to no pointer but has a number in the order of accesses.
        let at = match at {
            Value::At(place) => place,
            Value::Known(_) => Place { pointer: 0, offset: i64::MAX / 2 },
        };
        self.accesses.push(Access { kind: (space, store), at });
    }
}

impl Ops for Client {
    type V<T: Scalar> = Value;

    fn imm<T: Scalar>(&mut self, value: T) -> Value {
        Value::Known(value.to_bits())
    }
    fn binary<T: Int>(&mut self, op: Binary, a: Value, b: Value) -> Value {
        let signed = |bits| T::from_bits(bits).sign_extended() as i64;
        match (op, a, b) {
            (_, Value::Known(a), Value::Known(b)) => {
                Value::Known(T::binary(op, T::from_bits(a), T::from_bits(b)).to_bits())
            }
            (Binary::Add, Value::At(p), Value::Known(n)) | (Binary::Add, Value::Known(n), Value::At(p)) => {
                Value::At(Place { offset: p.offset.wrapping_add(signed(n)), ..p })
            }
            (Binary::Sub, Value::At(p), Value::Known(n)) => {
                Value::At(Place { offset: p.offset.wrapping_sub(signed(n)), ..p })
            }
            _ => self.fresh(),
        }
    }
    fn compare<T: Int>(&mut self, _: Cond, _: Value, _: Value) -> Value {
        self.fresh()
    }
    fn select<T: Scalar>(&mut self, _: Value, _: Value, _: Value) -> Value {
        self.fresh()
    }
    fn unsigned<F: Int, T: Int>(&mut self, _: Value) -> Value {
        self.fresh()
    }
    fn signed<F: Int, T: Int>(&mut self, _: Value) -> Value {
        self.fresh()
    }
    fn float(&mut self, _: Float, _: Value, _: Value) -> Value {
        self.fresh()
    }
    fn compare_float(&mut self, _: FloatCond, _: Value, _: Value) -> Value {
        self.fresh()
    }
    fn int_to_float(&mut self, _: Value) -> Value {
        self.fresh()
    }
    fn float_bits(&mut self, _: Value) -> Value {
        self.fresh()
    }
    fn bits_float(&mut self, _: Value) -> Value {
        self.fresh()
    }
    fn get<T: Scalar>(&mut self, r: Reg<T>) -> Value {
        match self.slots[r.slot()] {
            Some(value) => value,
            None => {
                let value = self.fresh();
                self.slots[r.slot()] = Some(value);
                value
            }
        }
    }
    fn set<T: Scalar>(&mut self, r: Reg<T>, v: Value) {
        self.slots[r.slot()] = Some(v);
    }
    fn load<A: Int, T: Scalar>(&mut self, space: Space<A, T>, at: Value) -> Value {
        self.access(space.id(), false, at);
        self.fresh()
    }
    fn store<A: Int, T: Scalar>(&mut self, space: Space<A, T>, at: Value, _: Value) {
        self.access(space.id(), true, at);
    }
    fn require(&mut self, _: Value, _: u8) {}
}
