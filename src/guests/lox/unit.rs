//! A compiled program, as data: what an image file holds, and what a machine links.

use std::ops::Range;

use super::isa::{Insn, Op, Operand};

/// A constant or a global variable, by the number that instructions have for it.
#[derive(Clone, PartialEq, Debug)]
pub enum Static {
    Nil,
    Bool(bool),
    Number(f64),
    String(Vec<u8>),
    /// A global variable of this name.
    Global(Vec<u8>),
}

/// Where a closure takes a captured value from when it is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Capture {
    /// A register of the function that makes it.
    Register(u16),
    /// One of that function's captures.
    Outer(u16),
    /// That function itself.
    Itself,
}

/// A place that deals with a name: a property, a method, or a class.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Site {
    pub name: Vec<u8>,
    /// How many arguments a call has; how many fields a class's instances are likely to have.
    pub count: u16,
}

/// A function.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Function {
    /// `None` for the script.
    pub name: Option<Vec<u8>>,
    pub arity: u8,
    /// Registers that it uses.
    pub registers: u16,
    pub captures: Vec<Capture>,
    /// Its first instruction, in the unit's code.
    pub start: u32,
    /// How many there are.
    pub len: u32,
}

/// Where in the source something comes from.
#[derive(Clone, Copy, Default)]
pub struct Origin {
    /// The line, from 1.
    pub line: u32,
    /// The bytes from here...
    pub start: u32,
    /// ...to here.
    pub end: u32,
}

/// A compiled program.
#[derive(Clone, Default)]
pub struct Unit {
    pub code: Vec<Insn>,
    /// The source line of each instruction.
    pub lines: Vec<u32>,
    /// The bytes of the source that each is for; none in what comes from an image.
    pub spans: Vec<Range<u32>>,
    pub statics: Vec<Static>,
    pub sites: Vec<Site>,
    /// The first is the script.
    pub functions: Vec<Function>,
}

impl Unit {
    /// The first instruction of the function that an instruction is in.
    pub fn start_of(&self, at: usize) -> usize {
        let starts = self.functions.iter().map(|function| function.start as usize);
        starts.filter(|&start| start <= at).max().unwrap_or(0)
    }
}

/// An instruction as a machine has it, where the unit's statics have these numbers, and its sites and functions start
/// at these; `None` if a short operand cannot say so.
pub fn relocate(insn: Insn, statics: &[u32], first_site: u32, first_function: u32) -> Option<Insn> {
    let op = Op::from_number(insn.op())?;
    let operands = op.operands();
    let wide = insn.index();
    let short = |n: usize| u16::try_from(statics[n]).ok();
    let insn = if operands.b == Operand::Constant { insn.with_b(short(insn.b())?) } else { insn };
    let bounded = |n: u32| (n < 1 << 24).then_some(n);
    Some(match operands.c {
        Operand::WideConstant | Operand::Global => insn.with_wide(bounded(statics[wide])?),
        Operand::Constant | Operand::ShortGlobal => insn.with_c(short(insn.c())?),
        Operand::Site => insn.with_wide(bounded(wide as u32 + first_site)?),
        Operand::Function => insn.with_wide(bounded(wide as u32 + first_function)?),
        _ => insn,
    })
}
