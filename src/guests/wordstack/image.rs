//! Images: little-endian words, no header. And words as text.

use std::fmt::Write;

use super::{START, Word};

/// Reads an image; why not, in a line without the file's name.
///
/// # Errors
/// The file is empty, or ends within a word. What the words are shows when they are executed.
pub fn read(bytes: &[u8]) -> Result<Vec<u32>, String> {
    let (words, rest) = bytes.as_chunks();
    if !rest.is_empty() {
        let (at, count) = (bytes.len() - rest.len(), rest.len());
        return Err(format!("byte {at}: the last word has {count} of its 4 bytes"));
    }
    if words.is_empty() {
        return Err("the file is empty; a program has a word at least, HALT".to_owned());
    }
    Ok(words.iter().map(|&word| u32::from_le_bytes(word)).collect())
}

/// The words as a file.
pub fn write(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Whether these bytes look like an image: whole words, all of them with a meaning, the last one HALT.
pub fn is_likely(bytes: &[u8]) -> bool {
    let means = |&word: &u32| !matches!(Word::of(word), Word::Unknown | Word::Undefined);
    let words = read(bytes).unwrap_or_default();
    words.last() == Some(&super::Instruction::Halt.word()) && words.iter().all(means)
}

/// A word as text.
pub fn text(word: u32) -> String {
    match Word::of(word) {
        Word::Data(value) => value.to_string(),
        Word::Instruction(instruction) => instruction.name().to_owned(),
        Word::Unknown => format!("{word:#010x} is no instruction"),
        Word::Undefined => format!("{word:#010x} is undefined"),
    }
}

/// A line a word: index, bits, and what it is.
pub fn listing(words: &[u32]) -> String {
    let mut lines = String::new();
    for (at, &word) in (START..).zip(words) {
        // Writing to a string does not fail.
        let _ = writeln!(lines, "{at:>8}  {word:08x}  {}", text(word));
    }
    lines
}
