//! If-conversion: both ways of a branch that cannot be predicted are computed, and the results selected.
//!
//! A mispredicted branch costs some fifteen cycles. A branch is converted where the host could not predict it
//! ([`super::predict`]) and its ways are short, touch no memory that could refuse, and meet again, or may: a way can
//! end in a branch, one of whose targets the other way leads to, too.

use cranelift_codegen::ir::{InstBuilder, Opcode, Value, ValueDef, types};

use super::known::Known;
use super::translate::{Point, Translator, Val};
use crate::effects;
use crate::guest::Guest;
use crate::ops::{Cond, Flow, Ops, Type};
use crate::region::{Block, Region, Target};
use crate::state::{Bound, attr};

/// Instructions on both ways together that are converted at most.
const SHORT: usize = 12;
/// Instructions that a misprediction costs.
const PENALTY: f32 = 30.0;
/// Instructions that a selection costs, beside the ways.
const SELECTION: usize = 2;

/// Whether converting a branch that is mispredicted so often pays, with so many instructions on both ways.
fn pays(mispredicted: f32, len: usize) -> bool {
    mispredicted * PENALTY >= (len + SELECTION) as f32
}

/// Gives each branch that could not be predicted ways of its own: where one leads into the other, that is copied, so that
/// they may meet behind it.
pub(super) fn part_ways(region: &mut Region, known: &Known<'_>) {
    let before = region.blocks.len();
    for b in 0..before {
        let Block { taken: Some(Target::Block(taken)), next: Target::Block(next), .. } = region.blocks[b]
        else {
            continue;
        };
        let leads_to = |from: usize, to: usize| region.blocks[from].successors().any(|s| s == to);
        let (way, shared) = if leads_to(next, taken) { (next, taken) } else { (taken, next) };
        let is_between = region.blocks[way].predecessors == 1 && region.blocks[shared].predecessors == 2;
        let may_meet =
            leads_to(way, shared) && region.blocks[shared].successors().any(|to| leads_to(way, to));
        let len = region.blocks[way].insns.len() + region.blocks[shared].insns.len();
        let is_apt = way > b && shared > way && is_between && may_meet && len <= SHORT;
        if is_apt && pays((known.mispredicted)(&region.blocks[b]), len) {
            let copy = Target::Block(region.blocks.len());
            region.blocks.push(region.blocks[shared].clone());
            let block = &mut region.blocks[b];
            if shared == taken { block.taken = Some(copy) } else { block.next = copy }
        }
    }
    if region.blocks.len() > before {
        region.renumber();
    }
}

/// One way of a branch: through a block at most.
#[derive(Clone, Copy)]
struct Way {
    block: Option<usize>,
    /// Where the block's own branch leads if it is taken.
    taken: Option<Target>,
    /// Where the way leads else.
    next: Target,
}

impl Way {
    fn leads_to(&self, target: Target) -> bool {
        self.next == target || self.taken == Some(target)
    }
}

/// The end of a way.
struct End {
    point: Point,
    /// Whether control goes to where the ways meet.
    meets: Val,
    /// Where it goes else.
    other: Target,
}

impl<G: Guest> Translator<'_, G> {
    /// Converts the branch at the end of `block`, if that pays, and ends the block.
    pub(super) fn convert(&mut self, block: &Block, condition: Value, taken: Target) -> bool {
        let Some((taken, next, join)) = self.meeting_ways(taken, block.next) else { return false };
        let len =
            [taken, next].iter().filter_map(|way| way.block).map(|b| self.region.blocks[b].insns.len()).sum();
        if !pays((self.known.mispredicted)(block), len) {
            return false;
        }
        let start = self.now.clone();
        let yes = self.walk(taken, join, start.clone());
        let no = self.walk(next, join, start);
        if (yes.meets, no.meets) != (Val::Known(1), Val::Known(1)) {
            let [yes_meets, no_meets] = [&yes, &no].map(|end| self.materialise(end.meets, Type::Bool));
            let meet = self.b.ins().select(condition, yes_meets, no_meets);
            let [on, other] = [(); 2].map(|()| self.b.create_block());
            self.b.ins().brif(meet, on, &[], other, &[]);
            self.b.switch_to_block(other);
            self.part(condition, &yes, &no);
            self.b.switch_to_block(on);
        }
        self.merge(condition, yes.point, no.point);
        self.jump(join);
        true
    }

    /// The two ways from a branch and where they meet, if they do after at most a block each.
    fn meeting_ways(&self, taken: Target, next: Target) -> Option<(Way, Way, Target)> {
        let direct = |next| Way { block: None, taken: None, next };
        let (through_taken, through_next) = (self.way_through(taken), self.way_through(next));
        let ways = [
            (through_taken, Some(direct(next))),
            (Some(direct(taken)), through_next),
            (through_taken, through_next),
        ];
        ways.into_iter().filter_map(|(t, n)| Some((t?, n?))).find_map(|(t, n)| {
            let len = |way: &Way| way.block.map_or(0, |b| self.region.blocks[b].insns.len());
            let join = t.taken.into_iter().chain([t.next]).find(|&join| n.leads_to(join))?;
            (len(&t) + len(&n) <= SHORT).then_some((t, n, join))
        })
    }

    /// The way through a block that only this branch leads to, whose instructions cannot be refused.
    fn way_through(&self, target: Target) -> Option<Way> {
        let Target::Block(index) = target else { return None };
        let block = &self.region.blocks[index];
        if block.predecessors > 1 || block.insns.len() > SHORT {
            return None;
        }
        let mut way = Way { block: Some(index), taken: None, next: block.next };
        for &(pc, insn) in &block.insns {
            let effects = effects::of::<G>(insn, pc);
            let plain = |a: &effects::Access| {
                let is_unbound = G::SPACES[a.space].bound == Bound::Natural;
                let is_special = |at| self.known.state.attributes(a.space, at) & attr::READ != 0;
                !a.store && is_unbound && a.at.is_some_and(|at| !is_special(at))
            };
            if effects.requires || !effects.accesses.iter().all(plain) {
                return None;
            }
            match effects.flow {
                Flow::Next => {}
                Flow::Goto(_) => way.next = block.taken?,
                Flow::If(..) => way.taken = block.taken,
                _ => return None,
            }
        }
        Some(way)
    }

    /// Translates a way that starts at `point` and may lead to `join`.
    fn walk(&mut self, way: Way, join: Target, point: Point) -> End {
        self.now = point;
        let mut flow = Flow::Next;
        if let Some(block) = way.block {
            self.tops[1 + block].clone_from(&self.now.slots);
            for i in 0..self.region.blocks[block].insns.len() {
                flow = self.instruction(block, i);
                debug_assert!(!self.left, "a way's instructions are never refused");
            }
        }
        let (meets, other) = match (flow, way.taken) {
            (Flow::If(condition, _), Some(taken)) if taken == join => (condition, way.next),
            (Flow::If(condition, _), Some(taken)) => {
                let never = self.imm(false);
                (self.compare::<u8>(Cond::Eq, condition, never), taken)
            }
            _ => (Val::Known(1), join),
        };
        End { point: self.now.clone(), meets, other }
    }

    /// Goes where the one way or the other leads that does not meet the other.
    fn part(&mut self, condition: Value, yes: &End, no: &End) {
        let mut edge = |end: &End| {
            self.now = end.point.clone();
            self.edge(end.other)
        };
        match (yes.meets, no.meets) {
            (Val::Known(1), _) => {
                let (no, args) = edge(no);
                self.b.ins().jump(no, &args);
            }
            (_, Val::Known(1)) => {
                let (yes, args) = edge(yes);
                self.b.ins().jump(yes, &args);
            }
            _ => {
                let (yes, yes_args) = edge(yes);
                let (no, no_args) = edge(no);
                self.b.ins().brif(condition, yes, &yes_args, no, &no_args);
            }
        }
    }

    /// Goes on with the one point or the other.
    fn merge(&mut self, condition: Value, yes: Point, no: Point) {
        self.now = yes.clone();
        if yes.pending != no.pending {
            // Charged apart, so that the budget waits for one subtraction, not for the selection.
            let common = yes.pending.min(no.pending);
            let [yes, no] = [&yes, &no].map(|p| self.b.ins().iconst(types::I64, (p.pending - common) as i64));
            let more = self.b.ins().select(condition, yes, no);
            self.now.budget = self.b.ins().isub(self.now.budget, more);
            self.now.pending = common;
        }
        for i in 0..self.written.len() {
            let slot = self.written[i];
            if yes.slots[slot] != no.slots[slot] {
                let ty = self.slot_type(slot);
                let both = yes.slots[slot].zip(no.slots[slot]);
                // Where it does not matter on one of the ways it is what it is on the other.
                self.now.slots[slot] = both.map_or(yes.slots[slot].or(no.slots[slot]), |(yes, no)| {
                    let (yes, no) = (self.materialise(yes, ty), self.materialise(no, ty));
                    Some(Val::Is(self.select(condition, yes, no)))
                });
            }
        }
    }

    /// `if condition { yes } else { no }`. If one is the other plus something, what is selected is the something or 0: in
    /// a loop, the sum then waits for an addition only.
    fn select(&mut self, condition: Value, yes: Value, no: Value) -> Value {
        let ty = self.b.func.dfg.value_type(yes);
        if let Some(term) = self.term(yes, no) {
            let zero = self.b.ins().iconst(ty, 0);
            let term = self.b.ins().select(condition, term, zero);
            return self.b.ins().iadd(no, term);
        }
        if let Some(term) = self.term(no, yes) {
            let zero = self.b.ins().iconst(ty, 0);
            let term = self.b.ins().select(condition, zero, term);
            return self.b.ins().iadd(yes, term);
        }
        self.b.ins().select(condition, yes, no)
    }

    /// What `sum` is more than `part`, if it was made by adding to that.
    fn term(&self, sum: Value, part: Value) -> Option<Value> {
        let dfg = &self.b.func.dfg;
        match dfg.value_def(sum) {
            ValueDef::Result(inst, _) if dfg.insts[inst].opcode() == Opcode::Iadd => {
                match *dfg.inst_args(inst) {
                    [a, b] if a == part => Some(b),
                    [a, b] if b == part => Some(a),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}
