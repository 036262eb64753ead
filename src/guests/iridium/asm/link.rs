//! The second pass, which gives labels their meaning and temporaries their registers.

use super::{Assembler, Fixup};
use crate::asm::lex::quoted;
use crate::asm::{Outcome, undefined};
use crate::diagnostic::Diagnostic;
use crate::guests::iridium::isa::{REGISTERS, Shape};
use crate::guests::iridium::symbols::Place;

impl Assembler<'_> {
    /// The second pass: every operand that names a label.
    pub(super) fn link(&mut self) {
        for fixup in std::mem::take(&mut self.fixups) {
            match self.resolve(&fixup) {
                Ok(value) => {
                    let [high, low] = value.to_be_bytes();
                    let word = &mut self.code[fixup.at];
                    match fixup.of.shape {
                        Shape::Imm => [word[1], word[2]] = [high, low],
                        _ => [word[2], word[3]] = [high, low],
                    }
                }
                Err(error) => self.log.push(error),
            }
        }
    }

    /// The 16 bits that a label stands for.
    fn resolve(&mut self, fixup: &Fixup<'_>) -> Outcome<u16> {
        let Some(place) = self.place(fixup.name) else {
            let known = self.definitions.iter().map(|label| label.name);
            let known = || known.chain(self.base.symbols.iter().map(|symbol| symbol.0)).collect();
            return Err(undefined(fixup.name, &fixup.span, self.log.errors, known));
        };
        let name = fixup.of.name;
        let what = match (place, name) {
            (Place::Code(_), "PRTS") => Some("an instruction, not a string"),
            (Place::Data(_), "DJMPE" | "LOOP" | "CALL") => Some("data, not an instruction"),
            _ => None,
        };
        if let Some(what) = what {
            let message = format!("{name} with a label of {what}");
            self.log.push(Diagnostic::warning(message).at(fixup.span.clone(), format!("names {what}")));
        }
        u16::try_from(place.value()).map_err(|_| {
            let message = format!("label {} is out of reach for {name}", quoted(fixup.name));
            Diagnostic::error(message)
                .at(fixup.span.clone(), format!("is at {}; 16 bits hold 0…65535", place.value()))
        })
    }

    /// Gives the temporaries of constants a register that no instruction of the program names.
    pub(super) fn choose_temporary(&mut self) {
        let Some(span) = self.temporary_wanted.clone() else { return };
        let words = self.base.code.chunks_exact(4).map(|word| [word[0], word[1], word[2], word[3]]);
        let named = words.fold(self.doubles, |named, word| named | self.doubles(word));
        match (0..u32::from(REGISTERS)).rev().find(|n| named >> n & 1 == 0) {
            Some(register) => {
                for &(at, byte) in &self.temporaries {
                    self.code[at][byte] = register as u8;
                }
            }
            None => self.log.push(
                Diagnostic::error("no register is left to make this number with")
                    .at(span, "takes more than one LOADF64")
                    .note("LOADF64 holds 0…65535; for others, a register is used that the program names nowhere")
                    .help("leave one of f0 to f31 unused"),
            ),
        }
    }

    /// The registers of doubles that a word of the base names, a bit each.
    fn doubles(&self, word: [u8; 4]) -> u32 {
        let shape = self.numbering().mnemonic(word[0]).map(|one| one.shape);
        let registers = shape.filter(|shape| shape.is_float()).map_or(0, Shape::registers);
        let named = word[1..=registers].iter();
        named.fold(0, |all, &n| all | 1u32.checked_shl(n.into()).unwrap_or(0))
    }
}
