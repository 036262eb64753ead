//! `kiln guests`.

use std::fmt::Write;

use kiln::guests::{self, FileKind, Form, Machine, Setting, Visit, lox};

use super::{Failure, code, print};

/// Lists all guests; the exit code.
pub fn list() -> Result<u8, Failure> {
    let heading = format!("{}  {}", lox::NAME, lox::ABOUT);
    let lox = described(&heading, lox::FILES, lox::FEATURES, [("", &[]); 2], &[], lox::SETTINGS);
    let all = guests::NAMES.iter().filter_map(|name| guests::visit(name, Describe)).chain([lox]);
    print(all.collect::<Vec<String>>().join("\n").as_bytes())?;
    Ok(code::OK)
}

struct Describe;

impl Visit for Describe {
    type Output = String;

    fn visit<G: Machine>(self) -> String {
        let names = [("profiles", G::PROFILES), ("os", G::SYSTEMS)];
        described(&format!("{}  {}", G::NAME, G::ABOUT), G::FILES, G::FEATURES, names, G::FORMS, G::SETTINGS)
    }
}

/// What there is to know of a guest; of `names`, those that one can choose among.
fn described(
    heading: &str,
    files: &[FileKind],
    features: &[&str],
    names: [(&str, &[&str]); 2],
    forms: &[Form],
    settings: &[Setting],
) -> String {
    let mut text = format!("{heading}\n");
    // Writing to a string does not fail.
    for kind in files {
        let _ = writeln!(text, "  .{:<8} {}", kind.extension, kind.what);
    }
    let _ = writeln!(text, "  {:<9} {}", "has", features.join(", "));
    let [profiles, systems] = names.map(|(what, all)| match all.len() {
        0 | 1 => String::new(),
        _ => format!("  {what:<9} {}\n", all.join(", ")),
    });
    text += &profiles;
    for form in forms {
        let _ = writeln!(text, "  --emit {:<13} {}", form.name, form.what);
    }
    text += &systems;
    for setting in settings {
        let (name, about) = (setting.name, setting.about);
        let (least, most) = setting.range;
        let _ = writeln!(text, "  --set {name}={}: {about}, from {least} to {most}", setting.default);
    }
    text
}
