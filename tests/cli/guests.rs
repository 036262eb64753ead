//! What each machine shows its users: its place in the list, settings, results, sources that are compiled, C.

use kiln::guests::{self, FileKind, Machine, Setting, Visit};

use super::*;

/// The result of a command that succeeds without a word of its own.
fn prints(arguments: &[&str], expected: &str) {
    assert_eq!(
        outcome_in_any_build(&mut kiln(arguments)),
        (0, expected.to_owned(), String::new()),
        "{arguments:?}"
    );
}

fn example(name: &str) -> String {
    format!("{}/examples/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_list_of_guests_has_their_files_features_and_settings() {
    struct Described;
    impl Visit for Described {
        type Output = (&'static str, &'static [FileKind], &'static [&'static str], &'static [Setting]);
        fn visit<G: Machine>(self) -> Self::Output {
            (G::ABOUT, G::FILES, G::FEATURES, G::SETTINGS)
        }
    }
    let (code, out, err) = outcome(&mut kiln(&["guests"]));
    assert_eq!((code, err.as_str()), (0, ""));
    let sections: Vec<&str> = out.split("\n\n").collect();
    assert_eq!(sections.len(), guests::ALL.len(), "{out}");
    for (section, name) in sections.into_iter().zip(guests::NAMES) {
        let (about, files, features, settings) = guests::visit(name, Described).unwrap();
        assert!(section.starts_with(&format!("{name}  {about}")), "{section}");
        for kind in files {
            let line =
                section.lines().find(|line| line.trim_start().starts_with(&format!(".{} ", kind.extension)));
            assert!(line.is_some_and(|line| line.ends_with(kind.what)), "{section}");
        }
        assert!(section.contains(&features.join(", ")), "{section}");
        for setting in settings {
            assert!(section.contains(&format!("--set {}={}: ", setting.name, setting.default)), "{section}");
        }
    }
    for name in ["lc3", "iridium", "byte", "wordstack", "lox"] {
        assert!(out.contains(&format!("{name}  ")), "{out}");
    }
}

#[test]
fn a_setting_is_taken_and_a_wrong_one_is_64() {
    let folder = Folder::new("settings");
    let three = folder.file("three.post", "1 2 3 + +");
    for tier in TIERS {
        prints(&["run", "--tier", tier, "--set", "stack=3", &three], "Result: 6\n");
        let err = fails(&["run", "--tier", tier, "--set", "stack=2", &three], 70);
        assert!(err.contains("fault: Stack overflow: the stack holds 2 values at word 3: 3"), "{err}");
    }
    for (setting, what) in [
        ("stack=0", "--set stack=0: it is from 1 to 1048576"),
        ("stack=1048577", "it is from 1 to 1048576"),
        ("stak=9", "wordstack has no setting `stak`; did you mean stack? (there are: stack)"),
    ] {
        refuses(&["run", "--set", setting, &three], 64, what);
    }
    for setting in ["stack", "stack=", "stack=many", "=3"] {
        fails(&["run", "--set", setting, &three], 64);
    }
    let heap = folder.file("heap.iasm", ".code\nload $0 #8\naloc $0\nhlt\n");
    prints(&["run", "--set", "heap=8", &heap], "");
    let err = fails(&["run", "--set", "heap=7", &heap], 70);
    assert!(err.contains("heap of 0 bytes cannot grow by 8: it may have 7"), "{err}");
    refuses(&["run", "--set", "heap=1", &example("byte/add.byte")], 64, "byte has no setting `heap`");
}

#[test]
fn a_machine_shows_its_result() {
    let folder = Folder::new("result");
    let below = folder.file("below.post", "1 -2 3");
    let halt = folder.file("halt.words", 0x4000_0000u32.to_le_bytes());
    for tier in TIERS {
        prints(&["run", "--tier", tier, &example("byte/add.byte")], "Result: 5\n");
        prints(&["run", "--tier", tier, &example("wordstack/sum.post")], "Result: 54\n");
        prints(&["run", "--tier", tier, &below], "Result: 3\nBelow it: -2 1\n");
        prints(&["run", "--tier", tier, &halt], "Result: none, the stack is empty\n");
        prints(&["run", "--tier", tier, &example("iridium/hello.iasm")], "Hello, world!\n");
    }
    // A machine's own code is the program's; who has not halted has no result.
    let stops = folder.file("stops.iasm", ".code\nigl\n");
    fails(&["run", &stops], 1);
    fails(&["run", "--budget", "2", &below], 75);
    let underflow = folder.file("underflow.words", 0x4000_0001u32.to_le_bytes());
    let err = fails(&["run", &underflow], 70);
    assert!(err.contains("Stack underflow: the instruction takes two values at word 1: ADD"), "{err}");
}

#[test]
fn a_part_of_the_series_has_other_numbers() {
    let folder = Folder::new("numbering");
    let code = [&[0x45, 0x50, 0x49, 0x45][..], &[0; 64], &[0, 0, 1, 0xf4, 6, 0, 0, 0]].concat();
    let image = folder.file("part1.pie", code);
    prints(&["run", "--numbering", "part1", &image], "");
    let (code, listing, _) = outcome(&mut kiln(&["disasm", "--numbering", "part1", &image]));
    assert!(code == 0 && listing.ends_with("    hlt\n"), "{listing}");
    assert!(outcome(&mut kiln(&["disasm", &image])).1.ends_with("    jmp $0\n"));
    assert!(fails(&["disasm", "--numbering", "part2", &image], 64).contains("did you mean part1?"));
    // What is listed becomes the image again.
    let (source, again) = (folder.file("part1.iasm", listing), folder.path("again.pie"));
    prints(&["compile", "--numbering", "part1", &source, "-o", &again], "");
    assert_eq!(fs::read(&again).unwrap(), fs::read(&image).unwrap());
    prints(&["compile", &source, "-o", &again], "");
    assert_ne!(fs::read(&again).unwrap(), fs::read(&image).unwrap());
    let later = folder.file("later.iasm", ".code\ninc $0\nload $1 #65536\nhlt\n");
    let err = fails(&["compile", "--numbering", "part1", &later], 65);
    assert!(err.contains("the first part has no INC") && err.contains("the first part has no LUI"), "{err}");
    let osmium = folder.file("main.ird", "fn main() {}");
    assert!(
        fails(&["compile", "--numbering", "part1", &osmium], 65).contains("assembly, which has no numbers")
    );
    // In the others 6 is JMP.
    fails(&["run", "--budget", "10", &image], 70);
}

/// Suggestions for errors that nobody is shown would take minutes.
#[test]
fn texts_with_thousands_of_errors_are_refused_at_once() {
    let folder = Folder::new("thousands");
    let text = |start: &str, label: &str, wrong: &str, end: &str| {
        let lines = |line: &str, count: usize| -> String {
            (0..count).map(|n| line.replace('N', &n.to_string()) + "\n").collect()
        };
        format!("{start}\n{}{}{end}\n", lines(label, 9000), lines(wrong, 20_000))
    };
    for (file, source) in [
        ("many.iasm", text(".code", "vN: inc $0", "djmpe @wN", "")),
        ("many.asm", text(".ORIG x3000", "vN ADD R0, R0, #1", "BR wN", ".END")),
        ("many.byte", text("", "vN: push 1", "jump wN", "")),
        ("many.ird", text("fn main() {", "let vN = 1;", "print(wN);", "}")),
        ("calls.ird", text("", "fn vN() {}", "fn wN() { xN(); }", "")),
    ] {
        let err = fails(&["compile", &folder.file(file, source), "-o", "-"], 65);
        assert!(err.contains("is not defined") || err.contains("there is no "), "{file}: {err}");
    }
}

#[test]
fn a_trace_has_numbers_as_they_are_written() {
    let folder = Folder::new("numbers");
    let source = ".code\nload $0 #-7\nload $1 #2\ndiv $0 $1 $2\nloadf64 $3 #1.5\nhlt\n";
    let (code, _, trace) = outcome(&mut kiln(&["run", "--trace", &folder.file("numbers.iasm", source)]));
    assert_eq!(code, 0);
    for change in [" $0=-7\n", " $2=-3 remainder=-1\n", " f3=1.5\n"] {
        assert!(trace.contains(change), "{change:?} is not in:\n{trace}");
    }
}

#[test]
fn a_program_is_validated_before_it_runs() {
    let folder = Folder::new("validated");
    let text = folder.file("under.byte", "push 1\nadd\nhalt\n");
    let err = fails(&["run", &text], 65);
    assert!(err.starts_with("error: Stack underflow\n"), "{err}");
    assert!(err.contains("under.byte:2:1"), "{err}");
    assert!(err.contains("`add`: on some path SP is too small by 1"), "{err}");
    let outside = folder.file("outside.byc", [2, 1, 12, 9]);
    refuses(&["run", &outside], 65, "outside.byc: byte 2: Jump outside the program: `jump L9`: the end is 2");
    let cut = folder.file("cut.byc", [2, 1, 1]);
    refuses(&["run", &cut], 65, "cut.byc: byte 3: cut short");
}

/// The article's listing, wherever the image stands on the command line.
#[test]
fn wordstack_is_traced_as_in_the_article() {
    let listing = "\
Instruction type Data (0 = 32 )
Instruction type Data (0 = 22 )
Instruction type Operation (1) ,
[ ADD ] : 22 32
 TOS now : 54
Instruction type Operation (1) ,
[ HALT ] : Stopping VM
";
    let sum = example("wordstack/sum.post");
    let result = (0, "Result: 54\n".to_owned(), listing.to_owned());
    assert_eq!(outcome(&mut kiln(&["run", "--trace", &sum])), result);
    assert_eq!(outcome(&mut kiln(&["run", &sum, "--trace"])), result);
    let folder = Folder::new("article");
    let file = folder.path("trace.txt");
    prints(&["run", &format!("--trace={file}"), &sum], "Result: 54\n");
    assert_eq!(fs::read_to_string(&file).unwrap(), listing);
}

#[test]
fn a_source_is_compiled_and_listed_and_runs() {
    let folder = Folder::new("compiled");
    let out = folder.path("a.out");
    for (name, bytes, listing, result) in [
        (
            "wordstack/product.post",
            &[1, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0x40, 5, 0, 0, 0, 3, 0, 0, 0x40, 0, 0, 0, 0x40][..],
            "       3  40000001  ADD\n",
            "Result: 20\n",
        ),
        ("byte/add.byte", &[2, 2, 2, 3, 3, 0, 1, 0], "    push 3\n", "Result: 5\n"),
    ] {
        let guest = name.split('/').next().unwrap();
        prints(&["compile", &example(name), "-o", &out], "");
        assert_eq!(fs::read(&out).unwrap(), bytes);
        // Without an ending, Wordstack's images tell what they are by their words.
        let image = if guest == "byte" { folder.file("a.byc", bytes) } else { out.clone() };
        prints(&["run", &image], result);
        let (code, listed, _) = outcome(&mut kiln(&["disasm", &image]));
        assert!(code == 0 && listed.contains(listing), "{listed}");
    }
    // One step at a time: Osmium, assembly, image.
    let osmium = folder.file("hello.ird", "fn main() { print(\"hello\\n\"); }");
    for (from, to) in [("hello.ird", "hello.iasm"), ("hello.iasm", "hello.pie")] {
        prints(&["run", &folder.path(from)], "hello\n");
        prints(&["compile", &folder.path(from)], "");
        assert!(fs::exists(folder.path(to)).unwrap(), "{to}");
    }
    prints(&["run", &folder.path("hello.pie")], "hello\n");
    assert!(fs::read_to_string(osmium).unwrap().starts_with("fn main"));
    for bad in ["x.post", "x.byte", "x.iasm", "x.ird"] {
        let bad = folder.file(bad, "what is this");
        let err = fails(&["compile", &bad], 65);
        assert!(err.contains(&format!("{bad}:1:")), "{err}");
    }
}

/// The C does what the machine does, its result included.
#[test]
fn a_result_is_there_in_c() {
    let folder = Folder::new("result-c");
    let below = folder.file("below.post", "1 -2 3");
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    for image in [example("byte/add.byte"), example("wordstack/wrap.post"), below] {
        let (source, program) = (folder.path("result.c"), folder.path("result"));
        prints(&["emit", "c", &image, "-o", &source], "");
        let made = std::process::Command::new(&compiler).args(["-o", &program, &source]).status();
        assert!(made.expect("there is a C compiler").success());
        let expected = outcome(&mut kiln(&["run", &image]));
        assert_eq!(outcome(&mut Command::new(&program)), expected);
    }
}
