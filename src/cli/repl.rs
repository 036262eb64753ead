//! `kiln repl`.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fs;
use std::io::{self, BufRead, IsTerminal, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use clap::builder::PossibleValuesParser;
use kiln::guests::{self, Machine, Visit, lox};
use kiln::prompt::jobs::Jobs;
use kiln::prompt::{Look, Next, Prompt};
use kiln::tier::Config;
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Context, Editor, ExternalPrinter, Helper};

use super::{Failure, code, host, warn};

/// What is shown where an entry goes on.
const MORE: &str = "... ";
/// How often somebody looks for news while a line is edited.
const BETWEEN_NEWS: Duration = Duration::from_millis(50);

/// `kiln repl`.
#[derive(Args)]
#[command(after_help = "\
At a terminal lines can be edited and recalled, Tab completes, Ctrl-C interrupts what runs, and Ctrl-D leaves.
Input that is no terminal is read line by line.

Examples:
  kiln repl iridium
  echo 'load $0 #500' | kiln repl iridium")]
pub struct Repl {
    /// The machine
    #[arg(value_name = "NAME", value_parser = PossibleValuesParser::new(guests::ALL))]
    guest: String,
    /// Where entries are kept for the next time; without this in the user's directory for such things
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
}

struct Open;

impl Visit for Open {
    type Output = Option<Box<dyn Prompt>>;

    fn visit<G: Machine>(self) -> Self::Output {
        G::prompt(Config::default())
    }
}

fn open(guest: &str) -> Option<Box<dyn Prompt>> {
    if guest == lox::NAME {
        return Some(Box::new(lox::prompt::Live::new()));
    }
    guests::visit(guest, Open).expect("the guest is listed")
}

impl Repl {
    /// The prompt of this machine.
    pub fn of(guest: &str) -> Repl {
        Repl { guest: guest.to_owned(), history: None }
    }

    /// Reads entries to the end; the exit code.
    pub fn execute(self) -> Result<u8, Failure> {
        let Some(prompt) = open(&self.guest) else {
            let all: Vec<&str> = guests::ALL.iter().copied().filter(|name| open(name).is_some()).collect();
            let line = format!("{} has no prompt (there are: {})", self.guest, all.join(", "));
            return Err(Failure::usage(line));
        };
        let session = Session { prompt: Rc::new(RefCell::new(prompt)), entry: String::new() };
        let is_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
        let done = if is_terminal { session.edited(self.history_file()) } else { session.plain() };
        done.map(|()| code::OK).map_err(|error| Failure::io("the prompt ends", &error))
    }

    /// Where entries are kept, if there is a place.
    fn history_file(&self) -> Option<PathBuf> {
        let directory = || {
            let set = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
            let state = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")));
            Some(state?.join("kiln").join(format!("{}-history", self.guest)))
        };
        self.history.clone().or_else(directory)
    }
}

struct Session {
    prompt: Rc<RefCell<Box<dyn Prompt>>>,
    /// The lines of the entry so far.
    entry: String,
}

impl Session {
    /// Takes a line, or the end of input; the whole entry if it is complete with that.
    fn take(&mut self, line: Option<&str>) -> Option<String> {
        if let Some(line) = line {
            if !self.entry.is_empty() {
                self.entry.push('\n');
            }
            self.entry += line;
            if self.prompt.borrow().goes_on(&self.entry) {
                return None;
            }
        }
        Some(std::mem::take(&mut self.entry))
    }

    /// Does what an entry asks for.
    fn enter(&mut self, entry: &str) -> io::Result<Next> {
        let mut prompt = self.prompt.borrow_mut();
        let mut out = io::stdout().lock();
        let next = host::interruptible(|| prompt.enter(entry, &mut out, &|| host::signal().is_some()))??;
        out.write_all(prompt.jobs().news().as_bytes())?;
        out.flush()?;
        Ok(next)
    }

    /// Entries from a file or a pipe. Only answers are written.
    fn plain(mut self) -> io::Result<()> {
        for line in io::stdin().lock().lines() {
            if let Some(entry) = self.take(Some(&line?))
                && self.enter(&entry)? == Next::Quit
            {
                return Ok(());
            }
        }
        let rest = self.take(None).unwrap_or_default();
        self.enter(&rest).map(|_| ())
    }

    /// Entries from a terminal.
    fn edited(mut self, history: Option<PathBuf>) -> io::Result<()> {
        let config = rustyline::Config::builder()
            .completion_type(CompletionType::List)
            .auto_add_history(false)
            .build();
        let mut editor = Editor::<Words, FileHistory>::with_config(config).map_err(failed)?;
        editor.set_helper(Some(Words(self.prompt.clone())));
        let history = history.filter(|path| usable(&mut editor, path));
        host::keep_terminal(io::stdin().as_fd())?;
        let is_edited = Arc::new(AtomicBool::new(false));
        let printer = editor.create_external_printer().map_err(failed)?;
        tell(self.prompt.borrow().jobs().clone(), is_edited.clone(), printer);
        io::stdout().write_all(self.prompt.borrow().banner().as_bytes())?;
        // Ctrl-C is a key while a line is edited, and a signal from when the terminal is put back, before the entry runs.
        host::interruptible(|| self.converse(&mut editor, history.as_deref(), &is_edited))?
    }

    /// Reads lines and does what the entries ask for.
    fn converse(
        &mut self,
        editor: &mut Editor<Words, FileHistory>,
        history: Option<&Path>,
        is_edited: &AtomicBool,
    ) -> io::Result<()> {
        loop {
            let sign = if self.entry.is_empty() { self.prompt.borrow().sign() } else { MORE };
            is_edited.store(true, Ordering::Relaxed);
            let line = editor.readline(sign);
            is_edited.store(false, Ordering::Relaxed);
            let (entry, is_end) = match line {
                Ok(line) => (self.take(Some(&line)), false),
                Err(ReadlineError::Eof) => (self.take(None), true),
                Err(ReadlineError::Interrupted) => {
                    self.entry.clear();
                    continue;
                }
                Err(error) => return Err(failed(error)),
            };
            let Some(entry) = entry else { continue };
            if !entry.trim().is_empty() {
                editor.add_history_entry(entry.trim_end()).map_err(failed)?;
                if let Some(Err(error)) = history.map(|path| editor.append_history(path)) {
                    warn(&format!("the entry is not kept: {error}"));
                }
            }
            if self.enter(&entry)? == Next::Quit || is_end {
                return Ok(());
            }
        }
    }
}

/// Tells news of machines above the line that is being edited, as long as the program runs.
fn tell(jobs: Jobs, is_edited: Arc<AtomicBool>, mut printer: impl ExternalPrinter + Send + 'static) {
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(BETWEEN_NEWS);
            let news = if is_edited.load(Ordering::Relaxed) { jobs.news() } else { String::new() };
            if !news.is_empty() && printer.print(news).is_err() {
                return;
            }
        }
    });
}

/// Loads the entries of earlier times; whether there is a file for those of this time.
fn usable(editor: &mut Editor<Words, FileHistory>, path: &Path) -> bool {
    let made = path.parent().map_or(Ok(()), fs::create_dir_all);
    let loaded = made.map_err(ReadlineError::Io).and_then(|()| match path.exists() {
        true => editor.load_history(path),
        false => Ok(()),
    });
    if let Err(error) = &loaded {
        warn(&format!("entries are not kept in {}: {error}", path.display()));
    }
    loaded.is_ok()
}

fn failed(error: ReadlineError) -> io::Error {
    match error {
        ReadlineError::Io(error) => error,
        error => io::Error::other(error),
    }
}

/// Completion and colours by the prompt.
struct Words(Rc<RefCell<Box<dyn Prompt>>>);

impl Completer for Words {
    type Candidate = String;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(self.0.borrow().complete(line, at))
    }
}

impl Hinter for Words {
    type Hint = String;
}

impl Highlighter for Words {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        let mut text = String::with_capacity(2 * line.len());
        let mut done = 0;
        for (span, look) in self.0.borrow().looks(line).unwrap_or_default() {
            let code = match look {
                Look::Keyword => "35",
                Look::Literal => "32",
                Look::Comment => "90",
                Look::Wrong => "31",
            };
            text += &line[done..span.start];
            text += &format!("\x1b[{code}m{}\x1b[0m", &line[span.clone()]);
            done = span.end;
        }
        match done {
            0 => Cow::Borrowed(line),
            _ => Cow::Owned(text + &line[done..]),
        }
    }

    fn highlight_char(&self, line: &str, _: usize, _: CmdKind) -> bool {
        // Any change may change the look of all that follows.
        self.0.borrow().looks(line).is_some()
    }
}

impl Validator for Words {}
impl Helper for Words {}
