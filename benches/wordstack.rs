//! Wordstack: an expression that is evaluated again and again, and programs of many words.
//!
//! `benches/README.md` says what each figure means.

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use kiln::guest::Stop;
use kiln::guests::wordstack::evaluate::Evaluator;
use kiln::guests::wordstack::postfix::{self, Compiled};
use kiln::guests::wordstack::{DEPTH, Wordstack};
use kiln::tier::{Config, Tiers};
use kiln::vm::Vm;

/// Three pairs of operations, ten times.
const OPERATIONS: usize = 30;
/// Lengths of programs.
const WORDS: [usize; 3] = [10_000, 100_000, 1_000_000];

fn compiled(source: &str) -> Compiled {
    postfix::compile(source).expect("it is an expression")
}

fn config(tiers: Tiers) -> Config {
    Config { tiers, ..Config::default() }
}

/// One evaluation through the library, once native code is there.
fn evaluate(c: &mut Criterion) {
    let mut group = c.benchmark_group("evaluate");
    group.throughput(Throughput::Elements(1));
    let Compiled { words, depth, .. } = compiled(&format!("1 {}", "3 + 7 * 2 - ".repeat(OPERATIONS / 3)));
    for (tier, tiers) in [("interpreter", Tiers::Interpreter), ("auto", Tiers::Auto)] {
        let mut evaluator = Evaluator::new(&words, depth, config(tiers));
        group.bench_function(tier, |b| {
            b.iter(|| evaluator.evaluate().expect("nothing is divided"));
        });
        assert!(evaluator.stats().regions <= 1, "it is compiled once");
    }
}

/// Whole programs of so many words: from text to words, and from words to the result in either tier. In native code
/// everything is compiled before it runs, and runs once.
fn length(c: &mut Criterion) {
    let mut group = c.benchmark_group("length");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    for words in WORDS {
        let source = format!("0 {}", "3 + 7 * ".repeat(words / 4));
        let program = compiled(&source).words;
        group.throughput(Throughput::Elements(words as u64));
        group.bench_function(BenchmarkId::new("text", words), |b| b.iter(|| compiled(&source)));
        for (tier, tiers) in [("interpreter", Tiers::Interpreter), ("jit", Tiers::Jit)] {
            group.bench_function(BenchmarkId::new(tier, words), |b| {
                b.iter(|| {
                    let (guest, state) = Wordstack::new(&program, DEPTH);
                    let mut vm = Vm::new(guest, state, config(tiers));
                    assert!(matches!(vm.run(u64::MAX), Stop::Halted));
                    let native = vm.stats().native;
                    assert!(tiers == Tiers::Interpreter || native + 1 == program.len() as u64, "{native}");
                });
            });
        }
    }
}

fn few_seconds() -> Criterion {
    let criterion = Criterion::default().sample_size(20);
    criterion.warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(2))
}

criterion_group!(name = benches; config = few_seconds(); targets = evaluate, length);
criterion_main!(benches);
