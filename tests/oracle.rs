//! Random programs on an LC-3 that others wrote, `lc3-ensemble`, beside ours.
//!
//! The two tiers share one meaning of each instruction, so a wrong meaning is not to be seen by comparing them. This
//! is the comparison that sees it. `lc3-ensemble` has the rules of the profile `lc3tools`; its traps run in its own
//! operating system, so a program is followed up to its first trap.

mod common;

use common::{configurations, interpreter};
use kiln::fuzz::{Case as _, Choices, noise};
use kiln::guest::Stop;
use kiln::guests::lc3::generate::Case;
use kiln::guests::lc3::isa::{MEMORY, psr, r};
use kiln::guests::lc3::profile::Profile;
use kiln::guests::lc3::{Lc3, word};
use kiln::vm::Vm;
use lc3_ensemble::ast::Reg;
use lc3_ensemble::sim::mem::MachineInitStrategy;
use lc3_ensemble::sim::{SimErr, SimFlags, Simulator};

/// Where it has its operating system and its devices, ours has nothing that compares.
const SHARED: std::ops::Range<u16> = 0x3000..0xfe00;
const REGISTERS: [Reg; 8] = [Reg::R0, Reg::R1, Reg::R2, Reg::R3, Reg::R4, Reg::R5, Reg::R6, Reg::R7];

/// How the oracle's run ended.
#[derive(Debug, PartialEq)]
enum End {
    Budget,
    Trap,
    Fault(&'static str),
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

/// Follows a case in both machines; how many instructions.
fn follow(case: &Case, config: kiln::tier::Config, budgets: &[u64]) -> Result<u64, String> {
    let (mut vm, _) = case.machine(config);
    let mut oracle = Oracle::new(case);
    for &budget in budgets {
        let before = oracle.instructions;
        let end = oracle.run(budget);
        // Ours stops at a trap, too: there its budget is spent.
        let budget = if end == End::Trap { oracle.instructions - before } else { budget };
        let found = match vm.run(budget) {
            Stop::Fault(fault) => End::Fault(fault.reason),
            _ if end == End::Trap => End::Trap,
            _ => End::Budget,
        };
        if found != end {
            return Err(format!("stopped with {found:?}, the oracle with {end:?}"));
        }
        if vm.instructions() != oracle.instructions {
            return Err(format!("retired {}, the oracle {}", vm.instructions(), oracle.instructions));
        }
        compare(&oracle, &vm, true)?;
        if end != End::Budget {
            break;
        }
    }
    Ok(oracle.instructions)
}

fn random_programs(seeds: std::ops::Range<u64>, config: &kiln::tier::Config, name: &str) -> u64 {
    let mut total = 0;
    for seed in seeds {
        let bytes = noise(seed ^ 0x0ac1e, 600);
        let choices = &mut Choices::new(&bytes);
        let budgets: Vec<u64> = (0..4).map(|_| u64::from(choices.below(700))).collect();
        let origin = choices.pick(&[0x3000, 0x3000, 0x4000, 0xfd00]);
        let mut case = Case::new(choices, Profile::LC3TOOLS, origin);
        // The oracle has an operating system of its own, and starts in user mode.
        (case.has_system, case.is_supervisor) = (false, false);
        case.vectors.clear();
        match follow(&case, config.clone(), &budgets) {
            Ok(instructions) => total += instructions,
            Err(what) => panic!("seed {seed} in configuration {name:?}: {what}\n{case:?}"),
        }
    }
    total
}

#[test]
fn random_programs_in_the_interpreter() {
    let total = random_programs(0..1500, &interpreter(), "interpreter");
    assert!(total > 300_000, "only {total} instructions compared");
}

#[test]
fn random_programs_in_native_code() {
    for (name, config) in configurations().into_iter().skip(1) {
        random_programs(2000..2150, &config, name);
    }
}

/// Every word as an instruction, with registers and memory that make results and addresses of every kind.
#[test]
fn every_word() {
    let values: [u16; 8] = [0x0000, 0x0001, 0x3fff, 0x4000, 0x7fff, 0x8000, 0xfdff, 0xffff];
    let case = Case {
        profile: Profile::LC3TOOLS,
        origin: 0,
        words: Vec::new(),
        input: Vec::new(),
        pace: 0,
        has_system: false,
        is_supervisor: false,
        vectors: Vec::new(),
        pokes: Vec::new(),
    };
    let (mut vm, _) = case.machine(interpreter());
    let mut oracle = Oracle::new(&case);
    // Pointers of every kind, where LD and LDI find them.
    for (n, at) in (0x3000..0x3300).enumerate() {
        let word = values[n % 8].wrapping_add(n as u16 / 8);
        vm.poke(MEMORY, at, word);
        oracle.sim.mem[at].set(word);
    }
    for word in (0..=u16::MAX).filter(|word| word & 0xff00 != 0xf000) {
        let at = 0x3110 + (word & 7);
        vm.poke(MEMORY, at, word);
        oracle.sim.mem[at].set(word);
        vm.set_pc(at.into());
        oracle.sim.pc = at;
        for (n, reg) in REGISTERS.into_iter().enumerate() {
            let value = values[(n + usize::from(word >> 4)) % 8];
            vm.set(r(n as u8), value);
            oracle.sim.reg_file[reg].set(value);
        }
        let end = oracle.run(1);
        let found = match vm.run(1) {
            Stop::Fault(fault) => End::Fault(fault.reason),
            _ => End::Budget,
        };
        assert_eq!(found, end, "x{word:04X} at x{at:04X}");
        // All of memory now and then: what went wrong stays wrong.
        let all = word % 0x1000 == 0;
        compare(&oracle, &vm, all).unwrap_or_else(|what| panic!("x{word:04X} at x{at:04X}: {what}"));
    }
}
