//! From blocks with the machine's registers to its instructions.

use super::allocate::{self, Allocation, Effect, Place, RESULT};
use super::ir::{Block, BlockId, Class, Constant, Exit, Function, Op, Reg, TextId};
use super::liveness::Liveness;
use super::tree::{FnId, Test};

/// An instruction of the machine.
#[derive(Clone, Debug)]
pub(super) struct Code {
    pub mnemonic: &'static str,
    pub operands: Vec<Operand>,
    /// The byte of the source that it comes from.
    pub at: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Operand {
    Register(u8),
    Number(i32),
    Float(f64),
    /// A block, by its number in the program.
    Block(usize),
    Function(FnId),
    Text(TextId),
}

use Operand::{Number, Register};

/// The program's code so far.
#[derive(Default)]
pub(super) struct Program {
    pub code: Vec<Code>,
    /// Where each block starts in the code.
    pub blocks: Vec<usize>,
    /// The functions in order, with their labels and where they start.
    pub functions: Vec<(FnId, String, usize)>,
}

/// Registers for what comes from memory or is written there: of ints, and of floats. The assembler needs `f31`, which is
/// named nowhere, for constants.
const SCRATCH: [[u8; 2]; 2] = [[30, 31], [29, 30]];

impl Program {
    /// What the assembly calls a function.
    pub fn label(&self, id: FnId) -> &str {
        let found = self.functions.binary_search_by_key(&id, |one| one.0);
        found.map_or("", |n| &self.functions[n].1)
    }

    /// The start: makes room for the heap's fixed words, calls `main` and halts.
    pub fn start(&mut self, main: FnId, memory: i32) {
        let mut writer = Writer { code: &mut self.code, at: None };
        writer.emit("LOAD", [Register(1), Number(memory)]);
        writer.emit("ALOC", [Register(1)]);
        writer.emit("SETM", [Register(0), Register(1)]);
        writer.emit("CALL", [Operand::Function(main)]);
        writer.emit("HLT", []);
    }

    /// Adds a function.
    pub fn function(
        &mut self,
        id: FnId,
        function: &Function,
        liveness: &Liveness,
        effects: &[Effect],
        allocation: &Allocation,
    ) {
        self.functions.push((id, function.label.clone(), self.code.len()));
        let first = self.blocks.len();
        let mut emitter = Emitter {
            function,
            allocation,
            calls: liveness.calls.iter().zip(effects),
            first,
            code: Writer { code: &mut self.code, at: None },
        };
        emitter.at(function.start);
        emitter.enter();
        let mut is_reached = true;
        for (n, block) in function.blocks.iter().enumerate() {
            self.blocks.push(emitter.code.code.len());
            // Whoever jumps to a block that only jumps on goes there himself.
            if !is_reached && is_only_a_jump(block) {
                continue;
            }
            for insn in &block.insns {
                emitter.at(insn.at);
                emitter.op(&insn.op);
            }
            emitter.at(block.at);
            is_reached = emitter.exit(&block.exit, BlockId(n + 1));
        }
    }
}

/// Adds instructions to the code.
struct Writer<'c> {
    code: &'c mut Vec<Code>,
    at: Option<usize>,
}

impl Writer<'_> {
    fn emit<const N: usize>(&mut self, mnemonic: &'static str, operands: [Operand; N]) {
        self.code.push(Code { mnemonic, operands: operands.to_vec(), at: self.at });
    }

    fn int(&mut self, to: u8, value: i32) {
        self.emit("LOAD", [Register(to), Number(value)]);
    }

    fn constant(&mut self, to: u8, constant: Constant) {
        match constant {
            Constant::Int(value) => self.int(to, value),
            Constant::Float(value) if value.is_finite() => {
                self.emit("LOADF64", [Register(to), Operand::Float(value)]);
            }
            Constant::Float(value) => {
                // Twice the largest, or the least.
                self.emit("LOADF64", [Register(to), Operand::Float(f64::MAX.copysign(value))]);
                self.emit("ADDF64", [Register(to); 3]);
                if value.is_nan() {
                    self.emit("SUBF64", [Register(to); 3]);
                }
            }
        }
    }

    fn copy(&mut self, class: Class, to: u8, from: u8) {
        match class {
            _ if to == from => {}
            Class::Int => self.emit("ADD", [Register(from), Register(0), Register(to)]),
            // Not plus 0, which is no −0.
            Class::Float => {
                self.emit("LOADF64", [Register(to), Number(1)]);
                self.emit("MULF64", [Register(from), Register(to), Register(to)]);
            }
        }
    }

    /// Loads from a fixed address.
    fn load(&mut self, to: u8, address: i32) {
        self.int(to, address);
        self.emit("LOADM", [Register(to), Register(to)]);
    }

    /// Stores to a fixed address, which goes into the register `scratch`.
    fn store(&mut self, address: i32, from: u8, scratch: u8) {
        self.int(scratch, address);
        self.emit("SETM", [Register(scratch), Register(from)]);
    }

    /// Gives registers of a class values at once, no two the same register.
    fn copy_all(&mut self, class: Class, mut moves: Vec<(u8, Place)>) {
        let scratch = SCRATCH[class as usize][1];
        moves.retain(|&(to, from)| from != Place::Register(to));
        while !moves.is_empty() {
            // One whose target nobody waits for.
            let is_free = |to: u8| moves.iter().all(|&(_, from)| from != Place::Register(to));
            if let Some(n) = moves.iter().position(|&(to, _)| is_free(to)) {
                let (to, from) = moves.swap_remove(n);
                match from {
                    Place::Register(from) => self.copy(class, to, from),
                    Place::Memory(address) => self.load(to, address),
                    Place::Constant(constant) => self.constant(to, constant),
                    Place::None => unreachable!("what is read is somewhere"),
                }
                continue;
            }
            // All wait for each other: one value steps aside.
            let &(to, _) = moves.first().expect("there is a move");
            self.copy(class, scratch, to);
            for (_, from) in &mut moves {
                if *from == Place::Register(to) {
                    *from = Place::Register(scratch);
                }
            }
        }
    }
}

struct Emitter<'f, 'c, C> {
    function: &'f Function,
    allocation: &'f Allocation,
    /// The calls to come.
    calls: C,
    /// The number of the first block in the program.
    first: usize,
    code: Writer<'c>,
}

impl<'f, C: Iterator<Item = (&'f super::liveness::Call, &'f Effect)>> Emitter<'f, '_, C> {
    fn at(&mut self, at: usize) {
        self.code.at = (!self.function.is_library).then_some(at);
    }

    fn class(&self, reg: Reg) -> Class {
        self.function.classes[reg.0]
    }

    /// Where a register is; [`Reg::ZERO`] is `$0`.
    fn place(&self, reg: Reg) -> Place {
        if reg == Reg::ZERO { Place::Register(0) } else { self.allocation.places[reg.0] }
    }

    /// The machine's register with the value of the instruction's operand number `n`.
    fn read(&mut self, reg: Reg, n: usize) -> u8 {
        let scratch = SCRATCH[self.class(reg) as usize][n];
        match self.place(reg) {
            Place::Register(register) => return register,
            Place::Memory(address) => self.code.load(scratch, address),
            Place::Constant(constant) => self.code.constant(scratch, constant),
            Place::None => unreachable!("what is read is somewhere"),
        }
        scratch
    }

    /// Has `write` write to the machine's register of a virtual one.
    fn write(&mut self, reg: Reg, write: impl FnOnce(&mut Writer<'_>, u8)) {
        let [address, scratch] = SCRATCH[0];
        match self.place(reg) {
            Place::Register(register) => write(&mut self.code, register),
            Place::Memory(place) => {
                write(&mut self.code, scratch);
                self.code.store(place, scratch, address);
            }
            Place::Constant(_) | Place::None => unreachable!("what is written has a place"),
        }
    }

    /// Copies the parameters from where they come to where they live.
    fn enter(&mut self) {
        let params = &self.function.params;
        let classes = params.iter().map(|&reg| self.class(reg));
        let arguments: Vec<(Class, u8)> = allocate::arguments(classes).collect();
        let mut moves = [Vec::new(), Vec::new()];
        for (&reg, (class, from)) in params.iter().zip(arguments) {
            match self.place(reg) {
                Place::Register(to) => moves[class as usize].push((to, Place::Register(from))),
                // These go first: they only read where the others may write.
                Place::Memory(address) => self.code.store(address, from, SCRATCH[0][0]),
                Place::Constant(_) | Place::None => {}
            }
        }
        let [ints, floats] = moves;
        self.code.copy_all(Class::Int, ints);
        self.code.copy_all(Class::Float, floats);
    }

    fn op(&mut self, op: &Op) {
        match op {
            &Op::Constant(to, constant) => {
                // Else it is loaded where it is needed.
                if let Place::Register(_) | Place::Memory(_) = self.place(to) {
                    self.write(to, |code, to| code.constant(to, constant));
                }
            }
            &Op::Move(to, from) => {
                let (class, from) = (self.class(to), self.read(from, 0));
                self.write(to, |code, to| code.copy(class, to, from));
            }
            &Op::Arithmetic(op, to, a, b) => {
                let mnemonic = op.mnemonic(self.class(to));
                let (a, b) = (self.read(a, 0), self.read(b, 1));
                self.write(to, |code, to| code.emit(mnemonic, [Register(a), Register(b), Register(to)]));
            }
            &Op::Step { to, from, up } => {
                let from = self.read(from, 0);
                self.write(to, |code, to| {
                    code.copy(Class::Int, to, from);
                    code.emit(if up { "INC" } else { "DEC" }, [Register(to)]);
                });
            }
            &Op::Shift { to, from, left, by } => {
                let from = self.read(from, 0);
                self.write(to, |code, to| {
                    code.copy(Class::Int, to, from);
                    code.emit(if left { "SHL" } else { "SHR" }, [Register(to), Number(by.into())]);
                });
            }
            &Op::Load { to, address } => {
                let address = self.read(address, 0);
                self.write(to, |code, to| code.emit("LOADM", [Register(address), Register(to)]));
            }
            &Op::Store { address, value } => {
                let (address, value) = (self.read(address, 0), self.read(value, 1));
                self.code.emit("SETM", [Register(address), Register(value)]);
            }
            &Op::Grow(size) => {
                let size = self.read(size, 0);
                self.code.emit("ALOC", [Register(size)]);
            }
            &Op::Print(text) => self.code.emit("PRTS", [Operand::Text(text)]),
            Op::Call { function, arguments, result } => self.call(*function, arguments, *result),
        }
    }

    fn call(&mut self, function: FnId, arguments: &[Reg], result: Option<Reg>) {
        let (call, effect) = self.calls.next().expect("every call was looked at");
        let [address, scratch] = SCRATCH[0];
        // What the callee writes over, and memory that belongs to all activations of this function.
        let is_saved = |&reg: &Reg| match self.place(reg) {
            Place::Register(register) => effect.writes.contains(self.class(reg), register),
            Place::Memory(_) => effect.is_recursive,
            Place::Constant(_) | Place::None => false,
        };
        let saved: Vec<Place> =
            call.across.iter().filter(|reg| is_saved(reg)).map(|&reg| self.place(reg)).collect();
        for &place in &saved {
            if let Place::Memory(from) = place {
                self.code.load(scratch, from);
            }
            let register = if let Place::Register(register) = place { register } else { scratch };
            self.code.emit("PUSH", [Register(register)]);
        }
        let mut moves = [Vec::new(), Vec::new()];
        let classes = arguments.iter().map(|&reg| self.class(reg));
        for (&reg, (class, to)) in arguments.iter().zip(allocate::arguments(classes)) {
            moves[class as usize].push((to, self.place(reg)));
        }
        let [ints, floats] = moves;
        self.code.copy_all(Class::Int, ints);
        self.code.copy_all(Class::Float, floats);
        self.code.emit("CALL", [Operand::Function(function)]);
        if let Some(reg) = result {
            let class = self.class(reg);
            let from = RESULT[class as usize];
            self.write(reg, |code, to| code.copy(class, to, from));
        }
        for &place in saved.iter().rev() {
            let register = if let Place::Register(register) = place { register } else { scratch };
            self.code.emit("POP", [Register(register)]);
            if let Place::Memory(to) = place {
                self.code.store(to, scratch, address);
            }
        }
    }

    /// The block that control comes to when it goes to this one: blocks that only jump on are left out.
    fn resolve(&self, mut to: BlockId) -> BlockId {
        // A loop of such blocks ends somewhere, too.
        for _ in 0..self.function.blocks.len() {
            let block = &self.function.blocks[to.0];
            match block.exit {
                Exit::Jump(next) if is_only_a_jump(block) => to = next,
                _ => break,
            }
        }
        to
    }

    fn block(&self, to: BlockId) -> Operand {
        Operand::Block(self.first + self.resolve(to).0)
    }

    /// Whether control that runs on into `next` gets to a block, too.
    fn falls(&self, to: BlockId, next: BlockId) -> bool {
        next.0 < self.function.blocks.len() && self.resolve(to) == self.resolve(next)
    }

    /// The machine has no jump to a fixed place but one on its flag.
    fn jump(&mut self, to: BlockId) {
        let to = self.block(to);
        self.code.emit("EQ", [Register(0), Register(0)]);
        self.code.emit("DJMPE", [to]);
    }

    /// Goes to a block; whether control just runs on into `next` for that.
    fn run_on(&mut self, to: BlockId, next: BlockId) -> bool {
        let falls = self.falls(to, next);
        if !falls {
            match &self.function.blocks[self.resolve(to).0] {
                // What is there is shorter than a jump.
                Block { insns, exit: Exit::Return(None), .. } if insns.is_empty() => {
                    self.code.emit("RET", [])
                }
                _ => self.jump(to),
            }
        }
        falls
    }

    /// Ends a block; whether control may run on into `next`.
    fn exit(&mut self, exit: &Exit, next: BlockId) -> bool {
        match *exit {
            Exit::Jump(to) => self.run_on(to, next),
            Exit::If { test, operands, then, otherwise } => {
                let class = self.class(operands[0]);
                let [a, b] = [self.read(operands[0], 0), self.read(operands[1], 1)];
                // Of floats, none of two opposite tests holds where one is not a number.
                let (test, then, otherwise) = match class {
                    Class::Int if self.falls(then, next) => (test.negated(), otherwise, then),
                    _ => (test, then, otherwise),
                };
                self.code.emit(mnemonic(test, class), [Register(a), Register(b)]);
                let to = self.block(then);
                self.code.emit("DJMPE", [to]);
                self.run_on(otherwise, next)
            }
            Exit::Return(value) => {
                if let Some(reg) = value {
                    let (class, place) = (self.class(reg), self.place(reg));
                    self.code.copy_all(class, vec![(RESULT[class as usize], place)]);
                }
                self.code.emit("RET", []);
                false
            }
            Exit::Stop(text) => {
                self.code.emit("PRTS", [Operand::Text(text)]);
                self.code.emit("IGL", []);
                false
            }
        }
    }
}

/// Whether there is nothing in a block but a jump.
fn is_only_a_jump(block: &Block) -> bool {
    block.insns.is_empty() && matches!(block.exit, Exit::Jump(_))
}

/// The machine's name for a comparison.
fn mnemonic(test: Test, class: Class) -> &'static str {
    match (test, class) {
        (Test::Eq, Class::Int) => "EQ",
        (Test::Ne, Class::Int) => "NEQ",
        (Test::Lt, Class::Int) => "LT",
        (Test::Le, Class::Int) => "LTE",
        (Test::Gt, Class::Int) => "GT",
        (Test::Ge, Class::Int) => "GTE",
        (Test::Lt, Class::Float) => "LTF64",
        (Test::Le, Class::Float) => "LTEF64",
        (Test::Gt, Class::Float) => "GTF64",
        (Test::Ge, Class::Float) => "GTEF64",
        (Test::Eq | Test::Ne, Class::Float) => unreachable!("made of others"),
    }
}
