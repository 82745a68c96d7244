//! A victim can print nothing, but a person must learn why it could not do what it was asked to: a
//! [`SetupFailure`] is a number in the record, and has words for a person.

/// The reason why a victim could not do what it was asked to, by the number in the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum SetupFailure {
    /// The supervisor was gone before the child could ask to die with it.
    Orphaned = 1,
    /// A process for a block could not be forked.
    Fork = 2,
    /// A file of the harness could not be opened for the case.
    File = 3,
    /// A map was not placed where the harness wanted it, so it does not stand alone.
    Placement = 4,
    /// The access could not be prepared.
    Access = 5,
    /// The process of a block could not be waited for.
    Wait = 6,
    /// The limits of the process could not be set up.
    Death = 7,
    /// The sandbox could not be entered.
    Sandbox = 8,
    /// An address and a length of the case reach what is not the case's.
    Guard = 9,
    /// A step may take more of the disk than a case is given.
    Disk = 10,
    /// A step may take more memory than a case is given.
    Memory = 11,
    /// A step reads what differs from run to run.
    Varying = 12,
    /// It is not known any more what is mapped where.
    Notes = 13,
}

impl SetupFailure {
    /// True if the case was stopped from doing what it asks for.
    pub fn is_refusal(number: u32) -> bool {
        let refusals = [
            SetupFailure::Guard,
            SetupFailure::Disk,
            SetupFailure::Memory,
            SetupFailure::Varying,
            SetupFailure::Notes,
        ];
        refusals.into_iter().any(|own| number == own as u32)
    }

    /// Returns the reason in words, for a person.
    pub fn describe(number: u32) -> &'static str {
        match number {
            1 => "its supervisor is gone",
            2 => "cannot fork",
            3 => "cannot open a file of the case (is /proc mounted?)",
            4 => "a map has a neighbour",
            5 => "cannot prepare the access",
            6 => "cannot wait for the process of a block",
            7 => "cannot set PR_SET_PDEATHSIG",
            8 => "cannot enter its sandbox (seccomp, Landlock)",
            9 => {
                "the step reaches memory of the harness; a case may reach its own maps and the free addresses around \
                 them"
            }
            10 => "the step may take more than the 64 MiB of disk that a case is given",
            11 => "the step may take more than the 256 MiB of memory that a case is given",
            12 => {
                "the step reads a file of /proc, which differs from run to run; such a file can be opened, mapped and \
                 closed, but not read"
            }
            13 => {
                "the step moves maps in a way that the harness cannot follow: too many maps, or several by an mremap \
                 that fails"
            }
            _ => "an unknown reason",
        }
    }
}
