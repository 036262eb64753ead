//! What each LC-3 instruction does, written once.

use super::isa::{CC, MEMORY, MODE, SERVICE_RTI, op, r};
use crate::guest::Insn;
use crate::ops::{Cond, Flow, FlowOf, Ops, Pc, Via};

/// The meaning of `insn` at `pc`. Its immediates are decoded: extended, and where the manual adds the
/// incremented PC, added.
#[inline(always)]
pub(super) fn meaning<O: Ops>(insn: Insn, pc: Pc, o: &mut O) -> FlowOf<O> {
    if insn.op() & op::SYSTEM != 0 {
        // Bit 15, the sign, says user.
        let (mode, zero) = (o.get(MODE), o.imm(0u16));
        let is_supervisor = o.compare(Cond::Ge, mode, zero);
        o.require(is_supervisor, 0);
    }
    let (a, b, c) = (r(insn.a()), r(insn.b()), r(insn.c()));
    let imm = insn.imm() as u16;
    let link = (pc as u16).wrapping_add(1);
    match insn.op() & !op::SYSTEM {
        op::ADD => {
            let (x, y) = (o.get(b), o.get(c));
            let v = o.add(x, y);
            result(o, insn, v)
        }
        op::ADD_IMM => {
            let (x, y) = (o.get(b), o.imm(imm));
            let v = o.add(x, y);
            result(o, insn, v)
        }
        op::AND => {
            let (x, y) = (o.get(b), o.get(c));
            let v = o.and(x, y);
            result(o, insn, v)
        }
        op::AND_IMM => {
            let (x, y) = (o.get(b), o.imm(imm));
            let v = o.and(x, y);
            result(o, insn, v)
        }
        op::NOT => {
            let x = o.get(b);
            let v = o.not(x);
            result(o, insn, v)
        }
        op::LD => {
            let at = o.imm(imm);
            let v = o.load(MEMORY, at);
            result(o, insn, v)
        }
        op::LDI => {
            let pointer = o.imm(imm);
            let at = o.load(MEMORY, pointer);
            let v = o.load(MEMORY, at);
            result(o, insn, v)
        }
        op::LDR => {
            let at = indexed(o, insn);
            let v = o.load(MEMORY, at);
            result(o, insn, v)
        }
        op::LEA => {
            let v = o.imm(imm);
            o.set(a, v);
            Flow::Next
        }
        op::LEA_CC => {
            let v = o.imm(imm);
            result(o, insn, v)
        }
        op::ST => {
            let (at, v) = (o.imm(imm), o.get(a));
            o.store(MEMORY, at, v);
            Flow::Next
        }
        op::STI => {
            let pointer = o.imm(imm);
            let at = o.load(MEMORY, pointer);
            let v = o.get(a);
            o.store(MEMORY, at, v);
            Flow::Next
        }
        op::STR => {
            let at = indexed(o, insn);
            let v = o.get(a);
            o.store(MEMORY, at, v);
            Flow::Next
        }
        op::BR_N => branch(o, Cond::Lt, imm),
        op::BR_Z => branch(o, Cond::Eq, imm),
        op::BR_P => branch(o, Cond::Gt, imm),
        op::BR_NZ => branch(o, Cond::Le, imm),
        op::BR_NP => branch(o, Cond::Ne, imm),
        op::BR_ZP => branch(o, Cond::Ge, imm),
        op::GOTO => Flow::Goto(imm as Pc),
        op::NOP => Flow::Next,
        op::JSR => {
            let v = o.imm(link);
            o.set(r(7), v);
            Flow::Call(imm as Pc)
        }
        op::JSRR => {
            let to = o.get(b);
            let to = o.unsigned(to);
            let v = o.imm(link);
            o.set(r(7), v);
            Flow::Dynamic(to, Via::Call)
        }
        op::JMP | op::RET => {
            let to = o.get(b);
            let to = o.unsigned(to);
            Flow::Dynamic(to, if insn.op() & !op::SYSTEM == op::RET { Via::Return } else { Via::Jump })
        }
        op::RTI => Flow::Trap(SERVICE_RTI),
        op::TRAP => Flow::Trap(imm),
        _ => Flow::Illegal,
    }
}

/// Writes a result, from which N Z P follow.
#[inline(always)]
fn result<O: Ops>(o: &mut O, insn: Insn, v: O::V<u16>) -> FlowOf<O> {
    o.set(r(insn.a()), v);
    o.set(CC, v);
    Flow::Next
}

/// Base plus offset.
#[inline(always)]
fn indexed<O: Ops>(o: &mut O, insn: Insn) -> O::V<u16> {
    let (base, offset) = (o.get(r(insn.b())), o.imm(insn.imm() as u16));
    o.add(base, offset)
}

#[inline(always)]
fn branch<O: Ops>(o: &mut O, cond: Cond, to: u16) -> FlowOf<O> {
    let (v, zero) = (o.get(CC), o.imm(0u16));
    let taken = o.compare(cond, v, zero);
    Flow::If(taken, to as Pc)
}
