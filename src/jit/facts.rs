//! What is known of a region before it is translated: registers that are constant or equal where control joins, and how far
//! the accesses of a block reach from the pointers that they go through.
//!
//! A client of the meanings over *constant, or pointer plus offset*, and an iteration over the region's blocks. Where
//! ways join, registers stay equal, give or take a constant, that are so on all of them: N Z P, say, that were last set from a
//! register, or pointers that move in step, need no place of their own. A register that is the same on all ways as it once was, give or take a constant, stays that: a
//! stack pointer at a loop's top, say. Slots are registers, and behind them the region's elements ([`super::elements`]).

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashSet;

use super::elements::{Elements, Home};
use super::gate::{self, Gate};
use super::known::Known;
use crate::guest::Guest;
use crate::ops::{Binary, Cond, Float, FloatCond, Flow, Int, Ops, Pc, Reg, Scalar, Space, Type};
use crate::region::{Block, Region, Target};

/// Accesses further apart than this are not tested together: for attributes, for ranges, and for bounds.
const REACH: i64 = 7;
pub(super) const FAR: i64 = 255;
pub(super) const WIDE: i64 = 1 << 14;

/// Blocks whose accesses are looked at ahead of one.
const AHEAD: usize = 8;

/// How far accesses through the same pointer reach from this one: offsets that are at most 0 and at least 0.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Extent {
    pub(crate) below: i64,
    pub(crate) above: i64,
    /// What is loaded here is then stored to: one test of attributes does for both.
    pub(crate) is_stored: bool,
}

/// What is known of a region.
pub(crate) struct Facts {
    /// By block: the slots at its top.
    tops: Vec<Vec<Value>>,
    /// By block: how far its accesses reach and where they go, in the order in which its instructions make them.
    pub(crate) accesses: Vec<Vec<(Extent, Option<Home>)>>,
    /// Addresses whose values were taken for constants.
    pub(crate) literals: FxHashSet<Pc>,
    /// What is held like registers.
    pub(crate) elements: Elements,
    /// The slots of elements whose values at the region's entry are used.
    pub(crate) loaded: FxHashSet<usize>,
    pub(crate) gates: Vec<Gate>,
    names: Names,
}

/// What a slot is at the top of a block that control enters from more than one place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Source {
    Known(u64),
    /// It does not matter.
    Nothing,
    /// Another thing on each way.
    Parameter,
    /// What a lower slot is there, plus a constant.
    Slot {
        slot: usize,
        plus: i64,
    },
    /// What the slot was at an earlier top, plus a constant: of the block with this number less one, or at the
    /// region's entry.
    Earlier {
        top: usize,
        slot: usize,
        plus: i64,
    },
}

impl Facts {
    /// What a slot is at the top of a block.
    pub(crate) fn source(&self, block: usize, slot: usize) -> Source {
        match self.tops[block][slot] {
            Value::Known(bits) => Source::Known(bits),
            Value::Nothing => Source::Nothing,
            Value::At(Place { pointer, offset }) => {
                match (pointer / self.names.slots, pointer % self.names.slots) {
                    (top, from) if top != block + 1 => Source::Earlier { top, slot: from, plus: offset },
                    (_, from) if from == slot => Source::Parameter,
                    (_, from) => Source::Slot { slot: from, plus: offset },
                }
            }
        }
    }
}

/// How values get numbers: first those that the slots have at the region's entry, then those at each block's top,
/// then others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names {
    slots: usize,
    blocks: usize,
}

impl Names {
    /// The value that a slot has at the region's entry, or at the top of the block with this number less one.
    pub(super) fn value(self, top: usize, slot: usize) -> Value {
        Value::At(Place { pointer: top * self.slots + slot, offset: 0 })
    }

    /// The slot that has this value at the region's entry.
    fn entry(self, value: Value) -> Option<usize> {
        match value {
            Value::At(Place { pointer, .. }) if pointer < self.slots => Some(pointer),
            _ => None,
        }
    }

    /// The first number of those that are made within a block: they mean nothing elsewhere.
    fn others(self) -> usize {
        (self.blocks + 1) * self.slots
    }

    /// Whether a value can be told by its number at the top of a block: that block does not give it a new meaning.
    fn lasts(self, value: Value, block: usize) -> bool {
        match value {
            Value::Known(_) | Value::Nothing => true,
            Value::At(Place { pointer, .. }) => pointer < self.others() && pointer / self.slots != block + 1,
        }
    }
}

/// Finds out what is known of a region. Unless they are to be careful, blocks take accesses of blocks to
/// come into their extents, too, which tests more than is accessed if control goes elsewhere.
pub(crate) fn find<G: Guest>(region: &Region, known: &Known<'_>) -> Facts {
    let is_careful = |block: &Block| block.insns.iter().any(|insn| known.is_careful(insn.0));
    let is_plain = !known.elements || region.blocks.iter().any(is_careful);
    let elements = if is_plain { Elements::default() } else { elements::<G>(region, known) };
    let view = View::new::<G>(region, known, &elements);
    let (tops, literals) = tops::<G>(region, &view);
    let is_parameter = |block: usize, slot: &usize| tops[block][*slot] == view.names.value(block + 1, *slot);
    let mut loaded: FxHashSet<usize> = (0..view.names.slots).filter(|slot| is_parameter(0, slot)).collect();
    let accesses = region.blocks.iter().zip(&tops).map(|(block, top)| {
        let mut client = walk::<G>(block, top.clone(), &view);
        let own = client.accesses.len();
        loaded.extend(client.loaded.drain(..));
        for to in block.successors() {
            let parameters = (0..view.names.slots).filter(|slot| is_parameter(to, slot));
            loaded.extend(parameters.filter_map(|slot| view.names.entry(client.slots[slot])));
        }
        if !is_careful(block) {
            look_ahead::<G>(region, block, &mut client, &mut AHEAD.clone());
        }
        let accesses = &client.accesses;
        let one = |i: usize| match accesses[i].home {
            None => {
                let (space, store) = accesses[i].kind;
                let has_attributes = G::SPACES[space].attributes;
                let is_stored = has_attributes && !store && is_stored_to(&accesses[i..]);
                let is_range = !has_attributes || known.plain[space].is_some() && !store && !is_stored;
                let reach = match has_attributes {
                    false => WIDE,
                    true if is_range => FAR,
                    true => REACH,
                };
                (extent(&accesses[i..], has_attributes && !is_stored, reach, is_stored), None)
            }
            home => (Extent::default(), home),
        };
        (0..own).map(one).collect()
    });
    let accesses = accesses.collect();
    let gates = gate::find::<G>(region, known, &tops, &view);
    Facts { accesses, names: view.names, tops, literals, loaded, gates, elements }
}

/// The slots through whose values at the region's entry, plus constants, something is accessed, if the region does not write
/// them.
pub(super) fn pointers<G: Guest>(region: &Region, known: &Known<'_>) -> FxHashSet<usize> {
    let none = Elements::default();
    let view = View::new::<G>(region, known, &none);
    let accesses = region.blocks.iter().flat_map(|block| walk::<G>(block, view.entry(), &view).accesses);
    accesses.filter_map(|access| view.names.entry(Value::At(access.at))).collect()
}

/// What a region holds like registers: found with nothing but the registers known.
pub(super) fn elements<G: Guest>(region: &Region, known: &Known<'_>) -> Elements {
    let none = Elements::default();
    if G::SPACES.iter().all(|space| space.attributes) {
        return none;
    }
    let view = View::new::<G>(region, known, &none);
    let (tops, _) = tops::<G>(region, &view);
    let entry = view.entry();
    let mut accesses = Vec::new();
    let mut constant = vec![true; G::SLOTS.len()];
    for (block, top) in region.blocks.iter().zip(tops) {
        let end = walk::<G>(block, top, &view);
        let keeps = |slot: usize| end.slots[slot] == entry[slot];
        constant.iter_mut().enumerate().for_each(|(slot, constant)| *constant &= keeps(slot));
        accesses.extend(end.accesses);
    }
    Elements::find::<G>(&accesses, |slot| constant[slot])
}

/// Times that the top of a block is found anew from all ways there, which may tell more than the first ways did; after that,
/// what is known of it only becomes less.
const ANEW: usize = 8;

/// The slots at the blocks' tops, and the addresses whose values were taken for constants.
pub(super) fn tops<G: Guest>(region: &Region, view: &View<'_>) -> (Vec<Vec<Value>>, FxHashSet<Pc>) {
    let mut tops: Vec<Option<Vec<Value>>> = vec![None; region.blocks.len()];
    // By block: where control comes from, and the slots on the way.
    let mut ways: Vec<BTreeMap<Option<usize>, Vec<Value>>> = vec![BTreeMap::new(); region.blocks.len()];
    for entry in region.ways_in() {
        ways[entry].insert(None, view.entry());
    }
    let mut times = vec![0; region.blocks.len()];
    let mut literals = FxHashSet::default();
    let mut queue = BTreeSet::from_iter(region.ways_in());
    while let Some(index) = queue.pop_first() {
        times[index] += 1;
        let old = tops[index].clone().filter(|_| times[index] > ANEW);
        let all = |known: Option<Vec<Value>>, way: &Vec<Value>| Some(view.join(index, known.as_deref(), way));
        let joined = ways[index].values().fold(old, all);
        if tops[index] == joined {
            continue;
        }
        tops[index].clone_from(&joined);
        let top = joined.expect("a block in the queue has been reached");
        let block = &region.blocks[index];
        let end = walk::<G>(block, top, view);
        for to in block.successors() {
            ways[to].insert(Some(index), at_edge::<G>(block, &end, to));
            queue.insert(to);
        }
        literals.extend(end.literals);
    }
    let reached = |top: Option<Vec<Value>>| top.expect("every block is reached from the entry");
    (tops.into_iter().map(reached).collect(), literals)
}

/// The slots where control goes from the end of a block to another.
fn at_edge<G: Guest>(block: &Block, end: &Client<'_>, to: usize) -> Vec<Value> {
    (0..end.slots.len()).map(|slot| slot_at_edge::<G>(block, end, to, slot)).collect()
}

/// A slot where control goes from the end of a block to another: a register that holds the branch's condition is known.
pub(super) fn slot_at_edge<G: Guest>(block: &Block, end: &Client<'_>, to: usize, slot: usize) -> Value {
    let value = end.slots[slot];
    match end.flow {
        Flow::If(condition, _)
            if value == condition && slot < G::SLOTS.len() && G::SLOTS[slot].1 == Type::Bool =>
        {
            let is_taken = block.taken == Some(Target::Block(to));
            let is_next = block.next == Target::Block(to);
            if is_taken != is_next { Value::Known(is_taken as u64) } else { value }
        }
        _ => value,
    }
}

/// Takes out of the region the ways that control cannot go: they lead outside.
pub(crate) fn prune<G: Guest>(region: &mut Region, known: &Known<'_>) {
    let elements = elements::<G>(region, known);
    let view = View::new::<G>(region, known, &elements);
    let tops = tops::<G>(region, &view).0;
    let pcs: Vec<Pc> = region.blocks.iter().map(Block::pc).collect();
    let outside = |target: &mut Target| {
        if let Target::Block(b) = *target {
            *target = Target::Outside(pcs[b]);
        }
    };
    for (block, top) in region.blocks.iter_mut().zip(tops) {
        match walk::<G>(block, top, &view).flow {
            Flow::If(Value::Known(0), _) => block.taken.iter_mut().for_each(outside),
            Flow::If(Value::Known(_), _) => outside(&mut block.next),
            Flow::DynamicIf(Value::Known(0), _) => block.targets.clear(),
            Flow::Dynamic(Value::Known(to), _) | Flow::DynamicIf(_, Value::Known(to)) => {
                block.targets.retain(|target| u64::from(target.0) == to);
            }
            _ => {}
        }
    }
    region.renumber();
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

/// How a region is looked at.
pub(super) struct View<'a> {
    known: &'a Known<'a>,
    elements: &'a Elements,
    /// The slots' types.
    types: Vec<Type>,
    pub(super) names: Names,
}

impl<'a> View<'a> {
    pub(super) fn new<G: Guest>(region: &Region, known: &'a Known<'a>, elements: &'a Elements) -> View<'a> {
        let types = G::SLOTS.iter().map(|slot| slot.1).chain(elements.elements.iter().map(|e| e.ty));
        let types: Vec<Type> = types.collect();
        View { known, elements, names: Names { slots: types.len(), blocks: region.blocks.len() }, types }
    }

    /// The slots at the region's entry.
    fn entry(&self) -> Vec<Value> {
        let mut slots: Vec<Value> = (0..self.names.slots).map(|slot| self.names.value(0, slot)).collect();
        self.known.constants.iter().for_each(|&(slot, bits)| slots[slot] = Value::Known(bits));
        slots
    }

    /// What holds at a block's top where it held before that `known`, and to which another way leads with `end`.
    pub(super) fn join(&self, block: usize, known: Option<&[Value]>, end: &[Value]) -> Vec<Value> {
        let is_old = |slot: usize| known.is_none_or(|known| known[slot] == end[slot]);
        let one = |slot: usize| match end[slot] {
            value if is_old(slot) && self.names.lasts(value, block) => value,
            _ => {
                let distance = |from: usize| {
                    let new = self.distance(end, from, slot)?;
                    known.is_none_or(|known| self.distance(known, from, slot) == Some(new)).then_some(new)
                };
                let lower = (0..slot).find_map(|from| Some((from, distance(from)?)));
                let (from, offset) = lower.unwrap_or((slot, 0));
                Value::At(Place { pointer: (block + 1) * self.names.slots + from, offset })
            }
        };
        (0..end.len()).map(one).collect()
    }

    /// How much more one slot is than another, where they have these values, if that is known.
    fn distance(&self, values: &[Value], from: usize, to: usize) -> Option<i64> {
        let ty = self.types[to];
        let unused = 64 - 8 * ty.bytes() as u32;
        let difference = |from: i64, to: i64| Some(to.wrapping_sub(from) << unused >> unused);
        match (values[from], values[to]) {
            _ if ty != self.types[from] => None,
            (a, b) if a == b => Some(0),
            _ if matches!(ty, Type::Bool | Type::F64) => None,
            (Value::At(a), Value::At(b)) if a.pointer == b.pointer => difference(a.offset, b.offset),
            (Value::Known(a), Value::Known(b)) => difference(a as i64, b as i64),
            _ => None,
        }
    }
}

/// Follows a block's instructions from the values at its top.
pub(super) fn walk<'a, G: Guest>(block: &Block, top: Vec<Value>, view: &'a View<'a>) -> Client<'a> {
    let mut client = Client {
        slots: top,
        pointers: view.names.others(),
        accesses: Vec::new(),
        sums: Vec::new(),
        literals: Vec::new(),
        loaded: Vec::new(),
        home: Elements::home::<G>,
        literal: |known, at| known.literal::<G>(at),
        view,
        code: G::CODE,
        named: 0,
        flow: Flow::Next,
    };
    follow::<G>(block, &mut client);
    client
}

fn follow<G: Guest>(block: &Block, client: &mut Client<'_>) {
    for (&(pc, insn), &named) in block.insns.iter().zip(&block.named) {
        client.named = named;
        client.flow = G::meaning(insn, pc, client);
    }
}

/// Whether the element of the first of these accesses, a load, is stored to by a later one.
fn is_stored_to(accesses: &[Access]) -> bool {
    let first = &accesses[0];
    let is_store = |a: &Access| a.kind == (first.kind.0, true) && a.at == first.at;
    first.at.pointer != usize::MAX && accesses.iter().any(is_store)
}

/// How far the accesses that can be tested with the first of these reach. Attributes are not the same for loads and
/// stores; bounds are, for elements of one size.
fn extent(accesses: &[Access], by_kind: bool, reach: i64, is_stored: bool) -> Extent {
    let first = &accesses[0];
    let is_alike = |a: &Access| match by_kind {
        true => a.kind == first.kind,
        false => a.kind.0 == first.kind.0 && a.ty.bytes() == first.ty.bytes(),
    };
    let mut extent = Extent { is_stored, ..Extent::default() };
    for other in accesses.iter().filter(|a| is_alike(a) && a.at.pointer == first.at.pointer) {
        let from = other.at.offset.wrapping_sub(first.at.offset);
        let (below, above) = (extent.below.min(from), extent.above.max(from));
        if above.saturating_sub(below) <= reach {
            extent = Extent { below, above, is_stored };
        }
    }
    extent
}

/// A pointer, by number, and an offset from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pub(super) pointer: usize,
    pub(super) offset: i64,
}

/// A load, store or discarding.
#[derive(Debug)]
pub(crate) struct Access {
    /// Space and direction: what is not a load is a store.
    pub(super) kind: (usize, bool),
    pub(super) at: Place,
    pub(super) ty: Type,
    pub(super) home: Option<Home>,
}

/// A value: known, or a place, or one that does not matter any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Value {
    Known(u64),
    At(Place),
    Nothing,
}

pub(super) struct Client<'a> {
    pub(super) slots: Vec<Value>,
    pointers: usize,
    pub(super) accesses: Vec<Access>,
    /// Values that are sums of two others.
    pub(super) sums: Vec<(Value, [Value; 2])>,
    literals: Vec<Pc>,
    /// Elements that were loaded when they had the value of this slot at the region's entry.
    loaded: Vec<usize>,
    home: fn(&Elements, usize, Place) -> Option<Home>,
    literal: fn(&Known<'_>, u64) -> Option<u64>,
    view: &'a View<'a>,
    code: Option<usize>,
    /// The accesses to come whose addresses the instruction itself fixes.
    named: u32,
    /// Where control goes after the last instruction.
    pub(super) flow: Flow<Value, Value>,
}

impl Client<'_> {
    fn fresh(&mut self) -> Value {
        self.pointers += 1;
        Value::At(Place { pointer: self.pointers, offset: 0 })
    }

    /// Notes an access; the slot that it goes to, if it goes to one.
    fn access(&mut self, space: usize, ty: Type, store: bool, at: Value) -> Option<usize> {
        // An address that is known belongs to no pointer but has a number in the order of accesses.
        let at = match at {
            Value::At(place) => place,
            Value::Known(_) | Value::Nothing => Place { pointer: usize::MAX, offset: 0 },
        };
        let home = (self.home)(self.view.elements, space, at);
        self.accesses.push(Access { kind: (space, store), at, ty, home });
        match home {
            Some(Home::Slot(slot)) => Some(slot),
            _ => None,
        }
    }
}

impl Ops for Client<'_> {
    type V<T: Scalar> = Value;

    fn imm<T: Scalar>(&mut self, value: T) -> Value {
        Value::Known(value.to_bits())
    }
    fn binary<T: Int>(&mut self, op: Binary, a: Value, b: Value) -> Value {
        match (op, a, b) {
            (_, Value::Known(a), Value::Known(b)) => Value::Known(T::fold(op, a, b)),
            (Binary::And, _, Value::Known(0)) | (Binary::And, Value::Known(0), _) => Value::Known(0),
            (Binary::And | Binary::Or, x, y) if x == y => x,
            (Binary::Add, Value::At(p), Value::Known(n)) | (Binary::Add, Value::Known(n), Value::At(p)) => {
                Value::At(Place { offset: p.offset.wrapping_add(T::signed(n)), ..p })
            }
            (Binary::Sub, Value::At(p), Value::Known(n)) => {
                Value::At(Place { offset: p.offset.wrapping_sub(T::signed(n)), ..p })
            }
            (Binary::Add, x, y) => {
                let sum = self.fresh();
                self.sums.push((sum, [x, y]));
                sum
            }
            _ => self.fresh(),
        }
    }
    fn compare<T: Int>(&mut self, cond: Cond, a: Value, b: Value) -> Value {
        match (a, b) {
            (Value::Known(a), Value::Known(b)) => Value::Known(T::fold_compare(cond, a, b)),
            (a, b) if a == b => Value::Known(cond.is_reflexive() as u64),
            _ => self.fresh(),
        }
    }
    fn select<T: Scalar>(&mut self, c: Value, a: Value, b: Value) -> Value {
        match c {
            Value::Known(0) => b,
            Value::Known(_) => a,
            Value::At(_) | Value::Nothing => self.fresh(),
        }
    }
    fn unsigned<F: Int, T: Int>(&mut self, v: Value) -> Value {
        match v {
            Value::Known(bits) => Value::Known(T::truncate(bits)),
            Value::At(_) | Value::Nothing => self.fresh(),
        }
    }
    fn signed<F: Int, T: Int>(&mut self, v: Value) -> Value {
        match v {
            Value::Known(bits) => Value::Known(T::truncate(F::signed(bits) as u64)),
            Value::At(_) | Value::Nothing => self.fresh(),
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
        let slot = self.access(space.id(), T::TYPE, false, at);
        let named = self.named & 1 != 0;
        self.named >>= 1;
        if let Some(slot) = slot {
            self.loaded.extend(self.view.names.entry(self.slots[slot]));
            return self.slots[slot];
        }
        match at {
            Value::Known(at) if named && self.code == Some(space.id()) => {
                match (self.literal)(self.view.known, at) {
                    Some(bits) => {
                        self.literals.push(at as Pc);
                        Value::Known(bits)
                    }
                    None => self.fresh(),
                }
            }
            _ => self.fresh(),
        }
    }
    fn store<A: Int, T: Scalar>(&mut self, space: Space<A, T>, at: Value, v: Value) {
        self.named >>= 1;
        if let Some(slot) = self.access(space.id(), T::TYPE, true, at) {
            self.slots[slot] = v;
        }
    }
    fn discard<A: Int, T: Scalar>(&mut self, space: Space<A, T>, at: Value) {
        if let Some(slot) = self.access(space.id(), T::TYPE, true, at) {
            self.slots[slot] = Value::Nothing;
        }
    }
    fn require(&mut self, _: Value, _: u8) {}
}
