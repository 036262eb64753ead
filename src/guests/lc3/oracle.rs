//! An LC-3 that others wrote, `lc3-ensemble`, beside ours.
//!
//! The two tiers share one meaning of each instruction, so a wrong meaning is not to be seen by comparing them. This
//! is the comparison that sees it. `lc3-ensemble` has the rules of the profile `lc3tools`; its traps run in its own
//! operating system, so a program is followed up to its first trap.

use lc3_ensemble::ast::Reg;
use lc3_ensemble::sim::mem::MachineInitStrategy;
use lc3_ensemble::sim::{SimErr, SimFlags, Simulator};

use super::generate::Case;
use super::isa::{MEMORY, psr, r};
use super::profile::Profile;
use super::{Lc3, word};
use crate::fuzz::Case as _;
use crate::guest::Stop;
use crate::ops::Pc;
use crate::tier::{Config, Plant};
use crate::vm::Vm;

/// Its name.
pub const NAME: &str = "lc3-ensemble";
/// Where it has its operating system and its devices, ours has nothing that compares.
const SHARED: std::ops::Range<u16> = 0x3000..0xfe00;
/// Instructions for which a program is followed at most: the oracle takes its time.
const MOST: u64 = 200_000;
const REGISTERS: [Reg; 8] = [Reg::R0, Reg::R1, Reg::R2, Reg::R3, Reg::R4, Reg::R5, Reg::R6, Reg::R7];

/// How a run of either ended.
#[derive(Debug, PartialEq)]
enum End {
    Budget,
    Trap,
    Fault(&'static str),
}

/// Both machines, at the same place of the same program.
pub struct Pair {
    vm: Vm<Lc3>,
    oracle: Oracle,
}

struct Oracle {
    sim: Simulator,
    instructions: u64,
}

impl Oracle {
    fn new(case: &Case) -> Oracle {
        let mut sim = Simulator::new(SimFlags {
            strict: false,
            use_real_traps: false,
            machine_init: MachineInitStrategy::Known { value: 0 },
            debug_frames: false,
            ignore_privilege: false,
        });
        let mut at = case.origin;
        for &word in &case.words {
            sim.mem[at].set(word);
            at = at.wrapping_add(1);
        }
        sim.pc = case.origin;
        Oracle { sim, instructions: 0 }
    }

    fn run(&mut self, budget: u64) -> End {
        for _ in 0..budget {
            let pc = self.sim.pc;
            match self.sim.mem[pc].get() {
                word if SHARED.contains(&pc) && word & 0xff00 == 0xf000 => return End::Trap,
                // It overlooks the one padding bit of JMP that is bit 11.
                word if SHARED.contains(&pc) && word & 0xf800 == 0xc800 => {
                    return End::Fault("illegal_opcode");
                }
                _ => {}
            }
            let reason = match self.sim.step_in() {
                Ok(()) => {
                    self.instructions += 1;
                    continue;
                }
                Err(SimErr::AccessViolation) => "access_violation",
                Err(SimErr::PrivilegeViolation) => "privilege_violation",
                Err(SimErr::IllegalOpcode | SimErr::InvalidInstrFormat) => "illegal_opcode",
                Err(error) => panic!("x{pc:04X}: {error:?}"),
            };
            // At the instruction that was refused, like ours.
            self.sim.pc = pc;
            return End::Fault(reason);
        }
        End::Budget
    }
}

/// Compares the machines: registers, and memory too, which takes longer, if asked to.
fn compare(oracle: &Oracle, vm: &Vm<Lc3>, memory: bool) -> Result<(), String> {
    let (sim, state) = (&oracle.sim, vm.state());
    let equal = |what: &str, found: u16, expected: u16| match found == expected {
        true => Ok(()),
        false => Err(format!("{what} is x{found:04X}, and x{expected:04X} in the oracle")),
    };
    for (n, reg) in REGISTERS.into_iter().enumerate() {
        equal(&format!("R{n}"), state.get(r(n as u8)), sim.reg_file[reg].get())?;
    }
    equal("PC", state.pc() as u16, sim.pc)?;
    equal("N Z P", psr(state) & 7, u16::from(sim.psr().cc()))?;
    let differs = |&at: &u16| word(state, at) != sim.mem[at].get();
    match SHARED.filter(|_| memory).find(differs) {
        Some(at) => equal(&format!("the word at x{at:04X}"), word(state, at), sim.mem[at].get()),
        None => Ok(()),
    }
}

impl Pair {
    /// Both about to run a program; ours with these rules whatever the case says.
    pub fn new(case: &Case, config: Config) -> Pair {
        let wrong = config.plant == Some(Plant::Meaning);
        let profile = Profile { lea_sets_cc: wrong, ..Profile::LC3TOOLS };
        // The oracle has an operating system of its own, and starts in user mode.
        let case =
            Case { profile, has_system: false, is_supervisor: false, vectors: Vec::new(), ..case.clone() };
        let (vm, _) = case.machine(config);
        Pair { vm, oracle: Oracle::new(&case) }
    }

    /// Writes a word of memory.
    pub fn poke(&mut self, at: u16, word: u16) {
        self.vm.poke(MEMORY, at, word);
        self.oracle.sim.mem[at].set(word);
    }

    /// Gives register `n` a value.
    pub fn set(&mut self, n: u8, value: u16) {
        self.vm.set(r(n), value);
        self.oracle.sim.reg_file[REGISTERS[usize::from(n)]].set(value);
    }

    /// Goes on somewhere else.
    pub fn set_pc(&mut self, pc: u16) {
        self.vm.set_pc(Pc::from(pc));
        self.oracle.sim.pc = pc;
    }

    /// Runs both for `budget` instructions and compares registers, and memory, which takes longer, if asked to. Whether
    /// the program could go on.
    ///
    /// # Errors
    /// Where they part.
    pub fn run(&mut self, budget: u64, memory: bool) -> Result<bool, String> {
        let Pair { vm, oracle } = self;
        let (before, retired) = (oracle.instructions, vm.instructions());
        let end = oracle.run(budget);
        let expected = oracle.instructions - before;
        // Ours stops at a trap, too: there its budget is spent.
        let budget = if end == End::Trap { expected } else { budget };
        let found = match vm.run(budget) {
            Stop::Fault(fault) => End::Fault(fault.reason),
            _ if end == End::Trap => End::Trap,
            _ => End::Budget,
        };
        if found != end {
            return Err(format!("stopped with {found:?}, the oracle with {end:?}"));
        }
        let retired = vm.instructions() - retired;
        if retired != expected {
            return Err(format!("retired {retired}, the oracle {expected}"));
        }
        compare(oracle, vm, memory)?;
        Ok(end == End::Budget)
    }
}

/// Follows a case in both machines; how many instructions. `None` where the program is in memory that they do not share.
pub fn follow(case: &Case, config: Config, budgets: &[u64]) -> Option<Result<u64, String>> {
    let end = usize::from(case.origin) + case.words.len();
    (case.origin >= SHARED.start && end <= usize::from(SHARED.end)).then(|| {
        let mut pair = Pair::new(case, config);
        for &budget in budgets {
            let left = MOST.saturating_sub(pair.oracle.instructions);
            if left == 0 || !pair.run(budget.min(left), true)? {
                break;
            }
        }
        Ok(pair.oracle.instructions)
    })
}
