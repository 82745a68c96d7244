//! The value of a call says how to perform it, and what it does to files, maps and memory.
//!
//! A number in these values is the index of a parameter, from the left and from 0.

/// The way in which a child performs a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It makes the system call of this number with the arguments as they stand.
    System(u32),
    /// It makes the system call of this number with these arguments.
    Arranged(u32, &'static [Argument]),
    /// It is given a descriptor of a new file that the harness has filled; parameter 0 is the size.
    MakeFile,
    /// The same for a memfd; parameter 1 holds its flags.
    MakeMemfd,
    /// It opens this path; the first parameter, where the call has one, holds the flags.
    OpenPath(&'static str, i32),
    /// It opens the file that parameter 0 names with the flags of parameter 1.
    Open,
    /// It makes a pipe and gives the end for reading.
    Pipe,
    /// It removes the name of the file of parameter 0.
    Unlink,
    /// It sets the disposition of the signal of parameter 0.
    Sigaction,
    /// It changes the mask by the signal of parameter 1.
    Sigprocmask,
    /// It sets a limit.
    Setrlimit,
    /// It sends itself the signal of parameter 0.
    Raise,
    /// It ends.
    Exit,
}

/// One argument, in the order of the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Argument {
    /// That of a parameter. Of a text it is the address.
    Of(usize),
    /// The length of the text of a parameter, in bytes.
    LengthOf(usize),
    /// The buffer of the harness.
    Buffer,
    /// 0, and the filter lets no other value pass.
    Zero,
}

/// The change that a successful call makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is the index of the parameter of that name")]
pub enum Effect {
    /// Nothing that another stage has to know.
    None,
    /// A file gets another size.
    Resizes { size: usize },
    /// A range of a file is allocated, or blocks of it are moved or removed.
    Allocates { mode: usize, offset: usize, length: usize },
    /// A text is written to a file.
    StoresText { text: usize, offset: usize },
    /// Bytes are copied between a file and a map.
    Transfers { address: usize, count: usize, to_memory: bool },
    /// A new map.
    Maps { address: usize, length: usize, flags: usize, file: usize, offset: usize },
    /// A map is moved, grown or shrunk.
    Remaps { address: usize, old: usize, new: usize, flags: usize, target: usize },
    /// A map shows another part of its file.
    Rearranges { address: usize, length: usize, page_offset: usize },
    /// Nothing is mapped there any more.
    Unmaps { address: usize, length: usize },
    /// The memory that is mapped there is locked.
    Locks { address: usize, length: usize },
    /// A new segment of shared memory.
    MakesSegment { length: usize, flags: usize },
    /// A segment is mapped.
    Attaches { segment: usize, address: usize, flags: usize },
    /// The segment at the address in parameter 0 is mapped no more.
    Detaches,
    /// The descriptor in parameter 0 is free for others.
    Closes,
}

/// The memory that a call may reach, where its [`Effect`] does not say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// As its parameters have it: none without an address; a range that goes on after gaps where a length
    /// follows the address; else what is mapped at the address.
    Derived,
    /// From the first address to the first gap at most. Where it must be `aligned`, the kernel refuses
    /// another address.
    ToTheGap {
        /// An address within a page is refused.
        aligned: bool,
    },
    /// As the aligned one, unless the flags in this parameter say that it grows: then a range.
    ToTheGapUnlessGrowing(usize),
    /// A range, gaps or not; the kernel refuses one that is longer than there are addresses.
    Bounded,
}

/// The memory and disk space that a call may take, where its [`Effect`] does not say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    /// As its parameters have it: all of a range of memory or of a file that it is given.
    Derived,
    /// Nothing that counts.
    Nothing,
    /// All of the range, in a case that locks memory.
    RangeWhereLocked,
    /// All of the range, where a word of this parameter brings pages in.
    RangeWhereFilled(usize),
}

/// The resource that the environment may deny a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// Room on the disk: ENOSPC, EDQUOT.
    Room,
    /// A disk that works: EIO.
    Disk,
    /// Pages for memory that it brings in: EFAULT, ENOMEM, EAGAIN.
    Pages,
    /// Memory within the limits of the process: ENOMEM, EAGAIN.
    Memory,
}
