//! From a region to CLIF: a guest's meaning over Cranelift's values.
//!
//! Guest registers live in SSA values; a block that control enters from more than one place takes those
//! that the region writes as parameters. What native code cannot do leaves *before* the instruction
//! retires, through an exit: a cold block that hands its number and the registers to the one block that
//! writes the state back (one, because exits are what compile time goes to).
//!
//! The budget is checked where a cycle closes, once for the longest way to the next such place, and charged
//! where ways join. In between, what has retired but is not charged is known when translating (`pending`).

use std::collections::{HashMap, HashSet};

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{
    self, AbiParam, AliasRegion, AliasRegionData, BlockArg, Function, InstBuilder, MemFlagsData, Signature,
    SourceLoc, TrapCode, UserFuncName, Value, types,
};
use cranelift_codegen::isa::{CallConv, TargetFrontendConfig};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext, Switch};

use super::pointers::{Extent, extents};
use super::{Exit, Reason};
use crate::effects::{self, Slots};
use crate::guest::Guest;
use crate::ops::{Binary, Cond, Float, FloatCond, Flow, FlowOf, Int, Ops, Pc, Reg, Scalar, Space, Type, Via};
use crate::region::{Block, Region, Target};
use crate::state::{BUDGET, Bound, PC, REGISTERS, SpaceInfo, State, attr};

/// Targets of an indirect jump that are compared one by one; more go through a table.
const COMPARED: usize = 3;

/// Constants up to this are offsets from a pointer.
const NEAR: i64 = 64;

/// A function in CLIF and what it rests on.
pub(crate) struct Translation {
    pub(crate) function: Function,
    pub(crate) exits: Vec<Exit>,
    /// Words whose values are in the code: instructions and literals.
    pub(crate) words: Vec<Pc>,
    /// Words that the code writes without a test.
    pub(crate) trusted: Vec<Pc>,
}

/// What the translator may ask about memory.
pub(crate) struct Memory<'a> {
    pub(crate) state: &'a State,
    /// Words of the code space that have been written since they were compiled in: not constants.
    pub(crate) mutable: &'a HashSet<Pc>,
    /// Per space, the addresses that a load needs no test for, where they are one half-open range and all
    /// others need one.
    pub(crate) plain: &'a [Option<std::ops::Range<u64>>],
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
struct Point {
    /// By slot; those that the region uses.
    slots: Vec<Option<Val>>,
    budget: Value,
    /// Instructions retired on every way to here but not yet charged.
    pending: u64,
}

/// Elements around a pointer that were tested: an access to one of them needs no test where this block has
/// been passed.
#[derive(Clone, Copy)]
struct Found {
    block: usize,
    /// Offsets from the pointer, inclusive.
    from: i64,
    to: i64,
    /// The address, in 64 bits, of the element at offset `base_offset`. Addresses between `from` and `to` do
    /// not wrap round.
    base: Value,
    base_offset: i64,
}

struct ExitBlock {
    block: ir::Block,
    point: Point,
    id: usize,
    /// Where to go on, if that is known only when running.
    pc: Option<Value>,
}

struct Translator<'a, G> {
    b: FunctionBuilder<'a>,
    region: &'a Region,
    memory: &'a Memory<'a>,
    blocks: Vec<ir::Block>,
    /// Where blocks with one predecessor are entered from.
    entered: Vec<Option<Point>>,
    /// Slots that the region writes.
    written: Vec<usize>,
    own_words: HashSet<Pc>,
    /// Addresses in the code space that the region's stores name.
    stored: HashSet<u64>,
    literals: HashSet<Pc>,
    trusted: HashSet<Pc>,
    exits: Vec<Exit>,
    exit_blocks: Vec<ExitBlock>,
    shared_exit: ir::Block,
    state: Value,
    alias: Vec<AliasRegion>,
    now: Point,
    current: usize,
    pc: Pc,
    /// The instruction is one that always leaves.
    left: bool,
    /// The instruction has loaded: what it loads next is what a pointer points to.
    has_loaded: bool,
    /// Values that are another plus a constant.
    offsets: HashMap<Value, (Value, i64)>,
    /// What was found plain: by space, pointer and kind of access.
    found: HashMap<(usize, Value, u8), Vec<Found>>,
    /// How far this block's accesses reach, in order.
    extents: std::vec::IntoIter<Extent>,
    guest: std::marker::PhantomData<G>,
}

/// Translates a region.
pub(crate) fn translate<G: Guest>(
    region: &Region,
    memory: &Memory<'_>,
    frontend: TargetFrontendConfig,
    call_conv: CallConv,
    context: &mut FunctionBuilderContext,
) -> Translation {
    let mut signature = Signature::new(call_conv);
    signature.params.push(AbiParam::new(types::I64));
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

    let mut uses = Uses::default();
    region.blocks.iter().for_each(|block| uses.add::<G>(block));
    let mut t = Translator::<G> {
        now: Point { slots: vec![None; G::SLOTS.len()], budget: state, pending: 0 },
        b,
        region,
        memory,
        blocks,
        entered: region.blocks.iter().map(|_| None).collect(),
        written: uses.writes.iter().collect(),
        own_words: region.blocks.iter().flat_map(|b| b.insns.iter().map(|i| i.0)).collect(),
        stored: uses.stored,
        literals: HashSet::new(),
        trusted: HashSet::new(),
        exits: Vec::new(),
        exit_blocks: Vec::new(),
        shared_exit,
        state,
        alias,
        current: 0,
        pc: 0,
        left: false,
        has_loaded: false,
        offsets: HashMap::new(),
        found: HashMap::new(),
        extents: Vec::new().into_iter(),
        guest: std::marker::PhantomData,
    };
    let mut used = uses.reads;
    used.extend(uses.writes);
    t.enter(used);
    for block in 0..region.blocks.len() {
        t.block(block);
    }
    t.write_exits();
    t.b.seal_all_blocks();
    let Translator { b, exits, mut literals, trusted, own_words, .. } = t;
    b.finalize(frontend);
    literals.extend(own_words);
    let sorted = |set: HashSet<Pc>| {
        let mut list: Vec<Pc> = set.into_iter().collect();
        list.sort_unstable();
        list
    };
    Translation { function, exits, words: sorted(literals), trusted: sorted(trusted) }
}

/// What a region's instructions use.
#[derive(Default)]
struct Uses {
    reads: Slots,
    writes: Slots,
    stored: HashSet<u64>,
}

impl Uses {
    fn add<G: Guest>(&mut self, block: &Block) {
        for &(pc, insn) in &block.insns {
            let effects = effects::of::<G>(insn, pc);
            self.reads.extend(effects.reads);
            self.writes.extend(effects.writes);
            let stores = effects.accesses.iter().filter(|a| a.store && Some(a.space) == G::CODE);
            self.stored.extend(stores.filter_map(|a| a.at));
        }
    }
}

fn clif(ty: Type) -> ir::Type {
    match ty {
        Type::Bool | Type::I8 => types::I8,
        Type::I16 => types::I16,
        Type::I32 => types::I32,
        Type::I64 => types::I64,
        Type::F64 => types::F64,
    }
}

impl<G: Guest> Translator<'_, G> {
    fn flags(&self, space: Option<usize>) -> MemFlagsData {
        let region = self.alias[space.map_or(0, |s| s + 1)];
        MemFlagsData::new().with_notrap().with_alias_region(Some(region))
    }

    /// The function's start: registers and budget from the state.
    fn enter(&mut self, used: Slots) {
        let flags = self.flags(None);
        self.now.budget = self.b.ins().load(types::I64, flags, self.state, BUDGET as i32);
        for slot in used.iter() {
            let ty = clif(G::SLOTS[slot].1);
            let value = self.b.ins().load(ty, flags, self.state, (REGISTERS + slot * 8) as i32);
            self.now.slots[slot] = Some(Val::Is(value));
        }
        if self.region.blocks[0].predecessors > 1 {
            self.jump(Target::Block(0));
        } else {
            let block = self.blocks[0];
            self.b.ins().jump(block, &[]);
            self.entered[0] = Some(self.now.clone());
        }
    }

    /// Translates one block, if control gets there.
    fn block(&mut self, index: usize) {
        let region = self.region;
        let block = &region.blocks[index];
        let clif_block = self.blocks[index];
        self.current = index;
        self.b.switch_to_block(clif_block);
        if block.predecessors > 1 {
            self.take_parameters(clif_block);
        } else if let Some(point) = self.entered[index].take() {
            self.now = point;
        } else {
            // Its one predecessor always leaves.
            self.b.ins().trap(TrapCode::unwrap_user(1));
            return;
        }
        if block.is_checkpoint {
            self.check_budget(block);
        }
        self.left = false;
        self.extents = extents::<G>(block).into_iter();
        let mut flow = Flow::Next;
        for &(pc, insn) in &block.insns {
            self.pc = pc;
            self.has_loaded = false;
            self.b.set_srcloc(SourceLoc::new(pc + 1));
            flow = G::meaning(insn, pc, self);
            if self.left {
                // The rest of the block is never reached.
                self.b.ins().trap(TrapCode::unwrap_user(1));
                return;
            }
            if !matches!(flow, Flow::Trap(_) | Flow::Illegal) {
                self.now.pending += 1;
            }
        }
        self.flow(block, flow);
    }

    fn take_parameters(&mut self, block: ir::Block) {
        self.now.budget = self.b.append_block_param(block, types::I64);
        self.now.pending = 0;
        for &slot in &self.written {
            let value = self.b.append_block_param(block, clif(G::SLOTS[slot].1));
            self.now.slots[slot] = Some(Val::Is(value));
        }
    }

    /// Leaves to the interpreter, which counts one by one, where the budget might not last to the next check.
    fn check_budget(&mut self, block: &Block) {
        self.pc = block.pc();
        let needed = self.now.pending + block.longest;
        let short = self.b.ins().icmp_imm_s(IntCC::UnsignedLessThan, self.now.budget, needed as i64);
        self.leave_if(short, Reason::Budget);
    }

    /// Ends a block as its last instruction says.
    fn flow(&mut self, block: &Block, flow: FlowOf<Self>) {
        match flow {
            Flow::Next | Flow::If(Val::Known(0), _) => self.jump(block.next),
            Flow::Goto(_) | Flow::Call(_) | Flow::If(Val::Known(_), _) => self.jump(taken(block)),
            Flow::If(Val::Is(condition), _) => {
                let taken = taken(block);
                if self.takes_parameters(taken) || self.takes_parameters(block.next) {
                    self.charge();
                }
                let (taken, taken_args) = self.edge(taken);
                let (next, next_args) = self.edge(block.next);
                self.b.ins().brif(condition, taken, &taken_args, next, &next_args);
            }
            Flow::Dynamic(to, via) => self.dynamic(block, to, via),
            Flow::Trap(_) => self.leave(Reason::Trap),
            Flow::Illegal => self.leave(Reason::Illegal),
        }
    }

    /// An indirect jump: compared with the targets that the region has.
    fn dynamic(&mut self, block: &Block, to: Val, via: Via) {
        let to = match to {
            Val::Known(pc) => {
                let known = block.targets.iter().find(|t| t.0 as u64 == pc);
                return self.jump(known.map_or(Target::Outside(pc as Pc), |t| Target::Block(t.1)));
            }
            Val::Is(to) => to,
        };
        if block.targets.iter().any(|t| self.takes_parameters(Target::Block(t.1))) {
            self.charge();
        }
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

    fn jump(&mut self, target: Target) {
        if self.takes_parameters(target) {
            self.charge();
        }
        let (block, args) = self.edge(target);
        self.b.ins().jump(block, &args);
    }

    fn takes_parameters(&self, target: Target) -> bool {
        matches!(target, Target::Block(b) if self.region.blocks[b].predecessors > 1)
    }

    /// Takes what is pending from the budget.
    fn charge(&mut self) {
        if self.now.pending > 0 {
            self.now.budget = self.b.ins().iadd_imm_s(self.now.budget, -(self.now.pending as i64));
            self.now.pending = 0;
        }
    }

    /// The CLIF block of a target and what it is to be given. What takes parameters has been charged for.
    fn edge(&mut self, target: Target) -> (ir::Block, Vec<BlockArg>) {
        match target {
            Target::Outside(pc) => (self.exit(Reason::Leave, Some(pc), None), Vec::new()),
            Target::Block(b) if self.region.blocks[b].predecessors > 1 => {
                debug_assert_eq!(self.now.pending, 0);
                let mut args = vec![BlockArg::Value(self.now.budget)];
                for i in 0..self.written.len() {
                    let slot = self.written[i];
                    args.push(BlockArg::Value(self.slot_value(slot)));
                }
                (self.blocks[b], args)
            }
            Target::Block(b) => {
                self.entered[b] = Some(self.now.clone());
                (self.blocks[b], Vec::new())
            }
        }
    }

    fn slot_value(&mut self, slot: usize) -> Value {
        let value = self.now.slots[slot].expect("every slot that the region uses has a value");
        self.materialise(value, G::SLOTS[slot].1)
    }

    fn materialise(&mut self, value: Val, ty: Type) -> Value {
        match value {
            Val::Is(value) => value,
            Val::Known(bits) if ty == Type::F64 => self.b.ins().f64const(f64::from_bits(bits)),
            Val::Known(bits) => self.b.ins().iconst(clif(ty), bits as i64),
        }
    }

    fn value<T: Scalar>(&mut self, value: Val) -> Value {
        self.materialise(value, T::TYPE)
    }

    /// A block that leaves with the registers as they are now. `pc` is where to go on, known now or when
    /// running.
    fn exit(&mut self, reason: Reason, pc: Option<Pc>, dynamic: Option<Value>) -> ir::Block {
        let block = self.b.create_block();
        self.b.set_cold_block(block);
        let id = self.exits.len();
        self.exits.push(Exit { reason, pc, retired: self.now.pending });
        self.exit_blocks.push(ExitBlock { block, point: self.now.clone(), id, pc: dynamic });
        block
    }

    /// Leaves before this instruction if `condition` holds.
    fn leave_if(&mut self, condition: Value, reason: Reason) {
        let exit = self.exit(reason, Some(self.pc), None);
        let on = self.b.create_block();
        self.b.ins().brif(condition, exit, &[], on, &[]);
        self.b.switch_to_block(on);
    }

    /// Leaves before this instruction.
    fn leave(&mut self, reason: Reason) {
        let exit = self.exit(reason, Some(self.pc), None);
        self.b.ins().jump(exit, &[]);
    }

    /// Leaves before this instruction, whose remaining operations then go nowhere.
    fn leave_always(&mut self, reason: Reason) {
        if !self.left {
            self.leave(reason);
            self.left = true;
            let nowhere = self.b.create_block();
            self.b.switch_to_block(nowhere);
        }
    }

    /// Fills the exits' blocks and the one that they share.
    fn write_exits(&mut self) {
        self.b.set_srcloc(SourceLoc::default());
        let flags = self.flags(None);
        for ExitBlock { block, point, id, pc } in std::mem::take(&mut self.exit_blocks) {
            self.b.switch_to_block(block);
            if let Some(pc) = pc {
                self.b.ins().store(flags, pc, self.state, PC as i32);
            }
            let id = self.b.ins().iconst(types::I32, id as i64);
            let mut args = vec![BlockArg::Value(id), BlockArg::Value(point.budget)];
            self.now = point;
            for i in 0..self.written.len() {
                let slot = self.written[i];
                args.push(BlockArg::Value(self.slot_value(slot)));
            }
            self.b.ins().jump(self.shared_exit, &args);
        }
        let shared = self.shared_exit;
        self.b.set_cold_block(shared);
        self.b.switch_to_block(shared);
        let id = self.b.append_block_param(shared, types::I32);
        let budget = self.b.append_block_param(shared, types::I64);
        self.b.ins().store(flags, budget, self.state, BUDGET as i32);
        for &slot in &self.written {
            let ty = G::SLOTS[slot].1;
            let value = self.b.append_block_param(shared, clif(ty));
            self.b.ins().store(flags, value, self.state, (REGISTERS + slot * 8) as i32);
        }
        self.b.ins().return_(&[id]);
    }

    /// What was found out about the element at `offset` from `pointer` on every way to here.
    fn found(&self, space: usize, pointer: Value, kind: u8, offset: i64) -> Option<Found> {
        let found = self.found.get(&(space, pointer, kind))?;
        let mut block = self.current;
        loop {
            let here = found.iter().find(|f| f.block == block && (f.from..=f.to).contains(&offset));
            if here.is_some() {
                return here.copied();
            }
            let up = self.region.blocks[block].dominator;
            if up == block {
                return None;
            }
            block = up;
        }
    }

    /// The attributes of an address known when translating.
    fn attributes(&self, space: usize, at: u64) -> u8 {
        self.memory.state.attributes(space, at)
    }

    /// Leaves unless `at`, extended to 64 bits, is within the space.
    fn check_bound(&mut self, info: &SpaceInfo, at: Value) {
        let limit = match info.bound {
            Bound::Natural => return,
            Bound::Fixed => self.b.ins().iconst(types::I64, info.len as i64),
            Bound::Register(slot) => {
                let slot = slot as usize;
                let len = self.slot_value(slot);
                if G::SLOTS[slot].1 == Type::I64 { len } else { self.b.ins().uextend(types::I64, len) }
            }
        };
        let end = self.b.ins().iadd_imm_s(at, info.span() as i64);
        let outside = self.b.ins().icmp(IntCC::UnsignedLessThan, limit, end);
        self.leave_if(outside, Reason::Bounds);
    }

    /// Leaves where an access to `at` is not a plain one. Returns the address of an element in 64 bits, and how
    /// far the one at `at` is from it.
    fn check_access<A: Int>(&mut self, space: usize, at: Value, kind: u8, extent: Extent) -> (Value, i64) {
        let (pointer, offset) = self.offsets.get(&at).copied().unwrap_or((at, 0));
        let known = self
            .found(space, pointer, kind, offset)
            // Where any access is a plain one, so is this.
            .or_else(|| self.found(space, pointer, attr::ANY, offset));
        let found = known.unwrap_or_else(|| {
            let found = match (&self.memory.plain[space], kind) {
                (Some(plain), attr::READ) => self.check_range::<A>(plain.clone(), pointer, offset, extent),
                _ => self.check_attributes::<A>(space, kind, (at, offset), extent),
            };
            self.found.entry((space, pointer, kind)).or_default().push(found);
            found
        });
        (found.base, offset - found.base_offset)
    }

    /// Leaves unless all of the extent around `pointer` plus `offset` is in `plain`.
    fn check_range<A: Int>(
        &mut self,
        plain: std::ops::Range<u64>,
        pointer: Value,
        offset: i64,
        extent: Extent,
    ) -> Found {
        let (from, to) = (offset + extent.below, offset + extent.above);
        let base = self.extended::<A>(Val::Is(pointer));
        // One test: what is below the range wraps, in 64 bits, to above it.
        let start = self.b.ins().iadd_imm_s(base, from - plain.start as i64);
        let len = (plain.end - plain.start) as i64 - (to - from);
        let special = self.b.ins().icmp_imm_s(IntCC::UnsignedGreaterThanOrEqual, start, len);
        self.leave_if(special, Reason::Load);
        Found { block: self.current, from, to, base, base_offset: 0 }
    }

    /// Leaves if an element of the extent around `at` has one of the attributes `mask`. One load tests up to
    /// eight: the attributes' end is padded with bytes that have them all, so an extent that wraps leaves.
    fn check_attributes<A: Int>(
        &mut self,
        space: usize,
        mask: u8,
        (at, offset): (Value, i64),
        extent: Extent,
    ) -> Found {
        let count = extent.above - extent.below + 1;
        let ty = match count {
            1 => types::I8,
            2 => types::I16,
            3..=4 => types::I32,
            _ => types::I64,
        };
        let from = offset + extent.below;
        let first = match extent.below {
            0 => at,
            below => self.b.ins().iadd_imm_s(at, below),
        };
        let base = self.extended::<A>(Val::Is(first));
        let wanted = u64::MAX >> (64 - 8 * count);
        let special = self.test_attributes(space, base, ty, u64::from_ne_bytes([mask; 8]) & wanted);
        self.leave_if(special, if mask == attr::READ { Reason::Load } else { Reason::Store });
        Found { block: self.current, from, to: offset + extent.above, base, base_offset: from }
    }

    /// Whether the elements from `at` on have one of these attributes, a byte of the mask an element.
    /// Attributes change only while no native code runs.
    fn test_attributes(&mut self, space: usize, at: Value, ty: ir::Type, mask: u64) -> Value {
        let flags = MemFlagsData::new().with_notrap().with_readonly().with_can_move();
        let address = self.b.ins().iadd(self.state, at);
        let offset = G::SPACES[space].attributes_offset() as i32;
        let attributes = self.b.ins().load(ty, flags, address, offset);
        let mask = self.b.ins().iconst(ty, mask as i64);
        self.b.ins().band(attributes, mask)
    }

    /// The address, as a base and a constant, of the element `offset` elements from the one at `base`.
    fn address(&mut self, info: &SpaceInfo, base: Value, offset: i64) -> (Value, i32) {
        let scaled = match info.stride {
            1 => base,
            stride => self.b.ins().ishl_imm_u(base, stride.trailing_zeros() as i64),
        };
        let constant = info.offset() as i64 + offset * info.stride as i64;
        (self.b.ins().iadd(self.state, scaled), constant as i32)
    }

    fn extended<A: Int>(&mut self, at: Val) -> Value {
        match at {
            Val::Known(at) => self.b.ins().iconst(types::I64, at as i64),
            Val::Is(at) if A::TYPE == Type::I64 => at,
            Val::Is(at) => self.b.ins().uextend(types::I64, at),
        }
    }
}

fn taken(block: &Block) -> Target {
    block.taken.expect("a block that ends in a jump has its target")
}

fn int_cc(cond: Cond) -> IntCC {
    match cond {
        Cond::Eq => IntCC::Equal,
        Cond::Ne => IntCC::NotEqual,
        Cond::Lt => IntCC::SignedLessThan,
        Cond::Le => IntCC::SignedLessThanOrEqual,
        Cond::Gt => IntCC::SignedGreaterThan,
        Cond::Ge => IntCC::SignedGreaterThanOrEqual,
        Cond::Below => IntCC::UnsignedLessThan,
    }
}

impl<G: Guest> Ops for Translator<'_, G> {
    type V<T: Scalar> = Val;

    fn imm<T: Scalar>(&mut self, value: T) -> Val {
        Val::Known(value.to_bits())
    }

    fn binary<T: Int>(&mut self, op: Binary, a: Val, b: Val) -> Val {
        let ones = T::from_bits(u64::MAX).to_bits();
        match (op, a, b) {
            (_, Val::Known(a), Val::Known(b)) => {
                return Val::Known(T::binary(op, T::from_bits(a), T::from_bits(b)).to_bits());
            }
            (Binary::Add | Binary::Sub | Binary::Or | Binary::Xor, x, Val::Known(0)) => return x,
            (Binary::Add | Binary::Or | Binary::Xor, Val::Known(0), x) => return x,
            (Binary::And, x, Val::Known(m)) | (Binary::And, Val::Known(m), x) if m == ones => {
                return x;
            }
            (Binary::And, _, Val::Known(0)) | (Binary::And, Val::Known(0), _) => {
                return Val::Known(0);
            }
            (Binary::And, x, y) if x == y => return x,
            _ => {}
        }
        let plus = match (op, a, b) {
            (Binary::Add, Val::Is(x), Val::Known(n)) | (Binary::Add, Val::Known(n), Val::Is(x)) => {
                Some((x, T::from_bits(n).sign_extended() as i64))
            }
            (Binary::Sub, Val::Is(x), Val::Known(n)) => {
                Some((x, (T::from_bits(n).sign_extended() as i64).wrapping_neg()))
            }
            _ => None,
        };
        if let Some((x, n)) = plus {
            return Val::Is(self.plus::<T>(x, n));
        }
        let (a, b) = (self.value::<T>(a), self.value::<T>(b));
        let ins = self.b.ins();
        Val::Is(match op {
            Binary::Add => ins.iadd(a, b),
            Binary::Sub => ins.isub(a, b),
            Binary::Mul => ins.imul(a, b),
            Binary::And => ins.band(a, b),
            Binary::Or => ins.bor(a, b),
            Binary::Xor => ins.bxor(a, b),
            Binary::Shl => ins.ishl(a, b),
            Binary::Shr => ins.ushr(a, b),
            Binary::Sar => ins.sshr(a, b),
            Binary::Div | Binary::Rem => self.divide(op, a, b),
        })
    }

    fn compare<T: Int>(&mut self, cond: Cond, a: Val, b: Val) -> Val {
        if let (Val::Known(a), Val::Known(b)) = (a, b) {
            return Val::Known(T::compare(cond, T::from_bits(a), T::from_bits(b)) as u64);
        }
        let (a, b) = (self.value::<T>(a), self.value::<T>(b));
        Val::Is(self.b.ins().icmp(int_cc(cond), a, b))
    }

    fn select<T: Scalar>(&mut self, c: Val, a: Val, b: Val) -> Val {
        match c {
            Val::Known(0) => b,
            Val::Known(_) => a,
            Val::Is(c) => {
                let (a, b) = (self.value::<T>(a), self.value::<T>(b));
                Val::Is(self.b.ins().select(c, a, b))
            }
        }
    }

    fn unsigned<F: Int, T: Int>(&mut self, v: Val) -> Val {
        let (from, to) = (F::TYPE.bytes(), T::TYPE.bytes());
        match v {
            Val::Known(bits) => Val::Known(T::from_bits(bits).to_bits()),
            v if from == to => v,
            Val::Is(v) if from < to => Val::Is(self.b.ins().uextend(clif(T::TYPE), v)),
            Val::Is(v) => Val::Is(self.b.ins().ireduce(clif(T::TYPE), v)),
        }
    }

    fn signed<F: Int, T: Int>(&mut self, v: Val) -> Val {
        let (from, to) = (F::TYPE.bytes(), T::TYPE.bytes());
        match v {
            Val::Known(bits) => Val::Known(T::from_bits(F::from_bits(bits).sign_extended()).to_bits()),
            v if from == to => v,
            Val::Is(v) if from < to => Val::Is(self.b.ins().sextend(clif(T::TYPE), v)),
            Val::Is(v) => Val::Is(self.b.ins().ireduce(clif(T::TYPE), v)),
        }
    }

    fn float(&mut self, op: Float, a: Val, b: Val) -> Val {
        if let (Val::Known(a), Val::Known(b)) = (a, b) {
            return Val::Known(op.apply(f64::from_bits(a), f64::from_bits(b)).to_bits());
        }
        let (a, b) = (self.value::<f64>(a), self.value::<f64>(b));
        let ins = self.b.ins();
        Val::Is(match op {
            Float::Add => ins.fadd(a, b),
            Float::Sub => ins.fsub(a, b),
            Float::Mul => ins.fmul(a, b),
            Float::Div => ins.fdiv(a, b),
        })
    }

    fn compare_float(&mut self, cond: FloatCond, a: Val, b: Val) -> Val {
        let (a, b) = (self.value::<f64>(a), self.value::<f64>(b));
        let cc = match cond {
            FloatCond::Eq => FloatCC::Equal,
            FloatCond::Lt => FloatCC::LessThan,
            FloatCond::Le => FloatCC::LessThanOrEqual,
        };
        Val::Is(self.b.ins().fcmp(cc, a, b))
    }

    fn int_to_float(&mut self, v: Val) -> Val {
        let v = self.value::<u64>(v);
        Val::Is(self.b.ins().fcvt_from_sint(types::F64, v))
    }

    fn float_bits(&mut self, v: Val) -> Val {
        match v {
            Val::Known(_) => v,
            Val::Is(v) => Val::Is(self.b.ins().bitcast(types::I64, MemFlagsData::new(), v)),
        }
    }

    fn bits_float(&mut self, v: Val) -> Val {
        match v {
            Val::Known(_) => v,
            Val::Is(v) => Val::Is(self.b.ins().bitcast(types::F64, MemFlagsData::new(), v)),
        }
    }

    fn get<T: Scalar>(&mut self, r: Reg<T>) -> Val {
        debug_assert_eq!(G::SLOTS[r.slot()].1, T::TYPE);
        self.now.slots[r.slot()].expect("every slot that the region uses has a value")
    }

    fn set<T: Scalar>(&mut self, r: Reg<T>, v: Val) {
        debug_assert_eq!(G::SLOTS[r.slot()].1, T::TYPE);
        self.now.slots[r.slot()] = Some(v);
    }

    fn load<A: Int, T: Scalar>(&mut self, space: Space<A, T>, at: Val) -> Val {
        let id = space.id();
        let info = &G::SPACES[id];
        let extent = self.extents.next().unwrap_or_default();
        let is_first = !std::mem::replace(&mut self.has_loaded, true);
        let (base, offset) = match at {
            Val::Known(at) if self.attributes(id, at) & attr::READ != 0 => {
                self.leave_always(Reason::Load);
                return Val::Known(0);
            }
            // A pointer in memory is seldom written; what it points to often is.
            Val::Known(at) if is_first && G::CODE == Some(id) && !self.is_variable(at) => {
                self.literals.insert(at as Pc);
                let value = self.memory.state.peek(space, A::from_bits(at));
                return Val::Known(value.map_or(0, T::to_bits));
            }
            Val::Is(at) if info.attributes => self.check_access::<A>(id, at, attr::READ, extent),
            at => {
                let at = self.extended::<A>(at);
                self.check_bound(info, at);
                (at, 0)
            }
        };
        let (address, offset) = self.address(info, base, offset);
        let flags = self.flags(Some(id));
        Val::Is(self.b.ins().load(clif(T::TYPE), flags, address, offset))
    }

    fn store<A: Int, T: Scalar>(&mut self, space: Space<A, T>, at: Val, v: Val) {
        let id = space.id();
        let info = &G::SPACES[id];
        let extent = self.extents.next().unwrap_or_default();
        let (base, offset) = match at {
            Val::Known(at) if info.attributes => {
                let special = self.attributes(id, at) & attr::STORE;
                let pc = at as Pc;
                let in_code = G::CODE == Some(id);
                let base = self.extended::<A>(Val::Known(at));
                if special & attr::WRITE != 0 {
                    return self.leave_always(Reason::Store);
                }
                if special == 0 && !(in_code && (self.own_words.contains(&pc) || self.literals.contains(&pc)))
                {
                    if in_code {
                        self.trusted.insert(pc);
                    }
                } else {
                    let special = self.test_attributes(id, base, types::I8, attr::STORE as u64);
                    self.leave_if(special, Reason::Store);
                }
                (base, 0)
            }
            Val::Is(at) if info.attributes => self.check_access::<A>(id, at, attr::ANY, extent),
            at => {
                let at = self.extended::<A>(at);
                self.check_bound(info, at);
                (at, 0)
            }
        };
        let (address, offset) = self.address(info, base, offset);
        let v = self.value::<T>(v);
        let flags = self.flags(Some(id));
        self.b.ins().store(flags, v, address, offset);
    }

    fn require(&mut self, holds: Val, _fault: u8) {
        match holds {
            Val::Known(0) => self.leave_always(Reason::Required),
            Val::Known(_) => {}
            Val::Is(holds) => {
                let fails = self.b.ins().icmp_imm_s(IntCC::Equal, holds, 0);
                self.leave_if(fails, Reason::Required);
            }
        }
    }
}

impl<G: Guest> Translator<'_, G> {
    /// Whether the word is, or may soon be, something else than it is now.
    fn is_variable(&self, at: u64) -> bool {
        self.stored.contains(&at)
            || self.trusted.contains(&(at as Pc))
            || self.memory.mutable.contains(&(at as Pc))
    }

    /// `x + n`, as an offset from what `x` is an offset from: chains of additions become one. A large constant
    /// is a pointer itself, to which a small, perhaps negative, index is added: that wraps.
    fn plus<T: Int>(&mut self, x: Value, n: i64) -> Value {
        let (pointer, offset) = self.offsets.get(&x).copied().unwrap_or((x, 0));
        let offset = offset.wrapping_add(n);
        if offset == 0 {
            return pointer;
        }
        if offset.abs() > NEAR {
            return self.b.ins().iadd_imm_s(x, n);
        }
        let sum = self.b.ins().iadd_imm_s(pointer, offset);
        self.offsets.insert(sum, (pointer, offset));
        sum
    }

    /// Division that cannot trap: the divisors 0 and -1 are kept from the instruction.
    fn divide(&mut self, op: Binary, a: Value, b: Value) -> Value {
        let ty = self.b.func.dfg.value_type(a);
        let zero = self.b.ins().iconst(ty, 0);
        let one = self.b.ins().iconst(ty, 1);
        let by_zero = self.b.ins().icmp_imm_s(IntCC::Equal, b, 0);
        let by_minus_one = self.b.ins().icmp_imm_s(IntCC::Equal, b, -1);
        let odd = self.b.ins().bor(by_zero, by_minus_one);
        let safe = self.b.ins().select(odd, one, b);
        let (quotient, special) = match op {
            Binary::Div => (self.b.ins().sdiv(a, safe), self.b.ins().ineg(a)),
            _ => (self.b.ins().srem(a, safe), zero),
        };
        let result = self.b.ins().select(by_minus_one, special, quotient);
        self.b.ins().select(by_zero, zero, result)
    }
}
