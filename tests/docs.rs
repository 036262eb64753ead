//! The commands in the pages for students and courses do what the pages say.
//!
//! A block of `sh` is run in a folder of the page's own, where `examples` is; one of `sh fails` has to fail. A block of
//! `text` that follows is what it printed. Trailing blanks do not count.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The fenced blocks of a page: what they are, and what is in them.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut blocks: Vec<(String, String)> = Vec::new();
    let mut is_inside = false;
    for line in page.lines() {
        match line.strip_prefix("```") {
            Some(_) if is_inside => is_inside = false,
            Some(kind) => {
                is_inside = true;
                blocks.push((kind.to_owned(), String::new()));
            }
            None if is_inside => blocks.last_mut().unwrap().1 += &format!("{}\n", line.trim_end()),
            None => {}
        }
    }
    blocks
}

fn run(page: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("docs").join(page.replace('/', "-"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    std::os::unix::fs::symlink(root.join("examples"), folder.join("examples")).unwrap();
    let programs = Path::new(env!("CARGO_BIN_EXE_kiln")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap_or_default());
    let mut printed = String::new();
    let mut commands = 0;
    for (kind, text) in blocks(&fs::read_to_string(root.join(page)).unwrap()) {
        if kind == "text" {
            assert_eq!(printed, text, "{page}");
            continue;
        }
        // Both streams go to one file, in the order in which they are written.
        let shown = folder.join("printed");
        let file = fs::File::create(&shown).unwrap();
        let mut command = Command::new("sh");
        command.args(["-e", "-c", &text]).env("PATH", &path).current_dir(&folder).stdin(Stdio::null());
        command.stdout(file.try_clone().unwrap()).stderr(file);
        let status = command.status().unwrap();
        printed = fs::read_to_string(&shown).unwrap();
        printed = printed.lines().map(|line| format!("{}\n", line.trim_end())).collect();
        let fails = kind == "sh fails";
        assert_eq!(status.success(), !fails, "{page}: {text}\n{printed}");
        commands += text.matches("kiln ").count();
    }
    assert!(commands > 0, "{page}");
}

#[test]
fn students() {
    run("docs/students.md");
}

#[test]
fn courses() {
    run("docs/courses.md");
}

#[test]
fn the_course() {
    run("examples/course/README.md");
}
