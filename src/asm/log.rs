//! The diagnostics of a source text.

use crate::diagnostic::Diagnostic;

/// Diagnostics of one severity beyond this many are counted, not kept.
pub(crate) const MOST: usize = 50;

/// The diagnostics so far.
#[derive(Default)]
pub(crate) struct Log {
    kept: Vec<Diagnostic>,
    pub(crate) errors: usize,
    warnings: usize,
}

impl Log {
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        let count = if diagnostic.is_error() { &mut self.errors } else { &mut self.warnings };
        *count += 1;
        if *count <= MOST {
            self.kept.push(diagnostic);
        }
    }

    /// All that was kept, in the order of the text, and how many more there were.
    pub(crate) fn finish(mut self) -> Vec<Diagnostic> {
        self.kept.sort_by_key(|one| one.span().map_or(0, |span| span.start));
        if self.errors > MOST {
            let more = self.errors - MOST;
            self.kept.push(Diagnostic::error(format!("{more} more errors are not shown")));
        }
        if self.warnings > MOST {
            let more = self.warnings - MOST;
            self.kept.push(Diagnostic::warning(format!("{more} more warnings are not shown")));
        }
        self.kept
    }
}
