//! Names of places in a program.

use std::collections::BTreeMap;

use crate::ops::Pc;

/// What a name means.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Place {
    /// A byte of the read-only section.
    Data(u32),
    /// An address in the code.
    Code(Pc),
}

impl Place {
    /// The number that stands for the name.
    pub fn value(self) -> u32 {
        match self {
            Place::Data(value) | Place::Code(value) => value,
        }
    }
}

/// The names of places. A name means one place; a place may have several names. Case counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Symbols {
    places: BTreeMap<String, Place>,
    names: BTreeMap<Place, Vec<String>>,
}

impl Symbols {
    /// Names a place. Returns false, and changes nothing, where the name already means one.
    pub fn insert(&mut self, name: &str, place: Place) -> bool {
        if self.places.contains_key(name) {
            return false;
        }
        self.places.insert(name.to_owned(), place);
        self.names.entry(place).or_default().push(name.to_owned());
        true
    }

    /// The place that a name means.
    pub fn get(&self, name: &str) -> Option<Place> {
        self.places.get(name).copied()
    }

    /// All names of a place, in the order in which they were given.
    pub fn names(&self, place: Place) -> &[String] {
        self.names.get(&place).map_or(&[], Vec::as_slice)
    }

    /// The nearest name at or before a place of the same kind, and how many bytes the place is past it.
    pub fn nearest(&self, place: Place) -> Option<(&str, u32)> {
        let (&at, names) = self.names.range(..=place).next_back()?;
        let is_same = std::mem::discriminant(&at) == std::mem::discriminant(&place);
        is_same.then(|| Some((names.first()?.as_str(), place.value() - at.value())))?
    }

    /// Every name with its place, in order of place.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Place)> {
        let all = self.names.iter();
        all.flat_map(|(&place, names)| names.iter().map(move |name| (name.as_str(), place)))
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are no names.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}
