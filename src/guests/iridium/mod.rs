//! Iridium, the register machine of Fletcher Haynes's *So You Want to Build a Language VM*.

pub mod asm;
mod c;
pub mod check;
pub mod disasm;
pub mod generate;
mod host;
pub mod image;
pub mod isa;
mod machine;
mod meaning;
pub mod osmium;
pub mod prompt;
pub mod symbols;

use std::io;
use std::sync::Arc;

use crate::device::Console;
use crate::emit::{Request, Service};
use crate::guest::{After, Guest, Insn, Refusal};
use crate::ops::{FlowOf, Ops, Pc, Type};
use crate::random::SplitMix;
use crate::state::{SpaceInfo, State};
use image::Image;
use isa::{
    BP, COUNTER, EXIT, FLAG, HEAP_LEN, HEAP_LIMIT, HEAP_MOST, Numbering, REGISTERS, REMAINDER, SIZE, SP,
    STACK, STACK_LEN, STACK_LIMIT, f, op, r,
};

/// An Iridium: its program and its console. The program is no part of the state: instructions cannot write it.
pub struct Iridium {
    numbering: Numbering,
    image: Arc<Image>,
    console: Console,
}

impl Iridium {
    /// A machine with this program.
    pub fn new(image: Arc<Image>, numbering: Numbering, console: Console) -> Iridium {
        Iridium { numbering, image, console }
    }

    /// A state as the machine has it at the start: registers 0, heap and stack empty, pc at the first instruction. The
    /// heap may grow to `heap` bytes, but to no more than [`HEAP_LIMIT`].
    pub fn power_on(&self, heap: u32) -> State {
        let mut state = State::new(Self::SPACES);
        state.set(HEAP_MOST, heap.min(HEAP_LIMIT));
        state.set_pc(self.image.start());
        state
    }

    /// The program.
    pub fn image(&self) -> &Arc<Image> {
        &self.image
    }

    /// The program, to change it: see [`crate::vm::Vm::change_program`].
    pub fn image_mut(&mut self) -> &mut Image {
        Arc::make_mut(&mut self.image)
    }

    /// Which numbers its instructions have.
    pub fn numbering(&self) -> Numbering {
        self.numbering
    }
}

/// Entries of the stack that there is room for as soon as one is used.
const STACK_LEAST: u32 = 1024;

/// Gives the registers pseudo-random values, for those who look for what is read before it is written.
fn scramble(state: &mut State, seed: u64) {
    let mut random = SplitMix(seed);
    for n in 0..REGISTERS {
        state.set(r(n), random.next() as u32);
        state.set(f(n), f64::from(random.next() as i32));
    }
}

impl Guest for Iridium {
    const NAME: &'static str = "iridium";
    const SLOTS: &'static [(&'static str, Type)] = isa::SLOTS;
    const OPERATIONS: u8 = op::LAST;
    const RUNS: &'static [&'static [u8]] = isa::RUNS;
    const SPACES: &'static [SpaceInfo] = isa::SPACES;
    const CODE: Option<usize> = None;

    fn fork(&self, console: Console) -> Iridium {
        Iridium { numbering: self.numbering, image: self.image.clone(), console }
    }

    /// One more than the image has bytes: running off the end is something to execute.
    fn code_len(&self) -> usize {
        self.image.end() as usize + 1
    }

    fn decode(&self, _state: &State, pc: Pc) -> Insn {
        match self.image.word(pc) {
            Some(word) => isa::decode(self.numbering, word),
            None if pc == self.image.end() => Insn::new(op::END, 0, 0, 0, 0),
            None => Insn::new(op::ASTRAY, 0, 0, 0, 0),
        }
    }

    #[inline(always)]
    fn next(pc: Pc) -> Pc {
        pc.wrapping_add(SIZE)
    }

    #[inline(always)]
    fn meaning<O: Ops>(insn: Insn, pc: Pc, o: &mut O) -> FlowOf<O> {
        meaning::meaning(insn, pc, o)
    }

    fn load(&mut self, _state: &mut State, _space: usize, _at: u64) -> Result<u64, Refusal> {
        unreachable!("no element of Iridium's memory has attributes")
    }

    fn store(&mut self, _state: &mut State, _space: usize, _at: u64, _value: u64) -> Result<bool, Refusal> {
        unreachable!("no element of Iridium's memory has attributes")
    }

    fn trap(&mut self, state: &mut State, n: u16) -> Result<After, Refusal> {
        self.serve(state, n)
    }

    fn illegal(&mut self, state: &mut State, insn: Insn) -> Result<After, Refusal> {
        self.no_instruction(state, insn)
    }

    fn required(&self, state: &State, fault: u8) -> (&'static str, String) {
        self.fault(state, fault)
    }

    /// The stack has room from the beginning, as far as instructions can tell.
    fn grow(&mut self, state: &mut State, space: usize, end: u64) {
        if space == STACK.id() && end <= STACK_LIMIT.into() {
            state.set(STACK_LEN, (end as u32).next_power_of_two().clamp(STACK_LEAST, STACK_LIMIT));
        }
    }

    fn outside(&self, state: &State, space: usize, at: u64, _store: bool) -> (&'static str, String) {
        self.access_fault(state, space, at)
    }

    fn disassemble(&self, _state: &State, pc: Pc) -> String {
        disasm::at(&self.image, self.numbering, pc)
    }

    fn registers(&self, state: &State) -> Vec<(String, u64)> {
        let integers = (0..REGISTERS).map(|n| (format!("${n}"), u64::from(state.get(r(n)))));
        let doubles = (0..REGISTERS).map(|n| (format!("f{n}"), state.get(f(n)).to_bits()));
        let special = [
            ("flag", u64::from(state.get(FLAG))),
            ("remainder", u64::from(state.get(REMAINDER))),
            ("counter", u64::from(state.get(COUNTER))),
            ("sp", u64::from(state.get(SP))),
            ("bp", u64::from(state.get(BP))),
            ("heap", u64::from(state.get(HEAP_LEN))),
            ("exit", u64::from(state.get(EXIT))),
            ("pc", u64::from(state.pc())),
        ];
        integers.chain(doubles).chain(special.map(|(name, value)| (name.to_owned(), value))).collect()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.console.flush()
    }

    fn service_in_c(&self, state: &State, pc: Pc, request: Request) -> Service {
        self.service(state, pc, request)
    }
}
