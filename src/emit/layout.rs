//! The C file around the instructions.

use std::collections::BTreeSet;

use super::exit;
use super::print::{BITS, Printer, array, array_type, c_type, constant, label, register};
use super::program::{Program, Step};
use crate::guest::Guest;
use crate::ops::{Flow, Pc, Type, Via};
use crate::state::State;

const ASSUMPTIONS: &str = "\
// Made by kiln. To compile: cc -std=c11 -O3 -march=native
//
// Each instruction is translated once; a block counts its instructions at its top. With the argument --stats the
// program tells on standard error how many have retired, and what the registers are. It assumes what kiln does not:
//
// * Code never changes. A store with a fixed address that would change it stops the program.
// * Devices and protected memory are accessed at fixed addresses only: given by the instruction, or by a word that
//   the instruction names, as it is at first. All other accesses are plain ones.
// * Computed jumps go to where a call returns, or to an address that a word of the image holds or an instruction
//   gives to a register. Elsewhere the program stops.
// * There is no budget.
//
// Exit codes: 0 the machine halted, 64 wrong arguments, 69 not translated, 70 the machine did something wrong,
// 74 output failed, 75 the input has ended.

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

typedef uint8_t u8;
typedef int8_t i8;
typedef uint16_t u16;
typedef int16_t i16;
typedef uint32_t u32;
typedef int32_t i32;
typedef uint64_t u64;
typedef int64_t i64;
";

/// Clang would calculate a product and a sum at once.
const EXACT_DOUBLES: &str = "
#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif
";

const STOP: &str = "
#define STOP(at, unretired, code, text) \\
    do { pc = (at); retired -= (unretired); status = (code); why = (text); goto stop; } while (0)
";

const MAIN: &str = "
int main(int argc, char **argv) {
    bool stats = argc == 2 && strcmp(argv[1], \"--stats\") == 0;
    if (argc > 1 && !stats) {
        fprintf(stderr, \"usage: %s [--stats]\\n\", argv[0]);
        return 64;
    }
    u64 retired = 0;
    u32 pc;
    int status;
    const char *why;
";

const ENDING: &str = "
stop:
    if (ferror(stdout) || fflush(stdout)) {
        status = 74;
        why = \"cannot write standard output\";
    }
    if (why) fprintf(stderr, \"%s: %s at 0x%04\" PRIx32 \"\\n\", argv[0], why, pc);
    if (stats) {
        fprintf(stderr, \"instructions %\" PRIu64 \"\\npc 0x%04\" PRIx32 \"\\n\", retired, pc);
";

/// The whole file.
pub(super) fn file<G: Guest>(guest: &G, state: State, program: &Program, name: &str) -> String {
    let functions = Vec::new();
    let mut printer = Printer { guest, state, program, functions };
    let has_doubles = G::SLOTS.iter().any(|&(_, of)| of == Type::F64);
    if has_doubles {
        BITS.iter().for_each(|&function| printer.need(function));
    }
    let body = body(&mut printer);
    let mut out = format!("// {}: a program of the machine {}.\n//\n{ASSUMPTIONS}", comment(name), G::NAME);
    if has_doubles {
        out += EXACT_DOUBLES;
    }
    for space in 0..G::SPACES.len() {
        out += &definition::<G>(&printer.state, space);
    }
    for function in &printer.functions {
        out += &format!("\n{function}");
    }
    out = out + STOP + MAIN;
    for (slot, (_, of)) in G::SLOTS.iter().enumerate() {
        let value = constant(*of, printer.state.slot(slot));
        out += &format!("    {} {} = {value};\n", c_type(*of), register::<G>(slot));
    }
    // Not every program touches its memory.
    (0..G::SPACES.len()).for_each(|space| out += &format!("    (void){};\n", array::<G>(space)));
    out += &format!("\n    goto {};\n\n{body}{}{ENDING}", label(program.entry), dispatch(program));
    for (slot, (name, of)) in G::SLOTS.iter().enumerate() {
        let (name, register) = (comment(name), register::<G>(slot));
        let bits = if *of == Type::F64 { format!("as_bits({register})") } else { format!("(u64){register}") };
        out += &format!("        fprintf(stderr, \"{name} 0x%04\" PRIx64 \"\\n\", {bits});\n");
    }
    out + "    }\n    return status;\n}\n"
}

/// A text that is safe in a comment of one line, and in a string.
fn comment(text: &str) -> String {
    // A backslash, or question marks in trigraphs, could join the next line.
    let is_safe = |c: char| (c.is_ascii_graphic() || c == ' ') && !matches!(c, '\\' | '?' | '"' | '%');
    text.chars().map(|c| if is_safe(c) { c } else { '_' }).collect()
}

/// The array that a space is, with what it holds at the start.
fn definition<G: Guest>(state: &State, space: usize) -> String {
    const LINE: usize = 8;
    let (info, of) = (&G::SPACES[space], array_type(&G::SPACES[space]));
    // A value of several elements may start at the last one.
    let room = if info.attributes { 0 } else { 8 };
    let len = (info.len * info.stride + room).div_ceil(of.bytes());
    let values: Vec<u64> = if of == info.element {
        (0..state.len(space) as u64).map(|at| state.bits(space, at).unwrap_or(0)).collect()
    } else {
        state.bytes(space).iter().map(|&byte| byte.into()).collect()
    };
    let mut out = format!("\nstatic {} {}[{len}]", c_type(of), array::<G>(space));
    if values.iter().any(|&value| value != 0) {
        out += " = {\n";
        for (chunk, start) in values.chunks(LINE).zip((0..).step_by(LINE)) {
            if chunk.iter().any(|&value| value != 0) {
                let values: Vec<String> = chunk.iter().map(|value| format!("{value:#06x}")).collect();
                out += &format!("    [{start:#06x}] = {},\n", values.join(", "));
            }
        }
        out += "}";
    }
    out + ";\n"
}

/// Straight-line instructions.
struct Block<'a> {
    steps: Vec<(Pc, &'a Step)>,
    /// Something jumps here.
    is_target: bool,
    /// Where control goes at the end that does not jump, if that is not the block behind this one.
    next: Option<Pc>,
}

/// Every address that something jumps to.
fn jump_targets(program: &Program) -> BTreeSet<Pc> {
    let mut targets = BTreeSet::from([program.entry]);
    for step in program.steps.values() {
        match step.meaning.flow {
            Flow::Goto(to) | Flow::Call(to) | Flow::If(_, to) => targets.extend([to]),
            Flow::Dynamic(..) | Flow::DynamicIf(..) => {
                targets.extend(program.returns.iter().chain(&program.targets))
            }
            Flow::Next | Flow::Trap(_) | Flow::Illegal => {}
        }
    }
    let followers = program.steps.keys().skip(1).map(Some).chain([None]);
    let strays = program.steps.values().zip(followers).filter_map(|(step, follower)| match step.next {
        next if next.as_ref() == follower => None,
        next => next,
    });
    targets.extend(strays);
    targets
}

fn blocks(program: &Program) -> Vec<Block<'_>> {
    let targets = jump_targets(program);
    let mut blocks: Vec<Block<'_>> = Vec::new();
    for (&pc, step) in &program.steps {
        let is_target = targets.contains(&pc);
        match blocks.last_mut() {
            Some(block) if block.next == Some(pc) && !is_target && !block.ends() => {
                block.steps.push((pc, step));
                block.next = step.next;
            }
            last => {
                if let Some(block) = last
                    && block.next == Some(pc)
                {
                    block.next = None;
                }
                blocks.push(Block { steps: vec![(pc, step)], is_target, next: step.next });
            }
        }
    }
    blocks
}

impl Block<'_> {
    fn pc(&self) -> Pc {
        self.steps[0].0
    }

    fn ends(&self) -> bool {
        self.steps.last().is_some_and(|(_, step)| step.transfers())
    }
}

/// The instructions, block by block.
fn body<G: Guest>(printer: &mut Printer<'_, G>) -> String {
    const COMMENT: usize = 48;
    let mut out = String::new();
    for block in blocks(printer.program) {
        let len = block.steps.len();
        let label = if block.is_target { format!("{}:", label(block.pc())) } else { String::new() };
        out += &format!("{label:<8}retired += {len};\n");
        let mut idle = 0;
        for (n, &(pc, step)) in block.steps.iter().enumerate() {
            // Empty memory is long: of many instructions that do nothing, the first and the last are shown.
            let next = block.steps.get(n + 1);
            idle = if step.meaning.is_idle() { idle + 1 } else { 0 };
            if idle > 1 && next.is_some_and(|(_, next)| next.meaning.is_idle()) {
                continue;
            }
            let text = comment(&printer.guest.disassemble(&printer.state, pc));
            let statements = printer.instruction(pc, step, len - n);
            let (last, guards) = statements.split_last().expect("there is a line for each instruction");
            guards.iter().for_each(|line| out += &format!("    {line}\n"));
            out += &format!("    {last:<COMMENT$} // {pc:04X}: {text}\n");
        }
        if let Some(next) = block.next {
            out += &format!("    goto {};\n", self::label(next));
        }
    }
    out
}

/// Where computed jumps come together.
fn dispatch(program: &Program) -> String {
    let lost = format!("STOP(pc, 0, {}, \"no code was translated\");", exit::UNTRANSLATED);
    let switch = |name: &str, targets: &BTreeSet<Pc>, otherwise: &str| {
        let case = |&pc: &Pc| format!("    case {pc:#06x}: goto {};\n", label(pc));
        let cases: String = targets.iter().map(case).collect();
        format!("\n{name}:\n    switch (pc) {{\n{cases}    default: {otherwise}\n    }}\n")
    };
    let mut out = String::new();
    let jumps = program.has(|via| via != Via::Return);
    if program.has(|via| via == Via::Return) {
        out += &switch("returns", &program.returns, if jumps { "goto jumps;" } else { &lost });
    }
    if jumps {
        out += &switch("jumps", &program.returns.union(&program.targets).copied().collect(), &lost);
    }
    out
}
