//! Where the value of each virtual register is still needed.
//!
//! Instructions have positions, two apart, in the order of the code: at the first an instruction reads, at
//! the second it writes. A register is live in ranges of positions, which may have holes.

use std::ops::Range;

use super::ir::{Function, Op, Reg};

/// What is known of the registers of a function.
pub(super) struct Liveness {
    /// Where each register is live: ranges apart from each other, in order.
    pub ranges: Vec<Vec<Range<usize>>>,
    /// The calls, in order.
    pub calls: Vec<Call>,
    /// How often each register is read and written, as far as loops tell.
    pub uses: Vec<u64>,
    /// How often each is written in the text.
    pub writes: Vec<usize>,
}

/// A call, and what must survive it.
pub(super) struct Call {
    /// Where it reads its arguments.
    pub position: usize,
    /// How often it is made, as far as loops tell.
    pub weight: u64,
    /// What is live before and after.
    pub across: Vec<Reg>,
}

/// Values live across calls, all calls taken together, that a function may have.
const MOST_ACROSS: usize = 1 << 21;

/// How often what is in so many loops is done, by a rule of thumb.
pub(super) fn weight(depth: u32) -> u64 {
    8u64.pow(depth.min(6))
}

/// A set of registers.
#[derive(Clone, PartialEq)]
struct Set(Vec<u64>);

impl Set {
    fn new(len: usize) -> Set {
        Set(vec![0; len.div_ceil(64)])
    }

    fn insert(&mut self, reg: Reg) {
        self.0[reg.0 / 64] |= 1 << (reg.0 % 64);
    }

    fn remove(&mut self, reg: Reg) {
        self.0[reg.0 / 64] &= !(1 << (reg.0 % 64));
    }

    fn contains(&self, reg: Reg) -> bool {
        self.0[reg.0 / 64] & 1 << (reg.0 % 64) != 0
    }

    fn extend(&mut self, other: &Set) {
        for (mine, other) in self.0.iter_mut().zip(&other.0) {
            *mine |= other;
        }
    }

    fn iter(&self) -> impl Iterator<Item = Reg> + '_ {
        let bits = |(word, &bits): (usize, &u64)| {
            std::iter::successors((bits != 0).then_some(bits), |bits| {
                let rest = bits & (bits - 1);
                (rest != 0).then_some(rest)
            })
            .map(move |bits| Reg(word * 64 + bits.trailing_zeros() as usize))
        };
        self.0.iter().enumerate().flat_map(bits)
    }
}

/// What is live where each block ends: the least sets that hold what the blocks behind need, found by going
/// through the blocks until nothing changes.
fn live_out(function: &Function) -> Vec<Set> {
    let len = function.classes.len();
    let mut live_in = vec![Set::new(len); function.blocks.len()];
    let mut live_out = live_in.clone();
    let mut changes = true;
    while changes {
        changes = false;
        for (n, block) in function.blocks.iter().enumerate().rev() {
            let mut live = Set::new(len);
            block.exit.targets().for_each(|target| live.extend(&live_in[target.0]));
            live_out[n] = live.clone();
            block.exit.sources().filter(|&reg| reg != Reg::ZERO).for_each(|reg| live.insert(reg));
            for insn in block.insns.iter().rev() {
                insn.op.target().into_iter().for_each(|reg| live.remove(reg));
                insn.op.sources().filter(|&reg| reg != Reg::ZERO).for_each(|reg| live.insert(reg));
            }
            changes |= live_in[n] != live;
            live_in[n] = live;
        }
    }
    live_out
}

/// Looks at a function; `None` if more values are live across calls than a program of the largest size has.
pub(super) fn of(function: &Function) -> Option<Liveness> {
    let len = function.classes.len();
    let mut liveness = Liveness {
        ranges: vec![Vec::new(); len],
        calls: Vec::new(),
        uses: vec![0; len],
        writes: vec![0; len],
    };
    let mut across_all = 0;
    let live_out = live_out(function);
    // Where each live register's range ends. From the end to the start, so that ranges are met there.
    let mut ends = vec![0; len];
    let mut end = 2 * function.blocks.iter().map(|block| block.insns.len() + 1).sum::<usize>();
    for (block, mut live) in function.blocks.iter().zip(live_out).rev() {
        let weight = weight(block.depth);
        live.iter().for_each(|reg| ends[reg.0] = end);
        let mut position = end - 2;
        for reg in block.exit.sources() {
            liveness.read(&mut live, &mut ends, reg, position, weight);
        }
        for insn in block.insns.iter().rev() {
            position -= 2;
            if let Some(reg) = insn.op.target() {
                // What is never read is written all the same.
                let end = if live.contains(reg) { ends[reg.0] } else { position + 2 };
                liveness.add(reg, position + 1..end);
                live.remove(reg);
                liveness.uses[reg.0] += weight;
                liveness.writes[reg.0] += 1;
            }
            if let Op::Call { .. } = insn.op {
                let across: Vec<Reg> = live.iter().collect();
                across_all += across.len();
                if across_all > MOST_ACROSS {
                    return None;
                }
                liveness.calls.push(Call { position, weight, across });
            }
            for reg in insn.op.sources() {
                liveness.read(&mut live, &mut ends, reg, position, weight);
            }
        }
        live.iter().for_each(|reg| liveness.add(reg, position..ends[reg.0]));
        end = position;
    }
    for param in &function.params {
        liveness.writes[param.0] += 1;
    }
    liveness.ranges.iter_mut().for_each(|ranges| ranges.reverse());
    liveness.calls.reverse();
    Some(liveness)
}

impl Liveness {
    /// Notes that a register is read at a position.
    fn read(&mut self, live: &mut Set, ends: &mut [usize], reg: Reg, position: usize, weight: u64) {
        if reg != Reg::ZERO {
            self.uses[reg.0] += weight;
            if !live.contains(reg) {
                live.insert(reg);
                ends[reg.0] = position + 1;
            }
        }
    }

    /// Adds a range before those that are known.
    fn add(&mut self, reg: Reg, range: Range<usize>) {
        match self.ranges[reg.0].last_mut() {
            Some(next) if next.start == range.end => next.start = range.start,
            _ => self.ranges[reg.0].push(range),
        }
    }

    /// Positions at which the register is live.
    pub fn length(&self, reg: Reg) -> usize {
        self.ranges[reg.0].iter().map(Range::len).sum()
    }
}
