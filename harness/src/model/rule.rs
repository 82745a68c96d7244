//! The rules, one by one, each with its source.
//!
//! A rule stands here once, by name. Where it is applied the model asks [`super::World::on`]; a test
//! that breaks one rule at a time shows that each of them is needed.

macro_rules! rules {
    ($($(#[$doc:meta])* $rule:ident,)*) => {
        /// What must hold of a map, by POSIX.1-2024 or by Linux.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Rule { $($(#[$doc])* $rule,)* }

        impl Rule {
            /// Every rule.
            pub const ALL: &[Rule] = &[$(Rule::$rule),*];
        }
    };
}

rules! {
    /// A map has whole pages: its length is rounded up. (POSIX mmap: the range up to the end of the
    /// last page; mmap(2), NOTES)
    WholePages,
    /// The bytes of a map up to the end of the file are the file's. (POSIX mmap, DESCRIPTION)
    DataOfTheFile,
    /// The rest of the file's last page reads as zero. (POSIX mmap: a partial page at the end of an
    /// object is zero-filled)
    TailIsZero,
    /// What is stored in that rest stays in memory. (POSIX mmap: never written out)
    TailStaysInMemory,
    /// In whole pages past the end of the file every access is SIGBUS, BUS_ADRERR. (POSIX mmap;
    /// sigaction(2))
    PastEofIsSigbus,
    /// Where nothing is mapped every access is SIGSEGV, SEGV_MAPERR. (POSIX mmap; sigaction(2))
    OutsideIsMaperr,
    /// A store without PROT_WRITE is SIGSEGV, SEGV_ACCERR. (POSIX mmap; sigaction(2))
    StoresNeedProtWrite,
    /// With PROT_NONE nothing can be loaded. (POSIX mmap)
    LoadsNeedSomeProtection,
    /// With PROT_WRITE or PROT_EXEC alone loads go through. (mmap(2), NOTES; POSIX lets an
    /// implementation do so)
    AnyProtectionLetsLoadsThrough,
    /// Instructions are fetched with PROT_EXEC only. (POSIX mmap)
    FetchesNeedProtExec,
    /// The protection is looked at before the end of the file. (Linux: handle_mm_fault comes after the
    /// check of the map's flags)
    ProtectionBeforeEof,
    /// On x86 a fetch from a page that is not there yet is first a load: past the end of the file it is
    /// SIGBUS even without PROT_EXEC. (Linux: access_error in arch/x86/mm/fault.c)
    FetchPastEofIsSigbusOnX86,
    /// The kernel's own accesses fail with EFAULT where the CPU's would raise a signal. (read(2),
    /// write(2): EFAULT)
    KernelAccessIsEfault,
    /// A store to a shared map is a store to the file. (POSIX mmap, MAP_SHARED)
    SharedStoresReachTheFile,
    /// A store to a private map is seen in that map alone. (POSIX mmap, MAP_PRIVATE)
    PrivateStoresStay,
    /// A private copy is made of the page that is stored to, and of no other. (Linux: copy-on-write by
    /// page; POSIX leaves it open)
    CopiesByPage,
    /// A page of a private map that was not stored to shows what the file holds now. (Linux; POSIX
    /// leaves it open)
    UncopiedPagesFollowTheFile,
    /// When a file shrinks, private copies of the pages past its new end are gone. (Linux:
    /// unmap_mapping_range with even_cows)
    TruncationTakesCopies,
    /// When a file shrinks, the rest of its new last page becomes zero. (POSIX ftruncate; Linux:
    /// truncate_pagecache)
    TruncationZeroesTheTail,
    /// A private copy of the page in which the file now ends stays whole. (Linux: only the page cache
    /// is zeroed)
    TruncationLeavesTheLastCopy,
    /// When a file grows, its new bytes are zero. (POSIX ftruncate)
    GrowthIsZero,
    /// Where a file grows over what had been stored past its end, that becomes zero. Open: on tmpfs the
    /// stored bytes become bytes of the file. (POSIX mmap: never written out; Linux 6.13 for disks;
    /// mmap(2), BUGS)
    GrowthClearsTheTail,
    /// Where a file grows within its last page, what had been stored past its new end is zero as well.
    /// Open: ext4 zeroes the page to its end for ftruncate, and as far as the file now goes for pwrite.
    /// (POSIX does not say: those bytes are still no part of the file)
    GrowthClearsThePage,
    /// When the last page is written out, what had been stored past the end becomes zero in memory,
    /// too. Open: tmpfs writes nothing out; and a disk file system may do so at any time, which the
    /// model expects of msync and fsync alone. (mmap(2), BUGS; Linux: a folio that spans the end of the
    /// file is zeroed behind it before it is written)
    WritebackClearsTheTail,
    /// Punching a hole zeroes the range, for every map of it that has no copy. (fallocate(2))
    PunchingZeroes,
    /// Punching a hole leaves private copies as they are. (Linux: unmap_mapping_range without
    /// even_cows)
    PunchingLeavesCopies,
    /// MADV_DONTNEED drops private copies: the file shows again, or zero. (madvise(2))
    DontneedDropsCopies,
    /// MADV_DONTNEED of a shared map changes nothing that can be seen. (madvise(2))
    DontneedKeepsShared,
    /// MADV_DONTNEED of a locked page is EINVAL. (madvise(2), ERRORS)
    DontneedOfLockedIsEinval,
    /// A child inherits the maps. (fork(2); POSIX mmap)
    ForkInheritsMaps,
    /// After a fork private memory is separate. (fork(2))
    ForkSeparatesPrivate,
    /// A child does not inherit the locks of mlock. (mlock(2))
    LocksAreNotInherited,
    /// MAP_FIXED replaces what was mapped there. (POSIX mmap, MAP_FIXED)
    FixedReplaces,
    /// MAP_FIXED_NOREPLACE over any map is EEXIST. (mmap(2), ERRORS)
    NoreplaceIsEexist,
    /// A length of 0 is EINVAL. (POSIX mmap, munmap: ERRORS)
    LengthZeroIsEinval,
    /// An offset inside a page is EINVAL. (mmap(2), ERRORS)
    OffsetInPageIsEinval,
    /// An address inside a page is EINVAL. (munmap(2), mprotect(2), msync(2), madvise(2): ERRORS)
    AddressInPageIsEinval,
    /// Neither shared nor private is EINVAL. (POSIX mmap, ERRORS)
    NoTypeIsEinval,
    /// No descriptor is EBADF. (POSIX mmap, ERRORS)
    NoDescriptorIsEbadf,
    /// A descriptor that cannot be read is EACCES. (POSIX mmap, ERRORS)
    UnreadableIsEacces,
    /// A shared map for stores of a descriptor that cannot be written is EACCES. (POSIX mmap, ERRORS)
    UnwritableSharedIsEacces,
    /// mprotect cannot give a shared map what its descriptor did not allow. (mprotect(2), EACCES)
    MprotectKeepsTheMode,
    /// What is no file and no memory device is ENODEV. (mmap(2), ERRORS)
    NoFileIsEnodev,
    /// More than the address space is ENOMEM. (POSIX mmap, ERRORS)
    TooLongIsEnomem,
    /// An offset that no file can have is EOVERFLOW. (POSIX mmap, ERRORS)
    TooFarIsEoverflow,
    /// munmap removes whole pages, and what is not mapped is no error. (POSIX munmap)
    MunmapRemovesPages,
    /// mprotect changes whole pages. (POSIX mprotect)
    MprotectChangesPages,
    /// mprotect, msync, madvise, mlock and munlock over a hole are ENOMEM. (their ERRORS)
    HoleIsEnomem,
    /// What came before the hole has been changed all the same. (POSIX mprotect)
    ChangedBeforeTheHole,
    /// mlock makes private copies of what may be stored to. (Linux: populate_vma_page_range)
    LockingMakesCopies,
    /// mlock of a page that cannot be had is ENOMEM. (mlock(2), ERRORS)
    LockPastEofIsEnomem,
    /// MAP_LOCKED and MAP_POPULATE succeed all the same. (mmap(2), NOTES)
    PopulatingCannotFail,
    /// mremap moves content and protection along. (mremap(2))
    RemapMoves,
    /// mremap that shrinks unmaps the end. (mremap(2))
    RemapShrinks,
    /// mremap of what is not one map is EFAULT. (mremap(2), ERRORS)
    RemapOfHoleIsEfault,
    /// A negative or unwritable ftruncate is EINVAL. (ftruncate(2), ERRORS)
    FtruncateIsEinval,
    /// pread gives what is there, and no more. (POSIX pread)
    PreadStopsAtEof,
    /// pwrite past the end makes the file longer. (POSIX pwrite)
    PwriteGrows,
    /// A closed descriptor is EBADF; the map lives on. (POSIX mmap, close)
    ClosedIsEbadf,
    /// An attached segment has whole pages and is zero at first. (shmget(2), shmat(2))
    SegmentsAreZeroPages,
    /// SHM_RDONLY is PROT_READ. (shmat(2))
    ShmRdonly,
    /// A removed segment lives until its last shmdt. (shmctl(2))
    RemovedSegmentLives,
}

impl Rule {
    /// The rules that are open: kernels and file systems may or may not keep to them.
    pub const OPEN: [Rule; 3] =
        [Rule::GrowthClearsThePage, Rule::GrowthClearsTheTail, Rule::WritebackClearsTheTail];

    /// Its name, for pictures and `known:` comments.
    pub fn name(self) -> String {
        format!("{self:?}")
    }
}
