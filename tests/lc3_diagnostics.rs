//! What the LC-3 assembler says about whole texts, as pages: `tests/lc3/diagnostics` has sources, each with what is
//! said about it. With `BLESS=1` in the environment the pages are written anew.

use std::fs;
use std::path::Path;

use kiln::diagnostic::{Source, Style};
use kiln::guests::lc3::asm::assemble;

#[test]
fn pages() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lc3/diagnostics");
    let mut seen = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "asm") {
            continue;
        }
        let name = path.file_name().unwrap().to_str().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let said = Source::new(name, &text).render_all(&assemble(name, &text).diagnostics, Style::Plain);
        let page = path.with_extension("txt");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&page, &said).unwrap();
        }
        assert_eq!(said, fs::read_to_string(&page).unwrap_or_default(), "{name}\n{said}");
        seen += 1;
    }
    assert!(seen >= 5);
}
