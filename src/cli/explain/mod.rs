//! `kiln explain`.

mod graph;
mod page;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use clap::Args;
use kiln::device::{Answers, Console, Recorder, Replay};
use kiln::explain::profile::Profile;
use kiln::explain::watch::Watch;
use kiln::explain::{Explanation, Run};
use kiln::guest::Stop;
use kiln::guests::{self, Machine, Visit};
use kiln::tier::Config;

use super::load::{self, ImageFile, Loaded, MachineOptions};
use super::run::Limits;
use super::session::{self, Ending};
use super::{Failure, code, host, say, warn, whole};

const AFTER_HELP: &str = "\
The program is run twice: as fast as `kiln run` runs it, and again with the same input to count how often
instructions are executed. The exit code is 0 however the program ended.

Examples:
  kiln explain sieve.asm -o sieve.html
  kiln explain --budget 100000000 --json game.json game.obj < moves.txt";

/// Instructions between looks at signals in the second run.
const SLICE: u64 = 4_000_000;

/// `kiln explain`.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub struct Explain {
    /// Images, or assembly sources; several go into one memory
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
    /// The page to write
    #[arg(short, long, value_name = "FILE", required_unless_present = "json")]
    output: Option<PathBuf>,
    /// Write the same as data
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Regions that are shown in full; the others are summed
    #[arg(long, value_name = "N", default_value_t = 10)]
    regions: usize,
    #[command(flatten)]
    limits: Limits,
    #[command(flatten)]
    machine: MachineOptions,
}

impl Explain {
    /// Explains; the exit code.
    pub fn execute(self) -> Result<u8, Failure> {
        let files = load::read_all(&self.images)?;
        let guest = self.machine.guest(&files)?;
        guests::visit(guest, Execute { explain: &self, files: &files }).expect("the guest is listed")
    }
}

struct Execute<'a> {
    explain: &'a Explain,
    files: &'a [ImageFile],
}

impl Visit for Execute<'_> {
    type Output = Result<u8, Failure>;

    fn visit<G: Machine>(self) -> Result<u8, Failure> {
        let Execute { explain, files } = self;
        let loaded = Loaded::<G>::new(files, &explain.machine)?;
        let (code, explanation) = explained(&loaded, explain)?;
        if let Some(path) = &explain.output {
            let names: Vec<String> = files.iter().map(|file| file.name.clone()).collect();
            let page = page::render(&names.join(" "), &explanation)
                .map_err(|error| Failure::new(code::IO, format!("cannot make the page: {error}")))?;
            whole::write(path, page.as_bytes())?;
        }
        if let Some(path) = &explain.json {
            let json =
                serde_json::to_vec(&explanation).expect("an explanation has no maps and no odd numbers");
            whole::write(path, &json)?;
        }
        Ok(code)
    }
}

/// Runs a program twice: why the first run ended, and why it was as fast as it was.
fn explained<G: Machine>(loaded: &Loaded<G>, explain: &Explain) -> Result<(u8, Explanation), Failure> {
    let answers = Answers::default();
    let keys = Recorder::new(explain.limits.keys()?, answers.clone());
    let output = explain.limits.output()?;
    host::catch_signals().map_err(|error| Failure::io("cannot catch signals", &error))?;
    let config = Config { record: true, ..explain.machine.config() };
    let mut vm = loaded.vm(Console::new(Box::new(keys), Box::new(output)).with_warnings(warn), config);
    let watch = vm.record().and_then(|record| Watch::start(record.activity(), record.start()).ok());
    let start = Instant::now();
    let ending = session::run(&mut vm, explain.limits.budget, |_| ());
    let seconds = start.elapsed().as_secs_f64();
    let time_line = watch.map(Watch::finish).unwrap_or_default();
    if let Some(text) = ending.explain(&vm, &loaded.image) {
        say(text);
    }
    let profile = profile(loaded, explain, &answers, vm.instructions());
    host::restore();
    let ended = ending.kind();
    let run = Run {
        vm: &vm,
        image: &loaded.image,
        seconds,
        ended,
        time_line,
        profile: &profile,
        regions: explain.regions,
    };
    let explanation = run.explain();
    let code = match ending {
        Ending::Stop(Stop::Io(_)) | Ending::Signal(_) => ending.code(&vm),
        _ => code::OK,
    };
    Ok((code, explanation))
}

/// Runs the same program again, as many instructions, for its profile.
fn profile<G: Machine>(loaded: &Loaded<G>, explain: &Explain, answers: &Answers, budget: u64) -> Profile {
    let kept = std::mem::take(&mut *answers.lock().expect("nobody panics while holding the answers"));
    let replay = Replay::new(Arc::new(Mutex::new(kept)));
    let console = Console::new(Box::new(replay), Box::new(io::sink()));
    let mut vm = loaded.vm(console, explain.machine.config());
    let mut profile = Profile::default();
    session::in_slices(budget, SLICE, |n| {
        let before = vm.instructions();
        let stop = profile.run(&mut vm, n);
        (Ending::Stop(stop), vm.instructions() - before)
    });
    profile
}
