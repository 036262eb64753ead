//! The program at a terminal: keys come at once and unechoed, and the terminal is put back on any ending.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::io::{FdFlags, fcntl_setfd, ioctl_fionbio};
use rustix::process::{ioctl_tiocsctty, setsid};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

const KILN: &str = env!("CARGO_BIN_EXE_kiln");
const PATIENCE: Duration = Duration::from_secs(60);

const TWO_KEYS: &str = ".ORIG x3000\nGETC\nOUT\nGETC\nOUT\nHALT\n.END\n";
const KEY_AND_FAULT: &str = ".ORIG x3000\nGETC\nLDR R0,R1,#0\nHALT\n.END\n";
const POLLS: &str = ".ORIG x3000\nL LDI R1,KBSR\nBRzp L\nHALT\nKBSR .FILL xFE00\n.END\n";
const NO_KEYS: &str = ".ORIG x3000\nLEA R0,P\nPUTS\nL BR L\nP .STRINGZ \"running\"\n.END\n";

/// Held while a terminal is opened, and while a program is started, which would have it.
static ALONE: Mutex<()> = Mutex::new(());

/// A terminal, and what was shown on it.
struct Terminal {
    keyboard: File,
    /// The side of the programs that run on it, kept open so that its mode can be asked for.
    line: File,
    screen: Arc<Mutex<Vec<u8>>>,
    /// Reads what is shown, until the terminal goes.
    reader: JoinHandle<()>,
    is_going: Arc<AtomicBool>,
}

impl Terminal {
    fn new() -> Terminal {
        let _alone = ALONE.lock().unwrap();
        let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        // A terminal is gone when nobody has it: not a program of another test, either.
        fcntl_setfd(&controller, FdFlags::CLOEXEC).unwrap();
        ioctl_fionbio(&controller, true).unwrap();
        grantpt(&controller).unwrap();
        unlockpt(&controller).unwrap();
        let name = ptsname(&controller, Vec::new()).unwrap().into_string().unwrap();
        use std::os::unix::fs::OpenOptionsExt;
        let flags = OpenptFlags::NOCTTY.bits() as i32;
        let line = OpenOptions::new().read(true).write(true).custom_flags(flags).open(name).unwrap();
        let keyboard = File::from(controller);
        let screen = Arc::new(Mutex::new(Vec::new()));
        let (mut reader, shown) = (keyboard.try_clone().unwrap(), screen.clone());
        let is_going = Arc::<AtomicBool>::default();
        let ends = is_going.clone();
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while !ends.load(Ordering::Relaxed) {
                match reader.read(&mut buffer) {
                    Ok(count @ 1..) => shown.lock().unwrap().extend_from_slice(&buffer[..count]),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        std::thread::sleep(Duration::from_millis(2));
                    }
                    _ => return,
                }
            }
        });
        Terminal { keyboard, line, screen, reader, is_going }
    }

    /// The terminal goes away, as when its window is closed.
    fn hang_up(self) {
        self.is_going.store(true, Ordering::Relaxed);
        self.reader.join().unwrap();
    }

    /// Starts a program with this as its controlling terminal.
    fn spawn(&self, command: &mut Command) -> Child {
        self.spawn_with(command, false)
    }

    /// The same; as with `nohup`, it may not be told when the terminal goes.
    fn spawn_with(&self, command: &mut Command, is_nohup: bool) -> Child {
        let stdio = || Stdio::from(self.line.try_clone().unwrap());
        command.stdin(stdio()).stdout(stdio()).stderr(stdio());
        // SAFETY: between fork and exec only system calls are made, of which none allocates.
        unsafe {
            command.pre_exec(move || {
                setsid()?;
                libc::signal(libc::SIGHUP, if is_nohup { libc::SIG_IGN } else { libc::SIG_DFL });
                ioctl_tiocsctty(rustix::stdio::stdin())?;
                Ok(())
            });
        }
        let _alone = ALONE.lock().unwrap();
        command.spawn().unwrap()
    }

    fn run(&self, test: &str, source: &str) -> Child {
        self.spawn(Command::new(KILN).args(["run", &image(test, source)]))
    }

    fn types(&mut self, keys: &[u8]) {
        self.keyboard.write_all(keys).unwrap();
    }

    fn is_raw(&self) -> bool {
        let modes = tcgetattr(&self.line).unwrap().local_modes;
        let (buffered, echoed) = (modes.contains(LocalModes::ICANON), modes.contains(LocalModes::ECHO));
        assert_eq!(buffered, echoed);
        assert!(modes.contains(LocalModes::ISIG));
        !buffered
    }

    /// Waits until the terminal works by lines, as programs without an editor have it, or does not.
    fn is_lent(&self, lent: bool) {
        let modes = || tcgetattr(&self.line).unwrap().local_modes;
        until(
            || modes().contains(LocalModes::ICANON) == lent,
            || format!("lent: {lent}; {:?}", self.screen()),
        );
    }

    fn screen(&self) -> String {
        String::from_utf8_lossy(&self.screen.lock().unwrap()).into_owned()
    }

    fn shows(&self, text: &str) {
        until(|| self.screen().contains(text), || format!("{text:?} in {:?}", self.screen()));
    }

    fn becomes_raw(&self, raw: bool) {
        until(|| self.is_raw() == raw, || format!("raw: {raw}; {:?}", self.screen()));
    }
}

fn until(holds: impl Fn() -> bool, what: impl Fn() -> String) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "waited in vain for {}", what());
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn image(test: &str, source: &str) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("pty-{test}.asm"));
    fs::write(&path, source).unwrap();
    path.to_str().unwrap().to_owned()
}

fn end(mut child: Child) -> ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if start.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("it does not end");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
}

#[test]
fn keys_come_at_once_and_unechoed() {
    let mut terminal = Terminal::new();
    let child = terminal.run("keys", TWO_KEYS);
    terminal.becomes_raw(true);
    terminal.types(b"a");
    terminal.shows("a");
    // End of file is a key like others.
    terminal.types(b"\x04");
    assert_eq!(end(child).code(), Some(0));
    assert!(!terminal.is_raw());
    terminal.shows("a\x04");
    assert_eq!(terminal.screen(), "a\x04");
}

#[test]
fn what_is_typed_ahead_stays_for_the_next() {
    let mut terminal = Terminal::new();
    let child = terminal.run("ahead", TWO_KEYS);
    terminal.becomes_raw(true);
    terminal.types(b"abrest\n");
    assert_eq!(end(child).code(), Some(0));
    let mut rest = [0; 5];
    terminal.line.read_exact(&mut rest).unwrap();
    assert_eq!(&rest, b"rest\n");
}

#[test]
fn the_terminal_is_put_back_after_ctrl_c_and_signals() {
    for (test, source) in [("waits", TWO_KEYS), ("polls", POLLS)] {
        let mut terminal = Terminal::new();
        let child = terminal.run(test, source);
        terminal.becomes_raw(true);
        terminal.types(b"\x03");
        assert_eq!(end(child).code(), Some(130));
        assert!(!terminal.is_raw());
        for (name, code) in [("-TERM", 143), ("-HUP", 129), ("-QUIT", 131)] {
            let child = terminal.run(test, source);
            terminal.becomes_raw(true);
            signal(&child, name);
            assert_eq!(end(child).code(), Some(code));
            assert!(!terminal.is_raw());
        }
    }
}

#[test]
fn the_terminal_is_put_back_after_a_fault_and_a_crash() {
    let mut terminal = Terminal::new();
    let child = terminal.run("fault", KEY_AND_FAULT);
    terminal.becomes_raw(true);
    terminal.types(b"x");
    assert_eq!(end(child).code(), Some(70));
    assert!(!terminal.is_raw());
    terminal.shows("kiln: fault: access violation");
    for name in ["-ABRT", "-SEGV"] {
        let child = terminal.run("crash", TWO_KEYS);
        terminal.becomes_raw(true);
        signal(&child, name);
        assert_eq!(end(child).code(), None);
        assert!(!terminal.is_raw());
    }
}

#[test]
fn a_program_that_asks_for_no_key_leaves_the_terminal_alone() {
    let mut terminal = Terminal::new();
    let child = terminal.run("none", NO_KEYS);
    terminal.shows("running");
    assert!(!terminal.is_raw());
    terminal.types(b"\x03");
    assert_eq!(end(child).code(), Some(130));
    assert!(!terminal.is_raw());
}

#[test]
fn the_terminal_is_the_shells_while_the_program_is_stopped() {
    let mut terminal = Terminal::new();
    let modes = "stty -a | tr -s ' ;' '\\n' | grep -x -e '-*icanon' -e '-*echo'";
    let script = format!("{KILN} run {}; {modes}; fg", image("stop", TWO_KEYS));
    // With job control, without which nothing stops.
    let child = terminal.spawn(Command::new("bash").args(["-m", "-c", &script]));
    terminal.becomes_raw(true);
    terminal.types(b"\x1a");
    terminal.shows("\nicanon\r\necho\r\n");
    terminal.becomes_raw(true);
    terminal.types(b"ab");
    assert_eq!(end(child).code(), Some(0));
    assert!(!terminal.is_raw());
    terminal.shows("ab");
}

/// Programs that wait, poll, print and calculate end when their terminal goes away, even those that nobody tells.
#[test]
fn a_run_ends_when_the_terminal_goes() {
    let prints = ".ORIG x3000\nLEA R0,P\nL PUTS\nBR L\nP .STRINGZ \"printing\\n\"\n.END\n";
    for (test, source, is_ready) in [
        ("gone-waits", TWO_KEYS, ""),
        ("gone-polls", POLLS, ""),
        ("gone-prints", prints, "printing"),
        ("gone-runs", NO_KEYS, "running"),
    ] {
        // That one has nothing to do with it.
        let ways = if source == NO_KEYS { &[false][..] } else { &[false, true] };
        for &is_nohup in ways {
            let terminal = Terminal::new();
            let child = terminal.spawn_with(Command::new(KILN).args(["run", &image(test, source)]), is_nohup);
            if is_ready.is_empty() {
                terminal.becomes_raw(true);
            } else {
                terminal.shows(is_ready);
            }
            terminal.hang_up();
            let code = end(child).code();
            let is_right = code == Some(74) || code == Some(129) && !is_nohup;
            assert!(is_right, "{test}, {is_nohup}: {code:?}");
        }
    }
}

/// The same for prompts: those that are edited, and whose entry runs.
#[test]
fn a_prompt_ends_when_the_terminal_goes() {
    for (entry, is_nohup) in [("", false), ("", true), ("forever:\req $1 $1\rdjmpe @forever\r\r", false)] {
        let mut terminal = Terminal::new();
        let history = history("gone");
        let mut command = Command::new(KILN);
        command.args(["repl", "iridium", "--history"]).arg(history).env("TERM", "xterm");
        let child = terminal.spawn_with(&mut command, is_nohup);
        terminal.is_lent(false);
        if !entry.is_empty() {
            terminal.types(entry.as_bytes());
            terminal.is_lent(true);
        }
        terminal.hang_up();
        let status = end(child);
        // No crash, which is 101 or a signal of its own.
        let is_told = status.signal() == Some(libc::SIGHUP);
        assert!(is_told || matches!(status.code(), Some(0 | 74)), "{entry:?}, {is_nohup}: {status}");
    }
}

/// A prompt on the terminal, its entries kept in this file.
fn prompt(terminal: &Terminal, history: &Path) -> Child {
    let mut command = Command::new(KILN);
    terminal.spawn(command.args(["repl", "iridium", "--history"]).arg(history).env("TERM", "xterm"))
}

fn history(test: &str) -> PathBuf {
    let history = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("pty-{test}-history"));
    let _ = fs::remove_file(&history);
    history
}

/// News of a machine beside the prompt come while a line is edited, which stays as it is.
#[test]
fn news_come_above_the_line_that_is_edited() {
    // 400 times 32768 turns of two instructions.
    let counts = ".code\nload $1 #400\nload $2 #0\nagain: cloop #32767\nturn: inc $3\nloop @turn\n\
                  dec $1\ngt $1 $2\ndjmpe @again\nhlt\n";
    let program = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("pty-counts.iasm");
    fs::write(&program, counts).unwrap();
    let mut terminal = Terminal::new();
    let child = prompt(&terminal, &history("news"));
    terminal.shows(">>> ");
    terminal.types(format!("!spawn {}\rload $4 #7", program.display()).as_bytes());
    terminal.shows("[1] stopped with code 0, ");
    let below =
        |screen: String| screen.rsplit("[1] stopped").next().is_some_and(|s| s.contains("load $4 #7"));
    until(|| below(terminal.screen()), || terminal.screen());
    terminal.types(b"7\r!registers\r");
    terminal.shows("$4 77 ");
    terminal.types(b"!quit\r");
    assert_eq!(end(child).code(), Some(0));
}

#[test]
fn a_prompt_puts_the_terminal_back_when_a_signal_ends_it() {
    let terminal = Terminal::new();
    for name in ["-TERM", "-HUP", "-QUIT", "-ABRT"] {
        let child = prompt(&terminal, &history("signals"));
        // It is being edited.
        terminal.is_lent(false);
        signal(&child, name);
        assert_eq!(end(child).code(), None, "{name}");
        assert!(!terminal.is_raw(), "{name}");
    }
}

/// The prompt on a terminal: lines are edited, completed, recalled and kept; Ctrl-C interrupts what runs.
#[test]
fn a_prompt_is_edited_and_interrupted_and_remembers() {
    let history = history("prompt");
    let mut terminal = Terminal::new();
    let mut child = prompt(&terminal, &history);
    terminal.shows("Welcome to Iridium! Let's be productive!");
    terminal.types(b"loadd\x7f $1 #50\r!clear_p\t\r!reg\t\r");
    terminal.shows("$1 50 ");
    terminal.types(b"forever:\r");
    terminal.shows("... ");
    terminal.types(b"eq $1 $1\rdjmpe @forever");
    terminal.shows("djmpe @forever");
    terminal.types(b"\r");
    until(|| terminal.screen().matches("... ").count() >= 3, || terminal.screen());
    terminal.is_lent(false);
    terminal.types(b"\r");
    // The terminal is not the prompt's while the entry runs.
    terminal.is_lent(true);
    terminal.types(b"\x03");
    terminal.shows("interrupted at 82");
    terminal.types(b"inc $1\r");
    // While the entry runs, the end of input is the terminal's, and lost.
    let has_ended = |child: &mut Child| child.try_wait().unwrap().is_some();
    for _ in (0..100).take_while(|_| !has_ended(&mut child)) {
        terminal.types(b"\x04");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(end(child).code(), Some(0));
    let mut terminal = Terminal::new();
    let child = prompt(&terminal, &history);
    terminal.shows(">>> ");
    terminal.types(b"\x1b[A\r!registers\r!quit\r");
    terminal.shows("$1 1 ");
    assert_eq!(end(child).code(), Some(0));
}
