//! The `kiln` program: a file a subcommand, and what they share. Nothing here but what is for courses knows a guest:
//! they come by [`kiln::guests`].

mod bench;
mod compare;
mod compile;
mod console;
mod disasm;
mod emit;
mod explain;
mod fmt;
mod fuzz;
mod grade;
mod guests;
mod host;
mod load;
mod lockstep;
mod lox;
mod manual;
mod native;
mod new;
mod perf;
#[cfg(feature = "plot")]
mod plot;
mod python;
mod repl;
mod report;
mod run;
mod session;
mod strict;
mod trace;
mod warmup;
mod whole;

use std::fmt::{self as format, Display};
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{Args, FromArgMatches, Parser, Subcommand};
use kiln::diagnostic::Style;
use kiln::guests::{BadFile, Remarks};

/// The program's exit codes: those of sysexits.h where it has one.
pub mod code {
    /// The machine halted, with this code or one of its own; the command did what it was asked.
    pub const OK: u8 = 0;
    /// Two tiers, or two runs that should be the same, differ, or were hardly compared; a submission is not as tests
    /// expect.
    pub const DIFFERENT: u8 = 1;
    /// The command line is wrong.
    pub const USAGE: u8 = 64;
    /// An image or a source is wrong.
    pub const DATA: u8 = 65;
    /// There is no such file.
    pub const NO_INPUT: u8 = 66;
    /// A program, or a part of this one, is missing that the command needs.
    pub const UNAVAILABLE: u8 = 69;
    /// The guest did something wrong.
    pub const FAULT: u8 = 70;
    /// The host could not read or write.
    pub const IO: u8 = 74;
    /// The budget is spent, or the input has ended where the guest wants more.
    pub const ENDED: u8 = 75;
    /// A signal ended the run: this and its number.
    pub const SIGNAL: u8 = 128;
}

const AFTER_HELP: &str = "\
Exit codes:
  0    the machine halted (*)        69   no C compiler; or built without what it takes
  1    tiers differ, a test failed   70   the guest did something wrong
  64   the command line is wrong     74   input or output failed
  65   bad image or source           75   the budget is spent, or the input ended
  66   no such file                  128+ ended by a signal
  (*) or the code that it halted with, where its machine has such codes";

/// Runs small machines fast: an interpreter and a JIT from one meaning of each instruction.
#[derive(Parser)]
#[command(name = "kiln", version, arg_required_else_help = true, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a program
    Run(Box<run::Run>),
    /// Translate a source file, usually to an image
    #[command(visible_alias = "asm")]
    Compile(compile::Compile),
    /// Print an image as assembly source
    Disasm(disasm::Disasm),
    /// Lay out sources as all are
    Fmt(fmt::Fmt),
    /// Run a program in both tiers at once and stop where they differ
    Compare(compare::Compare),
    /// Show why a program is as fast as it is, as a page
    Explain(explain::Explain),
    /// Compare the tiers on random programs
    Fuzz(fuzz::Fuzz),
    /// Measure programs in both tiers
    Bench(bench::Bench),
    /// Translate an image to C
    Emit(emit::Emit),
    /// Run an assignment's tests on submissions, which are programs for LC-3
    Grade(grade::Grade),
    /// Type at a live machine
    Repl(repl::Repl),
    /// List the machines, their files and what can be set
    Guests,
    /// Write a program to start from
    New(new::New),
    /// Print a shell's completions
    Completions(manual::Completions),
    /// Print the manual page, or write those of all commands
    Man(manual::Man),
}

impl Cli {
    /// What the command line says. To run a program takes no description of the other commands, unless it is wrong.
    fn of_line() -> Result<Cli, clap::Error> {
        let mut line = std::env::args_os().skip(1).peekable();
        if line.peek().is_some_and(|name| name == "run")
            && let Ok(mut said) = run::Run::augment_args(clap::Command::new("run")).try_get_matches_from(line)
        {
            let run = run::Run::from_arg_matches_mut(&mut said)?;
            return Ok(Cli { command: Command::Run(Box::new(run)) });
        }
        Cli::try_parse()
    }
}

/// Why a command could not do what it was asked.
pub struct Failure {
    code: u8,
    text: Text,
}

enum Text {
    /// One line.
    Line(String),
    /// Diagnostics of a source text.
    Remarks(Remarks),
}

impl Failure {
    fn new(code: u8, line: impl Into<String>) -> Failure {
        Failure { code, text: Text::Line(line.into()) }
    }

    /// The command line is wrong.
    fn usage(line: impl Into<String>) -> Failure {
        Failure::new(code::USAGE, line)
    }

    /// `what` failed for this reason.
    fn io(what: &str, error: &io::Error) -> Failure {
        Failure::new(code::IO, format!("{what}: {}", console::describe(error)))
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut format::Formatter<'_>) -> format::Result {
        match &self.text {
            Text::Line(line) => f.write_str(line),
            Text::Remarks(remarks) => f.write_str(&remarks.render(Style::Plain)),
        }
    }
}

impl From<BadFile> for Failure {
    fn from(bad: BadFile) -> Failure {
        let text = match bad {
            BadFile::Image(line) => Text::Line(line),
            BadFile::Source(remarks) => Text::Remarks(remarks),
        };
        Failure { code: code::DATA, text }
    }
}

/// Runs the program; its exit code.
pub fn main() -> u8 {
    let cli = match Cli::of_line() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => code::OK,
                _ => code::USAGE,
            };
        }
    };
    let result = match cli.command {
        Command::Run(run) => run.execute(),
        Command::Compile(compile) => compile.execute(),
        Command::Disasm(disasm) => disasm.execute(),
        Command::Compare(compare) => compare.execute(),
        Command::Explain(explain) => explain.execute(),
        Command::Fuzz(fuzz) => fuzz.execute(),
        Command::Bench(bench) => bench.execute(),
        Command::Emit(emit) => emit.execute(),
        Command::Fmt(fmt) => fmt.execute(),
        Command::Grade(grade) => grade.execute(),
        Command::Repl(repl) => repl.execute(),
        Command::Guests => guests::list(),
        Command::New(new) => new.execute(),
        Command::Completions(completions) => completions.execute(),
        Command::Man(man) => man.execute(),
    };
    result.unwrap_or_else(|failure| {
        match failure.text {
            Text::Line(line) => say(format!("error: {line}")),
            Text::Remarks(remarks) => say_remarks(&remarks),
        }
        failure.code
    })
}

/// A message to the user. Where standard error cannot be written there is nobody to tell.
fn say(message: impl AsRef<str>) {
    let _ = writeln!(io::stderr(), "kiln: {}", message.as_ref());
}

/// What a machine warns its user of.
fn warn(line: &str) {
    say(format!("warning: {line}"));
}

/// Shows what an assembler said, if anything.
fn say_remarks(remarks: &Remarks) {
    let coloured = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let style = if coloured { Style::Coloured } else { Style::Plain };
    let _ = io::stderr().write_all(remarks.render(style).as_bytes());
}

/// Writes a command's result to standard output.
fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = out.write_all(bytes).and_then(|()| out.flush());
    written.map_err(|error| Failure::io("cannot write standard output", &error))
}

/// Writes a command's result to a file, `-` for standard output. It may not replace what it was made from.
fn write(output: &Path, bytes: &[u8], sources: &[PathBuf]) -> Result<(), Failure> {
    if output.as_os_str() == "-" {
        return print(bytes);
    }
    spare(output, sources)?;
    whole::write(output, bytes)
}

/// Refuses to write over what is to be read.
fn spare(output: &Path, sources: &[PathBuf]) -> Result<(), Failure> {
    let Some(source) = sources.iter().find(|source| is_same_file(output, source)) else { return Ok(()) };
    let (output, source) = (output.display(), source.display());
    Err(Failure::usage(format!("{output} would replace the source {source}; give another file")))
}

/// Whether two paths lead to the same file, however they are written.
fn is_same_file(a: &Path, b: &Path) -> bool {
    let id = |path| fs::metadata(path).map(|file| (file.dev(), file.ino()));
    matches!((id(a), id(b)), (Ok(a), Ok(b)) if a == b)
}
