//! The ways out of a region.
//!
//! An exit is a cold block that hands its number and the registers to the one block that writes the state back: one, because
//! exits are what compile time goes to. They are filled when all else is translated.

use cranelift_codegen::ir::{self, BlockArg, InstBuilder, SourceLoc, Value, types};

use super::translate::{Point, Translator, clif};
use super::{Exit, Reason};
use crate::guest::Guest;
use crate::ops::{Pc, Type};
use crate::state::{BUDGET, PC, REGISTERS};
use crate::tier::Plant;

/// A block to be filled.
pub(super) struct ExitBlock {
    block: ir::Block,
    point: Point,
    id: usize,
    /// Where to go on, if that is known only when running.
    pc: Option<Value>,
}

impl<G: Guest> Translator<'_, G> {
    /// A block that leaves with the registers as they are now. `pc` is where to go on, known now or when
    /// running.
    pub(super) fn exit(&mut self, reason: Reason, pc: Option<Pc>, dynamic: Option<Value>) -> ir::Block {
        let block = self.b.create_block();
        self.b.set_cold_block(block);
        let id = self.exits.len();
        let unsaid = u64::from(reason == Reason::Load && self.known.plant == Some(Plant::Count));
        let retired = self.now.pending.saturating_sub(unsaid);
        self.exits.push(Exit { reason, instruction: self.number, at: self.pc, pc, retired });
        self.exit_blocks.push(ExitBlock { block, point: self.now.clone(), id, pc: dynamic });
        block
    }

    /// Leaves before this instruction if `condition` holds.
    pub(super) fn leave_if(&mut self, condition: Value, reason: Reason) {
        let exit = self.exit(reason, Some(self.pc), None);
        self.leave_through(exit, condition);
    }

    /// Leaves through this exit if `condition` holds.
    pub(super) fn leave_through(&mut self, exit: ir::Block, condition: Value) {
        let on = self.b.create_block();
        self.b.ins().brif(condition, exit, &[], on, &[]);
        self.b.switch_to_block(on);
    }

    /// The registers that the region writes, as they are now.
    pub(super) fn written_registers(&mut self) -> Vec<BlockArg> {
        let registers = self.registers.clone();
        registers.into_iter().map(|slot| BlockArg::Value(self.slot_value(slot))).collect()
    }

    /// Leaves before this instruction.
    pub(super) fn leave(&mut self, reason: Reason) {
        let exit = self.exit(reason, Some(self.pc), None);
        self.b.ins().jump(exit, &[]);
    }

    /// Leaves before this instruction, whose remaining operations then go nowhere.
    pub(super) fn leave_always(&mut self, reason: Reason) {
        if !self.left {
            self.leave(reason);
            self.left = true;
            let nowhere = self.b.create_block();
            self.b.switch_to_block(nowhere);
        }
    }

    /// Fills the exits' blocks and the one that they share.
    pub(super) fn write_exits(&mut self) {
        self.b.set_srcloc(SourceLoc::default());
        let flags = self.flags(None);
        for ExitBlock { block, point, id, pc } in std::mem::take(&mut self.exit_blocks) {
            self.b.switch_to_block(block);
            if let Some(pc) = pc {
                self.b.ins().store(flags, pc, self.state, PC as i32);
            }
            let id = self.b.ins().iconst(types::I32, id as i64);
            self.store_elements(&point);
            self.now = point;
            let mut args = vec![BlockArg::Value(id), BlockArg::Value(self.settled(None))];
            args.extend(self.written_registers());
            self.b.ins().jump(self.shared_exit, &args);
        }
        let shared = self.shared_exit;
        self.b.set_cold_block(shared);
        self.b.switch_to_block(shared);
        let id = self.b.append_block_param(shared, types::I32);
        let budget = self.b.append_block_param(shared, types::I64);
        let types = self.registers.iter().map(|&slot| clif(G::SLOTS[slot].1));
        let values: Vec<Value> = types.map(|ty| self.b.append_block_param(shared, ty)).collect();
        self.b.ins().store(flags, budget, self.state, BUDGET as i32);
        for (slot, mut value) in self.registers.clone().into_iter().zip(values) {
            if G::SLOTS[slot].1 == Type::F64 {
                value = self.one_nan(value);
            }
            self.b.ins().store(flags, value, self.state, (REGISTERS + slot * 8) as i32);
        }
        self.b.ins().return_(&[id]);
    }
}
