//! What a program may do wrong on some path, told before it runs: instructions that are none, jumps that lead outside,
//! stacks that run out of values.
//!
//! A client of the meanings, over *constant, or at least what a register was where the routine started, plus a constant*. All
//! paths are followed. A routine, which is what is called, is summed up by what it needs of the registers and what it
//! makes of them.

use std::collections::{BTreeMap, VecDeque};

use crate::effects;
use crate::guest::Guest;
use crate::ops::{Binary, Cond, Float, FloatCond, Flow, Int, Ops, Pc, Reg, Scalar, Space, Via};
use crate::state::State;

/// What is wrong with a program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wrong {
    /// Address of the instruction.
    pub pc: Pc,
    /// What, as its fault is told.
    pub what: String,
    /// Why.
    pub why: String,
}

/// Looks at all code from `state` on, where nothing has been executed, of a machine whose one service halts and whose only
/// computed jumps are returns.
///
/// # Errors
/// The first thing that is wrong.
pub fn validate<G: Guest>(guest: &G, state: &State) -> Result<(), Wrong> {
    let start = state.pc();
    let ends_at = guest.code_len();
    let mut pc = start;
    while (pc as usize) < ends_at {
        let wrong = |what: &str, why: String| Err(Wrong { pc, what: what.to_owned(), why });
        let text = guest.disassemble(state, pc);
        match effects::of::<G>(guest.decode(state, pc), pc).flow {
            Flow::Illegal => return wrong("Illegal instruction", format!("`{text}` is none")),
            Flow::Goto(to) | Flow::Call(to) | Flow::If(_, to) if to as usize >= ends_at => {
                return wrong("Jump outside the program", format!("`{text}`: the end is {}", ends_at - 1));
            }
            Flow::Dynamic(_, Via::Jump | Via::Call) | Flow::DynamicIf(..) => {
                return wrong("Computed jump", format!("where `{text}` leads shows when it runs"));
            }
            _ => pc = G::next(pc),
        }
    }
    // What a call does is not known before its routine. So all are looked at again until nothing changes; it only ever gets
    // worse. The program is a routine, too, and the first to be looked at.
    let mut finder = Finder { guest, state, routines: BTreeMap::from([(start, Routine::default())]) };
    loop {
        let before = finder.routines.clone();
        for &entry in [&start].into_iter().chain(before.keys().filter(|&&entry| entry != start)) {
            let routine = finder.routine(entry)?;
            finder.routines.insert(entry, routine);
        }
        if finder.routines == before {
            return Ok(());
        }
    }
}

/// A register that gets smaller than it was by this, round and round, is not followed.
const DEEPEST: i64 = 1 << 16;

/// What is known of a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Value {
    Known(u64),
    /// At least what this slot was at the routine's start, plus this.
    Least(usize, i64),
    /// Whether that is not 0.
    Some(usize, i64),
    Any,
}

impl Value {
    fn plus(self, n: i64) -> Value {
        match self {
            Value::Least(slot, plus) if plus.saturating_add(n) > -DEEPEST => {
                Value::Least(slot, plus.saturating_add(n))
            }
            _ => Value::Any,
        }
    }

    /// What holds on two ways.
    fn join(self, other: Value) -> Value {
        match (self, other) {
            (Value::Least(a, p), Value::Least(b, q)) if a == b => Value::Least(a, p.min(q)),
            (a, b) if a == b => a,
            _ => Value::Any,
        }
    }
}

/// Why a register has to be something at least.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cause {
    Access { space: usize, store: bool },
    Requirement(u8),
}

/// What a slot has to be at a routine's start, at least.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Need {
    slot: usize,
    least: i64,
    cause: Cause,
}

/// What a routine does.
#[derive(Clone, Default, PartialEq)]
struct Routine {
    /// One for a slot at most.
    needs: Vec<Need>,
    /// The slots when it returns; nothing where it never does.
    gives: Option<Vec<Value>>,
}

struct Finder<'a, G> {
    guest: &'a G,
    state: &'a State,
    routines: BTreeMap<Pc, Routine>,
}

impl<G: Guest> Finder<'_, G> {
    /// Follows all paths from `start`, and adds the routines that they call.
    fn routine(&mut self, start: Pc) -> Result<Routine, Wrong> {
        let mut routine = Routine::default();
        let slots: Vec<Value> = (0..G::SLOTS.len()).map(|slot| Value::Least(slot, 0)).collect();
        let mut tops: BTreeMap<Pc, Vec<Value>> = BTreeMap::new();
        let mut paths = VecDeque::from([(start, slots)]);
        while let Some((pc, mut slots)) = paths.pop_front() {
            if let Some(known) = tops.get(&pc) {
                slots = join(&slots, known);
                if slots == *known {
                    continue;
                }
            }
            tops.insert(pc, slots.clone());
            let mut client = Client { slots, needs: Vec::new() };
            let flow = G::meaning(self.guest.decode(self.state, pc), pc, &mut client);
            let called = match flow {
                Flow::Call(to) => Some(self.routines.entry(to).or_default()),
                _ => None,
            };
            if let Some(called) = &called {
                called.needs.iter().for_each(|need| client.need(client.slots[need.slot], *need));
            }
            let next = match called {
                None => Some(client.slots),
                // What it makes of what is there.
                Some(called) => called.gives.as_ref().map(|gives| {
                    let given = |&value: &Value| match value {
                        Value::Least(slot, plus) => client.slots[slot].plus(plus),
                        other => other,
                    };
                    gives.iter().map(given).collect()
                }),
            };
            for need in client.needs {
                self.check(pc, start, need)?;
                match routine.needs.iter_mut().find(|other| other.slot == need.slot) {
                    Some(other) if other.least >= need.least => {}
                    Some(other) => *other = need,
                    None => routine.needs.push(need),
                }
            }
            let Some(next) = next else { continue };
            match flow {
                Flow::Next | Flow::Call(_) => paths.push_back((G::next(pc), next)),
                Flow::Goto(to) => paths.push_back((to, next)),
                Flow::If(_, to) => paths.extend([(to, next.clone()), (G::next(pc), next)]),
                Flow::Dynamic(..) => {
                    let gives = routine.gives.take();
                    routine.gives = Some(gives.map_or(next.clone(), |gives| join(&gives, &next)));
                }
                // The last is told above.
                Flow::Trap(_) | Flow::Illegal | Flow::DynamicIf(..) => {}
            }
        }
        Ok(routine)
    }

    /// Whether what is needed can be there when the routine starts: the program with its registers as they are, another one
    /// with as much as a space holds.
    fn check(&self, pc: Pc, start: Pc, Need { slot, least, cause }: Need) -> Result<(), Wrong> {
        let most = match cause {
            _ if start == self.state.pc() => self.state.slot(slot) as i64,
            Cause::Access { space, .. } => G::SPACES[space].len as i64,
            Cause::Requirement(_) => i64::MAX,
        };
        if least <= most {
            return Ok(());
        }
        let (_, what) = match cause {
            Cause::Access { space, store } => self.guest.outside(self.state, space, u64::MAX, store),
            Cause::Requirement(fault) => self.guest.required(self.state, fault),
        };
        let (text, name) = (self.guest.disassemble(self.state, pc), G::SLOTS[slot].0);
        Err(Wrong {
            pc,
            what,
            why: format!("`{text}`: on some path {name} is too small by {}", least - most),
        })
    }
}

fn join(a: &[Value], b: &[Value]) -> Vec<Value> {
    a.iter().zip(b).map(|(a, b)| a.join(*b)).collect()
}

struct Client {
    slots: Vec<Value>,
    needs: Vec<Need>,
}

impl Client {
    /// What is needed of a value is needed of the slot that it comes from.
    fn need(&mut self, of: Value, need: Need) {
        if let Value::Least(slot, plus) = of {
            self.needs.push(Need { slot, least: need.least.saturating_sub(plus), ..need });
        }
    }

    /// What is below 0 is outside.
    fn access(&mut self, space: usize, store: bool, at: Value) {
        self.need(at, Need { slot: 0, least: 0, cause: Cause::Access { space, store } });
    }
}

impl Ops for Client {
    type V<T: Scalar> = Value;

    fn imm<T: Scalar>(&mut self, value: T) -> Value {
        Value::Known(value.to_bits())
    }
    fn binary<T: Int>(&mut self, op: Binary, a: Value, b: Value) -> Value {
        match (op, a, b) {
            (_, Value::Known(a), Value::Known(b)) => Value::Known(T::fold(op, a, b)),
            (Binary::Add, value, Value::Known(n)) | (Binary::Add, Value::Known(n), value) => {
                value.plus(T::signed(n))
            }
            (Binary::Sub, value, Value::Known(n)) => value.plus(T::signed(n).saturating_neg()),
            _ => Value::Any,
        }
    }
    fn compare<T: Int>(&mut self, cond: Cond, a: Value, b: Value) -> Value {
        match (cond, a, b) {
            (Cond::Ne, Value::Least(slot, plus), Value::Known(0)) => Value::Some(slot, plus),
            _ => Value::Any,
        }
    }
    fn select<T: Scalar>(&mut self, _: Value, a: Value, b: Value) -> Value {
        a.join(b)
    }
    fn unsigned<F: Int, T: Int>(&mut self, v: Value) -> Value {
        match v {
            Value::Known(bits) => Value::Known(T::truncate(bits)),
            _ => Value::Any,
        }
    }
    fn signed<F: Int, T: Int>(&mut self, v: Value) -> Value {
        match v {
            Value::Known(bits) => Value::Known(T::truncate(F::signed(bits) as u64)),
            _ => Value::Any,
        }
    }
    fn float(&mut self, _: Float, _: Value, _: Value) -> Value {
        Value::Any
    }
    fn compare_float(&mut self, _: FloatCond, _: Value, _: Value) -> Value {
        Value::Any
    }
    fn int_to_float(&mut self, _: Value) -> Value {
        Value::Any
    }
    fn float_bits(&mut self, _: Value) -> Value {
        Value::Any
    }
    fn bits_float(&mut self, _: Value) -> Value {
        Value::Any
    }
    fn get<T: Scalar>(&mut self, r: Reg<T>) -> Value {
        self.slots[r.slot()]
    }
    fn set<T: Scalar>(&mut self, r: Reg<T>, v: Value) {
        self.slots[r.slot()] = v;
    }
    fn load<A: Int, T: Scalar>(&mut self, space: Space<A, T>, at: Value) -> Value {
        self.access(space.id(), false, at);
        Value::Any
    }
    fn store<A: Int, T: Scalar>(&mut self, space: Space<A, T>, at: Value, _: Value) {
        self.access(space.id(), true, at);
    }
    fn discard<A: Int, T: Scalar>(&mut self, _: Space<A, T>, _: Value) {}
    fn require(&mut self, holds: Value, fault: u8) {
        if let Value::Some(slot, plus) = holds {
            let need = Need { slot: 0, least: 1, cause: Cause::Requirement(fault) };
            self.need(Value::Least(slot, plus), need);
        }
    }
}
