//! The machine's state: value stack, statics, heap and tables, as both the interpreter and native code see them.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::table::Table;

use super::embed::Kept;
use super::error::Call;
use super::feedback::Seen;
use super::heap::{Heap, Hole};
use super::isa::{Insn, LINK, Op};
use super::object::{Class, Closure, Native, Ref, shape};
use super::shapes::Shapes;
use super::strings::Strings;
use super::unit::{Capture, Static, Unit};
use super::value::Value;
use super::{native, unit};

/// What a program hears that needs more memory than it may have.
pub const OUT_OF_MEMORY: &str = "Out of memory.";
/// Registers that a frame has on average, at most, where the stack is full.
const FRAME: usize = 260;
/// Slots of the stack that are taken into use at a time.
const STEP: usize = 1 << 13;
/// Bytes of output that are kept before they are written.
const OUTPUT: usize = 1 << 16;
/// Entries of the table of lookups.
const LOOKUPS: usize = 1 << 12;

/// Machines made so far.
static MACHINES: AtomicU64 = AtomicU64::new(0);

/// What a machine may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Calls that may be under way at the same time, the script's among them.
    pub calls: u32,
    /// Bytes that objects may have.
    pub memory: usize,
    /// Bytes that are allocated at least between two collections.
    pub cycle: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { calls: 100_000, memory: 4 << 30, cycle: 4 << 20 }
    }
}

/// A shape, and what a site's name means there.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Way {
    /// The shape; 0 is none. Where `super` is, the superclass's number and one.
    pub shape: u32,
    /// The shape that an instance has after this.
    pub after: u32,
    /// Where in the instance the field is, in bytes; or the method's address.
    pub word: u64,
}

/// What a place in the program that deals with a name has learned, beyond the first shape that it met: that one is in
/// a table of its own, which is close together.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Site {
    /// The name's number.
    pub name: u32,
    /// How many arguments a call has.
    pub count: u32,
    /// Other shapes, and how often each was met.
    pub others: [(Way, u64); 3],
    /// How often a shape was met that was not known here.
    pub misses: u64,
}

/// What a name is in an instance of some shape.
#[derive(Clone, Copy, PartialEq)]
pub enum Found {
    Nothing,
    /// A field: its number.
    Field(u32),
    /// A method.
    Method(Ref<Closure>),
}

/// A function, linked.
pub struct Function {
    /// A string; nil for the script.
    pub name: Value,
    pub arity: u8,
    pub registers: u16,
    pub captures: Vec<Capture>,
    pub entry: *const Insn,
    /// The program that it is from, and where its code is there.
    pub code: u32,
    pub start: u32,
    pub len: u32,
    /// What was seen of each instruction; nothing as long as none was looked at.
    pub seen: Box<[Seen]>,
}

/// A program's code, linked.
pub struct Code {
    pub insns: Box<[Insn]>,
    /// What it was made from.
    pub unit: Unit,
    /// The number of its script.
    pub first_function: u32,
}

/// A class's part that is not in its object.
pub struct ClassInfo {
    /// The class.
    pub object: Ref<Class>,
    /// Its methods, inherited ones included, by their names' numbers.
    pub methods: HashMap<u32, Ref<Closure>>,
    /// Fields that its instances have room for.
    pub room: u32,
}

/// What has been collected.
#[derive(Clone, Copy, Debug, Default)]
pub struct Collections {
    /// How often.
    pub count: u64,
    /// How long all of them took.
    pub time: Duration,
    /// How long the longest took.
    pub longest: Duration,
    /// Bytes that were live at most.
    pub most_live: usize,
}

/// Why the machine does not go on.
pub enum Halt {
    /// The call that the host made has returned this.
    Done(Value),
    /// The budget is spent.
    Budget,
    /// The program is wrong.
    Error(String),
    /// Output cannot be written.
    Io(io::Error),
}

/// The machine's state. What instructions use most is first.
#[repr(C)]
pub struct Core {
    /// Where new objects go.
    pub hole: Hole,
    /// Calls that may still be made.
    pub calls_left: i64,
    /// Bytes of instructions until some are looked at.
    pub until_look: isize,
    /// Bytes of instructions that the budget has beyond `spent_at`.
    pub reserve: isize,
    /// The end of the part of the stack that is in use.
    pub soft: *mut Value,
    /// What places in the program have learned: the first shapes, and the others.
    pub ways: *mut Way,
    pub sites: *mut Site,
    /// The instruction at which the machine stands, and its frame, while it is not running.
    pub pc: *const Insn,
    pub base: *mut Value,
    /// The address of an instruction before which the budget would be spent, if no jump came in between.
    pub spent_at: isize,
    pub halt: Option<Halt>,
    /// Calls by natives that are under way.
    pub nested: u32,
    /// What ended a call by a native, to be heeded when the native returns.
    pub broken: Option<Halt>,
    /// The calls within a call by a native that failed.
    pub inner: Vec<Call>,
    /// Constants and global variables.
    pub statics: Vec<Value>,
    pub heap: Heap,
    pub strings: Strings,
    pub shapes: Shapes,
    pub classes: Vec<Option<ClassInfo>>,
    /// Numbers of classes that are gone.
    pub free_classes: Vec<u32>,
    pub functions: Vec<Function>,
    pub natives: Vec<native::Function>,
    /// Values that the host keeps.
    pub kept: Vec<Arc<Kept>>,
    /// What no other machine has.
    pub id: u64,
    pub out: Vec<u8>,
    pub sink: Box<dyn Write + Send>,
    pub collections: Collections,
    pub limits: Limits,
    pub code: Vec<Code>,
    /// The most instructions that can retire between two looks at the budget.
    pub longest: usize,
    way_table: Vec<Way>,
    site_table: Vec<Site>,
    lookups: Box<[(u32, u32, Found)]>,
    /// The names of properties, strings.
    pub names: Vec<Value>,
    name_numbers: HashMap<Vec<u8>, u32>,
    globals: HashMap<Vec<u8>, u32>,
    constants: HashMap<(u8, u64), u32>,
    stack: Table<u64>,
    /// What the host's own calls return to.
    host_code: Box<[Insn]>,
}

// SAFETY: its pointers lead to its own stack, code, sites and heap, which nobody else has; natives and the sink are
// `Send`.
unsafe impl Send for Core {}

impl Core {
    pub fn new(limits: Limits, sink: Box<dyn Write + Send>) -> Box<Core> {
        let mut core = Box::new(Core {
            hole: Hole::default(),
            calls_left: i64::from(limits.calls),
            soft: std::ptr::null_mut(),
            ways: std::ptr::null_mut(),
            sites: std::ptr::null_mut(),
            pc: std::ptr::null(),
            base: std::ptr::null_mut(),
            until_look: 0,
            reserve: 0,
            spent_at: 0,
            halt: Some(Halt::Done(Value::NIL)),
            nested: 0,
            broken: None,
            inner: Vec::new(),
            statics: Vec::new(),
            heap: Heap::new(limits.memory, limits.cycle),
            strings: Strings::new(),
            shapes: Shapes::default(),
            classes: Vec::new(),
            free_classes: Vec::new(),
            functions: Vec::new(),
            natives: Vec::new(),
            kept: Vec::new(),
            id: MACHINES.fetch_add(1, Ordering::Relaxed),
            out: Vec::new(),
            sink,
            collections: Collections::default(),
            limits,
            code: Vec::new(),
            longest: 1,
            way_table: Vec::new(),
            site_table: Vec::new(),
            lookups: vec![(0, 0, Found::Nothing); LOOKUPS].into(),
            names: Vec::new(),
            name_numbers: HashMap::new(),
            globals: HashMap::new(),
            constants: HashMap::new(),
            stack: Table::new(limits.calls as usize * FRAME + (1 << 16)),
            host_code: Box::new([Insn::new(Op::Call, 0, 0, 0, 0), Insn::new(Op::Halt, 0, 0, 0, 0)]),
        });
        core.soft = core.stack_start();
        core
    }

    // The stack.

    pub fn stack_start(&mut self) -> *mut Value {
        self.stack.as_mut_ptr().cast()
    }

    fn stack_end(&mut self) -> *mut Value {
        self.stack.as_mut_ptr_range().end.cast()
    }

    /// Takes the stack up to `top` into use; whether it is that large.
    pub fn grow_stack(&mut self, top: *mut Value) -> bool {
        let end = self.stack_end();
        if top > end {
            return false;
        }
        if top > self.soft {
            self.soft = top.wrapping_add(STEP).min(end);
        }
        true
    }

    /// Forgets what is above `top`, which is in use only up to there.
    pub fn clear_stack(&mut self, top: *mut Value) {
        let start = self.stack.as_mut_ptr() as usize;
        let (from, to) = ((top as usize - start) / 8, (self.soft as usize - start) / 8);
        if from < to {
            self.stack[from..to].fill(0);
            self.soft = top.wrapping_add(STEP).min(self.soft);
        }
    }

    /// The slots of the stack below `top`.
    pub fn slots(&self, top: *mut Value) -> &[u64] {
        let used = (top as usize - self.stack.as_ptr() as usize) / 8;
        &self.stack[..used]
    }

    /// Prepares a call by the host. The machine must not be in another one.
    pub fn prepare_call(&mut self, callee: Value, arguments: &[Value]) {
        self.calls_left = i64::from(self.limits.calls);
        (self.nested, self.broken) = (0, None);
        self.inner.clear();
        self.place_call(0, callee, arguments);
    }

    /// The same in the part of the stack from this slot on, which is free and has room.
    pub fn place_call(&mut self, from: usize, callee: Value, arguments: &[Value]) {
        // The host's frame has a link, too, which says nothing.
        self.stack[from..from + LINK].fill(0);
        let frame = [callee].into_iter().chain(arguments.iter().copied());
        for (slot, value) in frame.enumerate() {
            self.stack[from + 2 * LINK + slot] = value.0;
        }
        let base = self.stack_start().wrapping_add(from + LINK);
        self.host_code[0] = Insn::new(Op::Call, 0, 0, 0, arguments.len() as u8);
        self.grow_stack(base.wrapping_add(LINK + 1 + arguments.len()));
        (self.pc, self.base) = (self.host_code.as_ptr(), base);
        self.halt = None;
    }

    /// The end of the frame in which the machine stands, as a slot of the stack.
    pub fn frame_end(&self) -> usize {
        // The host's own frame has only what it calls.
        let closure = self.slot(self.base as usize, -1).as_object::<Closure>();
        let registers = closure.map_or(LINK + 256, |closure| closure.registers as usize);
        (self.base as usize - self.stack.as_ptr() as usize) / 8 + registers
    }

    /// Slots that the stack has.
    pub fn stack_len(&self) -> usize {
        self.stack.len()
    }

    /// Whether this is an instruction of the host's own call.
    pub fn is_host_code(&self, pc: *const Insn) -> bool {
        self.host_code.as_ptr_range().contains(&pc)
    }

    // Names and statics.

    /// The number of a property's name.
    pub fn name(&mut self, name: &[u8]) -> u32 {
        if let Some(&number) = self.name_numbers.get(name) {
            return number;
        }
        let string = self.string_value(name);
        self.names.push(string);
        let number = self.names.len() as u32 - 1;
        self.name_numbers.insert(name.to_vec(), number);
        number
    }

    /// The static that a global variable is.
    pub fn global(&mut self, name: &[u8]) -> u32 {
        if let Some(&number) = self.globals.get(name) {
            return number;
        }
        let number = self.add_static(Value::UNDEFINED);
        self.globals.insert(name.to_vec(), number);
        number
    }

    /// The global variable with this name, if it is defined.
    pub fn find_global(&self, name: &[u8]) -> Option<Value> {
        let value = self.statics[*self.globals.get(name)? as usize];
        (value != Value::UNDEFINED).then_some(value)
    }

    /// The names of the global variables that are defined.
    pub fn globals(&self) -> impl Iterator<Item = &[u8]> {
        let defined = |n: u32| self.statics[n as usize] != Value::UNDEFINED;
        self.globals.iter().filter(move |entry| defined(*entry.1)).map(|entry| entry.0.as_slice())
    }

    /// The name of a global variable.
    pub fn global_name(&self, number: usize) -> &[u8] {
        let found = self.globals.iter().find(|entry| *entry.1 as usize == number);
        found.map_or(b"", |entry| entry.0)
    }

    fn add_static(&mut self, value: Value) -> u32 {
        self.statics.push(value);
        self.statics.len() as u32 - 1
    }

    fn static_of(&mut self, of: &Static) -> u32 {
        let value = match of {
            Static::Nil => Value::NIL,
            Static::Bool(value) => Value::bool(*value),
            Static::Number(number) => Value::number(*number),
            Static::String(bytes) => self.string_value(bytes),
            Static::Global(name) => return self.global(name),
        };
        let key = (0, value.0);
        if let Some(&number) = self.constants.get(&key) {
            return number;
        }
        let number = self.add_static(value);
        self.constants.insert(key, number);
        number
    }

    // Programs.

    /// Links a verified program; its script, to be called.
    ///
    /// # Errors
    /// The machine has too many constants and globals for it.
    pub fn link(&mut self, unit: &Unit) -> Result<Value, String> {
        let statics: Vec<u32> = unit.statics.iter().map(|of| self.static_of(of)).collect();
        let names: Vec<u32> = unit.sites.iter().map(|site| self.name(&site.name)).collect();
        let (first_site, first_function) = (self.site_table.len() as u32, self.functions.len() as u32);
        let relocate = |insn: Insn| unit::relocate(insn, &statics, first_site, first_function);
        let insns: Option<Box<[Insn]>> = unit.code.iter().map(|&insn| relocate(insn)).collect();
        let insns = insns.ok_or("too many constants and global variables in one machine")?;
        for (site, &name) in unit.sites.iter().zip(&names) {
            self.site_table.push(Site { name, count: u32::from(site.count), ..Site::default() });
        }
        self.way_table.resize(self.site_table.len(), Way::default());
        (self.ways, self.sites) = (self.way_table.as_mut_ptr(), self.site_table.as_mut_ptr());
        for function in &unit.functions {
            let name = match &function.name {
                Some(name) => self.string_value(name),
                None => Value::NIL,
            };
            let code = &insns[function.start as usize..];
            self.longest = self.longest.max(function.len as usize + 1);
            self.functions.push(Function {
                name,
                arity: function.arity,
                registers: function.registers,
                captures: function.captures.clone(),
                entry: code.as_ptr(),
                code: self.code.len() as u32,
                start: function.start,
                len: function.len,
                seen: Box::default(),
            });
        }
        self.code.push(Code { insns, unit: unit.clone(), first_function });
        let script = &self.functions[first_function as usize];
        let (entry, registers) = (script.entry, script.registers);
        let closure = self.heap.make(&mut self.hole, shape::CLOSURE, 0, |header| {
            Closure::new(header, entry, registers, 0, first_function)
        });
        Ok(Value::object(closure))
    }

    /// A global function that is the host's.
    pub fn define_native(&mut self, name: &[u8], function: native::Function) {
        self.natives.push(function);
        let id = self.natives.len() as u64 - 1;
        let object = self.heap.make(&mut self.hole, shape::NATIVE, 0, |header| Native { header, id });
        let global = self.global(name);
        self.statics[global as usize] = Value::object(object);
    }

    // What has been learned.

    /// What a name is in instances of a shape.
    pub fn lookup(&mut self, shape: u32, name: u32) -> Found {
        let place =
            (shape.wrapping_mul(0x9e37_79b1) ^ name.wrapping_mul(0x85eb_ca6b)) as usize >> 7 & (LOOKUPS - 1);
        let entry = self.lookups[place];
        if (entry.0, entry.1) == (shape, name) {
            return entry.2;
        }
        let found = match self.shapes.find(shape, name) {
            Some(field) => Found::Field(field),
            None => self.method(self.shapes.get(shape).class, name).map_or(Found::Nothing, Found::Method),
        };
        self.lookups[place] = (shape, name, found);
        found
    }

    /// The method of a class.
    pub fn method(&self, class: u32, name: u32) -> Option<Ref<Closure>> {
        self.classes[class as usize].as_ref()?.methods.get(&name).copied()
    }

    /// Forgets what was learned, as shapes and methods are gone.
    pub fn forget_learned(&mut self) {
        self.lookups.fill((0, 0, Found::Nothing));
        self.way_table.fill(Way::default());
        for site in &mut self.site_table {
            site.others = Default::default();
        }
    }

    /// What a site has learned.
    pub fn site_mut(&mut self, site: usize) -> &mut Site {
        &mut self.site_table[site]
    }

    /// What was learned: the first shape of each site, and the others.
    pub fn learned(&self) -> impl Iterator<Item = (&Way, &Site)> {
        self.way_table.iter().zip(&self.site_table)
    }

    /// Lets a site learn, in the place of what it knows if it knows too much.
    pub fn learn(&mut self, site: usize, way: Way) {
        let (first, site) = (&mut self.way_table[site], &mut self.site_table[site]);
        site.misses += 1;
        let free = site.others.iter().position(|other| other.0.shape == 0);
        match free.unwrap_or(site.misses as usize % (site.others.len() + 1)) {
            _ if first.shape == 0 => *first = way,
            n if n < site.others.len() => site.others[n] = (way, 0),
            _ => *first = way,
        }
    }

    // Output.

    /// Writes what is kept, if that is much.
    pub fn write_some(&mut self) -> io::Result<()> {
        if self.out.len() >= OUTPUT { self.flush() } else { Ok(()) }
    }

    /// Writes all output.
    pub fn flush(&mut self) -> io::Result<()> {
        let out = std::mem::take(&mut self.out);
        self.sink.write_all(&out)?;
        self.sink.flush()
    }

    // Places.

    /// The code that an instruction belongs to, and its number there.
    pub fn place(&self, pc: *const Insn) -> Option<(&Code, usize)> {
        let code = self.code.iter().find(|code| code.insns.as_ptr_range().contains(&pc))?;
        Some((code, (pc as usize - code.insns.as_ptr() as usize) / size_of::<Insn>()))
    }

    /// The program's instruction that is next: the first of what the host is about to call.
    pub fn next(&self) -> *const Insn {
        if self.pc != self.host_code.as_ptr() {
            return self.pc;
        }
        let callee = self.slot(self.base as usize, LINK as isize).as_object::<Closure>();
        callee.map_or(self.pc, |closure| closure.entry)
    }

    /// The slot at this distance from a base.
    pub fn slot(&self, base: usize, distance: isize) -> Value {
        let at = (base - self.stack.as_ptr() as usize) / 8;
        Value(self.stack[at.wrapping_add_signed(distance)])
    }

    /// The calls under way since the host's last one, innermost first.
    pub fn calls(&self) -> Vec<Call> {
        let mut calls = Vec::new();
        let (mut pc, mut base) = (self.pc, self.base as usize);
        while !self.is_host_code(pc) {
            let closure = self.slot(base, -1).as_object::<Closure>();
            let name = closure.map_or(Value::NIL, |closure| self.functions[closure.function as usize].name);
            let text = || String::from_utf8_lossy(&self.text(name)).into_owned();
            let unit = self.place(pc).map(|(code, n)| (&code.unit, n));
            let span = unit.and_then(|(unit, n)| unit.spans.get(n));
            calls.push(Call {
                line: unit.map_or(0, |(unit, n)| unit.lines[n]),
                function: (name != Value::NIL).then(text),
                span: span.map(|span| span.start as usize..span.end as usize),
            });
            let back = self.slot(base, -2).0 as *const Insn;
            pc = back.wrapping_sub(1);
            let call = self.place(pc).map_or(self.host_code[0], |(code, n)| code.insns[n]);
            base -= 8 * (call.b() + LINK);
        }
        calls
    }
}
