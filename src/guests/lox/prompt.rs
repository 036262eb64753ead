//! The prompt: entries are programs that share a machine, whose state stays after an error.

use std::io::{self, Write};
use std::iter;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use crate::prompt::jobs::Jobs;
use crate::prompt::{Look, Next, Prompt, word_start};

use super::error::Where;
use super::scan::{KEYWORDS, Kind, Scanner, is_letter};
use super::{Limits, Lox, Program, SourceError, Stop};

/// Instructions between looks for an interruption.
const SLICE: u64 = 1_000_000;

/// What programs print, until it is shown.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<Vec<u8>>>);

impl Output {
    fn take(&self) -> Vec<u8> {
        self.0.lock().map(|mut bytes| std::mem::take(&mut *bytes)).unwrap_or_default()
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Ok(mut all) = self.0.lock() {
            all.extend(bytes);
        }
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A live machine.
pub struct Live {
    lox: Lox,
    output: Output,
    /// None: a program runs while it is waited for.
    jobs: Jobs,
}

impl Live {
    /// One that nothing was told yet.
    pub fn new() -> Live {
        let output = Output::default();
        Live { lox: Lox::new(Limits::default(), Box::new(output.clone())), output, jobs: Jobs::default() }
    }
}

impl Default for Live {
    fn default() -> Live {
        Live::new()
    }
}

/// Whether a source is wrong only because it ends too early.
fn is_unfinished(errors: &[SourceError]) -> bool {
    // A `;` that is missing does not ask for another line.
    let ends = |error: &SourceError| error.place == Where::End && !error.message.starts_with("Expect ';'");
    errors.first().is_some_and(|error| ends(error) || error.message == "Unterminated string.")
}

impl Prompt for Live {
    fn banner(&self) -> String {
        "Lox. Ctrl-D leaves.\n".to_owned()
    }

    fn sign(&self) -> &'static str {
        "> "
    }

    fn goes_on(&self, entry: &str) -> bool {
        Program::compile(entry.as_bytes()).err().is_some_and(|errors| is_unfinished(&errors))
    }

    fn enter(&mut self, entry: &str, out: &mut dyn Write, stop: &dyn Fn() -> bool) -> io::Result<Next> {
        let program = match Program::compile(entry.as_bytes()) {
            Ok(program) => program,
            Err(errors) => {
                errors.iter().try_for_each(|error| error.write(out))?;
                return Ok(Next::Entry);
            }
        };
        if let Err(error) = self.lox.load(&program) {
            writeln!(out, "{error}")?;
            return Ok(Next::Entry);
        }
        loop {
            let ending = self.lox.run(SLICE);
            out.write_all(&self.output.take())?;
            match ending {
                Stop::Budget if stop() => writeln!(out, "interrupted")?,
                Stop::Budget => continue,
                Stop::Halted => {}
                Stop::Error(error) => error.write(out)?,
                Stop::Io(error) => return Err(error),
            }
            return Ok(Next::Entry);
        }
    }

    fn jobs(&self) -> &Jobs {
        &self.jobs
    }

    fn complete(&self, line: &str, at: usize) -> (usize, Vec<String>) {
        let start = word_start(line, at, |c| !(c.is_ascii_digit() || u8::try_from(c).is_ok_and(is_letter)));
        let word = &line[start..line.floor_char_boundary(at)];
        let keywords = KEYWORDS.iter().map(|keyword| keyword.0.to_owned());
        let mut all: Vec<String> =
            keywords.chain(self.lox.globals()).filter(|name| name.starts_with(word)).collect();
        all.sort();
        (start, all)
    }

    fn looks(&self, line: &str) -> Option<Vec<(Range<usize>, Look)>> {
        let mut scanner = Scanner::new(line.as_bytes());
        let tokens = iter::from_fn(|| Some(scanner.token()).filter(|token| token.kind != Kind::End));
        let (mut looks, mut done) = (Vec::new(), 0);
        for token in tokens {
            looks.extend(comment(line, done..token.span().start));
            done = token.span().end;
            let look = match token.kind {
                // A string may end in the next line.
                Kind::String | Kind::Number | Kind::Error("Unterminated string.") => Some(Look::Literal),
                Kind::Error(_) => Some(Look::Wrong),
                kind => KEYWORDS.iter().any(|keyword| keyword.1 == kind).then_some(Look::Keyword),
            };
            // A character of several bytes is as many tokens.
            let is_text = line.is_char_boundary(token.span().start) && line.is_char_boundary(done);
            looks.extend(look.filter(|_| is_text).map(|look| (token.span(), look)));
        }
        looks.extend(comment(line, done..line.len()));
        Some(looks)
    }
}

/// The comment between two tokens.
fn comment(line: &str, between: Range<usize>) -> Option<(Range<usize>, Look)> {
    let start = between.start + line.get(between.clone())?.find("//")?;
    Some((start..between.end, Look::Comment))
}
