//! A state is what its guest declares, or there is none: all access to memory rests on that.

use kiln::device::Console;
use kiln::guest::Guest;
use kiln::guests::lc3::isa::MEMORY;
use kiln::guests::lc3::{Lc3, profile::Profile};
use kiln::ops::Type;
use kiln::state::{Bound, SpaceInfo, State, lay_out};
use kiln::vm::Vm;

static SMALL: [SpaceInfo; 2] = lay_out([
    SpaceInfo::new("words", Type::I16, 16, Bound::Fixed),
    SpaceInfo::new("bytes", Type::I32, 64, Bound::Fixed).addressed_by_bytes(),
]);

#[test]
#[should_panic(expected = "another guest's")]
fn a_machine_refuses_a_state_of_other_spaces() {
    let lc3 = Lc3::new(Profile::STANDARD, Console::scripted("").0);
    Vm::new(lc3, State::new(&SMALL), Default::default());
}

#[test]
fn spaces_that_were_laid_out_make_a_state() {
    assert_eq!(State::new(&SMALL).bytes(0).len(), 32);
    assert_eq!(State::new(Lc3::SPACES).bytes(0).len(), 1 << 17);
}

#[test]
#[should_panic(expected = "not laid out")]
fn a_space_that_grew_after_it_was_placed_makes_none() {
    let mut spaces = SMALL;
    spaces[0].len = 1 << 20;
    State::new(Box::leak(Box::new(spaces)));
}

#[test]
#[should_panic(expected = "not laid out")]
fn a_space_shorter_than_an_element_makes_none() {
    let spaces = lay_out([SpaceInfo::new("word", Type::I64, 3, Bound::Fixed).addressed_by_bytes()]);
    State::new(Box::leak(Box::new(spaces)));
}

#[test]
fn a_state_is_zero_although_the_host_has_had_its_memory_back_from_another() {
    for _ in 0..4 {
        let mut state = State::new(Lc3::SPACES);
        assert_eq!(*state.bytes(0), [0; 1 << 17]);
        assert_eq!(state.attributes(MEMORY.id(), 0xffff), 0);
        for at in 0..=u16::MAX {
            state.poke(MEMORY, at, !at);
        }
    }
}
