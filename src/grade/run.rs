//! The cases of one submission, one after the other.

use std::collections::BTreeMap;

use super::check::{Ending, check, text};
use super::console::{Screen, console};
use super::plan::{Call, Case, Number, Os, Register, Setup, Start, Stop, Tests, Where, hex};
use super::{Failure, Outcome, Step};
use crate::device::Console;
use crate::diagnostic::closest;
use crate::guest::{self, Guest};
use crate::guests::lc3::image::Image;
use crate::guests::lc3::isa::{MEMORY, r};
use crate::guests::lc3::{Lc3, REAL, WATCHED, word};
use crate::guests::{Machine, Settings};
use crate::ops::Pc;
use crate::program::Program;
use crate::tier::{Config, Tiers};
use crate::vm::Vm;

/// Where a subroutine that a case calls returns to. User programs may not execute what is there; where they may, it
/// halts.
const RETURN: u16 = 0x2fff;
const HALT: u16 = 0xf025;
/// Last instructions that are shown.
const LAST: u64 = 12;
/// Bytes of output that are kept for people.
const SHOWN: usize = 4096;

/// A submission, and the machines that have been made of it.
pub(super) struct Session<'a> {
    tests: &'a Tests,
    images: Vec<Image>,
    setups: Vec<Setup>,
    loaded: Vec<Option<Result<Loaded, String>>>,
    setup_of: Vec<usize>,
}

/// A program with its one machine, which is made anew for each case.
struct Loaded {
    image: Image,
    program: Program<Lc3>,
    vm: Vm<Lc3>,
    is_open: bool,
}

impl<'a> Session<'a> {
    pub(super) fn new(tests: &'a Tests, images: Vec<Image>) -> Self {
        let (setups, setup_of) = tests.setups();
        let loaded = setups.iter().map(|_| None).collect();
        Self { tests, images, setups, loaded, setup_of }
    }

    /// What comes of all cases.
    pub(super) fn cases(mut self) -> Vec<Outcome> {
        let cases = self.tests.cases.iter().zip(self.setup_of.clone());
        cases.map(|(case, setup)| self.case(case, setup)).collect()
    }

    fn case(&mut self, case: &Case, setup: usize) -> Outcome {
        let (tests, images, of) = (self.tests, &self.images, &self.setups[setup]);
        let loaded = self.loaded[setup].get_or_insert_with(|| Loaded::new(tests, images, of));
        match loaded {
            Ok(loaded) => loaded.case(case).unwrap_or_else(|failure| not_run(case, failure)),
            Err(problem) => {
                let (what, actual) = ("the image".to_owned(), problem.clone());
                not_run(case, Failure { what, expected: "the files go together".to_owned(), actual })
            }
        }
    }
}

/// A case that could not be run.
fn not_run(case: &Case, failure: Failure) -> Outcome {
    Outcome {
        name: case.name.clone(),
        points: 0.0,
        worth: case.points,
        failures: vec![failure],
        stop: "not run".to_owned(),
        instructions: 0,
        output: String::new(),
        last: Vec::new(),
    }
}

impl Loaded {
    fn new(tests: &Tests, images: &[Image], setup: &Setup) -> Result<Loaded, String> {
        let beside = setup.with.iter().filter_map(|name| tests.files.get(name));
        let image = Image::join(images.iter().chain(beside).cloned()).map_err(|error| error.to_string())?;
        let settings = Settings {
            profile: Some(setup.profile.name.to_owned()),
            system: (setup.os == Os::Real).then(|| REAL.to_owned()),
            seed: setup.seed,
            ..Settings::default()
        };
        let (lc3, state) = Lc3::machine(&image, &settings, Console::scripted("").0);
        let tiers = if setup.watched { Tiers::Interpreter } else { Tiers::Auto };
        let program = Program::new(lc3, state, Config { tiers, ..Config::default() });
        let vm = program.machine(Console::scripted("").0);
        Ok(Loaded { image, program, vm, is_open: setup.profile.open_system_space })
    }

    fn case(&mut self, case: &Case) -> Result<Outcome, Failure> {
        let screen = self.prepare(case)?;
        let before = Registers::of(&self.vm);
        let mut watch = Watch::new(self, case)?;
        let stop = watch.run(&mut self.vm, case.limit());
        let flushed = self.vm.guest_mut().flush();
        let ending = self.ending(case, &stop, screen.is_full() || flushed.is_err());
        let mut failures = check(case, &self.vm, &self.image, &before, &ending, &screen.bytes())?;
        failures.extend(watch.failures(&self.vm));
        let instructions = self.vm.instructions();
        let stop = ending.describe(&self.image);
        let bytes = screen.bytes();
        let output = text(&bytes[..bytes.len().min(SHOWN)]);
        let last = if failures.is_empty() { Vec::new() } else { self.last(case, instructions)? };
        let points = if failures.is_empty() { case.points } else { 0.0 };
        let (name, worth) = (case.name.clone(), case.points);
        Ok(Outcome { name, points, worth, failures, stop, instructions, output, last })
    }

    /// The machine before the first instruction of a case.
    fn prepare(&mut self, case: &Case) -> Result<Screen, Failure> {
        let (console, screen) = console(&case.input, case.output_limit());
        self.program.reset(&mut self.vm, console);
        if case.call.is_some() {
            // Something to be kept.
            (0..6).for_each(|n| self.vm.set(r(n), 0x5a50 + u16::from(n)));
            self.vm.set(r(6), 0xfe00);
            self.vm.set(r(7), RETURN);
            self.vm.poke(MEMORY, RETURN, HALT);
        }
        for (&Register(n), &Number(value)) in &case.registers {
            self.vm.set(r(n), value);
        }
        for (at, words) in &case.memory {
            let mut address = place(&self.image, at)?;
            for &word in &words.0 {
                self.vm.poke(MEMORY, address, word);
                address = address.wrapping_add(1);
            }
        }
        let start = match (&case.call, case.start()) {
            (Some(label), _) => Some(place(&self.image, label)?),
            (None, Some(Start::At(address))) => Some(*address),
            (None, Some(Start::Named(name))) if name == "origin" => Some(self.image.start()),
            (None, Some(Start::Named(name))) => Some(place(&self.image, name)?),
            (None, None) => None,
        };
        if let Some(start) = start {
            self.vm.set_pc(Pc::from(start));
        }
        Ok(screen)
    }

    /// Why a run ended, in the words of the tests.
    fn ending(&self, case: &Case, stop: &guest::Stop, too_much: bool) -> Ending {
        let pc = self.vm.pc() as u16;
        let returned = case.call.is_some()
            && match stop {
                guest::Stop::Halted => self.is_open && pc == RETURN + 1,
                guest::Stop::Fault(fault) => fault.pc == Pc::from(RETURN),
                _ => false,
            };
        let (kind, detail) = match stop {
            _ if returned => (Stop::Returned, String::new()),
            guest::Stop::Halted => (Stop::Halted, String::new()),
            guest::Stop::Budget => (Stop::Limit, format!("{} instructions", self.vm.instructions())),
            guest::Stop::Input => (Stop::Input, String::new()),
            guest::Stop::Io(_) if too_much => {
                (Stop::Limit, format!("more than {} bytes of output", case.output_limit()))
            }
            guest::Stop::Io(error) => (Stop::Limit, error.to_string()),
            guest::Stop::Fault(fault) => (Stop::Fault, format!("{}: {}", fault.reason, fault.detail)),
        };
        Ending { kind, detail, pc }
    }

    /// The last instructions of the same run, executed once more.
    fn last(&mut self, case: &Case, instructions: u64) -> Result<Vec<Step>, Failure> {
        self.prepare(case)?;
        if instructions > LAST {
            self.vm.run(instructions - LAST);
        }
        let mut steps = Vec::new();
        loop {
            let address = self.vm.pc() as u16;
            if address != RETURN || case.call.is_none() {
                let place = self.image.lines.get(address);
                steps.push(Step {
                    address,
                    instruction: self.vm.guest().disassemble(self.vm.state(), self.vm.pc()),
                    place: place.map(|(file, line)| format!("{file}:{line}")),
                    source: self.image.lines.text(address).map(str::to_owned),
                });
            }
            if self.vm.instructions() >= instructions || !matches!(self.vm.run(1), guest::Stop::Budget) {
                return Ok(steps);
            }
        }
    }
}

/// The general registers at some time.
pub(super) struct Registers([u16; 8]);

impl Registers {
    fn of(vm: &Vm<Lc3>) -> Registers {
        Registers(std::array::from_fn(|n| vm.state().get(r(n as u8))))
    }

    pub(super) fn get(&self, Register(n): Register) -> u16 {
        self.0[usize::from(n)]
    }

    /// Whether they are as expected.
    fn are(&self, expected: &BTreeMap<Register, Number>) -> bool {
        expected.iter().all(|(&register, number)| self.get(register) == number.0)
    }

    /// Those that are asked about, in a line.
    fn show(&self, asked: &BTreeMap<Register, Number>) -> String {
        let all = asked.keys().map(|&register| format!("R{} = {}", register.0, signed(self.get(register))));
        all.collect::<Vec<String>>().join(", ")
    }
}

/// A word as people read it.
pub(super) fn signed(word: u16) -> String {
    format!("{} (x{word:04X})", word as i16)
}

/// The address of a label, or that a text says.
pub(super) fn place(image: &Image, name: &str) -> Result<u16, Failure> {
    let label = image.symbols.address(name);
    label.or_else(|| hex(name)).ok_or_else(|| {
        let known = image.symbols.iter().map(|(name, _)| name);
        let actual = match closest(name, known) {
            Some(near) => format!("there is none; did you mean `{near}`?"),
            None => "there is none".to_owned(),
        };
        Failure { what: format!("label {name}"), expected: "a label of this name".to_owned(), actual }
    })
}

/// What a run is watched for.
struct Watch<'a> {
    places: BTreeMap<u16, Vec<Reason<'a>>>,
    calls: Vec<Seen<'a>>,
    reached: Vec<(&'a str, u16, bool, bool)>,
    traps: Vec<(u8, bool)>,
}

/// Why an address is watched.
#[derive(Clone, Copy, PartialEq)]
enum Reason<'a> {
    /// Whether it is reached: an index of `reached`.
    Reached(usize),
    /// A call of what starts there: an index of `calls`.
    Entry(usize, &'a str),
    /// The return of a call.
    Return(usize),
}

/// What was seen of a call that is expected.
struct Seen<'a> {
    call: &'a Call,
    done: bool,
    /// What it was called with last, or returned last.
    last: Option<String>,
}

impl<'a> Watch<'a> {
    fn new(loaded: &mut Loaded, case: &'a Case) -> Result<Watch<'a>, Failure> {
        let mut watch =
            Watch { places: BTreeMap::new(), calls: Vec::new(), reached: Vec::new(), traps: Vec::new() };
        let expect = &case.expect;
        let (yes, no) =
            (expect.reaches.iter().map(|at| (at, true)), expect.avoids.iter().map(|at| (at, false)));
        for (at, wanted) in yes.chain(no) {
            match at {
                Where::Trap(vector) => watch.traps.push((*vector, wanted)),
                Where::Place(name) => {
                    let address = place(&loaded.image, name)?;
                    let reason = Reason::Reached(watch.reached.len());
                    watch.places.entry(address).or_default().push(reason);
                    watch.reached.push((name, address, wanted, false));
                }
            }
        }
        for call in &expect.calls {
            let address = place(&loaded.image, &call.label)?;
            let reason = Reason::Entry(watch.calls.len(), &call.label);
            watch.places.entry(address).or_default().push(reason);
            watch.calls.push(Seen { call, done: false, last: None });
        }
        watch.places.keys().for_each(|&address| set(&mut loaded.vm, address, true));
        Ok(watch)
    }

    /// Runs, and notes what is watched for. Afterwards nothing is watched.
    fn run(&mut self, vm: &mut Vm<Lc3>, limit: u64) -> guest::Stop {
        let stop = loop {
            let left = limit.saturating_sub(vm.instructions());
            if left == 0 {
                break guest::Stop::Budget;
            }
            match vm.run(left) {
                guest::Stop::Fault(fault) if fault.reason == WATCHED => {
                    let address = fault.pc as u16;
                    self.came_to(address, vm);
                    set(vm, address, false);
                    match vm.run(1) {
                        guest::Stop::Budget => {}
                        stop => break stop,
                    }
                    if self.places.contains_key(&address) {
                        set(vm, address, true);
                    }
                }
                stop => break stop,
            }
        };
        self.places.keys().for_each(|&address| set(vm, address, false));
        stop
    }

    fn came_to(&mut self, address: u16, vm: &mut Vm<Lc3>) {
        let registers = Registers::of(vm);
        let mut reasons = self.places.remove(&address).unwrap_or_default();
        let (mut kept, mut returns) = (Vec::new(), None);
        for reason in reasons.drain(..) {
            match reason {
                Reason::Reached(index) => self.reached[index].3 = true,
                Reason::Return(index) => {
                    let seen = &mut self.calls[index];
                    seen.done |= registers.are(&seen.call.returns);
                    seen.last = Some(format!("returned with {}", registers.show(&seen.call.returns)));
                }
                Reason::Entry(index, _) => {
                    let (seen, to) = (&mut self.calls[index], registers.0[7]);
                    let called = word(vm.state(), to.wrapping_sub(1)) >> 12 == 0x4;
                    if called && registers.are(&seen.call.with) {
                        seen.last = Some("it did not return".to_owned());
                        returns = Some((to, Reason::Return(index)));
                    } else if called && seen.last.is_none() {
                        seen.last = Some(format!("called with {}", registers.show(&seen.call.with)));
                    }
                    if !seen.done {
                        kept.push(reason);
                    }
                }
            }
        }
        if !kept.is_empty() {
            self.places.insert(address, kept);
        }
        if let Some((to, reason)) = returns {
            let reasons = self.places.entry(to).or_default();
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
            set(vm, to, true);
        }
    }

    fn failures(&self, vm: &Vm<Lc3>) -> Vec<Failure> {
        let failure = |what: String, expected: &str, actual: &str| Failure {
            what,
            expected: expected.to_owned(),
            actual: actual.to_owned(),
        };
        let come = |wanted: bool| if wanted { "is reached" } else { "is not reached" };
        let mut failures = Vec::new();
        for &(name, _, wanted, reached) in &self.reached {
            if wanted != reached {
                failures.push(failure(name.to_owned(), come(wanted), come(reached)));
            }
        }
        for &(vector, wanted) in &self.traps {
            let reached = vm.guest().has_trapped(vector);
            if wanted != reached {
                failures.push(failure(format!("TRAP x{vector:02X}"), come(wanted), come(reached)));
            }
        }
        for seen in self.calls.iter().filter(|seen| !seen.done) {
            let show = |registers: &BTreeMap<Register, Number>| {
                let all = registers
                    .iter()
                    .map(|(register, number)| format!("R{} = {}", register.0, signed(number.0)));
                all.collect::<Vec<String>>().join(", ")
            };
            let (with, returns) = (show(&seen.call.with), show(&seen.call.returns));
            let expected = format!("called with {with}, returns with {returns}");
            let actual = seen.last.as_deref().unwrap_or("never called");
            failures.push(failure(seen.call.label.clone(), &expected, actual));
        }
        failures
    }
}

/// Watches for an address, or no longer.
fn set(vm: &mut Vm<Lc3>, address: u16, watched: bool) {
    vm.guest_mut().watch(address, watched);
    let same = word(vm.state(), address);
    vm.poke(MEMORY, address, same);
}
