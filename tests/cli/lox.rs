//! Lox as its users have it: clox's streams and exit codes, and what the program adds.

use super::{Folder, fails, kiln, outcome, report};

const FIB: &str = "fun fib(n) { if (n < 2) return n; return fib(n - 1) + fib(n - 2); }\nprint fib(20);\n";

#[test]
fn exit_codes_and_streams_are_those_of_clox() {
    let folder = Folder::new("lox-codes");
    let run = |name: &str, source: &[u8]| outcome(&mut kiln(&["run", &folder.file(name, source)]));
    assert_eq!(run("fib.lox", FIB.as_bytes()), (0, "6765\n".into(), "".into()));
    let errors =
        "[line 1] Error at ';': Expect expression.\n[line 2] Error at end: Expect ';' after value.\n";
    assert_eq!(run("source.lox", b"print 1 +;\nprint 2"), (65, "".into(), errors.into()));
    let trace = "Operand must be a number.\n[line 1] in f()\n[line 2] in script\n";
    assert_eq!(
        run("run.lox", b"fun f() { return -\"a\"; } print 1;\nf();\n"),
        (70, "1\n".into(), trace.into())
    );
    let none = folder.path("none.lox");
    assert_eq!(fails(&["run", &none], 74), format!("Could not open file \"{none}\".\n"));
    let directory = folder.path("directory.lox");
    std::fs::create_dir(&directory).unwrap();
    assert_eq!(fails(&["run", &directory], 74), format!("Could not read file \"{directory}\".\n"));
    fails(&["run", "--no-such-option", &none], 64);
    fails(&["run", &none, &none], 64);
}

#[test]
fn what_says_nothing_to_lox_is_refused() {
    let folder = Folder::new("lox-options");
    let fib = folder.file("fib.lox", FIB);
    for option in [
        ["--tier=jit", "a tier other than interp"],
        ["--tier=lockstep", "a tier other than interp"],
        ["--strict", "--strict"],
        ["--os=real", "--os"],
        ["--profile=tutorial", "--profile"],
        ["--record=keys", "--record"],
        ["--replay=keys", "--replay"],
        ["--stdin=keys", "--stdin"],
        ["--seed=1", "--seed"],
        ["--start=origin", "--start"],
        ["--dump=asm", "--dump"],
        ["--compile=inline", "--compile"],
        ["--hot=1", "--hot"],
    ] {
        let err = fails(&["run", option[0], &fib], 64);
        assert!(err.starts_with(&format!("kiln: error: {} says nothing to Lox", option[1])), "{err}");
    }
    assert_eq!(outcome(&mut kiln(&["run", "--tier=interp", &fib])).0, 0);
    assert!(fails(&["run", "--guest", "lc3"], 64).contains("no image to run"));
    fails(&["run"], 64);
}

#[test]
fn commands_for_machines_of_words_refuse_lox() {
    let folder = Folder::new("lox-commands");
    let fib = folder.file("fib.lox", FIB);
    for command in [&["compare"][..], &["emit", "c"], &["fmt"], &["explain", "-o", "-"]] {
        let err = fails(&[command, &[&fib]].concat(), 64);
        assert!(err.contains("fib.lox: Lox is for kiln run, compile"), "{err}");
    }
    let err = fails(&["compare", "--guest", "lox", &folder.file("fib.txt", FIB)], 64);
    assert!(err.contains("fib.txt: Lox is for"), "{err}");
}

#[test]
fn bench_measures_programs_beside_lua() {
    let folder = Folder::new("lox-bench");
    let fib = folder.file("fib.lox", FIB);
    let (code, out, _) = outcome(&mut kiln(&["bench", &fib, "--runs", "1"]));
    assert!(code == 0 && out.lines().count() == 2 && out.contains("instructions"), "{out}");
    folder.file("fib.lua", "");
    // Anything that ends well is a Lua here.
    let (code, out, _) = outcome(kiln(&["bench", &fib, "--runs", "1", "--lua"]).env("LUA", "true"));
    assert!(code == 0 && out.contains("geometric mean of 1 ratios run/Lua"), "{out}");
    let (_, _, err) = outcome(kiln(&["bench", &fib, "--runs", "1", "--lua"]).env("LUA", "/no/lua"));
    assert!(err.contains("there is no Lua here"), "{err}");
    assert!(fails(&["bench", "--native", &fib], 64).contains("--native says nothing to Lox"));
}

#[test]
fn programs_are_compiled_disassembled_and_run_as_images() {
    let folder = Folder::new("lox-images");
    let source = folder.file("fib.lox", FIB);
    assert_eq!(outcome(&mut kiln(&["compile", &source])), (0, "".into(), "".into()));
    let image = folder.path("fib.kl");
    assert_eq!(outcome(&mut kiln(&["run", &image])), (0, "6765\n".into(), "".into()));
    let (code, listing, _) = outcome(&mut kiln(&["disasm", &image]));
    assert_eq!(code, 0);
    // A source has lines to show, too.
    let (_, with_lines, _) = outcome(&mut kiln(&["disasm", &source]));
    assert!(with_lines.contains("     ; print fib(20);\n     2  "), "{with_lines}");
    let without: Vec<&str> = with_lines.lines().filter(|line| !line.starts_with("     ; ")).collect();
    assert_eq!(listing.lines().collect::<Vec<_>>(), without);
    assert!(
        listing.contains("fun fib: 1 parameters")
            && listing.contains("call.global      r4, frame r2, fib, 1"),
        "{listing}"
    );
    let mut damaged = std::fs::read(&image).unwrap();
    damaged.pop();
    let err = fails(&["run", &folder.file("damaged.kl", damaged)], 65);
    assert!(err.starts_with("kiln: error: ") && err.contains("it ends within"), "{err}");
    assert!(fails(&["compile", &source, "-o", &source], 64).contains("would replace the source"));
    let bad = folder.file("bad.lox", "1");
    assert_eq!(fails(&["compile", &bad], 65), "[line 1] Error at end: Expect ';' after expression.\n");
}

#[test]
fn budgets_limits_reports_and_traces() {
    let folder = Folder::new("lox-limits");
    let fib = folder.file("fib.lox", FIB);
    let (json, trace) = (folder.path("report.json"), folder.path("trace.txt"));
    let err = fails(&["run", "--budget", "1000", "--report", &json, "--stats", &fib], 75);
    assert!(err.contains("the budget of 1000 instructions is spent on line 1: "), "{err}");
    assert!(err.contains("1000 instructions in") && err.contains("0 collections"), "{err}");
    let report = report(&json);
    assert_eq!((&report["guest"], &report["stop"]), (&"lox".into(), &"budget".into()));
    assert_eq!((&report["instructions"], &report["exit_code"]), (&1000.into(), &75.into()));
    let to = format!("--trace={trace}");
    fails(&["run", "--budget", "3", &to, &fib], 75);
    let lines = std::fs::read_to_string(trace).unwrap();
    assert!(lines.lines().nth(1).unwrap().ends_with("define.global    r1, fib"), "{lines}");
    let deep = folder.file("deep.lox", "fun f() { f(); } f();");
    let err = fails(&["run", "--set", "calls=10", &deep], 70);
    assert!(err.starts_with("Stack overflow.\n[line 1] in f()\n") && err.lines().count() == 11, "{err}");
    let large = folder.file("large.lox", "class L {} var l; while (true) { var n = L(); n.l = l; l = n; }");
    assert!(
        fails(&["run", "--set", "memory=8", &large], 70).starts_with("Out of memory.\n[line 1] in script\n")
    );
    assert!(fails(&["run", "--set", "calls=0", &deep], 64).contains("it is from 1 to"));
}

#[test]
fn what_sites_have_seen_is_listed() {
    let folder = Folder::new("lox-sites");
    let fib = folder.file("fib.lox", FIB);
    let to = format!("--sites={}", folder.path("sites.txt"));
    assert_eq!(outcome(&mut kiln(&["run", &to, &fib])), (0, "6765\n".into(), "".into()));
    let listing = std::fs::read_to_string(folder.path("sites.txt")).unwrap();
    assert!(listing.contains("fun fib: 1 parameters") && listing.contains("; seen "), "{listing}");
    assert!(listing.contains("number, number") && listing.contains("enters fib"), "{listing}");
    let asm = folder.file("a.asm", ".ORIG x3000\nHALT\n.END\n");
    assert!(fails(&["run", "--sites", &asm], 64).contains("--sites is for Lox"));
}

#[test]
fn errors_may_be_pretty() {
    let folder = Folder::new("lox-pretty");
    let err = fails(&["run", "--errors", "pretty", &folder.file("bad.lox", "var a = 1;\n1 = a;\n")], 65);
    assert!(err.starts_with("error: Invalid assignment target\n"), "{err}");
    assert!(
        err.contains("2 | 1 = a;\n  |   ^") && err.contains("help: only a variable or a property"),
        "{err}"
    );
    let wrong = folder.file("wrong.lox", "fun f(x) {\n  return x - 1;\n}\nf(nil);\n");
    let err = fails(&["run", "--errors", "pretty", &wrong], 70);
    assert!(
        err.starts_with("error: Operands must be numbers\n") && err.contains("  |          ^^^^^\n"),
        "{err}"
    );
    assert!(err.contains("note: found nil") && err.ends_with("  [line 4] in script: f(nil);\n"), "{err}");
    // An image has no source to show.
    outcome(&mut kiln(&["compile", &wrong]));
    let err = fails(&["run", "--errors", "pretty", &folder.path("wrong.kl")], 70);
    assert_eq!(err, "Operands must be numbers.\n[line 2] in f()\n[line 4] in script\n");
}

#[test]
fn the_prompt_keeps_its_state_after_an_error() {
    let entries = "var a = 1;\nfun f(x) {\n  return x + a;\n}\nprint f(nil);\nprint f(2);\nprint a\n";
    let (code, out, _) = outcome(kiln(&["repl", "lox"]).write_stdin(entries));
    let wanted = "Operands must be two numbers or two strings.\n[line 2] in f()\n[line 1] in script\n3\n\
        [line 1] Error at end: Expect ';' after value.\n";
    assert_eq!((code, out.as_str()), (0, wanted));
    let (code, out, _) = outcome(kiln(&["run", "--guest", "lox"]).write_stdin("print 1 +\n2;\n"));
    assert_eq!((code, out.as_str()), (0, "3\n"));
}
