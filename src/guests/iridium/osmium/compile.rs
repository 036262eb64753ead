//! From a program to assembly.

use std::fmt::Write;

use super::allocate::{self, Allocation, Effect, Homeless, RESULT, Registers};
use super::emit::{self, Operand};
use super::ir::{self, Op};
use super::liveness::{self, Liveness};
use super::lower::{self, Texts};
use super::tree::{FnId, Program};
use super::{Source, graph};
use crate::asm::Lines;
use crate::diagnostic::Diagnostic;
use crate::guests::iridium::asm;
use crate::guests::iridium::image::Image;
use crate::guests::iridium::isa::Numbering;

/// A program in assembly.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Assembly {
    /// The text.
    pub text: String,
    /// For each of its lines the one of the source, from 1, that it comes from; 0 for none.
    pub lines: Vec<u32>,
}

/// Compiles a program whose text is `source`.
///
/// # Errors
/// What the machine has no room for.
pub(super) fn compile(
    program: &Program,
    source: &Source<'_>,
    text: &str,
) -> Result<(Assembly, Image), Vec<Diagnostic>> {
    let mut texts = Texts::default();
    let functions = lower_all(program, source, &mut texts)?;
    let callees: Vec<Vec<usize>> = functions
        .iter()
        .map(|one| one.iter().flat_map(ir::Function::callees).map(|callee| callee.0).collect())
        .collect();
    let mut compiler = Compiler {
        functions: &functions,
        text,
        groups: vec![usize::MAX; functions.len()],
        writes: vec![Registers::default(); functions.len()],
        done: functions.iter().map(|_| None).collect(),
        // The first word says where the heap ends.
        memory: 4,
        log: Vec::new(),
    };
    for (n, component) in graph::components(program.main.0, &callees).iter().enumerate() {
        component.iter().for_each(|&id| compiler.groups[id] = n);
        compiler.component(component);
    }
    if !compiler.log.is_empty() {
        return Err(compiler.log);
    }
    let mut code = emit::Program::default();
    code.start(program.main, compiler.memory);
    for (n, (function, done)) in functions.iter().zip(&compiler.done).enumerate() {
        if let (Some(function), Some((liveness, effects, allocation))) = (function, done) {
            code.function(FnId(n), function, liveness, effects, allocation);
        }
    }
    let assembly = write(&code, &texts, source, text);
    let image = assemble(source.name(), &assembly, code.code.len()).map_err(|error| vec![error])?;
    Ok((assembly, image))
}

/// The image, with the lines of the source.
fn assemble(name: &str, assembly: &Assembly, instructions: usize) -> Result<Image, Diagnostic> {
    let asm::Assembly { image, diagnostics } = asm::assemble(name, &assembly.text, Numbering::Series);
    match image {
        Some(mut image) if image.end() as usize <= LARGEST => {
            let mut lines = Lines::of(name, "");
            for pc in image.addresses() {
                let line = image.lines.get(pc).map_or(0, |(_, line)| assembly.lines[line as usize - 1]);
                if line > 0 {
                    lines.insert(pc, line);
                }
            }
            image.lines = lines;
            Ok(image)
        }
        // Each takes four bytes at least.
        None if instructions * 4 < LARGEST / 4 => {
            let message = diagnostics.first().map_or("", |one| &one.message);
            Err(Diagnostic::error(format!(
                "the compiler is wrong: what it wrote does not assemble: {message}"
            )))
        }
        _ => Err(too_large()),
    }
}

/// Bytes of an image that are addressed by 16 bits.
const LARGEST: usize = 1 << 16;

/// The functions that are used.
fn lower_all(
    program: &Program,
    source: &Source<'_>,
    texts: &mut Texts,
) -> Result<Vec<Option<ir::Function>>, Vec<Diagnostic>> {
    let mut functions: Vec<Option<ir::Function>> = program.functions.iter().map(|_| None).collect();
    let mut size = 0;
    let mut open = vec![program.main];
    while let Some(id) = open.pop() {
        if functions[id.0].is_none() {
            let function = lower::function(program, id, source, texts);
            let function = function.filter(|one| {
                size += one.size();
                size <= lower::MOST
            });
            let function = function.ok_or_else(|| vec![too_large()])?;
            open.extend(function.callees());
            functions[id.0] = Some(function);
        }
    }
    Ok(functions)
}

/// The error that a program has no place.
pub(super) fn too_large() -> Diagnostic {
    Diagnostic::error("the program is too large for the machine")
        .note("jumps and strings are addressed by 16 bits: code and text have 65536 bytes together")
}

struct Compiler<'f> {
    functions: &'f [Option<ir::Function>],
    text: &'f str,
    /// Functions with the same number here lead to each other.
    groups: Vec<usize>,
    /// What a call of each function may write.
    writes: Vec<Registers>,
    done: Vec<Option<(Liveness, Vec<Effect>, Allocation)>>,
    memory: i32,
    log: Vec<Diagnostic>,
}

impl Compiler<'_> {
    /// Finds registers for functions that lead to each other. Those that they call otherwise have theirs.
    fn component(&mut self, component: &[usize]) {
        let mut writes = Registers::default();
        for &id in component {
            let function = self.functions[id].as_ref().expect("what is called was lowered");
            let mut effects = Vec::new();
            for (callee, own) in calls(function) {
                writes.extend(own);
                let is_recursive = self.groups[callee] == self.groups[id];
                let others = if is_recursive { Registers::ALL } else { self.writes[callee] };
                if !is_recursive {
                    writes.extend(others);
                }
                let mut all = own;
                all.extend(others);
                effects.push(Effect { writes: all, is_recursive });
            }
            let Some(liveness) = liveness::of(function) else {
                self.log.push(too_large());
                return;
            };
            match allocate::allocate(function, &liveness, &effects, &mut self.memory) {
                Ok(allocation) => {
                    writes.extend(allocation.taken);
                    self.done[id] = Some((liveness, effects, allocation));
                }
                Err(homeless) => {
                    let diagnostic = self.homeless(function, &homeless);
                    self.log.push(diagnostic);
                }
            }
        }
        for &id in component {
            self.writes[id] = writes;
        }
    }

    fn homeless(&self, function: &ir::Function, homeless: &Homeless) -> Diagnostic {
        let place = |position| {
            let start = function.at(position);
            let line = &self.text[start..];
            start..start + line.find('\n').unwrap_or(line.len()).max(1)
        };
        let note = "the machine has registers for floats, but no way to store one";
        match homeless.recursion {
            Some(call) => Diagnostic::error("a float is needed again after a call that may come back here")
                .at(place(call), "the call")
                .because(place(homeless.position), "the float")
                .note(note)
                .help("compute with it before the call and pass on what came of it, or use ints"),
            None => Diagnostic::error("too many floats at once")
                .at(place(homeless.position), "this one has no register")
                .note(format!(
                    "{note}: 29 may be needed at a time, those of functions called meanwhile included"
                ))
                .help("compute some of them later, or again"),
        }
    }
}

/// The functions that a function calls, in order, each with the registers that the call itself writes.
fn calls(function: &ir::Function) -> impl Iterator<Item = (usize, Registers)> + '_ {
    let ops = function.blocks.iter().flat_map(|block| &block.insns).map(|insn| &insn.op);
    ops.filter_map(|op| {
        let Op::Call { function: callee, arguments, result } = op else { return None };
        let class = |reg: &ir::Reg| function.classes[reg.0];
        let mut own = Registers::default();
        for (class, register) in allocate::arguments(arguments.iter().map(class)) {
            own.insert(class, register);
        }
        if let Some(reg) = result {
            own.insert(class(reg), RESULT[class(reg) as usize]);
        }
        Some((callee.0, own))
    })
}

/// A text that is being written, line by line.
struct Page {
    text: String,
    lines: Vec<u32>,
}

impl Page {
    fn push(&mut self, line: std::fmt::Arguments<'_>, from: u32) {
        writeln!(self.text, "{line}").expect("strings can be written");
        self.lines.push(from);
    }
}

/// The code as text, with the source's lines beside it.
fn write(code: &emit::Program, texts: &Texts, source: &Source<'_>, text: &str) -> Assembly {
    let mut out = Page { text: String::new(), lines: Vec::new() };
    if !texts.all.is_empty() {
        out.push(format_args!(".data"), 0);
        for (n, text) in texts.all.iter().enumerate() {
            out.push(format_args!("text{n}: .asciiz {}", quoted(text)), 0);
        }
    }
    out.push(format_args!(".code"), 0);
    let mut is_target = vec![false; code.code.len() + 1];
    for operand in code.code.iter().flat_map(|one| &one.operands) {
        if let &Operand::Block(block) = operand {
            is_target[code.blocks[block]] = true;
        }
    }
    let source_lines: Vec<&str> = text.lines().collect();
    let mut functions = code.functions.iter().peekable();
    let mut shown = 0;
    for (n, one) in code.code.iter().enumerate() {
        if let Some((_, label, _)) = functions.next_if(|function| function.2 == n) {
            out.push(format_args!(""), 0);
            out.push(format_args!("{label}:"), 0);
        }
        let line = one.at.map_or(0, |at| source.position(at).0);
        if line != shown && line > 0 {
            let source = source_lines.get(line - 1).map_or("", |line| line.trim());
            out.push(format_args!("; {line}: {}", source.replace(char::is_control, " ")), 0);
        }
        shown = line;
        if is_target[n] {
            out.push(format_args!("b{n}:"), 0);
        }
        let operands = one.operands.iter().map(|operand| match operand {
            Operand::Register(number) => format!(" ${number}"),
            Operand::Number(value) => format!(" #{value}"),
            Operand::Float(value) => format!(" #{value:?}"),
            &Operand::Block(block) => format!(" @b{}", code.blocks[block]),
            Operand::Function(id) => format!(" @{}", code.label(*id)),
            Operand::Text(id) => format!(" @text{}", id.0),
        });
        let operands: String = operands.collect();
        out.push(format_args!("    {}{operands}", one.mnemonic), line as u32);
    }
    Assembly { text: out.text, lines: out.lines }
}

/// A string as the assembler reads it.
fn quoted(text: &str) -> String {
    let mut out = "'".to_owned();
    for c in text.chars() {
        match c {
            '\n' => out += "\\n",
            '\t' => out += "\\t",
            '\'' => out += "\\'",
            '\\' => out += "\\\\",
            '\0'..='\x1f' | '\x7f' => {
                let _ = write!(out, "\\x{:02X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out + "'"
}
