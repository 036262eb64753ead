//! The keyboard and the display of a machine that is graded.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use super::plan::Input;
use crate::device::{self, Console, Ready};

/// Instructions between looks at output that is waited for.
const LOOK: u64 = 100;

/// What a machine has printed, up to a limit.
#[derive(Clone)]
pub(super) struct Screen(Arc<Mutex<Shown>>);

struct Shown {
    bytes: Vec<u8>,
    limit: usize,
    is_full: bool,
}

impl Screen {
    /// What was printed.
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.with(|shown| shown.bytes.clone())
    }

    /// Whether there was more than the limit.
    pub(super) fn is_full(&self) -> bool {
        self.with(|shown| shown.is_full)
    }

    fn with<T>(&self, f: impl FnOnce(&mut Shown) -> T) -> T {
        f(&mut self.0.lock().expect("nobody panics while holding the output"))
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.with(|shown| {
            let room = shown.limit - shown.bytes.len();
            shown.bytes.extend(&bytes[..bytes.len().min(room)]);
            shown.is_full = bytes.len() > room;
            if shown.is_full { Err(io::Error::other("too much output")) } else { Ok(bytes.len()) }
        })
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Types pieces, each when its time has come.
struct Typist {
    pieces: VecDeque<Piece>,
    screen: Screen,
    /// How much of the output was looked at.
    seen: usize,
}

struct Piece {
    bytes: VecDeque<u8>,
    /// Output that has to come first.
    after: Vec<u8>,
    /// The time when it is typed at the earliest, in instructions.
    at: u64,
}

impl device::Input for Typist {
    fn ready(&mut self, now: u64) -> io::Result<Ready> {
        while self.pieces.front().is_some_and(|piece| piece.after.is_empty() && piece.bytes.is_empty()) {
            self.pieces.pop_front();
        }
        let Some(piece) = self.pieces.front_mut() else { return Ok(Ready::Ended) };
        if !piece.after.is_empty() {
            let found = self.screen.with(|shown| {
                let rest = &shown.bytes[self.seen..];
                rest.windows(piece.after.len()).position(|window| window == piece.after)
            });
            let Some(found) = found else { return Ok(Ready::NotYet) };
            self.seen += found + piece.after.len();
            piece.after.clear();
            return self.ready(now);
        }
        Ok(if now >= piece.at { Ready::Yes } else { Ready::NotYet })
    }

    /// A machine that waits lets its keys come at once; nobody else would print what they wait for, so that is the end.
    fn read(&mut self, now: u64) -> io::Result<Option<u8>> {
        self.ready(now)?;
        let due = self.pieces.front().map_or(now, |piece| now.max(piece.at));
        Ok(match self.ready(due)? {
            Ready::Yes => self.pieces.front_mut().and_then(|piece| piece.bytes.pop_front()),
            Ready::NotYet | Ready::Ended => None,
        })
    }

    /// At the time that is asked for, and where output is waited for soon.
    fn next_look(&mut self, now: u64) -> u64 {
        let next = self.pieces.iter().find(|piece| !piece.bytes.is_empty());
        next.map_or(u64::MAX, |piece| piece.at.max(now.saturating_add(LOOK)))
    }
}

/// A console with this input, and where its output can be seen.
pub(super) fn console(input: &Input, limit: usize) -> (Console, Screen) {
    let shown = Shown { bytes: Vec::new(), limit, is_full: false };
    let screen = Screen(Arc::new(Mutex::new(shown)));
    let input: Box<dyn device::Input> = match input {
        Input::Text(text) => Box::new(device::Script::new(text.as_bytes())),
        Input::Pieces(pieces) => {
            let piece = |keys: &super::plan::Keys| Piece {
                bytes: keys.keys.bytes().collect(),
                after: keys.after.clone().unwrap_or_default().into_bytes(),
                at: keys.at,
            };
            let pieces = pieces.iter().map(piece).collect();
            Box::new(Typist { pieces, screen: screen.clone(), seen: 0 })
        }
    };
    (Console::new(input, Box::new(screen.clone())), screen)
}
