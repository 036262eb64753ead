//! Warnings of what assembles and can hardly be meant: found by following the program's control flow.

use std::collections::HashSet;

use super::super::disasm::successors;
use super::{Assembler, Statement};
use crate::asm::lex::quoted;
use crate::diagnostic::{Diagnostic, closest};

/// What instructions a label that is alone on its line may be a slip for.
const LOOKALIKES: [&str; 9] = ["HALT", "RET", "GETC", "PUTS", "PUTC", "PUTSP", "NOP", "RTI", ".END"];
const RET: u16 = 0xc1c0;

/// The program as control flows through it. Statements are known by their index, in order of address.
struct Flow<'a> {
    /// First address, word and statement.
    statements: Vec<(u16, u16, &'a Statement)>,
    /// Which instructions are reached.
    reached: Vec<bool>,
}

impl Assembler<'_> {
    /// Warns of what follows from control flow. The text has no errors.
    pub(super) fn check_flow(&mut self) {
        let mut flow = Flow::new(self);
        let blocks = flow.statements.iter().filter(|(.., statement)| statement.place.1 == 0);
        let mut entries: Vec<u16> = blocks.map(|&(address, ..)| address).collect();
        // Words of data that are addresses of code.
        let data =
            flow.statements.iter().filter(|(.., statement)| !statement.is_code && statement.words == 1);
        entries.extend(data.map(|&(_, word, _)| word).filter(|&word| word != 0));
        let (returns, labels) = (flow.returns(), self.definitions.iter());
        let labelled: HashSet<u16> = labels.map(|label| label.address).collect();
        for label in &self.definitions {
            let at = flow.at(label.address);
            // Others may call a subroutine.
            if label.pointed_at || (!label.used && at.is_some_and(|at| flow.begins(at) && returns[at])) {
                entries.push(label.address);
            }
            // What begins at a label whose address is taken may be a table of branches.
            if label.pointed_at {
                entries.extend(flow.run_from(label.address, |next| labelled.contains(&next)));
            }
        }
        flow.follow(&entries);
        let found = [flow.runs_into_data(), self.unreached(&flow), flow.lost_returns(), self.unused(&flow)];
        drop(flow);
        found.into_iter().flatten().for_each(|warning| self.log.push(warning));
    }

    /// Labels that nothing refers to: of data, of instructions that are come to anyway, and what is no label at all.
    fn unused(&self, flow: &Flow<'_>) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for label in self.definitions.iter().filter(|label| !label.used) {
            let slip = (label.bare && (3..=6).contains(&label.name.len()))
                .then(|| closest(label.name, LOOKALIKES))
                .flatten();
            if let Some(meant) = slip {
                found.push(
                    Diagnostic::warning(format!("{} is taken as a label", quoted(label.name)))
                        .at(label.span.clone(), "nothing refers to it")
                        .help(format!("did you mean `{meant}`?")),
                );
            } else if !flow.at(label.address).is_some_and(|at| flow.begins(at)) {
                let message = format!("label {} is never used", quoted(label.name));
                found.push(Diagnostic::warning(message).at(label.span.clone(), "nothing refers to it"));
            }
        }
        let foreign = self.externals.values().filter(|external| !external.used);
        found.extend(foreign.map(|external| {
            let message = format!("label {} is never used", quoted(external.name));
            Diagnostic::warning(message).at(external.span.clone(), "nothing refers to it")
        }));
        found
    }

    /// Instructions that control never gets to: the first of each run of them. What has a label that is used may be
    /// there to be copied.
    fn unreached(&self, flow: &Flow<'_>) -> Vec<Diagnostic> {
        let used = self.definitions.iter().filter(|label| label.used).map(|label| label.address);
        let used: HashSet<u16> = used.collect();
        let unreached = |index: usize| flow.is_code(index) && !flow.reached[index];
        let mut found = Vec::new();
        for index in 0..flow.statements.len() {
            let (address, _, statement) = flow.statements[index];
            let before = index.checked_sub(1).filter(|&before| flow.is_code(before));
            if !unreached(index) || before.is_some_and(unreached) || used.contains(&address) {
                continue;
            }
            let warning = Diagnostic::warning("nothing reaches this code");
            let warning = warning.at(statement.span.clone(), "never executed");
            found.push(match before {
                Some(before) => {
                    let span = flow.statements[before].2.span.clone();
                    warning.because(span, "nothing goes on from here")
                }
                None => warning,
            });
        }
        found
    }
}

impl<'a> Flow<'a> {
    fn new(assembler: &'a Assembler<'_>) -> Self {
        let mut statements = Vec::with_capacity(assembler.statements.len());
        for statement in assembler.statements.iter().filter(|statement| statement.words > 0) {
            let (block, at) = statement.place;
            let block = &assembler.blocks[block];
            statements.push((block.origin.wrapping_add(at as u16), block.words[at], statement));
        }
        statements.sort_by_key(|statement| statement.0);
        Self { reached: vec![false; statements.len()], statements }
    }

    /// The statement that starts at an address.
    fn at(&self, address: u16) -> Option<usize> {
        self.statements.binary_search_by_key(&address, |statement| statement.0).ok()
    }

    fn is_code(&self, index: usize) -> bool {
        self.statements[index].2.is_code
    }

    /// Whether a statement is begun from elsewhere: the first of a block, or an instruction that none before it leads
    /// to.
    fn begins(&self, index: usize) -> bool {
        let first = self.statements[index].2.place.1 == 0;
        let led_to = index > 0 && self.is_code(index - 1) && self.goes_on(index - 1);
        first || self.is_code(index) && !led_to
    }

    /// Whether control may go on from an instruction to the word after it.
    fn goes_on(&self, index: usize) -> bool {
        let (address, word, _) = self.statements[index];
        successors(address, word).0.is_some()
    }

    /// The addresses of the instructions after the one at `address`, up to one that `ends`.
    fn run_from(&self, address: u16, ends: impl Fn(u16) -> bool) -> Vec<u16> {
        let from = self.at(address).map_or(self.statements.len(), |index| index + 1);
        let run =
            self.statements[from..].iter().take_while(|(at, _, statement)| statement.is_code && !ends(*at));
        run.map(|&(at, ..)| at).collect()
    }

    /// For each statement whether control comes from there to an instruction that returns.
    fn returns(&self) -> Vec<bool> {
        let all = 0..self.statements.len();
        let mut before = vec![Vec::new(); all.len()];
        for index in all.clone().filter(|&index| self.is_code(index)) {
            self.next(index).for_each(|next| before[next].push(index));
        }
        let returns =
            |&index: &usize| self.is_code(index) && matches!(self.statements[index].1 >> 12, 0x8 | 0xc);
        let mut todo: Vec<usize> = all.clone().filter(returns).collect();
        let mut found = vec![false; all.len()];
        while let Some(index) = todo.pop() {
            if !std::mem::replace(&mut found[index], true) {
                todo.append(&mut before[index]);
            }
        }
        found
    }

    /// The statements that control may go to from an instruction.
    fn next(&self, index: usize) -> impl Iterator<Item = usize> {
        let (address, word, _) = self.statements[index];
        let (next, target) = successors(address, word);
        [next, target].into_iter().flatten().filter_map(|address| self.at(address))
    }

    /// Marks what is reached from addresses.
    fn follow(&mut self, from: &[u16]) {
        let mut todo: Vec<usize> = from.iter().filter_map(|&address| self.at(address)).collect();
        while let Some(index) = todo.pop() {
            if self.is_code(index) && !std::mem::replace(&mut self.reached[index], true) {
                todo.extend(self.next(index));
            }
        }
    }

    /// Instructions that are followed by data, or by nothing.
    fn runs_into_data(&self) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for (index, &(address, word, statement)) in self.statements.iter().enumerate() {
            if !self.reached[index] || successors(address, word).0.is_none() {
                continue;
            }
            let after = self.at(address.wrapping_add(1));
            let (what, because) = match after {
                Some(after) if self.is_code(after) => continue,
                Some(after) => ("data", Some(self.statements[after].2.span.clone())),
                None => ("what comes after the program", None),
            };
            let warning = Diagnostic::warning(format!("the program runs into {what}"))
                .at(statement.span.clone(), "goes on to the word after this")
                .help("end with `HALT`, `RET` or a branch");
            found.push(match because {
                Some(span) => warning.because(span, "would be executed"),
                None => warning,
            });
        }
        found
    }

    /// Instructions that overwrite R7 in a subroutine that returns by it.
    fn lost_returns(&self) -> Vec<Diagnostic> {
        let calls =
            (0..self.statements.len()).filter(|&at| self.reached[at] && self.statements[at].1 >> 11 == 0x9);
        let target = |at: usize| {
            let (address, word, _) = self.statements[at];
            self.at(successors(address, word).1?)
        };
        // Each with what has overwritten R7, if anything has.
        let mut todo: Vec<(usize, Option<usize>)> = calls.filter_map(target).map(|at| (at, None)).collect();
        let mut seen = HashSet::new();
        let mut found: Vec<(usize, usize)> = Vec::new();
        while let Some((index, lost)) = todo.pop() {
            let (_, word, statement) = self.statements[index];
            if !statement.is_code || !seen.insert((index, lost.is_some())) {
                continue;
            }
            if let (RET, Some(by)) = (word, lost) {
                found.push((by, index));
                continue;
            }
            let writes_r7 = word >> 9 & 7 == 7;
            let lost = match word >> 12 {
                0x4 => Some(index),
                0x5 | 0x9 | 0xe if writes_r7 => Some(index),
                // From where it was saved.
                0x1 | 0x2 | 0x6 | 0xa if writes_r7 => None,
                _ => lost,
            };
            let next = match word >> 12 {
                0x4 => self.at(self.statements[index].0.wrapping_add(1)).into_iter().collect(),
                _ => self.next(index).collect::<Vec<_>>(),
            };
            todo.extend(next.into_iter().map(|next| (next, lost)));
        }
        found.sort_unstable();
        found.dedup_by_key(|&mut (by, _)| by);
        let warn = |&(by, ret): &(usize, usize)| {
            Diagnostic::warning("R7 is overwritten before the subroutine returns by it")
                .at(self.statements[by].2.span.clone(), "the return address is lost here")
                .because(self.statements[ret].2.span.clone(), "returns to the address in R7")
                .help("keep it: `ST R7, SAVE` at the start, `LD R7, SAVE` before `RET`")
        };
        found.iter().map(warn).collect()
    }
}
