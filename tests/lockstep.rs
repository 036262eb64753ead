//! The lockstep comparison itself: it finds the first instruction that differs, and shares an input.

mod common;

use common::{at_threshold, interpreter, program};
use kiln::compare::lockstep;
use kiln::device::{Answers, Capture, Console, Recorder, Replay, Script};
use kiln::fuzz::Case as _;
use kiln::guest::Stop;
use kiln::guests::lc3::generate::Case;
use kiln::guests::lc3::profile::Profile;
use kiln::guests::lc3::{Lc3, isa::MEMORY};
use kiln::vm::Vm;

/// A key every 1 + 3 × 100 + 1 instructions; the sum of all.
fn keys(input: &[u8]) -> Case {
    let mut case = program(
        "       .ORIG x3000
        LOOP    GETC
                LD R1, TIMES
        INNER   ADD R2, R2, R0
                ADD R1, R1, #-1
                BRp INNER
                BR LOOP
        TIMES   .FILL 100
                .END",
    );
    case.input = input.to_vec();
    case
}

const ROUND: u64 = 1 + 1 + 3 * 100 + 1;

#[test]
fn the_first_difference_is_found() {
    // Two machines that are given different keys part at the GETC that takes the first of them.
    let (a, b) = (keys(&[b"x".repeat(50), b"y".repeat(50)].concat()), keys(&b"x".repeat(100)));
    for config in [interpreter(), at_threshold()] {
        let again = || (a.machine(config.clone()).0, b.machine(interpreter()).0);
        let (mut native, mut reference) = again();
        let difference = lockstep(&mut native, &mut reference, 1 << 20, Some(&mut { again })).unwrap_err();
        assert_eq!((difference.agreed, difference.pc), (50 * ROUND, 0x3000));
        assert_eq!(
            (difference.native.registers[0], difference.reference.registers[0]),
            (("R0", 0x79), ("R0", 0x78))
        );
        let text = difference.to_string();
        assert!(text.contains("->   3000  GETC"), "{text}");
        assert!(text.contains("* R0"), "{text}");
        assert!(text.contains("  R1"), "{text}");
    }
}

#[test]
fn without_fresh_machines_the_slice_is_found() {
    let (a, b) = (keys(&[b"x".repeat(50), b"y".repeat(50)].concat()), keys(&b"x".repeat(100)));
    let (mut native, mut reference) = (a.machine(at_threshold()).0, b.machine(interpreter()).0);
    let difference = lockstep(&mut native, &mut reference, 1 << 20, None).unwrap_err();
    assert!(difference.agreed <= 50 * ROUND && difference.native.instructions > 50 * ROUND);
}

#[test]
fn memory_that_differs_is_listed() {
    let case = program(".ORIG x3000\nLOOP ADD R0, R0, #1\nBR LOOP\n.END");
    let (mut native, mut reference) = (case.machine(at_threshold()).0, case.machine(interpreter()).0);
    native.poke(MEMORY, 0x4321, 0xbeef);
    let difference = lockstep(&mut native, &mut reference, 1000, None).unwrap_err();
    assert_eq!((difference.memory.len(), difference.memory_count), (1, 1));
    assert!(difference.to_string().contains("* memory 4321"), "{difference}");
    assert!(difference.to_string().contains("beef"), "{difference}");
}

#[test]
#[cfg(feature = "jit")]
fn the_region_is_shown() {
    let (a, b) = (keys(b"xxxxxxxxy"), keys(b"xxxxxxxxx"));
    let config = kiln::tier::Config { record: true, ..at_threshold() };
    let (mut native, mut reference) = (a.machine(config).0, b.machine(interpreter()).0);
    let difference = lockstep(&mut native, &mut reference, 1 << 20, None).unwrap_err();
    let text = difference.to_string();
    assert!(text.contains("function u0:") && text.contains("block0"), "{text}");
}

#[test]
fn a_recorded_input_serves_both() {
    let case = keys(b"some keys");
    let answers = Answers::default();
    let machine = |console, config| {
        let lc3 = Lc3::new(Profile::STANDARD, console);
        let state = case.machine(interpreter()).0.state().clone();
        Vm::new(lc3, state, config)
    };
    let typed = Recorder::new(Box::new(Script::new(*b"some keys")), answers.clone());
    let (outputs, replayed) = ([Capture::default(), Capture::default()], Replay::new(answers));
    let mut native = machine(Console::new(Box::new(typed), Box::new(outputs[0].clone())), at_threshold());
    let mut reference =
        machine(Console::new(Box::new(replayed), Box::new(outputs[1].clone())), interpreter());
    let stop = lockstep(&mut native, &mut reference, 1 << 20, None).unwrap();
    assert!(matches!(stop, Stop::Input));
    assert_eq!(native.instructions(), 9 * ROUND);
}
