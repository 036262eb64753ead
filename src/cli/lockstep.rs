//! Both tiers at once: the native one's output is shown, the other's is compared with it.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use kiln::compare::{self, Difference};
use kiln::device::{Answers, Capture, Console, Input, Recorder, Replay};
use kiln::guest::Stop;
use kiln::guests::Machine;
use kiln::tier::{Config, Tiers};
use kiln::vm::Vm;

use super::console::Output;
use super::load::Loaded;
use super::session::{Doubts, Ending, in_slices};
use super::{Failure, host, warn};

/// Instructions between looks for signals: about 10 ms of the interpreter.
const SLICE: u64 = 4_000_000;

/// Runs the program in both tiers to its end or their first difference; why it ended, and the native
/// machine. `config` is that one's.
pub fn run<G: Machine>(
    loaded: &Loaded<G>,
    config: &Config,
    keys: Box<dyn Input>,
    output: Output,
    budget: u64,
) -> Result<(Ending, Vm<G>), Failure> {
    let (live, kept) = (Answers::default(), Answers::default());
    let keys = Recorder::new(Box::new(Recorder::new(keys, live.clone())), kept.clone());
    let shown = Shown { output: Arc::new(Mutex::new((output, None))), copy: Capture::default() };
    let (mut native, mut reference, captured) = pair(
        loaded,
        config,
        Console::new(Box::new(keys), Box::new(shown.clone())).with_warnings(warn),
        Box::new(Replay::new(live)),
    );
    let mut doubts = Doubts::default();
    let ending = in_slices(budget, SLICE, |n| {
        let before = native.instructions();
        let result = compare::lockstep(&mut native, &mut reference, n, None);
        // Neither console's output fails.
        let _ = (native.guest_mut().flush(), reference.guest_mut().flush());
        doubts.say(&native);
        let ending = match result {
            Err(_) if host::signal().is_some() => Ending::Stop(Stop::Budget),
            Err(difference) => differ(loaded, config, &kept, *difference, before),
            Ok(stop) => Ending::Stop(stop),
        };
        let ending = match (shown.check(&captured), ending) {
            (Some(instead), Ending::Stop(_)) => instead,
            (_, ending) => ending,
        };
        (ending, native.instructions() - before)
    });
    Ok((ending, native))
}

/// A machine that compiles and one that does not, and the second one's output.
fn pair<G: Machine>(
    loaded: &Loaded<G>,
    config: &Config,
    console: Console,
    replay: Box<dyn Input>,
) -> (Vm<G>, Vm<G>, Capture) {
    let captured = Capture::default();
    let native = loaded.vm(console, config.clone());
    let interpreted = Config { tiers: Tiers::Interpreter, ..config.clone() };
    let reference = loaded.vm(Console::new(replay, Box::new(captured.clone())), interpreted);
    (native, reference, captured)
}

/// The end of a run that differs `difference` from another, found in the slice after `before` instructions.
fn differ<G: Machine>(
    loaded: &Loaded<G>,
    config: &Config,
    kept: &Answers,
    difference: Difference,
    before: u64,
) -> Ending {
    // Input that failed is not in the recording: that is no difference of the tiers.
    if let Some(error) = difference.native.stop.strip_prefix("io: ") {
        return Ending::Stop(Stop::Io(io::Error::other(error.to_owned())));
    }
    let answers = || {
        let kept = kept.lock().expect("nobody panics while holding the answers").clone();
        Box::new(Replay::new(Arc::new(Mutex::new(kept))))
    };
    let config = Config { record: true, ..config.clone() };
    let mut again = || {
        let console = Console::new(answers(), Box::new(io::sink()));
        let (native, reference, _) = pair(loaded, &config, console, answers());
        (native, reference)
    };
    // Once more from the start, with nothing between the slices, to find the very instruction.
    let (mut native, mut reference) = again();
    let budget = difference.native.instructions.max(difference.reference.instructions).max(before) + 1;
    let nearer = compare::lockstep(&mut native, &mut reference, budget, Some(&mut again));
    Ending::Different(match nearer {
        Err(nearer) => nearer.to_string(),
        Ok(_) => Difference { agreed: before + difference.agreed, ..difference }.to_string(),
    })
}

/// Standard output, with a copy. What cannot be written does not end the run at once: the other machine
/// would not end there.
#[derive(Clone)]
struct Shown {
    output: Arc<Mutex<(Output, Option<io::Error>)>>,
    copy: Capture,
}

impl Shown {
    /// The end of the run, if output failed or is not that of the other machine.
    fn check(&self, other: &Capture) -> Option<Ending> {
        let mut output = self.output.lock().expect("nobody panics while writing");
        if let Some(error) = output.1.take() {
            return Some(Ending::Stop(Stop::Io(error)));
        }
        let (native, reference) = (self.copy.take(), other.take());
        (native != reference).then(|| {
            let same = native.iter().zip(&reference).take_while(|(a, b)| a == b).count();
            let part = |bytes: &[u8]| bytes[same..].iter().take(40).copied().collect::<Vec<u8>>();
            Ending::Different(format!(
                "The machines agree, but their output does not: native wrote \"{}\", the reference \"{}\".",
                part(&native).escape_ascii(),
                part(&reference).escape_ascii()
            ))
        })
    }
}

impl Write for Shown {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut output = self.output.lock().expect("nobody panics while writing");
        if output.1.is_none() {
            output.1 = output.0.write_all(bytes).err();
        }
        self.copy.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
