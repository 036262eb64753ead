//! The intermediate form: blocks of instructions on any number of virtual registers.
//!
//! An instruction here is one or a few of the machine's. A virtual register may be written in several places
//! (it is a variable, not a value); one that holds a constant is written once.

use super::tree::{FnId, Test};

/// A virtual register.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Reg(pub usize);

impl Reg {
    /// The int 0, which is never written: the machine's `$0`.
    pub const ZERO: Reg = Reg(0);
}

/// The two kinds of registers that the machine has.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Class {
    Int,
    Float,
}

/// The number of a block in its function.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct BlockId(pub usize);

/// The number of a string of the program.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct TextId(pub usize);

/// What the machine does with two registers and one for the result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Arithmetic {
    Add,
    Sub,
    Mul,
    Div,
    And,
    Or,
    Xor,
}

impl Arithmetic {
    /// The machine's name for it.
    pub fn mnemonic(self, class: Class) -> &'static str {
        match (self, class) {
            (Arithmetic::Add, Class::Int) => "ADD",
            (Arithmetic::Sub, Class::Int) => "SUB",
            (Arithmetic::Mul, Class::Int) => "MUL",
            (Arithmetic::Div, Class::Int) => "DIV",
            (Arithmetic::And, _) => "AND",
            (Arithmetic::Or, _) => "OR",
            (Arithmetic::Xor, _) => "XOR",
            (Arithmetic::Add, Class::Float) => "ADDF64",
            (Arithmetic::Sub, Class::Float) => "SUBF64",
            (Arithmetic::Mul, Class::Float) => "MULF64",
            (Arithmetic::Div, Class::Float) => "DIVF64",
        }
    }
}

/// A constant.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Constant {
    Int(i32),
    Float(f64),
}

/// What is done. Where there is a target, it is the first.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Op {
    Constant(Reg, Constant),
    Move(Reg, Reg),
    Arithmetic(Arithmetic, Reg, Reg, Reg),
    /// Plus or minus 1.
    Step {
        to: Reg,
        from: Reg,
        up: bool,
    },
    /// By 1 to 31 bits; to the right arithmetically.
    Shift {
        to: Reg,
        from: Reg,
        left: bool,
        by: u8,
    },
    /// From the heap's byte address.
    Load {
        to: Reg,
        address: Reg,
    },
    Store {
        address: Reg,
        value: Reg,
    },
    /// Adds bytes of zero to the heap.
    Grow(Reg),
    Print(TextId),
    Call {
        function: FnId,
        arguments: Vec<Reg>,
        result: Option<Reg>,
    },
}

impl Op {
    /// The register that is written.
    pub fn target(&self) -> Option<Reg> {
        match *self {
            Op::Constant(to, _)
            | Op::Move(to, _)
            | Op::Arithmetic(_, to, ..)
            | Op::Step { to, .. }
            | Op::Shift { to, .. }
            | Op::Load { to, .. } => Some(to),
            Op::Call { result, .. } => result,
            Op::Store { .. } | Op::Grow(_) | Op::Print(_) => None,
        }
    }

    /// The registers that are read.
    pub fn sources(&self) -> impl Iterator<Item = Reg> + '_ {
        let (few, many): ([Option<Reg>; 2], &[Reg]) = match self {
            Op::Constant(..) | Op::Print(_) => ([None, None], &[]),
            Op::Move(_, a) | Op::Grow(a) => ([Some(*a), None], &[]),
            Op::Step { from, .. } | Op::Shift { from, .. } => ([Some(*from), None], &[]),
            Op::Load { address, .. } => ([Some(*address), None], &[]),
            Op::Arithmetic(_, _, a, b) => ([Some(*a), Some(*b)], &[]),
            Op::Store { address, value } => ([Some(*address), Some(*value)], &[]),
            Op::Call { arguments, .. } => ([None, None], arguments),
        };
        few.into_iter().flatten().chain(many.iter().copied())
    }
}

/// An instruction with the byte of the source that it comes from.
#[derive(Clone, Debug)]
pub(super) struct Insn {
    pub op: Op,
    pub at: usize,
}

/// Where control goes after a block.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Exit {
    Jump(BlockId),
    /// `test` of two registers of one class.
    If {
        test: Test,
        operands: [Reg; 2],
        then: BlockId,
        otherwise: BlockId,
    },
    Return(Option<Reg>),
    /// Prints the text and stops the machine.
    Stop(TextId),
}

impl Exit {
    /// The registers that are read.
    pub fn sources(&self) -> impl Iterator<Item = Reg> + '_ {
        let all = match *self {
            Exit::If { operands: [a, b], .. } => [Some(a), Some(b)],
            Exit::Return(value) => [value, None],
            Exit::Jump(_) | Exit::Stop(_) => [None, None],
        };
        all.into_iter().flatten()
    }

    /// Where control may go.
    pub fn targets(&self) -> impl Iterator<Item = BlockId> {
        let all = match *self {
            Exit::Jump(to) => [Some(to), None],
            Exit::If { then, otherwise, .. } => [Some(then), Some(otherwise)],
            Exit::Return(_) | Exit::Stop(_) => [None, None],
        };
        all.into_iter().flatten()
    }
}

/// A block, entered at the top only.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub insns: Vec<Insn>,
    pub exit: Exit,
    /// The byte of the source that the exit comes from.
    pub at: usize,
    /// Loops around.
    pub depth: u32,
}

/// A function in this form.
#[derive(Clone, Debug)]
pub(super) struct Function {
    /// What the assembly calls it.
    pub label: String,
    pub is_library: bool,
    pub params: Vec<Reg>,
    /// The class of each register; that of [`Reg::ZERO`] first.
    pub classes: Vec<Class>,
    /// In the order of their code; the first is the entry.
    pub blocks: Vec<Block>,
    /// The source byte of its name.
    pub start: usize,
}

impl Function {
    /// Instructions and blocks.
    pub fn size(&self) -> usize {
        self.blocks.iter().map(|block| block.insns.len() + 1).sum()
    }

    /// The byte of the source that what stands at a position comes from; see [`super::liveness`].
    pub fn at(&self, position: usize) -> usize {
        let mut left = position / 2;
        for block in &self.blocks {
            if left <= block.insns.len() {
                return block.insns.get(left).map_or(block.at, |insn| insn.at);
            }
            left -= block.insns.len() + 1;
        }
        self.start
    }

    /// The functions that it calls.
    pub fn callees(&self) -> impl Iterator<Item = FnId> + '_ {
        self.blocks.iter().flat_map(|block| &block.insns).filter_map(|insn| match insn.op {
            Op::Call { function, .. } => Some(function),
            _ => None,
        })
    }
}
