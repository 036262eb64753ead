//! The operating system of `--os real` beside the host's services: the same output and registers, in every configuration.

mod common;

use common::{Ran, everywhere, interpreter, program, run};
use kiln::fuzz::Case as _;
use kiln::guest::Stop;
use kiln::guests::lc3::generate::Case;
use kiln::guests::lc3::isa::{MODE, USP, psr};
use kiln::guests::lc3::profile::Profile;

const BUDGET: u64 = 1_000_000;

/// What a user program can see of its machine. HALT is the system's, which the program's stack and status wait for.
fn seen(ran: &Ran) -> ([u16; 8], u16) {
    let mut registers = std::array::from_fn(|n| ran.r(n as u8));
    let mut status = psr(ran.vm.state());
    if ran.vm.state().get(MODE) & 0x8000 == 0 {
        registers[6] = ran.vm.state().get(USP);
        status = ran.word(ran.r(6).wrapping_add(1));
    }
    (registers, status)
}

/// Runs a program with the host's services and with the system, and expects the same.
fn same(source: &str, profile: Profile, input: &[u8]) {
    let mut case = program(source);
    (case.profile, case.input) = (profile, input.to_vec());
    let expected = run(&case, interpreter(), BUDGET);
    assert!(matches!(expected.stop, Stop::Halted), "{:?}\n{source}", expected.stop);
    case.has_system = true;
    everywhere(&case, BUDGET, |ran| {
        assert!(matches!(ran.stop, Stop::Halted), "{source}");
        assert_eq!(ran.output, expected.output, "{}, {source}", profile.name);
        assert_eq!(seen(ran), seen(&expected), "{}, {source}", profile.name);
    });
}

/// A service between values in all registers that it is to keep, many times.
fn around(service: &str, data: &str) -> String {
    format!(
        "       .ORIG x3000
                LD R6, TIMES
        LOOP    LD R1, TIMES
                LEA R2, LOOP
                LEA R3, DATA
                LEA R4, TIMES
                NOT R5, R6
                LEA R0, DATA
                ADD R7, R6, #0
                {service}
                BRn NEGATIVE
                ADD R5, R5, #1
        NEGATIVE ADD R6, R6, #-1
                BRp LOOP
                LEA R7, LOOP
                AND R2, R2, #0
                HALT
        TIMES   .FILL 40
        DATA    {data}
                .END"
    )
}

/// Those whose services differ.
const PROFILES: [Profile; 3] = [Profile::STANDARD, Profile::LC3TOOLS, Profile::TUTORIAL];

#[test]
fn getc_and_in() {
    for profile in PROFILES {
        for service in ["GETC", "IN"] {
            same(&around(service, ".FILL 0"), profile, &(0..40).map(|n| n * 6).collect::<Vec<u8>>());
        }
    }
}

#[test]
fn out() {
    for profile in PROFILES {
        same(&around("OUT", ".FILL 0"), profile, b"");
        same(&around("ADD R0, R6, #15\n ADD R0, R0, #15\n OUT", ".FILL 0"), profile, b"");
    }
}

#[test]
fn puts() {
    for profile in PROFILES {
        for text in ["\"Hello, world!\\n\"", "\"\""] {
            same(&around("PUTS", &format!(".STRINGZ {text}")), profile, b"");
        }
    }
}

#[test]
fn putsp() {
    // Odd and even, and with a NUL in either byte of a word, where profiles differ.
    let texts = [
        ".FILL x6968\n.FILL x0021\n.FILL 0",
        ".FILL x6968\n.FILL xFF21\n.FILL 0",
        ".FILL x6900\n.FILL x4241\n.FILL 0",
        ".FILL x0069\n.FILL x4241\n.FILL 0",
        ".FILL 0",
    ];
    for profile in [Profile::STANDARD, Profile::LC3TOOLS] {
        for text in texts {
            same(&around("PUTSP", text), profile, b"");
        }
    }
}

fn with_system(source: &str) -> Case {
    let mut case = program(source);
    case.has_system = true;
    case
}

#[test]
fn the_end_of_input_stops_the_run() {
    for service in ["GETC", "IN"] {
        let mut case = with_system(&format!(
            ".ORIG x3000\nLOOP {service}\nADD R1, R1, R0\nST R1, SUM\nBR LOOP\nSUM .FILL 0\n.END"
        ));
        case.input = vec![1; 50];
        for (name, config) in common::configurations() {
            let ran = run(&case, config, BUDGET);
            assert!(matches!(ran.stop, Stop::Input), "in configuration {name:?}");
            assert_eq!(ran.word(0x3004), 50, "in configuration {name:?}");
        }
    }
}

#[test]
fn a_trap_that_nobody_serves() {
    let case = with_system(".ORIG x3000\nTRAP x26\n.END");
    assert_eq!(run(&case, interpreter(), BUDGET).fault(), "unknown_trap");
}

#[test]
fn a_trap_of_the_programs_own() {
    let mut case = with_system(
        "       .ORIG x3000
                LD R1, TIMES
        LOOP    TRAP x26
                ADD R1, R1, #-1
                BRp LOOP
                HALT
        OWN     LEA R0, TEXT
                TRAP x22
                ADD R2, R2, #1
                RTI
        TIMES   .FILL 100
        TEXT    .STRINGZ \".\"
                .END",
    );
    case.vectors = vec![(0x0026, 0x3005)];
    everywhere(&case, BUDGET, |ran| {
        assert_eq!((ran.r(2), ran.output.len()), (100, 100));
    });
}

#[test]
fn what_a_program_does_wrong() {
    let cases = [
        (".ORIG x3ABC\n.FILL xD000\n.END", "\n--- Illegal opcode at x3ABC ---\n"),
        (".ORIG x3000\nADD R0, R0, #1\nRTI\n.END", "\n--- Privilege violation at x3001 ---\n"),
        (".ORIG x3F0E\nLDR R1, R0, #0\n.END", "\n--- Access violation at x3F0E ---\n"),
        (".ORIG x3000\nJMP R0\n.END", "\n--- Access violation at x0000 ---\n"),
    ];
    for (source, expected) in cases {
        for (name, config) in common::configurations() {
            let ran = run(&with_system(source), config, BUDGET);
            assert!(matches!(ran.stop, Stop::Halted), "{name:?}: {source}");
            assert_eq!(String::from_utf8(ran.output).unwrap(), expected, "{name:?}: {source}");
        }
    }
}

/// A program's handler beside the system, interrupted in its services, too.
#[test]
fn a_keyboard_handler_beside_the_system() {
    let mut case = with_system(
        "       .ORIG x3000
                LD R1, ENABLE
                STI R1, KBSR
        LOOP    LEA R0, TEXT
                PUTS
                ADD R2, R2, #0
                BRz LOOP
                HALT
        KEY     ADD R6, R6, #-1
                STR R0, R6, #0
                LDI R0, KBDR
                ADD R5, R5, #1
                ADD R0, R0, #-10
                BRnp RETURN
                ADD R2, R2, #1
        RETURN  LDR R0, R6, #0
                ADD R6, R6, #1
                RTI
        ENABLE  .FILL x4000
        KBSR    .FILL xFE00
        KBDR    .FILL xFE02
        TEXT    .STRINGZ \"abc\"
                .END",
    );
    case.vectors = vec![(0x0180, 0x3007)];
    case.input = b"0123456789012345678901234567890123456789\n".to_vec();
    for pace in [1, 17, 331] {
        case.pace = pace;
        everywhere(&case, BUDGET, |ran| {
            assert!(matches!(ran.stop, Stop::Halted));
            assert_eq!(ran.r(5) as usize, case.input.len());
            assert!(ran.output.len() > 2 && ran.output.chunks(3).all(|three| three == b"abc"));
        });
    }
}

/// Keys that a program has asked interrupts for, and has no handler for, go to the system's.
#[test]
fn interrupts_without_a_handler() {
    let mut case = with_system(
        "       .ORIG x3000
                LD R1, ENABLE
                STI R1, KBSR
        LOOP    ADD R2, R2, #1
                ADD R3, R2, #0
                BRp LOOP
                HALT
        ENABLE  .FILL x4000
        KBSR    .FILL xFE00
                .END",
    );
    (case.input, case.pace) = (vec![b'k'; 100], 100);
    everywhere(&case, BUDGET, |ran| {
        assert!(matches!(ran.stop, Stop::Halted));
        // KEYBOARD's six instructions for each.
        assert_eq!(ran.vm.instructions(), 2 + 3 * 0x8000 + 100 * 6 + 2);
    });
}

/// What serves is the system, not the host.
#[test]
fn services_take_instructions() {
    let (mut vm, _) = with_system(".ORIG x3000\nPUTS\nHALT\n.END").machine(interpreter());
    assert!(matches!(vm.run(3), Stop::Budget));
    assert!((0x0200..0x0300).contains(&vm.pc()) && vm.state().get(MODE) == 0, "{:x}", vm.pc());
}
