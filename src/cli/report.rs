//! What a run has done: as JSON for programs, and in a few lines for people.

use std::io::{self, Write};

use kiln::guest::Stop;
use kiln::guests::Machine;
use kiln::vm::Vm;
use serde::{Serialize, Serializer};

use super::host;
use super::session::Ending;

/// The `--report` file.
#[derive(Serialize)]
pub struct Report<'a> {
    guest: &'static str,
    profile: &'a str,
    tier: &'a str,
    images: &'a [String],
    stop: StopReport<'a>,
    exit_code: u8,
    instructions: u64,
    #[serde(serialize_with = "as_map")]
    registers: Vec<(String, u64)>,
    seconds: f64,
    interpreted: u64,
    native: u64,
    regions: u64,
    invalidated: u64,
    unprofitable: u64,
    rejected: u64,
    flushes: u64,
    code_bytes: u64,
    compile_seconds: f64,
    #[serde(serialize_with = "as_map")]
    exits: Vec<(&'static str, u64)>,
}

#[derive(Serialize)]
struct StopReport<'a> {
    kind: &'static str,
    pc: u64,
    instruction: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
}

fn as_map<K: Serialize, S: Serializer>(pairs: &[(K, u64)], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(pairs.iter().map(|(name, value)| (name, value)))
}

/// A run that has ended.
pub struct Run<'a, G: Machine> {
    /// The machine.
    pub vm: &'a Vm<G>,
    /// The program.
    pub image: &'a G::Image,
    /// Why the run ended.
    pub ending: &'a Ending,
    /// How long it took.
    pub seconds: f64,
    /// The profile's name.
    pub profile: &'a str,
    /// The tier's name.
    pub tier: &'a str,
    /// The names of the image files.
    pub images: &'a [String],
}

impl<'a, G: Machine> Run<'a, G> {
    /// Writes the report to `file`. `exit_code` is the program's.
    pub fn write(&self, mut file: impl Write, exit_code: u8) -> io::Result<()> {
        let mut json = serde_json::to_vec_pretty(&self.report(exit_code))?;
        json.push(b'\n');
        file.write_all(&json)
    }

    fn report(&self, exit_code: u8) -> Report<'a> {
        let (vm, stats) = (self.vm, self.vm.stats());
        Report {
            guest: G::NAME,
            profile: self.profile,
            tier: self.tier,
            images: self.images,
            stop: self.stop(),
            exit_code,
            instructions: vm.instructions(),
            registers: vm.guest().registers(vm.state()),
            seconds: self.seconds,
            interpreted: stats.interpreted,
            native: stats.native,
            regions: stats.regions,
            invalidated: stats.invalidated,
            unprofitable: stats.unprofitable,
            rejected: stats.rejected,
            flushes: stats.flushes,
            code_bytes: stats.code_bytes,
            compile_seconds: stats.compile_time.as_secs_f64(),
            exits: stats.exits(),
        }
    }

    fn stop(&self) -> StopReport<'a> {
        let vm = self.vm;
        let place = G::line(self.image, vm.pc());
        let mut stop = StopReport {
            kind: self.ending.kind(),
            pc: vm.pc() as u64,
            instruction: vm.guest().disassemble(vm.state(), vm.pc()),
            reason: None,
            detail: None,
            file: place.map(|place| place.0),
            line: place.map(|place| place.1),
        };
        match self.ending {
            Ending::Stop(Stop::Fault(fault)) => {
                stop.pc = fault.pc as u64;
                stop.instruction.clone_from(&fault.instruction);
                stop.reason = Some(fault.reason);
                stop.detail = Some(fault.detail.clone());
            }
            Ending::Stop(Stop::Io(error)) => stop.detail = Some(error.to_string()),
            Ending::Signal(signal) => stop.reason = Some(host::signal_name(*signal)),
            Ending::Different(report) => stop.detail = Some(report.clone()),
            Ending::Stop(_) => {}
        }
        stop
    }

    /// A summary of a few lines.
    pub fn summary(&self) -> String {
        let (vm, stats) = (self.vm, self.vm.stats());
        let total = vm.instructions();
        let mips = total as f64 / self.seconds.max(1e-9) / 1e6;
        let share = |part: u64| 100.0 * part as f64 / total.max(1) as f64;
        let mut text = format!(
            "{total} instructions in {:.3} s ({mips:.0} MIPS), ended: {}\n\
             interpreted {} ({:.1} %), native {} ({:.1} %)\n\
             {} regions, {} bytes of code, compiled in {:.2} ms",
            self.seconds,
            self.ending.kind(),
            stats.interpreted,
            share(stats.interpreted),
            stats.native,
            share(stats.native),
            stats.regions,
            stats.code_bytes,
            stats.compile_time.as_secs_f64() * 1e3,
        );
        let dropped = [
            ("invalidated", stats.invalidated),
            ("unprofitable", stats.unprofitable),
            ("rejected", stats.rejected),
            ("flushes", stats.flushes),
        ];
        for (what, count) in dropped.into_iter().filter(|&(_, count)| count > 0) {
            text += &format!(", {count} {what}");
        }
        let exits: Vec<String> = stats.exits().iter().map(|(why, count)| format!("{why} {count}")).collect();
        if !exits.is_empty() {
            text += &format!("\nexits: {}", exits.join(", "));
        }
        text
    }
}
