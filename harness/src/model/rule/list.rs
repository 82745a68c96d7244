//! The rules, each with its source. A rule is `open` if no standard promises it.
//!
//! To add a rule, write it here, apply it in the model through [`super::super::State::holds`], and add a case
//! or a program that notices when it is broken: tests/model.rs looks for one, and tests/open_rules.rs for an open rule.

super::rules! {
    // The content of a map.

    /// A map has whole pages: its length is rounded up, and the bytes of its last page beyond the length can
    /// be accessed. (POSIX mmap: partial pages are mapped whole; mmap(2), NOTES)
    WholePages,
    /// The bytes of a map up to the end of the file are the bytes of the file from the offset on.
    /// (POSIX mmap, DESCRIPTION)
    DataOfTheFile,
    /// The rest of the file's last page reads as zero until something is stored there. (POSIX mmap: the
    /// partial page at the end of an object is zero-filled)
    TailIsZero,
    /// A byte that is stored in the rest of the file's last page does not become part of the file. (POSIX
    /// mmap: never written out)
    TailStaysInMemory,
    /// An access to a whole page past the end of the file raises SIGBUS. (POSIX mmap) Its si_code is
    /// BUS_ADRERR. (Linux; POSIX signal.h: nonexistent physical address)
    PastEofIsSigbus,
    /// An access to an address where nothing is mapped raises SIGSEGV, SEGV_MAPERR. (POSIX munmap: further
    /// references to these pages; signal.h: address not mapped to object)
    OutsideIsMaperr,

    // The accesses that a map allows.

    /// A store without PROT_WRITE raises SIGSEGV, SEGV_ACCERR. (POSIX mmap: no store where PROT_WRITE is not
    /// set; signal.h: invalid permissions)
    StoresNeedProtWrite,
    /// A load from a map with PROT_NONE raises SIGSEGV, SEGV_ACCERR. (POSIX mmap: no access at all)
    LoadsNeedSomeProtection,
    /// PROT_WRITE alone allows loads. (mmap(2), NOTES; POSIX lets an implementation permit more than was
    /// asked for, save stores and PROT_NONE)
    WriteLetsLoadsThrough,
    /// PROT_EXEC alone allows loads. (Linux on a CPU without protection keys; with them, loads and stores raise SIGSEGV,
    /// SEGV_PKUERR: pkeys(7))
    ExecLetsLoadsThrough,
    /// An instruction can be fetched only with PROT_EXEC. (Linux, if the CPU can tell; POSIX lets an
    /// implementation permit more)
    FetchesNeedProtExec,
    /// The kernel checks the protection before the end of the file. (Linux: handle_mm_fault comes after the
    /// check of the map's flags)
    ProtectionBeforeEof,
    /// On x86 the kernel treats a fetch from a page that is not present as a load: past the end of the file
    /// it raises SIGBUS even without PROT_EXEC. (Linux: access_error in arch/x86/mm/fault.c)
    FetchPastEofIsSigbusOnX86,
    /// An access by the kernel fails with EFAULT if an access by the CPU would raise a signal. (read(2),
    /// write(2): EFAULT)
    KernelAccessIsEfault,
    /// A fault whose signal is blocked or ignored kills the process, and no handler runs. No handler runs
    /// either if the case has set the default action. (sigaction(2), NOTES; POSIX: undefined; Linux:
    /// force_sig_info)
    BlockedFaultsKill,

    // Shared and private.

    /// A store to a shared map is a store to the file. (POSIX mmap, MAP_SHARED)
    SharedStoresReachTheFile,
    /// A store to a private map is seen only in that map. (POSIX mmap, MAP_PRIVATE)
    PrivateStoresStay,
    /// A store to a private map copies its page, and no other. (Linux: copy-on-write by page; POSIX leaves it
    /// open)
    CopiesByPage,
    /// A page of a private map that was not stored to shows the present bytes of the file. (Linux; POSIX
    /// leaves it open)
    UncopiedPagesFollowTheFile,

    // The file becomes shorter or longer.

    /// When a file shrinks, a private map loses its copies of the pages past the new end, and follows the
    /// file. (POSIX ftruncate: whole pages past the new end are discarded; mmap: the effect of references to
    /// them is unspecified; Linux: unmap_mapping_range with even_cows)
    TruncationTakesCopies,
    /// When ftruncate does not make a file longer, the rest of its last page becomes zero. (POSIX ftruncate;
    /// Linux: truncate_pagecache)
    TruncationZeroesTheTail,
    /// A private copy of the page in which the file now ends stays whole. (Linux: only the page cache
    /// is zeroed)
    TruncationLeavesTheLastCopy,
    /// When a file grows, its new bytes are zero. (POSIX ftruncate)
    GrowthIsZero,
    /// When a file grows over bytes that were stored past its end, these become zero. Open: on tmpfs the
    /// stored bytes become bytes of the file. (POSIX mmap: never written out; mmap(2), BUGS)
    GrowthClearsTheTail: open,
    /// When ftruncate makes a file longer within its last page, bytes that were stored past its new end become
    /// zero as well. Open: tmpfs keeps them. (POSIX does not say: those bytes are still no part of the file)
    GrowthClearsThePage: open,
    /// When a write that begins past the end makes a file longer within its last page, bytes that were stored past
    /// its new end become zero as well. Open: btrfs zeroes them, and other file systems zero the page only up to
    /// the new end. (POSIX does not say)
    WritesPastEofClearThePage: open,
    /// When a write that begins within the file makes it longer, bytes that were stored past its new end become zero
    /// as well. Open: ext2 and ext3 zero them where the memory that is written was not there yet. (POSIX does not
    /// say)
    WritesClearThePage: open,
    /// ftruncate to the size that a file has already zeroes the rest of its last page. Open: FUSE leaves the page
    /// as it is. (POSIX ftruncate does not say; Linux: fuse_do_setattr)
    SameSizeClearsTheTail: open,
    /// When the last page is written to the disk, bytes that were stored past the end become zero in memory
    /// too. Open: tmpfs writes nothing. A file system on a disk may write at any time, but the model expects
    /// it only of msync, fsync and writes through O_SYNC. (mmap(2), BUGS; Linux: a folio that spans the end
    /// of the file is zeroed behind it before it is written)
    WritebackClearsTheTail: open,
    /// A file whose descriptor is closed, or whose shared map goes, is written to its disk, which zeroes the bytes that
    /// were stored past the end. Open: FUSE does it. (Linux: fuse_flush, fuse_vma_close)
    ClosingWritesBack: open,

    // Holes.

    /// Punching a hole zeroes the range in every map of it that has no private copy. (fallocate(2))
    PunchingZeroes,
    /// Punching a hole leaves private copies as they are. (Linux: unmap_mapping_range without
    /// even_cows)
    PunchingLeavesCopies,
    /// When a hole begins past the end of the file, bytes that were stored within it become zero as well. Open:
    /// ext4 keeps them. (fallocate(2) does not say)
    PunchingClearsTheTail: open,
    /// When a hole begins before the end of the file and ends past it, bytes that were stored behind the hole
    /// become zero too. Open: tmpfs zeroes exactly the hole. (fallocate(2) does not say)
    HolesOverTheEndClearThePage: open,
    /// When another range of fallocate reaches into the last page, bytes that were stored past the end beside the
    /// range become zero too. Open: xfs zeroes them. (fallocate(2) does not say)
    FallocateClearsThePage: open,
    /// When fallocate makes a file longer within its last page, bytes that were stored past its new end become zero as
    /// well. Open: ext4 keeps them, up to some release between Linux 6.18 and 7.3. (fallocate(2) does not say)
    FallocateGrowthClearsThePage: open,
    /// fallocate writes the file to its disk, which zeroes the bytes that were stored past the end. Open: btrfs does,
    /// save for holes that begin in a later page. (fallocate(2) does not say)
    FallocateWritesBack: open,
    /// Modes that exclude each other fail with EOPNOTSUPP. Open: Linux before 6.12 fails with EINVAL where one of them is
    /// FALLOC_FL_COLLAPSE_RANGE, FALLOC_FL_INSERT_RANGE or FALLOC_FL_UNSHARE_RANGE. (Linux: vfs_fallocate; fallocate(2)
    /// has both)
    ModesAreKnown: open,
    /// Room can be allocated for a file. Open: some file systems fail with EOPNOTSUPP. (fallocate(2))
    RoomCanBeAllocated: open,
    /// Holes can be punched. Open: some file systems fail with EOPNOTSUPP. (fallocate(2))
    HolesCanBePunched: open,
    /// Ranges of a file can be zeroed. Open: tmpfs and others fail with EOPNOTSUPP. (fallocate(2):
    /// FALLOC_FL_ZERO_RANGE)
    RangesCanBeZeroed: open,
    /// Ranges of a file can be removed and inserted. Open: tmpfs and other file systems fail with EOPNOTSUPP.
    /// (fallocate(2))
    RangesCanBeChanged: open,
    /// Where a range is removed or inserted, a private map loses its copies of the pages from there on. Open: xfs
    /// leaves them where they are. (fallocate(2) does not say; Linux: truncate_pagecache in ext4)
    ChangedRangesTakeCopies: open,

    // Other processes.

    /// A child inherits the maps. (fork(2); POSIX mmap)
    ForkInheritsMaps,
    /// After a fork neither process sees the other's stores to private memory. (POSIX mmap, MAP_PRIVATE;
    /// fork(2))
    ForkSeparatesPrivate,
    /// A child does not inherit the locks of mlock. (mlock(2))
    LocksAreNotInherited,
    /// A child does not inherit memory with MADV_DONTFORK. (madvise(2))
    DontforkIsNotInherited,
    /// A child finds zeros in memory with MADV_WIPEONFORK. (madvise(2))
    WipeonforkIsZero,

    // mmap.

    /// MAP_FIXED replaces the maps in its range. (POSIX mmap: whole pages of the process in the range are
    /// replaced)
    FixedReplaces,
    /// MAP_FIXED_NOREPLACE fails with EEXIST if a page of the range is mapped. (mmap(2), ERRORS)
    NoreplaceIsEexist,
    /// The kernel takes a hint if nothing is mapped there. (mmap(2): the kernel takes it as a hint)
    FreeHintIsTaken,
    /// MAP_FIXED at one of the last 4095 addresses fails, and the address is the number of the error: at
    /// MAP_FAILED, which is -1, it is EPERM. (Linux: __get_unmapped_area; man pages do not say)
    LastAddressesAreErrnos,
    /// A length of 0 fails with EINVAL for mmap and munmap, and so does a new length of 0 for mremap. For
    /// mprotect, msync, madvise, mlock and mseal it is an empty range. (POSIX mmap, munmap: ERRORS;
    /// mremap(2), ERRORS)
    LengthZeroIsEinval,
    /// An offset inside a page fails with EINVAL. (mmap(2), ERRORS)
    OffsetInPageIsEinval,
    /// An address inside a page fails with EINVAL for MAP_FIXED, munmap, mprotect, msync, madvise, mremap and
    /// mseal. (mmap(2) and the others, ERRORS)
    AddressInPageIsEinval,
    /// A map that is neither shared nor private fails with EINVAL. (POSIX mmap, ERRORS)
    NoTypeIsEinval,
    /// MAP_DROPPABLE is a type of its own. Open: Linux before 6.11 fails with EINVAL. (mmap(2))
    DroppableIsKnown: open,
    /// MAP_SHARED_VALIDATE fails with EOPNOTSUPP for flags that it does not know; MAP_SHARED ignores them.
    /// (mmap(2))
    ValidateKnowsItsFlags,
    /// A number that is no open descriptor fails with EBADF. (POSIX mmap, ERRORS)
    NoDescriptorIsEbadf,
    /// Every call of a case but close fails with EBADF for a descriptor of O_PATH. (open(2))
    PathDescriptorIsEbadf,
    /// A closed descriptor fails with EBADF, but its map stays. (POSIX mmap: a reference of its own; close)
    ClosedIsEbadf,
    /// A map of a descriptor that cannot be read fails with EACCES, for any protection. (POSIX mmap, ERRORS)
    UnreadableIsEacces,
    /// A shared map for stores fails with EACCES if its descriptor cannot be written. (POSIX mmap, ERRORS)
    UnwritableSharedIsEacces,
    /// A map of a directory, a pipe or another file that cannot be mapped fails with ENODEV. (POSIX mmap,
    /// ERRORS; mmap(2) has EACCES for it)
    NoFileIsEnodev,
    /// PROT_EXEC fails with EPERM for a file on a file system that forbids execution, and mprotect cannot add
    /// it later either. (POSIX mmap, ERRORS: EACCES or EPERM; mmap(2), ERRORS)
    NoexecIsEperm,
    /// A pipe is on such a file system. Open: where it is not, a map of it fails with ENODEV for any protection.
    /// (Linux: SB_I_NOEXEC of pipefs)
    PipesAreNoexec: open,
    /// A shared map of /dev/zero is a memory object as long as the map, and begins at the offset in it:
    /// accesses past the end of the object raise SIGBUS. (Linux: shmem_zero_setup)
    DevZeroIsEnteredAtTheOffset,
    /// A map that is longer than the address space fails with ENOMEM. (POSIX mmap, ERRORS)
    TooLongIsEnomem,
    /// An offset and a length beyond the size that a file can have fail with EOVERFLOW. (POSIX mmap, ERRORS)
    TooFarIsEoverflow,
    /// A map that exceeds RLIMIT_AS or RLIMIT_DATA fails with ENOMEM. (setrlimit(2))
    BeyondLimitIsEnomem,
    /// Only a privileged process can raise a limit beyond the hard limit: others fail with EPERM. (POSIX
    /// setrlimit, ERRORS)
    RaisingALimitIsEperm,
    /// Only a privileged process can lock more than RLIMIT_MEMLOCK. For others mlock fails with ENOMEM, mmap
    /// and mremap fail with EAGAIN, and all fail with EPERM if the limit is 0. (mlock(2), mmap(2), mremap(2):
    /// ERRORS)
    LocksAreLimited,
    /// mmap with MAP_LOCKED or MAP_POPULATE succeeds even if some pages cannot be brought in. (mmap(2),
    /// DESCRIPTION)
    PopulatingCannotFail,

    // munmap, mprotect, msync, mlock.

    /// munmap removes every page that holds a part of the range. It is no error if nothing is mapped there.
    /// (POSIX munmap)
    MunmapRemovesPages,
    /// mprotect changes whole pages. (POSIX mprotect)
    MprotectChangesPages,
    /// mprotect fails with EACCES if the descriptor of a shared map does not allow the protection. (POSIX
    /// mprotect, ERRORS)
    MprotectKeepsTheMode,
    /// mprotect, msync, madvise, mlock and munlock fail with ENOMEM over a hole. (POSIX mprotect, msync,
    /// mlock: ERRORS; madvise(2))
    HoleIsEnomem,
    /// A call that fails over a hole has changed the pages before the hole. (Linux goes map by map; POSIX
    /// mprotect leaves it open, POSIX mlock says otherwise)
    ChangedBeforeTheHole,
    /// mlock and munlock round their address down to a page. (mlock(2), NOTES)
    LocksRoundTheAddress,
    /// mlock makes private copies if the map allows stores, and so does mprotect if it allows stores to
    /// locked memory. (Linux: populate_vma_page_range asks for write access; mprotect_fixup)
    LockingMakesCopies,
    /// mlock fails with ENOMEM if a page cannot be brought in, but locks the range. (Linux:
    /// __mlock_posix_error_return; POSIX: EAGAIN)
    LockPastEofIsEnomem,
    /// MS_INVALIDATE fails with EBUSY for locked memory. (POSIX msync, ERRORS)
    InvalidatingLockedIsEbusy,
    /// MS_ASYNC and MS_SYNC together fail with EINVAL. (POSIX msync, ERRORS)
    AsyncAndSyncIsEinval,

    // mremap, remap_file_pages.

    /// mremap moves a map with its content and protection. (mremap(2))
    RemapMoves,
    /// mremap to a smaller length unmaps the end of the map. (mremap(2))
    RemapShrinks,
    /// mremap fails with ENOMEM if it cannot grow a map in place and may not move it. (mremap(2), ERRORS)
    RemapWithoutRoomIsEnomem,
    /// mremap fails with EFAULT if the range is not one map. (mremap(2), ERRORS)
    RemapOfHoleIsEfault,
    /// mremap to the same or to a smaller length fails with EFAULT where nothing is mapped. Open: Linux before 5.16
    /// does nothing there, or unmaps the end of the range. (mremap(2), ERRORS)
    RemapShrinksAMap: open,
    /// mremap changes nothing before it has looked at the map that it moves. Open: Linux before 6.17 unmaps first what
    /// lies at the new address, and what the map is to lose. (Linux: mremap_to, check_prep_vma; mremap(2) does not say)
    RemapLooksFirst: open,
    /// MREMAP_FIXED unmaps the pages at the new address. (mremap(2))
    RemapFixedReplaces,
    /// MREMAP_FIXED with an unchanged length moves several maps at once. Open: Linux before 6.17 fails with
    /// EFAULT. (mremap(2))
    RemapMovesSeveral: open,
    /// mremap with an old length of 0 maps the pages of a shared map a second time. (mremap(2))
    RemapOfLengthZeroMapsAgain,
    /// MREMAP_DONTUNMAP moves the private copies, and leaves the map. (mremap(2))
    DontunmapLeavesTheMap,
    /// MREMAP_DONTUNMAP moves the pages of files and of shared memory as well. Open: Linux before 5.13 fails with EINVAL.
    /// (mremap(2))
    DontunmapOfFiles: open,
    /// MREMAP_DONTUNMAP of a part of a locked map unlocks the whole map that is left. Open: Linux 6.12.117
    /// and 7.3 unlock only that part. (Linux: dontunmap_complete; mremap(2) does not say)
    DontunmapUnlocksTheRest: open,
    /// remap_file_pages makes a shared map show other pages of its file. (remap_file_pages(2))
    RemapFilePagesShowsOthers,

    // madvise.

    /// MADV_DONTNEED drops private copies: the map shows the file again, or zeros. (madvise(2))
    DontneedDropsCopies,
    /// MADV_DONTNEED of a shared map has no visible effect. (madvise(2))
    DontneedKeepsShared,
    /// MADV_DONTNEED, MADV_FREE, MADV_REMOVE, MADV_COLD, MADV_PAGEOUT and MADV_GUARD_INSTALL fail with EINVAL
    /// for locked memory. (madvise(2), ERRORS)
    AdviceOfLockedIsEinval,
    /// madvise continues behind a hole, unlike mprotect, msync and mlock. (madvise(2), NOTES)
    AdviceGoesOnBehindTheHole,
    /// Pages that MADV_FREE has freed stay until the memory is needed. Open: they may go at once. The model
    /// predicts either for the whole range. (madvise(2))
    FreedPagesStay: open,
    /// MADV_WIPEONFORK fails with EINVAL for a map of a file or of /dev/zero, and MADV_FREE fails with EINVAL
    /// for a map that is not private memory. (madvise(2), ERRORS)
    AdviceForMemoryIsEinval,
    /// MADV_REMOVE punches a hole into the file of a shared map. (madvise(2))
    RemovePunches,
    /// MADV_REMOVE fails with EACCES for a map that is not shared or does not allow stores. (madvise(2))
    RemoveNeedsSharedWritable,
    /// MADV_POPULATE_WRITE makes private copies. (madvise(2): as by writing)
    PopulateWriteMakesCopies,
    /// MADV_POPULATE_READ and MADV_POPULATE_WRITE fail with EINVAL if the protection forbids the access.
    /// (madvise(2), ERRORS)
    PopulateNeedsProtection,
    /// MADV_POPULATE_READ and MADV_POPULATE_WRITE fail with EFAULT if an access would raise SIGBUS, or meets
    /// a guard. (madvise(2), ERRORS)
    PopulatePastEofIsEfault,
    /// MADV_POPULATE_READ and MADV_POPULATE_WRITE are known. Open: Linux before 5.14 fails with EINVAL. (madvise(2))
    PopulateIsKnown: open,
    /// MADV_DONTNEED_LOCKED is known. Open: Linux before 5.18 fails with EINVAL. (madvise(2))
    DontneedLockedIsKnown: open,
    /// MADV_COLLAPSE is known. Open: Linux before 6.1 fails with EINVAL. (madvise(2))
    CollapseIsKnown: open,
    /// MADV_GUARD_INSTALL and MADV_GUARD_REMOVE are known. Open: Linux before 6.13 fails with EINVAL. (madvise(2))
    GuardsAreKnown: open,
    /// Guards can be installed in maps of files and in shared memory. Open: Linux before 6.15 fails with EINVAL.
    /// (madvise(2))
    GuardsOfFiles: open,
    /// An access to a page with MADV_GUARD_INSTALL raises SIGSEGV, SEGV_MAPERR, if the protection allows it.
    /// (madvise(2), Linux 6.13; for files 6.15)
    GuardIsMaperr,
    /// MADV_GUARD_INSTALL drops the private copy of a page. (madvise(2))
    GuardDropsCopies,
    /// MADV_MERGEABLE is supported. Open: a kernel without this option fails with EINVAL. (madvise(2))
    PagesCanBeMerged: open,
    /// MADV_HUGEPAGE is supported. Open: a kernel without this option fails with EINVAL. (madvise(2))
    PagesCanBeHuge: open,

    // Seals, of memory and of memfds.

    /// mseal exists. Open: Linux before 6.10 fails with ENOSYS. (mseal(2))
    MsealExists: open,
    /// munmap, mprotect, mremap and MAP_FIXED fail with EPERM for sealed memory. (mseal(2))
    MsealIsEperm,
    /// mseal changes nothing if the range has a hole, unlike mprotect, madvise and mlock. (mseal(2))
    MsealNeedsNoHole,
    /// mprotect and madvise change the maps before the first one that is sealed. Open: Linux before 6.12 looks at all of
    /// the range first. (Linux: can_modify_vma; mseal(2) does not say)
    ChangedBeforeTheSeal: open,
    /// Advice that discards private anonymous memory fails with EPERM if the memory is sealed and does not
    /// allow stores. (mseal(2))
    DiscardOfSealedIsEperm,
    /// A call that F_SEAL_SHRINK, F_SEAL_GROW or F_SEAL_WRITE forbids fails with EPERM. (fcntl(2))
    SealedIsEperm,
    /// F_SEAL_WRITE fails with EBUSY if the file has a shared map that may be given PROT_WRITE. (fcntl(2),
    /// ERRORS)
    SealWriteOfMappedIsEbusy,
    /// A memfd under F_SEAL_WRITE can be mapped shared for loads. Open: other kernels fail with EPERM, unless the
    /// descriptor is for reading alone. (fcntl(2))
    SealedFilesCanBeLoaded: open,
    /// A map that the seals of its memfd forbid leaves what is mapped in its range. Open: other kernels unmap it first.
    /// (Linux: memfd_check_seals_mmap, which do_mmap calls before mmap_region)
    SealsComeBeforeTheMap: open,
    /// F_SEAL_EXEC, MFD_EXEC and MFD_NOEXEC_SEAL are known. Open: Linux before 6.3 fails with EINVAL.
    /// (fcntl(2), memfd_create(2))
    MemfdsKnowExec: open,
    /// F_SEAL_EXEC of an executable memfd also seals it against writing, and fails with EBUSY if F_SEAL_WRITE
    /// would. Open: kernels before 6.18 seal it without a check of its maps. (Linux: memfd_add_seals)
    SealExecIsSealWrite: open,
    /// F_ADD_SEALS fails with EINVAL for a file that is no memfd. Open: a file on tmpfs has seals, and is
    /// sealed from the beginning, so it fails with EPERM. (fcntl(2), ERRORS)
    FilesHaveNoSeals: open,

    // Files beside their maps.

    /// ftruncate fails with EINVAL for a negative size, and for a descriptor that cannot be written. (POSIX
    /// ftruncate, ERRORS: EBADF or EINVAL for the latter)
    FtruncateIsEinval,
    /// pread and read stop at the end of the file. (POSIX read)
    ReadStopsAtEof,
    /// pwrite and write past the end make the file longer. (POSIX write)
    WriteGrows,
    /// A write that begins at RLIMIT_FSIZE or beyond it, and a size beyond it, raise SIGXFSZ, and fail with
    /// EFBIG if the signal does not kill. A write that begins below the limit is cut off there. (POSIX write,
    /// ftruncate: ERRORS; setrlimit(2))
    BeyondFileSizeIsSigxfsz,
    /// With O_APPEND every write goes to the end of the file, and so does pwrite. (pwrite(2), BUGS)
    AppendIgnoresTheOffset,
    /// read and write begin where the last one ended, in any process that shares the open file. (POSIX read,
    /// write, fork)
    PositionsAdvance,
    /// read into a map and write from a map stop at the first byte that cannot be accessed. They fail with
    /// EFAULT only if they have moved no byte. (Linux: generic_perform_write, filemap_read)
    TransfersStopAtTheFault,
    /// A write stops at the first byte that cannot be read, in the middle of a page of the file as well. Open: btrfs
    /// stops before that page. (POSIX write does not say; Linux: btrfs_buffered_write)
    WritesMovePartsOfPages: open,
    /// A write that stops before such a page has moved the pages before it. Open: btrfs moves nothing before Linux 5.16.
    /// (Linux: btrfs_buffered_write)
    WritesMovePagesBefore: open,
    /// A write that fails with EFAULT does not make the file longer. Open: if the write would begin past the
    /// end, ext4 and tmpfs make the file as long as that offset since some release between Linux 6.12 and 6.17, and xfs
    /// made it longer before. (POSIX write: does not say; Linux 6.18: generic_perform_write calls write_end with nothing
    /// copied)
    FailedWriteKeepsTheSize: open,
    /// Where such a write makes the file longer, it does so up to its offset. Open: xfs goes no further than the block in
    /// which the file ended. (Linux before 6.12: xfs_zero_range in xfs_file_write_checks)
    FailedWriteGrowsToItsOffset: open,

    // System V shared memory.

    /// An attached segment has whole pages and is zero at first. (shmget(2), shmat(2))
    SegmentsAreZeroPages,
    /// A segment that is attached with SHM_RDONLY has PROT_READ. (shmat(2))
    ShmRdonly,
    /// shmat over a map fails with EINVAL without SHM_REMAP. (shmat(2))
    ShmatOverMapIsEinval,
    /// A removed segment stays until its last shmdt. (shmctl(2))
    RemovedSegmentLives,
}
