//! Tables of cases as text: a line a case, columns divided by `|`, parts by blanks.

/// One line of a table.
pub struct Line {
    /// File, line and what the case is.
    pub place: String,
    /// What the last line before it said that begins with a name and holds for all lines below; empty without one.
    pub heading: String,
    /// The numbers, in hexadecimal, of the first column.
    pub words: Vec<u16>,
    pub before: Vec<Part>,
    pub after: Vec<Part>,
}

/// `name=value`, a name alone, or a quoted text.
#[derive(Clone, Debug)]
pub struct Part {
    pub name: String,
    pub value: String,
}

impl Part {
    /// The value as bytes: what is between quotes, with escapes.
    pub fn bytes(&self) -> Vec<u8> {
        let text = self.value.trim_matches('"');
        let (mut bytes, mut rest) = (Vec::new(), text.bytes());
        while let Some(byte) = rest.next() {
            bytes.push(match (byte, rest.len()) {
                (b'\\', 1..) => match rest.next().unwrap() {
                    b'n' => b'\n',
                    b'0' => 0,
                    b'x' => {
                        let digits = [rest.next().unwrap(), rest.next().unwrap()];
                        u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
                    }
                    other => panic!("\\{} is no escape", other as char),
                },
                _ => byte,
            });
        }
        bytes
    }
}

/// Divides at blanks outside quotes.
fn parts(text: &str) -> Vec<Part> {
    let mut quoted = false;
    let blank = |c: char| {
        quoted ^= c == '"';
        c == ' ' && !quoted
    };
    let part = |text: &str| {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        Part { name: name.to_owned(), value: value.to_owned() }
    };
    text.trim().split(blank).filter(|p| !p.is_empty()).map(part).collect()
}

/// The lines of a table, `path` in the folder of the tests. A line that begins with `heading` and a blank holds for those
/// below.
pub fn read(path: &str, heading: &str) -> Vec<Line> {
    let path = format!("{}/tests/{path}.txt", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap();
    let mut current = String::new();
    let mut lines = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|l| !l.1.is_empty() && !l.1.starts_with('#')) {
        if let Some(("", said)) = line.split_once(heading).filter(|_| !heading.is_empty()) {
            current = said.trim().to_owned();
            continue;
        }
        let columns: Vec<&str> = line.split('|').collect();
        let &[words, before, after, what] = &columns[..] else { panic!("{path}:{}: {line}", number + 1) };
        lines.push(Line {
            place: format!("{path}:{}: {}", number + 1, what.trim()),
            heading: current.clone(),
            words: words.split_whitespace().map(|w| u16::from_str_radix(w, 16).unwrap()).collect(),
            before: parts(before),
            after: parts(after),
        });
    }
    lines
}

/// The part of this name.
pub fn find<'a>(parts: &'a [Part], name: &str) -> Option<&'a Part> {
    parts.iter().find(|part| part.name == name)
}
