//! What an assembler or compiler has to say about a source text, and how it is shown.
//!
//! A [`Diagnostic`] is plain data: a severity, a message, labelled byte ranges of the source, and
//! hints. A [`Source`] turns it into text with the look of rustc, or its place into a line and a
//! column. Rendering is safe on any source: control characters are replaced, lines too long for a
//! terminal are left out, and a range outside the text is cut to it.

use std::ops::Range;

use annotate_snippets::{
    Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet, normalize_untrusted_str,
};

/// Lines longer than this many bytes are named, not shown.
const LONGEST_LINE: usize = 4096;
/// Labels at most this many lines apart are shown in one excerpt.
const EXCERPT_GAP: usize = 6;

/// How bad a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The program has a meaning, but perhaps not the one that was wanted.
    Warning,
    /// The program has no meaning.
    Error,
}

/// A range of the source with something to say about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The bytes of the source that are marked; may be empty, to mark a point.
    pub span: Range<usize>,
    /// What is said under the marks; may be empty.
    pub text: String,
    /// Whether this is the place of the trouble, not one that explains it.
    pub primary: bool,
}

/// A remark below the excerpt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hint {
    /// Something to know.
    Note(String),
    /// Something to do.
    Help(String),
}

/// One thing to say about a source text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// What is the matter, in one line.
    pub message: String,
    /// The places that it is about.
    pub labels: Vec<Label>,
    /// What to know and what to do.
    pub hints: Vec<Hint>,
}

impl Diagnostic {
    /// An error without labels or hints yet.
    pub fn error(message: impl Into<String>) -> Self {
        Self::new(Severity::Error, message.into())
    }

    /// A warning without labels or hints yet.
    pub fn warning(message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, message.into())
    }

    fn new(severity: Severity, message: String) -> Self {
        Self { severity, message, labels: Vec::new(), hints: Vec::new() }
    }

    /// Adds a place of the trouble: the byte range `span`.
    pub fn at(mut self, span: Range<usize>, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into(), primary: true });
        self
    }

    /// Adds a place that explains the trouble: the byte range `span`.
    pub fn because(mut self, span: Range<usize>, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into(), primary: false });
        self
    }

    /// Adds something to know.
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.hints.push(Hint::Note(text.into()));
        self
    }

    /// Adds something to do.
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.hints.push(Hint::Help(text.into()));
        self
    }

    /// Whether this is an error.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The byte range that the diagnostic is about: its first primary label's, or its first
    /// label's.
    pub fn span(&self) -> Option<Range<usize>> {
        let label = self.labels.iter().find(|label| label.primary).or(self.labels.first());
        label.map(|label| label.span.clone())
    }
}

/// Whether the rendering has colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// Text only.
    #[default]
    Plain,
    /// With ANSI escape sequences for a terminal.
    Coloured,
}

/// A source text with its name and an index of its lines.
#[derive(Clone, Debug)]
pub struct Source<'s> {
    name: &'s str,
    text: &'s str,
    /// The byte at which each line starts; never empty.
    starts: Vec<usize>,
}

impl<'s> Source<'s> {
    /// Indexes `text`; `name` is what messages call it, usually a path.
    pub fn new(name: &'s str, text: &'s str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { name, text, starts }
    }

    /// What messages call the text.
    pub fn name(&self) -> &'s str {
        self.name
    }

    /// The line and the column, both from 1, of a byte offset. The column counts characters. An
    /// offset past the end is taken as the end.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let offset = self.text.floor_char_boundary(offset);
        let line = self.line(offset);
        let column = self.text[self.starts[line]..offset].chars().count();
        (line + 1, column + 1)
    }

    /// The index, from 0, of the line that holds a byte offset.
    fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|&start| start <= offset) - 1
    }

    /// A line, by its number from 1, without the blanks around it, safe to show; empty where there is none.
    pub fn shown_line(&self, number: usize) -> String {
        let Some(line) = number.checked_sub(1).filter(|&line| line < self.starts.len()) else {
            return String::new();
        };
        let text = self.text[self.lines(line, line)].trim();
        if text.len() > LONGEST_LINE { "...".to_owned() } else { normalize(text) }
    }

    /// The bytes of the lines `first..=last`, without the last one's end.
    fn lines(&self, first: usize, last: usize) -> Range<usize> {
        let end = self.starts.get(last + 1).map_or(self.text.len(), |&next| next - 1);
        self.starts[first]..end
    }

    /// A diagnostic in one line: `name:line:column: error: message`.
    pub fn summary(&self, diagnostic: &Diagnostic) -> String {
        let level = match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let (name, message) = (normalize(self.name), normalize(&diagnostic.message));
        match diagnostic.span() {
            Some(span) => {
                let (line, column) = self.position(span.start);
                format!("{name}:{line}:{column}: {level}: {message}")
            }
            None => format!("{name}: {level}: {message}"),
        }
    }

    /// A diagnostic with excerpts of the source, ending in a newline.
    pub fn render(&self, diagnostic: &Diagnostic, style: Style) -> String {
        let level = match diagnostic.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group = Group::with_title(level.primary_title(normalize(&diagnostic.message)));
        for labels in self.excerpts(&diagnostic.labels) {
            group = self.excerpt(group, &labels);
        }
        if diagnostic.labels.is_empty() {
            group = group.element(Origin::path(normalize(self.name)));
        }
        for hint in &diagnostic.hints {
            group = group.element(match hint {
                Hint::Note(text) => Level::NOTE.message(normalize(text)),
                Hint::Help(text) => Level::HELP.message(normalize(text)),
            });
        }
        let renderer = match style {
            Style::Plain => Renderer::plain(),
            Style::Coloured => Renderer::styled(),
        };
        renderer.render(&[group]) + "\n"
    }

    /// All diagnostics, an empty line between any two.
    pub fn render_all(&self, diagnostics: &[Diagnostic], style: Style) -> String {
        let all: Vec<String> = diagnostics.iter().map(|one| self.render(one, style)).collect();
        all.join("\n")
    }

    /// The labels, cut to the text and in groups that lie together, the group of the trouble itself
    /// first.
    fn excerpts(&self, labels: &[Label]) -> Vec<Vec<Label>> {
        let mut labels: Vec<Label> = labels.to_vec();
        for label in &mut labels {
            let start = self.text.floor_char_boundary(label.span.start);
            label.span = start..self.text.floor_char_boundary(label.span.end.max(start));
        }
        labels.sort_by_key(|label| label.span.start);
        let near = |a: &Label, b: &Label| self.line(b.span.start) - self.line(a.span.start) <= EXCERPT_GAP;
        let mut groups: Vec<Vec<Label>> = labels.chunk_by(near).map(<[_]>::to_vec).collect();
        groups.sort_by_key(|group| !group.iter().any(|label| label.primary));
        groups
    }

    /// Adds one excerpt with its labels, or only their places where a line is too long to be shown.
    fn excerpt<'a>(&self, mut group: Group<'a>, labels: &[Label]) -> Group<'a> {
        let first = labels.first().map_or(0, |label| self.line(label.span.start));
        let last = labels.iter().map(|label| self.line(label.span.end)).max().unwrap_or(first);
        if (first..=last).any(|line| self.lines(line, line).len() > LONGEST_LINE) {
            for label in labels {
                let (line, column) = self.position(label.span.start);
                let origin = Origin::path(normalize(self.name)).line(line).char_column(column);
                group = group.element(origin);
                if !label.text.is_empty() {
                    group = group.element(Level::NOTE.message(normalize(&label.text)));
                }
            }
            return group;
        }
        let shown = self.lines(first, last);
        let place = |offset: usize| printable(&self.text[shown.start..offset.min(shown.end)]).len();
        let annotations = labels.iter().map(|label| {
            let kind = if label.primary { AnnotationKind::Primary } else { AnnotationKind::Context };
            let text = (!label.text.is_empty()).then(|| normalize(&label.text));
            kind.span(place(label.span.start)..place(label.span.end)).label(text)
        });
        let snippet = Snippet::<Annotation<'a>>::source(printable(&self.text[shown.clone()]))
            .path(normalize(self.name))
            .line_start(first + 1)
            .annotations(annotations);
        group.element(snippet)
    }
}

/// Replaces the control characters that the renderer lets pass: the C1 set, which terminals obey
/// too. Carriage returns go: they are how lines end elsewhere.
fn printable(text: &str) -> String {
    text.replace('\r', "").replace(|c| ('\u{80}'..='\u{9f}').contains(&c), "\u{fffd}")
}

/// Makes a text safe for a message: no control characters, one line.
fn normalize(text: &str) -> String {
    normalize_untrusted_str(&printable(text).replace('\n', "\u{2424}"))
}

/// The candidate nearest to `name` in spelling, where one is near enough to be a slip of the hand:
/// about one letter in three added, lost, changed or swapped with its neighbour. ASCII case does
/// not count; the first of equals wins.
pub fn closest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let fold = |text: &str| -> Vec<char> { text.chars().map(|c| c.to_ascii_lowercase()).collect() };
    let name = fold(name);
    if name.len() > 64 {
        return None;
    }
    let limit = (name.len() / 3).max(1);
    let near = candidates.into_iter().filter_map(|candidate| {
        let other = (candidate.len() <= 4 * (name.len() + limit)).then(|| fold(candidate))?;
        let distance = (other.len().abs_diff(name.len()) <= limit).then(|| distance(&name, &other))?;
        (distance <= limit && distance < name.len().max(other.len())).then_some((distance, candidate))
    });
    near.min_by_key(|&(distance, _)| distance).map(|(_, candidate)| candidate)
}

/// How many letters must be added, removed, changed or swapped with a neighbour to get from one
/// word to the other.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let changed = last[j] + usize::from(a[i] != b[j]);
            let mut best = changed.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}
