//! `kiln asm`.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use clap::Args;
use kiln::guests::{self, Machine, Visit};

use super::load::{self, ImageFile};
use super::{Failure, code, console, print, say_remarks};

/// `kiln asm`.
#[derive(Args)]
#[command(after_help = "Example:\n  kiln asm hello.asm && kiln run hello.obj")]
pub struct Asm {
    /// The source file
    source: PathBuf,
    /// The image to write, `-` for standard output; without this SOURCE with the machine's extension
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The machine to assemble for
    #[arg(long, value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(guests::NAMES))]
    guest: Option<String>,
}

impl Asm {
    /// Assembles; the exit code.
    pub fn execute(self) -> Result<u8, Failure> {
        let file = load::read(&self.source)?;
        let guest = self.guest.as_deref().or_else(|| guests::recognise(&file.name, &file.bytes));
        let unknown =
            || Failure::new(code::DATA, format!("{}: no machine here has such a source", file.name));
        let guest = guest.ok_or_else(unknown)?.to_owned();
        guests::visit(&guest, Assemble { asm: self, file: &file }).expect("the guest is listed")
    }
}

/// Whether two paths lead to the same file, however they are written.
fn is_same_file(a: &Path, b: &Path) -> bool {
    let id = |path| fs::metadata(path).map(|file| (file.dev(), file.ino()));
    matches!((id(a), id(b)), (Ok(a), Ok(b)) if a == b)
}

struct Assemble<'a> {
    asm: Asm,
    file: &'a ImageFile,
}

impl Visit for Assemble<'_> {
    type Output = Result<u8, Failure>;

    fn visit<G: Machine>(self) -> Result<u8, Failure> {
        let ImageFile { name, bytes } = self.file;
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let at = error.valid_up_to();
            Failure::new(code::DATA, format!("{name}: byte {at}: not UTF-8; source is UTF-8 text"))
        })?;
        let (image, remarks) = G::assemble(name, text)?;
        say_remarks(&remarks);
        let bytes = G::write(&image)?;
        let output = self.asm.output.unwrap_or_else(|| self.asm.source.with_extension(G::OBJECT));
        if output.as_os_str() == "-" {
            print(&bytes)?;
            return Ok(code::OK);
        }
        if is_same_file(&output, &self.asm.source) {
            return Err(Failure::usage(format!("the image would replace the source {name}; see -o")));
        }
        fs::write(&output, bytes).map_err(|error| {
            let what = console::describe(&error);
            Failure::new(code::IO, format!("cannot write {}: {what}", output.display()))
        })?;
        Ok(code::OK)
    }
}
