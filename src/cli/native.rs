//! Images as programs that a C compiler has made, beside whole runs of this program.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::console::describe;
use super::{Failure, code};

/// How C is compiled.
const FLAGS: [&str; 3] = ["-std=c11", "-O3", "-march=native"];

/// Bytes of output after which a process is stopped.
const MOST: u64 = 1 << 28;

/// A C compiler, and a folder for what it makes.
pub struct Compiler {
    /// `$CC` or `cc`, and its arguments.
    command: Vec<OsString>,
    folder: TempDir,
}

/// What a process did.
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
    pub fn find() -> Result<Compiler, Failure> {
        let named = std::env::var("CC").ok().filter(|cc| !cc.trim().is_empty());
        let name = named.unwrap_or_else(|| "cc".to_owned());
        let command: Vec<OsString> = name.split_whitespace().map(OsString::from).collect();
        let tried = Command::new(&command[0]).arg("--version").stdin(Stdio::null()).output();
        if let Err(error) = tried {
            let why = describe(&error);
            let line =
                format!("--native needs a C compiler; {name}: {why}. Install gcc or clang, or set CC.");
            return Err(Failure::new(code::UNAVAILABLE, line));
        }
        Ok(Compiler { command, folder: folder()? })
    }

    /// Writes a file to the folder; its path.
    pub fn file(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, Failure> {
        file(self.folder.path(), name, bytes)
    }

    /// Makes a program of C.
    pub fn compile(&self, name: &str, c: &str) -> Result<PathBuf, Failure> {
        let source = self.file(&format!("{name}.c"), c.as_bytes())?;
        let program = self.folder.path().join(format!("{name}.native"));
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]).args(FLAGS).arg("-o").arg(&program).arg(&source);
        let output = command.stdin(Stdio::null()).output();
        let output = output.map_err(|error| Failure::io("cannot start the C compiler", &error))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(Failure::new(code::UNAVAILABLE, format!("the C compiler refuses {name}:\n{said}")));
        }
        Ok(program)
    }

    /// Runs a program without input, but stops it after so long.
    pub fn outcome(&self, command: &mut Command, patience: Duration) -> Result<Outcome, Failure> {
        let mut run = || -> io::Result<Outcome> {
            // Files, and not pipes, which somebody would have to read.
            let (output, said) = (self.folder.path().join("stdout"), self.folder.path().join("stderr"));
            command.stdin(Stdio::null()).stdout(File::create(&output)?).stderr(File::create(&said)?);
            let mut child = command.spawn()?;
            let start = Instant::now();
            let status = loop {
                if let Some(status) = child.try_wait()? {
                    break status;
                }
                if start.elapsed() > patience || fs::metadata(&output)?.len() > MOST {
                    child.kill()?;
                }
                std::thread::sleep(Duration::from_millis(1));
            };
            let said = String::from_utf8_lossy(&fs::read(said)?).into_owned();
            Ok(Outcome { code: status.code(), output: fs::read(output)?, said })
        };
        run().map_err(|error| Failure::io(&format!("cannot run {}", shown(command)), &error))
    }
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
