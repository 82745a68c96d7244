//! A kernel or a file system may keep an open rule or not: the model must follow both ways where the rule makes a
//! difference, and not ask for it elsewhere.

use faultmap::internals::model::{Environment, Prediction, Rule, predict};

const PAGE: u64 = 4096;

/// Steps for which an open rule matters, and similar steps for which it does not, for each open rule.
const OPEN: &[(Rule, &str, &str)] = &[
    (Rule::GrowthClearsTheTail, "map[200] = 'x'; ftruncate(fd, PAGE);", "ftruncate(fd, PAGE);"),
    (Rule::GrowthClearsThePage, "map[200] = 'x'; ftruncate(fd, 150);", "ftruncate(fd, 150);"),
    (
        Rule::WritesPastEofClearThePage,
        "map[200] = 'x'; pwrite(fd, \"y\", 150);",
        "map[200] = 'x'; pwrite(fd, \"y\", 100);",
    ),
    (
        Rule::WritesClearThePage,
        "map[200] = 'x'; pwrite(fd, \"y\", 100);",
        "map[200] = 'x'; pwrite(fd, \"y\", 50);",
    ),
    (
        Rule::SameSizeClearsTheTail,
        "map[200] = 'x'; ftruncate(fd, 100);",
        "map[200] = 'x'; ftruncate(fd, 99);",
    ),
    (Rule::ClosingWritesBack, "map[200] = 'x'; close(fd);", "map[50] = 'x'; close(fd);"),
    (
        Rule::ClosingWritesBack,
        "map[200] = 'x'; munmap(map, PAGE); map = mmap(0, PAGE, PROT_READ, MAP_SHARED, fd, 0);",
        "map[200] = 'x'; munmap(p, PAGE);",
    ),
    (
        Rule::ClosingWritesBack,
        "map[200] = 'x'; big = mmap(0, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
         munmap(big + PAGE, PAGE);",
        "map[200] = 'x'; big = mmap(0, 2 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
         munmap(big + PAGE, PAGE);",
    ),
    (
        Rule::ClosingWritesBack,
        "map[200] = 'x'; process { mine = open(fd); }",
        "map[50] = 'x'; process { mine = open(fd); }",
    ),
    (Rule::WritebackClearsTheTail, "map[200] = 'x'; fsync(fd);", "map[50] = 'x'; fsync(fd);"),
    (
        Rule::WritebackClearsTheTail,
        "map[200] = 'x'; msync(map, PAGE, MS_SYNC);",
        "map[200] = 'x'; msync(map, PAGE, MS_ASYNC);",
    ),
    (
        Rule::PunchingClearsTheTail,
        "map[200] = 'x'; fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 150, 100);",
        "map[50] = 'x'; fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 50, 50);",
    ),
    (
        Rule::FallocateClearsThePage,
        "map[200] = 'x'; fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 50, 50);",
        "ftruncate(fd, PAGE - 1); map[PAGE - 1] = 'x';
         fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE, 50);",
    ),
    (
        Rule::FallocateClearsThePage,
        "ftruncate(fd, PAGE + 100); big = mmap(0, 2 * PAGE, PROT_WRITE, MAP_SHARED, fd, 0);
         big[PAGE + 200] = 'x';
         fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE - 1, 2); big[PAGE + 200];",
        "ftruncate(fd, PAGE + 100); big = mmap(0, 2 * PAGE, PROT_WRITE, MAP_SHARED, fd, 0);
         big[PAGE + 200] = 'x';
         fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE);",
    ),
    (
        Rule::FallocateGrowthClearsThePage,
        "map[200] = 'x'; fallocate(fd, 0, 0, 150);",
        "map[200] = 'x'; fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 150);",
    ),
    (
        Rule::HolesOverTheEndClearThePage,
        "map[200] = 'x'; fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 50, 100);",
        "map[200] = 'x'; fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 50, 50);",
    ),
    (
        Rule::FallocateWritesBack,
        "map[200] = 'x'; fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 10);",
        "map[200] = 'x'; fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE, 50);",
    ),
    (Rule::RoomCanBeAllocated, "fallocate(fd, 0, 0, 10);", "fallocate(fd, 0, 0, 0);"),
    (
        Rule::HolesCanBePunched,
        "fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 10);",
        "fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 10);",
    ),
    (Rule::HolesCanBePunched, "madvise(map, PAGE, MADV_REMOVE);", "madvise(p, PAGE, MADV_REMOVE);"),
    (
        Rule::RangesCanBeZeroed,
        "fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, 10);",
        "fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, 0);",
    ),
    (
        Rule::ChangedRangesTakeCopies,
        "map = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0); map[0] = 'x';
         fallocate(fd, FALLOC_FL_INSERT_RANGE, 0, PAGE);",
        "map = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
         fallocate(fd, FALLOC_FL_INSERT_RANGE, 0, PAGE);",
    ),
    (
        Rule::DontunmapUnlocksTheRest,
        "mlock(p, 2 * PAGE); mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);
         madvise(p, 2 * PAGE, MADV_DONTNEED);",
        "mlock(p, PAGE); mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);
         madvise(p, 2 * PAGE, MADV_DONTNEED);",
    ),
    (
        Rule::SealExecIsSealWrite,
        "m = memfd(PAGE, MFD_ALLOW_SEALING); s = mmap(0, PAGE, PROT_READ, MAP_SHARED, m, 0);
         fcntl(m, F_ADD_SEALS, F_SEAL_EXEC);",
        "m = memfd(PAGE, MFD_ALLOW_SEALING); s = mmap(0, PAGE, PROT_READ, MAP_PRIVATE, m, 0);
         fcntl(m, F_ADD_SEALS, F_SEAL_EXEC);",
    ),
    (
        Rule::RangesCanBeChanged,
        "fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, PAGE);",
        "fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, PAGE);",
    ),
    (
        Rule::FreedPagesStay,
        "p[200] = 'x'; madvise(p, PAGE, MADV_FREE); sweep(p, read);",
        "madvise(p, PAGE, MADV_FREE); sweep(p, read);",
    ),
    (Rule::PagesCanBeMerged, "madvise(p, PAGE, MADV_MERGEABLE);", "madvise(p, PAGE, MADV_COLD);"),
    (Rule::PagesCanBeHuge, "madvise(p, PAGE, MADV_HUGEPAGE);", "madvise(p, PAGE, MADV_COLD);"),
    (
        Rule::RemapMovesSeveral,
        "mprotect(p, PAGE, PROT_READ);
         mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q); q[0] = 'x';",
        "mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q);",
    ),
    (
        Rule::RemapMovesSeveral,
        "mprotect(p + PAGE, PAGE, PROT_READ);
         mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q); q[PAGE] = 'x';",
        "mprotect(p, PAGE, PROT_READ); mprotect(p, PAGE, PROT_READ | PROT_WRITE);
         mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q);",
    ),
    (
        Rule::RemapMovesSeveral,
        "big = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
         mmap(big, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, PAGE);
         mremap(big, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q); q[PAGE];",
        "big = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
         mmap(big, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
         mremap(big, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q);",
    ),
    (
        Rule::FilesHaveNoSeals,
        "fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK);",
        "m = memfd(1, 0); fcntl(m, F_ADD_SEALS, F_SEAL_SHRINK);",
    ),
    (
        Rule::WritesMovePartsOfPages,
        "munmap(p + PAGE, PAGE); write(fd, p + PAGE - 50, 100);",
        "munmap(p + PAGE, PAGE); write(fd, p + PAGE - 50, 50);",
    ),
    (
        Rule::FailedWriteKeepsTheSize,
        "write(fd, p, PAGE); ftruncate(fd, 100); write(fd, p + 2 * PAGE, 1);",
        "write(fd, p + 2 * PAGE, 1);",
    ),
    (
        Rule::FailedWriteGrowsToItsOffset,
        "write(fd, p, 2 * PAGE); ftruncate(fd, 100); write(fd, p + 2 * PAGE, 1);
         pread(fd, 0, 3 * PAGE);",
        "write(fd, p, PAGE); ftruncate(fd, 100); write(fd, p + 2 * PAGE, 1);",
    ),
    (
        Rule::WritesMovePagesBefore,
        "munmap(p + PAGE, PAGE); write(fd, p, 2 * PAGE);",
        "munmap(p + PAGE, PAGE); write(fd, p + PAGE - 50, 100);",
    ),
    (
        Rule::ModesAreKnown,
        "fallocate(fd, FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_KEEP_SIZE, 0, PAGE);",
        "fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE, 0, PAGE);",
    ),
    (
        Rule::ModesAreKnown,
        "fallocate(fd, FALLOC_FL_INSERT_RANGE | FALLOC_FL_KEEP_SIZE, 0, PAGE);",
        "fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, PAGE);",
    ),
    (
        Rule::ModesAreKnown,
        "fallocate(fd, FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE);",
        "fallocate(fd, FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE
             | FALLOC_FL_KEEP_SIZE, 0, PAGE);",
    ),
    (
        Rule::PipesAreNoexec,
        "n = pipe(); m = mmap(0, PAGE, PROT_EXEC, MAP_SHARED, n, 0);",
        "n = devzero(O_RDONLY); m = mmap(0, PAGE, PROT_EXEC, MAP_PRIVATE, n, 0);",
    ),
    (
        Rule::RemapShrinksAMap,
        "munmap(p, PAGE); mremap(p, PAGE, PAGE, 0);",
        "munmap(p, PAGE); mremap(p, PAGE, 2 * PAGE, MREMAP_MAYMOVE);",
    ),
    (
        Rule::RemapLooksFirst,
        "munmap(p, PAGE); mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q); q[0];",
        "munmap(p, PAGE); munmap(q, PAGE); mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q);",
    ),
    (
        Rule::RemapLooksFirst,
        "mremap(p, PAGE, 0x10000000000000, MREMAP_MAYMOVE);",
        "mremap(p, PAGE, 0x10000000000000, MREMAP_MAYMOVE | MREMAP_FIXED, q);
         mremap(p, PAGE, 0x10000000000000, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);",
    ),
    (
        Rule::DontunmapOfFiles,
        "mremap(map, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);",
        "mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);",
    ),
    (
        Rule::PopulateIsKnown,
        "madvise(p, PAGE, MADV_POPULATE_READ);",
        "madvise(p, PAGE, MADV_WILLNEED);",
    ),
    (
        Rule::DontneedLockedIsKnown,
        "madvise(p, PAGE, MADV_DONTNEED_LOCKED);",
        "madvise(p, PAGE, MADV_DONTNEED);",
    ),
    (Rule::CollapseIsKnown, "madvise(p, PAGE, MADV_COLLAPSE);", "madvise(p, PAGE, MADV_COLD);"),
    (Rule::GuardsAreKnown, "madvise(p, PAGE, MADV_GUARD_INSTALL);", "madvise(p, PAGE, MADV_COLD);"),
    (
        Rule::GuardsOfFiles,
        "s = mmap(p + PAGE, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0);
         madvise(p, 2 * PAGE, MADV_GUARD_INSTALL); p[0];",
        "madvise(p, PAGE, MADV_GUARD_INSTALL);",
    ),
    (Rule::MsealExists, "mseal(p, PAGE, 0);", "mlock(p, PAGE);"),
    (
        Rule::ChangedBeforeTheSeal,
        "mseal(p + PAGE, PAGE, 0); mprotect(p, 2 * PAGE, PROT_NONE); p[0];",
        "mseal(p + PAGE, PAGE, 0); mprotect(p, PAGE, PROT_NONE);",
    ),
    (
        Rule::ChangedBeforeTheSeal,
        "p[0] = 'x'; mprotect(p + PAGE, PAGE, PROT_READ); mseal(p + PAGE, PAGE, 0);
         madvise(p, 2 * PAGE, MADV_DONTNEED); p[0];",
        "mprotect(p + PAGE, PAGE, PROT_READ); mseal(p + PAGE, PAGE, 0);
         madvise(p + PAGE, PAGE, MADV_DONTNEED);",
    ),
    (
        Rule::SealedFilesCanBeLoaded,
        "m = memfd(PAGE, MFD_ALLOW_SEALING); fcntl(m, F_ADD_SEALS, F_SEAL_WRITE);
         s = mmap(0, PAGE, PROT_READ, MAP_SHARED, m, 0);",
        "m = memfd(PAGE, MFD_ALLOW_SEALING); fcntl(m, F_ADD_SEALS, F_SEAL_FUTURE_WRITE);
         s = mmap(0, PAGE, PROT_READ, MAP_SHARED, m, 0);",
    ),
    (
        Rule::SealedFilesCanBeLoaded,
        "m = memfd(PAGE, MFD_ALLOW_SEALING); fcntl(m, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW);
         s = mmap(0, PAGE, PROT_READ, MAP_SHARED, m, 0);",
        "m = memfd(PAGE, MFD_ALLOW_SEALING); fcntl(m, F_ADD_SEALS, F_SEAL_WRITE);
         r = open(m, O_RDONLY); s = mmap(0, PAGE, PROT_READ, MAP_SHARED, r, 0);",
    ),
    (
        Rule::SealsComeBeforeTheMap,
        "m = memfd(PAGE, MFD_ALLOW_SEALING); fcntl(m, F_ADD_SEALS, F_SEAL_FUTURE_WRITE);
         s = mmap(p, PAGE, PROT_WRITE, MAP_SHARED | MAP_FIXED, m, 0); p[0];",
        "m = memfd(PAGE, MFD_ALLOW_SEALING); fcntl(m, F_ADD_SEALS, F_SEAL_FUTURE_WRITE);
         s = mmap(0, PAGE, PROT_WRITE, MAP_SHARED, m, 0);",
    ),
    (
        Rule::MemfdsKnowExec,
        "m = memfd(PAGE, MFD_NOEXEC_SEAL);",
        "m = memfd(PAGE, MFD_ALLOW_SEALING);",
    ),
    (
        Rule::MemfdsKnowExec,
        "m = memfd(PAGE, MFD_ALLOW_SEALING); fcntl(m, F_ADD_SEALS, F_SEAL_EXEC);",
        "m = memfd(PAGE, MFD_ALLOW_SEALING); fcntl(m, F_ADD_SEALS, F_SEAL_GROW);",
    ),
    (
        Rule::DroppableIsKnown,
        "n = mmap(0, PAGE, PROT_READ, MAP_DROPPABLE | MAP_ANONYMOUS, -1, 0);",
        "n = mmap(0, PAGE, PROT_READ, MAP_DROPPABLE, fd, 0);",
    ),
];

#[test]
fn an_open_rule_has_two_answers_where_it_matters_and_is_not_asked_elsewhere() {
    for rule in Rule::open() {
        assert!(OPEN.iter().any(|(own, ..)| *own == rule), "{} is not tried", rule.name());
    }
    for (rule, matters, elsewhere) in OPEN {
        let predictions = |steps: &str| {
            let text = format!(
                "fd = file(100); map = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
                 p = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                 q = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                 {steps} map[200]; pread(fd, 0, 200); sweep(map, read);"
            );
            let case = faultmap::internals::parse::case(&text).expect("a case");
            predict(&case, &Environment::with_pages_of(PAGE))
        };
        let all = predictions(matters);
        let without = |own: &Prediction| own.not_held().map(|open| open.rule).collect::<Vec<_>>();
        assert!(without(&all[0]).is_empty(), "{matters}");
        // Another rule may be asked only where this one does not hold.
        assert!(all.iter().any(|prediction| without(prediction).contains(rule)), "{matters}");
        let asked = predictions(elsewhere);
        let asked = asked.iter().flat_map(|prediction| &prediction.open);
        assert!(asked.clone().all(|open| open.rule != *rule), "{elsewhere}");
    }
}

/// `ftruncate(fd, 150)` asks an open rule, and `ftruncate(fd, 0)` makes both answers alike. If they were not joined, there
/// would be 256 ways in the end, more than are followed.
#[test]
fn ways_that_nothing_can_tell_apart_are_joined() {
    let steps =
        "map[200] = 'x'; ftruncate(fd, 150); ftruncate(fd, 0); ftruncate(fd, 100);".repeat(8);
    let text = format!(
        "fd = file(100); map = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0); {steps}"
    );
    let case = faultmap::internals::parse::case(&text).expect("a case");
    let predictions = predict(&case, &Environment::with_pages_of(PAGE));
    assert_eq!(predictions.len(), 1);
    assert_eq!(predictions[0].unmodelled, None);
}
