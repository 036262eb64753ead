//! What depends on the host: signals, the terminal, and what `perf` wants. For Linux and macOS; all of the program's `unsafe`.
//!
//! A signal that ends the run is noted, wakes whoever waits here, and the run ends at its next look; a
//! second one kills at once. The terminal is put back on every ending and while the program is stopped, and
//! made unbuffered again when it goes on.

use std::cell::UnsafeCell;
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, IntoRawFd};
use std::os::unix::net::UnixStream;
use std::ptr;
use std::sync::atomic::{AtomicI32, Ordering};

use libc::{c_int, termios};

/// Signals that ask for the run's end.
const ENDING: [c_int; 4] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT];
/// Signals that end the process where it stands.
const CRASHING: [c_int; 5] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGABRT];

/// The signal that ends the run; 0 while there is none.
static SIGNAL: AtomicI32 = AtomicI32::new(0);
/// Written by a signal, read by [`wait`], so that a signal right before it waits is not missed.
static WAKE_WRITE: AtomicI32 = AtomicI32::new(-1);
static WAKE_READ: AtomicI32 = AtomicI32::new(-1);
/// The terminal that is unbuffered now; -1 if none is.
static RAW: AtomicI32 = AtomicI32::new(-1);
/// How that terminal was before.
static SAVED: Saved = Saved(UnsafeCell::new(MaybeUninit::uninit()));

struct Saved(UnsafeCell<MaybeUninit<termios>>);

// SAFETY: written only while `RAW` is -1, by the thread that runs the guest; read only after `RAW` was seen
// set (release, acquire), or by that thread.
unsafe impl Sync for Saved {}

/// The signal that asked for the run's end.
pub fn signal() -> Option<i32> {
    Some(SIGNAL.load(Ordering::Relaxed)).filter(|&signal| signal != 0)
}

/// From now on signals end the run cleanly. Those that the parent has had ignored stay so.
pub fn catch_signals() -> io::Result<()> {
    let (read, write) = UnixStream::pair()?;
    write.set_nonblocking(true)?;
    WAKE_READ.store(read.into_raw_fd(), Ordering::Relaxed);
    WAKE_WRITE.store(write.into_raw_fd(), Ordering::Relaxed);
    for signal in ENDING {
        handle(signal, on_ending, 0)?;
    }
    Ok(())
}

/// Runs something that Ctrl-C is to interrupt, not to end: meanwhile [`signal`] says whether it came.
pub fn interruptible<T>(run: impl FnOnce() -> T) -> io::Result<T> {
    let old = handle(libc::SIGINT, on_interrupt, 0)?;
    let result = run();
    if let Some(old) = old {
        // SAFETY: the pointer is to a live value, which the system filled in.
        check(unsafe { libc::sigaction(libc::SIGINT, &old, ptr::null_mut()) })?;
    }
    SIGNAL.store(0, Ordering::Relaxed);
    Ok(result)
}

/// Makes the terminal unbuffered and unechoed until [`restore`]. Keys that make signals still do.
pub fn make_raw(fd: BorrowedFd<'_>) -> io::Result<()> {
    if RAW.load(Ordering::Relaxed) >= 0 {
        return Ok(());
    }
    save(fd, &CRASHING)?;
    handle(libc::SIGTSTP, on_stop, libc::SA_NODEFER)?;
    handle(libc::SIGCONT, on_continue, 0)?;
    set_terminal(fd.as_raw_fd(), true)
}

/// From now on a signal that ends the process puts the terminal back as it is now, whoever has changed it by then.
pub fn keep_terminal(fd: BorrowedFd<'_>) -> io::Result<()> {
    save(fd, &[&CRASHING[..], &[libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT]].concat())
}

/// Notes how the terminal is, for these signals to put it back.
fn save(fd: BorrowedFd<'_>, signals: &[c_int]) -> io::Result<()> {
    let fd = fd.as_raw_fd();
    // SAFETY: tcgetattr writes a whole termios; nobody reads SAVED while RAW is -1.
    check(unsafe { libc::tcgetattr(fd, (*SAVED.0.get()).as_mut_ptr()) })?;
    for &signal in signals {
        handle(signal, on_crash, libc::SA_RESETHAND | libc::SA_ONSTACK)?;
    }
    RAW.store(fd, Ordering::Release);
    Ok(())
}

/// Puts the terminal back as it was before [`make_raw`]; nothing if it was not called.
pub fn restore() {
    let fd = RAW.load(Ordering::Acquire);
    if fd >= 0 && is_foreground(fd) {
        // Nothing can be done about an error: the terminal has gone.
        let _ = set_terminal(fd, false);
    }
    RAW.store(-1, Ordering::Release);
}

/// What [`wait`] waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// A read would not block.
    Readable,
    /// A write would not block.
    Writable,
}

/// Waits until `fd` is ready, if `block`; whether it is. An error of kind `Interrupted` where a signal asks
/// for the run's end.
pub fn wait(fd: BorrowedFd<'_>, until: Until, block: bool) -> io::Result<bool> {
    let (fd, wake) = (fd.as_raw_fd(), WAKE_READ.load(Ordering::Relaxed));
    if fd.max(wake) >= libc::FD_SETSIZE as c_int {
        return Err(io::Error::other("too many open files"));
    }
    loop {
        if signal().is_some() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        // select, not poll: macOS does not poll terminals.
        let mut read = MaybeUninit::<libc::fd_set>::uninit();
        let mut write = MaybeUninit::<libc::fd_set>::uninit();
        let mut now = libc::timeval { tv_sec: 0, tv_usec: 0 };
        let timeout = if block { ptr::null_mut() } else { &raw mut now };
        // SAFETY: FD_ZERO initialises both sets, every descriptor put in is below FD_SETSIZE and not
        // negative, and the sets and the time outlive the call.
        let (result, ready) = unsafe {
            libc::FD_ZERO(read.as_mut_ptr());
            libc::FD_ZERO(write.as_mut_ptr());
            if wake >= 0 {
                libc::FD_SET(wake, read.as_mut_ptr());
            }
            let set = if until == Until::Readable { read.as_mut_ptr() } else { write.as_mut_ptr() };
            libc::FD_SET(fd, set);
            let last = fd.max(wake) + 1;
            let result = libc::select(last, read.as_mut_ptr(), write.as_mut_ptr(), ptr::null_mut(), timeout);
            (result, result > 0 && libc::FD_ISSET(fd, set))
        };
        match check(result) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
            Ok(_) if ready => return Ok(true),
            Ok(0) => return Ok(false),
            // Woken by a signal.
            Ok(_) => {}
        }
    }
}

fn check(result: c_int) -> io::Result<c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Has `handler` called on a signal, unless it is ignored; what was done before. System calls that wait return on it.
fn handle(signal: c_int, handler: extern "C" fn(c_int), flags: c_int) -> io::Result<Option<libc::sigaction>> {
    // SAFETY: zero is a valid sigaction on both systems, the pointers are to live values, and the handlers
    // below call only what POSIX allows in one.
    unsafe {
        let mut old: libc::sigaction = std::mem::zeroed();
        check(libc::sigaction(signal, ptr::null(), &mut old))?;
        if old.sa_sigaction == libc::SIG_IGN {
            return Ok(None);
        }
        let mut new: libc::sigaction = std::mem::zeroed();
        new.sa_sigaction = handler as *const () as libc::sighandler_t;
        new.sa_flags = flags;
        libc::sigemptyset(&mut new.sa_mask);
        check(libc::sigaction(signal, &new, ptr::null_mut()))?;
        Ok(Some(old))
    }
}

/// Sets the terminal as it was, or as that without buffering and echo.
fn set_terminal(fd: c_int, raw: bool) -> io::Result<()> {
    // SAFETY: SAVED was written before RAW was set, without which nobody comes here.
    let mut mode = unsafe { (*SAVED.0.get()).assume_init() };
    if raw {
        mode.c_lflag &= !(libc::ICANON | libc::ECHO | libc::ECHONL);
        mode.c_cc[libc::VMIN] = 1;
        mode.c_cc[libc::VTIME] = 0;
    }
    loop {
        // SAFETY: `mode` is a whole termios. What was typed ahead stays.
        match check(unsafe { libc::tcsetattr(fd, libc::TCSANOW, &mode) }) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result.map(|_| ()),
        }
    }
}

/// Whether the terminal is this process's to set: not that of a shell that has put us in the background.
fn is_foreground(fd: c_int) -> bool {
    // SAFETY: both take and return numbers.
    let (owner, own) = unsafe { (libc::tcgetpgrp(fd), libc::getpgrp()) };
    owner < 0 || owner == own
}

/// In a handler: sets the terminal if it is raw and ours.
fn set_if_raw(raw: bool) {
    let fd = RAW.load(Ordering::Acquire);
    if fd >= 0 && is_foreground(fd) {
        let _ = set_terminal(fd, raw);
    }
}

/// Runs a handler's body with the interrupted code's `errno` kept.
fn keeping_errno(body: impl FnOnce()) {
    #[cfg(not(target_os = "macos"))]
    use libc::__errno_location as location;
    #[cfg(target_os = "macos")]
    use libc::__error as location;
    // SAFETY: the location is the thread's own and always valid.
    let errno = unsafe { *location() };
    body();
    // SAFETY: as above.
    unsafe { *location() = errno };
}

/// Dies of the signal whose handler this is called in, once that returns.
fn die(signal: c_int) {
    // SAFETY: both are allowed in a handler and take numbers.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
}

extern "C" fn on_ending(signal: c_int) {
    keeping_errno(|| {
        if SIGNAL.compare_exchange(0, signal, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            // A closing terminal sends SIGHUP, and often its shell again.
            if signal != libc::SIGHUP {
                set_if_raw(false);
                die(signal);
            }
            return;
        }
        let byte = [0u8];
        // SAFETY: one byte is read from the array; if the pipe is full, whoever waits is awake already.
        unsafe { libc::write(WAKE_WRITE.load(Ordering::Relaxed), byte.as_ptr().cast(), 1) };
    });
}

extern "C" fn on_interrupt(signal: c_int) {
    SIGNAL.store(signal, Ordering::Relaxed);
}

extern "C" fn on_crash(signal: c_int) {
    set_if_raw(false);
    die(signal);
}

extern "C" fn on_stop(signal: c_int) {
    keeping_errno(|| {
        set_if_raw(false);
        // Stops here, as the signal does by default, and goes on with SIGCONT.
        die(signal);
        let _ = handle(signal, on_stop, libc::SA_NODEFER);
        // It did not stop if nobody could make it go on.
        set_if_raw(true);
    });
}

extern "C" fn on_continue(_signal: c_int) {
    keeping_errno(|| set_if_raw(true));
}

/// The name of a signal that ends a run.
pub fn signal_name(signal: i32) -> &'static str {
    match signal {
        libc::SIGINT => "SIGINT",
        libc::SIGTERM => "SIGTERM",
        libc::SIGHUP => "SIGHUP",
        libc::SIGQUIT => "SIGQUIT",
        _ => "a signal",
    }
}

/// Whether this process may use more than one core. Of quotas nothing is asked, which takes reading several files.
pub fn has_cores() -> bool {
    #[cfg(target_os = "linux")]
    // SAFETY: zero is a valid set, the pointer is to a live one, and the size is its own.
    return unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::sched_getaffinity(0, size_of_val(&set), &mut set) == 0 && libc::CPU_COUNT(&set) > 1
    };
    #[cfg(not(target_os = "linux"))]
    std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1)
}

/// Nanoseconds on the clock that `perf record -k mono` uses.
pub fn monotonic() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live value; the clock exists on every host.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Maps a file as if it were code, which nobody reads or runs: that it was mapped is the message.
pub fn map_executable(file: &File) -> io::Result<memmap2::Mmap> {
    // SAFETY: nothing looks at the bytes, so it does not matter who changes them.
    unsafe { memmap2::MmapOptions::new().map_exec(file) }
}
