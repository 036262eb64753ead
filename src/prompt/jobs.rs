//! Machines that run on threads of their own, beside a prompt.

use std::fmt::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::device::Capture;
use crate::guest::{Guest, Stop};
use crate::vm::Vm;

/// Instructions between looks at whether a machine is to end.
const SLICE: u64 = 1 << 20;
/// Machines that may run at once.
const MOST: usize = 64;
/// Bytes of a machine's output that wait to be shown; more is dropped, and that is said.
const MOST_OUTPUT: usize = 1 << 16;
/// How often who waits looks whether it is to stop.
const PATIENCE: Duration = Duration::from_millis(20);
/// What is said where there is nothing to list.
const NONE: &str = "no machine was spawned";

/// The machines, by number from 1. Clones are of the same ones; those that still run are ended with the last clone.
#[derive(Clone, Default)]
pub struct Jobs(Arc<Mutex<List>>);

#[derive(Default)]
struct List(Vec<Job>);

struct Job {
    what: String,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// Whether the end was told.
    told: bool,
}

#[derive(Default)]
struct Shared {
    /// Whether the machine is to end.
    kill: AtomicBool,
    status: Mutex<Status>,
    changed: Condvar,
}

#[derive(Default)]
struct Status {
    instructions: u64,
    output: Vec<u8>,
    dropped: usize,
    /// How it ended, in words.
    end: Option<String>,
}

impl Shared {
    fn status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().expect("nobody panics while holding a status")
    }
}

impl Jobs {
    fn list(&self) -> MutexGuard<'_, List> {
        self.0.lock().expect("nobody panics while holding the list")
    }

    /// Starts a machine, whose output is in `output`; `end` says in words how a run ended.
    ///
    /// # Errors
    /// Why it does not start.
    pub fn spawn<G: Guest>(
        &self,
        what: impl Into<String>,
        mut vm: Vm<G>,
        output: Capture,
        end: impl Fn(&Vm<G>, &Stop) -> String + Send + 'static,
    ) -> Result<String, String> {
        let List(jobs) = &mut *self.list();
        if jobs.iter().filter(|job| job.is_running()).count() >= MOST {
            return Err(format!("{MOST} machines run already; `!kill` ends one"));
        }
        let shared = Arc::new(Shared::default());
        let theirs = shared.clone();
        let run = move || {
            let end = run(&mut vm, &output, &theirs, end);
            theirs.status().end = Some(end);
            theirs.changed.notify_all();
        };
        let thread = std::thread::Builder::new().spawn(run);
        let thread = thread.map_err(|error| format!("no thread for another machine: {error}"))?;
        let what = what.into();
        let text = format!("[{}] started: {what}\n", jobs.len() + 1);
        jobs.push(Job { what, shared, thread: Some(thread), told: false });
        Ok(text)
    }

    /// All machines in a table.
    pub fn table(&self) -> String {
        let List(jobs) = &*self.list();
        if jobs.is_empty() {
            return NONE.to_owned() + "\n";
        }
        let mut text = String::new();
        for (n, job) in jobs.iter().enumerate() {
            let status = job.shared.status();
            let state = status.end.as_deref().unwrap_or("running");
            // Writing to a string does not fail.
            let _ = writeln!(text, "[{}] {}: {state}, {} instructions", n + 1, job.what, status.instructions);
        }
        text
    }

    /// Ends a machine.
    ///
    /// # Errors
    /// There is none of this number that runs.
    pub fn kill(&self, number: usize) -> Result<(), String> {
        let mut list = self.list();
        let job = list.find(number)?;
        if let Some(end) = &job.shared.status().end {
            return Err(format!("machine {number} has ended already: {end}"));
        }
        job.shared.kill.store(true, Ordering::Relaxed);
        job.join();
        Ok(())
    }

    /// Waits until a machine, or all of them, have ended, or `stop` says so. How the one has ended is news then, even where
    /// it was told.
    ///
    /// # Errors
    /// There is none of this number, none that runs, or `stop` said so.
    pub fn wait(&self, number: Option<usize>, stop: &dyn Fn() -> bool) -> Result<(), String> {
        let mut list = self.list();
        let waited_for: Vec<Arc<Shared>> = match number {
            Some(number) => {
                let job = list.find(number)?;
                job.told = false;
                vec![job.shared.clone()]
            }
            None => list.0.iter().filter(|job| !job.told).map(|job| job.shared.clone()).collect(),
        };
        let is_empty = list.0.is_empty();
        drop(list);
        match (is_empty, waited_for.is_empty()) {
            (true, _) => return Err(NONE.to_owned()),
            (_, true) => return Err("no machine runs; `!ps` lists how they ended".to_owned()),
            _ => {}
        }
        for shared in waited_for {
            let mut status = shared.status();
            while status.end.is_none() {
                if stop() {
                    return Err("interrupted; `!ps` lists what still runs".to_owned());
                }
                let waited = shared.changed.wait_timeout(status, PATIENCE);
                status = waited.expect("nobody panics while holding a status").0;
            }
        }
        Ok(())
    }

    /// What the machines have printed and how they have ended since the last call, in whole lines.
    pub fn news(&self) -> String {
        let mut text = String::new();
        let List(jobs) = &mut *self.list();
        for (n, job) in jobs.iter_mut().enumerate().filter(|(_, job)| !job.told) {
            job.tell(n + 1, &mut text);
        }
        text
    }
}

impl List {
    fn find(&mut self, number: usize) -> Result<&mut Job, String> {
        let last = self.0.len();
        let found = number.checked_sub(1).and_then(|n| self.0.get_mut(n));
        found.ok_or_else(|| match last {
            0 => NONE.to_owned(),
            1 => format!("there is no machine {number}; there is 1"),
            _ => format!("there is no machine {number}; they are 1 to {last}"),
        })
    }
}

impl Drop for List {
    fn drop(&mut self) {
        self.0.iter().for_each(|job| job.shared.kill.store(true, Ordering::Relaxed));
        self.0.iter_mut().for_each(Job::join);
    }
}

impl Job {
    fn is_running(&self) -> bool {
        self.shared.status().end.is_none()
    }

    fn join(&mut self) {
        let panicked = self.thread.take().is_some_and(|thread| thread.join().is_err());
        if panicked {
            self.shared.status().end = Some("ended by an error of the host".to_owned());
        }
    }

    fn tell(&mut self, number: usize, text: &mut String) {
        let mut status = self.shared.status();
        let output = std::mem::take(&mut status.output);
        let dropped = std::mem::take(&mut status.dropped);
        // Writing to a string does not fail.
        for line in String::from_utf8_lossy(&output).lines() {
            let _ = writeln!(text, "[{number}] | {line}");
        }
        if dropped > 0 {
            let _ = writeln!(text, "[{number}] | … and {dropped} bytes more");
        }
        if let Some(end) = &status.end {
            let _ = writeln!(text, "[{number}] {end}, {} instructions", status.instructions);
            self.told = true;
        }
    }
}

/// Runs a machine to its end; how it ended.
fn run<G: Guest>(
    vm: &mut Vm<G>,
    output: &Capture,
    shared: &Shared,
    end: impl Fn(&Vm<G>, &Stop) -> String,
) -> String {
    // A copy has those of the machine that it was made from.
    let before = vm.instructions();
    loop {
        let mut stop = vm.run(SLICE);
        if let Err(error) = vm.guest_mut().flush() {
            stop = Stop::Io(error);
        }
        let mut status = shared.status();
        status.instructions = vm.instructions() - before;
        let printed = output.take();
        let room = (MOST_OUTPUT - status.output.len()).min(printed.len());
        status.output.extend(&printed[..room]);
        status.dropped += printed.len() - room;
        drop(status);
        if !matches!(stop, Stop::Budget) {
            return end(vm, &stop);
        }
        if shared.kill.load(Ordering::Relaxed) {
            return "killed".to_owned();
        }
    }
}
