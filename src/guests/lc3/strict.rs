//! What students get wrong and the machine does all the same: values that nobody gave, data that is executed, a stack that
//! grows into code.
//!
//! A watcher looks at each instruction before it is executed, and knows of every register and word whether anybody has
//! written it. A value that nobody gave may be copied and saved: subroutines save registers that their caller does not
//! use. To calculate with it, to branch on it, to take it for an address or to show it is wrong.

use std::collections::HashMap;

use super::image::Image;
use super::isa::{DEVICES, USER, WORDS, op, r};
use super::{Lc3, is_user, word};
use crate::guest::{Fault, Guest, Insn};
use crate::guests::Watcher;
use crate::ops::Pc;
use crate::state::State;

/// Where a value comes from that nobody gave.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nobodys {
    Register(u8),
    Condition,
    Word(u16),
}

/// What is known of a value: where it comes from, if nobody gave it.
type Known = Option<Nobodys>;

impl Nobodys {
    fn text(self) -> String {
        match self {
            Nobodys::Register(n) => format!("R{n} was never written"),
            Nobodys::Condition => "no instruction has set N Z P".to_owned(),
            Nobodys::Word(at) => format!("the word at x{at:04X} was never written"),
        }
    }
}

/// What a word is.
mod kind {
    /// Somebody has given it a value: the image, or the program.
    pub const WRITTEN: u8 = 1;
    /// Its source says that it is data, or the program has written it.
    pub const DATA: u8 = 2;
    /// The program has written it.
    pub const STORED: u8 = 4;
    /// Its source says that it is an instruction, or it was executed.
    pub const CODE: u8 = 8;
}

/// Watches a program.
pub(super) struct Strict {
    registers: [Known; 8],
    condition: Known,
    /// What R6 of the user is known to be, while a supervisor runs.
    user_stack: Known,
    /// By address, of [`kind`].
    words: Vec<u8>,
    /// Words that hold a value that nobody gave.
    nobodys: HashMap<u16, Nobodys>,
    /// The instruction before.
    last: Option<(u16, Insn)>,
    was_user: bool,
}

/// A reason and the same for people.
type Wrong = (&'static str, String);

impl Strict {
    /// Watches a program of this image from its start.
    pub(super) fn new(image: &Image, lc3: &Lc3, state: &State) -> Strict {
        let mut words = vec![0; WORDS];
        if lc3.has_system {
            words[..usize::from(USER)].fill(kind::WRITTEN);
        }
        for (at, _) in image.segments.iter().flat_map(|segment| segment.iter()) {
            words[usize::from(at)] |= kind::WRITTEN;
        }
        for part in &image.parts {
            let kind = if part.is_code { kind::CODE } else { kind::DATA };
            let all = (part.start..=u16::MAX).take(part.words);
            all.for_each(|at| words[usize::from(at)] |= kind);
        }
        let mut registers = std::array::from_fn(|n| Some(Nobodys::Register(n as u8)));
        if !is_user(state) {
            registers[6] = None;
        }
        let (condition, user_stack) = (Some(Nobodys::Condition), None);
        let (nobodys, was_user) = (HashMap::new(), is_user(state));
        Strict { registers, condition, user_stack, words, nobodys, last: None, was_user }
    }

    /// The modes have stacks of their own, and what enters a supervisor's pushes two words there.
    fn follow_mode(&mut self, state: &State) {
        let is_now = is_user(state);
        let entered =
            !is_now && (self.was_user || self.last.is_some_and(|(_, insn)| basic(insn) == op::TRAP));
        if entered {
            let top = state.get(r(6));
            [top, top.wrapping_add(1)].into_iter().for_each(|at| self.write(at, None));
        }
        match (self.was_user, is_now) {
            (true, false) => self.user_stack = std::mem::take(&mut self.registers[6]),
            (false, true) => self.registers[6] = self.user_stack,
            _ => {}
        }
        self.was_user = is_now;
    }

    /// Whether the instruction may be executed.
    fn fetch(&mut self, at: u16) -> Result<(), (u16, Wrong)> {
        let is = self.words[usize::from(at)];
        let jumped = self.last.filter(|&(from, _)| from.wrapping_add(1) != at);
        // The one that is at fault is the one before, if that has a choice.
        let (place, how) = match (jumped, self.last) {
            (Some((from, _)), _) => (from, format!("this goes to x{at:04X}, which")),
            (None, Some((before, _))) if is & kind::WRITTEN == 0 => {
                (before, format!("after this comes x{at:04X}, which"))
            }
            (None, Some((before, _))) => (at, format!("control comes here from x{before:04X}, and this")),
            (None, None) => (at, "the program starts here, and this".to_owned()),
        };
        let wrong = |reason, what: &str| Err((place, (reason, format!("{how} {what}"))));
        if is & kind::STORED != 0 {
            return wrong("data_executed", "is a word that the program has written itself");
        }
        if is & kind::DATA != 0 {
            let reason = if jumped.is_some() { "jump_into_data" } else { "data_executed" };
            return wrong(reason, "is data, not an instruction");
        }
        if is & kind::WRITTEN == 0 {
            let reason = if jumped.is_some() { "jump_into_nothing" } else { "nothing_executed" };
            return wrong(reason, "was never written: there is no instruction");
        }
        self.words[usize::from(at)] |= kind::CODE;
        Ok(())
    }

    /// The value of a register is used.
    fn use_register(&self, n: u8) -> Result<(), Wrong> {
        let Some(origin) = self.registers[usize::from(n)] else { return Ok(()) };
        let copied = match origin {
            Nobodys::Register(of) if of == n => String::new(),
            _ => format!("R{n} is a copy: "),
        };
        Err(("never_written", format!("{copied}{}", origin.text())))
    }

    /// What is known of the word at `at`, which is read.
    fn read(&self, at: u16) -> Result<Known, Wrong> {
        if at >= DEVICES || self.words[usize::from(at)] & kind::WRITTEN != 0 {
            return Ok(self.nobodys.get(&at).copied());
        }
        Err(("never_written", Nobodys::Word(at).text()))
    }

    /// The address that the word at `at` is.
    fn pointer(&self, state: &State, at: u16) -> Result<u16, Wrong> {
        match self.read(at)? {
            None => Ok(word(state, at)),
            Some(origin) => {
                Err(("never_written", format!("the word at x{at:04X} is a copy: {}", origin.text())))
            }
        }
    }

    fn write(&mut self, at: u16, value: Known) {
        match value {
            Some(origin) => self.nobodys.insert(at, origin),
            None => self.nobodys.remove(&at),
        };
        self.words[usize::from(at)] |= kind::WRITTEN;
    }

    /// The program writes a word.
    fn store(&mut self, at: u16, value: Known, by_stack: bool) -> Result<(), Wrong> {
        if at >= DEVICES {
            return Ok(());
        }
        if by_stack && self.words[usize::from(at)] & kind::CODE != 0 {
            let what = format!("R6 is a stack that has come to x{at:04X}, which is an instruction");
            return Err(("stack_into_code", what));
        }
        self.write(at, value);
        self.words[usize::from(at)] |= kind::STORED;
        Ok(())
    }

    /// A register, and N Z P with it, gets a value.
    fn result(&mut self, n: u8, value: Known) {
        self.registers[usize::from(n)] = value;
        self.condition = value;
    }

    /// What the instruction does with what nobody gave.
    fn execute(&mut self, lc3: &Lc3, state: &State, insn: Insn) -> Result<(), Wrong> {
        let (a, b, c, imm) = (insn.a(), insn.b(), insn.c(), insn.imm() as u16);
        let indexed = || state.get(r(b)).wrapping_add(imm);
        // What the machine refuses, it says itself.
        let refused = |at: u16| is_user(state) && lc3.is_protected(at);
        match basic(insn) {
            op::ADD | op::AND => {
                self.use_register(b)?;
                self.use_register(c)?;
                self.result(a, None);
            }
            op::ADD_IMM if imm == 0 => self.result(a, self.registers[usize::from(b)]),
            op::AND_IMM if imm == 0 => self.result(a, None),
            op::ADD_IMM | op::AND_IMM | op::NOT => {
                self.use_register(b)?;
                self.result(a, None);
            }
            op::LD if !refused(imm) => {
                let value = self.read(imm)?;
                self.result(a, value);
            }
            op::LDI if !refused(imm) => {
                let at = self.pointer(state, imm)?;
                let value = if refused(at) { None } else { self.read(at)? };
                self.result(a, value);
            }
            op::LDR => {
                self.use_register(b)?;
                let value = if refused(indexed()) { None } else { self.read(indexed())? };
                self.result(a, value);
            }
            op::LEA => self.registers[usize::from(a)] = None,
            op::LEA_CC => self.result(a, None),
            op::ST if !refused(imm) => self.store(imm, self.registers[usize::from(a)], false)?,
            op::STI if !refused(imm) => {
                let at = self.pointer(state, imm)?;
                if !refused(at) {
                    self.store(at, self.registers[usize::from(a)], false)?;
                }
            }
            op::STR => {
                self.use_register(b)?;
                if !refused(indexed()) {
                    self.store(indexed(), self.registers[usize::from(a)], b == 6)?;
                }
            }
            op::BR_N..=op::BR_ZP => {
                if let Some(origin) = self.condition {
                    return Err(("never_written", format!("this depends on N Z P: {}", origin.text())));
                }
            }
            op::JSR => self.registers[7] = None,
            op::JSRR => {
                self.use_register(b)?;
                self.registers[7] = None;
            }
            op::JMP | op::RET => self.use_register(b)?,
            op::TRAP => self.trap(lc3, state, imm)?,
            _ => {}
        }
        Ok(())
    }

    fn trap(&mut self, lc3: &Lc3, state: &State, vector: u16) -> Result<(), Wrong> {
        match vector {
            0x21 => self.use_register(0)?,
            0x22 | 0x24 => {
                self.use_register(0)?;
                let start = state.get(r(0));
                let all = (0..=u16::MAX).map(|offset| start.wrapping_add(offset));
                for at in all {
                    if self.pointer(state, at).map_err(|(reason, what)| {
                        (reason, format!("the text at x{start:04X} goes on and on: {what}"))
                    })? == 0
                    {
                        break;
                    }
                }
            }
            _ => {}
        }
        if !lc3.has_system && matches!(vector, 0x20 | 0x23) {
            self.registers[0] = None;
        }
        if lc3.profile().trap_writes_r7 {
            self.registers[7] = None;
        }
        Ok(())
    }
}

/// The operation, whoever may execute it.
fn basic(insn: Insn) -> u8 {
    insn.op() & !op::SYSTEM
}

impl Watcher<Lc3> for Strict {
    fn look(&mut self, lc3: &Lc3, state: &State) -> Result<(), Fault> {
        let pc = state.pc() as u16;
        self.follow_mode(state);
        let fault = |at: u16, (reason, detail): Wrong| {
            let instruction = lc3.disassemble(state, at.into());
            Err(Fault { reason, detail, pc: Pc::from(at), instruction })
        };
        let insn = lc3.decode(state, state.pc());
        let is_refused = is_user(state) && insn.op() & op::SYSTEM != 0;
        if !is_refused {
            if let Err((at, wrong)) = self.fetch(pc) {
                return fault(at, wrong);
            }
            if let Err(wrong) = self.execute(lc3, state, insn) {
                return fault(pc, wrong);
            }
        }
        self.last = Some((pc, insn));
        Ok(())
    }
}
