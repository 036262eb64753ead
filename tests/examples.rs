//! Every example gives its known answer, in its known number of instructions.

mod common;

use std::path::{Path, PathBuf};

use common::{Ran, interpreter, run};
use kiln::guest::Stop;
use kiln::guests::lc3::generate::Case;

/// Far more than any of them takes.
const BUDGET: u64 = 1 << 30;
/// What the interpreter, in a build for debugging, does in about a second.
const SHORT: u64 = 20_000_000;

fn examples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/lc3");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "asm"));
    files.sort();
    assert!(files.len() >= 15, "the examples are not there: {files:?}");
    files
}

fn case(path: &Path) -> Case {
    let mut case = common::program(&std::fs::read_to_string(path).unwrap());
    case.input = std::fs::read(path.with_extension("in")).unwrap_or_default();
    case
}

/// The instructions that the source says it takes.
fn count(path: &Path) -> Option<u64> {
    let source = std::fs::read_to_string(path).unwrap();
    let line = source.lines().find_map(|line| line.strip_prefix("; instructions: "))?;
    Some(line.trim().parse().unwrap())
}

fn check(path: &Path, ran: &Ran) {
    let name = path.display();
    assert!(matches!(ran.stop, Stop::Halted), "{name}: {:?}", ran.stop);
    let expected = std::fs::read(path.with_extension("out")).unwrap();
    assert!(ran.output == expected, "{name} wrote {:?}", String::from_utf8_lossy(&ran.output));
    if let Some(count) = count(path) {
        assert_eq!(ran.vm.instructions(), count, "{name}");
    }
}

#[test]
fn in_the_interpreter() {
    for path in examples() {
        let case = case(&path);
        let is_short = count(&path).is_none_or(|count| count < SHORT);
        if is_short {
            check(&path, &run(&case, interpreter(), BUDGET));
        }
    }
}

#[cfg(feature = "jit")]
mod native {
    use kiln::compare::lockstep;
    use kiln::fuzz::Case as _;
    use kiln::tier::{Compile, Config, HOT};

    use super::*;
    use crate::common::{at_once, is_background};

    /// Runs all of them, those that take long in native code.
    fn all(config: Config) {
        for path in examples() {
            let ran = run(&case(&path), config.clone(), BUDGET);
            check(&path, &ran);
            let (stats, total) = (ran.vm.stats(), ran.vm.instructions());
            // These are made of traps and of changes to themselves.
            let name = path.file_stem().unwrap().to_string_lossy();
            let is_odd = ["output", "selfmod", "selfmod2"].contains(&&*name);
            if total > SHORT && !is_odd && !is_background(&config) {
                assert!(stats.interpreted * 10 < total, "{name}: {stats:?}");
            }
        }
    }

    #[test]
    fn in_the_default_configuration() {
        all(Config::default());
    }

    #[test]
    fn with_native_code_at_once() {
        all(at_once());
    }

    #[test]
    fn with_native_code_from_another_thread() {
        all(Config { compile: Compile::Background, ..Config::default() });
    }

    /// The start of each, in lockstep.
    #[test]
    fn in_lockstep() {
        for path in examples() {
            let case = case(&path);
            let config = Config { hot: HOT / 10, ..Config::default() };
            let again = || (case.machine(config.clone()).0, case.machine(interpreter()).0);
            let (mut native, mut reference) = again();
            lockstep(&mut native, &mut reference, SHORT / 4, Some(&mut { again }))
                .unwrap_or_else(|difference| panic!("{}: {difference}", path.display()));
        }
    }
}
