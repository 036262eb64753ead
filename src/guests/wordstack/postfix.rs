//! The postfix compiler: `32 22 +` to words.

use std::ops::Range;

use super::Instruction;
use crate::diagnostic::Diagnostic;

/// Errors that are told at once, at most.
const ERRORS: usize = 20;
/// What a data word holds.
const RANGE: std::ops::Range<i64> = -(1 << 30)..1 << 30;

/// What a source became.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
pub struct Compiled {
    /// The program; HALT is its last word.
    pub words: Vec<u32>,
    /// The lines, from 1, that the words stand on.
    pub lines: Vec<u32>,
    /// The most values that are on the stack at once.
    pub depth: u32,
}

/// Compiles a source: numbers and `+ - * /`, divided by white space, and `#` comments.
///
/// # Errors
/// Everything that is wrong with it, in the order of the text.
pub fn compile(text: &str) -> Result<Compiled, Vec<Diagnostic>> {
    let mut compiled = Compiled::default();
    let mut errors = Vec::new();
    let mut on_stack = 0;
    for (number, line) in (1..).zip(text.split('\n')) {
        let code = line.split('#').next().unwrap_or_default();
        for token in code.split_whitespace() {
            let start = token.as_ptr() as usize - text.as_ptr() as usize;
            let span = start..start + token.len();
            match word(token) {
                Ok(Token::Number(value)) => {
                    on_stack += 1;
                    compiled.words.push(value as u32);
                }
                Ok(Token::Operator(instruction)) => {
                    if on_stack < 2 && errors.len() < ERRORS {
                        errors.push(underflow(token, span, on_stack));
                    }
                    on_stack = on_stack.max(2) - 1;
                    compiled.words.push(instruction.word());
                }
                Err(error) => {
                    // What was meant is not known: a number, for what follows.
                    on_stack += 1;
                    if errors.len() < ERRORS {
                        errors.push(error.at(span, ""));
                    }
                }
            }
            compiled.lines.push(number);
            compiled.depth = compiled.depth.max(on_stack);
        }
    }
    if compiled.words.is_empty() && errors.is_empty() {
        let error = Diagnostic::error("there is no expression here").at(text.len()..text.len(), "");
        errors.push(error.help("an expression is numbers and operators: `32 22 +`"));
    }
    compiled.words.push(Instruction::Halt.word());
    compiled.lines.push(compiled.lines.last().copied().unwrap_or(1));
    if errors.is_empty() { Ok(compiled) } else { Err(errors) }
}

enum Token {
    Number(i32),
    Operator(Instruction),
}

fn word(token: &str) -> Result<Token, Diagnostic> {
    let operator = match token {
        "+" => Instruction::Add,
        "-" => Instruction::Sub,
        "*" => Instruction::Mul,
        "/" => Instruction::Div,
        number => return number_word(number).map(Token::Number),
    };
    Ok(Token::Operator(operator))
}

fn number_word(token: &str) -> Result<i32, Diagnostic> {
    let digits = token.strip_prefix('-').unwrap_or(token);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let error = Diagnostic::error(format!("`{token}` is neither a number nor one of + - * /"));
        return Err(match digits.find(|c: char| !c.is_ascii_digit()) {
            Some(at) if at > 0 => error.help("white space divides numbers and operators"),
            _ => error,
        });
    }
    // More digits than fit mean a number that is out of range.
    let value: i64 = token.parse().unwrap_or(i64::MAX);
    if !RANGE.contains(&value) {
        let (least, most) = (RANGE.start, RANGE.end - 1);
        return Err(Diagnostic::error(format!("{token} is out of range"))
            .note(format!("numbers have 31 bits: {least} to {most}")));
    }
    Ok(value as i32)
}

fn underflow(token: &str, span: Range<usize>, on_stack: u32) -> Diagnostic {
    let there = match on_stack {
        0 => "there is none",
        _ => "there is one",
    };
    Diagnostic::error(format!("`{token}` takes two values, and {there}"))
        .at(span, "the stack would underflow")
}
