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
    /// The variant of the machine; a wrong name lists those that there are
    #[arg(long, visible_alias = "numbering", value_name = "NAME")]
    profile: Option<String>,
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
        let list = List { file: &file, symbols, profile: self.profile };
        guests::visit(guest.ok_or_else(unknown)?, list).expect("the guest is listed")
    }
}

struct List<'a> {
    file: &'a ImageFile,
    symbols: Option<ImageFile>,
    profile: Option<String>,
}

impl Visit for List<'_> {
    type Output = Result<u8, Failure>;

    fn visit<G: Machine>(self) -> Result<u8, Failure> {
        let (mut image, _) = G::read(&self.file.name, &self.file.bytes)?;
        if let Some(symbols) = self.symbols {
            G::name(&mut image, &symbols.name, &symbols.bytes)?;
        }
        if let Some(profile) = self.profile {
            G::take_profile(&mut image, load::find::<G>("profile", &profile, G::PROFILES)?);
        }
        print(G::listing(&image).as_bytes())?;
        Ok(code::OK)
    }
}
