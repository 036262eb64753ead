//! From the command line's files and options to machines.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use kiln::device::Console;
use kiln::diagnostic::closest;
use kiln::emit;
use kiln::guests::{self, Machine, Setting, Settings, lox};
use kiln::ops::Pc;
use kiln::program::Program;
use kiln::state::State;
use kiln::tier::{self, Config};
use kiln::vm::Vm;

use super::console::describe;
use super::{Failure, code, host, say_remarks};

/// Bytes of a file that are read at most; no image is that large.
const LARGEST: u64 = 16 << 20;

/// What a machine is to be like.
#[derive(Args)]
#[command(next_help_heading = "Machine")]
pub struct MachineOptions {
    /// The machine that the image is for; without this its content and name tell
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(guests::ALL))]
    pub guest: Option<String>,
    /// The variant of the machine; a wrong name lists those that there are
    #[arg(long, visible_alias = "numbering", value_name = "NAME")]
    profile: Option<String>,
    /// The operating system that serves its programs; a wrong name lists those that there are
    #[arg(long, value_name = "NAME")]
    os: Option<String>,
    /// Start with pseudo-random registers and memory, to find what is read before it is written
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// One of the machine's settings, which `kiln guests` lists; once each
    #[arg(long = "set", value_name = "NAME=NUMBER", value_parser = setting)]
    pub values: Vec<(String, u64)>,
    /// Start at the first image's origin, or at an address such as x3000
    #[arg(long, value_name = "origin|ADDRESS", value_parser = start)]
    start: Option<Start>,
    /// Where hot code is compiled; without this, background where a run is only to be fast and there is a core to spare
    #[arg(long, value_enum, value_name = "WHERE")]
    compile: Option<Compile>,
    /// Instructions counted at a place before it is compiled
    #[arg(long, value_name = "N", default_value_t = tier::HOT)]
    hot: u32,
}

/// Where hot code is compiled.
#[derive(Clone, Copy, ValueEnum)]
enum Compile {
    /// On the machine's own thread, which waits: every run is the same
    Inline,
    /// On another thread, while the interpreter goes on
    Background,
}

#[derive(Clone, Copy)]
enum Start {
    Origin,
    At(Pc),
}

fn start(text: &str) -> Result<Start, String> {
    if text == "origin" {
        return Ok(Start::Origin);
    }
    let hex = text.strip_prefix("0x").or(text.strip_prefix(['x', 'X']));
    let address = match hex {
        Some(digits) => Pc::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    address.map(Start::At).ok_or_else(|| "neither `origin` nor an address such as x3000".to_owned())
}

fn setting(text: &str) -> Result<(String, u64), String> {
    let value = text.split_once('=').and_then(|(name, value)| Some((name.to_owned(), value.parse().ok()?)));
    value.ok_or_else(|| "not a name, `=` and a number".to_owned())
}

impl MachineOptions {
    /// How a machine of these options runs: the same way every time, unless they say otherwise.
    pub fn config(&self) -> Config {
        let compile = match self.compile {
            None | Some(Compile::Inline) => tier::Compile::Inline,
            Some(Compile::Background) => tier::Compile::Background,
        };
        Config { hot: self.hot, compile, ..Config::default() }
    }

    /// The same for a run that is only to be fast.
    pub fn fast_config(&self) -> Config {
        let config = self.config();
        match self.compile {
            None if host::has_cores() => Config { compile: tier::Compile::Background, ..config },
            _ => config,
        }
    }

    /// What says nothing to a machine without native code and addresses, and whether it was asked for.
    pub fn for_other_machines(&self) -> [(bool, &'static str); 6] {
        [
            (self.profile.is_some(), "--profile"),
            (self.os.is_some(), "--os"),
            (self.seed.is_some(), "--seed"),
            (self.start.is_some(), "--start"),
            (self.compile.is_some(), "--compile"),
            (self.hot != tier::HOT, "--hot"),
        ]
    }

    /// The arguments that say the same.
    pub fn arguments(&self) -> Vec<String> {
        let name = |value: Compile| value.to_possible_value().map(|v| v.get_name().to_owned());
        let mut all = vec![format!("--hot={}", self.hot)];
        all.extend(self.compile.and_then(name).map(|compile| format!("--compile={compile}")));
        all.extend(self.guest.iter().map(|guest| format!("--guest={guest}")));
        all.extend(self.profile.iter().map(|profile| format!("--profile={profile}")));
        all.extend(self.os.iter().map(|os| format!("--os={os}")));
        all.extend(self.seed.map(|seed| format!("--seed={seed}")));
        all.extend(self.values.iter().map(|(name, value)| format!("--set={name}={value}")));
        all.extend(self.start.map(|start| match start {
            Start::Origin => "--start=origin".to_owned(),
            Start::At(pc) => format!("--start={pc:#x}"),
        }));
        all
    }

    /// Whether nothing but this guest, or no guest at all, was asked for.
    pub fn is_for(&self, guest: &str) -> bool {
        self.guest.as_deref().is_none_or(|name| name == guest)
    }

    /// The guest that the files are for.
    pub fn guest(&self, files: &[ImageFile]) -> Result<&str, Failure> {
        match &self.guest {
            Some(name) if name == lox::NAME => return Err(not_for_lox(&files[0])),
            Some(name) => return Ok(name),
            None => {}
        }
        guest_of(files, "no machine here reads such a file; see --guest")
    }
}

/// The guest that files are for, which is one; `unknown` is said of a file that is for none.
pub fn guest_of(files: &[ImageFile], unknown: &str) -> Result<&'static str, Failure> {
    let is_lox = |file: &&ImageFile| lox::FILES.iter().any(|kind| has_extension(&file.name, kind.extension));
    if let Some(file) = files.iter().find(is_lox) {
        return Err(not_for_lox(file));
    }
    let mut all = files.iter().map(|file| (file, guests::recognise(&file.name, &file.bytes)));
    let unknown = |file: &ImageFile| Failure::new(code::DATA, format!("{}: {unknown}", file.name));
    let (first, guest) = all.next().expect("there is an image");
    let guest = guest.ok_or_else(|| unknown(first))?;
    match all.find(|&(_, other)| other != Some(guest)) {
        None => Ok(guest),
        Some((file, None)) => Err(unknown(file)),
        Some((file, Some(other))) => Err(Failure::new(
            code::DATA,
            format!("{} is for {guest}, {} for {other}: one machine runs one kind", first.name, file.name),
        )),
    }
}

fn has_extension(name: &str, extension: &str) -> bool {
    Path::new(name).extension().is_some_and(|own| own == extension)
}

/// Lox's machine has one tier, and no words to show.
fn not_for_lox(file: &ImageFile) -> Failure {
    let line = "Lox is for kiln run, compile, disasm, bench, fuzz and repl, one program at a time";
    Failure::usage(format!("{}: {line}", file.name))
}

/// A file, as it was read.
pub struct ImageFile {
    /// Its path, for messages.
    pub name: String,
    /// What it holds.
    pub bytes: Vec<u8>,
}

impl ImageFile {
    /// The text of a source.
    pub fn text(&self) -> Result<&str, Failure> {
        Ok(guests::utf8(&self.name, &self.bytes)?)
    }
}

/// Reads an image or source file.
pub fn read(path: &Path) -> Result<ImageFile, Failure> {
    let name = path.display().to_string();
    let bad = |what: &str| Failure::new(code::DATA, format!("{name}: {what}"));
    let failed = |error: io::Error| unreadable(&name, &error);
    let metadata = fs::metadata(path).map_err(failed)?;
    if metadata.is_dir() {
        return Err(bad("is a directory; an image is a file"));
    }
    if is_device(&metadata) {
        return Err(bad("is a device; an image is a file"));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LARGEST {
        return Err(bad(&format!("has more than {} MiB; no image is that large", LARGEST >> 20)));
    }
    Ok(ImageFile { name, bytes })
}

/// Why a file cannot be read.
pub fn unreadable(name: &str, error: &io::Error) -> Failure {
    let code = match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => code::NO_INPUT,
        _ => code::IO,
    };
    Failure::new(code, format!("{name}: {}", describe(error)))
}

/// Neither a file nor a pipe, which may be a shell's `<(command)`.
fn is_device(metadata: &Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    let kind = metadata.file_type();
    kind.is_char_device() || kind.is_block_device() || kind.is_socket()
}

/// Reads several files.
pub fn read_all(paths: &[PathBuf]) -> Result<Vec<ImageFile>, Failure> {
    paths.iter().map(|path| read(path)).collect()
}

/// A program, ready to make machines of.
pub struct Loaded<G: Machine> {
    /// The program.
    pub image: G::Image,
    /// The profile's name.
    pub profile: &'static str,
    settings: Settings,
    start: Option<Pc>,
}

impl<G: Machine> Loaded<G> {
    /// Reads the files as one program. What an assembler warns of is shown.
    pub fn new(files: &[ImageFile], options: &MachineOptions) -> Result<Self, Failure> {
        let mut images = Vec::new();
        for file in files {
            let (image, remarks) = G::read(&file.name, &file.bytes)?;
            say_remarks(&remarks);
            images.push(image);
        }
        Loaded::of(G::join(images)?, options)
    }

    /// A program of this image.
    pub fn of(image: G::Image, options: &MachineOptions) -> Result<Self, Failure> {
        let profile = match &options.profile {
            None => G::PROFILES[0],
            Some(name) => find::<G>("profile", name, G::PROFILES)?,
        };
        let system = options.os.as_ref().map(|name| find::<G>("os", name, G::SYSTEMS)).transpose()?;
        let settings = Settings {
            profile: Some(profile.to_owned()),
            system: system.map(str::to_owned),
            seed: options.seed,
            start_at_origin: matches!(options.start, Some(Start::Origin)),
            values: settings(G::NAME, G::SETTINGS, &options.values)?,
        };
        let start = match options.start {
            Some(Start::At(pc)) => Some(pc),
            _ => None,
        };
        let loaded = Loaded { image, profile, settings, start };
        if let Some(pc) = start {
            let (guest, _) = G::machine(&loaded.image, &loaded.settings, Console::scripted("").0);
            if pc as usize >= guest.code_len() {
                let last = G::address(guest.code_len() as Pc - 1);
                let line = format!("--start {}: the last address is {last}", G::address(pc));
                return Err(Failure::usage(line));
            }
        }
        Ok(loaded)
    }

    /// A machine before its first instruction.
    pub fn vm(&self, console: Console, config: Config) -> Vm<G> {
        let (guest, state) = self.machine(console);
        Vm::new(guest, state, config)
    }

    /// The program for many machines.
    pub fn program(&self, config: Config) -> Program<G> {
        let (guest, state) = self.machine(Console::scripted("").0);
        Program::new(guest, state, config)
    }

    fn machine(&self, console: Console) -> (G, State) {
        let (guest, mut state) = G::machine(&self.image, &self.settings, console);
        if let Some(pc) = self.start {
            guest.start_at(&mut state, pc);
        }
        (guest, state)
    }

    /// The program as C; `name` is what comments call it.
    pub fn c(&self, name: &str) -> String {
        emit::c(&mut self.vm(Console::scripted("").0, Config::default()), name)
    }
}

/// One of the names that the guest has for what `--profile`, or `--os`, takes.
///
/// # Errors
/// It has no such name.
pub fn find<G: Machine>(what: &str, name: &str, all: &[&'static str]) -> Result<&'static str, Failure> {
    let found = all.iter().copied().find(|&one| one == name);
    found.ok_or_else(|| unknown(G::NAME, what, name, all))
}

/// What a guest with these settings is given.
pub fn settings(
    guest: &str,
    all: &[Setting],
    given: &[(String, u64)],
) -> Result<Vec<(&'static str, u64)>, Failure> {
    given.iter().map(|given| find_setting(guest, all, given)).collect()
}

fn find_setting(
    guest: &str,
    all: &[Setting],
    (name, value): &(String, u64),
) -> Result<(&'static str, u64), Failure> {
    let names: Vec<&str> = all.iter().map(|setting| setting.name).collect();
    let setting = all.iter().find(|setting| setting.name == name);
    let setting = setting.ok_or_else(|| unknown(guest, "setting", name, &names))?;
    let (least, most) = setting.range;
    if !(least..=most).contains(value) {
        return Err(Failure::usage(format!("--set {name}={value}: it is from {least} to {most}")));
    }
    Ok((setting.name, *value))
}

/// The guest has no such profile or setting.
fn unknown(guest: &str, what: &str, name: &str, all: &[&str]) -> Failure {
    let hint = match closest(name, all.iter().copied()) {
        Some(near) => format!("; did you mean {near}?"),
        None => String::new(),
    };
    let all = if all.is_empty() { "none".to_owned() } else { all.join(", ") };
    Failure::usage(format!("{guest} has no {what} `{name}`{hint} (there are: {all})"))
}
