//! What an image can make the host do, in counted work, and what the host's memory looks like meanwhile.
#![cfg(feature = "jit")]

mod common;

use common::{interpreter, program};
use kiln::compare::compare;
use kiln::fuzz::{Case as _, Trial, noise};
use kiln::guest::Stop;
use kiln::guests::lc3::generate::Case;
use kiln::tier::{Compile, Config, Plant, Tiers};

/// Instructions that each program runs for.
const BUDGET: u64 = 3_000_000;

/// Has ever new code compiled: writes two instructions to the next place, and goes there until they are hot.
const WALKS: &str = "
        .ORIG x3000
AGAIN   LD R1, FIRST
        LD R2, COUNT
PLACE   LD R3, CODE
        STR R3, R1, #0
        LD R3, BACK
        STR R3, R1, #1
        AND R4, R4, #0
        ADD R4, R4, #15
HEAT    JSRR R1
        ADD R4, R4, #-1
        BRp HEAT
        ADD R1, R1, #2
        ADD R2, R2, #-1
        BRp PLACE
        BR AGAIN
FIRST   .FILL x4000
COUNT   .FILL 20000
CODE    ADD R0, R0, #1
BACK    RET
        .END";

/// Rewrites what it runs, each turn.
const REWRITES: &str = "
        .ORIG x3000
LOOP    LD R2, HERE
        LD R3, THERE
        ST R2, THERE
        ST R3, HERE
HERE    ADD R0, R0, #1
        ADD R0, R0, #0
THERE   ADD R0, R0, #2
        BR LOOP
        .END";

/// Jumps to every word of a field of instructions in turn, so that each is the start of a region.
const ENTERS: &str = "
        .ORIG x3000
AGAIN   LEA R1, FIELD
        LD R2, COUNT
NEXT    JSRR R1
        ADD R1, R1, #1
        ADD R2, R2, #-1
        BRp NEXT
        BR AGAIN
COUNT   .FILL 2000
FIELD   .BLKW 1
        .END";

/// The field's instructions, and the return behind them.
fn entered() -> Case {
    let mut case = program(ENTERS);
    case.words.pop();
    // As long as branches reach: what would be nothing is no region.
    case.words.extend(std::iter::repeat_n(0x1021, 2000));
    case.words.push(0xc1c0);
    case
}

/// No image has more translated than a fixed number of instructions, and a share of those that it retires: 256 regions and
/// one for each 20,000 retired, of which each has at most 1000 instructions with their copies and so many again, or 2000, and copies of short loops.
#[test]
fn an_image_that_thrashes_compilation_is_bounded() {
    for (name, case) in [("walks", program(WALKS)), ("rewrites", program(REWRITES)), ("enters", entered())] {
        for tiers in [Tiers::Auto, Tiers::Jit] {
            let config = Config { tiers, hot: 1, record: true, ..Config::default() };
            let (mut vm, _) = case.machine(config);
            assert!(matches!(vm.run(BUDGET), Stop::Budget), "{name}");
            let stats = vm.stats().clone();
            let compiled: usize = vm.record().unwrap().regions.iter().map(|region| region.instructions).sum();
            let regions = 256 + BUDGET / 20_000;
            assert!(stats.regions > 0 && compiled > 0, "{name} compiles nothing: {stats:?}");
            assert!(stats.regions + stats.rejected <= regions, "{name}: {stats:?}");
            assert!(compiled as u64 <= regions * 2000, "{name}: {compiled} instructions, {stats:?}");
        }
    }
}

/// The least that a machine may compile is none, and it runs all the same.
#[test]
fn a_machine_that_may_compile_nothing_interprets() {
    for config in [
        Config { regions: 0, hot: 1, ..Config::default() },
        Config { plant: Some(Plant::Memory), hot: 1, ..Config::default() },
    ] {
        let (mut vm, _) = program(REWRITES).machine(config);
        let (mut reference, _) = program(REWRITES).machine(interpreter());
        // Fewer than allow a region.
        let (stop, expected) = (vm.run(10_000), reference.run(10_000));
        compare((&vm, &stop), (&reference, &expected)).unwrap_or_else(|difference| panic!("{difference}"));
        assert_eq!(vm.stats().native, 0);
    }
}

/// The process's own map of its memory.
#[cfg(target_os = "linux")]
fn mappings() -> Vec<(String, bool)> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mapping = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        // What is of no file has no name.
        (fields[1].to_owned(), fields.len() == 5)
    };
    maps.lines().map(mapping).collect()
}

/// Machines compile, in line and on other threads, run and drop code, while the map is looked at all the time.
#[cfg(target_os = "linux")]
#[test]
fn no_page_is_ever_writable_and_executable() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let (done, mut seen) = (AtomicBool::new(false), 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for seed in 0..300 {
                let mut trial = Trial::<Case>::generate(&noise(seed, 600));
                if seed % 2 == 0 {
                    trial.config.compile = Compile::Background;
                }
                trial.run().unwrap_or_else(|what| panic!("{what}"));
            }
            done.store(true, Ordering::Relaxed);
        });
        while !done.load(Ordering::Relaxed) {
            for (access, is_nameless) in mappings() {
                assert!(!(access.contains('w') && access.contains('x')), "a page is {access}");
                seen += u32::from(is_nameless && access.contains('x'));
            }
        }
    });
    assert!(seen > 100, "hardly any native code was there to be seen: {seen}");
}
