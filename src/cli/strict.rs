//! `--strict`: the guest's watcher looks at every instruction before it is executed.

use std::collections::VecDeque;

use kiln::guest::Stop;
use kiln::guests::{Machine, Watcher};
use kiln::ops::Pc;
use kiln::vm::Vm;

use super::session::{Ending, in_slices};

/// Instructions between looks for signals, and flushes of the guest's output.
const SLICE: u64 = 1 << 14;
/// Instructions that are told where something is found.
const BEFORE: usize = 8;

/// Runs a machine, which must be interpreted, to its end or to what the watcher finds; in this case, also what was executed
/// before, a line each.
pub fn run<G: Machine>(
    vm: &mut Vm<G>,
    watcher: &mut dyn Watcher<G>,
    image: &G::Image,
    budget: u64,
) -> (Ending, Vec<String>) {
    let mut before: VecDeque<Pc> = VecDeque::with_capacity(BEFORE);
    let mut found = false;
    let ending = in_slices(budget, SLICE, |n| {
        let start = vm.instructions();
        let mut stop = Stop::Budget;
        while vm.instructions() - start < n && matches!(stop, Stop::Budget) {
            stop = match vm.attend() {
                Some(stop) => stop,
                None => match watcher.look(vm.guest(), vm.state()) {
                    Ok(()) => {
                        if before.len() == BEFORE {
                            before.pop_front();
                        }
                        before.push_back(vm.pc());
                        vm.run(1)
                    }
                    Err(fault) => {
                        found = true;
                        Stop::Fault(fault)
                    }
                },
            };
        }
        if let Err(error) = vm.guest_mut().flush() {
            stop = Stop::Io(error);
        }
        (Ending::Stop(stop), vm.instructions() - start)
    });
    let line = |&pc: &Pc| {
        let source = G::line(image, pc).map(|(file, line)| format!("{file}:{line}"));
        let instruction = vm.guest().disassemble(vm.state(), pc);
        format!("  before: {}: {instruction:<24} {}", G::address(pc), source.unwrap_or_default())
    };
    let before = if found { before.iter().map(line).collect() } else { Vec::new() };
    (ending, before)
}
