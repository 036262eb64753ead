//! The first pass over one statement: labels, then an instruction or a directive with its operands.

use std::ops::Range;

use super::super::link::Field;
use super::lex::{self, Kind, Number, Token};
use super::link::{Use, unsigned, whole};
use super::table::{DIRECTIVES, MNEMONICS, Mnemonic, Shape, foreign, instead, mnemonic, register};
use super::{Assembler, Fixup, Foreign, Part, upper};
use crate::asm::lex::quoted;
use crate::asm::{self, MOST, Outcome, defined_twice};
use crate::diagnostic::{Diagnostic, closest};

/// The operands of a statement.
type Operands<'t, 's> = asm::Operands<'t, Kind<'s>>;

/// An operand that is a label or perhaps one, and where its value goes.
type Target<'s> = (&'s str, Range<usize>, Field);

impl<'s> Assembler<'s> {
    /// Reads one statement. What it takes is laid out even where something is wrong with it.
    pub(super) fn statement(&mut self, mut tokens: &[Token<'s>]) -> Outcome<()> {
        let mut labelled = false;
        while let Some((Token { kind, span }, rest)) = tokens.split_first() {
            match *kind {
                Kind::Word(name) => {
                    let colon = matches!(rest.first(), Some(Token { kind: Kind::Colon, .. }));
                    if let Some(instruction) = mnemonic(name).filter(|known| !colon && !names(*known, rest)) {
                        return self.instruction(instruction, span, rest);
                    }
                    let rest = if colon { &rest[1..] } else { rest };
                    let is_label = colon || self.is_label_before(name, rest);
                    if !is_label || (labelled && !colon && rest.is_empty()) {
                        self.emit(std::iter::once(0), true, span);
                        return Err(self.unknown("instruction", name, span));
                    }
                    self.define(name, span, !colon && rest.is_empty());
                    (tokens, labelled) = (rest, !colon);
                }
                Kind::Directive(name) => return self.directive(name, span, rest),
                _ => {
                    return Err(Diagnostic::error(
                        "a statement starts with a label, an instruction or a directive",
                    )
                    .at(span.clone(), "none of these"));
                }
            }
        }
        Ok(())
    }

    fn instruction(
        &mut self,
        instruction: Mnemonic,
        span: &Range<usize>,
        tokens: &[Token<'s>],
    ) -> Outcome<()> {
        let mut operands = Operands::new(instruction.name, instruction.usage(), span, tokens);
        let encoded = self.encode(instruction, &mut operands);
        let encoded = encoded.and_then(|done| operands.finish().map(|()| done));
        let (word, target) = match &encoded {
            Ok((word, target)) => (*word, target.clone()),
            Err(_) => (instruction.word, None),
        };
        let (block, at) = self.emit(std::iter::once(word), true, span);
        self.fixups.extend(target.map(|(name, span, field)| Fixup { name, span, block, at, field }));
        let meant = match tokens.last() {
            Some(Token { kind: Kind::Word(name), .. }) => instead(instruction.name, register(name).is_some()),
            _ => None,
        };
        encoded.map(|_| ()).map_err(|error| match meant {
            Some(meant) if error.hints.is_empty() => error.help(meant),
            _ => error,
        })
    }

    /// The word of an instruction, with the operand that the second pass puts in.
    fn encode(
        &mut self,
        instruction: Mnemonic,
        operands: &mut Operands<'_, 's>,
    ) -> Outcome<(u16, Option<Target<'s>>)> {
        let word = instruction.word;
        Ok(match instruction.shape {
            Shape::Fixed => (word, None),
            Shape::Arithmetic => {
                let word = word | operands.register()? << 9 | operands.register()? << 6;
                let last = match operands.next()? {
                    (Operand::Register(register), _) => register,
                    (Operand::Number(number), span) | (Operand::Name(_, Some(number)), span) => {
                        0x20 | self.signed(number, 5, Use::Immediate, &span)?
                    }
                    (other, span) => return Err(other.unfit("a register or a number", &span)),
                };
                (word | last, None)
            }
            Shape::Unary => (word | operands.register()? << 9 | operands.register()? << 6, None),
            Shape::Memory => {
                let word = word | operands.register()? << 9;
                self.target(word, 9, instruction.name, operands)?
            }
            Shape::Branch => self.target(word, 9, instruction.name, operands)?,
            Shape::Call => self.target(word, 11, instruction.name, operands)?,
            Shape::Nop if operands.is_empty() => (word, None),
            Shape::Nop => self.target(word, 9, instruction.name, operands)?,
            Shape::Base => (word | operands.register()? << 6, None),
            Shape::BaseOffset => {
                let word = word | operands.register()? << 9 | operands.register()? << 6;
                let (number, span) = operands.number()?;
                (word | self.signed(number, 6, Use::BaseOffset, &span)?, None)
            }
            Shape::Trap => {
                let (number, span) = operands.number()?;
                (word | unsigned(number, 8, "the trap vector", &span)?, None)
            }
        })
    }

    /// The operand that says how far something is from the next instruction.
    fn target(
        &mut self,
        word: u16,
        bits: u32,
        instruction: &'static str,
        operands: &mut Operands<'_, 's>,
    ) -> Outcome<(u16, Option<Target<'s>>)> {
        match operands.next()? {
            (Operand::Number(number), span) => {
                Ok((word | self.signed(number, bits, Use::Offset, &span)?, None))
            }
            (Operand::Name(name, _), span) => {
                Ok((word, Some((name, span, Field::Offset { bits, instruction }))))
            }
            (other, span) => Err(other.unfit("a label or an offset", &span)),
        }
    }

    fn directive(&mut self, name: &'s str, span: &Range<usize>, tokens: &[Token<'s>]) -> Outcome<()> {
        let Some(known) = DIRECTIVES.iter().find(|known| known.eq_ignore_ascii_case(name)) else {
            return Err(self.unknown("directive", name, span));
        };
        let usage: &[&str] = match *known {
            ".ORIG" => &["x3000"],
            ".FILL" => &["5", "LABEL"],
            ".BLKW" => &["5"],
            ".STRINGZ" => &["\"text\""],
            ".EXTERNAL" => &["LABEL"],
            _ => &[],
        };
        let mut operands = Operands::new(known, usage, span, tokens);
        match *known {
            ".ORIG" => {
                let origin = operands
                    .number()
                    .and_then(|(number, at)| Ok((unsigned(number, 16, "the address", &at)?, at.end)));
                self.check_closed(span);
                match &origin {
                    Ok((origin, end)) => self.open(*origin, span.start..*end),
                    Err(_) => self.open_misplaced(span.clone()),
                }
                origin.and_then(|_| operands.finish())?;
            }
            ".END" => {
                operands.finish()?;
                self.block(span);
                self.part = Part::After(None);
            }
            ".FILL" => {
                let value = operands.next().and_then(|value| operands.finish().map(|()| value));
                let (word, target) = match value {
                    Ok((Operand::Number(number), at)) => (whole(number, &at), None),
                    Ok((Operand::Name(name, _), at)) => (Ok(0), Some((name, at))),
                    Ok((other, at)) => (Err(other.unfit("a number or a label", &at)), None),
                    Err(error) => (Err(error), None),
                };
                let first = *word.as_ref().unwrap_or(&0);
                let (block, at) = self.emit(std::iter::once(first), false, span);
                let field = Field::Word;
                self.fixups.extend(target.map(|(name, span)| Fixup { name, span, block, at, field }));
                word?;
            }
            ".BLKW" => {
                let (number, at) = operands.number()?;
                let count = unsigned(number, 16, "the number of words", &at)?;
                self.emit(std::iter::repeat_n(0, count.into()), false, span);
                operands.finish()?;
                if count == 0 {
                    let warning = Diagnostic::warning("`.BLKW` of no words");
                    self.log.push(warning.at(at, "reserves nothing"));
                }
            }
            ".STRINGZ" => {
                let text = operands.text()?;
                let words: Vec<u16> = text.iter().copied().chain([0]).collect();
                self.emit(words.into_iter(), false, span);
                operands.finish()?;
            }
            _ => {
                self.external(&mut operands)?;
                while !operands.is_empty() {
                    self.external(&mut operands)?;
                }
            }
        }
        Ok(())
    }

    /// A label that another file defines.
    fn external(&mut self, operands: &mut Operands<'_, 's>) -> Outcome<()> {
        let (name, span) = match operands.next()? {
            (Operand::Name(name, _), span) => (name, span),
            (other, span) => return Err(other.unfit("a label", &span)),
        };
        let label = self.labels.get(&upper(name)).and_then(|&known| self.definitions.get(known));
        let known = self.externals.get(&upper(name)).map(|external| &external.span);
        if let Some(first) = label.map(|label| &label.span).or(known) {
            return Err(defined_twice(name, &span, Some(first)));
        }
        self.externals.insert(upper(name), Foreign { name, span, used: false });
        Ok(())
    }

    /// A new block begins; the one before should have ended.
    fn check_closed(&mut self, span: &Range<usize>) {
        let open = self.blocks.last().filter(|block| block.length > 0);
        if let Some(block) = open.filter(|_| self.part == Part::Inside) {
            self.log.push(
                Diagnostic::warning("`.ORIG` before the `.END` of the block above")
                    .at(span.clone(), "a new block starts here")
                    .because(block.span.clone(), "this block is not closed"),
            );
        }
    }

    /// Whether a name that no colon follows is a label, judged by what follows: a statement, or
    /// nothing. It isn't where it looks like an instruction that is unknown, with operands.
    fn is_label_before(&self, name: &str, rest: &[Token<'_>]) -> bool {
        let starts = |token: &Token<'_>| match token.kind {
            Kind::Directive(_) => true,
            Kind::Word(name) => mnemonic(name).is_some(),
            _ => false,
        };
        match rest {
            [] => true,
            [first, ..] if starts(first) => true,
            [Token { kind: Kind::Word(second), .. }, rest @ ..] if register(second).is_none() => match rest {
                [] => {
                    let known = |name| self.similar(name).is_some() || foreign(name).is_some();
                    known(second) && !known(name)
                }
                [next, ..] => !matches!(next.kind, Kind::Comma),
            },
            _ => false,
        }
    }

    fn unknown(&self, what: &str, name: &str, span: &Range<usize>) -> Diagnostic {
        match foreign(name) {
            Some(meant) => asm::unknown(what, name, span, None).help(meant),
            None => asm::unknown(what, name, span, self.similar(name)),
        }
    }

    /// The instruction or directive that a name may be a slip for; none once nobody will be shown
    /// it.
    fn similar(&self, name: &str) -> Option<&'static str> {
        let known = MNEMONICS.iter().map(|known| known.name).chain(DIRECTIVES);
        (self.log.errors <= MOST).then(|| closest(name, known))?
    }
}

/// Whether an instruction's name is a label here: a statement follows it, not operands.
pub(super) fn names(instruction: Mnemonic, rest: &[Token<'_>]) -> bool {
    match rest {
        [Token { kind: Kind::Directive(_), .. }, ..] => true,
        // In `BR ADD` a label is called so.
        [Token { kind: Kind::Word(next), .. }, more @ ..] => {
            let operands = !more.is_empty() || instruction.shape == Shape::Fixed;
            operands && mnemonic(next).is_some()
        }
        _ => false,
    }
}

/// One operand.
#[derive(Debug)]
enum Operand<'t, 's> {
    Register(u16),
    Number(Number),
    /// A label, or the number where no label has this name.
    Name(&'s str, Option<Number>),
    Text(&'t [u16]),
}

impl Operand<'_, '_> {
    /// The error that something else should stand here.
    fn unfit(&self, expected: &str, span: &Range<usize>) -> Diagnostic {
        let found = match self {
            Self::Register(register) => format!("register R{register}"),
            Self::Number(_) => "a number".to_owned(),
            Self::Name(name, _) => quoted(name),
            Self::Text(_) => "a string".to_owned(),
        };
        let error = Diagnostic::error(format!("expected {expected}, found {found}"));
        let error = error.at(span.clone(), format!("not {expected}"));
        match self {
            Self::Name(name, _) if looks_like_register(name) => error.note("the registers are R0 to R7"),
            _ => error,
        }
    }
}

fn looks_like_register(name: &str) -> bool {
    let digits = name.strip_prefix(['r', 'R']);
    digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

impl<'t, 's> Operands<'t, 's> {
    fn next(&mut self) -> Outcome<(Operand<'t, 's>, Range<usize>)> {
        let Token { kind, span } = self.take()?;
        let operand = match kind {
            Kind::Word(name) => match register(name) {
                Some(register) => Operand::Register(register),
                None => Operand::Name(name, lex::number(name)),
            },
            Kind::Number(number) => Operand::Number(*number),
            Kind::Text(text) => Operand::Text(text),
            Kind::Comma | Kind::Colon | Kind::Directive(_) => return Err(self.no_operand(span)),
        };
        Ok((operand, span.clone()))
    }

    fn register(&mut self) -> Outcome<u16> {
        match self.next()? {
            (Operand::Register(register), _) => Ok(register),
            (other, span) => Err(other.unfit("a register", &span)),
        }
    }

    fn number(&mut self) -> Outcome<(Number, Range<usize>)> {
        match self.next()? {
            (Operand::Number(number) | Operand::Name(_, Some(number)), span) => Ok((number, span)),
            (other, span) => Err(other.unfit("a number", &span)),
        }
    }

    fn text(&mut self) -> Outcome<&'t [u16]> {
        match self.next()? {
            (Operand::Text(text), _) => Ok(text),
            (other, span) => Err(other.unfit("a string", &span)),
        }
    }
}
