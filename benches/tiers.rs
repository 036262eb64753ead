//! What the tiers cost with the programs that come with each guest: executing, translating, and what there is
//! besides.
//!
//! `benches/README.md` says what each figure means.

use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use kiln::device::{Console, Script};
use kiln::guest::Stop;
use kiln::guests::{self, Bench, Machine, Settings, Visit};
use kiln::tier::{Config, Tiers};
use kiln::vm::Vm;

const TIERS: [(&str, Tiers); 2] = [("interpreter", Tiers::Interpreter), ("auto", Tiers::Auto)];

/// Instructions that are measured at once.
const SLICE: u64 = 2_000_000;
/// Instructions after which native code is there for what is hot.
const WARM: u64 = 20_000_000;

type Group<'a> = BenchmarkGroup<'a, WallTime>;

/// A program of a guest's.
struct Program<G: Machine> {
    name: String,
    image: G::Image,
}

impl<G: Machine> Program<G> {
    fn read(bench: &Bench) -> Self {
        let read = G::read(bench.file, bench.source.as_bytes());
        let (image, _) = read.unwrap_or_else(|_| panic!("{} is a program", bench.file));
        let stem = bench.file.split('.').next().unwrap_or(bench.file);
        Program { name: format!("{}/{stem}", G::NAME), image }
    }

    /// All that compute, or all others.
    fn all(computes: bool) -> impl Iterator<Item = Self> {
        G::BENCHES.iter().filter(move |bench| bench.computes == computes).map(Self::read)
    }

    /// A machine that runs it, and writes to nowhere.
    fn machine(&self, config: Config) -> Vm<G> {
        let console = Console::new(Box::new(Script::default()), Box::new(std::io::sink()));
        let (guest, state) = G::machine(&self.image, &Settings::default(), console);
        Vm::new(guest, state, config)
    }

    /// Measures slices of it in each tier, when it is warm.
    fn slices(&self, group: &mut Group<'_>) {
        group.throughput(Throughput::Elements(SLICE));
        for (tier, tiers) in TIERS {
            let machine = || self.machine(Config { tiers, ..Config::default() });
            // Not before this one is asked for.
            let mut warm = None;
            group.bench_function(format!("{}/{tier}", self.name), |b| {
                let vm = warm.get_or_insert_with(|| {
                    let mut vm = machine();
                    vm.run(WARM);
                    vm
                });
                b.iter(|| {
                    // A machine goes on where it was; the next one starts when it has halted.
                    if !matches!(vm.run(SLICE), Stop::Budget) {
                        *vm = machine();
                    }
                });
            });
        }
    }
}

/// Guest instructions a second, once hot.
struct Execute<'a, 'c>(&'a mut Group<'c>);

impl Visit for Execute<'_, '_> {
    type Output = ();

    fn visit<G: Machine>(self) {
        Program::<G>::all(true).for_each(|program| program.slices(self.0));
    }
}

/// Time to compile what gets hot in a program, as the machine itself measures it.
struct Translate<'a, 'c>(&'a mut Group<'c>);

impl Visit for Translate<'_, '_> {
    type Output = ();

    fn visit<G: Machine>(self) {
        for program in Program::<G>::all(true) {
            self.0.bench_function(&program.name, |b| {
                b.iter_custom(|times| {
                    let compile = |_| {
                        let mut vm = program.machine(Config::default());
                        vm.run(WARM);
                        assert!(vm.stats().regions > 0, "something is compiled");
                        vm.stats().compile_time
                    };
                    (0..times).map(compile).sum::<Duration>()
                });
            });
        }
    }
}

/// What is there besides running.
struct Overhead<'a, 'c>(&'a mut Group<'c>);

impl Visit for Overhead<'_, '_> {
    type Output = ();

    fn visit<G: Machine>(self) {
        let Overhead(group) = self;
        let Some(program) = Program::<G>::all(true).next() else { return };
        group.bench_function(format!("{}/machine", G::NAME), |b| {
            b.iter(|| black_box(program.machine(Config::default())));
        });
        group.bench_function(format!("{}/start", G::NAME), |b| {
            b.iter(|| program.machine(Config::default()).run(1000));
        });
        let mut warm = None;
        group.bench_function(format!("{}/call", G::NAME), |b| {
            let vm = warm.get_or_insert_with(|| {
                let mut vm = program.machine(Config::default());
                vm.run(WARM);
                vm
            });
            b.iter(|| vm.run(1));
        });
        Program::<G>::all(false).for_each(|program| program.slices(group));
    }
}

fn execute(c: &mut Criterion) {
    let mut group = c.benchmark_group("execute");
    for name in guests::NAMES {
        guests::visit(name, Execute(&mut group));
    }
}

fn translate(c: &mut Criterion) {
    let mut group = c.benchmark_group("translate");
    for name in guests::NAMES {
        guests::visit(name, Translate(&mut group));
    }
}

fn overhead(c: &mut Criterion) {
    let mut group = c.benchmark_group("overhead");
    for name in guests::NAMES {
        guests::visit(name, Overhead(&mut group));
    }
}

/// There are many programs: a few seconds for each.
fn few_seconds() -> Criterion {
    let criterion = Criterion::default().sample_size(10);
    criterion.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1))
}

criterion_group!(name = benches; config = few_seconds(); targets = execute, translate, overhead);
criterion_main!(benches);
