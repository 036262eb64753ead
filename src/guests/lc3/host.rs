//! LC-3's host side: device registers, protected memory, and the traps that the host serves.

use std::fmt;

use super::interrupt::{INTERRUPTS, READY};
use super::isa::{MEMORY, MODE, PSR_PRIORITY, PSR_USER, psr, r, set_psr};
use super::{Lc3, interrupt, is_user, word};
use crate::guest::{After, Guest, Refusal};
use crate::ops::Pc;
use crate::state::State;

/// Keyboard status: bit 15 a key waits, bit 14 interrupt enable.
pub(super) const KBSR: u16 = 0xfe00;
/// Keyboard data: reading takes the key.
pub(super) const KBDR: u16 = 0xfe02;
/// Display status: bit 15 ready, always.
pub(super) const DSR: u16 = 0xfe04;
/// Display data: writing shows the low byte.
pub(super) const DDR: u16 = 0xfe06;
/// Timer status: bit 15 it rang, bit 14 interrupt enable. Reading clears bit 15.
pub(super) const TSR: u16 = 0xfe08;
/// Instructions from one ring of the timer to the next; 0 while it does not run.
pub(super) const TIR: u16 = 0xfe0a;
/// Processor status.
pub(super) const PSR: u16 = 0xfffc;
/// Machine control: clearing bit 15 stops the machine.
pub(super) const MCR: u16 = 0xfffe;

/// All of them.
pub(super) const REGISTERS: [u16; 8] = [KBSR, KBDR, DSR, DDR, TSR, TIR, PSR, MCR];

const RUNNING: u16 = 0x8000;
pub(super) const PROMPT: &str = "\nInput a character> ";
/// Where the trap vector table ends.
const VECTORS: u16 = 0x100;

impl Lc3 {
    fn permit(&self, state: &State, at: u16, what: &str) -> Result<(), Refusal> {
        if is_user(state) && self.is_protected(at) {
            let detail = format!("user programs may not {what} x{at:04X}");
            return Err(Refusal::Fault("access_violation", detail));
        }
        Ok(())
    }

    pub(super) fn read_word(&mut self, state: &State, at: u16) -> Result<u16, Refusal> {
        self.permit(state, at, "read")?;
        let now = state.retired() + 1;
        Ok(match at {
            KBSR => self.key_status(state.pc() as u16, now)?,
            KBDR => self.take_key(now)?,
            TSR => self.timer.status(now),
            TIR => self.timer.interval,
            DSR => READY,
            DDR => 0,
            PSR => psr(state),
            MCR => self.machine_control | RUNNING,
            _ => word(state, at),
        })
    }

    /// Whether the machine stops after this.
    pub(super) fn write_word(&mut self, state: &mut State, at: u16, value: u16) -> Result<bool, Refusal> {
        self.permit(state, at, "write")?;
        let now = state.retired() + 1;
        match at {
            KBSR => self.enable_keyboard(value & INTERRUPTS != 0, now),
            TSR => self.timer.interrupts = value & INTERRUPTS != 0,
            TIR => self.timer.start(value, now),
            KBDR | DSR => {}
            DDR => self.show(value as u8)?,
            PSR => {
                // Not a way from one mode to the other: the stacks would stay as they are.
                let mode = state.get(MODE) & PSR_USER;
                set_psr(state, value & (PSR_PRIORITY | 7) | mode);
            }
            MCR => {
                self.machine_control = value & !RUNNING;
                return Ok(value & RUNNING == 0);
            }
            _ => {
                state.poke(MEMORY, at, value);
            }
        }
        Ok(false)
    }

    fn show(&mut self, byte: u8) -> Result<(), Refusal> {
        self.console.write(byte).map_err(Refusal::Io)
    }

    fn show_all(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        bytes.iter().try_for_each(|&byte| self.show(byte))
    }

    /// Serves TRAP `vector` at `state.pc()`.
    pub(super) fn serve(&mut self, state: &mut State, vector: u16) -> Result<After, Refusal> {
        let next = Self::next(state.pc()) as u16;
        let (after, now) = (After::Goto(next as Pc), state.retired() + 1);
        match vector {
            _ if self.has_system => return self.enter_trap(state, vector, next),
            0x20 => {
                let key = self.wait_for_key(now)?;
                state.set(r(0), key);
            }
            0x21 => self.show(state.get(r(0)) as u8)?,
            0x22 => self.show_words(state)?,
            0x23 => {
                self.show_all(PROMPT.as_bytes())?;
                let key = self.wait_for_key(now)?;
                self.show_all(&[key as u8, b'\n'])?;
                state.set(r(0), key);
            }
            0x24 => self.show_packed(state)?,
            0x25 => {
                self.link(state, next);
                return Ok(After::Halt(next as Pc));
            }
            _ => return self.enter_trap(state, vector, next),
        }
        self.link(state, next);
        Ok(after)
    }

    fn link(&self, state: &mut State, next: u16) {
        if self.profile.trap_writes_r7 {
            state.set(r(7), next);
        }
    }

    /// PUTS: a character a word, to a word x0000.
    fn show_words(&mut self, state: &State) -> Result<(), Refusal> {
        for word in string(state)? {
            self.show(word as u8)?;
        }
        Ok(())
    }

    /// PUTSP: two characters a word, low byte first.
    fn show_packed(&mut self, state: &State) -> Result<(), Refusal> {
        for word in string(state)? {
            let [low, high] = word.to_le_bytes();
            if low == 0 && self.profile.putsp_ends_at_byte {
                return Ok(());
            }
            self.show(low)?;
            if high != 0 {
                self.show(high)?;
            } else if self.profile.putsp_ends_at_byte {
                return Ok(());
            }
        }
        Ok(())
    }

    /// A trap that the host does not serve: through the vector table, where the image filled its entry.
    fn enter_trap(&mut self, state: &mut State, vector: u16, next: u16) -> Result<After, Refusal> {
        let to = if vector < VECTORS { word(state, vector) } else { 0 };
        if to == 0 {
            let detail = format_args!("there is no service for TRAP x{vector:02X}: its vector is empty");
            if self.profile.reports_unknown {
                self.report(state.pc() as u16, format_args!("{detail}; it is skipped"));
                self.link(state, next);
                return Ok(After::Goto(next as Pc));
            }
            return Err(Refusal::Fault("unknown_trap", detail.to_string()));
        }
        self.link(state, next);
        if !self.profile.trap_writes_r7 || self.has_system {
            // Third edition: TRAP saves PSR and PC on the supervisor stack.
            interrupt::enter(state, next, None);
        }
        Ok(After::Goto(to as Pc))
    }

    /// Tells, once an address, of something unknown that was skipped.
    pub(super) fn report(&mut self, pc: u16, what: fmt::Arguments<'_>) {
        if self.reported.insert(pc) {
            self.console.warn(&format!("x{pc:04X}: {what}"));
        }
    }
}

/// The words from R0 on to the first x0000. Memory wraps round; a string without an end is a fault.
fn string(state: &State) -> Result<Vec<u16>, Refusal> {
    let start = state.get(r(0));
    let mut words = Vec::new();
    for offset in 0..=u16::MAX {
        match word(state, start.wrapping_add(offset)) {
            0 => return Ok(words),
            word => words.push(word),
        }
    }
    let detail = format!("the string at x{start:04X} never ends: there is no word x0000 in memory");
    Err(Refusal::Fault("endless_string", detail))
}
