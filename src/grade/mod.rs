//! Grading: every case of an assignment's tests on every submission, on all cores.
//!
//! [`Tests`] are read from a file; [`grade`] runs them on one submission, and whatever that does (source that does
//! not assemble, an endless loop, a fault, output without end) is in the [`Graded`] that comes back. [`grade_all`]
//! does many, in order, and holds no more than a few of them at a time.
//!
//! ```
//! use kiln::grade::{Tests, grade};
//!
//! let tests = Tests::parse(r#"
//!     [[case]]
//!     name = "3 x 4"
//!     call = "MULT"
//!     registers = { R1 = 3, R2 = 4 }
//!     expect = { registers = { R0 = 12 }, keeps = ["R1"] }
//! "#).unwrap();
//! let source = ".ORIG x3000\nHALT\n\
//!     MULT AND R0, R0, #0\nL ADD R0, R0, R1\nADD R2, R2, #-1\nBRp L\nRET\n.END\n";
//! let graded = grade(&tests, "ann", &[("ann.asm".to_owned(), source.into())]);
//! assert_eq!(graded.points, 1.0, "{graded:?}");
//! ```

mod check;
mod console;
mod plan;
mod run;

use std::collections::BTreeMap;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Condvar, Mutex};

use serde::Serialize;

use crate::diagnostic::Style;
use crate::guests::lc3::Lc3;
use crate::guests::lc3::image::Image;
use crate::guests::{BadFile, Machine};
pub use plan::{Case, Tests};

/// Submissions that may be graded before the first of them is handed on, for each thread.
const AHEAD: usize = 16;

/// What came of a submission.
#[derive(Clone, Debug, Serialize)]
pub struct Graded {
    /// Its name.
    pub name: String,
    /// What it got.
    pub points: f64,
    /// Why no case was run, in lines for people: it does not assemble or is no image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// How many warnings its sources give.
    pub warnings: usize,
    /// What came of each case; none where there is a problem.
    pub cases: Vec<Outcome>,
}

impl Graded {
    /// Whether all is as expected.
    pub fn passed(&self) -> bool {
        self.problem.is_none() && self.cases.iter().all(Outcome::passed)
    }
}

/// What came of a case.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// The case's name.
    pub name: String,
    /// What it got.
    pub points: f64,
    /// What it could have got.
    pub worth: f64,
    /// What is not as expected.
    pub failures: Vec<Failure>,
    /// How it ended, in a line for people.
    pub stop: String,
    /// How many instructions it took.
    pub instructions: u64,
    /// The start of what it printed.
    pub output: String,
    /// Where it failed: the last instructions, the one that did not retire last.
    pub last: Vec<Step>,
}

impl Outcome {
    /// Whether all is as expected.
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}

/// Something that is not as expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// What it is about: `output`, `R0`, `RESULT`.
    pub what: String,
    /// What was expected.
    pub expected: String,
    /// What there was.
    pub actual: String,
}

/// An instruction that was executed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Its address.
    pub address: u16,
    /// It, disassembled.
    pub instruction: String,
    /// Its file and line, where they are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// The line's text, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// The files of a submission: names, and what is in them.
pub type Files = [(String, Vec<u8>)];

/// Runs all cases on a submission, whose files are linked.
pub fn grade(tests: &Tests, name: &str, files: &Files) -> Graded {
    let graded = |problem, warnings, cases: Vec<Outcome>| {
        // From 0: the sum of no numbers is -0.
        let points = cases.iter().fold(0.0, |sum, case| sum + case.points);
        Graded { name: name.to_owned(), points, problem, warnings, cases }
    };
    // Whatever a submission does, others are graded.
    let result = panic::catch_unwind(AssertUnwindSafe(|| {
        let (images, warnings) = read(files)?;
        Ok((warnings, run::Session::new(tests, images).cases()))
    }));
    match result {
        Ok(Ok((warnings, cases))) => graded(None, warnings, cases),
        Ok(Err(problem)) => graded(Some(problem), 0, Vec::new()),
        Err(_) => graded(Some("Kiln failed on this submission: please report it".to_owned()), 0, Vec::new()),
    }
}

/// The images of files, and how many warnings there were.
fn read(files: &Files) -> Result<(Vec<Image>, usize), String> {
    let (mut images, mut warnings) = (Vec::new(), 0);
    for (name, bytes) in files {
        let (image, remarks) = Lc3::read(name, bytes).map_err(|bad| match bad {
            BadFile::Image(line) => line,
            BadFile::Source(remarks) => remarks.render(Style::Plain),
        })?;
        warnings += remarks.diagnostics.len();
        images.push(image);
    }
    if images.is_empty() {
        return Err("there is no file in it".to_owned());
    }
    Ok((images, warnings))
}

/// What is done and what is handed on.
struct Progress<S> {
    next: usize,
    handed_on: usize,
    done: BTreeMap<usize, Graded>,
    sink: S,
}

/// Grades `count` submissions on `threads` threads. `open` gives the name and files of one by its number, or says why
/// there are none; what came of them goes to `sink`, in order, while others are graded.
///
/// # Errors
/// The first that `sink` gives, which ends it.
pub fn grade_all<E: Send>(
    tests: &Tests,
    count: usize,
    threads: usize,
    open: impl Fn(usize) -> (String, Result<Vec<(String, Vec<u8>)>, String>) + Sync,
    sink: impl FnMut(&Graded) -> Result<(), E> + Send,
) -> Result<(), E> {
    let progress = Mutex::new((Progress { next: 0, handed_on: 0, done: BTreeMap::new(), sink }, Ok(())));
    let moved = Condvar::new();
    let lock = || progress.lock().expect("nobody panics while holding the results");
    let work = || {
        loop {
            let mut held = moved
                .wait_while(lock(), |(all, failed)| {
                    failed.is_ok() && all.next < count && all.next >= all.handed_on + AHEAD * threads
                })
                .expect("nobody panics while holding the results");
            if held.1.is_err() || held.0.next >= count {
                return;
            }
            let at = held.0.next;
            held.0.next += 1;
            drop(held);
            let (name, files) = open(at);
            let graded = match files {
                Ok(files) => grade(tests, &name, &files),
                Err(problem) => {
                    Graded { name, points: 0.0, problem: Some(problem), warnings: 0, cases: Vec::new() }
                }
            };
            let mut held = lock();
            let (all, failed) = &mut *held;
            all.done.insert(at, graded);
            while let Some(graded) = all.done.remove(&all.handed_on) {
                all.handed_on += 1;
                if failed.is_ok() {
                    *failed = (all.sink)(&graded);
                }
            }
            drop(held);
            moved.notify_all();
        }
    };
    std::thread::scope(|scope| {
        (1..threads).for_each(|_| drop(scope.spawn(work)));
        work();
    });
    progress.into_inner().expect("nobody panics while holding the results").1
}
