//! `kiln grade`.

mod page;

use std::fs;
use std::io::{self, BufWriter, IntoInnerError, IsTerminal, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::thread;

use askama::Template;
use clap::Args;
use comfy_table::{CellAlignment, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use kiln::grade::{Failure as Failed, Graded, Tests, grade_all};
use kiln::guests;
use kiln::guests::lc3::Lc3;

use super::whole::Whole;
use super::{Failure, code, load, print};

const AFTER_HELP: &str = "\
A submission is a source or image, or a folder whose sources (or else images) are linked. docs/courses.md tells how
tests are written. The exit code is 1 where a case failed.

Examples:
  kiln grade tests.toml submissions/*.asm
  kiln grade tests.toml ann.asm                      what failed is printed in full
  kiln grade tests.toml submissions/* --html results.html --json results.json --junit results.xml";

/// Characters of a table's line that tell what failed.
const LONGEST: usize = 80;

/// `kiln grade`.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub struct Grade {
    /// The tests, in TOML
    tests: PathBuf,
    /// The submissions
    #[arg(required = true, value_name = "SUBMISSION")]
    submissions: Vec<PathBuf>,
    /// Write all results as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write all results as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write all results as a page
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// How many submissions are graded at once; without this as many as there are cores
    #[arg(long, value_name = "N")]
    threads: Option<NonZero<usize>>,
}

impl Grade {
    /// Grades; the exit code.
    pub fn execute(self) -> Result<u8, Failure> {
        let tests = Tests::read(&self.tests).map_err(|error| Failure::new(code::DATA, error))?;
        let mut outputs = self.outputs(&tests)?;
        let count = self.submissions.len();
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let threads = self.threads.map_or(cores, NonZero::get).min(count);
        let bar = bar(count);
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(["submission", "points", "passed", "what failed first"]);
        for column in [1, 2] {
            table.column_mut(column).into_iter().for_each(|c| c.set_cell_alignment(CellAlignment::Right));
        }
        let mut all_passed = true;
        let mut details = String::new();
        let open = |at: usize| {
            let path = &self.submissions[at];
            (path.display().to_string(), files(path))
        };
        let graded = grade_all(&tests, count, threads, open, |graded: &Graded| {
            table.add_row(row(graded, &tests));
            all_passed &= graded.passed();
            if count == 1 {
                details = explain(graded);
            }
            bar.inc(1);
            outputs.iter_mut().try_for_each(|output| output.submission(graded))
        });
        bar.finish_and_clear();
        let ended = graded.and_then(|()| outputs.into_iter().try_for_each(Output::end));
        ended.map_err(|error| Failure::io("cannot write the results", &error))?;
        print(format!("{table}\n{details}").as_bytes())?;
        Ok(if all_passed { code::OK } else { code::DIFFERENT })
    }

    /// The files that are asked for, with what comes before the first submission.
    fn outputs(&self, tests: &Tests) -> Result<Vec<Output>, Failure> {
        let asked = [(&self.json, Kind::Json), (&self.junit, Kind::Junit), (&self.html, Kind::Html)];
        let asked = asked.into_iter().filter_map(|(path, kind)| Some((path.as_deref()?, kind)));
        asked.map(|(path, kind)| self.output(path, kind, tests)).collect()
    }

    fn output(&self, path: &Path, kind: Kind, tests: &Tests) -> Result<Output, Failure> {
        let mut read = self.submissions.clone();
        read.push(self.tests.clone());
        super::spare(path, &read)?;
        let failed = |error: io::Error| Failure::io(&format!("cannot write {}", path.display()), &error);
        let file = Whole::create(path).map_err(failed)?;
        let mut output = Output { kind, file: BufWriter::new(file), is_first: true };
        output.start(tests).map_err(failed)?;
        Ok(output)
    }
}

/// The files of a submission.
fn files(path: &Path) -> Result<Vec<(String, Vec<u8>)>, String> {
    let read = |path: &Path| {
        let file = load::read(path).map_err(|failure| failure.to_string())?;
        Ok((file.name, file.bytes))
    };
    if !path.is_dir() {
        return Ok(vec![read(path)?]);
    }
    let entries = fs::read_dir(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    let is_source = |path: &PathBuf| path.extension().is_some_and(|e| e.eq_ignore_ascii_case("asm"));
    if paths.iter().any(is_source) {
        paths.retain(is_source);
    }
    paths.retain(|path| guests::has_extension::<Lc3>(&path.display().to_string()));
    paths.iter().map(|path| read(path)).collect()
}

fn bar(count: usize) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len}, {eta} left").expect("a fixed template");
    ProgressBar::new(count as u64).with_style(style)
}

/// A submission's line of the table.
fn row(graded: &Graded, tests: &Tests) -> [String; 4] {
    let passed = graded.cases.iter().filter(|case| case.passed()).count();
    let failed = graded.cases.iter().find(|case| !case.passed());
    let first = match (&graded.problem, failed) {
        (Some(problem), _) => problem.lines().next().unwrap_or_default().to_owned(),
        (None, Some(case)) => {
            let Failed { what, expected, actual } = &case.failures[0];
            format!("{}: {what} is {}, not {}", case.name, shown(actual), shown(expected))
        }
        (None, None) => String::new(),
    };
    let first = match first.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &first[..end]),
        None => first,
    };
    let points = format!("{}/{}", graded.points, tests.points());
    [graded.name.clone(), points, format!("{passed}/{}", tests.cases.len()), first]
}

/// All that failed, for people.
fn explain(graded: &Graded) -> String {
    let mut text = graded.problem.iter().map(|problem| format!("\n{problem}")).collect::<String>();
    for case in graded.cases.iter().filter(|case| !case.passed()) {
        text += &format!("\n{} ({} of {} points): {}\n", case.name, case.points, case.worth, case.stop);
        for failure in &case.failures {
            let (expected, actual) = (shown(&failure.expected), shown(&failure.actual));
            text += &format!("  {}\n    expected: {expected}\n    actual:   {actual}\n", failure.what);
        }
        if !case.last.is_empty() {
            text += "  last instructions:\n";
        }
        for step in &case.last {
            let place = step.place.as_deref().unwrap_or_default();
            text += &format!("    x{:04X}  {:<28} {place}\n", step.address, step.instruction);
        }
    }
    text
}

/// A text in one line, whatever is in it.
fn shown(text: &str) -> String {
    let escaped = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(escaped).collect()
}

#[derive(Clone, Copy)]
enum Kind {
    Json,
    Junit,
    Html,
}

/// A file of results, written as they come.
struct Output {
    kind: Kind,
    file: BufWriter<Whole>,
    is_first: bool,
}

impl Output {
    fn start(&mut self, tests: &Tests) -> io::Result<()> {
        match self.kind {
            Kind::Json => {
                let title = serde_json::to_string(&tests.title)?;
                write!(self.file, "{{\"title\":{title},\"points\":{},\"submissions\":[", tests.points())
            }
            Kind::Junit => self.file.write_all(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"),
            Kind::Html => self.template(&page::Head { tests }),
        }
    }

    fn submission(&mut self, graded: &Graded) -> io::Result<()> {
        match self.kind {
            Kind::Json => {
                self.file.write_all(if self.is_first { b"\n" } else { b",\n" })?;
                self.is_first = false;
                Ok(serde_json::to_writer(&mut self.file, graded)?)
            }
            Kind::Junit => self.template(&page::Suite { graded }),
            Kind::Html => self.template(&page::Section { graded }),
        }
    }

    fn end(mut self) -> io::Result<()> {
        self.file.write_all(match self.kind {
            Kind::Json => b"\n]}\n",
            Kind::Junit => b"</testsuites>\n",
            Kind::Html => b"</main>\n",
        })?;
        self.file.into_inner().map_err(IntoInnerError::into_error)?.finish()
    }

    fn template(&mut self, template: &impl Template) -> io::Result<()> {
        let text = template.render().map_err(io::Error::other)?;
        self.file.write_all(text.as_bytes())
    }
}
