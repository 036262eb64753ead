//! Machines of one program share what can be shared, and nothing else.

mod common;

use common::{at_once, at_threshold, interpreter};
use kiln::compare::compare;
use kiln::device::{Capture, Console};
use kiln::fuzz::{self, Case as _, Summary, noise};
use kiln::guest::{Guest, Stop};
use kiln::guests::lc3::generate::Case;
use kiln::guests::lc3::isa::{MEMORY, r};
use kiln::guests::lc3::{Lc3, word};
use kiln::guests::{self, Machine, Visit};
use kiln::program::Program;
use kiln::tier::Config;
use kiln::vm::Vm;

fn console(input: &str) -> Console {
    Console::scripted(input).0
}

/// A program that starts as the case does.
fn load(case: &Case, config: Config) -> Program<Lc3> {
    let (vm, _) = case.machine(interpreter());
    Program::new(vm.guest().fork(console("")), vm.state().clone(), config)
}

/// A machine of the program that reads this.
fn reading(program: &Program<Lc3>, input: &str) -> (Vm<Lc3>, Capture) {
    let (console, output) = Console::scripted(input);
    (program.machine(console), output)
}

/// Reads a digit; R0 is the sum of so many hundreds and all below, R3 how often it went round.
const SUM: &str = "
        .ORIG x3000
        GETC
        LD R1, ZERO
        ADD R1, R0, R1
        LD R2, HUNDRED
        AND R3, R3, #0
MUL     ADD R3, R3, R2
        ADD R1, R1, #-1
        BRp MUL
        AND R0, R0, #0
LOOP    ADD R0, R0, R3
        ADD R3, R3, #-1
        BRp LOOP
        ST R0, SUM
        HALT
ZERO    .FILL -48
HUNDRED .FILL 100
SUM     .BLKW 1
        .END";

fn sum(digit: u32) -> u16 {
    (100 * digit * (100 * digit + 1) / 2) as u16
}

struct Random;

impl Visit for Random {
    type Output = ();

    fn visit<G: Machine>(self) {
        const SEEDS: u64 = 200;
        let mut total = Summary::default();
        for seed in 0..SEEDS {
            match fuzz::shared::<G::Case>(&noise(seed, 700)) {
                Ok(summary) => total += summary,
                Err(story) => panic!("{}, seed {seed}: {story}", G::NAME),
            }
        }
        if cfg!(feature = "jit") {
            assert!(total.native * 4 > total.instructions, "{}: native code hardly ran: {total:?}", G::NAME);
            assert!(total.shared > SEEDS / 2, "{}: hardly a region was shared: {total:?}", G::NAME);
        }
    }
}

/// Every guest's random programs, on machines that are run, changed, made anew and forked.
#[test]
fn machines_of_one_program_do_not_disturb_each_other() {
    for name in guests::NAMES {
        guests::visit(name, Random).expect("the guest is listed");
    }
}

#[test]
fn a_machine_made_anew_is_a_new_one() {
    for config in [interpreter(), at_once(), at_threshold()] {
        let program = load(&common::program(SUM), config);
        let (mut vm, _) = reading(&program, "7");
        assert!(matches!(vm.run(1_000_000), Stop::Halted));
        assert_eq!((vm.state().get(r(0)), word(vm.state(), 0x3010)), (sum(7), sum(7)));
        vm.poke(MEMORY, 0x3009, 0);
        vm.poke(MEMORY, 0xfdff, 1);
        program.reset(&mut vm, console("3"));
        let fresh = program.machine(console(""));
        compare((&vm, &Stop::Budget), (&fresh, &Stop::Budget)).unwrap_or_else(|d| panic!("{d}"));
        assert!(matches!(vm.run(1_000_000), Stop::Halted));
        assert_eq!(word(vm.state(), 0x3010), sum(3));
        // As it was before it was anything's machine, bit for bit.
        program.reset(&mut vm, console(""));
        let (lone, _) = common::program(SUM).machine(interpreter());
        assert_eq!(vm.state().bytes(0), lone.state().bytes(0));
        assert!((0..128).all(|slot| vm.state().slot(slot) == lone.state().slot(slot)));
    }
}

#[test]
fn devices_are_made_anew() {
    // Shows the last key in KBDR and what KBSR has, and changes whether that asks for interrupts.
    let source = "
        .ORIG x3000
        LDI R0, KBDR
        LDI R1, KBSR
        STI R2, KBSR
        HALT
KBSR    .FILL xFE00
KBDR    .FILL xFE02
        .END";
    let program = load(&common::program(source), interpreter());
    let (mut vm, _) = reading(&program, "ab");
    vm.set(r(2), 0x4000);
    // Not as far as the interrupt.
    assert!(matches!(vm.run(3), Stop::Budget));
    assert_eq!((vm.state().get(r(0)), vm.state().get(r(1))), (b'a'.into(), 0x8000));
    program.reset(&mut vm, console(""));
    let stop = vm.run(100);
    assert!(matches!(stop, Stop::Halted), "{stop:?}");
    assert_eq!((vm.state().get(r(0)), vm.state().get(r(1))), (0, 0));
}

#[test]
fn a_fork_goes_on_from_there_with_its_own_input() {
    let program = load(
        &common::program(".ORIG x3000\nLOOP GETC\nADD R1, R1, R0\nST R1, SUM\nBR LOOP\nSUM .BLKW 1\n.END"),
        interpreter(),
    );
    let (mut vm, _) = reading(&program, "\x01");
    assert!(matches!(vm.run(4), Stop::Budget));
    let mut fork = vm.fork(console("\x10"));
    let mut fork_of_fork = fork.fork(console("\x20"));
    for (vm, sum) in [(&mut vm, 1), (&mut fork, 0x11), (&mut fork_of_fork, 0x21)] {
        assert!(matches!(vm.run(100), Stop::Input));
        assert_eq!(word(vm.state(), 0x3004), sum);
    }
    program.reset(&mut fork, console("\x02"));
    assert!(matches!(fork.run(100), Stop::Input));
    assert_eq!(word(fork.state(), 0x3004), 2);
    program.copy(&mut fork, &fork_of_fork, console("\x03"));
    assert!(matches!(fork.run(100), Stop::Input));
    assert_eq!(word(fork.state(), 0x3004), 0x24);
}

#[test]
#[should_panic(expected = "one of this program")]
fn a_machine_of_another_program_is_refused() {
    let case = common::program(SUM);
    let mut vm = load(&case, interpreter()).machine(console(""));
    load(&case, interpreter()).reset(&mut vm, console(""));
}

#[cfg(feature = "jit")]
mod native {
    use kiln::tier::Compile;

    use super::*;

    /// A hot loop whose step its second half changes where the input says so.
    const CHANGES: &str = "
        .ORIG x3000
        GETC
        AND R2, R2, #0
AGAIN   LD R1, TIMES
LOOP    ADD R2, R2, #1
        ADD R1, R1, #-1
        BRp LOOP
        ADD R3, R0, #-1
        BRnp DONE
        LD R3, TWO
        ST R3, LOOP
        ADD R0, R0, #1
        BR AGAIN
DONE    HALT
TIMES   .FILL 1000
TWO     ADD R2, R2, #2
        .END";

    fn after(vm: &mut Vm<Lc3>) -> u16 {
        assert!(matches!(vm.run(1_000_000), Stop::Halted));
        vm.state().get(r(2))
    }

    #[test]
    fn what_one_machine_compiles_serves_all() {
        let program = load(&common::program(SUM), at_threshold());
        let (mut first, _) = reading(&program, "9");
        first.run(1_000_000);
        assert!(first.stats().regions > 0, "{:?}", first.stats());
        for digit in 1..9 {
            let (mut vm, _) = reading(&program, &digit.to_string());
            vm.run(1_000_000);
            assert_eq!(vm.state().get(r(0)), sum(digit));
            let stats = vm.stats();
            assert!(stats.regions == 0 && stats.shared > 0 && stats.native > 100, "{stats:?}");
        }
    }

    #[test]
    fn a_machine_that_changes_its_code_changes_nobody_elses() {
        let program = load(&common::program(CHANGES), at_threshold());
        let (mut stays, _) = reading(&program, "\0");
        assert_eq!(after(&mut stays), 1000);
        let mut changes = program.machine(console("\x01"));
        assert_eq!(after(&mut changes), 3000);
        assert!(changes.stats().shared > 0 && changes.stats().invalidated > 0, "{:?}", changes.stats());
        // Its native code is still the one that it was.
        program.reset(&mut stays, console("\0"));
        assert_eq!(after(&mut stays), 1000);
        assert!(stays.stats().interpreted < 100 && stays.stats().invalidated == 0, "{:?}", stays.stats());
        // And what had changed is what it was again: by its own native code, not compiled again.
        program.reset(&mut changes, console("\0"));
        assert_eq!(after(&mut changes), 1000);
        assert!(changes.stats().regions == 0 && changes.stats().shared > 0, "{:?}", changes.stats());
    }

    #[test]
    fn code_that_changes_in_every_run_is_compiled_once() {
        let program = load(&common::program(CHANGES), at_threshold());
        let mut vm = program.machine(console("\x01"));
        let mut compiled = 0;
        for round in 0..50 {
            assert_eq!(after(&mut vm), 3000);
            assert!(vm.stats().native > 4000, "round {round}: {:?}", vm.stats());
            compiled += vm.stats().regions;
            program.reset(&mut vm, console("\x01"));
        }
        assert!(compiled <= 8, "{compiled} regions were compiled");
    }

    #[test]
    fn whoever_goes_first_takes_nothing_away() {
        let program = load(&common::program(SUM), at_threshold());
        let mut first = program.machine(console("9"));
        first.run(1_000_000);
        let mut second = program.machine(console("8"));
        second.run(50);
        drop(first);
        let third = program.machine(console("7"));
        drop(program);
        for (mut vm, digit) in [(second, 8), (third, 7)] {
            assert!(matches!(vm.run(1_000_000), Stop::Halted));
            assert_eq!(vm.state().get(r(0)), sum(digit));
            assert!(vm.stats().shared > 0 && vm.stats().native > 100, "{:?}", vm.stats());
        }
    }

    #[test]
    fn all_code_may_go_while_others_use_it() {
        let program = load(&common::program(CHANGES), Config { code_cap: 0, ..at_threshold() });
        let mut vms: Vec<_> = (0..4).map(|n| program.machine(console(["\0", "\x01"][n % 2]))).collect();
        let mut running = vec![true; vms.len()];
        for slice in [10, 100, 1000, 2000, 100_000] {
            for (vm, running) in vms.iter_mut().zip(&mut running).filter(|(_, running)| **running) {
                *running = matches!(vm.run(slice), Stop::Budget);
            }
        }
        let results: Vec<u16> = vms.iter().map(|vm| vm.state().get(r(2))).collect();
        assert_eq!(results, [1000, 3000, 1000, 3000]);
        let flushes: u64 = vms.iter().map(|vm| vm.stats().flushes).sum();
        assert!(flushes > 0 && vms.iter().all(|vm| vm.stats().native > 0));
    }

    /// As a grader does it: many inputs, machines made anew, on several threads.
    #[test]
    fn on_several_threads() {
        for compile in [Compile::Inline, Compile::Background] {
            let sums = load(&common::program(SUM), Config { compile, ..at_threshold() });
            let changes = load(&common::program(CHANGES), Config { compile, ..at_threshold() });
            let work = &|thread: u32| {
                let mut total = Summary::default();
                let mut vm = sums.machine(console(""));
                let mut changing = changes.machine(console(""));
                for round in 0..200 {
                    total += Summary::of(&vm);
                    let digit = 1 + (thread + round) % 9;
                    sums.reset(&mut vm, console(&digit.to_string()));
                    assert!(matches!(vm.run(1_000_000), Stop::Halted));
                    assert_eq!(vm.state().get(r(0)), sum(digit));
                    let (input, result) = [("\0", 1000), ("\x01", 3000)][(thread + round) as usize % 2];
                    changes.reset(&mut changing, console(input));
                    assert_eq!(after(&mut changing), result);
                }
                total
            };
            let totals: Vec<Summary> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..4).map(|thread| scope.spawn(move || work(thread))).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            let regions: u64 = totals.iter().map(|total| total.regions).sum();
            assert!(regions < 100, "{totals:?}");
            // What another thread compiles may come when all is over.
            let native = totals.iter().all(|total| total.native > 10_000 && total.regions + total.shared > 0);
            assert!(native || compile == Compile::Background, "{totals:?}");
        }
    }
}
