//! The thread that compiles, beside the machine's own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

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
/// tables have grown to; nobody waits for what it still does. The thread lives as long as it may be given jobs.
pub(crate) struct Worker(Option<Thread>);

impl Worker {
    /// Takes a thread that waits, or starts one.
    pub(crate) fn start() -> std::io::Result<Worker> {
        let idle = IDLE.lock().expect("nobody panics while taking a thread").pop();
        let thread = idle.map_or_else(Thread::start, Ok)?;
        Ok(Worker(Some(thread)))
    }

    /// Gives a job.
    pub(crate) fn give(&self, job: Job) {
        let thread = self.0.as_ref().expect("only a dropped one has none");
        run_elsewhere(&thread.handle);
        thread.jobs.send(job).expect("the thread lives");
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let (Some(thread), Ok(mut idle)) = (self.0.take(), IDLE.lock()) {
            idle.push(thread);
        }
    }
}

impl Thread {
    fn start() -> std::io::Result<Thread> {
        let (jobs, todo) = channel::<Job>();
        // What panics has no result, which whoever waits for it notices; the next job has nothing to do with that.
        let work = move || {
            make_room();
            todo.into_iter().for_each(|job| drop(catch_unwind(AssertUnwindSafe(job))));
        };
        let handle = std::thread::Builder::new().name("kiln-compile".to_owned()).spawn(work)?;
        Ok(Thread { jobs, handle })
    }
}

/// Has the first compiling thread's heap use huge pages for the compiler's tables: a large region touches hundreds of small
/// ones, which cost a fault each, and a fifth of compiling together. Where the C library or the host has it otherwise
/// nothing changes but that glibc, after this, keeps blocks of up to this size in its heaps.
fn make_room() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        /// There are small pages before the first huge one already: that room stays unused.
        static UNUSED: OnceLock<Option<Vec<u8>>> = OnceLock::new();
        const HUGE: usize = 2 << 20;
        const ROOM: usize = 3 * HUGE;
        let block = |len| {
            let mut block = Vec::<u8>::new();
            block.try_reserve_exact(len).ok().map(|()| std::hint::black_box(block))
        };
        UNUSED.get_or_init(|| {
            // The C library takes blocks from the heap that are no larger than one that was given back, and keeps the room.
            drop(block(ROOM)?);
            let room = block(ROOM)?;
            let start = room.as_ptr() as usize;
            let first = start.next_multiple_of(HUGE);
            let len = (start + ROOM - first) / HUGE * HUGE;
            // SAFETY: the pages are of a block that lives, and advice does not change what is in them.
            unsafe { libc::madvise(first as *mut libc::c_void, len, libc::MADV_HUGEPAGE) };
            drop(room);
            block((first - start).saturating_sub(64))
        });
    }
}

/// Keeps a thread off the core that this one runs on and goes on running on. Linux may wake it there, in virtual machines
/// whose other cores sleep, and it would wait for milliseconds.
fn run_elsewhere(thread: &JoinHandle<()>) {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: zero is a valid set, the pointers are to a live one of the size that is given, the core's number is within it, and
    // the thread lives: it ends when nobody can give it jobs.
    unsafe {
        use std::os::unix::thread::JoinHandleExt;
        let mut cores: libc::cpu_set_t = std::mem::zeroed();
        let size = size_of_val(&cores);
        let known = libc::sched_getaffinity(0, size, &mut cores) == 0;
        if let (true, Ok(here)) = (known, usize::try_from(libc::sched_getcpu()))
            && here < 8 * size
        {
            libc::CPU_CLR(here, &mut cores);
            // Where there is no other core the host refuses, and nothing changes.
            libc::pthread_setaffinity_np(thread.as_pthread_t(), size, &cores);
        }
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    let _ = thread;
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    use std::sync::mpsc::channel;

    use super::Worker;

    /// How many cores the calling thread may run on.
    fn cores() -> usize {
        // SAFETY: as in `run_elsewhere`.
        unsafe {
            let mut cores: libc::cpu_set_t = std::mem::zeroed();
            assert_eq!(libc::sched_getaffinity(0, size_of_val(&cores), &mut cores), 0);
            libc::CPU_COUNT(&cores) as usize
        }
    }

    #[test]
    fn jobs_run_beside_who_gives_them() {
        let worker = Worker::start().unwrap();
        let (count, counted) = channel();
        worker.give(Box::new(move || count.send(cores()).unwrap()));
        assert_eq!(counted.recv().unwrap(), (cores() - 1).max(1));
    }
}
