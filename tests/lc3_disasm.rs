//! The LC-3 disassembler: what it prints, and that it assembles back to the same words.

use kiln::guests::lc3::asm::assemble;
use kiln::guests::lc3::disasm;
use kiln::guests::lc3::image::{Image, Segment};
use kiln::guests::lc3::isa;
use kiln::guests::lc3::profile::Profile;
use kiln::guests::lc3::symbols::Symbols;
use proptest::prelude::*;

#[test]
fn one_word() {
    let mut symbols = Symbols::new();
    symbols.insert("ADD", 0x3005);
    symbols.insert("b1", 0x3005);
    symbols.insert("there", 0x3005);
    for (word, text) in [
        (0x1042, "ADD R0, R1, R2"),
        (0x1021, "ADD R0, R0, #1"),
        (0x103f, "ADD R0, R0, #-1"),
        (0x1042 | 8, ".FILL x104A"),
        (0x967f, "NOT R3, R1"),
        (0x967e, ".FILL x967E"),
        (0x0604, "BRzp there"),
        (0x0e05, "BRnzp #5"),
        (0x0004, ".FILL x0004"),
        (0x0000, "NOP"),
        (0x4804, "JSR there"),
        (0x4040, "JSRR R1"),
        (0x4440, ".FILL x4440"),
        (0x6ebf, "LDR R7, R2, #-1"),
        (0xc1c0, "RET"),
        (0xc080, "JMP R2"),
        (0x8000, "RTI"),
        (0x8001, ".FILL x8001"),
        (0xd000, ".FILL xD000"),
        (0xf025, "HALT"),
        (0xf026, "TRAP x26"),
        (0xf125, ".FILL xF125"),
    ] {
        assert_eq!(disasm::word(0x3000, word, &symbols), text);
    }
}

#[test]
fn every_word_assembles_back() {
    for origin in [0u16, 0x3000, 0xf00d] {
        let mut source = String::from(".ORIG x0000\n");
        for address in 0..=u16::MAX {
            let word = address.wrapping_add(origin);
            source += &disasm::word(address, word, &Symbols::new());
            source.push('\n');
        }
        let image = assemble("a.asm", &(source + ".END")).image.expect("no error");
        assert_eq!((image.segments.len(), image.segments[0].end()), (1, 0x1_0000));
        for (address, word) in image.segments[0].iter() {
            assert_eq!(word, address.wrapping_add(origin));
        }
    }
}

#[test]
fn a_listing() {
    let source = "\
        .ORIG x3000\nMAIN LEA R0, MSG\nPUTS\nLD R1, HANDLER\nJSRR R1\n\
        LOOP ADD R1, R1, #-1\nBRp LOOP\nNOP\nBR OUTSIDE\n\
        MSG .STRINGZ \"say \\\"hi\\\"\\n\"\nTABLE .FILL -5\n.BLKW 3\nHANDLER .FILL WORK\nWORK RET\n\
        OUTSIDE HALT\nA\nB .FILL xD123\n.END\n";
    let image = assemble("a.asm", source).image.expect("assembles");
    let expected = "                .ORIG x3000
MAIN            LEA R0, MSG                    ; x3000 E007
                PUTS                           ; x3001 F022
                LD R1, HANDLER                 ; x3002 2213
                JSRR R1                        ; x3003 4040
LOOP            ADD R1, R1, #-1                ; x3004 127F
                BRp LOOP                       ; x3005 03FE
                NOP                            ; x3006 0000
                BRnzp OUTSIDE                  ; x3007 0E10
MSG             .STRINGZ \"say \\\"hi\\\"\\n\"        ; x3008
TABLE           .FILL xFFFB                    ; x3012 FFFB
                .BLKW 3                        ; x3013
HANDLER         .FILL WORK                     ; x3016 3017
WORK            RET                            ; x3017 C1C0
OUTSIDE         HALT                           ; x3018 F025
A
B               .FILL xD123                    ; x3019 D123
                .END
";
    let listing = disasm::image(&image);
    assert_eq!(listing, expected, "\n{listing}");
    assert_eq!(assemble("b.asm", &listing).image.expect("assembles").symbols, image.symbols);

    // The same without symbols: targets get names.
    let bare = Image { symbols: Symbols::new(), ..image };
    let listing = disasm::image(&bare);
    for line in [
        "LEA R0, L3008 ",
        "L3004           ADD R1, R1, #-1 ",
        "L3016           .FILL L3017 ",
        "L3017           RET ",
    ] {
        assert!(listing.contains(line), "{line}\n{listing}");
    }
}

/// Words as images have them: small numbers, text, code, addresses nearby, anything.
fn word() -> impl Strategy<Value = u16> {
    let code = prop_oneof![
        0x1000u16..0x2000,
        0x5000u16..0x6000,
        0xe000u16..0xf000,
        0x0200u16..0x1000,
        0x4800u16..0x5000,
        0xf020u16..0xf026,
        Just(0xc1c0),
        Just(0x0e01),
    ];
    let text = prop_oneof![0x20u16..0x7f, Just(10), Just(34), Just(92), Just(0)];
    prop_oneof![
        2 => Just(0),
        1 => 0u16..20,
        3 => code,
        3 => text,
        1 => 0x3000u16..0x3040,
        1 => any::<u16>(),
    ]
}

prop_compose! {
    /// One or two segments, the second sometimes at the end of memory, and labels on them and
    /// beside them.
    fn any_image()(
        first in proptest::collection::vec(word(), 0..60),
        second in proptest::collection::vec(word(), 0..60),
        top in any::<bool>(),
        names in proptest::collection::vec(
            ("[A-Za-z_]{1,3}|L30[0-3][0-9A-F]|b1|x[0-9]", 0x2ff0u16..0x3050),
            0..12,
        ),
    ) -> Image {
        let origin = if top { (0x1_0000 - second.len()) as u16 } else { 0x3080 };
        let second = if top && second.is_empty() { vec![1] } else { second };
        let origin = if top && second.len() == 1 { 0xffff } else { origin };
        let mut symbols = Symbols::new();
        for (name, address) in names {
            symbols.insert(&name, address);
        }
        let first = Segment { origin: 0x3000, words: first };
        let second = Segment { origin, words: second };
        Image { name: "any".into(), segments: vec![first, second], symbols, ..Image::default() }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_listing_assembles_back(image in any_image()) {
        let listing = disasm::image(&image);
        let back = assemble("a.asm", &listing).image;
        let back = back.map(|image| image.segments);
        prop_assert_eq!(back, Some(image.segments), "{}", listing);
    }
}

/// The disassembler and the machine agree on which words are instructions.
#[test]
fn instructions_are_what_the_machine_executes() {
    for word in 0..=u16::MAX {
        let executes = isa::decode(&Profile::STANDARD, 0x3000, word).op() != isa::op::ILLEGAL;
        assert_eq!(disasm::is_instruction(word), executes, "x{word:04X}");
    }
}
