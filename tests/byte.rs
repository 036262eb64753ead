//! The byte machine: its files, what is refused before it runs, and its errors to the letter.

mod common;

use common::configurations;
use kiln::device::Console;
use kiln::diagnostic::Style;
use kiln::fuzz::{Case, Choices, noise};
use kiln::guest::Stop;
use kiln::guests::byte::Byte;
use kiln::guests::{BadFile, Machine};
use kiln::tier::{Config, Tiers};
use kiln::vm::Vm;

const HALT: [u8; 2] = [1, 0];
const ADD: [u8; 2] = [3, 0];

fn push(value: u8) -> [u8; 2] {
    [2, value]
}

/// The result of a program that nobody has validated, or its fault.
fn run(code: &[[u8; 2]], config: Config) -> Result<u8, String> {
    let (guest, state) = Byte::new(code);
    let mut vm = Vm::new(guest, state, config);
    match vm.run(1 << 20) {
        Stop::Halted => Ok(Byte::top(vm.state()).unwrap()),
        Stop::Fault(fault) => Err(fault.detail),
        stop => panic!("{stop:?}"),
    }
}

#[test]
fn known_answers_and_errors() {
    let error = |text: &str| Err(text.to_owned());
    for (name, config) in configurations() {
        let is = |code: &[[u8; 2]], expected: Result<u8, String>| {
            assert_eq!(run(code, config.clone()), expected, "{code:?} in configuration {name:?}");
        };
        is(&[push(2), push(3), ADD, HALT], Ok(5));
        is(&[push(200), push(100), ADD, HALT], Ok(44));
        // Running off the end is a halt.
        is(&[push(2), push(3), ADD], Ok(5));
        is(&[], error("Empty stack"));
        is(&[HALT], error("Empty stack"));
        is(&[ADD, HALT], error("Stack underflow"));
        is(&[push(2), ADD, HALT], error("Stack underflow"));
        is(&vec![push(1); 255], Ok(1));
    }
}

/// 256 values are a full stack; a loop pushes more.
#[test]
fn a_full_stack_is_a_fault() {
    for (name, config) in configurations() {
        let result = run(&[push(1), [12, 0]], config);
        assert_eq!(result, Err("Stack overflow: 256 values at most".to_owned()), "{name}");
        let (guest, state) = Byte::new(&[push(1), [12, 0]]);
        let mut vm = Vm::new(guest, state, Config::default());
        vm.run(1 << 20);
        assert_eq!(vm.instructions(), 512, "each is pushed, and jumped from");
    }
}

#[test]
fn calls_that_never_end_are_a_fault() {
    for (name, config) in configurations() {
        let (guest, state) = Byte::new(&[[14, 0]]);
        let mut vm = Vm::new(guest, state, config.clone());
        let Stop::Fault(fault) = vm.run(1 << 20) else { panic!("{name}") };
        assert_eq!(fault.detail, "Call overflow: 64 at most");
        assert_eq!(vm.instructions(), 63);
        if config.tiers == Tiers::Jit {
            assert!(vm.stats().native > 0, "{name}");
        }
    }
}

/// What the assembler and the validation say of a text, and where.
fn errors(text: &str) -> Vec<String> {
    match Byte::read("test.byte", text.as_bytes()) {
        Err(BadFile::Source(remarks)) => {
            let source = kiln::diagnostic::Source::new("test.byte", text);
            remarks.diagnostics.iter().map(|diagnostic| source.summary(diagnostic)).collect()
        }
        Err(BadFile::Image(line)) => vec![line],
        Ok(_) => Vec::new(),
    }
}

#[test]
fn what_is_wrong_with_a_text_is_told_with_its_place() {
    let error = |line: u32, column: u32, what: &str| format!("test.byte:{line}:{column}: error: {what}");
    for (text, expected) in [
        ("push 2\npush 3\nadd", vec![]),
        ("  psuh 2", vec![error(1, 3, "unknown instruction `psuh`")]),
        ("push 256", vec![error(1, 6, "`push` takes a number from 0 to 255")]),
        ("push", vec![error(1, 1, "`push` takes a number from 0 to 255")]),
        ("push 1 2", vec![error(1, 8, "`push` takes a number from 0 to 255")]),
        ("push 1\nset 15", vec![error(2, 5, "`set` takes a slot from 0 to 14")]),
        ("push 1\nadd 1", vec![error(2, 5, "`add` takes nothing")]),
        ("jump there", vec![error(1, 6, "label `there` is not defined")]),
        ("jump", vec![error(1, 1, "`jump` takes a label")]),
        ("a: a: push 1", vec![error(1, 4, "label `a` is defined twice")]),
        ("x\ny", vec![error(1, 1, "unknown instruction `x`"), error(2, 1, "unknown instruction `y`")]),
    ] {
        assert_eq!(errors(text), expected, "{text}");
    }
}

/// An untrusted program is refused if on some path it does what a trusted one would do in its own time.
#[test]
fn a_program_is_validated_before_it_runs() {
    let error =
        |line: u32, column: u32, what: &str| vec![format!("test.byte:{line}:{column}: error: {what}")];
    for (text, expected) in [
        ("", error(1, 1, "Empty stack")),
        ("halt", error(1, 1, "Empty stack")),
        ("push 1\nadd\nhalt", error(2, 1, "Stack underflow")),
        // One way round is enough.
        ("push 1\njumpif on\npush 2\non: halt", error(4, 5, "Empty stack")),
        ("push 1\nagain: drop\njump again", error(2, 8, "Stack underflow")),
        // A loop that pushes is a matter of its running.
        ("again: push 1\njump again", vec![]),
        ("ret", error(1, 1, "No call to return from")),
        // What a routine needs is there or not; what it gives is there afterwards.
        ("push 1\npush 2\ncall f\nhalt\nf: add\nret", vec![]),
        ("push 1\ncall f\nhalt\nf: add\nret", error(2, 1, "Stack underflow")),
        ("push 1\ncall f\nhalt\nf: drop\nret", error(3, 1, "Empty stack")),
        ("call f\nhalt\nf: push 1\nret", vec![]),
        ("push 1\ncall f\nhalt\nf: dup\njumpif g\nret\ng: drop\nret", error(3, 1, "Empty stack")),
        // Recursion: what is needed grows with every turn, or not.
        ("push 1\ncall f\nhalt\nf: drop\ncall f\nret", error(2, 1, "Stack underflow")),
        ("push 1\ncall f\nhalt\nf: dup\njumpif g\nret\ng: push 1\nsub\ncall f\nret", vec![]),
        // It never comes back: what stands behind the call is not reached.
        ("call f\nadd\nf: push 1\njump f", vec![]),
    ] {
        assert_eq!(errors(text), expected, "{text}");
    }
    let long = "push 1\n".repeat(256);
    assert_eq!(errors(&long), error(256, 1, "Too long"));
    assert_eq!(errors(&"push 1\n".repeat(255)), Vec::<String>::new());
}

#[test]
fn a_binary_is_validated_too() {
    let error = |bytes: &[u8]| match Byte::read("test.byc", bytes) {
        Err(BadFile::Image(line)) => line,
        other => panic!("{other:?}"),
    };
    assert!(
        matches!(Byte::read("test.byte", &[0xff]), Err(BadFile::Image(line)) if line == "test.byte: byte 0: not UTF-8; source is UTF-8 text")
    );
    assert_eq!(error(&[2, 1, 1]), "test.byc: byte 3: cut short: an instruction has two bytes");
    assert_eq!(error(&[2, 1, 99, 0]), "test.byc: byte 2: Illegal instruction: `illegal 99 0` is none");
    assert_eq!(error(&[2, 1, 10, 15]), "test.byc: byte 2: Illegal instruction: `illegal 10 15` is none");
    assert_eq!(error(&[2, 1, 12, 3]), "test.byc: byte 2: Jump outside the program: `jump L3`: the end is 2");
    assert_eq!(
        error(&[2, 1, 3, 0]),
        "test.byc: byte 2: Stack underflow: `add`: on some path SP is too small by 1"
    );
    assert!(Byte::read("test.byc", &[2, 1, 12, 2]).is_ok(), "the end is inside");
}

#[test]
fn what_is_listed_assembles_to_itself() {
    let mut valid = 0;
    for seed in 0..3000 {
        let bytes = noise(seed, 300);
        let case = <Byte as Machine>::Case::generate(&mut Choices::new(&bytes));
        let code = case.0.code.concat();
        let Ok((program, _)) = Byte::read("case.byc", &code) else { continue };
        valid += 1;
        let listing = Byte::listing(&program);
        match Byte::compile("again.byte", &listing, None) {
            Ok((product, _)) => assert_eq!(product.bytes, code, "{listing}"),
            Err(BadFile::Source(remarks)) => panic!("{}", remarks.render(Style::Plain)),
            Err(BadFile::Image(line)) => panic!("{line}"),
        }
        // What is valid never underflows, and never is anything but an instruction.
        let (guest, state) = Byte::machine(&program, &Default::default(), Console::scripted("").0);
        let stop = Vm::new(guest, state, Config::default()).run(100_000);
        if let Stop::Fault(fault) = stop {
            assert!(["stack_overflow", "call_overflow"].contains(&fault.reason), "{fault:?}\n{listing}");
        }
    }
    assert!(valid > 500, "hardly a program was valid: {valid}");
}
