//! What the suites share: the configurations that every program runs in, and machines made from source.
#![allow(dead_code)] // Each suite uses a part of this.

pub mod table;

use kiln::compare::lockstep;
use kiln::fuzz;
use kiln::guest::{Guest, Stop};
use kiln::guests::lc3::generate::Case;
use kiln::guests::lc3::image::Image;
use kiln::guests::lc3::profile::Profile;
use kiln::guests::lc3::{Lc3, isa, word};
use kiln::tier::{Config, Tiers};
use kiln::vm::Vm;

/// The interpreter alone.
pub fn interpreter() -> Config {
    Config { tiers: Tiers::Interpreter, ..Config::default() }
}

/// Native code for everything, at once.
pub fn at_once() -> Config {
    Config { tiers: Tiers::Jit, ..Config::default() }
}

/// Native code for what is a little warm.
pub fn at_threshold() -> Config {
    Config { hot: 20, ..Config::default() }
}

/// Every configuration by name; those with native code only where there is any. The one that compiles on
/// another thread is told apart by [`is_background`]: whether it gets to native code is a matter of time.
pub fn configurations() -> Vec<(&'static str, Config)> {
    [vec![("interpreter", interpreter())], with_native_code()].concat()
}

#[cfg(not(feature = "jit"))]
fn with_native_code() -> Vec<(&'static str, Config)> {
    Vec::new()
}

#[cfg(feature = "jit")]
fn with_native_code() -> Vec<(&'static str, Config)> {
    use kiln::tier::{Compile, Gates, Optimisations};
    let gates = Optimisations { gates: Gates::Always, ..Optimisations::default() };
    let plain = kiln::jit::CodegenOptions {
        optimise: false,
        alias_analysis: false,
        ..kiln::jit::CodegenOptions::default()
    };
    vec![
        ("jit at once", at_once()),
        ("jit at threshold", at_threshold()),
        ("jit with gates", Config { optimisations: gates, ..at_once() }),
        ("jit in small regions", Config { region_instructions: 3, ..at_once() }),
        ("jit that flushes", Config { code_cap: 0, hot: 1, ..at_threshold() }),
        ("jit without optimisation", Config { codegen: plain, ..at_threshold() }),
        ("jit in the background", Config { compile: Compile::Background, ..at_threshold() }),
    ]
}

/// Whether native code comes when it is ready.
pub fn is_background(config: &Config) -> bool {
    config.compile == kiln::tier::Compile::Background
}

/// Whether native code must have run.
pub fn must_compile(config: &Config) -> bool {
    config.tiers != Tiers::Interpreter && !is_background(config)
}

/// A program from source, for the standard machine. Gaps between its segments are zeros.
pub fn program(source: &str) -> Case {
    let image = Image::read("test.asm", source.as_bytes()).unwrap_or_else(|e| panic!("{e}"));
    let origin = image.start();
    let end = image.segments.iter().map(|s| s.end()).max().unwrap();
    let mut words = vec![0; end - origin as usize];
    for (at, word) in image.segments.iter().flat_map(|s| s.iter()) {
        words[(at - origin) as usize] = word;
    }
    Case {
        profile: Profile::STANDARD,
        origin,
        words,
        input: Vec::new(),
        pace: 0,
        has_system: false,
        is_supervisor: false,
        vectors: Vec::new(),
        pokes: Vec::new(),
    }
}

/// A finished run.
pub struct Ran<G: Guest = Lc3> {
    pub stop: Stop,
    pub vm: Vm<G>,
    pub output: Vec<u8>,
}

impl Ran<Lc3> {
    /// Register `n`.
    pub fn r(&self, n: u8) -> u16 {
        self.vm.state().get(isa::r(n))
    }

    /// The word at an address.
    pub fn word(&self, at: u16) -> u16 {
        word(self.vm.state(), at)
    }
}

impl<G: Guest> Ran<G> {
    /// The reason of the fault that it ended with.
    pub fn fault(&self) -> &'static str {
        match &self.stop {
            Stop::Fault(fault) => fault.reason,
            stop => stop.kind(),
        }
    }
}

/// Runs a program once.
pub fn run<C: fuzz::Case>(case: &C, config: Config, budget: u64) -> Ran<C::Guest> {
    let (mut vm, output) = case.machine(config);
    let stop = vm.run(budget);
    vm.guest_mut().flush().unwrap();
    Ran { stop, vm, output: output.bytes() }
}

/// Runs a program in every configuration, alone and in lockstep with the interpreter, and has each result
/// checked. It fails where native code was to run and did not.
pub fn everywhere<C: fuzz::Case>(case: &C, budget: u64, check: impl Fn(&Ran<C::Guest>)) {
    for (name, config) in configurations() {
        let ran = run(case, config.clone(), budget);
        let stats = ran.vm.stats().clone();
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(&ran)));
        assert!(result.is_ok(), "in configuration {name:?}: stop {:?}, {stats:?}", ran.stop);
        if must_compile(&config) {
            assert!(stats.native > 0, "in configuration {name:?} nothing ran native: {stats:?}");
        }
        let again = || {
            let (mut config, interpreter) = (config.clone(), interpreter());
            config.record = true;
            (case.machine(config).0, case.machine(interpreter).0)
        };
        let (mut native, mut reference) = again();
        lockstep(&mut native, &mut reference, budget, Some(&mut { again }))
            .unwrap_or_else(|difference| panic!("in configuration {name:?} in lockstep:\n{difference}"));
    }
}
