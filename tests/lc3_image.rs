//! LC-3 images: every format, what is wrong with files, joining, symbols, and the disassembler as
//! the way back.

use kiln::diagnostic::Style;
use kiln::guests::lc3::asm::assemble;
use kiln::guests::lc3::disasm;
use kiln::guests::lc3::image::{Form, Format, Image, ImageError, Segment};
use kiln::guests::lc3::symbols::Symbols;
use lc3_ensemble::asm::encoding::{BinaryFormat, ObjFileFormat, TextFormat};
use proptest::prelude::*;

fn segment(origin: u16, words: &[u16]) -> Segment {
    Segment { origin, words: words.to_vec() }
}

/// Big-endian words.
fn big(words: &[u16]) -> Vec<u8> {
    words.iter().copied().flat_map(u16::to_be_bytes).collect()
}

/// An lc3tools file of values, each with its flag and source line.
fn lc3tools(records: &[(u16, u8, &str)]) -> Vec<u8> {
    let mut bytes = b"\x1c\x30\x15\xc0\x01\x01\x01".to_vec();
    for (value, flag, line) in records {
        bytes.extend(value.to_le_bytes());
        bytes.push(*flag);
        bytes.extend((line.len() as u32).to_le_bytes());
        bytes.extend(line.as_bytes());
    }
    bytes
}

/// Reads a file that must be well-formed, and of this format.
fn read(name: &str, bytes: &[u8], format: Format) -> Image {
    assert_eq!(Format::of(name, bytes), format, "{name}");
    Image::read(name, bytes).unwrap_or_else(|error| panic!("{error}"))
}

/// The one line that is said about a file that can't be read.
fn refused(name: &str, bytes: &[u8]) -> String {
    let error = Image::read(name, bytes).expect_err(name);
    assert_eq!(error.to_string().lines().count(), 1);
    error.to_string()
}

#[test]
fn raw() {
    let image = read("a.obj", &big(&[0x3000, 0x1021, 0xf025]), Format::Raw);
    assert_eq!(image.segments, [segment(0x3000, &[0x1021, 0xf025])]);
    assert_eq!((image.start(), image.name.as_str()), (0x3000, "a.obj"));
    assert_eq!((image.word(0x3001), image.word(0x3002), image.word(0x2fff)), (Some(0xf025), None, None));
    let all = [&[0u16][..], &vec![7; 0x1_0000]].concat();
    assert_eq!(read("a", &big(&all), Format::Raw).segments[0].end(), 0x1_0000);
    // Letters only, but said to be an object.
    assert_eq!(read("a.OBJ", b"0000hi", Format::Raw).segments, [segment(0x3030, &[0x3030, 0x6869])]);
}

#[test]
fn of_lc3tools() {
    let records = [(0x3000, 1, ".orig x3000"), (0x1021, 0, "add"), (0x4000, 1, ""), (5, 0, ".fill 5")];
    let image = read("a.obj", &lc3tools(&records), Format::Lc3tools);
    assert_eq!(image.segments, [segment(0x3000, &[0x1021]), segment(0x4000, &[5])]);
}

#[test]
fn of_complx() {
    let two = big(&[0x3000, 2, 0x1021, 0xf025, 0x4000, 1, 9]);
    let image = read("a.obj", &two, Format::Complx);
    assert_eq!(image.segments, [segment(0x3000, &[0x1021, 0xf025]), segment(0x4000, &[9])]);
    let one = big(&[0x3000, 2, 0x1021, 0xf025]);
    assert_eq!(read("a.obj", &one, Format::Complx).segments, [segment(0x3000, &[0x1021, 0xf025])]);
    // Data that starts with its own count, and zeros, are raw.
    for raw in [&[0x4000, 3, 10, 20, 30][..], &[0x3000, 0, 0, 0, 0, 0], &[0x3000, 0x1021], &[0x3000]] {
        assert_eq!(read("a.obj", &big(raw), Format::Raw).segments, [segment(raw[0], &raw[1..])]);
    }
}

#[test]
fn of_lc3_ensemble() {
    let source = ".orig x3000\nMAIN: LEA R0, MSG\n\nPUTS\nHALT\nMSG: .stringz \"hi\"\n.end\n\
                  .orig x5000\n.blkw 3\n.end";
    let ast = lc3_ensemble::parse::parse_ast(source).expect("parses");
    let object = lc3_ensemble::asm::assemble_debug(ast, source).expect("assembles");
    let binary = BinaryFormat::serialize(&object);
    let text = TextFormat::serialize(&object);
    for (bytes, format) in [(&binary[..], Format::EnsembleBinary), (text.as_bytes(), Format::EnsembleText)] {
        let image = read("a.obj", bytes, format);
        let words = [0xe002, 0xf022, 0xf025, 104, 105, 0];
        assert_eq!(image.segments, [segment(0x3000, &words), segment(0x5000, &[0; 3])]);
        assert_eq!(image.symbols.address("msg"), Some(0x3003));
        assert_eq!(image.symbols.name(0x3000), Some("MAIN"));
        assert_eq!(image.symbols.len(), 2);
        assert_eq!(image.lines.get(0x3001), Some(("a.obj", 4)));
        assert_eq!(image.lines.get(0x5000), Some(("a.obj", 9)));
    }

    let source = ".external X\n.orig x3000\n.fill X\n.end";
    let ast = lc3_ensemble::parse::parse_ast(source).expect("parses");
    let object = lc3_ensemble::asm::assemble_debug(ast, source).expect("assembles");
    let binary = BinaryFormat::serialize(&object);
    let text = TextFormat::serialize(&object);
    for bytes in [&binary[..], text.as_bytes()] {
        let image = Image::read("a.obj", bytes).expect("an object that is not linked yet");
        assert_eq!(image.externals.len(), 1);
        let error = Image::join([image.clone()]).expect_err("X is missing").to_string();
        assert!(error.contains("label `X` is defined in no other file"), "{error}");
        let other = Image::read("b.asm", b".ORIG x4000\nX HALT\n.END").expect("assembles");
        assert_eq!(Image::join([image, other]).expect("links").word(0x3000), Some(0x4000));
    }
}

#[test]
fn text_of_words() {
    let expected = [segment(0x3000, &[0x1021, 0xf025])];
    for text in [
        "3000\n1021\nF025\n",
        "; a program\r\nx3000 ; origin\r\n\r\n0x1021\r\nxf025",
        "0011000000000000\n0001 0000 0010 0001\n1111000000100101 ; HALT\n\u{1a}",
        "\u{feff}3000\n1021\nF025",
    ] {
        assert_eq!(read("a.txt", text.as_bytes(), Format::Words).segments, expected, "{text:?}");
    }
    assert_eq!(read("a.bin", &big(&[0x3000, 0x1021]), Format::Raw).segments[0].words, [0x1021]);
}

#[test]
fn source() {
    let text = "; hi\n.ORIG x3000\nGO HALT\n.END\n";
    for name in ["a.asm", "a", "a.txt"] {
        let image = read(name, text.as_bytes(), Format::Source);
        assert_eq!(image.segments, [segment(0x3000, &[0xf025])]);
        assert_eq!(image.symbols.name(0x3000), Some("GO"));
        assert_eq!(image.lines.get(0x3000), Some((name, 3)));
    }
    assert_eq!(Format::of("a.asm", b"\x30\x00\x10\x21"), Format::Source);
    let said = refused("a.asm", b".ORIG x3000\nADD R0\nLD R0, X\n.END");
    assert_eq!(said, "a.asm:2:7: error: an operand is missing (and 1 more error)");
    let error = Image::read("a.asm", b"HALT").expect_err("no origin");
    assert!(error.render(Style::Plain).contains("1 | HALT\n  | ^^^^ has no address"));
}

#[test]
fn files_that_are_wrong() {
    let ensemble = b"obj\x21\x10\x00\x01";
    let cat = |parts: &[&[u8]]| parts.concat();
    for (name, bytes, said) in [
        ("a", vec![], "a: the file is empty; an image has an origin and its words"),
        (
            "a",
            vec![0x03],
            "a: byte 0: an odd byte at the end; a raw image is words of two bytes, the first the origin",
        ),
        (
            "a",
            vec![0x30, 0, 1],
            "a: byte 2: an odd byte at the end; a raw image is words of two bytes, the first the origin",
        ),
        ("a", big(&[0xffff, 1, 2]), "a: byte 2: 2 words from xFFFF run past xFFFF; there is room for 1"),
        ("a", vec![0; 131_076], "a: the file has 131076 bytes; the largest raw image has 131074"),
        ("a", lc3tools(&[]), "a: byte 7: a header and no records; the first record is an origin"),
        ("a", lc3tools(&[(1, 0, "")]), "a: byte 7: a word before any origin; the first record is an origin"),
        (
            "a",
            lc3tools(&[(1, 2, "")]),
            "a: byte 9: an origin flag of 2; it is 1 for an origin and 0 for a word",
        ),
        (
            "a",
            lc3tools(&[(0xffff, 1, ""), (1, 0, ""), (2, 0, "")]),
            "a: byte 21: a word past xFFFF; memory ends there",
        ),
        (
            "a",
            lc3tools(&[(7, 1, ""), (1, 0, ""), (7, 1, ""), (2, 0, "")]),
            "a: x0007: two segments have a word for this address; an image has one word for an address",
        ),
        (
            "a",
            lc3tools(&[(1, 1, "abc")])[..15].to_vec(),
            "a: byte 14: the file is cut short; a source line takes 3 bytes and 1 are left",
        ),
        (
            "a",
            b"\x1c\x30\x15\xc0\x01\x02\x00".to_vec(),
            "a: byte 5: version 2.0 of the lc3tools format; version 1.1 is known",
        ),
        (
            "a",
            b"obj\x21\x10\x01\x00".to_vec(),
            "a: byte 5: version 1.0 of the lc3-ensemble format; version 0.1 is known",
        ),
        ("a", cat(&[ensemble, &[9]]), "a: byte 7: a block of kind 9; blocks are of the kinds 0 to 4"),
        (
            "a",
            cat(&[ensemble, &[0, 0, 0x30, 2, 0, 0xff]]),
            "a: byte 12: the file is cut short; a word takes 3 bytes and 1 are left",
        ),
        (
            "a",
            cat(&[ensemble, &[0, 0xff, 0xff, 2, 0]]),
            "a: byte 12: 2 words from xFFFF run past xFFFF; there is room for 1",
        ),
        (
            "a",
            cat(&[ensemble, &[3], &[0xff; 8]]),
            "a: byte 16: the file is cut short; the source takes 18446744073709551615 bytes and 0 are left",
        ),
        ("a", cat(&[ensemble, &[3, 1, 0, 0, 0, 0, 0, 0, 0, 0xff]]), "a: byte 16: not UTF-8; names are UTF-8"),
        (
            "a",
            b"LC-3 OBJ FILE\n.TEXT\n3000\n2\n1021\n".to_vec(),
            "a: line 3: `3000` in section `.TEXT`; as many words of 4 digits follow as its count says",
        ),
        (
            "a",
            b"LC-3 OBJ FILE\n.TEXT\n3000\nx\n".to_vec(),
            "a: line 3: `3000` in section `.TEXT`; the line after this address is a decimal count of words",
        ),
        (
            "a",
            b"LC-3 OBJ FILE\n.DATA\n3000\n".to_vec(),
            "a: line 3: `3000` in section `.DATA`; the sections are .TEXT, .SYMBOL, .LINKER_INFO and .DEBUG",
        ),
        (
            "a",
            b"3000\n10 21\n".to_vec(),
            "a: line 2: `10 21` is not a word; a line is a word of 4 hexadecimal or 16 binary digits",
        ),
        ("a", b"FFFF\n1021\n1021\n".to_vec(), "a: line 3: a word past xFFFF; memory ends there"),
        ("a.hex", b"; none\n".to_vec(), "a.hex: no line has a word; the first line is the origin"),
        ("a.asm", b".ORIG x3000 ; \xff".to_vec(), "a.asm: line 1: not UTF-8; source is UTF-8 text"),
    ] {
        assert_eq!(refused(name, &bytes), said);
    }
}

#[test]
fn joining() {
    let assembled = |name: &str, text: &str| assemble(name, text).image.expect("assembles");
    let a = assembled("a.asm", ".ORIG x3000\nMAIN HALT\n.END");
    let b = assembled("b.asm", "\n.ORIG x2000\nMAIN .FILL 1\nB .FILL 2\n.END");
    let both = Image::join([a.clone(), b.clone()]).expect("apart");
    assert_eq!(both.segments, [a.segments[0].clone(), b.segments[0].clone()]);
    assert_eq!((both.start(), both.name.as_str()), (0x3000, "a.asm + b.asm"));
    assert_eq!((both.symbols.address("MAIN"), both.symbols.address("B")), (Some(0x3000), Some(0x2001)));
    assert_eq!(both.lines.get(0x3000), Some(("a.asm", 2)));
    assert_eq!(both.lines.get(0x2001), Some(("b.asm", 4)));
    assert_eq!(Image::join([a.clone()]), Ok(a.clone()));
    let c = Image { name: "c".into(), segments: vec![segment(0x2001, &[0; 0x1000])], ..Image::default() };
    let error = Image::join([a, b.clone(), c.clone()]).expect_err("overlap");
    let what = "c: x2001: b.asm has a word for this address too; an image has one word for an address";
    assert_eq!(error.to_string(), what);
    assert_eq!(error, ImageError::Overlap { first: "b.asm".into(), second: "c".into(), address: 0x2001 });
    assert!(Image::join([c.clone(), c]).is_err());
}

#[test]
fn writing_raw() {
    let image =
        |segments: &[Segment]| Image { name: "a".into(), segments: segments.to_vec(), ..Image::default() };
    let gap = image(&[segment(0x3000, &[1]), segment(0x3003, &[2])]);
    assert_eq!(gap.write(Form::Raw), Ok(big(&[0x3000, 1, 0, 0, 2])));
    for (segments, why) in [
        (&[][..], "it has no words"),
        (&[segment(9, &[1]), segment(3, &[1])], "it starts at x0009 but has words below, at x0003"),
        (&[segment(3, &[1, 2]), segment(4, &[1])], "two of its segments overlap at x0004"),
        (&[segment(0xffff, &[1, 2])], "it runs past xFFFF"),
    ] {
        let error = image(segments).write(Form::Raw).expect_err(why);
        assert_eq!(error.to_string(), format!("a: this form of image can't hold it: {why}"));
    }
}

/// What is written in a form is read from it; lc3-ensemble reads what is written for it.
#[test]
fn every_form() {
    let source =
        ".ORIG x3000\nLEA R0, MSG\nPUTS\nHALT\nMSG .STRINGZ \"hi\"\n.END\n.ORIG x5000\n.BLKW 3\n.END\n";
    let image = Image::read("a.asm", source.as_bytes()).expect("assembles");
    for (form, format) in [
        (Form::Lc3tools, Format::Lc3tools),
        (Form::Complx, Format::Complx),
        (Form::Ensemble, Format::EnsembleBinary),
        (Form::EnsembleText, Format::EnsembleText),
    ] {
        let back = read("a.obj", &image.write(form).expect("has a form"), format);
        assert_eq!(back.segments, image.segments, "{format}");
        if matches!(form, Form::Ensemble | Form::EnsembleText) {
            assert_eq!(back.symbols.address("msg"), Some(0x3003));
        }
    }
    let one = Image { segments: image.segments[..1].to_vec(), ..image.clone() };
    for (form, name) in [(Form::Hex, "a.hex"), (Form::Bin, "a.bin")] {
        let back = read(name, &one.write(form).expect("has a form"), Format::Words);
        assert_eq!(back.segments, one.segments);
    }
    let symbols = image.write(Form::Symbols).expect("has a table");
    assert_eq!(Symbols::read("a.sym", &symbols).expect("is one"), image.symbols);
    let binary = BinaryFormat::deserialize(&image.write(Form::Ensemble).expect("has a form"));
    let text = String::from_utf8(image.write(Form::EnsembleText).expect("has a form")).expect("is text");
    for object in [binary, TextFormat::deserialize(&text)] {
        let words: Vec<(u16, u16)> =
            object.expect("is sound").addr_iter().map(|(at, word)| (at, word.unwrap_or(0))).collect();
        let ours: Vec<(u16, u16)> = image.segments.iter().flat_map(Segment::iter).collect();
        assert_eq!(words, ours);
    }
}

#[test]
fn a_listing_with_its_source() {
    let source = ".ORIG x3000 ; start\n\nMAIN LEA R0, MSG\n HALT\nMSG .STRINGZ \"ab\"\n.BLKW 3\n.END\n";
    let image = Image::read("a.asm", source.as_bytes()).expect("assembles");
    let listing = String::from_utf8(image.write(Form::Listing).expect("has a listing")).expect("is text");
    let expected = "; a.asm
                          1  .ORIG x3000 ; start
                          2
x3000  E001               3  MAIN LEA R0, MSG
x3001  F025               4   HALT
x3002  0061               5  MSG .STRINGZ \"ab\"
x3003  0062
x3004  0000
x3005  0000  × 3          6  .BLKW 3
                          7  .END
";
    assert_eq!(listing, expected, "\n{listing}");
}

#[test]
fn symbol_files() {
    let mut symbols = Symbols::new();
    assert!(symbols.insert("Loop", 0x3001) && symbols.insert("a_rather_long_name", 0x3001));
    assert!(symbols.insert("LOOP", 0x3001) && symbols.insert("END_", 0x3010));
    assert!(!symbols.insert("loop", 0x4000) && !symbols.insert("", 1) && !symbols.insert("a b", 1));
    let text = "// Symbol table\n// Scope level 0:\n//\tSymbol Name       Page Address\n\
                //\t----------------  ------------\n//\tLoop              3001\n\
                //\ta_rather_long_name  3001\n//\tEND_              3010\n\n";
    assert_eq!(symbols.to_string(), text);
    assert_eq!(Symbols::read("a.sym", text.as_bytes()), Ok(symbols.clone()));
    let other = "Loop x3001\r\n3001 a_rather_long_name\nEND_\t0x3010\n";
    assert_eq!(Symbols::read("a.sym", other.as_bytes()), Ok(symbols.clone()));
    assert_eq!(
        (symbols.len(), symbols.name(0x3001), symbols.nearest(0x3005)),
        (3, Some("Loop"), Some(("Loop", 4)))
    );
    assert_eq!(symbols.nearest(0x3000), None);
    for (text, said) in [
        (
            "FACE 3000\nFACE 3001",
            "a: line 2: `FACE` is given to x3001 and before to x3000; a name means one address",
        ),
        (
            "here there",
            "a: line 1: `here there` has no address; a line is a name and an address of one to four hexadecimal digits",
        ),
        (
            "one",
            "a: line 1: `one` is not a symbol; a line is a name and an address of one to four hexadecimal digits",
        ),
    ] {
        assert_eq!(Symbols::read("a", text.as_bytes()).expect_err(said).to_string(), said);
    }
    assert!(Symbols::read("a", b"\xff").is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_an_image_or_an_error(
        start in proptest::sample::select(vec![
            &b""[..],
            b"\x1c\x30\x15\xc0\x01\x01\x01",
            b"obj\x21\x10\x00\x01",
            b"LC-3 OBJ FILE\n.TEXT\n3000\n",
            b"LC-3 OBJ FILE\n.SYMBOL\n",
            b"3000\n",
            b"\x30\x00\x00\x02",
        ]),
        bytes in prop_oneof![
            proptest::collection::vec(prop_oneof![any::<u8>(), 0u8..5], 0..80),
            "[0-9A-F\n]{0,40}|[ -~\n]{0,40}".prop_map(String::into_bytes),
        ],
        name in proptest::sample::select(vec!["a.obj", "a.asm", "a.hex", "a"]),
    ) {
        let bytes = [start, &bytes].concat();
        match Image::read(name, &bytes) {
            Ok(image) => {
                prop_assert!(image.segments.iter().all(|segment| segment.end() <= 0x1_0000));
                prop_assert_eq!(Image::join([image.clone()]), Ok(image.clone()));
                let back = assemble("a.asm", &disasm::image(&image)).image;
                let back = back.map(|image| image.segments).unwrap_or_default();
                prop_assert_eq!(back, image.segments);
            }
            Err(error) => prop_assert!(!error.render(Style::Plain).is_empty()),
        }
        let _ = Symbols::read(name, &bytes);
    }

    #[test]
    fn raw_reads_back(
        origin in any::<u16>(),
        words in proptest::collection::vec(any::<u16>(), 0..40),
    ) {
        let fits = usize::from(origin) + words.len() <= 0x1_0000;
        let segments = vec![Segment { origin, words }];
        let image = Image { name: "a.obj".into(), segments, ..Image::default() };
        prop_assert_eq!(image.write(Form::Raw).is_ok(), fits);
        let bytes = image.write(Form::Raw).unwrap_or_default();
        if Format::of("a.obj", &bytes) == Format::Raw {
            prop_assert_eq!(Image::read("a.obj", &bytes).ok(), fits.then_some(image));
        }
    }
}

/// Every cut of an object file, and every change of one of its bytes, is read or refused.
#[test]
fn damaged_objects() {
    let source = ".orig x3000\nA: LEA R0, B\nHALT\nB: .stringz \"hi\"\n.end\n.orig x5000\n.blkw 2\n.end";
    let ast = lc3_ensemble::parse::parse_ast(source).expect("parses");
    let object = lc3_ensemble::asm::assemble_debug(ast, source).expect("assembles");
    for bytes in [
        BinaryFormat::serialize(&object),
        TextFormat::serialize(&object).into_bytes(),
        lc3tools(&[(0x3000, 1, ".orig"), (0x1021, 0, "add"), (0x4000, 1, ""), (5, 0, "")]),
        big(&[0x3000, 2, 0x1021, 0xf025, 0x4000, 1, 9]),
    ] {
        for at in 0..bytes.len() {
            let _ = Image::read("a.obj", &bytes[..at]);
            for change in [0x00, 0x01, 0x80, 0xff] {
                let mut bytes = bytes.clone();
                bytes[at] ^= change;
                if let Ok(image) = Image::read("a.obj", &bytes) {
                    assert!(image.segments.iter().all(|segment| segment.end() <= 0x1_0000));
                    let _ = disasm::image(&image);
                }
            }
        }
    }
}
