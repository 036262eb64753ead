//! The second pass, which gives labels their meaning, and how a value is fitted into its bits.

use std::ops::Range;

use super::lex::{self, Number};
use super::{Assembler, Field, Fixup, upper};
use crate::asm::lex::quoted;
use crate::asm::undefined;
use crate::diagnostic::Diagnostic;

impl Assembler<'_> {
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
    fn resolve(&mut self, fixup: &Fixup<'_>) -> Result<u16, Diagnostic> {
        let known = self.labels.get(&upper(fixup.name));
        let Some(label) = known.and_then(|&known| self.definitions.get_mut(known)) else {
            return match (lex::number(fixup.name), fixup.field) {
                (Some(number), Field::Word) => whole(number, &fixup.span),
                (Some(number), Field::Offset { bits, .. }) => {
                    self.signed(number, bits, Use::Offset, &fixup.span)
                }
                (None, _) => {
                    let known = self.definitions.iter().map(|label| label.name);
                    Err(undefined(fixup.name, &fixup.span, known))
                }
            };
        };
        label.used = true;
        let Field::Offset { bits, instruction } = fixup.field else {
            return Ok(label.address);
        };
        let origin = self.blocks.get(fixup.block).map_or(0, |block| block.origin);
        let next = usize::from(origin) + fixup.at + 1;
        let distance = i32::from(label.address.wrapping_sub(next as u16) as i16);
        if fits(distance, bits) {
            return Ok(low(distance, bits));
        }
        let (low, high) = range(bits);
        let message = format!("label {} is too far away for {instruction}", quoted(fixup.name));
        let text = format!("offset {distance} does not fit in {bits} bits ({low}…{high})");
        let error = Diagnostic::error(message).at(fixup.span.clone(), text);
        let error = error.because(label.span.clone(), "the label is here");
        Err(match detour(instruction) {
            Some(detour) => {
                error.help(format!("put `.FILL {}` with a label nearby, and {detour}", fixup.name))
            }
            None => error,
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

fn range(bits: u32) -> (i32, i32) {
    (-1 << (bits - 1), (1 << (bits - 1)) - 1)
}

fn fits(value: i32, bits: u32) -> bool {
    let (least, most) = range(bits);
    (least..=most).contains(&value)
}

fn low(value: i32, bits: u32) -> u16 {
    (value & ((1 << bits) - 1)) as u16
}

/// How to reach what is too far for an instruction, by way of a word that holds its address.
fn detour(instruction: &str) -> Option<&'static str> {
    Some(match instruction {
        "LD" => "use LDI",
        "ST" => "use STI",
        "LEA" => "LD that",
        "JSR" => "LD that to a register for JSRR",
        _ if instruction.starts_with("BR") => "LD that to a register for JMP",
        _ => return None,
    })
}
