//! What the region finder sees of a machine: what it has executed, where control went, and what earlier searches have shown.

use rustc_hash::{FxHashMap, FxHashSet};

use super::super::policy::History;
use super::OFTEN;
use crate::effects;
use crate::guest::{Guest, Insn};
use crate::interp::{Code, NATIVE};
use crate::ops::{Pc, Via};
use crate::region::{Line, Program, Step, Way};
use crate::state::State;

/// A place that has counted this part of what makes one hot is cold: loops there are not copied, which compiling takes longest for, and
/// large regions are without calls of it.
const COLD: i32 = 64;
/// A run of this many instructions that do nothing is not compiled: control slides through empty memory.
const SLIDE: usize = 8;
/// Instructions in a line at most.
const LINE: usize = 64;

/// What has come of native code so far.
pub(super) struct Past<'a> {
    pub(super) history: &'a History,
    /// How often returns have gone elsewhere than where their calls came from.
    pub(super) unpaired: &'a FxHashMap<Pc, u32>,
    /// Code for which regions were made again that had not known it.
    pub(super) seen: &'a FxHashSet<Pc>,
}

/// What the region finder sees of the machine.
pub(super) struct View<'a, G> {
    guest: &'a G,
    state: &'a mut State,
    pub(super) code: &'a mut Code,
    past: Past<'a>,
    /// Take what has never been executed, too.
    pub(super) is_eager: bool,
    /// Go on where subroutines are called that the region is in the middle of.
    pub(super) is_wide: bool,
    outline: Outline,
    pub(super) known: KnownSteps,
    /// The lines that have been asked for, and their instructions.
    lines: FxHashMap<Pc, Option<Line>>,
    steps: Vec<(Pc, Step)>,
}

/// What instructions do, by their places: kept from one search to the next.
pub(super) type KnownSteps = FxHashMap<Pc, Known>;

/// What an instruction does, as far as regions go by it.
#[derive(Clone, Copy)]
pub(super) struct Known {
    step: Step,
    is_idle: bool,
}

/// What has been executed, as a whole.
#[derive(Default)]
struct Outline {
    /// A bit for each place, 64 together: whether jumps lead there.
    firsts: Vec<u64>,
    /// Subroutines by where their calls return to.
    callees: FxHashMap<Pc, Pc>,
    /// Where calls of a subroutine return to, in order: what is neither cold nor native.
    returns: FxHashMap<Pc, Vec<Pc>>,
}

impl Outline {
    fn of<G: Guest>(view: &mut View<'_, G>) -> Outline {
        let mut outline = Outline { firsts: vec![0; view.code.len().div_ceil(64)], ..Outline::default() };
        for pc in 0..view.code.len() as Pc {
            let Some(insn) = view.code.decoded::<G>(pc) else { continue };
            match view.known(insn, pc).step.way {
                Way::Next | Way::Nowhere => {}
                Way::To(to) | Way::ToOrNext(to) => outline.add_first(to),
                Way::Call(callee) => {
                    let (code, back) = (&view.code, G::next(pc));
                    outline.add_first(callee);
                    outline.callees.insert(back, callee);
                    if !is_cold(code, back) && code.heat(back) != NATIVE {
                        outline.returns.entry(callee).or_default().push(back);
                    }
                }
                Way::Computed(Via::Return) => {
                    let elsewhere = view.code.returns_elsewhere(pc).chain(view.code.last_return(pc));
                    elsewhere.for_each(|to| outline.add_first(to));
                }
                Way::Computed(_) | Way::ComputedOrNext => {
                    view.code.only_arrival(pc).into_iter().for_each(|to| outline.add_first(to));
                }
            }
        }
        view.code.common_arrivals().iter().for_each(|&to| outline.add_first(to));
        outline
    }

    fn add_first(&mut self, pc: Pc) {
        if let Some(bits) = self.firsts.get_mut(pc as usize / 64) {
            *bits |= 1 << (pc % 64);
        }
    }

    fn is_first(&self, pc: Pc) -> bool {
        self.firsts.get(pc as usize / 64).is_some_and(|bits| bits >> (pc % 64) & 1 != 0)
    }
}

impl<G: Guest> Program for View<'_, G> {
    fn line(&mut self, pc: Pc) -> Option<Line> {
        if let Some(known) = self.lines.get(&pc) {
            return known.clone();
        }
        let (start, mut at) = (self.steps.len(), pc);
        while self.steps.len() - start < LINE
            && let Some(step) = self.step(at)
        {
            self.steps.push((at, step));
            at = G::next(at);
            // What has not been executed yet may jump anywhere.
            if step.way != Way::Next || self.is_eager || self.outline.is_first(at) {
                break;
            }
        }
        let line = Some(start..self.steps.len()).filter(|line| !line.is_empty());
        self.lines.insert(pc, line.clone());
        line
    }

    fn steps(&self) -> &[(Pc, Step)] {
        &self.steps
    }

    fn arrivals(&self, from: Pc) -> Vec<Pc> {
        self.code.arrivals(from)
    }

    fn returns_elsewhere(&self, from: Pc) -> impl Iterator<Item = Pc> {
        self.code.returns_elsewhere(from)
    }

    fn is_unpaired(&self, from: Pc) -> bool {
        self.past.unpaired.get(&from).is_some_and(|&times| times >= OFTEN)
    }

    fn callers(&self, from: Pc) -> impl Iterator<Item = Pc> {
        let last = self.code.last_return(from).filter(|_| self.is_wide);
        let callee = self.subroutine(from);
        let known = callee.and_then(|callee| self.outline.returns.get(&callee));
        last.filter(|_| callee.is_none()).into_iter().chain(known.into_iter().flatten().copied())
    }

    fn subroutine(&self, from: Pc) -> Option<Pc> {
        let last = self.code.last_return(from).filter(|_| self.is_wide)?;
        self.outline.callees.get(&last).copied()
    }

    fn is_cold(&self, callee: Pc, back: Pc) -> bool {
        // What was counted since another place is little where that is close. Nothing is counted in native code.
        let back = self.code.heat(back);
        let is_cold_behind = back < self.code.threshold() / COLD || back == NATIVE;
        !self.is_eager && !self.past.seen.contains(&callee) && is_cold(self.code, callee) && is_cold_behind
    }
}

impl<'a, G: Guest> View<'a, G> {
    /// For searches of regions around `pc`.
    pub(super) fn new(
        pc: Pc,
        guest: &'a G,
        state: &'a mut State,
        code: &'a mut Code,
        past: Past<'a>,
        is_eager: bool,
        known: KnownSteps,
    ) -> View<'a, G> {
        let (is_wide, outline, lines, steps) = Default::default();
        let mut view = View { guest, state, code, past, is_eager, is_wide, outline, known, lines, steps };
        if !is_eager {
            view.outline = Outline::of(&mut view);
            view.outline.add_first(pc);
        }
        view
    }

    /// The instruction at `pc`, or `None` where native code had better stop.
    fn step(&mut self, pc: Pc) -> Option<Step> {
        let seen = self.is_eager || self.code.is_decoded(pc);
        let exists = (pc as usize) < self.code.len();
        if !seen || !exists || self.past.history.is_unstable(pc) {
            return None;
        }
        let insn = self.code.fetch(self.guest, self.state, pc);
        let Known { step, is_idle } = self.known(insn, pc);
        (!is_idle || !self.slides(pc)).then_some(step)
    }

    /// What the instruction at `pc`, which is this one, does.
    fn known(&mut self, insn: Insn, pc: Pc) -> Known {
        if let Some(&known) = self.known.get(&pc).filter(|known| known.step.insn == insn) {
            return known;
        }
        let effects = effects::of::<G>(insn, pc);
        let step = Step { insn, named: effects.named_accesses(), way: Way::of(effects.flow) };
        let known = Known { step, is_idle: effects.is_idle() };
        self.known.insert(pc, known);
        known
    }

    /// Whether nothing but instructions that do nothing is executed from here on for long.
    fn slides(&self, pc: Pc) -> bool {
        let mut places = std::iter::successors(Some(pc), |&pc| Some(G::next(pc))).take(SLIDE);
        places.all(|pc| effects::of::<G>(self.guest.decode(self.state, pc), pc).is_idle())
    }
}

/// Whether few instructions have been counted at a place.
pub(super) fn is_cold(code: &Code, pc: Pc) -> bool {
    (0..code.threshold() / COLD).contains(&code.heat(pc))
}
