//! What the interpreter sees, for a translator: kinds of operands, callees, jumps taken; and for people, in the listing.
//!
//! Sites learn the shapes that they meet all the time ([`super::core::Site`]). All else is looked at now and then, some
//! instructions in a row of very many, at fixed counts; so the handlers do not pay for it.

use std::fmt::Write;

use super::core::Core;
use super::disasm;
use super::isa::{Insn, LINK, Op, Operand};
use super::object::{Class, Closure, Instance, Rope, Str, shape};
use super::value::Value;

/// Kinds of values, a bit each.
pub mod kind {
    pub const NUMBER: u8 = 1;
    pub const NIL: u8 = 2;
    pub const BOOL: u8 = 4;
    pub const STRING: u8 = 8;
    pub const CLASS: u8 = 16;
    pub const INSTANCE: u8 = 32;
    /// A function of whatever origin, or a variable's box.
    pub const OTHER: u8 = 64;
    pub const NAMES: [(u8, &str); 7] = [
        (NUMBER, "number"),
        (NIL, "nil"),
        (BOOL, "bool"),
        (STRING, "string"),
        (CLASS, "class"),
        (INSTANCE, "instance"),
        (OTHER, "function"),
    ];
}

/// What was seen of an instruction, when it was looked at.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Seen {
    /// How often it was looked at.
    pub count: u32,
    /// How often it did not go on with the next instruction then: it jumped, or entered a function.
    pub jumped: u32,
    /// The function that it entered last, by its number in the machine and one; 0 is none.
    pub callee: u32,
    /// Kinds of the first two values that it reads; for a call, of what is called or the receiver.
    pub kinds: [u8; 2],
    /// Whether it has entered more than one function.
    pub has_many: bool,
}

/// Instructions that are looked at in a row, and how many are not in between.
pub const LOOK: isize = 128;
pub const BETWEEN: isize = 1_000_003;

fn kind_of(value: Value) -> u8 {
    match value {
        Value::NIL => return kind::NIL,
        Value::TRUE | Value::FALSE => return kind::BOOL,
        _ => {}
    }
    let Some(header) = value.header() else { return kind::NUMBER };
    if header.cast::<Str>().is_some() || header.cast::<Rope>().is_some() {
        kind::STRING
    } else if header.cast::<Class>().is_some() {
        kind::CLASS
    } else if header.cast::<Instance>().is_some() {
        kind::INSTANCE
    } else {
        kind::OTHER
    }
}

/// An instruction that is looked at: its function's number, and its own there.
pub type Looked = Option<(usize, usize)>;

impl Core {
    /// Looks at the instruction that is next.
    pub fn look(&mut self) -> Looked {
        // The host's own frame has no function.
        let closure = self.slot(self.base as usize, -1).as_object::<Closure>()?;
        let number = closure.function as usize;
        let function = &self.functions[number];
        let at = (self.pc as usize).checked_sub(function.entry as usize)? / size_of::<Insn>();
        if at >= function.len as usize {
            return None;
        }
        let (code, n) = (&self.code[function.code as usize], function.start as usize + at);
        let insn = code.insns[n];
        let operands = Op::from_number(insn.op())?.operands();
        let mut kinds = [0; 2];
        let all = [(operands.a, insn.a()), (operands.b, insn.b()), (operands.c, insn.c())];
        let values = all.into_iter().filter_map(|(operand, number)| match operand {
            Operand::From => Some(self.slot(self.base as usize, number as isize)),
            Operand::Frame => Some(self.slot(self.base as usize, (number + LINK) as isize)),
            Operand::Constant | Operand::ShortGlobal => Some(self.statics[number]),
            _ => None,
        });
        for (kind, value) in kinds.iter_mut().zip(values) {
            *kind = kind_of(value);
        }
        let function = &mut self.functions[number];
        if function.seen.is_empty() {
            function.seen = vec![Seen::default(); function.len as usize].into();
        }
        let seen = &mut function.seen[at];
        seen.count += 1;
        (seen.kinds[0], seen.kinds[1]) = (seen.kinds[0] | kinds[0], seen.kinds[1] | kinds[1]);
        Some((number, at))
    }

    /// Looks where an instruction that was looked at has led.
    pub fn look_back(&mut self, looked: Looked, before: (*const Insn, *mut Value)) {
        let Some((number, at)) = looked else { return };
        let callee = match self.base > before.1 {
            true => self.slot(self.base as usize, -1).as_object::<Closure>(),
            false => None,
        };
        let seen = &mut self.functions[number].seen[at];
        seen.jumped += u32::from(self.pc != before.0.wrapping_add(1));
        if let Some(closure) = callee {
            let entered = closure.function + 1;
            seen.has_many |= seen.callee != 0 && seen.callee != entered;
            seen.callee = entered;
        }
    }

    /// The listing of all programs, with what was seen of each instruction.
    pub fn seen(&self) -> String {
        let mut text = String::new();
        for (number, function) in self.functions.iter().enumerate() {
            let code = &self.code[function.code as usize];
            let listed = &code.unit.functions[number - code.first_function as usize];
            disasm::heading(&mut text, listed);
            let mut line = 0;
            for at in 0..function.len as usize {
                let n = function.start as usize + at;
                disasm::line(&mut text, &code.unit, n, at, &mut line);
                let seen = function.seen.get(at).copied().unwrap_or_default();
                let notes = [self.shown_seen(seen), self.shown_site(code.insns[n])];
                let notes: Vec<String> = notes.into_iter().flatten().collect();
                if !notes.is_empty() {
                    let _ = write!(text, "  ; {}", notes.join("; "));
                }
                text.push('\n');
            }
        }
        text
    }

    fn shown_seen(&self, seen: Seen) -> Option<String> {
        if seen.count == 0 {
            return None;
        }
        let mut text = format!("seen {}", seen.count);
        for kinds in seen.kinds.into_iter().filter(|&kinds| kinds != 0) {
            let names = kind::NAMES.into_iter().filter(|kind| kinds & kind.0 != 0).map(|kind| kind.1);
            text += &format!(", {}", names.collect::<Vec<_>>().join("|"));
        }
        if seen.jumped > 0 {
            text += &format!(", away {}", seen.jumped);
        }
        if seen.callee > 0 {
            let name = self.functions[seen.callee as usize - 1].name;
            let name = String::from_utf8_lossy(&self.text(name)).into_owned();
            text += &format!(", enters {name}{}", if seen.has_many { " and others" } else { "" });
        }
        Some(text)
    }

    fn shown_site(&self, insn: Insn) -> Option<String> {
        let op = Op::from_number(insn.op())?;
        let (first, site) =
            (op.operands().c == Operand::Site).then(|| self.learned().nth(insn.index()))??;
        let others = site.others.iter().map(|(way, count)| (way.shape, format!(" x{count}")));
        // Classes after which `super` looks are no shapes, but then there is one only, and no listing of it.
        let all = std::iter::once((first.shape, String::new())).chain(others);
        let shown: Vec<String> = all
            .filter(|&(shape, _)| op != Op::InvokeSuper && shape >= shape::INSTANCE)
            .map(|(shape, count)| format!("{}{count}", self.shown_shape(shape)))
            .collect();
        if shown.is_empty() {
            return None;
        }
        Some(format!("shapes {}, {} misses", shown.join(" "), site.misses))
    }

    /// A shape as its class and how many fields it has.
    fn shown_shape(&self, number: u32) -> String {
        let shape = self.shapes.get(number);
        let class = self.classes.get(shape.class as usize).and_then(Option::as_ref);
        let name = class.map_or(Value::NIL, |info| info.object.name);
        format!("{}/{}", String::from_utf8_lossy(&self.text(name)), shape.fields)
    }
}
