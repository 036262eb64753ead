//! `kiln run`.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use clap::{Args, ValueEnum};
use kiln::device::{Console, Input};
use kiln::guest::Stop;
use kiln::guests::{self, Machine, Visit};
use kiln::record::{Details, Region};
use kiln::tape::{Tape, Taping};
use kiln::tier::{Config, Tiers};
use kiln::vm::Vm;

use super::console::{Keys, Output};
use super::load::{self, ImageFile, Loaded, MachineOptions};
use super::lox;
use super::perf::{self, JitDump};
use super::report;
use super::session::{self, Ending};
use super::whole::{self, Whole};
use super::{Failure, code, host, lockstep, print, say, spare, strict, trace, warn};

const AFTER_HELP: &str = "\
The program's output and result are all that goes to standard output. A terminal is made unbuffered and
unechoed when the program first asks for a key, and put back when it ends.

Examples:
  kiln run hello.asm                          assemble and run
  kiln run --set stack=64 expr.post           with a setting that kiln guests lists
  kiln run --profile tutorial 2048.obj        the machine that this program was written for
  kiln run --budget 1000000 --stats loop.obj  a million instructions at most, and what came of it
  kiln run --stdin moves.txt --report run.json game.obj
  kiln run --record keys.txt game.obj         and kiln run --replay keys.txt game.obj: the same run
  kiln run --trace=trace.txt --budget 1000 broken.asm";

/// `kiln run`.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub struct Run {
    /// Images or sources; several go into one memory. With `--guest lox` and none, the prompt
    #[arg(required_unless_present = "guest", value_name = "IMAGE")]
    pub images: Vec<PathBuf>,
    /// How instructions are executed
    #[arg(long, value_enum, default_value_t = Tier::Auto, value_name = "TIER")]
    tier: Tier,
    #[command(flatten)]
    pub limits: Limits,
    /// Write which keys came, and after how many instructions, to a file for --replay
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Write what the run did to a file, as JSON
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// Print what the run did
    #[arg(long)]
    pub stats: bool,
    /// Print every instruction, to standard error or with `=` to a file; the tier is then interp
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub trace: Option<Option<PathBuf>>,
    /// Stop at what is hardly meant: a value that nobody gave, data that is executed, a stack that grows into code; the tier
    /// is then interp
    #[arg(long, conflicts_with = "trace")]
    strict: bool,
    /// Print what is compiled, to standard error; with lockstep the report of a difference has it
    #[arg(long, value_enum, value_name = "WHAT")]
    dump: Option<What>,
    /// Name native code for Linux's perf, in /tmp/perf-PID.map
    #[arg(long)]
    perf_map: bool,
    /// Write native code and the source lines it comes from for `perf inject --jit`, to jit-PID.dump; record with
    /// `perf record -k mono`
    #[arg(long)]
    jitdump: bool,
    /// List a Lox program with what was seen at its instructions (kinds of values, shapes, callees), to standard error or with
    /// `=` to a file
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub sites: Option<Option<PathBuf>>,
    /// How the errors of a Lox program are shown
    #[arg(long, value_enum, default_value_t = Errors::Plain, value_name = "HOW")]
    pub errors: Errors,
    #[command(flatten)]
    pub machine: MachineOptions,
}

/// What a run has to live on.
#[derive(Args)]
pub struct Limits {
    /// Instructions that the run may take
    #[arg(long, value_name = "N", default_value_t = u64::MAX, hide_default_value = true)]
    pub budget: u64,
    /// Bytes of output that the program may write
    #[arg(long, value_name = "N", default_value_t = u64::MAX, hide_default_value = true)]
    max_output: u64,
    /// Take input from a file
    #[arg(long, value_name = "FILE")]
    stdin: Option<PathBuf>,
    /// Take the keys of a file that --record has written, each at its instruction
    #[arg(long, value_name = "FILE", conflicts_with = "stdin")]
    replay: Option<PathBuf>,
}

impl Limits {
    /// The guest's display.
    pub fn output(&self) -> Result<Output, Failure> {
        Output::standard(self.max_output).map_err(|error| Failure::io("cannot write standard output", &error))
    }

    /// The guest's keyboard.
    pub fn keys(&self) -> Result<Box<dyn Input>, Failure> {
        if let Some(path) = &self.replay {
            return Ok(Box::new(tape(path)?));
        }
        let Some(path) = &self.stdin else {
            let keys = Keys::standard().map_err(|error| Failure::io("cannot read standard input", &error));
            return Ok(Box::new(keys?));
        };
        let name = path.display().to_string();
        let file = File::open(path).map_err(|error| load::unreadable(&name, &error))?;
        Ok(Box::new(Keys::new(file, &name)))
    }
}

/// Reads the keys of a recorded run.
fn tape(path: &Path) -> Result<Tape, Failure> {
    let ImageFile { name, bytes } = load::read(path)?;
    String::from_utf8_lossy(&bytes)
        .parse()
        .map_err(|what| Failure::new(code::DATA, format!("{name}: {what}")))
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Tier {
    /// The interpreter, then native code for what is hot
    Auto,
    /// The interpreter only
    Interp,
    /// Native code at once
    Jit,
    /// Both at once, until they differ
    Lockstep,
}

impl Tier {
    fn name(self) -> &'static str {
        match self {
            Tier::Auto => "auto",
            Tier::Interp => "interp",
            Tier::Jit => "jit",
            Tier::Lockstep => "lockstep",
        }
    }
}

/// How errors are shown.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Errors {
    /// A line each, as clox shows them
    Plain,
    /// With the source, marks and hints; those of a run with what was found, too
    Pretty,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    /// Cranelift's intermediate form
    Clif,
    /// Machine code
    Asm,
    /// The guest's instructions
    Regions,
}

impl What {
    fn of(self, region: &Region, details: &Details) -> String {
        match self {
            What::Clif => details.clif.clone(),
            What::Asm => details.assembly(region.address),
            What::Regions => details.listing.to_string(),
        }
    }
}

impl Run {
    /// Runs the program; the exit code.
    pub fn execute(self) -> Result<u8, Failure> {
        if lox::is_for(&self.images, self.machine.guest.as_deref()) {
            return lox::run(&self);
        }
        if self.images.is_empty() {
            return Err(Failure::usage("there is no image to run"));
        }
        if self.sites.is_some() {
            return Err(Failure::usage("--sites is for Lox programs; kiln explain shows others"));
        }
        let files = load::read_all(&self.images)?;
        let guest = self.machine.guest(&files)?;
        guests::visit(guest, Execute { run: &self, files: &files }).expect("the guest is listed")
    }

    /// What was asked for that only machines with two tiers, a keyboard and a memory of words have.
    pub fn for_other_machines(&self) -> impl Iterator<Item = &'static str> {
        let tier = matches!(self.tier, Tier::Jit | Tier::Lockstep);
        let own = [
            (tier, "a tier other than interp"),
            (self.limits.stdin.is_some(), "--stdin"),
            (self.limits.replay.is_some(), "--replay"),
            (self.record.is_some(), "--record"),
            (self.strict, "--strict"),
            (self.dump.is_some(), "--dump"),
            (self.perf_map, "--perf-map"),
            (self.jitdump, "--jitdump"),
        ];
        own.into_iter().chain(self.machine.for_other_machines()).filter(|one| one.0).map(|one| one.1)
    }

    /// The tier, and how the machine runs.
    fn config(&self) -> (Tier, Config) {
        let tier = if self.trace.is_some() || self.strict { Tier::Interp } else { self.tier };
        let tiers = match tier {
            Tier::Auto | Tier::Lockstep => Tiers::Auto,
            Tier::Interp => Tiers::Interpreter,
            Tier::Jit => Tiers::Jit,
        };
        let record = self.dump.is_some() || self.perf_map || self.jitdump;
        let is_for_speed = tier == Tier::Auto && !record;
        let config = if is_for_speed { self.machine.fast_config() } else { self.machine.config() };
        (tier, Config { tiers, record, ..config })
    }

    /// Where a trace or a list goes: standard error without a file.
    pub fn trace(&self, file: Option<&Path>) -> Result<Box<dyn Write>, Failure> {
        let Some(path) = file else { return Ok(Box::new(BufWriter::new(io::stderr()))) };
        self.check(path)?;
        // A part of it is of use, too.
        let file = File::create(path).map_err(|error| whole::cannot_write(path, &error))?;
        Ok(Box::new(BufWriter::with_capacity(1 << 16, file)))
    }

    /// Begins to write a file about the run.
    pub fn create(&self, path: &Path) -> Result<Whole, Failure> {
        self.check(path)?;
        Whole::create(path).map_err(|error| whole::cannot_write(path, &error))
    }

    /// Whether a file may be written: it is no image, and not standard output, which is the guest's.
    fn check(&self, path: &Path) -> Result<(), Failure> {
        if path.as_os_str() == "-" {
            return Err(Failure::usage(
                "`-`: standard output is the program's own; give a file, perhaps /dev/stderr",
            ));
        }
        spare(path, &self.images)
    }

    /// Prints the regions after the first `printed`.
    fn dump<G: Machine>(&self, vm: &Vm<G>, printed: &mut usize) {
        let (Some(what), Some(record)) = (self.dump, vm.record()) else {
            return;
        };
        let mut err = io::stderr().lock();
        for region in &record.regions[*printed..] {
            let (at, count, bytes) = (G::address(region.pc), region.instructions, region.code_bytes);
            let text = region.details.as_ref().map_or(String::new(), |details| what.of(region, details));
            let heading = format!("region at {at}: {count} instructions, {bytes} bytes");
            let _ = writeln!(err, "kiln: {heading}\n{}", text.trim_end());
        }
        *printed = record.regions.len();
    }
}

struct Execute<'a> {
    run: &'a Run,
    files: &'a [ImageFile],
}

impl Visit for Execute<'_> {
    type Output = Result<u8, Failure>;

    fn visit<G: Machine>(self) -> Result<u8, Failure> {
        let run = self.run;
        let loaded = Loaded::<G>::new(self.files, &run.machine)?;
        if run.strict && !G::IS_WATCHED {
            return Err(Failure::usage(format!("{} has no --strict: nobody watches its programs", G::NAME)));
        }
        let report = run.report.as_deref().map(|path| run.create(path)).transpose()?;
        let trace = run.trace.as_ref().map(|file| run.trace(file.as_deref())).transpose()?;
        let jitdump = run.jitdump.then(JitDump::create).transpose()?;
        let keys = run.limits.keys()?;
        let record = run.record.as_deref().map(|path| run.create(path)).transpose()?;
        let tape = Arc::<Mutex<Tape>>::default();
        let keys = match record {
            Some(_) => Box::new(Taping::new(keys, tape.clone())),
            None => keys,
        };
        let output = run.limits.output()?;
        host::catch_signals().map_err(|error| Failure::io("cannot catch signals", &error))?;

        let (tier, config) = run.config();
        let budget = run.limits.budget;
        let start = Instant::now();
        let mut printed = 0;
        let mut before = Vec::new();
        let watcher = |vm: &Vm<G>| match run.strict {
            true => vm.guest().watcher(&loaded.image, vm.state()),
            false => None,
        };
        let (ending, vm) = if tier == Tier::Lockstep {
            lockstep::run(&loaded, &config, keys, output, budget)?
        } else {
            let mut vm = loaded.vm(Console::new(keys, Box::new(output)).with_warnings(warn), config);
            let ending = match (trace, watcher(&vm)) {
                (Some(mut out), _) => trace::run(&mut vm, budget, &mut *out),
                (None, Some(mut watcher)) => {
                    let ending;
                    (ending, before) = strict::run(&mut vm, &mut *watcher, &loaded.image, budget);
                    ending
                }
                (None, None) => session::run(&mut vm, budget, |vm| run.dump(vm, &mut printed)),
            };
            (ending, vm)
        };
        let seconds = start.elapsed().as_secs_f64();
        host::restore();
        run.dump(&vm, &mut printed);

        if let Some(text) = ending.explain(&vm, &loaded.image) {
            say([vec![text], before].concat().join("\n"));
        }
        if let Ending::Stop(Stop::Halted) = ending
            && let Some(lines) = vm.guest().result(vm.state())
        {
            print(lines.as_bytes())?;
        }
        let images: Vec<String> = self.files.iter().map(|file| file.name.clone()).collect();
        let done = report::Run {
            vm: &vm,
            image: &loaded.image,
            ending: &ending,
            seconds,
            profile: loaded.profile,
            tier: tier.name(),
            images: &images,
        };
        if run.stats {
            say(done.summary().replace('\n', "\n  "));
        }
        if let Some(record) = vm.record().filter(|_| run.perf_map) {
            perf::write_map::<G>(&loaded.image, record)?;
        }
        if let Some((jitdump, record)) = jitdump.zip(vm.record()) {
            jitdump.write::<G>(&loaded.image, record)?;
        }
        if let Some((path, mut file)) = run.record.as_deref().zip(record) {
            let tape = tape.lock().expect("nobody panics while holding the tape");
            let written = write!(file, "{tape}").and_then(|()| file.finish());
            written.map_err(|error| whole::cannot_write(path, &error))?;
        }
        if let Some((path, mut file)) = run.report.as_deref().zip(report) {
            let written = done.write(&mut file, ending.code(&vm)).and_then(|()| file.finish());
            written.map_err(|error| whole::cannot_write(path, &error))?;
        }
        let code = ending.code(&vm);
        // The process ends now, and its memory goes at once: piece by piece, every piece waits for a thread that compiles.
        std::mem::forget(vm);
        Ok(code)
    }
}

/// Runs a program in both tiers, with the guest's output shown; why it ended, and the native machine.
pub fn both<G: Machine>(
    loaded: &Loaded<G>,
    config: &Config,
    limits: &Limits,
) -> Result<(Ending, Vm<G>), Failure> {
    host::catch_signals().map_err(|error| Failure::io("cannot catch signals", &error))?;
    let result = lockstep::run(loaded, config, limits.keys()?, limits.output()?, limits.budget);
    host::restore();
    result
}
