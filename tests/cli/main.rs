//! The program as its users have it: exit codes, what goes to which stream, and bad input of every kind.

mod bench;
#[cfg(feature = "jit")]
mod fuzz;
mod guests;
mod lc3;
mod lox;
#[cfg(all(feature = "jit", target_endian = "little"))]
mod perf;

use std::fs;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

use assert_cmd::Command;
use serde_json::Value;

const KILN: &str = env!("CARGO_BIN_EXE_kiln");
/// Long enough for anything here on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
const NO_JIT: &str = "kiln: note: interpreting, as this build has no JIT\n";
const TIERS: [&str; 4] = ["auto", "interp", "jit", "lockstep"];

const SEVEN: &str = ".ORIG x3000\nAND R0,R0,#0\nADD R0,R0,#7\nHALT\n.END\n";
const ECHO: &str = ".ORIG x3000\nL GETC\nOUT\nBR L\n.END\n";
const FOREVER: &str = ".ORIG x3000\nLEA R0,P\nPUTS\nL ADD R1,R1,#1\nBR L\nP .STRINGZ \"ready> \"\n.END\n";
const TALK: &str = ".ORIG x3000\nLD R0,C\nL OUT\nBR L\nC .FILL x2A\n.END\n";
/// Reads x1234, which is not the user's, from line 3.
const FAULT: &str = ".ORIG x3000\nLD R1,A\nLDR R0,R1,#0\nHALT\nA .FILL x1234\n.END\n";
/// 20 × 5,000 turns, then an answer.
const LOOPS: &str = "\
.ORIG x3000
        AND R2,R2,#0
        ADD R2,R2,#15
        ADD R2,R2,#5
OUTER   LD R1,COUNT
INNER   ADD R3,R3,#3
        ADD R1,R1,#-1
        BRp INNER
        ADD R2,R2,#-1
        BRp OUTER
        LEA R0,DONE
        PUTS
        HALT
COUNT   .FILL #5000
DONE    .STRINGZ \"done\\n\"
        .END
";
const LOOPS_COUNT: u64 = 3 + 20 * (1 + 3 * 5000 + 2) + 3;

/// A folder of a test's own.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Folder {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(test);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

fn kiln(arguments: &[&str]) -> Command {
    let mut command = Command::new(KILN);
    command.args(arguments).timeout(PATIENCE);
    command
}

/// Runs to the end: exit code, standard output and standard error.
fn outcome(command: &mut Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().expect("not killed"), text(output.stdout), text(output.stderr))
}

/// The same without what a build without the JIT says where it is asked for native code.
fn outcome_in_any_build(command: &mut Command) -> (i32, String, String) {
    let (code, out, err) = outcome(command);
    (code, out, if cfg!(feature = "jit") { err } else { err.replace(NO_JIT, "") })
}

/// Asserts exit code and silence on standard output; standard error.
fn fails(arguments: &[&str], code: i32) -> String {
    let (is, out, err) = outcome(&mut kiln(arguments));
    assert_eq!((is, out.as_str()), (code, ""), "kiln {}: {err}", arguments.join(" "));
    err
}

/// The same, with a message of one line that says `what`.
fn refuses(arguments: &[&str], code: i32, what: &str) {
    let err = fails(arguments, code);
    assert!(err.starts_with("kiln: error: ") && err.contains(what), "{err}");
    assert_eq!(err.lines().count(), 1, "{err}");
}

fn report(path: &str) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn spawn(arguments: &[&str], stdin: Stdio) -> Child {
    let mut command = std::process::Command::new(KILN);
    // Started in the background, or by nohup, a test has signals ignored, and so would the program.
    let heed = || {
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
            // SAFETY: allowed between fork and exec, and takes numbers.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
        Ok(())
    };
    // SAFETY: the closure only makes that system call.
    unsafe { command.pre_exec(heed) };
    command.args(arguments).stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args([name, &pid]).status().unwrap().success());
}

#[test]
fn help_and_version_are_no_errors() {
    for arguments in [&["--help"][..], &["--version"], &["run", "--help"], &["bench", "-h"]] {
        let (code, out, err) = outcome(&mut kiln(arguments));
        assert_eq!((code, err.as_str()), (0, ""));
        assert!(!out.is_empty());
    }
}

#[test]
fn a_wrong_command_line_is_64() {
    let folder = Folder::new("usage");
    let seven = folder.file("seven.asm", SEVEN);
    for arguments in [
        &[][..],
        &["run"],
        &["fly"],
        &["run", &seven, "--tier", "warp"],
        &["run", &seven, "--budget", "many"],
        &["run", &seven, "--guest", "pdp11"],
        &["run", &seven, "--profile", "standart"],
        &["run", &seven, "--start", "x10000"],
        &["run", &seven, "--start", "here"],
        &["run", &format!("--trace={seven}"), &seven],
        &["run", "--report", &seven, &seven],
        &["run", &seven, "--report", "-"],
        &["asm", &seven, "-o", &seven],
        &["bench", &seven, "--runs", "0"],
    ] {
        fails(arguments, 64);
    }
    assert!(fails(&["run", &seven, "--profile", "standart"], 64).contains("did you mean standard?"));
    assert_eq!(fs::read_to_string(&seven).unwrap(), SEVEN);
}

#[test]
fn output_is_the_guests_alone() {
    let folder = Folder::new("output");
    let loops = folder.file("loops.asm", LOOPS);
    for tier in TIERS {
        let (code, out, err) = outcome(&mut kiln(&[
            "run",
            &loops,
            "--tier",
            tier,
            "--stats",
            "--hot",
            "500",
            "--compile=inline",
        ]));
        assert_eq!((code, out.as_str()), (0, "done\n"), "{tier}: {err}");
        assert!(err.contains(&format!("{LOOPS_COUNT} instructions")), "{err}");
    }
    let (code, out, err) = outcome(&mut kiln(&["run", &loops, "--compile", "background"]));
    assert_eq!((code, out.as_str()), (0, "done\n"), "{err}");
}

#[test]
fn the_report_has_its_keys() {
    let folder = Folder::new("report");
    let loops = folder.file("loops.asm", LOOPS);
    let path = folder.path("report.json");
    for tier in TIERS {
        let arguments =
            ["run", &loops, "--tier", tier, "--report", &path, "--hot", "500", "--compile", "inline"];
        kiln(&arguments).assert().code(0);
        let report = report(&path);
        assert_eq!(report["guest"], "lc3");
        assert_eq!(report["tier"], tier);
        assert_eq!(report["stop"]["kind"], "halted");
        assert_eq!(report["instructions"], LOOPS_COUNT);
        let registers = report["registers"].as_object().unwrap();
        let names: Vec<&str> = registers.keys().map(String::as_str).collect();
        assert_eq!(names, ["PC", "PSR", "R0", "R1", "R2", "R3", "R4", "R5", "R6", "R7"]);
        assert_eq!(registers["R3"], (20 * 5000 * 3) % 65536);
        assert_eq!(registers["PC"], 0x300c);
        assert!(report["seconds"].as_f64().unwrap() > 0.0);
        let (interpreted, native) = (&report["interpreted"], &report["native"]);
        assert_eq!(interpreted.as_u64().unwrap() + native.as_u64().unwrap(), LOOPS_COUNT);
        let compiles = tier != "interp" && cfg!(feature = "jit");
        for key in ["native", "regions", "code_bytes"] {
            assert_eq!(report[key].as_u64().unwrap() > 0, compiles, "{tier} {key}");
        }
        assert_eq!(report["compile_seconds"].as_f64().unwrap() > 0.0, compiles);
        assert!(report["exits"].is_object());
    }
}

#[test]
fn a_fault_is_70_and_says_what_and_where() {
    let folder = Folder::new("fault");
    let fault = folder.file("fault.asm", FAULT);
    let path = folder.path("report.json");
    for tier in TIERS {
        let err = fails(&["run", &fault, "--tier", tier, "--report", &path], 70);
        let message =
            "kiln: fault: access violation: user programs may not read x1234 at x3001: LDR R0, R1, #0";
        assert!(err.contains(message) && err.contains("fault.asm:3"), "{err}");
        let stop = &report(&path)["stop"];
        assert_eq!(stop["kind"], "fault");
        assert_eq!(stop["reason"], "access_violation");
        assert_eq!(stop["pc"], 0x3001);
        assert_eq!(stop["instruction"], "LDR R0, R1, #0");
        assert_eq!(report(&path)["instructions"], 1);
    }
    kiln(&["run", &fault, "--profile", "second"]).assert().code(0);
}

#[test]
fn a_budget_is_exact_and_75() {
    let folder = Folder::new("budget");
    let loops = folder.file("loops.asm", LOOPS);
    let path = folder.path("report.json");
    for tier in TIERS {
        for budget in [0, 1, 2, 1000, 15_001, 150_000, LOOPS_COUNT - 1] {
            let arguments = ["run", &loops, "--tier", tier, "--hot", "500", "--report", &path, "--budget"];
            let budget_text = budget.to_string();
            let (code, _, err) = outcome(kiln(&arguments).arg(&budget_text));
            assert_eq!(code, 75, "{tier} {budget}: {err}");
            assert!(err.contains(&format!("the budget of {budget} instructions is spent")), "{err}");
            assert_eq!(report(&path)["instructions"], budget);
            assert_eq!(report(&path)["stop"]["kind"], "budget");
        }
        kiln(&["run", &loops, "--tier", tier, "--budget", &LOOPS_COUNT.to_string()]).assert().code(0);
    }
}

#[test]
fn the_end_of_input_is_75() {
    let folder = Folder::new("input");
    let echo = folder.file("echo.asm", ECHO);
    let path = folder.path("report.json");
    let keys = folder.file("keys", "from a file");
    for tier in TIERS {
        let arguments = ["run", &echo, "--tier", tier, "--report", &path];
        let (code, out, err) = outcome(kiln(&arguments).write_stdin("from a pipe"));
        assert_eq!((code, out.as_str()), (75, "from a pipe"), "{err}");
        assert!(err.contains("waiting for input at end of file"), "{err}");
        assert_eq!(report(&path)["stop"]["kind"], "input");
        let (code, out, _) = outcome(kiln(&arguments).args(["--stdin", &keys]).write_stdin("not this"));
        assert_eq!((code, out.as_str()), (75, "from a file"));
    }
    refuses(&["run", &echo, "--stdin", &folder.path("none")], 66, "No such file");
    let big: String = "0123456789abcde\n".repeat(1 << 16);
    let (code, out, _) = outcome(kiln(&["run", &echo]).write_stdin(big.clone()));
    assert!(code == 75 && out == big);
}

#[test]
fn a_polled_pipe_is_ready_until_it_ends() {
    let folder = Folder::new("poll");
    // Counts polls that found nothing in R3, prints what comes, and halts at a new line.
    let poll = ".ORIG x3000\nL LDI R1,KBSR\nBRn K\nADD R3,R3,#1\nBR L\nK LDI R0,KBDR\nOUT\nADD R0,R0,#-10\n\
                BRnp L\nHALT\nKBSR .FILL xFE00\nKBDR .FILL xFE02\n.END\n";
    let poll = folder.file("poll.asm", poll);
    let path = folder.path("report.json");
    for tier in TIERS {
        let arguments = ["run", &poll, "--tier", tier, "--report", &path];
        let mut child = spawn(&arguments, Stdio::piped());
        let mut keys = child.stdin.take().unwrap();
        for part in ["a", "bc", "d\n"] {
            keys.write_all(part.as_bytes()).unwrap();
            std::thread::sleep(Duration::from_millis(20));
        }
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), &b"abcd\n"[..]));
        assert_eq!(report(&path)["registers"]["R3"], 0);
    }
    // At the end there is nothing: polling meets its budget.
    let (code, _, _) = outcome(kiln(&["run", &poll, "--budget", "10000"]).write_stdin("x"));
    assert_eq!(code, 75);
}

#[test]
fn bad_images_are_65_and_missing_ones_66() {
    let folder = Folder::new("bad");
    let seven = folder.file("seven.asm", SEVEN);
    let many = vec![0x30; 17 << 20];
    for (name, bytes, what) in [
        ("empty.obj", &b""[..], "empty"),
        ("origin.obj", b"\x30", "byte"),
        ("odd.obj", b"\x30\x00\x12\x34\x56", "byte"),
        ("past.obj", b"\xff\xff\x00\x01\x00\x02", "xFFFF"),
        ("cut.obj", b"\x1c\x30\x15\xc0\x01\x01\x01\x00\x30\x01", "byte"),
        ("huge.obj", &many, "16 MiB"),
        ("binary.asm", b".ORIG x3000\n\xff\xfe\n.END", "UTF-8"),
    ] {
        let path = folder.file(name, bytes);
        for command in ["run", "disasm", "compare", "bench"] {
            refuses(&[command, &path], 65, what);
            refuses(&[command, &path], 65, name);
        }
    }
    for (path, code, what) in [
        (folder.path("none.obj"), 66, "No such file"),
        (folder.path("seven.asm/below"), 66, "Not a directory"),
        (folder.path(""), 65, "is a directory"),
        ("/dev/zero".to_owned(), 65, "is a device"),
        ("/dev/null".to_owned(), 65, "is a device"),
    ] {
        for command in ["run", "asm", "disasm", "compare", "bench"] {
            refuses(&[command, &path], code, what);
        }
    }
    refuses(&["run", &seven, &seven], 65, "x3000");
}

#[test]
fn bad_source_is_65_with_the_place() {
    let folder = Folder::new("source");
    let bad = folder.file("bad.asm", ".ORIG x3000\nADD R0,R0,#99\nBR NOWHERE\n.END\n");
    for command in ["run", "asm", "compare", "bench"] {
        let err = fails(&[command, &bad], 65);
        assert!(err.contains("bad.asm:2") && err.contains("bad.asm:3"), "{err}");
    }
    assert!(!fs::exists(folder.path("bad.obj")).unwrap());
}

#[test]
fn what_is_assembled_runs_and_disassembles() {
    let folder = Folder::new("asm");
    let source = folder.file("loops.asm", LOOPS);
    kiln(&["asm", &source]).assert().code(0).stdout("");
    let object = folder.path("loops.obj");
    kiln(&["run", &object]).assert().code(0).stdout("done\n");
    let (code, listing, _) = outcome(&mut kiln(&["disasm", &object]));
    assert_eq!(code, 0);
    let again = folder.file("again.asm", listing);
    let (image, other) = (folder.path("again.img"), fs::read(&object).unwrap());
    kiln(&["asm", &again, "-o", &image]).assert().code(0);
    assert_eq!(fs::read(&image).unwrap(), other);
    kiln(&["asm", &source, "-o", "-"]).assert().code(0).stdout(other);
    refuses(&["asm", &source, "-o", &folder.path("no/such/place")], 74, "cannot write");
}

#[test]
fn several_sources_become_one_image() {
    let folder = Folder::new("link");
    let main = folder.file("main.asm", ".ORIG x3000\n.EXTERNAL SHOW\nJSR SHOW\nHALT\n.END\n");
    let library = ".ORIG x4000\nSHOW LEA R0, HI\nPUTS\nRET\nHI .STRINGZ \"hi\"\n.END\n";
    let library = folder.file("library.asm", library.replace("x4000", "x3100"));
    kiln(&["run", &main, &library]).assert().code(0).stdout("hi");
    refuses(&["run", &main], 65, "main.asm: line 3: label `SHOW` is defined in no other file");
    kiln(&["asm", &main, &library, "--emit", "lc3tools,sym,listing"]).assert().code(0).stdout("");
    kiln(&["run", &folder.path("main.obj")]).assert().code(0).stdout("hi");
    let (_, listing, _) = outcome(&mut kiln(&["disasm", &folder.path("main.obj")]));
    assert!(listing.contains("JSR L3100"), "{listing}");
    let symbols = folder.path("main.sym");
    let (_, listing, _) = outcome(&mut kiln(&["disasm", &folder.path("main.obj"), "--symbols", &symbols]));
    assert!(listing.contains("JSR SHOW"), "{listing}");
    assert!(fs::read_to_string(folder.path("main.lst")).unwrap().contains("x3100  E002"));
    refuses(&["asm", &main, "--emit", "rwa"], 64, "lc3 writes no `rwa`; did you mean raw?");
    refuses(&["asm", &main, &library, "--emit", "raw,complx"], 64, "two of these forms go to .obj files");
}

#[test]
fn sources_are_formatted_in_place() {
    let folder = Folder::new("fmt");
    let source = folder.file("a.asm", ".orig x3000\n halt ;  stop\n.end");
    kiln(&["fmt", "--check", &source]).assert().code(1).stderr(format!("kiln: {source} would change\n"));
    kiln(&["fmt", &source]).assert().code(0).stdout("");
    let text = "        .ORIG x3000\n        HALT                        ;  stop\n        .END\n";
    assert_eq!(fs::read_to_string(&source).unwrap(), text);
    kiln(&["fmt", "--check", &source]).assert().code(0).stderr("");
    let broken = folder.file("b.asm", ".ORIG x3000\nHALLT R1\n.END\n");
    assert!(fails(&["fmt", &broken], 65).contains("did you mean `HALT`?"));
    refuses(&["fmt", &folder.file("a.post", "1 2 +")], 65, "are not formatted");
}

#[test]
fn a_program_to_start_from() {
    let folder = Folder::new("new");
    let path = folder.path("greet.asm");
    kiln(&["new", "lc3", &path]).assert().code(0).stdout("");
    let run = kiln(&["run", &path]).write_stdin("k").assert().code(0);
    run.stdout("What letter does your name start with? k\nHello, k!\n").stderr("");
    kiln(&["fmt", "--check", &path]).assert().code(0);
    refuses(&["new", "lc3", &path], 64, "is there already");
    refuses(&["new", "wordstack"], 64, "no program to start from");
}

#[test]
fn completions_and_the_manual() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (code, script, _) = outcome(&mut kiln(&["completions", shell]));
        assert!(code == 0 && script.contains("grade") && script.contains("profile"), "{shell}");
    }
    let (code, page, _) = outcome(&mut kiln(&["man"]));
    assert!(code == 0 && page.contains(".TH kiln 1"), "{page}");
    let folder = Folder::new("man");
    kiln(&["man", "--all", &folder.path("")]).assert().code(0);
    assert!(fs::read_to_string(folder.path("kiln-grade.1")).unwrap().contains("TESTS"));
}

#[test]
fn an_image_never_replaces_its_source() {
    let folder = Folder::new("replace");
    let source = folder.file("seven", SEVEN);
    let otherwise = folder.path("./seven");
    for output in [&source, &otherwise] {
        refuses(&["asm", &source, "-o", output], 64, "would replace the source");
    }
    assert_eq!(fs::read_to_string(&source).unwrap(), SEVEN);
}

#[test]
fn an_image_becomes_c() {
    let folder = Folder::new("emit");
    let source = folder.file("seven.asm", SEVEN);
    let output = folder.path("seven.c");
    kiln(&["emit", "c", &source, "-o", &output]).assert().code(0).stdout("");
    let c = fs::read_to_string(&output).unwrap();
    assert!(c.contains("r0 = r0 + 7; cc = r0;"), "{c}");
    assert!(c.contains("// 3001: ADD R0, R0, #7"), "{c}");
    kiln(&["emit", "c", &source]).assert().code(0).stdout(c);
    let moved = kiln(&["emit", "c", &source, "--start", "x3001", "--seed", "1"]).assert().code(0);
    let c = String::from_utf8(moved.get_output().stdout.clone()).unwrap();
    assert!(c.contains("goto L3001;") && !c.contains("u16 r1 = 0;"), "{c}");
    refuses(&["emit", "c", &source, "-o", &source], 64, "would replace the source");
    kiln(&["emit", "rust", &source]).assert().code(64);
}

#[test]
fn several_images_share_a_memory() {
    let folder = Folder::new("several");
    let main = folder.file("main.asm", ".ORIG x3000\nLD R1,A\nJSRR R1\nHALT\nA .FILL x5000\n.END\n");
    let library = folder.file("library.asm", ".ORIG x5000\nLD R0,B\nOUT\nRET\nB .FILL x2B\n.END\n");
    kiln(&["run", &main, &library]).assert().code(0).stdout("+");
    kiln(&["run", &library, &main]).assert().code(0).stdout("+");
    let elsewhere = folder.file("elsewhere.asm", ".ORIG x4000\nHALT\n.END\n");
    let path = folder.path("report.json");
    for start in ["origin", "x4000", "0x4000"] {
        kiln(&["run", &elsewhere, "--start", start, "--report", &path]).assert().code(0);
        assert_eq!(report(&path)["instructions"], 1, "{start}");
    }
}

#[test]
fn a_seed_fills_what_is_not_loaded() {
    let folder = Folder::new("seed");
    let halt = folder.file("halt.asm", ".ORIG x3000\nHALT\n.END\n");
    let path = folder.path("report.json");
    let registers = |seed: &str| {
        kiln(&["run", &halt, "--seed", seed, "--report", &path]).assert().code(0);
        report(&path)["registers"].clone()
    };
    assert_eq!(registers("1"), registers("1"));
    assert_ne!(registers("1"), registers("2"));
}

#[test]
fn a_trace_has_a_line_an_instruction() {
    let folder = Folder::new("trace");
    let seven = folder.file("seven.asm", SEVEN);
    // The image may stand before it or behind.
    let (code, out, err) = outcome(&mut kiln(&["run", &seven, "--trace"]));
    assert_eq!((code, out.as_str()), (0, ""));
    kiln(&["run", "--trace", &seven]).assert().code(0).stderr(err.clone());
    let lines: Vec<&str> = err.lines().collect();
    assert_eq!(lines.len(), 3, "{err}");
    assert_eq!(lines[1].split_whitespace().take(4).collect::<Vec<_>>(), ["2", "x3001", "x1027", "ADD"]);
    assert!(lines[1].ends_with("R0=x0007 PSR=x8001"), "{err}");
    let loops = folder.file("loops.asm", LOOPS);
    let trace = folder.path("trace.txt");
    kiln(&["run", &format!("--trace={trace}"), &loops]).assert().code(0).stdout("done\n").stderr("");
    assert_eq!(fs::read_to_string(&trace).unwrap().lines().count() as u64, LOOPS_COUNT);
    if cfg!(target_os = "linux") {
        let (code, _, err) = outcome(&mut kiln(&["run", &loops, "--trace=/dev/full"]));
        assert_eq!(code, 74, "{err}");
        assert!(err.contains("cannot write the trace"), "{err}");
    }
}

#[test]
fn a_dump_shows_what_is_compiled() {
    let folder = Folder::new("dump");
    let loops = folder.file("loops.asm", LOOPS);
    for (what, sign) in [("clif", "function"), ("asm", "ret"), ("regions", "ADD R3, R3, #3")] {
        let (code, out, err) = outcome(&mut kiln(&["run", &loops, "--hot", "500", "--dump", what]));
        assert_eq!((code, out.as_str()), (0, "done\n"));
        let x86 = cfg!(target_arch = "x86_64") || what != "asm";
        assert_eq!(
            err.contains("region at x30") && err.contains(sign),
            cfg!(feature = "jit") && x86,
            "{err}"
        );
    }
}

#[test]
#[cfg(not(feature = "jit"))]
fn a_build_without_jit_says_so_once() {
    let folder = Folder::new("nojit");
    let loops = folder.file("loops.asm", LOOPS);
    let (code, out, err) = outcome(&mut kiln(&["run", &loops, "--tier", "jit"]));
    assert_eq!((code, out.as_str()), (0, "done\n"));
    assert_eq!(err, NO_JIT);
    kiln(&["run", &loops, "--tier", "interp"]).assert().code(0).stderr("");
}

#[test]
fn compare_says_that_the_tiers_agree() {
    let folder = Folder::new("compare");
    let loops = folder.file("loops.asm", LOOPS);
    let (code, out, err) = outcome(&mut kiln(&["compare", &loops, "--hot", "500"]));
    assert_eq!((code, out.as_str()), (0, "done\n"), "{err}");
    assert!(err.contains(&format!("agree on {LOOPS_COUNT} instructions")), "{err}");
    let fault = folder.file("fault.asm", FAULT);
    assert!(fails(&["compare", &fault], 0).contains("ended: fault"));
    let echo = folder.file("echo.asm", ECHO);
    let (code, out, err) = outcome(kiln(&["compare", &echo]).write_stdin("typed"));
    assert_eq!((code, out.as_str()), (0, "typed"), "{err}");
}

#[test]
fn a_warning_is_given_once_however_many_machines_run() {
    let folder = Folder::new("warnings");
    let unknown = folder.file("unknown.asm", ".ORIG x3000\n.FILL xD000\nHALT\n.END\n");
    let warned = |command: &[&str]| {
        let (code, _, err) = outcome(&mut kiln(&[command, &[&unknown, "--profile", "tutorial"]].concat()));
        assert_eq!(code, 0, "{err}");
        err.matches("kiln: warning: x3000: xD000 is not an instruction").count()
    };
    for tier in TIERS {
        assert_eq!(warned(&["run", "--tier", tier]), 1, "{tier}");
    }
    assert_eq!(warned(&["compare"]), 1);
    assert_eq!(warned(&["bench", "--runs", "1"]), 0);
}

#[test]
fn a_closed_pipe_is_74() {
    let folder = Folder::new("pipe");
    let talk = folder.file("talk.asm", TALK);
    for tier in TIERS {
        let mut child = spawn(&["run", &talk, "--tier", tier], Stdio::null());
        let mut some = [0; 100];
        child.stdout.take().unwrap().read_exact(&mut some).unwrap();
        let output = child.wait_with_output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!((some, output.status.code()), ([b'*'; 100], Some(74)), "{tier}: {err}");
        assert!(err.contains("error: cannot write standard output: Broken pipe"), "{err}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_74() {
    let folder = Folder::new("full");
    let loops = folder.file("loops.asm", LOOPS);
    for arguments in [
        &["run", &loops][..],
        &["run", &loops, "--tier", "lockstep"],
        &["run", &loops, "--report", "/dev/full"],
        &["disasm", &loops],
        &["asm", &loops, "-o", "-"],
        &["asm", &loops, "-o", "/dev/full"],
        &["bench", &loops, "--runs", "1"],
    ] {
        let mut command = std::process::Command::new(KILN);
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output = command.args(arguments).stdout(full).output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(74), "{arguments:?}: {err}");
        assert!(err.contains("No space left on device"), "{err}");
    }
    // Messages that nobody can read are no reason to panic.
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = std::process::Command::new(KILN);
    let status = command.args(["run", &loops, "--stats"]).stdout(Stdio::null()).stderr(full).status();
    assert_eq!(status.unwrap().code(), Some(0));
}

/// A file of results is what it was, or all that it is to be: where no file may have a byte, it stays as it was.
#[test]
fn nothing_is_half_written() {
    let folder = Folder::new("whole");
    let loops = folder.file("loops.asm", LOOPS);
    let file = folder.file("there", "as it was");
    let files = || fs::read_dir(&folder.0).unwrap().count();
    let before = files();
    for arguments in [
        format!("asm {loops} -o {file}"),
        format!("emit c {loops} -o {file}"),
        format!("run {loops} --report {file}"),
        format!("run {loops} --record {file}"),
        format!("explain {loops} -o {file}"),
    ] {
        let output = |limit: &str| {
            let line = format!("trap '' XFSZ; ulimit -f {limit}; exec {KILN} {arguments}");
            std::process::Command::new("sh").args(["-c", &line]).output().unwrap()
        };
        let refused = output("0");
        let err = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(74), "{arguments}: {err}");
        assert!(err.contains(&format!("cannot write {file}: ")), "{err}");
        assert_eq!((fs::read_to_string(&file).unwrap(), files()), ("as it was".to_owned(), before));
        assert_eq!(output("unlimited").status.code(), Some(0), "{arguments}");
        assert!(fs::read(&file).unwrap() != b"as it was" && files() == before, "{arguments}");
        fs::write(&file, "as it was").unwrap();
    }
    // What is no plain file is written where it is.
    let link = folder.path("link");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    kiln(&["asm", &loops, "-o", &link]).assert().code(0);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink() && fs::read(&file).unwrap() != b"as it was");
}

#[test]
fn output_has_a_limit_where_one_is_given() {
    let folder = Folder::new("output");
    let talk = folder.file("talk.asm", TALK);
    let lox = folder.file("talk.lox", "while (true) print \"*\";\n");
    for tier in TIERS {
        let run = ["run", &talk, "--tier", tier, "--max-output", "100000"];
        let (code, out, err) = outcome_in_any_build(&mut kiln(&run));
        assert_eq!((code, out.len()), (74, 100_000), "{tier}: {err}");
        assert_eq!(err, "kiln: error: there is more output than --max-output allows: 100000 bytes\n");
    }
    let (code, out, err) = outcome(&mut kiln(&["run", &lox, "--max-output", "1000"]));
    assert!(code == 74 && out.len() == 1000 && err.contains("--max-output allows"), "{err}");
    let loops = folder.file("loops.asm", LOOPS);
    let run = outcome_in_any_build(&mut kiln(&["run", &loops, "--max-output", "5"]));
    assert_eq!(run, (0, "done\n".to_owned(), String::new()));
    kiln(&["compare", &loops, "--max-output", "4"]).assert().code(74).stdout("done");
}

/// Stopped and continued while it compiles on another thread, calculates and prints, it does what it does undisturbed.
#[test]
fn a_run_that_is_stopped_goes_on() {
    let folder = Folder::new("stopped");
    let talk = folder.file("talk.asm", TALK);
    let run = ["run", &talk, "--hot", "100", "--compile", "background", "--budget", "30000000"];
    let (code, expected, err) = outcome(&mut kiln(&run));
    assert_eq!(code, 75, "{err}");
    let child = spawn(&run, Stdio::null());
    let pid = child.id().to_string();
    let disturber = std::thread::spawn(move || {
        let kill = |name: &str| {
            let mut kill = std::process::Command::new("kill");
            kill.args([name, &pid]).stderr(Stdio::null()).status().unwrap().success()
        };
        // To the end, which is seen from its output.
        let mut times = 0;
        while times < 200 && kill("-STOP") && kill("-CONT") {
            times += 1;
        }
        times
    });
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(75), expected.len()), "{err}");
    assert!(output.stdout == expected.as_bytes());
    assert!(disturber.join().unwrap() > 3);
}

/// With little address space there may be no thread to compile on, or no memory for code: that is no matter. With less there is
/// none for anything, which is said.
#[test]
#[cfg(target_os = "linux")]
fn little_memory_is_no_crash() {
    let folder = Folder::new("little");
    let loops = folder.file("loops.asm", LOOPS);
    let mut done = 0;
    // Where the program itself has no room, the host ends it without a word.
    for kib in (20_000..36_000).step_by(800) {
        for compile in ["inline", "background"] {
            let line = format!("ulimit -v {kib}; exec {KILN} run --hot 100 --compile {compile} {loops}");
            let output = std::process::Command::new("sh").args(["-c", &line]).output().unwrap();
            let err = String::from_utf8_lossy(&output.stderr);
            let is_done = output.status.code() == Some(0) && output.stdout == b"done\n";
            let is_said = err.contains("memory allocation of") || err.contains("error while loading");
            assert!(is_done || is_said, "{kib} KiB, {compile}: {:?}: {err}", output.status);
            done += u32::from(is_done);
        }
    }
    assert!(done > 0, "it never runs with so little");
}

#[test]
fn output_is_not_late_and_a_signal_ends_a_run_cleanly() {
    let folder = Folder::new("signal");
    let forever = folder.file("forever.asm", FOREVER);
    let path = folder.path("report.json");
    for (name, number) in [("-INT", 2), ("-TERM", 15), ("-HUP", 1)] {
        for tier in TIERS {
            let mut child = spawn(&["run", &forever, "--tier", tier, "--report", &path], Stdio::null());
            let mut prompt = [0; 7];
            child.stdout.as_mut().unwrap().read_exact(&mut prompt).unwrap();
            assert_eq!(&prompt, b"ready> ");
            signal(&child, name);
            let output = child.wait_with_output().unwrap();
            assert_eq!(output.status.code(), Some(128 + number), "{tier}");
            let report = report(&path);
            assert_eq!(report["stop"]["kind"], "signal");
            assert!(report["instructions"].as_u64().unwrap() > 0);
        }
    }
}

#[test]
fn a_signal_ends_a_run_that_waits() {
    let folder = Folder::new("waits");
    let echo = folder.file("echo.asm", ECHO);
    let mut child = spawn(&["run", &echo], Stdio::piped());
    let mut keys = child.stdin.take().unwrap();
    keys.write_all(b"x").unwrap();
    let mut one = [0; 1];
    child.stdout.as_mut().unwrap().read_exact(&mut one).unwrap();
    signal(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(143));

    // Its output goes to a pipe that nobody empties.
    let talk = folder.file("talk.asm", TALK);
    let mut child = spawn(&["run", &talk], Stdio::null());
    child.stdout.as_mut().unwrap().read_exact(&mut one).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    signal(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(143));
}
