//! What each word does, written once.

use super::{SP, STACK, op};
use crate::guest::Insn;
use crate::ops::{Binary, Cond, Flow, FlowOf, Ops};

#[inline(always)]
pub(super) fn meaning<O: Ops>(insn: Insn, o: &mut O) -> FlowOf<O> {
    match insn.op() {
        op::PUSH => {
            let (at, v, one) = (o.get(SP), o.imm(insn.imm()), o.imm(1));
            o.store(STACK, at, v);
            let sp = o.add(at, one);
            o.set(SP, sp);
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

/// Top and next make place for top ∘ next. Where there are not two, an address wraps, out of the stack.
#[inline(always)]
fn binary<O: Ops>(o: &mut O, op: Binary) -> FlowOf<O> {
    let (sp, one, two) = (o.get(SP), o.imm(1), o.imm(2));
    let (top, next) = (o.sub(sp, one), o.sub(sp, two));
    let (t, n) = (o.load(STACK, top), o.load(STACK, next));
    if op == Binary::Div {
        let zero = o.imm(0);
        let divides = o.compare(Cond::Ne, n, zero);
        o.require(divides, 0);
    }
    let v = o.binary(op, t, n);
    o.store(STACK, next, v);
    o.discard(STACK, top);
    o.set(SP, top);
    Flow::Next
}
