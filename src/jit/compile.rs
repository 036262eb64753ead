//! From CLIF to machine code.

use std::cell::Cell;
use std::ops::Range;
use std::time::{Duration, Instant};

use cranelift_codegen::Context;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::Function;
use cranelift_codegen::isa::OwnedTargetIsa;

/// Machine code of a region.
pub(crate) struct MachineCode {
    pub(crate) bytes: Vec<u8>,
    pub(crate) alignment: u64,
    /// Which bytes come from which instruction of the region, in order.
    pub(crate) sources: Vec<(Range<usize>, usize)>,
    /// The CLIF that it was made from, as text, where it was asked for.
    pub(crate) clif: Option<String>,
    pub(crate) took: Duration,
}

thread_local! {
    /// Cranelift's tables, with the room that they have grown to.
    static SPARE: Cell<Option<Context>> = const { Cell::new(None) };
}

/// Compiles one function.
pub(crate) fn compile(
    isa: &OwnedTargetIsa,
    function: Function,
    keep_clif: bool,
) -> Result<MachineCode, String> {
    let start = Instant::now();
    let mut context = SPARE.take().unwrap_or_else(Context::new);
    context.clear();
    context.func = function;
    let clif = keep_clif.then(|| context.func.display().to_string());
    let compiled =
        context.compile(&**isa, &mut ControlPlane::default()).map_err(|e| format!("{:?}", e.inner))?;
    if !compiled.buffer.relocs().is_empty() {
        return Err("the code refers to something outside itself".to_owned());
    }
    let locations = compiled.buffer.get_srclocs_sorted().iter().filter(|l| !l.loc.is_default());
    // A location is an instruction's number plus one.
    let sources = locations.map(|l| (l.start as usize..l.end as usize, l.loc.bits() as usize - 1)).collect();
    let (bytes, alignment) = (compiled.code_buffer().to_vec(), u64::from(compiled.buffer.alignment));
    SPARE.set(Some(context));
    Ok(MachineCode { bytes, alignment, sources, clif, took: start.elapsed() })
}
