//! Images as programs that a C compiler has made, beside whole runs of this program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use kiln::emit::compiler::{self, Compiler, Outcome};
use tempfile::TempDir;

use super::{Failure, code};

/// How C is compiled that is to be fast.
pub const FAST: [&str; 3] = ["-std=c11", "-O3", "-march=native"];

/// The C compiler that an option needs.
pub fn find(option: &str) -> Result<Compiler, Failure> {
    Compiler::find()
        .map_err(|why| Failure::new(code::UNAVAILABLE, format!("{option} needs a C compiler; {why}")))
}

/// Runs a program without input, but stops it after so long.
pub fn outcome(command: &mut Command, patience: Duration) -> Result<Outcome, Failure> {
    compiler::outcome(command, &[], patience)
        .map_err(|error| Failure::io(&format!("cannot run {}", shown(command)), &error))
}

/// A folder that goes with its owner.
pub fn folder() -> Result<TempDir, Failure> {
    let folder = tempfile::Builder::new().prefix("kiln-").tempdir();
    folder.map_err(|error| Failure::io("cannot make a folder", &error))
}

/// Writes a file to a folder; its path.
pub fn file(folder: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf, Failure> {
    let path = folder.join(name);
    let written = fs::write(&path, bytes);
    written.map_err(|error| Failure::io(&format!("cannot write {}", path.display()), &error))?;
    Ok(path)
}

/// The seconds that a program takes from its start to its end, without input and with nobody looking.
pub fn seconds(command: &mut Command) -> Result<f64, Failure> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    let status = command.status();
    let seconds = start.elapsed().as_secs_f64();
    status.map(|_| seconds).map_err(|error| Failure::io(&format!("cannot run {}", shown(command)), &error))
}

fn shown(command: &Command) -> String {
    Path::new(command.get_program()).display().to_string()
}
