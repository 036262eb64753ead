//! The code in `docs/adding-a-guest.md` is the code of the byte machine.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The page's Rust, by the file that the heading above it names.
fn blocks(page: &str) -> BTreeMap<String, String> {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    let (mut file, mut is_code) = (None, false);
    for line in page.lines() {
        if line.starts_with("```") {
            is_code = !is_code && line == "```rust";
        } else if is_code {
            let file: &String = file.as_ref().expect("code stands under the heading of its file");
            let code = files.entry(file.clone()).or_default();
            *code += line;
            code.push('\n');
        } else if let Some(heading) = line.strip_prefix("## ") {
            file = heading.split('`').nth(1).map(str::to_owned);
        }
    }
    files
}

/// Without empty lines: where a block ends, there may be one or not.
fn dense(code: &str) -> Vec<&str> {
    code.lines().filter(|line| !line.trim().is_empty()).collect()
}

#[test]
fn the_page_has_all_of_the_code_in_order() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/adding-a-guest.md")).unwrap();
    let files = blocks(&page);
    let folder = fs::read_dir(root.join("src/guests/byte")).unwrap();
    let mut names: Vec<String> =
        folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(files.keys().cloned().collect::<Vec<String>>(), names);
    for (name, shown) in files {
        let code = fs::read_to_string(root.join("src/guests/byte").join(&name)).unwrap();
        let (shown, code) = (dense(&shown), dense(&code));
        let first = shown.iter().zip(&code).position(|(shown, code)| shown != code);
        let first = first.unwrap_or(shown.len().min(code.len()));
        assert_eq!(shown.get(first), code.get(first), "{name}: the page shows this, the file has that");
    }
}
