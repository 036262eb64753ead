//! From a region to CLIF: a guest's meaning over Cranelift's values.
//!
//! Guest registers live in SSA values; a block that control enters from more than one place takes those
//! that the region writes as parameters. What native code cannot do leaves *before* the instruction
//! retires, through an exit: a cold block that hands its number and the registers to the one block that
//! writes the state back (one, because exits are what compile time goes to).

use rustc_hash::{FxHashMap, FxHashSet};

use cranelift_codegen::ir::{
    self, AbiParam, AliasRegion, AliasRegionData, Function, InstBuilder, MemFlagsData, Opcode, Signature,
    SourceLoc, TrapCode, UserFuncName, Value, ValueDef, types,
};
use cranelift_codegen::isa::{CallConv, TargetFrontendConfig};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext, Switch};

use super::access::Found;
use super::computed::Dispatch;
use super::edges::Toll;
use super::elements::Home;
use super::exits::ExitBlock;
use super::facts::{self, Extent, Facts, Source};
use super::forward::Memory;
use super::gate::Lock;
use super::known::Known;
use super::{Exit, Reason, unused};
use crate::effects::{self, Slots};
use crate::guest::Guest;
use crate::ops::{Flow, FlowOf, Pc, Scalar, Type, Via};
use crate::region::{Block, Region, Target};
use crate::state::{BUDGET, REGISTERS};

/// A function in CLIF and what it rests on.
pub(crate) struct Translation {
    pub(crate) function: Function,
    pub(crate) exits: Vec<Exit>,
    /// Words whose values are in the code: instructions and literals.
    pub(crate) words: Vec<Pc>,
    /// Words that the code writes without a test.
    pub(crate) trusted: Vec<Pc>,
    /// Headers of the loops that have gates, which go by the ranges of plain addresses that the state has.
    pub(crate) gated: Vec<Pc>,
}

/// A guest value.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Val {
    /// Known when translating.
    Known(u64),
    /// Known when running.
    Is(Value),
}

/// The registers and the budget at a point of the region.
#[derive(Clone)]
pub(super) struct Point {
    /// By slot; those that the region uses. An element has none that does not matter any more, or whose value at the
    /// entry, which it still has, is not used.
    pub(super) slots: Vec<Option<Val>>,
    pub(super) budget: Value,
    /// Instructions retired on every way to here but not yet charged.
    pub(super) pending: u64,
    /// The budget was charged for a cycle that control then left.
    pub(super) left_cycle: bool,
    /// The gate that keeps back some of the budget.
    pub(super) kept_by: Option<usize>,
}

pub(super) struct Translator<'a, G> {
    pub(super) b: FunctionBuilder<'a>,
    pub(super) region: &'a Region,
    pub(super) known: &'a Known<'a>,
    pub(super) blocks: Vec<ir::Block>,
    /// Where blocks with one predecessor are entered from.
    pub(super) entered: Vec<Option<Point>>,
    /// Slots that the region writes: registers, and all.
    pub(super) registers: Vec<usize>,
    pub(super) written: Vec<usize>,
    /// The slots at the region's entry, and at the top of each block that was translated so far.
    pub(super) tops: Vec<Vec<Option<Val>>>,
    /// Per space with elements that are slots, the address in 64 bits that they are counted from.
    pub(super) bases: Vec<Option<Value>>,
    pub(super) own_words: FxHashSet<Pc>,
    pub(super) literals: FxHashSet<Pc>,
    pub(super) trusted: FxHashSet<Pc>,
    pub(super) exits: Vec<Exit>,
    pub(super) exit_blocks: Vec<ExitBlock>,
    pub(super) tolls: Vec<Toll>,
    pub(super) dispatches: Vec<Dispatch>,
    /// The budget was checked for all ways on from here that close a cycle.
    pub(super) is_checked: bool,
    pub(super) shared_exit: ir::Block,
    pub(super) state: Value,
    pub(super) alias: Vec<AliasRegion>,
    pub(super) now: Point,
    pub(super) current: usize,
    pub(super) pc: Pc,
    /// Where the numbers of each block's instructions start, and the number of the instruction at `pc`: code and
    /// exits are said to be its.
    firsts: Vec<u32>,
    pub(super) number: u32,
    /// The instruction is one that always leaves.
    pub(super) left: bool,
    /// The accesses to come whose addresses the instruction itself fixes.
    pub(super) named: u32,
    /// Values that are another plus a constant.
    pub(super) offsets: FxHashMap<Value, (Value, i64)>,
    /// Values that are an index plus a constant that is an address itself.
    pub(super) indexed: FxHashMap<Value, (Value, u64)>,
    /// What was found plain, or inside its bound: by space, pointer, and kind of access or elements' size.
    pub(super) found: FxHashMap<(usize, Value, u8), Vec<Found>>,
    /// What memory is known to hold here, and at the tops of blocks to come, as far as control was seen to go there.
    pub(super) memory: Memory,
    pub(super) handed_on: Vec<Option<Memory>>,
    /// How far this block's accesses reach and where they go, in order.
    pub(super) accesses: std::vec::IntoIter<(Extent, Option<Home>)>,
    pub(super) facts: Facts,
    /// By block: the number of the gate of the loop that it is in.
    pub(super) gated: Vec<Option<usize>>,
    /// The gates' blocks.
    pub(super) locks: Vec<Lock>,
    pub(super) guest: std::marker::PhantomData<G>,
}

/// Translates a region.
pub(crate) fn translate<G: Guest>(
    region: &Region,
    known: &Known<'_>,
    frontend: TargetFrontendConfig,
    call_conv: CallConv,
    context: &mut FunctionBuilderContext,
) -> Translation {
    let mut signature = Signature::new(call_conv);
    signature.params.extend([types::I64, types::I32].map(AbiParam::new));
    signature.returns.push(AbiParam::new(types::I32));
    let name = UserFuncName::user(0, region.blocks[0].pc());
    let mut function = Function::with_name_signature(name, signature);
    let alias = ["state"].into_iter().chain(G::SPACES.iter().map(|s| s.name)).enumerate();
    let alias = alias
        .map(|(i, name)| {
            let data = AliasRegionData { user_id: i as u32, description: name.into() };
            function.dfg.alias_regions.insert(data)
        })
        .collect();

    let mut b = FunctionBuilder::new(&mut function, context);
    let entry = b.create_block();
    b.append_block_params_for_function_params(entry);
    let blocks = region.blocks.iter().map(|_| b.create_block()).collect();
    let shared_exit = b.create_block();
    b.switch_to_block(entry);
    let state = b.block_params(entry)[0];

    let uses = Uses::of::<G>(region);
    let lens = region.blocks.iter().map(|block| block.insns.len() as u32);
    let firsts = lens.scan(0, |next, len| Some(std::mem::replace(next, *next + len))).collect();
    let facts = facts::find::<G>(region, known);
    let mut gated = vec![None; region.blocks.len()];
    for (number, gate) in facts.gates.iter().enumerate() {
        gate.body.iter().for_each(|&b| gated[b] = Some(number));
    }
    let locks = facts.gates.iter().map(|_| Lock { block: b.create_block(), keeps: false }).collect();
    let registers: Vec<usize> = uses.writes.iter().collect();
    let elements = facts.elements.written().map(|number| G::SLOTS.len() + number);
    let written = registers.iter().copied().chain(elements).collect();
    let mut t = Translator::<G> {
        now: Point {
            slots: vec![None; G::SLOTS.len()],
            budget: state,
            pending: 0,
            left_cycle: false,
            kept_by: None,
        },
        b,
        region,
        known,
        blocks,
        entered: region.blocks.iter().map(|_| None).collect(),
        registers,
        written,
        tops: Vec::new(),
        bases: vec![None; G::SPACES.len()],
        own_words: region.addresses().collect(),
        literals: facts.literals.clone(),
        trusted: FxHashSet::default(),
        exits: Vec::new(),
        exit_blocks: Vec::new(),
        tolls: Vec::new(),
        dispatches: Vec::new(),
        is_checked: false,
        shared_exit,
        state,
        alias,
        // Outside all loops.
        current: usize::MAX,
        pc: 0,
        firsts,
        number: 0,
        left: false,
        named: 0,
        offsets: FxHashMap::default(),
        indexed: FxHashMap::default(),
        found: FxHashMap::default(),
        memory: Memory::default(),
        handed_on: vec![None; region.blocks.len()],
        accesses: Vec::new().into_iter(),
        facts,
        gated,
        locks,
        guest: std::marker::PhantomData,
    };
    let mut used = uses.reads;
    used.extend(uses.writes);
    t.enter(used);
    for block in 0..region.blocks.len() {
        t.block(block);
        t.write_tolls();
    }
    t.write_dispatches();
    t.write_exits();
    t.b.seal_all_blocks();
    let gated = t.facts.gates.iter().map(|gate| region.blocks[gate.body[0]].pc()).collect();
    let Translator { b, exits, mut literals, trusted, own_words, .. } = t;
    b.finalize(frontend);
    unused::drop(&mut function);
    literals.extend(own_words);
    let sorted = |set: FxHashSet<Pc>| {
        let mut list: Vec<Pc> = set.into_iter().collect();
        list.sort_unstable();
        list
    };
    Translation { function, exits, words: sorted(literals), trusted: sorted(trusted), gated }
}

/// What a region's instructions use.
#[derive(Default)]
pub(super) struct Uses {
    pub(super) reads: Slots,
    pub(super) writes: Slots,
}

impl Uses {
    pub(super) fn of<G: Guest>(region: &Region) -> Uses {
        let mut uses = Uses::default();
        region.blocks.iter().for_each(|block| uses.add::<G>(block));
        uses
    }

    fn add<G: Guest>(&mut self, block: &Block) {
        for &(pc, insn) in &block.insns {
            let effects = effects::of::<G>(insn, pc);
            self.reads.extend(effects.reads);
            self.writes.extend(effects.writes);
        }
    }
}

pub(super) fn clif(ty: Type) -> ir::Type {
    match ty {
        Type::Bool | Type::I8 => types::I8,
        Type::I16 => types::I16,
        Type::I32 => types::I32,
        Type::I64 => types::I64,
        Type::F64 => types::F64,
    }
}

impl<G: Guest> Translator<'_, G> {
    pub(super) fn flags(&self, space: Option<usize>) -> MemFlagsData {
        let region = self.alias[space.map_or(0, |s| s + 1)];
        MemFlagsData::new().with_notrap().with_alias_region(Some(region))
    }

    /// A register as the state has it.
    pub(super) fn register(&mut self, slot: usize) -> Value {
        let (ty, flags) = (clif(G::SLOTS[slot].1), self.flags(None));
        self.b.ins().load(ty, flags, self.state, (REGISTERS + slot * 8) as i32)
    }

    /// The function's start: registers, budget and elements from the state.
    fn enter(&mut self, used: Slots) {
        let flags = self.flags(None);
        self.now.budget = self.b.ins().load(types::I64, flags, self.state, BUDGET as i32);
        for slot in used.iter() {
            let value = self.register(slot);
            self.now.slots[slot] = Some(Val::Is(value));
        }
        self.goes_on_at(0, 0);
        self.check_constants();
        self.load_elements();
        self.tops = vec![self.now.slots.clone(); 1 + self.region.blocks.len()];
        self.come_in_elsewhere();
        if self.region.blocks[0].predecessors > 1 {
            self.jump(Target::Block(0));
        } else {
            let block = self.blocks[0];
            self.b.ins().jump(block, &[]);
            self.entered[0] = Some(self.now.clone());
        }
    }

    /// Leads to the region's other entries; the first is where translating goes on.
    fn come_in_elsewhere(&mut self) {
        if self.region.entries.is_empty() {
            return;
        }
        let at_entry = self.now.clone();
        let entry = self.b.func.layout.entry_block().expect("the function has a first block");
        let which = self.b.block_params(entry)[1];
        let first = self.b.create_block();
        let ways: Vec<_> = self.region.entries.iter().map(|&to| (self.b.create_block(), to)).collect();
        let mut switch = Switch::new();
        (1..).zip(&ways).for_each(|(number, way)| switch.set_entry(number, way.0));
        switch.emit(&mut self.b, which, first);
        for (way, to) in ways {
            self.b.switch_to_block(way);
            self.now = at_entry.clone();
            self.jump(Target::Block(to));
        }
        self.b.switch_to_block(first);
        self.now = at_entry;
        self.goes_on_at(0, 0);
    }

    /// Translates one block, if control gets there.
    fn block(&mut self, index: usize) {
        let region = self.region;
        let block = &region.blocks[index];
        let clif_block = self.blocks[index];
        self.current = index;
        self.b.switch_to_block(clif_block);
        self.goes_on_at(index, 0);
        if block.predecessors > 1 {
            self.pass_gate(index);
            self.take_parameters(index, clif_block);
        } else if let Some(point) = self.entered[index].take() {
            self.now = point;
        } else {
            // Its one predecessor always leaves.
            self.b.ins().trap(TrapCode::unwrap_user(1));
            return;
        }
        self.note_gated(index);
        self.take_memory(index);
        self.tops[1 + index].clone_from(&self.now.slots);
        if block.is_checkpoint && (block.predecessors <= 1 || self.gated[index].is_some()) {
            self.check_budget(index);
        }
        self.left = false;
        self.accesses = std::mem::take(&mut self.facts.accesses[index]).into_iter();
        let mut flow = Flow::Next;
        for i in 0..block.insns.len() {
            flow = self.instruction(index, i);
            if self.left {
                // The rest of the block is never reached.
                self.b.ins().trap(TrapCode::unwrap_user(1));
                return;
            }
        }
        self.flow(block, flow);
    }

    /// What comes from now on belongs to instruction `i` of a block.
    pub(super) fn goes_on_at(&mut self, block: usize, i: usize) {
        self.pc = self.region.blocks[block].insns[i].0;
        self.number = self.firsts[block] + i as u32;
        self.b.set_srcloc(SourceLoc::new(self.number + 1));
    }

    /// Translates instruction `i` of a block. Where control goes then is the caller's to say.
    pub(super) fn instruction(&mut self, block: usize, i: usize) -> FlowOf<Self> {
        let (pc, insn) = self.region.blocks[block].insns[i];
        self.goes_on_at(block, i);
        self.named = self.region.blocks[block].named[i];
        let flow = G::meaning(insn, pc, self);
        if !matches!(flow, Flow::Trap(_) | Flow::Illegal) {
            self.now.pending += 1;
        }
        flow
    }

    /// Makes `block`, a block where ways join, or the gate before it, take what differs on them.
    pub(super) fn take_parameters(&mut self, index: usize, block: ir::Block) {
        self.now.budget = self.b.append_block_param(block, types::I64);
        self.now.pending = self.region.blocks[index].shortest;
        self.now.left_cycle = false;
        self.now.kept_by = self.gated[index].filter(|&gate| self.locks[gate].keeps);
        // All parameters come before the first instruction.
        for slot in self.written.clone() {
            if self.facts.source(index, slot) == Source::Parameter {
                let ty = clif(self.slot_type(slot));
                self.now.slots[slot] = Some(Val::Is(self.b.append_block_param(block, ty)));
            }
        }
        for slot in self.written.clone() {
            let ty = self.slot_type(slot);
            self.now.slots[slot] = match self.facts.source(index, slot) {
                Source::Parameter => continue,
                Source::Known(bits) => Some(Val::Known(bits)),
                Source::Nothing => None,
                Source::Slot { slot, plus } => {
                    let value = self.now.slots[slot];
                    value.map(|value| self.offset(value, ty, plus))
                }
                Source::Earlier { top, slot, plus } => {
                    let value = self.tops[top][slot];
                    value.map(|value| self.offset(value, ty, plus))
                }
            };
        }
    }

    /// Ends a block as its last instruction says.
    fn flow(&mut self, block: &Block, flow: FlowOf<Self>) {
        match flow {
            Flow::Next | Flow::If(Val::Known(0), _) => self.jump(block.next),
            Flow::Goto(_) | Flow::Call(_) | Flow::If(Val::Known(_), _) => self.jump(taken(block)),
            Flow::If(Val::Is(condition), _) => {
                let taken = taken(block);
                if !self.convert(block, condition, taken) {
                    self.branch(condition, taken, block.next);
                }
            }
            Flow::Dynamic(to, via) => self.dynamic(block, to, via),
            Flow::DynamicIf(Val::Known(0), _) => self.jump(block.next),
            Flow::DynamicIf(Val::Known(_), to) => self.dynamic(block, to, Via::Jump),
            Flow::DynamicIf(Val::Is(condition), to) => self.dynamic_if(block, condition, to),
            Flow::Trap(_) => self.leave(Reason::Trap),
            Flow::Illegal => self.leave(Reason::Illegal),
        }
    }

    /// Control goes where this holds, or does not: registers that have it for a value, or that it selects, are known.
    pub(super) fn assume(&mut self, condition: Value, holds: bool) {
        for &slot in &self.written {
            let Some(Val::Is(value)) = self.now.slots[slot] else { continue };
            if value == condition && self.slot_type(slot) == Type::Bool {
                self.now.slots[slot] = Some(Val::Known(holds as u64));
            } else if let Some([yes, no]) = self.selected(condition, value) {
                self.now.slots[slot] = Some(Val::Is(if holds { yes } else { no }));
            }
        }
    }

    /// What is selected by a condition, where that is what `value` is.
    fn selected(&self, condition: Value, value: Value) -> Option<[Value; 2]> {
        let dfg = &self.b.func.dfg;
        match dfg.value_def(value) {
            ValueDef::Result(inst, _) if dfg.insts[inst].opcode() == Opcode::Select => {
                match *dfg.inst_args(inst) {
                    [by, yes, no] if by == condition => Some([yes, no]),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// The type of a register or of an element that is a slot.
    pub(super) fn slot_type(&self, slot: usize) -> Type {
        let element = |number: usize| self.facts.elements.elements[number].ty;
        slot.checked_sub(G::SLOTS.len()).map_or_else(|| G::SLOTS[slot].1, element)
    }

    pub(super) fn slot_value(&mut self, slot: usize) -> Value {
        let value = match self.now.slots[slot] {
            None if slot >= G::SLOTS.len() => Val::Known(0),
            value => value.expect("every register that the region uses has a value"),
        };
        self.materialise(value, self.slot_type(slot))
    }

    pub(super) fn materialise(&mut self, value: Val, ty: Type) -> Value {
        match value {
            Val::Is(value) => value,
            Val::Known(bits) if ty == Type::F64 => self.b.ins().f64const(f64::from_bits(bits)),
            Val::Known(bits) => self.b.ins().iconst(clif(ty), bits as i64),
        }
    }

    pub(super) fn value<T: Scalar>(&mut self, value: Val) -> Value {
        self.materialise(value, T::TYPE)
    }
}

fn taken(block: &Block) -> Target {
    block.taken.expect("a block that ends in a jump has its target")
}
