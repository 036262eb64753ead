//! The operands of a statement.

use std::ops::Range;

use super::Outcome;
use super::lex::Token;
use crate::diagnostic::Diagnostic;

/// The operands of a statement, from the first to the last. One comma may stand between any two.
pub(crate) struct Operands<'t, K> {
    tokens: &'t [Token<K>],
    /// What they belong to.
    name: &'static str,
    owner: Range<usize>,
    /// The end of the last token that was taken.
    end: usize,
    taken: usize,
    /// How they are written.
    usage: &'static [&'static str],
}

/// A kind of token that may be a comma.
pub(crate) trait Separator {
    /// Whether it is.
    fn is_comma(&self) -> bool;
}

impl<'t, K: Separator> Operands<'t, K> {
    /// The operands `tokens` of what is called `name` and stands at `owner`; `usage` is how they may be written.
    pub(crate) fn new(
        name: &'static str,
        usage: &'static [&'static str],
        owner: &Range<usize>,
        tokens: &'t [Token<K>],
    ) -> Self {
        Self { tokens, name, owner: owner.clone(), end: owner.end, taken: 0, usage }
    }

    /// How the statement is written.
    fn usage(&self) -> String {
        match self.usage {
            [] => format!("`{}` takes no operand", self.name),
            ways => {
                let ways: Vec<String> = ways.iter().map(|way| format!("`{} {way}`", self.name)).collect();
                format!("write {}", ways.join(" or "))
            }
        }
    }

    /// Whether there are no more.
    pub(crate) fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The next one's token.
    pub(crate) fn take(&mut self) -> Outcome<&'t Token<K>> {
        if let [Token { kind, span }, rest @ ..] = self.tokens
            && kind.is_comma()
            && self.taken > 0
        {
            self.end = span.end;
            self.tokens = rest;
        }
        let Some((token, rest)) = self.tokens.split_first() else {
            return Err(Diagnostic::error("an operand is missing")
                .at(self.end..self.end, "expected here")
                .because(self.owner.clone(), "")
                .help(self.usage()));
        };
        (self.tokens, self.end, self.taken) = (rest, token.span.end, self.taken + 1);
        Ok(token)
    }

    /// The error that a token is none.
    pub(crate) fn no_operand(&self, span: &Range<usize>) -> Diagnostic {
        Diagnostic::error("expected an operand").at(span.clone(), "not an operand").help(self.usage())
    }

    /// Nothing may follow.
    pub(crate) fn finish(&self) -> Outcome<()> {
        match self.tokens {
            [] => Ok(()),
            [first, ..] => {
                let end = self.tokens.last().map_or(first.span.end, |last| last.span.end);
                Err(Diagnostic::error("too many operands")
                    .at(first.span.start..end, "not expected")
                    .help(self.usage()))
            }
        }
    }
}
