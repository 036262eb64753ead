//! If-conversion: both ways of a branch that cannot be predicted are computed, and the results selected.
//!
//! A mispredicted branch costs some fifteen cycles. A branch is converted where the host could not predict it
//! ([`super::predict`]) and its ways are short, touch no memory that could refuse, and meet again.

use cranelift_codegen::ir::{InstBuilder, Opcode, Value, ValueDef, types};

use super::translate::{Point, Translator, Val};
use crate::effects;
use crate::guest::Guest;
use crate::ops::Flow;
use crate::region::{Block, Target};
use crate::state::attr;

/// Instructions on both ways together that are worth a misprediction saved.
const SHORT: usize = 12;

/// One way of a branch.
#[derive(Clone, Copy)]
struct Way {
    /// The block that is on it, if any.
    block: Option<usize>,
    /// Where it leads.
    join: Target,
}

impl<G: Guest> Translator<'_, G> {
    /// Converts the branch at the end of `block`, if that pays: where both ways meet, with the registers as they
    /// are there.
    pub(super) fn convert(&mut self, block: &Block, condition: Value, taken: Target) -> Option<Target> {
        let (taken, next) = self.meeting_ways(taken, block.next)?;
        let &(pc, _) = block.insns.last()?;
        if !(self.known.unpredictable)(pc) {
            return None;
        }
        let start = self.now.clone();
        let taken_end = self.walk(taken, start.clone());
        let next_end = self.walk(next, start);
        self.merge(condition, taken_end, next_end);
        Some(taken.join)
    }

    /// The two ways from a branch, if they meet after at most a block each.
    fn meeting_ways(&self, taken: Target, next: Target) -> Option<(Way, Way)> {
        let direct = |join| Way { block: None, join };
        let (through_taken, through_next) = (self.way_through(taken), self.way_through(next));
        let ways = [
            (through_taken, Some(direct(next))),
            (Some(direct(taken)), through_next),
            (through_taken, through_next),
        ];
        ways.into_iter().filter_map(|(t, n)| Some((t?, n?))).find(|(t, n)| {
            let len = |way: &Way| way.block.map_or(0, |b| self.region.blocks[b].insns.len());
            t.join == n.join && len(t) + len(n) <= SHORT
        })
    }

    /// The way through a block that only this branch leads to, whose instructions cannot be refused and
    /// that goes to one place.
    fn way_through(&self, target: Target) -> Option<Way> {
        let Target::Block(index) = target else { return None };
        let block = &self.region.blocks[index];
        if block.predecessors > 1 || block.insns.len() > SHORT {
            return None;
        }
        let mut join = block.next;
        for &(pc, insn) in &block.insns {
            let effects = effects::of::<G>(insn, pc);
            let plain = |a: &effects::Access| {
                !a.store && a.at.is_some_and(|at| self.known.state.attributes(a.space, at) & attr::READ == 0)
            };
            if effects.requires || !effects.accesses.iter().all(plain) {
                return None;
            }
            match effects.flow {
                Flow::Next => {}
                Flow::Goto(_) => join = block.taken?,
                _ => return None,
            }
        }
        Some(Way { block: Some(index), join })
    }

    /// The registers at the end of a way that starts at `point`.
    fn walk(&mut self, way: Way, point: Point) -> Point {
        self.now = point;
        let region = self.region;
        for &(pc, insn) in way.block.iter().flat_map(|&b| &region.blocks[b].insns) {
            self.instruction(pc, insn);
            debug_assert!(!self.left, "a way's instructions are never refused");
        }
        self.now.clone()
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
                let ty = G::SLOTS[slot].1;
                let [yes, no] = [&yes, &no].map(|point| point.slots[slot]);
                let [yes, no] =
                    [yes, no].map(|value| value.expect("every slot that the region uses has a value"));
                let (yes, no) = (self.materialise(yes, ty), self.materialise(no, ty));
                self.now.slots[slot] = Some(Val::Is(self.select(condition, yes, no)));
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
