//! What is looked at before a program runs that nobody vouches for: that every instruction is one, that jumps and calls
//! stay inside, and that on no path the stack runs out of values.

use std::collections::{BTreeMap, VecDeque};

use super::{LONGEST, Operand, VALUES, kind, op};

/// The instruction that something is wrong with, what, and why.
type Wrong = (usize, &'static str, String);

/// What a routine does to the stack.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct Effect {
    /// Values that it takes from those that were there.
    needs: i32,
    /// Values that are there at the least when it returns, more than before; nothing where it never does.
    gives: Option<i32>,
}

/// Validates a program.
pub(super) fn validate(code: &[[u8; 2]]) -> Result<(), Wrong> {
    if code.len() > LONGEST {
        return Err((LONGEST, "Too long", format!("a program has at most {LONGEST} instructions")));
    }
    for (at, &[op, operand]) in code.iter().enumerate() {
        match kind([op, operand]) {
            None => return Err((at, "Illegal instruction", format!("{op} {operand} is none"))),
            Some(kind) if kind.operand == Operand::Target && usize::from(operand) > code.len() => {
                return Err((at, "Jump outside the program", format!("its end is {}", code.len())));
            }
            Some(_) => {}
        }
    }
    // The program is a routine, too. A call's effect is not known before the callee's, so all are looked at again until
    // nothing changes. It only ever gets worse.
    let mut routines = BTreeMap::from([(0, Effect::default())]);
    loop {
        let before = routines.clone();
        for &start in before.keys() {
            let effect = effect(code, start, &mut routines)?;
            routines.insert(start, effect);
        }
        if routines == before {
            return Ok(());
        }
    }
}

/// The effect of the routine at `start`, and new routines that it calls. All paths are followed with the least values
/// there can be, more than at the start. The program itself, at 0, starts without any and has nowhere to return to.
fn effect(code: &[[u8; 2]], start: usize, routines: &mut BTreeMap<usize, Effect>) -> Result<Effect, Wrong> {
    let most = if start == 0 { 0 } else { VALUES as i32 };
    let mut effect = Effect::default();
    let mut least: Vec<Option<i32>> = vec![None; code.len() + 1];
    let mut paths = VecDeque::from([(start, 0)]);
    while let Some((at, depth)) = paths.pop_front() {
        if least[at].is_some_and(|known| known <= depth) {
            continue;
        }
        least[at] = Some(depth);
        // Running off the end is a halt.
        let [op, operand] = code.get(at).copied().unwrap_or([op::HALT, 0]);
        let kind = kind([op, operand]).expect("every instruction has been looked at");
        let (mut takes, mut after) = (kind.takes, Some(depth + kind.puts - kind.takes));
        if op == op::CALL {
            let callee = *routines.entry(operand.into()).or_default();
            (takes, after) = (callee.needs, callee.gives.map(|gives| depth + gives));
        }
        effect.needs = effect.needs.max(takes - depth);
        if effect.needs > most {
            let error = if op == op::HALT { "Empty stack" } else { "Stack underflow" };
            let there = depth.max(0);
            return Err((at, error, format!("`{}` takes {takes}, and there may be {there}", kind.name)));
        }
        let Some(after) = after else { continue };
        if op == op::RET {
            if start == 0 {
                return Err((at, "No call to return from", "nothing was called".to_owned()));
            }
            effect.gives = Some(effect.gives.map_or(after, |gives| gives.min(after)));
        }
        if matches!(op, op::JUMP | op::JUMPIF) {
            paths.push_back((operand.into(), after));
        }
        if !matches!(op, op::JUMP | op::RET | op::HALT) {
            paths.push_back((at + 1, after));
        }
    }
    Ok(effect)
}
