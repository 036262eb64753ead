//! Random programs, as text, and the check that a compiled program does what its tree says.

use std::fmt::Write;

use super::eval::{self, End, Limits};
use super::tree::{Base, Type};
use crate::device::Console;
use crate::diagnostic::{Source, Style};
use crate::fuzz::{self, Choices, Summary};
use crate::guest::Stop;
use crate::guests::iridium::isa::{EXIT, HEAP_LIMIT, Numbering};
use crate::guests::iridium::{Iridium, asm, isa};
use crate::vm::Vm;

/// What came of a random program.
#[derive(Clone, Debug)]
pub struct Checked {
    /// How it ended; `None` where it was refused for its floats, or took too long.
    pub end: Option<End>,
    /// What the machine did.
    pub summary: Summary,
}

/// A random program, compiled, does in a random configuration what the evaluator says: the same output, and the
/// same end.
///
/// # Errors
/// Where they differ: the program, and both.
pub fn check(bytes: &[u8]) -> Result<Checked, String> {
    let choices = &mut Choices::new(bytes);
    let config = fuzz::config(choices);
    let text = program(choices);
    let none = Checked { end: None, summary: Summary::default() };
    let (program, log) = super::check(&text);
    let source = Source::new("random.ird", &text);
    let shown = |log| format!("{text}\n{}", source.render_all(log, Style::Plain));
    let Some(program) = program else { return Err(format!("a program is refused:\n{}", shown(&log))) };
    let run = eval::run(&program, &source, Limits { steps: 1 << 17, ..Limits::default() });
    let (image, log) = super::build("random.ird", &text);
    let Some(image) = image else {
        let is_for_floats = log.iter().filter(|one| one.is_error()).all(|one| one.message.contains("float"));
        return if is_for_floats { Ok(none) } else { Err(format!("no image:\n{}", shown(&log))) };
    };
    if run.end == End::Limit {
        return Ok(none);
    }
    let (console, output) = Console::scripted("");
    let iridium = Iridium::new(image.into(), isa::Numbering::Series, console);
    let state = iridium.power_on(HEAP_LIMIT);
    let mut vm = Vm::new(iridium, state, config.clone());
    // An expression that is evaluated takes less than a thousand instructions, those of its routines included.
    let stop = vm.run(1 << 27);
    crate::guest::Guest::flush(vm.guest_mut()).map_err(|error| error.to_string())?;
    let end = match (&stop, vm.state().get(EXIT)) {
        (Stop::Halted, 0) => Some(End::Finished),
        (Stop::Halted, _) => Some(End::Trapped),
        (Stop::Fault(fault), _) if fault.reason == "division_by_zero" => Some(End::DividedByZero),
        _ => None,
    };
    if end != Some(run.end) || output.bytes() != run.output {
        let [printed, expected] =
            [output.bytes(), run.output].map(|one| String::from_utf8_lossy(&one).into_owned());
        let (assembly, _) = super::compile("random.ird", &text);
        let assembly = assembly.map_or(String::new(), |assembly| assembly.text);
        return Err(format!(
            "{config:?}\n{text}\n{assembly}\nthe machine: {stop:?}\n{printed}\nthe evaluator: {:?}\n{expected}",
            run.end
        ));
    }
    Ok(Checked { end, summary: Summary::of(&vm) })
}

/// Any text compiles to what assembles, or it is said why not.
///
/// # Errors
/// What is wrong.
pub fn any_text(bytes: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(bytes);
    let (assembly, log) = super::compile("text.ird", &text);
    let shown = Source::new("text.ird", &text).render_all(&log, Style::Plain);
    match assembly {
        None if !log.iter().any(|one| one.is_error()) => Err("no program, and no error".to_owned()),
        None if shown.contains("the compiler is wrong") => Err(shown),
        None => Ok(()),
        Some(assembly) => match asm::assemble("text.iasm", &assembly.text, Numbering::Series).image {
            Some(_) => Ok(()),
            None => Err(format!("it does not assemble:\n{}", assembly.text)),
        },
    }
}

/// A program of these choices. It is right, but may need more floats at once than the machine has.
pub fn program(choices: &mut Choices<'_>) -> String {
    let mut writer = Writer {
        choices,
        text: String::new(),
        functions: Vec::new(),
        variables: Vec::new(),
        inside: String::new(),
        names: 0,
        statements: 60,
        depth: 0,
        loops: 0,
    };
    for n in 0..writer.choices.below(4) {
        writer.function(n);
    }
    writer.text += "fn main() {\n";
    writer.body(Type::NOTHING);
    writer.text += "}\n";
    writer.text
}

#[derive(Clone)]
struct Variable {
    name: String,
    of: Type,
    /// Whether it may be assigned to.
    mutable: bool,
}

#[derive(Clone)]
struct Callee {
    name: String,
    params: Vec<Type>,
    result: Type,
    /// Whether the first argument says how deep it calls itself.
    recursive: bool,
}

struct Writer<'c, 'b> {
    choices: &'c mut Choices<'b>,
    text: String,
    functions: Vec<Callee>,
    variables: Vec<Variable>,
    /// The function that is being written.
    inside: String,
    /// Names given so far.
    names: usize,
    /// Statements that may still come.
    statements: usize,
    /// Blocks around.
    depth: usize,
    /// Loops around.
    loops: usize,
}

const INTS: Type = Type { base: Base::Int, brackets: 1 };
const BOOLS: Type = Type { base: Base::Bool, brackets: 1 };
const TABLE: Type = Type { base: Base::Int, brackets: 2 };
/// Types of values, the likelier more often.
const TYPES: [Type; 8] = [Type::INT, Type::INT, Type::INT, Type::FLOAT, Type::BOOL, INTS, BOOLS, TABLE];
/// Expressions in each other.
const DEPTH: usize = 4;

impl Writer<'_, '_> {
    fn line(&mut self, line: &str) {
        let indent = "    ".repeat(self.depth + 1);
        let _ = writeln!(self.text, "{indent}{line}");
    }

    fn name(&mut self) -> String {
        // Now and then an old one, which is hidden then; but `p0` says how deep a function calls itself.
        let old = self.variables.last().filter(|old| self.choices.chance(16) && old.name != "p0");
        let old = old.map(|old| old.name.clone());
        self.names += 1;
        old.unwrap_or_else(|| format!("v{}", self.names))
    }

    fn declare(&mut self, name: String, of: Type, mutable: bool) {
        self.variables.push(Variable { name, of, mutable });
    }

    fn function(&mut self, n: u16) {
        let recursive = self.choices.chance(100);
        let mut params: Vec<Type> = (0..self.choices.below(5)).map(|_| self.choices.pick(&TYPES)).collect();
        if recursive {
            params.insert(0, Type::INT);
        }
        let result = if self.choices.chance(60) { Type::NOTHING } else { self.choices.pick(&TYPES) };
        let callee = Callee { name: format!("f{n}"), params, result, recursive };
        let names: Vec<String> = callee.params.iter().enumerate().map(|(n, _)| format!("p{n}")).collect();
        let written: Vec<String> =
            names.iter().zip(&callee.params).map(|(name, of)| format!("{name}: {of}")).collect();
        let arrow = if result == Type::NOTHING { String::new() } else { format!(" -> {result}") };
        let _ = writeln!(self.text, "fn {}({}){arrow} {{", callee.name, written.join(", "));
        self.inside.clone_from(&callee.name);
        for (name, &of) in names.into_iter().zip(&callee.params) {
            self.declare(name, of, false);
        }
        if recursive {
            let value = if result == Type::NOTHING { String::new() } else { self.expr(result, 1) };
            self.line(&format!("if p0 <= 0 {{ return {value}; }}"));
            self.functions.push(callee.clone());
            self.body(result);
        } else {
            self.body(result);
            self.functions.push(callee);
        }
        self.inside.clear();
        self.text += "}\n\n";
    }

    /// A function's statements, and its result.
    fn body(&mut self, result: Type) {
        self.statements = 12 + usize::from(self.choices.below(20));
        if self.choices.chance(40) {
            self.crowd();
        }
        for _ in 0..1 + self.choices.below(8) {
            self.statement();
        }
        if result != Type::NOTHING {
            let value = self.expr(result, 0);
            self.line(&format!("return {value};"));
        }
        self.variables.clear();
    }

    /// More variables than there are registers, all used at the end.
    fn crowd(&mut self) {
        let count = 20 + self.choices.below(20);
        let first = self.variables.len();
        for n in 0..count {
            let value = self.expr(Type::INT, 3);
            let name = format!("w{n}");
            self.line(&format!("var {name} = {value};"));
            self.declare(name, Type::INT, true);
        }
        for _ in 0..self.choices.below(4) {
            self.statement();
        }
        let seen = self.variables[first..].iter().filter(|one| one.of == Type::INT && self.is_seen(one));
        let all: Vec<String> = seen.map(|one| one.name.clone()).collect();
        self.line(&format!("print({}, \"\\n\");", all.join(" ^ ")));
    }

    fn block(&mut self, header: &str) {
        self.line(&format!("{header} {{"));
        let scope = self.variables.len();
        self.depth += 1;
        for _ in 0..1 + self.choices.below(4) {
            self.statement();
        }
        self.depth -= 1;
        self.variables.truncate(scope);
        self.line("}");
    }

    fn statement(&mut self) {
        if self.statements == 0 {
            return;
        }
        self.statements -= 1;
        let kinds = if self.depth < 4 { 24 } else { 14 };
        match self.choices.below(kinds) {
            0..3 => self.print(),
            3..7 => {
                let of = self.choices.pick(&TYPES);
                let value = self.expr(of, 0);
                let (name, mutable) = (self.name(), self.choices.chance(150));
                let word = if mutable { "var" } else { "let" };
                let annotation = if self.choices.chance(60) { format!(": {of}") } else { String::new() };
                self.line(&format!("{word} {name}{annotation} = {value};"));
                self.declare(name, of, mutable);
            }
            7..11 => self.assign(),
            11 => self.call_statement(),
            12 if self.loops > 0 && self.choices.chance(128) => {
                let word = self.choices.pick(&["break", "continue"]);
                let condition = self.expr(Type::BOOL, 2);
                self.line(&format!("if {condition} {{ {word}; }}"));
            }
            12 | 13 => self.assign_element(),
            14..18 => {
                let condition = self.expr(Type::BOOL, 1);
                self.block(&format!("if {condition}"));
                if self.choices.chance(128) {
                    self.text.truncate(self.text.trim_end().len());
                    let condition = self.expr(Type::BOOL, 1);
                    let header = if self.choices.chance(80) {
                        format!(" else if {condition}")
                    } else {
                        " else".to_owned()
                    };
                    let _ = writeln!(self.text, "{header} {{");
                    let scope = self.variables.len();
                    self.depth += 1;
                    self.statement();
                    self.depth -= 1;
                    self.variables.truncate(scope);
                    self.line("}");
                }
            }
            18..21 => self.counted(),
            21 | 22 => self.repeated(),
            _ => self.block(""),
        }
    }

    fn counted(&mut self) {
        let name = self.name();
        let from =
            if self.choices.chance(60) { self.expr(Type::INT, 3) } else { self.choices.below(3).to_string() };
        let to = match self.choices.below(3) {
            0 => self.choices.below(12).to_string(),
            1 => format!("({}) % 9", self.expr(Type::INT, 3)),
            _ => format!("({from}) + {}", self.choices.below(7)),
        };
        self.declare(name.clone(), Type::INT, false);
        self.loops += 1;
        self.block(&format!("for {name} in {from}..{to}"));
        self.loops -= 1;
        self.variables.pop();
    }

    fn repeated(&mut self) {
        self.names += 1;
        let name = format!("k{}", self.names);
        let times = self.choices.below(8);
        self.line(&format!("var {name} = 0;"));
        self.declare(name.clone(), Type::INT, false);
        let condition = if self.choices.chance(128) { self.expr(Type::BOOL, 2) } else { "true".to_owned() };
        self.line(&format!("while {name} < {times} && {condition} {{"));
        self.line(&format!("    {name} += 1;"));
        self.loops += 1;
        self.block("");
        self.loops -= 1;
        self.line("}");
    }

    fn print(&mut self) {
        let mut parts: Vec<String> = Vec::new();
        for _ in 0..1 + self.choices.below(3) {
            let of = self.choices.pick(&[Type::INT, Type::INT, Type::BOOL, Type::FLOAT]);
            parts.push(self.expr(of, 1));
            parts.push("\" \"".to_owned());
        }
        self.line(&format!("print({}, \"it's\\t\\\\\\n\");", parts.join(", ")));
    }

    fn assign(&mut self) {
        let all: Vec<Variable> =
            self.variables.iter().filter(|one| self.is_seen(one) && one.mutable).cloned().collect();
        if all.is_empty() {
            return self.print();
        }
        let to = &all[usize::from(self.choices.below(all.len() as u16))];
        let op = match to.of {
            Type::INT => self.choices.pick(&["=", "+=", "-=", "*=", "&=", "|=", "^=", "<<=", ">>="]),
            Type::FLOAT => self.choices.pick(&["=", "+=", "-=", "*=", "/="]),
            _ => "=",
        };
        let value = self.expr(to.of, 0);
        self.line(&format!("{} {op} {value};", to.name));
    }

    fn assign_element(&mut self) {
        let of = self.choices.pick(&[Type::INT, Type::INT, Type::BOOL, INTS]);
        let array = Type { brackets: of.brackets + 1, ..of };
        let Some(name) = self.variable(array) else { return self.assign() };
        let (index, value) = (self.index(&name), self.expr(of, 1));
        let op = if of == Type::INT { self.choices.pick(&["=", "+=", "^=", "*="]) } else { "=" };
        self.line(&format!("{name}[{index}] {op} {value};"));
    }

    fn call_statement(&mut self) {
        if self.functions.is_empty() {
            return self.print();
        }
        let callee = self.functions[usize::from(self.choices.below(self.functions.len() as u16))].clone();
        let call = self.call(&callee, 1);
        self.line(&format!("{call};"));
    }

    fn call(&mut self, callee: &Callee, depth: usize) -> String {
        let mut arguments: Vec<String> = callee.params.iter().map(|&of| self.expr(of, depth + 1)).collect();
        if callee.recursive {
            let is_inside = self.inside == callee.name;
            arguments[0] = if is_inside { "p0 - 1".to_owned() } else { self.choices.below(5).to_string() };
        }
        format!("{}({})", callee.name, arguments.join(", "))
    }

    /// Whether no later variable has its name.
    fn is_seen(&self, variable: &Variable) -> bool {
        let last = self.variables.iter().rev().find(|one| one.name == variable.name);
        last.is_some_and(|last| std::ptr::eq(last, variable))
    }

    /// A variable of this type.
    fn variable(&mut self, of: Type) -> Option<String> {
        let all: Vec<&Variable> =
            self.variables.iter().filter(|one| one.of == of && self.is_seen(one)).collect();
        let last = all.len().checked_sub(1)?;
        // The later ones are the likelier.
        let back = usize::from(self.choices.byte() % 6).min(last);
        Some(all[last - back].name.clone())
    }

    /// An index that is mostly inside.
    fn index(&mut self, array: &str) -> String {
        match self.choices.below(16) {
            0 => self.expr(Type::INT, 3),
            1..8 => self.choices.below(4).to_string(),
            _ => format!("({}) % len({array}) & 3", self.expr(Type::INT, 3)),
        }
    }

    fn expr(&mut self, of: Type, depth: usize) -> String {
        let is_leaf = depth >= DEPTH;
        if self.choices.chance(if is_leaf { 200 } else { 90 })
            && let Some(name) = self.variable(of)
        {
            return name;
        }
        if !is_leaf && self.choices.chance(40) {
            let fitting: Vec<Callee> =
                self.functions.iter().filter(|one| one.result == of).cloned().collect();
            if !fitting.is_empty() {
                let callee = &fitting[usize::from(self.choices.below(fitting.len() as u16))];
                return self.call(callee, depth);
            }
        }
        let next = depth + 1;
        match of {
            _ if is_leaf => self.literal(of),
            Type::INT => self.int(next),
            Type::FLOAT => match self.choices.below(8) {
                0..3 => self.literal(of),
                3 => format!("float({})", self.expr(Type::INT, next)),
                4 => format!("-{}", self.expr(of, DEPTH)),
                _ => {
                    let op = self.choices.pick(&["+", "-", "*", "/"]);
                    format!("({} {op} {})", self.expr(of, next), self.expr(of, next))
                }
            },
            Type::BOOL => self.truth(next),
            _ => {
                let element = of.element().unwrap_or(Type::INT);
                match self.choices.below(4) {
                    0 if of.brackets == 1 => {
                        if let Some(table) = self.variable(Type { brackets: 2, ..of }) {
                            return format!("{table}[{}]", self.index(&table));
                        }
                        self.literal(of)
                    }
                    1 => self.literal(of),
                    2 => {
                        let count = 4 + self.choices.below(4);
                        let all: Vec<String> = (0..count).map(|_| self.expr(element, DEPTH)).collect();
                        format!("[{}]", all.join(", "))
                    }
                    _ => format!("[{}; 4 + {} % 5]", self.expr(element, next), self.expr(Type::INT, DEPTH)),
                }
            }
        }
    }

    fn int(&mut self, next: usize) -> String {
        match self.choices.below(16) {
            0..3 => self.literal(Type::INT),
            3 => format!("-{}", self.expr(Type::INT, DEPTH)),
            4 => format!("int({})", self.expr(Type::FLOAT, next)),
            5 | 6 => match self.variable(INTS) {
                Some(array) => format!("{array}[{}]", self.index(&array)),
                None => self.literal(Type::INT),
            },
            7 => match self.variable(INTS) {
                Some(array) => format!("len({array})"),
                None => self.literal(Type::INT),
            },
            8 => {
                let op = self.choices.pick(&["/", "%"]);
                let by = if self.choices.chance(16) {
                    self.expr(Type::INT, next)
                } else {
                    format!("{}", 1 + self.choices.below(9))
                };
                format!("({} {op} {by})", self.expr(Type::INT, next))
            }
            9 => {
                let op = self.choices.pick(&["<<", ">>"]);
                let by = if self.choices.chance(60) {
                    self.expr(Type::INT, next)
                } else {
                    self.choices.below(35).to_string()
                };
                format!("({} {op} {by})", self.expr(Type::INT, next))
            }
            _ => {
                let op = self.choices.pick(&["+", "+", "-", "-", "*", "&", "|", "^"]);
                format!("({} {op} {})", self.expr(Type::INT, next), self.expr(Type::INT, next))
            }
        }
    }

    fn truth(&mut self, next: usize) -> String {
        match self.choices.below(10) {
            0 => self.literal(Type::BOOL),
            1 => format!("!{}", self.expr(Type::BOOL, next)),
            2 | 3 => {
                let op = self.choices.pick(&["&&", "||"]);
                format!("({} {op} {})", self.expr(Type::BOOL, next), self.expr(Type::BOOL, next))
            }
            4 => {
                let op = self.choices.pick(&["==", "!="]);
                format!("({} {op} {})", self.expr(Type::BOOL, next), self.expr(Type::BOOL, next))
            }
            n => {
                let of = if n < 6 { Type::FLOAT } else { Type::INT };
                let op = self.choices.pick(&["<", "<=", ">", ">=", "==", "!="]);
                format!("({} {op} {})", self.expr(of, next), self.expr(of, next))
            }
        }
    }

    fn literal(&mut self, of: Type) -> String {
        const INTS: [i32; 10] = [i32::MIN, i32::MAX, -1, 0, 1, 10, 65535, 65536, -65536, 1 << 30];
        const FLOATS: [&str; 10] =
            ["0.0", "1.0", "0.5", "0.1", "2.5", "1e9", "3.14159", "1e300", "65536.0", "0.000001"];
        match of {
            Type::INT if self.choices.chance(60) => self.choices.pick(&INTS).to_string(),
            Type::INT => self.choices.below(20).to_string(),
            Type::FLOAT => self.choices.pick(&FLOATS).to_owned(),
            Type::BOOL => self.choices.pick(&["true", "false"]).to_owned(),
            _ => {
                let value = self.literal(of.element().unwrap_or(Type::INT));
                format!("[{value}; {}]", 4 + self.choices.below(4))
            }
        }
    }
}
