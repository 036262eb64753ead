//! LC-3's state, operations and decoder (Patt & Patel, *Introduction to Computing Systems*, appendix A).

use super::profile::Profile;
use crate::guest::Insn;
use crate::ops::{Reg, Space, Type};
use crate::state::{Bound, SpaceInfo, State, lay_out};

/// Words of memory.
pub const WORDS: usize = 1 << 16;
/// Where user programs usually start.
pub const USER: u16 = 0x3000;
/// Where device space starts.
pub const DEVICES: u16 = 0xfe00;

/// The memory: 65,536 words of 16 bits.
pub const MEMORY: Space<u16, u16> = Space::new(0);

pub(super) const SPACES: &[SpaceInfo] =
    &lay_out([SpaceInfo::new("memory", Type::I16, WORDS, Bound::Natural).with_attributes()]);

/// R0–R7; the number modulo 8.
#[inline(always)]
pub const fn r(n: u8) -> Reg<u16> {
    Reg::new(n & 7)
}

/// What N Z P were last set from: the result itself. Its sign says which one is set.
pub const CC: Reg<u16> = Reg::new(8);
/// PSR without N Z P: bit 15 user, bits 10–8 priority.
pub const MODE: Reg<u16> = Reg::new(9);
/// The saved user stack pointer, while in supervisor mode.
pub const USP: Reg<u16> = Reg::new(10);
/// The saved supervisor stack pointer, while in user mode.
pub const SSP: Reg<u16> = Reg::new(11);

pub(super) const SLOTS: &[(&str, Type)] = &[
    ("R0", Type::I16),
    ("R1", Type::I16),
    ("R2", Type::I16),
    ("R3", Type::I16),
    ("R4", Type::I16),
    ("R5", Type::I16),
    ("R6", Type::I16),
    ("R7", Type::I16),
    ("CC", Type::I16),
    ("MODE", Type::I16),
    ("USP", Type::I16),
    ("SSP", Type::I16),
];

/// Bit 15 of PSR: user mode.
pub const PSR_USER: u16 = 0x8000;
/// Bits 10–8 of PSR: priority.
pub const PSR_PRIORITY: u16 = 0x0700;

/// The processor status register as the manual draws it.
pub fn psr(state: &State) -> u16 {
    let nzp = match state.get(CC) as i16 {
        0 => 0b010,
        1.. => 0b001,
        _ => 0b100,
    };
    state.get(MODE) | nzp
}

/// Sets mode, priority and condition codes. Exactly one code comes out set: the first asked for of N, Z,
/// P, and Z where none is.
pub fn set_psr(state: &mut State, psr: u16) {
    state.set(MODE, psr & (PSR_USER | PSR_PRIORITY));
    let cc: i16 = match psr & 7 {
        4.. => -1,
        1 => 1,
        _ => 0,
    };
    state.set(CC, cc as u16);
}

/// Operations of the decoded instruction. Operands: `a` the register written or stored, `b` the first
/// source or base, `c` the second source, `imm` the immediate, offset, address or target, computed.
pub mod op {
    /// `a = b + c`
    pub const ADD: u8 = 1;
    /// `a = b + imm`
    pub const ADD_IMM: u8 = 2;
    /// `a = b & c`
    pub const AND: u8 = 3;
    /// `a = b & imm`
    pub const AND_IMM: u8 = 4;
    /// `a = !b`
    pub const NOT: u8 = 5;
    /// `a = M[imm]`
    pub const LD: u8 = 6;
    /// `a = M[M[imm]]`
    pub const LDI: u8 = 7;
    /// `a = M[b + imm]`
    pub const LDR: u8 = 8;
    /// `a = imm`
    pub const LEA: u8 = 9;
    /// `a = imm`, setting N Z P (second edition)
    pub const LEA_CC: u8 = 10;
    /// `M[imm] = a`
    pub const ST: u8 = 11;
    /// `M[M[imm]] = a`
    pub const STI: u8 = 12;
    /// `M[b + imm] = a`
    pub const STR: u8 = 13;
    /// Branch to `imm` if negative.
    pub const BR_N: u8 = 14;
    /// Branch if zero.
    pub const BR_Z: u8 = 15;
    /// Branch if positive.
    pub const BR_P: u8 = 16;
    /// Branch if not positive.
    pub const BR_NZ: u8 = 17;
    /// Branch if not zero.
    pub const BR_NP: u8 = 18;
    /// Branch if not negative.
    pub const BR_ZP: u8 = 19;
    /// Branch always.
    pub const GOTO: u8 = 20;
    /// Branch never.
    pub const NOP: u8 = 21;
    /// `R7 = pc + 1`, to `imm`
    pub const JSR: u8 = 22;
    /// `R7 = pc + 1`, to `b`
    pub const JSRR: u8 = 23;
    /// To `b`.
    pub const JMP: u8 = 24;
    /// To R7.
    pub const RET: u8 = 25;
    /// Return from interrupt: the host does it.
    pub const RTI: u8 = 26;
    /// Service `imm`: the host does it.
    pub const TRAP: u8 = 27;
    /// No such instruction; `imm` is the word.
    pub const ILLEGAL: u8 = 28;
    /// An instruction that user programs may not fetch, where that is known.
    pub const FORBIDDEN: u8 = 29;
    /// An instruction that is watched for: the run stops before it.
    pub const WATCHED: u8 = 30;
    /// Added to the operation of an instruction in memory that is protected: only supervisors may fetch it.
    pub const SYSTEM: u8 = 32;
    /// All operations are below this.
    pub const END: u8 = SYSTEM + ILLEGAL + 1;
}

/// The trap numbers, as in [`crate::ops::Flow::Trap`], that are not a vector: RTI.
pub(super) const SERVICE_RTI: u16 = 0x100;

fn sext(word: u16, bits: u32) -> u16 {
    let shift = 16 - bits;
    (((word << shift) as i16) >> shift) as u16
}

/// Decodes `word` at `pc`. Pc-relative operands become addresses.
pub fn decode(profile: &Profile, pc: u16, word: u16) -> Insn {
    let dr = (word >> 9 & 7) as u8;
    let sr1 = (word >> 6 & 7) as u8;
    let sr2 = (word & 7) as u8;
    let next = pc.wrapping_add(1);
    let insn = |op, a, b, c, imm: u16| Insn::new(op, a, b, c, imm as u32);
    let offset9 = next.wrapping_add(sext(word, 9));
    // What the format fixes: (mask, value).
    let fixed = |mask: u16, value: u16| word & mask == value || !profile.strict_padding;
    let illegal = insn(op::ILLEGAL, 0, 0, 0, word);
    match word >> 12 {
        0x0 => match dr {
            0b000 => insn(op::NOP, 0, 0, 0, 0),
            0b111 => insn(op::GOTO, 0, 0, 0, offset9),
            nzp => {
                let op = match nzp {
                    0b100 => op::BR_N,
                    0b010 => op::BR_Z,
                    0b001 => op::BR_P,
                    0b110 => op::BR_NZ,
                    0b101 => op::BR_NP,
                    _ => op::BR_ZP,
                };
                insn(op, 0, 0, 0, offset9)
            }
        },
        0x1 if word & 0x20 != 0 => insn(op::ADD_IMM, dr, sr1, 0, sext(word, 5)),
        0x1 if fixed(0x38, 0) => insn(op::ADD, dr, sr1, sr2, 0),
        0x2 => insn(op::LD, dr, 0, 0, offset9),
        0x3 => insn(op::ST, dr, 0, 0, offset9),
        0x4 if word & 0x800 != 0 => insn(op::JSR, 0, 0, 0, next.wrapping_add(sext(word, 11))),
        0x4 if fixed(0xe3f, 0) => insn(op::JSRR, 0, sr1, 0, 0),
        0x5 if word & 0x20 != 0 => insn(op::AND_IMM, dr, sr1, 0, sext(word, 5)),
        0x5 if fixed(0x38, 0) => insn(op::AND, dr, sr1, sr2, 0),
        0x6 => insn(op::LDR, dr, sr1, 0, sext(word, 6)),
        0x7 => insn(op::STR, dr, sr1, 0, sext(word, 6)),
        0x8 if fixed(0xfff, 0) => insn(op::RTI, 0, 0, 0, 0),
        0x9 if fixed(0x3f, 0x3f) => insn(op::NOT, dr, sr1, 0, 0),
        0xa => insn(op::LDI, dr, 0, 0, offset9),
        0xb => insn(op::STI, dr, 0, 0, offset9),
        0xc if fixed(0xe3f, 0) => {
            if sr1 == 7 {
                insn(op::RET, 0, 7, 0, 0)
            } else {
                insn(op::JMP, 0, sr1, 0, 0)
            }
        }
        0xe if profile.lea_sets_cc => insn(op::LEA_CC, dr, 0, 0, offset9),
        0xe => insn(op::LEA, dr, 0, 0, offset9),
        0xf if fixed(0xf00, 0) => insn(op::TRAP, 0, 0, 0, word & 0xff),
        _ => illegal,
    }
}
