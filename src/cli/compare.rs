//! `kiln compare`.

use std::path::PathBuf;

use clap::Args;
use kiln::guest::Stop;
use kiln::guests::{self, Machine, Visit};

use super::load::{self, ImageFile, Loaded, MachineOptions};
use super::run::{self, Limits};
use super::session::Ending;
use super::{Failure, code, say};

const AFTER_HELP: &str = "\
The exit code is 0 where the tiers agree, however the program ended, and 1 where they differ.

Example:
  kiln compare --hot 100 --budget 10000000 game.obj < moves.txt";

/// `kiln compare`.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub struct Compare {
    /// Images or sources; several go into one memory
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
    #[command(flatten)]
    limits: Limits,
    #[command(flatten)]
    machine: MachineOptions,
}

impl Compare {
    /// Compares; the exit code.
    pub fn execute(self) -> Result<u8, Failure> {
        let files = load::read_all(&self.images)?;
        let guest = self.machine.guest(&files)?;
        guests::visit(guest, Execute(&self, &files)).expect("the guest is listed")
    }
}

struct Execute<'a>(&'a Compare, &'a [ImageFile]);

impl Visit for Execute<'_> {
    type Output = Result<u8, Failure>;

    fn visit<G: Machine>(self) -> Result<u8, Failure> {
        let Execute(compare, files) = self;
        let loaded = Loaded::<G>::new(files, &compare.machine)?;
        let (ending, vm) = run::both(&loaded, &compare.machine.config(), &compare.limits)?;
        if let Some(text) = ending.explain(&vm, &loaded.image) {
            say(text);
        }
        if let Ending::Stop(Stop::Halted | Stop::Budget | Stop::Fault(_) | Stop::Input) = ending {
            let stats = vm.stats();
            say(format!(
                "the tiers agree on {} instructions, state, memory and output; ended: {}; \
                 {} instructions were native, in {} regions",
                vm.instructions(),
                ending.kind(),
                stats.native,
                stats.regions,
            ));
            return Ok(code::OK);
        }
        Ok(ending.code(&vm))
    }
}
