//! Random cases, and the checks that tests and fuzz targets share.
//!
//! A case is made from bytes, so that a fuzzer can change it and `cargo test` can make thousands of them from
//! seeds. A check returns what it did, and an error that tells the whole story: the case, as a listing, and
//! where the machines part.

use std::fmt;

use crate::compare::compare;
use crate::device::{Capture, Console};
use crate::guest::{Guest, Stop};
use crate::program::Program;
use crate::random::SplitMix;
use crate::tier::{Compile, Config, Conversion, Tiers};
use crate::vm::Vm;

/// Choices made from bytes; zeros when they are used up.
pub struct Choices<'a> {
    bytes: &'a [u8],
}

impl<'a> Choices<'a> {
    /// Choices that these bytes make.
    pub fn new(bytes: &'a [u8]) -> Self {
        Choices { bytes }
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        first
    }

    /// Any 16-bit number.
    pub fn word(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// A number below `n`, which is not 0.
    pub fn below(&mut self, n: u16) -> u16 {
        if n <= 0x100 { u16::from(self.byte()) % n } else { self.word() % n }
    }

    /// True about `n` times of 256.
    pub fn chance(&mut self, n: u8) -> bool {
        // Not `<`: without bytes, nothing unlikely happens.
        self.byte() > u8::MAX - n
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::from(self.below(of.len() as u16))]
    }
}

/// Pseudo-random bytes (Vigna's SplitMix64).
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut random = SplitMix(seed);
    std::iter::repeat_with(|| random.next().to_le_bytes()).flatten().take(len).collect()
}

/// A program with all that it needs to run. Its `Debug` is a listing.
pub trait Case: fmt::Debug {
    /// The machine that it is for.
    type Guest: Guest;

    /// A case of these choices.
    fn generate(choices: &mut Choices<'_>) -> Self;
    /// A machine about to run it, and where its output goes.
    fn machine(&self, config: Config) -> (Vm<Self::Guest>, Capture);
    /// What the host does to a machine after its run number `turn`.
    fn meddle(&self, turn: usize, vm: &mut Vm<Self::Guest>);
}

/// What a check has done.
#[derive(Clone, Copy, Default, Debug)]
pub struct Summary {
    /// Instructions compared.
    pub instructions: u64,
    /// Those of them that retired in native code.
    pub native: u64,
    /// Regions compiled.
    pub regions: u64,
    /// Regions used that were compiled for another machine, or earlier.
    pub shared: u64,
    /// Regions dropped because what they were made from was written.
    pub invalidated: u64,
}

impl Summary {
    /// What this machine has done.
    pub fn of<G: Guest>(vm: &Vm<G>) -> Summary {
        let stats = vm.stats();
        Summary {
            instructions: vm.instructions(),
            native: stats.native,
            regions: stats.regions,
            shared: stats.shared,
            invalidated: stats.invalidated,
        }
    }
}

impl std::ops::AddAssign for Summary {
    fn add_assign(&mut self, other: Summary) {
        self.instructions += other.instructions;
        self.native += other.native;
        self.regions += other.regions;
        self.shared += other.shared;
        self.invalidated += other.invalidated;
    }
}

/// A configuration with native code, of the many that must all agree with the interpreter.
pub fn config(choices: &mut Choices<'_>) -> Config {
    let mut config = Config {
        tiers: if choices.chance(128) { Tiers::Auto } else { Tiers::Jit },
        hot: choices.pick(&[0, 1, 2, 3, 20, 100]),
        compile: if choices.chance(64) { Compile::Background } else { Compile::Inline },
        ..Config::default()
    };
    if choices.chance(128) {
        config.code_cap = choices.pick(&[0, 1, 1 << 10, 1 << 12, 1 << 14]);
    }
    if choices.chance(128) {
        config.region_instructions = choices.pick(&[0, 1, 2, 3, 5, 10, 30, 100]);
    }
    if choices.chance(128) {
        config.call_depth = choices.pick(&[0, 1, 2]);
        config.targets = choices.pick(&[0, 1, 2, 3, 4]);
    }
    let optimisations = &mut config.optimisations;
    optimisations.conversion =
        choices.pick(&[Conversion::Always, Conversion::Always, Conversion::Unpredictable, Conversion::Never]);
    optimisations.unrolling = !choices.chance(64);
    optimisations.literals = !choices.chance(64);
    optimisations.joint_tests = !choices.chance(64);
    optimisations.elements = !choices.chance(64);
    #[cfg(feature = "jit")]
    {
        config.codegen.optimise = !choices.chance(96);
        config.codegen.alias_analysis = !choices.chance(96);
    }
    config
}

/// Checks that a machine with native code does what the interpreter does: pc, registers, memory, output,
/// counts and stops after each of several runs.
///
/// # Errors
/// Where they part: the case, the configuration and both states.
pub fn tiers<C: Case>(bytes: &[u8]) -> Result<Summary, String> {
    let choices = &mut Choices::new(bytes);
    let config = config(choices);
    let budgets: Vec<u64> = (0..=choices.below(4))
        .map(|_| {
            let most = choices.pick(&[2, 50, 1000, 5000]);
            u64::from(choices.below(most))
        })
        .collect();
    let case = C::generate(choices);
    agree(&case, config, &budgets)
}

/// Runs a case in a configuration and in the interpreter, `budgets` instructions at a time.
///
/// # Errors
/// Where the two part.
pub fn agree<C: Case>(case: &C, config: Config, budgets: &[u64]) -> Result<Summary, String> {
    let (mut vm, output) = case.machine(config.clone());
    let (mut reference, expected_output) =
        case.machine(Config { tiers: Tiers::Interpreter, ..Config::default() });
    let story = |what: &str| format!("{what}\n{config:?}\nbudgets {budgets:?}\n{case:?}");
    for (turn, &budget) in budgets.iter().enumerate() {
        let before = vm.instructions();
        let (stop, expected) = (vm.run(budget), reference.run(budget));
        let retired = vm.instructions() - before;
        if retired > budget || matches!(stop, Stop::Budget) && retired != budget {
            return Err(story(&format!("run {turn} was to retire {budget} and retired {retired}")));
        }
        compare((&vm, &stop), (&reference, &expected)).map_err(|d| story(&format!("run {turn}: {d}")))?;
        for vm in [&mut vm, &mut reference] {
            vm.guest_mut().flush().map_err(|e| story(&e.to_string()))?;
            case.meddle(turn, vm);
        }
        let (output, expected) = (output.bytes(), expected_output.bytes());
        if output != expected {
            return Err(story(&format!("run {turn}: wrote {output:?}, the interpreter {expected:?}")));
        }
    }
    Ok(Summary::of(&vm))
}

/// A machine of a program, the same by itself in the interpreter, and their outputs.
struct Pair<G: Guest> {
    vm: Vm<G>,
    reference: Vm<G>,
    outputs: [Capture; 2],
}

impl<G: Guest> Pair<G> {
    fn new(input: &[u8], machines: impl FnOnce(Console, Console) -> (Vm<G>, Vm<G>)) -> Self {
        let ((console, output), (own, own_output)) = (Console::scripted(input), Console::scripted(input));
        let (vm, reference) = machines(console, own);
        Pair { vm, reference, outputs: [output, own_output] }
    }

    fn run(&mut self, budget: u64) -> Result<(), String> {
        let (stop, expected) = (self.vm.run(budget), self.reference.run(budget));
        self.is_same((&stop, &expected))
    }

    fn is_same(&mut self, (stop, expected): (&Stop, &Stop)) -> Result<(), String> {
        compare((&self.vm, stop), (&self.reference, expected)).map_err(|d| d.to_string())?;
        for vm in [&mut self.vm, &mut self.reference] {
            vm.guest_mut().flush().map_err(|e| e.to_string())?;
        }
        let [output, expected] = self.outputs.each_ref().map(Capture::bytes);
        if output == expected { Ok(()) } else { Err(format!("wrote {output:?}, by itself {expected:?}")) }
    }
}

/// Checks that machines of one program, in any order run, changed, made anew and forked, each with its own input, do
/// what machines by themselves do in the interpreter.
///
/// # Errors
/// Where they part: the case, the configuration, what was done and both states.
pub fn shared<C: Case>(bytes: &[u8]) -> Result<Summary, String> {
    const MACHINES: u16 = 3;
    let choices = &mut Choices::new(bytes);
    let config = config(choices);
    let plan: Vec<[u8; 4]> = (0..4 + choices.below(20)).map(|_| [(); 4].map(|()| choices.byte())).collect();
    let case = C::generate(choices);
    let (start, _) = case.machine(Config { tiers: Tiers::Interpreter, ..config.clone() });
    let guest = start.guest().fork(Console::scripted("").0);
    let program = Program::new(guest, start.state().clone(), config.clone());
    let own = |console: Console| start.fork(console);

    let fresh = |input: &[u8]| Pair::new(input, |a, b| (program.machine(a), own(b)));
    let mut pairs: Vec<Pair<C::Guest>> = (0..MACHINES).map(|n| fresh(&[n as u8; 5])).collect();
    let mut total = Summary::default();
    for (turn, &[which, action, a, b]) in plan.iter().enumerate() {
        let story = |what| format!("action {turn}: {what}\n{config:?}\nplan {plan:?}\n{case:?}");
        let which = which as usize % pairs.len();
        let pair = &mut pairs[which];
        match action {
            0..128 => pair.run(u64::from(u16::from_be_bytes([a, b]) >> (a % 12))).map_err(story)?,
            128..176 => {
                total += Summary::of(&pair.vm);
                let ((console, output), (own_console, own_output)) =
                    (Console::scripted([a, b]), Console::scripted([a, b]));
                program.reset(&mut pair.vm, console);
                pair.reference = own(own_console);
                pair.outputs = [output, own_output];
                pair.is_same((&Stop::Budget, &Stop::Budget)).map_err(story)?;
            }
            176..216 => {
                let other = (which + 1) % pairs.len();
                total += Summary::of(&pairs[other].vm);
                let [from, to] = pairs.get_disjoint_mut([which, other]).expect("they are not the same");
                *to = Pair::new(&[a, b], |console, own| {
                    let own = from.reference.fork(own);
                    if action % 2 == 0 {
                        return (from.vm.fork(console), own);
                    }
                    let mut vm = program.machine(Console::scripted("").0);
                    std::mem::swap(&mut vm, &mut to.vm);
                    program.copy(&mut vm, &from.vm, console);
                    (vm, own)
                });
                to.is_same((&Stop::Budget, &Stop::Budget)).map_err(story)?;
            }
            216..240 => {
                [&mut pair.vm, &mut pair.reference].into_iter().for_each(|vm| case.meddle(a.into(), vm))
            }
            240.. => pairs[which] = fresh(&[a, b]),
        }
    }
    pairs.iter().for_each(|pair| total += Summary::of(&pair.vm));
    Ok(total)
}
