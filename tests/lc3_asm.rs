//! The LC-3 assembler: words by hand from the specification, words by an assembler that others
//! wrote, and texts of any kind.

use kiln::diagnostic::{Diagnostic, Source, Style};
use kiln::guests::lc3::asm::{Assembly, assemble, format};
use kiln::guests::lc3::image::{Image, Segment};
use proptest::prelude::*;

/// The image of a text that must assemble without a word of complaint, but that pieces of programs are no programs.
fn image(source: &str) -> Image {
    let Assembly { image, mut diagnostics } = assemble("test.asm", source);
    let pieces = ["runs into", "never used", "nothing reaches", "taken as a label"];
    diagnostics.retain(|one| !pieces.iter().any(|piece| one.message.contains(piece)));
    assert_eq!(render(source, &diagnostics), "", "{source}");
    image.expect("no error, so an image")
}

/// The words of statements at x3000.
fn words(statements: &str) -> Vec<u16> {
    let image = image(&format!(".ORIG x3000\n{statements}\n.END\n"));
    assert_eq!(image.segments.len(), 1);
    assert_eq!(image.segments[0].origin, 0x3000);
    image.segments[0].words.clone()
}

fn render(source: &str, diagnostics: &[Diagnostic]) -> String {
    Source::new("test.asm", source).render_all(diagnostics, Style::Plain)
}

/// The fields of each word are as the specification draws them.
#[test]
fn every_instruction() {
    for (text, word) in [
        ("ADD R1, R2, R3", "0001 001 010 0 00 011"),
        ("ADD R1, R2, #-16", "0001 001 010 1 10000"),
        ("ADD R7, R0, #15", "0001 111 000 1 01111"),
        ("AND R6, R5, R4", "0101 110 101 0 00 100"),
        ("AND R0, R0, #0", "0101 000 000 1 00000"),
        ("NOT R3, R4", "1001 011 100 111111"),
        ("BR #1", "0000 111 000000001"),
        ("BRn #-1", "0000 100 111111111"),
        ("BRz #255", "0000 010 011111111"),
        ("BRp #-256", "0000 001 100000000"),
        ("BRnz #0", "0000 110 000000000"),
        ("BRnp #0", "0000 101 000000000"),
        ("BRzp #0", "0000 011 000000000"),
        ("BRnzp #0", "0000 111 000000000"),
        ("BRpzn #0", "0000 111 000000000"),
        ("BRzn #0", "0000 110 000000000"),
        ("JMP R2", "1100 000 010 000000"),
        ("RET", "1100 000 111 000000"),
        ("JSR #-1024", "0100 1 10000000000"),
        ("JSR #1023", "0100 1 01111111111"),
        ("JSRR R5", "0100 0 00 101 000000"),
        ("LD R4, #3", "0010 100 000000011"),
        ("LDI R4, #-3", "1010 100 111111101"),
        ("LDR R1, R6, #31", "0110 001 110 011111"),
        ("LDR R1, R6, #-32", "0110 001 110 100000"),
        ("LEA R0, #7", "1110 000 000000111"),
        ("ST R2, #9", "0011 010 000001001"),
        ("STI R2, #9", "1011 010 000001001"),
        ("STR R1, R6, #0", "0111 001 110 000000"),
        ("RTI", "1000 000000000000"),
        ("TRAP x25", "1111 0000 00100101"),
        ("TRAP #255", "1111 0000 11111111"),
        ("TRAP 0", "1111 0000 00000000"),
        ("GETC", "1111 0000 00100000"),
        ("OUT", "1111 0000 00100001"),
        ("PUTC", "1111 0000 00100001"),
        ("PUTS", "1111 0000 00100010"),
        ("IN", "1111 0000 00100011"),
        ("PUTSP", "1111 0000 00100100"),
        ("HALT", "1111 0000 00100101"),
        ("NOP", "0000 0000 00000000"),
        ("NOP #5", "0000 0000 00000101"),
    ] {
        let bits = word.replace(' ', "");
        let word = u16::from_str_radix(&bits, 2).expect("binary digits");
        assert_eq!(words(text), [word], "{text}");
        assert_eq!(words(&text.to_lowercase()), [word], "{text} in lower case");
        assert_eq!(words(&text.replace(',', " ")), [word], "{text} without commas");
        assert_eq!(words(&format!("HERE: {text} ; why")), [word], "{text} with a label");
    }
}

#[test]
fn labels_as_operands() {
    let text = "A LEA R0, D\n LD R1, D\n ST R1, d\nB BR A\n JSR C\n BRz B\n\
                C STI R0, D\n LDI R0, A\nD .FILL C";
    let expected = [0xe007, 0x2206, 0x3205, 0x0ffc, 0x4801, 0x05fd, 0xb001, 0xa1f8, 0x3006];
    assert_eq!(words(text), expected);
    // The farthest that nine bits reach, both ways, and eleven.
    assert_eq!(words("LD R0, L\n.BLKW 255\nL .FILL 1")[0], 0x20ff);
    assert_eq!(words("L .BLKW 255\nLD R0, L")[255], 0x2100);
    assert_eq!(words("JSR L\n.BLKW 1023\nL .FILL 1")[0], 0x4bff);
    assert_eq!(words("L .BLKW 1023\nJSR L")[1023], 0x4c00);
}

#[test]
fn offsets_wrap_around_memory() {
    let source = ".ORIG xFFFF\nBR L\n.END\n.ORIG x0002\nL HALT\n.END\n";
    assert_eq!(image(source).segments[0].words, [0x0e02]);
}

#[test]
fn every_directive() {
    assert_eq!(words(".FILL 65535\n.FILL -32768\n.FILL xABCD\n.FILL 'A'"), [0xffff, 0x8000, 0xabcd, 65]);
    assert_eq!(words(".BLKW 3\n.FILL 1"), [0, 0, 0, 1]);
    assert_eq!(words(r#".STRINGZ "a;b""#), [97, 59, 98, 0]);
    assert_eq!(words(r#".STRINGZ """#), [0]);
    let escapes = r#".STRINGZ "\n\t\r\0\\\"\'\e\x1b\xFF""#;
    assert_eq!(words(escapes), [10, 9, 13, 0, 92, 34, 39, 27, 27, 255, 0]);
    assert_eq!(words(".STRINGZ \"é→\""), [0xe9, 0x2192, 0]);
    let two = image(".ORIG x3000\nHALT\n.END\n; between\n.orig 0x4000\n.fill 1\n.end");
    let segment = |origin, words: &[u16]| Segment { origin, words: words.to_vec() };
    assert_eq!(two.segments, [segment(0x3000, &[0xf025]), segment(0x4000, &[1])]);
    assert_eq!(two.start(), 0x3000);
}

#[test]
fn every_way_to_write_a_number() {
    for text in [
        "-5", "#-5", "x-5", "X-5", "-x5", "0x-5", "-0x5", "b-101", "-b101", "0b-101", "#x-5", "xFFFB", "#-05",
    ] {
        assert_eq!(words(&format!("ADD R0, R0, {text}")), [0x103b], "{text}");
    }
    for text in
        ["10", "#10", "xA", "Xa", "0xA", "0XA", "b1010", "B1010", "0b1010", "#xA", "+10", "#+10", "'\\n'"]
    {
        assert_eq!(words(&format!("ADD R0, R0, {text}")), [0x102a], "{text}");
    }
    assert_eq!(words(".FILL ';'\n.FILL '\\''\n.FILL '\\x41'\n.FILL '\"'"), [59, 39, 65, 34]);
}

#[test]
fn labels_in_every_place() {
    let image = image(".ORIG x3000\nA\nB:\nC D: HALT\nE : .FILL A\n_f2 F_ RET\nZ\n.END\n");
    let labels: Vec<(&str, u16)> = image.symbols.iter().collect();
    let expected = [
        ("A", 0x3000),
        ("B", 0x3000),
        ("C", 0x3000),
        ("D", 0x3000),
        ("E", 0x3001),
        ("_f2", 0x3002),
        ("F_", 0x3002),
        ("Z", 0x3003),
    ];
    assert_eq!(labels, expected);
    assert_eq!(image.symbols.address("_F2"), Some(0x3002));
    assert_eq!(image.lines.get(0x3000), Some(("test.asm", 4)));
    assert_eq!(image.lines.get(0x3002), Some(("test.asm", 6)));
    assert_eq!(image.lines.address("test.asm", 5), Some(0x3001));
}

#[test]
fn a_label_wins_over_the_number_it_looks_like() {
    let source = ".ORIG x3000\nLD R0, b1\nADD R0, R0, b1\nHALT\nb1 .FILL b1\n.END";
    let Assembly { image, diagnostics } = assemble("test.asm", source);
    assert_eq!(image.expect("only a warning").segments[0].words, [0x2002, 0x1021, 0xf025, 0x3003]);
    assert_eq!(diagnostics.len(), 1);
    assert_eq!(diagnostics[0].message, "label `b1` also reads as a number");
}

#[test]
fn bytes_that_editors_leave_behind() {
    let expected = words("A HALT ; ok\n.FILL A");
    for text in
        ["\tA\tHALT;ok\r\n\t.FILL\tA\r", "A HALT ; naïve →\u{0}\n.FILL A", "A\u{a0}HALT\u{3000}\n.FILL A"]
    {
        assert_eq!(words(text), expected, "{text:?}");
    }
    let marked = image("\u{feff}.ORIG x3000\nA HALT\n.FILL A\n.END\n\u{1a}");
    assert_eq!(marked.segments[0].words, expected);
}

#[test]
fn numbers_written_as_bits() {
    let source = ".ORIG x3000\nAND R0, R0, x1F\nLDR R0, R0, b111111\nBRz x1FF\nBR xFF00\n.END";
    let Assembly { image, diagnostics } = assemble("test.asm", source);
    assert_eq!(image.expect("only warnings").segments[0].words, [0x503f, 0x603f, 0x05ff, 0x0f00]);
    let messages: Vec<&str> = diagnostics.iter().map(|one| one.message.as_str()).collect();
    assert_eq!(messages, ["`x1F` in 5 bits is -1", "`b111111` in 6 bits is -1", "`x1FF` in 9 bits is -1"]);
}

/// Where a statement follows, the name of an instruction is a label.
#[test]
fn labels_named_as_instructions() {
    let source = ".ORIG x3000\nLEA R0, OUT\nBRz ret\nPUTS\nRET: HALT\nOUT .STRINGZ \"\"\nIN NOP\nBR IN\n.END";
    let Assembly { image, diagnostics } = assemble("test.asm", source);
    let image = image.expect("only warnings");
    assert_eq!(image.segments[0].words, [0xe003, 0x0401, 0xf022, 0xf025, 0, 0, 0x0ffe]);
    let also = diagnostics.iter().filter(|one| one.message.ends_with("is also an instruction"));
    assert_eq!(also.count(), 3, "{}", render(source, &diagnostics));
    // What an instruction is given is not the next statement.
    let image = assemble("test.asm", ".ORIG x3000\nBR ADD\nADD: HALT\nLD R0, ADD\n.END").image;
    assert_eq!(image.expect("only warnings").segments[0].words, [0x0e00, 0xf025, 0x21fe]);
}

#[test]
fn labels_of_other_files() {
    let main = ".ORIG x3000\n.EXTERNAL double TABLE\nLD R1, AT\nJSR DOUBLE\nHALT\nAT .FILL table\n.END";
    let library = ".ORIG x3010\nDouble ADD R0, R0, R0\nRET\nTABLE .FILL 5\n.END";
    let images = [image(main), image(library)];
    assert_eq!(images[0].segments[0].words, [0x2202, 0x4800, 0xf025, 0]);
    let linked = Image::join(images.clone()).expect("links");
    assert_eq!(linked.segments[0].words, [0x2202, 0x480e, 0xf025, 0x3012]);
    assert!(linked.externals.is_empty());
    let [main, library] = images;
    let refused = |images: &[&Image]| {
        let images: Vec<Image> = images.iter().map(|&image| image.clone()).collect();
        Image::join(images).expect_err("does not link").to_string()
    };
    let alone =
        "test.asm: line 4: label `DOUBLE` is defined in no other file; give the file that defines it, too";
    assert_eq!(refused(&[&main]), alone);
    let near = image(".ORIG x4000\nDOUBEL RET\n.END");
    assert!(refused(&[&main, &near]).ends_with("did you mean `DOUBEL`?"));
    let far = image(".ORIG x4000\nDOUBLE RET\n.END");
    assert!(refused(&[&main, &far]).ends_with("offset 4094 does not fit in 11 bits (-1024…1023)"));
    assert!(refused(&[&main, &library, &far]).contains("is defined in test.asm and in test.asm"));
}

/// The words of a text by address, as lc3-ensemble assembles it; none where it doesn't.
fn oracle(source: &str) -> Option<Vec<(u16, u16)>> {
    let ast = lc3_ensemble::parse::parse_ast(source).ok()?;
    let object = lc3_ensemble::asm::assemble(ast).ok()?;
    Some(object.addr_iter().map(|(address, word)| (address, word.unwrap_or(0))).collect())
}

fn by_address(image: &Image) -> Vec<(u16, u16)> {
    let mut words: Vec<(u16, u16)> = image.segments.iter().flat_map(Segment::iter).collect();
    words.sort_unstable();
    words
}

#[test]
fn the_example_programs() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/lc3");
    let mut compared = 0;
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != "asm") {
            continue;
        }
        let source = std::fs::read_to_string(&path).expect("source is text");
        let Assembly { image, diagnostics } = assemble("test.asm", &source);
        assert_eq!(render(&source, &diagnostics), "", "{}", path.display());
        let ours = by_address(&image.expect("no error"));
        if let Some(theirs) = oracle(&source) {
            assert!(ours == theirs, "{} differs from lc3-ensemble's", path.display());
            compared += 1;
        }
    }
    assert!(compared > 0, "no program in {folder}");
}

/// A statement of a valid program whose labels are L0 to L39.
fn statement() -> impl Strategy<Value = String> {
    let register = || (0..8).prop_map(|n| format!("R{n}"));
    let number = |range: std::ops::Range<i32>| {
        (range, 0..3).prop_map(|(n, way)| match (way, n < 0) {
            (0, _) => format!("#{n}"),
            (1, _) => n.to_string(),
            (_, true) => format!("x-{:X}", -n),
            (_, false) => format!("x{n:X}"),
        })
    };
    let target = move |range| prop_oneof![3 => (0..40).prop_map(|n| format!("L{n}")), 1 => number(range)];
    let name = |names: &'static [&str]| proptest::sample::select(names);
    let arithmetic = prop_oneof![register(), number(-16..16)];
    let branches = &["BR", "BRn", "BRz", "BRp", "brnz", "BRnp", "BRzp", "BRnzp", "NOP"];
    let fixed = &["RET", "RTI", "GETC", "OUT", "PUTC", "PUTS", "IN", "PUTSP", "HALT", "NOP"];
    prop_oneof![
        (name(&["ADD", "AND", "and"]), register(), register(), arithmetic)
            .prop_map(|(op, dr, sr, last)| format!("{op} {dr}, {sr}, {last}")),
        (register(), register()).prop_map(|(dr, sr)| format!("NOT {dr}, {sr}")),
        (name(&["LD", "LDI", "LEA", "ST", "STI", "st"]), register(), target(-256..256))
            .prop_map(|(op, r, to)| format!("{op} {r}, {to}")),
        (name(&["LDR", "STR"]), register(), register(), number(-32..32))
            .prop_map(|(op, r, base, offset)| format!("{op} {r}, {base}, {offset}")),
        (name(branches), target(-256..256)).prop_map(|(op, to)| format!("{op} {to}")),
        target(-1024..1024).prop_map(|to| format!("JSR {to}")),
        (name(&["JMP", "JSRR"]), register()).prop_map(|(op, base)| format!("{op} {base}")),
        number(0..256).prop_map(|vector| format!("TRAP {vector}")),
        name(fixed).prop_map(str::to_owned),
        prop_oneof![number(-32768..32768), (0..65536).prop_map(|n| format!("x{n:x}")), target(0..9)]
            .prop_map(|value| format!(".FILL {value}")),
        (1..4).prop_map(|n| format!(".BLKW {n}")),
        r#"([ !#-\[\]-~]|\\[ntr0"\\]){0,5}"#.prop_map(|text| format!(".STRINGZ \"{text}\"")),
    ]
}

/// A valid program of two blocks, whose labels all are in reach.
fn program() -> impl Strategy<Value = String> {
    let line = (statement(), 0..4).prop_map(|(statement, way)| match way {
        0 => format!("@: {statement} ; comment"),
        1 => format!("@\n\t{statement}"),
        2 => format!("@  {statement}\r"),
        _ => format!("@\t{statement};"),
    });
    (0..0xf000u16, proptest::collection::vec(line, 40)).prop_map(|(origin, lines)| {
        let mut source = format!(".ORIG x{origin:04X}\n");
        for (at, line) in lines.iter().enumerate() {
            if at == 30 {
                source += &format!(".END\n.orig {}\n", origin + 0x100);
            }
            source += &format!("{}\n", line.replace('@', &format!("L{at}")));
        }
        source + ".END\n"
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn valid_programs_agree_with_the_oracle(source in program()) {
        let Assembly { image, diagnostics } = assemble("test.asm", &source);
        let said = render(&source, &diagnostics);
        // Two labels may be too far apart after all; then the oracle must say so too.
        prop_assert_eq!(image.as_ref().map(by_address), oracle(&source), "{}\n{}", source, said);
    }

    #[test]
    fn no_text_is_too_much(
        source in "(\\PC|[\\t\\r\\n\"'#x.,;:-]|\\.(orig|fill|stringz|blkw|end) |ADD |[RL][0-9]){0,200}",
    ) {
        sound(&source)?;
    }

    #[test]
    fn no_change_to_a_program_is_too_much(
        source in program(),
        at in 0usize..2000,
        with in "\\PC{0,3}|[\\x00-\\x7f]{0,3}",
    ) {
        let at = source.floor_char_boundary(at);
        let end = source.floor_char_boundary(at + 3);
        sound(&[&source[..at], &with, &source[end..]].concat())?;
    }
}

#[test]
fn formatting() {
    let source = "\u{feff};  what it does \r\n\r\n\r\n\t.orig x3000\r\n    ; alone\n\
                  start: lea r0 text;comment\n\tbRNz start ; two\nlonger_label\n  puts\n\
                  \t\t\t\t\t; far\n halt\ntext .stringz \"a ; b\" ; s\nA B: .fill X1f\n.end\n\n notes,  as ever\n\n";
    let expected = "\
;  what it does

        .ORIG x3000
        ; alone
start:  LEA   R0, text              ;comment
        BRnz  start                 ; two
longer_label
        PUTS
                                    ; far
        HALT
text    .STRINGZ \"a ; b\"            ; s
A B:    .FILL X1f
        .END

 notes,  as ever
";
    let text = format("a.asm", source).expect("assembles");
    assert_eq!(text, expected, "\n{text}");
    assert!(format("a.asm", "HALT").is_err());
}

/// The words stay, comments stay, and formatting again changes nothing.
#[test]
fn formatting_the_examples() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/lc3");
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.extension().is_some_and(|extension| extension == "asm") {
            let source = std::fs::read_to_string(&path).unwrap();
            let text = format("a.asm", &source).expect("assembles");
            let comments = |text: &str| -> Vec<String> {
                let after = text.lines().filter_map(|line| line.split_once(';'));
                after.map(|(_, comment)| comment.trim_end().to_owned()).collect()
            };
            assert_eq!(comments(&text), comments(&source), "{}", path.display());
            assert_eq!(format("a.asm", &text).expect("assembles"), text);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn formatting_keeps_the_program(source in program()) {
        let Some(image) = assemble("a.asm", &source).image else { return Ok(()) };
        let text = format("a.asm", &source).expect("it assembles");
        let again = assemble("a.asm", &text).image.expect("it assembles still");
        prop_assert_eq!((&again.segments, &again.symbols), (&image.segments, &image.symbols), "{}", text);
        prop_assert_eq!(format("a.asm", &text).expect("it assembles"), text);
    }
}

/// There is an image just where there is no error, it fits memory, and every place is in the text.
fn sound(source: &str) -> Result<(), TestCaseError> {
    let Assembly { image, diagnostics } = assemble("test.asm", source);
    prop_assert_eq!(image.is_none(), diagnostics.iter().any(Diagnostic::is_error));
    for label in diagnostics.iter().flat_map(|one| &one.labels) {
        prop_assert!(source.get(label.span.clone()).is_some(), "{:?}", label);
    }
    for segment in image.iter().flat_map(|image| &image.segments) {
        prop_assert!(segment.end() <= 0x1_0000);
    }
    prop_assert_eq!(render(source, &diagnostics).is_empty(), diagnostics.is_empty());
    Ok(())
}

#[test]
fn large_texts_take_little_time() {
    let started = std::time::Instant::now();
    let source =
        format!(".ORIG x3000\n{}.END\n", "; a comment\nADD R0, R0, #40\nLD R0, LOPP\n".repeat(200_000));
    let Assembly { diagnostics, .. } = assemble("test.asm", &source);
    assert!(diagnostics.len() <= 102);
    let last = diagnostics.last().expect("errors");
    assert!(last.message.ends_with("more errors are not shown"), "{}", last.message);
    let source =
        format!(".ORIG x3000\n{} {}\n{}\"", "A".repeat(1 << 20), "B ".repeat(1 << 19), "(".repeat(1 << 20));
    assert!(assemble("test.asm", &source).image.is_none());
    // It takes about half a second; a quadratic step anywhere would take hours.
    assert!(started.elapsed().as_secs() < 60);
}
