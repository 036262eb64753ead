//! The interpreter tier: a guest's meaning over plain numbers.
//!
//! Instructions are decoded once per address and kept until their word is written (invariant: Freshness).
//! Control that goes backwards, calls or jumps indirectly is counted where it arrives, in instructions
//! retired since the last such place; a place that is hot, or that has native code, ends the
//! interpreter's turn.

use crate::guest::{After, Guest, Insn, Refusal, Stop};
use crate::ops::{Binary, Cond, Float, FloatCond, Flow, Int, Ops, Pc, Reg, Scalar, Space, Via};
use crate::state::{State, attr};

/// A place's heat while native code starts there: counting leaves it as it is.
#[cfg(feature = "jit")]
pub(crate) const NATIVE: i32 = i32::MAX;

/// Branches that the interpreter remembers.
const TRACE: usize = 1 << 13;

/// What the interpreter keeps per code address.
pub(crate) struct Code {
    /// Decoded instructions, as [`Insn::bits`]; 0 where there is none yet. Plain words so that a fresh
    /// table is untouched zero pages.
    insns: Vec<u64>,
    /// Instructions counted at each place where control arrives, or [`NATIVE`]; below 0 at places that
    /// are not to be compiled for a while.
    heat: Vec<i32>,
    /// The last branches: pc and, in the lowest bit, whether it was taken. A ring, whose next place is `branches`
    /// modulo its length.
    trace: Vec<u32>,
    branches: usize,
    /// Heat at which a place is handed to the JIT.
    threshold: i32,
    /// Places where an indirect jump or call has arrived, each once.
    arrivals: Vec<Pc>,
    has_arrival: Vec<u8>,
    /// Words with native code that were written since somebody looked.
    pub(crate) stale: Vec<u32>,
}

impl Code {
    pub(crate) fn new(len: usize, threshold: i32) -> Code {
        Code {
            insns: vec![0; len],
            heat: vec![0; len],
            trace: vec![0; TRACE],
            branches: 0,
            threshold,
            arrivals: Vec::new(),
            has_arrival: vec![0; len],
            stale: Vec::new(),
        }
    }

    #[inline(always)]
    fn get(&self, pc: Pc) -> Insn {
        Insn::from_bits(self.insns.get(pc as usize).copied().unwrap_or(0))
    }

    /// The instruction at `pc`, decoded and kept.
    pub(crate) fn fetch<G: Guest>(&mut self, guest: &G, state: &mut State, pc: Pc) -> Insn {
        let known = self.get(pc);
        if known != Insn::default() {
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
            *slot = heat;
        }
    }

    /// Counts `n` instructions for `pc`; true if it is hot or has native code.
    #[inline(always)]
    pub(crate) fn warm(&mut self, pc: Pc, n: u64) -> bool {
        let Some(slot) = self.heat.get_mut(pc as usize) else {
            return false;
        };
        *slot = slot.saturating_add(n as i32);
        *slot >= self.threshold
    }

    /// Notes which way the branch at `pc` goes.
    #[inline(always)]
    fn branch(&mut self, pc: Pc, taken: bool) {
        if let Some(slot) = self.trace.get_mut(self.branches % TRACE) {
            *slot = pc << 1 | taken as u32;
        }
        self.branches = self.branches.wrapping_add(1);
    }

    /// Notes that an indirect jump or call has arrived at `pc`.
    #[inline(always)]
    fn arrive(&mut self, pc: Pc) {
        if self.has_arrival.get(pc as usize) == Some(&0) {
            self.first_arrival(pc);
        }
    }

    #[cold]
    pub(crate) fn first_arrival(&mut self, pc: Pc) {
        if let Some(slot @ 0) = self.has_arrival.get_mut(pc as usize) {
            *slot = 1;
            self.arrivals.push(pc);
        }
    }
}

/// What the JIT tier asks.
#[cfg(feature = "jit")]
impl Code {
    /// The last branches, oldest first: pc and whether it was taken.
    pub(crate) fn trace(&self) -> impl Iterator<Item = (Pc, bool)> + '_ {
        let known = self.branches.min(TRACE);
        (self.branches - known..self.branches).map(|i| self.trace[i % TRACE]).map(|e| (e >> 1, e & 1 != 0))
    }

    /// Whether the instruction at `pc` has ever been executed since its word was written.
    pub(crate) fn is_decoded(&self, pc: Pc) -> bool {
        self.get(pc) != Insn::default()
    }

    #[inline(always)]
    pub(crate) fn heat(&self, pc: Pc) -> i32 {
        self.heat.get(pc as usize).copied().unwrap_or(0)
    }

    /// How many code addresses there are.
    pub(crate) fn len(&self) -> usize {
        self.insns.len()
    }

    /// Heat at which a place is handed to the JIT.
    pub(crate) fn threshold(&self) -> i32 {
        self.threshold
    }

    /// Where indirect jumps and calls have arrived.
    pub(crate) fn arrivals(&self) -> &[Pc] {
        &self.arrivals
    }
}

/// Why the interpreter's turn ended. The state's pc and budget are where to go on.
pub(crate) enum Leave {
    /// The place at the state's pc is hot, or has native code.
    Hot,
    /// A word with native code was written ([`Code::stale`]).
    Stale,
    /// The run is over.
    Stop(Stop),
}

/// The parts of a machine that the interpreter works on.
pub(crate) struct Parts<'a, G> {
    pub(crate) guest: &'a mut G,
    pub(crate) state: &'a mut State,
    pub(crate) code: &'a mut Code,
    /// What the host said in a slow path, kept until the instruction is over.
    pub(crate) event: Option<Event>,
}

/// What a slow path has to say beyond a value.
pub(crate) enum Event {
    /// The instruction is refused.
    Refused(Refusal),
    /// The machine stops after this instruction.
    Halt,
}

/// One instruction, over plain numbers.
struct Step<'p, 'a, G> {
    parts: &'p mut Parts<'a, G>,
    /// The instruction is refused: what is left of it has no effect.
    refused: bool,
    /// [`Parts::event`] or [`Code::stale`] wants to be looked at.
    eventful: bool,
}

impl<G: Guest> Parts<'_, G> {
    #[cold]
    #[inline(never)]
    fn slow_load(&mut self, space: usize, at: u64) -> Option<u64> {
        match self.guest.load(self.state, space, at) {
            Ok(bits) => Some(bits),
            Err(refusal) => {
                self.event = Some(Event::Refused(refusal));
                None
            }
        }
    }

    /// A store to an element with attributes; `false` if it is refused. The caller has not written.
    #[cold]
    #[inline(never)]
    fn slow_store<T: Scalar>(&mut self, space: usize, at: u64, offset: usize, value: T) -> bool {
        if self.state.attributes(space, at) & attr::WRITE != 0 {
            match self.guest.store(self.state, space, at, value.to_bits()) {
                Ok(false) => {}
                Ok(true) => self.event = Some(Event::Halt),
                Err(refusal) => {
                    self.event = Some(Event::Refused(refusal));
                    return false;
                }
            }
        } else {
            self.state.write_element(offset, value);
            if G::CODE == Some(space) {
                self.state.touch(at as Pc..at as Pc + 1);
            }
        }
        self.code.refresh::<G>(self.state);
        true
    }

    #[cold]
    #[inline(never)]
    fn outside(&mut self, space: usize, at: u64) {
        let info = &G::SPACES[space];
        let detail = format!("address {at:#x} is outside the {} ({:#x} long)", info.name, info.len);
        self.event = Some(Event::Refused(Refusal::Fault("out_of_bounds", detail)));
    }

    #[cold]
    #[inline(never)]
    fn unmet(&mut self, fault: u8) {
        let (reason, detail) = self.guest.required(fault);
        self.event = Some(Event::Refused(Refusal::Fault(reason, detail)));
    }
}

impl<G: Guest> Ops for Step<'_, '_, G> {
    type V<T: Scalar> = T;

    #[inline(always)]
    fn imm<T: Scalar>(&mut self, value: T) -> T {
        value
    }
    #[inline(always)]
    fn binary<T: Int>(&mut self, op: Binary, a: T, b: T) -> T {
        T::binary(op, a, b)
    }
    #[inline(always)]
    fn compare<T: Int>(&mut self, cond: Cond, a: T, b: T) -> bool {
        T::compare(cond, a, b)
    }
    #[inline(always)]
    fn select<T: Scalar>(&mut self, c: bool, a: T, b: T) -> T {
        if c { a } else { b }
    }
    #[inline(always)]
    fn unsigned<F: Int, T: Int>(&mut self, v: F) -> T {
        T::from_bits(v.to_bits())
    }
    #[inline(always)]
    fn signed<F: Int, T: Int>(&mut self, v: F) -> T {
        T::from_bits(v.sign_extended())
    }
    #[inline(always)]
    fn float(&mut self, op: Float, a: f64, b: f64) -> f64 {
        op.apply(a, b)
    }
    #[inline(always)]
    fn compare_float(&mut self, cond: FloatCond, a: f64, b: f64) -> bool {
        cond.apply(a, b)
    }
    #[inline(always)]
    fn int_to_float(&mut self, v: u64) -> f64 {
        v as i64 as f64
    }
    #[inline(always)]
    fn float_bits(&mut self, v: f64) -> u64 {
        v.to_bits()
    }
    #[inline(always)]
    fn bits_float(&mut self, v: u64) -> f64 {
        f64::from_bits(v)
    }
    #[inline(always)]
    fn get<T: Scalar>(&mut self, r: Reg<T>) -> T {
        self.parts.state.get(r)
    }
    #[inline(always)]
    fn set<T: Scalar>(&mut self, r: Reg<T>, v: T) {
        if !self.refused {
            self.parts.state.set(r, v);
        }
    }
    #[inline(always)]
    fn load<A: Int, T: Scalar>(&mut self, space: Space<A, T>, at: A) -> T {
        let info = &G::SPACES[space.id()];
        let at = at.to_bits();
        let Some(offset) = self.parts.state.element(info, at) else {
            self.parts.outside(space.id(), at);
            self.refused = true;
            return T::from_bits(0);
        };
        if info.attributes && self.parts.state.attributes_in(info, at) & attr::READ != 0 {
            return match self.parts.slow_load(space.id(), at) {
                Some(bits) => T::from_bits(bits),
                None => {
                    self.refused = true;
                    T::from_bits(0)
                }
            };
        }
        self.parts.state.read_element(offset)
    }
    #[inline(always)]
    fn store<A: Int, T: Scalar>(&mut self, space: Space<A, T>, at: A, v: T) {
        if self.refused {
            return;
        }
        let info = &G::SPACES[space.id()];
        let at = at.to_bits();
        let Some(offset) = self.parts.state.element(info, at) else {
            self.parts.outside(space.id(), at);
            self.refused = true;
            return;
        };
        if info.attributes && self.parts.state.attributes_in(info, at) & attr::STORE != 0 {
            self.refused = !self.parts.slow_store(space.id(), at, offset, v);
            self.eventful = true;
            return;
        }
        self.parts.state.write_element(offset, v);
    }
    #[inline(always)]
    fn require(&mut self, holds: bool, fault: u8) {
        if !holds && !self.refused {
            self.parts.unmet(fault);
            self.refused = true;
        }
    }
}

/// Runs until the budget is spent, the machine stops, or a place is hot. Where the JIT has nothing to say
/// about the first place (it handed back there), the caller just calls.
pub(crate) fn run<G: Guest>(parts: &mut Parts<'_, G>) -> Leave {
    let mut pc = parts.state.pc();
    let mut left = parts.state.budget();
    // The budget when control last arrived at a counted place.
    let mut mark = left;
    loop {
        if left == 0 {
            return leave(parts, pc, left, Leave::Stop(Stop::Budget));
        }
        let mut insn = parts.code.get(pc);
        if insn == Insn::default() {
            insn = parts.code.fetch(parts.guest, parts.state, pc);
        }
        let mut step = Step { parts: &mut *parts, refused: false, eventful: false };
        let flow = G::meaning(insn, pc, &mut step);
        let (refused, mut eventful) = (step.refused, step.eventful);
        if refused {
            let stop = refusal(parts, pc);
            return leave(parts, pc, left, Leave::Stop(stop));
        }
        let (to, counted) = match flow {
            Flow::Next => (G::next(pc), false),
            Flow::Goto(to) => (to, to <= pc),
            Flow::If(taken, to) => {
                parts.code.branch(pc, taken);
                if taken { (to, to <= pc) } else { (G::next(pc), false) }
            }
            Flow::Call(to) => (to, true),
            Flow::Dynamic(to, via) => {
                if via != Via::Return {
                    parts.code.arrive(to);
                }
                (to, true)
            }
            Flow::Trap(_) | Flow::Illegal => match serve(parts, insn, pc, flow) {
                Ok(to) => {
                    eventful = true;
                    (to, true)
                }
                Err((to, retired, stop)) => {
                    return leave(parts, to, left - retired, Leave::Stop(stop));
                }
            },
        };
        left -= 1;
        pc = to;
        if eventful {
            if let Some(Event::Halt) = parts.event.take() {
                return leave(parts, pc, left, Leave::Stop(Stop::Halted));
            }
            if !parts.code.stale.is_empty() {
                return leave(parts, pc, left, Leave::Stale);
            }
        }
        if counted {
            if parts.code.warm(pc, mark - left) {
                return leave(parts, pc, left, Leave::Hot);
            }
            mark = left;
        }
    }
}

#[inline(always)]
fn leave<G>(parts: &mut Parts<'_, G>, pc: Pc, left: u64, why: Leave) -> Leave {
    parts.state.set_pc(pc);
    parts.state.set_budget(left);
    why
}

/// The stop that a refused instruction at `pc` ends the run with.
#[cold]
#[inline(never)]
fn refusal<G: Guest>(parts: &mut Parts<'_, G>, pc: Pc) -> Stop {
    match parts.event.take() {
        Some(Event::Refused(refusal)) => refused(parts, pc, refusal),
        _ => unreachable!("a refused instruction says why"),
    }
}

fn refused<G: Guest>(parts: &Parts<'_, G>, pc: Pc, refusal: Refusal) -> Stop {
    match refusal {
        Refusal::Fault(reason, detail) => {
            let instruction = parts.guest.disassemble(parts.state, pc);
            Stop::Fault(crate::guest::Fault { reason, detail, pc, instruction })
        }
        Refusal::Input => Stop::Input,
        Refusal::Io(error) => Stop::Io(error),
    }
}

/// The host's part of a trap or of an illegal instruction: where to go on, or where and why the run ends
/// and whether the instruction has retired (1) or not (0).
#[cold]
#[inline(never)]
fn serve<G: Guest>(
    parts: &mut Parts<'_, G>,
    insn: Insn,
    pc: Pc,
    flow: Flow<bool, Pc>,
) -> Result<Pc, (Pc, u64, Stop)> {
    parts.state.set_pc(pc);
    let after = match flow {
        Flow::Trap(n) => parts.guest.trap(parts.state, n),
        _ => parts.guest.illegal(parts.state, insn),
    };
    parts.code.refresh::<G>(parts.state);
    match after {
        Ok(After::Goto(to)) => Ok(to),
        Ok(After::Halt(to)) => Err((to, 1, Stop::Halted)),
        Err(refusal) => Err((pc, 0, refused(parts, pc, refusal))),
    }
}
