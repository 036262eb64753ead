//! Computed jumps: compared with the places in the region where they may lead. Those that may lead to the same many are compared
//! together, in one place: each way from each jump would be a parallel move of all registers.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{self, BlockArg, InstBuilder, Value, types};
use cranelift_frontend::Switch;

use super::Reason;
use super::forward::Memory;
use super::translate::{Point, Translator, Val, clif};
use crate::guest::Guest;
use crate::ops::{Pc, Via};
use crate::region::{Block, Target};

/// Targets of an indirect jump that are compared one by one; more are searched.
const COMPARED: usize = 3;

/// Where jumps from several blocks are compared with the same targets. It takes where to, the budget and the registers that the
/// region writes.
pub(super) struct Dispatch {
    block: ir::Block,
    reason: Reason,
    targets: Vec<(Pc, usize)>,
    /// The first block that leads there.
    from: usize,
}

impl<G: Guest> Translator<'_, G> {
    /// An indirect jump: compared with the targets that the region has.
    pub(super) fn dynamic(&mut self, block: &Block, to: Val, via: Via) {
        let to = match to {
            Val::Known(pc) => {
                let known = block.targets.iter().find(|t| t.0 as u64 == pc);
                return self.jump(known.map_or(Target::Outside(pc as Pc), |t| Target::Block(t.1)));
            }
            Val::Is(to) => to,
        };
        let reason = match via {
            Via::Return if block.is_paired => Reason::Unpaired,
            Via::Return => Reason::Return,
            Via::Jump | Via::Call => Reason::Indirect,
        };
        if block.targets.len() > COMPARED && self.is_compared_elsewhere(block) {
            return self.dispatch(block, to, reason);
        }
        self.charge_cycle(targets(block));
        let unknown = self.exit(reason, None, Some(to));
        if block.targets.len() <= COMPARED {
            for &(pc, target) in &block.targets {
                let (target, args) = self.edge(Target::Block(target));
                let is = self.b.ins().icmp_imm_s(IntCC::Equal, to, pc as i64);
                let other = self.b.create_block();
                self.b.ins().brif(is, target, &args, other, &[]);
                self.b.switch_to_block(other);
            }
            self.b.ins().jump(unknown, &[]);
            return;
        }
        self.search(to, &block.targets, unknown);
    }

    /// Goes to that of the targets that `to` is.
    fn search(&mut self, to: Value, targets: &[(Pc, usize)], unknown: ir::Block) {
        let ways: Vec<_> = targets.iter().map(|&(pc, b)| (pc, self.b.create_block(), b)).collect();
        let mut switch = Switch::new();
        ways.iter().for_each(|way| switch.set_entry(way.0.into(), way.1));
        switch.emit(&mut self.b, to, unknown);
        for (_, way, b) in ways {
            self.b.switch_to_block(way);
            let (target, args) = self.edge(Target::Block(b));
            self.b.ins().jump(target, &args);
        }
    }

    /// Whether jumps from other blocks have the same targets, so that all of these are joins. Where control may stay in a loop with a
    /// gate, it does not pass another place. Elements would have to be handed over, too.
    fn is_compared_elsewhere(&self, block: &Block) -> bool {
        let has_elements = !self.facts.elements.elements.is_empty();
        let is_same = |other: usize| self.region.blocks[other].targets == block.targets;
        let is_in_loop = |to: usize, b: usize| self.gated[b].is_some() && self.gated[to] == self.gated[b];
        let is_free = |b: usize| !block.targets.iter().any(|target| is_in_loop(target.1, b));
        let mut others = (0..self.region.blocks.len()).filter(|&b| b != self.current && is_same(b));
        !has_elements && is_free(self.current) && others.any(is_free)
    }

    /// Hands over to where jumps from here and elsewhere are compared.
    fn dispatch(&mut self, block: &Block, to: Value, reason: Reason) {
        let known = self.dispatches.iter().find(|d| d.reason == reason && d.targets == block.targets);
        let dispatch = match known {
            Some(dispatch) => dispatch.block,
            None => {
                let (targets, from) = (block.targets.clone(), self.current);
                let block = self.b.create_block();
                self.dispatches.push(Dispatch { block, reason, targets, from });
                block
            }
        };
        self.memory = Memory::default();
        block.targets.iter().for_each(|target| self.hand_on_memory(target.1));
        self.now.budget = self.settled(None);
        self.now.kept_by = None;
        let budget = self.charged(self.now.pending as i64);
        let mut args = vec![BlockArg::Value(to), BlockArg::Value(budget)];
        args.extend(self.written_registers());
        self.b.ins().jump(dispatch, &args);
    }

    /// Fills the blocks where jumps are compared together. The budget is checked there for all ways on that close a cycle.
    pub(super) fn write_dispatches(&mut self) {
        for Dispatch { block, reason, targets, from } in std::mem::take(&mut self.dispatches) {
            self.current = from;
            self.goes_on_at(from, self.region.blocks[from].insns.len() - 1);
            self.b.switch_to_block(block);
            let to = self.b.append_block_param(block, types::I32);
            let budget = self.b.append_block_param(block, types::I64);
            let mut slots = self.tops[0].clone();
            for &slot in &self.registers {
                let ty = clif(G::SLOTS[slot].1);
                slots[slot] = Some(Val::Is(self.b.append_block_param(block, ty)));
            }
            self.now = Point { slots, budget, pending: 0, left_cycle: false, kept_by: None };
            let is_checked_here = |b: &usize| {
                let block = &self.region.blocks[*b];
                block.is_checkpoint && !block.is_always_checked && self.gated[*b].is_none()
            };
            let checked = targets.iter().map(|target| target.1).filter(is_checked_here);
            if let Some(longest) = checked.map(|b| self.region.blocks[b].longest).max() {
                let short = self.b.ins().icmp_imm_u(IntCC::UnsignedLessThan, budget, longest as i64);
                let spent = self.exit(Reason::Budget, None, Some(to));
                self.leave_through(spent, short);
            }
            let unknown = self.exit(reason, None, Some(to));
            self.is_checked = true;
            self.search(to, &targets, unknown);
            self.write_tolls();
            self.is_checked = false;
        }
    }

    /// An indirect jump if the condition holds, else to the next instruction.
    pub(super) fn dynamic_if(&mut self, block: &Block, condition: Value, to: Val) {
        self.charge_cycle([block.next].into_iter().chain(targets(block)));
        let away = self.b.create_block();
        let (next, args) = self.edge(block.next);
        self.b.ins().brif(condition, away, &[], next, &args);
        self.b.switch_to_block(away);
        self.dynamic(block, to, Via::Jump);
    }
}

/// Where a computed jump leads inside the region.
fn targets(block: &Block) -> impl Iterator<Item = Target> + '_ {
    block.targets.iter().map(|target| Target::Block(target.1))
}
