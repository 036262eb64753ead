//! Two machines in lockstep, and the report of where they part (invariant: Agreement).
//!
//! Both run the same slices and are compared after each: pc, registers, memory, instructions retired, stop.
//! Slices start small and grow, so that native code is not kept from running by budgets too small for it.
//! Devices can't be taken back, so the first instruction that matters is found by running fresh pairs of
//! machines from the start, up to points nearer and nearer.
//!
//! Both machines must be given the same input. Where that is typed, wrap it in a [`crate::device::Recorder`]
//! for `native`, which always runs first, and give `reference` a [`crate::device::Replay`] of its answers;
//! a second recorder around the first keeps a copy for fresh pairs.

use std::fmt;

use crate::guest::{Guest, Stop};
use crate::ops::Pc;
use crate::record::Region;
use crate::vm::Vm;

/// Instructions in the first slice.
const FIRST: u64 = 1 << 10;
/// Instructions in a slice at most.
const MOST: u64 = 1 << 18;
/// Lines of the listing before and from the place where the machines part.
const BEFORE: usize = 4;
const FROM: usize = 6;
/// Differing elements of memory that are listed.
const LISTED: usize = 16;

/// One machine at the point of comparison.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Side {
    /// Why its run ended.
    pub stop: String,
    /// Instructions retired.
    pub instructions: u64,
    /// Where it would go on.
    pub pc: Pc,
    /// Its registers by name, as bits.
    pub registers: Vec<(&'static str, u64)>,
}

/// An element of memory that differs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemoryDifference {
    /// The space's name.
    pub space: &'static str,
    /// The address.
    pub at: u64,
    /// The bits in the first machine.
    pub native: u64,
    /// The bits in the second.
    pub reference: u64,
}

/// Where two machines part, and how.
#[derive(Clone, Debug)]
pub struct Difference {
    /// Instructions after which they last agreed.
    pub agreed: u64,
    /// The first machine.
    pub native: Side,
    /// The second.
    pub reference: Side,
    /// What differs in memory, the first of it.
    pub memory: Vec<MemoryDifference>,
    /// How much differs in memory.
    pub memory_count: usize,
    /// Where the machines last agreed, and the code around.
    pub pc: Pc,
    /// Addresses and instructions around `pc`.
    pub listing: Vec<(Pc, String)>,
    /// The native code around `pc`, where it is known ([`crate::tier::Config::record`]).
    pub region: Option<Region>,
}

/// Runs both machines until they stop or `budget` instructions have retired; the stop that they agree on.
/// `again` makes the same pair of machines as it was at first; with `None` the difference is reported as
/// coarsely as it was found.
///
/// # Errors
/// The first difference. With code compiled on another thread it need not come again in the same place; it is
/// then reported as it was found.
pub fn lockstep<G: Guest>(
    native: &mut Vm<G>,
    reference: &mut Vm<G>,
    budget: u64,
    again: Option<&mut dyn FnMut() -> (Vm<G>, Vm<G>)>,
) -> Result<Stop, Box<Difference>> {
    let mut walk = Walk::new(native, reference);
    match walk.run(budget) {
        Ok(stop) => Ok(stop),
        Err(found) => match again {
            Some(again) => Err(narrow(&found, walk.done, walk.slice(budget), again).unwrap_or(found)),
            None => Err(found),
        },
    }
}

/// Compares two machines whose runs have just ended with these stops.
///
/// # Errors
/// Where they are not equal: how. What led there is not known here: `pc` is the reference's, `agreed` 0.
pub fn compare<G: Guest>(native: (&Vm<G>, &Stop), reference: (&Vm<G>, &Stop)) -> Result<(), Box<Difference>> {
    let (a, b) = (side(native), side(reference));
    let (native, reference) = (native.0, reference.0);
    let same_memory = (0..G::SPACES.len()).all(|space| live(native, space) == live(reference, space));
    if a == b && same_memory {
        return Ok(());
    }
    let (memory, memory_count) = memory(native, reference);
    let (pc, listing) = (b.pc, listing(reference, b.pc));
    Err(Box::new(Difference {
        agreed: 0,
        native: a,
        reference: b,
        memory,
        memory_count,
        pc,
        listing,
        region: None,
    }))
}

/// Two machines on their way together.
struct Walk<'a, G: Guest> {
    native: &'a mut Vm<G>,
    reference: &'a mut Vm<G>,
    /// Instructions after which they last agreed.
    done: u64,
}

impl<'a, G: Guest> Walk<'a, G> {
    fn new(native: &'a mut Vm<G>, reference: &'a mut Vm<G>) -> Self {
        Walk { native, reference, done: 0 }
    }

    /// How long the next slice is. A function of what is done, so that fresh pairs repeat it.
    fn slice(&self, budget: u64) -> u64 {
        self.done.clamp(FIRST, MOST).min(budget - self.done)
    }

    fn run(&mut self, budget: u64) -> Result<Stop, Box<Difference>> {
        loop {
            let stop = self.step(self.slice(budget))?;
            if !matches!(stop, Stop::Budget) || self.done >= budget {
                return Ok(stop);
            }
        }
    }

    /// Runs a slice of `n` instructions.
    fn step(&mut self, n: u64) -> Result<Stop, Box<Difference>> {
        let (pc, before) = (self.reference.pc(), listing(self.reference, self.reference.pc()));
        let stop = self.native.run(n);
        let expected = self.reference.run(n);
        if let Err(mut difference) = compare((self.native, &stop), (self.reference, &expected)) {
            difference.agreed = self.done;
            difference.region = region(self.native, pc);
            difference.pc = pc;
            difference.listing = before;
            return Err(difference);
        }
        self.done += n;
        Ok(stop)
    }
}

/// The same difference with as few instructions as it takes after `agreed`, where it was found after `slice`.
fn narrow<G: Guest>(
    found: &Difference,
    agreed: u64,
    slice: u64,
    again: &mut dyn FnMut() -> (Vm<G>, Vm<G>),
) -> Option<Box<Difference>> {
    let mut nearest = None;
    let (mut good, mut bad) = (0, slice);
    while bad - good > 1 {
        let middle = good + (bad - good) / 2;
        match repeat(agreed, middle, again) {
            Ok(()) => good = middle,
            Err(difference) => {
                bad = middle;
                nearest = Some(difference);
            }
        }
    }
    // One more run, to stand where they last agreed.
    let (mut native, mut reference) = again();
    let mut walk = Walk::new(&mut native, &mut reference);
    walk.run(agreed + good).ok()?;
    let mut difference = nearest.unwrap_or_else(|| Box::new(found.clone()));
    difference.agreed = agreed + good;
    difference.pc = walk.reference.pc();
    difference.listing = listing(walk.reference, difference.pc);
    difference.region = region(walk.native, difference.pc).or(difference.region);
    Some(difference)
}

/// Runs a fresh pair up to `agreed`, and then `n` instructions at once.
fn repeat<G: Guest>(
    agreed: u64,
    n: u64,
    again: &mut dyn FnMut() -> (Vm<G>, Vm<G>),
) -> Result<(), Box<Difference>> {
    let (mut native, mut reference) = again();
    let mut walk = Walk::new(&mut native, &mut reference);
    walk.run(agreed)?;
    walk.step(n).map(|_| ())
}

/// The last region compiled that holds the instruction at `pc`, where it was recorded.
fn region<G: Guest>(vm: &Vm<G>, pc: Pc) -> Option<Region> {
    let covers = |region: &&Region| region.details.as_ref().is_some_and(|details| details.covers(pc));
    vm.record()?.regions.iter().rev().find(covers).cloned()
}

fn side<G: Guest>((vm, stop): (&Vm<G>, &Stop)) -> Side {
    let slot = |(slot, &(name, _)): (usize, &(&'static str, _))| (name, vm.state().slot(slot));
    Side {
        stop: match stop {
            Stop::Fault(fault) => format!("fault: {}", fault.detail),
            Stop::Io(error) => format!("io: {error}"),
            stop => stop.kind().to_owned(),
        },
        instructions: vm.instructions(),
        pc: vm.pc(),
        registers: G::SLOTS.iter().enumerate().map(slot).collect(),
    }
}

/// The bytes of a space that matter.
fn live<G: Guest>(vm: &Vm<G>, space: usize) -> &[u8] {
    let info = &G::SPACES[space];
    let len = vm.guest().live(vm.state(), space).min(vm.state().len(space));
    &vm.state().bytes(space)[..len * info.stride]
}

fn memory<G: Guest>(native: &Vm<G>, reference: &Vm<G>) -> (Vec<MemoryDifference>, usize) {
    let mut listed = Vec::new();
    let mut count = 0;
    for (id, info) in G::SPACES.iter().enumerate() {
        let (a, b) = (live(native, id), live(reference, id));
        let elements = a.chunks(info.stride).zip(b.chunks(info.stride)).enumerate();
        for (at, (a, b)) in elements.filter(|(_, (a, b))| a != b) {
            count += 1;
            if listed.len() < LISTED {
                let (native, reference) = (number(a), number(b));
                listed.push(MemoryDifference { space: info.name, at: at as u64, native, reference });
            }
        }
    }
    (listed, count)
}

/// The number that an element's bytes are, in the host's order.
fn number(bytes: &[u8]) -> u64 {
    let shift = |number, &byte| number << 8 | u64::from(byte);
    if cfg!(target_endian = "little") {
        bytes.iter().rev().fold(0, shift)
    } else {
        bytes.iter().fold(0, shift)
    }
}

fn listing<G: Guest>(vm: &Vm<G>, pc: Pc) -> Vec<(Pc, String)> {
    let previous = |pc: &Pc| (1..=8).map(|back| pc.wrapping_sub(back)).find(|&at| G::next(at) == *pc);
    let earlier: Vec<Pc> = std::iter::successors(previous(&pc), previous).take(BEFORE).collect();
    let later = std::iter::successors(Some(pc), |&pc| Some(G::next(pc))).take(FROM);
    let within = |pc: &Pc| (*pc as usize) < vm.guest().code_len();
    let line = |pc| (pc, vm.guest().disassemble(vm.state(), pc));
    earlier.into_iter().rev().chain(later).filter(within).map(line).collect()
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (a, b) = (&self.native, &self.reference);
        writeln!(
            f,
            "The machines agree after {} instructions, at {:x}; then they part.",
            self.agreed, self.pc
        )?;
        writeln!(f)?;
        for (pc, instruction) in &self.listing {
            let arrow = if *pc == self.pc { "->" } else { "  " };
            writeln!(f, "{arrow} {pc:6x}  {instruction}")?;
        }
        writeln!(f, "\n   {:<14} {:>18} {:>18}", "", "native", "reference")?;
        row(f, "stop", &a.stop, &b.stop)?;
        row(f, "instructions", &a.instructions.to_string(), &b.instructions.to_string())?;
        row(f, "pc", &format!("{:x}", a.pc), &format!("{:x}", b.pc))?;
        for (&(name, a), &(_, b)) in a.registers.iter().zip(&b.registers) {
            row(f, name, &format!("{a:x}"), &format!("{b:x}"))?;
        }
        for m in &self.memory {
            let name = format!("{} {:x}", m.space, m.at);
            row(f, &name, &format!("{:x}", m.native), &format!("{:x}", m.reference))?;
        }
        if self.memory_count > self.memory.len() {
            writeln!(f, "   and {} more elements of memory", self.memory_count - self.memory.len())?;
        }
        if let Some(Region { pc, details: Some(details), .. }) = &self.region {
            writeln!(f, "\nThe region at {pc:x}:\n{}\n{}", details.listing, details.clif)?;
        }
        Ok(())
    }
}

/// A line of both values, marked where they differ.
fn row(f: &mut fmt::Formatter<'_>, name: &str, a: &str, b: &str) -> fmt::Result {
    let mark = if a == b { " " } else { "*" };
    writeln!(f, " {mark} {name:<14} {a:>18} {b:>18}")
}
