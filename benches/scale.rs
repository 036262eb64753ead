//! What machines of one program cost, and how time grows with what there is of a thing.
//!
//! `cargo bench --bench scale` prints figures, `-- --plot FILE.svg` draws the growth as well, `-- --test` does all of it
//! once and small. `benches/README.md` says what each figure means.

use std::fmt::Write;
use std::process::Command;

use kiln::device::Console;
use kiln::guest::{Guest, Stop};
use kiln::guests::lc3::isa::MEMORY;
use kiln::guests::lc3::{Lc3, image::Form, image::Image, profile::Profile};
use kiln::program::Program;
use kiln::tier::Config;
use kiln::vm::Vm;
use rustix::time::{ClockId, clock_gettime};

const HELLO: &str = include_str!("../examples/lc3/hello.asm");
const SIEVE: &str = include_str!("../examples/lc3/sieve.asm");

/// Times that something is done, of which the fastest counts.
const SHORTEST: usize = 3;

/// Instructions that a machine of the compute image runs, most of them in native code.
const COMPUTES: u64 = 2_000_000;

fn program(image: &Image, config: Config) -> Program<Lc3> {
    let mut lc3 = Lc3::new(Profile::STANDARD, Console::scripted("").0);
    let mut state = lc3.power_on(None);
    lc3.load(&mut state, image);
    Program::new(lc3, state, config)
}

fn assembled(source: &str) -> Image {
    Image::read("bench.asm", source.as_bytes()).expect("the benchmark's program assembles")
}

fn console() -> Console {
    Console::scripted("").0
}

/// Microseconds that a call takes of this thread's time, whatever else the host does.
fn time(call: impl FnOnce()) -> f64 {
    let now = || clock_gettime(ClockId::ThreadCPUTime);
    let start = now();
    call();
    let took = now() - start;
    took.tv_sec as f64 * 1e6 + took.tv_nsec as f64 / 1e3
}

/// The same of the fastest of some calls.
fn fastest(times: usize, mut call: impl FnMut()) -> f64 {
    (0..times).map(|_| time(&mut call)).fold(f64::INFINITY, f64::min)
}

/// Memory of this process that is in use, in KiB.
fn resident() -> f64 {
    let ps = Command::new("ps").args(["-o", "rss=", "-p", &std::process::id().to_string()]).output();
    let ps = ps.expect("the host has ps");
    String::from_utf8_lossy(&ps.stdout).trim().parse().expect("ps prints a number")
}

/// Many machines alive that have run the same image.
fn machines(name: &str, source: &str, budget: u64, count: usize) {
    let program = program(&assembled(source), Config::default());
    let mut first = program.machine(console());
    first.run(100_000_000);
    let before = resident();
    let mut alive: Vec<Vm<Lc3>> = Vec::with_capacity(count);
    let took = time(|| {
        for _ in 0..count {
            let mut vm = program.machine(console());
            vm.run(budget);
            alive.push(vm);
        }
    });
    let each = (resident() - before) / count as f64;
    let compiled: u64 = alive.iter().map(|vm| vm.stats().regions).sum();
    let native = alive.iter().map(|vm| vm.stats().native).sum::<u64>() as f64;
    let share = native / alive.iter().map(Vm::instructions).sum::<u64>() as f64;
    println!("{count} machines alive, each after {name}:");
    println!("  {each:9.1} KiB a machine, {:.2} GiB in all", each * count as f64 / (1 << 20) as f64);
    println!("  {:9.1} us of CPU time to make and run one", took / count as f64);
    println!(
        "  {:9.1} % of instructions in native code, {compiled} regions compiled for them",
        share * 100.0
    );
}

/// What it costs to have another machine.
fn costs(times: usize) {
    let program = program(&assembled(HELLO), Config::default());
    let mut vm = program.machine(console());
    println!("a machine that prints a line, in us of CPU time:");
    let runs = 1000;
    let run = fastest(times, || {
        for _ in 0..runs {
            let (console, output) = Console::scripted("");
            program.reset(&mut vm, console);
            assert!(matches!(vm.run(1_000_000), Stop::Halted));
            vm.guest_mut().flush().expect("memory takes all output");
            assert!(!output.take().is_empty());
        }
    });
    println!("  {:9.3} made anew, run to its end, its output read", run / runs as f64);
    let reset = fastest(times, || (0..runs).for_each(|_| program.reset(&mut vm, console())));
    println!("  {:9.3} made anew without a run", reset / runs as f64);
    println!("  {:9.3} a new machine", fastest(times, || drop(program.machine(console()))));
    vm.run(2);
    println!("  {:9.3} a fork", fastest(times, || drop(vm.fork(console()))));
    let mut other = program.machine(console());
    let copy = fastest(times, || (0..runs).for_each(|_| program.copy(&mut other, &vm, console())));
    println!("  {:9.3} a copy to a machine that there is", copy / runs as f64);
}

/// Times in milliseconds by how much there was.
struct Growth {
    title: &'static str,
    steps: Vec<usize>,
    series: Vec<(&'static str, Vec<f64>)>,
}

impl Growth {
    /// Measures `step`, which gives microseconds for each name, at multiples of `unit`.
    fn new<const N: usize>(
        title: &'static str,
        names: [&'static str; N],
        (unit, count): (usize, usize),
        mut step: impl FnMut(usize) -> [f64; N],
    ) -> Growth {
        let steps: Vec<usize> = (1..=count).map(|n| n * unit).collect();
        let times: Vec<[f64; N]> = steps.iter().map(|&n| step(n)).collect();
        let series = names.into_iter().enumerate();
        let series = series.map(|(i, name)| (name, times.iter().map(|t| t[i] / 1000.0).collect())).collect();
        Growth { title, steps, series }
    }

    fn print(&self) {
        println!("{}, in ms of CPU time:", self.title);
        let row = |name: &str, cells: Vec<String>| {
            println!("  {name:<32}{}", cells.iter().map(|cell| format!("{cell:>9}")).collect::<String>());
        };
        row("", self.steps.iter().map(usize::to_string).collect());
        for (name, times) in &self.series {
            row(name, times.iter().map(|time| format!("{time:.3}")).collect());
        }
    }
}

/// An image of `words` instructions: what a text, and a file of words, cost to read and to make a machine of.
fn image_size(words: usize) -> [f64; 3] {
    let mut source = ".ORIG x3000\n".to_owned();
    (0..words)
        .for_each(|n| writeln!(source, "L{n} ADD R{}, R1, #{}", n % 8, n % 16).expect("memory takes it"));
    source += ".END\n";
    let image = assembled(&source);
    let raw = image.write(Form::Raw).expect("one segment can be written");
    let load = fastest(SHORTEST, || {
        let mut vm = program(&image, Config::default()).machine(console());
        vm.run(words as u64);
    });
    [
        fastest(SHORTEST, || drop(assembled(&source))),
        fastest(SHORTEST, || drop(Image::read("bench.obj", &raw))),
        load,
    ]
}

/// A program of `count` loops, one after the other, each hot for long enough to be compiled.
fn loops(count: usize) -> String {
    let mut source = ".ORIG x3000\n".to_owned();
    for n in 0..count {
        let one = format!(
            "LD R1, C{n}\nL{n} ADD R1, R1, #-1\nBRp L{n}\nBR N{n}\nC{n} .FILL 12000\nN{n} ADD R2, R2, #1\n"
        );
        source += &one;
    }
    source + "HALT\n.END\n"
}

/// So many regions: compiled, used by another machine, and lost by having a word written.
fn regions(count: usize) -> [f64; 3] {
    let image = assembled(&loops(count));
    let mut best = [f64::INFINITY; 3];
    for _ in 0..SHORTEST {
        let program = program(&image, Config { hot: 1000, ..Config::default() });
        let run = |vm: &mut Vm<Lc3>| time(|| assert!(matches!(vm.run(u64::MAX), Stop::Halted)));
        let (mut first, mut second) = (program.machine(console()), program.machine(console()));
        let compiled = run(&mut first);
        assert!(first.stats().regions >= count as u64, "every loop is compiled: {:?}", first.stats());
        let taken = run(&mut second);
        assert!(second.stats().shared >= count as u64, "every loop is there: {:?}", second.stats());
        let lost = time(|| {
            for n in 0..count {
                second.poke(MEMORY, 0x3001 + 6 * n as u16, 0x1261);
                second.set_pc(0x3000);
                second.run(1);
            }
        });
        assert!(second.stats().invalidated >= count as u64, "{:?}", second.stats());
        best = std::array::from_fn(|i| best[i].min([compiled, taken, lost][i]));
    }
    best
}

/// A machine that has written to so many parts of memory, made anew.
fn changes(parts: usize) -> [f64; 1] {
    let program = program(&assembled(HELLO), Config::default());
    let mut vm = program.machine(console());
    let reset = |_| {
        for part in 0..parts {
            vm.poke(MEMORY, 0x4000 + 256 * part as u16, 1);
        }
        time(|| program.reset(&mut vm, console()))
    };
    [(0..50).map(reset).fold(f64::INFINITY, f64::min)]
}

/// Each kind of work in percent of what it takes at most: what is linear is a straight line.
#[cfg(feature = "plot")]
fn plot(all: &[Growth]) -> String {
    use charts_rs::{ChildChart, LineChart, MultiChart, Series};
    let mut all_charts = MultiChart::new();
    all_charts.compact = true;
    for growth in all {
        let series = growth.series.iter().map(|(name, times)| {
            let most = times.iter().copied().fold(0.0, f64::max);
            let data = times.iter().map(|&time| Some((100.0 * time / most) as f32)).collect();
            Series { name: (*name).to_owned(), data, ..Series::default() }
        });
        let steps = growth.steps.iter().map(usize::to_string).collect();
        let mut chart = LineChart::new(series.collect(), steps);
        (chart.width, chart.height) = (720.0, 260.0);
        chart.title.text = format!("{}: time in percent of the most", growth.title);
        all_charts.charts.push(ChildChart::Line(chart, None));
    }
    all_charts.svg().expect("the chart can be drawn")
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let test = args.iter().any(|arg| arg == "--test");
    let (count, times, steps) = if test { (20, 1, 1) } else { (10_000, 20, 8) };
    costs(times);
    machines("hello", HELLO, u64::MAX, count);
    machines("2 million instructions of sieve", SIEVE, COMPUTES, count);
    let all = [
        Growth::new(
            "words of an image",
            ["assembled", "read from a file", "loaded and executed"],
            (6000, steps),
            image_size,
        ),
        Growth::new("regions", ["compiled", "taken up", "lost"], (100, steps), regions),
        Growth::new("parts of 256 words that changed", ["made anew"], (20, steps), changes),
    ];
    all.iter().for_each(Growth::print);
    #[cfg(feature = "plot")]
    if let Some(file) = args.iter().skip_while(|arg| *arg != "--plot").nth(1) {
        std::fs::write(file, plot(&all)).expect("the chart can be written");
    }
}
