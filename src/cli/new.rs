//! `kiln new`.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

use clap::Args;
use kiln::guests::{self, Machine, Visit};

use super::console::describe;
use super::{Failure, code, say};

/// `kiln new`.
#[derive(Args)]
#[command(after_help = "Example:\n  kiln new lc3 greet.asm && kiln run greet.asm")]
pub struct New {
    /// The machine to write for
    #[arg(value_name = "MACHINE", value_parser = clap::builder::PossibleValuesParser::new(guests::NAMES))]
    guest: String,
    /// The file to write, which is not there yet; without this `main` with the machine's extension
    path: Option<PathBuf>,
}

impl New {
    /// Writes the program; the exit code.
    pub fn execute(self) -> Result<u8, Failure> {
        let (program, extension) = guests::visit(&self.guest, Starter).expect("the guest is listed")?;
        let path = self.path.unwrap_or_else(|| PathBuf::from("main").with_extension(extension));
        let name = path.display();
        let created = File::create_new(&path).and_then(|mut file| file.write_all(program.as_bytes()));
        created.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => Failure::usage(format!("{name} is there already")),
            _ => Failure::new(code::IO, format!("cannot write {name}: {}", describe(&error))),
        })?;
        say(format!("{name} is written; `kiln run {name}` runs it"));
        Ok(code::OK)
    }
}

/// The guest's program, and how its file's name ends.
struct Starter;

impl Visit for Starter {
    type Output = Result<(&'static str, &'static str), Failure>;

    fn visit<G: Machine>(self) -> Self::Output {
        let none = || Failure::usage(format!("there is no program to start from for {}", G::NAME));
        Ok((G::STARTER.ok_or_else(none)?, G::FILES[0].extension))
    }
}
