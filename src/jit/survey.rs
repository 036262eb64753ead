//! What is looked up in the machine before a region is translated, and the region as text.

use std::collections::HashSet;
use std::ops::Range;

use crate::effects;
use crate::guest::Guest;
use crate::ops::Pc;
use crate::region::Region;
use crate::state::{State, attr};

/// Words before and after a region that are searched for stores.
const NEIGHBOURHOOD: Pc = 512;

/// The words that instructions in or near the region name as the target of a store, executed or not: variables, not
/// constants.
pub(super) fn named_stores<G: Guest>(guest: &G, state: &State, region: &Region) -> HashSet<Pc> {
    let Some(space) = G::CODE else { return HashSet::new() };
    let pcs = || region.blocks.iter().flat_map(|b| b.insns.iter().map(|i| i.0));
    let first = pcs().min().unwrap_or(0).saturating_sub(NEIGHBOURHOOD);
    let last = pcs().max().unwrap_or(0).saturating_add(NEIGHBOURHOOD).min(guest.code_len() as Pc);
    (first..last)
        .flat_map(|pc| effects::of::<G>(guest.decode(state, pc), pc).accesses)
        .filter(|a| a.store && a.space == space)
        .filter_map(|a| a.at.map(|at| at as Pc))
        .collect()
}

/// Per space: the one range of addresses outside which every load is special and inside which none is.
pub(super) fn plain_ranges(state: &State) -> Vec<Option<Range<u64>>> {
    let range = |space: usize| {
        let len = state.spaces()[space].len as u64;
        let is_plain = |at: &u64| state.attributes(space, *at) & attr::READ == 0;
        let start = (0..len).find(is_plain)?;
        let end = (start..len).find(|at| !is_plain(at)).unwrap_or(len);
        (end..len).all(|at| !is_plain(&at)).then_some(start..end)
    };
    (0..state.spaces().len()).map(range).collect()
}

/// A region as text: its blocks, their instructions, and where control goes.
pub(super) fn list<G: Guest>(region: &Region, guest: &G, state: &State) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    for (i, block) in region.blocks.iter().enumerate() {
        let check = if block.is_checkpoint {
            format!(", checks the budget for {}", block.longest)
        } else {
            String::new()
        };
        let _ = writeln!(text, "block {i}{check}");
        for &(pc, _) in &block.insns {
            let _ = writeln!(text, "{pc:8x}  {}", guest.disassemble(state, pc));
        }
        let _ = writeln!(
            text,
            "  goes to {:?}{}{}",
            block.next,
            block.taken.map_or(String::new(), |t| format!(", taken {t:?}")),
            if block.targets.is_empty() {
                String::new()
            } else {
                format!(", indirectly {:x?}", block.targets)
            }
        );
    }
    text
}
