//! What the program has for LC-3 beyond an image: its operating system, and recorded keys.

use std::fs;

use super::{Folder, TIERS, fails, kiln, outcome, refuses};

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
        let (code, out, err) = outcome(&mut kiln(&["run", "--os", "real", "--tier", tier, &hello]));
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
        let recorded =
            outcome(kiln(&["run", "--tier", tier, "--record", &keys, &busy]).write_stdin("typed\nmore"));
        assert_eq!(recorded.0, 0, "{}", recorded.2);
        assert!(recorded.1.contains(".t.") && recorded.1.starts_with("..") && !recorded.1.contains('m'));
        let text = fs::read_to_string(&keys).unwrap();
        assert!(text.starts_with("kiln keys 1\n10002 x74  # t\n") && text.lines().count() == 7, "{text}");
        for again in TIERS {
            let replayed = outcome(&mut kiln(&["run", "--tier", again, "--replay", &keys, &busy]));
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
