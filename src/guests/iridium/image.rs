//! Iridium programs as files: the series' PIE images.
//!
//! ```text
//! 0    45 50 49 45    the magic, "EPIE"; before 2018-09-30 2d 32 31 2d
//! 4    zeros
//! 64   u32            length of the read-only section, little-endian
//! 68   the section, then the code
//! ```

use std::fmt;

use super::isa::{Numbering, SIZE};
use super::symbols::Symbols;
use crate::asm::Lines;
use crate::ops::Pc;

/// What an image starts with.
pub const MAGIC: [u8; 4] = [0x45, 0x50, 0x49, 0x45];
/// The same digits in decimal, which images had at first.
pub const OLD_MAGIC: [u8; 4] = [45, 50, 49, 45];
/// Where the length of the read-only section is.
const LENGTH: usize = 64;
/// Where the read-only section starts.
pub const HEADER: usize = LENGTH + 4;
/// Bytes that an image may have: addresses are positive integers.
pub const LARGEST: usize = i32::MAX as usize;

/// A program. Code addresses are byte offsets in its file, header included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// What messages call it, usually the path of its file.
    pub name: String,
    /// The read-only section.
    pub read_only: Vec<u8>,
    /// How many bytes of the section are taken; the rest is room for what is added to a program that runs.
    pub taken: usize,
    /// The code: whole instructions.
    pub code: Vec<u8>,
    /// Which numbers its instructions have, where that is known: no file tells.
    pub numbering: Option<Numbering>,
    /// The names of its places; a file has none.
    pub symbols: Symbols,
    /// The source lines of its instructions; a file has none.
    pub lines: Lines<Pc>,
}

impl Image {
    /// A program without instructions, and with so many bytes of room in its read-only section: code that is added stays
    /// where it is when data is added.
    pub fn with_room(name: &str, room: usize) -> Image {
        let numbering = Some(Numbering::Series);
        Image { name: name.to_owned(), read_only: vec![0; room], numbering, ..Image::default() }
    }

    /// Reads a file. `name` is what messages call it.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn read(name: &str, bytes: &[u8]) -> Result<Image, ImageError> {
        let wrong =
            |what: String, right: &str| ImageError { file: name.to_owned(), what, right: right.to_owned() };
        let magic = bytes.get(..4).unwrap_or(bytes);
        if magic != MAGIC && magic != OLD_MAGIC {
            let found =
                if magic.is_empty() { "is empty".to_owned() } else { format!("starts with {}", hex(magic)) };
            return Err(wrong(found, "an image starts with 45 50 49 45, or 2d 32 31 2d"));
        }
        let Some(length) = bytes.get(LENGTH..HEADER) else {
            return Err(wrong(format!("has {} bytes", bytes.len()), "the header alone has 68"));
        };
        if bytes.len() > LARGEST {
            return Err(wrong(format!("has {} bytes", bytes.len()), "an image has at most 2147483647"));
        }
        let length = u32::from_le_bytes(length.try_into().expect("they are four")) as usize;
        let rest = &bytes[HEADER..];
        let Some((read_only, code)) = rest.split_at_checked(length) else {
            let what =
                format!("byte 64: the read-only section has {length} bytes, and {} follow", rest.len());
            return Err(wrong(what, "the section lies within the file"));
        };
        if code.len() % SIZE as usize != 0 {
            let what = format!("byte {}: the code has {} bytes", HEADER + length, code.len());
            return Err(wrong(what, "an instruction has four"));
        }
        Ok(Image {
            name: name.to_owned(),
            read_only: read_only.to_vec(),
            taken: length,
            code: code.to_vec(),
            ..Image::default()
        })
    }

    /// The image as a file.
    pub fn write(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.resize(LENGTH, 0);
        bytes.extend((self.read_only.len() as u32).to_le_bytes());
        bytes.extend(&self.read_only);
        bytes.extend(&self.code);
        bytes
    }

    /// The address of the first instruction.
    pub fn start(&self) -> Pc {
        (HEADER + self.read_only.len()) as Pc
    }

    /// The address behind the last instruction.
    pub fn end(&self) -> Pc {
        self.start() + self.code.len() as Pc
    }

    /// The bytes of the instruction at an address, if there is one.
    pub fn word(&self, pc: Pc) -> Option<[u8; 4]> {
        let at = pc.checked_sub(self.start()).filter(|at| at % SIZE == 0)? as usize;
        self.code.get(at..at + 4)?.try_into().ok()
    }

    /// The addresses of all instructions.
    pub fn addresses(&self) -> impl Iterator<Item = Pc> + use<> {
        (self.start()..self.end()).step_by(SIZE as usize)
    }
}

/// Bytes as people write them.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

/// Why a file is no image. Its `Display` is one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageError {
    file: String,
    what: String,
    right: String,
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.file, self.what, self.right)
    }
}

impl std::error::Error for ImageError {}
