//! `kiln completions` and `kiln man`.

use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, Failure, code, print};

/// `kiln completions`.
#[derive(Args)]
#[command(after_help = "Example:\n  kiln completions bash > ~/.local/share/bash-completion/completions/kiln")]
pub struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    /// Prints them; the exit code.
    pub fn execute(self) -> Result<u8, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "kiln", &mut script);
        print(&script)?;
        Ok(code::OK)
    }
}

/// `kiln man`.
#[derive(Args)]
#[command(after_help = "Examples:\n  kiln man | man -l -\n  kiln man --all ~/.local/share/man/man1")]
pub struct Man {
    /// Write the pages of all commands to a folder
    #[arg(long, value_name = "FOLDER")]
    all: Option<PathBuf>,
}

impl Man {
    /// Prints the page, or writes all; the exit code.
    pub fn execute(self) -> Result<u8, Failure> {
        let failed = |error| Failure::io("cannot write the manual", &error);
        match self.all {
            Some(folder) => clap_mangen::generate_to(Cli::command(), folder).map_err(failed)?,
            None => {
                let mut page = Vec::new();
                clap_mangen::Man::new(Cli::command()).render(&mut page).map_err(failed)?;
                print(&page)?;
            }
        }
        Ok(code::OK)
    }
}
