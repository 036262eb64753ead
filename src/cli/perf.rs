//! Files by which Linux's `perf` names native code: `/tmp/perf-PID.map`, and a jitdump with the code itself and the
//! lines that it comes from.
//!
//! Both are written when the run has ended, from what it recorded. A jitdump's times are then those at which the
//! regions were taken up, so that `perf inject` tells code apart that was at the same address one after the other. Its format:
//! `tools/perf/Documentation/jitdump-specification.txt` of Linux.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::time::Instant;

use kiln::guests::Machine;
use kiln::record::{Details, Record, Region};
use memmap2::Mmap;

use super::{Failure, host, say, whole};

/// `JiTD`, version 1.
const MAGIC: u32 = 0x4A69_5444;
const VERSION: u32 = 1;
/// Records: code that was loaded, and before it where it comes from.
const LOAD: u32 = 0;
const DEBUG_INFO: u32 = 2;
/// Bytes of the file's header, and of a record's.
const HEADER: u32 = 40;
const RECORD: usize = 16;

/// A jitdump to be written.
pub struct JitDump {
    path: PathBuf,
    file: File,
    /// `perf record` notes that it was mapped: so `perf inject` finds it.
    _marker: Mmap,
    /// The same moment on two clocks.
    start: Instant,
    monotonic: u64,
}

impl JitDump {
    /// Creates `jit-PID.dump` in the working directory.
    pub fn create() -> Result<JitDump, Failure> {
        let path = PathBuf::from(format!("jit-{}.dump", process::id()));
        let failed = |error| Failure::io(&format!("cannot write {}", path.display()), &error);
        let mut options = File::options();
        let mut file =
            options.read(true).write(true).create(true).truncate(true).open(&path).map_err(failed)?;
        let (start, monotonic) = (Instant::now(), host::monotonic());
        let mut header = Vec::new();
        for word in [MAGIC, VERSION, HEADER, machine(), 0, process::id()] {
            header.extend(word.to_ne_bytes());
        }
        header.extend(monotonic.to_ne_bytes());
        header.extend(0u64.to_ne_bytes());
        file.write_all(&header).map_err(failed)?;
        let marker = host::map_executable(&file).map_err(failed)?;
        Ok(JitDump { path, file, _marker: marker, start, monotonic })
    }

    /// Writes what was recorded.
    pub fn write<G: Machine>(self, image: &G::Image, record: &Record) -> Result<(), Failure> {
        let mut out = BufWriter::new(&self.file);
        let mut write = || -> io::Result<()> {
            let since = record.start().saturating_duration_since(self.start);
            for (number, region) in record.regions.iter().enumerate() {
                let Some(details) = &region.details else { continue };
                let time = self.monotonic + since.as_nanos() as u64 + (region.seconds * 1e9) as u64;
                out.write_all(&debug_info::<G>(image, region, details, time))?;
                out.write_all(&load(&name::<G>(image, region), region, &details.code, number as u64, time))?;
            }
            out.flush()
        };
        let path = self.path.display();
        write().map_err(|error| Failure::io(&format!("cannot write {path}"), &error))?;
        let count = record.regions.iter().filter(|region| region.details.is_some()).count();
        say(format!("{count} regions in {path}; now: perf inject --jit -i perf.data -o perf.jit.data"));
        Ok(())
    }
}

/// Writes `/tmp/perf-PID.map`.
pub fn write_map<G: Machine>(image: &G::Image, record: &Record) -> Result<(), Failure> {
    let path = format!("/tmp/perf-{}.map", process::id());
    let line = |region: &Region| {
        format!("{:x} {:x} {}\n", region.address, region.code_bytes, name::<G>(image, region))
    };
    let text: String = record.regions.iter().map(line).collect();
    whole::write(Path::new(&path), text.as_bytes())?;
    say(format!("{} regions in {path}", record.regions.len()));
    Ok(())
}

/// What a region is called: its guest, address, and place among the program's names.
fn name<G: Machine>(image: &G::Image, region: &Region) -> String {
    let address = format!("{}:{}", G::NAME, G::address(region.pc));
    match G::symbol(image, region.pc) {
        Some((name, 0)) => format!("{address} {name}"),
        Some((name, past)) => format!("{address} {name}+{past}"),
        None => address,
    }
}

/// A record that says which line of which file each piece of code comes from.
fn debug_info<G: Machine>(image: &G::Image, region: &Region, details: &Details, time: u64) -> Vec<u8> {
    let (mut entries, mut count) = (Vec::new(), 0u64);
    for (range, number) in &details.sources {
        let Some((file, line)) = G::line(image, details.listing.instructions[*number].pc) else { continue };
        entries.extend(((region.address + range.start) as u64).to_ne_bytes());
        entries.extend(line.to_ne_bytes());
        entries.extend(0u32.to_ne_bytes());
        entries.extend(file.bytes().chain([0]));
        count += 1;
    }
    if count == 0 {
        return entries;
    }
    let body = [&(region.address as u64).to_ne_bytes()[..], &count.to_ne_bytes(), &entries].concat();
    record(DEBUG_INFO, time, &body)
}

/// A record of code.
fn load(name: &str, region: &Region, code: &[u8], number: u64, time: u64) -> Vec<u8> {
    let mut body = Vec::new();
    // The process, and its only thread that runs guests.
    body.extend([process::id(), process::id()].map(u32::to_ne_bytes).concat());
    let address = region.address as u64;
    body.extend([address, address, code.len() as u64, number].map(u64::to_ne_bytes).concat());
    body.extend(name.bytes().chain([0]));
    body.extend(code);
    record(LOAD, time, &body)
}

fn record(kind: u32, time: u64, body: &[u8]) -> Vec<u8> {
    let size = (RECORD + body.len()) as u32;
    [&kind.to_ne_bytes()[..], &size.to_ne_bytes(), &time.to_ne_bytes(), body].concat()
}

/// The host's number in ELF files.
fn machine() -> u32 {
    const NUMBERS: [(&str, u32); 4] = [("x86_64", 62), ("aarch64", 183), ("riscv64", 243), ("s390x", 22)];
    NUMBERS.iter().find(|(name, _)| *name == std::env::consts::ARCH).map_or(0, |&(_, number)| number)
}
