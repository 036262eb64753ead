//! What must hold of every guest, as checks that tests and fuzz targets share: the first byte chooses the guest.

use super::{BadFile, Machine, NAMES, Settings, Visit, visit};
use crate::compare::compare;
use crate::device::Console;
use crate::diagnostic::Style;
use crate::fuzz::{self, Summary};
use crate::guest::Guest;
use crate::ops::{Scalar, Type};
use crate::state::State;
use crate::tape::Tape;
use crate::tier::{Config, Tiers};
use crate::vm::Vm;

/// Instructions that what was loaded is run for.
const BUDGET: u64 = 2000;

/// Machines of one random program do what each does by itself in the interpreter.
///
/// # Errors
/// Where they part.
pub fn shared(bytes: &[u8]) -> Result<Summary, String> {
    struct Check<'a>(&'a [u8]);
    impl Visit for Check<'_> {
        type Output = Result<Summary, String>;
        fn visit<G: Machine>(self) -> Self::Output {
            fuzz::shared::<G::Case>(self.0)
        }
    }
    choose(bytes, Check)
}

/// Any bytes are a file of any kind, or it is said why not; what can be read can be listed, and does in both tiers
/// the same.
///
/// # Errors
/// What is wrong.
pub fn files(bytes: &[u8]) -> Result<Summary, String> {
    choose(bytes, Files)
}

/// Whether a register has a value: `claim` is a name of [`Guest::SLOTS`], ` = ` and a number.
///
/// # Errors
/// What the register has, or what is wrong with the claim.
pub fn holds<G: Guest>(state: &State, claim: &str) -> Result<(), String> {
    let (name, value) = claim.split_once(" = ").ok_or(format!("`{claim}` is no name and value"))?;
    let slot = G::SLOTS.iter().position(|slot| slot.0 == name);
    let slot = slot.ok_or(format!("{} has no register {name}", G::NAME))?;
    let ty = G::SLOTS[slot].1;
    let wanted = match ty {
        Type::F64 => value.parse().ok().map(|value: f64| Scalar::to_bits(value)),
        // A negative number's bits, as many as the register has.
        ty => value.parse().ok().map(|value: i128| value as u64 & u64::MAX >> (64 - 8 * ty.bytes())),
    };
    let wanted = wanted.ok_or(format!("`{value}` is no number"))?;
    match (state.slot(slot), ty) {
        (found, _) if found == wanted => Ok(()),
        (found, Type::F64) => Err(format!("{name} is {}, not {value}", f64::from_bits(found))),
        (found, _) => Err(format!("{name} is {found}, or {}, not {value}", found as u32 as i32)),
    }
}

/// Hands all but the first byte to the guest that it chooses.
fn choose<'a, V: Visit>(bytes: &'a [u8], check: impl FnOnce(&'a [u8]) -> V) -> V::Output {
    let (&first, rest) = bytes.split_first().unwrap_or((&0, bytes));
    visit(NAMES[usize::from(first) % NAMES.len()], check(rest)).expect("the guest is listed")
}

struct Files<'a>(&'a [u8]);

impl Visit for Files<'_> {
    type Output = Result<Summary, String>;

    fn visit<G: Machine>(self) -> Result<Summary, String> {
        file::<G>(self.0)
    }
}

/// The same for one guest: the first byte chooses the kind.
///
/// # Errors
/// What is wrong.
pub fn file<G: Machine>(bytes: &[u8]) -> Result<Summary, String> {
    let (&first, bytes) = bytes.split_first().unwrap_or((&0, bytes));
    let name = format!("file.{}", G::FILES[usize::from(first) % G::FILES.len()].extension);
    G::recognise(&name, bytes);
    let image = match G::read(&name, bytes) {
        Ok((image, _)) => image,
        Err(bad) => return explained(&bad),
    };
    if G::listing(&image).is_empty() {
        return Err(format!("{name}: an empty listing"));
    }
    let machine = |config| {
        let (guest, state) = G::machine(&image, &Settings::default(), Console::scripted("typed").0);
        Vm::new(guest, state, config)
    };
    let mut vm = machine(Config { hot: 10, ..Config::default() });
    let mut reference = machine(Config { tiers: Tiers::Interpreter, ..Config::default() });
    let (stop, expected) = (vm.run(BUDGET), reference.run(BUDGET));
    compare((&vm, &stop), (&reference, &expected)).map_err(|difference| difference.to_string())?;
    Ok(Summary::of(&vm))
}

/// Any text is a recording of keys, or it is said why not; what is one reads the same again from what it prints.
///
/// # Errors
/// What is wrong.
pub fn keys(bytes: &[u8]) -> Result<(), String> {
    match String::from_utf8_lossy(bytes).parse::<Tape>() {
        Err(why) if why.is_empty() => Err("a recording is refused without a word".to_owned()),
        Err(_) => Ok(()),
        Ok(tape) => match tape.to_string().parse() {
            Ok(again) if tape == again => Ok(()),
            other => Err(format!("{tape}is not the same again: {other:?}")),
        },
    }
}

/// A file that is refused is refused in words.
fn explained(bad: &BadFile) -> Result<Summary, String> {
    let text = match bad {
        BadFile::Image(line) => line.clone(),
        BadFile::Source(remarks) => remarks.render(Style::Plain),
    };
    if text.trim().is_empty() {
        Err("a file is refused without a word".to_owned())
    } else {
        Ok(Summary::default())
    }
}
