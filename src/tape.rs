//! Keys with the time at which each arrives: what a run was typed, as a file, so that another is typed the same.
//!
//! A run asks its keyboard where the program does, and interrupts come when a key does; so all that a run depends on beyond
//! its image is which keys arrived, and after how many instructions. The file is text:
//!
//! ```text
//! kiln keys 1
//! 52011 x41       # A: when this many instructions have retired, this byte
//! 90377 x0A
//! end 120000      # there are no more keys, which is known from here on
//! ```

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::str::FromStr;
use std::sync::{Arc, Mutex};

use crate::device::{Input, Ready};

/// The first line of a file.
const HEADING: &str = "kiln keys 1";

/// Keys and when they arrive. As an [`Input`], it has each at its time, or earlier if it is waited for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tape {
    /// Instructions that have retired when a key arrives, and the key, in this order.
    keys: VecDeque<(u64, u8)>,
    /// When it is known that there are no more keys; else the run was over before.
    end: Option<u64>,
}

impl Tape {
    /// A tape of these keys, each with its time, and then the end of input.
    pub fn new(keys: impl IntoIterator<Item = (u64, u8)>) -> Tape {
        let mut keys: VecDeque<(u64, u8)> = keys.into_iter().collect();
        keys.make_contiguous().sort_by_key(|key| key.0);
        let end = keys.back().map_or(0, |key| key.0);
        Tape { keys, end: Some(end) }
    }
}

impl Input for Tape {
    fn ready(&mut self, now: u64) -> io::Result<Ready> {
        Ok(match (self.keys.front(), self.end) {
            (Some(&(at, _)), _) if at <= now => Ready::Yes,
            (None, Some(end)) if end <= now => Ready::Ended,
            _ => Ready::NotYet,
        })
    }

    fn read(&mut self, _now: u64) -> io::Result<Option<u8>> {
        match (self.keys.pop_front(), self.end) {
            (None, None) => {
                Err(io::Error::other("the recording ends here, and the program wants another key"))
            }
            (key, _) => Ok(key.map(|key| key.1)),
        }
    }

    fn next_look(&mut self, now: u64) -> u64 {
        self.keys.front().map_or(u64::MAX, |key| key.0.max(now))
    }
}

impl fmt::Display for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADING}")?;
        for (at, key) in &self.keys {
            writeln!(f, "{at} x{key:02X}  # {}", key.escape_ascii())?;
        }
        self.end.map_or(Ok(()), |end| writeln!(f, "end {end}"))
    }
}

impl FromStr for Tape {
    type Err = String;

    /// Reads what [`Tape`] prints.
    ///
    /// # Errors
    /// The line, what is wrong with it, and what would be right.
    fn from_str(text: &str) -> Result<Tape, String> {
        let mut tape = Tape::default();
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
        let mut lines = (1..).zip(lines).filter(|line| !line.1.is_empty());
        if lines.next().is_none_or(|line| line.1 != HEADING) {
            return Err(format!("line 1: not a recording of keys, which starts with `{HEADING}`"));
        }
        for (number, line) in lines {
            let wrong = |what: &str| Err(format!("line {number}: {what}"));
            let words: Vec<&str> = line.split_whitespace().collect();
            let key = |word: &str| u8::from_str_radix(word.strip_prefix('x')?, 16).ok();
            let entry = match *words {
                ["end", at] => at.parse().ok().map(|at| (at, None)),
                [at, byte] => at.parse().ok().zip(key(byte).map(Some)),
                _ => None,
            };
            let Some((at, key)) = entry else {
                return wrong(
                    "neither instructions and a key, such as `5000 x41`, nor `end` and instructions",
                );
            };
            if tape.end.is_some() || tape.keys.back().is_some_and(|last| last.0 > at) {
                return wrong("earlier than what is before it; keys are in the order in which they arrive");
            }
            match key {
                Some(key) => tape.keys.push_back((at, key)),
                None => tape.end = Some(at),
            }
        }
        Ok(tape)
    }
}

/// Passes an input on and keeps which keys arrived when.
pub struct Taping {
    inner: Box<dyn Input>,
    tape: Arc<Mutex<Tape>>,
    /// A key that has arrived and that nobody has read.
    waiting: Option<u8>,
}

impl Taping {
    /// Keeps the keys of `inner` on `tape`.
    pub fn new(inner: Box<dyn Input>, tape: Arc<Mutex<Tape>>) -> Taping {
        Taping { inner, tape, waiting: None }
    }

    /// Takes a key from the input as soon as it is there: its time is that.
    fn arrive(&mut self, now: u64) -> io::Result<Option<u8>> {
        let key = self.inner.read(now)?;
        let mut tape = self.tape.lock().expect("nobody panics while holding the tape");
        match key {
            Some(key) => tape.keys.push_back((now, key)),
            None => tape.end = tape.end.or(Some(now)),
        }
        Ok(key)
    }
}

impl Input for Taping {
    fn ready(&mut self, now: u64) -> io::Result<Ready> {
        if self.waiting.is_some() {
            return Ok(Ready::Yes);
        }
        let ready = self.inner.ready(now)?;
        if ready != Ready::NotYet {
            self.waiting = self.arrive(now)?;
        }
        Ok(ready)
    }

    fn read(&mut self, now: u64) -> io::Result<Option<u8>> {
        match self.waiting.take() {
            None => self.arrive(now),
            key => Ok(key),
        }
    }

    fn next_look(&mut self, now: u64) -> u64 {
        self.inner.next_look(now)
    }
}
