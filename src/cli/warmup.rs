//! How long a program takes to get as fast as it gets: `kiln bench --warmup`.
//!
//! A cold machine is timed slice by slice, and so is one that finds all native code there; what the first takes
//! longer is what warming up costs. Comparing slices of the same instructions does not mistake a program's slower
//! parts for a slower machine.

use std::time::Instant;

use comfy_table::{CellAlignment, Table, presets};
use kiln::device::Console;
use kiln::guest::Stop;
use kiln::guests::Machine;
use kiln::program::Program;
use kiln::tier::{Config, Tiers};

use super::load::Loaded;

/// Instructions in a slice: half a millisecond of the interpreter's, and enough for native code to come back to where it is
/// entered after a slice has ended in its middle.
const SLICE: u64 = 200_000;
/// A machine is warm when it has this share of the speed that it could have, over so many seconds.
const WARM: f64 = 0.9;
const WINDOW: f64 = 0.005;

/// What warming up cost a program.
pub struct Warmup {
    /// Instructions that a run took.
    instructions: u64,
    /// Seconds of a run that finds native code there, and of a cold one.
    warm: f64,
    cold: f64,
    /// Seconds until the cold one was warm.
    until: f64,
    /// The most that a run which ended before that took, an interpreted one being 1.
    beside_interpreter: f64,
}

impl Warmup {
    /// Measures a program with the least that so many runs took to the end of each slice, of so many instructions at most.
    pub fn measure<G: Machine>(loaded: &Loaded<G>, config: &Config, runs: u32, budget: u64) -> Warmup {
        let (mut cold, mut warm, mut interpreted) = (Times::default(), Times::default(), Times::default());
        for _ in 0..runs {
            let program = loaded.program(config.clone());
            cold.keep_least(&program, budget);
            warm.keep_least(&program, budget);
        }
        let index = warm_after(&cold, &warm);
        let program = loaded.program(Config { tiers: Tiers::Interpreter, ..config.clone() });
        for _ in 0..runs {
            interpreted.keep_least(&program, budget.min(index as u64 * SLICE));
        }
        let ratios = cold.ends.iter().zip(&interpreted.ends).map(|(cold, interpreted)| cold / interpreted);
        Warmup {
            instructions: cold.instructions,
            warm: warm.total(),
            cold: cold.total(),
            until: index.checked_sub(1).map_or(0.0, |last| cold.ends[last]),
            beside_interpreter: ratios.fold(0.0, f64::max),
        }
    }
}

/// How long runs took.
#[derive(Default)]
struct Times {
    /// The least seconds from a run's start to the end of each slice: hosts have slow moments.
    ends: Vec<f64>,
    instructions: u64,
}

impl Times {
    fn total(&self) -> f64 {
        self.ends.last().copied().unwrap_or(0.0)
    }

    /// Times a run of a new machine, and keeps what it was faster with.
    fn keep_least<G: Machine>(&mut self, program: &Program<G>, budget: u64) {
        let mut vm = program.machine(Console::scripted("").0);
        let mut ends = Vec::new();
        let start = Instant::now();
        let mut left = budget;
        while left > 0 {
            let stop = vm.run(left.min(SLICE));
            ends.push(start.elapsed().as_secs_f64());
            left -= left.min(SLICE);
            if !matches!(stop, Stop::Budget) {
                break;
            }
        }
        self.instructions = vm.instructions();
        self.ends.resize(ends.len(), f64::INFINITY);
        self.ends.iter_mut().zip(ends).for_each(|(least, end)| *least = least.min(end));
    }
}

/// How many slices a cold run took until it was warm: the next [`WINDOW`] is as fast as it should be.
fn warm_after(cold: &Times, warm: &Times) -> usize {
    let begin = |times: &Times, slice: usize| slice.checked_sub(1).map_or(0.0, |last| times.ends[last]);
    let slices = cold.ends.len().min(warm.ends.len());
    let is_fast = |&slice: &usize| {
        let from = begin(warm, slice);
        let end = warm.ends[..slices].partition_point(|&end| end < from + WINDOW).min(slices - 1);
        warm.ends[end] - from >= WARM * (cold.ends[end] - begin(cold, slice))
    };
    (0..slices).find(is_fast).unwrap_or(slices)
}

/// The table.
pub fn table(rows: &[(String, Warmup)]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let header = ["image", "instructions", "warm s", "cold s", "warm after ms", "cost ms", "beside interp"];
    table.set_header(header);
    for (name, row) in rows {
        table.add_row([
            name.clone(),
            row.instructions.to_string(),
            format!("{:.4}", row.warm),
            format!("{:.4}", row.cold),
            format!("{:.2}", row.until * 1e3),
            format!("{:.2}", (row.cold - row.warm) * 1e3),
            format!("{:.2}", row.beside_interpreter),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let longest = rows.iter().map(|row| row.1.until).fold(0.0, f64::max);
    format!("{}\n\n{:.2} ms is the longest until a machine is warm\n", table.trim_fmt(), longest * 1e3)
}
