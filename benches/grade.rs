//! What grading takes, whole process: `cargo bench --bench grade`. Small submissions, ten cases each.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// The tests: five calls of a subroutine, five whole runs.
fn tests() -> String {
    let mut text = "title = \"bench\"\n".to_owned();
    for n in 0..5 {
        let product = n * 7;
        writeln!(
            text,
            "[[case]]\nname = \"call {n}\"\ncall = \"MULT\"\nregisters = {{ R1 = 7, R2 = {n} }}\n\
             expect = {{ registers = {{ R0 = {product} }}, keeps = [\"R6\"] }}\n\
             [[case]]\nname = \"run {n}\"\ninput = \"{n}9\"\nexpect = {{ memory = {{ RESULT = {} }} }}",
            n * 9
        )
        .expect("memory takes it");
    }
    text
}

fn main() {
    let folder = tempfile::tempdir().expect("there is room for files");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/course/submissions");
    let source = fs::read_to_string(root.join("ann.asm")).expect("the example is there");
    fs::write(folder.path().join("tests.toml"), tests()).expect("the tests can be written");
    let test = std::env::args().any(|arg| arg == "--test");
    for count in if test { vec![4] } else { vec![60, 600, 6000] } {
        let names: Vec<String> = (0..count).map(|n| format!("{n}.asm")).collect();
        for (n, name) in names.iter().enumerate() {
            let other = source.replace("Multiply", &format!("Multiply {n}"));
            fs::write(folder.path().join(name), other).expect("a submission can be written");
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_kiln"));
        command
            .current_dir(folder.path())
            .args(["grade", "tests.toml", "--json", "results.json"])
            .args(&names);
        command.stdout(Stdio::null());
        let start = Instant::now();
        let status = command.status().expect("kiln runs");
        let seconds = start.elapsed().as_secs_f64();
        assert!(status.success(), "every submission passes");
        println!("{count:5} submissions of 10 cases: {seconds:.2} s");
    }
}
