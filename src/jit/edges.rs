//! The ways between a region's blocks: what they owe the budget, and what they give to where they lead.
//!
//! The budget is checked on the edges that close a cycle, once for the longest way on from there to the next check, and charged
//! there. In between, what has retired but is not charged is known when translating (`pending`); where ways
//! join, it is what has retired on the shortest, and the others are charged what they are longer.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, BlockArg, InstBuilder, Value, types};

use super::Reason;
use super::facts::Source;
use super::translate::{Point, Translator};
use crate::guest::Guest;
use crate::region::Target;

/// A block on the way to one where ways join, which is charged there what it is longer than others.
pub(super) struct Toll {
    block: ir::Block,
    point: Point,
    to: usize,
    owed: i64,
}

impl<G: Guest> Translator<'_, G> {
    /// Leaves to the interpreter, which counts one by one, where the budget might not last to the next check.
    pub(super) fn check_budget(&mut self, checkpoint: usize) {
        let short = self.compare_budget(IntCC::UnsignedLessThan, checkpoint);
        match self.now.kept_by {
            None => self.leave_if(short, Reason::Budget),
            Some(_) => self.try_gate_again(checkpoint, short),
        }
    }

    /// Compares the budget with what the longest way from the top of a checkpoint to the next check takes.
    fn compare_budget(&mut self, comparison: IntCC, checkpoint: usize) -> Value {
        let needed = self.now.pending + self.region.blocks[checkpoint].longest;
        self.b.ins().icmp_imm_s(comparison, self.now.budget, needed as i64)
    }

    /// Goes one way or the other with the registers as they are.
    pub(super) fn branch(&mut self, condition: Value, taken: Target, next: Target) {
        self.charge_cycle([taken, next]);
        let slots = self.now.slots.clone();
        self.assume(condition, true);
        let (taken_block, taken_args) = self.way(taken, next);
        self.now.slots = slots;
        self.assume(condition, false);
        let (next_block, next_args) = self.way(next, taken);
        self.b.ins().brif(condition, taken_block, &taken_args, next_block, &next_args);
    }

    /// Takes from the budget what an edge owes.
    fn charge(&mut self, target: Target) {
        let owed = self.owed(target).unwrap_or(0);
        self.now.budget = self.charged(owed);
        self.now.left_cycle &= owed == 0;
        self.now.pending = (self.now.pending as i64 - owed) as u64;
    }

    /// Takes from the budget what the one of these edges owes that closes a cycle, if one does. Others settle theirs on
    /// their way.
    pub(super) fn charge_cycle(&mut self, targets: impl IntoIterator<Item = Target>) {
        let closes = |t: &Target| matches!(*t, Target::Block(b) if self.closes_cycle(b));
        if let Some(target) = targets.into_iter().find(closes) {
            self.charge(target);
        }
    }

    /// What an edge from here to where ways join owes the budget; if less than nothing, it gives back.
    fn owed(&self, target: Target) -> Option<i64> {
        let Target::Block(b) = target else { return None };
        let block = &self.region.blocks[b];
        (block.predecessors > 1).then(|| self.now.pending as i64 - block.shortest as i64)
    }

    /// The budget less this. Where it was charged for a cycle that was left, the sum is one that the optimiser does not see
    /// through: it would go back to what was there before the charge, which then had to be kept.
    pub(super) fn charged(&mut self, owed: i64) -> Value {
        match owed {
            0 => self.now.budget,
            n if self.now.left_cycle => {
                let less = self.b.ins().iconst(types::I64, -n);
                self.b.ins().uadd_overflow(self.now.budget, less).0
            }
            n => self.b.ins().iadd_imm_s(self.now.budget, -n),
        }
    }

    pub(super) fn jump(&mut self, target: Target) {
        self.charge(target);
        match target {
            Target::Block(to) if self.region.blocks[to].predecessors > 1 => {
                self.hand_on_memory(to);
                self.join(to);
            }
            _ => {
                let (block, args) = self.edge(target);
                self.b.ins().jump(block, &args);
            }
        }
    }

    /// Whether control that goes to this block from the current one, or from the region's entry, closes a cycle.
    fn closes_cycle(&self, to: usize) -> bool {
        to <= self.current
    }

    /// Whether the budget is checked on the way to this block, not at its top.
    fn is_checked_before(&self, to: usize) -> bool {
        let is_due = self.closes_cycle(to) && !self.is_checked || self.region.blocks[to].is_always_checked;
        is_due && self.gated[to].is_none()
    }

    /// Goes to a block where ways join, which has been charged for. The budget is checked on the way where that is to be:
    /// what only an exit needs is no parameter of the block then, and a loop ends in one branch, back or out.
    fn join(&mut self, to: usize) {
        let (block, kept_by) = self.door(to);
        self.now.budget = self.settled(kept_by);
        self.now.kept_by = kept_by;
        if !self.is_checked_before(to) {
            let args = self.arguments(to, kept_by);
            self.b.ins().jump(block, &args);
            return;
        }
        self.goes_on_at(to, 0);
        let lasts = self.compare_budget(IntCC::UnsignedGreaterThanOrEqual, to);
        let args = self.arguments(to, kept_by);
        let exit = self.exit(Reason::Budget, Some(self.pc), None);
        self.b.ins().brif(lasts, block, &args, exit, &[]);
    }

    /// One way of two from here. What a join is given is computed only if control goes there, unless that closes a cycle.
    fn way(&mut self, target: Target, other: Target) -> (ir::Block, Vec<BlockArg>) {
        let left_cycle = self.now.left_cycle;
        if let (Target::Block(header), Target::Block(to)) = (other, target) {
            let is_latch = header <= self.current && to > self.current;
            self.now.left_cycle |= is_latch && !self.region.is_in_cycle(to, header);
        }
        let edge = match target {
            Target::Block(to) if to > self.current && self.region.blocks[to].predecessors > 1 => {
                let owed = self.owed(target).unwrap_or(0);
                self.hand_on_memory(to);
                (self.toll(to, owed), Vec::new())
            }
            _ => self.edge(target),
        };
        self.now.left_cycle = left_cycle;
        edge
    }

    /// A block on the way to a join.
    fn toll(&mut self, to: usize, owed: i64) -> ir::Block {
        // Filled later: this block has not ended yet.
        let block = self.b.create_block();
        self.tolls.push(Toll { block, point: self.now.clone(), to, owed });
        block
    }

    /// The CLIF block of a target and what it is to be given.
    pub(super) fn edge(&mut self, target: Target) -> (ir::Block, Vec<BlockArg>) {
        let b = match target {
            Target::Block(b) => b,
            Target::Outside(pc) => return (self.exit(Reason::Leave, Some(pc), None), Vec::new()),
        };
        self.hand_on_memory(b);
        let Some(owed) = self.owed(target) else {
            self.entered[b] = Some(self.now.clone());
            return (self.blocks[b], Vec::new());
        };
        let (block, kept_by) = self.door(b);
        if owed == 0 && !self.is_checked_before(b) {
            return (block, self.arguments(b, kept_by));
        }
        (self.toll(b, owed), Vec::new())
    }

    /// What a block where ways join is given now, where this gate keeps back some of the budget.
    pub(super) fn arguments(&mut self, block: usize, kept_by: Option<usize>) -> Vec<BlockArg> {
        let mut args = vec![BlockArg::Value(self.settled(kept_by))];
        for i in 0..self.written.len() {
            let slot = self.written[i];
            if self.facts.source(block, slot) == Source::Parameter {
                args.push(BlockArg::Value(self.slot_value(slot)));
            }
        }
        args
    }

    pub(super) fn write_tolls(&mut self) {
        for Toll { block, point, to, owed } in std::mem::take(&mut self.tolls) {
            self.b.switch_to_block(block);
            self.goes_on_at(self.current, self.region.blocks[self.current].insns.len() - 1);
            self.now = point;
            self.now.budget = self.charged(owed);
            self.now.pending = self.region.blocks[to].shortest;
            self.join(to);
        }
    }
}
