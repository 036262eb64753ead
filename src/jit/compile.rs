//! From CLIF to machine code, in line or on a thread of its own.

use std::sync::mpsc::{Receiver, Sender, channel};
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
    /// Start offsets, ends and source locations (guest pc plus one) of the code's parts.
    pub(crate) locations: Vec<(u32, u32, u32)>,
    /// The CLIF that it was made from, as text, where it was asked for.
    pub(crate) clif: Option<String>,
    pub(crate) took: Duration,
}

/// Compiles one function.
pub(crate) fn compile(
    isa: &OwnedTargetIsa,
    function: Function,
    keep_clif: bool,
) -> Result<MachineCode, String> {
    let start = Instant::now();
    let mut context = Context::for_function(function);
    let clif = keep_clif.then(|| context.func.display().to_string());
    let compiled =
        context.compile(&**isa, &mut ControlPlane::default()).map_err(|e| format!("{:?}", e.inner))?;
    if !compiled.buffer.relocs().is_empty() {
        return Err("the code refers to something outside itself".to_owned());
    }
    let locations = compiled
        .buffer
        .get_srclocs_sorted()
        .iter()
        .map(|l| (l.start, l.end, if l.loc.is_default() { 0 } else { l.loc.bits() }))
        .collect();
    Ok(MachineCode {
        bytes: compiled.code_buffer().to_vec(),
        alignment: u64::from(compiled.buffer.alignment),
        locations,
        clif,
        took: start.elapsed(),
    })
}

/// A function to compile, with what the asker wants back beside it.
pub(crate) struct Job<T> {
    pub(crate) function: Function,
    pub(crate) keep_clif: bool,
    pub(crate) about: T,
}

/// A compiled function, or why there is none.
pub(crate) struct Done<T> {
    pub(crate) code: Result<MachineCode, String>,
    pub(crate) about: T,
}

/// A thread that compiles. Dropping it ends the thread after its current job.
pub(crate) struct Worker<T> {
    jobs: Option<Sender<Box<Job<T>>>>,
    done: Receiver<Done<T>>,
    thread: Option<JoinHandle<()>>,
}

impl<T: Send + 'static> Worker<T> {
    /// Starts the thread.
    pub(crate) fn start(isa: OwnedTargetIsa) -> std::io::Result<Worker<T>> {
        let (jobs, todo) = channel::<Box<Job<T>>>();
        let (send, done) = channel();
        let thread = std::thread::Builder::new().name("kiln-compile".to_owned()).spawn(move || {
            for job in todo {
                let Job { function, keep_clif, about } = *job;
                let code = compile(&isa, function, keep_clif);
                if send.send(Done { code, about }).is_err() {
                    return;
                }
            }
        })?;
        Ok(Worker { jobs: Some(jobs), done, thread: Some(thread) })
    }

    /// Gives a job. It is handed back if the thread has died.
    pub(crate) fn give(&self, job: Box<Job<T>>) -> Result<(), Box<Job<T>>> {
        let jobs = self.jobs.as_ref().expect("the channel is open until the worker is dropped");
        jobs.send(job).map_err(|e| e.0)
    }

    /// A finished job, if there is one.
    pub(crate) fn take(&self) -> Option<Done<T>> {
        self.done.try_recv().ok()
    }
}

impl<T> Drop for Worker<T> {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // Its result is nothing: what it had compiled is not wanted any more.
            let _ = thread.join();
        }
    }
}
