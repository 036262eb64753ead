//! Registers that a region reads but does not write are constants in it: what they are when it is translated. That is tested
//! once, where control enters; a region for which it does not hold is made again without those that differ.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value};
use rustc_hash::FxHashSet;

use super::known::Known;
use super::translate::{Translator, Uses, Val};
use super::{Reason, facts};
use crate::guest::Guest;
use crate::ops::Type;
use crate::region::Region;

/// The registers that a region takes for constants, and what they are. Pointers are not among them: elements are found by
/// the registers that lead to them.
pub(super) fn choose<G: Guest>(
    region: &Region,
    known: &Known<'_>,
    varying: &FxHashSet<usize>,
) -> Vec<(usize, u64)> {
    let uses = Uses::of::<G>(region);
    let pointers = facts::pointers::<G>(region, known);
    let is_number = |slot: &usize| !matches!(G::SLOTS[*slot].1, Type::Bool | Type::F64);
    let is_constant = |slot: &usize| !uses.writes.contains(*slot) && !varying.contains(slot);
    let chosen = uses.reads.iter().filter(|slot| is_number(slot) && is_constant(slot));
    chosen.filter(|slot| !pointers.contains(slot)).map(|slot| (slot, known.state.slot(slot))).collect()
}

impl<G: Guest> Translator<'_, G> {
    /// At the region's entry: leaves unless the constants are what they are taken for, those, too, that no instruction reads
    /// any more because of what they are.
    pub(super) fn check_constants(&mut self) {
        let mut differs: Option<Value> = None;
        for &(slot, bits) in &self.known.constants {
            let ty = self.slot_type(slot);
            let (value, expected) = (self.register(slot), self.materialise(Val::Known(bits), ty));
            let differs_here = self.b.ins().icmp(IntCC::NotEqual, value, expected);
            differs = Some(differs.map_or(differs_here, |others| self.b.ins().bor(others, differs_here)));
            self.now.slots[slot] = Some(Val::Known(bits));
        }
        if let Some(differs) = differs {
            self.leave_if(differs, Reason::Constant);
        }
    }
}
