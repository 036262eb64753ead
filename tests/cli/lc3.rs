//! What the program has for LC-3 beyond an image: its operating system, and recorded keys.

use std::fs;

use super::{Folder, TIERS, fails, kiln, outcome, outcome_in_any_build, refuses};

const HELLO: &str = ".ORIG x3000\nLEA R0,T\nPUTS\nHALT\nT .STRINGZ \"hello\\n\"\n.END\n";

/// Shows a dot now and then, and the keys that its handler takes, up to a full stop.
const BUSY: &str = "\
        .ORIG x0180
        .FILL KEY
        .END
        .ORIG x3000
        LD R1, ENABLE
        STI R1, KBSR
LOOP    LD R1, TIMES
DELAY   ADD R1, R1, #-1
        BRp DELAY
        LD R0, DOT
        OUT
        LD R1, DONE
        BRz LOOP
        HALT
KEY     ST R0, R0SAVE
        LDI R0, KBDR
        STI R0, DDR
        ADD R0, R0, #-10
        BRnp BACK
        ADD R0, R0, #1
        ST R0, DONE
BACK    LD R0, R0SAVE
        RTI
ENABLE  .FILL x4000
KBSR    .FILL xFE00
KBDR    .FILL xFE02
DDR     .FILL xFE06
TIMES   .FILL 2000
DOT     .FILL x2E
DONE    .FILL 0
R0SAVE  .FILL 0
        .END
";

#[test]
fn programs_run_on_the_operating_system() {
    let folder = Folder::new("lc3_os");
    let hello = folder.file("hello.asm", HELLO);
    let wrong = folder.file("wrong.asm", ".ORIG x3000\nLD R1,A\nLDR R0,R1,#0\nHALT\nA .FILL x1234\n.END\n");
    for tier in TIERS {
        let (code, out, err) =
            outcome_in_any_build(&mut kiln(&["run", "--os", "real", "--tier", tier, &hello]));
        assert_eq!((code, out.as_str(), err.as_str()), (0, "hello\n", ""), "{tier}");
    }
    let (code, out, err) = outcome(&mut kiln(&["run", "--os", "real", &wrong]));
    assert_eq!((code, out.as_str()), (0, "\n--- Access violation at x3001 ---\n"));
    assert_eq!(err, "kiln: warning: x3001: user programs may not read x1234\n");
    refuses(&["run", "--os", "rael", &hello], 64, "did you mean real? (there are: native, real)");
}

#[test]
fn keys_are_recorded_and_replayed() {
    let folder = Folder::new("lc3_keys");
    let (busy, keys) = (folder.file("busy.asm", BUSY), folder.path("keys.txt"));
    for tier in TIERS {
        let recorded = outcome_in_any_build(
            kiln(&["run", "--tier", tier, "--record", &keys, &busy]).write_stdin("typed\nmore"),
        );
        assert_eq!(recorded.0, 0, "{}", recorded.2);
        assert!(recorded.1.contains(".t.") && recorded.1.starts_with("..") && !recorded.1.contains('m'));
        let text = fs::read_to_string(&keys).unwrap();
        assert!(text.starts_with("kiln keys 1\n10002 x74  # t\n") && text.lines().count() == 7, "{text}");
        for again in TIERS {
            let replayed =
                outcome_in_any_build(&mut kiln(&["run", "--tier", again, "--replay", &keys, &busy]));
            assert_eq!(replayed, recorded, "recorded in {tier}, replayed in {again}");
        }
    }
}

/// Written by hand: keys that come when they are to come.
#[test]
fn keys_may_be_written() {
    let folder = Folder::new("lc3_tape");
    let busy = folder.file("busy.asm", BUSY);
    let keys = folder.file("keys.txt", "kiln keys 1\n# two\n  7000 x41\n\n9000 x0a # the last\nend 9000\n");
    let (code, out, _) = outcome(&mut kiln(&["run", "--replay", &keys, &busy]));
    assert_eq!((code, out.as_str()), (0, ".A.\n."));
}

#[test]
fn a_recording_that_is_too_short_says_so() {
    let folder = Folder::new("lc3_short");
    let echo = folder.file("echo.asm", super::ECHO);
    let keys = folder.file("keys.txt", "kiln keys 1\n5 x41\n");
    let (code, out, err) = outcome(&mut kiln(&["run", "--replay", &keys, &echo]));
    assert_eq!((code, out.as_str()), (74, "A"));
    assert!(err.contains("the recording ends here"), "{err}");
}

#[test]
fn bad_recordings_are_refused() {
    let folder = Folder::new("lc3_bad_keys");
    let hello = folder.file("hello.asm", HELLO);
    for (text, what) in [
        ("", "line 1: not a recording"),
        ("kiln keys 1\n5\n", "line 2: neither"),
        ("kiln keys 1\n5 41\n", "line 2: neither"),
        ("kiln keys 1\n5 x141\n", "line 2: neither"),
        ("kiln keys 1\n5 x41\n4 x41\n", "line 3: earlier"),
        ("kiln keys 1\nend 5\n6 x41\n", "line 3: "),
    ] {
        let keys = folder.file("keys.txt", text);
        refuses(&["run", "--replay", &keys, &hello], 65, what);
    }
    let missing = folder.path("missing.txt");
    refuses(&["run", "--replay", &missing, &hello], 66, "missing.txt");
    assert!(
        fails(&["run", "--replay", &missing, "--stdin", &hello, &hello], 64).contains("cannot be used with")
    );
}

/// Runs a program with `--strict`, which finds `what` on this line.
fn finds(name: &str, source: &str, what: &str, line: u32) {
    let folder = Folder::new(&format!("lc3_strict_{name}"));
    let file = folder.file("program.asm", source);
    for system in ["native", "real"] {
        let (code, out, err) =
            outcome(&mut kiln(&["run", "--strict", "--os", system, "--budget", "100000", &file]));
        assert_eq!((code, out.as_str()), (70, ""), "{name}: {err}");
        assert!(err.contains(what), "{name}: {err}");
        assert!(err.contains(&format!("--> {file}:{line}\n")), "{name}: {err}");
    }
}

#[test]
fn strict_finds_values_that_nobody_gave() {
    finds(
        "register",
        ".ORIG x3000\nAND R0,R0,#0\nADD R0,R0,R1\nHALT\n.END\n",
        "R1 was never written at x3001",
        3,
    );
    finds(
        "copy",
        ".ORIG x3000\nADD R2,R3,#0\nNOT R0,R2\nHALT\n.END\n",
        "R2 is a copy: R3 was never written",
        3,
    );
    finds("base", ".ORIG x3000\nLDR R0,R1,#0\nHALT\n.END\n", "R1 was never written at x3000", 2);
    finds("return", ".ORIG x3000\nRET\n.END\n", "R7 was never written at x3000: RET", 2);
    finds("branch", ".ORIG x3000\nBRz L\nL HALT\n.END\n", "no instruction has set N Z P", 2);
    finds("output", ".ORIG x3000\nPUTS\nHALT\n.END\n", "R0 was never written", 2);
    finds(
        "word",
        ".ORIG x3000\nLEA R1,E\nLDR R0,R1,#1\nHALT\nE .FILL 0\n.END\n",
        "the word at x3004 was never written",
        3,
    );
    let saved = ".ORIG x3000\nST R1,S\nLD R2,S\nADD R2,R2,#1\nHALT\nS .BLKW 1\n.END\n";
    finds("saved", saved, "R2 is a copy: R1 was never written at x3002", 4);
    let text = ".ORIG x3000\nLEA R0,T\nPUTS\nHALT\nT .FILL x41\n.END\n";
    finds("text", text, "the text at x3003 goes on and on: the word at x3004 was never written", 3);
}

#[test]
fn strict_finds_data_that_is_executed() {
    finds(
        "falls",
        ".ORIG x3000\nAND R0,R0,#0\nD .FILL 0\nHALT\n.END\n",
        "control comes here from x3000, and this is data",
        3,
    );
    let jump = ".ORIG x3000\nLEA R1,D\nAND R0,R0,#0\nJMP R1\nHALT\nD .FILL x1021\n.END\n";
    finds("jumps", jump, "this goes to x3004, which is data, not an instruction at x3002", 4);
    finds(
        "end",
        ".ORIG x3000\nAND R0,R0,#0\nBR L\nL ADD R0,R0,#1\n.END\n",
        "after this comes x3003, which was never written",
        4,
    );
    let own = ".ORIG x3000\nLD R0,W\nST R0,W\nBR W\nW AND R0,R0,#0\nHALT\n.END\n";
    finds(
        "own",
        own,
        "control comes here from x3002, and this is a word that the program has written itself",
        5,
    );
}

#[test]
fn strict_finds_a_stack_in_code() {
    let source = "\
.ORIG x3000
        LEA R6, START
        AND R1, R1, #0
START   ADD R6, R6, #-1
        STR R1, R6, #0
        BR START
.END
";
    finds("stack", source, "R6 is a stack that has come to x3001, which is an instruction", 5);
}

#[test]
fn strict_is_for_machines_that_are_watched() {
    let folder = Folder::new("lc3_strict_other");
    let file = folder.file("a.post", "1 2 +\n");
    refuses(&["run", "--guest", "wordstack", "--strict", &file], 64, "wordstack has no --strict");
    refuses(&["run", "--guest", "wordstack", "--os", "real", &file], 64, "wordstack has no os `real`");
}

#[test]
fn strict_tells_what_was_before() {
    let folder = Folder::new("lc3_strict_before");
    let file = folder.file("a.asm", ".ORIG x3000\nAND R0,R0,#0\nADD R0,R0,#1\nADD R0,R1,R0\nHALT\n.END\n");
    let err = fails(&["run", "--strict", &file], 70);
    let expected = format!(
        "kiln: fault: never written: R1 was never written at x3002: ADD R0, R1, R0\n  --> {file}:4\n  \
         before: x3000: AND R0, R0, #0           {file}:2\n  before: x3001: ADD R0, R0, #1           {file}:3\n"
    );
    assert_eq!(err, expected);
}

/// What is right passes, and the examples do: saved registers, stacks, handlers of interrupts, text.
#[test]
fn strict_has_nothing_to_say_of_good_programs() {
    let folder = Folder::new("lc3_strict_good");
    let busy = folder.file("busy.asm", BUSY);
    let (code, out, err) = outcome(kiln(&["run", "--strict", &busy]).write_stdin("typed\n"));
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    let files = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/lc3")).unwrap();
    let mut seen = 0;
    for path in
        files.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "asm"))
    {
        let path = path.to_str().unwrap();
        let (code, _, err) = outcome(&mut kiln(&["run", "--strict", "--budget", "200000", path]));
        let is_changed = path.contains("selfmod");
        assert_eq!(code == 70, is_changed, "{path}: {err}");
        seen += 1;
    }
    assert!(seen > 20, "the examples are not there");
}
