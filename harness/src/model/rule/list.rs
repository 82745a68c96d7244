//! The rules, one by one, each with its source, and `open` where nobody promises it.
//!
//! To add one, write it here, apply it where it belongs by asking [`super::super::State::holds`], and let a
//! case or a program notice when it is broken: tests/model.rs looks for one.

super::rules! {
    // The content of a map.

    /// A map has whole pages: its length is rounded up, and what lies in its last page beyond the
    /// length can be accessed. (POSIX mmap: partial pages are mapped whole; mmap(2), NOTES)
    WholePages,
    /// The bytes of a map up to the end of the file are the bytes of the file from the offset on.
    /// (POSIX mmap, DESCRIPTION)
    DataOfTheFile,
    /// The rest of the file's last page reads as zero until something is stored there. (POSIX mmap: the
    /// partial page at the end of an object is zero-filled)
    TailIsZero,
    /// A byte that is stored in that rest does not become part of the file. (POSIX mmap: never written out)
    TailStaysInMemory,
    /// In whole pages past the end of the file every access is SIGBUS. (POSIX mmap) Its si_code is
    /// BUS_ADRERR. (Linux; POSIX signal.h: nonexistent physical address)
    PastEofIsSigbus,
    /// Where nothing is mapped every access is SIGSEGV, SEGV_MAPERR. (POSIX munmap: further references
    /// to these pages; signal.h: address not mapped to object)
    OutsideIsMaperr,

    // The accesses that a map allows.

    /// A store without PROT_WRITE is SIGSEGV, SEGV_ACCERR. (POSIX mmap: no store where PROT_WRITE is
    /// not set; signal.h: invalid permissions)
    StoresNeedProtWrite,
    /// With PROT_NONE nothing can be loaded: SEGV_ACCERR. (POSIX mmap: no access at all)
    LoadsNeedSomeProtection,
    /// With PROT_WRITE alone loads go through. (mmap(2), NOTES; POSIX lets an implementation permit
    /// more than was asked for, save stores and PROT_NONE)
    WriteLetsLoadsThrough,
    /// With PROT_EXEC alone loads go through. (Linux, where the CPU has no protection keys: with them
    /// it is SEGV_PKUERR, of which the model says nothing; pkeys(7))
    ExecLetsLoadsThrough,
    /// Instructions are fetched with PROT_EXEC only. (Linux, where the CPU can tell; POSIX lets an
    /// implementation permit more)
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
    /// A fault whose signal is blocked or ignored kills, and no handler runs; where the case has set
    /// the default there is none. (sigaction(2), NOTES; POSIX: undefined; Linux: force_sig_info)
    BlockedFaultsKill,

    // Shared and private.

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

    // The file becomes shorter or longer.

    /// When a file shrinks, private copies of the pages past its new end are gone, and the map follows
    /// the file. (POSIX ftruncate: whole pages past the new end are discarded; mmap: what references to
    /// them do is unspecified; Linux: unmap_mapping_range with even_cows)
    TruncationTakesCopies,
    /// When a file is made no longer than it is, the rest of its last page becomes zero. (POSIX
    /// ftruncate; Linux: truncate_pagecache)
    TruncationZeroesTheTail,
    /// A private copy of the page in which the file now ends stays whole. (Linux: only the page cache
    /// is zeroed)
    TruncationLeavesTheLastCopy,
    /// When a file grows, its new bytes are zero. (POSIX ftruncate)
    GrowthIsZero,
    /// Where a file grows over what had been stored past its end, that becomes zero. Open: on tmpfs the
    /// stored bytes become bytes of the file. (POSIX mmap: never written out; Linux 6.13 for disks;
    /// mmap(2), BUGS)
    GrowthClearsTheTail: open,
    /// Where a file grows within its last page, what had been stored past its new end is zero as well.
    /// Open: ext4 zeroes the page to its end for ftruncate, and as far as the file now goes for pwrite.
    /// (POSIX does not say: those bytes are still no part of the file)
    GrowthClearsThePage: open,
    /// When the last page is written out, what had been stored past the end becomes zero in memory,
    /// too. Open: tmpfs writes nothing out; and a disk file system may do so at any time, which the
    /// model expects of msync, fsync and writes through O_SYNC alone. (mmap(2), BUGS; Linux: a folio
    /// that spans the end of the file is zeroed behind it before it is written)
    WritebackClearsTheTail: open,

    // Holes.

    /// Punching a hole zeroes the range, for every map of it that has no copy. (fallocate(2))
    PunchingZeroes,
    /// Punching a hole leaves private copies as they are. (Linux: unmap_mapping_range without
    /// even_cows)
    PunchingLeavesCopies,
    /// Where a hole reaches past the end of the file, what had been stored there is zeroed as well. Open:
    /// ext4 leaves it where the hole begins past the end. (fallocate(2) does not say)
    PunchingClearsTheTail: open,
    /// Where a hole or another range of fallocate reaches into the last page, what had been stored past
    /// the end beside it is zeroed, too. Open: tmpfs clears exactly the hole, ext4 does it for holes
    /// that begin within the file, xfs and btrfs for other ranges as well. (fallocate(2) does not say)
    FallocateClearsThePage: open,
    /// Ranges of a file can be taken out and put in. Open: EOPNOTSUPP on tmpfs and others.
    /// (fallocate(2))
    RangesCanBeChanged: open,

    // Other processes.

    /// A child inherits the maps. (fork(2); POSIX mmap)
    ForkInheritsMaps,
    /// After a fork the parent's stores to private memory are not seen by the child, nor the child's by
    /// the parent. (POSIX mmap, MAP_PRIVATE; fork(2))
    ForkSeparatesPrivate,
    /// A child does not inherit the locks of mlock. (mlock(2))
    LocksAreNotInherited,
    /// A child does not inherit what MADV_DONTFORK was said of. (madvise(2))
    DontforkIsNotInherited,
    /// MADV_WIPEONFORK: a child finds zero. (madvise(2))
    WipeonforkIsZero,

    // mmap.

    /// MAP_FIXED replaces what was mapped there. (POSIX mmap: whole pages of the process in the range
    /// are replaced)
    FixedReplaces,
    /// MAP_FIXED_NOREPLACE over any map is EEXIST. (mmap(2), ERRORS)
    NoreplaceIsEexist,
    /// A hint is taken where nothing is mapped. (mmap(2): the kernel takes it as a hint)
    FreeHintIsTaken,
    /// MAP_FIXED at one of the last 4095 addresses fails with that address as its errno: at MAP_FAILED,
    /// which is -1, with EPERM. (Linux: __get_unmapped_area; man pages do not say)
    LastAddressesAreErrnos,
    /// A length of 0 is EINVAL for mmap and munmap, and so is a new length of 0 for mremap; to
    /// mprotect, msync, madvise, mlock and mseal it is a range of nothing. (POSIX mmap, munmap: ERRORS;
    /// mremap(2), ERRORS)
    LengthZeroIsEinval,
    /// An offset inside a page is EINVAL. (mmap(2), ERRORS)
    OffsetInPageIsEinval,
    /// An address inside a page is EINVAL for MAP_FIXED, munmap, mprotect, msync, madvise, mremap and
    /// mseal. (mmap(2) and the others, ERRORS)
    AddressInPageIsEinval,
    /// Neither shared nor private is EINVAL. (POSIX mmap, ERRORS)
    NoTypeIsEinval,
    /// MAP_SHARED_VALIDATE refuses what it does not know with EOPNOTSUPP; MAP_SHARED ignores it.
    /// (mmap(2))
    ValidateKnowsItsFlags,
    /// A number that is no open descriptor is EBADF. (POSIX mmap, ERRORS)
    NoDescriptorIsEbadf,
    /// Of what a case can do with a descriptor of O_PATH, all but close is EBADF. (open(2))
    PathDescriptorIsEbadf,
    /// A closed descriptor is EBADF; the map lives on. (POSIX mmap: a reference of its own; close)
    ClosedIsEbadf,
    /// A descriptor that cannot be read is EACCES, whatever the protection. (POSIX mmap, ERRORS)
    UnreadableIsEacces,
    /// A shared map for stores of a descriptor that cannot be written is EACCES. (POSIX mmap, ERRORS)
    UnwritableSharedIsEacces,
    /// A file of a kind that cannot be mapped, such as a directory or a pipe, is ENODEV. (POSIX mmap,
    /// ERRORS; mmap(2) has EACCES for it)
    NoFileIsEnodev,
    /// PROT_EXEC of a file on a file system where nothing may be executed is EPERM, and it cannot be had
    /// later, either. (POSIX mmap, ERRORS: EACCES or EPERM; mmap(2), ERRORS)
    NoexecIsEperm,
    /// A shared map of /dev/zero is memory as long as the map, entered at the offset: past its end it is
    /// SIGBUS. (Linux: shmem_zero_setup)
    DevZeroIsEnteredAtTheOffset,
    /// More than the address space is ENOMEM. (POSIX mmap, ERRORS)
    TooLongIsEnomem,
    /// An offset and length beyond what a file can have are EOVERFLOW. (POSIX mmap, ERRORS)
    TooFarIsEoverflow,
    /// More memory than RLIMIT_AS or RLIMIT_DATA is ENOMEM. (setrlimit(2))
    BeyondLimitIsEnomem,
    /// A limit can be raised beyond the hard one by the privileged alone: EPERM. (POSIX setrlimit, ERRORS)
    RaisingALimitIsEperm,
    /// More than RLIMIT_MEMLOCK cannot be locked but by the privileged: ENOMEM of mlock, EAGAIN of mmap and
    /// mremap, EPERM where it is 0. (mlock(2), mmap(2), mremap(2): ERRORS)
    LocksAreLimited,
    /// mmap with MAP_LOCKED or MAP_POPULATE succeeds although pages of it cannot be had. (mmap(2),
    /// DESCRIPTION)
    PopulatingCannotFail,

    // munmap, mprotect, msync, mlock.

    /// munmap removes the whole pages that hold any part of the range; what is not mapped is no error.
    /// (POSIX munmap)
    MunmapRemovesPages,
    /// mprotect changes whole pages. (POSIX mprotect)
    MprotectChangesPages,
    /// mprotect cannot give a shared map what its descriptor did not allow: EACCES. (POSIX mprotect,
    /// ERRORS)
    MprotectKeepsTheMode,
    /// mprotect, msync, madvise, mlock and munlock over a hole are ENOMEM. (POSIX mprotect, msync,
    /// mlock: ERRORS; madvise(2))
    HoleIsEnomem,
    /// The pages before the hole have been changed all the same. (Linux goes map by map; POSIX mprotect
    /// leaves it open, POSIX mlock says otherwise)
    ChangedBeforeTheHole,
    /// mlock and munlock round their address down to a page. (mlock(2), NOTES)
    LocksRoundTheAddress,
    /// mlock makes private copies where stores are allowed, and so does mprotect that allows them in locked
    /// memory. (Linux: populate_vma_page_range asks for write access; mprotect_fixup)
    LockingMakesCopies,
    /// mlock of a page that cannot be had is ENOMEM, and the range is locked all the same. (Linux:
    /// __mlock_posix_error_return; POSIX: EAGAIN)
    LockPastEofIsEnomem,
    /// MS_INVALIDATE of locked memory is EBUSY. (POSIX msync, ERRORS)
    InvalidatingLockedIsEbusy,
    /// MS_ASYNC and MS_SYNC together are EINVAL. (POSIX msync, ERRORS)
    AsyncAndSyncIsEinval,

    // mremap, remap_file_pages.

    /// mremap moves content and protection along. (mremap(2))
    RemapMoves,
    /// mremap that shrinks unmaps the end. (mremap(2))
    RemapShrinks,
    /// mremap that cannot grow a map where it lies, and may not move it, is ENOMEM. (mremap(2), ERRORS)
    RemapWithoutRoomIsEnomem,
    /// mremap of what is not one map is EFAULT. (mremap(2), ERRORS)
    RemapOfHoleIsEfault,
    /// MREMAP_FIXED unmaps what was there. (mremap(2))
    RemapFixedReplaces,
    /// MREMAP_FIXED moves several maps at once where no length changes. Open: EFAULT before Linux 6.17.
    /// (mremap(2))
    RemapMovesSeveral: open,
    /// An old length of 0 doubles a shared map. (mremap(2))
    RemapOfLengthZeroMapsAgain,
    /// MREMAP_DONTUNMAP takes what private copies there are, and leaves the map. (mremap(2))
    DontunmapLeavesTheMap,
    /// MREMAP_DONTUNMAP of a part of a locked map unlocks all of the map that is left. Open: Linux
    /// 6.12.117 unlocks that part alone. (Linux: dontunmap_complete; mremap(2) does not say)
    DontunmapUnlocksTheRest: open,
    /// remap_file_pages makes a shared map show other pages of its file. (remap_file_pages(2))
    RemapFilePagesShowsOthers,

    // madvise.

    /// MADV_DONTNEED drops private copies: the file shows again, or zero. (madvise(2))
    DontneedDropsCopies,
    /// MADV_DONTNEED of a shared map changes nothing that can be seen. (madvise(2))
    DontneedKeepsShared,
    /// MADV_DONTNEED, MADV_FREE, MADV_REMOVE, MADV_COLD, MADV_PAGEOUT and MADV_GUARD_INSTALL of locked
    /// memory are EINVAL. (madvise(2), ERRORS)
    AdviceOfLockedIsEinval,
    /// Unlike the others, madvise goes on behind a hole. (madvise(2), NOTES)
    AdviceGoesOnBehindTheHole,
    /// Pages that MADV_FREE has freed stay until the memory is needed. Open: they may go at once. The model
    /// says the one or the other of the whole range. (madvise(2))
    FreedPagesStay: open,
    /// MADV_WIPEONFORK of what has a file, /dev/zero included, is EINVAL, and so is MADV_FREE of what
    /// is not private memory. (madvise(2), ERRORS)
    AdviceForMemoryIsEinval,
    /// MADV_REMOVE punches a hole into what a shared map shows. (madvise(2))
    RemovePunches,
    /// MADV_REMOVE of a map that is not shared and open for stores is EACCES. (madvise(2))
    RemoveNeedsSharedWritable,
    /// MADV_POPULATE_WRITE makes private copies. (madvise(2): as by writing)
    PopulateWriteMakesCopies,
    /// MADV_POPULATE_READ and _WRITE without that protection are EINVAL. (madvise(2), ERRORS)
    PopulateNeedsProtection,
    /// MADV_POPULATE_READ and _WRITE are EFAULT where an access would be SIGBUS, or meets a guard.
    /// (madvise(2), ERRORS)
    PopulatePastEofIsEfault,
    /// MADV_GUARD_INSTALL: an access that the protection allows is SIGSEGV, SEGV_MAPERR. (madvise(2),
    /// Linux 6.13; for files 6.15)
    GuardIsMaperr,
    /// A guarded page has lost its private copy. (madvise(2))
    GuardDropsCopies,
    /// MADV_MERGEABLE is known. Open: an option of the kernel, EINVAL without. (madvise(2))
    PagesCanBeMerged: open,
    /// MADV_HUGEPAGE is known. Open: an option of the kernel, EINVAL without. (madvise(2))
    PagesCanBeHuge: open,

    // Seals, of memory and of memfds.

    /// munmap, mprotect, mremap and MAP_FIXED of sealed memory are EPERM. (mseal(2))
    MsealIsEperm,
    /// Unlike the others, mseal changes nothing where there is a hole. (mseal(2))
    MsealNeedsNoHole,
    /// Advice that discards private anonymous memory is EPERM where that is sealed and cannot be stored
    /// to. (mseal(2))
    DiscardOfSealedIsEperm,
    /// F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE: what they forbid is EPERM. (fcntl(2))
    SealedIsEperm,
    /// F_SEAL_WRITE of a file that is mapped shared, and whose map may be given PROT_WRITE, is EBUSY.
    /// (fcntl(2), ERRORS)
    SealWriteOfMappedIsEbusy,
    /// F_SEAL_EXEC of a memfd that may be executed seals it against writing, and is EBUSY where that would
    /// be. Open: older kernels than 6.18 seal it without looking at its maps. (Linux: memfd_add_seals)
    SealExecIsSealWrite: open,
    /// A file that is no memfd has no seals: EINVAL. Open: files of a tmpfs have them, sealed from the
    /// beginning, which is EPERM. (fcntl(2), ERRORS)
    FilesHaveNoSeals: open,

    // Files beside their maps.

    /// ftruncate to a negative size, or of a descriptor that cannot be written, is EINVAL. (POSIX
    /// ftruncate, ERRORS: EBADF or EINVAL for the latter)
    FtruncateIsEinval,
    /// pread and read give what is there, and no more. (POSIX read)
    ReadStopsAtEof,
    /// pwrite and write past the end make the file longer. (POSIX write)
    WriteGrows,
    /// A write that begins at RLIMIT_FSIZE or beyond it, and a size beyond it, raise SIGXFSZ, and are EFBIG
    /// where that does not kill; a write that begins below the limit is cut off there. (POSIX write,
    /// ftruncate: ERRORS; setrlimit(2))
    BeyondFileSizeIsSigxfsz,
    /// With O_APPEND every write goes to the end, that of pwrite too. (pwrite(2), BUGS)
    AppendIgnoresTheOffset,
    /// read and write go on where the last one ended, in whatever process. (POSIX read, write, fork)
    PositionsAdvance,
    /// read into a map and write from one stop at the first byte that cannot be reached: that is EFAULT
    /// only where no byte has been moved. (Linux: generic_perform_write, filemap_read)
    TransfersStopAtTheFault,
    /// A write that fails with EFAULT does not make the file longer. Open: where it began past the end,
    /// Linux 6.18 makes the file as long as the offset at which it began. (POSIX write: does not say;
    /// Linux: generic_perform_write calls write_end with nothing copied)
    FailedWriteKeepsTheSize: open,

    // System V shared memory.

    /// An attached segment has whole pages and is zero at first. (shmget(2), shmat(2))
    SegmentsAreZeroPages,
    /// SHM_RDONLY is PROT_READ. (shmat(2))
    ShmRdonly,
    /// shmat over a map is EINVAL without SHM_REMAP. (shmat(2))
    ShmatOverMapIsEinval,
    /// A removed segment lives until its last shmdt. (shmctl(2))
    RemovedSegmentLives,
}
