//! What the interpreter keeps per code address: decoded instructions, and what it has counted there.

#[cfg(feature = "jit")]
use rustc_hash::FxHashMap;

use super::runs;
use crate::guest::{Guest, Insn};
use crate::ops::Pc;
use crate::state::{State, attr};
use crate::table::{Room, Table};

/// A place's heat while native code starts there: counting leaves it as it is.
#[cfg(feature = "jit")]
pub(crate) const NATIVE: i32 = i32::MAX;

/// An indirect jump has arrived at more than one place.
const MANY: u32 = u32::MAX;

/// Places that are kept of one return at most.
#[cfg(feature = "jit")]
const MOST: usize = 64;

/// Branches that the interpreter remembers.
const TRACE: usize = 1 << 13;

/// A branch that was executed: where, and in the lowest bit whether it was taken.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "jit"), expect(dead_code, reason = "it is the JIT that looks at branches"))]
pub(crate) struct Branch(u32);

impl Branch {
    #[inline(always)]
    pub(crate) fn new(pc: Pc, taken: bool) -> Branch {
        Branch(pc << 1 | taken as u32)
    }

    #[cfg(feature = "jit")]
    pub(crate) fn pc(self) -> Pc {
        self.0 >> 1
    }

    #[cfg(feature = "jit")]
    pub(crate) fn is_taken(self) -> bool {
        self.0 & 1 != 0
    }
}

/// What the interpreter keeps per code address.
pub(crate) struct Code {
    /// Decoded instructions, as [`Insn::bits`]; 0 where there is none yet.
    insns: Table<u64>,
    /// Instructions counted at each place where control arrives, or [`NATIVE`], as signed numbers; below 0 at places
    /// that are not to be compiled for a while.
    heat: Table<u32>,
    /// The last branches: a ring, whose next place is `branches` modulo its length.
    trace: Box<[Branch; TRACE]>,
    branches: usize,
    /// Heat at which a place is handed to the JIT.
    threshold: i32,
    /// By indirect jump or call: where it has always arrived, plus one, or [`MANY`]. By return: where it last arrived, plus one.
    arrival: Table<u32>,
    /// Where those have arrived that go to many places, each once.
    arrivals: Vec<Pc>,
    has_arrival: Table<u8>,
    /// By return: where it has arrived that its region did not know, and how many first arrivals there were then.
    #[cfg(feature = "jit")]
    elsewhere: FxHashMap<Pc, Vec<(Pc, usize)>>,
    /// Arrivals that were the first of their kind.
    pub(crate) first_arrivals: usize,
    /// Words with native code that were written since somebody looked.
    pub(crate) stale: Vec<u32>,
}

impl Code {
    pub(crate) fn new(len: usize, threshold: i32) -> Code {
        let mut room = Room::new(len * (size_of::<u64>() + 2 * size_of::<u32>() + size_of::<u8>()));
        Code {
            insns: room.table(len),
            heat: room.table(len),
            trace: vec![Branch(0); TRACE].try_into().expect("it has that length"),
            branches: 0,
            threshold,
            arrival: room.table(len),
            arrivals: Vec::new(),
            has_arrival: room.table(len),
            #[cfg(feature = "jit")]
            elsewhere: FxHashMap::default(),
            first_arrivals: 0,
            stale: Vec::new(),
        }
    }

    /// Forgets everything; there are `len` code addresses now.
    pub(crate) fn clear(&mut self, len: usize) {
        *self = Code::new(len, self.threshold);
    }

    #[inline(always)]
    pub(super) fn get(&self, pc: Pc) -> Insn {
        Insn::from_bits(self.insns.get(pc as usize).copied().unwrap_or(0))
    }

    /// The instruction at `pc`, if it is decoded.
    pub(crate) fn decoded<G: Guest>(&self, pc: Pc) -> Option<Insn> {
        let known = self.get(pc);
        (known != Insn::default()).then(|| runs::first::<G>(known))
    }

    /// The instruction at `pc`, decoded and kept.
    pub(crate) fn fetch<G: Guest>(&mut self, guest: &G, state: &mut State, pc: Pc) -> Insn {
        if let Some(known) = self.decoded::<G>(pc) {
            return known;
        }
        let insn = guest.decode(state, pc);
        debug_assert_ne!(insn.op(), 0, "operation 0 means not decoded");
        if let Some(slot) = self.insns.get_mut(pc as usize) {
            *slot = insn.bits();
            if let Some(space) = G::CODE {
                if state.attributes(space, pc as u64) & attr::TRUSTED != 0 {
                    self.stale.push(pc);
                }
                state.change_attributes(space, pc as u64, 0, attr::DECODED);
            }
        }
        insn
    }

    /// Has the interpreter do what starts at `pc` as a whole, where it is one of [`Guest::RUNS`].
    pub(super) fn join<G: Guest>(&mut self, guest: &G, state: &mut State, pc: Pc) {
        let Some(run) = runs::find(guest, state, pc) else { return };
        let mut at = pc;
        for _ in G::RUNS[run] {
            self.fetch(guest, state, at);
            at = G::next(at);
        }
        self.insns[pc as usize] = self.get(pc).with_op(runs::FIRST + run as u8).bits();
    }

    /// Drops what was decoded at `pc`.
    fn forget<G: Guest>(&mut self, state: &mut State, pc: Pc) {
        if let Some(slot) = self.insns.get_mut(pc as usize) {
            *slot = 0;
        }
        if let Some(space) = G::CODE {
            state.change_attributes(space, pc as u64, attr::DECODED, 0);
        }
    }

    /// Drops what was made from words that have changed, and notes those that native code was made from.
    #[cold]
    pub(crate) fn refresh<G: Guest>(&mut self, state: &mut State) {
        for range in state.take_touched() {
            for pc in range {
                let was = G::CODE.map_or(0, |space| state.attributes(space, pc as u64));
                if was & attr::DECODED != 0 {
                    self.forget::<G>(state, pc);
                }
                if was & attr::COMPILED != 0 {
                    self.stale.push(pc);
                }
            }
        }
    }

    pub(crate) fn set_heat(&mut self, pc: Pc, heat: i32) {
        if let Some(slot) = self.heat.get_mut(pc as usize) {
            *slot = heat as u32;
        }
    }

    /// Counts `n` instructions for `pc`; true if it is hot or has native code.
    #[inline(always)]
    pub(crate) fn warm(&mut self, pc: Pc, n: u64) -> bool {
        let Some(slot) = self.heat.get_mut(pc as usize) else {
            return false;
        };
        let heat = (*slot as i32).saturating_add(n.min(1 << 30) as i32);
        *slot = heat as u32;
        heat >= self.threshold
    }

    /// The places that have counted most and have no native code, the hottest first; `count` of them at most.
    pub(crate) fn warmest(&self, count: usize) -> Vec<(Pc, u32)> {
        let heats = self.heat.iter().enumerate().filter(|&(_, &heat)| 0 < heat && heat < i32::MAX as u32);
        let mut warm: Vec<(Pc, u32)> = heats.map(|(pc, &heat)| (pc as Pc, heat)).collect();
        warm.sort_by_key(|&(pc, heat)| (std::cmp::Reverse(heat), pc));
        warm.truncate(count);
        warm
    }

    /// Notes which way the branch at `pc` goes.
    #[inline(always)]
    pub(super) fn branch(&mut self, pc: Pc, taken: bool) {
        self.trace[self.branches % TRACE] = Branch::new(pc, taken);
        self.branches = self.branches.wrapping_add(1);
    }

    /// Notes that the indirect jump or call at `from` has arrived at `to`.
    #[inline(always)]
    pub(crate) fn arrive(&mut self, from: Pc, to: Pc) {
        let is_known = match self.arrival.get(from as usize) {
            Some(&MANY) => self.has_arrival.get(to as usize) != Some(&0),
            Some(&only) => only == to.wrapping_add(1),
            None => true,
        };
        if !is_known {
            self.first_arrival(from, to);
        }
    }

    /// Notes that the return at `from` has arrived at `to`.
    #[inline(always)]
    pub(super) fn come_back(&mut self, from: Pc, to: Pc) {
        if let Some(slot) = self.arrival.get_mut(from as usize) {
            *slot = to.wrapping_add(1);
        }
    }

    #[cold]
    fn first_arrival(&mut self, from: Pc, to: Pc) {
        let is_code = (to as usize) < self.arrival.len();
        let Some(arrival) = self.arrival.get_mut(from as usize).filter(|_| is_code) else { return };
        self.first_arrivals += 1;
        match *arrival {
            0 => *arrival = to.wrapping_add(1),
            only => {
                *arrival = MANY;
                self.add_arrival(only.wrapping_sub(1));
                self.add_arrival(to);
            }
        }
    }

    fn add_arrival(&mut self, pc: Pc) {
        if let Some(slot @ 0) = self.has_arrival.get_mut(pc as usize) {
            *slot = 1;
            self.arrivals.push(pc);
        }
    }
}

/// What the JIT tier asks.
#[cfg(feature = "jit")]
impl Code {
    /// The last branches, oldest first.
    pub(crate) fn trace(&self) -> Vec<Branch> {
        let (newer, older) = self.trace.split_at(self.branches % TRACE);
        let older = if self.branches < TRACE { &[] } else { older };
        [older, newer].concat()
    }

    /// How often the branch at `pc` was not taken and taken, of the last branches.
    pub(crate) fn times(&self, pc: Pc) -> [usize; 2] {
        let mut times = [0; 2];
        let own = self.trace[..self.branches.min(TRACE)].iter().filter(|branch| branch.pc() == pc);
        own.for_each(|branch| times[usize::from(branch.is_taken())] += 1);
        times
    }

    /// Where the return at `from` last arrived.
    pub(crate) fn last_return(&self, from: Pc) -> Option<Pc> {
        self.arrival.get(from as usize)?.checked_sub(1)
    }

    /// Notes that the return at `from` has arrived at `to`, which its region did not know. How many first arrivals there had been
    /// when it first did; 0 where it is not kept.
    pub(crate) fn come_back_elsewhere(&mut self, from: Pc, to: Pc) -> usize {
        if to as usize >= self.len() {
            return 0;
        }
        let places = self.elsewhere.entry(from).or_default();
        if let Some(known) = places.iter().find(|place| place.0 == to) {
            return known.1;
        }
        if places.len() == MOST {
            return 0;
        }
        self.first_arrivals += 1;
        places.push((to, self.first_arrivals));
        self.first_arrivals
    }

    /// Where the return at `from` has arrived that its region did not know.
    pub(crate) fn returns_elsewhere(&self, from: Pc) -> impl Iterator<Item = Pc> {
        self.elsewhere.get(&from).into_iter().flatten().map(|place| place.0)
    }

    /// Whether the instruction at `pc` has ever been executed since its word was written.
    pub(crate) fn is_decoded(&self, pc: Pc) -> bool {
        self.get(pc) != Insn::default()
    }

    #[inline(always)]
    pub(crate) fn heat(&self, pc: Pc) -> i32 {
        self.heat.get(pc as usize).map_or(0, |&heat| heat as i32)
    }

    /// How many code addresses there are.
    pub(crate) fn len(&self) -> usize {
        self.insns.len()
    }

    /// Heat at which a place is handed to the JIT.
    pub(crate) fn threshold(&self) -> i32 {
        self.threshold
    }

    /// Where the indirect jump or call at `from` may arrive, as far as others like it have.
    pub(crate) fn arrivals(&self, from: Pc) -> Vec<Pc> {
        match self.arrival.get(from as usize) {
            Some(&MANY) => self.arrivals.clone(),
            _ => Vec::from_iter(self.only_arrival(from)),
        }
    }

    /// Where the indirect jump or call at `from` has always arrived.
    pub(crate) fn only_arrival(&self, from: Pc) -> Option<Pc> {
        self.arrival.get(from as usize).filter(|&&only| only != MANY)?.checked_sub(1)
    }

    /// Where the indirect jumps and calls have arrived that go to many places.
    pub(crate) fn common_arrivals(&self) -> &[Pc] {
        &self.arrivals
    }
}
