//! The results as a page of HTML that needs nothing else, and as JUnit XML.

use askama::Template;
use kiln::grade::{Graded, Outcome, Tests};

use super::shown;

/// What comes before the first submission.
#[derive(Template)]
#[template(path = "grade.html")]
pub struct Head<'a> {
    pub tests: &'a Tests,
}

/// A submission.
#[derive(Template)]
#[template(path = "grade_submission.html")]
pub struct Section<'a> {
    pub graded: &'a Graded,
}

/// A submission, as JUnit has it.
#[derive(Template)]
#[template(path = "grade_submission.xml")]
pub struct Suite<'a> {
    pub graded: &'a Graded,
}

impl Suite<'_> {
    fn failed(&self) -> usize {
        self.graded.cases.iter().filter(|case| !case.passed()).count()
    }
}

/// What is not as expected, in one line.
fn summary(case: &Outcome) -> String {
    let all = case
        .failures
        .iter()
        .map(|one| format!("{}: expected {}, was {}", one.what, shown(&one.expected), shown(&one.actual)));
    all.collect::<Vec<String>>().join("; ")
}

/// A text of several lines, without characters that XML or a terminal minds.
fn lines(text: &str) -> String {
    text.split('\n').map(shown).collect::<Vec<String>>().join("\n")
}
