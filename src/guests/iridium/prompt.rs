//! Iridium's prompt: lines of assembly are run at once on a live machine; commands start with `!`.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::Arc;

use super::image::Image;
use super::isa::{
    BP, COUNTER, FLAG, HEAP_LEN, HEAP_LIMIT, MNEMONICS, Numbering, REGISTERS, REMAINDER, SP, f, op, r,
};
use super::symbols::Place;
use super::{Iridium, asm, disasm, osmium};
use crate::device::{Capture, Console};
use crate::diagnostic::{Diagnostic, Source, Style, closest};
use crate::guest::{Guest, Stop};
use crate::guests::{BadFile, Machine, Settings};
use crate::ops::Pc;
use crate::prompt::jobs::Jobs;
use crate::prompt::{self, Command, Next};
use crate::tier::Config;
use crate::vm::Vm;

/// Bytes that the strings of all entries may have together. Code is behind them, and jumps reach 65535.
const ROOM: usize = 8192;
/// Bytes of a file that are read at most.
const LARGEST: u64 = 16 << 20;
/// Instructions between looks at whether an entry is to be interrupted.
const SLICE: u64 = 1 << 20;

macro_rules! commands {
    ($($name:literal $takes:literal $about:literal,)*) => {
        const COMMANDS: &[Command] = &[$(Command { name: $name, takes: $takes, about: $about }),*];
    };
}

commands! {
    "!help" "" "this list",
    "!quit" "" "leave, as the end of input does",
    "!history" "" "what was entered",
    "!program" "" "the program, as it has become",
    "!clear_program" "" "forget the program, not the registers",
    "!registers" "" "the registers",
    "!clear_registers" "" "all registers 0 again, not heap and stack",
    "!symbols" "" "the labels and what they mean",
    "!load_file" "FILE" "add a file of assembly or Osmium to the program, without running it",
    "!run" "[@LABEL]" "run from a label, or from the start of what was loaded last",
    "!spawn" "[@LABEL or FILE]" "run a copy of the machine beside, likewise; or a machine with a file",
    "!ps" "" "the machines that were spawned",
    "!kill" "NUMBER" "end one of them",
    "!wait" "[NUMBER]" "wait until it, or all of them, have ended",
}

/// The prompt of a live machine.
pub struct Live {
    vm: Vm<Iridium>,
    output: Capture,
    /// What was entered.
    entries: Vec<String>,
    /// Where `!run` starts.
    start: Pc,
    jobs: Jobs,
}

impl Live {
    /// A machine without a program.
    pub fn new(config: Config) -> Live {
        let (console, output) = Console::scripted("");
        let iridium = Iridium::new(Arc::new(empty()), Numbering::Series, console);
        let state = iridium.power_on(HEAP_LIMIT);
        let start = state.pc();
        let vm = Vm::new(iridium, state, config);
        Live { vm, output, entries: Vec::new(), start, jobs: Jobs::default() }
    }

    fn image(&self) -> &Image {
        self.vm.guest().image()
    }

    /// Adds assembly to the program; where it is, or what is wrong with it.
    fn add(&mut self, name: &str, text: &str) -> Result<std::ops::Range<Pc>, String> {
        let asm::Addition { code, diagnostics } =
            self.vm.change_program(|iridium, _| asm::add(iridium.image_mut(), name, text));
        code.ok_or_else(|| rendered(name, text, &diagnostics))
    }

    /// Runs from an address to the end of the program, a stop, or an interruption; what there is to say of it.
    fn run(&mut self, from: Pc, out: &mut dyn Write, stop: &dyn Fn() -> bool) -> io::Result<Option<String>> {
        self.vm.set_pc(from);
        let mut last = b'\n';
        let end = loop {
            let end = self.vm.run(SLICE);
            self.vm.guest_mut().flush()?;
            let printed = self.output.take();
            last = printed.last().copied().unwrap_or(last);
            out.write_all(&printed)?;
            if !matches!(end, Stop::Budget) {
                break Some(end);
            }
            if stop() {
                break None;
            }
        };
        if last != b'\n' {
            writeln!(out)?;
        }
        let Some(end) = end else {
            return Ok(Some(format!("interrupted at {}", place(&self.vm, self.vm.pc()))));
        };
        Ok((!self.is_over(&end)).then(|| ending(&self.vm, &end)))
    }

    /// Whether a run ended as an entry does: behind its last instruction.
    fn is_over(&self, end: &Stop) -> bool {
        let image = self.image();
        let last = image.word(image.end().wrapping_sub(super::isa::SIZE));
        let is_stop = last.is_some_and(|word| {
            matches!(super::isa::decode(Numbering::Series, word).op(), op::HLT | op::IGL)
        });
        matches!(end, Stop::Halted) && self.vm.pc() == image.end() && !is_stop
    }

    /// The code address that `@label` means.
    fn label(&self, name: &str) -> Result<Pc, String> {
        match self.image().symbols.get(name) {
            Some(Place::Code(pc)) => Ok(pc),
            Some(Place::Data(_)) => Err(format!("`{name}` is data, not code")),
            None => {
                let near = closest(name, self.image().symbols.iter().map(|(name, _)| name));
                let hint = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
                Err(format!("there is no label `{name}`{hint}"))
            }
        }
    }

    /// Does what a command asks for; what there is to say.
    fn command(
        &mut self,
        name: &str,
        argument: &str,
        out: &mut dyn Write,
        stop: &dyn Fn() -> bool,
    ) -> io::Result<Result<String, String>> {
        if argument.is_empty() && name == "!load_file" || argument.is_empty() && name == "!kill" {
            return Ok(Err(format!("{name} what? See !help")));
        }
        Ok(match name {
            "!help" => Ok(prompt::help(COMMANDS)),
            "!history" => Ok(self.history()),
            "!program" => Ok(self.program()),
            "!clear_program" => {
                self.vm.change_program(|iridium, state| {
                    *iridium.image_mut() = empty();
                    state.set_pc(iridium.image().start());
                });
                self.start = self.image().start();
                Ok(String::new())
            }
            "!registers" => Ok(self.registers()),
            "!clear_registers" => {
                self.clear_registers();
                Ok(String::new())
            }
            "!symbols" => Ok(self.symbols()),
            "!load_file" => self.load(argument),
            "!run" => match self.start_of(argument) {
                Ok(from) => return self.run(from, out, stop).map(|said| Ok(lines(said))),
                Err(error) => Err(error),
            },
            "!spawn" => self.spawn(argument),
            "!ps" => Ok(self.jobs.table()),
            "!kill" => number(argument).and_then(|number| self.jobs.kill(number)).map(|()| self.jobs.news()),
            "!wait" => {
                let number = if argument.is_empty() { Ok(None) } else { number(argument).map(Some) };
                number.and_then(|number| self.jobs.wait(number, stop)).map(|()| self.jobs.news())
            }
            _ => {
                let names = || COMMANDS.iter().map(|one| one.name);
                let near = names().find(|one| one.starts_with(name)).or_else(|| closest(name, names()));
                let hint =
                    near.map_or("`!help` lists them".to_owned(), |near| format!("did you mean `{near}`?"));
                Err(format!("there is no command `{name}`; {hint}"))
            }
        })
    }

    /// Where `!run` or `!spawn` with this argument starts.
    fn start_of(&self, argument: &str) -> Result<Pc, String> {
        match argument.strip_prefix('@') {
            Some(label) => self.label(label),
            None if argument.is_empty() => Ok(self.start),
            None => Err(format!("`{argument}` is no label; a label is written `@name`")),
        }
    }

    fn history(&self) -> String {
        let lines = self.entries.iter().enumerate();
        lines.map(|(n, entry)| format!("{:>4}  {}\n", n + 1, entry.replace('\n', "\n      "))).collect()
    }

    fn program(&self) -> String {
        let image = self.image();
        if image.code.is_empty() {
            return "the program is empty\n".to_owned();
        }
        let mut text = String::new();
        // Writing to a string does not fail.
        for pc in image.addresses() {
            for name in image.symbols.names(Place::Code(pc)) {
                let _ = writeln!(text, "{name}:");
            }
            let word = image.word(pc).unwrap_or_default().map(|byte| format!("{byte:02x}")).join(" ");
            let _ = writeln!(text, "{pc:>6}  {word}  {}", disasm::at(image, Numbering::Series, pc));
        }
        text
    }

    fn registers(&self) -> String {
        let state = self.vm.state();
        let ints: Vec<String> = (0..REGISTERS).map(|n| (state.get(r(n)) as i32).to_string()).collect();
        let floats: Vec<String> = (0..REGISTERS).map(|n| format!("{:?}", state.get(f(n)))).collect();
        let mut text = table("$", &ints) + &table("f", &floats);
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "flag {}, remainder {}, loop counter {}, stack {} entries, bp {}, heap {} bytes, pc {}",
            state.get(FLAG),
            state.get(REMAINDER) as i32,
            state.get(COUNTER),
            state.get(SP),
            state.get(BP),
            state.get(HEAP_LEN),
            state.pc()
        );
        text
    }

    fn clear_registers(&mut self) {
        for n in 0..REGISTERS {
            self.vm.set(r(n), 0);
            self.vm.set(f(n), 0.0);
        }
        self.vm.set(FLAG, false);
        self.vm.set(REMAINDER, 0);
        self.vm.set(COUNTER, 0);
    }

    fn symbols(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        for (name, place) in self.image().symbols.iter() {
            let _ = match place {
                Place::Data(at) => writeln!(text, "{name:<20} data {at}"),
                Place::Code(at) => writeln!(text, "{name:<20} code {at}"),
            };
        }
        if text.is_empty() { "there are no labels\n".to_owned() } else { text }
    }

    fn load(&mut self, path: &str) -> Result<String, String> {
        let bytes = read(path)?;
        let text = str::from_utf8(&bytes).map_err(|_| format!("{path}: a source is UTF-8 text"))?;
        let is_osmium = super::machine::is_osmium(path);
        let text = match is_osmium.then(|| osmium::compile(path, text)) {
            None => text.to_owned(),
            Some((Some(assembly), _)) => assembly.text,
            Some((None, diagnostics)) => return Err(rendered(path, text, &diagnostics)),
        };
        let code = self.add(path, &text)?;
        self.start = code.start;
        let count = code.len() / super::isa::SIZE as usize;
        Ok(format!("{path}: {count} instructions at {}; `!run` runs them\n", code.start))
    }

    fn spawn(&mut self, argument: &str) -> Result<String, String> {
        let (console, output) = Console::scripted("");
        if !argument.is_empty() && !argument.starts_with('@') {
            let bytes = read(argument)?;
            let (image, _) = Iridium::read(argument, &bytes).map_err(|bad| match bad {
                BadFile::Image(line) => line,
                BadFile::Source(remarks) => remarks.render(Style::Plain),
            })?;
            let (iridium, state) = Iridium::machine(&image, &Settings::default(), console);
            let vm = Vm::new(iridium, state, self.vm.config().clone());
            return self.jobs.spawn(argument, vm, output, ending);
        }
        let from = self.start_of(argument)?;
        let mut vm = self.vm.fork(console);
        vm.set_pc(from);
        let place = if argument.is_empty() { from.to_string() } else { argument.to_owned() };
        self.jobs.spawn(format!("a copy from {place}"), vm, output, ending)
    }
}

/// Reads a file.
fn read(path: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes));
    match read {
        Ok(_) if bytes.len() as u64 > LARGEST => {
            Err(format!("{path}: has more than {} MiB; no program is that large", LARGEST >> 20))
        }
        Ok(_) => Ok(bytes),
        Err(error) => Err(format!("{path}: {error}")),
    }
}

/// A program without instructions.
fn empty() -> Image {
    Image::with_room("entry", ROOM)
}

/// Diagnostics as text.
fn rendered(name: &str, text: &str, diagnostics: &[Diagnostic]) -> String {
    Source::new(name, text).render_all(diagnostics, Style::Plain)
}

fn number(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| format!("`{text}` is no number of a machine; `!ps` lists them"))
}

/// A line, if there is one.
fn lines(said: Option<String>) -> String {
    said.map_or(String::new(), |line| line + "\n")
}

/// Registers in rows of four.
fn table(sign: &str, values: &[String]) -> String {
    let cell = |(n, value)| format!("{:>4} {value:<16}", format!("{sign}{n}"));
    let cells: Vec<String> = values.iter().enumerate().map(cell).collect();
    cells.chunks(4).map(|row| row.concat().trim_end().to_owned() + "\n").collect()
}

/// An instruction with its address.
fn place(vm: &Vm<Iridium>, pc: Pc) -> String {
    format!("{pc}: {}", vm.guest().disassemble(vm.state(), pc))
}

/// How a run ended, in words.
fn ending(vm: &Vm<Iridium>, stop: &Stop) -> String {
    match stop {
        Stop::Halted => format!("stopped with code {}", vm.state().get(super::isa::EXIT)),
        Stop::Fault(fault) => {
            let reason = fault.reason.replace('_', " ");
            format!("crashed: {reason}: {} at {}: {}", fault.detail, fault.pc, fault.instruction)
        }
        Stop::Io(error) => format!("crashed: {error}"),
        Stop::Budget | Stop::Input => "stopped".to_owned(),
    }
}

impl prompt::Prompt for Live {
    fn banner(&self) -> String {
        "Welcome to Iridium! Let's be productive!\n`!help` lists the commands.\n".to_owned()
    }

    fn sign(&self) -> &'static str {
        ">>> "
    }

    /// A section and a label without an instruction begin a block, which an empty line ends.
    fn goes_on(&self, entry: &str) -> bool {
        let first = entry.trim_start();
        let first = first.lines().next().map_or("", |line| line.split(';').next().unwrap_or("").trim());
        let opens =
            first.ends_with(':') || [".data", ".code"].iter().any(|one| first.eq_ignore_ascii_case(one));
        opens
            && prompt::command(entry).is_none()
            && entry.split('\n').next_back().is_some_and(|line| !line.trim().is_empty())
    }

    fn enter(&mut self, entry: &str, out: &mut dyn Write, stop: &dyn Fn() -> bool) -> io::Result<Next> {
        let entry = entry.trim_end();
        if entry.trim().is_empty() {
            return Ok(Next::Entry);
        }
        let answer = match prompt::command(entry) {
            Some(("!quit", _)) => return Ok(Next::Quit),
            Some((name, argument)) => self.command(name, argument, out, stop)?,
            None => match self.add("entry", entry) {
                Ok(code) => Ok(lines(self.run(code.start, out, stop)?)),
                Err(error) => Err(error),
            },
        };
        self.entries.push(entry.to_owned());
        match answer {
            Ok(text) => out.write_all(text.as_bytes())?,
            Err(error) => writeln!(out, "{}", error.trim_end())?,
        }
        Ok(Next::Entry)
    }

    fn jobs(&self) -> &Jobs {
        &self.jobs
    }

    fn complete(&self, line: &str, at: usize) -> (usize, Vec<String>) {
        let at = line.floor_char_boundary(at);
        let start = prompt::word_start(line, at, |c| c.is_whitespace() || c == ',' || c == ':');
        let (before, word) = (&line[..start], &line[start..at]);
        let mut words: Vec<String> = if word.starts_with('!') {
            COMMANDS.iter().map(|one| one.name.to_owned()).collect()
        } else if word.starts_with('@') {
            self.image().symbols.iter().map(|(name, _)| format!("@{name}")).collect()
        } else if before.trim().is_empty() || before.trim_end().ends_with(':') {
            let is_small = word.chars().all(|c| !c.is_ascii_uppercase());
            let names = MNEMONICS.iter().map(|one| one.name);
            let names = names.map(|name| if is_small { name.to_ascii_lowercase() } else { name.to_owned() });
            names.chain(asm::DIRECTIVES.map(str::to_owned)).collect()
        } else {
            Vec::new()
        };
        words.retain(|one| one.starts_with(word));
        (start, words)
    }
}
