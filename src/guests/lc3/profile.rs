//! The LC-3 machines that published programs assume.

/// What differs from one LC-3 to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Profile {
    /// The name that `--profile` takes.
    pub name: &'static str,
    /// LEA sets N Z P, as in the book's second edition.
    pub lea_sets_cc: bool,
    /// TRAP writes the return address to R7, as in the second edition.
    pub trap_writes_r7: bool,
    /// User programs may access memory below x3000.
    pub open_system_space: bool,
    /// What user programs may access from xFE00 up.
    pub device_access: DeviceAccess,
    /// Bits that an instruction's format fixes must be as they should.
    pub strict_padding: bool,
    /// PUTSP ends at any NUL byte, not at a word x0000 only.
    pub putsp_ends_at_byte: bool,
    /// An unknown opcode or trap is reported, and the run goes on after it.
    pub reports_unknown: bool,
    /// At the end of input GETC gives xFFFF and KBSR is ready, where others stop.
    pub endless_input: bool,
}

/// What of device space user programs may access.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeviceAccess {
    /// The keyboard's and the display's registers.
    Console,
    /// Nothing.
    None,
    /// Everything.
    All,
}

impl Profile {
    /// The default: it runs most programs and is still strict where a student errs.
    pub const STANDARD: Profile = Profile {
        name: "standard",
        lea_sets_cc: false,
        trap_writes_r7: false,
        open_system_space: false,
        device_access: DeviceAccess::Console,
        strict_padding: true,
        putsp_ends_at_byte: false,
        reports_unknown: false,
        endless_input: false,
    };
    /// As lc3tools has it.
    pub const LC3TOOLS: Profile = Profile {
        name: "lc3tools",
        device_access: DeviceAccess::None,
        putsp_ends_at_byte: true,
        ..Profile::STANDARD
    };
    /// The book's second edition.
    pub const SECOND: Profile = Profile {
        name: "second",
        lea_sets_cc: true,
        trap_writes_r7: true,
        open_system_space: true,
        device_access: DeviceAccess::All,
        strict_padding: false,
        ..Profile::STANDARD
    };
    /// "Write your own virtual machine", the tutorial that most hobby machines follow.
    pub const TUTORIAL: Profile =
        Profile { name: "tutorial", reports_unknown: true, endless_input: true, ..Profile::SECOND };

    /// All of them, the default first.
    pub const ALL: [Profile; 4] = [Profile::STANDARD, Profile::LC3TOOLS, Profile::SECOND, Profile::TUTORIAL];

    /// The profile of this name.
    pub fn named(name: &str) -> Option<Profile> {
        Self::ALL.into_iter().find(|p| p.name == name)
    }
}
