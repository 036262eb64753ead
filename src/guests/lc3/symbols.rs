//! Names of addresses.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use super::image::{ImageError, Place};

/// The names of addresses. A name means one address; an address may have several names. ASCII case
/// does not count when a name is looked up, and is kept for printing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Symbols {
    addresses: HashMap<String, u16>,
    names: BTreeMap<u16, Vec<String>>,
}

impl Symbols {
    /// No names.
    pub fn new() -> Self {
        Self::default()
    }

    /// Names an address. Returns false, and changes nothing, where the name already means another
    /// address, or is no name: empty, or with blanks or control characters in it.
    pub fn insert(&mut self, name: &str, address: u16) -> bool {
        if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return false;
        }
        match self.addresses.insert(name.to_ascii_uppercase(), address) {
            None => self.names.entry(address).or_default().push(name.to_owned()),
            Some(old) if old != address => {
                self.addresses.insert(name.to_ascii_uppercase(), old);
                return false;
            }
            Some(_) => {}
        }
        true
    }

    /// The address that a name means.
    pub fn address(&self, name: &str) -> Option<u16> {
        self.addresses.get(&name.to_ascii_uppercase()).copied()
    }

    /// The first name of an address.
    pub fn name(&self, address: u16) -> Option<&str> {
        self.names(address).first().map(String::as_str)
    }

    /// All names of an address, in the order in which they were given.
    pub fn names(&self, address: u16) -> &[String] {
        self.names.get(&address).map_or(&[], Vec::as_slice)
    }

    /// The nearest name at or below an address, and how many words the address is past it.
    pub fn nearest(&self, address: u16) -> Option<(&str, u16)> {
        let (&at, names) = self.names.range(..=address).next_back()?;
        Some((names.first()?, address - at))
    }

    /// Every name with its address, in order of address.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u16)> {
        let all = self.names.iter();
        all.flat_map(|(&address, names)| names.iter().map(move |name| (name.as_str(), address)))
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.addresses.len()
    }

    /// Whether there are no names.
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty()
    }

    /// Reads a `.sym` file: a name and an address in hexadecimal to a line, in either order, with
    /// or without the `//` and the heading of the book's tools. `file` is what errors call it.
    ///
    /// # Errors
    /// A line that is neither a name with an address nor a heading, or a name given to two
    /// addresses.
    pub fn read(file: &str, bytes: &[u8]) -> Result<Self, ImageError> {
        let mut symbols = Self::new();
        for (at, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
            let wrong =
                |what: String, right: &str| ImageError::malformed(file, Place::Line(at + 1), what, right);
            let Ok(line) = std::str::from_utf8(line) else {
                return Err(wrong("not UTF-8".into(), "a symbol file is text"));
            };
            let line = line.trim().trim_start_matches("//").trim();
            let mut fields = line.split_whitespace();
            let (first, second, third) = (fields.next(), fields.next(), fields.next());
            let (name, address) = match (first, second, third) {
                (None, ..) => continue,
                (Some("Symbol"), Some("table" | "Name"), _) => continue,
                (Some("Scope"), Some("level"), _) => continue,
                (Some(rule), ..) if rule.starts_with("--") => continue,
                (Some(first), Some(second), None) => match (hex(first), hex(second)) {
                    (Some(address), _) if first.starts_with(|c: char| c.is_ascii_digit()) => {
                        (second, address)
                    }
                    (_, Some(address)) => (first, address),
                    (Some(address), None) => (second, address),
                    (None, None) => {
                        return Err(wrong(format!("`{line}` has no address"), SYM_LINE));
                    }
                },
                _ => return Err(wrong(format!("`{line}` is not a symbol"), SYM_LINE)),
            };
            if !symbols.insert(name, address) {
                let known = symbols.address(name).unwrap_or_default();
                let what = format!("`{name}` is given to x{address:04X} and before to x{known:04X}");
                return Err(wrong(what, "a name means one address"));
            }
        }
        Ok(symbols)
    }
}

const SYM_LINE: &str = "a line is a name and an address of one to four hexadecimal digits";

/// An address as symbol files write it: up to four hexadecimal digits, perhaps after `x` or `0x`.
fn hex(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("0x").or(text.strip_prefix(['x', 'X'])).unwrap_or(text);
    let plain = digits.len() <= 4 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain.then(|| u16::from_str_radix(digits, 16).ok())?
}

/// The `.sym` file of the book's tools.
impl fmt::Display for Symbols {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "// Symbol table\n// Scope level 0:")?;
        writeln!(f, "//\tSymbol Name       Page Address\n//\t----------------  ------------")?;
        for (name, address) in self.iter() {
            writeln!(f, "//\t{name:<16}  {address:04X}")?;
        }
        writeln!(f)
    }
}
