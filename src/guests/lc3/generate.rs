//! Random LC-3 programs with structure: loops that get hot, calls, jumps through tables, code that changes
//! itself, devices, traps, interrupts, supervisors, and noise.

mod writer;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::isa::{MEMORY, op, r};
use super::profile::Profile;
use super::{Lc3, disasm, word};
use crate::device::{Capture, Console, Input, Script};
use crate::fuzz::{self, Choices};
use crate::guest::Guest as _;
use crate::ops::Pc;
use crate::state::attr;
use crate::tape::Tape;
use crate::tier::Config;
use crate::vm::Vm;
use writer::{WORDS, Writer, any_instruction};

/// Vectors that lead to handlers: exceptions, keyboard and timer, and a trap.
const VECTORS: [u16; 6] = [0x0100, 0x0101, 0x0102, 0x0180, 0x0181, 0x0026];

/// A random program with its machine, its input, and words that the host changes while it is stopped.
#[derive(Clone, Serialize, Deserialize)]
pub struct Case {
    /// The machine's profile.
    #[serde(serialize_with = "profile_name", deserialize_with = "profile_named")]
    pub profile: Profile,
    /// Where the words are, wrapping round, and where the program starts.
    pub origin: u16,
    /// The program.
    pub words: Vec<u16>,
    /// What is typed.
    pub input: Vec<u8>,
    /// Instructions from one key to the next; 0 where all are there at once.
    pub pace: u16,
    /// It has the operating system in memory.
    pub has_system: bool,
    /// It starts in supervisor mode.
    pub is_supervisor: bool,
    /// Entries of the tables of traps, exceptions and interrupts: address and value.
    pub vectors: Vec<(u16, u16)>,
    /// The words that the host writes after each run: address and value.
    pub pokes: Vec<(u16, u16)>,
}

impl Case {
    /// A program for a machine of this profile at this place.
    pub fn new(choices: &mut Choices<'_>, profile: Profile, origin: u16) -> Case {
        let (mut words, handlers) = if choices.chance(24) {
            ((0..WORDS).map(|_| choices.word()).collect(), Vec::new())
        } else {
            Writer::new(choices, origin).program()
        };
        if !choices.chance(32) {
            // Behind the end it halts, for good: empty memory is long.
            words.extend([0xf025, 0x0ffe]);
        }
        let mut vectors = Vec::new();
        for entry in VECTORS {
            if !handlers.is_empty() && choices.chance(160) {
                let handler = handlers[usize::from(choices.below(handlers.len() as u16))];
                vectors.push((entry, origin.wrapping_add(handler as u16)));
            }
        }
        let is_supervisor = choices.chance(24);
        let pace = if choices.chance(160) { 1 + choices.below(250) } else { 0 };
        let input = (0..choices.below(20)).map(|_| choices.byte()).collect();
        let pokes = (0..choices.below(4))
            .map(|_| (origin.wrapping_add(choices.below(WORDS as u16)), any_instruction(choices)))
            .collect();
        let has_system = choices.chance(40);
        Case { profile, origin, words, input, pace, has_system, is_supervisor, vectors, pokes }
    }
}

impl fuzz::Case for Case {
    type Guest = Lc3;

    fn generate(choices: &mut Choices<'_>) -> Case {
        let profile = match choices.byte() {
            0..192 => Profile::STANDARD,
            192..208 => Profile::LC3TOOLS,
            208..252 => Profile::SECOND,
            _ => Profile::TUTORIAL,
        };
        let origin = if choices.chance(192) {
            0x3000
        } else {
            choices.pick(&[0x3001, 0x2f80, 0x4000, 0xfd80, 0xff80, 0x0000])
        };
        Case::new(choices, profile, origin)
    }

    fn machine(&self, config: Config) -> (Vm<Lc3>, Capture) {
        let input: Box<dyn Input> = match u64::from(self.pace) {
            0 => Box::new(Script::new(self.input.clone())),
            pace => Box::new(Tape::new((1..).map(|n| n * pace).zip(self.input.clone()))),
        };
        let (console, output) = Console::noted(input);
        let mut lc3 = Lc3::new(self.profile, console);
        let mut state = lc3.power_on(None);
        if self.has_system {
            lc3.install_system(&mut state);
        }
        if self.is_supervisor {
            lc3.start_at(&mut state, 0);
        }
        for &(at, word) in &self.vectors {
            state.poke(MEMORY, at, word);
        }
        let mut at = self.origin;
        for &word in &self.words {
            state.poke(MEMORY, at, word);
            at = at.wrapping_add(1);
        }
        state.set_pc(self.origin as Pc);
        (Vm::new(lc3, state, config), output)
    }

    fn meddle(&self, turn: usize, vm: &mut Vm<Lc3>) {
        if let Some(&(at, word)) = self.pokes.get(turn) {
            vm.poke(MEMORY, at, word);
        }
    }

    /// Nothing happens between instructions, and nothing that they do wrong has a handler.
    fn for_c(&self) -> Option<Case> {
        Some(Case { pace: 0, has_system: false, vectors: Vec::new(), ..self.clone() })
    }

    fn input(&self) -> &[u8] {
        &self.input
    }

    fn keeps(initial: &Vm<Lc3>, vm: &Vm<Lc3>) -> bool {
        let state = vm.state();
        let special = |at: u16| state.attributes(MEMORY.id(), at.into()) & (attr::READ | attr::WRITE) != 0;
        let insn = vm.guest().decode(state, vm.pc());
        let pointer = |at: u16| {
            let (was, is) = (word(initial.state(), at), word(state, at));
            was == is || !special(was) && !special(is)
        };
        match insn.op() {
            op::LDR | op::STR => !special(state.get(r(insn.b())).wrapping_add(insn.imm() as u16)),
            op::LDI | op::STI => pointer(insn.imm() as u16),
            _ => true,
        }
    }

    #[cfg(feature = "oracle")]
    fn oracle(&self, config: Config, budgets: &[u64]) -> Option<Result<u64, String>> {
        super::oracle::follow(self, config, budgets)
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Case { input, pace, has_system, is_supervisor, vectors, pokes, .. } = self;
        writeln!(f, "profile {}, input {input:?} every {pace}, pokes {pokes:x?}", self.profile.name)?;
        writeln!(f, "system: {has_system}, supervisor: {is_supervisor}, vectors {vectors:x?}")?;
        let mut at = self.origin;
        for &word in &self.words {
            let text = disasm::word(at, word, &Default::default());
            writeln!(f, "x{at:04X} {word:04X}  {text}")?;
            at = at.wrapping_add(1);
        }
        Ok(())
    }
}

fn profile_name<S: Serializer>(profile: &Profile, to: S) -> Result<S::Ok, S::Error> {
    profile.name.serialize(to)
}

fn profile_named<'a, D: Deserializer<'a>>(from: D) -> Result<Profile, D::Error> {
    let name = String::deserialize(from)?;
    Profile::named(&name).ok_or_else(|| serde::de::Error::custom(format!("there is no profile {name}")))
}
