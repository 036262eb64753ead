//! What takes LC-3's control away from a program: exceptions, and interrupts of the keyboard and the timer.
//!
//! Time is in retired instructions. An interrupt is taken before an instruction, at a count that does not depend on the
//! tier: [`Guest::due`](crate::guest::Guest::due).

use super::isa::{MEMORY, MODE, PSR_PRIORITY, PSR_USER, SSP, USP, psr, r, set_psr};
use super::{Lc3, is_user, word};
use crate::device::Ready;
use crate::guest::{After, Guest, Refusal};
use crate::ops::Pc;
use crate::state::State;

/// Bit 15 of a status register.
pub(super) const READY: u16 = 0x8000;
/// Bit 14 of a status register: its device interrupts.
pub(super) const INTERRUPTS: u16 = 0x4000;

/// Where the table of exceptions and interrupts starts.
const TABLE: u16 = 0x0100;
const PRIVILEGE_VIOLATION: u16 = 0x00;
const ILLEGAL_OPCODE: u16 = 0x01;
const ACCESS_VIOLATION: u16 = 0x02;
const KEYBOARD: u16 = 0x80;
const TIMER: u16 = 0x81;
/// The priority of both devices, as PSR has it.
const PRIORITY: u16 = 4 << 8;

/// The keyboard's registers.
#[derive(Clone, Copy, Default)]
pub(super) struct Keyboard {
    interrupts: bool,
    /// A key was seen that nobody has taken.
    waits: bool,
    /// There are no more keys, as far as is known.
    ended: bool,
    /// When to look for one.
    look: u64,
    /// What KBDR reads until the next key.
    last: u16,
}

impl Keyboard {
    /// The same with other keys.
    pub(super) fn fork(self) -> Keyboard {
        Keyboard { waits: false, ended: false, ..self }
    }
}

/// The timer's registers.
#[derive(Clone, Copy, Default)]
pub(super) struct Timer {
    pub(super) interrupts: bool,
    pub(super) interval: u16,
    rang: bool,
    /// When it rings, while it runs.
    next: u64,
}

impl Timer {
    /// Lets it ring every `interval` instructions from now on; 0 stops it.
    pub(super) fn start(&mut self, interval: u16, now: u64) {
        *self = Timer { interval, next: now + u64::from(interval), rang: false, ..*self };
    }

    /// Time has passed.
    fn pass(&mut self, now: u64) {
        if self.interval > 0 && now >= self.next {
            let interval = u64::from(self.interval);
            self.next += ((now - self.next) / interval + 1) * interval;
            self.rang = true;
        }
    }

    /// Its status register, which forgets what it tells.
    pub(super) fn status(&mut self, now: u64) -> u16 {
        self.pass(now);
        status(std::mem::take(&mut self.rang), self.interrupts)
    }
}

fn status(ready: bool, interrupts: bool) -> u16 {
    (if ready { READY } else { 0 }) | (if interrupts { INTERRUPTS } else { 0 })
}

impl Lc3 {
    /// KBSR, for the instruction at `pc`. Where the operating system waits for a key that never comes, the machine stops
    /// as it does where the host waits.
    pub(super) fn key_status(&mut self, pc: u16, now: u64) -> Result<u16, Refusal> {
        let ready = self.key_waits(now)?;
        if !ready && self.keyboard.ended && self.is_of_system(pc) {
            return Err(Refusal::Input);
        }
        Ok(status(ready, self.keyboard.interrupts))
    }

    /// KBSR bit 14.
    pub(super) fn enable_keyboard(&mut self, interrupts: bool, now: u64) {
        if interrupts && !self.keyboard.interrupts {
            self.keyboard.look = self.console.next_look(now);
        }
        self.keyboard.interrupts = interrupts;
    }

    /// Whether KBDR has something: a key, or, in the tutorial's machine, the end of input.
    fn key_waits(&mut self, now: u64) -> Result<bool, Refusal> {
        let ready = self.console.ready(now).map_err(Refusal::Io)?;
        let keyboard = &mut self.keyboard;
        (keyboard.waits, keyboard.ended) = (ready == Ready::Yes, ready == Ready::Ended);
        if keyboard.interrupts {
            keyboard.look = if keyboard.ended { u64::MAX } else { self.console.next_look(now) };
        }
        Ok(keyboard.waits || keyboard.ended && self.profile.endless_input)
    }

    /// The waiting key, or the last one where none waits.
    pub(super) fn take_key(&mut self, now: u64) -> Result<u16, Refusal> {
        if self.key_waits(now)? {
            self.keyboard.last = self.wait_for_key(now)?;
        }
        Ok(self.keyboard.last)
    }

    pub(super) fn wait_for_key(&mut self, now: u64) -> Result<u16, Refusal> {
        self.keyboard.waits = false;
        match self.console.read(now).map_err(Refusal::Io)? {
            Some(key) => Ok(key as u16),
            None if self.profile.endless_input => Ok(0xffff),
            None => Err(Refusal::Input),
        }
    }

    /// When a device is to be looked at, or interrupts.
    #[inline]
    pub(super) fn next_event(&self, state: &State) -> u64 {
        let (keyboard, timer) = (&self.keyboard, &self.timer);
        // Most programs have no interrupts, and this is asked after each trap.
        if !keyboard.interrupts && !timer.interrupts || state.get(MODE) & PSR_PRIORITY >= PRIORITY {
            return u64::MAX;
        }
        let look = if keyboard.waits { 0 } else { keyboard.look };
        let ring = if timer.rang { 0 } else { timer.next };
        let keyboard = if keyboard.interrupts { look } else { u64::MAX };
        let timer = if timer.interrupts && timer.interval > 0 { ring } else { u64::MAX };
        keyboard.min(timer)
    }

    /// What is due: a look at the keyboard, a ring of the timer, and the interrupt that follows.
    pub(super) fn pass_event(&mut self, state: &mut State) -> Result<(), Refusal> {
        let now = state.retired();
        let keyboard = &self.keyboard;
        if keyboard.interrupts && !keyboard.waits && keyboard.look <= now {
            self.key_waits(now)?;
        }
        self.timer.pass(now);
        if self.keyboard.interrupts && self.keyboard.waits {
            interrupt(state, KEYBOARD, "keyboard")
        } else if self.timer.interrupts && self.timer.rang {
            interrupt(state, TIMER, "timer")?;
            self.timer.rang = false;
            Ok(())
        } else {
            Ok(())
        }
    }

    /// The instruction at `state.pc()` did something wrong: control goes to the handler, where there is one.
    pub(super) fn raise(&mut self, state: &mut State, refusal: Refusal) -> Result<Pc, Refusal> {
        let exception = match &refusal {
            Refusal::Fault("privilege_violation", _) => PRIVILEGE_VIOLATION,
            Refusal::Fault("illegal_opcode", _) => ILLEGAL_OPCODE,
            Refusal::Fault("access_violation", _) => ACCESS_VIOLATION,
            _ => return Err(refusal),
        };
        match word(state, TABLE + exception) {
            0 => Err(refusal),
            handler => {
                if let (Refusal::Fault(_, detail), true) = (&refusal, self.is_of_system(handler)) {
                    // The system tells the address, and no more.
                    self.report(state.pc() as u16, format_args!("{detail}"));
                }
                enter(state, Self::next(state.pc()) as u16, None);
                Ok(handler.into())
            }
        }
    }
}

/// Goes to the handler of an interrupt before the instruction at `state.pc()`.
fn interrupt(state: &mut State, vector: u16, device: &str) -> Result<(), Refusal> {
    let entry = TABLE + vector;
    match word(state, entry) {
        0 => {
            let detail = format!("the {device} interrupts, and x{entry:04X} has no handler's address");
            Err(Refusal::Fault("unknown_interrupt", detail))
        }
        handler => {
            enter(state, state.pc() as u16, Some(PRIORITY));
            state.set_pc(handler.into());
            Ok(())
        }
    }
}

/// Enters supervisor mode, with PSR and the address to return to on the supervisor's stack.
pub(super) fn enter(state: &mut State, back: u16, priority: Option<u16>) {
    let saved = psr(state);
    if is_user(state) {
        state.set(USP, state.get(r(6)));
        state.set(r(6), state.get(SSP));
    }
    state.set(MODE, priority.unwrap_or(saved & PSR_PRIORITY));
    push(state, saved);
    push(state, back);
}

/// RTI: pops PC and PSR.
pub(super) fn return_from(state: &mut State) -> Result<After, Refusal> {
    if is_user(state) {
        let detail = "user programs may not execute RTI".to_owned();
        return Err(Refusal::Fault("privilege_violation", detail));
    }
    let to = pop(state);
    let popped = pop(state);
    set_psr(state, popped);
    if popped & PSR_USER != 0 {
        state.set(SSP, state.get(r(6)));
        state.set(r(6), state.get(USP));
    }
    Ok(After::Goto(to.into()))
}

fn push(state: &mut State, value: u16) {
    let top = state.get(r(6)).wrapping_sub(1);
    state.set(r(6), top);
    state.poke(MEMORY, top, value);
}

fn pop(state: &mut State) -> u16 {
    let top = state.get(r(6));
    state.set(r(6), top.wrapping_add(1));
    word(state, top)
}
