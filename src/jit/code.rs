//! Code memory, and the way into it.
//!
//! A generation of code lives in one Cranelift JIT module, which maps pages writable, fills them, and makes
//! them executable and no longer writable (invariant: W^X). A module frees only as a whole, so a generation
//! goes as a whole, when no machine has code of it any more.

use std::sync::{Arc, Mutex};

use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::Module;
use serde::{Deserialize, Serialize};

use crate::state::State;

/// Settings of the code generator that are the user's to choose, for measuring and for fuzzing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct CodegenOptions {
    /// Optimise (`opt_level=speed`).
    pub optimise: bool,
    /// Alias analysis: forwarding of stores to loads, elimination of dead stores.
    pub alias_analysis: bool,
    /// Cranelift's verifier, and Kiln's of what the code may touch: about doubles compile time.
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

/// A region's way in. It keeps the generation alive that it was published in.
pub(crate) struct Entry {
    function: extern "C" fn(*mut u8, u32) -> u32,
    _generation: Arc<Generation>,
}

impl Entry {
    /// Runs native code on a state from one of the region's entries, 0 for the first; returns the number of the exit that it left
    /// through.
    ///
    /// # Safety
    /// The state is one of the guest and the settings that the region was translated for: its code reads and writes
    /// the state's block by the offsets of that guest's spaces.
    #[inline]
    pub(crate) unsafe fn run(&self, state: &mut State, entry: u32) -> u32 {
        (self.function)(state.as_mut_ptr(), entry)
    }

    /// Where the code starts.
    pub(crate) fn address(&self) -> usize {
        self.function as usize
    }
}

/// A generation of code. Machines on other threads may run it while more is published: what is executable already
/// is not touched by that.
pub(crate) struct Generation {
    /// `None` only while being dropped.
    module: Mutex<Option<JITModule>>,
}

impl Generation {
    /// An empty one. Maps nothing yet.
    pub(crate) fn new(isa: OwnedTargetIsa) -> Arc<Generation> {
        let builder = JITBuilder::with_isa(isa, cranelift_module::default_libcall_names());
        Arc::new(Generation { module: Mutex::new(Some(JITModule::new(builder))) })
    }

    /// Makes a function's machine code executable.
    pub(crate) fn publish(self: &Arc<Self>, code: &[u8], alignment: u64) -> Result<Entry, String> {
        let mut module = self.module.lock().expect("nobody panics while publishing");
        let module = module.as_mut().expect("a living generation has its module");
        let signature = module.make_signature();
        let id = module.declare_anonymous_function(&signature).map_err(|e| e.to_string())?;
        module.define_function_bytes(id, alignment, code, &[]).map_err(|e| e.to_string())?;
        module.finalize_definitions().map_err(|e| e.to_string())?;
        let address = module.get_finalized_function(id);
        // SAFETY: the address is that of finalized code, which `translate` gave this signature.
        let function =
            unsafe { std::mem::transmute::<*const u8, extern "C" fn(*mut u8, u32) -> u32>(address) };
        Ok(Entry { function, _generation: self.clone() })
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        if let Some(module) = self.module.get_mut().ok().and_then(Option::take) {
            // SAFETY: every entry keeps its generation alive, so there is none, and none runs.
            unsafe { module.free_memory() }
        }
    }
}
