//! Interrupts of the keyboard and the timer, and exceptions that programs deal with, in every configuration.

mod common;

use common::{Ran, configurations, everywhere, interpreter, program, run};
use kiln::fuzz::Case as _;
use kiln::guest::Stop;
use kiln::guests::lc3::generate::Case;
use kiln::guests::lc3::isa::{MODE, SSP, USP};
use kiln::guests::lc3::profile::Profile;

const BUDGET: u64 = 1_000_000;

/// A program with handlers of the keyboard's and the timer's interrupts, labelled KEYBOARD and TIMER, or of others.
fn with_vectors(source: &str, vectors: &[(u16, &str)]) -> Case {
    let mut case = program(source);
    let image = kiln::guests::lc3::image::Image::read("test.asm", source.as_bytes()).unwrap();
    case.vectors =
        vectors.iter().map(|&(entry, name)| (entry, image.symbols.address(name).unwrap())).collect();
    case
}

/// Counts until a handler has seen a line, and shows what was typed.
fn echo() -> Case {
    let mut case = with_vectors(
        "       .ORIG x3000
                LD R6, STACK
                LD R1, ENABLE
                STI R1, KBSR
                AND R2, R2, #0
        LOOP    ADD R2, R2, #1
                LD R1, DONE
                BRz LOOP
                HALT
        KEY     ADD R6, R6, #-2
                STR R0, R6, #0
                STR R1, R6, #1
                LDI R0, KBDR
        WAIT    LDI R1, DSR
                BRzp WAIT
                STI R0, DDR
                ADD R1, R0, #-10
                BRnp RETURN
                ST R0, DONE
        RETURN  LDR R0, R6, #0
                LDR R1, R6, #1
                ADD R6, R6, #2
                RTI
        STACK   .FILL xFE00
        ENABLE  .FILL x4000
        KBSR    .FILL xFE00
        KBDR    .FILL xFE02
        DSR     .FILL xFE04
        DDR     .FILL xFE06
        DONE    .FILL 0
                .END",
        &[(0x0180, "KEY")],
    );
    case.input = b"typed while it counts\n".to_vec();
    case
}

/// The machine is as it was before any interrupt.
fn is_settled(ran: &Ran) {
    let state = ran.vm.state();
    assert_eq!((state.get(MODE), state.get(SSP), state.get(USP)), (0x8000, 0x3000, 0xfe00));
}

#[test]
fn a_keyboard_handler() {
    let mut case = echo();
    case.pace = 997;
    everywhere(&case, BUDGET, |ran| {
        assert!(matches!(ran.stop, Stop::Halted));
        assert_eq!(ran.output, case.input);
        is_settled(ran);
    });
}

#[test]
fn keys_from_a_pipe_come_now_and_then() {
    // The program has time between them.
    let case = echo();
    everywhere(&case, BUDGET, |ran| {
        assert_eq!(ran.output, case.input);
        let keys = case.input.len() as u64;
        assert!((keys * 9_000..keys * 12_000).contains(&ran.vm.instructions()), "{}", ran.vm.instructions());
    });
}

#[test]
fn keys_faster_than_their_handler() {
    // The next interrupt comes when RTI lowers the priority.
    let mut case = echo();
    case.pace = 1;
    for (name, config) in configurations() {
        let ran = run(&case, config, BUDGET);
        assert_eq!(ran.output, case.input, "in configuration {name:?}");
        assert!(ran.vm.instructions() < 13 * 22 + 20, "in configuration {name:?}");
        is_settled(&ran);
    }
}

/// The interrupt comes before the very instruction that a run of the same program without it would be at.
#[test]
fn at_every_count() {
    let source = "
                .ORIG x3000
                LD R0, ENABLE
                STI R0, KBSR
        AGAIN   AND R1, R1, #0
                ADD R1, R1, #6
        LOOP    ST R1, WORD
                LDR R2, R1, #0
                JSR MORE
                ADD R1, R1, #-1
                BRp LOOP
                BR AGAIN
        MORE    ADD R3, R3, #1
                RET
        KEY     LDR R4, R6, #0
                LDR R5, R6, #1
                HALT
        ENABLE  .FILL x4000
        KBSR    .FILL xFE00
        WORD    .FILL 0
                .END";
    let mut case = with_vectors(source, &[(0x0180, "KEY")]);
    case.profile = Profile::SECOND;
    let mut undisturbed = with_vectors(source, &[]);
    undisturbed.profile = Profile::SECOND;
    case.input = vec![b'k'];
    for (name, config) in configurations() {
        for at in 2..180 {
            case.pace = at;
            let expected = run(&undisturbed, interpreter(), at.into());
            let ran = run(&case, config.clone(), BUDGET);
            let story = format!("in configuration {name:?}, at {at}");
            assert!(matches!(ran.stop, Stop::Halted), "{story}");
            assert_eq!(ran.r(4), expected.vm.pc() as u16, "where it was, {story}");
            assert_eq!(ran.r(5), kiln::guests::lc3::isa::psr(expected.vm.state()), "PSR, {story}");
            assert_eq!((ran.r(1), ran.r(3)), (expected.r(1), expected.r(3)), "{story}");
            assert_eq!(ran.vm.instructions(), u64::from(at) + 3, "{story}");
            // Before it: the budget ends first.
            let (mut vm, _) = case.machine(config.clone());
            assert!(matches!(vm.run(at.into()), Stop::Budget), "{story}");
            assert_eq!(vm.pc(), expected.vm.pc(), "{story}");
        }
    }
}

#[test]
fn a_timer() {
    // A hundred instructions from one ring to the next, in the handler, too.
    let mut case = with_vectors(
        "       .ORIG x3000
                LD R0, INTERVAL
                STI R0, TIR
                LD R0, ENABLE
                STI R0, TSR
        LOOP    ADD R1, R1, #1
                ADD R3, R2, #-10
                BRn LOOP
                HALT
        RING    ADD R2, R2, #1
                RTI
        INTERVAL .FILL 100
        ENABLE  .FILL x4000
        TSR     .FILL xFE08
        TIR     .FILL xFE0A
                .END",
        &[(0x0181, "RING")],
    );
    case.is_supervisor = true;
    everywhere(&case, BUDGET, |ran| {
        assert!(matches!(ran.stop, Stop::Halted));
        assert_eq!(ran.r(2), 10);
        // It was set by the second instruction; HALT comes when the loop has gone round.
        assert!((1002 + 2..1002 + 2 + 6).contains(&ran.vm.instructions()), "{}", ran.vm.instructions());
    });
}

#[test]
fn a_timer_that_is_polled() {
    let mut case = program(
        "       .ORIG x3000
                LD R0, INTERVAL
                STI R0, TIR
        LOOP    ADD R1, R1, #1
                LDI R0, TSR
                BRzp LOOP
                ADD R2, R2, #1
                ADD R3, R2, #-5
                BRn LOOP
                LDI R0, TSR
                HALT
        INTERVAL .FILL 1000
        TSR     .FILL xFE08
        TIR     .FILL xFE0A
                .END",
    );
    case.profile = Profile::SECOND;
    everywhere(&case, BUDGET, |ran| {
        assert_eq!((ran.r(2), ran.r(0)), (5, 0));
        assert!((5000..5020).contains(&ran.vm.instructions()));
    });
}

#[test]
fn a_high_priority_keeps_interrupts_away() {
    let mut case = with_vectors(
        "       .ORIG x3000
                LD R0, PRIORITY
                STI R0, PSR
                LD R0, ENABLE
                STI R0, KBSR
                LD R1, TIMES
        LOOP    ADD R1, R1, #-1
                BRp LOOP
                AND R0, R0, #0
                STI R0, PSR
                ADD R2, R2, #0
                BRz MISSED
                HALT
        MISSED  ADD R3, R3, #-1
                HALT
        KEY     ADD R2, R2, #1
                ADD R4, R1, #0
                LDI R0, KBDR
                RTI
        PRIORITY .FILL x0400
        ENABLE  .FILL x4000
        TIMES   .FILL 300
        KBSR    .FILL xFE00
        KBDR    .FILL xFE02
        PSR     .FILL xFFFC
                .END",
        &[(0x0180, "KEY")],
    );
    (case.is_supervisor, case.input, case.pace) = (true, vec![b'k'], 30);
    everywhere(&case, BUDGET, |ran| {
        assert!(matches!(ran.stop, Stop::Halted));
        assert_eq!((ran.r(2), ran.r(3), ran.r(4)), (1, 0, 0), "only when the priority was lowered");
    });
}

#[test]
fn an_interrupt_without_a_handler() {
    let mut case = program(
        "       .ORIG x3000
                LD R0, ENABLE
                STI R0, KBSR
        LOOP    ADD R1, R1, #1
                BR LOOP
        ENABLE  .FILL x4000
        KBSR    .FILL xFE00
                .END",
    );
    (case.input, case.pace) = (vec![b'k'], 500);
    everywhere(&case, BUDGET, |ran| {
        assert_eq!((ran.fault(), ran.vm.instructions()), ("unknown_interrupt", 500));
    });
}

/// A user program that a small system of its own lets run, and goes on after.
#[test]
fn exceptions_that_a_program_deals_with() {
    let mut case = with_vectors(
        "       .ORIG x3000
                LD R6, STACK
                LD R1, TIMES
        LOOP    LD R2, SYSTEM
                LDR R0, R2, #0
                .FILL xD000
                RTI
                LD R0, SYSTEM
                JSRR R0
                ADD R1, R1, #-1
                BRp LOOP
                HALT
        ACV     ADD R3, R3, #1
                LDR R0, R6, #0
                LD R2, OUTSIDE
                ADD R0, R0, R2
                BRnp SKIP
                ; It jumped into the system: back to where R7 says.
                STR R7, R6, #0
        SKIP    RTI
        ILLEGAL ADD R4, R4, #1
                RTI
        PRIVILEGE ADD R5, R5, #1
                RTI
        STACK   .FILL xFE00
        TIMES   .FILL 500
        SYSTEM  .FILL x0300
        OUTSIDE .FILL -x0301
                .END",
        &[(0x0100, "PRIVILEGE"), (0x0101, "ILLEGAL"), (0x0102, "ACV")],
    );
    case.is_supervisor = false;
    everywhere(&case, BUDGET, |ran| {
        assert!(matches!(ran.stop, Stop::Halted));
        assert_eq!((ran.r(3), ran.r(4), ran.r(5)), (1000, 500, 500));
        is_settled(ran);
    });
}

/// Code below x3000 that gets hot runs native for the supervisor, and for nobody else.
#[test]
fn system_code_for_the_supervisor_only() {
    let source = "
                .ORIG x0200
                LD R1, TIMES
        LOOP    ADD R2, R2, #3
                ST R2, SUM
                LD R3, SUM
                ADD R1, R1, #-1
                BRp LOOP
                LD R0, USER
                ADD R6, R6, #-2
                STR R0, R6, #0
                LD R0, PSR
                STR R0, R6, #1
                RTI
        SUM     .FILL 0
        TIMES   .FILL 2000
        USER    .FILL LOOP
        PSR     .FILL x8002
                .END";
    let mut case = program(source);
    case.is_supervisor = true;
    everywhere(&case, BUDGET, |ran| {
        // It went on in user mode at its own loop, which it may not execute.
        assert_eq!((ran.fault(), ran.vm.pc(), ran.r(3)), ("access_violation", 0x0201, 6000));
        assert_eq!(ran.vm.instructions(), 1 + 5 * 2000 + 6);
    });
}

/// What random programs are for: some of them get so far.
#[test]
fn random_programs_are_interrupted() {
    use kiln::fuzz::{Choices, noise};
    let (mut interrupted, mut supervisors) = (0, 0);
    for seed in 0..800 {
        let case = Case::generate(&mut Choices::new(&noise(seed, 600)));
        let (mut vm, _) = case.machine(interpreter());
        let modes: Vec<u16> =
            std::iter::repeat_with(|| (vm.run(1), vm.state().get(MODE)).1).take(1500).collect();
        interrupted += usize::from(modes.contains(&0x0400));
        supervisors += usize::from(modes.contains(&0) && modes.contains(&0x8000));
    }
    assert!(interrupted >= 16, "of 800 programs only {interrupted} were interrupted");
    assert!(supervisors >= 40, "of 800 programs only {supervisors} went from mode to mode");
}

/// Beside an LC-3 that others wrote.
#[cfg(feature = "oracle")]
mod oracle {
    use std::collections::VecDeque;
    use std::sync::{Arc, RwLock};

    use kiln::device::Console;
    use kiln::guests::lc3::isa;
    use kiln::tape::Tape;
    use lc3_ensemble::ast::Reg;
    use lc3_ensemble::sim::device::BufferedKeyboard;
    use lc3_ensemble::sim::mem::MachineInitStrategy;
    use lc3_ensemble::sim::{SimFlags, Simulator};

    use super::*;

    /// Keys that interrupt a program: where, how often, what is on the stack, and where RTI leads.
    #[test]
    fn as_in_the_oracle() {
        let source = "
                    .ORIG x3000
                    LD R1, ENABLE
                    LD R6, STACK
            LOOP    ADD R2, R2, #3
                    ST R2, SUM
                    AND R3, R2, #7
                    BRnp LOOP
                    STI R1, KBSR
                    ADD R4, R4, #1
                    BR LOOP
            KEY     LDI R0, KBDR
                    ADD R5, R5, R0
                    ADD R6, R6, #-1
                    STR R5, R6, #0
                    NOT R0, R0
                    ADD R6, R6, #1
                    RTI
            ENABLE  .FILL x4000
            STACK   .FILL x4000
            SUM     .FILL 0
            KBSR    .FILL xFE00
            KBDR    .FILL xFE02
                    .END";
        let mut case = common::program(source);
        // Both let a user program have its devices. All keys are there when they are first asked for.
        case.profile = Profile::SECOND;
        case.input = (1..30).collect();
        case.vectors = vec![(0x0180, 0x3009)];
        let registers = [Reg::R0, Reg::R1, Reg::R2, Reg::R3, Reg::R4, Reg::R5, Reg::R6, Reg::R7];
        for (name, config) in configurations() {
            let machine_init = MachineInitStrategy::Known { value: 0 };
            let mut sim =
                Simulator::new(SimFlags { machine_init, ignore_privilege: true, ..SimFlags::default() });
            for (at, &word) in (case.origin..).zip(&case.words) {
                sim.mem[at].set(word);
            }
            sim.pc = case.origin;
            sim.mem[0x0180].set(0x3009);
            let keys = case.input.iter().copied().collect::<VecDeque<u8>>();
            sim.device_handler.set_keyboard(BufferedKeyboard::new(Arc::new(RwLock::new(keys))));
            let tape = Tape::new(case.input.iter().map(|&key| (0, key)));
            let (vm, _) = case.machine(config);
            let mut vm = vm.fork(Console::new(Box::new(tape), Box::new(std::io::sink())));
            let mut in_handler = 0;
            for step in 1..2000 {
                assert!(matches!(vm.run(1), Stop::Budget));
                while sim.instructions_run < step {
                    sim.step_in().unwrap();
                }
                let story = format!("in configuration {name:?}, after {step}");
                let state = vm.state();
                assert_eq!(state.pc() as u16, sim.pc, "PC, {story}");
                for (n, reg) in registers.into_iter().enumerate() {
                    assert_eq!(state.get(isa::r(n as u8)), sim.reg_file[reg].get(), "R{n}, {story}");
                }
                assert_eq!(isa::psr(state) & 0x8700, sim.psr().get() & 0x8700, "mode and priority, {story}");
                in_handler += usize::from(isa::psr(state) & 0x8000 == 0);
            }
            assert_eq!(in_handler, 6 * 29, "in configuration {name:?}");
            for at in [0x2ffd, 0x2ffe] {
                assert_eq!(
                    kiln::guests::lc3::word(vm.state(), at),
                    sim.mem[at].get(),
                    "x{at:04X} in configuration {name:?}"
                );
            }
        }
    }
}
