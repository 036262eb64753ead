//! Iridium's state, instructions and decoder.

use serde::{Deserialize, Serialize};

use crate::guest::Insn;
use crate::ops::{Reg, Space, Type};
use crate::state::{Bound, SpaceInfo, lay_out};

/// Registers of each kind.
pub const REGISTERS: u8 = 32;
/// Bytes of an instruction.
pub const SIZE: u32 = 4;
/// Bytes that the heap may have at most.
pub const HEAP_LIMIT: u32 = 16 << 20;
/// Entries that the stack may have at most.
pub const STACK_LIMIT: u32 = 2_097_152;

/// The heap: integers of 32 bits at any byte.
pub const HEAP: Space<u32, u32> = Space::new(0);
/// The stack: entry 0 is its bottom.
pub const STACK: Space<u32, u32> = Space::new(1);
/// The stack, two entries at once, the lower one in the low bits.
pub(super) const PAIRS: Space<u32, u64> = Space::new(1);

pub(super) const SPACES: &[SpaceInfo] = &{
    let heap = SpaceInfo::new("heap", Type::I32, HEAP_LIMIT as usize, Bound::Register(HEAP_LEN.slot() as u8));
    let stack =
        SpaceInfo::new("stack", Type::I32, STACK_LIMIT as usize, Bound::Register(STACK_LEN.slot() as u8));
    lay_out([heap.addressed_by_bytes(), stack])
};

/// `$0`–`$31`; the number modulo 32.
#[inline(always)]
pub const fn r(n: u8) -> Reg<u32> {
    Reg::new(n % REGISTERS)
}

/// f0–f31, which the instructions on doubles write `$0`–`$31`; the number modulo 32.
#[inline(always)]
pub const fn f(n: u8) -> Reg<f64> {
    Reg::new(REGISTERS + n % REGISTERS)
}

/// What the last comparison found.
pub const FLAG: Reg<bool> = Reg::new(64);
/// What the last DIV left.
pub const REMAINDER: Reg<u32> = Reg::new(65);
/// How often LOOP still goes back.
pub const COUNTER: Reg<u32> = Reg::new(66);
/// Entries on the stack.
pub const SP: Reg<u32> = Reg::new(67);
/// Entries on the stack when the current subroutine was entered.
pub const BP: Reg<u32> = Reg::new(68);
/// Bytes of the heap.
pub const HEAP_LEN: Reg<u32> = Reg::new(69);
/// Bytes that the heap may grow to: at most [`HEAP_LIMIT`].
pub const HEAP_MOST: Reg<u32> = Reg::new(70);
/// Entries that the stack has room for: it grows, unseen, up to [`STACK_LIMIT`].
pub const STACK_LEN: Reg<u32> = Reg::new(71);
/// The code that the machine stopped with.
pub const EXIT: Reg<u32> = Reg::new(72);

pub(super) const SLOTS: &[(&str, Type)] = &{
    const R: [&str; 32] = [
        "$0", "$1", "$2", "$3", "$4", "$5", "$6", "$7", "$8", "$9", "$10", "$11", "$12", "$13", "$14", "$15",
        "$16", "$17", "$18", "$19", "$20", "$21", "$22", "$23", "$24", "$25", "$26", "$27", "$28", "$29",
        "$30", "$31",
    ];
    const F: [&str; 32] = [
        "f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "f9", "f10", "f11", "f12", "f13", "f14", "f15",
        "f16", "f17", "f18", "f19", "f20", "f21", "f22", "f23", "f24", "f25", "f26", "f27", "f28", "f29",
        "f30", "f31",
    ];
    let mut slots = [("", Type::I32); 73];
    let mut n = 0;
    while n < 32 {
        slots[n] = (R[n], Type::I32);
        slots[32 + n] = (F[n], Type::F64);
        n += 1;
    }
    slots[64] = ("flag", Type::Bool);
    slots[65] = ("remainder", Type::I32);
    slots[66] = ("counter", Type::I32);
    slots[67] = ("sp", Type::I32);
    slots[68] = ("bp", Type::I32);
    slots[69] = ("heap", Type::I32);
    slots[70] = ("heap limit", Type::I32);
    slots[71] = ("stack", Type::I32);
    slots[72] = ("exit", Type::I32);
    slots
};

/// Which operands an instruction has, in the order of its bytes. Unused bytes are 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// None.
    Plain,
    /// A register.
    R,
    /// Two registers.
    Rr,
    /// Three registers.
    Rrr,
    /// Two registers of doubles.
    Ff,
    /// Three registers of doubles.
    Fff,
    /// A register and 16 bits.
    RImm,
    /// A register of doubles and 16 bits.
    FImm,
    /// 16 bits.
    Imm,
    /// A register and a count of 8 bits.
    RCount,
}

impl Shape {
    /// How many registers it has.
    pub const fn registers(self) -> usize {
        match self {
            Shape::Plain | Shape::Imm => 0,
            Shape::R | Shape::RImm | Shape::FImm | Shape::RCount => 1,
            Shape::Rr | Shape::Ff => 2,
            Shape::Rrr | Shape::Fff => 3,
        }
    }

    /// Whether these registers are those of doubles.
    pub const fn is_float(self) -> bool {
        matches!(self, Shape::Ff | Shape::Fff | Shape::FImm)
    }

    /// Whether the bytes after the opcode that no operand takes are 0.
    fn is_padded(self, [_, a, b, c]: [u8; 4]) -> bool {
        match self {
            Shape::Plain => [a, b, c] == [0; 3],
            Shape::R => [b, c] == [0; 2],
            Shape::Rr | Shape::Ff | Shape::Imm | Shape::RCount => c == 0,
            Shape::Rrr | Shape::Fff | Shape::RImm | Shape::FImm => true,
        }
    }
}

/// An instruction as it is written and encoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mnemonic {
    /// Its name.
    pub name: &'static str,
    /// Its number in the series, as the later parts have it.
    pub code: u8,
    /// Its operands.
    pub shape: Shape,
}

/// The number of IGL, which stands for all that mean nothing.
const IGL: u8 = 100;

macro_rules! instructions {
    ($($code:literal $name:ident $shape:ident,)*) => {
        /// Operations of the decoded instruction: the instructions' numbers plus one. Operands: `a` to `c` the registers in
        /// the order in which they are written, `imm` the 16 bits or the count.
        pub mod op {
            $(#[doc = concat!("`", stringify!($name), "`")] pub const $name: u8 = $code + 1;)*
            /// What is no instruction.
            pub const IGL: u8 = 49;
            /// Nothing: the code ends here.
            pub const END: u8 = 50;
            /// Nothing: the pc is outside the code or between two instructions.
            pub const ASTRAY: u8 = 51;
            /// An instruction with a register that there is not; `imm` is its number.
            pub const NO_REGISTER: u8 = 52;
            /// All operations are below this.
            pub const LAST: u8 = 53;
        }

        /// All instructions, in order of number.
        pub const MNEMONICS: &[Mnemonic] = &[
            $(Mnemonic { name: stringify!($name), code: $code, shape: Shape::$shape },)*
            Mnemonic { name: "IGL", code: IGL, shape: Shape::Plain },
        ];
    };
}

instructions! {
    0 LOAD RImm,
    1 ADD Rrr,
    2 SUB Rrr,
    3 MUL Rrr,
    4 DIV Rrr,
    5 HLT Plain,
    6 JMP R,
    7 JMPF R,
    8 JMPB R,
    9 EQ Rr,
    10 NEQ Rr,
    11 GTE Rr,
    12 LTE Rr,
    13 LT Rr,
    14 GT Rr,
    15 JMPE R,
    16 NOP Plain,
    17 ALOC R,
    18 INC R,
    19 DEC R,
    20 DJMPE Imm,
    21 PRTS Imm,
    22 LOADF64 FImm,
    23 ADDF64 Fff,
    24 SUBF64 Fff,
    25 MULF64 Fff,
    26 DIVF64 Fff,
    27 EQF64 Ff,
    28 NEQF64 Ff,
    29 GTF64 Ff,
    30 GTEF64 Ff,
    31 LTF64 Ff,
    32 LTEF64 Ff,
    33 SHL RCount,
    34 SHR RCount,
    35 AND Rrr,
    36 OR Rrr,
    37 XOR Rrr,
    38 NOT Rr,
    39 LUI RImm,
    40 CLOOP Imm,
    41 LOOP Imm,
    42 LOADM Rr,
    43 SETM Rr,
    44 PUSH R,
    45 POP R,
    46 CALL Imm,
    47 RET Plain,
}

/// What programs, those in `examples` among them, are full of: steps and comparisons at the ends of loops, addresses and what is
/// there, sums of products, what calls put on the stack.
pub(super) const RUNS: &[&[u8]] = &[
    &[op::SETM, op::ADD, op::LT, op::DJMPE],
    &[op::ADD, op::ADD, op::ADD, op::LOOP],
    &[op::POP, op::ADD, op::ADD, op::RET],
    &[op::POP, op::POP, op::POP, op::POP],
    &[op::PUSH, op::PUSH, op::PUSH, op::PUSH],
    &[op::INC, op::AND, op::EQ, op::DJMPE],
    &[op::SUB, op::LOADM, op::LTE, op::DJMPE],
    &[op::SETM, op::OR, op::GTE, op::DJMPE],
    &[op::MUL, op::INC, op::NEQ, op::DJMPE],
    &[op::ADD, op::LT, op::DJMPE],
    &[op::ADD, op::ADD, op::LOOP],
    &[op::INC, op::LT, op::DJMPE],
    &[op::INC, op::NEQ, op::DJMPE],
    &[op::DEC, op::GT, op::DJMPE],
    &[op::SHR, op::NEQ, op::DJMPE],
    &[op::AND, op::EQ, op::DJMPE],
    &[op::OR, op::OR],
    &[op::LOADM, op::LOADM, op::MUL],
    &[op::MULF64, op::MULF64, op::ADDF64],
    &[op::MULF64, op::ADDF64, op::DIVF64],
    &[op::MULF64, op::ADDF64, op::ADDF64],
    &[op::ADDF64, op::ADDF64, op::LOOP],
    &[op::SUBF64, op::ADDF64, op::LOOP],
    &[op::PUSH, op::DEC, op::CALL],
    &[op::EQ, op::DJMPE],
    &[op::NEQ, op::DJMPE],
    &[op::GTE, op::DJMPE],
    &[op::LTE, op::DJMPE],
    &[op::LT, op::DJMPE],
    &[op::GT, op::DJMPE],
    &[op::EQF64, op::DJMPE],
    &[op::NEQF64, op::DJMPE],
    &[op::GTF64, op::DJMPE],
    &[op::GTEF64, op::DJMPE],
    &[op::LTF64, op::DJMPE],
    &[op::LTEF64, op::DJMPE],
    &[op::ADD, op::LOOP],
    &[op::INC, op::LOOP],
    &[op::ADDF64, op::LOOP],
    &[op::ADD, op::ADD],
    &[op::ADD, op::LOADM],
    &[op::ADD, op::SETM],
    &[op::MUL, op::ADD],
    &[op::LOADM, op::ADD],
    &[op::SETM, op::ADD],
    &[op::MULF64, op::ADDF64],
    &[op::ADDF64, op::ADDF64],
    &[op::SUBF64, op::ADDF64],
    &[op::PUSH, op::PUSH],
    &[op::POP, op::POP],
    &[op::PUSH, op::DEC],
    &[op::PUSH, op::CALL],
    &[op::DEC, op::CALL],
    &[op::ADD, op::RET],
    &[op::OR, op::RET],
    &[op::POP, op::RET],
];

/// Which numbers the instructions have. No image tells.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Numbering {
    /// Those of the later parts of the series.
    #[default]
    Series,
    /// Those of its first part, which has 17 instructions.
    Part1,
}

/// The first part's instructions in order of number; it has none with number 5.
const PART1: [Option<u8>; 18] = [
    Some(op::LOAD),
    Some(op::ADD),
    Some(op::SUB),
    Some(op::MUL),
    Some(op::DIV),
    None,
    Some(op::HLT),
    Some(op::JMP),
    Some(op::JMPF),
    Some(op::JMPB),
    Some(op::EQ),
    Some(op::NEQ),
    Some(op::GTE),
    Some(op::GT),
    Some(op::LTE),
    Some(op::LT),
    Some(op::JMPE),
    Some(op::NOP),
];

impl Numbering {
    /// All of them, the default first.
    pub const ALL: [Numbering; 2] = [Numbering::Series, Numbering::Part1];

    /// The name that settings have for it.
    pub const fn name(self) -> &'static str {
        match self {
            Numbering::Series => "series",
            Numbering::Part1 => "part1",
        }
    }

    /// The numbering of this name.
    pub fn named(name: &str) -> Option<Numbering> {
        Numbering::ALL.into_iter().find(|numbering| numbering.name() == name)
    }

    /// The instruction that a number means; `None` for what is none, and for IGL.
    pub fn mnemonic(self, code: u8) -> Option<Mnemonic> {
        let op = match self {
            Numbering::Series => code.checked_add(1).filter(|&op| op < op::IGL),
            Numbering::Part1 => PART1.get(usize::from(code)).copied().flatten(),
        };
        op.map(|op| MNEMONICS[usize::from(op) - 1])
    }

    /// The number that an instruction has, if it has one here; IGL has the same in both.
    pub fn number(self, of: &Mnemonic) -> Option<u8> {
        let is_it = |op: &Option<u8>| op.is_some_and(|op| op == of.code + 1);
        match (self, PART1.iter().position(is_it)) {
            (Numbering::Series, _) => Some(of.code),
            (Numbering::Part1, Some(number)) => Some(number as u8),
            (Numbering::Part1, None) => (of.code == IGL).then_some(IGL),
        }
    }
}

/// The instruction of these bytes, if it is one whose unused bytes are 0: assembled, it becomes them again.
pub fn exact(numbering: Numbering, word: [u8; 4]) -> Option<Mnemonic> {
    let mnemonic = numbering.mnemonic(word[0]).or(match (numbering, word) {
        (Numbering::Series, [IGL, ..]) => MNEMONICS.last().copied(),
        _ => None,
    })?;
    let registers = &word[1..=mnemonic.shape.registers()];
    let exists = registers.iter().all(|&n| n < REGISTERS);
    (exists && mnemonic.shape.is_padded(word)).then_some(mnemonic)
}

/// The 16 bits of an instruction that has them.
pub fn immediate(shape: Shape, [_, a, b, c]: [u8; 4]) -> u16 {
    match shape {
        Shape::Imm => u16::from_be_bytes([a, b]),
        _ => u16::from_be_bytes([b, c]),
    }
}

/// Decodes an instruction.
pub fn decode(numbering: Numbering, word: [u8; 4]) -> Insn {
    let Some(Mnemonic { code, shape, .. }) = numbering.mnemonic(word[0]) else {
        return Insn::new(op::IGL, 0, 0, 0, 0);
    };
    let op = code + 1;
    let [_, a, b, c] = word;
    if let Some(&n) = word[1..=shape.registers()].iter().find(|&&n| n >= REGISTERS) {
        return Insn::new(op::NO_REGISTER, 0, 0, 0, n.into());
    }
    match shape {
        Shape::RCount => {
            // 0 means 16.
            let count = if b == 0 { 16 } else { b % 32 };
            Insn::new(op, a, 0, 0, count.into())
        }
        Shape::RImm | Shape::FImm => Insn::new(op, a, 0, 0, immediate(shape, word).into()),
        Shape::Imm => Insn::new(op, 0, 0, 0, immediate(shape, word).into()),
        _ => Insn::new(op, a, b, c, 0),
    }
}
