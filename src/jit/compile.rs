//! From CLIF to machine code, in line or on a thread of its own.

use std::cell::Cell;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
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

/// Something to do on the compiling thread.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// A thread that compiles.
struct Thread {
    jobs: Sender<Job>,
    handle: JoinHandle<()>,
}

/// Threads that wait for somebody to compile for.
static IDLE: Mutex<Vec<Thread>> = Mutex::new(Vec::new());

/// The use of a thread that compiles. When it is dropped, the thread is there for others, with the room that Cranelift's
/// tables have grown to; nobody waits for what it still does.
pub(crate) struct Worker(Option<Thread>);

impl Worker {
    /// Takes a thread that waits, or starts one.
    pub(crate) fn start() -> std::io::Result<Worker> {
        let idle = IDLE.lock().expect("nobody panics while taking a thread").pop();
        let thread = idle.map_or_else(Thread::start, Ok)?;
        Ok(Worker(Some(thread)))
    }

    /// Gives a job. It is handed back if the thread has died.
    pub(crate) fn give(&self, job: Job) -> Result<(), Job> {
        match &self.0 {
            Some(thread) => thread.jobs.send(job).map_err(|e| e.0),
            None => Err(job),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let alive = self.0.take().filter(|thread| !thread.handle.is_finished());
        if let (Some(thread), Ok(mut idle)) = (alive, IDLE.lock()) {
            idle.push(thread);
        }
    }
}

impl Thread {
    fn start() -> std::io::Result<Thread> {
        let (jobs, todo) = channel::<Job>();
        let work = move || todo.into_iter().for_each(|job| job());
        let handle = std::thread::Builder::new().name("kiln-compile".to_owned()).spawn(work)?;
        Ok(Thread { jobs, handle })
    }
}
