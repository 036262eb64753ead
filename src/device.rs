//! What a guest's devices stand on: a console with input that can be waited for, polled, recorded and
//! replayed, and output that is buffered but never late.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::random::SplitMix;

/// Whether a byte could be read at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ready {
    /// It could.
    Yes,
    /// Not now; perhaps later.
    NotYet,
    /// Never again: the input has ended.
    Ended,
}

/// Instructions between looks at a keyboard that interrupts.
const LOOK: u64 = 10_000;

/// Where a guest's keys come from. Time is in instructions: `now`, which never goes back, is how many have retired when the
/// one that asks has.
pub trait Input: Send {
    /// Whether a byte could be read at once.
    fn ready(&mut self, now: u64) -> io::Result<Ready>;
    /// The next byte, waited for; `None` at the end.
    fn read(&mut self, now: u64) -> io::Result<Option<u8>>;
    /// When to look again whether a byte is [`Input::ready`], where nothing but its arrival says so.
    fn next_look(&mut self, now: u64) -> u64 {
        now.saturating_add(LOOK)
    }
}

/// Input from bytes in memory.
#[derive(Clone, Debug, Default)]
pub struct Script {
    bytes: VecDeque<u8>,
}

impl Script {
    /// Input of these bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Script {
        Script { bytes: bytes.into().into() }
    }
}

/// An input that notes what it is asked where the output is kept.
struct Noted {
    inner: Box<dyn Input>,
    capture: Capture,
}

impl Input for Noted {
    fn ready(&mut self, now: u64) -> io::Result<Ready> {
        let ready = self.inner.ready(now)?;
        self.capture.note(now, ready as u64);
        Ok(ready)
    }
    fn read(&mut self, now: u64) -> io::Result<Option<u8>> {
        let byte = self.inner.read(now)?;
        self.capture.note(now, 0x100 + byte.map_or(0x100, u64::from));
        Ok(byte)
    }
    fn next_look(&mut self, now: u64) -> u64 {
        self.inner.next_look(now)
    }
}

impl Input for Script {
    fn ready(&mut self, _now: u64) -> io::Result<Ready> {
        Ok(if self.bytes.is_empty() { Ready::Ended } else { Ready::Yes })
    }
    fn read(&mut self, _now: u64) -> io::Result<Option<u8>> {
        Ok(self.bytes.pop_front())
    }
}

/// What an input once answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// To [`Input::ready`].
    Ready(Ready),
    /// To [`Input::read`].
    Read(Option<u8>),
    /// To [`Input::next_look`].
    Look(u64),
}

/// Answers in the order in which they were given, shared by a recorder and those who replay it.
pub type Answers = Arc<Mutex<VecDeque<Answer>>>;

/// Passes an input on and keeps what it answers.
pub struct Recorder {
    inner: Box<dyn Input>,
    answers: Answers,
}

impl Recorder {
    /// Records `inner` to `answers`.
    pub fn new(inner: Box<dyn Input>, answers: Answers) -> Recorder {
        Recorder { inner, answers }
    }

    fn keep(&self, answer: Answer) {
        self.answers.lock().expect("nobody panics while holding the answers").push_back(answer);
    }
}

impl Input for Recorder {
    fn ready(&mut self, now: u64) -> io::Result<Ready> {
        let ready = self.inner.ready(now)?;
        self.keep(Answer::Ready(ready));
        Ok(ready)
    }
    fn read(&mut self, now: u64) -> io::Result<Option<u8>> {
        let byte = self.inner.read(now)?;
        self.keep(Answer::Read(byte));
        Ok(byte)
    }
    fn next_look(&mut self, now: u64) -> u64 {
        let look = self.inner.next_look(now);
        self.keep(Answer::Look(look));
        look
    }
}

/// Gives recorded answers again. A question that was not asked in this place when it was recorded is an
/// error: the runs have parted.
pub struct Replay {
    answers: Answers,
}

impl Replay {
    /// Replays `answers`, taking them.
    pub fn new(answers: Answers) -> Replay {
        Replay { answers }
    }

    fn next(&self) -> io::Result<Answer> {
        let answer = self.answers.lock().expect("nobody panics while holding the answers").pop_front();
        answer.ok_or_else(|| io::Error::other("the recorded input has no more answers"))
    }
}

impl Input for Replay {
    fn ready(&mut self, _now: u64) -> io::Result<Ready> {
        match self.next()? {
            Answer::Ready(ready) => Ok(ready),
            _ => Err(io::Error::other("the recorded run did not poll here, as this one does")),
        }
    }
    fn read(&mut self, _now: u64) -> io::Result<Option<u8>> {
        match self.next()? {
            Answer::Read(byte) => Ok(byte),
            _ => Err(io::Error::other("the recorded run did not read here, as this one does")),
        }
    }
    fn next_look(&mut self, now: u64) -> u64 {
        match self.next() {
            Ok(Answer::Look(look)) => look,
            // At once, which is an error.
            _ => now,
        }
    }
}

/// Output kept in memory, for tests and comparisons. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Capture(Arc<Mutex<Captured>>);

#[derive(Debug, Default)]
struct Captured {
    bytes: Vec<u8>,
    asked: Asked,
}

/// What a keyboard was asked. Two that are equal were asked the same, at the same times and after the same output.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Asked {
    /// How many times.
    pub times: u64,
    /// A hash of when that was, of what had been written by then, and of the answers.
    pub digest: u64,
}

impl Capture {
    fn lock(&self) -> MutexGuard<'_, Captured> {
        self.0.lock().expect("nobody panics while holding the output")
    }

    /// What was written so far.
    pub fn bytes(&self) -> Vec<u8> {
        self.lock().bytes.clone()
    }

    /// What was written since the last call.
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.lock().bytes)
    }

    /// What the keyboard was asked so far, where it is of [`Console::noted`].
    pub fn asked(&self) -> Asked {
        self.lock().asked
    }

    fn note(&self, now: u64, answer: u64) {
        let mut captured = self.lock();
        let written = captured.bytes.len() as u64;
        captured.asked.times += 1;
        for part in [now, written, answer] {
            captured.asked.digest = SplitMix(captured.asked.digest ^ part).next();
        }
    }
}

impl Write for Capture {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Bytes of output kept before they are handed on.
const BUFFER: usize = 1 << 16;

/// A keyboard and a display.
pub struct Console {
    input: Box<dyn Input>,
    output: Box<dyn Write + Send>,
    buffer: Vec<u8>,
    warnings: Box<dyn FnMut(&str) + Send>,
}

impl Console {
    /// A console with this input and output.
    pub fn new(input: Box<dyn Input>, output: Box<dyn Write + Send>) -> Console {
        Console { input, output, buffer: Vec::new(), warnings: Box::new(|_| {}) }
    }

    /// The same, with what the machine has to say to its user beside the output handed to `warnings`, a line at a
    /// time. Without this nobody hears of it.
    pub fn with_warnings(self, warnings: impl FnMut(&str) + Send + 'static) -> Console {
        Console { warnings: Box::new(warnings), ..self }
    }

    /// Tells the machine's user something, in a line.
    pub fn warn(&mut self, line: &str) {
        (self.warnings)(line);
    }

    /// A console that reads these bytes and keeps its output in the returned [`Capture`].
    pub fn scripted(input: impl Into<Vec<u8>>) -> (Console, Capture) {
        Console::noted(Box::new(Script::new(input)))
    }

    /// The same with any input.
    pub fn noted(inner: Box<dyn Input>) -> (Console, Capture) {
        let capture = Capture::default();
        let keyboard = Noted { inner, capture: capture.clone() };
        (Console::new(Box::new(keyboard), Box::new(capture.clone())), capture)
    }

    /// Whether a byte could be read at once. Output written before is handed on first, so that who sees it
    /// can answer.
    pub fn ready(&mut self, now: u64) -> io::Result<Ready> {
        self.flush()?;
        self.input.ready(now)
    }

    /// The next byte, waited for; `None` at the end. Output written before is handed on first.
    pub fn read(&mut self, now: u64) -> io::Result<Option<u8>> {
        self.flush()?;
        self.input.read(now)
    }

    /// When to look again whether a byte could be read, see [`Input::next_look`].
    pub fn next_look(&mut self, now: u64) -> u64 {
        self.input.next_look(now)
    }

    /// Writes a byte, sometime before the next read or [`Console::flush`].
    #[inline]
    pub fn write(&mut self, byte: u8) -> io::Result<()> {
        self.buffer.push(byte);
        if self.buffer.len() >= BUFFER { self.flush() } else { Ok(()) }
    }

    /// Hands all output on.
    pub fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let result = self.output.write_all(&self.buffer).and_then(|()| self.output.flush());
        // What could not be written is not tried again: the error ends the run.
        self.buffer.clear();
        result
    }
}
