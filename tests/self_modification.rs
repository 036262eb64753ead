//! Programs that change themselves (invariant: Freshness): wherever the changed word is, and whoever writes it.

mod common;

use common::{Ran, configurations, everywhere, must_compile, program, run};
use kiln::fuzz::Case as _;
use kiln::guest::Stop;
use kiln::guests::lc3::isa::{MEMORY, r};
use kiln::guests::lc3::profile::Profile;
use kiln::tier::Config;

/// Enough for each of these programs.
const BUDGET: u64 = 2_000_000;

/// Runs a program to its HALT everywhere; R0 is its result.
fn gives(source: &str, result: u16) {
    everywhere(&program(source), BUDGET, |ran: &Ran| {
        assert!(matches!(ran.stop, Stop::Halted));
        assert_eq!(ran.r(0), result, "R0");
    });
}

#[test]
fn the_next_instruction() {
    // Each time the next instruction is another: + 1, then + 2, in turns.
    gives(
        "       .ORIG x3000
                AND R0, R0, #0
                LD R1, TIMES
        LOOP    LD R2, ONE
                ST R2, HERE
        HERE    ADD R0, R0, #0
                LD R2, TWO
                ST R2, THERE
        THERE   ADD R0, R0, #0
                ADD R1, R1, #-1
                BRp LOOP
                HALT
        TIMES   .FILL 300
        ONE     ADD R0, R0, #1
        TWO     ADD R0, R0, #2
                .END",
        900,
    );
}

#[test]
fn the_next_instruction_changes_every_time() {
    // The instruction counts up its own immediate, which wraps in its five bits: 0 + 1 + ... + 15, once.
    gives(
        "       .ORIG x3000
                AND R0, R0, #0
                LD R1, TIMES
        LOOP    LD R2, HERE
                ADD R2, R2, #1
                ST R2, HERE
        HERE    ADD R0, R0, #0
                ADD R1, R1, #-1
                BRp LOOP
                HALT
        TIMES   .FILL 15
                .END",
        120,
    );
}

#[test]
fn the_same_block() {
    // What is written is some instructions ahead, and behind.
    gives(
        "       .ORIG x3000
                AND R0, R0, #0
                LD R1, TIMES
                LD R3, FLIP
        LOOP    ADD R4, R4, #0
        BACK    ADD R0, R0, #1
                LD R2, AHEAD
                NOT R2, R2
                AND R5, R3, R2
                NOT R2, R2
                NOT R3, R3
                AND R2, R2, R3
                NOT R3, R3
                ADD R2, R2, R5
                ST R2, AHEAD
                ST R2, BACK
                ADD R4, R4, #0
        AHEAD   ADD R0, R0, #1
                ADD R1, R1, #-1
                BRp LOOP
                HALT
        TIMES   .FILL 100
        FLIP    .FILL 2
                .END",
        // The immediate is 1 or 3: 1 first behind, then what was written before.
        100 * 4,
    );
}

#[test]
fn the_same_region() {
    // An inner loop whose step is changed by the outer one.
    gives(
        "       .ORIG x3000
                AND R0, R0, #0
                LD R1, TIMES
        OUTER   LD R4, INNERS
                LEA R3, STEPS
                AND R2, R1, #3
                ADD R3, R3, R2
                LDR R2, R3, #0
                LEA R3, STEP
                STR R2, R3, #0
        INNER   BRz STEP
        STEP    ADD R0, R0, #0
                ADD R4, R4, #-1
                BRp INNER
                ADD R1, R1, #-1
                BRp OUTER
                HALT
        TIMES   .FILL 40
        INNERS  .FILL 50
        STEPS   ADD R0, R0, #1
                ADD R0, R0, #2
                ADD R0, R0, #-1
                ADD R0, R0, #3
                .END",
        10 * 50 * (1 + 2 + 3) - 10 * 50,
    );
}

#[test]
fn another_region() {
    // Two hot loops, far apart, in turns; each changes the other.
    gives(
        "       .ORIG x3000
                AND R0, R0, #0
                LD R1, TIMES
        MAIN    LD R4, INNERS
        A       ADD R0, R0, #1
                ADD R4, R4, #-1
                BRp A
                LD R2, ADD2
                STI R2, B_AT
                LD R3, B_AT
                JSRR R3
                LD R2, ADD1
                ST R2, A
                ADD R1, R1, #-1
                BRp MAIN
                HALT
        TIMES   .FILL 30
        INNERS  .FILL 60
        B_AT    .FILL x4000
        ADD1    ADD R0, R0, #1
        ADD2    ADD R0, R0, #2
                .END
                .ORIG x4000
        B       ADD R0, R0, #0
                LD R4, COUNT
        LOOP    ADD R0, R0, #1
                ADD R4, R4, #-1
                BRp LOOP
                LD R2, THREE
                STI R2, A_AT
                RET
        COUNT   .FILL 60
        THREE   ADD R0, R0, #3
        A_AT    .FILL x3003
                .END",
        30 * (60 + 2 + 60),
    );
}

#[test]
fn a_subroutine_called_from_two_places() {
    // Copied into both callers, perhaps; changed by one of them.
    gives(
        "       .ORIG x3000
                AND R0, R0, #0
                LD R1, TIMES
        LOOP    LD R2, ADD1
                ST R2, SUB
                JSR SUB
                LD R2, ADD2
                ST R2, SUB
                JSR SUB
                JSR SUB
                ADD R1, R1, #-1
                BRp LOOP
                HALT
        SUB     NOP
                RET
        TIMES   .FILL 200
        ADD1    ADD R0, R0, #1
        ADD2    ADD R0, R0, #2
                .END",
        200 * 5,
    );
}

#[test]
fn a_literal_that_was_constant() {
    // K is 1 for a long time, then 2; in the end so is what P points to.
    gives(
        "       .ORIG x3000
                AND R0, R0, #0
                AND R5, R5, #0
                ADD R5, R5, #3
        OUTER   LD R1, TIMES
        LOOP    LD R2, K
                ADD R0, R0, R2
                LDI R2, P
                ADD R0, R0, R2
                ADD R1, R1, #-1
                BRp LOOP
                ADD R5, R5, #-1
                BRz DONE
                LD R2, K
                ADD R2, R2, #1
                ST R2, K
                LD R2, P
                ADD R2, R2, #1
                ST R2, P
                BR OUTER
        DONE    HALT
        TIMES   .FILL 100
        K       .FILL 1
        P       .FILL DATA
        DATA    .FILL 10
                .FILL 20
                .FILL 30
                .END",
        100 * (1 + 2 + 3 + 10 + 20 + 30),
    );
}

#[test]
fn a_literal_written_through_a_pointer() {
    gives(
        "       .ORIG x3000
                AND R0, R0, #0
                LD R1, TIMES
                LEA R3, K
        LOOP    LD R2, K
                ADD R0, R0, R2
                ADD R2, R2, #1
                STR R2, R3, #0
                ADD R1, R1, #-1
                BRp LOOP
                HALT
        TIMES   .FILL 100
        K       .FILL 1
                .END",
        5050,
    );
}

#[test]
fn a_pointer_to_a_device_and_back() {
    // The pointer of an LDI is memory, then DSR, then memory.
    gives(
        "       .ORIG x3000
                AND R0, R0, #0
                LD R1, TIMES
        LOOP    LDI R2, P
                BRzp PLAIN
                ADD R0, R0, #1
        PLAIN   LD R2, P
                LD R3, Q
                ST R2, Q
                ST R3, P
                ADD R1, R1, #-1
                BRp LOOP
                HALT
        TIMES   .FILL 500
        P       .FILL xFE04
        Q       .FILL x4000
                .END",
        250,
    );
}

#[test]
fn code_that_is_copied_and_run() {
    // One routine after the other is copied to the same place, and called there until it is hot.
    gives(
        "       .ORIG x3000
                AND R0, R0, #0
                LD R1, TIMES
        LOOP    LEA R2, FIRST
                JSR COPY
                JSR USE
                LEA R2, SECOND
                JSR COPY
                JSR USE
                ADD R1, R1, #-1
                BRp LOOP
                HALT
        COPY    LD R3, PLACE
                AND R4, R4, #0
                ADD R4, R4, #3
        WORD    LDR R5, R2, #0
                STR R5, R3, #0
                ADD R2, R2, #1
                ADD R3, R3, #1
                ADD R4, R4, #-1
                BRp WORD
                RET
        USE     ST R7, LINK
                LD R3, PLACE
                LD R4, TURNS
        TURN    JSRR R3
                ADD R4, R4, #-1
                BRp TURN
                LD R7, LINK
                RET
        FIRST   ADD R0, R0, #1
                ADD R0, R0, #1
                RET
        SECOND  ADD R0, R0, #5
                RET
                HALT
        TIMES   .FILL 20
        TURNS   .FILL 50
        PLACE   .FILL x5000
        LINK    .BLKW 1
                .END",
        20 * 50 * (2 + 5),
    );
}

#[test]
fn a_variable_that_becomes_code() {
    // V is written in every round, and every 64th it is run.
    gives(
        "       .ORIG x3000
                AND R0, R0, #0
                LD R1, TIMES
        LOOP    LD R2, ADD1
                ST R2, V
                AND R3, R1, #15
                BRnp ON
                LD R2, ADD2
                ST R2, V
                JSR V
        ON      ADD R1, R1, #-1
                BRp LOOP
                JSR V
                HALT
        V       .FILL 0
                RET
        TIMES   .FILL 1600
        ADD1    ADD R0, R0, #1
        ADD2    ADD R0, R0, #2
                .END",
        100 * 2 + 1,
    );
}

#[test]
fn the_branch_that_closes_the_loop() {
    // BRp becomes NOP when the count is down to 50, and the loop falls out of its end.
    gives(
        "       .ORIG x3000
                AND R0, R0, #0
                LD R1, TIMES
        LOOP    ADD R0, R0, #1
                ADD R1, R1, #-1
                LD R2, LIMIT
                ADD R2, R1, R2
                BRnp ON
                AND R3, R3, #0
                ST R3, END
        ON      ADD R1, R1, #0
        END     BRp LOOP
                HALT
        TIMES   .FILL 200
        LIMIT   .FILL -50
                .END",
        150,
    );
}

#[test]
fn the_same_value_again() {
    let source = "      .ORIG x3000
                AND R0, R0, #0
                LD R1, TIMES
        LOOP    LD R2, HERE
                ST R2, HERE
        HERE    ADD R0, R0, #1
                ADD R1, R1, #-1
                BRp LOOP
                HALT
        TIMES   .FILL 20000
                .END";
    gives(source, 20_000);
    bounded(source, 64);
}

#[test]
fn there_and_back() {
    // Changed, and changed back before it is reached: it must not matter.
    gives(
        "       .ORIG x3000
                AND R0, R0, #0
                LD R1, TIMES
        LOOP    LD R2, HERE
                LD R3, OTHER
                ST R3, HERE
                ADD R4, R4, #1
                ST R2, HERE
        HERE    ADD R0, R0, #1
                ADD R1, R1, #-1
                BRp LOOP
                HALT
        TIMES   .FILL 500
        OTHER   ADD R0, R0, #7
                .END",
        500,
    );
}

/// Asserts that a program that changes itself all the time is not compiled more than `regions` times.
fn bounded(source: &str, regions: u64) {
    for (name, config) in configurations() {
        // A configuration that drops all code all the time may compile as often as it drops it.
        if config.code_cap == 0 {
            continue;
        }
        let ran = run(&program(source), config, BUDGET);
        let stats = ran.vm.stats();
        assert!(stats.regions + stats.rejected <= regions, "in configuration {name:?}: {stats:?}");
    }
}

#[test]
fn thrashing_is_bounded() {
    bounded(
        "       .ORIG x3000
                AND R0, R0, #0
        AGAIN   LD R1, TIMES
        LOOP    LD R2, HERE
                LD R3, THERE
                ST R2, THERE
                ST R3, HERE
        HERE    ADD R0, R0, #1
                ADD R0, R0, #0
        THERE   ADD R0, R0, #2
                ADD R1, R1, #-1
                BRp LOOP
                BR AGAIN
        TIMES   .FILL 30000
                .END",
        64,
    );
}

/// A place that walks through memory is made code, and run once.
#[test]
fn thrashing_in_ever_new_places_is_bounded() {
    let case = program(
        "       .ORIG x3000
        AGAIN   LD R1, FIRST
                LD R2, COUNT
        LOOP    LD R3, CODE
                STR R3, R1, #0
                LD R3, BACK
                STR R3, R1, #1
                JSRR R1
                ADD R1, R1, #2
                ADD R2, R2, #-1
                BRp LOOP
                BR AGAIN
        FIRST   .FILL x4000
        COUNT   .FILL 10000
        CODE    ADD R0, R0, #1
        BACK    RET
                .END",
    );
    for hot in [20, 1000, kiln::tier::HOT] {
        let ran = run(&case, Config { hot, ..Config::default() }, BUDGET);
        let stats = ran.vm.stats();
        assert!(stats.regions + stats.rejected <= 1000, "with threshold {hot}: {stats:?}");
    }
}

#[test]
fn the_host_pokes() {
    let case = program(
        "       .ORIG x3000
        LOOP    LD R2, K
                ADD R0, R0, R2
        STEP    ADD R0, R0, #1
                BR LOOP
        K       .FILL 1
                .END",
    );
    for (name, config) in configurations() {
        let (mut vm, _) = case.machine(config.clone());
        let mut total = 0u16;
        for round in 0..12u16 {
            let (k, step) = (round * 3, round & 15);
            vm.poke(MEMORY, 0x3004, k);
            vm.poke(MEMORY, 0x3002, 0x1020 | step);
            assert!(matches!(vm.run(4000), Stop::Budget));
            total = total.wrapping_add(1000 * (k + step));
            assert_eq!(vm.state().get(r(0)), total, "in configuration {name:?}, round {round}");
        }
        if must_compile(&config) {
            assert!(vm.stats().native > 0, "in configuration {name:?}");
        }
    }
}

#[test]
fn a_trap_vector_that_changes() {
    // Second edition: the table is the program's to write, and so is what it leads to.
    let mut case = program(
        "       .ORIG x3000
                AND R0, R0, #0
                LD R1, TIMES
        LOOP    LEA R2, ONE
                STI R2, VECTOR
                TRAP x80
                LEA R2, TWO
                STI R2, VECTOR
                TRAP x80
                ADD R1, R1, #-1
                BRp LOOP
                HALT
        ONE     ADD R0, R0, #1
                RET
        TWO     ADD R0, R0, #2
                RET
        VECTOR  .FILL x80
        TIMES   .FILL 200
                .END",
    );
    case.profile = Profile::SECOND;
    everywhere(&case, BUDGET, |ran| assert_eq!(ran.r(0), 600));
}

/// A loop whose step is changed twice in 20,000 rounds: often enough while it is being compiled.
#[test]
#[cfg(feature = "jit")]
fn words_that_change_while_they_are_compiled() {
    use kiln::tier::{Compile, Stats};
    let case = program(
        "       .ORIG x3000
        AGAIN   LD R1, TIMES
        LOOP    ADD R0, R0, #1
                ADD R0, R0, #0
                ADD R1, R1, #-1
                BRp LOOP
                LD R2, LOOP
                LD R3, MOST
                NOT R4, R3
                ADD R4, R4, #1
                ADD R4, R4, R2
                BRn LESS
                LD R2, LEAST
        LESS    ADD R2, R2, #1
                ST R2, LOOP
                BR AGAIN
        TIMES   .FILL 100
        MOST    ADD R0, R0, #15
        LEAST   ADD R0, R0, #0
                .END",
    );
    let config = |hot| Config { hot, compile: Compile::Background, ..Config::default() };
    let mut total = Stats::default();
    for hot in [1, 100, 300, 1000] {
        let again = || (case.machine(config(hot)).0, case.machine(common::interpreter()).0);
        let (mut native, mut reference) = again();
        let budget = 4_000_000;
        kiln::compare::lockstep(&mut native, &mut reference, budget, None).unwrap_or_else(|d| panic!("{d}"));
        total.regions += native.stats().regions;
        total.rejected += native.stats().rejected;
        total.invalidated += native.stats().invalidated;
    }
    assert!(total.regions > 0 && total.rejected + total.invalidated > 0, "{total:?}");
}
