//! What a run has left, against what was expected.

use super::Failure;
use super::plan::{Case, Ignore, Like, Output, Register, Stop};
use super::run::{Registers, place, signed};
use crate::guests::lc3::image::Image;
use crate::guests::lc3::isa::r;
use crate::guests::lc3::{Lc3, word};
use crate::vm::Vm;

/// Words of memory that are shown where they are not as expected.
const SHOWN: usize = 16;

/// Why a run ended, in the words of the tests.
pub(super) struct Ending {
    pub(super) kind: Stop,
    /// More about it, or nothing.
    pub(super) detail: String,
    /// Where it would go on.
    pub(super) pc: u16,
}

impl Ending {
    /// In a line for people.
    pub(super) fn describe(&self, image: &Image) -> String {
        let what = name(self.kind);
        if matches!(self.kind, Stop::Halted | Stop::Returned) {
            return what.to_owned();
        }
        let place = match image.lines.get(self.pc) {
            Some((file, line)) => format!("at x{:04X}, {file}:{line}", self.pc),
            None => format!("at x{:04X}", self.pc),
        };
        let detail = if self.detail.is_empty() { String::new() } else { format!(": {}", self.detail) };
        format!("{what} {place}{detail}")
    }
}

fn name(stop: Stop) -> &'static str {
    match stop {
        Stop::Halted => "halted",
        Stop::Returned => "returned",
        Stop::Fault => "fault",
        Stop::Limit => "limit",
        Stop::Input => "wants more input",
        Stop::Any => "any",
    }
}

/// Output as text.
pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// All that is not as expected.
pub(super) fn check(
    case: &Case,
    vm: &Vm<Lc3>,
    image: &Image,
    before: &Registers,
    ending: &Ending,
    output: &[u8],
) -> Result<Vec<Failure>, Failure> {
    let mut failures = Vec::new();
    let mut expect = |what: &str, is_right: bool, expected: String, actual: String| {
        if !is_right {
            failures.push(Failure { what: what.to_owned(), expected, actual });
        }
    };
    let usual = if case.call.is_some() { Stop::Returned } else { Stop::Halted };
    let stop = case.expect.stop.unwrap_or(usual);
    let stops = stop == Stop::Any || stop == ending.kind;
    expect("stop", stops, name(stop).to_owned(), ending.describe(image));
    let shown = text(output);
    match &case.expect.output {
        None => {}
        Some(Output::Exact(exact)) => expect("output", shown == *exact, exact.clone(), shown),
        Some(Output::Like(like)) => check_output(like, &shown, &mut expect),
    }
    let value = |register: Register| vm.state().get(r(register.0));
    for (&register, number) in &case.expect.registers {
        let actual = value(register);
        expect(&format!("R{}", register.0), actual == number.0, signed(number.0), signed(actual));
    }
    for &register in &case.expect.keeps {
        let (was, is) = (before.get(register), value(register));
        expect(&format!("R{}", register.0), was == is, format!("kept: {}", signed(was)), signed(is));
    }
    for (at, words) in &case.expect.memory {
        let start = place(image, at)?;
        let words = &words.0;
        let actual: Vec<u16> =
            (0..words.len()).map(|n| word(vm.state(), start.wrapping_add(n as u16))).collect();
        let first = words.iter().zip(&actual).position(|(expected, actual)| expected != actual);
        let from = first.unwrap_or(0);
        let what = if from == 0 { at.clone() } else { format!("{at} + {from}") };
        expect(&what, first.is_none(), list(&words[from..]), list(&actual[from..]));
    }
    Ok(failures)
}

/// Words as a line.
fn list(words: &[u16]) -> String {
    if let [word] = words {
        return signed(*word);
    }
    let all: Vec<String> = words.iter().take(SHOWN).map(|word| format!("x{word:04X}")).collect();
    all.join(" ") + if words.len() > SHOWN { " …" } else { "" }
}

fn check_output(like: &Like, shown: &str, expect: &mut impl FnMut(&str, bool, String, String)) {
    let folded = |text: &str| {
        let text = if like.ignore.contains(&Ignore::Case) { text.to_lowercase() } else { text.to_owned() };
        if like.ignore.contains(&Ignore::Space) {
            text.split_whitespace().collect::<Vec<&str>>().join(" ")
        } else {
            text
        }
    };
    let actual = folded(shown);
    if let Some(exact) = &like.exact {
        expect("output", actual == folded(exact), exact.clone(), shown.to_owned());
    }
    for part in &like.contains.0 {
        expect("output", actual.contains(&folded(part)), format!("contains: {part}"), shown.to_owned());
    }
    for part in &like.lacks.0 {
        expect("output", !actual.contains(&folded(part)), format!("lacks: {part}"), shown.to_owned());
    }
    if let Some(pattern) = &like.pattern {
        let matches = pattern.0.is_match(&actual);
        expect("output", matches, format!("matches: {}", pattern.0), shown.to_owned());
    }
}
