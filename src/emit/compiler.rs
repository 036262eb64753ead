//! The host's C compiler, and the programs that it makes.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::{TempDir, tempfile};

/// Bytes of output after which a process is stopped.
const MOST: u64 = 1 << 28;

/// A C compiler, and a folder for what it makes.
#[derive(Debug)]
pub struct Compiler {
    /// Its path or name, and the arguments that it always has.
    command: Vec<OsString>,
    folder: TempDir,
}

/// What a process did.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its exit code; `None` where it was stopped.
    pub code: Option<i32>,
    /// What it wrote to standard output.
    pub output: Vec<u8>,
    /// What it wrote to standard error.
    pub said: String,
}

impl Compiler {
    /// The compiler that `$CC` names, else `cc`.
    ///
    /// # Errors
    /// That there is none, and what to do.
    pub fn find() -> Result<Compiler, String> {
        let named = std::env::var("CC").ok().filter(|cc| !cc.trim().is_empty());
        let name = named.unwrap_or_else(|| "cc".to_owned());
        let command: Vec<OsString> = name.split_whitespace().map(OsString::from).collect();
        let tried = Command::new(&command[0]).arg("--version").stdin(Stdio::null()).output();
        tried.map_err(|error| format!("{name}: {error}. Install gcc or clang, or set CC."))?;
        let folder = tempfile::Builder::new().prefix("kiln-").tempdir();
        let folder = folder.map_err(|error| format!("cannot make a folder: {error}"))?;
        Ok(Compiler { command, folder })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Makes a program of C; its path. Its source stands beside it.
    ///
    /// # Errors
    /// What the compiler says.
    pub fn compile(&self, name: &str, c: &str, flags: &[&str]) -> Result<PathBuf, String> {
        let (source, program) = (self.folder().join(format!("{name}.c")), self.folder().join(name));
        let written = fs::write(&source, c);
        written.map_err(|error| format!("cannot write {}: {error}", source.display()))?;
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]).args(flags).arg("-o").args([&program, &source]);
        let output = command.stdin(Stdio::null()).output();
        let output = output.map_err(|error| format!("cannot start the C compiler: {error}"))?;
        match output.status.success() {
            true => Ok(program),
            false => {
                Err(format!("the C compiler refuses {name}:\n{}", String::from_utf8_lossy(&output.stderr)))
            }
        }
    }
}

/// Runs a program with this input, but stops it after so long.
///
/// # Errors
/// Why it could not be run.
pub fn outcome(command: &mut Command, input: &[u8], patience: Duration) -> io::Result<Outcome> {
    // Files, and not pipes, which somebody would have to read.
    let (mut keys, mut output, mut said) = (tempfile()?, tempfile()?, tempfile()?);
    keys.write_all(input)?;
    keys.rewind()?;
    command.stdin(keys).stdout(output.try_clone()?).stderr(said.try_clone()?);
    let mut child = command.spawn()?;
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if start.elapsed() > patience || output.metadata()?.len() > MOST {
            child.kill()?;
        }
        thread::sleep(Duration::from_millis(1));
    };
    let (mut written, mut told) = (Vec::new(), Vec::new());
    for (file, bytes) in [(&mut output, &mut written), (&mut said, &mut told)] {
        file.rewind()?;
        file.read_to_end(bytes)?;
    }
    Ok(Outcome { code: status.code(), output: written, said: String::from_utf8_lossy(&told).into_owned() })
}
