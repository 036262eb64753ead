//! The guest's keyboard and display on the process's own files.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::AsFd;

use kiln::device::{Input, Ready};

use super::host::{self, Until};

/// Bytes that are read at once from a file or pipe.
const BUFFER: usize = 1 << 16;

/// Keys from a file, a pipe or a terminal. From the first two a byte is ready at every poll until they end,
/// which may mean to wait for it. A terminal is made unbuffered and unechoed when the guest first asks for a
/// key, and put back when this goes.
pub struct Keys {
    file: File,
    /// What messages call it.
    name: String,
    buffer: Vec<u8>,
    at: usize,
    ended: bool,
    is_terminal: bool,
    is_raw: bool,
}

impl Keys {
    /// Keys from `file`, which messages call `name`.
    pub fn new(file: File, name: &str) -> Keys {
        let is_terminal = file.is_terminal();
        Keys {
            file,
            name: name.to_owned(),
            buffer: Vec::new(),
            at: 0,
            ended: false,
            is_terminal,
            is_raw: false,
        }
    }

    /// Keys from standard input.
    pub fn standard() -> io::Result<Keys> {
        Ok(Keys::new(File::from(io::stdin().as_fd().try_clone_to_owned()?), "standard input"))
    }

    /// Fetches bytes if none are left; without `block` only such as are there already.
    fn fill(&mut self, block: bool) -> io::Result<()> {
        if self.at < self.buffer.len() || self.ended {
            return Ok(());
        }
        if self.is_terminal && !self.is_raw {
            host::make_raw(self.file.as_fd())?;
            self.is_raw = true;
        }
        // No more than is asked for from a terminal: the rest is for who reads it after us.
        self.buffer.resize(if self.is_terminal { 1 } else { BUFFER }, 0);
        self.at = self.buffer.len();
        while host::wait(self.file.as_fd(), Until::Readable, block)? {
            match self.file.read(&mut self.buffer) {
                // Its end of input is a key.
                Ok(0) if self.is_terminal => return Err(io::Error::other("the terminal has gone")),
                Ok(count) => {
                    self.buffer.truncate(count);
                    self.at = 0;
                    self.ended = count == 0;
                    break;
                }
                Err(error) if is_passing(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn named(&self, error: io::Error) -> io::Error {
        io::Error::new(error.kind(), format!("cannot read {}: {}", self.name, describe(&error)))
    }
}

impl Input for Keys {
    fn ready(&mut self, _now: u64) -> io::Result<Ready> {
        if host::signal().is_some() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        self.fill(!self.is_terminal).map_err(|error| self.named(error))?;
        Ok(match self.at < self.buffer.len() {
            true => Ready::Yes,
            false if self.ended => Ready::Ended,
            false => Ready::NotYet,
        })
    }

    fn read(&mut self, _now: u64) -> io::Result<Option<u8>> {
        self.fill(true).map_err(|error| self.named(error))?;
        let byte = self.buffer.get(self.at).copied();
        self.at += usize::from(byte.is_some());
        Ok(byte)
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        if self.is_raw {
            host::restore();
        }
    }
}

/// Standard output, unbuffered: the guest's console has a buffer.
pub struct Output {
    file: File,
    /// Bytes that it takes.
    limit: u64,
    /// Those that it still takes.
    left: u64,
}

impl Output {
    /// Standard output, which takes so many bytes.
    pub fn standard(limit: u64) -> io::Result<Output> {
        Ok(Output { file: File::from(io::stdout().as_fd().try_clone_to_owned()?), limit, left: limit })
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.left == 0 && !bytes.is_empty() {
            let limit = self.limit;
            return Err(io::Error::other(format!(
                "there is more output than --max-output allows: {limit} bytes"
            )));
        }
        let bytes = &bytes[..bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX))];
        let error = loop {
            match self.file.write(bytes) {
                Ok(count) => {
                    self.left -= count as u64;
                    return Ok(count);
                }
                // Who reads may have stopped reading: the run ends without.
                Err(_) if host::signal().is_some() => break io::Error::other("a signal came"),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let _ = host::wait(self.file.as_fd(), Until::Writable, true);
                }
                Err(error) if is_passing(&error) => {}
                Err(error) => break error,
            }
        };
        Err(io::Error::new(error.kind(), format!("cannot write standard output: {}", describe(&error))))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether the same call may succeed when tried again.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock)
}

/// An error without the number that the system has for it.
pub fn describe(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}
