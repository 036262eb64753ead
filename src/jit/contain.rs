//! What native code may touch (invariant: Containment), as a second opinion.
//!
//! This knows nothing of how the translator tests accesses. It walks a finished function, works out from types, constants
//! and the branches on the way what each address can be, and wants every load and store in the state: the registers, the
//! elements of one space, or, for loads, its attributes and what the state says of them.

use rustc_hash::FxHashMap;

use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::flowgraph::ControlFlowGraph;
use cranelift_codegen::ir::condcodes::{CondCode, IntCC};
use cranelift_codegen::ir::{Block, Function, Inst, InstructionData, Opcode, Value, ValueDef, types};

use crate::state::{KEPT, REGISTERS, SLOTS, SpaceInfo, plain_offset};

/// What a value can be, both ends included: a number, or an address so far from the state's start.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Range {
    is_address: bool,
    from: i128,
    to: i128,
}

const ANYTHING: Range = Range::numbers(i64::MIN as i128, i64::MAX as i128);

impl Range {
    const fn numbers(from: i128, to: i128) -> Range {
        Range { is_address: false, from, to }
    }

    /// The same where no sum wraps; else anything.
    fn checked(self) -> Range {
        if self.from < ANYTHING.from || self.to > ANYTHING.to { ANYTHING } else { self }
    }

    fn plus(self, other: Range) -> Range {
        if self.is_address && other.is_address {
            return ANYTHING;
        }
        let is_address = self.is_address || other.is_address;
        Range { is_address, from: self.from + other.from, to: self.to + other.to }.checked()
    }

    fn or(self, other: Range) -> Range {
        if self.is_address != other.is_address {
            return ANYTHING;
        }
        Range { from: self.from.min(other.from), to: self.to.max(other.to), ..self }
    }

    fn and(self, other: Range) -> Range {
        Range { from: self.from.max(other.from), to: self.to.min(other.to), ..self }
    }
}

/// Checks a function that takes the state's address, of a guest with these spaces.
///
/// # Errors
/// The first access that may be to something else.
pub(super) fn check(function: &Function, spaces: &[SpaceInfo]) -> Result<(), String> {
    let ways = ControlFlowGraph::with_function(function);
    let dominators = DominatorTree::with_function(function, &ways);
    let mut checker =
        Checker { function, spaces, ways: &ways, dominators: &dominators, facts: FxHashMap::default() };
    for &block in dominators.cfg_rpo() {
        checker.arrive(block);
        for inst in function.layout.block_insts(block) {
            checker.instruction(block, inst)?;
        }
    }
    Ok(())
}

struct Checker<'a> {
    function: &'a Function,
    spaces: &'a [SpaceInfo],
    ways: &'a ControlFlowGraph,
    dominators: &'a DominatorTree,
    /// What is known of a value from some block on.
    facts: FxHashMap<Value, Vec<(Block, Range)>>,
}

impl Checker<'_> {
    fn resolve(&self, value: Value) -> Value {
        self.function.dfg.resolve_aliases(value)
    }

    /// The instruction that makes a value.
    fn maker(&self, value: Value) -> Option<&InstructionData> {
        match self.function.dfg.value_def(self.resolve(value)) {
            ValueDef::Result(inst, _) => Some(&self.function.dfg.insts[inst]),
            _ => None,
        }
    }

    fn operation(&self, value: Value) -> Option<(Opcode, [Value; 2])> {
        match *self.maker(value)? {
            InstructionData::Binary { opcode, args } => Some((opcode, args)),
            _ => None,
        }
    }

    fn constant(&self, value: Value) -> Option<i64> {
        match self.maker(value)? {
            InstructionData::UnaryImm { opcode: Opcode::Iconst, imm } => Some(imm.bits()),
            _ => None,
        }
    }

    /// What a value of 64 bits can be in a block.
    fn range(&self, value: Value, block: Block) -> Range {
        let value = self.resolve(value);
        let known = self.facts.get(&value).into_iter().flatten();
        let holds = known.filter(|fact| self.dominators.block_dominates(fact.0, block));
        holds.fold(self.made(value, block), |range, fact| range.and(fact.1))
    }

    /// The same from how it is made alone.
    fn made(&self, value: Value, block: Block) -> Range {
        let dfg = &self.function.dfg;
        let bits = |of: Value| dfg.value_type(of).bits();
        if bits(value) != 64 {
            return ANYTHING;
        }
        if self.function.layout.entry_block().is_some_and(|entry| dfg.block_params(entry)[0] == value) {
            return Range { is_address: true, from: 0, to: 0 };
        }
        match self.maker(value) {
            Some(&InstructionData::UnaryImm { opcode: Opcode::Iconst, imm }) => {
                Range::numbers(imm.bits().into(), imm.bits().into())
            }
            Some(&InstructionData::Unary { opcode: Opcode::Uextend, arg }) => {
                Range::numbers(0, (1 << bits(arg)) - 1)
            }
            Some(&InstructionData::Unary { opcode: Opcode::Sextend, arg }) => {
                let end = 1 << (bits(arg) - 1);
                Range::numbers(-end, end - 1)
            }
            Some(&InstructionData::Binary { opcode, args: [a, b] }) => {
                let (a, by) = (self.range(a, block), self.constant(b));
                match (opcode, by) {
                    (Opcode::Iadd, _) => a.plus(self.range(b, block)),
                    (Opcode::Ishl, Some(by)) if !a.is_address => {
                        Range::numbers(a.from << (by & 63), a.to << (by & 63)).checked()
                    }
                    (Opcode::Band, Some(mask)) if mask >= 0 => Range::numbers(0, mask.into()),
                    (Opcode::Umin, _) => {
                        let b = self.range(b, block);
                        let both = a.from.min(b.from) >= 0 && !a.is_address && !b.is_address;
                        if both { Range::numbers(a.from.min(b.from), a.to.min(b.to)) } else { ANYTHING }
                    }
                    (Opcode::Smax, _) => {
                        let b = self.range(b, block);
                        let both = !a.is_address && !b.is_address;
                        if both { Range::numbers(a.from.max(b.from), a.to.max(b.to)) } else { ANYTHING }
                    }
                    _ => ANYTHING,
                }
            }
            Some(&InstructionData::Ternary { opcode: Opcode::Select, args: [_, a, b] }) => {
                self.range(a, block).or(self.range(b, block))
            }
            _ => ANYTHING,
        }
    }

    /// Takes note of what a block is told by the one way that leads to it.
    fn arrive(&mut self, block: Block) {
        let mut ways = self.ways.pred_iter(block);
        let (Some(way), None) = (ways.next(), ways.next()) else { return };
        if let InstructionData::Brif { arg, blocks: [taken, next], .. } = &self.function.dfg.insts[way.inst] {
            let lists = &self.function.dfg.value_lists;
            if taken.block(lists) != next.block(lists) {
                self.learn(*arg, taken.block(lists) == block, block);
            }
        }
    }

    /// Takes note of a condition that holds, or does not, from a block on.
    fn learn(&mut self, condition: Value, holds: bool, block: Block) {
        match self.maker(condition) {
            Some(&InstructionData::IntCompare { cond, args: [a, b], .. }) => {
                self.compared(if holds { cond } else { cond.complement() }, a, b, block);
            }
            Some(&InstructionData::Binary { opcode: Opcode::Bor, args }) if !holds => {
                args.into_iter().for_each(|arg| self.learn(arg, false, block));
            }
            Some(&InstructionData::Binary { opcode: Opcode::Band, args: [loaded, mask] }) if !holds => {
                self.not_special(loaded, mask, block);
            }
            _ => {}
        }
    }

    fn compared(&mut self, cond: IntCC, a: Value, b: Value, block: Block) {
        if self.function.dfg.value_type(a) != types::I64 {
            return;
        }
        let than = self.range(b, block);
        let range = match cond {
            IntCC::UnsignedLessThan if than.from >= 0 => Range::numbers(0, than.to - 1),
            IntCC::SignedLessThan => Range { to: than.to - 1, ..ANYTHING },
            IntCC::SignedLessThanOrEqual => Range { to: than.to, ..ANYTHING },
            IntCC::SignedGreaterThan => Range { from: than.from + 1, ..ANYTHING },
            IntCC::SignedGreaterThanOrEqual => Range { from: than.from, ..ANYTHING },
            _ => return,
        };
        self.know(a, range, block);
        // Both ends of a sum are those of what a constant was added to.
        if let (IntCC::UnsignedLessThan, Some((Opcode::Iadd, [x, y]))) = (cond, self.operation(a))
            && let Some(n) = self.constant(y).map(i128::from)
        {
            self.know(x, Range::numbers(range.from - n, range.to - n).checked(), block);
        }
    }

    /// Attributes, loaded together, have nothing of a mask. Behind the last there are some that have it all, so the
    /// elements that were asked for are there.
    fn not_special(&mut self, loaded: Value, mask: Value, block: Block) {
        let Some(&InstructionData::Load { arg, offset, .. }) = self.maker(loaded) else { return };
        let Some((Opcode::Iadd, [_, at])) = self.operation(arg) else { return };
        let Some(mask) = self.constant(mask) else { return };
        let bytes = match self.function.dfg.value_type(loaded).bytes() {
            4 => (mask as u32).to_ne_bytes().to_vec(),
            _ => mask.to_ne_bytes().to_vec(),
        };
        let Some(last) = bytes.iter().rposition(|&byte| byte != 0) else { return };
        let is_it =
            |space: &&SpaceInfo| space.attributes && space.attributes_offset() as i64 == i64::from(offset);
        if let Some(space) = self.spaces.iter().find(is_it) {
            let highest = space.len as i128 - 1 - last as i128;
            self.know(at, Range { to: highest, ..ANYTHING }, block);
        }
    }

    fn know(&mut self, value: Value, range: Range, block: Block) {
        let value = self.resolve(value);
        self.facts.entry(value).or_default().push((block, range));
    }

    fn instruction(&self, block: Block, inst: Inst) -> Result<(), String> {
        let dfg = &self.function.dfg;
        let (address, offset, size, is_store) = match dfg.insts[inst] {
            InstructionData::Load { opcode: Opcode::Load, arg, offset, .. } => {
                (arg, offset, dfg.value_type(dfg.first_result(inst)).bytes(), false)
            }
            InstructionData::Store { opcode: Opcode::Store, args: [value, address], offset, .. } => {
                (address, offset, dfg.value_type(value).bytes(), true)
            }
            ref other => {
                let opcode = other.opcode();
                let touches = opcode.can_load() || opcode.can_store() || opcode.is_call();
                let refusal = || format!("{}: nobody knows what it touches", dfg.display_inst(inst));
                return if touches { Err(refusal()) } else { Ok(()) };
            }
        };
        let range = self.range(address, block);
        let from = range.from + i128::from(i32::from(offset));
        let to = range.to + i128::from(i32::from(offset)) + i128::from(size);
        let is_in = |range: std::ops::Range<usize>| range.start as i128 <= from && to <= range.end as i128;
        let allowed = range.is_address
            && (is_in(0..REGISTERS + 8 * SLOTS)
                || is_in(KEPT..KEPT + 8)
                || self.spaces.iter().any(|space| is_in(space.elements()))
                || !is_store && self.spaces.iter().any(|space| is_in(space.all_attributes()))
                || !is_store && is_in(plain_offset(0)[0]..plain_offset(self.spaces.len())[0]));
        if allowed { Ok(()) } else { Err(format!("{}: it reaches {from}..{to}", dfg.display_inst(inst))) }
    }
}
