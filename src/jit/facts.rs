//! What is known of a region before it is translated: registers that are constant or equal where control joins, and how far
//! the accesses of a block reach from the pointers that they go through.
//!
//! A client of the meanings over *constant, or pointer plus offset*, and an iteration over the region's blocks. Where
//! ways join, registers stay equal that are equal on all of them: N Z P, say, that were last set from a register need
//! no place of their own.

use std::collections::{HashMap, HashSet};

use crate::effects;
use crate::guest::Guest;
use crate::ops::{Binary, Cond, Float, FloatCond, Flow, Int, Ops, Pc, Reg, Scalar, Space, Type};
use crate::region::{Block, Region, Target};

/// Accesses further apart than this are not tested together.
const REACH: i64 = 7;

/// Blocks whose accesses are looked at ahead of one.
const AHEAD: usize = 8;

/// How far accesses through the same pointer reach from this one: offsets that are at most 0 and at least 0.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Extent {
    pub(crate) below: i64,
    pub(crate) above: i64,
}

/// What is known of a region.
pub(crate) struct Facts {
    /// By block: the registers at its top, by slot. A pointer's number is there the lowest slot that has this value.
    pub(crate) tops: Vec<Vec<Value>>,
    /// By block: the extents of its accesses, in the order in which its instructions make them.
    pub(crate) extents: Vec<Vec<Extent>>,
    /// Addresses whose values were taken for constants.
    pub(crate) literals: HashSet<Pc>,
}

/// Finds out what is known of a region. `literal` gives the value of a word in the code space that is taken for
/// a constant. Unless it is to be careful, accesses of blocks to come are taken into the extents, too, which tests more than
/// is accessed if control goes elsewhere.
pub(crate) fn find<G: Guest>(region: &Region, literal: &dyn Fn(u64) -> Option<u64>, careful: bool) -> Facts {
    let (tops, literals) = tops::<G>(region, literal);
    let extents = region.blocks.iter().zip(&tops).map(|(block, top)| {
        let mut client = walk::<G>(block, top.clone(), literal);
        let own = client.accesses.len();
        if !careful {
            look_ahead::<G>(region, block, &mut client, &mut AHEAD.clone());
        }
        (0..own).map(|i| extent(&client.accesses[i], &client.accesses[i..])).collect()
    });
    Facts { extents: extents.collect(), tops, literals }
}

/// The registers at the blocks' tops, and the addresses whose values were taken for constants.
fn tops<G: Guest>(region: &Region, literal: &dyn Fn(u64) -> Option<u64>) -> (Vec<Vec<Value>>, HashSet<Pc>) {
    let distinct: Vec<Value> = (0..G::SLOTS.len()).map(Value::slot).collect();
    let mut tops: Vec<Option<Vec<Value>>> = vec![None; region.blocks.len()];
    tops[0] = Some(distinct);
    let mut literals = HashSet::new();
    let mut queue: std::collections::BTreeSet<usize> = [0].into();
    while let Some(index) = queue.pop_first() {
        let top = tops[index].clone().expect("a block in the queue has been reached");
        let block = &region.blocks[index];
        let end = walk::<G>(block, top, literal);
        for to in block.successors() {
            let joined = join::<G>(tops[to].as_deref(), &at_edge::<G>(block, &end, to));
            if tops[to].as_ref() != Some(&joined) {
                tops[to] = Some(joined);
                queue.insert(to);
            }
        }
        literals.extend(end.literals);
    }
    let reached = |top: Option<Vec<Value>>| top.expect("every block is reached from the entry");
    (tops.into_iter().map(reached).collect(), literals)
}

/// The registers where control goes from the end of a block to another: one that holds the branch's condition is known.
fn at_edge<G: Guest>(block: &Block, end: &Client<'_>, to: usize) -> Vec<Value> {
    let mut slots = end.slots.clone();
    let Flow::If(condition, _) = end.flow else { return slots };
    let is_taken = block.taken == Some(Target::Block(to));
    if is_taken != (block.next == Target::Block(to)) {
        let holds = |slot: &usize| G::SLOTS[*slot].1 == Type::Bool && end.slots[*slot] == condition;
        (0..slots.len()).filter(holds).for_each(|slot| slots[slot] = Value::Known(is_taken as u64));
    }
    slots
}

/// Takes out of the region the ways that control cannot go: they lead outside.
pub(crate) fn prune<G: Guest>(region: &mut Region, literal: &dyn Fn(u64) -> Option<u64>) {
    let tops = tops::<G>(region, literal).0;
    let pcs: Vec<Pc> = region.blocks.iter().map(Block::pc).collect();
    let outside = |target: &mut Target| {
        if let Target::Block(b) = *target {
            *target = Target::Outside(pcs[b]);
        }
    };
    for (block, top) in region.blocks.iter_mut().zip(tops) {
        match walk::<G>(block, top, literal).flow {
            Flow::If(Value::Known(0), _) => block.taken.iter_mut().for_each(outside),
            Flow::If(Value::Known(_), _) => outside(&mut block.next),
            Flow::Dynamic(Value::Known(to), _) => block.targets.retain(|target| u64::from(target.0) == to),
            _ => {}
        }
    }
    region.renumber();
}

/// What holds at a place where it held before that `known`, and to which another way leads with `end`.
fn join<G: Guest>(known: Option<&[Value]>, end: &[Value]) -> Vec<Value> {
    let key = |slot: usize| (known.map(|known| known[slot]), end[slot], G::SLOTS[slot].1);
    (0..end.len())
        .map(|slot| match key(slot) {
            (None, Value::Known(bits), _) => Value::Known(bits),
            (Some(Value::Known(a)), Value::Known(b), _) if a == b => Value::Known(a),
            this => Value::slot((0..slot).find(|&other| key(other) == this).unwrap_or(slot)),
        })
        .collect()
}

/// Adds the accesses of the blocks that only `block` leads to, and so on.
fn look_ahead<G: Guest>(region: &Region, block: &Block, client: &mut Client<'_>, blocks: &mut usize) {
    for to in block.successors() {
        let to = &region.blocks[to];
        if to.predecessors == 1 && *blocks > 0 {
            *blocks -= 1;
            let slots = client.slots.clone();
            follow::<G>(to, client);
            look_ahead::<G>(region, to, client, blocks);
            client.slots = slots;
        }
    }
}

/// For each loop, how often control goes through its header, if that is known and at most `most`. A loop has its header
/// first, which dominates the rest, and contains no other loop.
pub(crate) fn turns<G: Guest>(
    region: &Region,
    loops: &[Vec<usize>],
    literal: &dyn Fn(u64) -> Option<u64>,
    most: usize,
) -> Vec<Option<usize>> {
    if loops.is_empty() {
        return Vec::new();
    }
    let tops = tops::<G>(region, literal).0;
    loops.iter().map(|body| turns_of::<G>(region, &tops, body, literal, most)).collect()
}

fn turns_of<G: Guest>(
    region: &Region,
    tops: &[Vec<Value>],
    body: &[usize],
    literal: &dyn Fn(u64) -> Option<u64>,
    most: usize,
) -> Option<usize> {
    let header = body[0];
    let mut top: Option<Vec<Value>> = (header == 0).then(|| tops[0].clone());
    for (from, block) in region.blocks.iter().enumerate() {
        if !body.contains(&from) && block.successors().any(|to| to == header) {
            top = Some(join::<G>(top.as_deref(), &walk::<G>(block, tops[from].clone(), literal).slots));
        }
    }
    let mut order = body.to_vec();
    order.sort_unstable();
    for turn in 1..=most {
        let mut at = HashMap::from([(header, top?)]);
        top = None;
        for &index in &order {
            let Some(here) = at.remove(&index) else { continue };
            let block = &region.blocks[index];
            let end = walk::<G>(block, here, literal);
            let (taken, next) = match end.flow {
                Flow::If(Value::Known(0), _) => (None, Some(block.next)),
                Flow::If(Value::Known(_), _) => (block.taken, None),
                _ => (block.taken, Some(block.next)),
            };
            let inside = |to| if let Target::Block(b) = to { Some(b) } else { None };
            let direct = taken.into_iter().chain(next).filter_map(inside);
            for to in direct.chain(block.targets.iter().map(|t| t.1)).filter(|to| body.contains(to)) {
                if to == header {
                    top = Some(join::<G>(top.as_deref(), &end.slots));
                } else {
                    let joined = join::<G>(at.get(&to).map(Vec::as_slice), &end.slots);
                    at.insert(to, joined);
                }
            }
        }
        if top.is_none() {
            return Some(turn);
        }
    }
    None
}

/// Follows a block's instructions from the values at its top.
fn walk<'a, G: Guest>(block: &Block, top: Vec<Value>, literal: &'a dyn Fn(u64) -> Option<u64>) -> Client<'a> {
    let pointers = top.len();
    let code = G::CODE;
    let mut client = Client {
        slots: top,
        pointers,
        accesses: Vec::new(),
        literals: Vec::new(),
        literal,
        code,
        named: Vec::new().into_iter(),
        flow: Flow::Next,
    };
    follow::<G>(block, &mut client);
    client
}

fn follow<G: Guest>(block: &Block, client: &mut Client<'_>) {
    for &(pc, insn) in &block.insns {
        client.named = effects::of::<G>(insn, pc).named_accesses();
        client.flow = G::meaning(insn, pc, client);
    }
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
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Value {
    Known(u64),
    At(Place),
}

impl Value {
    /// The value that a slot has at the top of a block.
    fn slot(slot: usize) -> Value {
        Value::At(Place { pointer: slot, offset: 0 })
    }

    /// The lowest slot that has this value at the top of a block; `None` if the value is known.
    pub(crate) fn holder(self) -> Option<usize> {
        match self {
            Value::Known(_) => None,
            Value::At(place) => Some(place.pointer),
        }
    }
}

struct Client<'a> {
    slots: Vec<Value>,
    pointers: usize,
    accesses: Vec<Access>,
    literals: Vec<Pc>,
    literal: &'a dyn Fn(u64) -> Option<u64>,
    code: Option<usize>,
    /// For each access to come, whether the instruction itself fixes its address.
    named: std::vec::IntoIter<bool>,
    /// Where control goes after the last instruction.
    flow: Flow<Value, Value>,
}

impl Client<'_> {
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

impl Ops for Client<'_> {
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
            (Binary::And, _, Value::Known(0)) | (Binary::And, Value::Known(0), _) => Value::Known(0),
            (Binary::And, x, y) if x == y => x,
            (Binary::Add, Value::At(p), Value::Known(n)) | (Binary::Add, Value::Known(n), Value::At(p)) => {
                Value::At(Place { offset: p.offset.wrapping_add(signed(n)), ..p })
            }
            (Binary::Sub, Value::At(p), Value::Known(n)) => {
                Value::At(Place { offset: p.offset.wrapping_sub(signed(n)), ..p })
            }
            _ => self.fresh(),
        }
    }
    fn compare<T: Int>(&mut self, cond: Cond, a: Value, b: Value) -> Value {
        match (a, b) {
            (Value::Known(a), Value::Known(b)) => {
                Value::Known(T::compare(cond, T::from_bits(a), T::from_bits(b)) as u64)
            }
            (a, b) if a == b => Value::Known(cond.is_reflexive() as u64),
            _ => self.fresh(),
        }
    }
    fn select<T: Scalar>(&mut self, c: Value, a: Value, b: Value) -> Value {
        match c {
            Value::Known(0) => b,
            Value::Known(_) => a,
            Value::At(_) => self.fresh(),
        }
    }
    fn unsigned<F: Int, T: Int>(&mut self, v: Value) -> Value {
        match v {
            Value::Known(bits) => Value::Known(T::from_bits(bits).to_bits()),
            Value::At(_) => self.fresh(),
        }
    }
    fn signed<F: Int, T: Int>(&mut self, v: Value) -> Value {
        match v {
            Value::Known(bits) => Value::Known(T::from_bits(F::from_bits(bits).sign_extended()).to_bits()),
            Value::At(_) => self.fresh(),
        }
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
        self.slots[r.slot()]
    }
    fn set<T: Scalar>(&mut self, r: Reg<T>, v: Value) {
        self.slots[r.slot()] = v;
    }
    fn load<A: Int, T: Scalar>(&mut self, space: Space<A, T>, at: Value) -> Value {
        self.access(space.id(), false, at);
        let named = self.named.next() == Some(true);
        match at {
            Value::Known(at) if named && self.code == Some(space.id()) => match (self.literal)(at) {
                Some(bits) => {
                    self.literals.push(at as Pc);
                    Value::Known(bits)
                }
                None => self.fresh(),
            },
            _ => self.fresh(),
        }
    }
    fn store<A: Int, T: Scalar>(&mut self, space: Space<A, T>, at: Value, _: Value) {
        self.named.next();
        self.access(space.id(), true, at);
    }
    fn discard<A: Int, T: Scalar>(&mut self, _: Space<A, T>, _: Value) {}
    fn require(&mut self, _: Value, _: u8) {}
}
