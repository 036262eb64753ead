//! From virtual registers to the machine's: priority-based colouring of live ranges (F. Chow and J. Hennessy,
//! *The priority-based coloring approach to register allocation*, 1990), with what callees write known, as they
//! come first (F. Chow, *Minimizing register usage penalty at procedure calls*, 1988).
//!
//! Where more values are live than there are registers, the one that gains most for the time that it takes a
//! register chooses first. The others choose in the order in which they come to live, as in a linear scan
//! (M. Poletto and V. Sarkar, *Linear scan register allocation*, 1999): among the registers that are free
//! wherever a value is live it takes the one that costs least. A register costs what saving it costs around
//! calls that write it, less the moves that it makes needless. Where all cost more than memory does, or none is
//! free, the value lives in a word of the heap, and a constant in the code: it is loaded again at each use
//! (P. Briggs, K. Cooper and L. Torczon, *Rematerialization*, 1992).
//!
//! The machine cannot store a float. A register that a callee writes cannot be had for a float that survives the
//! call, and there is an error where one goes without a register.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::ir::{Class, Constant, Exit, Function, Op, Reg};
use super::liveness::Liveness;

/// Registers of a class, a bit each.
pub(super) type Mask = u32;

/// What allocation may use: `$1`–`$29` and `f0`–`f28`. `$0` is 0; the others hold what comes from memory.
const FREE: [Mask; 2] = [0x3fff_fffe, 0x1fff_ffff];

/// Registers of both classes.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Registers([Mask; 2]);

impl Registers {
    /// All that allocation may use.
    pub const ALL: Registers = Registers(FREE);

    pub fn insert(&mut self, class: Class, register: u8) {
        self.0[class as usize] |= 1 << register;
    }

    pub fn extend(&mut self, other: Registers) {
        self.0[0] |= other.0[0];
        self.0[1] |= other.0[1];
    }

    pub fn contains(&self, class: Class, register: u8) -> bool {
        self.0[class as usize] & 1 << register != 0
    }
}

/// The registers that arguments of these classes go in.
pub(super) fn arguments(classes: impl Iterator<Item = Class>) -> impl Iterator<Item = (Class, u8)> {
    let mut next = [RESULT[0], RESULT[1]];
    classes.map(move |class| {
        let register = next[class as usize];
        next[class as usize] += 1;
        (class, register)
    })
}

/// The register that a result comes in, of each class.
pub(super) const RESULT: [u8; 2] = [1, 0];

/// Where a virtual register is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Place {
    /// Nowhere: it is never read.
    None,
    Register(u8),
    /// In the heap, at this address.
    Memory(i32),
    /// Wherever it is needed.
    Constant(Constant),
}

/// Where all of a function's virtual registers are.
pub(super) struct Allocation {
    pub places: Vec<Place>,
    /// Registers that are such places.
    pub taken: Registers,
}

/// A float that found no register.
#[derive(Debug)]
pub(super) struct Homeless {
    /// Where it comes to live.
    pub position: usize,
    /// A call which it survives and which may lead to the same function again.
    pub recursion: Option<usize>,
}

/// What a call does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effect {
    /// The registers that may hold something else afterwards.
    pub writes: Registers,
    /// Whether it may lead to the function that makes it.
    pub is_recursive: bool,
}

/// Finds places. `effects` are those of the calls, in order; `memory` is the next free address.
pub(super) fn allocate(
    function: &Function,
    liveness: &Liveness,
    effects: &[Effect],
    memory: &mut i32,
) -> Result<Allocation, Homeless> {
    let len = function.classes.len();
    let mut allocator = Allocator {
        function,
        liveness,
        effects,
        constants: HashMap::new(),
        wishes: vec![Vec::new(); len],
        crossed: vec![Vec::new(); len],
        places: vec![Place::None; len],
        busy: Default::default(),
    };
    for (n, call) in liveness.calls.iter().enumerate() {
        call.across.iter().for_each(|reg| allocator.crossed[reg.0].push(n));
    }
    allocator.look();
    for reg in allocator.order() {
        allocator.places[reg.0] = allocator.choose(reg, memory)?;
    }
    let mut taken = Registers::default();
    for (place, &class) in allocator.places.iter().zip(&function.classes) {
        if let &Place::Register(register) = place {
            taken.insert(class, register);
        }
    }
    Ok(Allocation { places: allocator.places, taken })
}

/// A register that would save a move.
#[derive(Clone, Copy)]
enum Wish {
    Same(Reg),
    Fixed(u8),
}

struct Allocator<'f> {
    function: &'f Function,
    liveness: &'f Liveness,
    effects: &'f [Effect],
    constants: HashMap<Reg, Constant>,
    /// With how often the move would be made.
    wishes: Vec<Vec<(Wish, u64)>>,
    /// The calls that each register survives.
    crossed: Vec<Vec<usize>>,
    places: Vec<Place>,
    /// Where each of the machine's registers is taken: ends by starts.
    busy: [[BTreeMap<usize, usize>; 32]; 2],
}

impl Allocator<'_> {
    /// Finds constants, and registers that would save moves.
    fn look(&mut self) {
        let classes = &self.function.classes;
        let params = self.function.params.iter().map(|reg| classes[reg.0]);
        for (&reg, (_, register)) in self.function.params.iter().zip(arguments(params)) {
            self.wishes[reg.0].push((Wish::Fixed(register), 1));
        }
        for block in &self.function.blocks {
            let weight = super::liveness::weight(block.depth);
            if let Exit::Return(Some(reg)) = block.exit {
                let result = RESULT[classes[reg.0] as usize];
                self.wishes[reg.0].push((Wish::Fixed(result), weight));
            }
            for insn in &block.insns {
                match &insn.op {
                    &Op::Constant(to, constant) if self.liveness.writes[to.0] == 1 => {
                        self.constants.insert(to, constant);
                    }
                    &Op::Move(to, from) | &Op::Step { to, from, .. } | &Op::Shift { to, from, .. } => {
                        self.wishes[to.0].push((Wish::Same(from), weight));
                        self.wishes[from.0].push((Wish::Same(to), weight));
                    }
                    Op::Call { arguments: given, result, .. } => {
                        let of = given.iter().map(|reg| classes[reg.0]);
                        for (reg, (_, register)) in given.iter().zip(arguments(of)) {
                            self.wishes[reg.0].push((Wish::Fixed(register), weight));
                        }
                        if let Some(reg) = result {
                            let register = RESULT[classes[reg.0] as usize];
                            self.wishes[reg.0].push((Wish::Fixed(register), weight));
                        }
                    }
                    _ => {}
                }
            }
        }
    }

    /// What it costs to have the value in memory, or to load the constant again; in instructions.
    fn cost_of_memory(&self, reg: Reg) -> u64 {
        let uses = self.liveness.uses[reg.0];
        if self.constants.contains_key(&reg) {
            return uses;
        }
        let recursive = self.crossed[reg.0].iter().filter(|&&call| self.effects[call].is_recursive);
        2 * uses + recursive.map(|&call| 6 * self.liveness.calls[call].weight).sum::<u64>()
    }

    /// The registers that are live somewhere, in the order in which they choose.
    fn order(&self) -> Vec<Reg> {
        let live = (1..self.places.len()).map(Reg).filter(|reg| !self.liveness.ranges[reg.0].is_empty());
        let mut order: Vec<Reg> = live.collect();
        let scarce = [Class::Int, Class::Float].map(|class| self.scarce(class, &order));
        order.sort_by_cached_key(|&reg| {
            let (class, ranges) = (self.function.classes[reg.0], &self.liveness.ranges[reg.0]);
            let is_constant = self.constants.contains_key(&reg);
            let is_short = ranges.iter().any(|range| {
                let scarce = &scarce[class as usize];
                scarce[range.end] > scarce[range.start]
            });
            let gain = (self.cost_of_memory(reg) << 16) / self.liveness.length(reg) as u64;
            match class {
                Class::Int if is_short => (0, u64::MAX - gain),
                Class::Float if is_constant && is_short => (2, u64::MAX - gain),
                _ => (1, ranges[0].start as u64),
            }
        });
        order
    }

    /// For each position, how many before it there are where more registers of a class are live than the machine
    /// has.
    fn scarce(&self, class: Class, live: &[Reg]) -> Vec<u32> {
        let mut changes = vec![0; self.function.size() * 2 + 1];
        for reg in live.iter().filter(|reg| self.function.classes[reg.0] == class) {
            for range in &self.liveness.ranges[reg.0] {
                changes[range.start] += 1;
                changes[range.end] -= 1;
            }
        }
        let most = FREE[class as usize].count_ones() as i32;
        let (mut live, mut before) = (0, 0);
        let mut counts = vec![0];
        for change in changes {
            live += change;
            before += u32::from(live > most);
            counts.push(before);
        }
        counts
    }

    fn is_free(&self, class: Class, register: u8, ranges: &[Range<usize>]) -> bool {
        let busy = &self.busy[class as usize][usize::from(register)];
        ranges.iter().all(|range| {
            let before = busy.range(..range.end).next_back();
            before.is_none_or(|(_, &end)| end <= range.start)
        })
    }

    /// What a register costs; `None` where the value does not survive in it.
    fn cost(&self, reg: Reg, class: Class, register: u8) -> Option<i64> {
        let mut cost = 0;
        for &call in &self.crossed[reg.0] {
            if self.effects[call].writes.contains(class, register) {
                if class == Class::Float {
                    return None;
                }
                cost += 2 * self.liveness.calls[call].weight as i64;
            }
        }
        for &(wish, weight) in &self.wishes[reg.0] {
            let wished = match wish {
                Wish::Same(other) => self.places[other.0],
                Wish::Fixed(register) => Place::Register(register),
            };
            if wished == Place::Register(register) {
                cost -= weight as i64;
            }
        }
        Some(cost)
    }

    fn choose(&mut self, reg: Reg, memory: &mut i32) -> Result<Place, Homeless> {
        let class = self.function.classes[reg.0];
        let ranges = &self.liveness.ranges[reg.0];
        let registers = (0..32).filter(|&register| Registers::ALL.contains(class, register));
        let free = registers.filter(|&register| self.is_free(class, register, ranges));
        let cheapest =
            free.filter_map(|register| self.cost(reg, class, register).map(|cost| (cost, register))).min();
        let constant = self.constants.get(&reg);
        let is_movable = class == Class::Int || constant.is_some();
        if let Some((cost, register)) = cheapest
            && (!is_movable || cost <= self.cost_of_memory(reg) as i64)
        {
            let busy = &mut self.busy[class as usize][usize::from(register)];
            busy.extend(ranges.iter().map(|range| (range.start, range.end)));
            return Ok(Place::Register(register));
        }
        match constant {
            Some(&constant) => Ok(Place::Constant(constant)),
            None if class == Class::Int => {
                let place = Place::Memory(*memory);
                *memory += 4;
                Ok(place)
            }
            None => Err(self.homeless(reg)),
        }
    }

    fn homeless(&self, reg: Reg) -> Homeless {
        let recursion = self.crossed[reg.0].iter().find(|&&call| self.effects[call].is_recursive);
        Homeless {
            position: self.liveness.ranges[reg.0][0].start,
            recursion: recursion.map(|&call| self.liveness.calls[call].position),
        }
    }
}
