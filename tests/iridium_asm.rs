//! Iridium's assembler, disassembler and images: what each construct becomes, and that nothing is lost on the way back.

use kiln::diagnostic::{Source, Style};
use kiln::fuzz::{damaged, noise};
use kiln::guests::iridium::asm::assemble;
use kiln::guests::iridium::image::{HEADER, Image};
use kiln::guests::iridium::isa::{MNEMONICS, Numbering, Shape};
use kiln::guests::iridium::symbols::Place;
use kiln::guests::iridium::{check, disasm};

fn image(source: &str) -> Image {
    let assembly = assemble("test.iasm", source, Numbering::Series);
    let shown = Source::new("test.iasm", source).render_all(&assembly.diagnostics, Style::Plain);
    assembly.image.unwrap_or_else(|| panic!("{shown}"))
}

/// The bytes of some instructions, in hexadecimal, a word each.
fn words(code: &str) -> String {
    let image = image(&format!(".code\n{code}"));
    let word = |word: &[u8]| word.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    image.code.chunks(4).map(word).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_instruction() {
    for mnemonic in MNEMONICS {
        let (operands, rest) = match mnemonic.shape {
            Shape::Plain => ("", [0, 0, 0]),
            Shape::R => ("$31", [31, 0, 0]),
            Shape::Rr | Shape::Ff => ("$1 $2", [1, 2, 0]),
            Shape::Rrr | Shape::Fff => ("$1, $2, $3", [1, 2, 3]),
            Shape::RImm | Shape::FImm => ("$1 #258", [1, 1, 2]),
            Shape::Imm => ("#258", [1, 2, 0]),
            Shape::RCount => ("$1 #5", [1, 5, 0]),
        };
        let expected = format!("{:02x}{:02x}{:02x}{:02x}", mnemonic.code, rest[0], rest[1], rest[2]);
        for name in [mnemonic.name.to_owned(), mnemonic.name.to_lowercase()] {
            assert_eq!(words(&format!("{name} {operands}")), expected, "{name} {operands}");
        }
    }
    assert_eq!(MNEMONICS.len(), 49);
}

#[test]
fn other_names_and_forms() {
    assert_eq!(words("GTQ $1 $2\nltq $1 $2\nJeq $3"), "0b010200 0c010200 0f030000");
    assert_eq!(words("shl $1\nshr $2 #0"), "21010000 22020000");
    assert_eq!(words("  add $1,$2, $3;comment"), "01010203");
    assert_eq!(words("nop ; a comment to the end of the file"), "10000000");
    assert_eq!(words("load $0 #65535"), "0000ffff");
    assert_eq!(words("load $0 #65536"), "00000001 27000000");
    assert_eq!(words("load $0 #-1"), "0000ffff 2700ffff");
    assert_eq!(words("load $0 #+5"), "00000005");
    assert_eq!(words("loadf64 $1 #65535"), "1601ffff");
    assert_eq!(words("loadf64 $1 #2.0"), "16010002");
    // The temporary is one that the program names nowhere.
    assert_eq!(words("loadf64 $1 #0.5"), "16010001 161f0002 1a011f01 161f0000");
    assert_eq!(words("loadf64 $31 #0.5\nltf64 $30 $29"), "161f0001 161c0002 1a1f1c1f 161c0000 1f1e1d00");
    assert_eq!(words(".bytes #1 #2 #3 #4 #255, #0 #0 #0"), "01020304 ff000000");
}

#[test]
fn labels_and_sections() {
    let source = "\u{feff}.data\r\nhello: .asciiz 'Hi \\'you\\'\\n'\r\nn: .integer #-2\r\n.code\r\n\
        main: load $1 @n\n  djmpe @main\n  call @end\n.data\nmore:\nagain: .bytes #7 #8\n.code\n  prts @more\n  end:";
    let image = image(source);
    assert_eq!(image.read_only, b"Hi 'you'\n\0\xfe\xff\xff\xff\x07\x08");
    assert_eq!(image.start(), 68 + 16);
    let at = |name: &str| image.symbols.get(name).unwrap();
    assert_eq!(
        (at("hello"), at("n"), at("more"), at("again")),
        (Place::Data(0), Place::Data(10), Place::Data(14), Place::Data(14))
    );
    assert_eq!((at("main"), at("end")), (Place::Code(84), Place::Code(100)));
    assert_eq!(image.code, [0, 1, 0, 10, 20, 0, 84, 0, 46, 0, 100, 0, 21, 0, 14, 0]);
    assert_eq!(image.symbols.nearest(Place::Code(91)), Some(("main", 7)));
    assert_eq!((image.lines.get(88), image.lines.get(96)), (Some(("test.iasm", 6)), Some(("test.iasm", 12))));
    // Labels of instructions' names, of digits, and of other letters.
    assert_eq!(
        words("loop: inc $0\n1: loop @loop\nété_2: djmpe @1\ncall @été_2"),
        "12000000 29004400 14004800 2e004c00"
    );
}

#[test]
fn an_image_and_back() {
    let source = ".data\na: .asciiz 'text'\nb: .integer #5\n.code\nl: prts @a\ncall @l\nload $1 @b\n.bytes #200 #1 #2 #3\nhlt";
    let first = image(source);
    let text = disasm::image(&first);
    assert_eq!(
        text,
        ".data\na:\n    .asciiz 'text'\nb:\n    .bytes #5 #0 #0 #0\n.code\nl:\n    prts @a\n    call @l\n    \
         load $1 #5\n    .bytes #200 #1 #2 #3\n    hlt\n"
    );
    assert_eq!(image(&text).write(), first.write());
    // A file has no names: places that instructions name get some.
    let read = Image::read("test.pie", &first.write()).unwrap();
    let text = disasm::image(&read);
    assert!(
        text.contains("text_0:\n    .asciiz 'text'\n") && text.contains("code_77:\n    prts @text_0\n"),
        "{text}"
    );
    assert_eq!(image(&text).write(), first.write());
}

#[test]
fn images() {
    let first = image(".data\na: .asciiz 'x'\n.code\nhlt");
    let bytes = first.write();
    assert_eq!(&bytes[..4], b"EPIE");
    assert_eq!(&bytes[64..], [2, 0, 0, 0, b'x', 0, 5, 0, 0, 0]);
    let mut old = bytes.clone();
    old[..4].copy_from_slice(&[45, 50, 49, 45]);
    for bytes in [&bytes, &old] {
        let read = Image::read("a.pie", bytes).unwrap();
        assert_eq!((read.read_only, read.code), (first.read_only.clone(), first.code.clone()));
    }
    let error = |bytes: &[u8]| Image::read("a.pie", bytes).unwrap_err().to_string();
    let right = "an image starts with 45 50 49 45, or 2d 32 31 2d";
    assert_eq!(error(b""), format!("a.pie: is empty; {right}"));
    assert_eq!(error(b"\x7fELF"), format!("a.pie: starts with 7f 45 4c 46; {right}"));
    assert_eq!(error(b"EP"), format!("a.pie: starts with 45 50; {right}"));
    assert_eq!(error(&bytes[..60]), "a.pie: has 60 bytes; the header alone has 68");
    assert_eq!(
        error(&bytes[..HEADER + 1]),
        "a.pie: byte 64: the read-only section has 2 bytes, and 1 follow; the section lies within the file"
    );
    assert_eq!(error(&bytes[..73]), "a.pie: byte 70: the code has 3 bytes; an instruction has four");
    let mut long = bytes.clone();
    long[64..68].fill(0xff);
    assert!(error(&long).contains("has 4294967295 bytes, and 6 follow"));
    // No section, no code: an image all the same.
    assert!(Image::read("a.pie", &[&bytes[..64], &[0; 4]].concat()).unwrap().code.is_empty());
}

/// Text of the words that the assembler knows, and of characters.
fn texts(cases: u64) -> impl Iterator<Item = (u64, String)> {
    const PIECES: [&str; 40] = [
        " ",
        " ",
        " ",
        "\n",
        "\n",
        "\n",
        ", ",
        ".data\n",
        ".code\n",
        ".code\n",
        ".asciiz 'a'",
        ".integer #5",
        ".bytes #1",
        "a:",
        "b:",
        "a: ",
        "@a",
        "@b",
        "add $1 $2 $3",
        "load $1 #5",
        "load $1 #-70000",
        "loadf64 $3 #1.5",
        "loop @a",
        "djmpe @b",
        "prts @a",
        "hlt",
        "push $0",
        "LTQ $1 $2",
        "$0",
        "$31",
        "$32",
        "#1",
        "#65536",
        "#1e400",
        "'x\\n'",
        "'",
        ";",
        "\u{e9}",
        "\u{0}",
        "igl",
    ];
    (0..cases).map(|seed| {
        let pieces = noise(seed, 1 + (seed as usize * 7) % 60);
        (seed, pieces.iter().map(|&n| PIECES[usize::from(n) % PIECES.len()]).collect())
    })
}

#[test]
fn any_text_assembles_or_says_why_not() {
    for seed in 0..1000 {
        let bytes = noise(seed, 1 + (seed as usize * 7) % 400);
        check::assembler(&bytes).unwrap_or_else(|what| panic!("seed {seed}: {what}"));
    }
    for (seed, text) in texts(3000) {
        check::assembler(text.as_bytes()).unwrap_or_else(|what| panic!("seed {seed}: {what}"));
    }
    // Well-formed lines, in random order.
    let mut assembled = 0;
    for seed in 0..500 {
        const LINES: [&str; 8] = [
            "inc $1",
            "load $2 #-5",
            "loadf64 $4 #0.1",
            "call @l",
            ".bytes #9 #9 #9 #9",
            "prts @s",
            "shl $1",
            "djmpe @l",
        ];
        let lines: Vec<&str> = noise(seed, 30).iter().map(|&n| LINES[usize::from(n) % LINES.len()]).collect();
        let text = format!(".data\ns: .asciiz 'é\\t'\n.code\nl: {}", lines.join("\n"));
        assembled += u32::from(assemble("t", &text, Numbering::Series).image.is_some());
        check::assembler(text.as_bytes()).unwrap_or_else(|what| panic!("seed {seed}: {what}"));
    }
    assert_eq!(assembled, 500);
}

#[test]
fn disassembled_images_assemble_to_themselves() {
    for seed in 0..2000 {
        let mut bytes = noise(seed, 1 + (seed as usize * 7) % 300);
        // Half of them with letters, and instructions whose unused bytes are 0.
        if seed % 2 == 0 {
            bytes
                .iter_mut()
                .skip(1)
                .for_each(|byte| *byte = b"\0\0ab\x0f\x15\x2e\x44\x46"[usize::from(*byte) % 9]);
        }
        check::disassembler(&bytes).unwrap_or_else(|what| panic!("seed {seed}: {what}"));
    }
}

/// Files with a few bytes changed.
#[test]
fn damaged_files_are_read_or_refused() {
    let file = image(".data\na: .asciiz 'text'\n.code\nl: prts @a\ncall @l\nhlt").write();
    for seed in 0..500 {
        // The generic check runs what is read, in both tiers.
        let guest = kiln::guests::NAMES.iter().position(|&name| name == "iridium").unwrap() as u8;
        kiln::guests::check::files(&[&[guest, 2], &damaged(&file, seed)[..]].concat())
            .unwrap_or_else(|what| panic!("seed {seed}: {what}"));
    }
}
