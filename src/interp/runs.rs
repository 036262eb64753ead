//! Sequences of instructions that are done as a whole: what a jump from handler to handler costs is paid once.
//!
//! The first instruction of a sequence is kept with an operation that stands for all of it. Control that arrives further on finds
//! the others as they are.

use super::{ANY, Cursor, Handler, Leave, Machine, attempt, execute, execute_special, go_on, retire};
use crate::guest::{Guest, Insn, RUNS};
use crate::ops::{Flow, Pc};
use crate::state::State;

/// Operations of a sequence, at most.
const LONGEST: usize = 4;
/// The operation that stands for the first sequence.
pub(super) const FIRST: u8 = 128;

/// The sequence that starts at `pc`, by number.
pub(super) fn find<G: Guest>(guest: &G, state: &State, pc: Pc) -> Option<usize> {
    let stands_at = |pc: Pc, run: &[u8]| {
        let pcs = std::iter::successors(Some(pc), |&pc| Some(G::next(pc)));
        run.iter().zip(pcs).all(|(&op, pc)| guest.decode(state, pc).op() == op)
    };
    G::RUNS.iter().position(|run| stands_at(pc, run))
}

/// The instruction itself, where it stands for a sequence.
#[inline(always)]
pub(super) fn first<G: Guest>(insn: Insn) -> Insn {
    match insn.op().checked_sub(FIRST).and_then(|run| G::RUNS.get(run as usize)) {
        Some(run) => insn.with_op(run[0]),
        None => insn,
    }
}

macro_rules! handlers {
    ($($run:literal)*) => { [$(execute_run::<G, $run>),*] };
}

/// Gives each sequence its handler.
#[rustfmt::skip]
pub(super) const fn add<G: Guest>(table: &mut [Handler<G>; 256]) {
    assert!(G::RUNS.len() <= RUNS && (G::RUNS.is_empty() || G::CODE.is_none() && G::OPERATIONS <= FIRST));
    let handlers: [Handler<G>; RUNS] = handlers!(
        0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
        32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55
    );
    let mut run = 0;
    while run < G::RUNS.len() {
        table[FIRST as usize + run] = handlers[run];
        run += 1;
    }
}

/// The operations of a sequence, and after them [`ANY`], which none is.
const fn operations<G: Guest>(run: usize) -> [u8; LONGEST] {
    let mut operations = [ANY; LONGEST];
    let mut n = 0;
    while run < G::RUNS.len() && n < G::RUNS[run].len() {
        operations[n] = G::RUNS[run][n];
        n += 1;
    }
    operations
}

/// The handler of sequence number `RUN`.
fn execute_run<G: Guest, const RUN: usize>(
    m: &mut Machine<G>,
    insn: Insn,
    pc: Pc,
    left: u64,
    mark: u64,
) -> Leave {
    let run = const { operations::<G>(RUN) };
    let mut insn = insn.with_op(run[0]);
    // One by one where the budget may end within it.
    if left < LONGEST as u64 {
        return execute::<G, ANY>(m, insn, pc, left, mark);
    }
    let mut at = Cursor { pc, left, mark };
    // Written out, not a loop: each has a meaning of its own.
    macro_rules! go_on_with {
        ($n:literal) => {
            if run[$n] == ANY {
                return end(m, insn, at);
            }
            if !passes(m, insn, at.pc) {
                return execute_special(m, insn, at.pc, at.left, mark);
            }
            at = Cursor { pc: G::next(at.pc), left: at.left - 1, mark };
            insn = m.code.get(at.pc).with_op(run[$n]);
        };
    }
    go_on_with!(1);
    go_on_with!(2);
    go_on_with!(3);
    end(m, insn, at)
}

/// Executes an instruction that is not the last; false where something about it is special.
#[inline(always)]
fn passes<G: Guest>(m: &mut Machine<G>, insn: Insn, pc: Pc) -> bool {
    let (flow, special) = attempt(m, insn, pc);
    debug_assert!(matches!(flow, Flow::Next), "only the last of a sequence transfers control");
    !special
}

/// Executes the last instruction.
#[inline(always)]
fn end<G: Guest>(m: &mut Machine<G>, insn: Insn, at: Cursor) -> Leave {
    let Cursor { pc, left, mark } = at;
    let (flow, special) = attempt(m, insn, pc);
    if special {
        return execute_special(m, insn, pc, left, mark);
    }
    retire(m, insn, at, flow, go_on)
}
