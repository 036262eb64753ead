//! What each instruction does, written once.

use super::{FP, FRAME, FRAMES, SP, STACK, op};
use crate::guest::Insn;
use crate::ops::{Binary, Cond, Flow, FlowOf, Ops, Pc, Via};

/// Faults of [`Ops::require`].
pub(super) const EMPTY: u8 = 0;
pub(super) const NO_CALL: u8 = 1;

#[inline(always)]
pub(super) fn meaning<O: Ops>(insn: Insn, pc: Pc, o: &mut O) -> FlowOf<O> {
    let operand = insn.a();
    let target = Pc::from(operand);
    match insn.op() {
        op::HALT => {
            let (sp, zero) = (o.get(SP), o.imm(0));
            let some = o.compare(Cond::Ne, sp, zero);
            o.require(some, EMPTY);
            return Flow::Trap(0);
        }
        op::PUSH => {
            let v = o.imm(operand);
            put(o, 0, v);
        }
        op::ADD | op::SUB | op::MUL | op::EQ | op::LT => {
            let (b, a) = (value(o, 1), value(o, 2));
            let v = match insn.op() {
                op::ADD => o.add(a, b),
                op::SUB => o.sub(a, b),
                op::MUL => o.binary(Binary::Mul, a, b),
                op::EQ => compare(o, Cond::Eq, a, b),
                _ => compare(o, Cond::Below, a, b),
            };
            put(o, 2, v);
        }
        op::DUP => {
            let v = value(o, 1);
            put(o, 0, v);
        }
        op::DROP => {
            value(o, 1);
            take(o, 1);
        }
        op::GET => {
            let at = in_frame(o, u32::from(operand));
            let v = o.load(FRAMES, at);
            put(o, 0, v);
        }
        op::SET => {
            let (v, at) = (value(o, 1), in_frame(o, u32::from(operand)));
            o.store(FRAMES, at, v);
            take(o, 1);
        }
        op::JUMP => return Flow::Goto(target),
        op::JUMPIF => {
            let (v, zero) = (value(o, 1), o.imm(0));
            let taken = o.compare(Cond::Ne, v, zero);
            take(o, 1);
            return Flow::If(taken, target);
        }
        op::CALL => {
            let (at, v) = (in_frame(o, 2 * FRAME - 1), o.imm(pc.wrapping_add(1) as u8));
            o.store(FRAMES, at, v);
            let fp = in_frame(o, FRAME);
            o.set(FP, fp);
            return Flow::Call(target);
        }
        op::RET => {
            let (fp, zero, at) = (o.get(FP), o.imm(0), in_frame(o, FRAME - 1));
            let called = o.compare(Cond::Ne, fp, zero);
            o.require(called, NO_CALL);
            let to = o.load(FRAMES, at);
            let fp = in_frame(o, FRAME.wrapping_neg());
            o.set(FP, fp);
            let to = o.unsigned(to);
            return Flow::Dynamic(to, Via::Return);
        }
        _ => return Flow::Illegal,
    }
    Flow::Next
}

/// The address of the value that is number `n` from the top, which is number 1.
#[inline(always)]
fn from_top<O: Ops>(o: &mut O, n: u32) -> O::V<u32> {
    let (sp, n) = (o.get(SP), o.imm(n));
    o.sub(sp, n)
}

/// That value. Where there is none the instruction is refused: the address wraps, out of the stack.
#[inline(always)]
fn value<O: Ops>(o: &mut O, n: u32) -> O::V<u8> {
    let at = from_top(o, n);
    o.load(STACK, at)
}

/// Takes `n` values off, which have been looked at.
#[inline(always)]
fn take<O: Ops>(o: &mut O, n: u32) {
    discard(o, n);
    let sp = from_top(o, n);
    o.set(SP, sp);
}

/// Puts a value in the place of the top `n`, or on top of all.
#[inline(always)]
fn put<O: Ops>(o: &mut O, n: u32, v: O::V<u8>) {
    let (at, one) = (from_top(o, n), o.imm(1));
    o.store(STACK, at, v);
    discard(o, n.saturating_sub(1));
    let sp = o.add(at, one);
    o.set(SP, sp);
}

/// What the top `n` values were does not matter any more.
#[inline(always)]
fn discard<O: Ops>(o: &mut O, n: u32) {
    for n in 1..=n {
        let at = from_top(o, n);
        o.discard(STACK, at);
    }
}

/// 1 if it holds, else 0.
#[inline(always)]
fn compare<O: Ops>(o: &mut O, cond: Cond, a: O::V<u8>, b: O::V<u8>) -> O::V<u8> {
    let (holds, one, zero) = (o.compare(cond, a, b), o.imm(1), o.imm(0));
    o.select(holds, one, zero)
}

/// An address in the frame under way.
#[inline(always)]
fn in_frame<O: Ops>(o: &mut O, offset: u32) -> O::V<u32> {
    let (fp, offset) = (o.get(FP), o.imm(offset));
    o.add(fp, offset)
}
