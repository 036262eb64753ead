//! Iridium's host side in C: printing, and stopping.

use super::isa::EXIT;
use super::{Iridium, meaning};
use crate::emit::{Code, Lack, Request, Service, literal};
use crate::guest::{After, Guest, Refusal};
use crate::ops::Pc;
use crate::state::State;

impl Iridium {
    /// C for what the host does for the instruction at `pc`.
    pub(super) fn service(&self, state: &State, pc: Pc, request: Request) -> Service {
        let code = |c: String| Code { c, ..Code::default() };
        match request {
            Request::Trap(meaning::PRINT) => {
                let string = self.string(&self.image, pc).map_err(Lack::Fault)?;
                let c = format!("fwrite({}, 1, {}, stdout);", literal(string), string.len());
                Ok((code(c), After::Goto(Self::next(pc))))
            }
            Request::Trap(_) => Ok((code("exit = 0;".to_owned()), After::Halt(Self::next(pc)))),
            Request::Illegal(insn) => {
                let mut state = state.clone();
                state.set_pc(pc);
                match self.no_instruction(&mut state, insn) {
                    Ok(after) => Ok((code(format!("exit = {};", state.get(EXIT))), after)),
                    Err(Refusal::Fault(_, why)) => Err(Lack::Fault(why)),
                    Err(_) => Err(Lack::Unwritten),
                }
            }
        }
    }
}
