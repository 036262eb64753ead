//! The source lines that words came from.

use std::collections::BTreeMap;
use std::sync::Arc;

/// The source lines that the words at addresses came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lines<A: Ord> {
    files: Vec<File>,
    /// From the first word of a statement to its file and line.
    places: BTreeMap<A, (usize, u32)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct File {
    name: String,
    text: Arc<str>,
}

impl<A: Ord> Default for Lines<A> {
    fn default() -> Self {
        Self { files: Vec::new(), places: BTreeMap::new() }
    }
}

impl<A: Ord + Copy> Lines<A> {
    /// No lines yet, of the source file that messages call `file`, with this text as far as it is known.
    pub fn of(file: &str, text: &str) -> Self {
        let file = File { name: file.to_owned(), text: text.into() };
        Self { files: vec![file], places: BTreeMap::new() }
    }

    /// Records that the statement whose first word is at `address` stands on `line`, from 1.
    pub fn insert(&mut self, address: A, line: u32) {
        if let Some(file) = self.files.len().checked_sub(1) {
            self.places.insert(address, (file, line));
        }
    }

    /// The file and the line, from 1, of the statement whose first word is at `address`.
    pub fn get(&self, address: A) -> Option<(&str, u32)> {
        self.places.get(&address).and_then(|&place| self.place(place))
    }

    /// The text of that line, without the blanks around it; `None` where the text is not known.
    pub fn text(&self, address: A) -> Option<&str> {
        let &(file, line) = self.places.get(&address)?;
        let index = usize::try_from(line).ok()?.checked_sub(1)?;
        self.files.get(file)?.text.lines().nth(index).map(str::trim)
    }

    /// The address of the first statement on a line, from 1, of a file.
    pub fn address(&self, file: &str, line: u32) -> Option<A> {
        let found = self.iter().find(|&(_, at, number)| at == file && number == line);
        found.map(|(address, ..)| address)
    }

    /// Every statement's address, file and line, in order of address.
    pub fn iter(&self) -> impl Iterator<Item = (A, &str, u32)> {
        self.places.iter().filter_map(|(&address, &place)| {
            let (file, line) = self.place(place)?;
            Some((address, file, line))
        })
    }

    /// The names and texts of the files.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|file| (file.name.as_str(), &*file.text))
    }

    /// Whether no line is known.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Adds the lines of another image.
    pub fn extend(&mut self, other: Self) {
        let files = self.files.len();
        self.files.extend(other.files);
        let moved = other.places.into_iter().map(|(at, (file, line))| (at, (file + files, line)));
        self.places.extend(moved);
    }

    fn place(&self, (file, line): (usize, u32)) -> Option<(&str, u32)> {
        self.files.get(file).map(|file| (file.name.as_str(), line))
    }
}
