//! Interactive prompts: what is typed, what comes of it, and machines that run beside.
//!
//! A [`Prompt`] is a guest's, without a terminal: entries go in as text, answers come out as text. The program puts
//! line editing around it, or nothing where its input is a file.

pub mod jobs;

use std::fmt::Write as _;
use std::io::{self, Write};
use std::ops::Range;

use jobs::Jobs;

/// A guest's prompt.
pub trait Prompt {
    /// What is shown at the start.
    fn banner(&self) -> String;
    /// What is shown where an entry starts.
    fn sign(&self) -> &'static str;
    /// Whether an entry goes on in another line.
    fn goes_on(&self, entry: &str) -> bool;
    /// Does what an entry asks for and writes the answer, whole lines. Ends early where `stop` says so.
    ///
    /// # Errors
    /// The answer cannot be written.
    fn enter(&mut self, entry: &str, out: &mut dyn Write, stop: &dyn Fn() -> bool) -> io::Result<Next>;
    /// The machines that run beside the prompt, which has their news told.
    fn jobs(&self) -> &Jobs;
    /// The words that may stand where the word that ends at byte `at` of a line stands, and where that starts.
    fn complete(&self, line: &str, at: usize) -> (usize, Vec<String>);
    /// The parts of a line that look otherwise than plain, in order; `None` where all lines are plain.
    fn looks(&self, _line: &str) -> Option<Vec<(Range<usize>, Look)>> {
        None
    }
}

/// What a part of a line is, for its colour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Look {
    /// A word of the language.
    Keyword,
    /// A number or a string.
    Literal,
    /// A remark.
    Comment,
    /// Nothing that the language has.
    Wrong,
}

/// What comes after an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// Another one.
    Entry,
    /// Nothing.
    Quit,
}

/// A command of a prompt, which starts with `!`.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// Its name, with the `!`.
    pub name: &'static str,
    /// What goes behind it: `FILE`, `[NUMBER]`.
    pub takes: &'static str,
    /// What it does.
    pub about: &'static str,
}

/// The list of commands, for people.
pub fn help(commands: &[Command]) -> String {
    commands.iter().fold(String::new(), |mut text, one| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{:<28} {}", format!("{} {}", one.name, one.takes), one.about);
        text
    })
}

/// Splits `!name rest`; `None` where the entry is no command.
pub fn command(entry: &str) -> Option<(&str, &str)> {
    let entry = entry.trim();
    let (name, rest) = entry.split_once(char::is_whitespace).unwrap_or((entry, ""));
    name.starts_with('!').then(|| (name, rest.trim()))
}

/// Where the word that ends at byte `at` of a line starts: words are apart by what `ends` one.
pub fn word_start(line: &str, at: usize, ends: impl Fn(char) -> bool) -> usize {
    let before = &line[..line.floor_char_boundary(at)];
    before.char_indices().rev().find(|&(_, c)| ends(c)).map_or(0, |(n, c)| n + c.len_utf8())
}
