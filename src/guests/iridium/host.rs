//! Iridium's host side: printing, stopping, and what is wrong with an instruction.

use super::image::Image;
use super::isa::{EXIT, HEAP_LEN, HEAP_MOST, SP, STACK_LIMIT, exact, immediate, op};
use super::{Iridium, STACK, meaning};
use crate::guest::{After, Guest, Insn, Refusal};
use crate::ops::Pc;
use crate::state::State;

impl Iridium {
    /// What a service does for the instruction at the pc.
    pub(super) fn serve(&mut self, state: &mut State, service: u16) -> Result<After, Refusal> {
        let next = Self::next(state.pc());
        match service {
            meaning::PRINT => self.print(state.pc()).map(|()| After::Goto(next)),
            _ => Ok(halt(state, 0, next)),
        }
    }

    /// Prints the string that the instruction at `pc` names.
    fn print(&mut self, pc: Pc) -> Result<(), Refusal> {
        let image = self.image.clone();
        let string = self.string(&image, pc).map_err(|detail| Refusal::Fault("bad_string", detail))?;
        string.iter().try_for_each(|&byte| self.console.write(byte)).map_err(Refusal::Io)
    }

    /// The string that the instruction at `pc` names, or what is wrong with it.
    pub(super) fn string<'i>(&self, image: &'i Image, pc: Pc) -> Result<&'i [u8], String> {
        let word = image.word(pc).expect("a service has its instruction");
        let shape = self.numbering.mnemonic(word[0]).expect("a service has its instruction").shape;
        let at = usize::from(immediate(shape, word));
        let rest = image.read_only.get(at..).unwrap_or_default();
        rest.iter().position(|&byte| byte == 0).map(|len| &rest[..len]).ok_or_else(|| {
            let all = image.read_only.len();
            if at >= all {
                format!("offset {at} is outside the read-only section ({all} bytes)")
            } else {
                format!("no NUL ends the string at offset {at} of the read-only section ({all} bytes)")
            }
        })
    }

    /// What happens where there is no instruction to execute.
    pub(super) fn no_instruction(&self, state: &mut State, insn: Insn) -> Result<After, Refusal> {
        let pc = state.pc();
        match insn.op() {
            op::NO_REGISTER => {
                let detail = format!("there is no register {}; they are $0 to $31", insn.imm());
                Err(Refusal::Fault("bad_register", detail))
            }
            op::ASTRAY => {
                let (start, end) = (self.image.start(), self.image.end());
                let detail = if (start..end).contains(&pc) {
                    format!("{pc} is between two instructions, which are four bytes from {start} on")
                } else {
                    format!("{pc} is outside the code, which is {start} to {end}")
                };
                Err(Refusal::Fault("bad_jump", detail))
            }
            op::END => Ok(halt(state, 1, pc)),
            _ => Ok(halt(state, 1, Self::next(pc))),
        }
    }

    /// The fault with this number, of the meanings.
    pub(super) fn fault(&self, state: &State, fault: u8) -> (&'static str, String) {
        if fault == meaning::DIVISION {
            return ("division_by_zero", "the divisor is 0".to_owned());
        }
        let asked = self.image.word(state.pc()).map_or(0, |word| state.get(super::isa::r(word[1])) as i32);
        let (len, most) = (state.get(HEAP_LEN), state.get(HEAP_MOST));
        let detail = match asked {
            ..0 => format!("the heap cannot grow by {asked} bytes"),
            _ => format!("the heap of {len} bytes cannot grow by {asked}: it may have {most}"),
        };
        ("heap_limit", detail)
    }

    /// The fault that is an access outside the heap or the stack.
    pub(super) fn access_fault(&self, state: &State, space: usize, at: u64) -> (&'static str, String) {
        if space != STACK.id() {
            let (at, len) = (at as u32 as i32, state.get(HEAP_LEN));
            return ("heap", format!("4 bytes at {at} are not all in the heap of {len} bytes"));
        }
        let sp = state.get(SP);
        let name = self.image.word(state.pc()).and_then(|word| exact(self.numbering, word)).map(|m| m.name);
        match name {
            Some("RET") => {
                let bp = state.get(super::isa::BP) as i32;
                ("stack_underflow", format!("RET without a call: bp is {bp}, which is no frame"))
            }
            Some("POP") => ("stack_underflow", "the stack is empty".to_owned()),
            _ => ("stack_overflow", format!("the stack has {sp} entries and may have {STACK_LIMIT}")),
        }
    }
}

/// Stops the machine with a code; it would go on at `to`.
fn halt(state: &mut State, code: u32, to: Pc) -> After {
    state.set(EXIT, code);
    After::Halt(to)
}
