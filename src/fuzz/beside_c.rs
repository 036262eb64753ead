//! Programs beside their own C.
//!
//! [`crate::emit`] shares the meanings with the tiers, but neither the interpreter nor the translator nor what serves traps:
//! a bug in one of those is not in the other. C assumes what a tier may not; so a case runs beside it only if it keeps to
//! that, which the interpreter finds out, instruction by instruction.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use super::Case;
use crate::emit::{self, compiler, compiler::Compiler, exit};
use crate::guest::{Guest, Stop};
use crate::guests::Machine;
use crate::ops::{Pc, Reg};
use crate::state::State;
use crate::tier::{Config, Plant, Tiers};
use crate::vm::Vm;

/// Instructions within which a program has to end: C has no budget.
const STEPS: u64 = 5000;
/// Far longer than any of them takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// How C is compiled: soon, and all warnings are errors.
pub const FLAGS: [&str; 5] = ["-std=c11", "-O1", "-Wall", "-Wextra", "-Werror"];

/// How a run has ended.
#[derive(PartialEq, Eq, Debug)]
pub struct End {
    /// The exit code of such a program.
    pub code: i32,
    /// What it wrote.
    pub output: Vec<u8>,
    /// How many instructions have retired.
    pub instructions: u64,
    /// The pc.
    pub pc: Pc,
    /// Registers, by name.
    pub registers: Vec<(String, u64)>,
}

/// What came of a case beside its C.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InC {
    /// Both did the same, for so many instructions.
    Same(u64),
    /// The C said that it has no more of the program.
    Untranslated,
    /// The case does what C assumes that none does.
    Unfit,
}

/// Runs a case in the interpreter and as C.
///
/// # Errors
/// Where the two part, or what the C compiler says.
pub fn beside_c<G: Machine>(
    compiler: &Compiler,
    case: &G::Case,
    plant: Option<Plant>,
) -> Result<InC, String> {
    let fitted = case.for_c();
    let case = fitted.as_ref().unwrap_or(case);
    let machine = || case.machine(Config { tiers: Tiers::Interpreter, ..Config::default() });
    let ((mut initial, _), (mut vm, output)) = (machine(), machine());
    let mut stop = Stop::Budget;
    while vm.instructions() < STEPS && matches!(stop, Stop::Budget) && keeps::<G>(&initial, &vm) {
        stop = vm.run(1);
    }
    if let Stop::Budget = stop {
        return Ok(InC::Unfit);
    }
    vm.guest_mut().flush().map_err(|error| error.to_string())?;
    let mut written = output.bytes();
    if let Stop::Halted = stop {
        written.extend(vm.guest().result(vm.state()).unwrap_or_default().bytes());
    }
    let mut c = emit::c(&mut initial, "random");
    if plant == Some(Plant::C) {
        c = c.replace("u64 retired = 0;", "u64 retired = 1;");
    }
    // The next of this thread takes its place.
    let name = format!("{}-{:?}", G::NAME, thread::current().id());
    let program = compiler.compile(&name, &c, &FLAGS)?;
    let (found, said) = run(vm.guest(), &program, case.input())?;
    if found.code == i32::from(exit::UNTRANSLATED) && found.instructions <= vm.instructions() {
        return Ok(InC::Untranslated);
    }
    let expected = end(&vm, &stop, written);
    match found == expected {
        true => Ok(InC::Same(expected.instructions)),
        false => Err(format!("not what its C does: {expected:?}, and in C {found:?}: {said}")),
    }
}

/// Whether the next instruction keeps to what C assumes. `initial` is the machine before it ran.
fn keeps<G: Machine>(initial: &Vm<G>, vm: &Vm<G>) -> bool {
    let word = |vm: &Vm<G>, space| vm.state().bits(space, u64::from(vm.pc()));
    let same = G::CODE.is_none_or(|space| word(vm, space) == initial.state().bits(space, u64::from(vm.pc())));
    same && G::Case::keeps(initial, vm)
}

/// Runs a program of C; its end, and what it said of it.
///
/// # Errors
/// Why there is no such end.
pub fn run<G: Guest>(guest: &G, program: &Path, input: &[u8]) -> Result<(End, String), String> {
    let mut command = Command::new(program);
    let outcome = compiler::outcome(command.arg("--stats"), input, PATIENCE);
    let outcome = outcome.map_err(|error| format!("{}: {error}", program.display()))?;
    let strange = |what: &str| format!("{}: {what}:\n{}", program.display(), outcome.said);
    let code = outcome.code.ok_or_else(|| strange("it does not end"))?;
    let start = outcome.said.find("instructions ").ok_or_else(|| strange("it does not count"))?;
    let (text, stats) = outcome.said.split_at(start);
    let number = |line: &str| {
        let number = line.rsplit(' ').next().unwrap_or(line);
        match number.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16),
            None => number.parse(),
        }
    };
    let numbers: Result<Vec<u64>, _> = stats.lines().map(number).collect();
    let Ok([instructions, pc, slots @ ..]) = numbers.as_deref() else { return Err(strange("no numbers")) };
    let mut state = State::new(G::SPACES);
    state.set_pc(*pc as Pc);
    for (slot, &bits) in slots.iter().enumerate() {
        state.set(Reg::new(slot as u8), bits);
    }
    let (output, registers) = (outcome.output, guest.registers(&state));
    let end = End { code, output, instructions: *instructions, pc: *pc as Pc, registers };
    Ok((end, text.to_owned()))
}

/// The end of a run of ours, which has written this.
pub fn end<G: Guest>(vm: &Vm<G>, stop: &Stop, output: Vec<u8>) -> End {
    let code = match stop {
        Stop::Halted => 0,
        Stop::Fault(_) => exit::FAULT,
        Stop::Input => exit::INPUT,
        Stop::Budget | Stop::Io(_) => panic!("C never ends so: {stop:?}"),
    };
    let registers = vm.guest().registers(vm.state());
    End { code: code.into(), output, instructions: vm.instructions(), pc: vm.pc(), registers }
}
