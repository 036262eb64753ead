//! Gates: what a loop's accesses need is tested before it, for many turns at once.
//!
//! A pointer that moves by a constant a turn, or by a register that the loop leaves alone, stays where accesses are plain for a number of turns that can be told when
//! control comes to the loop. A gate before the loop's header finds the least of these numbers, and keeps back what of the
//! budget is more than so many of the shortest turns take. The one test that a turn has then, the budget's, stands for
//! the accesses', too: where it fails, control goes through the gate again, which leaves if there is not one more turn.
//!
//! Loads go by the range of plain addresses that is known when translating, pointers that are stored through by the one that
//! the state has ([`crate::state::State::find_plain`]).

use std::collections::BTreeMap;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, Value as Clif, types};
use rustc_hash::{FxHashMap, FxHashSet};

use super::Reason;
use super::access::Found;
use super::facts::{Client, FAR, Place, Value, View, slot_at_edge, walk};
use super::known::Known;
use super::predict::Ways;
use super::translate::{Translator, Val};
use crate::guest::Guest;
use crate::ops::Flow;
use crate::region::{Region, Target};
use crate::state::{KEPT, attr, plain_offset};
use crate::tier::Plant;
use crate::unroll::innermost_loops;

/// Turns of a loop from which on a gate pays.
const TURNS: usize = 16;

/// How much more a value is than a slot at the top of a loop's header: a number and so many times a slot that the loop leaves
/// alone, both ends included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Drift {
    slot: usize,
    from: i64,
    to: i64,
    by: Option<usize>,
    times: [i64; 2],
}

impl Drift {
    fn of(slot: usize) -> Drift {
        Drift { slot, from: 0, to: 0, by: None, times: [0, 0] }
    }

    fn plus(self, n: i64) -> Option<Drift> {
        let moved = Drift { from: self.from.checked_add(n)?, to: self.to.checked_add(n)?, ..self };
        (-FAR <= moved.from && moved.to <= FAR).then_some(moved)
    }

    /// The same and a slot, once more.
    fn plus_slot(self, by: usize) -> Option<Drift> {
        let times = self.times.map(|times| times + 1);
        (self.by.is_none_or(|other| other == by) && times[1] <= FAR).then_some(Drift {
            by: Some(by),
            times,
            ..self
        })
    }

    fn or(self, other: Drift) -> Option<Drift> {
        let (from, to) = (self.from.min(other.from), self.to.max(other.to));
        let times = [self.times[0].min(other.times[0]), self.times[1].max(other.times[1])];
        let by = self.by.or(other.by);
        let is_alike = self.slot == other.slot && by == other.by.or(self.by);
        (is_alike && to - from <= FAR).then_some(Drift { slot: self.slot, from, to, by, times })
    }

    /// Whether all that this can be is between the ends of the other.
    fn is_within(self, other: &Drift) -> bool {
        let is_between = |a: [i64; 2], b: [i64; 2]| b[0] <= a[0] && a[1] <= b[1];
        let by = self.by.is_none() || self.by == other.by;
        self.slot == other.slot
            && by
            && is_between([self.from, self.to], [other.from, other.to])
            && is_between(self.times, other.times)
    }
}

/// What a loop accesses through a slot.
#[derive(Clone, Copy, Debug)]
struct Pointer {
    space: usize,
    is_stored: bool,
    /// The accesses' distances from the slot at the top of a turn.
    reach: Drift,
    /// What the slot moves by in a turn.
    step: Drift,
}

/// A loop with a gate.
pub(crate) struct Gate {
    /// Its blocks, header first.
    pub(super) body: Vec<usize>,
    /// Instructions of its shortest turn.
    shortest: u64,
    pointers: Vec<Pointer>,
    /// What slots are at the tops of the other blocks, where they have no earlier name.
    joins: FxHashMap<usize, Vec<(usize, Drift)>>,
}

/// The loops of a region that get gates.
pub(super) fn find<G: Guest>(
    region: &Region,
    known: &Known<'_>,
    tops: &[Vec<Value>],
    view: &View<'_>,
) -> Vec<Gate> {
    if !G::SPACES.iter().any(|space| space.attributes) {
        return Vec::new();
    }
    let loops = innermost_loops(region).into_iter().filter(|body| (known.gated)(region, body));
    let gates = loops.filter_map(|body| gate::<G>(region, body, tops, view));
    gates.filter(|gate| !is_shut_now::<G>(gate, region, known)).collect()
}

/// Whether the machine is before the loop with a pointer that the gate does not let pass.
fn is_shut_now<G: Guest>(gate: &Gate, region: &Region, known: &Known<'_>) -> bool {
    if gate.body[0] != 0 || known.state.pc() != region.blocks[0].pc() {
        return false;
    }
    let is_outside = |pointer: &Pointer| {
        let Pointer { space, is_stored, reach, .. } = *pointer;
        let plain = match &known.plain[space] {
            Some(plain) if !is_stored => plain.clone(),
            _ => known.state.longest_plain(space),
        };
        let at = known.state.slot(reach.slot) as i64;
        at + reach.from < plain.start as i64 || at + reach.to >= plain.end as i64
    };
    let fixed = |pointer: &&Pointer| pointer.reach.by.is_none() && pointer.reach.slot < G::SLOTS.len();
    gate.pointers.iter().filter(fixed).any(is_outside)
}

fn gate<G: Guest>(region: &Region, body: Vec<usize>, tops: &[Vec<Value>], view: &View<'_>) -> Option<Gate> {
    let mut turn = Turn::new::<G>(region, &body, tops, view);
    turn.follow::<G>(view);
    // Which slots a turn leaves alone has to be known before what moves by them.
    let slots = 0..tops[body[0]].len();
    turn.fixed = slots.filter(|&slot| turn.arriving::<G>(body[0], slot) == Some(Drift::of(slot))).collect();
    turn.follow::<G>(view);
    let mut reaches: BTreeMap<(usize, usize), (Drift, bool)> = BTreeMap::new();
    for &b in &turn.order {
        for access in turn.ends[&b].accesses.iter().filter(|a| a.home.is_none()) {
            let (space, is_stored) = access.kind;
            let drift = turn.drift(Value::At(access.at), b).filter(|_| G::SPACES[space].attributes);
            let Some(drift) = drift else { continue };
            // With the slot itself: that it never wraps round is what its distances rest on.
            let reach = reaches.entry((space, drift.slot)).or_insert((Drift::of(drift.slot), false));
            if let Some(both) = reach.0.or(drift) {
                *reach = (both, reach.1 || is_stored);
            }
        }
    }
    let pointer = |(&(space, slot), &(reach, is_stored)): (&(usize, usize), &(Drift, bool))| {
        let is_its_own =
            |step: &Drift| step.slot == slot && reach.or(Drift { from: 0, to: 0, ..*step }).is_some();
        let step = turn.arriving::<G>(body[0], slot).filter(is_its_own)?;
        Some(Pointer { space, is_stored, reach, step })
    };
    let pointers: Vec<Pointer> = reaches.iter().filter_map(pointer).collect();
    let shortest = turn.shortest()?;
    (!pointers.is_empty()).then_some(Gate { body, shortest, pointers, joins: turn.joins })
}

/// A turn of a loop that contains no other.
struct Turn<'a> {
    region: &'a Region,
    tops: &'a [Vec<Value>],
    /// The loop's blocks, header first.
    order: Vec<usize>,
    ends: FxHashMap<usize, Client<'a>>,
    /// Slots that are the same in each turn.
    fixed: FxHashSet<usize>,
    /// What values are, by their pointers.
    drifts: FxHashMap<usize, Drift>,
    joins: FxHashMap<usize, Vec<(usize, Drift)>>,
}

impl<'a> Turn<'a> {
    fn new<G: Guest>(
        region: &'a Region,
        body: &[usize],
        tops: &'a [Vec<Value>],
        view: &'a View<'a>,
    ) -> Turn<'a> {
        // The header dominates the rest: it is the first.
        let mut order = body.to_vec();
        order.sort_unstable();
        let end = |&b: &usize| (b, walk::<G>(&region.blocks[b], tops[b].clone(), view));
        let ends = order.iter().map(end).collect();
        let (fixed, drifts, joins) = Default::default();
        Turn { region, tops, order, ends, fixed, drifts, joins }
    }

    /// The blocks in the loop that lead to one of them.
    fn before(&self, b: usize) -> impl Iterator<Item = usize> + '_ {
        self.order.iter().copied().filter(move |&p| self.region.blocks[p].successors().any(|to| to == b))
    }

    /// Finds what the slots at the tops of the blocks are.
    fn follow<G: Guest>(&mut self, view: &View<'_>) {
        (self.drifts, self.joins) = Default::default();
        for (slot, &value) in self.tops[self.order[0]].iter().enumerate() {
            if let Value::At(Place { pointer, offset }) = value {
                let drift = Drift::of(slot).plus(offset.wrapping_neg());
                drift.map(|drift| self.drifts.entry(pointer).or_insert(drift));
            }
        }
        for i in 1..self.order.len() {
            let b = self.order[i];
            for slot in 0..self.tops[b].len() {
                let name = view.names.value(b + 1, slot);
                if let (true, Value::At(place)) = (self.tops[b][slot] == name, name)
                    && let Some(drift) = self.arriving::<G>(b, slot)
                {
                    self.drifts.insert(place.pointer, drift);
                    self.joins.entry(b).or_default().push((slot, drift));
                }
            }
        }
    }

    /// What a slot is at the end of the loop's blocks that lead to one of them, on all such ways.
    fn arriving<G: Guest>(&self, to: usize, slot: usize) -> Option<Drift> {
        let end = |p: usize| slot_at_edge::<G>(&self.region.blocks[p], &self.ends[&p], to, slot);
        let one = |p: usize| self.drift(end(p), p);
        let mut ways = self.before(to).map(one);
        let first = ways.next()??;
        ways.try_fold(first, |all, one| all.or(one?))
    }

    /// What a value in a block is, as far as that can be told.
    fn drift(&self, value: Value, b: usize) -> Option<Drift> {
        let Value::At(Place { pointer, offset }) = value else { return None };
        if let Some(drift) = self.drifts.get(&pointer) {
            return drift.plus(offset);
        }
        let is_it = |sum: &&(Value, [Value; 2])| sum.0 == Value::At(Place { pointer, offset: 0 });
        let [x, y] = self.ends[&b].sums.iter().find(is_it)?.1.map(|part| self.drift(part, b));
        let sum = |x: Drift, y: Drift| {
            let is_one = y.by.is_none() && y.from == y.to && self.fixed.contains(&y.slot);
            is_one.then(|| x.plus(y.from)?.plus_slot(y.slot)).flatten()?.plus(offset)
        };
        sum(x?, y?).or_else(|| sum(y?, x?))
    }

    /// Instructions on the shortest way through the loop.
    fn shortest(&self) -> Option<u64> {
        let header = self.order[0];
        let mut lengths: FxHashMap<usize, u64> = FxHashMap::default();
        for &b in &self.order {
            let before = self.before(b).filter(|_| b != header).map(|p| lengths[&p]).min();
            lengths.insert(b, before.unwrap_or(0) + self.region.blocks[b].insns.len() as u64);
        }
        self.before(header).map(|latch| lengths[&latch]).min()
    }
}

/// Whether control stays in a loop for many turns, as far as the branches tell.
pub(super) fn is_long<G: Guest>(region: &Region, body: &[usize], ways: &Ways) -> bool {
    let stays = |target: Option<Target>| matches!(target, Some(Target::Block(b)) if body.contains(&b));
    // By branch: unrolled, a loop may have several copies of one.
    let mut branches = FxHashMap::default();
    for block in body.iter().map(|&b| &region.blocks[b]) {
        let Some(&(pc, insn)) = block.insns.last() else { continue };
        if matches!(crate::effects::of::<G>(insn, pc).flow, Flow::If(..)) {
            branches.insert(pc, [stays(Some(block.next)), stays(block.taken)]);
        }
    }
    let (mut turns, mut left) = (0, 0);
    for (pc, stays) in branches {
        let times = ways.get(&pc).copied().unwrap_or_default();
        turns = turns.max(times[0] + times[1]);
        left += times.iter().zip(stays).filter(|(_, stays)| !stays).map(|(times, _)| times).sum::<usize>();
    }
    turns >= TURNS * left.max(1)
}

/// A gate that has been or will be translated.
pub(super) struct Lock {
    /// Where control comes to it.
    pub(super) block: ir::Block,
    /// Whether it keeps back some of the budget: [in the state][KEPT], a register would be in the loop's way. Told once it has
    /// been translated.
    pub(super) keeps: bool,
}

impl<G: Guest> Translator<'_, G> {
    /// Where control from the current block enters a block where ways join, and the gate that keeps back some of the budget there.
    pub(super) fn door(&self, to: usize) -> (ir::Block, Option<usize>) {
        match self.gated[to] {
            Some(gate) => {
                let (body, lock) = (&self.facts.gates[gate].body, &self.locks[gate]);
                let is_outside = body[0] == to && !body.contains(&self.current);
                if is_outside { (lock.block, None) } else { (self.blocks[to], lock.keeps.then_some(gate)) }
            }
            None => (self.blocks[to], None),
        }
    }

    /// The budget with what the gates keep back, but for this one.
    pub(super) fn settled(&mut self, gate: Option<usize>) -> Clif {
        if self.now.kept_by.is_none() || self.now.kept_by == gate {
            return self.now.budget;
        }
        let flags = self.flags(None);
        let kept = self.b.ins().load(types::I64, flags, self.state, KEPT as i32);
        self.b.ins().iadd(self.now.budget, kept)
    }

    /// Translates the gate of a loop, if this block is the header of one that has one.
    pub(super) fn pass_gate(&mut self, header: usize) {
        let Some(gate) = self.gated[header].filter(|&gate| self.facts.gates[gate].body[0] == header) else {
            return;
        };
        let block = self.locks[gate].block;
        self.b.switch_to_block(block);
        self.take_parameters(header, block);
        let longest = self.region.blocks[header].longest;
        self.check_budget(header);
        let Gate { shortest, ref pointers, .. } = self.facts.gates[gate];
        let pointers = pointers.clone();
        let mut most: Option<Clif> = None;
        for Pointer { space, is_stored, reach, step } in pointers {
            let (start, end) = self.plain_bounds(space, is_stored);
            let at = self.slot_value(reach.slot);
            let at = self.b.ins().uextend(types::I64, at);
            let by = reach.by.or(step.by).map(|slot| {
                let by = self.slot_value(slot);
                self.b.ins().uextend(types::I64, by)
            });
            let first = self.drifted(at, reach.from, by, reach.times[0]);
            let last = self.drifted(at, reach.to, by, reach.times[1]);
            let below = self.b.ins().icmp(IntCC::SignedLessThan, first, start);
            let above = self.b.ins().icmp(IntCC::SignedGreaterThanOrEqual, last, end);
            let outside = self.b.ins().bor(below, above);
            self.leave_if(outside, Reason::Gate);
            let zero = self.b.ins().iconst(types::I64, 0);
            let up = (step.to > 0 || by.is_some()).then(|| {
                let room = self.b.ins().isub(end, last);
                let room = self.b.ins().iadd_imm_s(room, -1);
                let step = self.drifted(zero, step.to.max(0), by, step.times[1]);
                if by.is_some() {
                    // A slot that is less than 0, say: better no gate than one before each turn.
                    let little = self.b.ins().icmp(IntCC::SignedLessThan, room, step);
                    self.leave_if(little, Reason::Gate);
                }
                (room, step)
            });
            let down = (step.from < 0).then(|| {
                let step = self.b.ins().iconst(types::I64, -step.from);
                (self.b.ins().isub(first, start), step)
            });
            for (room, step) in up.into_iter().chain(down) {
                // What is divided by is 0 only where a slot is.
                let one = self.b.ins().iconst(types::I64, 1);
                let step = self.b.ins().umax(step, one);
                let turns = self.b.ins().udiv(room, step);
                // One turn more than there is room to move, and not the budget for another.
                let beyond = if self.known.plant == Some(Plant::Gate) { shortest } else { 0 };
                let taken = self.b.ins().imul_imm_s(turns, shortest as i64);
                let limit = (self.now.pending + shortest + longest + beyond) as i64 - 1;
                let limit = self.b.ins().iadd_imm_s(taken, limit);
                most = Some(most.map_or(limit, |most| self.b.ins().umin(most, limit)));
            }
        }
        if let Some(most) = most {
            let budget = self.b.ins().umin(self.now.budget, most);
            let kept = self.b.ins().isub(self.now.budget, budget);
            let flags = self.flags(None);
            self.b.ins().store(flags, kept, self.state, KEPT as i32);
            (self.now.budget, self.now.kept_by) = (budget, Some(gate));
            self.locks[gate].keeps = true;
        }
        let args = self.arguments(header, self.now.kept_by);
        self.b.ins().jump(self.blocks[header], &args);
        self.b.switch_to_block(self.blocks[header]);
    }

    /// A value plus a number and so many times another value.
    fn drifted(&mut self, value: Clif, n: i64, by: Option<Clif>, times: i64) -> Clif {
        let sum = self.b.ins().iadd_imm_s(value, n);
        match by {
            Some(by) if times != 0 => {
                let more = self.b.ins().imul_imm_s(by, times);
                self.b.ins().iadd(sum, more)
            }
            _ => sum,
        }
    }

    /// Where the budget that a gate left is too short for another turn: through the gate again.
    pub(super) fn try_gate_again(&mut self, header: usize, short: Clif) {
        let gate = self.gated[header].expect("what a gate keeps back is kept back in its loop");
        let [again, on] = [(); 2].map(|()| self.b.create_block());
        self.b.ins().brif(short, again, &[], on, &[]);
        self.b.switch_to_block(again);
        self.b.set_cold_block(again);
        let args = self.arguments(header, None);
        self.b.ins().jump(self.locks[gate].block, &args);
        self.b.switch_to_block(on);
    }

    /// At the top of a block: the accesses that the gate has seen to need no test.
    pub(super) fn note_gated(&mut self, index: usize) {
        let Some(gate) = self.gated[index] else { return };
        let Gate { body, pointers, joins, .. } = &self.facts.gates[gate];
        let drifts = match body[0] == index {
            true => pointers.iter().map(|p| (p.reach.slot, Drift::of(p.reach.slot))).collect(),
            false => joins.get(&index).cloned().unwrap_or_default(),
        };
        let pointers = pointers.clone();
        for (slot, drift) in drifts {
            for pointer in pointers.iter().filter(|pointer| drift.is_within(&pointer.reach)) {
                let Some(Val::Is(at)) = self.now.slots[slot] else { continue };
                let (pointer_value, offset) = self.offsets.get(&at).copied().unwrap_or((at, 0));
                let base = self.b.ins().uextend(types::I64, at);
                let kind = if pointer.is_stored { attr::ANY } else { attr::READ };
                let found = Found {
                    block: index,
                    from: offset + pointer.reach.from - drift.from,
                    to: offset + pointer.reach.to - drift.to,
                    base,
                    base_offset: offset,
                };
                self.found.entry((pointer.space, pointer_value, kind)).or_default().push(found);
            }
        }
    }

    /// The range of plain addresses that a gate goes by.
    fn plain_bounds(&mut self, space: usize, is_stored: bool) -> (Clif, Clif) {
        match &self.known.plain[space] {
            Some(plain) if !is_stored => {
                let (start, end) = (plain.start as i64, plain.end as i64);
                (self.b.ins().iconst(types::I64, start), self.b.ins().iconst(types::I64, end))
            }
            _ => {
                // It changes only while no native code runs.
                let flags = MemFlagsData::new().with_notrap().with_readonly().with_can_move();
                let [start, end] = plain_offset(space)
                    .map(|offset| self.b.ins().load(types::I64, flags, self.state, offset as i32));
                (start, end)
            }
        }
    }
}
