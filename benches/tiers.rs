//! What the tiers cost: executing, translating, and going from one to the other.
//!
//! `benches/README.md` says what each figure means.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use kiln::device::Console;
use kiln::guest::Stop;
use kiln::guests::lc3::{Lc3, image::Image, profile::Profile};
use kiln::tier::{Config, Tiers};
use kiln::vm::Vm;

/// Compute-heavy examples, different in the shape of their hot loops.
const EXAMPLES: [&str; 8] = ["sieve", "matrix", "sort", "quicksort", "crc16", "fib", "queens", "interp"];

/// A loop of twelve instructions: loads, stores, arithmetic and a branch.
const TWELVE: &str = "
        .ORIG x3000
        LD   R6, DATA
LOOP    LDR  R0, R6, #0
        ADD  R0, R0, #1
        STR  R0, R6, #0
        LDR  R1, R6, #1
        NOT  R2, R1
        ADD  R2, R2, #1
        AND  R3, R2, R0
        ADD  R1, R1, R3
        STR  R1, R6, #1
        ADD  R4, R4, R1
        ADD  R5, R5, #1
        BRnzp LOOP
DATA    .FILL x4000
        .END
";

const HELLO: &str = ".ORIG x3000\nLEA R0, TEXT\nPUTS\nHALT\nTEXT .STRINGZ \"Hello, world!\\n\"\n.END\n";

/// A loop that native code leaves in every turn, for the host to serve a trap.
const TRAPS: &str = ".ORIG x3000\nLOOP ADD R1, R1, #1\nOUT\nBRnzp LOOP\n.END\n";

fn image(name: &str, source: &str) -> Image {
    Image::read(name, source.as_bytes()).expect("the benchmark's program assembles")
}

fn machine(image: &Image, tiers: Tiers) -> Vm<Lc3> {
    let console = Console::new(Box::new(kiln::device::Script::default()), Box::new(std::io::sink()));
    let mut lc3 = Lc3::new(Profile::STANDARD, console);
    let mut state = lc3.power_on(None);
    lc3.load(&mut state, image);
    Vm::new(lc3, state, Config { tiers, ..Config::default() })
}

/// Guest instructions a second, once hot: the machine goes on where it was, and starts anew when it halts.
fn execute(c: &mut Criterion) {
    const SLICE: u64 = 2_000_000;
    let mut group = c.benchmark_group("execute");
    group.throughput(Throughput::Elements(SLICE)).sample_size(10);
    for name in EXAMPLES {
        let path = format!("{}/examples/lc3/{name}.asm", env!("CARGO_MANIFEST_DIR"));
        let source = std::fs::read_to_string(path).expect("the examples are in the repository");
        let image = image(name, &source);
        for (tier, tiers) in [("interpreter", Tiers::Interpreter), ("auto", Tiers::Auto)] {
            let mut vm = machine(&image, tiers);
            vm.run(10 * SLICE);
            group.bench_function(BenchmarkId::new(name, tier), |b| {
                b.iter(|| {
                    if let Stop::Halted = vm.run(SLICE) {
                        vm = machine(&image, tiers);
                    }
                });
            });
        }
    }
    group.finish();
}

/// Time to translate and compile one region of twelve instructions, as the machine itself measures it.
fn translate(c: &mut Criterion) {
    let image = image("twelve", TWELVE);
    let mut group = c.benchmark_group("translate");
    group.throughput(Throughput::Elements(12)).sample_size(20);
    group.bench_function("twelve", |b| {
        b.iter_custom(|times| {
            let mut total = Duration::ZERO;
            for _ in 0..times {
                let mut vm = machine(&image, Tiers::Auto);
                vm.run(200_000);
                assert_eq!(vm.stats().regions, 1, "the loop is compiled, and nothing else");
                total += vm.stats().compile_time;
            }
            total
        });
    });
    group.finish();
}

/// What is there besides running: making a machine, and the way out of native code and back.
fn overhead(c: &mut Criterion) {
    let hello = image("hello", HELLO);
    let traps = image("traps", TRAPS);
    let mut group = c.benchmark_group("overhead");
    group.bench_function("hello", |b| {
        b.iter(|| black_box(machine(&hello, Tiers::Auto).run(1000)));
    });
    const TRAPPED: u64 = 300_000;
    group.throughput(Throughput::Elements(TRAPPED / 3)).sample_size(10);
    for (tier, tiers) in [("interpreter", Tiers::Interpreter), ("auto", Tiers::Auto)] {
        let mut vm = machine(&traps, tiers);
        vm.run(TRAPPED);
        group.bench_function(BenchmarkId::new("trap", tier), |b| b.iter(|| vm.run(TRAPPED)));
    }
    group.finish();
}

criterion_group!(benches, execute, translate, overhead);
criterion_main!(benches);
