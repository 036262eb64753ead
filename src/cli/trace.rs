//! `--trace`: a line for every instruction that retires, or what the guest's people know.

use std::io::{self, Write};

use kiln::guest::Stop;
use kiln::guests::{Machine, When};
use kiln::ops::Pc;
use kiln::vm::Vm;

use super::session::{Ending, cannot_write, in_slices};

/// Instructions between looks for signals, and flushes of the guest's output and of the trace.
const SLICE: u64 = 1 << 14;

/// Runs a machine, which must be interpreted, to its end, with a trace to `out`.
pub fn run<G: Machine>(vm: &mut Vm<G>, budget: u64, out: &mut dyn Write) -> Ending {
    let mut registers = vm.guest().registers(vm.state());
    in_slices(budget, SLICE, |n| {
        let before = vm.instructions();
        let mut ending = Ending::Stop(Stop::Budget);
        while vm.instructions() - before < n && matches!(ending, Ending::Stop(Stop::Budget)) {
            ending = match step(vm, &mut registers, out) {
                Ok(stop) => Ending::Stop(stop),
                Err(error) => cannot_write("the trace", &error),
            };
        }
        if let Err(error) = vm.guest_mut().flush() {
            ending = Ending::Stop(Stop::Io(error));
        }
        if let Err(error) = out.flush() {
            ending = cannot_write("the trace", &error);
        }
        (ending, vm.instructions() - before)
    })
}

/// One instruction, and its line if it retires.
fn step<G: Machine>(
    vm: &mut Vm<G>,
    registers: &mut Vec<(String, u64)>,
    out: &mut dyn Write,
) -> io::Result<Stop> {
    let pc = vm.pc();
    let word = G::CODE.and_then(|space| vm.state().bits(space, pc as u64));
    let instruction = vm.guest().disassemble(vm.state(), pc);
    let own = vm.guest().trace(vm.state(), pc, When::Before);
    let before = vm.instructions();
    let stop = vm.run(1);
    if vm.instructions() == before {
        return Ok(stop);
    }
    if let Some(lines) = own {
        let after = vm.guest().trace(vm.state(), pc, When::After);
        write!(out, "{lines}{}", after.unwrap_or_default())?;
        return Ok(stop);
    }
    let word = word.map(G::hex).unwrap_or_default();
    write!(out, "{:>10}  {}  {word}  {instruction:<28}", before + 1, G::address(pc))?;
    let after = vm.guest().registers(vm.state());
    for ((name, now), (_, earlier)) in after.iter().zip(registers.iter()) {
        // Where control goes shows in the next line, unless it jumps.
        let falls = *now == G::next(pc as Pc) as u64 && *earlier == pc as u64;
        if now != earlier && !falls {
            write!(out, " {name}={}", G::value(name, *now))?;
        }
    }
    writeln!(out)?;
    *registers = after;
    Ok(stop)
}
