//! What there is to say about a run, in sentences.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::{Explanation, HotRegion, Run};
use crate::guests::Machine;
use crate::record::{Doing, Record, What, Why};
use crate::tier::Tiers;

/// Parts of the time or of the instructions that are worth a sentence.
const MUCH: f64 = 0.05;
/// A region that retires fewer instructions a run spends much of its time on the way in and out.
const SHORT: f64 = 100.0;

/// The findings, the most important first.
pub(super) fn of<G: Machine>(explanation: &Explanation, run: &Run<'_, G>, record: &Record) -> Vec<String> {
    let mut findings = Vec::new();
    if explanation.regions.is_empty() {
        findings.push(nothing_native(explanation, run));
    } else {
        findings.push(native(explanation));
        findings.extend(explanation.regions.first().filter(|region| region.share >= MUCH).map(hottest));
    }
    findings.extend(interpreter(explanation));
    findings.extend(compiling(explanation));
    findings.extend(explanation.regions.iter().filter_map(short_runs));
    findings.extend(dropped(record));
    if record.put_off > 0 {
        findings.push(format!(
            "Hot places were left to the interpreter {}: a machine may compile only so much for what it retires.",
            times(record.put_off)
        ));
    }
    findings
}

fn nothing_native<G: Machine>(explanation: &Explanation, run: &Run<'_, G>) -> String {
    let config = run.vm.config();
    if config.tiers == Tiers::Interpreter {
        return "Nothing was compiled: the machine was told to interpret.".to_owned();
    }
    if let Some(why) = run.vm.jit_unavailable() {
        return format!("Nothing was compiled, as {why}.");
    }
    let refused = explanation.events.iter().filter(|happening| happening.event.what == What::Refused);
    let refused: Vec<&str> = refused.map(|happening| happening.place.as_str()).take(3).collect();
    if !refused.is_empty() {
        return format!(
            "Nothing ran as native code: what was hot, {}, cannot be compiled.",
            refused.join(", ")
        );
    }
    match explanation.warm.first() {
        Some(warm) => format!(
            "Nothing was compiled, because nothing was hot. {} came nearest, with {} of {} instructions counted.",
            warm.place,
            grouped(u64::from(warm.heat)),
            grouped(u64::from(config.hot))
        ),
        None => "Nothing was compiled: control never went backwards, so no place was counted.".to_owned(),
    }
}

fn native(explanation: &Explanation) -> String {
    let native = explanation.instructions - explanation.interpreted;
    let regions = explanation.regions_made;
    let time = explanation.time_line.share(|doing| matches!(doing, Doing::Native(_)));
    let time = time.map_or(String::new(), |share| format!(", in {} of the time", percent(share)));
    format!(
        "{} of the instructions ran as native code{time}; {regions} region{} made.",
        percent(native as f64 / explanation.instructions.max(1) as f64),
        if regions == 1 { " was" } else { "s were" }
    )
}

fn hottest(region: &HotRegion) -> String {
    let a_run = region.retired as f64 / region.runs.max(1) as f64;
    let time =
        region.time_share.map_or(String::new(), |share| format!(" and took {} of the time", percent(share)));
    format!(
        "The region at {} retired {} of the instructions{time}, {} instructions a run.",
        region.place,
        percent(region.share),
        grouped(a_run.round() as u64)
    )
}

fn interpreter(explanation: &Explanation) -> Option<String> {
    let time = explanation.time_line.share(|doing| doing == Doing::Interpreting)?;
    if explanation.regions.is_empty() || time < MUCH {
        return None;
    }
    let share = explanation.interpreted as f64 / explanation.instructions.max(1) as f64;
    let mut exits: Vec<(&str, u64)> = explanation.exits.clone();
    exits.sort_by_key(|exit| Reverse(exit.1));
    let exits: Vec<String> =
        exits.iter().take(2).map(|(reason, count)| format!("{} ({})", reason, grouped(*count))).collect();
    Some(format!(
        "The interpreter and the host took {} of the time for {} of the instructions. Native code handed back most \
         often for: {}.",
        percent(time),
        percent(share),
        exits.join(", ")
    ))
}

fn compiling(explanation: &Explanation) -> Option<String> {
    let share = explanation.compile_seconds / explanation.seconds.max(1e-9);
    (share >= MUCH).then(|| {
        format!(
            "Compiling took {:.1} ms, as long as {} of the run.",
            explanation.compile_seconds * 1e3,
            percent(share)
        )
    })
}

fn short_runs(region: &HotRegion) -> Option<String> {
    let a_run = region.retired as f64 / region.runs.max(1) as f64;
    if region.share < MUCH || a_run >= SHORT {
        return None;
    }
    let most = region.blocks.iter().flat_map(|block| &block.exits).max_by_key(|exit| exit.count)?;
    let to = most.place.as_ref().map_or(String::new(), |place| format!(" to {place}"));
    Some(format!(
        "The region at {} is left after {a_run:.0} instructions on average, most often for {}{to}: much of its time \
         goes to the way in and out.",
        region.place, most.reason
    ))
}

/// What was dropped, by reason.
fn dropped(record: &Record) -> Vec<String> {
    let mut counts: HashMap<&str, u64> = HashMap::new();
    for why in record.regions.iter().filter_map(|region| region.dropped.as_ref()) {
        let reason = match why {
            Why::Changed(_) => "because a word that went into it was written",
            Why::Watched(_) => "because something came to rest on a word that it wrote without a test",
            Why::Targets => "to be made again with more targets of indirect jumps",
            Why::Unseen => "to be made again with code that was new, or cold",
            Why::Constants => "to be made again for any value of a register that was taken for a constant",
            Why::Gate => "to be made again without a test before a loop",
            Why::Accesses => "to be made again with more careful tests of accesses",
            Why::Unprofitable { .. } => "because control left at once",
            Why::Flushed => "because there was too much code",
        };
        *counts.entry(reason).or_default() += 1;
    }
    let mut counts: Vec<(&str, u64)> = counts.into_iter().collect();
    counts.sort_by_key(|&(reason, count)| (Reverse(count), reason));
    let sentence = |(reason, count): (&str, u64)| {
        let what =
            if count == 1 { "One region was".to_owned() } else { format!("{} regions were", grouped(count)) };
        format!("{what} dropped {reason}.")
    };
    counts.into_iter().map(sentence).collect()
}

fn times(n: u64) -> String {
    if n == 1 { "once".to_owned() } else { format!("{} times", grouped(n)) }
}

/// A part as people read it: with more digits where it is nearly nothing or nearly all.
pub fn percent(part: f64) -> String {
    match part * 100.0 {
        p if p > 0.0 && p < 0.01 => "<0.01 %".to_owned(),
        p if p > 0.0 && p < 0.1 => format!("{p:.2} %"),
        p if p > 99.99 && p < 100.0 => ">99.99 %".to_owned(),
        p if p > 99.0 && p < 100.0 => format!("{:.2} %", (p * 100.0).floor() / 100.0),
        p if p < 10.0 => format!("{p:.1} %"),
        p => format!("{p:.0} %"),
    }
}

/// A number with its thousands apart.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_for_people() {
        let all = [0, 999, 1000, 1_234_567].map(grouped);
        assert_eq!(all, ["0", "999", "1,000", "1,234,567"]);
        let all = [0.0, 0.00001, 0.0005, 0.05, 0.5, 0.9999, 0.999999, 1.0].map(percent);
        assert_eq!(all, ["0.0 %", "<0.01 %", "0.05 %", "5.0 %", "50 %", "99.99 %", ">99.99 %", "100 %"]);
    }
}
