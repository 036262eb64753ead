//! Makes what fails smaller as long as it fails.
//!
//! A trial is taken as the JSON that it is saved as, so one way serves programs, memory, input, budgets and
//! configurations of every guest: lists get shorter, their parts and other numbers become 0 or lose bits, settings become
//! what they usually are.

use serde_json::Value;

/// Trials that are made at most.
const TRIES: u32 = 20_000;

/// The simplest `trial` that was found of which `fails` holds, as it does of `trial`. `usual` is what settings are usually:
/// a value at the same place as one of the trial.
pub(super) fn minimise(trial: Value, usual: &Value, fails: &mut dyn FnMut(&Value) -> bool) -> Value {
    let mut minimiser = Minimiser { best: trial, fails, tries: 0 };
    loop {
        let before = minimiser.best.clone();
        minimiser.visit("", Some(usual));
        if minimiser.best == before || minimiser.tries >= TRIES {
            return minimiser.best;
        }
    }
}

struct Minimiser<'a> {
    best: Value,
    fails: &'a mut dyn FnMut(&Value) -> bool,
    tries: u32,
}

impl Minimiser<'_> {
    fn at(&self, path: &str) -> &Value {
        self.best.pointer(path).unwrap_or(&Value::Null)
    }

    /// Puts another value in a place, if it still fails.
    fn attempt(&mut self, path: &str, value: Value) -> bool {
        let mut next = self.best.clone();
        let Some(slot) = next.pointer_mut(path).filter(|slot| **slot != value) else { return false };
        *slot = value;
        self.tries += 1;
        let fails = self.tries <= TRIES && (self.fails)(&next);
        if fails {
            self.best = next;
        }
        fails
    }

    fn visit(&mut self, path: &str, usual: Option<&Value>) {
        if usual.is_some_and(|usual| self.at(path) == usual || self.attempt(path, usual.clone())) {
            return;
        }
        match self.at(path) {
            Value::Object(fields) => {
                for name in fields.keys().cloned().collect::<Vec<_>>() {
                    self.visit(&format!("{path}/{name}"), usual.and_then(|usual| usual.get(&name)));
                }
            }
            Value::Array(_) => {
                self.shorten(path);
                self.blank(path);
                for i in 0..self.len(path) {
                    self.visit(&format!("{path}/{i}"), None);
                }
            }
            Value::Number(number) => {
                if let Some(number) = number.as_u64() {
                    self.lower(path, number);
                }
            }
            _ => {}
        }
    }

    fn len(&self, path: &str) -> usize {
        self.at(path).as_array().map_or(0, Vec::len)
    }

    /// Takes parts of a list away, large ones first, from its end.
    fn shorten(&mut self, path: &str) {
        self.chunks(path, |list, from, to| {
            list.drain(from..to);
        });
    }

    /// Makes parts of a list of numbers 0.
    fn blank(&mut self, path: &str) {
        self.chunks(path, |list, from, to| {
            list[from..to].iter_mut().filter(|n| n.is_u64()).for_each(|n| *n = 0.into())
        });
    }

    fn chunks(&mut self, path: &str, change: impl Fn(&mut Vec<Value>, usize, usize)) {
        let mut chunk = self.len(path);
        while chunk > 0 {
            let mut end = self.len(path);
            while end > 0 {
                let start = end.saturating_sub(chunk);
                let mut list = self.at(path).as_array().cloned().unwrap_or_default();
                change(&mut list, start, end);
                self.attempt(path, list.into());
                end = start.min(self.len(path));
            }
            chunk /= 2;
        }
    }

    /// Makes a number 0, or less, or takes bits from it.
    fn lower(&mut self, path: &str, number: u64) {
        let bits = (0..64).rev().map(|bit| 1 << bit).filter(|bit| number & bit != 0);
        if self.attempt(path, 0.into()) || self.attempt(path, (number / 2).into()) {
            return;
        }
        for bit in bits {
            let now = self.at(path).as_u64().unwrap_or_default();
            self.attempt(path, (now & !bit).into());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::minimise;

    #[test]
    fn what_matters_is_kept_and_nothing_else() {
        let trial = json!({"config": {"hot": 3, "cap": 100}, "budgets": [7, 900, 12], "case": {"words": [1, 2, 0x5021, 4]}});
        let usual = json!({"config": {"hot": 50000, "cap": 1000}});
        let mut fails = |trial: &serde_json::Value| {
            // Settings alone are no trial.
            let Some(words) = trial["case"]["words"].as_array() else { return false };
            let total: u64 = trial["budgets"].as_array().unwrap().iter().filter_map(|n| n.as_u64()).sum();
            words.iter().any(|word| word.as_u64().unwrap() & 0x5000 == 0x5000)
                && total >= 500
                && trial["config"]["hot"].as_u64().unwrap() < 100
        };
        let least = minimise(trial, &usual, &mut fails);
        assert_eq!(
            least,
            json!({"config": {"hot": 0, "cap": 1000}, "budgets": [512], "case": {"words": [0x5000]}})
        );
    }
}
