//! `kiln compile`, and `kiln asm`, which is the same.

use std::path::PathBuf;

use clap::Args;
use kiln::guests::{self, Machine, Product, Visit};

use super::load::{self, ImageFile};
use super::{Failure, code, say_remarks, write};

/// `kiln compile`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  kiln asm hello.asm && kiln run hello.obj\n  kiln compile expr.post -o a.out"
)]
pub struct Compile {
    /// The source file
    source: PathBuf,
    /// The file to write, `-` for standard output; without this SOURCE with the usual extension
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The machine to translate for
    #[arg(long, value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(guests::NAMES))]
    guest: Option<String>,
}

impl Compile {
    /// Translates; the exit code.
    pub fn execute(self) -> Result<u8, Failure> {
        let file = load::read(&self.source)?;
        let guest = self.guest.as_deref().or_else(|| guests::recognise(&file.name, &file.bytes));
        let unknown =
            || Failure::new(code::DATA, format!("{}: no machine here has such a source", file.name));
        let guest = guest.ok_or_else(unknown)?.to_owned();
        guests::visit(&guest, Translate { compile: self, file: &file }).expect("the guest is listed")
    }
}

struct Translate<'a> {
    compile: Compile,
    file: &'a ImageFile,
}

impl Visit for Translate<'_> {
    type Output = Result<u8, Failure>;

    fn visit<G: Machine>(self) -> Result<u8, Failure> {
        let ImageFile { name, bytes } = self.file;
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let at = error.valid_up_to();
            Failure::new(code::DATA, format!("{name}: byte {at}: not UTF-8; source is UTF-8 text"))
        })?;
        let (Product { bytes, extension }, remarks) = G::compile(name, text)?;
        say_remarks(&remarks);
        let Compile { source, output, .. } = self.compile;
        let output = output.unwrap_or_else(|| source.with_extension(extension));
        write(&output, &bytes, &[source])?;
        Ok(code::OK)
    }
}
