//! Which instructions are translated, and where control goes from them.

use std::collections::{BTreeMap, BTreeSet};

use super::record::{Meaning, Node, Val};
use super::{Request, Service};
use crate::guest::{After, Guest};
use crate::ops::{Flow, Pc, Via};
use crate::state::State;

/// An instruction to translate.
pub(super) struct Step {
    pub(super) meaning: Meaning,
    /// Where control goes that does not jump.
    pub(super) next: Option<Pc>,
    /// What the host does, where it is asked.
    pub(super) service: Option<Service>,
    /// Control comes here from the program's start without a computed jump.
    pub(super) is_certain: bool,
}

impl Step {
    /// Whether control may go elsewhere than to the next instruction.
    pub(super) fn transfers(&self) -> bool {
        self.meaning.flow != Flow::Next
    }
}

/// The instructions of a program.
pub(super) struct Program {
    pub(super) entry: Pc,
    pub(super) steps: BTreeMap<Pc, Step>,
    /// Registers that instructions give values to.
    pub(super) set: BTreeSet<usize>,
    /// Where calls return.
    pub(super) returns: BTreeSet<Pc>,
    /// Where computed jumps go besides.
    pub(super) targets: BTreeSet<Pc>,
}

impl Program {
    /// Follows control from the state's pc.
    pub(super) fn find<G: Guest>(guest: &G, state: &State) -> Program {
        let entry = state.pc();
        let (steps, set, returns, targets) = Default::default();
        let mut program = Program { entry, steps, set, returns, targets };
        program.follow(guest, state, vec![entry], true);
        while program.has(|via| via != Via::Return) {
            let all = program.candidates(guest, state);
            let new: Vec<Pc> = all.difference(&program.targets).copied().collect();
            if new.is_empty() {
                break;
            }
            program.targets.extend(&new);
            program.follow(guest, state, new, false);
        }
        program
    }

    fn follow<G: Guest>(&mut self, guest: &G, state: &State, mut todo: Vec<Pc>, is_certain: bool) {
        while let Some(pc) = todo.pop() {
            if self.steps.contains_key(&pc) {
                continue;
            }
            let insn = guest.decode_in_c(state, pc);
            let meaning = Meaning::of::<G>(insn, pc);
            let service = match meaning.flow {
                Flow::Trap(n) => Some(guest.service_in_c(state, pc, Request::Trap(n))),
                Flow::Illegal => Some(guest.service_in_c(state, pc, Request::Illegal(insn))),
                _ => None,
            };
            let next = match (meaning.flow, &service) {
                (Flow::Next | Flow::If(..) | Flow::DynamicIf(..), _) => Some(G::next(pc)),
                (_, Some(Ok((_, After::Goto(to))))) => Some(*to),
                _ => None,
            };
            todo.extend(next);
            if let Flow::Goto(to) | Flow::If(_, to) | Flow::Call(to) = meaning.flow {
                todo.push(to);
            }
            if let Flow::Call(_) | Flow::Dynamic(_, Via::Call) = meaning.flow {
                self.returns.insert(G::next(pc));
                todo.push(G::next(pc));
            }
            self.set.extend(meaning.sets().map(|(slot, _)| slot));
            self.steps.insert(pc, Step { meaning, next, service, is_certain });
        }
    }

    /// Whether there are computed jumps of a kind.
    pub(super) fn has(&self, kind: impl Fn(Via) -> bool) -> bool {
        self.steps.values().any(|step| match step.meaning.flow {
            Flow::Dynamic(_, via) => kind(via),
            Flow::DynamicIf(..) => kind(Via::Jump),
            _ => false,
        })
    }

    /// Where computed jumps may go. Where code can be written: to instructions that do something, whose addresses are
    /// the values of words that are no code, or are given to registers by instructions. Else to any instruction.
    fn candidates<G: Guest>(&self, guest: &G, state: &State) -> BTreeSet<Pc> {
        let Some(code) = G::CODE else {
            let all = std::iter::successors(Some(self.entry), |&pc| Some(G::next(pc)));
            return all.take_while(|&pc| pc >= self.entry && (pc as usize) < guest.code_len()).collect();
        };
        let len = G::SPACES[code].len as u64;
        let data = (0..len).filter(|&at| !self.steps.contains_key(&(at as Pc)));
        let words = data.filter_map(|at| state.bits(code, at));
        let constants = self.steps.values().flat_map(|step| step.meaning.constants());
        let mut all: BTreeSet<Pc> =
            words.chain(constants).filter(|&at| at < len).map(|at| at as Pc).collect();
        all.retain(|&pc| {
            let meaning = Meaning::of::<G>(guest.decode_in_c(state, pc), pc);
            !meaning.is_idle() && meaning.flow != Flow::Illegal
        });
        all
    }
}

/// The address of an access, where the instruction fixes it, or a word that the instruction names.
pub(super) fn fixed(state: &State, meaning: &Meaning, at: Val) -> Option<u64> {
    match meaning.node(at) {
        Node::Load { space, at, .. } => state.bits(space, meaning.known(at)?),
        _ => meaning.known(at),
    }
}
