//! `kiln disasm`.

use std::path::PathBuf;

use clap::Args;
use kiln::guests::{self, Machine, Visit};

use super::load::{self, ImageFile};
use super::lox;
use super::{Failure, code, print};

/// `kiln disasm`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  kiln disasm hello.obj > hello.asm\n  kiln disasm hello.obj --symbols hello.sym"
)]
pub struct Disasm {
    /// The image
    image: PathBuf,
    /// Take names of addresses from a symbol file
    #[arg(long, value_name = "FILE")]
    symbols: Option<PathBuf>,
    /// The machine that the image is for
    #[arg(long, value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(guests::ALL))]
    guest: Option<String>,
}

impl Disasm {
    /// Prints the listing; the exit code.
    pub fn execute(self) -> Result<u8, Failure> {
        if lox::is_for(std::slice::from_ref(&self.image), self.guest.as_deref()) {
            return match lox::listing(&self.image)? {
                Ok(text) => print(text.as_bytes()).map(|()| code::OK),
                Err(code) => Ok(code),
            };
        }
        let file = load::read(&self.image)?;
        let guest = self.guest.as_deref().or_else(|| guests::recognise(&file.name, &file.bytes));
        let unknown =
            || Failure::new(code::DATA, format!("{}: no machine here reads such a file", file.name));
        let symbols = self.symbols.as_deref().map(load::read).transpose()?;
        guests::visit(guest.ok_or_else(unknown)?, List(&file, symbols)).expect("the guest is listed")
    }
}

struct List<'a>(&'a ImageFile, Option<ImageFile>);

impl Visit for List<'_> {
    type Output = Result<u8, Failure>;

    fn visit<G: Machine>(self) -> Result<u8, Failure> {
        let (mut image, _) = G::read(&self.0.name, &self.0.bytes)?;
        if let Some(symbols) = self.1 {
            G::name(&mut image, &symbols.name, &symbols.bytes)?;
        }
        print(G::listing(&image).as_bytes())?;
        Ok(code::OK)
    }
}
