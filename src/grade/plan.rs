//! Tests as their file says them, in TOML.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use regex::Regex;
use serde::Deserialize;

use crate::guests::lc3::image::Image;
use crate::guests::lc3::profile::Profile;

/// Instructions of a case unless it says otherwise.
const LIMIT: u64 = 1_000_000;
/// Bytes of output of a case unless it says otherwise.
const OUTPUT: usize = 1 << 16;

/// The tests of an assignment.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tests {
    /// What people call it.
    #[serde(default)]
    pub title: String,
    /// What holds for every case that does not say otherwise.
    #[serde(default)]
    defaults: Settings,
    /// The cases, in the order in which they are run.
    #[serde(rename = "case")]
    pub cases: Vec<Case>,
    /// What is loaded beside a submission, by the name that cases give it.
    #[serde(skip)]
    pub(super) files: BTreeMap<String, Image>,
}

/// What a machine is like, for a case or for all.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Settings {
    profile: Option<String>,
    os: Option<Os>,
    seed: Option<u64>,
    limit: Option<u64>,
    output_limit: Option<usize>,
    with: Option<Vec<String>>,
    start: Option<Start>,
}

/// What serves traps.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Os {
    /// The host.
    #[default]
    Native,
    /// The operating system in LC-3 assembly.
    Real,
}

/// Where a program starts.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(untagged)]
pub(super) enum Start {
    /// At an address.
    At(u16),
    /// At the first segment's origin, or at a label or an address as text.
    Named(String),
}

/// What is run, and what is expected of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Case {
    /// What people call it.
    pub name: String,
    /// What it is worth.
    #[serde(default = "one")]
    pub points: f64,
    profile: Option<String>,
    os: Option<Os>,
    /// Fills memory and registers with pseudo-random words first.
    seed: Option<u64>,
    limit: Option<u64>,
    output_limit: Option<usize>,
    /// Files, from the folder of the tests, that are loaded and linked with the submission.
    with: Option<Vec<String>>,
    start: Option<Start>,
    /// A subroutine, by its label, that is called in place of a run from the start.
    pub(super) call: Option<String>,
    /// Registers before the first instruction.
    #[serde(default)]
    pub(super) registers: BTreeMap<Register, Number>,
    /// Words of memory before the first instruction, from an address or label on.
    #[serde(default)]
    pub(super) memory: BTreeMap<String, Words>,
    /// What is typed.
    #[serde(default)]
    pub(super) input: Input,
    /// What is expected.
    #[serde(default)]
    pub(super) expect: Expect,
}

fn one() -> f64 {
    1.0
}

/// What is typed: at once, or in pieces.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Input {
    /// All is there from the start.
    Text(String),
    /// Each piece comes after the one before it.
    Pieces(Vec<Keys>),
}

impl Default for Input {
    fn default() -> Input {
        Input::Text(String::new())
    }
}

/// Keys that wait for something.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Keys {
    pub(super) keys: String,
    /// Output that has to come first, after what the piece before waited for.
    pub(super) after: Option<String>,
    /// How many instructions have retired at least when it is typed.
    #[serde(default)]
    pub(super) at: u64,
}

/// What is expected of a run.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expect {
    pub(super) output: Option<Output>,
    #[serde(default)]
    pub(super) registers: BTreeMap<Register, Number>,
    #[serde(default)]
    pub(super) memory: BTreeMap<String, Words>,
    /// Why the run ends: `halted` unless it says otherwise, `returned` of a call.
    pub(super) stop: Option<Stop>,
    /// Registers that are at the end what they were at the start.
    #[serde(default)]
    pub(super) keeps: Vec<Register>,
    /// Labels, addresses and traps that control comes to.
    #[serde(default)]
    pub(super) reaches: Vec<Where>,
    /// Those that it does not come to.
    #[serde(default)]
    pub(super) avoids: Vec<Where>,
    /// Subroutines that are called, and return.
    #[serde(default)]
    pub(super) calls: Vec<Call>,
}

/// Why a run ends.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Stop {
    /// The machine stopped itself.
    Halted,
    /// The subroutine that the case calls has returned.
    Returned,
    /// The program did something wrong.
    Fault,
    /// The limit of instructions.
    Limit,
    /// The input has ended, and it wants more.
    Input,
    /// It does not matter.
    Any,
}

/// A call that is expected somewhere in a run.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Call {
    pub(super) label: String,
    /// Registers when it is called.
    #[serde(default)]
    pub(super) with: BTreeMap<Register, Number>,
    /// Registers when it has returned.
    #[serde(default)]
    pub(super) returns: BTreeMap<Register, Number>,
}

/// What is expected of the output.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Output {
    /// It is exactly this.
    Exact(String),
    /// It is like this.
    Like(Box<Like>),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Like {
    pub(super) exact: Option<String>,
    #[serde(default)]
    pub(super) contains: OneOrMore,
    #[serde(default)]
    pub(super) lacks: OneOrMore,
    pub(super) pattern: Option<Pattern>,
    #[serde(default)]
    pub(super) ignore: Vec<Ignore>,
}

/// A text, or several.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(from = "Texts")]
pub(super) struct OneOrMore(pub(super) Vec<String>);

#[derive(Deserialize)]
#[serde(untagged)]
enum Texts {
    One(String),
    More(Vec<String>),
}

impl From<Texts> for OneOrMore {
    fn from(texts: Texts) -> OneOrMore {
        OneOrMore(match texts {
            Texts::One(text) => vec![text],
            Texts::More(texts) => texts,
        })
    }
}

/// What does not count when output is compared.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Ignore {
    /// Whether letters are large or small.
    Case,
    /// How much white space there is, and of what kind.
    Space,
}

/// A regular expression.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Pattern(pub(super) Regex);

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Pattern, String> {
        Regex::new(&text).map(Pattern).map_err(|error| error.to_string())
    }
}

/// One of R0 to R7.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(try_from = "String")]
pub(super) struct Register(pub(super) u8);

impl TryFrom<String> for Register {
    type Error = String;

    fn try_from(text: String) -> Result<Register, String> {
        match text.as_bytes() {
            [b'r' | b'R', digit @ b'0'..=b'7'] => Ok(Register(digit - b'0')),
            _ => Err(format!("`{text}` is not a register; these are R0 to R7")),
        }
    }
}

/// A word: from -32768 to 65535, or as text `x1F` or a character.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "Numeral")]
pub(super) struct Number(pub(super) u16);

#[derive(Deserialize)]
#[serde(untagged)]
enum Numeral {
    Number(i64),
    Text(String),
}

impl TryFrom<Numeral> for Number {
    type Error = String;

    fn try_from(numeral: Numeral) -> Result<Number, String> {
        let value = match &numeral {
            Numeral::Number(value) => Some(*value),
            Numeral::Text(text) => hex(text).map(i64::from),
        };
        let word = value.filter(|value| (-0x8000..=0xffff).contains(value)).map(|value| Number(value as u16));
        word.ok_or_else(|| match numeral {
            Numeral::Number(value) => format!("{value} is not a word, which is from -32768 to 65535"),
            Numeral::Text(text) => format!("`{text}` is not a word, such as 31 or \"x1F\""),
        })
    }
}

/// A word as `x1F`.
pub(super) fn hex(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("0x").or(text.strip_prefix(['x', 'X']))?;
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain.then(|| u16::from_str_radix(digits, 16).ok())?
}

/// Words of memory: one, several, or the characters of a text with the x0000 after it.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "WordsText")]
pub(super) struct Words(pub(super) Vec<u16>);

#[derive(Deserialize)]
#[serde(untagged)]
enum WordsText {
    One(Number),
    More(Vec<Number>),
    Text { text: String },
}

impl From<WordsText> for Words {
    fn from(words: WordsText) -> Words {
        Words(match words {
            WordsText::One(word) => vec![word.0],
            WordsText::More(words) => words.into_iter().map(|word| word.0).collect(),
            WordsText::Text { text } => text.encode_utf16().chain([0]).collect(),
        })
    }
}

/// Something that control comes to: a label or address, or a trap as `TRAP x22`.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) enum Where {
    Place(String),
    Trap(u8),
}

impl TryFrom<String> for Where {
    type Error = String;

    fn try_from(text: String) -> Result<Where, String> {
        let trap = text.get(..5).filter(|start| start.eq_ignore_ascii_case("trap "));
        if trap.is_none() {
            return Ok(Where::Place(text));
        }
        let vector = hex(text[5..].trim()).and_then(|vector| u8::try_from(vector).ok());
        vector.map(Where::Trap).ok_or_else(|| format!("`{text}` is not a trap such as TRAP x25"))
    }
}

/// What the machines of some cases have in common: one program serves them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Setup {
    pub(super) profile: Profile,
    pub(super) os: Os,
    pub(super) seed: Option<u64>,
    pub(super) with: Vec<String>,
    /// Whether runs are watched, which native code cannot be.
    pub(super) watched: bool,
}

impl Tests {
    /// Reads a file of tests, and the files that it names, which are beside it.
    ///
    /// # Errors
    /// What is wrong with them, in lines for people.
    pub fn read(path: &Path) -> Result<Tests, String> {
        let unreadable = |path: &Path, error| format!("{}: {error}", path.display());
        let text = fs::read_to_string(path).map_err(|error| unreadable(path, error))?;
        let mut tests =
            Tests::parse(&text).map_err(|error| format!("{}: {}", path.display(), error.trim_end()))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let named = tests.cases.iter().filter_map(|case| case.with.as_ref()).chain(&tests.defaults.with);
        let names: Vec<String> = named.flatten().cloned().collect();
        for name in names {
            let path = folder.join(&name);
            let bytes = fs::read(&path).map_err(|error| unreadable(&path, error))?;
            let image = Image::read(&path.display().to_string(), &bytes);
            tests.files.insert(name, image.map_err(|error| error.to_string())?);
        }
        Ok(tests)
    }

    /// Reads tests from their text. Files that they name are not read.
    ///
    /// # Errors
    /// What is wrong, and where in the text.
    pub fn parse(text: &str) -> Result<Tests, String> {
        let mut tests: Tests = toml::from_str(text).map_err(|error| error.to_string())?;
        if tests.cases.is_empty() {
            return Err("there is no [[case]]".to_owned());
        }
        let defaults = tests.defaults.clone();
        for case in &mut tests.cases {
            case.profile = case.profile.take().or_else(|| defaults.profile.clone());
            case.os = case.os.or(defaults.os);
            case.seed = case.seed.or(defaults.seed);
            case.limit = case.limit.or(defaults.limit);
            case.output_limit = case.output_limit.or(defaults.output_limit);
            case.with = case.with.take().or_else(|| defaults.with.clone());
            case.start = case.start.take().or_else(|| defaults.start.clone());
            case.check().map_err(|error| format!("case `{}`: {error}", case.name))?;
        }
        Ok(tests)
    }

    /// What all cases are worth together.
    pub fn points(&self) -> f64 {
        self.cases.iter().map(|case| case.points).sum()
    }

    /// The setups that there are, and for each case which one it has.
    pub(super) fn setups(&self) -> (Vec<Setup>, Vec<usize>) {
        let mut setups: Vec<Setup> = Vec::new();
        let mut of = Vec::new();
        for case in &self.cases {
            let setup = case.setup();
            let known = setups.iter().position(|known| *known == setup);
            of.push(known.unwrap_or(setups.len()));
            if known.is_none() {
                setups.push(setup);
            }
        }
        (setups, of)
    }
}

impl Case {
    fn check(&self) -> Result<(), String> {
        if let Some(name) = &self.profile
            && Profile::named(name).is_none()
        {
            let all: Vec<&str> = Profile::ALL.iter().map(|profile| profile.name).collect();
            return Err(format!("there is no profile `{name}` (there are: {})", all.join(", ")));
        }
        if !(self.points.is_finite() && self.points >= 0.0) {
            return Err("`points` is a number from 0 up".to_owned());
        }
        if self.call.is_some() && self.start.is_some() {
            return Err(
                "it has both `call` and `start`; a subroutine is called in place of a start".to_owned()
            );
        }
        if self.call.is_some() && self.os == Some(Os::Real) {
            return Err("`call` is for `os = \"native\"`".to_owned());
        }
        if self.call.is_none() && self.expect.stop == Some(Stop::Returned) {
            return Err("`stop = \"returned\"` is for a `call`".to_owned());
        }
        Ok(())
    }

    fn setup(&self) -> Setup {
        let expect = &self.expect;
        let places = expect.reaches.iter().chain(&expect.avoids);
        let watched = !expect.calls.is_empty() || places.into_iter().any(|at| matches!(at, Where::Place(_)));
        Setup {
            profile: self.profile.as_deref().and_then(Profile::named).unwrap_or(Profile::STANDARD),
            os: self.os.unwrap_or_default(),
            seed: self.seed,
            with: self.with.clone().unwrap_or_default(),
            watched,
        }
    }

    pub(super) fn start(&self) -> Option<&Start> {
        self.start.as_ref()
    }

    /// Instructions that it may take.
    pub fn limit(&self) -> u64 {
        self.limit.unwrap_or(LIMIT)
    }

    /// Bytes that it may print.
    pub fn output_limit(&self) -> usize {
        self.output_limit.unwrap_or(OUTPUT)
    }
}
