//! What the tiers record is what they did: counts add up, and every region is whole.
#![cfg(feature = "jit")]

mod common;

use common::{Ran, at_once, at_threshold, configurations, everywhere, interpreter, program, run};
use kiln::guests::Machine;
use kiln::guests::lc3::Lc3;
use kiln::record::{Doing, Record, Region, What, Why};
use kiln::tier::{Config, Optimisations, Tiers};

const BUDGET: u64 = 3_000_000;

/// Runs a benchmark with everything recorded.
fn recorded(name: &str, config: &Config) -> Ran {
    let bench = Lc3::BENCHES
        .iter()
        .find(|bench| bench.file == format!("{name}.asm"))
        .expect("there is such a benchmark");
    run(&program(bench.source), Config { record: true, ..config.clone() }, BUDGET)
}

fn record(ran: &Ran) -> &Record {
    ran.vm.record().expect("it was asked for")
}

#[test]
fn counts_add_up() {
    for name in ["sieve", "interp", "selfmod", "list", "output"] {
        for (configuration, config) in configurations() {
            let ran = recorded(name, &config);
            let (record, stats) = (record(&ran), ran.vm.stats());
            let at = format!("{name}, {configuration}");
            let sum = |of: fn(&Region) -> u64| record.regions.iter().map(of).sum::<u64>();
            assert_eq!(record.lost, 0, "{at}");
            assert_eq!(record.regions.len() as u64, stats.regions + stats.shared, "{at}");
            assert_eq!(sum(|region| region.retired), stats.native, "{at}");
            assert_eq!(
                sum(|region| if region.is_reused { 0 } else { region.code_bytes as u64 }),
                stats.code_bytes,
                "{at}"
            );
            assert_eq!(sum(|region| region.runs), stats.exits.iter().sum::<u64>(), "{at}");
            for (reason, count) in stats.exits() {
                let exits = |region: &Region| {
                    let exits = region.details.as_ref().expect("it is small").exits.iter();
                    exits.filter(|exit| exit.reason == reason).map(|exit| exit.count).sum::<u64>()
                };
                assert_eq!(record.regions.iter().map(exits).sum::<u64>(), count, "{at}: {reason}");
            }
            let events = |is: fn(&What) -> bool| record.events.iter().filter(|e| is(&e.what)).count() as u64;
            assert_eq!(
                events(|what| matches!(what, What::Installed(_))),
                stats.regions + stats.shared,
                "{at}"
            );
            assert_eq!(events(|what| matches!(what, What::Rejected(_))), stats.rejected, "{at}");
            let dropped = |is: fn(&Why) -> bool| {
                let whys = record.regions.iter().filter_map(|region| region.dropped.as_ref());
                whys.filter(|why| is(why)).count() as u64
            };
            assert_eq!(
                dropped(|why| matches!(why, Why::Changed(_) | Why::Watched(_))),
                stats.invalidated,
                "{at}"
            );
            assert_eq!(dropped(|why| matches!(why, Why::Unprofitable { .. })), stats.unprofitable, "{at}");
            assert_eq!(dropped(|_| true), events(|what| matches!(what, What::Dropped(..))), "{at}");
            if config.tiers == Tiers::Jit {
                assert!(stats.regions > 0, "{at}");
            }
            assert!(
                record.events.is_sorted_by(|a, b| a.seconds <= b.seconds && a.instructions <= b.instructions)
            );
        }
    }
}

#[test]
fn regions_are_whole() {
    for name in ["sieve", "interp", "fib"] {
        let ran = recorded(name, &at_threshold());
        assert!(!record(&ran).regions.is_empty());
        for region in &record(&ran).regions {
            let details = region.details.as_ref().expect("it is small");
            let (instructions, blocks) = (&details.listing.instructions, &details.listing.blocks);
            assert_eq!(instructions.len(), region.instructions);
            assert_eq!(instructions[0].pc, region.pc);
            let mut next = 0;
            for block in blocks {
                assert_eq!(block.instructions.start, next);
                next = block.instructions.end;
                for edge in &block.edges {
                    let to = edge.block.map(|b| instructions[blocks[b].instructions.start].pc);
                    assert!(to.is_none_or(|pc| pc == edge.pc));
                }
            }
            assert_eq!(next, instructions.len());
            assert!(details.exits.iter().all(|exit| exit.instruction < instructions.len()));
            for exit in details.exits.iter().filter(|exit| exit.reason == "load" || exit.reason == "trap") {
                assert_eq!(exit.pc, Some(instructions[exit.instruction].pc), "{exit:?}");
            }
        }
    }
}

#[test]
fn code_is_said_to_come_from_instructions() {
    let ran = recorded("sieve", &at_threshold());
    let hottest = record(&ran).regions.iter().max_by_key(|region| region.retired).unwrap();
    let details = hottest.details.as_ref().unwrap();
    let adds = details.clif.lines().filter(|line| line.starts_with('@') && line.contains("iadd")).count();
    assert!(adds > 0, "{}", details.clif);
    if cfg!(target_arch = "x86_64") {
        let code = details.machine_code(hottest.address);
        assert_eq!(code[0].address, hottest.address);
        // Every copy of an unrolled loop has code of its own: what it computes may have been found elsewhere, but not
        // what it stores.
        let stores = details.listing.instructions.iter().filter(|i| i.text.starts_with("STR")).count();
        assert!(stores > 1, "{}", details.listing);
        for (number, instruction) in details.listing.instructions.iter().enumerate() {
            let has_code = code.iter().any(|host| host.instruction == Some(number));
            assert!(has_code || !instruction.text.starts_with("STR"), "{instruction:?}");
        }
        let assembly = details.assembly(hottest.address);
        assert!(assembly.contains("; region\n") && assembly.contains("  ret"), "{assembly}");
    }
}

#[test]
fn nothing_is_kept_unasked() {
    let ran = run(&program(Lc3::BENCHES[0].source), at_once(), BUDGET);
    assert!(ran.vm.stats().regions > 0);
    assert!(ran.vm.record().is_none());
}

#[test]
fn another_thread_sees_what_the_machine_does() {
    let case = program(".ORIG x3000\nLOOP ADD R0, R0, #1\nBR LOOP\n.END");
    let (mut vm, _) = kiln::fuzz::Case::machine(&case, Config { record: true, ..at_once() });
    let activity = vm.record().expect("it was asked for").activity();
    assert_eq!(activity.now(), Doing::Interpreting);
    let running = std::sync::atomic::AtomicBool::new(true);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            while activity.now() != Doing::Native(0) {
                std::thread::yield_now();
            }
            running.store(false, std::sync::atomic::Ordering::Relaxed);
        });
        while running.load(std::sync::atomic::Ordering::Relaxed) {
            vm.run(BUDGET);
        }
        watcher.join().unwrap();
    });
    assert_eq!(activity.now(), Doing::Interpreting);
}

/// A place in a subroutine is hot first: what is compiled is the loop around all of the calls, once.
#[test]
fn the_loop_around_hot_subroutines_is_one_region() {
    let ran = recorded("strings", &Config::default());
    let places: Vec<String> =
        record(&ran).regions.iter().map(|region| format!("{:04X}", region.pc)).collect();
    assert_eq!(places, ["3018"]);
}

/// The stack pointer of the machine in the machine is outside of what gates let pass when its loop is hot.
#[test]
fn no_gate_is_made_that_would_be_shut_at_once() {
    let ran = recorded("interp", &Config::default());
    assert_eq!(record(&ran).regions.len(), 1);
    assert!(ran.vm.stats().exits().iter().all(|exit| exit.0 != "gate"), "{:?}", ran.vm.stats().exits());
}

/// The hot loop goes over the bits of a word: entered from the loop around it, it is one that can be written out.
#[test]
fn a_region_is_entered_at_the_loop_around_the_hot_one() {
    let ran = recorded("collatz", &Config::default());
    let regions = &record(&ran).regions;
    assert!(!regions.is_empty());
    assert!(regions.iter().all(|region| region.pc == 0x3007), "{:04X?}", regions[0].pc);
}

/// The loop around two that are hot one after the other is native when the second is, and left at each turn for a trap before
/// them: it is not taken up again.
#[test]
fn a_region_is_taken_up_once() {
    let source = "
        .ORIG x3000
        LD R2, TURNS
        AND R4, R4, #0
OUTER   ADD R5, R5, #1
        ADD R5, R5, R5
        ADD R5, R5, #1
        ADD R5, R5, R5
        ADD R5, R5, #1
        ADD R5, R5, R5
        ADD R5, R5, #1
        ADD R5, R5, R5
        ADD R5, R5, #1
        ADD R5, R5, R5
        ADD R5, R5, #1
        ADD R4, R4, #0
        BRz SAY
BACK    LD R1, BITS
FIRST   ADD R3, R3, R1
        ADD R1, R1, #-1
        BRp FIRST
        LD R1, BITS
SECOND  ADD R3, R3, R1
        ADD R1, R1, #-1
        BRp SECOND
        ADD R2, R2, #-1
        BRp OUTER
        HALT
SAY     LD R0, DOT
        OUT
        BRnzp BACK
TURNS   .FILL #10000
BITS    .FILL #16
DOT     .FILL x2E
        .END";
    let ran = run(&program(source), Config { record: true, ..Config::default() }, BUDGET);
    assert_eq!(ran.output.len(), 10_000);
    let stats = ran.vm.stats();
    assert_eq!((stats.shared, stats.rejected), (0, 0));
    let outer = record(&ran).regions.iter().filter(|region| region.pc == 0x3002);
    assert_eq!(outer.filter(|region| region.runs > 1000).count(), 1);
}

/// After a while, its loop goes where it never was.
#[test]
fn what_leads_to_new_code_is_made_again_with_it() {
    let source = "
        .ORIG x3000
        LD R0, TURNS
        LD R4, FEW
        AND R3, R3, #0
TURN    ADD R2, R0, R4
        BRnz NEW
BACK    ADD R3, R3, #1
        ADD R0, R0, #-1
        BRp TURN
        HALT
NEW     ADD R3, R3, #2
        BRnzp BACK
TURNS   .FILL #32000
FEW     .FILL #-8000
        .END";
    let config = Config { record: true, ..Config::default() };
    let ran = run(&program(source), config, BUDGET);
    assert_eq!(ran.r(3), 32_000 + 2 * 8000);
    let regions = &record(&ran).regions;
    let again: Vec<_> = regions.iter().filter(|region| region.dropped == Some(Why::Unseen)).collect();
    assert_eq!(again.len(), 1);
    let last = regions.last().unwrap();
    assert_eq!((last.pc, last.dropped.as_ref()), (again[0].pc, None));
    let listing = &last.details.as_ref().unwrap().listing;
    assert!(listing.instructions.iter().any(|insn| insn.text == "ADD R3, R3, #2"));
    // From then on control stays in it.
    assert!(last.runs <= 2, "{} runs", last.runs);
}

/// What its loop leads to is written anew before each turn, and so is never known when the loop is compiled.
#[test]
fn nothing_is_made_again_for_what_is_always_new() {
    let source = "
        .ORIG x3000
        LD R2, TURNS
        LD R4, WORD
OUTER   ST R4, PATCH
        LD R1, BITS
INNER   ADD R3, R3, R1
        ADD R1, R1, #-1
        BRp INNER
        BRnzp PATCH
TURNS   .FILL #10000
BITS    .FILL #16
WORD    ADD R5, R5, #1
PATCH   .BLKW 1
        ADD R2, R2, #-1
        BRp OUTER
        HALT
        .END";
    let ran = run(&program(source), Config { record: true, ..Config::default() }, BUDGET);
    assert_eq!(ran.r(5), 10_000);
    let regions = &record(&ran).regions;
    assert!((1..10).contains(&regions.len()), "{} regions", regions.len());
    assert!(regions.iter().filter(|region| region.dropped == Some(Why::Unseen)).count() <= 1);
}

/// Two tasks that give way to each other: what calls YIELD is returned to by the other's call.
const COROUTINES: &str = "
        .ORIG x3000
        LD R2, TURNS
        LEA R0, OTHER
        ST R0, AWAY
ONE     ADD R3, R3, #1
        JSR YIELD
        ADD R3, R3, #2
        JSR YIELD
        ADD R2, R2, #-1
        BRp ONE
        HALT
OTHER   ADD R4, R4, #3
        JSR YIELD
        BRnzp OTHER
YIELD   LD R1, AWAY
        ST R7, AWAY
        ADD R7, R1, #0
        RET
TURNS   .FILL #30000
AWAY    .FILL 0
        .END";

#[test]
fn what_returns_elsewhere_is_made_again_with_that() {
    let case = program(COROUTINES);
    everywhere(&case, BUDGET, |ran| {
        assert_eq!((ran.r(3), ran.r(4)), ((3 * 30_000) as u16, (2 * 3 * 30_000 % 65536) as u16));
    });
    let ran = run(&case, Config { record: true, ..Config::default() }, BUDGET);
    let regions = &record(&ran).regions;
    assert!(regions.iter().any(|region| region.dropped == Some(Why::Targets)));
    // From then on control stays in it.
    let last = regions.last().unwrap();
    assert_eq!(last.dropped, None);
    assert!(last.runs <= 2, "{} runs", last.runs);
}

/// Threaded code: five words, each of which goes on to the next by itself.
const THREADED: &str = "
        .ORIG x3000
        LEA R5, REST
        BRnzp INC
DOUBLE  ADD R3, R3, R3
        LDR R0, R5, #0
        ADD R5, R5, #1
        JMP R0
INC     ADD R3, R3, #1
        LDR R0, R5, #0
        ADD R5, R5, #1
        JMP R0
INVERT  NOT R3, R3
        LDR R0, R5, #0
        ADD R5, R5, #1
        JMP R0
SUM     ADD R4, R4, R3
        LDR R0, R5, #0
        ADD R5, R5, #1
        JMP R0
AGAIN   LD R1, TURNS
        ADD R1, R1, #-1
        ST R1, TURNS
        BRz DONE
        LEA R5, CODE
        LDR R0, R5, #0
        ADD R5, R5, #1
        JMP R0
DONE    HALT
TURNS   .FILL #10000
CODE    .FILL INC
REST    .FILL DOUBLE
        .FILL SUM
        .FILL INVERT
        .FILL DOUBLE
        .FILL INC
        .FILL SUM
        .FILL DOUBLE
        .FILL SUM
        .FILL AGAIN
        .END";

/// What a gate has kept of the budget comes along to where jumps are compared together: a loop with a gate, too long to be
/// copied, ends in one.
#[test]
fn budgets_are_whole_where_jumps_are_compared_together() {
    let body = "        ADD R3, R3, #1\n".repeat(24);
    let fill = format!(
        "FILL    LD R1, WORDS
        LD R2, COUNT
L       STR R3, R1, #0
{body}        ADD R1, R1, #1
        ADD R2, R2, #-1
        BRp L
        LDR R0, R5, #0
        ADD R5, R5, #1
        JMP R0
WORDS   .FILL x4000
COUNT   .FILL #100
AGAIN"
    );
    let source = THREADED.replace("AGAIN   LD", &format!("{fill}   LD")).replace("#10000", "#400");
    // From there control goes on to several places.
    let source = source.replace(".FILL INVERT", ".FILL FILL\n        .FILL INVERT");
    let source = source.replace(".FILL AGAIN", ".FILL FILL\n        .FILL AGAIN");
    let case = program(&source);
    let instructions = run(&case, interpreter(), BUDGET).vm.instructions();
    everywhere(&case, BUDGET, |ran| assert_eq!(ran.vm.instructions(), instructions));
    assert_eq!(run(&case, Config::default(), BUDGET).vm.instructions(), instructions);
}

#[test]
fn jumps_to_the_same_many_places_are_compared_together() {
    let (mut r3, mut r4) = (0u16, 0u16);
    for _ in 0..10_000 {
        let double = |r3: u16| r3.wrapping_mul(2);
        r3 = double(r3.wrapping_add(1));
        r4 = r4.wrapping_add(r3);
        r3 = double(!r3).wrapping_add(1);
        r4 = r4.wrapping_add(r3);
        r3 = double(r3);
        r4 = r4.wrapping_add(r3);
    }
    let case = program(THREADED);
    everywhere(&case, BUDGET, |ran| assert_eq!((ran.r(3), ran.r(4)), (r3, r4)));
    let ran = run(&case, Config { record: true, ..Config::default() }, BUDGET);
    let last = record(&ran).regions.last().unwrap();
    assert!(last.runs <= 2, "{} runs", last.runs);
    // Each place is looked for once, not once for each of the jumps.
    let clif = &last.details.as_ref().unwrap().clif;
    let compared = clif.lines().filter(|line| line.contains("icmp") && line.contains(" eq ")).count();
    assert!((5..10).contains(&compared), "{clif}");
}

/// A long loop, and one of six turns that it ends in.
fn with_short_loop(long: u16) -> String {
    format!(
        "
        .ORIG x3000
OUTER   LD R1, LONG
INNER   ADD R3, R3, R1
        ADD R1, R1, #-1
        BRp INNER
        AND R2, R2, #0
        ADD R2, R2, #6
SHORT   ADD R5, R5, #7
        ADD R2, R2, #-1
        BRp SHORT
        BRnzp OUTER
LONG    .FILL #{long}
        .END"
    )
}

#[test]
fn cold_loops_are_not_copied() {
    let copies = |source: &str| {
        let ran = run(&program(source), Config { record: true, ..Config::default() }, BUDGET);
        let insns = &record(&ran).regions.last().unwrap().details.as_ref().unwrap().listing.instructions;
        insns.iter().filter(|insn| insn.text == "ADD R5, R5, #7").count()
    };
    assert_eq!(copies(&with_short_loop(8000)), 1);
    assert_eq!(copies(&with_short_loop(10)), 6);
}

/// A loop that calls a subroutine of 101 instructions in twelve places, and another one in every thousandth turn.
fn with_long_callee() -> String {
    let (long, calls) = ("ADD R5, R5, #1\n".repeat(98), "JSR LONG\n".repeat(12));
    format!(
        "
        .ORIG x3000
        LD R1, TURNS
        AND R3, R3, #0
LOOP    {calls}
        ADD R3, R3, #-1
        BRp NEXT
        JSR RARE
NEXT    ADD R1, R1, #-1
        BRp LOOP
        HALT
TURNS   .FILL #2400
OFTEN   .FILL #1000
RARE    LD R3, OFTEN
        ADD R6, R6, #9
        RET
LONG    ADD R4, R4, #3
        {long}
        ADD R4, R4, #1
        RET
        .END"
    )
}

#[test]
fn a_large_region_has_a_callee_once_and_no_cold_code() {
    let case = program(&with_long_callee());
    everywhere(&case, BUDGET, |ran| {
        assert_eq!((ran.r(4), ran.r(6)), ((4 * 12 * 2400_u32) as u16, 3 * 9));
    });
    let ran = run(&case, Config { record: true, ..Config::default() }, BUDGET);
    let regions = &record(&ran).regions;
    let times = |region: &Region, text: &str| {
        let insns = &region.details.as_ref().unwrap().listing.instructions;
        insns.iter().filter(|insn| insn.text == text).count()
    };
    let last = regions.last().unwrap();
    assert!(regions.iter().all(|region| times(region, "ADD R4, R4, #3") <= 1));
    assert_eq!((times(last, "ADD R4, R4, #3"), times(last, "ADD R6, R6, #9")), (1, 0));
    assert!(last.runs <= 8 && last.retired > BUDGET / 2, "{} runs, {} retired", last.runs, last.retired);
}

/// A subroutine that calls itself twice, five deep, with a loop before that is hot before it has returned.
const RECURSION: &str = "
        .ORIG x3000
        LD R6, STACK
AGAIN   AND R0, R0, #0
        ADD R0, R0, #5
        JSR TREE
        ADD R3, R3, #1
        BRnzp AGAIN
STACK   .FILL x8000
TURNS   .FILL #300
TREE    LD R1, TURNS
COUNT   ADD R2, R2, R1
        ADD R1, R1, #-1
        BRp COUNT
        ADD R0, R0, #-1
        BRn LEAF
        ADD R6, R6, #-1
        STR R7, R6, #0
        JSR TREE
        JSR TREE
        LDR R7, R6, #0
        ADD R6, R6, #1
LEAF    ADD R0, R0, #1
        RET
        .END";

#[test]
fn what_calls_itself_is_in_its_region_once() {
    let case = program(RECURSION);
    everywhere(&case, BUDGET, |_| {});
    let optimisations = Optimisations { unrolling: false, ..Optimisations::default() };
    let ran = run(&case, Config { record: true, optimisations, ..Config::default() }, BUDGET);
    let last = record(&ran).regions.last().unwrap();
    let insns = &last.details.as_ref().unwrap().listing.instructions;
    for text in ["ADD R2, R2, R1", "STR R7, R6, #0", "LDR R7, R6, #0"] {
        assert_eq!(insns.iter().filter(|insn| insn.text == text).count(), 1, "{text}");
    }
    // A whole tree at a time.
    assert!(last.retired > 40_000 * last.runs, "{} retired, {} runs", last.retired, last.runs);
}

/// Calls one subroutine 100 times and then another, which is long, with loops before and behind the call.
const CALLS_ANOTHER: &str = "
        .ORIG x3000
        LD R5, HUNDRED
        LEA R2, FIRST
        ST R2, CALLEE
TURN    LD R1, LONG
AHEAD   ADD R4, R4, #1
        ADD R1, R1, #-1
        BRp AHEAD
        LD R2, CALLEE
        JSRR R2
        LD R1, LONG
BEHIND  ADD R3, R3, #3
        ADD R1, R1, #-1
        BRp BEHIND
        ADD R5, R5, #-1
        BRnp TURN
        LEA R2, SECOND
        ST R2, CALLEE
        BRnzp TURN
FIRST   RET
SECOND  LD R1, LONG
OTHER   ADD R6, R6, #2
        ADD R1, R1, #-1
        BRp OTHER
        RET
HUNDRED .FILL #100
LONG    .FILL #2000
CALLEE  .BLKW 1
        .END";

/// What is behind the call is native, though the region that it is in was left for what it did not have.
#[test]
fn control_comes_back_into_the_middle_of_a_region() {
    let case = program(CALLS_ANOTHER);
    everywhere(&case, BUDGET, |_| {});
    let ran = run(&case, Config { record: true, ..Config::default() }, BUDGET);
    let regions = &record(&ran).regions;
    let has = |region: &&Region, text: &str| {
        let insns = &region.details.as_ref().unwrap().listing.instructions;
        insns.iter().any(|insn| insn.text == text)
    };
    let first = regions.iter().find(|region| has(region, "ADD R4, R4, #1")).expect("the loop is native");
    assert!(!has(&first, "ADD R6, R6, #2"), "it was found before the other subroutine was called");
    let exits = first.details.as_ref().unwrap().exits.iter();
    let indirect: u64 = exits.filter(|exit| exit.reason == "indirect").map(|exit| exit.count).sum();
    // The second time control came in behind the call.
    assert!(indirect >= 2 && first.runs > indirect, "{} runs, {indirect} to unknown places", first.runs);
    let interpreted = ran.vm.stats().interpreted;
    assert!(interpreted < 190_000, "{interpreted} were interpreted: what is behind the call, too");
}

/// Adds one to 2000 words, again and again.
const INCREMENTS: &str = "
        .ORIG x3000
OUTER   LD R1, WORDS
        LD R2, COUNT
INNER   LDR R0, R1, #0
        ADD R0, R0, #1
        STR R0, R1, #0
        ADD R1, R1, #1
        ADD R2, R2, #-1
        BRp INNER
        ADD R4, R4, #1
        BRnzp OUTER
WORDS   .FILL x4000
COUNT   .FILL #2000
        .END";

#[test]
fn a_copied_loop_in_another_has_its_gate() {
    let ran = run(&program(INCREMENTS), Config { record: true, ..Config::default() }, BUDGET);
    let last = record(&ran).regions.last().unwrap();
    let details = last.details.as_ref().unwrap();
    assert!(details.listing.instructions.iter().filter(|insn| insn.text == "ADD R0, R0, #1").count() > 1);
    assert!(details.listing.instructions.iter().any(|insn| insn.text == "ADD R4, R4, #1"));
    // No attributes are tested in it.
    assert!(!details.clif.contains("+2048"), "{}", details.clif);
}

/// Looks a table up whose index has its highest bit set.
const LARGE_INDEX: &str = "
        .ORIG x3000
        LD R1, INDEX
        LD R2, TURNS
LOOP    LD R3, TABLE
        ADD R3, R3, R1
        LDR R0, R3, #0
        ADD R4, R4, R0
        ADD R1, R1, #1
        ADD R2, R2, #-1
        BRp LOOP
        HALT
INDEX   .FILL x8000
TURNS   .FILL #15000
TABLE   .FILL x4000
        .END";

#[test]
fn an_index_that_is_not_small_is_no_reason_to_leave_for_long() {
    let case = program(LARGE_INDEX);
    everywhere(&case, BUDGET, |ran| assert_eq!(ran.r(1), 0x8000 + 15_000));
    let ran = run(&case, Config { record: true, ..Config::default() }, BUDGET);
    let last = record(&ran).regions.last().unwrap();
    assert_eq!(last.dropped, None);
    assert!(last.runs <= 2, "{} runs", last.runs);
}

/// Loads in the CLIF of what a program has compiled.
fn loads(source: &str, forwarding: bool) -> usize {
    let optimisations = Optimisations { forwarding, unrolling: false, ..Optimisations::default() };
    let ran = run(&program(source), Config { record: true, optimisations, ..at_threshold() }, BUDGET);
    let clif = ran.vm.record().unwrap().regions[0].details.as_ref().unwrap().clif.clone();
    clif.lines().filter(|line| line.contains("load.i16 notrap region1")).count()
}

const FRAME: &str = "
        .ORIG x3000
        LEA R0, PLACES
        LDR R5, R0, #0
        LDR R6, R0, #1
        LD R1, COUNT
        AND R4, R4, #0
";
const COUNT: &str = "
        ADD R1, R1, #-1
        BRp LOOP
        HALT
COUNT   .FILL #1000
PLACES  .FILL x4000
        .FILL x3FFF
        .END";

#[test]
fn what_was_stored_beside_is_not_loaded_again() {
    let body = "
LOOP    STR R1, R5, #0
        STR R4, R5, #1
        LDR R2, R5, #0
        LDR R3, R5, #1
        ADD R4, R2, R3
        AND R2, R1, #1
        BRz EVEN
        STR R2, R5, #2
EVEN    LDR R2, R5, #0
        ADD R4, R4, R2";
    let source = [FRAME, body, COUNT].concat();
    assert_eq!(loads(&source, true), 0);
    assert!(loads(&source, false) >= 2);
    everywhere(&program(&source), BUDGET, |ran| assert_eq!(ran.r(4), 1_001_000_u32 as u16));
}

/// Through another pointer, the same word is stored: on all ways, or on one.
#[test]
fn what_may_have_been_stored_elsewhere_is_loaded() {
    let always = "
LOOP    STR R1, R5, #0
        NOT R2, R1
        STR R2, R6, #1
        LDR R3, R5, #0
        ADD R4, R4, R3";
    let source = [FRAME, always, COUNT].concat();
    everywhere(&program(&source), BUDGET, |ran| assert_eq!(ran.r(4), -501_500_i32 as u16));
    let on_one_way = "
LOOP    STR R1, R5, #0
        AND R2, R1, #1
        BRz EVEN
        STR R2, R6, #1
EVEN    LDR R3, R5, #0
        ADD R4, R4, R3";
    let source = [FRAME, on_one_way, COUNT].concat();
    // The even numbers up to 1000, and 1 for each odd one.
    everywhere(&program(&source), BUDGET, |ran| assert_eq!(ran.r(4), (250_500 + 500_u32) as u16));
}
