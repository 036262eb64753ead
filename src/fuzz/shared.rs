//! Machines that share a program.

use super::{Case, Choices, Summary, config};
use crate::compare::compare;
use crate::device::{Capture, Console};
use crate::guest::{Guest, Stop};
use crate::program::Program;
use crate::tier::{Config, Tiers};
use crate::vm::Vm;

/// A machine of a program, the same by itself in the interpreter, and their outputs.
struct Pair<G: Guest> {
    vm: Vm<G>,
    reference: Vm<G>,
    outputs: [Capture; 2],
}

impl<G: Guest> Pair<G> {
    fn new(input: &[u8], machines: impl FnOnce(Console, Console) -> (Vm<G>, Vm<G>)) -> Self {
        let ((console, output), (own, own_output)) = (Console::scripted(input), Console::scripted(input));
        let (vm, reference) = machines(console, own);
        Pair { vm, reference, outputs: [output, own_output] }
    }

    fn run(&mut self, budget: u64) -> Result<(), String> {
        let (stop, expected) = (self.vm.run(budget), self.reference.run(budget));
        self.is_same((&stop, &expected))
    }

    fn is_same(&mut self, (stop, expected): (&Stop, &Stop)) -> Result<(), String> {
        compare((&self.vm, stop), (&self.reference, expected)).map_err(|d| d.to_string())?;
        for vm in [&mut self.vm, &mut self.reference] {
            vm.guest_mut().flush().map_err(|e| e.to_string())?;
        }
        let [output, expected] = self.outputs.each_ref().map(Capture::bytes);
        if output == expected { Ok(()) } else { Err(format!("wrote {output:?}, by itself {expected:?}")) }
    }
}

/// Checks that machines of one program, in any order run, changed, made anew and forked, each with its own input, do
/// what machines by themselves do in the interpreter.
///
/// # Errors
/// Where they part: the case, the configuration, what was done and both states.
pub fn shared<C: Case>(bytes: &[u8]) -> Result<Summary, String> {
    const MACHINES: u16 = 3;
    let choices = &mut Choices::new(bytes);
    let config = config(choices);
    let plan: Vec<[u8; 4]> = (0..4 + choices.below(20)).map(|_| [(); 4].map(|()| choices.byte())).collect();
    let case = C::generate(choices);
    let (start, _) = case.machine(Config { tiers: Tiers::Interpreter, ..config.clone() });
    let guest = start.guest().fork(Console::scripted("").0);
    let program = Program::new(guest, start.state().clone(), config.clone());
    let own = |console: Console| start.fork(console);

    let fresh = |input: &[u8]| Pair::new(input, |a, b| (program.machine(a), own(b)));
    let mut pairs: Vec<Pair<C::Guest>> = (0..MACHINES).map(|n| fresh(&[n as u8; 5])).collect();
    let mut total = Summary::default();
    for (turn, &[which, action, a, b]) in plan.iter().enumerate() {
        let story = |what| format!("action {turn}: {what}\n{config:?}\nplan {plan:?}\n{case:?}");
        let which = which as usize % pairs.len();
        let pair = &mut pairs[which];
        match action {
            0..128 => pair.run(u64::from(u16::from_be_bytes([a, b]) >> (a % 12))).map_err(story)?,
            128..176 => {
                total += Summary::of(&pair.vm);
                let ((console, output), (own_console, own_output)) =
                    (Console::scripted([a, b]), Console::scripted([a, b]));
                program.reset(&mut pair.vm, console);
                pair.reference = own(own_console);
                pair.outputs = [output, own_output];
                pair.is_same((&Stop::Budget, &Stop::Budget)).map_err(story)?;
            }
            176..216 => {
                let other = (which + 1) % pairs.len();
                total += Summary::of(&pairs[other].vm);
                let [from, to] = pairs.get_disjoint_mut([which, other]).expect("they are not the same");
                *to = Pair::new(&[a, b], |console, own| {
                    let own = from.reference.fork(own);
                    if action % 2 == 0 {
                        return (from.vm.fork(console), own);
                    }
                    let mut vm = program.machine(Console::scripted("").0);
                    std::mem::swap(&mut vm, &mut to.vm);
                    program.copy(&mut vm, &from.vm, console);
                    (vm, own)
                });
                to.is_same((&Stop::Budget, &Stop::Budget)).map_err(story)?;
            }
            216..240 => {
                [&mut pair.vm, &mut pair.reference].into_iter().for_each(|vm| case.meddle(a.into(), vm))
            }
            240.. => pairs[which] = fresh(&[a, b]),
        }
    }
    pairs.iter().for_each(|pair| total += Summary::of(&pair.vm));
    Ok(total)
}
