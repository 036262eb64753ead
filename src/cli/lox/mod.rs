//! What the program does for Lox, whose values are of its own kind, so that its machine is none of the other guests'.

mod bench;

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use kiln::diagnostic::{Source, Style};
use kiln::guests::Settings;
use kiln::guests::lox::{Limits, Lox, NAME, Program, RuntimeError, SETTINGS, SourceError, Stop};
use serde::Serialize;

pub use self::bench::bench;

use super::run::{Errors, Run};
use super::{Failure, code, host, load, repl, say, whole, write};

/// Instructions between looks for signals, and flushes of output.
const SLICE: u64 = 4_000_000;
/// Bytes of a file that are read at most.
const LARGEST: u64 = 1 << 28;

/// Whether files are for Lox.
pub fn is_for(files: &[PathBuf], guest: Option<&str>) -> bool {
    let is_lox =
        |file: &PathBuf| file.extension().is_some_and(|extension| extension == "lox" || extension == "kl");
    guest.map_or_else(|| files.first().is_some_and(is_lox), |guest| guest == NAME)
}

/// A file's bytes; where there are none, clox's exit code, as its line has been said.
fn read(path: &Path) -> Result<Vec<u8>, u8> {
    let mut bytes = Vec::new();
    let (what, done) = match File::open(path) {
        Ok(file) => ("read", file.take(LARGEST).read_to_end(&mut bytes).map(|_| ())),
        Err(error) => ("open", Err(error)),
    };
    // One that is cut would be another program.
    let is_whole = (bytes.len() as u64) < LARGEST;
    done.ok().filter(|()| is_whole).map(|()| bytes).ok_or_else(|| {
        // Where standard error cannot be written there is nobody to tell.
        let _ = writeln!(io::stderr(), "Could not {what} file \"{}\".", path.display());
        code::IO
    })
}

/// A program as it was read.
struct Loaded {
    program: Program,
    /// What it was compiled from, if that is text and no image.
    source: Option<String>,
}

/// A program from a source or an image; `Err` is an exit code where all has been said.
fn program(path: &Path, errors: Errors) -> Result<Result<Loaded, u8>, Failure> {
    let bytes = match read(path) {
        Ok(bytes) => bytes,
        Err(code) => return Ok(Err(code)),
    };
    if Program::is_image(&bytes) {
        let program = Program::read(&bytes);
        let bad = |what| Failure::new(code::DATA, format!("{}: {what}", path.display()));
        return program.map(|program| Ok(Loaded { program, source: None })).map_err(bad);
    }
    Ok(match Program::compile(&bytes) {
        Ok(program) => Ok(Loaded { program, source: String::from_utf8(bytes).ok() }),
        Err(all) => {
            // Where standard error cannot be written there is nobody to tell.
            let _ = show(path, &bytes, &all, errors);
            Err(code::DATA)
        }
    })
}

fn style() -> Style {
    if io::stderr().is_terminal() { Style::Coloured } else { Style::Plain }
}

/// Shows what is wrong with a source.
fn show(path: &Path, source: &[u8], all: &[SourceError], errors: Errors) -> io::Result<()> {
    let mut err = io::stderr().lock();
    match (errors, std::str::from_utf8(source)) {
        (Errors::Pretty, Ok(text)) => {
            let diagnostics: Vec<_> = all.iter().map(SourceError::diagnostic).collect();
            let name = path.display().to_string();
            err.write_all(Source::new(&name, text).render_all(&diagnostics, style()).as_bytes())
        }
        _ => all.iter().try_for_each(|error| error.write(&mut err)),
    }
}

/// Compiles a source to an image; the exit code.
pub fn compile(sources: &[PathBuf], output: Option<&Path>) -> Result<u8, Failure> {
    let program = match program(only(sources)?, Errors::Plain)? {
        Ok(loaded) => loaded.program,
        Err(code) => return Ok(code),
    };
    let output = output.map_or_else(|| sources[0].with_extension("kl"), Path::to_path_buf);
    write(&output, &program.image(), sources)?;
    Ok(code::OK)
}

fn only(files: &[PathBuf]) -> Result<&PathBuf, Failure> {
    match files {
        [file] => Ok(file),
        _ => Err(Failure::usage("Lox takes one program at a time")),
    }
}

/// The listing of a program; `Err` is an exit code where all has been said.
pub fn listing(path: &Path) -> Result<Result<String, u8>, Failure> {
    Ok(program(path, Errors::Plain)?.map(|loaded| loaded.program.listing(loaded.source.as_deref())))
}

/// The `--report` file.
#[derive(Serialize)]
struct Report {
    guest: &'static str,
    image: String,
    stop: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    line: u32,
    instruction: String,
    exit_code: u8,
    instructions: u64,
    seconds: f64,
    heap_bytes: usize,
    most_live_bytes: usize,
    collections: u64,
    collection_seconds: f64,
    longest_collection_seconds: f64,
    shapes: usize,
    site_misses: u64,
}

impl Report {
    fn new(options: &Run, lox: &Lox, stop: &Ending, seconds: f64) -> Report {
        let collections = lox.collections();
        let (line, instruction) = lox.place().unwrap_or_default();
        Report {
            guest: NAME,
            image: options.images[0].display().to_string(),
            stop: stop.kind(),
            error: stop.error().map(|error| error.message.clone()),
            line,
            instruction,
            exit_code: stop.code(),
            instructions: lox.instructions(),
            seconds,
            heap_bytes: lox.heap_size(),
            most_live_bytes: collections.most_live,
            collections: collections.count,
            collection_seconds: collections.time.as_secs_f64(),
            longest_collection_seconds: collections.longest.as_secs_f64(),
            shapes: lox.shapes(),
            site_misses: lox.site_misses(),
        }
    }

    /// A few lines for people.
    fn summary(&self) -> String {
        format!(
            "{} instructions in {:.3} s ({:.0} MIPS), ended: {}\n  heap {} KiB, at most {} KiB live after a collection\n  \
             {} collections in {:.1} ms ({:.1} % of the time), the longest {:.2} ms",
            self.instructions,
            self.seconds,
            self.instructions as f64 / self.seconds.max(1e-9) / 1e6,
            self.stop,
            self.heap_bytes >> 10,
            self.most_live_bytes >> 10,
            self.collections,
            self.collection_seconds * 1e3,
            100.0 * self.collection_seconds / self.seconds.max(1e-9),
            self.longest_collection_seconds * 1e3,
        )
    }
}

/// Why a run ended.
enum Ending {
    Stop(Stop),
    Signal(i32),
}

impl Ending {
    fn kind(&self) -> &'static str {
        match self {
            Ending::Stop(Stop::Halted) => "halted",
            Ending::Stop(Stop::Budget) => "budget",
            Ending::Stop(Stop::Error(_)) => "fault",
            Ending::Stop(Stop::Io(_)) => "io",
            Ending::Signal(_) => "signal",
        }
    }

    fn error(&self) -> Option<&RuntimeError> {
        match self {
            Ending::Stop(Stop::Error(error)) => Some(error),
            _ => None,
        }
    }

    fn code(&self) -> u8 {
        match self {
            Ending::Stop(Stop::Halted) => code::OK,
            Ending::Stop(Stop::Budget) => code::ENDED,
            Ending::Stop(Stop::Error(_)) => code::FAULT,
            Ending::Stop(Stop::Io(_)) => code::IO,
            Ending::Signal(signal) => code::SIGNAL + *signal as u8,
        }
    }

    /// Tells the user, with the source if it is to be shown; a run that halted speaks for itself.
    fn tell(&self, lox: &Lox, source: Option<&Source<'_>>) -> io::Result<()> {
        match self {
            Ending::Stop(Stop::Halted) => {}
            Ending::Stop(Stop::Budget) => {
                let place = lox.place().map(|(line, insn)| format!(" on line {line}: {insn}"));
                let count = lox.instructions();
                say(format!(
                    "stopped: the budget of {count} instructions is spent{}",
                    place.unwrap_or_default()
                ));
            }
            Ending::Stop(Stop::Error(error)) => {
                let mut err = BufWriter::new(io::stderr().lock());
                match source {
                    Some(source) => err.write_all(error.render(source, style()).as_bytes())?,
                    None => error.write(&mut err)?,
                }
                err.flush()?;
            }
            Ending::Stop(Stop::Io(error)) => say(format!("error: {}", super::console::describe(error))),
            Ending::Signal(signal) => say(format!("stopped by {}", host::signal_name(*signal))),
        }
        Ok(())
    }
}

/// Runs a program, or without one the prompt; the exit code.
pub fn run(options: &Run) -> Result<u8, Failure> {
    if let Some(option) = options.for_other_machines().next() {
        return Err(Failure::usage(format!("{option} says nothing to Lox; kiln help run has what does")));
    }
    if options.images.is_empty() {
        return repl::Repl::of(NAME).execute();
    }
    let image = only(&options.images)?;
    let Loaded { program, source } = match program(image, options.errors)? {
        Ok(loaded) => loaded,
        Err(code) => return Ok(code),
    };
    let source = source.filter(|_| options.errors == Errors::Pretty);
    let settings =
        Settings { values: load::settings(NAME, SETTINGS, &options.machine.values)?, ..Settings::default() };
    let report = options.report.as_deref().map(|path| options.create(path)).transpose()?;
    let to =
        |file: &Option<Option<PathBuf>>| file.as_ref().map(|file| options.trace(file.as_deref())).transpose();
    let (mut trace, sites) = (to(&options.trace)?, to(&options.sites)?);
    host::catch_signals().map_err(|error| Failure::io("cannot catch signals", &error))?;
    let mut lox = Lox::new(Limits::of(&settings), Box::new(options.limits.output()?));
    lox.load(&program).map_err(|what| Failure::new(code::DATA, format!("{}: {what}", image.display())))?;
    let start = Instant::now();
    let ending = go(&mut lox, options.limits.budget, trace.as_deref_mut());
    let seconds = start.elapsed().as_secs_f64();
    host::restore();
    let name = image.display().to_string();
    let source = source.as_ref().map(|text| Source::new(&name, text));
    // Where standard error cannot be written there is nobody to tell.
    let _ = ending.tell(&lox, source.as_ref());
    let done = Report::new(options, &lox, &ending, seconds);
    if options.stats {
        say(done.summary());
    }
    if let Some(mut out) = sites {
        let written = out.write_all(lox.seen().as_bytes()).and_then(|()| out.flush());
        written.map_err(|error| Failure::io("cannot write the list of sites", &error))?;
    }
    if let Some((path, mut file)) = options.report.as_deref().zip(report) {
        let written = serde_json::to_writer_pretty(&mut file, &done).map_err(io::Error::from);
        let written = written.and_then(|()| file.write_all(b"\n")).and_then(|()| file.finish());
        written.map_err(|error| whole::cannot_write(path, &error))?;
    }
    Ok(ending.code())
}

/// Runs to the end, in slices, so that output is never late and signals are heeded.
fn go(lox: &mut Lox, budget: u64, mut trace: Option<&mut (dyn Write + 'static)>) -> Ending {
    let mut left = budget;
    let slice = if trace.is_some() { 1 } else { SLICE };
    loop {
        if let (Some(out), Some((line, insn))) = (&mut trace, lox.place())
            && let Err(error) = writeln!(out, "{:>10}  line {line:<5} {insn}", lox.instructions() + 1)
        {
            return Ending::Stop(Stop::Io(error));
        }
        let before = lox.instructions();
        let stop = lox.run(left.min(slice));
        left -= lox.instructions() - before;
        if let Some(signal) = host::signal() {
            return Ending::Signal(signal);
        }
        if left == 0 || !matches!(stop, Stop::Budget) {
            return Ending::Stop(stop);
        }
    }
}
