//! One instruction as C statements.

use std::collections::{BTreeSet, HashMap};

use super::program::{Program, Step, fixed};
use super::record::{Act, Meaning, Node, Val};
use super::{Access, Code, Lack, exit};
use crate::guest::{After, Guest};
use crate::ops::{Binary, Cond, Float, FloatCond, Flow, Pc, Type, Via};
use crate::state::{Bound, SpaceInfo, State, attr};

/// The C type of values.
pub(super) fn c_type(of: Type) -> &'static str {
    match of {
        Type::Bool => "bool",
        Type::I8 => "u8",
        Type::I16 => "u16",
        Type::I32 => "u32",
        Type::I64 => "u64",
        Type::F64 => "double",
    }
}

/// The C type of the same integers, signed.
fn signed_type(of: Type) -> String {
    c_type(of).replace('u', "i")
}

/// A name of the guest's as a C identifier.
pub(super) fn identifier(name: &str) -> String {
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let first = if name.starts_with(|c: char| c.is_ascii_digit()) { "r" } else { "" };
    first.to_owned() + &name.to_ascii_lowercase()
}

/// A constant.
pub(super) fn constant(of: Type, bits: u64) -> String {
    let suffix = match of {
        Type::F64 => return format!("as_double({bits:#x}ull)"),
        Type::I64 => "ull",
        Type::I32 => "u",
        Type::Bool | Type::I8 | Type::I16 => "",
    };
    if bits < 256 { format!("{bits}{suffix}") } else { format!("{bits:#x}{suffix}") }
}

/// All bits of a type.
fn mask(of: Type) -> u64 {
    u64::MAX >> (64 - 8 * of.bytes())
}

/// The register in a slot.
pub(super) fn register<G: Guest>(slot: usize) -> String {
    identifier(G::SLOTS[slot].0)
}

/// The array that a space is. Registers have the better right to a name.
pub(super) fn array<G: Guest>(space: usize) -> String {
    let name = identifier(G::SPACES[space].name);
    let is_taken = (0..G::SLOTS.len()).any(|slot| register::<G>(slot) == name);
    if is_taken { name + "_space" } else { name }
}

/// The type of the array's elements: the space's, if they are integers that lie side by side, else bytes.
pub(super) fn array_type(info: &SpaceInfo) -> Type {
    let is_plain = info.stride == info.element.bytes() && info.element != Type::F64;
    if is_plain { info.element } else { Type::I8 }
}

/// The bits of a double, of which there is one NaN, and back.
pub(super) const BITS: [&str; 2] = [
    "static inline u64 as_bits(double v) {\n    u64 bits;\n    memcpy(&bits, &v, sizeof bits);\n    \
     return v == v ? bits : 0x7ff8000000000000ull;\n}\n",
    "static inline double as_double(u64 bits) {\n    double v;\n    memcpy(&v, &bits, sizeof v);\n    return v;\n}\n",
];

/// A text as a C string literal.
pub fn literal(text: impl AsRef<[u8]>) -> String {
    let mut c = String::from("\"");
    for &byte in text.as_ref() {
        match byte {
            b'"' | b'\\' | b'?' => c.extend(['\\', byte as char]),
            b' '..=b'~' => c.push(byte as char),
            _ => c += &format!("\\{byte:03o}"),
        }
    }
    c + "\""
}

/// The label of the instruction at `pc`.
pub(super) fn label(pc: Pc) -> String {
    format!("L{pc:04X}")
}

/// The statement that ends the run at `pc`. `unretired` instructions of the block have not retired.
pub(super) fn stop(pc: Pc, unretired: usize, exit: u8, why: Option<&str>) -> String {
    let why = why.map_or_else(|| "NULL".to_owned(), literal);
    format!("STOP({pc:#06x}, {unretired}, {exit}, {why});")
}

/// Prints instructions of a program.
pub(super) struct Printer<'a, G> {
    pub(super) guest: &'a G,
    pub(super) state: State,
    pub(super) program: &'a Program,
    /// The functions that the instructions printed so far call, each behind those that it calls.
    pub(super) functions: Vec<String>,
}

impl<G: Guest> Printer<'_, G> {
    /// The lines for the instruction at `pc`, from which on there are `left` in the block.
    pub(super) fn instruction(&mut self, pc: Pc, step: &Step, left: usize) -> Vec<String> {
        let (held, has_variables, text) = Default::default();
        let meaning = &step.meaning;
        let mut statements = Statements { printer: self, meaning, pc, left, held, has_variables, text };
        (0..step.meaning.acts.len()).for_each(|n| statements.act(n));
        statements.flow(step);
        let text = match statements.has_variables {
            true => format!("{{ {} }}", statements.text.trim()),
            false => statements.text.trim().to_owned(),
        };
        text.split('\n').map(|line| line.trim().to_owned()).collect()
    }

    /// Makes sure that a function is there.
    pub(super) fn need(&mut self, function: impl Into<String>) {
        let function = function.into();
        if !self.functions.contains(&function) {
            self.functions.push(function);
        }
    }

    fn call(&mut self, code: &Code) -> String {
        code.functions.iter().for_each(|&function| self.need(function));
        code.c.clone()
    }

    /// The name of the function that loads a value of this type from a byte's address on, or stores it.
    fn accessor(&mut self, of: Type, is_store: bool) -> String {
        // A double goes by its bits.
        let (c, how) = (c_type(of), if is_store { "store" } else { "load" });
        let (raw, to_raw, from_raw) = match of {
            Type::F64 => ("u64", "as_bits(v)", "as_double(raw)"),
            _ => (c, "v", "raw"),
        };
        if of == Type::F64 {
            BITS.iter().for_each(|&function| self.need(function));
        }
        self.need(match is_store {
            true => format!(
                "static inline void store_{c}(void *at, {c} v) {{\n    \
                 {raw} raw = {to_raw};\n    memcpy(at, &raw, sizeof raw);\n}}\n"
            ),
            false => format!(
                "static inline {c} load_{c}(const void *at) {{\n    \
                 {raw} raw;\n    memcpy(&raw, at, sizeof raw);\n    return {from_raw};\n}}\n"
            ),
        });
        format!("{how}_{c}")
    }

    /// The name of the function that divides, as [`Binary::Div`] and [`Binary::Rem`] say.
    fn division(&mut self, op: Binary, of: Type) -> String {
        let (u, i) = (c_type(of), signed_type(of));
        let (name, otherwise) = match op {
            Binary::Div => (format!("div_{u}"), format!("b == ({u})-1 ? ({u})-a : ({u})(({i})a / ({i})b)")),
            _ => (format!("rem_{u}"), format!("b == ({u})-1 ? 0 : ({u})(({i})a % ({i})b)")),
        };
        self.need(format!(
            "static inline {u} {name}({u} a, {u} b) {{\n    return b == 0 ? 0 : {otherwise};\n}}\n"
        ));
        name
    }
}

struct Statements<'p, 'a, G> {
    printer: &'p mut Printer<'a, G>,
    meaning: &'p Meaning,
    pc: Pc,
    left: usize,
    /// Expressions that a variable holds.
    held: HashMap<Val, String>,
    has_variables: bool,
    text: String,
}

impl<G: Guest> Statements<'_, '_, G> {
    fn add(&mut self, statement: &str) {
        self.text += statement;
        self.text.push(' ');
    }

    /// Adds a statement that stops on a condition.
    fn stop_if(&mut self, condition: &str, stop: &str) {
        self.text += &format!("if ({condition}) {stop}\n");
    }

    fn act(&mut self, n: usize) {
        match self.meaning.acts[n] {
            Act::Load(v) => self.load(v),
            Act::Require(holds, fault) => {
                let holds = self.alone(holds);
                let stop = self.fault(|guest, state| guest.required(state, fault).0);
                self.stop_if(&format!("!({holds})"), &stop);
            }
            Act::Store { space, of, at, v } => {
                self.save_before(n, |_, node, held| {
                    held.is_none() && matches!(node, Node::Load { space: other, .. } if other == space)
                });
                self.store(space, of, at, v);
            }
            Act::Set(slot, v) => {
                let name = register::<G>(slot);
                let is_leaf = matches!(self.meaning.node(v), Node::Imm(..) | Node::Get(_));
                self.save_before(n, |other, node, held| match held {
                    Some(held) => held == name,
                    None => node == Node::Get(slot) && other != v,
                });
                let value = self.assigned(v);
                if value != name {
                    self.add(&format!("{name} = {value};"));
                }
                if !is_leaf {
                    self.held.insert(v, name);
                }
            }
        }
    }

    /// Gives variables of their own to the expressions that are needed after act `n` and that it changes.
    fn save_before(&mut self, n: usize, changes: impl Fn(Val, Node, Option<&str>) -> bool) {
        // What the act gives to a register is held by that from then on.
        let set = match self.meaning.acts[n] {
            Act::Set(_, v) => Some(v),
            _ => None,
        };
        let later = self.meaning.acts[n + 1..].iter().flat_map(|act| act.operands());
        let mut todo: Vec<Val> = later.chain(self.meaning.flow_operands()).collect();
        let mut seen = BTreeSet::new();
        while let Some(v) = todo.pop() {
            if seen.insert(v) && !self.held.contains_key(&v) && set != Some(v) {
                todo.extend(self.meaning.node(v).operands());
            }
        }
        for v in seen {
            let held = self.held.get(&v).map(String::as_str);
            if changes(v, self.meaning.node(v), held) {
                let value = self.text(v);
                self.hold(v, &value);
            }
        }
    }

    /// Puts the value of an expression into a variable of its own.
    fn hold(&mut self, v: Val, value: &str) {
        let name = format!("t{}", v.index());
        self.add(&format!("{} {name} = {value};", c_type(self.type_of(v))));
        self.has_variables = true;
        self.held.insert(v, name);
    }

    /// Stops for a fault. What the guest says in detail is of values that are not known here.
    fn fault(&mut self, fault: impl FnOnce(&G, &State) -> &'static str) -> String {
        let printer = &mut *self.printer;
        printer.state.set_pc(self.pc);
        let reason = fault(printer.guest, &printer.state).replace('_', " ");
        self.stop(exit::FAULT, &reason)
    }

    fn stop(&self, exit: u8, why: &str) -> String {
        stop(self.pc, self.left, exit, Some(why))
    }

    /// The address of an access that the guest must be asked about.
    fn special(&self, space: usize, at: Val, attribute: u8) -> Option<u64> {
        let at = fixed(&self.printer.state, self.meaning, at)?;
        (self.printer.state.attributes(space, at) & attribute != 0).then_some(at)
    }

    /// C for an access that the guest is asked about.
    fn access(&mut self, access: Access<'_>) -> Result<String, String> {
        match self.printer.guest.access_in_c(&self.printer.state, access) {
            Ok(code) => Ok(self.printer.call(&code)),
            Err(lack) => Err(self.lack(&lack)),
        }
    }

    fn lack(&self, lack: &Lack) -> String {
        match lack {
            Lack::Fault(why) => self.stop(exit::FAULT, why),
            Lack::Unwritten => self.stop(exit::UNTRANSLATED, "this is not translated to C"),
        }
    }

    /// The condition on which an address is this one, if it is a word's value: somebody may store there through a pointer.
    fn is_still(&mut self, at: Val, fixed: u64) -> Option<String> {
        let is_given = matches!(self.meaning.node(at), Node::Imm(..));
        (!is_given).then(|| format!("{} == {fixed:#06x}", self.text(at)))
    }

    /// What may refuse a load.
    fn load(&mut self, v: Val) {
        let Node::Load { space, of, at } = self.meaning.node(v) else { return };
        let Some(fixed) = self.special(space, at, attr::READ) else {
            return self.check_bound(space, of, at, false);
        };
        match (self.access(Access { space, at: fixed, store: None }), self.is_still(at, fixed)) {
            (Ok(value), None) => self.hold(v, &value),
            (Ok(value), Some(is_it)) => {
                let plain = self.assigned(v);
                self.hold(v, &format!("{is_it} ? ({value}) : {plain}"));
            }
            (Err(stop), None) => self.add(&stop),
            (Err(stop), Some(is_it)) => self.stop_if(&is_it, &stop),
        }
    }

    fn store(&mut self, space: usize, of: Type, at: Val, v: Val) {
        let value = self.assigned(v);
        let mut special = None;
        if let Some(fixed) = self.special(space, at, attr::WRITE) {
            let line =
                self.access(Access { space, at: fixed, store: Some(&value) }).unwrap_or_else(|stop| stop);
            let Some(is_it) = self.is_still(at, fixed) else { return self.add(&line) };
            special = Some(format!("if ({is_it}) {{ {line} }} else "));
        }
        self.check_bound(space, of, at, true);
        if let Some(word) = self.code_at(space, at) {
            let (of, text) = (self.type_of(v), self.text(v));
            let stop = self.stop(exit::UNTRANSLATED, "the program changes its code");
            let is_it = fixed(&self.printer.state, self.meaning, at).and_then(|to| self.is_still(at, to));
            let is_it = is_it.map_or_else(String::new, |is_it| is_it + " && ");
            self.stop_if(&format!("{is_it}{text} != {}", constant(of, word)), &stop);
        }
        let plain = match self.element(space, of, at) {
            Ok(element) => format!("{element} = {value};"),
            Err(address) => format!("{}({address}, {value});", self.printer.accessor(of, true)),
        };
        self.add(&(special.unwrap_or_default() + &plain));
    }

    /// An element of an array, or else the address of its first byte.
    fn element(&mut self, space: usize, of: Type, at: Val) -> Result<String, String> {
        let (info, array) = (&G::SPACES[space], array::<G>(space));
        if array_type(info) == of && info.span(of) == 1 {
            return Ok(format!("{array}[{}]", self.alone(at)));
        }
        let at = self.text(at);
        // C counts in elements, too, or in bytes.
        Err(if array_type(info).bytes() == info.stride {
            format!("{array} + {at}")
        } else {
            format!("{array} + {} * (u64){at}", info.stride)
        })
    }

    /// The word that is code for certain at the fixed address of a store.
    fn code_at(&self, space: usize, at: Val) -> Option<u64> {
        let at = fixed(&self.printer.state, self.meaning, at)?;
        let step = self.printer.program.steps.get(&(at as Pc))?;
        if G::CODE != Some(space) || !step.is_certain {
            return None;
        }
        self.printer.state.bits(space, at)
    }

    fn check_bound(&mut self, space: usize, of: Type, at: Val, store: bool) {
        let info = &G::SPACES[space];
        let limit = match info.bound {
            Bound::Natural => return,
            Bound::Register(slot) if self.printer.program.set.contains(&slot.into()) => {
                let register = register::<G>(slot.into());
                format!("({register} < {0}u ? {register} : {0}u)", info.len)
            }
            Bound::Fixed | Bound::Register(_) => format!("{}u", self.printer.state.len(space)),
        };
        let at = self.text(at);
        let stop = self.fault(|guest, state| guest.outside(state, space, state.len(space) as u64, store).0);
        self.stop_if(&format!("(u64){at} + {} > {limit}", info.span(of)), &stop);
    }

    /// Where control goes.
    fn flow(&mut self, step: &Step) {
        let line = match self.meaning.flow {
            Flow::Next => return,
            Flow::Goto(to) | Flow::Call(to) => format!("goto {};", label(to)),
            Flow::If(condition, to) => format!("if ({}) goto {};", self.alone(condition), label(to)),
            Flow::Dynamic(to, via) => {
                let to = self.assigned(to);
                format!("pc = {to}; goto {};", if via == Via::Return { "returns" } else { "jumps" })
            }
            Flow::DynamicIf(condition, to) => {
                let (condition, to) = (self.alone(condition), self.assigned(to));
                format!("if ({condition}) {{ pc = {to}; goto jumps; }}")
            }
            Flow::Trap(_) | Flow::Illegal => match &step.service {
                Some(Ok((code, After::Halt(pc)))) => {
                    format!("{} {}", self.printer.call(code), stop(*pc, 0, 0, None))
                }
                Some(Ok((code, After::Goto(_)))) => self.printer.call(code),
                Some(Err(lack)) => self.lack(lack),
                None => return,
            },
        };
        self.add(&line);
    }

    fn type_of(&self, v: Val) -> Type {
        match self.meaning.node(v) {
            Node::Imm(of, _) | Node::Binary(_, of, ..) | Node::Convert { to: of, .. } => of,
            Node::Get(slot) => G::SLOTS[slot].1,
            Node::Load { of, .. } => of,
            Node::Compare(..) | Node::CompareFloat(..) => Type::Bool,
            Node::Select(_, a, _) => self.type_of(a),
            Node::Float(..) | Node::IntToFloat(_) | Node::BitsFloat(_) => Type::F64,
            Node::FloatBits(_) => Type::I64,
        }
    }

    /// An expression as an operand of another.
    fn text(&mut self, v: Val) -> String {
        let raw = self.assigned(v);
        match self.meaning.node(v) {
            _ if self.held.contains_key(&v) => raw,
            // C calculates with at least 32 bits.
            Node::Binary(_, of @ (Type::I8 | Type::I16), ..) => format!("({})({raw})", c_type(of)),
            Node::Convert { to, .. } => format!("({}){raw}", c_type(to)),
            Node::Binary(..) | Node::Compare(..) | Node::Select(..) => format!("({raw})"),
            Node::Float(..) | Node::CompareFloat(..) => format!("({raw})"),
            _ => raw,
        }
    }

    /// An expression that stands alone, as a condition or an address.
    fn alone(&mut self, v: Val) -> String {
        match self.meaning.node(v) {
            Node::Compare(..) | Node::CompareFloat(..) | Node::Select(..) => self.assigned(v),
            _ => self.text(v),
        }
    }

    /// An expression that a variable of its type gets, which makes its value one of the type.
    fn assigned(&mut self, v: Val) -> String {
        if let Some(name) = self.held.get(&v) {
            return name.clone();
        }
        match self.meaning.node(v) {
            Node::Imm(of, bits) => constant(of, bits),
            Node::Get(slot) => register::<G>(slot),
            Node::Load { space, of, at } => match self.element(space, of, at) {
                Ok(element) => element,
                Err(address) => format!("{}({address})", self.printer.accessor(of, false)),
            },
            Node::Binary(op, of, a, b) => self.binary(op, of, a, b),
            Node::Compare(cond, of, a, b) => self.compare(cond, of, a, b),
            Node::Select(c, a, b) => format!("{} ? {} : {}", self.text(c), self.text(a), self.text(b)),
            Node::Convert { signed: true, from, v, .. } => format!("({}){}", signed_type(from), self.text(v)),
            Node::Convert { v, .. } => self.text(v),
            Node::Float(op, a, b) => {
                let sign = match op {
                    Float::Add => "+",
                    Float::Sub => "-",
                    Float::Mul => "*",
                    Float::Div => "/",
                };
                format!("{} {sign} {}", self.text(a), self.text(b))
            }
            Node::CompareFloat(cond, a, b) => {
                let sign = match cond {
                    FloatCond::Eq => "==",
                    FloatCond::Lt => "<",
                    FloatCond::Le => "<=",
                };
                format!("{} {sign} {}", self.text(a), self.text(b))
            }
            Node::IntToFloat(v) => format!("(double)(i64){}", self.text(v)),
            Node::FloatBits(v) => format!("as_bits({})", self.text(v)),
            Node::BitsFloat(v) => format!("as_double({})", self.text(v)),
        }
    }

    fn binary(&mut self, op: Binary, of: Type, a: Val, b: Val) -> String {
        let bits = 8 * of.bytes() as u64;
        let (a, known, b) = (self.text(a), self.meaning.known(b), self.text(b));
        // By the count modulo the type's bits.
        let count = known.map_or_else(|| format!("({b} & {})", bits - 1), |n| (n % bits).to_string());
        // C makes signed integers of short ones, and these may overflow.
        let wide = if bits < 32 { format!("(u32){a}") } else { a.clone() };
        match (op, known) {
            (Binary::Add, Some(n)) if n > mask(of) / 2 => {
                format!("{a} - {}", constant(of, n.wrapping_neg() & mask(of)))
            }
            (Binary::Xor, Some(n)) if n == mask(of) => format!("~{a}"),
            (Binary::Add, _) => format!("{a} + {b}"),
            (Binary::Sub, _) => format!("{a} - {b}"),
            (Binary::Mul, _) => format!("{wide} * {b}"),
            (Binary::And, _) => format!("{a} & {b}"),
            (Binary::Or, _) => format!("{a} | {b}"),
            (Binary::Xor, _) => format!("{a} ^ {b}"),
            (Binary::Shl, _) => format!("{wide} << {count}"),
            (Binary::Shr, _) => format!("{a} >> {count}"),
            (Binary::Sar, _) => format!("({})(({}){a} >> {count})", c_type(of), signed_type(of)),
            (Binary::Div | Binary::Rem, _) => format!("{}({a}, {b})", self.printer.division(op, of)),
        }
    }

    fn compare(&mut self, cond: Cond, of: Type, a: Val, b: Val) -> String {
        let (sign, is_signed) = match cond {
            Cond::Eq => ("==", false),
            Cond::Ne => ("!=", false),
            Cond::Lt => ("<", true),
            Cond::Le => ("<=", true),
            Cond::Gt => (">", true),
            Cond::Ge => (">=", true),
            Cond::Below => ("<", false),
        };
        let mut operand = |v: Val| match self.meaning.known(v) {
            Some(0) => "0".to_owned(),
            _ if is_signed => format!("({}){}", signed_type(of), self.text(v)),
            _ => self.text(v),
        };
        format!("{} {sign} {}", operand(a), operand(b))
    }
}
