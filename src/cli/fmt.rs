//! `kiln fmt`.

use std::path::PathBuf;

use clap::Args;
use kiln::guests::{self, Machine, Visit};

use super::load::{self, ImageFile};
use super::{Failure, code, say, write};

/// `kiln fmt`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  kiln fmt *.asm\n  kiln fmt --check *.asm   names those that would change"
)]
pub struct Fmt {
    /// The sources, which are written anew
    #[arg(required = true, value_name = "SOURCE")]
    sources: Vec<PathBuf>,
    /// Write nothing; the exit code is 1 where a source would change
    #[arg(long)]
    check: bool,
}

impl Fmt {
    /// Formats; the exit code.
    pub fn execute(self) -> Result<u8, Failure> {
        let mut done = code::OK;
        for path in &self.sources {
            let file = load::read(path)?;
            let guest = load::guest_of(std::slice::from_ref(&file), "no machine here has such a source")?;
            let text = guests::visit(guest, Format(&file)).expect("the guest is listed")?;
            if text.as_bytes() == file.bytes {
                continue;
            }
            if self.check {
                say(format!("{} would change", file.name));
                done = code::DIFFERENT;
            } else {
                write(path, text.as_bytes(), &[])?;
            }
        }
        Ok(done)
    }
}

struct Format<'a>(&'a ImageFile);

impl Visit for Format<'_> {
    type Output = Result<String, Failure>;

    fn visit<G: Machine>(self) -> Result<String, Failure> {
        Ok(G::format(&self.0.name, self.0.text()?)?)
    }
}
