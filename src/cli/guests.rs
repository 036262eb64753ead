//! `kiln guests`.

use std::fmt::Write;

use kiln::guests::{self, Machine, Visit};

use super::{Failure, code, print};

/// Lists all guests; the exit code.
pub fn list() -> Result<u8, Failure> {
    let all = guests::NAMES.iter().filter_map(|name| guests::visit(name, Describe));
    print(all.collect::<Vec<String>>().join("\n").as_bytes())?;
    Ok(code::OK)
}

struct Describe;

impl Visit for Describe {
    type Output = String;

    fn visit<G: Machine>(self) -> String {
        let mut text = format!("{}  {}\n", G::NAME, G::ABOUT);
        // Writing to a string does not fail.
        for kind in G::FILES {
            let _ = writeln!(text, "  .{:<8} {}", kind.extension, kind.what);
        }
        let _ = writeln!(text, "  {:<9} {}", "has", G::FEATURES.join(", "));
        if G::PROFILES.len() > 1 {
            let _ = writeln!(text, "  {:<9} {}", "profiles", G::PROFILES.join(", "));
        }
        for form in G::FORMS {
            let _ = writeln!(text, "  --emit {:<13} {}", form.name, form.what);
        }
        if G::SYSTEMS.len() > 1 {
            let _ = writeln!(text, "  {:<9} {}", "os", G::SYSTEMS.join(", "));
        }
        for setting in G::SETTINGS {
            let (name, about) = (setting.name, setting.about);
            let (least, most) = setting.range;
            let _ = writeln!(text, "  --set {name}={}: {about}, from {least} to {most}", setting.default);
        }
        text
    }
}
