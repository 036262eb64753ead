//! Code memory, and the way into it.
//!
//! A generation of code lives in one Cranelift JIT module, which maps pages writable, fills them, and makes
//! them executable and no longer writable (invariant: W^X). A module frees only as a whole, so a generation
//! goes as a whole, when no native code runs.

use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::Module;

use crate::state::State;

/// Settings of the code generator that are the user's to choose, for measuring and for fuzzing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CodegenOptions {
    /// Optimise (`opt_level=speed`).
    pub optimise: bool,
    /// Alias analysis: forwarding of stores to loads, elimination of dead stores.
    pub alias_analysis: bool,
    /// Cranelift's verifier: about doubles compile time.
    pub verify: bool,
}

impl Default for CodegenOptions {
    fn default() -> Self {
        CodegenOptions { optimise: true, alias_analysis: true, verify: cfg!(debug_assertions) }
    }
}

/// The host's instruction set, or why there can be no JIT here.
pub(crate) fn host_isa(options: CodegenOptions) -> Result<OwnedTargetIsa, String> {
    let mut flags = settings::builder();
    let on = |yes| if yes { "true" } else { "false" };
    let chosen = [
        ("opt_level", if options.optimise { "speed" } else { "none" }),
        ("enable_alias_analysis", on(options.alias_analysis)),
        ("enable_verifier", on(options.verify)),
        ("use_colocated_libcalls", "false"),
        ("is_pic", "false"),
        ("unwind_info", "false"),
        // A guest's program has no secrets from the guest's state, which is all that its code can reach.
        ("enable_heap_access_spectre_mitigation", "false"),
        ("enable_table_access_spectre_mitigation", "false"),
    ];
    for (name, value) in chosen {
        flags.set(name, value).map_err(|e| format!("Cranelift's setting {name}: {e}"))?;
    }
    cranelift_native::builder()?.finish(settings::Flags::new(flags)).map_err(|e| e.to_string())
}

/// A region's way in. Valid while the generation lives that it was published in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry(extern "C" fn(*mut u8) -> u32);

impl Entry {
    /// Runs native code on a state; returns the number of the exit that it left through.
    ///
    /// # Safety
    /// The generation that the entry was published in is alive, and the state is one of the guest and the
    /// settings that the region was translated for: its code reads and writes the state's block by the
    /// offsets of that guest's spaces.
    #[inline]
    pub(crate) unsafe fn run(self, state: &mut State) -> u32 {
        (self.0)(state.as_mut_ptr())
    }

    /// Where the code starts.
    pub(crate) fn address(self) -> usize {
        self.0 as usize
    }
}

/// A generation of code.
pub(crate) struct Generation {
    /// `None` only while being dropped.
    module: Option<JITModule>,
    bytes: usize,
}

impl Generation {
    /// An empty one. Maps nothing yet.
    pub(crate) fn new(isa: OwnedTargetIsa) -> Generation {
        let builder = JITBuilder::with_isa(isa, cranelift_module::default_libcall_names());
        Generation { module: Some(JITModule::new(builder)), bytes: 0 }
    }

    /// Bytes of code published.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Makes a function's machine code executable.
    pub(crate) fn publish(&mut self, code: &[u8], alignment: u64) -> Result<Entry, String> {
        let module = self.module.as_mut().expect("a living generation has its module");
        let signature = module.make_signature();
        let id = module.declare_anonymous_function(&signature).map_err(|e| e.to_string())?;
        module.define_function_bytes(id, alignment, code, &[]).map_err(|e| e.to_string())?;
        module.finalize_definitions().map_err(|e| e.to_string())?;
        self.bytes += code.len();
        let address = module.get_finalized_function(id);
        // SAFETY: the address is that of finalized code, which `translate` gave this signature.
        Ok(Entry(unsafe { std::mem::transmute::<*const u8, extern "C" fn(*mut u8) -> u32>(address) }))
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        if let Some(module) = self.module.take() {
            // SAFETY: entries are kept with their generation and dropped with it (`native::Native`), and none
            // runs: running one needs the machine that is being changed.
            unsafe { module.free_memory() }
        }
    }
}
