//! Native code as it is recorded, and machine code as text.

use iced_x86::{Decoder, DecoderOptions, Formatter, IntelFormatter};

use super::Exit;
use super::compile::MachineCode;
use crate::record::{self, Details, HostInstruction, Listing};

/// What a region consists of. Its exits have not been taken yet.
pub(super) fn details(listing: Listing, exits: &[Exit], code: MachineCode) -> Details {
    let exit = |exit: &Exit| record::Exit {
        reason: exit.reason.name(),
        instruction: exit.instruction as usize,
        pc: exit.pc,
        count: 0,
    };
    Details {
        listing,
        exits: exits.iter().map(exit).collect(),
        clif: code.clif.unwrap_or_default(),
        code: code.bytes,
        sources: code.sources,
    }
}

/// A region's machine code at `address`; nothing where this host's has no disassembler here.
pub(crate) fn disassemble(details: &Details, address: usize) -> Vec<HostInstruction> {
    if !cfg!(target_arch = "x86_64") {
        return Vec::new();
    }
    let mut sources = details.sources.iter().peekable();
    let mut formatter = IntelFormatter::new();
    formatter.options_mut().set_branch_leading_zeros(false);
    let decoder = Decoder::with_ip(64, &details.code, address as u64, DecoderOptions::NONE);
    let host = |instruction: iced_x86::Instruction| {
        let at = instruction.ip() as usize;
        while sources.next_if(|(range, _)| range.end <= at - address).is_some() {}
        let source = sources.peek().filter(|(range, _)| range.contains(&(at - address)));
        let mut text = String::new();
        formatter.format(&instruction, &mut text);
        HostInstruction { address: at, instruction: source.map(|&&(_, number)| number), text }
    };
    decoder.into_iter().map(host).collect()
}
