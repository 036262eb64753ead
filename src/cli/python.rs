//! Programs in Python beside whole runs of this program.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::native::{self, folder};
use super::{Failure, code, console};

/// What Python says of itself: where it is, which implementation, and which version.
const WHO: &str = "import sys; i = sys.implementation; \
    print(sys.executable, i.name, '.'.join(map(str, i.version[:3])), sep='\\n')";

/// A CPython, and a folder for programs.
pub struct Python {
    program: PathBuf,
    /// The version, for people.
    pub version: String,
    folder: TempDir,
}

impl Python {
    /// The one that `$PYTHON` names, else `python3`; `None` where it is none.
    pub fn find() -> Result<Option<Python>, Failure> {
        let name = std::env::var("PYTHON").ok().filter(|name| !name.trim().is_empty());
        let name = name.unwrap_or_else(|| "python3".to_owned());
        // Not the name itself, which may be a script that looks for it first.
        let Ok(asked) = Command::new(&name).args(["-c", WHO]).stdin(Stdio::null()).output() else {
            return Ok(None);
        };
        let said = String::from_utf8_lossy(&asked.stdout).into_owned();
        let [program, "cpython", version] = said.lines().collect::<Vec<_>>()[..] else { return Ok(None) };
        Ok(Some(Python { program: program.into(), version: version.to_owned(), folder: folder()? }))
    }

    /// Writes a file to the folder; its path.
    pub fn file(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, Failure> {
        native::file(self.folder.path(), name, bytes)
    }

    /// What runs a program.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(program);
        command
    }

    /// What a program prints.
    pub fn output(&self, program: &Path) -> Result<String, Failure> {
        let output = self.command(program).stdin(Stdio::null()).output();
        let output = output.map_err(|error| {
            let why = console::describe(&error);
            Failure::new(code::UNAVAILABLE, format!("cannot run {}: {why}", self.program.display()))
        })?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let line = format!("{} fails in Python:\n{}", program.display(), said.trim_end());
            return Err(Failure::new(code::DATA, line));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
