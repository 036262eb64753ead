//! Whatever the budgets, a run passes through the same states (invariant: Exactness).

mod common;

use common::{configurations, interpreter, program};
use kiln::compare::compare;
use kiln::fuzz::Case as _;
use kiln::guest::{Guest, Stop};
use kiln::guests::lc3::generate::Case;
use kiln::tier::Tiers;

/// More instructions than control passes on any way in these programs' native code without going back.
const LONGEST: u64 = 40;

/// Runs a program in steps of every size from 1 to more than it has instructions; after each step the machine is
/// where single steps of the interpreter lead. The first step of each size is a run from the start.
fn every_budget(case: &Case) {
    let length = {
        let (mut vm, _) = case.machine(interpreter());
        assert!(!matches!(vm.run(1000), Stop::Budget), "the program is too long for this");
        vm.instructions()
    };
    for (name, config) in configurations() {
        let mut native = 0;
        for step in 0..=length + LONGEST {
            let (mut vm, output) = case.machine(config.clone());
            let (mut reference, expected_output) = case.machine(interpreter());
            let mut done = 0;
            loop {
                let stop = vm.run(step);
                let mut expected = Stop::Budget;
                for _ in 0..step {
                    expected = reference.run(1);
                    if !matches!(expected, Stop::Budget) {
                        break;
                    }
                }
                if let Err(difference) = compare((&vm, &stop), (&reference, &expected)) {
                    panic!(
                        "in configuration {name:?}, after {done} in steps of {step}: {difference}\n{case:?}"
                    );
                }
                vm.guest_mut().flush().unwrap();
                reference.guest_mut().flush().unwrap();
                assert_eq!(output.bytes(), expected_output.bytes(), "{name:?}, {done} in steps of {step}");
                if step == 0 || !matches!(stop, Stop::Budget) {
                    break;
                }
                done += step;
                assert_eq!(vm.instructions(), done, "in configuration {name:?}, in steps of {step}");
            }
            native += vm.stats().native;
        }
        if config.tiers == Tiers::Jit {
            assert!(native > length, "in configuration {name:?} hardly anything ran native");
        }
    }
}

#[test]
fn loops() {
    every_budget(&program(
        "       .ORIG x3000
                AND R0, R0, #0
                ADD R1, R0, #5
        OUTER   ADD R2, R0, #3
        INNER   ADD R3, R3, #1
                ADD R2, R2, #-1
                BRp INNER
                ADD R1, R1, #-1
                BRp OUTER
                HALT
                .END",
    ));
}

#[test]
fn calls() {
    every_budget(&program(
        "       .ORIG x3000
                LD R6, STACK
                AND R0, R0, #0
                ADD R0, R0, #5
                JSR FIB
                LEA R2, TWICE
                JSRR R2
                HALT
        ; R1 = fib(R0)
        FIB     ADD R6, R6, #-3
                STR R7, R6, #0
                STR R0, R6, #1
                ADD R1, R0, #-2
                BRzp MORE
                ADD R1, R0, #0
                BR DONE
        MORE    ADD R0, R0, #-1
                JSR FIB
                STR R1, R6, #2
                LDR R0, R6, #1
                ADD R0, R0, #-2
                JSR FIB
                LDR R2, R6, #2
                ADD R1, R1, R2
        DONE    LDR R7, R6, #0
                LDR R0, R6, #1
                ADD R6, R6, #3
                RET
        TWICE   ADD R1, R1, R1
                RET
        STACK   .FILL x5000
                .END",
    ));
}

#[test]
fn self_modification() {
    every_budget(&program(
        "       .ORIG x3000
                AND R0, R0, #0
                ADD R1, R0, #8
        LOOP    LD R2, HERE
                ADD R2, R2, #1
                ST R2, HERE
                ADD R0, R0, #1
        HERE    ADD R0, R0, #0
                ADD R1, R1, #-1
                BRp LOOP
                HALT
                .END",
    ));
}

#[test]
fn traps_and_devices() {
    let mut case = program(
        "       .ORIG x3000
        LOOP    GETC
                ADD R1, R0, #-10
                BRz DONE
                OUT
                LDI R2, DSR
                BRzp LOOP
                STI R0, DDR
                BR LOOP
        DONE    LEA R0, TEXT
                PUTS
                HALT
        DSR     .FILL xFE04
        DDR     .FILL xFE06
        TEXT    .STRINGZ \"!\"
                .END",
    );
    case.input = b"abcdef\n".to_vec();
    every_budget(&case);
}

#[test]
fn a_fault_at_the_end() {
    // It writes words that are no instructions, downwards, until it has written over itself.
    every_budget(&program(
        "       .ORIG x3000
                LD R1, TOP
                LD R0, BAD
        LOOP    STR R0, R1, #0
                LDR R2, R1, #0
                ADD R1, R1, #-1
                ADD R0, R0, #1
                BR LOOP
        TOP     .FILL x3020
        BAD     .FILL xD000
                .END",
    ));
}

#[test]
fn input_that_ends() {
    let mut case = program(
        "       .ORIG x3000
        LOOP    GETC
                ADD R1, R1, R0
                BR LOOP
                .END",
    );
    case.input = b"0123456789".to_vec();
    every_budget(&case);
}

#[test]
fn interrupts() {
    let mut case = program(
        "       .ORIG x3000
                LD R0, ENABLE
                STI R0, KBSR
                AND R1, R1, #0
                ADD R1, R1, #12
        LOOP    ADD R2, R2, R1
                ADD R1, R1, #-1
                BRp LOOP
                LDI R0, KBSR
                HALT
        KEY     LDI R0, KBDR
                ADD R3, R3, R0
                RTI
        ENABLE  .FILL x4000
        KBSR    .FILL xFE00
        KBDR    .FILL xFE02
                .END",
    );
    (case.input, case.pace) = (b"abc".to_vec(), 11);
    case.vectors = vec![(0x0180, 0x3009)];
    every_budget(&case);
}

#[test]
fn a_jump_table() {
    every_budget(&program(
        "       .ORIG x3000
                AND R1, R1, #0
                ADD R1, R1, #12
        LOOP    AND R2, R1, #3
                LEA R3, TABLE
                ADD R3, R3, R2
                LDR R3, R3, #0
                JMP R3
        ZERO    ADD R0, R0, #1
                BR NEXT
        ONE     ADD R0, R0, #2
        TWO     ADD R0, R0, #4
        NEXT    ADD R1, R1, #-1
                BRp LOOP
                HALT
        TABLE   .FILL ZERO
                .FILL ONE
                .FILL TWO
                .FILL NEXT
                .END",
    ));
}

/// A cycle that control enters by a short way in its middle: less has retired then than on the long way to its start.
fn a_cycle_with_two_ways_in() -> Case {
    let long = "ADD R3, R3, #1\n".repeat(20);
    program(&format!(
        "       .ORIG x3000
                AND R1, R1, #0
                ADD R1, R1, #9
                ADD R5, R5, #1
                BRz LONG
                BRnzp MIDDLE
        LONG    {long}
        HEAD    ADD R3, R3, #1
                ADD R4, R4, R3
        MIDDLE  ADD R1, R1, #-1
                BRp HEAD
                HALT
                .END"
    ))
}

#[test]
fn two_ways_into_a_cycle() {
    every_budget(&a_cycle_with_two_ways_in());
}

#[test]
fn the_greatest_budget() {
    for (name, config) in configurations() {
        let (mut vm, _) = a_cycle_with_two_ways_in().machine(config);
        assert!(matches!(vm.run(u64::MAX), Stop::Halted), "{name}");
        assert_eq!(vm.instructions(), 5 + 2 + 8 * 4 + 1, "{name}");
    }
}

/// Programs whose pointers walk in a loop to where accesses are not plain ones any more.
fn walks() -> Vec<Case> {
    let walks = [
        // Loads from memory, then from the keyboard, and so on.
        ("xFDF6", "#1", "LDR R2, R1, #0", "#14"),
        ("xFDF6", "#3", "LDR R2, R1, #2", "#5"),
        // Loads from the system's memory.
        ("x3009", "#-1", "LDR R2, R1, #0", "#12"),
        // HALT over instructions that are executed next.
        ("x3018", "#-1", "STR R2, R1, #0", "#15"),
        ("x3019", "#-2", "STR R2, R1, #-1", "#8"),
        ("xFDF8", "#1", "STR R2, R1, #0", "#12"),
    ];
    let program = |(start, step, access, turns): (&str, &str, &str, &str), moves: &str| {
        program(&format!(
            "       .ORIG x3000
                    LD R1, START
                    LD R3, TURNS
                    ST R3, TURNS            ; no constant: the loop is not written out
                    LD R5, STEP
                    LD R2, STOP
            TURN    {access}
                    {moves}
                    ADD R4, R4, #1
                    ADD R3, R3, #-1
                    BRp TURN
                    ADD R4, R4, #1
                    ADD R4, R4, #2
                    ADD R4, R4, #3
                    ADD R4, R4, #4
                    HALT
            START   .FILL {start}
            STEP    .FILL {step}
            TURNS   .FILL {turns}
            STOP    HALT
                    .BLKW x20
                    .END"
        ))
    };
    let by_constant = walks.map(|walk| program(walk, &format!("ADD R1, R1, {}", walk.1)));
    let by_register = walks.map(|walk| program(walk, "ADD R1, R1, R5"));
    [by_constant, by_register].concat()
}

#[test]
fn pointers_that_arrive() {
    walks().iter().for_each(every_budget);
}

#[cfg(feature = "jit")]
#[test]
fn gates_are_shut_before_pointers_that_arrive() {
    let is_shut = |case: &Case| {
        configurations().into_iter().any(|(_, config)| {
            let (mut vm, _) = case.machine(config);
            vm.run(1000);
            vm.stats().exits().iter().any(|exit| exit.0 == "gate")
        })
    };
    let shut = walks().iter().filter(|case| is_shut(case)).count();
    assert!(shut >= 6, "gates were shut in {shut} of the programs");
}
