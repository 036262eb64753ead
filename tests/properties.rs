//! What holds for all words, all files and all texts.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use kiln::effects;
use kiln::fuzz::{self, damaged, noise};
use kiln::guests::byte::Byte;
use kiln::guests::iridium::{self, Iridium, osmium};
use kiln::guests::lc3::profile::Profile;
use kiln::guests::lc3::{Lc3, check, isa};
use kiln::guests::wordstack::Wordstack;
use kiln::guests::{self, Machine, lox};
use kiln::ops::Flow;

/// Runs a check on noise of many lengths.
fn on_noise(cases: u64, longest: usize, check: impl Fn(&[u8]) -> Result<(), String>) {
    for seed in 0..cases {
        let bytes = noise(seed, 1 + (seed as usize * 7) % longest);
        check(&bytes).unwrap_or_else(|what| panic!("seed {seed}: {what}"));
    }
}

/// The same on text made of the words that the assembler knows, and of characters.
fn texts(cases: u64, check: impl Fn(&[u8]) -> Result<(), String>) {
    const PIECES: [&str; 48] = [
        " ",
        " ",
        " ",
        "\n",
        "\n",
        "\n",
        ",",
        ", ",
        ".ORIG",
        ".END",
        ".FILL",
        ".BLKW",
        ".STRINGZ",
        ".EXTERNAL",
        "ADD",
        "AND",
        "NOT",
        "LD",
        "LDI",
        "LDR",
        "LEA",
        "ST",
        "STI",
        "STR",
        "BR",
        "BRnzp",
        "JMP",
        "JSR",
        "JSRR",
        "RET",
        "RTI",
        "TRAP",
        "HALT",
        "R0",
        "R7",
        "R8",
        "A",
        "B",
        "A:",
        "#1",
        "x3000",
        "#-32769",
        "x10000",
        "\"",
        "\\",
        ";",
        "\u{e9}",
        "'",
    ];
    for seed in 0..cases {
        let pieces = noise(seed, 1 + (seed as usize * 7) % 300);
        let text: String = pieces.iter().map(|&n| PIECES[usize::from(n) % PIECES.len()]).collect();
        check(text.as_bytes()).unwrap_or_else(|what| panic!("seed {seed}: {what}\n{text}"));
    }
}

#[test]
fn any_bytes_load_or_say_why_not() {
    on_noise(3000, 400, check::loader);
}

#[test]
fn any_text_assembles_or_says_why_not() {
    on_noise(1000, 400, check::assembler);
    texts(3000, check::assembler);
}

#[test]
fn disassembled_words_assemble_to_themselves() {
    on_noise(1500, 300, check::disassembler);
}

#[test]
fn any_text_is_a_recording_of_keys_or_is_refused() {
    const PIECES: [&str; 10] =
        ["kiln keys 1\n", "kiln", "end ", "5 ", "x41", "x", "\n", "#", "99999999999999999999", " "];
    for seed in 0..3000 {
        let pieces = noise(seed, (seed as usize * 7) % 40);
        let text: String = pieces.iter().map(|&n| PIECES[usize::from(n) % PIECES.len()]).collect();
        for text in [text.clone(), format!("kiln keys 1\n{text}")] {
            guests::check::keys(text.as_bytes()).unwrap_or_else(|what| panic!("{what}"));
        }
    }
}

fn tiers<G: Machine>(bytes: &[u8]) -> Result<(), String> {
    fuzz::tiers::<G::Case>(bytes).map(drop)
}

/// What the fuzz target of this name checks.
fn target(name: &str, bytes: &[u8]) -> Result<(), String> {
    match name {
        "tiers_lc3" => tiers::<Lc3>(bytes),
        "tiers_iridium" => tiers::<Iridium>(bytes),
        "tiers_byte" => tiers::<Byte>(bytes),
        "tiers_wordstack" => tiers::<Wordstack>(bytes),
        "shared" => guests::check::shared(bytes).map(drop),
        "files" => guests::check::files(bytes).map(drop),
        "byte" => guests::check::file::<Byte>(bytes).map(drop),
        "wordstack" => guests::check::file::<Wordstack>(bytes).map(drop),
        "keys" => guests::check::keys(bytes),
        "loader" => check::loader(bytes),
        "assembler" => check::assembler(bytes),
        "disassembler" => check::disassembler(bytes),
        "iridium" => iridium::check::assembler(bytes).and_then(|()| iridium::check::disassembler(bytes)),
        "lox" => lox::trial::ways(bytes).map(drop),
        "lox_files" => lox::trial::any_file(bytes),
        "osmium" => osmium::generate::check(bytes).map(drop).and(osmium::generate::any_text(bytes)),
        _ => Err("nobody knows what it checks".to_owned()),
    }
}

fn names(folder: &Path) -> BTreeSet<String> {
    let stem = |entry: fs::DirEntry| entry.path().file_stem().unwrap().to_string_lossy().into_owned();
    fs::read_dir(folder).unwrap().map(|entry| stem(entry.unwrap())).collect()
}

/// Each fuzz target has files to start from, which pass its check, cut short and with some bytes changed, too.
#[test]
fn what_fuzz_targets_start_from() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let targets = names(&root.join("seeds"));
    assert_eq!(targets, names(&root.join("fuzz_targets")));
    for name in targets {
        for entry in fs::read_dir(root.join("seeds").join(&name)).unwrap() {
            let path = entry.unwrap().path();
            let seed = fs::read(&path).unwrap();
            for n in 0..8 {
                let mut bytes = seed.clone();
                for change in noise(n, 3 * n as usize).chunks(3) {
                    let at = usize::from(u16::from_be_bytes([change[0], change[1]])) % bytes.len();
                    bytes[at] = change[2];
                }
                bytes.truncate(bytes.len() - bytes.len() * n as usize / 16);
                target(&name, &bytes).unwrap_or_else(|what| panic!("{}, change {n}: {what}", path.display()));
            }
        }
    }
}

/// Files of each format, with a few bytes changed.
#[test]
fn damaged_files_load_or_say_why_not() {
    let words: Vec<u16> = vec![0x5020, 0x1021, 0x0bfe, 0xf025, 0x1234];
    let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_be_bytes()).collect();
    let mut lc3tools = vec![];
    for (n, word) in std::iter::once(&0x3000).chain(&words).enumerate() {
        lc3tools.extend(word.to_le_bytes());
        lc3tools.push((n == 0) as u8);
        lc3tools.extend(5u32.to_le_bytes());
        lc3tools.extend(b"a line");
    }
    let text: String = words.iter().map(|w| format!("{w:04X}\n")).collect();
    // By the kinds of the check, which adds what they start with.
    let files: [(u8, Vec<u8>); 4] = [
        (2, lc3tools),
        (3, bytes.clone()),
        (6, text.into_bytes()),
        (0, [&[0x30, 0, 0, 5], &bytes[..], &[0x40, 0, 0, 5], &bytes[..]].concat()),
    ];
    for (kind, file) in files {
        for seed in 0..300 {
            let bytes = [&[kind], &damaged(&file, seed)[..]].concat();
            check::loader(&bytes).unwrap_or_else(|what| panic!("kind {kind}, seed {seed}: {what}"));
        }
    }
}

/// No instruction of any profile may be refused after its first effect, and each says the same wherever it is.
#[test]
fn every_instruction_keeps_the_rules_of_its_meaning() {
    for profile in Profile::ALL {
        for word in 0..=u16::MAX {
            for pc in [0x3000, 0xffff] {
                // This asserts the rule itself.
                let effects = effects::of::<Lc3>(isa::decode(&profile, pc, word), u32::from(pc));
                let registers = effects.reads.iter().chain(effects.writes.iter());
                assert!(registers.into_iter().all(|slot| slot < 9), "x{word:04X}");
                assert!(effects.accesses.len() <= 2, "x{word:04X}");
                let target = match effects.flow {
                    Flow::Goto(to) | Flow::Call(to) | Flow::If(_, to) => to,
                    _ => 0,
                };
                assert!(target < isa::WORDS as u32, "x{word:04X} at x{pc:04X} goes to {target:x}");
            }
        }
    }
}
