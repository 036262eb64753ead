//! Computed jumps: compared with the places in the region where they may lead.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value};
use cranelift_frontend::Switch;

use super::Reason;
use super::translate::{Translator, Val};
use crate::guest::Guest;
use crate::ops::{Pc, Via};
use crate::region::{Block, Target};

/// Targets of an indirect jump that are compared one by one; more go through a table.
const COMPARED: usize = 3;

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
        self.charge_cycle(targets(block));
        let reason = if via == Via::Return { Reason::Return } else { Reason::Indirect };
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
        let mut switch = Switch::new();
        let mut ways = Vec::new();
        for &(pc, target) in &block.targets {
            let way = self.b.create_block();
            switch.set_entry(pc as u128, way);
            ways.push((way, target));
        }
        switch.emit(&mut self.b, to, unknown);
        for (way, target) in ways {
            self.b.switch_to_block(way);
            let (target, args) = self.edge(Target::Block(target));
            self.b.ins().jump(target, &args);
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
