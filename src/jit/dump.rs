//! Native code as text, beside the guest instructions that it comes from.

use std::fmt::Write;

use iced_x86::{Decoder, DecoderOptions, Formatter, IntelFormatter};

use super::compile::MachineCode;
use crate::ops::Pc;

/// Disassembles a region's code at `address`; `guest` gives the text of the instruction at a pc.
pub(crate) fn assembly(code: &MachineCode, address: usize, guest: impl Fn(Pc) -> String) -> String {
    let mut text = String::new();
    if !cfg!(target_arch = "x86_64") {
        let _ = writeln!(text, "; {} bytes; this host's code has no disassembler here", code.bytes.len());
        return text;
    }
    let mut decoder = Decoder::with_ip(64, &code.bytes, address as u64, DecoderOptions::NONE);
    let mut formatter = IntelFormatter::new();
    let mut locations = code.locations.iter().peekable();
    let mut last = None;
    while decoder.can_decode() {
        let instruction = decoder.decode();
        let offset = (instruction.ip() - address as u64) as u32;
        while locations.next_if(|l| l.1 <= offset).is_some() {}
        let here = locations.peek().filter(|l| l.0 <= offset).map_or(0, |l| l.2);
        if last != Some(here) {
            let heading = if here == 0 {
                "region".to_owned()
            } else {
                format!("{:04x}  {}", here - 1, guest(here - 1))
            };
            let _ = writeln!(text, "; {heading}");
            last = Some(here);
        }
        let mut line = String::new();
        formatter.format(&instruction, &mut line);
        let _ = writeln!(text, "  {:8x}  {line}", instruction.ip());
    }
    text
}
