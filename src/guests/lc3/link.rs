//! Linking: what an image's words need to know of other images.

use super::image::{Image, ImageError, Place};
use crate::asm::lex::quoted;
use crate::diagnostic::closest;

/// What the address of a label goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The whole word, as the address.
    Word,
    /// The low bits, as the distance from the next instruction.
    Offset {
        /// How many.
        bits: u32,
        /// The instruction's name.
        instruction: &'static str,
    },
}

impl Field {
    /// The bits that the field of the word at `at` gets.
    ///
    /// # Errors
    /// The distance, where it does not fit.
    pub(super) fn bits(self, at: u16, target: u16) -> Result<u16, i32> {
        let Self::Offset { bits, .. } = self else { return Ok(target) };
        let distance = i32::from(target.wrapping_sub(at.wrapping_add(1)) as i16);
        if fits(distance, bits) { Ok(low(distance, bits)) } else { Err(distance) }
    }
}

/// A word that waits for the address of another image's label (`.EXTERNAL`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct External {
    /// The label, as it is written.
    pub name: String,
    /// Where the word is.
    pub address: u16,
    /// Which bits of it are zero until then.
    pub field: Field,
}

/// Whether a number fits in so many bits with a sign.
pub(super) fn fits(value: i32, bits: u32) -> bool {
    let (least, most) = range(bits);
    (least..=most).contains(&value)
}

/// What fits in so many bits with a sign.
pub(super) fn range(bits: u32) -> (i32, i32) {
    (-1 << (bits - 1), (1 << (bits - 1)) - 1)
}

/// The low bits of a number.
pub(super) fn low(value: i32, bits: u32) -> u16 {
    (value & ((1 << bits) - 1)) as u16
}

/// Gives every external label the address that another of the images has for it.
pub(super) fn link(images: &mut [Image]) -> Result<(), ImageError> {
    for at in 0..images.len() {
        for external in std::mem::take(&mut images[at].externals) {
            let target = find(images, at, &external)?;
            let bits = external.field.bits(external.address, target).map_err(|distance| {
                let what = format!("label {} is too far away", quoted(&external.name));
                wrong(&images[at], &external, what, &too_far(external.field, distance))
            })?;
            let Some(word) = images[at].word_mut(external.address) else {
                let what = format!("label {} is for a word that the image has not", quoted(&external.name));
                return Err(wrong(&images[at], &external, what, "what is linked is a word of the image"));
            };
            *word |= bits;
        }
    }
    Ok(())
}

/// The address that another image than the one at `at` has for a label.
fn find(images: &[Image], at: usize, external: &External) -> Result<u16, ImageError> {
    let name = &external.name;
    let others = || images.iter().enumerate().filter(move |&(other, _)| other != at).map(|(_, image)| image);
    let mut found = others().filter_map(|image| Some((image, image.symbols.address(name)?)));
    let Some((first, target)) = found.next() else {
        let known = others().flat_map(|image| image.symbols.iter()).map(|(name, _)| name);
        let right = match (closest(name, known), images.len()) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, 1) => "give the file that defines it, too".to_owned(),
            (None, _) => "one of the files defines it".to_owned(),
        };
        let what = format!("label {} is defined in no other file", quoted(name));
        return Err(wrong(&images[at], external, what, &right));
    };
    match found.find(|&(_, other)| other != target) {
        None => Ok(target),
        Some((second, _)) => {
            let what = format!("label {} is defined in {} and in {}", quoted(name), first.name, second.name);
            Err(wrong(&images[at], external, what, "one of them defines it"))
        }
    }
}

fn wrong(image: &Image, external: &External, what: String, right: &str) -> ImageError {
    match image.lines.get(external.address) {
        Some((file, line)) => {
            ImageError::malformed(file, Place::Line(usize::try_from(line).unwrap_or_default()), what, right)
        }
        None => ImageError::malformed(&image.name, Place::Address(external.address), what, right),
    }
}

/// What is said about a distance that does not fit.
pub(super) fn too_far(field: Field, distance: i32) -> String {
    match field {
        Field::Word => String::new(),
        Field::Offset { bits, .. } => {
            let (least, most) = range(bits);
            format!("offset {distance} does not fit in {bits} bits ({least}…{most})")
        }
    }
}
