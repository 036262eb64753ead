//! A region to be translated, with what was looked up for it on the machine's own thread. The rest can be done on
//! another one, from a snapshot of the state.

use std::cell::OnceCell;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cranelift_codegen::ir::Function;
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_frontend::FunctionBuilderContext;
use rustc_hash::{FxHashMap, FxHashSet};

use super::constants::choose;
use super::known::Known;
use super::library::{Basis, Word};
use super::predict::Learned;
use super::survey::listing;
use super::translate::{Translation, translate};
use super::{contain, convert, facts, gate, predict, turns};
use crate::guest::Guest;
use crate::interp::Branch;
use crate::ops::Pc;
use crate::region::Region;
use crate::state::State;
use crate::tier::{Config, Conversion, Gates, Optimisations, Plant};
use crate::unroll::{unroll, write_out};

const SOUND: &str = "nobody panics while learning";

/// What to translate.
pub(super) struct Order {
    /// The region as it was found.
    pub(super) region: Region,
    /// Words that are no constants: [`Known::mutable`].
    pub(super) mutable: FxHashSet<Pc>,
    /// [`Known::plain`].
    pub(super) plain: Vec<Option<Range<u64>>>,
    /// Instructions at which no more is tested than what is sure to be accessed.
    pub(super) careful: FxHashSet<Pc>,
    /// Registers that are not what they were taken for when control entered here.
    pub(super) varying: FxHashSet<usize>,
    /// Headers of loops before which accesses are not tested.
    pub(super) open: FxHashSet<Pc>,
    /// Headers of loops before which they were tested in other regions: control stayed there for long.
    pub(super) long: FxHashSet<Pc>,
    /// Places where control seldom arrives.
    pub(super) cold: FxHashSet<Pc>,
    /// The interpreter's last branches, oldest first.
    pub(super) branches: Vec<Branch>,
    /// What was learned from earlier ones.
    pub(super) learned: Arc<Mutex<Learned>>,
    /// How many arrivals of indirect jumps and returns were known.
    pub(super) arrivals: usize,
    /// Where it is left for instructions that had never, or seldom, been executed.
    pub(super) unseen: Vec<Pc>,
    /// The instructions as text, where they are to be recorded.
    pub(super) texts: Option<FxHashMap<Pc, String>>,
    /// What finding all this took.
    pub(super) took: Duration,
}

impl Order {
    /// Translates the region for memory as it is in `state`.
    pub(super) fn translate<G: Guest>(
        self,
        state: &State,
        isa: &OwnedTargetIsa,
        config: &Config,
    ) -> (Function, Basis) {
        let start = Instant::now();
        let Order {
            mut region,
            mutable,
            plain,
            careful,
            varying,
            open,
            long,
            cold,
            branches,
            learned,
            arrivals,
            unseen,
            texts,
            took,
        } = self;
        let Optimisations {
            conversion,
            unrolling,
            literals,
            constants,
            joint_tests,
            gates,
            elements,
            forwarding,
        } = config.optimisations;
        let entry_pc = region.blocks[0].pc();
        // Found out when the first branch asks: most regions have none that could be converted.
        let (scores, written) = (OnceCell::new(), OnceCell::new());
        let ways = OnceCell::new();
        let seen = || {
            let mut ways = predict::ways(&branches);
            learned.lock().expect(SOUND).share_ways(&mut ways);
            ways
        };
        let mut known = Known {
            state,
            mutable: &mutable,
            literals,
            constants: Vec::new(),
            plain: &plain,
            mispredicted: &|block| match conversion {
                Conversion::Never => 0.0,
                Conversion::Unpredictable => {
                    let known = scores.get_or_init(|| {
                        let mut known = predict::scores(&branches, written.get_or_init(Vec::new));
                        learned.lock().expect(SOUND).share_scores(&mut known);
                        known
                    });
                    known.share(block.insns.last().map_or(0, |insn| insn.0), block.turn)
                }
                Conversion::Always => 1.0,
            },
            joint_tests,
            forwarding,
            careful: &careful,
            elements,
            gated: &|region, body| match gates {
                _ if open.contains(&region.blocks[body[0]].pc()) => false,
                Gates::Never => false,
                Gates::Long => {
                    let ways = ways.get_or_init(seen);
                    long.contains(&region.blocks[body[0]].pc()) || gate::is_long::<G>(region, body, ways)
                }
                Gates::Always => true,
            },
            plant: config.plant,
        };
        if constants && region.entries.is_empty() {
            known.constants = choose::<G>(&region, &known, &varying);
        }
        region.note_seldom(|pc| ways.get_or_init(seen).get(&pc).copied());
        facts::prune::<G>(&mut region, &known);
        let is_cold = |pc| cold.contains(&pc);
        if unrolling {
            let turns = |region: &_, loops: &[_]| turns::turns::<G>(region, loops, &known);
            // As large as with copied callees, and no larger: a large region takes long to compile.
            written.get_or_init(|| write_out(&mut region, config.region_instructions / 2, is_cold, turns));
        }
        convert::part_ways(&mut region, &known);
        if unrolling {
            unroll(&mut region, is_cold);
        }
        let (frontend, call_conv) = (isa.frontend_config(), isa.default_call_conv());
        let mut context = FunctionBuilderContext::new();
        let translation = translate::<G>(&region, &known, frontend, call_conv, &mut context);
        let Translation { function, exits, words, trusted, gated } = translation;
        if config.codegen.verify || config.plant == Some(Plant::Access) {
            contain::check(&function, G::SPACES)
                .unwrap_or_else(|what| panic!("native code may reach outside the state: {what}\n{function}"));
        }
        let own: FxHashSet<Pc> = region.addresses().collect();
        let word = |at: Pc| {
            let value = G::CODE.and_then(|space| state.bits(space, at as u64)).unwrap_or(0);
            Word { at, value, is_literal: !own.contains(&at) }
        };
        let basis = Basis {
            entry_pc,
            entries: region.entries.iter().map(|&entry| region.blocks[entry].pc()).collect(),
            exits,
            words: words.into_iter().map(word).collect(),
            trusted,
            constants: known.constants,
            instructions: region.len(),
            gated,
            arrivals,
            unseen,
            listing: texts.map(|texts| listing::<G>(&region, &texts)),
            translate_time: took + start.elapsed(),
        };
        (function, basis)
    }
}
