//! `kiln bench` on Lox programs, beside the same ones in Lua.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use comfy_table::{CellAlignment, Table, presets};
use kiln::guests::lox::{BENCHES, Limits, Lox, NAME, Program, Stop};

use super::super::native::{self, folder};
use super::super::{Failure, code, print, say};
use super::{Loaded, program};
use crate::cli::run::Errors;

/// A program to measure.
struct Entry {
    name: String,
    program: Program,
    /// The file, and the same program in Lua.
    files: Option<(PathBuf, PathBuf)>,
}

/// What a program took.
struct Row {
    name: String,
    instructions: u64,
    seconds: f64,
    /// Of these, in collections.
    collecting: f64,
    /// The most that objects had after one, in bytes.
    live: usize,
    /// Whole processes: this one, and Lua.
    beside: Option<(f64, f64)>,
}

/// Measures programs, without any those that come with Kiln, and prints a table; the exit code.
pub fn bench(files: &[PathBuf], runs: u32, budget: u64, lua: bool) -> Result<u8, Failure> {
    let lua = if lua { find_lua() } else { None };
    let folder = folder()?;
    let mut entries = Vec::new();
    for (path, lua) in match files {
        [] => written(folder.path())?,
        files => files.iter().map(|path| (path.clone(), path.with_extension("lua"))).collect(),
    } {
        match program(&path, Errors::Plain)? {
            Ok(Loaded { program, .. }) => {
                let name = path.strip_prefix(folder.path()).unwrap_or(&path).display().to_string();
                entries.push(Entry { name, program, files: lua.exists().then_some((path, lua)) });
            }
            Err(code) => return Ok(code),
        }
    }
    let rows: Result<Vec<Row>, Failure> =
        entries.iter().map(|entry| entry.measure(runs, budget, lua.as_deref())).collect();
    print(table(&rows?, lua.is_some()).as_bytes())?;
    Ok(code::OK)
}

/// The Lua that `$LUA` names, else `lua5.4` or `lua`, if it is there.
fn find_lua() -> Option<String> {
    let named = std::env::var("LUA").ok().filter(|name| !name.trim().is_empty());
    let names = named.map_or_else(|| vec!["lua5.4".to_owned(), "lua".to_owned()], |name| vec![name]);
    let works = |name: &String| {
        let mut command = Command::new(name);
        command.arg("-v").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    let found = names.into_iter().find(works);
    if found.is_none() {
        say("note: there is no Lua here: no lua5.4 in the path, and $LUA names none");
    }
    found
}

/// The programs that come with Kiln, written to a folder, and the same in Lua.
fn written(folder: &Path) -> Result<Vec<(PathBuf, PathBuf)>, Failure> {
    let one = |&(name, lox, lua): &(&str, &str, &str)| {
        let file = |ending, text: &str| native::file(folder, &format!("{name}.{ending}"), text.as_bytes());
        Ok((file(NAME, lox)?, file("lua", lua)?))
    };
    BENCHES.iter().map(one).collect()
}

impl Entry {
    fn measure(&self, runs: u32, budget: u64, lua: Option<&str>) -> Result<Row, Failure> {
        let mut best = self.run(budget)?;
        for _ in 1..runs {
            let next = self.run(budget)?;
            if next.seconds < best.seconds {
                best = next;
            }
        }
        if let (Some(lua), Some((file, other))) = (lua, &self.files) {
            let this = std::env::current_exe();
            let this = this.map_err(|error| Failure::io("cannot find this program", &error))?;
            let (mut ours, mut theirs) = (f64::INFINITY, f64::INFINITY);
            for _ in 0..runs {
                ours = ours.min(native::seconds(Command::new(&this).arg("run").arg(file))?);
                theirs = theirs.min(native::seconds(Command::new(lua).arg(other))?);
            }
            best.beside = Some((ours, theirs));
        }
        Ok(best)
    }

    fn run(&self, budget: u64) -> Result<Row, Failure> {
        let mut lox = Lox::new(Limits::default(), Box::new(std::io::sink()));
        let wrong = |what: &str| Failure::new(code::DATA, format!("{}: {what}", self.name));
        lox.load(&self.program).map_err(|what| wrong(&what))?;
        let start = Instant::now();
        let stop = lox.run(budget);
        let seconds = start.elapsed().as_secs_f64();
        match stop {
            Stop::Error(error) => return Err(wrong(&error.message)),
            Stop::Budget => say(format!("note: {} did not end within its budget", self.name)),
            Stop::Halted | Stop::Io(_) => {}
        }
        let collections = lox.collections();
        Ok(Row {
            name: self.name.clone(),
            instructions: lox.instructions(),
            seconds,
            collecting: collections.time.as_secs_f64(),
            live: collections.most_live,
            beside: None,
        })
    }
}

fn table(rows: &[Row], has_lua: bool) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let mut header = vec!["program", "instructions", "interp s", "MIPS", "collecting %", "live KiB"];
    if has_lua {
        header.extend(["kiln run s", "Lua s", "run/Lua"]);
    }
    table.set_header(header);
    for row in rows {
        let mut cells = vec![
            row.name.clone(),
            row.instructions.to_string(),
            format!("{:.4}", row.seconds),
            format!("{:.0}", row.instructions as f64 / row.seconds / 1e6),
            format!("{:.1}", 100.0 * row.collecting / row.seconds),
            (row.live >> 10).to_string(),
        ];
        if let Some((ours, theirs)) = row.beside {
            cells.extend([format!("{ours:.4}"), format!("{theirs:.4}"), format!("{:.2}", ours / theirs)]);
        }
        table.add_row(cells);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let ratios: Vec<f64> = rows.iter().filter_map(|row| row.beside).map(|(a, b)| (a / b).ln()).collect();
    let mean = match ratios.len() {
        0 => String::new(),
        n => {
            let mean = (ratios.iter().sum::<f64>() / n as f64).exp();
            format!("\n{mean:.2} is the geometric mean of {n} ratios run/Lua\n")
        }
    };
    table.trim_fmt() + "\n" + &mean
}
