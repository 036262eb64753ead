//! Programs as text: a line an instruction, `label:` before what jumps and calls go to, `#` before a comment.

use std::collections::HashMap;
use std::fmt::Write;
use std::ops::Range;

use super::{FRAME, KINDS, LONGEST, Operand, kind};
use crate::asm::{Lines, defined_twice, undefined, unknown};
use crate::diagnostic::{Diagnostic, closest};
use crate::ops::Pc;

/// A program, and where in its text the instructions are; nowhere if there was none.
#[derive(Default, Debug)]
pub struct Program {
    pub(super) code: Vec<[u8; 2]>,
    pub(super) spans: Vec<Range<usize>>,
    pub(super) lines: Lines<Pc>,
}

/// Assembles a text; all that is wrong with it, if it does not.
pub(super) fn assemble(file: &str, text: &str) -> Result<Program, Vec<Diagnostic>> {
    let span = |word: &str| {
        let start = word.as_ptr() as usize - text.as_ptr() as usize;
        start..start + word.len()
    };
    let mut program = Program { lines: Lines::of(file, ""), ..Program::default() };
    let (mut labels, mut targets, mut wrong) = (HashMap::new(), Vec::new(), Vec::new());
    for (line_number, line) in (1..).zip(text.lines()) {
        let code = line.split('#').next().unwrap_or_default();
        let mut words = code.split_whitespace().peekable();
        let at = program.code.len();
        while let Some(label) = words.next_if(|word| word.ends_with(':')) {
            let label = &label[..label.len() - 1];
            if let Some((_, first)) = labels.insert(label, (at, span(label))) {
                wrong.push(defined_twice(label, &span(label), Some(&first)));
            }
        }
        let Some(name) = words.next() else { continue };
        let Some(n) = KINDS.iter().position(|kind| kind.name == name) else {
            let similar = closest(name, KINDS.iter().map(|kind| kind.name));
            wrong.push(unknown("instruction", name, &span(name), similar));
            continue;
        };
        let rest: Vec<&str> = words.collect();
        let number = |most: u8| match rest[..] {
            [word] => word.parse().ok().filter(|&n| n <= most),
            _ => None,
        };
        let (operand, takes) = match KINDS[n].operand {
            Operand::Nothing => (rest.is_empty().then_some(0), "nothing"),
            Operand::Value => (number(255), "a number from 0 to 255"),
            Operand::Slot => (number(FRAME as u8 - 2), "a slot from 0 to 14"),
            Operand::Target => {
                targets.extend(rest.first().map(|&label| (at, label)));
                ((rest.len() == 1).then_some(0), "a label")
            }
        };
        if operand.is_none() {
            let place = span(rest.last().unwrap_or(&name));
            wrong.push(Diagnostic::error(format!("`{name}` takes {takes}")).at(place, ""));
        }
        program.code.push([n as u8 + 1, operand.unwrap_or(0)]);
        program.spans.push(span(name));
        program.lines.insert(at as Pc, line_number);
    }
    for (at, label) in targets {
        match labels.get(label) {
            Some(&(target, _)) => program.code[at][1] = target.min(LONGEST) as u8,
            None => wrong.push(undefined(label, &span(label), labels.keys().copied())),
        }
    }
    if wrong.is_empty() { Ok(program) } else { Err(wrong) }
}

/// An instruction as text, its target as a label.
pub(super) fn instruction([op, operand]: [u8; 2]) -> String {
    match kind([op, operand]) {
        None => format!("illegal {op} {operand}"),
        Some(kind) => match kind.operand {
            Operand::Nothing => kind.name.to_owned(),
            Operand::Target => format!("{} L{operand}", kind.name),
            Operand::Value | Operand::Slot => format!("{} {operand}", kind.name),
        },
    }
}

/// A program as text that assembles to it again.
pub(super) fn listing(code: &[[u8; 2]]) -> String {
    let is_target = |at: usize| {
        let leads = |code: &[u8; 2]| kind(*code).is_some_and(|kind| kind.operand == Operand::Target);
        code.iter().any(|code| leads(code) && usize::from(code[1]) == at)
    };
    let mut text = String::new();
    for at in 0..=code.len() {
        // Writing to a string does not fail.
        if is_target(at) {
            let _ = writeln!(text, "L{at}:");
        }
        if let Some(&code) = code.get(at) {
            let _ = writeln!(text, "    {}", instruction(code));
        }
    }
    text
}
