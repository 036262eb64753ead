//! The second pass, which gives labels their meaning, and how a value is fitted into its bits.

use std::ops::Range;

use super::super::link::{External, Field, fits, low, range, too_far};
use super::lex::{self, Number};
use super::{Assembler, Fixup, upper};
use crate::asm::lex::quoted;
use crate::asm::undefined;
use crate::diagnostic::Diagnostic;

impl<'s> Assembler<'s> {
    /// The second pass: every operand that names a label.
    pub(super) fn link(&mut self) {
        for fixup in std::mem::take(&mut self.fixups) {
            match self.resolve(&fixup) {
                Ok(value) => {
                    let words = self.blocks.get_mut(fixup.block).map(|block| &mut block.words);
                    if let Some(word) = words.and_then(|words| words.get_mut(fixup.at)) {
                        *word |= value;
                    }
                }
                Err(error) => self.log.push(error),
            }
        }
    }

    /// The bits of an operand: of the label, or of the number where no label has that name.
    fn resolve(&mut self, fixup: &Fixup<'s>) -> Result<u16, Diagnostic> {
        let origin = self.blocks.get(fixup.block).map_or(0, |block| block.origin);
        let at = origin.wrapping_add(fixup.at as u16);
        if let Some(external) = self.externals.get_mut(&upper(fixup.name)) {
            external.used = true;
            let (name, field) = (fixup.name.to_owned(), fixup.field);
            self.waiting.push(External { name, address: at, field });
            return Ok(0);
        }
        let known = self.labels.get(&upper(fixup.name));
        let Some(label) = known.and_then(|&known| self.definitions.get_mut(known)) else {
            return match (lex::number(fixup.name), fixup.field) {
                (Some(number), Field::Word) => whole(number, &fixup.span),
                (Some(number), Field::Offset { bits, .. }) => {
                    self.signed(number, bits, Use::Offset, &fixup.span)
                }
                (None, _) => {
                    let known = self.definitions.iter().map(|label| label.name);
                    let foreign = self.externals.values().map(|external| external.name);
                    let known = || known.chain(foreign).collect();
                    Err(undefined(fixup.name, &fixup.span, self.log.errors, known))
                }
            };
        };
        label.used = true;
        label.pointed_at |= matches!(fixup.field, Field::Word | Field::Offset { instruction: "LEA", .. });
        fixup.field.bits(at, label.address).map_err(|distance| {
            let instruction = match fixup.field {
                Field::Word => ".FILL",
                Field::Offset { instruction, .. } => instruction,
            };
            let message = format!("label {} is too far away for {instruction}", quoted(fixup.name));
            let error = Diagnostic::error(message).at(fixup.span.clone(), too_far(fixup.field, distance));
            let error = error.because(label.span.clone(), "the label is here");
            let detour = detour(instruction);
            let nearby = format!("put `.FILL {}` with a label nearby, and {detour}", fixup.name);
            error.help(nearby + "; or move it nearer")
        })
    }

    /// The bits of a number in a signed field. A number that is written as bits may be the field's
    /// own: `x1F` in five bits is -1, with a warning, as `xFFFF` is without one.
    pub(super) fn signed(
        &mut self,
        number: Number,
        bits: u32,
        used: Use,
        span: &Range<usize>,
    ) -> Result<u16, Diagnostic> {
        let value = number.value;
        let (least, most) = range(bits);
        // The value where the field's bits, or a word's, are what is written.
        let from_bits = |width: u32| Some(value - (1 << width)).filter(|v| (least..0).contains(v));
        let written = self.source.get(span.clone()).unwrap_or_default();
        if fits(value, bits) || (number.bits && from_bits(16).is_some()) {
            return Ok(low(value, bits));
        }
        if let Some(meant) = from_bits(bits).filter(|_| number.bits) {
            self.log.push(
                Diagnostic::warning(format!("{} in {bits} bits is {meant}", quoted(written)))
                    .at(span.clone(), format!("taken as #{meant}"))
                    .note(format!("{bits} bits hold {least}…{most}")),
            );
            return Ok(low(value, bits));
        }
        let what = match used {
            Use::Immediate => "immediate",
            Use::Offset | Use::BaseOffset => "offset",
        };
        let message = format!("{what} {} does not fit in {bits} bits", shown(number, written));
        let error = Diagnostic::error(message).at(span.clone(), format!("must be {least}…{most}"));
        Err(match used {
            Use::Immediate => error.help("for a larger number, LD it from a `.FILL` with a label"),
            Use::Offset => {
                error.help("a number is a distance from the next instruction; a label is an address")
            }
            Use::BaseOffset => error,
        })
    }
}

/// What a signed number is there for.
#[derive(Clone, Copy)]
pub(super) enum Use {
    /// A value.
    Immediate,
    /// A distance from the next instruction.
    Offset,
    /// A distance from a register.
    BaseOffset,
}

/// The bits of a number in an unsigned field; `what` is what the number is.
pub(super) fn unsigned(
    number: Number,
    bits: u32,
    what: &str,
    span: &Range<usize>,
) -> Result<u16, Diagnostic> {
    let most = (1 << bits) - 1;
    match u16::try_from(number.value) {
        Ok(value) if i32::from(value) <= most => Ok(value),
        _ => {
            let message = format!("{what} does not fit in {bits} bits");
            let text = format!("must be 0…{most}, or x0…x{most:X}");
            Err(Diagnostic::error(message).at(span.clone(), text))
        }
    }
}

/// The bits of a number that is a whole word, with or without a sign.
pub(super) fn whole(number: Number, span: &Range<usize>) -> Result<u16, Diagnostic> {
    match number.value {
        -0x8000..=0xffff => Ok(low(number.value, 16)),
        _ => Err(Diagnostic::error("the number does not fit in a word")
            .at(span.clone(), "must be -32768…65535, or x0…xFFFF")),
    }
}

/// A number in a message: its value, or how it is written where the value is cut off.
fn shown(number: Number, written: &str) -> String {
    match number.value {
        value @ -99_999..=99_999 if !number.bits => value.to_string(),
        _ => quoted(written),
    }
}

/// How to reach what is too far for an instruction, by way of a word that holds its address.
fn detour(instruction: &str) -> &'static str {
    match instruction {
        "LD" => "use LDI",
        "ST" => "use STI",
        "LDI" => "LDI that to a register for LDR",
        "STI" => "LDI that to a register for STR",
        "JSR" => "LD that to a register for JSRR",
        "LEA" => "LD that",
        _ => "LD that to a register for JMP",
    }
}
