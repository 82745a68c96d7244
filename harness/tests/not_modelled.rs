//! Where the answer depends on what the model does not know, it must say so, and not guess.

use faultmap::internals::model::{Environment, predict};

const PAGE: u64 = 4096;

/// Steps, of the last of which the model says nothing, and the reason that it gives.
const STEPS: &[(&str, &str)] = &[
    ("_exit(0);", "a measured process that exits"),
    ("pause();", "a step that never returns"),
    ("m = mmap(4096, PAGE, PROT_READ, MAP_FIXED | MAP_PRIVATE, fd, 0);", "outside of every map"),
    ("m = mmap(4096, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);", "whose hint the kernel cannot take"),
    (
        "mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, 4096);",
        "MREMAP_FIXED at an address outside of every map",
    ),
    (
        "id = shmget(IPC_PRIVATE, PAGE, 384); m = shmat(id, 4096, 0);",
        "a segment at an address outside of every map",
    ),
    ("id = shmget(IPC_PRIVATE, 0x7fffffffffffffff, 384);", "the limit on the size of a segment"),
    (
        "id = shmget(IPC_PRIVATE, PAGE, 384); setrlimit(RLIMIT_AS, 1048576); m = shmat(id, 0, 0);",
        "has used of its limit",
    ),
    (
        "r = mmap(0, PAGE, PROT_READ, MAP_PRIVATE, fd, 0); setrlimit(RLIMIT_DATA, 1073741824);
         mprotect(r, PAGE, PROT_READ | PROT_WRITE);",
        "RLIMIT_DATA",
    ),
    (
        "setrlimit(RLIMIT_DATA, 1073741824); mremap(p, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE);",
        "has used of its limit",
    ),
    ("p[0] = 'x'; madvise(p, PAGE, MADV_FREE); madvise(p, PAGE, MADV_COLD);", "is paged out"),
    ("p[0] = 'x'; madvise(p, PAGE, MADV_FREE); madvise(p, PAGE, MADV_PAGEOUT);", "is paged out"),
    ("mremap(p, 0xffffffffffffff01, PAGE, MREMAP_MAYMOVE);", "a length beyond all addresses"),
    // The kernel may have merged two maps that are alike again.
    ("SPLIT mremap(p, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE);", "may have merged"),
    (
        "mlock(p, 2 * PAGE); SPLIT mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);",
        "merged",
    ),
    (
        "mlock(p, 2 * PAGE); SPLIT mremap(p + PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);",
        "merged",
    ),
    (
        "z = devzero(); p = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, z, 0); SPLIT
         mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + 40 * PAGE);",
        "may have merged",
    ),
    (
        "s = mmap(0, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
         mmap(s, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, fd, 0);
         remap_file_pages(s, 2 * PAGE, 0, 0, 0);",
        "maps with and without MAP_NORESERVE",
    ),
    ("ADVISED(MADV_RANDOM, MADV_NORMAL)", "may have merged"),
    ("ADVISED(MADV_DONTDUMP, MADV_DODUMP)", "may have merged"),
    ("ADVISED(MADV_MERGEABLE, MADV_UNMERGEABLE)", "may have merged"),
    ("ADVISED(MADV_DONTFORK, MADV_DOFORK)", "may have merged"),
    ("ADVISED(MADV_WIPEONFORK, MADV_KEEPONFORK)", "may have merged"),
    ("m = mmap(p, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);", "whose hint the kernel cannot take"),
    ("m = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_SYNC, fd, 0);", "which only some files have"),
    (
        "m = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);",
        "which only some files have",
    ),
    (
        "m = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0);",
        "a map that grows down",
    ),
    ("r = open(\"/proc/version\", O_RDWR);", "for writing"),
    ("r = open(\"/proc/version\", O_RDONLY | O_TRUNC);", "for writing"),
    ("id = shmget(IPC_PRIVATE, PAGE, 256);", "segments that their owner may not use"),
    ("id = shmget(IPC_PRIVATE, PAGE, 384 | SHM_HUGETLB);", "huge pages"),
    ("id = shmget(IPC_PRIVATE, PAGE, 384); m = shmat(id, 0, SHM_EXEC);", "execute permission"),
    ("madvise(p, PAGE, MADV_COLLAPSE);", "which depends on free memory"),
    (
        "mremap(p, 0x10000000000000, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p);",
        "beyond all addresses",
    ),
    (
        "mremap(p, 0x10000000000000, PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);",
        "beyond all addresses",
    ),
    // A file that is read into a map of its own bytes, and written from one.
    ("SHOWN read(fd, s + 10, 50);", "copied onto themselves"),
    ("SHOWN write(fd, s + 10, 50);", "copied onto themselves"),
    ("SHOWN read(fd, p, 100); write(fd, s, 10);", "copied onto themselves"),
    ("SHOWN read(fd, p, 100); write(fd, s + 10, 10);", "copied onto themselves"),
    ("DESCRIPTORS ftruncate(64, 0);", "a number that a descriptor of the case may have"),
];

/// Replaces SPLIT, SHOWN, DESCRIPTORS and ADVISED by the steps for which they stand.
fn spelled_out(steps: &str) -> String {
    let split = "mprotect(p, PAGE, PROT_READ); mprotect(p, PAGE, PROT_READ | PROT_WRITE);";
    let descriptors = "open(fd, O_RDWR);".repeat(39);
    let advised = |inner: &str| {
        let (one, other) = inner.split_once(", ").expect("two");
        format!(
            "madvise(p, PAGE, {one}); madvise(p, PAGE, {other});
             mremap(p, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE);"
        )
    };
    match steps.strip_prefix("ADVISED(").and_then(|own| own.strip_suffix(')')) {
        Some(inner) => advised(inner),
        None => steps
            .replace("SPLIT", split)
            .replace("SHOWN", "s = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);")
            .replace("DESCRIPTORS", &descriptors),
    }
}

#[test]
fn the_model_says_that_it_does_not_know() {
    let mut environment = Environment::with_pages_of(PAGE);
    environment.kernel = Some((6, 18));
    environment.file_system = Some("ext4".to_owned());
    // An ordinary user.
    (environment.limits.raises, environment.limits.locks) = (false, false);
    for (steps, reason) in STEPS {
        let text = format!(
            "fd = file(100);
             p = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
             {}",
            spelled_out(steps)
        );
        let case = faultmap::internals::parse::case(&text).expect("a case");
        let last = case.steps.len() - 1;
        // In the first prediction all open rules hold.
        let first = predict(&case, &environment).swap_remove(0);
        let said = first.unmodelled.unwrap_or_else(|| panic!("{steps}: it says all"));
        assert_eq!(said.step, last, "{steps}: {}", said.what);
        assert!(said.what.contains(reason), "{steps}: {}", said.what);
    }
}
