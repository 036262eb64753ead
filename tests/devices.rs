//! Device registers and traps in loops that get hot.

mod common;

use common::{configurations, everywhere, interpreter, program, run};
use kiln::fuzz::Case as _;
use kiln::guest::{Guest, Stop};
use kiln::guests::lc3::profile::Profile;

const BUDGET: u64 = 2_000_000;

#[test]
fn the_keyboard_polled_while_something_is_calculated() {
    let mut case = program(
        "       .ORIG x3000
        LOOP    ADD R3, R3, #1
                AND R4, R3, #15
                BRnp LOOP
                LDI R1, KBSR
                BRzp LOOP
                LDI R0, KBDR
        WAIT    LDI R2, DSR
                BRzp WAIT
                STI R0, DDR
                ADD R5, R5, #1
                ADD R0, R0, #-10
                BRnp LOOP
                HALT
        KBSR    .FILL xFE00
        KBDR    .FILL xFE02
        DSR     .FILL xFE04
        DDR     .FILL xFE06
                .END",
    );
    case.input = [b"lorem ipsum".repeat(30), b"\n".to_vec()].concat();
    everywhere(&case, BUDGET, |ran| {
        assert!(matches!(ran.stop, Stop::Halted));
        assert_eq!(ran.output, case.input);
        assert_eq!(ran.r(5) as usize, case.input.len());
        assert_eq!(ran.r(3) as usize, 16 * case.input.len());
    });
}

#[test]
fn a_keyboard_that_never_has_a_key() {
    // It meets its budget, exactly.
    let case = program(
        "       .ORIG x3000
        LOOP    LDI R1, KBSR
                BRzp LOOP
                HALT
        KBSR    .FILL xFE00
                .END",
    );
    for (name, config) in configurations() {
        let ran = run(&case, config, 100_001);
        assert!(matches!(ran.stop, Stop::Budget), "in configuration {name:?}");
        assert_eq!((ran.vm.instructions(), ran.vm.pc()), (100_001, 0x3001), "in configuration {name:?}");
    }
}

#[test]
fn output_from_a_hot_loop() {
    // By its register, by OUT and by PUTS, between calculations.
    let case = program(
        "       .ORIG x3000
                LD R1, TIMES
        LOOP    LD R2, INNERS
        INNER   ADD R3, R3, R2
                ADD R2, R2, #-1
                BRp INNER
                LD R0, A
                STI R0, DDR
                ADD R0, R0, #1
                OUT
                LEA R0, TEXT
                PUTS
                ADD R1, R1, #-1
                BRp LOOP
                HALT
        TIMES   .FILL 200
        INNERS  .FILL 30
        A       .FILL x41
        DDR     .FILL xFE06
        TEXT    .STRINGZ \"c\\n\"
                .END",
    );
    everywhere(&case, BUDGET, |ran| assert_eq!(ran.output, b"ABc\n".repeat(200)));
}

#[test]
fn a_pointer_that_walks_into_device_space() {
    // Stores upwards through memory: what is plain at first is the violation at last.
    let case = program(
        "       .ORIG x3000
                LD R1, FIRST
        LOOP    STR R1, R1, #0
                ADD R1, R1, #1
                BR LOOP
        FIRST   .FILL x4000
                .END",
    );
    everywhere(&case, BUDGET, |ran| {
        // KBSR takes its word, the next one does not.
        assert_eq!((ran.fault(), ran.r(1), ran.vm.pc()), ("access_violation", 0xfe01, 0x3001));
        assert_eq!(ran.word(0xfdff), 0xfdff);
        assert_eq!(ran.vm.instructions(), 1 + 3 * (0xfe01 - 0x4000));
    });
}

#[test]
fn loads_that_walk_below_user_memory() {
    let case = program(
        "       .ORIG x3000
                LD R1, FIRST
        LOOP    LDR R2, R1, #0
                ADD R3, R3, #1
                ADD R1, R1, #-1
                BR LOOP
        FIRST   .FILL x3800
                .END",
    );
    everywhere(&case, BUDGET, |ran| {
        assert_eq!((ran.fault(), ran.r(1), ran.r(3)), ("access_violation", 0x2fff, 0x801));
    });
}

#[test]
fn the_machine_stopped_by_its_register() {
    let mut case = program(
        "       .ORIG x3000
                LD R1, TIMES
        LOOP    ADD R2, R2, #3
                ADD R1, R1, #-1
                BRp LOOP
                LDI R3, MCR
                STI R1, MCR
                ADD R2, R2, #1
                HALT
        TIMES   .FILL 5000
        MCR     .FILL xFFFE
                .END",
    );
    case.profile = Profile::SECOND;
    everywhere(&case, BUDGET, |ran| {
        assert!(matches!(ran.stop, Stop::Halted));
        assert_eq!((ran.r(2), ran.r(3), ran.vm.pc()), (15_000, 0x8000, 0x3006));
        assert_eq!(ran.vm.instructions(), 1 + 3 * 5000 + 2);
    });
}

#[test]
fn the_status_register_in_a_hot_loop() {
    // PSR's N Z P are what native code had them at.
    let mut case = program(
        "       .ORIG x3000
                LD R1, TIMES
        LOOP    ADD R1, R1, #-1
                LDI R2, PSR
                AND R2, R2, #7
                ADD R3, R3, R2
                ADD R1, R1, #0
                BRnp LOOP
                HALT
        TIMES   .FILL 1000
        PSR     .FILL xFFFC
                .END",
    );
    case.profile = Profile::SECOND;
    everywhere(&case, BUDGET, |ran| assert_eq!(ran.r(3), 999 + 2));
}

#[test]
fn input_that_ends_in_a_hot_loop() {
    let mut case = program(
        "       .ORIG x3000
        LOOP    GETC
                AND R2, R2, #0
                ADD R2, R2, #10
        INNER   ADD R1, R1, R0
                ADD R2, R2, #-1
                BRp INNER
                BR LOOP
                .END",
    );
    case.input = vec![1; 300];
    everywhere(&case, BUDGET, |ran| {
        assert!(matches!(ran.stop, Stop::Input));
        assert_eq!((ran.r(1), ran.vm.pc()), (3000, 0x3000));
    });
}

#[test]
fn control_that_slides_through_empty_memory() {
    // Sixty thousand branches that are never taken, and the violation at their end.
    let case = program(".ORIG x3000\nADD R0, R0, #1\n.END");
    for (name, config) in configurations() {
        let ran = run(&case, config, BUDGET);
        assert_eq!((ran.fault(), ran.vm.pc()), ("access_violation", 0xfe00), "in configuration {name:?}");
        assert_eq!(ran.vm.instructions(), 0xfe00 - 0x3000);
        assert!(ran.vm.stats().regions < 10, "in configuration {name:?}: {:?}", ran.vm.stats());
    }
}

/// Handlers jump to each other; what they call to serve a trap, a device or a first execution must not pile up.
#[test]
fn a_million_slow_paths_take_no_stack() {
    let case = program(
        "       .ORIG x3000
        LOOP    ADD R1, R1, #1
                OUT
                LDI R2, STATUS
                BRnzp LOOP
        STATUS  .FILL xFE04
                .END",
    );
    let small = std::thread::Builder::new().stack_size(256 << 10);
    let run = small.spawn(move || {
        let (mut vm, output) = case.machine(interpreter());
        assert!(matches!(vm.run(1_000_000), Stop::Budget));
        vm.guest_mut().flush().unwrap();
        assert_eq!(output.bytes().len(), 250_000);
    });
    run.unwrap().join().unwrap();
}
