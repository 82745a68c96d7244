//! What each call of the vocabulary does with the addresses that it is given: what [`super::guard`] judges.
//! The main type is [`Reach`].

use nix::libc;

use crate::case::{Arg, Call, FlagWord};

/// The largest huge page that a machine is likely to use: the kernel rounds lengths up to one.
pub(super) const HUGE: usize = 1 << 30;

/// What a call does with the addresses that it is given.
#[derive(Debug, Clone, Copy)]
pub enum Reach {
    /// It is given none; or a hint, which replaces nothing.
    Nothing,
    /// It begins at argument `address` and goes on to the first gap at most. Where it must be `aligned`,
    /// the kernel refuses another address.
    ToTheGap { address: usize, aligned: bool },
    /// All of a range, gaps or not; the length is an argument. Where that is `bounded`, the kernel refuses
    /// a range that is longer than there are addresses.
    Range { bounded: bool },
    /// As a bounded `Range`, at this argument, with a length that is rounded up to a multiple of `unit`; an
    /// address within a page may be rounded `down`.
    Place { address: usize, down: bool, length: Length, unit: usize },
    /// A buffer: argument 1 is its address and argument 2 its length.
    Buffer,
    /// mremap(2): the old range; and the new one, where that is replaced. The kernel rounds lengths up to a
    /// multiple of `unit`.
    Remap { unit: usize },
}

/// Where the length of a range stands.
#[derive(Debug, Clone, Copy)]
pub enum Length {
    /// In this argument.
    Argument(usize),
    /// It is known: so many bytes.
    Bytes(usize),
}

impl Reach {
    /// What a call of the vocabulary reaches. `huge` says that the case has made memory of huge pages, and
    /// `segment` is the length of the segment that is attached.
    pub fn of(call: Call, args: &[Arg], page: usize, huge: bool, segment: usize) -> Reach {
        let has = |index: usize, flag: i32| {
            let Some(Arg::Flags(words)) = args.get(index) else { return false };
            FlagWord::all(words) & i64::from(flag) != 0
        };
        let unit = if huge { HUGE } else { page };
        match call {
            // An address that is only a hint replaces nothing; where the map comes to lie is looked at then.
            Call::Mmap if !has(3, libc::MAP_FIXED | libc::MAP_FIXED_NOREPLACE) => Reach::Nothing,
            Call::Mmap => {
                let unit = if has(3, libc::MAP_HUGETLB) { HUGE } else { unit };
                Reach::Place { address: 0, down: false, length: Length::Argument(1), unit }
            }
            Call::Munmap => Reach::Range { bounded: true },
            // Both skip gaps (madvise(2), msync(2): ENOMEM, after the rest was done).
            Call::Madvise | Call::Msync => Reach::Range { bounded: false },
            // These go to where the map at the address begins or ends.
            Call::Mprotect if has(2, libc::PROT_GROWSDOWN | libc::PROT_GROWSUP) => {
                Reach::Range { bounded: false }
            }
            Call::Mprotect | Call::Mseal => Reach::ToTheGap { address: 0, aligned: true },
            Call::Mlock | Call::Munlock | Call::RemapFilePages | Call::Shmdt => {
                Reach::ToTheGap { address: 0, aligned: false }
            }
            Call::Mremap => Reach::Remap { unit },
            // Rounded down with SHM_RND; without an address the arena's place stands there.
            Call::Shmat => {
                let (down, length) = (has(2, libc::SHM_RND), Length::Bytes(segment));
                Reach::Place { address: 1, down, length, unit }
            }
            Call::Read | Call::Write => Reach::Buffer,
            // Neither is given an address by the case.
            Call::File | Call::Memfd | Call::Dir | Call::Pipe | Call::Devzero | Call::Open => {
                Reach::Nothing
            }
            Call::Ftruncate | Call::Fallocate | Call::Pread | Call::Pwrite => Reach::Nothing,
            Call::Fsync | Call::Fcntl | Call::Close | Call::Unlink => Reach::Nothing,
            Call::Shmget | Call::Shmctl => Reach::Nothing,
            Call::Sigaction | Call::Sigprocmask | Call::Setrlimit | Call::Raise => Reach::Nothing,
            Call::Pause | Call::Exit => Reach::Nothing,
        }
    }
}
