//! Osmium: the examples, the meaning of each construct, register allocation, and random programs against the
//! evaluator.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use common::{configurations, interpreter, is_background};
use kiln::device::Console;
use kiln::diagnostic::{Diagnostic, Source, Style};
use kiln::fuzz::noise;
use kiln::guest::{Guest, Stop};
use kiln::guests::iridium::isa::{EXIT, HEAP_LIMIT, Numbering};
use kiln::guests::iridium::osmium::eval::{self, End, Limits};
use kiln::guests::iridium::osmium::{self, generate};
use kiln::guests::iridium::{Iridium, image::Image};
use kiln::tier::{Config, Tiers};
use kiln::vm::Vm;

/// Far more than any program here takes.
const BUDGET: u64 = 1 << 30;

fn shown(text: &str, log: &[Diagnostic]) -> String {
    Source::new("test.ird", text).render_all(log, Style::Plain)
}

fn image(name: &str, text: &str) -> Image {
    let (image, log) = osmium::build(name, text);
    image.unwrap_or_else(|| panic!("{}", shown(text, &log)))
}

fn assembly(text: &str) -> String {
    let (assembly, log) = osmium::compile("test.ird", text);
    assembly.unwrap_or_else(|| panic!("{}", shown(text, &log))).text
}

/// What a program prints in a configuration, why it stops, and the machine.
fn run(image: &Image, config: Config) -> (String, Stop, Vm<Iridium>) {
    let (console, output) = Console::scripted("");
    let iridium = Iridium::new(image.clone().into(), Numbering::Series, console);
    let state = iridium.power_on(HEAP_LIMIT);
    let mut vm = Vm::new(iridium, state, config);
    let stop = vm.run(BUDGET);
    vm.guest_mut().flush().unwrap();
    (String::from_utf8(output.bytes()).unwrap(), stop, vm)
}

/// What a program prints that ends as it should; the evaluator says the same.
fn output(text: &str) -> String {
    let (printed, stop, vm) = run(&image("test.ird", text), interpreter());
    assert!(matches!(stop, Stop::Halted), "{stop:?}\n{text}");
    let (program, _) = osmium::check(text);
    let evaluated = eval::run(&program.unwrap(), &Source::new("test.ird", text), Limits::default());
    let end = if vm.state().get(EXIT) == 0 { End::Finished } else { End::Trapped };
    assert_eq!((&*String::from_utf8_lossy(&evaluated.output), evaluated.end), (&*printed, end), "{text}");
    printed
}

/// The same of statements.
fn prints(statements: &str, expected: &str) {
    assert_eq!(output(&format!("fn main() {{ {statements} }}")), expected, "{statements}");
}

/// The errors of a text, in one line each.
fn errors(text: &str) -> Vec<String> {
    let (image, log) = osmium::build("test.ird", text);
    assert!(image.is_none(), "no error in:\n{text}");
    let source = Source::new("test.ird", text);
    let errors = log.iter().filter(|one| one.is_error());
    errors.map(|one| source.summary(one).replacen("test.ird:", "", 1).replacen(" error:", "", 1)).collect()
}

fn examples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/osmium");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|e| e == "ird")).collect();
    files.sort();
    assert!(files.len() >= 12, "the examples are not there: {files:?}");
    files
}

#[test]
fn examples_print_their_answers_in_every_configuration() {
    for path in examples() {
        let text = fs::read_to_string(&path).unwrap();
        let name = format!("examples/osmium/{}", path.file_name().unwrap().to_string_lossy());
        let expected = fs::read_to_string(path.with_extension("out")).unwrap();
        let image = image(&name, &text);
        for (configuration, config) in configurations() {
            let is_hampered = config.tiers == Tiers::Interpreter
                || config.region_instructions < 10
                || config.code_cap == 0
                || is_background(&config);
            let (printed, stop, vm) = run(&image, config.clone());
            assert!(matches!(stop, Stop::Halted), "{name}, {configuration}: {stop:?}");
            assert_eq!(printed, expected, "{name}, {configuration}");
            let (native, all) = (vm.stats().native, vm.instructions());
            if all > 500_000 && !is_hampered {
                assert!(native * 2 > all, "{name}, {configuration}: {native} of {all} in native code");
            }
        }
    }
}

#[test]
fn ints_wrap_around_and_divide_towards_zero() {
    prints(
        "let m = [2147483647][0]; print(m + 1, ' '); print(-(m + 1), \" \", m * m);"
            .replace("' '", "\" \"")
            .as_str(),
        "-2147483648 -2147483648 1",
    );
    prints(
        "let a = [-7, 2, -2147483648, -1]; print(a[0] / a[1], \" \", a[0] % a[1], \" \", a[2] / a[3], \" \", a[2] % a[3]);",
        "-3 -1 -2147483648 0",
    );
    prints(
        "let a = [1, 31, 32, 33, -8]; print(a[0] << a[1], \" \", a[0] << a[2], \" \", a[0] << a[3], \" \", a[4] >> a[0], \" \", a[4] >> 33);",
        "-2147483648 1 2 -4 -4",
    );
    prints(
        "let a = [12, 10]; print(a[0] & a[1], \" \", a[0] | a[1], \" \", a[0] ^ a[1], \" \", 0xffff_ffff, \" \", 0b1010);",
        "8 14 6 -1 10",
    );
    prints(
        "print(-2147483648, \" \", 1 - -1, \" \", 2 + 3 * 4 - 10 / 5 % 3, \" \", 1 | 6 & 4 == 4 ^ 0);"
            .replace(" | 6 & 4 == 4 ^ 0", "")
            .as_str(),
        "-2147483648 2 12 1",
    );
}

#[test]
fn operators_bind_as_documented() {
    // `&` before `==` before `&&` before `||`.
    prints(
        "print(6 & 4 == 4, \" \", true || false && false, \" \", 1 + 2 << 3, \" \", -3 % 2, \" \", !false == true);",
        "true true 24 -1 true",
    );
    prints("print(7 ^ 2 | 1 & 0, \" \", 10 - 2 - 3, \" \", 100 / 10 / 5);", "5 5 2");
}

#[test]
fn conditions_stop_where_the_answer_is_known() {
    let program = "
        fn say(what: int, answer: bool) -> bool { print(what, \" \"); return answer; }
        fn main() {
            if say(1, false) && say(2, true) { print(\"no\"); }
            if say(3, true) || say(4, true) { print(\"yes \"); }
            let both = say(5, true) && say(6, false);
            print(both, \" \", !(say(7, false) || both));
        }";
    assert_eq!(output(program), "1 3 yes 5 6 false 7 true");
}

#[test]
fn operands_are_evaluated_from_left_to_right() {
    let program = "
        fn say(what: int) -> int { print(what, \" \"); return what; }
        fn three(a: int, b: int, c: int) -> int { return a * 100 + b * 10 + c; }
        fn table() -> [int] { print(\"table \"); return [0, 0, 0]; }
        fn main() {
            print(say(1) - say(2) * say(3), \"\\n\");
            print(three(say(4), say(5), say(6)), \"\\n\");
            table()[say(1)] = say(7);
            table()[say(2)] += say(8);
            let a = [say(9); say(2)];
            let b = [say(1), say(2)];
            for i in say(0)..say(2) { print(\"turn \"); }
        }";
    assert_eq!(output(program), "1 2 3 -5\n4 5 6 456\ntable 1 7 table 2 8 2 9 9 1 2 0 2 turn turn ");
}

#[test]
fn arrays_are_shared_and_their_elements_made_one_by_one() {
    prints(
        "let rows = [[0; 2]; 3]; rows[0][1] = 5; print(rows[0][1], rows[1][1], len(rows), len(rows[2]));",
        "5032",
    );
    prints("let a = [1, 2]; let b = a; b[0] = 9; print(a[0]); var c = [true; 0]; print(len(c));", "90");
    prints(
        "var a = [1, 2, 3]; a = [a[2], a[1], a[0]]; a[1] <<= 4; a[0] %= 2; print(a[0], \" \", a[1], \" \", a[2]);",
        "1 32 1",
    );
}

#[test]
fn what_is_outside_stops_the_program_with_its_line() {
    let index = "test.ird:1: the index is outside of the array\n";
    for statements in [
        "let a = [1]; print(\"a\"); a[1] = 2; print(\"b\");",
        "let a = [1]; print(\"a\"); print(a[len(a) - 2]);",
        "let a = [1]; print(\"a\"); for i in 0..2 { a[i] += 1; }",
        "let a = [[1]; 2]; print(\"a\"); print(a[1][-2147483648]);",
        "let a = [1]; print(\"a\"); var i = 0; while true { a[i] = 1; i -= 1; }",
    ] {
        prints(statements, &format!("a{index}"));
    }
    let length = "test.ird:1: an array cannot have so many elements\n";
    prints("print(\"a\"); var n = -1; let a = [0; n]; print(\"b\");", &format!("a{length}"));
    prints("print(\"a\"); let a = [1; 0x7fffffff]; print(\"b\");", &format!("a{length}"));
}

#[test]
fn faults_of_the_machine_have_the_line_of_the_source() {
    let text = "fn main() {\n    var zero = 0;\n    print(\"a\");\n    print(1 / zero);\n}\n";
    let image = image("test.ird", text);
    let (printed, stop, _) = run(&image, interpreter());
    let Stop::Fault(fault) = stop else { panic!("{stop:?}") };
    assert_eq!((&*printed, fault.reason), ("a", "division_by_zero"));
    assert_eq!(image.lines.get(fault.pc), Some(("test.ird", 4)));
    // More than 16 MiB, and recursion without an end.
    for (text, reason) in [
        ("fn main() { while true { let a = [0; 1000000]; } }", "heap_limit"),
        ("fn f(n: int) -> int { return f(n + 1) + 1; } fn main() { print(f(0)); }", "stack_overflow"),
    ] {
        let (_, stop, _) = run(&crate::image("test.ird", text), interpreter());
        assert!(matches!(&stop, Stop::Fault(fault) if fault.reason == reason), "{stop:?}");
    }
}

#[test]
fn floats_are_ieee_doubles() {
    prints(
        "let x = [3][0]; let y = float(x) / 2.0; print(y, \" \", -y, \" \", int(y), \" \", int(-y));",
        "1.500000 -1.500000 1 -1",
    );
    prints("print(0.1 + 0.2 == 0.3, 0.1 + 0.2 > 0.3, 1e300 * 1e10 == 1e300 * 1e10);", "falsetruetrue");
    prints(
        "var z = 0.0; let n = z / z; print(n, n == n, n != n, n < n, n >= n, !(n < n), 1.0 / -z);",
        "nanfalsetruefalsefalsetrue-inf",
    );
    prints(
        "var x = 1.0; for i in 0..1074 { x = x / 2.0; } print(x > 0.0, \" \", x / 2.0 > 0.0);",
        "true false",
    );
    prints(
        "print(2147483647.0, \" \", 1e9, \" \", 123456789012.0, \" \", 0.0000004, \" \", 0.0000006, \" \", 999999.9999999);",
        "2.147484e9 1.000000e9 1.234568e11 0.000000 0.000001 1000000.000000",
    );
    prints(
        "let all = [0, 1, -1, 255, 2147483647, -2147483648]; for i in 0..6 { print(int(float(all[i])), \" \"); }",
        "0 1 -1 255 2147483647 -2147483648 ",
    );
}

#[test]
fn every_loop_counts_as_it_should() {
    prints("for i in 3..0 { print(i); } for i in -1..2 { print(i, \" \"); }", "-1 0 1 ");
    prints("var n = 3; for i in 0..n { n = 10; print(i); } print(n);", "01210");
    prints("for i in 2147483645..2147483647 { print(i, \" \"); }", "2147483645 2147483646 ");
    prints("for i in 0..9 { if i == 2 { continue; } if i == 5 { break; } print(i); }", "0134");
    prints(
        "var i = 0; while true { i += 1; if i % 2 == 0 { continue; } if i > 7 { break; } print(i); }",
        "1357",
    );
    prints("for i in 0..3 { for j in 0..i { if j == 1 { break; } print(i, j, \" \"); } }", "10 20 ");
}

#[test]
fn names_hide_outer_names_until_their_block_ends() {
    prints("let x = 1; { let x = x + 1; print(x); } print(x); for x in 5..6 { print(x); } print(x);", "2151");
    let program = "const N = 4 * M; const K = -N / 3;\nfn main() { print(N, K); }";
    assert_eq!(errors(program)[0], "1:15: there is no variable `M`");
    assert_eq!(output("const M = 2; const N = 4 * M; fn main() { print(N, -N / 3); }"), "8-2");
}

/// More values than registers, in loops, across calls and in recursion.
#[test]
fn values_without_a_register_live_in_memory() {
    let names: Vec<String> = (0..60).map(|n| format!("v{n}")).collect();
    let lets: String = names.iter().map(|name| format!("var {name} = seed({name}_);")).collect();
    let lets = names
        .iter()
        .enumerate()
        .fold(lets, |text, (n, name)| text.replace(&format!("{name}_)"), &format!("{n})")));
    let turns: String = names.windows(2).map(|pair| format!("{} += {} * 3;", pair[0], pair[1])).collect();
    let sum = names.join(" ^ ");
    let program = format!(
        "fn seed(n: int) -> int {{ return n * n + 1; }}
         fn deep(n: int) -> int {{
             if n == 0 {{ return 1; }}
             {lets}
             let below = deep(n - 1);
             for i in 0..3 {{ {turns} }}
             return below + ({sum});
         }}
         fn main() {{ print(deep(4), \"\\n\", deep(1)); }}"
    );
    assert!(assembly(&program).contains("LOADM"), "all of them found registers");
    output(&program);
}

#[test]
fn what_fits_registers_stays_in_them() {
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/osmium/gcd.ird")).unwrap();
    let assembly = assembly(&text);
    let start = assembly.find("_gcd:").unwrap();
    let code: Vec<&str> = assembly[start..].lines().skip(1).take_while(|line| !line.is_empty()).collect();
    let instructions: Vec<&str> = code
        .iter()
        .filter(|line| line.starts_with("    "))
        .map(|line| line.split_whitespace().next().unwrap())
        .collect();
    for memory in ["PUSH", "POP", "LOADM", "SETM", "LOAD"] {
        assert!(!instructions.contains(&memory), "{code:#?}");
    }
    // Three for the remainder, two moves, a test; twice moved and returned outside of the loop.
    assert!(instructions.len() <= 14, "{code:#?}");
}

#[test]
fn all_errors_come_at_once_with_their_places() {
    let text = "\
fn add(a: int, b: int) -> int {
    return a + c;
}
fn main() {
    let x: flat = 1;
    let y = add(1, 2, 3);
    var z = 1.5 + 1;
    y = 2;
    print(\"done\" \"twice\");
    if 1 { break; }
    let w = [1.5; 3];
    ad(1);
    5;
    for i in 0..3 { i += 1; }
}
fn f() -> int { while true { break; } }
";
    let expected = [
        "2:16: there is no variable `c`",
        "5:12: there is no type `flat`",
        "6:13: `add` takes 2 arguments, not 3",
        "7:19: `+` wants float here, this is int",
        "8:5: `y` keeps its value: it is no `var`",
        "9:18: expected `)`, found a string",
        "10:8: a condition is bool, this is int",
        "10:12: `break` outside of a loop",
        "11:14: there are no arrays of `float`",
        "12:5: there is no function `ad`",
        "13:5: this value is not used",
        "14:21: `i` keeps its value: it is no `var`",
        "16:39: `f` may end without a result",
    ];
    assert_eq!(errors(text), expected);
}

/// What follows from an error is none.
#[test]
fn a_mistake_is_one_error() {
    let in_main = [
        ("let x = 1 + ;\nprint(x);", "3:13: expected a value, found `;`"),
        ("let x;\nprint(x);", "3:6: expected `=`, found `;`"),
        ("let x: [int = [1];\nprint(x[0]);", "3:13: expected `]`, found `=`"),
        ("let x = 1;\n{ let x = (1.5;\nprint(x + 1.5); }", "4:15: expected `)`, found `;`"),
        ("let x = 1, y = 2;\nprint(x + y);", "3:10: expected `;`, found `,`"),
        ("let x = 1 ? 2 : 3;\nprint(x);", "3:11: `?` means nothing here"),
        ("let x = 'a';\nprint(x);", "3:9: `'` means nothing here"),
        ("let 2x = 5;\nprint(x);", "3:5: expected a name, found a number"),
        ("int x = 5;\nprint(x);", "3:5: expected `;`, found a name"),
        ("let x = y;\nlet z = x * x;\nprint(z + 0.5, -x + 0.5);", "3:9: there is no variable `y`"),
        ("for (var i = 0; i < 10; i += 1) { print(i); }", "3:5: expected a name, found `(`"),
        ("var i = 0;\nif (i == 0 { print(i); } else { print(1); }", "4:12: expected `)`, found `{`"),
        ("var i = 0;\nif i == 0\nprint(i);\n}\nprint(i);", "5:1: expected `{`, found a name"),
        ("var i = 0;\nwhile i < 9\ni += 1;\nprint(i);", "5:1: expected `{`, found a name"),
        ("var i = 0;\nif i == 0 {\nprint(i);\nprint(i);", "8:1: expected `}`, found the end of the file"),
        ("var i = 0;\nif i == 0 { print(i); else { i = 1; }", "4:23: expected `}`, found `else`"),
        ("if true { } }\nelse { print(1); }", "4:1: expected `fn` or `const`, found `else`"),
        ("while true { if true { } }\nelse { print(1); }", "4:1: `else` without an `if`"),
        ("if true print(1); }\nelse { print(1); }", "3:9: expected `{`, found a name"),
        ("let a = [[0; ]; 3]; let b = a[0];", "3:14: expected a value, found `]`"),
        ("let a = [; 3];\nlet b = a[0];", "3:10: expected a value, found `;`"),
        ("for i in 0..3\nlet b = i; if b > 0 { print(b); }\n}\nprint(1);", "4:1: expected `{`, found `let`"),
        ("const N = 5;\nprint(N);", "3:1: expected `}`, found `const`"),
        ("fn inner() { print(1); }\ninner();", "3:1: expected `}`, found `fn`"),
        ("x = 1;\nlet x = 1;\nprint(x);", "3:1: there is no variable `x`"),
        ("{ low = 1; }\nlow += 1;\nprint(low, -low * low);", "3:3: there is no variable `low`"),
        ("let x = twice(1);\nprint(twice(x));", "3:9: there is no function `twice`"),
    ];
    for (statements, expected) in in_main {
        let text = format!("\nfn main() {{\n{statements}\n}}\n");
        assert_eq!(errors(&text), [expected], "{text}");
    }
    let main = "fn main() { print(f(3) + N); }\nconst N = 1;\n";
    for (function, expected) in [
        ("fn f(a) -> int { return a; }", "1:7: expected `:`, found `)`"),
        ("fn f(a: int): int { return a; }", "1:13: expected `{`, found `:`"),
        ("fn f(a: int) -> int { return a * ; }", "1:34: expected a value, found `;`"),
        ("fn f(a: int) -> int { if a > 0 return a; }", "1:32: expected `{`, found `return`"),
        ("fn f(a: int) -> int { return a;", "2:1: expected `}`, found `fn`"),
        ("def f(a: int) -> int { return a; }", "1:1: expected `fn` or `const`, found a name"),
        ("const M = ; fn f(a: int) -> int { return M; }", "1:11: expected a value, found `;`"),
    ] {
        assert_eq!(errors(&format!("{function}\n{main}")), [expected], "{function}");
    }
    assert_eq!(errors("fn main {\nprint(1);\n}\n"), ["1:9: expected `(`, found `{`"]);
    // What is wrong elsewhere is told with it.
    assert_eq!(errors("fn main() {\nlet x = (1;\nprint(x, y);\n}\n").len(), 2);
}

#[test]
fn every_error_says_what_is_wrong() {
    let cases = [
        ("", "there is no function `main`"),
        ("fn main(n: int) {}", "`main` takes nothing and gives nothing"),
        ("fn main() {} fn main() {}", "there are two functions `main`"),
        ("fn print() {} fn main() {}", "`print` is part of the language"),
        ("fn main() { let x = 2147483648; }", "2147483648 is no number of 32 bits"),
        ("fn main() { let x = 1e999; }", "1e999 is too large for a `float`"),
        ("fn main() { print(\"a\\q\"); }", "`\\q` is no character"),
        ("fn main() { print(\"abc); }", "the string has no end"),
        ("fn main() { let x = 1 < 2 < 3; }", "comparisons do not go in a row"),
        ("fn main() { let x = true & false; }", "`&` is for the bits of ints; this is bool"),
        ("fn main() { let x = print(1); }", "`print` gives nothing; it stands by itself"),
        ("fn main() { let x = [1] == [1]; }", "arrays are not compared"),
        ("fn main() { let x = []; }", "elements of what type?"),
        ("fn main() { let x = [1, true]; }", "the first element is int, this is bool"),
        ("fn main() { let x = 1[0]; }", "this is int, which has no elements"),
        ("fn main() { let x = \"a\"; }", "a string can only be printed"),
        ("fn main() { print([1]); }", "an array is not printed as a whole"),
        ("fn main() { 1 = 2; }", "this cannot be given a value"),
        ("fn main() { return 1; }", "the function gives nothing"),
        ("fn f() -> int { return; } fn main() {}", "the function gives int, this `return` nothing"),
        ("fn main() { let x = 1 }", "expected `;`"),
        ("fn main() { let x = 1", "expected `;`, found the end of the file"),
        ("fn main() { { }", "expected `}`, found the end of the file"),
        ("fn main() { let x = (1; }", "expected `)`, found `;`"),
        ("fn main() { $ }", "`$` means nothing here"),
        ("let x = 1;", "expected `fn` or `const`, found `let`"),
        ("const A = f(); fn f() -> int { return 1; } fn main() {}", "the value of `A` is not known"),
        ("fn f(a: [float]) {} fn main() {}", "there are no arrays of `float`"),
        ("fn main() { f(1); } fn f(a: int, a: int) {}", "there are two parameters `a`"),
    ];
    for (text, expected) in cases {
        let errors = errors(text);
        assert!(
            errors.iter().any(|one| one.contains(expected)),
            "{expected:?} is not in {errors:?} of {text}"
        );
    }
    let hints = [
        ("fn main() { let count = 1; print(cuont); }", "did you mean `count`?"),
        ("fn main() { let x = 1.0 + 1; }", "`float(x)` is the float of an int"),
        ("fn main() { let x = 1; x = 2; }", "declare it with `var x = …`"),
        ("fn main() { x = 2; }", "`var x = …` declares it"),
        ("fn main() { if [1][0] { } }", "compare it: `x != 0`"),
    ];
    for (text, hint) in hints {
        let (_, log) = osmium::build("test.ird", text);
        assert!(shown(text, &log).contains(hint), "{}", shown(text, &log));
    }
}

#[test]
fn warnings_do_not_stop_a_program() {
    for (text, expected) in [
        ("fn main() { print(\"a\"); return; print(\"b\"); }", "control never comes here"),
        ("fn main() { if false { print(1 / 0); } print(\"a\"); }", "this divides by zero"),
    ] {
        let (_, log) = osmium::build("test.ird", text);
        assert!(log.len() == 1 && !log[0].is_error() && log[0].message.contains(expected), "{log:?}");
        assert_eq!(output(text), "a");
    }
}

/// The machine cannot store a float: what would need that is refused, and said where.
#[test]
fn floats_that_have_no_register_are_an_error() {
    let recursive = "\
fn power(x: float, n: int) -> float {
    if n == 0 { return 1.0; }
    return x * power(x, n - 1);
}
fn main() { print(power(2.0, 10)); }
";
    assert_eq!(errors(recursive), ["3:5: a float is needed again after a call that may come back here"]);
    // With the product on the way down nothing is needed again.
    let handed_on = "\
fn power(x: float, n: int, product: float) -> float {
    if n == 0 { return product; }
    return power(x, n - 1, product * x);
}
fn main() { print(power(2.0, 10, 1.0)); }
";
    assert_eq!(output(handed_on), "1024.000000");
    // A callee's registers count; more than there are do not fit.
    let floats = |count: usize| {
        let names: Vec<String> = (0..count).map(|n| format!("x{n}")).collect();
        let lets: String = names.iter().map(|name| format!("let {name} = f(1.5);")).collect();
        format!(
            "fn f(x: float) -> float {{ return x + x; }}\nfn main() {{ {lets} print({}); }}",
            names.join(" + ")
        )
    };
    assert_eq!(output(&floats(27)), "81.000000");
    assert_eq!(errors(&floats(40)).len(), 1);
    assert!(errors(&floats(40))[0].contains("too many floats at once"));
}

#[test]
fn programs_that_do_not_fit_the_machine_are_refused() {
    let many =
        |count: usize| format!("fn main() {{ var x = 1; {} print(x); }}", "x = x * x + 3;".repeat(count));
    output(&many(1000));
    for count in [6_000, 200_000] {
        assert!(errors(&many(count))[0].contains("the program is too large for the machine"));
    }
    let deep = format!("fn main() {{ print({}1{}); }}", "(".repeat(100_000), ")".repeat(100_000));
    assert!(errors(&deep)[0].contains("in each other"));
    let chain = format!("fn main() {{ print(1{}); }}", " + 1".repeat(100_000));
    assert!(errors(&chain)[0].contains("in each other"));
    let blocks = format!("fn main() {{ {} {} }}", "{".repeat(100_000), "}".repeat(100_000));
    assert!(errors(&blocks)[0].contains("in each other"));
}

/// `KILN_SEEDS=1000+500` runs 500 seeds from 1000 on.
#[test]
fn random_programs_do_what_their_trees_say() {
    let (from, count) = match std::env::var("KILN_SEEDS") {
        Ok(seeds) => {
            let (from, count) = seeds.split_once('+').expect("KILN_SEEDS is FROM+COUNT");
            (from.parse().unwrap(), count.parse().unwrap())
        }
        Err(_) => (0, 400),
    };
    let (mut finished, mut stopped, mut native) = (0, 0, 0);
    for seed in from..from + count {
        let checked =
            generate::check(&noise(seed, 1200)).unwrap_or_else(|what| panic!("seed {seed}: {what}"));
        native += checked.summary.native;
        match checked.end {
            Some(End::Finished) => finished += 1,
            Some(End::Trapped | End::DividedByZero) => stopped += 1,
            _ => {}
        }
    }
    assert!(finished * 4 > count * 3, "{finished} of {count} finished");
    assert!(stopped * 100 > count, "{stopped} of {count} were stopped");
    assert!(native > count * 100 || cfg!(not(feature = "jit")), "native code hardly ran: {native}");
}

#[test]
fn any_text_compiles_or_says_why_not() {
    const PIECES: [&str; 40] = [
        " ", "\n", "fn ", "main", "()", "{", "}", "(", ")", "[", "]", ";", ",", ":", "->", "int", "float",
        "bool", "let ", "var ", "x", "y", "=", "+=", "if ", "else ", "while ", "for ", "in ", "..",
        "return ", "print(", "1", "2.5", "\"a\"", "true", "+", "<", "&&", "\u{e9}",
    ];
    for seed in 0..3000 {
        let bytes = noise(seed, 1 + (seed as usize * 7) % 200);
        let text = match seed % 3 {
            0 => bytes,
            1 => bytes.iter().flat_map(|&n| PIECES[usize::from(n) % PIECES.len()].bytes()).collect(),
            // A program with a piece of it somewhere else.
            _ => {
                let mut text = generate::program(&mut kiln::fuzz::Choices::new(&bytes)).into_bytes();
                let (from, to) =
                    (usize::from(bytes[0]) % text.len(), usize::from(bytes[bytes.len() / 2]) % text.len());
                let piece: Vec<u8> = text[from..].iter().take(10).copied().collect();
                text.splice(to..to, piece);
                text
            }
        };
        generate::any_text(&text).unwrap_or_else(|what| panic!("seed {seed}: {what}"));
    }
}

#[test]
fn the_program_compiles_and_runs_osmium() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("osmium");
    fs::create_dir_all(&folder).unwrap();
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    fs::write(path("good.ird"), "fn main() { print(6 * 7 + len([0; 3]), \"\\n\"); }").unwrap();
    fs::write(path("bad.ird"), "fn main() { print(x); }").unwrap();
    let kiln = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_kiln")).args(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    };
    assert_eq!(kiln(&["run", &path("good.ird")]), (0, "45\n".to_owned(), String::new()));
    assert_eq!(kiln(&["compile", &path("good.ird"), "-o", &path("good.iasm")]).0, 0);
    assert_eq!(kiln(&["run", &path("good.iasm")]), (0, "45\n".to_owned(), String::new()));
    let (code, _, error) = kiln(&["run", &path("bad.ird")]);
    assert!(
        code == 65 && error.contains("there is no variable `x`") && error.contains("bad.ird:1:19"),
        "{error}"
    );
    assert_eq!(kiln(&["compile", &path("bad.ird"), "-o", "-"]), (65, String::new(), error));
}
