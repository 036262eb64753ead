//! The C that `kiln emit` makes does what the tiers do: output, end, count, pc and registers.
//!
//! These tests need a C compiler: `$CC`, or `cc`.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use kiln::emit;
use kiln::emit::compiler::Compiler;
use kiln::fuzz::beside_c::{self, End, InC, beside_c, end};
use kiln::fuzz::{Case as _, Choices, noise};
use kiln::guest::{Guest, Stop};
use kiln::guests::{self, Machine, Visit};
use kiln::ops::{Pc, Reg};
use kiln::state::State;
use kiln::tier::Config;
use kiln::vm::Vm;

/// Compiles C, all warnings being errors, and runs it; its end, and what it said of it.
fn run_c<G: Guest>(guest: &G, name: &str, c: &str, input: &[u8]) -> (End, String) {
    static COMPILER: LazyLock<Compiler> = LazyLock::new(|| {
        Compiler::find().unwrap_or_else(|why| panic!("these tests need a C compiler; {why}"))
    });
    let program = COMPILER.compile(name, c, &beside_c::FLAGS).unwrap_or_else(|why| panic!("{why}"));
    beside_c::run(guest, &program, input).unwrap_or_else(|why| panic!("{why}"))
}

mod examples {
    use super::*;

    /// Those that the interpreter does in about a second, in a build for debugging.
    const SHORT: u64 = 20_000_000;
    /// They change their code, which C does not.
    const CHANGING: [&str; 2] = ["selfmod", "selfmod2"];

    fn check(path: &Path) {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let mut case = common::program(&fs::read_to_string(path).unwrap());
        case.input = fs::read(path.with_extension("in")).unwrap_or_default();
        let budget = if cfg!(feature = "jit") { 1 << 30 } else { SHORT };
        let ran = common::run(&case, Config::default(), budget);
        if let Stop::Budget = ran.stop {
            return;
        }
        let (mut vm, _) = case.machine(Config::default());
        let (c, said) = run_c(ran.vm.guest(), name, &emit::c(&mut vm, name), &case.input);
        if CHANGING.contains(&name) {
            assert_eq!(c.code, 69, "{name}: {said}");
            assert!(said.contains("changes its code"), "{name}: {said}");
        } else {
            assert_eq!(c, end(&ran.vm, &ran.stop, ran.output), "{name}: {said}");
        }
    }

    /// All with names of this kind, which tests do side by side.
    fn all(kind: impl Fn(&str) -> bool) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/lc3");
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let is_one = |path: &PathBuf| path.extension().is_some_and(|e| e == "asm");
        let mut files: Vec<PathBuf> = files.filter(is_one).collect();
        files.retain(|path| kind(path.file_stem().unwrap().to_str().unwrap()));
        assert!(files.len() >= 10, "the examples are not there: {files:?}");
        files.iter().for_each(|path| check(path));
    }

    #[test]
    fn from_a_to_l() {
        all(|name| name < "m");
    }

    #[test]
    fn from_m_to_z() {
        all(|name| name >= "m");
    }
}

/// Random programs that come to an end and keep to what C assumes do in C what they do here.
struct Random(u64);

impl Visit for Random {
    type Output = ();

    fn visit<G: Machine>(self) {
        let compiler = Compiler::find().unwrap_or_else(|why| panic!("these tests need a C compiler; {why}"));
        let (mut compared, mut stopped) = (0, 0);
        for seed in 0..self.0 {
            let case = G::Case::generate(&mut Choices::new(&noise(seed, 600)));
            match beside_c::<G>(&compiler, &case, None) {
                Ok(InC::Same(_)) => compared += 1,
                // The C says where it has no translation.
                Ok(InC::Untranslated) => stopped += 1,
                Ok(InC::Unfit) => {}
                Err(what) => panic!("{}, seed {seed}: {what}\n{case:?}", G::NAME),
            }
        }
        let name = G::NAME;
        assert!(
            compared > self.0 / 5 && stopped < compared / 2,
            "{name}: {compared} compared, {stopped} stopped"
        );
    }
}

#[test]
fn random_programs() {
    for (name, count) in [("lc3", 40), ("iridium", 10), ("byte", 10), ("wordstack", 10)] {
        guests::visit(name, Random(count)).expect("the guest is listed");
    }
}

/// Words that instructions name hold addresses that are not plain memory, until somebody stores through a pointer to them.
#[test]
fn pointers_may_be_changed_through_pointers() {
    let source = "
        .ORIG x3000
        LEA R1, FIRST
        LD R0, DATA
        STI R0, SHOWN           ; to the display, still
        STR R0, R1, #0
        STR R0, R1, #1
        LDI R2, FIRST
        ADD R2, R2, #7
        STI R2, SHOWN
        LDI R3, SHOWN
        HALT
FIRST   .FILL x0000
SHOWN   .FILL xFE06
DATA    .FILL x4041
        .END";
    let case = common::program(source);
    let ran = common::run(&case, Config::default(), 1000);
    assert_eq!((ran.r(2), ran.r(3), ran.output.as_slice()), (7, 7, b"A".as_slice()));
    let (mut vm, _) = case.machine(Config::default());
    let (c, said) = run_c(ran.vm.guest(), "pointers", &emit::c(&mut vm, "pointers"), &[]);
    assert_eq!(c, end(&ran.vm, &ran.stop, ran.output), "{said}");
}

/// A guest of this file's own, for what LC-3 does without: every operation on every type, spaces with bounds.
mod operations {
    use kiln::device::Console;
    use kiln::emit::{Code, Request, Service};
    use kiln::guest::{After, Insn, Refusal};
    use kiln::ops::{Binary, Cond, Float, FloatCond, Flow, FlowOf, Int, Ops, Space, Type, Via};
    use kiln::state::{Bound, SpaceInfo, lay_out};

    use super::*;

    const BINARIES: [Binary; 11] = [
        Binary::Add,
        Binary::Sub,
        Binary::Mul,
        Binary::Div,
        Binary::Rem,
        Binary::And,
        Binary::Or,
        Binary::Xor,
        Binary::Shl,
        Binary::Shr,
        Binary::Sar,
    ];
    const CONDITIONS: [Cond; 7] = [Cond::Eq, Cond::Ne, Cond::Lt, Cond::Le, Cond::Gt, Cond::Ge, Cond::Below];
    /// Operands: those at the edges of all types, and some in between.
    const NUMBERS: [u64; 14] = [
        0,
        1,
        2,
        7,
        0x7f,
        0x80,
        0xff,
        0x1234,
        0x7fff,
        0x8000,
        0x7fff_ffff,
        0x8000_0000,
        0x7fff_ffff_ffff_ffff,
        u64::MAX,
    ];
    const DOUBLES: [f64; 7] = [0.0, -0.0, 1.5, -2.25, 1e300, f64::INFINITY, f64::NAN];

    const A: Reg<u64> = Reg::new(0);
    const B: Reg<u64> = Reg::new(1);
    /// A checksum of all results.
    const SUM: Reg<u64> = Reg::new(2);
    const FLAG: Reg<bool> = Reg::new(3);
    const X: Reg<f64> = Reg::new(4);
    const Y: Reg<f64> = Reg::new(5);
    const LIMIT: Reg<u32> = Reg::new(6);
    const LINK: Reg<u32> = Reg::new(7);

    const NATURAL: Space<u8, u16> = Space::new(0);
    const HEAP: Space<u32, u32> = Space::new(1);
    const FLOATS: Space<u32, f64> = Space::new(2);

    mod op {
        pub const ADD_UP: u8 = 1;
        pub const FLOATS: u8 = 2;
        pub const SWAP: u8 = 3;
        pub const MEMORY: u8 = 4;
        pub const REQUIRE: u8 = 5;
        pub const CALL: u8 = 6;
        pub const RETURN: u8 = 7;
        pub const JUMP: u8 = 8;
        pub const IF: u8 = 9;
        pub const HALT: u8 = 10;
        pub const END: u8 = 11;
    }

    /// The program is the guest's own.
    struct Calculator(Vec<Insn>);

    /// Everything on values of one type, into the checksum.
    fn on<O: Ops, T: Int>(o: &mut O) {
        let (a, b) = (o.get(A), o.get(B));
        let (a, b) = (o.unsigned::<u64, T>(a), o.unsigned::<u64, T>(b));
        let some = o.imm(T::from_bits(0x85));
        let mut results: Vec<O::V<T>> = Vec::new();
        for op in BINARIES {
            results.extend([o.binary(op, a, b), o.binary(op, a, some), o.binary(op, some, b)]);
        }
        for cond in CONDITIONS {
            for (left, right) in [(a, b), (a, some), (some, b)] {
                let holds = o.compare(cond, left, right);
                let sum = o.add(left, some);
                results.push(o.select(holds, sum, right));
            }
        }
        results.push(o.not(a));
        let mut total = o.get(SUM);
        let factor = o.imm(31u64);
        for v in results {
            let (unsigned, signed) = (o.unsigned::<T, u64>(v), o.signed::<T, u64>(v));
            let both = o.binary(Binary::Xor, unsigned, signed);
            let both = o.add(both, unsigned);
            total = o.binary(Binary::Mul, total, factor);
            total = o.add(total, both);
            // An expression so large is given to a register now and then.
            o.set(SUM, total);
        }
    }

    impl Guest for Calculator {
        const NAME: &'static str = "calculator";
        const SLOTS: &'static [(&'static str, Type)] = &[
            ("$A", Type::I64),
            ("$B", Type::I64),
            ("sum", Type::I64),
            ("flag", Type::Bool),
            ("0", Type::F64),
            ("1", Type::F64),
            ("limit", Type::I32),
            ("link", Type::I32),
        ];
        const OPERATIONS: u8 = op::END;
        const SPACES: &'static [SpaceInfo] = &lay_out([
            SpaceInfo::new("natural", Type::I16, 256, Bound::Natural),
            SpaceInfo::new("heap", Type::I32, 100, Bound::Register(6)).addressed_by_bytes(),
            SpaceInfo::new("floats", Type::F64, 10, Bound::Fixed),
        ]);
        const CODE: Option<usize> = None;

        fn fork(&self, _: Console) -> Calculator {
            Calculator(self.0.clone())
        }

        fn code_len(&self) -> usize {
            self.0.len()
        }
        fn decode(&self, _: &State, pc: Pc) -> Insn {
            self.0.get(pc as usize).copied().unwrap_or(Insn::new(op::HALT, 1, 0, 0, 0))
        }
        fn next(pc: Pc) -> Pc {
            pc + 1
        }
        fn meaning<O: Ops>(insn: Insn, pc: Pc, o: &mut O) -> FlowOf<O> {
            let (a, imm) = (insn.a(), insn.imm());
            match insn.op() {
                op::ADD_UP if insn.b() == 1 => {
                    let number = o.imm(NUMBERS[usize::from(a)]);
                    o.set(A, number);
                    let number = o.imm(NUMBERS[imm as usize]);
                    o.set(B, number);
                }
                op::ADD_UP => match a {
                    0 => on::<O, u8>(o),
                    1 => on::<O, u16>(o),
                    2 => on::<O, u32>(o),
                    _ => on::<O, u64>(o),
                },
                op::FLOATS if insn.b() == 1 => {
                    let bits = o.imm(DOUBLES[usize::from(a)].to_bits());
                    let x = o.bits_float(bits);
                    o.set(X, x);
                    let y = o.imm(DOUBLES[imm as usize]);
                    o.set(Y, y);
                }
                op::FLOATS => {
                    let (x, y, mut total) = (o.get(X), o.get(Y), o.get(SUM));
                    let integer = o.float_bits(y);
                    let integer = o.int_to_float(integer);
                    let ops = [Float::Add, Float::Sub, Float::Mul, Float::Div].map(|op| o.float(op, x, y));
                    let zero = o.imm(0u64);
                    for v in ops.into_iter().chain([integer]) {
                        // Which NaN comes out is the host's affair.
                        let (bits, is_number) = (o.float_bits(v), o.compare_float(FloatCond::Eq, v, v));
                        let bits = o.select(is_number, bits, zero);
                        total = o.add(total, bits);
                    }
                    for (n, cond) in [FloatCond::Eq, FloatCond::Lt, FloatCond::Le].into_iter().enumerate() {
                        let (holds, one) = (o.compare_float(cond, x, y), o.imm(1u64 << n));
                        let one = o.select(holds, one, zero);
                        total = o.add(total, one);
                    }
                    o.set(SUM, total);
                }
                // Both at once, from what both were before; and what a register was, after it was set.
                op::SWAP => {
                    let (a, b) = (o.get(A), o.get(B));
                    o.set(A, b);
                    o.set(B, a);
                    let same = o.compare(Cond::Eq, a, b);
                    o.set(FLAG, same);
                    let again = o.get(A);
                    let total = o.get(SUM);
                    let total = o.binary(Binary::Xor, total, again);
                    o.set(SUM, total);
                }
                // To each space what it held before elsewhere.
                op::MEMORY => {
                    let at = o.get(A);
                    let (narrow, wide) = (o.unsigned::<u64, u8>(at), o.unsigned::<u64, u32>(at));
                    let one = o.imm(1u8);
                    let other = o.add(narrow, one);
                    let short = o.load(NATURAL, other);
                    let word = o.load(HEAP, wide);
                    let float = o.load(FLOATS, wide);
                    let grown = o.unsigned::<u16, u32>(short);
                    let grown = o.add(word, grown);
                    let seven = o.imm(7u16);
                    let shorter = o.add(short, seven);
                    o.store(NATURAL, narrow, shorter);
                    o.store(HEAP, wide, grown);
                    let x = o.get(X);
                    o.store(FLOATS, wide, x);
                    let bits = o.float_bits(float);
                    let total = o.get(SUM);
                    let total = o.add(total, bits);
                    let grown = o.unsigned::<u32, u64>(grown);
                    let total = o.add(total, grown);
                    let short = o.unsigned::<u16, u64>(short);
                    let total = o.add(total, short);
                    o.set(SUM, total);
                    let limit = o.imm(imm);
                    o.set(LIMIT, limit);
                }
                op::REQUIRE => {
                    let (a, b) = (o.get(A), o.get(B));
                    let holds = o.compare(Cond::Ne, a, b);
                    o.require(holds, 3);
                    o.set(B, a);
                }
                op::CALL => {
                    let link = o.imm(pc + 1);
                    o.set(LINK, link);
                    return Flow::Call(imm);
                }
                op::RETURN | op::JUMP => {
                    let to = o.get(LINK);
                    let via = if insn.op() == op::RETURN { Via::Return } else { Via::Jump };
                    return Flow::Dynamic(to, via);
                }
                op::IF => {
                    let (a, zero) = (o.get(A), o.imm(0));
                    let (holds, one) = (o.compare(Cond::Ne, a, zero), o.imm(1));
                    let less = o.sub(a, one);
                    o.set(A, less);
                    return Flow::If(holds, imm);
                }
                _ if a == 1 => return Flow::Illegal,
                _ => return Flow::Trap(0),
            }
            Flow::Next
        }
        fn load(&mut self, _: &mut State, _: usize, _: u64) -> Result<u64, Refusal> {
            unreachable!("nothing is special")
        }
        fn store(&mut self, _: &mut State, _: usize, _: u64, _: u64) -> Result<bool, Refusal> {
            unreachable!("nothing is special")
        }
        fn trap(&mut self, state: &mut State, _: u16) -> Result<After, Refusal> {
            Ok(After::Halt(state.pc() + 1))
        }
        fn illegal(&mut self, _: &mut State, _: Insn) -> Result<After, Refusal> {
            Err(Refusal::Fault("end", "past the end".to_owned()))
        }
        fn required(&self, _: &State, fault: u8) -> (&'static str, String) {
            ("a_\"fault\"_??/\\", format!("number {fault}"))
        }
        fn disassemble(&self, state: &State, pc: Pc) -> String {
            format!("{:?} ??/ \\", self.decode(state, pc))
        }
        fn registers(&self, state: &State) -> Vec<(String, u64)> {
            Self::SLOTS.iter().enumerate().map(|(n, slot)| (slot.0.to_owned(), state.slot(n))).collect()
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
        fn service_in_c(&self, _: &State, pc: Pc, request: Request) -> Service {
            match request {
                Request::Trap(_) => Ok((Code::default(), After::Halt(pc + 1))),
                Request::Illegal(_) => Err(emit::Lack::Fault("past the end".to_owned())),
            }
        }
    }

    /// Runs a program in the interpreter and as C; how it ended.
    fn check(name: &str, program: &[(u8, u8, u8, usize)]) -> (End, String) {
        let insn = |&(op, a, b, imm): &(u8, u8, u8, usize)| Insn::new(op, a, b, 0, imm as u32);
        let guest = || Calculator(program.iter().map(insn).collect());
        let mut state = State::new(Calculator::SPACES);
        state.set(LIMIT, 8);
        state.set(LINK, 2);
        state.poke(NATURAL, 1u8, 0xfff0u16).unwrap();
        state.poke(HEAP, 2u32, 0x8765_4321u32).unwrap();
        state.poke(FLOATS, 9u32, 0.5).unwrap();
        let vm = || Vm::new(guest(), state.clone(), common::interpreter());
        let c = emit::c(&mut vm(), name);
        let mut vm = vm();
        let stop = vm.run(1_000_000);
        let (c, said) = run_c(vm.guest(), name, &c, &[]);
        assert_eq!(c, end(&vm, &stop, Vec::new()), "{name}: {said}");
        (c, said)
    }

    #[test]
    fn every_operation_on_every_type() {
        const ROUTINE: usize = 1000;
        let mut program = Vec::new();
        for a in 0..NUMBERS.len() {
            for b in 0..NUMBERS.len() {
                program.extend([(op::ADD_UP, a as u8, 1, b), (op::CALL, 0, 0, ROUTINE)]);
            }
        }
        for x in 0..DOUBLES.len() {
            for y in 0..DOUBLES.len() {
                program.extend([(op::FLOATS, x as u8, 1, y), (op::FLOATS, 0, 0, 0)]);
            }
        }
        program.resize(ROUTINE, (op::HALT, 0, 0, 0));
        program.extend((0..4).map(|of| (op::ADD_UP, of, 0, 0)));
        program.push((op::RETURN, 0, 0, 0));
        let (end, _) = check("operations", &program);
        assert_eq!((end.code, end.pc), (0, 14 * 14 * 2 + 7 * 7 * 2 + 1));
    }

    #[test]
    fn what_an_instruction_changes_it_reads_before() {
        let halt = (op::HALT, 0, 0, 0);
        let set = (op::ADD_UP, 2, 1, 7);
        check("swap", &[set, (op::SWAP, 0, 0, 0), (op::SWAP, 0, 0, 0), (op::SWAP, 0, 0, 0), halt]);
        let (end, _) = check("memory", &[set, (op::MEMORY, 0, 0, 8), (op::MEMORY, 0, 0, 8), halt]);
        assert_eq!((end.code, end.instructions), (0, 4));
    }

    #[test]
    fn a_refused_instruction_has_done_nothing() {
        let halt = (op::HALT, 0, 0, 0);
        let memory = (op::MEMORY, 0, 0, 5);
        // The heap is shortened to five bytes: a word at address 2 reaches past it.
        let (end, said) = check("outside", &[(op::ADD_UP, 2, 1, 7), memory, memory, halt]);
        assert_eq!((end.code, end.pc, end.instructions), (70, 2, 2));
        assert!(said.contains("out of bounds"), "{said}");
        let require = (op::REQUIRE, 0, 0, 0);
        let (end, said) = check("require", &[(op::ADD_UP, 2, 1, 7), require, require, halt]);
        assert_eq!((end.code, end.pc, end.instructions), (70, 2, 2));
        assert!(said.contains("a \"fault\" ??/\\"), "{said}");
    }

    #[test]
    fn control_goes_where_it_should() {
        // Seven turns, and on past the end.
        let loops = [(op::ADD_UP, 3, 1, 7), (op::FLOATS, 2, 1, 3), (op::IF, 0, 0, 1)];
        let (end, said) = check("loops", &loops);
        assert_eq!((end.code, end.pc, end.instructions), (70, 3, 17));
        assert!(said.contains("past the end"), "{said}");
        let jumps = [
            (op::JUMP, 0, 0, 0),
            (op::SWAP, 0, 0, 0),
            (op::CALL, 0, 0, 4),
            (op::HALT, 0, 0, 0),
            (op::RETURN, 0, 0, 0),
        ];
        let (end, _) = check("jumps", &jumps);
        assert_eq!((end.code, end.pc, end.instructions), (0, 4, 4));
    }

    #[test]
    fn a_return_to_an_unknown_place_stops() {
        let program = [(op::RETURN, 0, 0, 0), (op::SWAP, 0, 0, 0), (op::HALT, 0, 0, 0)];
        let insn = |&(op, a, b, imm): &(u8, u8, u8, usize)| Insn::new(op, a, b, 0, imm as u32);
        let guest = Calculator(program.iter().map(insn).collect());
        let mut vm = Vm::new(guest, State::new(Calculator::SPACES), common::interpreter());
        let c = emit::c(&mut vm, "lost");
        let (end, said) = run_c(vm.guest(), "lost", &c, &[]);
        assert_eq!((end.code, end.pc, end.instructions), (69, 0, 1));
        assert!(said.contains("no code was translated"), "{said}");
    }
}
