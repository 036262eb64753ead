//! What a machine's tiers did, kept for people and for programs that look at it: every region as it was compiled, how
//! often control went in and why it came out, and what was given up or made again, and why.
//!
//! Kept where [`crate::tier::Config::record`] asks for it; otherwise nothing here costs anything.

// Without a JIT nobody writes one.
#![cfg_attr(not(feature = "jit"), expect(dead_code))]

use std::fmt::{self, Write};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use serde::Serialize;

use crate::ops::Pc;

/// Bytes of details that are kept; past this the regions that retired least lose theirs.
const DETAILS: usize = 64 << 20;
/// Regions and events that are kept, each.
const KEPT: usize = 100_000;
/// The number of every region that is not kept.
const UNKEPT: usize = usize::MAX - 2;

/// What the tiers did.
#[derive(Debug, Serialize)]
pub struct Record {
    /// The regions that the machine used, in the order in which it took them up.
    pub regions: Vec<Region>,
    /// What happened to places and regions, in order.
    pub events: Vec<Event>,
    /// Regions and events that came after as many as are kept.
    pub lost: u64,
    /// Times that a hot place was not compiled because the machine had compiled enough for what it had retired.
    pub put_off: u64,
    #[serde(skip)]
    start: Instant,
    #[serde(skip)]
    doing: Arc<AtomicUsize>,
    /// Bytes of details.
    #[serde(skip)]
    bytes: usize,
}

/// A region that the machine used.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Region {
    /// Where it is entered.
    pub pc: Pc,
    /// When the machine took it up, in seconds since recording began.
    pub seconds: f64,
    /// It had been compiled before, for another machine or for this one.
    pub is_reused: bool,
    /// Seconds that translating and compiling took.
    pub compile_seconds: f64,
    /// Guest instructions, copies of callees and loops counted.
    pub instructions: usize,
    /// Bytes of machine code.
    pub code_bytes: usize,
    /// Where the machine code is.
    pub address: usize,
    /// Times that control went in.
    pub runs: u64,
    /// Instructions that it retired.
    pub retired: u64,
    /// Why it was dropped; `None` while it lives.
    pub dropped: Option<Why>,
    /// What it consists of, where that is still kept.
    pub details: Option<Box<Details>>,
}

/// What a region is made from.
#[derive(Clone, Debug, Serialize)]
pub struct Listing {
    /// Its instructions, block by block.
    pub instructions: Vec<Instruction>,
    /// Its blocks; the first is the entry.
    pub blocks: Vec<Block>,
}

/// What a region consists of.
#[derive(Clone, Debug, Serialize)]
pub struct Details {
    /// What it is made from.
    #[serde(flatten)]
    pub listing: Listing,
    /// The places where it hands back.
    pub exits: Vec<Exit>,
    /// The CLIF, before optimisation. A line that an instruction made starts with `@` and the instruction's number
    /// plus one, in hexadecimal.
    pub clif: String,
    /// The machine code.
    #[serde(skip)]
    pub code: Vec<u8>,
    /// Which bytes of the machine code come from which instruction, in order; the others are the region's own.
    #[serde(skip)]
    pub sources: Vec<(Range<usize>, usize)>,
}

/// A guest's instruction in a region.
#[derive(Clone, Debug, Serialize)]
pub struct Instruction {
    /// Its address.
    pub pc: Pc,
    /// It, disassembled when it was compiled.
    pub text: String,
}

/// An instruction of the host.
#[derive(Clone, Debug, Serialize)]
pub struct HostInstruction {
    /// Where it is.
    pub address: usize,
    /// The number of the guest's instruction that it comes from; `None` where it is the region's own.
    pub instruction: Option<usize>,
    /// It, disassembled.
    pub text: String,
}

/// A block of a region.
#[derive(Clone, Debug, Serialize)]
pub struct Block {
    /// The numbers of its instructions.
    pub instructions: Range<usize>,
    /// Where control goes from it.
    pub edges: Vec<Edge>,
    /// Where the budget is checked before it, when control comes back: how many instructions it must last for.
    pub check: Option<u64>,
}

/// A way from a block.
#[derive(Clone, Debug, Serialize)]
pub struct Edge {
    /// When it is gone.
    pub way: Way,
    /// The address that it leads to.
    pub pc: Pc,
    /// The block there; `None` outside the region.
    pub block: Option<usize>,
}

/// When control goes a way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// It falls through.
    Next,
    /// A direct jump or call, or a branch that is taken.
    Taken,
    /// An indirect jump, call or return.
    Indirect,
}

/// A place where a region hands back.
#[derive(Clone, Debug, Serialize)]
pub struct Exit {
    /// Why, as one word: a name of [`crate::jit::Reason`].
    pub reason: &'static str,
    /// The number of the instruction that it belongs to.
    pub instruction: usize,
    /// Where control goes on; `None` where that is known only when running.
    pub pc: Option<Pc>,
    /// How often control left there.
    pub count: u64,
}

/// Something that happened to a place or its region.
#[derive(Clone, Debug, Serialize)]
pub struct Event {
    /// When, in seconds since recording began.
    pub seconds: f64,
    /// Instructions retired by then, as far as they were counted: the interpreter's turn is counted at its end.
    pub instructions: u64,
    /// The place: a region's entry.
    pub pc: Pc,
    /// What happened.
    pub what: What,
}

/// What happened.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The region with this number was taken up.
    Installed(usize),
    /// The region with this number was dropped.
    Dropped(usize, Why),
    /// A region was compiled and is none for this machine.
    Rejected(Unfit),
    /// The place was hot, and there is nothing there that can be compiled.
    Refused,
}

/// Why a region was dropped.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The word at this address changed, which it was made from.
    Changed(Pc),
    /// The word at this address, which it wrote without a test, is watched from now on.
    Watched(Pc),
    /// It was left for places that an indirect jump did not know: it is made again with them.
    Targets,
    /// It was left for code that had never, or seldom, been executed when it was made: it is made again with that.
    Unseen,
    /// A register was not what it took it for: it is made again for any value.
    Constants,
    /// It left before a loop whose accesses were not known to be plain: it is made again with each tested in the loop.
    Gate,
    /// It left at accesses that were tested together with others: it is made again with each tested on its own.
    Accesses,
    /// It retired too few instructions a run.
    Unprofitable {
        /// Times that control went in since it was last judged.
        runs: u64,
        /// Instructions retired in them.
        retired: u64,
    },
    /// There was too much code, and all of it was let go.
    Flushed,
}

/// Why a compiled region was not taken up.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unfit {
    /// These words had changed meanwhile.
    Changed(Vec<Pc>),
    /// A word that it would write without a test had become a watched one.
    Watched,
    /// The host could not make code of it.
    Host,
}

/// What a machine's thread is doing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Doing {
    /// It interprets, or serves the guest as its host.
    Interpreting,
    /// It finds, translates or compiles a region.
    Compiling,
    /// It runs the region with this number.
    Native(usize),
}

impl Doing {
    const fn to_number(self) -> usize {
        match self {
            Doing::Interpreting => 0,
            Doing::Compiling => 1,
            Doing::Native(region) => region + 2,
        }
    }
}

/// What a machine's thread is doing right now, for other threads to look at.
#[derive(Clone, Debug)]
pub struct Activity(Arc<AtomicUsize>);

impl Activity {
    /// What it is doing.
    pub fn now(&self) -> Doing {
        match self.0.load(Ordering::Relaxed) {
            0 => Doing::Interpreting,
            1 => Doing::Compiling,
            n => Doing::Native(n - 2),
        }
    }
}

impl Record {
    /// What the machine is doing, for another thread to look at while it runs.
    pub fn activity(&self) -> Activity {
        Activity(self.doing.clone())
    }

    /// When recording began.
    pub fn start(&self) -> Instant {
        self.start
    }
}

/// How a record is written.
impl Record {
    pub(crate) fn new() -> Record {
        Record {
            regions: Vec::new(),
            events: Vec::new(),
            lost: 0,
            put_off: 0,
            start: Instant::now(),
            doing: Arc::new(AtomicUsize::new(Doing::Interpreting.to_number())),
            bytes: 0,
        }
    }

    /// Says what the machine is doing from now on.
    #[inline]
    pub(crate) fn doing(&self, what: Doing) {
        self.doing.store(what.to_number(), Ordering::Relaxed);
    }

    /// Control came out of a region.
    #[inline]
    pub(crate) fn left(&mut self, region: usize, exit: usize, retired: u64) {
        self.doing(Doing::Interpreting);
        let Some(region) = self.regions.get_mut(region) else { return };
        region.runs += 1;
        region.retired += retired;
        if let Some(exit) = region.details.as_mut().and_then(|details| details.exits.get_mut(exit)) {
            exit.count += 1;
        }
    }

    /// The machine took a region up; its number.
    pub(crate) fn installed(&mut self, region: Region, instructions: u64) -> usize {
        let number = self.regions.len();
        if number >= KEPT {
            self.lost += 1;
            return UNKEPT;
        }
        self.happened(region.pc, instructions, What::Installed(number));
        self.bytes += region.details.as_deref().map_or(0, Details::size);
        self.regions.push(Region { seconds: self.start.elapsed().as_secs_f64(), ..region });
        if self.bytes > DETAILS {
            self.shorten();
        }
        number
    }

    /// Region `number` was dropped.
    pub(crate) fn dropped(&mut self, number: usize, instructions: u64, why: Why) {
        if let Some(region) = self.regions.get_mut(number) {
            region.dropped = Some(why.clone());
            let pc = region.pc;
            self.happened(pc, instructions, What::Dropped(number, why));
        }
    }

    /// Something happened after so many instructions.
    pub(crate) fn happened(&mut self, pc: Pc, instructions: u64, what: What) {
        if self.events.len() >= KEPT {
            self.lost += 1;
            return;
        }
        self.events.push(Event { seconds: self.start.elapsed().as_secs_f64(), instructions, pc, what });
    }

    /// Drops the details of half of the regions that have any: those that retired least. The last one has had no
    /// chance yet.
    fn shorten(&mut self) {
        let last = self.regions.len().saturating_sub(1);
        let mut with: Vec<&mut Region> =
            self.regions[..last].iter_mut().filter(|region| region.details.is_some()).collect();
        with.sort_by_key(|region| region.retired);
        let half = with.len().div_ceil(2);
        for region in &mut with[..half] {
            self.bytes -= region.details.take().as_deref().map_or(0, Details::size);
        }
    }
}

impl Details {
    /// About how many bytes it takes.
    fn size(&self) -> usize {
        let texts: usize =
            self.listing.instructions.iter().map(|i| i.text.len() + size_of::<Instruction>()).sum();
        let edges: usize =
            self.listing.blocks.iter().map(|b| size_of::<Block>() + b.edges.len() * size_of::<Edge>()).sum();
        let exits = self.exits.len() * size_of::<Exit>();
        let sources = self.sources.len() * size_of::<(Range<usize>, usize)>();
        texts + edges + exits + sources + self.clif.len() + self.code.len()
    }

    /// Whether the instruction at `pc` is one of the region's.
    pub fn covers(&self, pc: Pc) -> bool {
        self.listing.instructions.iter().any(|instruction| instruction.pc == pc)
    }

    /// The machine code, disassembled as code at `address`; empty where this host's has no disassembler here.
    pub fn machine_code(&self, address: usize) -> Vec<HostInstruction> {
        #[cfg(feature = "jit")]
        let code = crate::jit::dump::disassemble(self, address);
        #[cfg(not(feature = "jit"))]
        let code = {
            let _ = address;
            Vec::new()
        };
        code
    }

    /// The machine code as text, with the guest's instructions between.
    pub fn assembly(&self, address: usize) -> String {
        let mut text = String::new();
        let mut last = None;
        for host in self.machine_code(address) {
            if last != Some(host.instruction) {
                let heading = match host.instruction.and_then(|number| self.listing.instructions.get(number))
                {
                    None => "region".to_owned(),
                    Some(Instruction { pc, text }) => format!("{pc:04x}  {text}"),
                };
                text += &format!("; {heading}\n");
                last = Some(host.instruction);
            }
            text += &format!("  {:8x}  {}\n", host.address, host.text);
        }
        if text.is_empty() {
            text = format!("; {} bytes; this host's code has no disassembler here\n", self.code.len());
        }
        text
    }
}

/// The blocks, their instructions, and where control goes.
impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, block) in self.blocks.iter().enumerate() {
            write!(f, "block {i}")?;
            match block.check {
                Some(longest) => writeln!(f, ", checks the budget for {longest}")?,
                None => writeln!(f)?,
            }
            for instruction in &self.instructions[block.instructions.clone()] {
                writeln!(f, "{:8x}  {}", instruction.pc, instruction.text)?;
            }
            let mut ways = String::new();
            for edge in &block.edges {
                let to = match edge.block {
                    Some(block) => format!("block {block}"),
                    None => format!("{:x} outside", edge.pc),
                };
                let way = match edge.way {
                    Way::Next => "",
                    Way::Taken => " if taken",
                    Way::Indirect => " indirectly",
                };
                write!(ways, "{}{to}{way}", if ways.is_empty() { "" } else { ", " })?;
            }
            if !ways.is_empty() {
                writeln!(f, "  goes to {ways}")?;
            }
        }
        Ok(())
    }
}
