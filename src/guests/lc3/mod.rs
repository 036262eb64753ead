//! LC-3, the 16-bit teaching machine of Patt and Patel's *Introduction to Computing Systems*.

pub mod asm;
mod c;
pub mod check;
pub mod disasm;
mod formats;
pub mod generate;
mod host;
pub mod image;
mod interrupt;
pub mod isa;
pub mod link;
mod machine;
mod meaning;
#[cfg(feature = "oracle")]
pub mod oracle;
mod os;
pub mod profile;
mod strict;
pub mod symbols;
mod write;

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use crate::device::Console;
use crate::emit::{Access, Code, Lack, Request, Service};
use crate::guest::{After, Guest, Insn, Refusal};
use crate::ops::{FlowOf, Ops, Pc, Type};
use crate::random::SplitMix;
use crate::state::{SpaceInfo, State, attr};
use image::Image;
use interrupt::{Keyboard, Timer};
use isa::{DEVICES, MEMORY, MODE, PSR_USER, SSP, USER, USP, WORDS, op, psr, r};
use profile::{DeviceAccess, Profile};
use symbols::Symbols;

/// An LC-3: its profile, its console and the registers of its devices.
pub struct Lc3 {
    profile: Profile,
    console: Console,
    /// Names of addresses, for listings.
    symbols: Arc<Symbols>,
    keyboard: Keyboard,
    timer: Timer,
    /// MCR but for bit 15, which is set while the machine runs.
    machine_control: u16,
    /// Traps are served by an operating system in memory.
    has_system: bool,
    /// Where unknown instructions were reported, in profiles that go on.
    reported: BTreeSet<u16>,
    /// Where the run stops before the instruction.
    watched: BTreeSet<u16>,
    /// A bit for each vector: whether a trap to it was taken.
    trapped: [u64; 4],
}

/// The name of the operating system in LC-3 assembly; the other's services are the host's.
pub const REAL: &str = "real";

/// The reason of the fault that a run ends with where it comes to an address that is watched.
pub const WATCHED: &str = "watched";

impl Lc3 {
    /// A machine of this profile.
    pub fn new(profile: Profile, console: Console) -> Lc3 {
        Lc3 {
            profile,
            console,
            symbols: Arc::default(),
            keyboard: Keyboard::default(),
            timer: Timer::default(),
            machine_control: 0,
            has_system: false,
            reported: BTreeSet::new(),
            watched: BTreeSet::new(),
            trapped: [0; 4],
        }
    }

    /// Whether a run stops, with a fault for the reason [`WATCHED`], before it executes what is at an address. This
    /// holds for what is decoded from now on: who changes it writes the word there anew ([`crate::vm::Vm::poke`]). The
    /// machine has to be one that only interprets, as native code is shared with machines that watch for nothing.
    pub fn watch(&mut self, address: u16, watched: bool) {
        if watched {
            self.watched.insert(address);
        } else {
            self.watched.remove(&address);
        }
    }

    /// Whether a trap to this vector was taken so far.
    pub fn has_trapped(&self, vector: u8) -> bool {
        self.trapped[usize::from(vector / 64)] & 1 << (vector % 64) != 0
    }

    /// The profile.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// A state as the machine has it at power-on: zeros, or pseudo-random words from `seed` in R0–R7 and
    /// from x0200 up (the vector tables stay empty). PC is x3000, the mode user, Z set.
    pub fn power_on(&self, seed: Option<u64>) -> State {
        let mut state = State::new(Self::SPACES);
        if let Some(seed) = seed {
            let mut random = SplitMix(seed);
            for n in 0..8 {
                state.set(r(n), random.next() as u16);
            }
            for at in 0x0200..DEVICES {
                state.poke(MEMORY, at, random.next() as u16);
            }
        }
        state.set_pc(USER as Pc);
        state.set(MODE, PSR_USER);
        state.set(SSP, USER);
        state.set(USP, DEVICES);
        self.set_attributes(&mut state);
        state
    }

    /// Has the machine start at `pc`. What is below x3000 is the system's: it starts in supervisor mode, with the
    /// supervisor's stack.
    pub fn start_at(&self, state: &mut State, pc: Pc) {
        state.set_pc(pc);
        if pc < Pc::from(USER) {
            state.set(MODE, 0);
            state.set(r(6), state.get(SSP));
        }
    }

    /// Puts an image into memory and keeps its symbols for listings. PC is left where it is.
    pub fn load(&mut self, state: &mut State, image: &Image) {
        for segment in &image.segments {
            let mut at = segment.origin;
            for &word in &segment.words {
                state.poke(MEMORY, at, word);
                at = at.wrapping_add(1);
            }
        }
        self.symbols = Arc::new(image.symbols.clone());
    }

    /// Marks what is not plain memory: device registers, and what user programs may not access.
    fn set_attributes(&self, state: &mut State) {
        let mut mark = |range| state.mark(MEMORY.id(), range, attr::READ | attr::WRITE);
        for at in host::REGISTERS.map(usize::from) {
            mark(at..at + 1);
        }
        if !self.profile.open_system_space {
            mark(0..USER.into());
        }
        if self.profile.device_access != DeviceAccess::All {
            mark(DEVICES.into()..WORDS);
        }
    }

    /// Whether the words at `at` are off limits to user programs.
    fn is_protected(&self, at: u16) -> bool {
        let system = at < USER && !self.profile.open_system_space;
        let device = at >= DEVICES
            && match self.profile.device_access {
                DeviceAccess::All => false,
                DeviceAccess::None => true,
                DeviceAccess::Console => !matches!(at, host::KBSR | host::KBDR | host::DSR | host::DDR),
            };
        system || device
    }

    /// Whether code at `at` is off limits to user programs. Device space never holds code for them.
    fn is_protected_code(&self, at: u16) -> bool {
        self.is_protected(at) || at >= DEVICES && self.profile.device_access != DeviceAccess::All
    }
}

fn is_user(state: &State) -> bool {
    state.get(MODE) & PSR_USER != 0
}

impl Guest for Lc3 {
    const NAME: &'static str = "lc3";
    const SLOTS: &'static [(&'static str, Type)] = isa::SLOTS;
    const OPERATIONS: u8 = op::END;
    const SPACES: &'static [SpaceInfo] = isa::SPACES;
    const CODE: Option<usize> = Some(MEMORY.id());

    fn fork(&self, console: Console) -> Lc3 {
        let (keyboard, symbols, reported) =
            (self.keyboard.fork(), self.symbols.clone(), self.reported.clone());
        Lc3 { console, keyboard, symbols, reported, watched: self.watched.clone(), ..*self }
    }

    fn code_len(&self) -> usize {
        WORDS
    }

    fn decode(&self, state: &State, pc: Pc) -> Insn {
        let at = pc as u16;
        if self.watched.contains(&at) {
            return Insn::new(op::WATCHED, 0, 0, 0, 0);
        }
        let insn = isa::decode(&self.profile, at, word(state, at));
        if self.is_protected_code(at) { insn.with_op(insn.op() | op::SYSTEM) } else { insn }
    }

    #[inline(always)]
    fn next(pc: Pc) -> Pc {
        (pc as u16).wrapping_add(1) as Pc
    }

    #[inline(always)]
    fn meaning<O: Ops>(insn: Insn, pc: Pc, o: &mut O) -> FlowOf<O> {
        meaning::meaning(insn, pc, o)
    }

    fn load(&mut self, state: &mut State, _space: usize, at: u64) -> Result<u64, Refusal> {
        self.read_word(state, at as u16).map(u64::from)
    }

    fn store(&mut self, state: &mut State, _space: usize, at: u64, value: u64) -> Result<bool, Refusal> {
        self.write_word(state, at as u16, value as u16)
    }

    fn trap(&mut self, state: &mut State, n: u16) -> Result<After, Refusal> {
        match n {
            isa::SERVICE_RTI => interrupt::return_from(state),
            vector => {
                self.trapped[usize::from(vector / 64 % 4)] |= 1 << (vector % 64);
                self.serve(state, vector)
            }
        }
    }

    fn illegal(&mut self, state: &mut State, insn: Insn) -> Result<After, Refusal> {
        let pc = state.pc() as u16;
        if insn.op() == op::WATCHED {
            return Err(Refusal::Fault(WATCHED, format!("x{pc:04X} is watched")));
        }
        let word = insn.imm() as u16;
        if self.profile.reports_unknown {
            self.report(pc, format_args!("x{word:04X} is not an instruction; it is skipped"));
            return Ok(After::Goto(Self::next(pc as Pc)));
        }
        Err(Refusal::Fault("illegal_opcode", format!("x{word:04X} is not an instruction")))
    }

    fn required(&self, state: &State, _fault: u8) -> (&'static str, String) {
        ("access_violation", format!("user programs may not execute code at x{:04X}", state.pc()))
    }

    fn handle(&mut self, state: &mut State, refusal: Refusal) -> Result<Pc, Refusal> {
        self.raise(state, refusal)
    }

    fn due(&self, state: &State) -> u64 {
        self.next_event(state)
    }

    fn happen(&mut self, state: &mut State) -> Result<(), Refusal> {
        self.pass_event(state)
    }

    fn disassemble(&self, state: &State, pc: Pc) -> String {
        disasm::word(pc as u16, word(state, pc as u16), &self.symbols)
    }

    fn registers(&self, state: &State) -> Vec<(String, u64)> {
        let general = (0..8).map(|n| (format!("R{n}"), state.get(r(n)) as u64));
        general.chain([("PC".to_owned(), state.pc() as u64), ("PSR".to_owned(), psr(state) as u64)]).collect()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.console.flush()
    }

    /// In C programs stay in the mode that they start in.
    fn decode_in_c(&self, state: &State, pc: Pc) -> Insn {
        let forbidden = is_user(state) && self.is_protected_code(pc as u16);
        if forbidden { Insn::new(op::FORBIDDEN, 0, 0, 0, 0) } else { self.decode(state, pc) }
    }

    fn service_in_c(&self, state: &State, pc: Pc, request: Request) -> Service {
        self.service(state, pc, request)
    }

    fn access_in_c(&self, state: &State, access: Access<'_>) -> Result<Code, Lack> {
        self.access(state, access)
    }
}

/// The word in memory, devices aside.
#[inline]
pub fn word(state: &State, at: u16) -> u16 {
    state.peek(MEMORY, at).expect("every 16-bit address is in memory")
}
