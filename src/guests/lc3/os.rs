//! The operating system of `--os real`: services, and what a machine with it does otherwise than one whose traps the host
//! serves.

use std::sync::LazyLock;

use super::Lc3;
use super::asm::assemble;
use super::image::Image;
use super::isa::{MEMORY, USER};
use crate::state::State;

/// It leaves the words that it does not need to programs that bring a part of their own.
static SYSTEM: LazyLock<Image> = LazyLock::new(|| {
    let image = assemble("os.asm", include_str!("os.asm")).image;
    image.expect("the operating system assembles")
});

impl Lc3 {
    /// Gives the machine the operating system: TRAP goes through the vector table from now on, to be served by it. An
    /// image that is loaded later may put its own words over the system's.
    pub fn install_system(&mut self, state: &mut State) {
        self.has_system = true;
        for (at, word) in SYSTEM.segments.iter().flat_map(|segment| segment.iter()) {
            state.poke(MEMORY, at, word);
        }
        let any_nul = SYSTEM.symbols.address("ANYNUL").expect("it is in the source");
        state.poke(MEMORY, any_nul, self.profile.putsp_ends_at_byte.into());
    }

    /// Whether the instruction at this address is the operating system's.
    pub(super) fn is_of_system(&self, pc: u16) -> bool {
        self.has_system && pc < USER
    }
}
