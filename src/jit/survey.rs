//! What is looked up in the machine before a region is translated, and the region as it is recorded.

use std::ops::Range;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::effects;
use crate::guest::Guest;
use crate::ops::{Flow, Pc, Via};
use crate::record::{self, Edge, Instruction, Listing, Way};
use crate::region::{Block, Region, Target};
use crate::state::{State, attr};

/// Words before and after a region that are searched for stores.
const NEIGHBOURHOOD: Pc = 512;

/// The words that instructions in or near the region name as the target of a store: variables, not constants. What has
/// never been executed counts if control may come there on a direct way from what has: data would name any word.
pub(super) fn named_stores<G: Guest>(guest: &G, state: &State, region: &Region) -> FxHashSet<Pc> {
    let Some(space) = G::CODE else { return FxHashSet::default() };
    let own = region.addresses();
    let (first, last) =
        region.addresses().fold((Pc::MAX, 0), |(first, last), pc| (first.min(pc), last.max(pc)));
    let near =
        first.saturating_sub(NEIGHBOURHOOD)..last.saturating_add(NEIGHBOURHOOD).min(guest.code_len() as Pc);
    let executed = near.clone().filter(|&pc| state.attributes(space, pc.into()) & attr::DECODED != 0);
    let mut todo: Vec<Pc> = executed.chain(own).collect();
    let mut seen = vec![false; near.len()];
    let mut stores = FxHashSet::default();
    while let Some(pc) = todo.pop() {
        let seen = pc.checked_sub(near.start).and_then(|at| seen.get_mut(at as usize));
        if seen.is_none_or(|seen| std::mem::replace(seen, true)) {
            continue;
        }
        let effects = effects::of::<G>(guest.decode(state, pc), pc);
        let named = effects.accesses.iter().filter(|a| a.store && a.space == space);
        stores.extend(named.filter_map(|a| a.at).map(|at| at as Pc));
        let (next, to) = match effects.flow {
            Flow::Next | Flow::DynamicIf(..) | Flow::Trap(_) | Flow::Dynamic(_, Via::Call) => (true, None),
            Flow::If(_, to) | Flow::Call(to) => (true, Some(to)),
            Flow::Goto(to) => (false, Some(to)),
            Flow::Dynamic(..) | Flow::Illegal => (false, None),
        };
        todo.extend(next.then(|| G::next(pc)).into_iter().chain(to));
    }
    stores
}

/// Per space: the one range of addresses outside which every load is special and inside which none is.
pub(super) fn plain_ranges(state: &State) -> Vec<Option<Range<u64>>> {
    let range = |space: usize| {
        let mut plain = state.without(space, attr::READ);
        plain.next().filter(|_| plain.next().is_none())
    };
    (0..state.spaces().len()).map(range).collect()
}

/// A region's instructions as text.
pub(super) fn texts<G: Guest>(region: &Region, guest: &G, state: &State) -> FxHashMap<Pc, String> {
    region.addresses().map(|pc| (pc, guest.disassemble(state, pc))).collect()
}

/// A region's instructions, which have these texts, and blocks, as they are recorded.
pub(super) fn listing<G: Guest>(region: &Region, texts: &FxHashMap<Pc, String>) -> Listing {
    let instructions = region.blocks.iter().flat_map(|block| &block.insns);
    let instructions = instructions.map(|&(pc, _)| Instruction { pc, text: texts[&pc].clone() });
    let mut start = 0;
    let blocks = region.blocks.iter().map(|block| {
        let numbers = start..start + block.insns.len();
        start = numbers.end;
        let check = block.is_checkpoint.then_some(block.longest);
        record::Block { instructions: numbers, edges: edges::<G>(region, block), check }
    });
    Listing { instructions: instructions.collect(), blocks: blocks.collect() }
}

/// The ways from a block.
fn edges<G: Guest>(region: &Region, block: &Block) -> Vec<Edge> {
    let edge = |way, target| match target {
        Target::Block(b) => Edge { way, pc: region.blocks[b].pc(), block: Some(b) },
        Target::Outside(pc) => Edge { way, pc, block: None },
    };
    let falls_through = block
        .insns
        .last()
        .is_some_and(|&(pc, insn)| matches!(effects::of::<G>(insn, pc).flow, Flow::Next | Flow::If(..)));
    let next = falls_through.then(|| edge(Way::Next, block.next));
    let taken = block.taken.map(|target| edge(Way::Taken, target));
    let indirect = block.targets.iter().map(|&(_, b)| edge(Way::Indirect, Target::Block(b)));
    next.into_iter().chain(taken).chain(indirect).collect()
}
