//! What each word does, written once.

use super::{SP, STACK, op};
use crate::guest::Insn;
use crate::ops::{Binary, Cond, Flow, FlowOf, Ops, Stack};

const VALUES: Stack<u32> = Stack::new(STACK, SP);

#[inline(always)]
pub(super) fn meaning<O: Ops>(insn: Insn, o: &mut O) -> FlowOf<O> {
    match insn.op() {
        op::PUSH => {
            let v = o.imm(insn.imm());
            VALUES.push(o, v);
            Flow::Next
        }
        op::ADD => binary(o, Binary::Add),
        op::SUB => binary(o, Binary::Sub),
        op::MUL => binary(o, Binary::Mul),
        op::DIV => binary(o, Binary::Div),
        op::HALT => Flow::Trap(0),
        _ => Flow::Illegal,
    }
}

/// Top and next make place for top ∘ next.
#[inline(always)]
fn binary<O: Ops>(o: &mut O, op: Binary) -> FlowOf<O> {
    let (top, next) = (VALUES.peek(o, 1), VALUES.peek(o, 2));
    if op == Binary::Div {
        let zero = o.imm(0);
        let divides = o.compare(Cond::Ne, next, zero);
        o.require(divides, 0);
    }
    let v = o.binary(op, top, next);
    VALUES.replace_two(o, v);
    Flow::Next
}
