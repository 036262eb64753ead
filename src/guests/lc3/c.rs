//! LC-3's host side in C: traps, and the registers of keyboard and display, over standard input and output.

use super::host::{DDR, DSR, KBDR, KBSR, PROMPT};
use super::isa::{SERVICE_RTI, op};
use super::{Lc3, is_user, word};
use crate::emit::{Access, Code, Lack, Request, Service, exit, literal, refuse};
use crate::guest::{After, Guest};
use crate::ops::Pc;
use crate::state::State;

/// The next key, negative at the end of input.
const READ_KEY: &str = "\
static int read_key(void) {
    fflush(stdout);
    return getchar();
}
";

/// Whether there is another key, as soon as that is known.
const KEY_WAITS: &str = "\
static bool key_waits(void) {
    int key = read_key();
    if (key >= 0) ungetc(key, stdin);
    return key >= 0;
}
";

/// The waiting key, or the last one where none waits.
const TAKE_KEY: &str = "\
static u16 take_key(void) {
    static u16 last;
    if (key_waits()) last = read_key();
    return last;
}
";

/// Whether there is a word x0000 in memory.
const STRING_ENDS: &str = "\
static bool string_ends(u16 start) {
    u16 at = start;
    while (memory[at]) {
        if (++at == start) return false;
    }
    return true;
}
";

const PUT_WORDS: &str = "\
static void put_words(u16 at) {
    for (; memory[at]; at++) putchar(memory[at] & 0xff);
}
";

const PUT_PACKED: &str = "\
static void put_packed(u16 at, bool ends_at_byte) {
    for (; memory[at]; at++) {
        int low = memory[at] & 0xff, high = memory[at] >> 8;
        if (!low && ends_at_byte) return;
        putchar(low);
        if (high) putchar(high);
        else if (ends_at_byte) return;
    }
}
";

impl Lc3 {
    /// C for what the host does for the instruction at `pc`.
    pub(super) fn service(&self, state: &State, pc: Pc, request: Request) -> Service {
        let fault = |why: String| Err(Lack::Fault(why));
        match request {
            Request::Trap(SERVICE_RTI) => fault("user programs may not execute RTI".to_owned()),
            Request::Trap(vector @ 0x20..=0x25) => Ok(self.trap_in_c(pc, vector)),
            Request::Trap(vector) if word(state, vector) == 0 && !self.profile.open_system_space => {
                fault(format!("there is no service for TRAP x{vector:02X}: its vector is empty"))
            }
            Request::Illegal(insn) if insn.op() == op::FORBIDDEN => {
                fault("user programs may not execute this".to_owned())
            }
            Request::Illegal(insn) if !self.profile.reports_unknown => {
                fault(format!("x{:04X} is not an instruction", insn.imm()))
            }
            Request::Trap(_) | Request::Illegal(_) => Err(Lack::Unwritten),
        }
    }

    fn trap_in_c(&self, pc: Pc, vector: u16) -> (Code, After) {
        let next = Self::next(pc);
        let (mut c, functions) = match vector {
            0x20 => (self.key(pc), vec![READ_KEY]),
            0x21 => ("putchar(r0 & 0xff);".to_owned(), vec![]),
            0x22 => (format!("{}\nput_words(r0);", string(pc)), vec![STRING_ENDS, PUT_WORDS]),
            0x23 => {
                let (prompt, key) = (literal(PROMPT), self.key(pc));
                let c = format!("fputs({prompt}, stdout);\n{key}\nputchar(r0 & 0xff); putchar('\\n');");
                (c, vec![READ_KEY])
            }
            0x24 => {
                let ends_at_byte = self.profile.putsp_ends_at_byte;
                let c = format!("{}\nput_packed(r0, {ends_at_byte});", string(pc));
                (c, vec![STRING_ENDS, PUT_PACKED])
            }
            _ => (String::new(), vec![]),
        };
        if self.profile.trap_writes_r7 {
            c += &format!(" r7 = {next:#06x};");
        }
        (Code { c, functions }, if vector == 0x25 { After::Halt(next) } else { After::Goto(next) })
    }

    /// A key, in R0.
    fn key(&self, pc: Pc) -> String {
        if self.profile.endless_input {
            return "r0 = read_key();".to_owned();
        }
        let ended = refuse(pc, exit::INPUT, "the input has ended");
        format!("{{ int key = read_key();\nif (key < 0) {ended}\nr0 = key; }}")
    }

    /// C for an access to what is not plain memory.
    pub(super) fn access(&self, state: &State, access: Access<'_>) -> Result<Code, Lack> {
        let at = access.at as u16;
        let what = if access.store.is_some() { "write" } else { "read" };
        if is_user(state) && self.is_protected(at) {
            return Err(Lack::Fault(format!("user programs may not {what} x{at:04X}")));
        }
        let endless = self.profile.endless_input;
        let (c, functions) = match (at, access.store) {
            (KBSR, None) if endless => ("0x8000".to_owned(), vec![]),
            (KBSR, None) => ("key_waits() ? 0x8000 : 0".to_owned(), vec![READ_KEY, KEY_WAITS]),
            (KBDR, None) if endless => ("read_key()".to_owned(), vec![READ_KEY]),
            (KBDR, None) => ("take_key()".to_owned(), vec![READ_KEY, KEY_WAITS, TAKE_KEY]),
            (DSR, None) => ("0x8000".to_owned(), vec![]),
            (DDR, None) => ("0".to_owned(), vec![]),
            (KBDR | DSR, Some(_)) => (String::new(), vec![]),
            (DDR, Some(value)) => (format!("putchar({value} & 0xff);"), vec![]),
            _ => return Err(Lack::Unwritten),
        };
        Ok(Code { c, functions })
    }
}

/// Stops where the string at R0 never ends.
fn string(pc: Pc) -> String {
    format!("if (!string_ends(r0)) {}", refuse(pc, exit::FAULT, "the string never ends"))
}
