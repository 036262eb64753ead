//! The interpreter tier: a guest's meaning over plain numbers.
//!
//! Instructions are decoded once per address and kept until their word is written (invariant: Freshness).
//! Control that goes backwards, calls or jumps indirectly is counted where it arrives, in instructions
//! retired since the last such place; a place that is hot, or that has native code, ends the
//! interpreter's turn.
//!
//! Each operation of the guest has its own handler, the meaning with the operation known, and each handler ends with a
//! jump to the next one: the host predicts one jump a handler better than one for all. The jump is a call in tail
//! position, which the compiler makes a jump of when it optimises (`build.rs` says whether it does); else
//! handlers return to a loop.

mod code;
mod runs;
mod step;

pub(crate) use code::Code;
#[cfg(feature = "jit")]
pub(crate) use code::{Branch, NATIVE};

use std::marker::PhantomData;

use crate::guest::{After, Fault, Guest, Insn, Refusal, Stop};
use crate::ops::{Flow, Pc, Via};
use crate::state::State;
use step::{Plain, Special};

/// Why the interpreter's turn ended. The state's pc and budget are where to go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Leave {
    /// The place at the state's pc is hot, or has native code.
    Hot,
    /// A word with native code was written ([`Code::stale`]).
    Stale,
    /// The run is over, for the reason in [`Machine::stop`].
    Stop,
    /// It has not ended: [`Machine::cursor`] is where to go on.
    Not,
}

/// What the interpreter works on.
pub(crate) struct Machine<G> {
    pub(crate) guest: G,
    pub(crate) state: State,
    pub(crate) code: Code,
    /// What the host said in a slow path, kept until the instruction is over.
    event: Option<Event>,
    stop: Option<Stop>,
    cursor: Cursor,
}

impl<G: Guest> Machine<G> {
    /// A machine whose places are handed to the JIT at this heat.
    pub(crate) fn new(guest: G, state: State, threshold: i32) -> Machine<G> {
        let code = Code::new(guest.code_len(), threshold);
        let cursor = Cursor { pc: 0, left: 0, mark: 0 };
        Machine { guest, state, code, event: None, stop: None, cursor }
    }

    /// What is due happens; a stop, if it comes to that.
    #[cold]
    pub(crate) fn happen(&mut self) -> Option<Stop> {
        let happened = self.guest.happen(&mut self.state);
        self.code.refresh::<G>(&mut self.state);
        happened.err().map(|refusal| self.reason(refusal))
    }

    /// Whether something is due before the budget is spent.
    #[inline(always)]
    fn is_due(&self) -> bool {
        self.guest.due(&self.state) < self.state.end()
    }

    /// Whether a slow path has left something behind.
    #[inline(always)]
    fn is_to_heed(&self) -> bool {
        self.event.is_some() || !self.code.stale.is_empty() || self.is_due()
    }

    /// The stop of an instruction at the state's pc that was refused.
    fn reason(&self, refusal: Refusal) -> Stop {
        match refusal {
            Refusal::Fault(reason, detail) => {
                let pc = self.state.pc();
                let instruction = self.guest.disassemble(&self.state, pc);
                Stop::Fault(Fault { reason, detail, pc, instruction })
            }
            Refusal::Input => Stop::Input,
            Refusal::Io(error) => Stop::Io(error),
        }
    }
}

/// Where the interpreter is.
#[derive(Clone, Copy)]
struct Cursor {
    pc: Pc,
    /// The budget that is left.
    left: u64,
    /// The budget when control last arrived at a counted place.
    mark: u64,
}

/// What a slow path has to say beyond a value.
enum Event {
    /// The instruction is refused.
    Refused(Refusal),
    /// The machine stops after this instruction.
    Halt,
}

/// Runs until the budget is spent, the machine stops, or a place is hot; with the stop, if it is one. Where the
/// JIT has nothing to say about the first place (it handed back there), the caller just calls.
pub(crate) fn run<G: Guest>(m: &mut Machine<G>) -> (Leave, Option<Stop>) {
    let (pc, left) = (m.state.pc(), m.state.budget());
    m.cursor = Cursor { pc, left, mark: left };
    loop {
        match jump(m, m.cursor) {
            Leave::Not => {}
            leave => return (leave, m.stop.take()),
        }
    }
}

/// Executes an instruction and, where handlers jump to each other, all that follow.
type Handler<G> = fn(&mut Machine<G>, Insn, Pc, u64, u64) -> Leave;

/// The handlers by operation.
struct Handlers<G>(PhantomData<G>);

macro_rules! handlers {
    ($($op:literal)*) => {
        [$(if $op < G::OPERATIONS { execute::<G, $op> } else { execute::<G, ANY> }),*]
    };
}

/// Stands for every operation: the handler looks at the instruction's own.
const ANY: u8 = 0;

impl<G: Guest> Handlers<G> {
    /// Operation 0 is what is not decoded yet. Operations that have no handler of their own share one.
    #[rustfmt::skip]
    const TABLE: [Handler<G>; 256] = {
        let own: [Handler<G>; 128] = handlers!(
            0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
            32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63
            64 65 66 67 68 69 70 71 72 73 74 75 76 77 78 79 80 81 82 83 84 85 86 87 88 89 90 91 92 93 94 95
            96 97 98 99 100 101 102 103 104 105 106 107 108 109 110 111 112 113 114 115 116 117 118 119
            120 121 122 123 124 125 126 127
        );
        let mut table: [Handler<G>; 256] = [execute::<G, ANY>; 256];
        let mut op = 1;
        while op < own.len() {
            table[op] = own[op];
            op += 1;
        }
        table[0] = undecoded::<G>;
        runs::add(&mut table);
        table
    };
}

/// Goes to the instruction at the cursor.
#[inline(always)]
fn jump<G: Guest>(m: &mut Machine<G>, Cursor { pc, left, mark }: Cursor) -> Leave {
    if left == 0 {
        return spent(m, pc);
    }
    let insn = m.code.get(pc);
    handler::<G>(insn)(m, insn, pc, left, mark)
}

#[inline(always)]
fn handler<G: Guest>(insn: Insn) -> Handler<G> {
    Handlers::<G>::TABLE[insn.op() as usize]
}

/// How to go on: [`go_on`] or [`back`].
type Onward<G> = fn(&mut Machine<G>, Cursor) -> Leave;

/// Goes on from a handler.
#[inline(always)]
fn go_on<G: Guest>(m: &mut Machine<G>, cursor: Cursor) -> Leave {
    // The messages of debug assertions want a frame.
    if cfg!(all(tail_calls, not(debug_assertions))) { jump(m, cursor) } else { back(m, cursor) }
}

/// Goes on from the loop. For slow paths: whether their calls would become jumps depends on too much.
fn back<G>(m: &mut Machine<G>, cursor: Cursor) -> Leave {
    m.cursor = cursor;
    Leave::Not
}

/// The handler of what is not decoded yet.
fn undecoded<G: Guest>(m: &mut Machine<G>, _: Insn, pc: Pc, left: u64, mark: u64) -> Leave {
    let insn = m.code.fetch(&m.guest, &mut m.state, pc);
    if insn != m.code.get(pc) {
        // Outside the code there is nothing to keep it in.
        return execute_special(m, insn, pc, left, mark);
    }
    m.code.join(&m.guest, &mut m.state, pc);
    back(m, Cursor { pc, left, mark })
}

/// The handler of operation `OP`.
fn execute<G: Guest, const OP: u8>(m: &mut Machine<G>, insn: Insn, pc: Pc, left: u64, mark: u64) -> Leave {
    let insn = if OP == ANY { insn } else { insn.with_op(OP) };
    let (flow, special) = attempt(m, insn, pc);
    if special {
        return execute_special(m, insn, pc, left, mark);
    }
    retire(m, insn, Cursor { pc, left, mark }, flow, go_on)
}

/// Executes an instruction; where it goes, and whether something about it is special: then nothing of it has happened.
#[inline(always)]
fn attempt<G: Guest>(m: &mut Machine<G>, insn: Insn, pc: Pc) -> (Flow<bool, Pc>, bool) {
    let mut step = Plain { state: &mut m.state, special: false, guest: PhantomData::<G> };
    let flow = G::meaning(insn, pc, &mut step);
    (flow, step.special)
}

/// The same for an instruction that has an access which is not a plain one, or that is refused: nothing of it
/// has happened.
#[cold]
#[inline(never)]
fn execute_special<G: Guest>(m: &mut Machine<G>, insn: Insn, pc: Pc, left: u64, mark: u64) -> Leave {
    m.state.set_pc(pc);
    m.state.set_budget(left);
    let mut step = Special { machine: &mut *m, refused: false };
    let flow = G::meaning(insn, pc, &mut step);
    if step.refused {
        return refuse(m, pc, left);
    }
    // An access may have stopped the machine, or changed words that native code was made from, or what is due.
    if !matches!(flow, Flow::Trap(_) | Flow::Illegal) && m.is_to_heed() {
        let to = destination::<G>(pc, flow);
        return heed(m, to, left - 1);
    }
    retire(m, insn, Cursor { pc, left, mark }, flow, back)
}

/// Where control goes after an instruction at `pc` that is not the host's.
fn destination<G: Guest>(pc: Pc, flow: Flow<bool, Pc>) -> Pc {
    match flow {
        Flow::Goto(to) | Flow::Call(to) | Flow::Dynamic(to, _) => to,
        Flow::If(true, to) | Flow::DynamicIf(true, to) => to,
        _ => G::next(pc),
    }
}

/// Goes where an instruction leads.
#[inline(always)]
fn retire<G: Guest>(
    m: &mut Machine<G>,
    insn: Insn,
    at: Cursor,
    flow: Flow<bool, Pc>,
    on: Onward<G>,
) -> Leave {
    let Cursor { pc, left, mark } = at;
    let (to, counted) = match flow {
        Flow::Next => (G::next(pc), false),
        Flow::Goto(to) => (to, to <= pc),
        Flow::If(taken, to) => {
            m.code.branch(pc, taken);
            if taken { (to, to <= pc) } else { (G::next(pc), false) }
        }
        Flow::Call(to) => (to, true),
        Flow::Dynamic(to, via) => {
            match via {
                Via::Return => m.code.come_back(pc, to),
                _ => m.code.arrive(pc, to),
            }
            (to, true)
        }
        Flow::DynamicIf(false, _) => (G::next(pc), false),
        Flow::DynamicIf(true, to) => {
            m.code.arrive(pc, to);
            (to, true)
        }
        Flow::Trap(_) | Flow::Illegal => return serve(m, insn, at, flow),
    };
    arrive(m, Cursor { pc: to, left: left - 1, mark }, counted, on)
}

/// Goes on at a place after an instruction, counting at places that are counted.
#[inline(always)]
fn arrive<G: Guest>(m: &mut Machine<G>, at: Cursor, counted: bool, on: Onward<G>) -> Leave {
    let Cursor { pc, left, mark } = at;
    if !counted {
        return on(m, at);
    }
    if m.code.warm(pc, mark - left) {
        return leave(m, pc, left, Leave::Hot);
    }
    on(m, Cursor { pc, left, mark: left })
}

/// Leaves for what a slow path has left behind after an instruction that retired.
fn heed<G: Guest>(m: &mut Machine<G>, pc: Pc, left: u64) -> Leave {
    match m.event.take() {
        Some(Event::Halt) => stop(m, pc, left, Stop::Halted),
        // The budget was for another time.
        _ if m.is_due() => stop(m, pc, left, Stop::Budget),
        _ => leave(m, pc, left, Leave::Stale),
    }
}

fn leave<G>(m: &mut Machine<G>, pc: Pc, left: u64, why: Leave) -> Leave {
    m.state.set_pc(pc);
    m.state.set_budget(left);
    why
}

#[cold]
#[inline(never)]
fn stop<G>(m: &mut Machine<G>, pc: Pc, left: u64, stop: Stop) -> Leave {
    m.stop = Some(stop);
    leave(m, pc, left, Leave::Stop)
}

#[cold]
#[inline(never)]
fn spent<G>(m: &mut Machine<G>, pc: Pc) -> Leave {
    stop(m, pc, 0, Stop::Budget)
}

/// The instruction at `pc` is refused.
#[cold]
#[inline(never)]
fn refuse<G: Guest>(m: &mut Machine<G>, pc: Pc, left: u64) -> Leave {
    match m.event.take() {
        Some(Event::Refused(refusal)) => refused(m, pc, left, refusal),
        _ => unreachable!("a refused instruction says why"),
    }
}

fn refused<G: Guest>(m: &mut Machine<G>, pc: Pc, left: u64, refusal: Refusal) -> Leave {
    let handled = m.guest.handle(&mut m.state, refusal);
    m.code.refresh::<G>(&mut m.state);
    match handled {
        Ok(to) => heed(m, to, left - 1),
        Err(refusal) => {
            let why = m.reason(refusal);
            stop(m, pc, left, why)
        }
    }
}

/// The host's part of a trap or of an illegal instruction.
#[cold]
#[inline(never)]
fn serve<G: Guest>(m: &mut Machine<G>, insn: Insn, at: Cursor, flow: Flow<bool, Pc>) -> Leave {
    let Cursor { pc, left, mark } = at;
    m.state.set_pc(pc);
    m.state.set_budget(left);
    let after = match flow {
        Flow::Trap(n) => m.guest.trap(&mut m.state, n),
        _ => m.guest.illegal(&mut m.state, insn),
    };
    m.code.refresh::<G>(&mut m.state);
    let to = match after {
        Ok(After::Goto(to)) => to,
        Ok(After::Halt(to)) => return stop(m, to, left - 1, Stop::Halted),
        Err(refusal) => return refused(m, pc, left, refusal),
    };
    if m.is_to_heed() {
        return heed(m, to, left - 1);
    }
    arrive(m, Cursor { pc: to, left: left - 1, mark }, true, back)
}
