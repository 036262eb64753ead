//! `kiln bench`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use clap::Args;
use comfy_table::{CellAlignment, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use kiln::compare;
use kiln::device::Console;
use kiln::emit::compiler::Compiler;
use kiln::guest::{Guest, Stop};
use kiln::guests::{self, Machine, Visit, check};
use kiln::tier::{Config, Tiers};
use kiln::vm::Vm;

use super::load::{self, ImageFile, Loaded, MachineOptions};
use super::python::Python;
use super::warmup::{self, Warmup};
use super::{Failure, code, print, say};
use super::{lox, native};

const AFTER_HELP: &str = "\
Every image runs in each tier on fresh machines, without input; the best time counts, compilation
included. Both tiers must agree on output, state and instructions. Without images the examples that
compute run; those marked * change their code or mostly print, and are not in the mean.

With --native, `kiln run` is measured beside the program that `kiln emit c` and a C compiler ($CC, or
cc, at -O3 -march=native) make of the image: whole processes, in turn, the compiler's own time left out.

With --python, `kiln run`, in either tier, is measured beside the same program in Python ($PYTHON, or
python3): of the examples those that have one, of files those with a .py beside them. Lines that it prints,
such as `$0 = 5`, must hold of the machine's registers.

Lox programs run by themselves, in the interpreter. With --lua, `kiln run` is measured beside the same
program in Lua ($LUA, or lua5.4): of files those with a .lua beside them.

With --warmup, a cold machine is timed beside one that finds all native code there. It is warm when the
next 5 ms have 90 % of that one's speed; `beside interp` is the most that a run which ends before that
takes, an interpreted one being 1.

Examples:
  kiln bench
  kiln bench --native --runs 5 sieve.asm life.asm
  kiln bench --native --plot speeds.svg
  kiln bench --python --guest iridium
  kiln bench --guest lox --lua";

/// `kiln bench`.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub struct Bench {
    /// Images or sources, each on its own
    #[arg(value_name = "IMAGE")]
    images: Vec<PathBuf>,
    /// Runs in each tier
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Instructions that a run may take
    #[arg(long, value_name = "N", default_value_t = 10_000_000_000)]
    budget: u64,
    /// Compare with what a C compiler makes of the images
    #[arg(long)]
    native: bool,
    /// Compare with the same programs in Python
    #[arg(long)]
    python: bool,
    /// Compare Lox programs with the same ones in Lua
    #[arg(long)]
    lua: bool,
    /// Measure how long machines take to get as fast as they get, and what that costs
    #[arg(long, conflicts_with_all = ["native", "python"])]
    warmup: bool,
    /// Draw the speeds to a file, as SVG
    #[cfg(feature = "plot")]
    #[arg(long, value_name = "FILE", conflicts_with = "warmup")]
    plot: Option<PathBuf>,
    #[command(flatten)]
    machine: MachineOptions,
}

/// A program to measure.
struct Entry {
    guest: String,
    name: String,
    file: ImageFile,
    computes: bool,
    python: Option<String>,
}

/// What a program took.
struct Row {
    name: String,
    computes: bool,
    instructions: u64,
    interpreted: f64,
    native: f64,
    regions: u64,
    compile_seconds: f64,
    c: Option<Processes>,
    python: Option<Processes>,
}

/// What whole processes took: `kiln run`, its interpreter where that was asked, and something else.
struct Processes {
    run: f64,
    interp: f64,
    other: f64,
}

impl Row {
    fn speed_up(&self) -> f64 {
        self.interpreted / self.native
    }

    /// How long `kiln run` takes, the C program being 1.
    fn to_c(&self) -> Option<f64> {
        self.c.as_ref().map(|all| all.run / all.other)
    }

    /// How long Python takes, `kiln run` being 1, and its interpreter being 1.
    fn of_python(&self) -> Option<(f64, f64)> {
        self.python.as_ref().map(|all| (all.other / all.run, all.other / all.interp))
    }
}

impl Bench {
    /// Measures; the exit code.
    pub fn execute(self) -> Result<u8, Failure> {
        #[cfg(feature = "plot")]
        self.plot.iter().try_for_each(|path| super::spare(path, &self.images))?;
        let is_lox = lox::is_for(&self.images, self.machine.guest.as_deref());
        if is_lox || self.lua {
            return self.bench_lox(is_lox);
        }
        let compiler = self.native.then(|| native::find("--native")).transpose()?;
        let entries = self.entries()?;
        if self.warmup {
            return self.warm_up(entries);
        }
        let python = if self.python { Python::find()? } else { None };
        if self.python && python.is_none() {
            say("note: there is no CPython here: no python3 in the path, and $PYTHON names none");
        }
        let each = 2 + u64::from(self.native) + u64::from(python.is_some());
        let steps = entries.len() as u64 * self.runs as u64 * each;
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}").expect("a fixed template");
        let bar = ProgressBar::new(steps).with_style(style);
        let mut rows = Vec::new();
        for entry in entries {
            bar.set_message(entry.name.clone());
            let guest = entry.guest.clone();
            let (compiler, python) = (compiler.as_ref(), python.as_ref());
            let measure = Measure { bench: &self, entry, bar: &bar, compiler, python };
            rows.push(guests::visit(&guest, measure).expect("the guest is listed")?);
        }
        bar.finish_and_clear();
        let version = python.as_ref().map(|python| python.version.as_str());
        print(table(&rows, self.native, version).as_bytes())?;
        #[cfg(feature = "plot")]
        if let Some(path) = &self.plot {
            super::write(path, plot(&rows, self.native)?.as_bytes(), &self.images)?;
        }
        Ok(code::OK)
    }

    /// Measures Lox programs, without any those that there are; the exit code.
    fn bench_lox(&self, is_lox: bool) -> Result<u8, Failure> {
        if !is_lox && !self.images.is_empty() {
            return Err(Failure::usage("--lua is for Lox programs"));
        }
        let own = [(self.native, "--native"), (self.python, "--python"), (self.warmup, "--warmup")];
        #[cfg(feature = "plot")]
        let own = own.into_iter().chain([(self.plot.is_some(), "--plot")]);
        let mut asked = own.into_iter().chain(self.machine.for_other_machines());
        if let Some((_, option)) = asked.find(|one| one.0) {
            return Err(Failure::usage(format!("{option} says nothing to Lox")));
        }
        lox::bench(&self.images, self.runs, self.budget, self.lua)
    }

    /// Measures how long machines take to get fast; the exit code.
    fn warm_up(&self, entries: Vec<Entry>) -> Result<u8, Failure> {
        let mut rows = Vec::new();
        for entry in entries.into_iter().filter(|entry| entry.computes) {
            let warm_up = WarmUp { bench: self, file: &entry.file };
            rows.push((entry.name, guests::visit(&entry.guest, warm_up).expect("the guest is listed")?));
        }
        print(warmup::table(&rows).as_bytes())?;
        Ok(code::OK)
    }

    fn entries(&self) -> Result<Vec<Entry>, Failure> {
        if self.images.is_empty() {
            let names = guests::NAMES.iter().filter(|&&name| self.machine.is_for(name));
            return Ok(names.flat_map(|name| guests::visit(name, Own).unwrap_or_default()).collect());
        }
        let entry = |path: &PathBuf| {
            let file = load::read(path)?;
            let guest = self.machine.guest(std::slice::from_ref(&file))?.to_owned();
            let python = match self.python {
                true => fs::read_to_string(path.with_extension("py")).ok(),
                false => None,
            };
            Ok(Entry { guest, name: file.name.clone(), file, computes: true, python })
        };
        self.images.iter().map(entry).collect()
    }
}

/// The programs that come with a guest.
struct Own;

impl Visit for Own {
    type Output = Vec<Entry>;

    fn visit<G: Machine>(self) -> Vec<Entry> {
        let entry = |bench: &guests::Bench| Entry {
            guest: G::NAME.to_owned(),
            name: Path::new(bench.file).with_extension("").display().to_string(),
            file: ImageFile { name: bench.file.to_owned(), bytes: bench.source.into() },
            computes: bench.computes,
            python: bench.python.map(str::to_owned),
        };
        G::BENCHES.iter().map(entry).collect()
    }
}

struct WarmUp<'a> {
    bench: &'a Bench,
    file: &'a ImageFile,
}

impl Visit for WarmUp<'_> {
    type Output = Result<Warmup, Failure>;

    fn visit<G: Machine>(self) -> Result<Warmup, Failure> {
        let Bench { machine, runs, budget, .. } = self.bench;
        let loaded = Loaded::<G>::new(std::slice::from_ref(self.file), machine)?;
        Ok(Warmup::measure(&loaded, &machine.fast_config(), *runs, *budget))
    }
}

struct Measure<'a> {
    bench: &'a Bench,
    entry: Entry,
    bar: &'a ProgressBar,
    compiler: Option<&'a Compiler>,
    python: Option<&'a Python>,
}

/// The best of some runs: the last machine and its stop and output, and the seconds of the best.
struct Best<G: Guest> {
    vm: Vm<G>,
    stop: Stop,
    output: Vec<u8>,
    seconds: f64,
}

impl Measure<'_> {
    fn best<G: Machine>(&self, loaded: &Loaded<G>, tiers: Tiers) -> Best<G> {
        let run = || {
            let (console, output) = Console::scripted("");
            let config = Config { tiers, ..self.bench.machine.fast_config() };
            let mut vm = loaded.vm(console, config);
            let start = Instant::now();
            let stop = vm.run(self.bench.budget);
            let seconds = start.elapsed().as_secs_f64();
            vm.guest_mut().flush().expect("memory takes all output");
            self.bar.inc(1);
            Best { vm, stop, output: output.take(), seconds }
        };
        (1..self.bench.runs).fold(run(), |best, _| {
            let next = run();
            Best { seconds: best.seconds.min(next.seconds), ..next }
        })
    }

    fn note(&self, line: String) {
        self.bar.suspend(|| say(format!("note: {line}")));
    }

    /// This program, running an image.
    fn command(&self, this: &Path, tiers: Tiers, image: &Path) -> Command {
        let mut command = Command::new(this);
        let tier = if tiers == Tiers::Interpreter { "interp" } else { "auto" };
        command.args(["run", "--tier", tier]).args(self.bench.machine.arguments()).arg("--").arg(image);
        command
    }

    /// Whole runs beside those of the same program in Python, which must come to the same.
    fn beside_python<G: Machine>(
        &self,
        python: &Python,
        text: &str,
        vm: &Vm<G>,
    ) -> Result<Processes, Failure> {
        let ImageFile { name: path, bytes } = &self.entry.file;
        let name = Path::new(path).file_name().unwrap_or_default().to_string_lossy();
        let program = python.file(&format!("{name}.py"), text.as_bytes())?;
        let image = python.file(&name, bytes)?;
        for claim in python.output(&program)?.lines() {
            check::holds::<G>(vm.state(), claim).map_err(|why| {
                Failure::new(code::DIFFERENT, format!("{}: not what Python says: {why}", self.entry.name))
            })?;
        }
        let this = this_program()?;
        let mut best = Processes { run: f64::INFINITY, interp: f64::INFINITY, other: f64::INFINITY };
        for _ in 0..self.bench.runs {
            best.run = best.run.min(native::seconds(&mut self.command(&this, Tiers::Auto, &image))?);
            let mut interp = self.command(&this, Tiers::Interpreter, &image);
            best.interp = best.interp.min(native::seconds(&mut interp)?);
            best.other = best.other.min(native::seconds(&mut python.command(&program))?);
            self.bar.inc(1);
        }
        Ok(best)
    }

    /// Whole runs beside those of the image's C, where that does the same: the image has halted after so many
    /// instructions and so many seconds.
    fn processes<G: Machine>(
        &self,
        compiler: &Compiler,
        loaded: &Loaded<G>,
        (instructions, seconds): (u64, f64),
    ) -> Result<Option<Processes>, Failure> {
        let ImageFile { name: path, bytes } = &self.entry.file;
        let name = Path::new(path).file_name().unwrap_or_default().to_string_lossy();
        let program = compiler.compile(&format!("{name}.native"), &loaded.c(&name), &native::FAST);
        let program = program.map_err(|why| Failure::new(code::UNAVAILABLE, why))?;
        let image = native::file(compiler.folder(), &name, bytes)?;
        let this = this_program()?;
        let kiln = || self.command(&this, Tiers::Auto, &image);
        let c = || Command::new(&program);
        let patience = Duration::from_secs_f64(10.0 + 20.0 * seconds);
        let ours = native::outcome(&mut kiln(), patience)?;
        let theirs = native::outcome(c().arg("--stats"), patience)?;
        let counted = theirs.said.contains(&format!("instructions {instructions}\n"));
        if theirs.code != Some(0) || !counted || ours.output != theirs.output {
            let why = theirs.said.lines().next().unwrap_or("it does not end");
            self.note(format!("{} has no time in C, which assumes too much of it: {why}", self.entry.name));
            return Ok(None);
        }
        let mut best = Processes { run: f64::INFINITY, interp: f64::INFINITY, other: f64::INFINITY };
        for _ in 0..self.bench.runs {
            best.run = best.run.min(native::seconds(&mut kiln())?);
            best.other = best.other.min(native::seconds(&mut c())?);
            self.bar.inc(1);
        }
        Ok(Some(best))
    }
}

impl Visit for Measure<'_> {
    type Output = Result<Row, Failure>;

    fn visit<G: Machine>(self) -> Result<Row, Failure> {
        let loaded = Loaded::<G>::new(std::slice::from_ref(&self.entry.file), &self.bench.machine)?;
        let interpreted = self.best(&loaded, Tiers::Interpreter);
        let native = self.best(&loaded, Tiers::Auto);
        let name = self.entry.name.clone();
        let differ = |how: String| Failure::new(code::DIFFERENT, format!("{name}: the tiers differ\n{how}"));
        compare::compare((&native.vm, &native.stop), (&interpreted.vm, &interpreted.stop))
            .map_err(|difference| differ(difference.to_string()))?;
        if native.output != interpreted.output {
            return Err(differ("Their output is not the same; see kiln compare.".to_owned()));
        }
        let halted = matches!(native.stop, Stop::Halted);
        if !halted {
            self.note(format!("{name} did not halt; its runs ended: {}", native.stop.kind()));
        }
        let so_much = (native.vm.instructions(), native.seconds);
        let c = match self.compiler.filter(|_| halted) {
            Some(compiler) => self.processes(compiler, &loaded, so_much)?,
            None => None,
        };
        let python = match (self.python, &self.entry.python) {
            (Some(python), Some(text)) => Some(self.beside_python(python, text, &native.vm)?),
            _ => None,
        };
        let stats = native.vm.stats();
        Ok(Row {
            computes: self.entry.computes,
            instructions: native.vm.instructions(),
            interpreted: interpreted.seconds,
            native: native.seconds,
            regions: stats.regions,
            compile_seconds: stats.compile_time.as_secs_f64(),
            c,
            python,
            name,
        })
    }
}

fn this_program() -> Result<PathBuf, Failure> {
    std::env::current_exe().map_err(|error| Failure::io("cannot find this program", &error))
}

/// The table; `python` is the version that was compared with.
fn table(rows: &[Row], native: bool, python: Option<&str>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let tiers = ["interp s", "MIPS", "jit s", "MIPS", "speed-up", "regions", "compile ms"];
    let c: &[&str] = if native { &["kiln run s", "C s", "run/C"] } else { &[] };
    let pythons = ["kiln run s", "interp s", "Python s", "Python/run", "Python/interp"];
    let pythons = if python.is_some() { &pythons[..] } else { &[] };
    table.set_header(["image", "instructions"].iter().chain(&tiers).chain(c).chain(pythons));
    for row in rows {
        let mips = |seconds: f64| format!("{:.0}", row.instructions as f64 / seconds / 1e6);
        let mut cells = vec![
            format!("{}{}", row.name, if row.computes { "" } else { " *" }),
            row.instructions.to_string(),
            format!("{:.4}", row.interpreted),
            mips(row.interpreted),
            format!("{:.4}", row.native),
            mips(row.native),
            format!("{:.2}", row.speed_up()),
            row.regions.to_string(),
            format!("{:.2}", row.compile_seconds * 1e3),
        ];
        let time = |seconds: f64| format!("{seconds:.4}");
        let beside_c = row.c.iter().map(|all| [all.run, all.other].map(time));
        let beside_c = beside_c.flatten().chain(row.to_c().map(|ratio| format!("{ratio:.2}")));
        cells.extend(columns(beside_c, c.len()));
        let beside_python = row.python.iter().map(|all| [all.run, all.interp, all.other].map(time));
        let ratios = row.of_python().map(|(run, interp)| [run, interp].map(|ratio| format!("{ratio:.1}")));
        let beside_python = beside_python.flatten().chain(ratios.into_iter().flatten());
        cells.extend(columns(beside_python, pythons.len()));
        table.add_row(cells);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut text = table.trim_fmt() + "\n";
    let computing = || rows.iter().filter(|row| row.computes);
    if let Some((mean, count)) = mean(computing().map(Row::speed_up)) {
        text += &format!("\n{mean:.2} is the geometric mean of {count} speed-ups\n");
    }
    if let Some((mean, count)) = mean(computing().filter_map(Row::to_c)) {
        let most = computing().filter_map(Row::to_c).fold(0.0, f64::max);
        text +=
            &format!("{mean:.2} is the geometric mean of {count} ratios run/C; the largest is {most:.2}\n");
    }
    let pythons = || computing().filter_map(Row::of_python);
    if let Some((run, count)) = mean(pythons().map(|ratios| ratios.0)) {
        let interp = mean(pythons().map(|ratios| ratios.1)).map_or(0.0, |mean| mean.0);
        text += &format!(
            "{run:.1} is the geometric mean of {count} ratios Python/run, {interp:.1} of Python/interp"
        );
        text += &python.map_or(String::new(), |version| format!(" (CPython {version})"));
        text += "\n";
    }
    text
}

/// So many cells, the last of them perhaps empty.
fn columns(cells: impl Iterator<Item = String>, count: usize) -> impl Iterator<Item = String> {
    cells.chain(std::iter::repeat(String::new())).take(count)
}

/// A chart of the speeds. Beside those of C are those of whole runs.
#[cfg(feature = "plot")]
fn plot(rows: &[Row], native: bool) -> Result<String, Failure> {
    let stem =
        |row: &Row| Path::new(&row.name).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let speeds = |seconds: &dyn Fn(&Row) -> Option<f64>| -> Vec<Option<f64>> {
        rows.iter().map(|row| Some(row.instructions as f64 / seconds(row)? / 1e6)).collect()
    };
    let process = |row: &Row| row.c.as_ref().map_or(row.native, |all| all.run);
    let mut series = vec![
        ("interpreter", speeds(&|row| Some(row.interpreted))),
        ("with the JIT", speeds(&|row| Some(process(row)))),
    ];
    if native {
        series.push(("C", speeds(&|row| row.c.as_ref().map(|all| all.other))));
    }
    super::plot::bars("Millions of instructions a second", rows.iter().map(stem).collect(), series)
}

/// The geometric mean, and of how many.
fn mean(values: impl Iterator<Item = f64>) -> Option<(f64, usize)> {
    let logarithms: Vec<f64> = values.map(f64::ln).collect();
    let count = logarithms.len();
    (count > 0).then(|| ((logarithms.iter().sum::<f64>() / count as f64).exp(), count))
}
