//! How a machine's tiers are used, and what they have done.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Which tiers a machine uses.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tiers {
    /// The interpreter, then native code for what is hot.
    #[default]
    Auto,
    /// The interpreter only.
    Interpreter,
    /// Native code for everything that control reaches; the interpreter for what native code cannot do.
    Jit,
}

/// Where regions are compiled.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compile {
    /// On the machine's own thread, which waits. Exits and figures are the same in every run.
    #[default]
    Inline,
    /// On another thread, while the interpreter goes on.
    Background,
}

/// Which branches become selections.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Conversion {
    /// None.
    Never,
    /// Those that the host could not predict.
    #[default]
    Unpredictable,
    /// All that can.
    Always,
}

/// Which loops have their accesses tested before them, for many turns at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Gates {
    /// None.
    Never,
    /// Those in which control stays for long.
    #[default]
    Long,
    /// All that can.
    Always,
}

/// What the translator does to make native code fast. Any choice gives the same results.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Optimisations {
    /// Which branches become selections.
    pub conversion: Conversion,
    /// Small innermost loops are copied a few times in a row.
    pub unrolling: bool,
    /// Words that are read at fixed addresses, and that nobody is known to write, are constants.
    pub literals: bool,
    /// Registers that a region reads only are constants, tested where control enters.
    pub constants: bool,
    /// Accesses of blocks to come are tested together with those before them.
    pub joint_tests: bool,
    /// Which loops have their accesses tested before them.
    pub gates: Gates,
    /// Elements of memory at fixed distances from a register are held like registers.
    pub elements: bool,
    /// What memory is known to hold is not loaded again.
    pub forwarding: bool,
}

impl Default for Optimisations {
    fn default() -> Self {
        Optimisations {
            conversion: Conversion::default(),
            unrolling: true,
            literals: true,
            constants: true,
            joint_tests: true,
            gates: Gates::default(),
            elements: true,
            forwarding: true,
        }
    }
}

/// Instructions counted at a place before it is compiled, unless [`Config::hot`] says otherwise: about what
/// the interpreter does in the time that a small region takes to compile.
pub const HOT: u32 = 50_000;

/// A bug, or a refusal of the host, that a tier is given on purpose: a test that means to find such a thing can show that
/// it does.
#[doc(hidden)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Plant {
    /// An instruction means something else, in every tier: [`crate::fuzz::Case::oracle`] has to see it.
    Meaning,
    /// C counts one instruction more than there are.
    C,
    /// Native code takes zero for less than zero.
    Translation,
    /// Native code that leaves at a load has retired one instruction more than it says.
    Count,
    /// Before a loop, its accesses are tested for one turn less than control may go.
    Gate,
    /// Native code stays when what it was made from is written.
    Invalidation,
    /// Native code is used although memory changed while it was compiled.
    Publication,
    /// Native code reaches outside the state.
    Access,
    /// The host has no memory for code.
    Memory,
    /// The host starts no thread.
    Thread,
}

/// How a machine runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// Which tiers.
    pub tiers: Tiers,
    /// Instructions counted at a place before it is compiled.
    pub hot: u32,
    /// Where regions are compiled.
    pub compile: Compile,
    /// Bytes of native code that are kept; past this all of it goes.
    pub code_cap: usize,
    /// Regions that a machine may have compiled at once, beside those that a program needs that cannot be written; more only as
    /// it retires instructions, 20,000 for each.
    pub regions: u64,
    /// Instructions in a region. Callees are copied, and loops written out, as far as it has half as many with that.
    pub region_instructions: usize,
    /// How deep calls are copied into their callers; callees of deeper ones are shared.
    pub call_depth: usize,
    /// Targets that an indirect jump is compared with.
    pub targets: usize,
    /// What the translator does for speed.
    pub optimisations: Optimisations,
    /// Keep what the tiers do for [`crate::vm::Vm::record`].
    pub record: bool,
    #[doc(hidden)]
    pub plant: Option<Plant>,
    /// The code generator's settings.
    #[cfg(feature = "jit")]
    pub codegen: crate::jit::CodegenOptions,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            tiers: Tiers::default(),
            hot: HOT,
            compile: Compile::default(),
            code_cap: 16 << 20,
            regions: 256,
            region_instructions: 2000,
            call_depth: 4,
            targets: 64,
            optimisations: Optimisations::default(),
            record: false,
            plant: None,
            #[cfg(feature = "jit")]
            codegen: Default::default(),
        }
    }
}

/// What the tiers have done.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Instructions retired by the interpreter.
    pub interpreted: u64,
    /// Instructions retired by native code.
    pub native: u64,
    /// Regions compiled for this machine, and used.
    pub regions: u64,
    /// Regions used that were there: compiled for another machine of the program, or earlier.
    pub shared: u64,
    /// Regions dropped because a word had changed that they were made from.
    pub invalidated: u64,
    /// Regions dropped because control seldom stayed in them.
    pub unprofitable: u64,
    /// Regions compiled for this machine but not used: memory had changed meanwhile, or the host refused.
    pub rejected: u64,
    /// Times that all code went because there was too much of it.
    pub flushes: u64,
    /// Bytes of native code compiled for this machine, ever.
    pub code_bytes: u64,
    /// Time spent translating and compiling.
    pub compile_time: Duration,
    /// Native code's exits, by [`crate::jit::Reason`].
    #[cfg(feature = "jit")]
    pub exits: [u64; crate::jit::Reason::ALL.len()],
}

impl Stats {
    /// Instructions retired, in both tiers.
    pub fn instructions(&self) -> u64 {
        self.interpreted + self.native
    }

    /// How often native code handed back, by reason; reasons that did not occur are left out.
    pub fn exits(&self) -> Vec<(&'static str, u64)> {
        #[cfg(feature = "jit")]
        return crate::jit::Reason::ALL
            .iter()
            .map(|&r| (r.name(), self.exits[r as usize]))
            .filter(|e| e.1 > 0)
            .collect();
        #[cfg(not(feature = "jit"))]
        return Vec::new();
    }
}
