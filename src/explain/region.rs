//! A place's region, with what is known of each of its instructions beside it.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::ops::Range;

use serde::Serialize;

use super::{Names, Run, dropped};
use crate::guests::Machine;
use crate::ops::Pc;
use crate::record::{self, Details, Doing, HostInstruction, Record, Region, Way};

/// Instructions of a region whose code is shown at most.
const CODE: usize = 300;

/// A place's region, explained: of those that were made one after the other, that which retired most. Counts and times
/// are of all of them.
#[derive(Clone, Debug, Serialize)]
pub struct HotRegion {
    /// Its number, in the order in which regions were taken up.
    pub number: usize,
    /// The numbers of all of them.
    pub versions: Vec<usize>,
    /// Where it is entered.
    pub pc: Pc,
    /// The same, with the name that the image gives it.
    pub place: String,
    /// The source's file and line.
    pub line: Option<String>,
    /// Part of all instructions that it retired.
    pub share: f64,
    /// Part of the time that was spent in it.
    pub time_share: Option<f64>,
    /// Times that control went in.
    pub runs: u64,
    /// Instructions that it retired.
    pub retired: u64,
    /// When it was taken up, in seconds.
    pub seconds: f64,
    /// How long translating and compiling took.
    pub compile_seconds: f64,
    /// Guest instructions, copies counted.
    pub instructions: usize,
    /// Bytes of machine code.
    pub code_bytes: usize,
    /// Why the last one was dropped, if it was.
    pub dropped: Option<String>,
    /// How often control left, by reason, the most frequent first.
    pub exits: Vec<(&'static str, u64)>,
    /// Its blocks; none where they are not kept.
    pub blocks: Vec<Block>,
    /// What of its CLIF belongs to no instruction: its start and its exits.
    pub own_clif: Vec<String>,
    /// The same of its machine code.
    pub own_code: Vec<HostInstruction>,
}

/// A block of a region.
#[derive(Clone, Debug, Serialize)]
pub struct Block {
    /// Its instructions.
    pub instructions: Vec<Instruction>,
    /// About how often it was executed.
    pub executed: u64,
    /// Where the budget is checked before it, when control comes back: how many instructions it must last for.
    pub check: Option<u64>,
    /// Where control goes from it.
    pub edges: Vec<Edge>,
    /// Where control left the region.
    pub exits: Vec<Exit>,
    /// Whether the code of its instructions is here; in a large region that is so for the hottest blocks.
    pub has_code: bool,
}

/// An instruction of the guest, with what became of it.
#[derive(Clone, Debug, Serialize)]
pub struct Instruction {
    /// Its number in the region.
    pub number: usize,
    /// Its address.
    pub pc: Pc,
    /// The same as text, with the image's name for it.
    pub place: String,
    /// It, disassembled.
    pub text: String,
    /// The source's file and line.
    pub line: Option<String>,
    /// About how often it was executed, here and in other copies of it, in both tiers.
    pub executed: u64,
    /// Its CLIF, before optimisation.
    pub clif: Vec<String>,
    /// Its machine code, with addresses from the region's start.
    pub code: Vec<HostInstruction>,
}

/// A way from a block.
#[derive(Clone, Debug, Serialize)]
pub struct Edge {
    /// When control goes it.
    pub way: Way,
    /// The block that it leads to; `None` out of the region.
    pub to: Option<usize>,
    /// The place there.
    pub place: String,
    /// About how often control went it.
    pub went: u64,
}

/// A place where control left.
#[derive(Clone, Debug, Serialize)]
pub struct Exit {
    /// Why, as one word.
    pub reason: &'static str,
    /// The number of the instruction that it was at.
    pub instruction: usize,
    /// Where control went on; `None` where that differs.
    pub place: Option<String>,
    /// How often.
    pub count: u64,
}

impl HotRegion {
    /// The regions of a place are there by number, first that which retired most.
    pub(super) fn new<G: Machine>(
        numbers: &[usize],
        record: &Record,
        run: &Run<'_, G>,
        names: &Names<'_, G>,
    ) -> HotRegion {
        let all = || numbers.iter().map(|&number| &record.regions[number]);
        let (number, region) = (numbers[0], &record.regions[numbers[0]]);
        let retired = all().map(|region| region.retired).sum();
        let last = numbers.iter().copied().max().unwrap_or(number);
        let mut hot = HotRegion {
            number,
            versions: numbers.to_vec(),
            pc: region.pc,
            place: names.place(region.pc),
            line: names.line(region.pc),
            share: retired as f64 / run.vm.instructions().max(1) as f64,
            time_share: run
                .time_line
                .share(|doing| matches!(doing, Doing::Native(n) if numbers.contains(&n))),
            runs: all().map(|region| region.runs).sum(),
            retired,
            seconds: region.seconds,
            compile_seconds: all()
                .filter(|region| !region.is_reused)
                .map(|region| region.compile_seconds)
                .sum(),
            instructions: region.instructions,
            code_bytes: region.code_bytes,
            dropped: record.regions[last].dropped.as_ref().map(|why| dropped(record, last, why, names)),
            exits: exits(all()),
            blocks: Vec::new(),
            own_clif: Vec::new(),
            own_code: Vec::new(),
        };
        if let Some(details) = &region.details {
            hot.blocks = blocks(details, run, names);
            hot.add_code(details);
        }
        hot
    }

    /// Puts CLIF and machine code beside the instructions of the hottest blocks.
    fn add_code(&mut self, details: &Details) {
        let mut order: Vec<usize> = (0..self.blocks.len()).collect();
        order.sort_by_key(|&b| Reverse(self.blocks[b].executed));
        let mut count = 0;
        for b in order {
            count += self.blocks[b].instructions.len();
            self.blocks[b].has_code = count <= CODE;
        }
        let (mut clif, mut own_clif) = clif(details);
        let mut code: HashMap<Option<usize>, Vec<HostInstruction>> = HashMap::new();
        for host in details.machine_code(0) {
            code.entry(host.instruction).or_default().push(host);
        }
        for block in self.blocks.iter_mut().filter(|block| block.has_code) {
            for instruction in &mut block.instructions {
                instruction.clif = clif.remove(&instruction.number).unwrap_or_default();
                instruction.code = code.remove(&Some(instruction.number)).unwrap_or_default();
            }
        }
        self.own_clif.append(&mut own_clif);
        self.own_code = code.remove(&None).unwrap_or_default();
    }
}

/// How often control left regions, by reason.
fn exits<'a>(regions: impl Iterator<Item = &'a Region>) -> Vec<(&'static str, u64)> {
    let mut sums: Vec<(&'static str, u64)> = Vec::new();
    let exits = regions.filter_map(|region| region.details.as_ref()).flat_map(|details| &details.exits);
    for exit in exits.filter(|exit| exit.count > 0) {
        match sums.iter_mut().find(|sum| sum.0 == exit.reason) {
            Some(sum) => sum.1 += exit.count,
            None => sums.push((exit.reason, exit.count)),
        }
    }
    sums.sort_by_key(|sum| Reverse(sum.1));
    sums
}

/// The blocks, as yet without code.
fn blocks<G: Machine>(details: &Details, run: &Run<'_, G>, names: &Names<'_, G>) -> Vec<Block> {
    let listing = &details.listing;
    let mut copies: HashMap<Pc, u64> = HashMap::new();
    listing.instructions.iter().for_each(|instruction| *copies.entry(instruction.pc).or_default() += 1);
    // Copies are taken to be executed equally often.
    let executed = |pc: Pc| run.profile.executed(pc) / copies[&pc];
    let instruction = |number: usize| {
        let record::Instruction { pc, ref text } = listing.instructions[number];
        Instruction {
            number,
            pc,
            place: names.place(pc),
            text: text.clone(),
            line: names.line(pc),
            executed: run.profile.executed(pc),
            clif: Vec::new(),
            code: Vec::new(),
        }
    };
    let exits = |numbers: &Range<usize>| {
        let here = details.exits.iter().filter(|exit| exit.count > 0 && numbers.contains(&exit.instruction));
        let exit = |exit: &record::Exit| Exit {
            reason: exit.reason,
            instruction: exit.instruction,
            place: exit.pc.map(|pc| names.place(pc)),
            count: exit.count,
        };
        here.map(exit).collect()
    };
    let block = |block: &record::Block| {
        let numbers = block.instructions.clone();
        let last = listing.instructions[numbers.end - 1].pc;
        let edge = |edge: &record::Edge| Edge {
            way: edge.way,
            to: edge.block,
            place: names.place(edge.pc),
            went: run.profile.went(last, edge.pc) / copies[&last],
        };
        let sum: u64 = numbers.clone().map(|number| executed(listing.instructions[number].pc)).sum();
        Block {
            executed: sum / numbers.len() as u64,
            check: block.check,
            edges: block.edges.iter().map(edge).collect(),
            exits: exits(&numbers),
            instructions: numbers.map(instruction).collect(),
            has_code: false,
        }
    };
    listing.blocks.iter().map(block).collect()
}

/// The lines of the CLIF by instruction, and those of none. The head of a block goes with what follows.
fn clif(details: &Details) -> (HashMap<usize, Vec<String>>, Vec<String>) {
    let (mut lines, mut own): (HashMap<usize, Vec<String>>, Vec<String>) = Default::default();
    let mut heads = Vec::new();
    for line in details.clif.lines().filter(|line| !line.trim().is_empty()) {
        let (number, text) = match line.strip_prefix('@').and_then(|rest| rest.split_once(' ')) {
            Some((number, text)) => (usize::from_str_radix(number, 16).ok(), text.trim()),
            None => (None, line.trim()),
        };
        if text.starts_with("block") && text.ends_with(':') {
            heads.push(text.to_owned());
            continue;
        }
        let lines = match number.and_then(|number| number.checked_sub(1)) {
            Some(number) => lines.entry(number).or_default(),
            None => &mut own,
        };
        lines.append(&mut heads);
        lines.push(text.to_owned());
    }
    (lines, own)
}
