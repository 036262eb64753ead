//! Wordstack: images, the postfix compiler, faults with the word's index, and an evaluation that shares nothing
//! with the machine.

mod common;

use common::{configurations, interpreter};
use kiln::diagnostic::Source;
use kiln::fuzz::{Choices, noise};
use kiln::guest::{Fault, Stop};
use kiln::guests::wordstack::evaluate::Evaluator;
use kiln::guests::wordstack::{DEPTH, Wordstack, image, postfix};
use kiln::guests::{BadFile, Likeness, Machine};
use kiln::tier::{Config, Tiers};
use kiln::vm::Vm;

const BUDGET: u64 = 1 << 30;

/// The stack at the end, the top first, or the fault.
fn run(program: &[u32], depth: u32, config: Config) -> Result<Vec<i32>, Fault> {
    let (guest, state) = Wordstack::new(program, depth);
    let mut vm = Vm::new(guest, state, config);
    match vm.run(BUDGET) {
        Stop::Halted => Ok(Wordstack::stack(vm.state()).collect()),
        Stop::Fault(fault) => Err(fault),
        stop => panic!("{stop:?}"),
    }
}

fn compile(source: &str) -> Vec<u32> {
    let compiled = postfix::compile(source);
    compiled.unwrap_or_else(|errors| panic!("{source}: {errors:?}")).words
}

fn hex(bytes: &[u8]) -> String {
    let words: Vec<String> =
        bytes.chunks(4).map(|word| word.iter().map(|b| format!("{b:02x}")).collect()).collect();
    words.join(" ")
}

#[test]
fn known_answers() {
    for (source, words, stack) in [
        ("32 22 +", "20000000 16000000 01000040 00000040", vec![54]),
        ("1 3 + 5 *", "01000000 03000000 01000040 05000000 03000040 00000040", vec![20]),
        ("5 3 -", "05000000 03000000 02000040 00000040", vec![-2]),
        ("3 10 /", "03000000 0a000000 04000040 00000040", vec![3]),
        ("-5", "fbffffff 00000040", vec![-5]),
        ("1 -1073741824", "01000000 000000c0 00000040", vec![-1 << 30, 1]),
        ("# nothing\n 1\t2\r\n\x0b3 # 4", "01000000 02000000 03000000 00000040", vec![3, 2, 1]),
    ] {
        let program = compile(source);
        assert_eq!(hex(&image::write(&program)), words, "{source}");
        for (name, config) in configurations() {
            assert_eq!(run(&program, DEPTH, config), Ok(stack.clone()), "{source} in configuration {name:?}");
        }
    }
}

/// The errors of a source, each with its place.
fn errors(source: &str) -> Vec<String> {
    let errors = postfix::compile(source).expect_err(source);
    errors.iter().map(|error| Source::new("e.post", source).summary(error)).collect()
}

#[test]
fn what_is_wrong_with_a_source_is_told_with_its_place() {
    for (source, expected) in [
        ("", vec!["1:1: there is no expression here"]),
        ("# only a comment", vec!["1:17: there is no expression here"]),
        ("+", vec!["1:1: `+` takes two values, and there is none"]),
        ("1\n  2 + -", vec!["2:7: `-` takes two values, and there is one"]),
        ("1 2 x", vec!["1:5: `x` is neither a number nor one of + - * /"]),
        ("1 2+", vec!["1:3: `2+` is neither a number nor one of + - * /"]),
        ("1 --2", vec!["1:3: `--2` is neither a number nor one of + - * /"]),
        ("1 +2", vec!["1:3: `+2` is neither a number nor one of + - * /"]),
        ("0x10", vec!["1:1: `0x10` is neither a number nor one of + - * /"]),
        ("1073741824", vec!["1:1: 1073741824 is out of range"]),
        ("-1073741825", vec!["1:1: -1073741825 is out of range"]),
        ("99999999999999999999", vec!["1:1: 99999999999999999999 is out of range"]),
        ("é 1", vec!["1:1: `é` is neither a number nor one of + - * /"]),
        (
            "x y\n1 z",
            vec![
                "1:1: `x` is neither a number nor one of + - * /",
                "1:3: `y` is neither a number nor one of + - * /",
                "2:3: `z` is neither a number nor one of + - * /",
            ],
        ),
    ] {
        let expected: Vec<String> = expected
            .iter()
            .map(|error| {
                let mut parts = error.splitn(3, ':');
                let [line, column, what] = [(); 3].map(|()| parts.next().unwrap());
                format!("e.post:{line}:{column}: error:{what}")
            })
            .collect();
        assert_eq!(errors(source), expected, "{source}");
    }
    assert_eq!(errors(&"x ".repeat(1000)).len(), 20, "no more than that at once");
    assert!(postfix::compile("1073741823 -1073741824 +").is_ok(), "the largest and the smallest");
}

#[test]
fn images_are_whole_words() {
    assert_eq!(image::read(&[1, 0, 0, 0, 0, 0, 0, 0x40]), Ok(vec![1, 0x4000_0000]));
    assert_eq!(image::read(&[1, 0, 0, 0, 0, 0]).unwrap_err(), "byte 4: the last word has 2 of its 4 bytes");
    assert!(image::read(&[]).unwrap_err().starts_with("the file is empty"));
    let bytes = image::write(&compile("32 22 +"));
    assert_eq!(Wordstack::recognise("a.out", &bytes), Likeness::Sure);
    assert_eq!(Wordstack::recognise("a.out", &bytes[4..]), Likeness::Sure);
    assert_eq!(Wordstack::recognise("a.out", &bytes[2..]), Likeness::None);
    assert!(
        matches!(Wordstack::read("a.out", &bytes[..7]), Err(BadFile::Image(line)) if line.starts_with("a.out: byte 4"))
    );
    let (read, _) = Wordstack::read("a.out", &bytes).unwrap();
    assert_eq!(
        Wordstack::listing(&read),
        "       1  00000020  32\n       2  00000016  22\n       3  40000001  ADD\n       4  40000000  HALT\n"
    );
}

/// Each fault in every configuration, at the index of its word: the first has 1.
#[test]
fn faults_name_the_word() {
    let deep: Vec<u32> = (0..513).collect();
    for (program, depth, reason, word) in [
        (&[1, 0x4000_0001, 0x4000_0000][..], DEPTH, "stack_underflow", 2),
        (&[0, 1, 0x4000_0004], DEPTH, "division_by_zero", 3),
        (&[1, 2, 0x4000_0001], DEPTH, "past_the_end", 4),
        (&[1, 2, 0x4000_0005], DEPTH, "illegal_instruction", 3),
        (&[1, 0x8000_0000], DEPTH, "undefined_word", 2),
        (&[1, 2, 3], 2, "stack_overflow", 3),
        (&deep, DEPTH, "stack_overflow", 513),
        (&deep, 600, "past_the_end", 514),
    ] {
        for (name, config) in configurations() {
            let fault = run(program, depth, config).unwrap_err();
            assert_eq!((fault.reason, fault.pc), (reason, word), "in configuration {name:?}");
        }
    }
}

/// A random expression, and its value: `None` if something is divided by 0.
fn expression(choices: &mut Choices<'_>, depth: u32, source: &mut String) -> Option<i32> {
    if depth == 0 || choices.chance(40) {
        let value = match choices.below(3) {
            0 => i32::from(choices.below(9)) - 4,
            1 => i32::from(choices.word() as i16),
            _ => (i32::from(choices.word() as i16) << 15) + i32::from(choices.byte()),
        };
        *source += &format!("{value} ");
        return Some(value);
    }
    let next = expression(choices, depth - 1, source);
    let top = expression(choices, depth - 1, source);
    let operator = choices.pick(b"+-*/");
    source.push(operator.into());
    source.push(' ');
    let (top, next) = (i64::from(top?), i64::from(next?));
    Some(match operator {
        b'+' => (top + next) as i32,
        b'-' => (top - next) as i32,
        b'*' => (top * next) as i32,
        _ if next == 0 => return None,
        _ => (top / next) as i32,
    })
}

#[test]
fn random_expressions_have_their_value() {
    let mut values = 0;
    for seed in 0..150 {
        let bytes = noise(seed, 2000);
        let choices = &mut Choices::new(&bytes);
        let mut source = String::new();
        let depth = u32::from(choices.below(8));
        let expected = expression(choices, depth, &mut source);
        values += u64::from(expected.is_some());
        let program = compile(&source);
        for (name, config) in configurations() {
            let result = run(&program, DEPTH, config).map_err(|fault| fault.reason);
            let expected = expected.map(|value| vec![value]).ok_or("division_by_zero");
            assert_eq!(result, expected, "{source}\nin configuration {name:?}");
        }
    }
    assert!(values > 75, "hardly one has a value: {values}");
}

/// Long programs run in every tier, and are compiled where all is.
#[test]
fn a_program_of_many_words() {
    let words = if cfg!(debug_assertions) { 50_000 } else { 1_000_000 };
    let source = format!("0 {}", "3 + 7 * ".repeat(words / 4));
    let program = compile(&source);
    let expected = (0..words / 4).fold(0i32, |value, _| value.wrapping_add(3).wrapping_mul(7));
    for (name, config) in configurations() {
        assert_eq!(run(&program, 2, config), Ok(vec![expected]), "in configuration {name:?}");
    }
}

/// What a machine may compile grows with its program: one region follows on the other to the end.
#[test]
#[cfg(feature = "jit")]
fn all_of_a_long_program_is_compiled() {
    let program = compile(&format!("0 {}", "3 + 7 * ".repeat(5000)));
    let config = Config { tiers: Tiers::Jit, regions: 2, region_instructions: 100, ..Config::default() };
    let (guest, state) = Wordstack::new(&program, 2);
    let mut vm = Vm::new(guest, state, config);
    assert!(matches!(vm.run(u64::MAX), Stop::Halted));
    assert_eq!(vm.stats().native, program.len() as u64 - 1, "all but HALT");
    assert_eq!(vm.stats().regions, program.len().div_ceil(100) as u64);
}

#[test]
fn an_expression_is_compiled_once() {
    let program = compile(&format!("1 {}", "3 + 7 * 2 - ".repeat(10)));
    let reference = Evaluator::new(&program, 8, interpreter()).evaluate().unwrap();
    let mut evaluator = Evaluator::new(&program, 8, Config { hot: 1000, ..Config::default() });
    for _ in 0..1000 {
        assert_eq!(evaluator.evaluate().unwrap(), reference);
    }
    let stats = evaluator.stats();
    assert_eq!(stats.regions, u64::from(cfg!(feature = "jit")));
    assert_eq!(stats.native > 55_000, cfg!(feature = "jit"), "{stats:?}");
    let mut faulty = Evaluator::new(&compile("0 1 /"), 8, Config { tiers: Tiers::Jit, ..Config::default() });
    for _ in 0..10 {
        assert!(matches!(faulty.evaluate(), Err(Stop::Fault(fault)) if fault.pc == 3));
    }
}
