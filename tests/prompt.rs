//! Iridium's prompt, without a terminal.

use std::cell::Cell;
use std::fs;
use std::path::PathBuf;

use assert_cmd::Command;
use kiln::fuzz::noise;
use kiln::guests::iridium::prompt::Live;
use kiln::prompt::{Next, Prompt};
use kiln::tier::Config;

/// Far more looks than any run here takes that is to end.
const PATIENCE: u32 = 200;

/// A prompt.
struct Session {
    live: Live,
    /// How many times a run may go on before it is interrupted.
    patience: u32,
}

impl Session {
    fn new() -> Session {
        Session { live: Live::new(Config::default()), patience: PATIENCE }
    }

    /// What an entry is answered with.
    fn enter(&mut self, entry: &str) -> String {
        let left = Cell::new(self.patience);
        let stop = || {
            left.set(left.get().saturating_sub(1));
            left.get() == 0
        };
        let mut out = Vec::new();
        assert_eq!(self.live.enter(entry, &mut out, &stop).unwrap(), Next::Entry, "{entry}");
        out.extend(self.live.jobs().news().bytes());
        let text = String::from_utf8(out).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'), "{entry}: {text:?}");
        text
    }

    /// Entries that are answered with nothing.
    fn quiet(&mut self, entries: &[&str]) {
        for entry in entries {
            assert_eq!(self.enter(entry), "", "{entry}");
        }
    }

    fn shows(&mut self, entry: &str, parts: &[&str]) {
        let text = self.enter(entry);
        for part in parts {
            assert!(text.contains(part), "{entry}: {part:?} is not in {text}");
        }
    }
}

fn file(name: &str, text: &str) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_line_runs_at_once_on_the_live_machine() {
    let mut session = Session::new();
    session.quiet(&["load $0 #500", "", "   ", "LOAD $1 #-3 ; a comment", "mul $0 $1 $2", "loadf64 $4 #1.5"]);
    session.shows("!registers", &["$0 500", "$2 -1500", "f4 1.5", "stack 0 entries"]);
    session.quiet(&["push $2", "aloc $0"]);
    session.shows("!registers", &["stack 1 entries", "heap 500 bytes"]);
    assert_eq!(session.enter("hlt"), "stopped with code 0\n");
    assert_eq!(session.enter("igl"), "stopped with code 1\n");
    // The known answer of the loop: once more than CLOOP says.
    session.quiet(&["load $0 #0", "cloop #10", "l: inc $0\nloop @l"]);
    session.shows("!registers", &["$0 11 "]);
}

#[test]
fn what_crashes_leaves_the_machine_alive() {
    let mut session = Session::new();
    session.quiet(&["load $1 #7"]);
    session.shows("div $1 $2 $3", &["crashed: division by zero: ", "div $1 $2 $3"]);
    session.shows("pop $1", &["crashed: stack underflow"]);
    session.shows("load $9 #70000\njmp $9", &["crashed: bad jump: 70000 is outside the code"]);
    session.quiet(&["inc $1"]);
    session.shows("!registers", &["$1 8 "]);
}

#[test]
fn errors_show_the_entry_and_change_nothing() {
    let mut session = Session::new();
    session.quiet(&["load $0 #1"]);
    let program = session.enter("!program");
    session.shows("foo $0", &["unknown instruction `foo`", "entry:1:1"]);
    session.shows("load $0 #2\nload $77 #1", &["there is no such register", "entry:2:6"]);
    session.shows("djmpe @nowhere", &["nowhere"]);
    session.shows("x: .integer #5", &[".data"]);
    assert_eq!(session.enter("!program"), program);
    session.shows("!registers", &["$0 1 "]);
}

#[test]
fn labels_and_strings_are_known_to_later_entries() {
    let mut session = Session::new();
    let block = ".data\nhello: .asciiz 'Hello'\n.code\ntwice: prts @hello\nprts @hello\n";
    assert_eq!(session.enter(block), "HelloHello\n");
    assert_eq!(session.enter("prts @hello"), "Hello\n");
    session.shows("!symbols", &["hello ", "data 0", "twice ", "code 8260"]);
    session.shows("twice: nop", &["twice"]);
    // Routines can be called: they return behind the call.
    session.quiet(&["eq $0 $0", "djmpe @over\ndouble: add $1 $1 $1\nret\nover: nop", "load $1 #21"]);
    assert_eq!(session.enter("call @double"), "");
    session.shows("!registers", &["$1 42 ", "stack 0 entries"]);
    session.shows("!program", &["double:\n", "add $1 $1 $1", "call @double"]);
    session.quiet(&["!clear_program"]);
    assert_eq!(session.enter("!program"), "the program is empty\n");
    assert_eq!(session.enter("!symbols"), "there are no labels\n");
    session.shows("!registers", &["$1 42 "]);
    session.quiet(&["!clear_registers", "twice: nop"]);
    session.shows("!registers", &["$1 0 "]);
}

#[test]
fn blocks_go_on_to_an_empty_line() {
    let live = Live::new(Config::default());
    for entry in [".data", "  .CODE ; here", "loop:", "loop: ; again", ".data\nx: .integer #1", "l:\ninc $0"]
    {
        assert!(live.goes_on(entry), "{entry:?}");
    }
    for entry in
        ["", "inc $0", "l: inc $0", "!load_file x:", ".data\nx: .integer #1\n", "l:\ninc $0\n", "; l:"]
    {
        assert!(!live.goes_on(entry), "{entry:?}");
    }
}

#[test]
fn files_are_loaded_and_run() {
    let mut session = Session::new();
    let assembly = file(
        "prompt-load.iasm",
        ".data\ntext: .asciiz 'from a file\\n'\n.code\nentry: prts @text\ninc $5\nhlt\n",
    );
    session.shows(&format!("!load_file {assembly}"), &["prompt-load.iasm: 3 instructions at 8260"]);
    session.shows("!registers", &["$5 0 "]);
    assert_eq!(session.enter("!run"), "from a file\nstopped with code 0\n");
    assert_eq!(session.enter("!run @entry"), "from a file\nstopped with code 0\n");
    session.shows("!registers", &["$5 2 "]);
    session.shows("!run @entyr", &["there is no label `entyr`; did you mean `entry`?"]);
    session.shows("!run @text", &["`text` is data, not code"]);
    session.shows("!run entry", &["a label is written `@name`"]);
    let osmium = file("prompt-load.ird", "fn main() { print(6 * 7 + len([1]), \"\\n\"); }");
    session.shows(&format!("!load_file {osmium}"), &["instructions at"]);
    assert_eq!(session.enter("!run"), "43\nstopped with code 0\n");
    session.shows("!load_file /no/such/file", &["/no/such/file: "]);
    session.shows("!load_file /dev/zero", &["/dev/zero: has more than 16 MiB"]);
    session.shows("!spawn /dev/zero", &["/dev/zero: has more than 16 MiB"]);
    session.shows("!load_file", &["!help"]);
    let wrong = file("prompt-wrong.ird", "fn main() { x }");
    session.shows(&format!("!load_file {wrong}"), &["there is no variable `x`"]);
}

#[test]
fn copies_run_beside_the_prompt() {
    let mut session = Session::new();
    assert_eq!(session.enter("!ps"), "no machine was spawned\n");
    session.quiet(&[".data\nbye: .asciiz 'bye\\n'\n", "eq $0 $0"]);
    session.quiet(&[
        "djmpe @end\nwork: dec $1\nneq $1 $2\ndjmpe @work\nprts @bye\ndiv $1 $2 $3\nend: nop",
        "load $1 #3",
    ]);
    // What it does may be told with any answer.
    let entries = ["!spawn @work", "load $2 #9", "!wait 1"];
    let text: String = entries.iter().map(|entry| session.enter(entry)).collect();
    assert!(text.starts_with("[1] started: a copy from @work\n"), "{text}");
    assert!(text.contains("[1] | bye\n[1] crashed: division by zero: "), "{text}");
    session.shows("!ps", &["[1] a copy from @work: crashed: division by zero", ", 10 instructions"]);
    // The copy's registers were its own.
    session.shows("!registers", &["$1 3 ", "$2 9 "]);
    // News come once.
    assert_eq!(session.enter(""), "");
}

#[test]
fn spawned_machines_can_be_killed_and_waited_for() {
    let mut session = Session::new();
    for command in ["!wait", "!wait 1", "!kill 1"] {
        assert_eq!(session.enter(command), "no machine was spawned\n");
    }
    session.quiet(&["load $0 #1", "!clear_program"]);
    session.quiet(&["eq $0 $0", "djmpe @over\nforever: eq $0 $0\ndjmpe @forever\nover: nop"]);
    session.shows("!spawn @forever", &["[1] started"]);
    session.shows("!spawn @forever", &["[2] started"]);
    session.shows("!ps", &["[1] a copy from @forever: running", "[2] a copy from @forever: running"]);
    session.patience = 3;
    session.shows("!wait", &["interrupted; `!ps` lists what still runs"]);
    session.patience = PATIENCE;
    session.shows("!kill 1", &["[1] killed"]);
    session.shows("!kill 1", &["machine 1 has ended already: killed"]);
    session.shows("!wait 1", &["[1] killed, "]);
    session.shows("!wait 7", &["there is no machine 7; they are 1 to 2"]);
    session.shows("!kill 7", &["there is no machine 7; they are 1 to 2"]);
    session.shows("!kill x", &["`x` is no number of a machine"]);
    session.shows("!ps", &["[1] a copy from @forever: killed", "[2] a copy from @forever: running"]);
    let osmium = file("prompt-spawn.ird", "fn main() { print(\"one\\ntwo\"); }");
    session.shows(&format!("!spawn {osmium}"), &["[3] started: "]);
    session.shows("!wait 3", &["[3] | one\n[3] | two\n[3] stopped with code 0"]);
    session.shows("!wait 3", &["[3] stopped with code 0"]);
    session.shows("!spawn /no/such/file", &["/no/such/file: "]);
    session.shows("!spawn @forever", &["[4] started"]);
    session.shows("!kill 2", &["[2] killed"]);
    session.shows("!kill 4", &["[4] killed"]);
    assert_eq!(session.enter("!wait"), "no machine runs; `!ps` lists how they ended\n");
    session.shows("!spawn @forever", &["[5] started"]);
    // Machine 5 ends with the session.
}

#[test]
fn a_run_can_be_interrupted() {
    let mut session = Session::new();
    session.patience = 4;
    session.quiet(&["eq $0 $0"]);
    session.shows("forever: inc $1\neq $0 $0\ndjmpe @forever", &["interrupted at "]);
    session.quiet(&["load $1 #1"]);
    session.shows("!registers", &["$1 1 "]);
}

#[test]
fn words_are_completed() {
    let mut session = Session::new();
    session.quiet(&["counter: inc $0", "counted: nop"]);
    let complete = |line: &str| session.live.complete(line, line.len());
    assert_eq!(complete("!clear_p"), (0, vec!["!clear_program".to_owned()]));
    assert_eq!(complete("load"), (0, ["load", "loadf64", "loadm"].map(str::to_owned).to_vec()));
    assert_eq!(complete("LOADM").1, ["LOADM"]);
    assert_eq!(complete("l: djm").1, ["djmpe"]);
    assert_eq!(complete("djmpe @count"), (6, ["@counter", "@counted"].map(str::to_owned).to_vec()));
    assert_eq!(complete(".asc").1, [".asciiz"]);
    assert!(complete("load $0").1.is_empty());
    assert!(complete("").1.len() > 40);
}

#[test]
fn every_command_is_known_and_others_are_not() {
    let mut session = Session::new();
    let help = session.enter("!help");
    let names: Vec<&str> = help.lines().filter_map(|line| line.split_whitespace().next()).collect();
    for name in [
        "!quit",
        "!history",
        "!program",
        "!clear_program",
        "!registers",
        "!clear_registers",
        "!symbols",
        "!load_file",
        "!spawn",
        "!ps",
        "!kill",
        "!wait",
    ] {
        assert!(names.contains(&name), "{help}");
    }
    for name in names.into_iter().filter(|&name| name != "!quit") {
        assert!(!session.enter(name).contains("there is no command"), "{name}");
    }
    session.shows("!regs", &["there is no command `!regs`; `!help` lists them"]);
    session.shows("!reg", &["did you mean `!registers`?"]);
    session.shows("!proram", &["did you mean `!program`?"]);
    session.shows("!history", &["   1  !help", "!proram"]);
    let mut out = Vec::new();
    assert_eq!(session.live.enter(" !quit ", &mut out, &|| false).unwrap(), Next::Quit);
}

#[test]
fn any_entry_is_answered() {
    const PIECES: [&str; 24] = [
        "load ",
        "add ",
        "djmpe ",
        "loop ",
        "call ",
        "ret",
        "jmp ",
        "aloc ",
        "setm ",
        "push ",
        "pop ",
        "prts ",
        "$0 ",
        "$1 ",
        "$31 ",
        "#4 ",
        "#-70000 ",
        "@l ",
        "l: ",
        "\n",
        ".data\n",
        "x: .asciiz 'a' ",
        "!spawn ",
        "!run ",
    ];
    let mut session = Session::new();
    session.patience = 2;
    for seed in 0..400 {
        let bytes = noise(seed, 1 + seed as usize % 12);
        let entry = match seed % 4 {
            0 => String::from_utf8_lossy(&bytes).into_owned(),
            _ => bytes.iter().map(|&n| PIECES[usize::from(n) % PIECES.len()]).collect(),
        };
        session.live.goes_on(&entry);
        for at in 0..=entry.len() {
            session.live.complete(&entry, at);
        }
        session.enter(&entry);
    }
}

/// Input from a pipe: only answers are written, and its end is the end.
#[test]
fn a_pipe_is_read_line_by_line() {
    let kiln = || Command::new(env!("CARGO_BIN_EXE_kiln"));
    let entries =
        "load $0 #500\n.data\nx: .asciiz 'hi'\n\nprts @x\ndiv $0 $1 $2\nload $2 #6\n!run @nowhere\nl:\nhlt";
    let output = kiln().args(["repl", "iridium"]).write_stdin(entries).output().unwrap();
    let expected = "\
hi
crashed: division by zero: the divisor is 0 at 8268: div $0 $1 $2
there is no label `nowhere`
stopped with code 0
";
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stdout).as_ref()), (Some(0), expected));
    assert!(output.stderr.is_empty());
    let output = kiln().args(["repl", "iridium"]).write_stdin("!quit\nigl\n").output().unwrap();
    assert_eq!((output.status.code(), output.stdout), (Some(0), Vec::new()));
    let output = kiln().args(["repl", "lc3"]).output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&output.stderr).contains("lc3 has no prompt (there are: iridium, lox)"));
}
