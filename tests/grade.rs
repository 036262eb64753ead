//! `kiln grade`: an assignment from end to end, and the library under it.

use std::fs;
use std::process::Output;

use assert_cmd::Command;
use kiln::grade::{Graded, Tests, grade, grade_all};
use serde_json::Value;

fn kiln(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kiln"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments).output().unwrap()
}

/// What comes of one case on one source.
fn graded(case: &str, source: &str) -> Graded {
    let tests = Tests::parse(&format!("[[case]]\nname = \"it\"\n{case}")).unwrap_or_else(|e| panic!("{e}"));
    grade(&tests, "test", &[("test.asm".to_owned(), source.into())])
}

/// What fails, in lines.
fn failures(case: &str, source: &str) -> Vec<String> {
    let graded = graded(case, source);
    assert_eq!(graded.problem, None);
    let failures = graded.cases[0].failures.iter();
    failures.map(|one| format!("{}: {} / {}", one.what, one.expected, one.actual)).collect()
}

#[track_caller]
fn passes(case: &str, source: &str) {
    assert_eq!(failures(case, source), [""; 0], "{case}");
}

#[track_caller]
fn fails(case: &str, source: &str, expected: &str) {
    assert_eq!(failures(case, source), [expected], "{case}");
}

/// Doubles R0 where it is called; run from the start it doubles a digit.
const DOUBLE: &str = "
        .ORIG x3000
        GETC
        LD R1, MINUS
        ADD R0, R0, R1
        JSR DOUBLE
        ST R0, RESULT
        NOT R1, R1
        ADD R1, R1, #1
        ADD R0, R0, R1
        OUT
        HALT
MINUS   .FILL -48
RESULT  .BLKW 1
DOUBLE  ADD R0, R0, R0
        RET
        .END";

#[test]
fn an_assignment() {
    let folder = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("grade");
    fs::create_dir_all(&folder).unwrap();
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let (json, html, junit) = (file("r.json"), file("r.html"), file("r.xml"));
    let names = ["ann.asm", "bob.asm", "carl.asm", "dana", "eve.asm", "finn.asm"];
    let paths = names.map(|name| format!("examples/course/submissions/{name}"));
    let mut arguments = vec!["grade", "examples/course/tests.toml", "--json", &json, "--html", &html];
    arguments.extend(["--junit", &junit, "--threads", "2"]);
    arguments.extend(paths.iter().map(String::as_str));
    let output = kiln(&arguments);
    assert_eq!(output.status.code(), Some(1));
    let table = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = table.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    for (line, (name, points)) in
        lines[1..].iter().zip(paths.iter().zip(["7/7", "4/7", "0/7", "7/7", "0/7", "0/7"]))
    {
        assert!(line.starts_with(name.as_str()) && line.contains(points), "{line}: {points}");
    }
    assert!(
        table.contains("unknown instruction `MOV`") && table.contains("stop is limit at x3023"),
        "{table}"
    );

    let results: Value = serde_json::from_str(&fs::read_to_string(json).unwrap()).unwrap();
    let submissions = results["submissions"].as_array().unwrap();
    assert_eq!((results["points"].as_f64(), submissions.len()), (Some(7.0), 6));
    let bob = &submissions[1]["cases"][0];
    assert_eq!(bob["failures"][0]["what"], "R4");
    assert_eq!(bob["last"].as_array().unwrap().last().unwrap()["instruction"], "RET");
    assert!(submissions[4]["problem"].as_str().unwrap().contains("did you mean `MULT`?"));
    let finn = submissions[5]["cases"][2]["stop"].as_str().unwrap();
    assert!(finn.starts_with("limit"), "{finn}");

    let page = fs::read_to_string(html).unwrap();
    assert_eq!(page.matches("<details>").count(), 6);
    assert!(page.contains("ADD   R4, R4, #1") && !page.contains("src=") && !page.contains("href="));
    let xml = fs::read_to_string(junit).unwrap();
    assert_eq!((xml.matches("<testsuite ").count(), xml.matches("<testcase ").count()), (6, 26));

    let one = kiln(&["grade", "examples/course/tests.toml", &paths[1]]);
    let text = String::from_utf8(one.stdout).unwrap();
    assert!(text.contains("expected: 0 (x0000)\n    actual:   7 (x0007)"), "{text}");
    assert_eq!(kiln(&["grade", "examples/course/tests.toml", &paths[0]]).status.code(), Some(0));
    assert_eq!(kiln(&["grade", "examples/course/README.md", &paths[0]]).status.code(), Some(65));
}

#[test]
fn output_as_it_is_expected() {
    let says = ".ORIG x3000\nLEA R0, T\nPUTS\nHALT\nT .STRINGZ \"Hello,  World\\n\"\n.END";
    passes("expect.output = \"Hello,  World\\n\"", says);
    fails("expect.output = \"Hello\"", says, "output: Hello / Hello,  World\n");
    passes("expect.output = { exact = \"hello, world\", ignore = [\"case\", \"space\"] }", says);
    passes("expect.output = { contains = [\"Hello\", \"World\"], lacks = \"hello\" }", says);
    passes("expect.output = { pattern = \"^H\\\\w+,\\\\s+World$\", ignore = [\"space\"] }", says);
    fails("expect.output = { contains = \"hello\" }", says, "output: contains: hello / Hello,  World\n");
    fails("expect.output = { lacks = \"World\" }", says, "output: lacks: World / Hello,  World\n");
    fails("expect.output = { pattern = \"[0-9]\" }", says, "output: matches: [0-9] / Hello,  World\n");
}

#[test]
fn registers_memory_and_symbols() {
    let source =
        ".ORIG x3000\nLDI R1, AT\nADD R0, R0, R1\nST R0, SUM\nHALT\nAT .FILL x4000\nSUM .BLKW 1\n.END";
    let presets = "registers = { R0 = 5 }\nmemory = { x4000 = [\"x0A\", 7] }\n";
    let case = |expect: &str| format!("{presets}expect = {{ {expect} }}");
    passes(&case("registers = { R0 = 15, R1 = \"xA\" }, memory = { SUM = 15, x4001 = 7 }"), source);
    fails(&case("registers = { R0 = -1 }"), source, "R0: -1 (xFFFF) / 15 (x000F)");
    fails(&case("memory = { x4000 = [10, 8] }"), source, "x4000 + 1: 8 (x0008) / 7 (x0007)");
    fails(
        &case("memory = { SMU = 1 }"),
        source,
        "label SMU: a label of this name / there is none; did you mean `SUM`?",
    );
    let text = ".ORIG x3000\nHALT\nT .STRINGZ \"hi\"\n.END";
    passes("expect.memory = { T = { text = \"hi\" } }", text);
    // Pseudo-random words are what is not preset.
    let reads = ".ORIG x3000\nLDI R0, AT\nHALT\nAT .FILL x5000\n.END";
    passes("expect.registers = { R0 = 0 }", reads);
    assert_eq!(failures("seed = 7\nexpect.registers = { R0 = 0 }", reads).len(), 1);
}

#[test]
fn how_a_run_ends() {
    let ends = |statements: &str| format!(".ORIG x3000\n{statements}\n.END");
    passes("expect.stop = \"halted\"", &ends("HALT"));
    passes("limit = 100\nexpect.stop = \"limit\"", &ends("L BR L"));
    passes("expect.stop = \"input\"", &ends("GETC\nHALT"));
    passes("expect.stop = \"fault\"", &ends("RTI"));
    passes("expect.stop = \"any\"", &ends("RTI"));
    fails("limit = 50", &ends("L BR L"), "stop: halted / limit at x3000, test.asm:2: 50 instructions");
    let endless = failures("output-limit = 100", &ends("L OUT\nBR L"));
    assert!(endless[0].ends_with("more than 100 bytes of output"), "{endless:?}");
    let refused = graded("", ".ORIG x3000\nHALLT R1\n.END").problem.unwrap();
    assert!(refused.contains("did you mean `HALT`?"), "{refused}");
}

#[test]
fn subroutines_are_called() {
    let call = |rest: &str| format!("call = \"DOUBLE\"\nregisters = {{ R0 = 21 }}\n{rest}");
    passes(&call("expect = { registers = { R0 = 42 }, keeps = [\"R1\", \"R6\", \"R7\"] }"), DOUBLE);
    fails(&call("expect.registers = { R0 = 43 }"), DOUBLE, "R0: 43 (x002B) / 42 (x002A)");
    let spoils = DOUBLE.replace("DOUBLE  ADD R0, R0, R0", "DOUBLE  ADD R0, R0, R0\nADD R1, R1, #1");
    fails(&call("expect.keeps = [\"R1\"]"), &spoils, "R1: kept: 23121 (x5A51) / 23122 (x5A52)");
    let halts = DOUBLE.replace("        RET", "        HALT");
    fails(&call(""), &halts, "stop: returned / halted");
    let other = DOUBLE.replace("DOUBLE  ADD", "DUOBLE  ADD").replace("JSR DOUBLE", "JSR DUOBLE");
    let missing = "label DOUBLE: a label of this name / there is none; did you mean `DUOBLE`?";
    fails(&call(""), &other, missing);
    for profile in ["standard", "lc3tools", "second", "tutorial"] {
        passes(&call(&format!("profile = \"{profile}\"\nexpect.registers = {{ R0 = 42 }}")), DOUBLE);
    }
}

#[test]
fn what_is_reached() {
    let case = |expect: &str| format!("input = \"3\"\nexpect = {{ output = \"6\", {expect} }}");
    passes(
        &case("reaches = [\"DOUBLE\", \"TRAP x21\", \"x3004\"], avoids = [\"TRAP x22\", \"x5000\"]"),
        DOUBLE,
    );
    fails(&case("reaches = [\"TRAP x22\"]"), DOUBLE, "TRAP x22: is reached / is not reached");
    fails(&case("avoids = [\"DOUBLE\"]"), DOUBLE, "DOUBLE: is not reached / is reached");
    let call = |with: &str| case(&format!("calls = [{{ label = \"DOUBLE\", {with} }}]"));
    passes(&call("with = { R0 = 3 }, returns = { R0 = 6 }"), DOUBLE);
    let expected =
        "DOUBLE: called with R0 = 4 (x0004), returns with R0 = 8 (x0008) / called with R0 = 3 (x0003)";
    fails(&call("with = { R0 = 4 }, returns = { R0 = 8 }"), DOUBLE, expected);
    // Watching changes neither the state nor the count.
    let (watched, plain) = (graded(&case("reaches = [\"DOUBLE\"]"), DOUBLE), graded("input = \"3\"", DOUBLE));
    assert_eq!(watched.cases[0].instructions, plain.cases[0].instructions);
    assert_eq!(plain.cases[0].instructions, 12);
    // A run that comes to a watched place at its limit ends there.
    fails(
        "limit = 0\nexpect.avoids = [\"x3000\"]",
        DOUBLE,
        "stop: halted / limit at x3000, test.asm:3: 0 instructions",
    );
}

#[test]
fn keys_that_wait() {
    let polls = ".ORIG x3000\nLEA R0, P\nL PUTS\nLDI R1, KBSR\nBRzp L\nLDI R0, KBDR\nOUT\nHALT\n\
                 P .STRINGZ \"?\"\nKBSR .FILL xFE00\nKBDR .FILL xFE02\n.END";
    passes("input = [{ after = \"???\", keys = \"x\" }]\nexpect.output = \"???x\"", polls);
    let asks = "input = [{ keys = \"3\" }, { after = \"never\", keys = \"4\" }]\nexpect.stop = \"input\"";
    passes(asks, ".ORIG x3000\nGETC\nGETC\nHALT\n.END");
}

/// Counts turns until a key's interrupt has come.
const INTERRUPTED: &str = "
        .ORIG x3000
        LD R1, HANDLER
        STI R1, VECTOR
        LD R1, ENABLE
        STI R1, KBSR
LOOP    ADD R2, R2, #1
        LD R0, KEY
        BRz LOOP
        OUT
        HALT
HANDLER .FILL TAKE
VECTOR  .FILL x0180
ENABLE  .FILL x4000
KBSR    .FILL xFE00
KBDR    .FILL xFE02
KEY     .FILL 0
TAKE    STR R0, R6, #-1
        LDI R0, KBDR
        ST R0, KEY
        LDR R0, R6, #-1
        RTI
        .END";

#[test]
fn keys_that_interrupt_at_a_count() {
    let case = |at: u64| {
        format!("profile = \"second\"\ninput = [{{ at = {at}, keys = \"k\" }}]\nexpect.output = \"k\"")
    };
    let took = |at: u64| {
        let graded = graded(&case(at), INTERRUPTED);
        assert!(graded.passed(), "{graded:?}");
        graded.cases[0].instructions
    };
    let (early, late) = (took(200), took(5000));
    assert!((200..400).contains(&early) && (5000..5200).contains(&late), "{early} {late}");
    assert_eq!(took(5000), late);
}

#[test]
fn the_real_system() {
    let says = ".ORIG x3000\nLEA R0, T\nPUTS\nHALT\nT .STRINGZ \"Hi\"\n.END";
    let graded = graded("os = \"real\"\nexpect.output = \"Hi\"", says);
    assert!(graded.passed() && graded.cases[0].instructions > 20, "{graded:?}");
}

#[test]
fn cases_do_not_touch_each_other() {
    let source = ".ORIG x3000\nLD R0, N\nADD R0, R0, #1\nST R0, N\nLD R1, CODE\nST R1, L\nL ADD R2, R2, #1\nHALT\n\
                  N .FILL 1\nCODE .FILL x14A2\n.END";
    let case = "[[case]]\nname = \"once\"\nexpect = { registers = { R0 = 2, R2 = 2 } }\n";
    let watching = case.replace("R2 = 2 }", "R2 = 2 }, reaches = [\"L\"]");
    let tests = Tests::parse(&[case, &watching, case].concat().repeat(3)).unwrap();
    let graded = grade(&tests, "test", &[("test.asm".to_owned(), source.into())]);
    assert!(graded.passed() && graded.cases.len() == 9, "{graded:?}");
}

#[test]
fn many_are_handed_on_in_order() {
    let tests = Tests::parse("[[case]]\nname = \"prints\"\nexpect.output = \"7\"").unwrap();
    let source = |n: usize| {
        format!(
            ".ORIG x3000\nLD R0, C\nOUT\nHALT\nC .FILL {}\n.END",
            if n.is_multiple_of(3) { 55 } else { 56 }
        )
    };
    let mut seen = Vec::new();
    let open = |n: usize| match n % 10 {
        9 => (n.to_string(), Err("is missing".to_owned())),
        _ => (n.to_string(), Ok(vec![("a.asm".to_owned(), source(n).into_bytes())])),
    };
    let done = grade_all(&tests, 200, 4, open, |graded| {
        seen.push((graded.name.clone(), graded.points));
        Ok::<(), ()>(())
    });
    let points = |n: usize| if n.is_multiple_of(3) && n % 10 != 9 { 1.0 } else { 0.0 };
    let expected: Vec<(String, f64)> = (0..200).map(|n| (n.to_string(), points(n))).collect();
    assert_eq!((done, seen), (Ok(()), expected));
    let mut before = 5;
    let ended = grade_all(&tests, 200, 4, open, |_| {
        before -= 1;
        if before == 0 { Err("full") } else { Ok(()) }
    });
    assert_eq!(ended, Err("full"));
}

#[test]
fn tests_that_are_wrong() {
    for (text, said) in [
        ("", "missing field `case`"),
        ("case = []", "there is no [[case]]"),
        ("[[case]]\nname = 1", "line 2"),
        ("[[case]]\nname = \"a\"\nlimits = 1", "unknown field `limits`"),
        ("[[case]]\nname = \"a\"\nregisters = { R9 = 1 }", "`R9` is not a register; these are R0 to R7"),
        ("[[case]]\nname = \"a\"\nregisters = { R1 = 70000 }", "70000 is not a word"),
        ("[[case]]\nname = \"a\"\nprofile = \"third\"", "case `a`: there is no profile `third`"),
        ("[[case]]\nname = \"a\"\ncall = \"B\"\nstart = 5", "both `call` and `start`"),
        ("[[case]]\nname = \"a\"\nexpect.stop = \"returned\"", "is for a `call`"),
        ("[[case]]\nname = \"a\"\npoints = -1", "`points` is a number from 0 up"),
        ("[[case]]\nname = \"a\"\nexpect.reaches = [\"TRAP 25\"]", "is not a trap such as TRAP x25"),
    ] {
        let error = Tests::parse(text).unwrap_err();
        assert!(error.contains(said), "{text}: {error}");
    }
}
