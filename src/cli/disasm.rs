//! `kiln disasm`.

use std::path::PathBuf;

use clap::Args;
use kiln::guests::{self, Machine, Visit};

use super::load::{self, ImageFile};
use super::{Failure, code, print};

/// `kiln disasm`.
#[derive(Args)]
#[command(after_help = "Example:\n  kiln disasm hello.obj > hello.asm")]
pub struct Disasm {
    /// The image
    image: PathBuf,
    /// The machine that the image is for
    #[arg(long, value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(guests::NAMES))]
    guest: Option<String>,
}

impl Disasm {
    /// Prints the listing; the exit code.
    pub fn execute(self) -> Result<u8, Failure> {
        let file = load::read(&self.image)?;
        let guest = self.guest.as_deref().or_else(|| guests::recognise(&file.name, &file.bytes));
        let unknown =
            || Failure::new(code::DATA, format!("{}: no machine here reads such a file", file.name));
        guests::visit(guest.ok_or_else(unknown)?, List(&file)).expect("the guest is listed")
    }
}

struct List<'a>(&'a ImageFile);

impl Visit for List<'_> {
    type Output = Result<u8, Failure>;

    fn visit<G: Machine>(self) -> Result<u8, Failure> {
        let (image, _) = G::read(&self.0.name, &self.0.bytes)?;
        print(G::listing(&image).as_bytes())?;
        Ok(code::OK)
    }
}
