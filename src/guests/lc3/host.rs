//! LC-3's host side: device registers, protected memory, and the traps that the host serves.

use super::isa::{DEVICES, MEMORY, MODE, PSR_PRIORITY, PSR_USER, SSP, USER, USP, psr, r, set_psr};
use super::{Lc3, is_user, word};
use crate::device::Ready;
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
/// Processor status.
pub(super) const PSR: u16 = 0xfffc;
/// Machine control: clearing bit 15 stops the machine.
pub(super) const MCR: u16 = 0xfffe;

const READY: u16 = 0x8000;
const INTERRUPT_ENABLE: u16 = 0x4000;
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
        Ok(match at {
            KBSR => {
                let ready = self.key_waits()?;
                (if ready { READY } else { 0 })
                    | (if self.keyboard_interrupts { INTERRUPT_ENABLE } else { 0 })
            }
            KBDR => self.take_key()?,
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
        match at {
            KBSR => self.keyboard_interrupts = value & INTERRUPT_ENABLE != 0,
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

    /// Whether KBDR has something: a key, or, in the tutorial's machine, the end of input.
    fn key_waits(&mut self) -> Result<bool, Refusal> {
        Ok(match self.console.ready().map_err(Refusal::Io)? {
            Ready::Yes => true,
            Ready::NotYet => false,
            Ready::Ended => self.profile.endless_input,
        })
    }

    /// The waiting key, or the last one where none waits.
    fn take_key(&mut self) -> Result<u16, Refusal> {
        if self.key_waits()? {
            self.last_key = self.wait_for_key()?;
        }
        Ok(self.last_key)
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
        let after = After::Goto(next as Pc);
        match vector {
            0x20 => {
                let key = self.wait_for_key()?;
                state.set(r(0), key);
            }
            0x21 => self.show(state.get(r(0)) as u8)?,
            0x22 => self.show_words(state)?,
            0x23 => {
                self.show_all(PROMPT.as_bytes())?;
                let key = self.wait_for_key()?;
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

    fn wait_for_key(&mut self) -> Result<u16, Refusal> {
        match self.console.read().map_err(Refusal::Io)? {
            Some(key) => Ok(key as u16),
            None if self.profile.endless_input => Ok(0xffff),
            None => Err(Refusal::Input),
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
            let detail = format!("there is no service for TRAP x{vector:02X}: its vector is empty");
            if self.profile.reports_unknown {
                self.report(state.pc() as u16, &format!("{detail}; it is skipped"));
                self.link(state, next);
                return Ok(After::Goto(next as Pc));
            }
            return Err(Refusal::Fault("unknown_trap", detail));
        }
        if self.profile.trap_writes_r7 {
            self.link(state, next);
        } else {
            // Third edition: TRAP saves PSR and PC on the supervisor stack.
            let saved = psr(state);
            if is_user(state) {
                state.set(USP, state.get(r(6)));
                state.set(r(6), state.get(SSP));
                self.change_mode(state, saved & !PSR_USER);
            }
            self.push(state, saved);
            self.push(state, next);
        }
        Ok(After::Goto(to as Pc))
    }

    /// RTI: pops PC and PSR.
    pub(super) fn return_from_interrupt(&mut self, state: &mut State) -> Result<After, Refusal> {
        if is_user(state) {
            let detail = "user programs may not execute RTI".to_owned();
            return Err(Refusal::Fault("privilege_violation", detail));
        }
        let to = self.pop(state);
        let popped = self.pop(state);
        self.change_mode(state, popped);
        if is_user(state) {
            state.set(SSP, state.get(r(6)));
            state.set(r(6), state.get(USP));
        }
        Ok(After::Goto(to as Pc))
    }

    fn push(&mut self, state: &mut State, value: u16) {
        let top = state.get(r(6)).wrapping_sub(1);
        state.set(r(6), top);
        state.poke(MEMORY, top, value);
    }

    fn pop(&mut self, state: &mut State) -> u16 {
        let top = state.get(r(6));
        state.set(r(6), top.wrapping_add(1));
        word(state, top)
    }

    /// Sets PSR. What was decoded in protected memory was decoded for the other mode.
    fn change_mode(&mut self, state: &mut State, psr: u16) {
        let was = state.get(MODE) & PSR_USER;
        set_psr(state, psr);
        if was != psr & PSR_USER {
            state.touch_made(MEMORY.id(), 0..USER as Pc);
            state.touch_made(MEMORY.id(), DEVICES as Pc..0x1_0000);
        }
    }

    /// Tells, once an address, of something unknown that was skipped.
    pub(super) fn report(&mut self, pc: u16, what: &str) {
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
