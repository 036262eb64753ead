//! Iridium programs: known answers, every way that control goes, faults and what they say, programs that grow while they run,
//! and the examples.

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{Ran, at_once, everywhere, interpreter, run};
use kiln::device::Console;
use kiln::fuzz::Case as _;
use kiln::guest::{Guest, Stop};
use kiln::guests::check::holds;
use kiln::guests::iridium::generate::Case;
use kiln::guests::iridium::image::Image;
use kiln::guests::iridium::isa::{EXIT, HEAP_LEN, HEAP_LIMIT, Numbering, SP, STACK, STACK_LEN, f, r};
use kiln::guests::iridium::symbols::Place;
use kiln::guests::iridium::{Iridium, asm};
use kiln::guests::{Machine, Settings};
use kiln::vm::Vm;

/// Far more than any program here takes.
const BUDGET: u64 = 1 << 30;

fn image(source: &str) -> Image {
    let assembly = asm::assemble("test.iasm", source, Numbering::Series);
    assembly.image.unwrap_or_else(|| panic!("{source}\n{:?}", assembly.diagnostics))
}

fn case(source: &str) -> Case {
    Case { image: image(source), numbering: Numbering::Series, heap: HEAP_LIMIT, changes: Vec::new() }
}

/// Runs instructions in every configuration and checks claims about registers, such as `$0 = 5`. There is enough to do for
/// native code everywhere.
fn leaves(code: &str, claims: &[&str]) {
    everywhere(&case(&format!(".code\n{code}")), BUDGET, |ran| has(ran, code, claims));
}

/// The same of what is done once.
fn leaves_once(code: &str, claims: &[&str]) {
    once(&case(&format!(".code\n{code}")), |ran| has(ran, code, claims));
}

fn has(ran: &Ran<Iridium>, code: &str, claims: &[&str]) {
    assert!(matches!(ran.stop, Stop::Halted), "{:?}\n{code}", ran.stop);
    for claim in claims {
        holds::<Iridium>(ran.vm.state(), claim).unwrap_or_else(|why| panic!("{why}\n{code}"));
    }
}

/// Runs a program in the interpreter and in native code.
fn once(case: &Case, check: impl Fn(&Ran<Iridium>)) {
    for config in [interpreter(), at_once()] {
        check(&run(case, config, BUDGET));
    }
}

/// The fault that a program ends with: reason, detail, address and instruction.
fn faults(code: &str, expected: &str) {
    once(&case(&format!(".code\n{code}")), |ran| match &ran.stop {
        Stop::Fault(fault) => {
            let found = format!("{}: {} at {}: {}", fault.reason, fault.detail, fault.pc, fault.instruction);
            assert_eq!(found, expected, "{code}");
        }
        stop => panic!("{stop:?}\n{code}"),
    });
}

#[test]
fn the_known_answers() {
    let code = vec![0x00, 0x00, 0x01, 0xf4, 0x05, 0x00, 0x00, 0x00];
    let image = Image { code, ..Image::default() };
    let case = Case { image, numbering: Numbering::Series, heap: 0, changes: Vec::new() };
    let ran = run(&case, interpreter(), BUDGET);
    assert!(matches!(ran.stop, Stop::Halted));
    assert_eq!((ran.vm.state().get(r(0)), ran.vm.state().get(EXIT)), (500, 0));

    leaves_once("load $0 #0\ncloop #10\nl: inc $0\nloop @l\nhlt", &["$0 = 11", "counter = 0"]);
    leaves_once(
        "load $0 #50000\nload $1 #-50000\nload $2 #2147483647\nload $3 #-2147483648\nhlt",
        &["$0 = 50000", "$1 = -50000", "$2 = 2147483647", "$3 = -2147483648"],
    );
}

#[test]
fn the_first_parts_program() {
    let code = vec![0x00, 0x00, 0x01, 0xf4, 0x06, 0x00, 0x00, 0x00];
    let image = Image { code, ..Image::default() };
    let settings = Settings { profile: Some("part1".to_owned()), ..Settings::default() };
    let (guest, state) = Iridium::machine(&image, &settings, Console::scripted("").0);
    let mut vm = Vm::new(guest, state, interpreter());
    assert!(matches!(vm.run(BUDGET), Stop::Halted));
    assert_eq!((vm.state().get(r(0)), vm.state().get(EXIT)), (500, 0));
}

#[test]
fn every_loop() {
    const TIMES: &str = "load $1 #3000\nload $2 #0\nload $3 #7\n";
    // Direct, through a register that is set inside the loop and outside of it, forwards and backwards.
    for (name, body) in [
        ("djmpe", "l: add $0 $3 $0\ndec $1\ngt $1 $2\ndjmpe @l"),
        ("jmpe", "l: add $0 $3 $0\ndec $1\ngt $1 $2\nload $9 @l\njmpe $9"),
        ("jmpe outside", "load $9 @l\nl: add $0 $3 $0\ndec $1\ngt $1 $2\njmpe $9"),
        ("jmp", "l: add $0 $3 $0\ndec $1\nlte $1 $2\ndjmpe @out\nload $9 @l\njmp $9\nout:"),
        ("jmpb", "load $9 #18\nl: add $0 $3 $0\ndec $1\nlte $1 $2\ndjmpe @out\njmpb $9\nout:"),
        ("jmpf", "load $9 #-18\nl: add $0 $3 $0\ndec $1\nlte $1 $2\ndjmpe @out\njmpf $9\nout:"),
        ("loop", "cloop #2999\nl: add $0 $3 $0\nloop @l"),
        ("always", "l: add $0 $3 $0\ndec $1\nlte $1 $2\ndjmpe @out\neq $1 $1\ndjmpe @l\nout:"),
    ] {
        leaves(&format!("; {name}\n{TIMES}{body}\nhlt"), &["$0 = 21000"]);
    }
}

#[test]
fn calls_and_the_stack() {
    const FIB: &str = "load $3 #2\nload $1 #15\ncall @fib\nhlt\nfib: lt $1 $3\ndjmpe @small\npush $1\ndec $1\ncall @fib\n\
        push $0\ndec $1\ncall @fib\npop $2\nadd $0 $2 $0\npop $1\nret\nsmall: or $1 $1 $0\nret";
    leaves_once(FIB, &["$0 = 610", "sp = 0", "bp = 0"]);
    // What a subroutine leaves on the stack goes with its frame.
    leaves(
        "load $1 #500\nl: call @f\ndec $1\ngt $1 $2\ndjmpe @l\nhlt\nf: push $1\npush $1\nret",
        &["sp = 0"],
    );
    // A return to what was pushed.
    leaves_once(
        "push $9\nload $1 @to\npush $1\npush $9\ncall @f\nhlt\nto: inc $5\nhlt\nf: pop $8\npop $8\nload $7 @to\n\
            push $7\npush $8\nret",
        &["$5 = 1"],
    );
}

#[test]
fn doubles_come_out_exactly() {
    leaves_once(
        "loadf64 $0 #0.1\nloadf64 $1 #-2.5\nloadf64 $2 #1e300\nloadf64 $3 #-0.0\nloadf64 $4 #123456789\nhlt",
        &["f0 = 0.1", "f1 = -2.5", "f2 = 1e300", "f3 = -0", "f4 = 123456789", "f31 = 0"],
    );
}

/// A NaN is the same in every tier, whichever operands it came from.
#[test]
fn nans_are_one() {
    let code = "loadf64 $2 #1\ndivf64 $0 $0 $1\nload $1 #2000\nl: addf64 $1 $2 $3\naddf64 $2 $1 $4\nsubf64 $4 $3 $5\n\
        mulf64 $5 $1 $6\nltf64 $6 $2\ndjmpe @no\nneqf64 $6 $6\ndjmpe @yes\nno: hlt\nyes: inc $0\ndec $1\ngt $1 $9\n\
        djmpe @l\nhlt";
    leaves(code, &["$0 = 2000", "f3 = NaN", "f6 = NaN"]);
}

#[test]
fn faults_say_what_is_wrong() {
    faults("load $1 #9\ndiv $1 $2 $3", "division_by_zero: the divisor is 0 at 72: div $1 $2 $3");
    faults(
        "aloc $1\nloadm $1 $2",
        "heap: 4 bytes at 0 are not all in the heap of 0 bytes at 72: loadm $1 $2",
    );
    faults(
        "load $1 #8\naloc $1\ndec $2\nsetm $2 $1",
        "heap: 4 bytes at -1 are not all in the heap of 8 bytes at 80: setm $2 $1",
    );
    faults("dec $1\naloc $1", "heap_limit: the heap cannot grow by -1 bytes at 72: aloc $1");
    faults("pop $1", "stack_underflow: the stack is empty at 68: pop $1");
    faults("ret", "stack_underflow: RET without a call: bp is 0, which is no frame at 68: ret");
    faults(
        "l: push $1\neq $1 $1\ndjmpe @l",
        "stack_overflow: the stack has 2097152 entries and may have 2097152 at 68: push $1",
    );
    faults("l: call @l", "stack_overflow: the stack has 2097152 entries and may have 2097152 at 68: call @l");
    faults(
        "load $1 #70\njmp $1",
        "bad_jump: 70 is between two instructions, which are four bytes from 68 on at 70: (no instruction)",
    );
    faults("load $1 #7\njmp $1", "bad_jump: 7 is outside the code, which is 68 to 76 at 7: (no instruction)");
    faults(
        ".bytes #0 #32 #0 #0",
        "bad_register: there is no register 32; they are $0 to $31 at 68: .bytes #0 #32 #0 #0",
    );
    faults("prts #3", "bad_string: offset 3 is outside the read-only section (0 bytes) at 68: prts #3");
}

#[test]
fn the_heap_may_be_limited() {
    let limited = Case { heap: 100, ..case(".code\nload $1 #101\naloc $1") };
    let ran = run(&limited, at_once(), BUDGET);
    let Stop::Fault(fault) = &ran.stop else { panic!("{:?}", ran.stop) };
    assert_eq!(fault.detail, "the heap of 0 bytes cannot grow by 101: it may have 100");
}

#[test]
fn ends_have_codes() {
    for (code, exit, pc) in
        [("hlt", 0, 72), ("igl", 1, 72), ("inc $0", 1, 72), (".bytes #200 #0 #0 #0", 1, 72)]
    {
        once(&case(&format!(".code\n{code}")), |ran| {
            assert!(matches!(ran.stop, Stop::Halted), "{code}: {:?}", ran.stop);
            assert_eq!((ran.vm.state().get(EXIT), ran.vm.pc()), (exit, pc), "{code}");
            assert_eq!(ran.vm.guest().exit_code(ran.vm.state()), exit as u8, "{code}");
        });
    }
}

/// Memory that is not used costs nothing: a machine with all that it may have is no more than what it uses.
#[test]
fn memory_grows_as_it_is_used() {
    let ran = run(&case(".code\nhlt"), interpreter(), BUDGET);
    let state = ran.vm.state();
    assert_eq!(state.bytes(STACK.id()).len() + state.get(HEAP_LEN) as usize, 0);
    let ran =
        run(&case(".code\nl: push $1\ninc $1\nload $2 #5000\nlt $1 $2\ndjmpe @l\nhlt"), at_once(), BUDGET);
    let state = ran.vm.state();
    assert_eq!((state.get(SP), state.get(STACK_LEN)), (5000, 8192));
    let copy = state.clone();
    assert_eq!(copy.bytes(STACK.id()), state.bytes(STACK.id()));
    assert_eq!(copy.peek(STACK, 4999), Some(4999));
}

/// A machine at a prompt: lines are added to its program and run at once.
#[test]
fn a_program_grows_while_it_runs() {
    for config in [interpreter(), at_once()] {
        let (console, output) = Console::scripted("");
        let iridium = Iridium::new(Image::with_room("prompt", 64).into(), Numbering::Series, console);
        let state = iridium.power_on(HEAP_LIMIT);
        let mut vm = Vm::new(iridium, state, config);
        let mut line = |text: &str| {
            let added = vm.change_program(|iridium, state| {
                let added = asm::add(iridium.image_mut(), "prompt", text);
                if let Some(code) = &added.code {
                    state.set_pc(code.start);
                }
                added
            });
            if added.code.as_ref().is_some_and(|code| !code.is_empty()) {
                let stop = vm.run(BUDGET);
                assert!(matches!(stop, Stop::Halted), "{text}: {stop:?}");
            }
            vm.guest_mut().flush().unwrap();
            (added, vm.state().get(r(0)), vm.pc())
        };
        let start = 68 + 64;
        assert_eq!(line("load $0 #20").1, 20);
        assert_eq!(line("cloop #9").1, 20);
        let (added, zero, pc) = line("start: inc $0");
        assert_eq!((added.code, zero, pc), (Some(start + 8..start + 12), 21, start + 12));
        // A loop to what was there before.
        assert_eq!(line("loop @start").1, 21 + 9);
        // Data has room, and code does not move.
        assert_eq!(line(".data\nhello: .asciiz 'hello '\n.code").0.code, Some(start + 16..start + 16));
        line("prts @hello");
        line("prts @hello");
        assert_eq!(output.bytes(), b"hello hello ");
        // What is wrong changes nothing.
        let (added, _, pc) = line("start: dec $0\nadd $0");
        assert_eq!((added.code, added.diagnostics.len(), pc), (None, 2, start + 24));
        assert!(
            line(".data\nmore: .asciiz '0123456789012345678901234567890123456789012345678901234567890'")
                .0
                .code
                .is_none()
        );
        // Constants that take several instructions.
        line("loadf64 $1 #1.5\nloadf64 $2 #-1");
        let image = vm.guest().image();
        assert_eq!(image.symbols.get("start"), Some(Place::Code(start + 8)));
        assert_eq!(image.lines.get(start + 8), Some(("prompt", 1)));
        assert_eq!((vm.state().get(f(1)), vm.state().get(f(2)), vm.state().get(f(31))), (1.5, -1.0, 0.0));
    }
}

/// Native code of a program is not run for another.
#[test]
fn a_changed_program_is_the_one_that_runs() {
    let mut vm = case(".code\nl: inc $0\nload $1 #2000\nlt $0 $1\ndjmpe @l\nhlt").machine(at_once()).0;
    assert!(matches!(vm.run(BUDGET), Stop::Halted));
    assert_eq!(vm.state().get(r(0)), 2000);
    vm.change_program(|iridium, state| {
        let start = iridium.image().start();
        iridium.image_mut().code[0] = kiln::guests::iridium::isa::op::DEC - 1;
        iridium.image_mut().code[8] = kiln::guests::iridium::isa::op::GT - 1;
        state.set_pc(start);
        state.set(r(0), 5000);
    });
    assert!(matches!(vm.run(BUDGET), Stop::Halted));
    assert_eq!(vm.state().get(r(0)), 2000);
}

fn examples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/iridium");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "iasm"));
    files.sort();
    assert!(files.len() >= 9, "the examples are not there: {files:?}");
    files
}

/// Every example leaves what its source says, and prints what is in the file beside it.
#[test]
fn the_examples() {
    for path in examples() {
        let source = std::fs::read_to_string(&path).unwrap();
        let case = Case { image: image(&source), ..case(".code") };
        let config = if cfg!(feature = "jit") { Default::default() } else { interpreter() };
        let ran = run(&case, config, BUDGET);
        let name = path.display();
        assert!(matches!(ran.stop, Stop::Halted), "{name}: {:?}", ran.stop);
        let claims: Vec<&str> = source.lines().filter_map(|line| line.strip_prefix("; result: ")).collect();
        let output = std::fs::read(path.with_extension("out")).unwrap_or_default();
        assert!(!claims.is_empty() || !output.is_empty(), "{name} has no known answer");
        for claim in claims {
            holds::<Iridium>(ran.vm.state(), claim).unwrap_or_else(|why| panic!("{name}: {why}"));
        }
        assert_eq!(ran.output, output, "{name}");
        let (native, all) = (ran.vm.stats().native, ran.vm.instructions());
        assert!(
            !cfg!(feature = "jit") || all < 1_000_000 || native * 10 > all * 9,
            "{name}: {:?}",
            ran.vm.stats()
        );
    }
}

/// The programs in Python claim what their counterparts do.
#[test]
fn the_examples_in_python() {
    for bench in Iridium::BENCHES {
        let python = bench.python.expect("each has one");
        let claims = |text: &str, prefix: &str| -> Vec<String> {
            text.lines()
                .filter_map(|line| Some(line.strip_prefix(prefix)?.split(" =").next()?.to_owned()))
                .collect()
        };
        let printed: Vec<String> = claims(python, "print(\"")
            .into_iter()
            .map(|name| name.trim_end_matches('"').to_owned())
            .collect();
        assert_eq!(claims(bench.source, "; result: "), printed, "{}", bench.file);
        let about =
            |text: &str, marks: &[char]| text.lines().next().unwrap().trim_matches(marks).trim().to_owned();
        assert_eq!(about(bench.source, &[';']), about(python, &['"']), "{}", bench.file);
    }
}

#[test]
fn a_machine_of_the_program_has_its_settings() {
    let image = image(".code\nhlt");
    let settings = Settings { values: vec![("heap", 5)], seed: Some(1), ..Settings::default() };
    let (guest, state) = Iridium::machine(&image, &settings, Console::scripted("").0);
    assert_eq!(state.get(kiln::guests::iridium::isa::HEAP_MOST), 5);
    assert_ne!(state.get(r(0)), 0);
    assert!(Arc::ptr_eq(guest.image(), guest.image()));
    assert_eq!(guest.code_len(), 73);
}
