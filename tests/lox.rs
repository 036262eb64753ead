//! Lox programs with what they are to do in comments, run as clox would run them: plainly, and with a collection before
//! everything that allocates.
//!
//! `// expect: TEXT` is a line of output. `// expect runtime error: TEXT` ends the run on its line. `// Error at ...` is
//! a compile error on its line, `// [line N] Error ...` one elsewhere; a program with compile errors has just these.

use std::fs;
use std::path::{Path, PathBuf};
use std::slice;

use kiln::device::Capture;
use kiln::diagnostic::{Source, Style};
use kiln::guests::lox::{Data, Limits, Lox, Program, Stop};
use kiln::prompt::{Look, Prompt};

/// What a run shows: the exit code, output, and errors.
#[derive(PartialEq, Debug)]
struct Shown {
    code: u8,
    out: String,
    err: String,
}

/// How a program is run.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Way {
    Plain,
    /// A collection before everything that allocates.
    Stress,
    /// In budgets of a few instructions.
    Slices,
    /// As an image that was written and read.
    Image,
}

fn run(source: &[u8], way: Way) -> Shown {
    let output = Capture::default();
    let mut lox = Lox::new(Limits::default(), Box::new(output.clone()));
    lox.set_stress(u32::from(way == Way::Stress));
    let mut err = Vec::new();
    let code = match Program::compile(source) {
        Err(errors) => {
            errors.iter().for_each(|error| error.write(&mut err).unwrap());
            65
        }
        Ok(mut program) => {
            if way == Way::Image {
                program = Program::read(&program.image()).unwrap();
            }
            lox.load(&program).unwrap();
            let slice = if way == Way::Slices { 7 } else { u64::MAX };
            let stop = loop {
                let before = lox.instructions();
                match lox.run(slice) {
                    Stop::Budget => assert_eq!(lox.instructions() - before, slice, "a budget is exact"),
                    stop => break stop,
                }
            };
            match stop {
                Stop::Halted => 0,
                Stop::Error(error) => {
                    error.write(&mut err).unwrap();
                    70
                }
                stop => panic!("{stop:?}"),
            }
        }
    };
    let out = String::from_utf8_lossy(&output.bytes()).into_owned();
    Shown { code, out, err: String::from_utf8_lossy(&err).into_owned() }
}

/// What the comments of a program say about it.
fn expected(source: &str) -> (Shown, bool) {
    let mut out = String::new();
    let (mut errors, mut failure) = (String::new(), None);
    for (n, line) in source.lines().enumerate() {
        let n = n + 1;
        let Some((_, comment)) = line.split_once("// ") else { continue };
        if let Some(text) = comment.strip_prefix("expect: ") {
            out += &format!("{text}\n");
        } else if comment == "expect:" {
            out += "\n";
        } else if let Some(text) = comment.strip_prefix("expect runtime error: ") {
            failure = Some(format!("{text}\n[line {n}] in "));
        } else if comment.starts_with("Error") {
            errors += &format!("[line {n}] {comment}\n");
        } else if comment.starts_with("[line ") {
            errors += &format!("{comment}\n");
        }
    }
    match failure {
        Some(failure) => (Shown { code: 70, out, err: failure }, true),
        None if errors.is_empty() => (Shown { code: 0, out, err: errors }, false),
        None => (Shown { code: 65, out, err: errors }, false),
    }
}

fn programs(folder: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.retain(|path| path.extension().is_some_and(|extension| extension == "lox"));
    all.sort();
    all
}

fn check_all(way: Way) {
    let programs = programs(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lox"));
    assert!(programs.len() > 20, "the suite is there");
    let mut wrong = Vec::new();
    for path in programs {
        let source = fs::read_to_string(&path).unwrap();
        let (wanted, is_start) = expected(&source);
        let mut shown = run(source.as_bytes(), way);
        if is_start && shown.err.starts_with(&wanted.err) {
            shown.err.truncate(wanted.err.len());
        }
        if shown != wanted {
            wrong.push(format!("{} ({way:?})\n  shown  {shown:?}\n  wanted {wanted:?}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn programs_do_what_they_say() {
    check_all(Way::Plain);
}

#[test]
fn they_do_it_under_constant_collection() {
    check_all(Way::Stress);
}

#[test]
fn they_do_it_in_slices() {
    check_all(Way::Slices);
}

#[test]
fn they_do_it_as_images() {
    check_all(Way::Image);
}

fn shown(source: &str) -> Shown {
    run(source.as_bytes(), Way::Plain)
}

fn error_of(source: &str) -> String {
    let shown = shown(source);
    assert_eq!(shown.code, 65, "{shown:?}");
    shown.err
}

#[test]
fn traces_name_all_calls() {
    let source = "fun a() {\n  b();\n}\nfun b() {\n  var c = C();\n  c.m(\n    1);\n}\nclass C {\n  m(x) {\n    return x +\n    nil;\n  }\n}\na();\n";
    let wanted = "Operands must be two numbers or two strings.\n[line 12] in m()\n[line 7] in b()\n[line 2] in a()\n[line 15] in script\n";
    assert_eq!(shown(source).err, wanted);
    assert_eq!(shown("\n\nprint -\"a\";\n").err, "Operand must be a number.\n[line 3] in script\n");
}

#[test]
fn calls_go_100_000_deep() {
    let source = "fun f(n) { if (n == 0) return 0; return 1 + f(n - 1); } print f(99997);";
    assert_eq!(run(source.as_bytes(), Way::Plain).out, "99997\n");
    let source = "fun f(n) { if (n == 0) return 0; return 1 + f(n - 1); } print f(99999);";
    let shown = run(source.as_bytes(), Way::Plain);
    assert_eq!((shown.code, shown.out.as_str()), (70, ""));
    assert!(shown.err.starts_with("Stack overflow.\n[line 1] in f()\n"));
    assert_eq!(shown.err.lines().count(), 100_001);
}

fn function(body: &str) -> String {
    format!("fun f() {{\n{body}\n}}")
}

#[test]
fn syntax_errors_are_those_of_clox() {
    for (source, wanted) in [
        ("var = 1;", "at '=': Expect variable name."),
        ("print 1 +;", "at ';': Expect expression."),
        ("print;", "at ';': Expect expression."),
        ("1 = 2;", "at '=': Invalid assignment target."),
        ("a + b = c;", "at '=': Invalid assignment target."),
        ("(a) = 3;", "at '=': Invalid assignment target."),
        ("this = 3;", "at 'this': Can't use 'this' outside of a class."),
        ("class A { m() { this = 1; } }", "at '=': Invalid assignment target."),
        ("fun f(a, a) {}", "at 'a': Already a variable with this name in this scope."),
        ("fun f(a) { var a; }", "at 'a': Already a variable with this name in this scope."),
        ("{ var a; var a; }", "at 'a': Already a variable with this name in this scope."),
        ("{ var a = a; }", "at 'a': Can't read local variable in its own initializer."),
        ("{ var a = 1; { var a = a; } }", "at 'a': Can't read local variable in its own initializer."),
        ("class A < A {}", "at 'A': A class can't inherit from itself."),
        ("return 1;", "at 'return': Can't return from top-level code."),
        ("{ return; }", "at 'return': Can't return from top-level code."),
        ("class D { init() { return 1; } }", "at 'return': Can't return a value from an initializer."),
        ("print this;", "at 'this': Can't use 'this' outside of a class."),
        ("fun i() { this; }", "at 'this': Can't use 'this' outside of a class."),
        ("super.a;", "at 'super': Can't use 'super' outside of a class."),
        ("class E { m() { super.m(); } }", "at 'super': Can't use 'super' in a class with no superclass."),
        ("class F < A { m() { super; } }", "at ';': Expect '.' after 'super'."),
        ("class G < A { m() { super.; } }", "at ';': Expect superclass method name."),
        ("if 1;", "at '1': Expect '(' after 'if'."),
        ("if (1;", "at ';': Expect ')' after condition."),
        ("while 1;", "at '1': Expect '(' after 'while'."),
        ("while (1;", "at ';': Expect ')' after condition."),
        ("f(1;", "at ';': Expect ')' after arguments."),
        ("(1;", "at ';': Expect ')' after expression."),
        ("a.;", "at ';': Expect property name after '.'."),
        ("print 1 2;", "at '2': Expect ';' after value."),
        ("1 2;", "at '2': Expect ';' after expression."),
        ("fun f() { return 1 2; }", "at '2': Expect ';' after return value."),
        ("var a 1;", "at '1': Expect ';' after variable declaration."),
        ("for 1;", "at '1': Expect '(' after 'for'."),
        ("for (;;", "at end: Expect expression."),
        ("print |;", ": Unexpected character."),
        ("print \"a", ": Unterminated string."),
        ("{ print 1;", "at end: Expect '}' after block."),
        ("class A { m() {}", "at end: Expect '}' after class body."),
        ("1.;", "at ';': Expect property name after '.'."),
        ("fun", "at end: Expect function name."),
        ("if (a) var b;", "at 'var': Expect expression."),
        ("while (a) class B {}", "at 'class': Expect expression."),
        ("else;", "at 'else': Expect expression."),
    ] {
        let wanted = format!("[line 1] Error {wanted}\n").replace("Error :", "Error:");
        assert_eq!(error_of(source), wanted, "{source}");
    }
    let many = "print 1 +;\nprint 2 3; print 4 5;\nvar x = ;\nprint \"ok\";\n| nil;\nprint );\n";
    let wanted = "[line 1] Error at ';': Expect expression.\n[line 2] Error at '3': Expect ';' after value.\n\
        [line 2] Error at '5': Expect ';' after value.\n[line 3] Error at ';': Expect expression.\n\
        [line 5] Error: Unexpected character.\n[line 6] Error at ')': Expect expression.\n";
    assert_eq!(error_of(many), wanted);
}

#[test]
fn limits_are_those_of_clox() {
    let constants = |n: usize| (0..n).map(|n| format!("{n};\n")).collect::<String>();
    assert_eq!(shown(&function(&constants(256))).code, 0);
    assert_eq!(
        error_of(&function(&(constants(256) + "\"oops\";"))),
        "[line 258] Error at '\"oops\"': Too many constants in one chunk.\n"
    );
    let locals = |n: usize| (0..n).map(|n| format!("var v{n};\n")).collect::<String>();
    assert_eq!(shown(&function(&locals(255))).code, 0);
    assert_eq!(
        error_of(&function(&(locals(255) + "var oops;"))),
        "[line 257] Error at 'oops': Too many local variables in function.\n"
    );
    let uses = |n: usize| (0..n).map(|n| format!("v{n};")).collect::<String>();
    let captures = |more: &str| {
        let inner = (200..255).map(|n| format!("var v{n};")).collect::<String>();
        function(&format!(
            "{}fun g() {{ {inner}\nvar oops; var w; fun h() {{ {} w; {more} }} }}",
            locals(200),
            uses(255)
        ))
    };
    assert_eq!(shown(&captures("")).code, 0);
    assert_eq!(
        error_of(&captures("oops;")),
        "[line 203] Error at 'oops': Too many closure variables in function.\n"
    );

    let names = |n: usize| (0..n).map(|n| format!("a{n}")).collect::<Vec<_>>().join(", ");
    assert_eq!(shown(&format!("fun f({}) {{}}", names(255))).code, 0);
    assert_eq!(
        error_of(&format!("fun f({}) {{}}", names(256))),
        "[line 1] Error at 'a255': Can't have more than 255 parameters.\n"
    );
    let values = |n: usize| vec!["nil"; n].join(",");
    assert_eq!(shown(&format!("fun f({}) {{ print a254; }} f({});", names(255), values(255))).out, "nil\n");
    assert_eq!(
        error_of(&format!("f({});", values(256))),
        "[line 1] Error at 'nil': Can't have more than 255 arguments.\n"
    );
}

#[test]
fn jumps_are_as_long_as_those_of_clox() {
    // A statement `nil;` is two bytes there. A loop jumps back over its body, its condition and its own jumps.
    let body = |n: usize| "nil;".repeat(n);
    let while_loop = |n| format!("while (false) {{{}}}", body(n));
    assert_eq!(shown(&while_loop(32763)).code, 0);
    assert_eq!(error_of(&while_loop(32764)), "[line 1] Error at '}': Loop body too large.\n");
    let branch = |n| format!("if (false) {{{}}}", body(n));
    assert_eq!(shown(&branch(32765)).code, 0);
    assert_eq!(error_of(&branch(32766)), "[line 1] Error at '}': Too much code to jump over.\n");
}

#[test]
fn hostile_sources_are_errors() {
    assert_eq!(error_of("\"abc\n\n"), "[line 3] Error: Unterminated string.\n");
    assert_eq!(error_of("print \0;"), "[line 1] Error: Unexpected character.\n");
    let bytes = run(b"var a = \xff\xfe;\nprint 1 2;\n", Way::Plain);
    let wanted = "[line 1] Error: Unexpected character.\n[line 2] Error at '2': Expect ';' after value.\n";
    assert_eq!((bytes.code, bytes.err.as_str()), (65, wanted));
    assert_eq!(run(b"print \"\xff\" == \"\xff\";", Way::Plain).out, "true\n");
    for (open, close) in
        [("(", ")"), ("{", "}"), ("!", ""), ("-", ""), ("a(", ")"), ("a = ", ""), ("fun f() {", "}")]
    {
        let source = format!("{}1;{}", open.repeat(100_000), close.repeat(100_000));
        let shown = run(source.as_bytes(), Way::Plain);
        assert_eq!(shown.code, 65, "{open}");
        assert!(shown.err.contains("Too much nesting."), "{open}");
    }
    // What nests to the left only is no nesting.
    let sum = format!("var a = 1; print a{};", " + a".repeat(200_000));
    assert_eq!(shown(&sum).out, "200001\n");
    let chain = format!("class A {{ m() {{ return this; }} }} print A(){};", ".m()".repeat(30_000));
    assert_eq!(shown(&chain).out, "A instance\n");
    let otherwise = format!("if (false) print 1; {} else print 2;", "else if (false) print 1;".repeat(50));
    assert_eq!(shown(&otherwise).out, "2\n");
}

#[test]
fn memory_has_a_limit() {
    let limits = Limits { memory: 16 << 20, ..Limits::default() };
    for source in [
        "class L {} var all = nil; while (true) { var n = L(); n.next = all; all = n; }",
        "var s = \"x\"; while (true) s = s + s;",
        "fun f(n) { fun g() { return n; } return g; } class L {} var all = nil; while (true) { var n = L(); n.f = f(n); n.next = all; all = n; }",
    ] {
        let mut lox = Lox::new(limits, Box::new(std::io::sink()));
        lox.load(&Program::compile(source.as_bytes()).unwrap()).unwrap();
        match lox.run(u64::MAX) {
            Stop::Error(error) => assert_eq!(error.message, "Out of memory."),
            stop => panic!("{stop:?}"),
        }
    }
    // Garbage does not count.
    let mut lox = Lox::new(limits, Box::new(std::io::sink()));
    let source = b"class L {} var s = \"\"; for (var i = 0; i < 1000000; i = i + 1) { var n = L(); n.i = i; s = \"a\" + \"b\"; class M {} }";
    lox.load(&Program::compile(source).unwrap()).unwrap();
    assert!(matches!(lox.run(u64::MAX), Stop::Halted));
    assert!(lox.collections().count > 1);
}

#[test]
fn garbage_for_long_stays_flat() {
    // Instances, strings, closures, boxes, classes and methods; and fields that come in any order.
    let source = |turns: u32| {
        let fields: String = (0..8).map(|n| format!("if (k == {n}) o.f{n} = i; else ")).collect();
        format!(
            "class N {{ init(n) {{ this.n = n; }} m() {{}} }} class O {{}} var k = 0; var step = 3; var s = \"\";
            for (var i = 0; i < {turns}; i = i + 1) {{
              var n = N(N(i)); var m = n.m; fun f() {{ n = m; }} s = s + \"abc\"; if (s == \"x\") print s;
              if (k == 4) {{ s = \"\"; class L < N {{ g() {{ return i; }} }} L(1).g(); }}
              var o = O();
              for (var j = 0; j < 8; j = j + 1) {{ {fields} nil; k = k + step; while (k > 8) k = k - 9; step = step + 1; if (step > 7) step = 1; }}
            }}"
        )
    };
    let sizes = [20_000, 80_000].map(|turns| {
        let limits = Limits { cycle: 1 << 18, ..Limits::default() };
        let mut lox = Lox::new(limits, Box::new(std::io::sink()));
        lox.load(&Program::compile(source(turns).as_bytes()).unwrap()).unwrap();
        assert!(matches!(lox.run(u64::MAX), Stop::Halted));
        assert!(lox.collections().count > 10);
        (lox.heap_size(), lox.shapes())
    });
    assert!(sizes[1].0 <= sizes[0].0 + (1 << 17) && sizes[1].0 < 4 << 20, "{sizes:?}");
    assert!(sizes[1].1 < 5000, "{sizes:?}");
}

#[test]
fn megabyte_lines_are_lines() {
    let long = "x".repeat(2 << 20);
    assert_eq!(shown(&format!("var s = \"{long}\"; print s == \"{long}\"; // {long}")).out, "true\n");
    assert_eq!(shown(&format!("var {long} = 1; print {long} + 1;")).out, "2\n");
    let digits = "9".repeat(1 << 20);
    assert_eq!(shown(&format!("print {digits}; print 0.{digits};")).out, "inf\n1\n");
    assert!(shown(&"print nil;".repeat(100_000)).out == "nil\n".repeat(100_000));
    let wrong = format!("/* {long} */ print 1 2;");
    assert!(error_of(&wrong).starts_with("[line 1] Error at '/': Expect expression.\n"));
    let wrong = format!("{long} {long};");
    assert_eq!(error_of(&wrong), format!("[line 1] Error at '{long}': Expect ';' after expression.\n"));
    let errors = Program::compile(wrong.as_bytes()).err().unwrap();
    let text = Source::new("a.lox", &wrong).render(&errors[0].diagnostic(), Style::Plain);
    assert!(text.len() < 1000, "{} bytes", text.len());
    let missing = shown(&format!("print {long};"));
    assert_eq!((missing.code, missing.err.len()), (70, long.len() + 42), "{}", &missing.err[..60]);
}

#[test]
fn damaged_images_are_refused_or_run_safely() {
    let source = "class A { init(x) { this.x = x; } m(y) { return this.x + y; } } class B < A { m(y) { return super.m(y) * 2; } }
        fun f(n) { var i = 0; fun g() { i = i + n; return i; } while (i < 10) g(); return B(i).m(1); }
        for (var i = 0; i < 5; i = i + 1) { if (i == 3) print f(i) - 1; else print \"a\" + \"b\"; }";
    let image = Program::compile(source.as_bytes()).unwrap().image();
    assert_eq!(run_image(&image), Ok(()));
    let (mut refused, mut ran) = (0, 0);
    for at in 0..image.len() {
        for flip in [1, 0x80] {
            let mut damaged = image.clone();
            damaged[at] ^= flip;
            match run_image(&damaged) {
                Ok(()) => ran += 1,
                Err(_) => refused += 1,
            }
        }
        assert!(run_image(&image[..at]).is_err(), "{at} bytes");
    }
    assert!(refused > 500 && ran > 100, "{refused} {ran}");
    assert!(run_image(&[&image[..], &[0]].concat()).is_err());
    assert_eq!(run_image(b"KilnLox\x02"), Err("it is no image of a Lox program".to_owned()));
}

/// Runs an image for a while, with a collection before everything that allocates.
fn run_image(image: &[u8]) -> Result<(), String> {
    let program = Program::read(image)?;
    program.listing(None);
    let limits = Limits { calls: 50, memory: 1 << 20, ..Limits::default() };
    let mut lox = Lox::new(limits, Box::new(std::io::sink()));
    lox.set_stress(1);
    lox.load(&program)?;
    lox.run(2000);
    Ok(())
}

#[test]
fn hosts_call_functions_and_are_called() {
    let output = Capture::default();
    let mut lox = Lox::new(Limits::default(), Box::new(output.clone()));
    lox.set_stress(1);
    lox.define("join", |_, arguments| match arguments {
        [Data::String(a), Data::String(b)] => Ok(Data::String(format!("{a}-{b}"))),
        other => Err(format!("join got {}.", other.len())),
    });
    let load = |lox: &mut Lox, source: &str| {
        lox.load(&Program::compile(source.as_bytes()).unwrap()).unwrap();
        lox.run(10_000)
    };
    let source = "class Bag { init() { this.n = 0; } add(k) { this.n = this.n + k; return this; } }
        fun make() { return Bag(); } fun add(bag, k) { return bag.add(k); } fun get(bag) { return bag.n; }
        fun fails(x) { return x + nil; } fun forever() { while (true) {} } print join(\"a\", \"b\");";
    assert!(matches!(load(&mut lox, source), Stop::Halted));
    assert_eq!(output.bytes(), b"a-b\n");
    let mut call = |name: &str, arguments: &[Data]| {
        let function = lox.global(name).unwrap();
        lox.call(&function, arguments, 10_000)
    };
    let bag = call("make", &[]).unwrap();
    let garbage: Vec<Data> = (0..100).map(|_| call("make", &[]).unwrap()).collect();
    assert_eq!(call("add", &[bag.clone(), 2.0.into()]).unwrap(), bag);
    drop(garbage);
    call("add", &[bag.clone(), 40.0.into()]).unwrap();
    assert_eq!(call("get", slice::from_ref(&bag)).unwrap(), Data::Number(42.0));
    match call("fails", &[Data::Nil]) {
        Err(Stop::Error(error)) => assert_eq!(error.calls[0].function.as_deref(), Some("fails")),
        other => panic!("{other:?}"),
    }
    assert!(
        matches!(call("get", &[]), Err(Stop::Error(error)) if error.message == "Expected 1 arguments but got 0.")
    );
    assert!(matches!(call("forever", &[]), Err(Stop::Budget)));
    assert_eq!(call("get", slice::from_ref(&bag)).unwrap(), Data::Number(42.0));
    assert_eq!(lox.text(&bag), "Bag instance");
    assert!(lox.global("nothing").is_none());
    match load(&mut lox, "join(1);") {
        Stop::Error(error) => assert_eq!(error.message, "join got 1."),
        other => panic!("{other:?}"),
    }
    // Another machine does not take its objects.
    let mut other = Lox::new(Limits::default(), Box::new(std::io::sink()));
    let clock = other.global("clock").unwrap();
    assert!(matches!(other.call(&clock, &[bag], 10), Err(Stop::Error(_))));
    assert!(matches!(other.call(&Data::Nil, &[], 10), Err(Stop::Error(_))));
}

#[test]
fn natives_call_back() {
    let output = Capture::default();
    let mut lox = Lox::new(Limits::default(), Box::new(output.clone()));
    lox.set_stress(1);
    lox.define("map", |caller, arguments| match arguments {
        [function, a, b] => {
            let (a, b) =
                (caller.call(function, slice::from_ref(a))?, caller.call(function, slice::from_ref(b))?);
            caller.call(function, &[a]).and(Ok(b))
        }
        _ => Err("map takes three.".to_owned()),
    });
    lox.define("try", |caller, arguments| {
        Ok(caller.call(&arguments[0], &[]).unwrap_or_else(|what| what.as_str().into()))
    });
    let mut run = |source: &str, budget: u64| {
        lox.load(&Program::compile(source.as_bytes()).unwrap()).unwrap();
        let before = lox.instructions();
        let stop = lox.run(budget);
        (stop, lox.instructions() - before, String::from_utf8(output.take()).unwrap())
    };
    // Objects live on while a native has them; natives are called by what natives call.
    let source = "class Box { init(v) { this.v = v; } get() { return this.v + 1; } }
        fun wrap(x) { return Box(x); } fun id(x) { print x; return x; }
        print map(wrap, 1, 2).get(); print map(id, \"a\", \"b\");
        fun inner() { return map(id, 1, 2); } print try(inner); print try(Box(8).get);";
    let (stop, count, out) = run(source, 100_000);
    assert!(matches!(stop, Stop::Halted), "{stop:?}");
    assert_eq!(out, "3\na\nb\na\nb\n1\n2\n1\n2\n9\n");
    // The budget is exact with them, too, and what has ended goes on.
    let (stop, counted, _) = run(source, count);
    assert!(matches!(stop, Stop::Halted) && counted == count, "{stop:?} {counted} {count}");
    for budget in 1..count {
        let (stop, counted, _) = run(source, budget);
        // A native that gives on what ended it is a wrong program from there on.
        assert!(matches!(stop, Stop::Budget) && counted == budget, "{budget}: {stop:?} {counted}");
    }
    let trace = |stop: Stop| match stop {
        Stop::Error(error) => {
            let calls: Vec<String> = error.calls.iter().map(ToString::to_string).collect();
            format!("{} {}", error.message, calls.join(" "))
        }
        stop => panic!("{stop:?}"),
    };
    let source = "fun bad(x) {\n  return -x;\n}\nfun f() {\n  map(bad, \"a\", 2);\n}\nf();";
    let wanted = "Operand must be a number. [line 2] in bad() [line 5] in f() [line 7] in script";
    assert_eq!(trace(run(source, 1000).0), wanted);
    // An error that a native keeps to itself is no error, and leaves no trace.
    let source = "fun bad() { return -nil; } print try(bad);\nnil();";
    let (stop, _, out) = run(source, 1000);
    assert_eq!(out, "Operand must be a number.\n");
    assert_eq!(trace(stop), "Can only call functions and classes. [line 2] in script");
    // They are not entered twice at the same time, and do not nest without end.
    assert!(
        run("fun again() { return try(again); } print try(again);", 10_000).2.contains("running already")
    );
    let mut lox = Lox::new(Limits::default(), Box::new(std::io::sink()));
    for n in 0..200 {
        lox.define(&format!("n{n}"), move |caller, arguments| {
            caller.call(&arguments[0], &[f64::from(n + 1).into()])
        });
    }
    let all: String = (0..200).map(|n| format!("if (n == {n}) return n{n}(go);")).collect();
    let source = format!("fun go(n) {{ {all} return n; }} go(0);");
    lox.load(&Program::compile(source.as_bytes()).unwrap()).unwrap();
    let error = trace(lox.run(1_000_000));
    assert!(
        error.starts_with("Stack overflow. [line 1] in go()") && error.matches("go()").count() == 101,
        "{error}"
    );
}

#[test]
fn errors_for_people_show_what_was_found() {
    let rendered = |source: &str| {
        let mut lox = Lox::new(Limits::default(), Box::new(std::io::sink()));
        lox.load(&Program::compile(source.as_bytes()).unwrap()).unwrap();
        match lox.run(u64::MAX) {
            Stop::Error(error) => error.render(&Source::new("a.lox", source), Style::Plain),
            stop => panic!("{stop:?}"),
        }
    };
    let text = rendered("fun half(n) {\n  return (n / 2);\n}\nvar name = \"x\";\nprint 1 + half(name);\n");
    let wanted = "error: Operands must be numbers\n --> a.lox:2:10\n  |\n2 |   return (n / 2);\n  |          ^^^^^^^\n  |\n  \
        = note: found the string \"x\"\n  [line 2] in half(): return (n / 2);\n  [line 5] in script: print 1 + half(name);\n";
    assert_eq!(text, wanted);
    for (source, marked, found) in [
        ("var a; a.b.c = 1;", "^^^", "found nil"),
        ("class A {} A().b.c;", "^^^^^", ""),
        ("var count = 1; print cuont;", "^^^^^", "did you mean `count`?"),
        ("print \"a\" + 1;", "^^^^^^^", "found the string \"a\" and the number 1"),
        ("var a; a(1, 2);", "^^^^^^^", "found nil"),
        ("fun f() {} var A = f; class B < A {}", "^", "found the function <fn f>"),
        ("class A { m() {} } A().m(1);", "^^^^^^^^", ""),
        ("if (1 < true) print 1;", "^^^^^^^^", "found true"),
        ("var a = -\"b\";", "^^^^", "found the string \"b\""),
    ] {
        let text = rendered(source);
        let marks = text.lines().find_map(|line| {
            line.trim_start_matches(['|', ' ']).split_whitespace().next().filter(|w| w.starts_with('^'))
        });
        assert!(marks == Some(marked) && text.contains(found), "{source}\n{text}");
    }
    let deep = rendered("fun f(n) { return f(n + 1) + 1; } f(0);");
    assert!(deep.lines().count() < 30 && deep.contains("... 99984 more"), "{deep}");
}

#[test]
fn what_instructions_meet_is_seen() {
    let source = "fun add(a, b) { return a + b; }
        class A { init() { this.x = 1; } } class B { init() { this.y = 1; this.x = 2; } } class C < B {}
        fun get(o) { return o.x; } fun apply(f, x) { return f(x); } fun one(x) { return 1; } fun two(x) { return 2; }
        add(1, 2); add(\"a\", \"b\"); apply(one, nil); apply(two, true);
        for (var i = 0; i < 3; i = i + 1) { get(A()); get(B()); get(C()); }";
    let mut lox = Lox::new(Limits::default(), Box::new(std::io::sink()));
    lox.load(&Program::compile(source.as_bytes()).unwrap()).unwrap();
    // In small budgets all is looked at.
    while matches!(lox.run(5), Stop::Budget) {}
    let seen = lox.seen();
    let has = |parts: &[&str]| seen.lines().any(|line| parts.iter().all(|part| line.contains(part)));
    assert!(has(&["add ", "seen 2, number|string, number|string"]), "{seen}");
    assert!(has(&["call ", "seen 2, function, away 2, enters two and others"]), "{seen}");
    assert!(has(&["get ", ".x", "seen 9, instance", "shapes A/1 B/2 x2 C/2 x2, 3 misses"]), "{seen}");
    assert!(has(&["jump.less.k", "seen 3, number, number, away 2"]), "{seen}");
}

#[test]
fn sites_know_some_shapes_and_are_right_about_all() {
    let mut source = String::new();
    for n in 0..8 {
        let fields: String = (0..n).map(|m| format!("this.f{m} = {m}; ")).collect();
        source += &format!(
            "class A{n} {{ init() {{ {fields} this.x = {n}; }} m() {{ return {n}; }} }} \
             class B{n} < A{n} {{ m() {{ return 10 * super.m() + this.x; }} }}\n"
        );
    }
    source += "fun x(o) { return o.x; } fun m(o) { return o.m(); } fun set(o, v) { o.x = v; }\n\
        for (var i = 0; i < 3; i = i + 1) {\n";
    for n in (0..8).chain((0..8).rev()) {
        source +=
            &format!("{{ var b = B{n}(); print x(b); print m(b); set(b, i); print m(b); print x(b); }}\n");
    }
    source += "}";
    let shown = [Way::Plain, Way::Stress].map(|way| run(source.as_bytes(), way).out);
    let mut wanted = String::new();
    for i in 0..3 {
        for n in (0..8).chain((0..8).rev()) {
            wanted += &format!("{n}\n{}\n{}\n{i}\n", 11 * n, 10 * n + i);
        }
    }
    assert!(shown == [wanted.clone(), wanted], "{shown:?}");
}

#[test]
fn the_prompt_knows_what_words_are() {
    let live = kiln::guests::lox::prompt::Live::new();
    let looks = |line: &str| -> Vec<(String, Look)> {
        live.looks(line).unwrap().into_iter().map(|(span, look)| (line[span].to_owned(), look)).collect()
    };
    let of = |all: &[(&str, Look)]| -> Vec<(String, Look)> {
        all.iter().map(|&(text, look)| (text.to_owned(), look)).collect()
    };
    assert_eq!(
        looks("var x = 1.5; // of \u{e9}"),
        of(&[("var", Look::Keyword), ("1.5", Look::Literal), ("// of \u{e9}", Look::Comment)])
    );
    assert_eq!(looks("print \"\u{e9}"), of(&[("print", Look::Keyword), ("\"\u{e9}", Look::Literal)]));
    assert_eq!(looks("a | \u{2603}"), of(&[("|", Look::Wrong)]));
    assert_eq!(live.complete("print whi", 9), (6, vec!["while".to_owned()]));
    assert_eq!(live.complete("clo", 3), (0, vec!["clock".to_owned()]));
}
