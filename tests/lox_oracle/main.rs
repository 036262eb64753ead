//! Random Lox programs, run by the machine (plainly, in slices, as images, under constant collection) and by a plain tree
//! walker that shares nothing with it: they print the same, and fail with the same message.

mod walk;

use kiln::device::Capture;
use kiln::fuzz::{Choices, noise};
use kiln::guests::lox::generate::{self, tree};
use kiln::guests::lox::{Limits, Lox, Program, Stop};

/// The same of the machine, and how many instructions it took.
fn run(program: &Program, stress: bool, slice: u64) -> ((String, Option<String>), u64) {
    let output = Capture::default();
    let mut lox =
        Lox::new(Limits { calls: 1000, memory: 64 << 20, ..Limits::default() }, Box::new(output.clone()));
    lox.set_stress(u32::from(stress));
    lox.load(program).unwrap();
    let error = loop {
        match lox.run(slice) {
            Stop::Budget => assert!(lox.instructions() < 10_000_000, "it ends"),
            Stop::Halted => break None,
            Stop::Error(error) => break Some(error.message),
            Stop::Io(error) => panic!("{error}"),
        }
    };
    let out = String::from_utf8(output.bytes()).unwrap();
    ((out, error), lox.instructions())
}

#[test]
fn random_programs_do_what_a_tree_walker_says() {
    let (mut compared, mut failed, mut lines) = (0, 0, 0);
    for seed in 1..600 {
        let program = generate::program(&mut Choices::new(&noise(seed, 4000)));
        let Some(wanted) = walk::walked(&program) else { continue };
        let source = tree::source(&program);
        let compiled = match Program::compile(source.as_bytes()) {
            Ok(compiled) => compiled,
            // A large one may pass a limit.
            Err(errors) if errors[0].message == "Too many constants in one chunk." => continue,
            Err(errors) => panic!("seed {seed}: {errors:?}\n{source}"),
        };
        let (plain, instructions) = run(&compiled, false, u64::MAX);
        assert_eq!(plain, wanted, "seed {seed}\n{source}");
        let image = Program::read(&compiled.image()).unwrap();
        for (stress, slice) in [(true, u64::MAX), (false, 3)] {
            let ways = run(&image, stress, slice);
            assert_eq!(ways, (wanted.clone(), instructions), "seed {seed}, stress {stress}\n{source}");
        }
        compared += 1;
        failed += u32::from(wanted.1.is_some());
        lines += wanted.0.lines().count();
    }
    assert!(
        compared > 400 && failed > 50 && failed < compared && lines > 1000,
        "{compared} {failed} {lines}"
    );
}
