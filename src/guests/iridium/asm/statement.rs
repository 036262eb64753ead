//! The first pass over one statement: labels, then an instruction or a directive with its operands.

use std::ops::Range;

use super::constants::{self, Step, Which};
use super::lex::{Kind, Number, Token};
use super::{Assembler, Fixup, Section};
use crate::asm::lex::quoted;
use crate::asm::{self, MOST, Outcome};
use crate::diagnostic::{Diagnostic, closest};
use crate::guests::iridium::isa::{MNEMONICS, Mnemonic, Numbering, REGISTERS, Shape, op};

/// The operands of a statement.
type Operands<'t, 's> = asm::Operands<'t, Kind<'s>>;

/// All directives.
pub const DIRECTIVES: [&str; 5] = [".data", ".code", ".asciiz", ".integer", ".bytes"];

/// Other names, from the series' texts.
const ALIASES: [(&str, u8); 3] = [("GTQ", op::GTE), ("LTQ", op::LTE), ("JEQ", op::JMPE)];

/// The instruction that a name means, in any case.
fn mnemonic(name: &str) -> Option<&'static Mnemonic> {
    let alias = ALIASES.iter().find(|alias| alias.0.eq_ignore_ascii_case(name));
    alias
        .map(|&(_, op)| &MNEMONICS[usize::from(op) - 1])
        .or_else(|| MNEMONICS.iter().find(|known| known.name.eq_ignore_ascii_case(name)))
}

/// How an instruction's operands are written.
fn usage(mnemonic: &Mnemonic) -> &'static [&'static str] {
    match (mnemonic.shape, mnemonic.name) {
        (_, "DJMPE" | "LOOP" | "CALL") => &["@label"],
        (_, "PRTS") => &["@text"],
        (_, "LOAD") => &["$0 #5", "$0 @label"],
        (_, "LOADF64") => &["$0 #1.5"],
        (Shape::Plain, _) => &[],
        (Shape::R, _) => &["$0"],
        (Shape::Rr | Shape::Ff, _) => &["$0 $1"],
        (Shape::Rrr | Shape::Fff, _) => &["$0 $1 $2"],
        (Shape::RImm | Shape::FImm, _) => &["$0 #5"],
        (Shape::Imm, _) => &["#5"],
        (Shape::RCount, _) => &["$0 #5", "$0"],
    }
}

/// Whether this can stand behind a label.
fn begins_statement(kind: &Kind<'_>) -> bool {
    match kind {
        Kind::Directive(_) => true,
        Kind::Word(name) => mnemonic(name).is_some(),
        _ => false,
    }
}

impl<'s> Assembler<'s> {
    /// Reads one statement. What it takes is laid out even where something is wrong with it.
    pub(super) fn statement(&mut self, mut tokens: &[Token<'s>]) -> Outcome<()> {
        while let [Token { kind: Kind::Word(name), span }, rest @ ..] = tokens {
            let rest = match rest {
                [Token { kind: Kind::Colon, .. }, rest @ ..] => rest,
                [next, ..] if mnemonic(name).is_none() && begins_statement(&next.kind) => {
                    let error = Diagnostic::error(format!("label {} without a colon", quoted(name)));
                    self.log.push(error.at(span.clone(), "").help(format!("write `{name}:`")));
                    rest
                }
                _ => break,
            };
            self.define(name, span);
            tokens = rest;
        }
        let Some((Token { kind, span }, rest)) = tokens.split_first() else { return Ok(()) };
        match *kind {
            Kind::Word(name) => {
                self.require_code(span);
                match mnemonic(name) {
                    Some(known) => self.instruction(known, span, rest),
                    None => {
                        self.emit(&[[0; 4]]);
                        Err(self.unknown("instruction", name, span))
                    }
                }
            }
            Kind::Directive(name) => self.directive(name, span, rest),
            _ => Err(Diagnostic::error("a statement starts with a label, an instruction or a directive")
                .at(span.clone(), "none of these")
                .note("a label ends with a colon")),
        }
    }

    /// What stands at `span` is an instruction.
    fn require_code(&mut self, span: &Range<usize>) {
        if self.section(span) == Section::Data {
            self.log.push(
                Diagnostic::error("an instruction in the `.data` section")
                    .at(span.clone(), "belongs in `.code`")
                    .help("put `.code` on a line before this"),
            );
            self.enter(Section::Code);
        }
    }

    fn instruction(
        &mut self,
        known: &'static Mnemonic,
        span: &Range<usize>,
        tokens: &[Token<'s>],
    ) -> Outcome<()> {
        let mut operands = Operands::new(known.name, usage(known), span, tokens);
        let at = self.code.len();
        let result = self.encode(known, &mut operands).and_then(|words| {
            operands.finish()?;
            words.into_iter().map(|word| self.numbered(known, word, span)).collect::<Outcome<Vec<_>>>()
        });
        match result {
            Ok(words) => {
                self.emit(&words);
                Ok(())
            }
            Err(error) => {
                self.fixups.retain(|fixup| fixup.at < at);
                self.temporaries.retain(|temporary| temporary.0 < at);
                self.emit(&[[known.code, 0, 0, 0]]);
                Err(error)
            }
        }
    }

    /// A word of the statement `known`, which has the series' number, with the number that it is to have.
    fn numbered(&self, known: &Mnemonic, word: [u8; 4], span: &Range<usize>) -> Outcome<[u8; 4]> {
        let [code, a, b, c] = word;
        let of = Numbering::Series.mnemonic(code).unwrap_or(*known);
        let number = self.numbering().number(&of).ok_or_else(|| {
            let error = Diagnostic::error(format!("the first part has no {}", of.name)).at(span.clone(), "");
            let error = error.note("the first part of the series has 17 instructions");
            match of.name == known.name {
                true => error,
                false => error.note(format!("{} of this number is made of several instructions", known.name)),
            }
        })?;
        Ok([number, a, b, c])
    }

    /// The words of an instruction, with the series' numbers; labels are left to the second pass.
    fn encode(&mut self, known: &'static Mnemonic, operands: &mut Operands<'_, 's>) -> Outcome<Vec<[u8; 4]>> {
        let mut word = [known.code, 0, 0, 0];
        for byte in &mut word[1..=known.shape.registers()] {
            *byte = operands.register()?;
            if known.shape.is_float() {
                self.doubles |= 1 << *byte;
            }
        }
        match known.shape {
            Shape::FImm => {
                let (number, span) = operands.number()?;
                return self.double(word[1], number, &span);
            }
            Shape::RImm if known.code == op::LOAD - 1 => return self.load(known, word[1], operands),
            Shape::RImm => [word[2], word[3]] = self.immediate(known, operands)?.to_be_bytes(),
            Shape::Imm => [word[1], word[2]] = self.immediate(known, operands)?.to_be_bytes(),
            Shape::RCount if operands.is_empty() => {}
            Shape::RCount => word[2] = operands.integer(0, 255)? as u8,
            _ => {}
        }
        Ok(vec![word])
    }

    /// An operand of 16 bits: a number, or a label that the second pass puts in.
    fn immediate(&mut self, of: &'static Mnemonic, operands: &mut Operands<'_, 's>) -> Outcome<u16> {
        match operands.next()? {
            (Operand::Label(name), span) => {
                self.fixups.push(Fixup { name, span, at: self.code.len(), of });
                Ok(0)
            }
            (other, span) => Ok(other.integer(0, u16::MAX.into(), "an integer or a label", &span)? as u16),
        }
    }

    /// LOAD, and LUI where the number has more than 16 bits.
    fn load(
        &mut self,
        of: &'static Mnemonic,
        register: u8,
        operands: &mut Operands<'_, 's>,
    ) -> Outcome<Vec<[u8; 4]>> {
        let (operand, span) = operands.next()?;
        if let Operand::Label(name) = operand {
            self.fixups.push(Fixup { name, span, at: self.code.len(), of });
            return Ok(vec![[op::LOAD - 1, register, 0, 0]]);
        }
        let number = operand.integer(i32::MIN.into(), i32::MAX.into(), "an integer or a label", &span)?;
        let [a, b, c, d] = (number as i32).to_be_bytes();
        Ok(match (a, b) {
            (0, 0) => vec![[op::LOAD - 1, register, c, d]],
            _ => vec![[op::LOAD - 1, register, a, b], [op::LUI - 1, register, c, d]],
        })
    }

    /// LOADF64, and what else it takes to make the number.
    fn double(&mut self, register: u8, number: Number, span: &Range<usize>) -> Outcome<Vec<[u8; 4]>> {
        let value = match number {
            Number::Integer(number) => number as f64,
            Number::Float(number) => number,
        };
        let is_exact = match number {
            // Not where a number has been cut to 64 bits either.
            Number::Integer(number) => value as i128 == i128::from(number),
            Number::Float(_) => value.is_finite(),
        };
        if !is_exact {
            let error = Diagnostic::error("no double is this number").at(span.clone(), "not a double");
            return Err(error.note("integers are exact up to 2⁵³, others reach to about 1.8e308"));
        }
        let steps = constants::steps(value);
        if steps.len() > 1 {
            self.temporary_wanted.get_or_insert(span.clone());
        }
        let mut words = Vec::new();
        for step in steps {
            let (code, registers, low) = match step {
                Step::Load(to, number) => (op::LOADF64 - 1, vec![to], number.to_be_bytes().to_vec()),
                Step::Binary(how, registers) => (how.code, registers.to_vec(), Vec::new()),
            };
            let mut word = vec![code];
            for which in registers {
                if which == Which::Temporary {
                    self.temporaries.push((self.code.len() + words.len(), word.len()));
                }
                word.push(register);
            }
            word.extend(low);
            words.push([word[0], word[1], word[2], word[3]]);
        }
        Ok(words)
    }

    fn directive(&mut self, name: &'s str, span: &Range<usize>, tokens: &[Token<'s>]) -> Outcome<()> {
        let Some(known) = DIRECTIVES.iter().find(|known| known.eq_ignore_ascii_case(name)) else {
            return Err(self.unknown("directive", name, span));
        };
        let usage: &[&str] = match *known {
            ".asciiz" => &["'text'"],
            ".integer" => &["#5"],
            ".bytes" => &["#1 #2 #3 #4"],
            _ => &[],
        };
        let mut operands = Operands::new(known, usage, span, tokens);
        match *known {
            ".data" => self.enter(Section::Data),
            ".code" => self.enter(Section::Code),
            ".asciiz" => {
                let labelled = self.require_data(known, span);
                let text = operands.text()?;
                self.data.extend(text);
                self.data.push(0);
                if !labelled {
                    return Err(Diagnostic::error("a string without a label")
                        .at(span.clone(), "nothing can name this")
                        .help("put `name:` before it"));
                }
            }
            ".integer" => {
                self.require_data(known, span);
                let number = operands.integer(i32::MIN.into(), i32::MAX.into())? as i32;
                self.data.extend(number.to_le_bytes());
            }
            _ => return self.bytes(span, &mut operands),
        }
        self.labelled &= matches!(*known, ".data" | ".code");
        operands.finish()
    }

    /// The directive `.bytes`.
    fn bytes(&mut self, span: &Range<usize>, operands: &mut Operands<'_, 's>) -> Outcome<()> {
        let section = self.section(span);
        let mut bytes = vec![operands.integer(0, 255)? as u8];
        while !operands.is_empty() {
            bytes.push(operands.integer(0, 255)? as u8);
        }
        if section == Section::Data {
            self.data.extend(bytes);
            self.labelled = false;
            return Ok(());
        }
        let (words, rest) = bytes.as_chunks();
        self.emit(words);
        if !rest.is_empty() {
            return Err(Diagnostic::error(format!("{} bytes in the `.code` section", bytes.len()))
                .at(span.clone(), "not a multiple of four")
                .note("an instruction has four bytes"));
        }
        Ok(())
    }

    /// What stands at `span` is data. Whether a label stands before it.
    fn require_data(&mut self, directive: &str, span: &Range<usize>) -> bool {
        if self.section(span) == Section::Code {
            self.log.push(
                Diagnostic::error(format!("`{directive}` in the `.code` section"))
                    .at(span.clone(), "belongs in `.data`")
                    .help(
                        "put `.data` on a line before this, and `.code` before the instructions that follow",
                    ),
            );
        }
        std::mem::take(&mut self.labelled)
    }

    /// The error that a name is no instruction or directive. No suggestion once nobody will be shown it.
    fn unknown(&self, what: &str, name: &str, span: &Range<usize>) -> Diagnostic {
        let known = MNEMONICS.iter().map(|known| known.name).chain(DIRECTIVES);
        let similar = (self.log.errors <= MOST).then(|| closest(name, known)).flatten();
        asm::unknown(what, name, span, similar)
    }
}

/// One operand.
#[derive(Debug)]
enum Operand<'t, 's> {
    Register(u32),
    Number(Number),
    Label(&'s str),
    Word(&'s str),
    Text(&'t [u8]),
}

impl Operand<'_, '_> {
    /// The error that something else should stand here.
    fn unfit(&self, expected: &str, span: &Range<usize>) -> Diagnostic {
        let found = match self {
            Self::Register(register) => format!("register ${register}"),
            Self::Number(Number::Integer(_)) => "an integer".to_owned(),
            Self::Number(Number::Float(_)) => "a fraction".to_owned(),
            Self::Label(name) => format!("label {}", quoted(name)),
            Self::Word(name) => quoted(name),
            Self::Text(_) => "a string".to_owned(),
        };
        let error = Diagnostic::error(format!("expected {expected}, found {found}"));
        let error = error.at(span.clone(), format!("not {expected}"));
        match self {
            Self::Word(name) if name.bytes().all(|byte| byte.is_ascii_digit()) => {
                error.help(format!("a number is written `#{name}`, a register `${name}`"))
            }
            Self::Word(name) => error.help(format!("a label is written `@{name}`")),
            _ => error,
        }
    }

    /// The integer that this is, from `least` to `most`.
    fn integer(&self, least: i64, most: i64, expected: &str, span: &Range<usize>) -> Outcome<i64> {
        match *self {
            Self::Number(Number::Integer(number)) if (least..=most).contains(&number) => Ok(number),
            Self::Number(Number::Integer(_)) => Err(Diagnostic::error("the number is out of range")
                .at(span.clone(), format!("must be {least}…{most}"))),
            _ => Err(self.unfit(expected, span)),
        }
    }
}

impl<'t, 's> Operands<'t, 's> {
    fn next(&mut self) -> Outcome<(Operand<'t, 's>, Range<usize>)> {
        let Token { kind, span } = self.take()?;
        let operand = match kind {
            Kind::Register(register) => Operand::Register(*register),
            Kind::Number(number) => Operand::Number(*number),
            Kind::Label(name) => Operand::Label(name),
            Kind::Word(name) => Operand::Word(name),
            Kind::Text(text) => Operand::Text(text),
            Kind::Comma | Kind::Colon | Kind::Directive(_) => return Err(self.no_operand(span)),
        };
        Ok((operand, span.clone()))
    }

    fn register(&mut self) -> Outcome<u8> {
        match self.next()? {
            (Operand::Register(register), _) if register < REGISTERS.into() => Ok(register as u8),
            (Operand::Register(_), span) => {
                Err(Diagnostic::error("there is no such register").at(span, "must be $0 to $31"))
            }
            (other, span) => Err(other.unfit("a register", &span)),
        }
    }

    fn number(&mut self) -> Outcome<(Number, Range<usize>)> {
        match self.next()? {
            (Operand::Number(number), span) => Ok((number, span)),
            (other, span) => Err(other.unfit("a number", &span)),
        }
    }

    fn integer(&mut self, least: i64, most: i64) -> Outcome<i64> {
        let (operand, span) = self.next()?;
        operand.integer(least, most, "an integer", &span)
    }

    fn text(&mut self) -> Outcome<&'t [u8]> {
        match self.next()? {
            (Operand::Text(text), _) => Ok(text),
            (other, span) => Err(other.unfit("a string", &span)),
        }
    }
}
