//! Every example of every guest gives its known answer, in its known number of instructions.

mod common;

use std::path::{Path, PathBuf};

use common::interpreter;
use kiln::device::{Capture, Console};
use kiln::guest::Stop;
use kiln::guests::{self, Machine, Settings, Visit, has_extension};
use kiln::tier::Config;
use kiln::vm::Vm;

/// Far more than any of them takes.
const BUDGET: u64 = 1 << 32;
/// What the interpreter, in a build for debugging, does in about a second.
const SHORT: u64 = 20_000_000;

/// An example: a program with its answer beside it.
struct Example<G: Machine> {
    path: PathBuf,
    image: G::Image,
    /// The instructions that the source says it takes.
    count: Option<u64>,
}

impl<G: Machine> Example<G> {
    fn all() -> Vec<Example<G>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(G::NAME);
        let Ok(entries) = std::fs::read_dir(&folder) else {
            // A guest may come before its examples.
            return Vec::new();
        };
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| {
            has_extension::<G>(&path.to_string_lossy()) && path.with_extension("out").exists()
        });
        paths.sort();
        assert!(!paths.is_empty(), "the examples of {} are not there", G::NAME);
        paths.into_iter().map(Example::read).collect()
    }

    fn read(path: PathBuf) -> Example<G> {
        let bytes = std::fs::read(&path).unwrap();
        let image = G::read(&path.to_string_lossy(), &bytes);
        let (image, _) = image.unwrap_or_else(|bad| panic!("{}: {bad:?}", path.display()));
        let count = |line: &str| line.split_once("instructions: ")?.1.trim().parse().ok();
        let count = String::from_utf8_lossy(&bytes).lines().find_map(count);
        Example { path, image, count }
    }

    #[cfg(feature = "jit")]
    fn name(&self) -> String {
        self.path.file_stem().unwrap().to_string_lossy().into_owned()
    }

    fn machine(&self, config: Config) -> (Vm<G>, Capture) {
        let input = std::fs::read(self.path.with_extension("in")).unwrap_or_default();
        let (console, output) = Console::scripted(input);
        let (guest, state) = G::machine(&self.image, &Settings::default(), console);
        (Vm::new(guest, state, config), output)
    }

    /// Runs it and checks what comes of it.
    fn run(&self, config: Config) -> Vm<G> {
        let name = self.path.display();
        let (mut vm, output) = self.machine(config);
        let stop = vm.run(BUDGET);
        vm.guest_mut().flush().unwrap();
        assert!(matches!(stop, Stop::Halted), "{name}: {stop:?}");
        let result = vm.guest().result(vm.state()).unwrap_or_default();
        let written = [output.bytes(), result.into_bytes()].concat();
        let expected = std::fs::read(self.path.with_extension("out")).unwrap();
        assert!(written == expected, "{name} wrote {:?}", String::from_utf8_lossy(&written));
        if let Some(count) = self.count {
            assert_eq!(vm.instructions(), count, "{name}");
        }
        vm
    }
}

/// Does something with all guests.
fn with_all<V: Visit<Output = ()>>(visitor: impl Fn() -> V) {
    for name in guests::NAMES {
        guests::visit(name, visitor()).expect("the guest is listed");
    }
}

#[test]
fn in_the_interpreter() {
    struct Run;
    impl Visit for Run {
        type Output = ();
        fn visit<G: Machine>(self) {
            for example in Example::<G>::all() {
                if example.count.is_none_or(|count| count < SHORT) {
                    example.run(interpreter());
                }
            }
        }
    }
    with_all(|| Run);
}

#[cfg(feature = "jit")]
mod native {
    use kiln::compare::lockstep;
    use kiln::tier::{Compile, HOT};

    use super::*;
    use crate::common::{at_once, is_background};

    /// Runs all of them, those that take long in native code.
    struct Run(Config);

    impl Visit for Run {
        type Output = ();
        fn visit<G: Machine>(self) {
            for example in Example::<G>::all() {
                let vm = example.run(self.0.clone());
                let (stats, total) = (vm.stats(), vm.instructions());
                // Some are made of traps and of changes to themselves.
                let name = example.name();
                let is_odd = G::BENCHES.iter().any(|bench| {
                    !bench.computes && Path::new(bench.file).file_stem().is_some_and(|stem| *stem == *name)
                });
                if total > SHORT && !is_odd && !is_background(&self.0) {
                    assert!(stats.interpreted * 10 < total, "{name}: {stats:?}");
                }
            }
        }
    }

    #[test]
    fn in_the_default_configuration() {
        with_all(|| Run(Config::default()));
    }

    #[test]
    fn with_native_code_at_once() {
        with_all(|| Run(at_once()));
    }

    #[test]
    fn with_native_code_from_another_thread() {
        with_all(|| Run(Config { compile: Compile::Background, ..Config::default() }));
    }

    /// The start of each, in lockstep.
    struct Compare;

    impl Visit for Compare {
        type Output = ();
        fn visit<G: Machine>(self) {
            for example in Example::<G>::all() {
                let config = Config { hot: HOT / 10, ..Config::default() };
                let again = || (example.machine(config.clone()).0, example.machine(interpreter()).0);
                let (mut native, mut reference) = again();
                lockstep(&mut native, &mut reference, SHORT / 4, Some(&mut { again }))
                    .unwrap_or_else(|difference| panic!("{}: {difference}", example.path.display()));
            }
        }
    }

    #[test]
    fn in_lockstep() {
        with_all(|| Compare);
    }
}
