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

/// What other machines have, and LC-3 has not, with what does the same.
const FOREIGN: [(&str, &str); 33] = [
    ("MOV", "`ADD R0, R1, #0` copies R1 to R0"),
    ("MOVE", "`ADD R0, R1, #0` copies R1 to R0"),
    ("COPY", "`ADD R0, R1, #0` copies R1 to R0"),
    ("CLR", "`AND R0, R0, #0` makes R0 zero"),
    ("CLEAR", "`AND R0, R0, #0` makes R0 zero"),
    ("INC", "`ADD R0, R0, #1` adds one to R0"),
    ("DEC", "`ADD R0, R0, #-1` takes one from R0"),
    ("SUB", "to subtract R2: `NOT R2, R2`, `ADD R2, R2, #1`, then `ADD`"),
    ("NEG", "`NOT R0, R0`, then `ADD R0, R0, #1` negates R0"),
    ("CMP", "subtract with `NOT`, `ADD #1` and `ADD`, then `BRn`, `BRz` or `BRp`"),
    ("MUL", "multiply by adding in a loop"),
    ("DIV", "divide by subtracting in a loop"),
    ("OR", "A OR B is NOT (NOT A AND NOT B)"),
    ("XOR", "make it of `AND` and `NOT`"),
    ("SHL", "`ADD R0, R0, R0` shifts R0 left by one"),
    ("LSL", "`ADD R0, R0, R0` shifts R0 left by one"),
    ("PUSH", "`ADD R6, R6, #-1`, then `STR R0, R6, #0` pushes R0"),
    ("POP", "`LDR R0, R6, #0`, then `ADD R6, R6, #1` pops R0"),
    ("CALL", "a subroutine is called by `JSR`"),
    ("RETURN", "a subroutine returns by `RET`"),
    ("JUMP", "`BR` goes to a label, `JMP` to the address in a register"),
    ("GOTO", "`BR` goes to a label, `JMP` to the address in a register"),
    ("B", "`BR` goes to a label, `JMP` to the address in a register"),
    ("LI", "a small number: `AND R0, R0, #0`, then `ADD R0, R0, #5`"),
    ("PRINT", "`PUTS` prints the string at R0, `OUT` the character in R0"),
    ("EXIT", "`HALT` stops the machine"),
    (".WORD", "`.FILL` is for one word"),
    (".DATA", "`.FILL` is for one word"),
    (".SPACE", "`.BLKW` reserves words"),
    (".ASCII", "`.STRINGZ` is for a string"),
    (".ASCIIZ", "`.STRINGZ` is for a string"),
    (".STRING", "`.STRINGZ` is for a string"),
    (".GLOBAL", "`.EXTERNAL` is for labels of other files; all others may use this file's"),
];

/// What does what an instruction or directive of another machine does.
pub(super) fn foreign(name: &str) -> Option<&'static str> {
    FOREIGN.iter().find(|known| known.0.eq_ignore_ascii_case(name)).map(|known| known.1)
}

/// What was perhaps meant by an instruction whose last operand is a register where none belongs, or a label.
pub(super) fn instead(instruction: &str, register: bool) -> Option<&'static str> {
    Some(match (instruction, register) {
        ("LD" | "LDI" | "LEA", true) => "`LDR R0, R1, #0` loads what is at the address in R1",
        ("ST" | "STI", true) => "`STR R0, R1, #0` stores at the address in R1",
        ("JSR", true) => "`JSRR` calls what is at the address in a register",
        (_, true) if instruction.starts_with("BR") => "`JMP` goes to the address in a register",
        ("LDR", false) => "`LD R0, LABEL` loads what is at a label",
        ("STR", false) => "`ST R0, LABEL` stores at a label",
        ("JMP", false) => "`BR` goes to a label",
        ("JSRR", false) => "`JSR` calls what is at a label",
        ("ADD" | "AND", false) => "`LD` the value to a register first",
        _ => return None,
    })
}

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
