//! Wordstack for the `kiln` program: its files, its result and its trace.

use super::generate::Case;
use super::{DEEPEST, DEPTH, Instruction, SP, STACK, START, Word, Wordstack, image, postfix};
use crate::device::Console;
use crate::guests::{
    BadFile, Bench, FileKind, Form, Likeness, Machine, Remarks, Setting, Settings, When, has_extension,
};
use crate::ops::Pc;
use crate::state::State;

const STACK_DEPTH: Setting = Setting {
    name: "stack",
    about: "values that the stack holds",
    default: DEPTH as u64,
    range: (1, DEEPEST as u64),
};

/// A program, and the source lines of its words where there is one.
#[derive(Clone, Default, Debug)]
pub struct Image {
    /// The program.
    pub words: Vec<u32>,
    file: String,
    lines: Vec<u32>,
}

impl Machine for Wordstack {
    type Image = Image;
    type Case = Case;

    const ABOUT: &'static str = "Nishanth Shetty's 32-bit stack machine";
    const FILES: &'static [FileKind] = &[
        FileKind { extension: "post", what: "postfix expression" },
        FileKind { extension: "words", what: "image: little-endian words" },
    ];
    const FORMS: &'static [Form] = &[Form { name: "raw", extension: "words", what: "little-endian words" }];
    const FEATURES: &'static [&'static str] = &["compiler", "disassembler", "listing of each step"];
    const SETTINGS: &'static [Setting] = &[STACK_DEPTH];
    // They end before anything is hot: what is fast about them is running them again, which `benches` measures.
    const BENCHES: &'static [Bench] = &[];

    fn recognise(name: &str, bytes: &[u8]) -> Likeness {
        let is_own = has_extension::<Wordstack>(name) || image::is_likely(bytes);
        if is_own { Likeness::Sure } else { Likeness::None }
    }

    fn read(name: &str, bytes: &[u8]) -> Result<(Image, Remarks), BadFile> {
        let is_text = |text: &&str| text.chars().all(|c| !c.is_control() || c.is_whitespace());
        let text = std::str::from_utf8(bytes).ok().filter(is_text);
        match text {
            Some(text) if !name.ends_with(".words") && !image::is_likely(bytes) => source(name, text),
            _ => {
                let words = image::read(bytes).map_err(|what| BadFile::Image(format!("{name}: {what}")))?;
                Ok((Image { words, ..Image::default() }, Remarks::default()))
            }
        }
    }

    fn write(image: &Image, _: &Form) -> Result<Vec<u8>, BadFile> {
        Ok(image::write(&image.words))
    }

    fn listing(image: &Image) -> String {
        image::listing(&image.words)
    }

    fn line(image: &Image, pc: Pc) -> Option<(&str, u32)> {
        let at = pc.checked_sub(START)?;
        Some((&image.file, *image.lines.get(at as usize)?))
    }

    fn machine(image: &Image, settings: &Settings, _: Console) -> (Wordstack, State) {
        Wordstack::new(&image.words, settings.value(&STACK_DEPTH) as u32)
    }

    fn result(&self, state: &State) -> Option<String> {
        let mut stack = Wordstack::stack(state);
        let Some(top) = stack.next() else { return Some("Result: none, the stack is empty\n".to_owned()) };
        let rest: Vec<String> = stack.map(|value| value.to_string()).collect();
        Some(match rest.is_empty() {
            true => format!("Result: {top}\n"),
            false => format!("Result: {top}\nBelow it: {}\n", rest.join(" ")),
        })
    }

    /// As the article prints them.
    fn trace(&self, state: &State, pc: Pc, when: When) -> Option<String> {
        let from_top = |n| state.peek(STACK, state.get(SP).wrapping_sub(n)).map_or(0, |value| value as i32);
        let word = *self.memory.get(pc as usize)?;
        let kind = word >> 30;
        Some(match (Word::of(word), when) {
            (Word::Data(value), When::Before) => format!("Instruction type Data ({kind} = {value} )\n"),
            (Word::Instruction(Instruction::Halt), When::Before) => {
                format!("Instruction type Operation ({kind}) ,\n[ HALT ] : Stopping VM\n")
            }
            (Word::Instruction(instruction), When::Before) => {
                let (name, top, next) = (instruction.name(), from_top(1), from_top(2));
                format!("Instruction type Operation ({kind}) ,\n[ {name} ] : {top} {next}\n")
            }
            (Word::Instruction(instruction), When::After) if instruction != Instruction::Halt => {
                format!(" TOS now : {}\n", from_top(1))
            }
            _ => return None,
        })
    }

    fn address(pc: Pc) -> String {
        format!("word {pc}")
    }
}

fn source(name: &str, text: &str) -> Result<(Image, Remarks), BadFile> {
    match postfix::compile(text) {
        Ok(compiled) => {
            let image = Image { words: compiled.words, file: name.to_owned(), lines: compiled.lines };
            Ok((image, Remarks::default()))
        }
        Err(wrong) => Err(BadFile::Source(Remarks::new(name, text, wrong))),
    }
}
