//! `kiln emit`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use kiln::guests::{self, Machine, Visit};

use super::load::{self, ImageFile, Loaded, MachineOptions};
use super::{Failure, code, write};

const AFTER_HELP: &str = "\
The C has the image's instructions in the order of their addresses, each translated once, and reads
and writes standard input and output. Its first lines say what it assumes.

Examples:
  kiln emit c sieve.asm -o sieve.c
  cc -std=c11 -O3 -march=native sieve.c -o sieve
  ./sieve --stats                             the program, and then its count and registers";

/// `kiln emit`.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub struct Emit {
    /// What to translate to
    #[arg(value_enum, value_name = "LANGUAGE")]
    language: Language,
    /// Images, or assembly sources; several go into one memory
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
    /// The file to write; without this standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    machine: MachineOptions,
}

#[derive(Clone, Copy, ValueEnum)]
enum Language {
    /// C11
    C,
}

impl Emit {
    /// Translates; the exit code.
    pub fn execute(self) -> Result<u8, Failure> {
        let files = load::read_all(&self.images)?;
        let guest = self.machine.guest(&files)?;
        let Language::C = self.language;
        let text = guests::visit(guest, C { files: &files, machine: &self.machine });
        let text = text.expect("the guest is listed")?;
        write(self.output.as_deref().unwrap_or(Path::new("-")), text.as_bytes(), &self.images)?;
        Ok(code::OK)
    }
}

/// The image as C.
struct C<'a> {
    files: &'a [ImageFile],
    machine: &'a MachineOptions,
}

impl Visit for C<'_> {
    type Output = Result<String, Failure>;

    fn visit<G: Machine>(self) -> Result<String, Failure> {
        let loaded = Loaded::<G>::new(self.files, self.machine)?;
        Ok(loaded.c(&self.files[0].name))
    }
}
