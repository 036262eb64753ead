//! The instructions as they are written: name, operands, and the bits that are always there.

/// What operands an instruction has, and which bits they go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A destination, a source, and a source or 5 bits.
    Arithmetic,
    /// A destination and a source.
    Unary,
    /// A register, and 9 bits from the next instruction.
    Memory,
    /// 9 bits from the next instruction.
    Branch,
    /// 11 bits from the next instruction.
    Call,
    /// A register with an address.
    Base,
    /// A register, a register with an address, and 6 bits.
    BaseOffset,
    /// A trap vector of 8 bits.
    Trap,
    /// No operand.
    Fixed,
    /// Perhaps 9 bits from the next instruction.
    Nop,
}

/// An instruction as it is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mnemonic {
    pub name: &'static str,
    /// The word, with zeros for operands.
    pub word: u16,
    pub shape: Shape,
}

impl Mnemonic {
    /// The operands as they are written, in each way that there is.
    pub(super) fn usage(&self) -> &'static [&'static str] {
        match self.shape {
            Shape::Arithmetic => &["R0, R1, R2", "R0, R1, #5"],
            Shape::Unary => &["R0, R1"],
            Shape::Memory => &["R0, LABEL"],
            Shape::Branch | Shape::Call => &["LABEL"],
            Shape::Base => &["R0"],
            Shape::BaseOffset => &["R0, R1, #5"],
            Shape::Trap => &["x25"],
            Shape::Fixed | Shape::Nop => &[],
        }
    }
}

const fn row(name: &'static str, word: u16, shape: Shape) -> Mnemonic {
    Mnemonic { name, word, shape }
}

/// All of them, in order of name. `BR` with several flags takes these in any order; here they have
/// one.
pub(super) const MNEMONICS: [Mnemonic; 32] = [
    row("ADD", 0x1000, Shape::Arithmetic),
    row("AND", 0x5000, Shape::Arithmetic),
    row("BR", 0x0e00, Shape::Branch),
    row("BRN", 0x0800, Shape::Branch),
    row("BRNP", 0x0a00, Shape::Branch),
    row("BRNZ", 0x0c00, Shape::Branch),
    row("BRNZP", 0x0e00, Shape::Branch),
    row("BRP", 0x0200, Shape::Branch),
    row("BRZ", 0x0400, Shape::Branch),
    row("BRZP", 0x0600, Shape::Branch),
    row("GETC", 0xf020, Shape::Fixed),
    row("HALT", 0xf025, Shape::Fixed),
    row("IN", 0xf023, Shape::Fixed),
    row("JMP", 0xc000, Shape::Base),
    row("JSR", 0x4800, Shape::Call),
    row("JSRR", 0x4000, Shape::Base),
    row("LD", 0x2000, Shape::Memory),
    row("LDI", 0xa000, Shape::Memory),
    row("LDR", 0x6000, Shape::BaseOffset),
    row("LEA", 0xe000, Shape::Memory),
    row("NOP", 0x0000, Shape::Nop),
    row("NOT", 0x903f, Shape::Unary),
    row("OUT", 0xf021, Shape::Fixed),
    row("PUTC", 0xf021, Shape::Fixed),
    row("PUTS", 0xf022, Shape::Fixed),
    row("PUTSP", 0xf024, Shape::Fixed),
    row("RET", 0xc1c0, Shape::Fixed),
    row("RTI", 0x8000, Shape::Fixed),
    row("ST", 0x3000, Shape::Memory),
    row("STI", 0xb000, Shape::Memory),
    row("STR", 0x7000, Shape::BaseOffset),
    row("TRAP", 0xf000, Shape::Trap),
];

/// The directives.
pub(super) const DIRECTIVES: [&str; 6] = [".ORIG", ".END", ".FILL", ".BLKW", ".STRINGZ", ".EXTERNAL"];

/// The instruction that a name means, in any case.
pub(super) fn mnemonic(name: &str) -> Option<Mnemonic> {
    let mut upper = [0; 5];
    let upper = upper.get_mut(..name.len())?;
    upper.copy_from_slice(name.as_bytes());
    upper.make_ascii_uppercase();
    let known = MNEMONICS.binary_search_by(|one| one.name.as_bytes().cmp(upper));
    known.map(|at| MNEMONICS[at]).ok().or_else(|| branch(upper))
}

/// `BR` with flags in another order than the table's.
fn branch(upper: &[u8]) -> Option<Mnemonic> {
    let mut word = 0;
    for flag in upper.strip_prefix(b"BR")? {
        let bit = match flag {
            b'N' => 0x0800,
            b'Z' => 0x0400,
            b'P' => 0x0200,
            _ => return None,
        };
        word = (word & bit == 0).then_some(word | bit)?;
    }
    MNEMONICS.iter().find(|one| one.shape == Shape::Branch && one.word == word).copied()
}

/// The register that a name means, in any case.
pub(super) fn register(name: &str) -> Option<u16> {
    match name.as_bytes() {
        [b'r' | b'R', digit @ b'0'..=b'7'] => Some(u16::from(digit - b'0')),
        _ => None,
    }
}
