//! No case takes more than 64 MiB of disk and 256 MiB of memory. A step that could exceed the budget is not
//! performed, which is a harness error. Meanwhile these tests sample what the processes of the run really
//! have.

#[path = "../command/mod.rs"]
mod command;
mod sampled;

use command::show;
use rstest::rstest;
use sampled::watched;

const DISK: &str = "may take more than the 64 MiB of disk that a case is given";
const MEMORY: &str = "may take more than the 256 MiB of memory that a case is given";
const MIB: u64 = 1 << 20;

/// A map of a file of a gigabyte that has no blocks.
const SPARSE: &str = "fd = file(0); ftruncate(fd, 1073741824);
    m = mmap(0, 536870912, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);";
/// Half a gigabyte of memory that was never accessed.
const PRIVATE: &str =
    "m = mmap(0, 536870912, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);";

#[rstest]
#[case::populate(&format!("{SPARSE} madvise(m, 536870912, MADV_POPULATE_WRITE);"))]
#[case::populate_by_loads(&format!("{SPARSE} madvise(m, 536870912, MADV_POPULATE_READ);"))]
#[case::populate_part_by_part(&format!(
    "{SPARSE} madvise(m, 41943040, MADV_POPULATE_WRITE);
     madvise(m + 41943040, 41943040, MADV_POPULATE_WRITE);"
))]
#[case::populate_in_processes(&format!(
    "{SPARSE} fork {{ madvise(m, 41943040, MADV_POPULATE_WRITE); }}
     fork {{ madvise(m + 41943040, 41943040, MADV_POPULATE_WRITE); }}"
))]
#[case::read_ahead(&format!("{SPARSE} madvise(m, 536870912, MADV_WILLNEED);"))]
#[case::collapse(&format!("{SPARSE} madvise(m, 536870912, MADV_COLLAPSE);"))]
#[case::lock(&format!("requires(root); {SPARSE} mlock(m, 536870912);"))]
#[case::other_pages(&format!("{SPARSE} remap_file_pages(m, 536870912, 0, 0, 0);"))]
#[case::other_pages_of_a_map_past_the_end(
    "fd = memfd(0); ftruncate(fd, 1073741824);
     m = mmap(0, 536870912, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 1073741824);
     remap_file_pages(m, 536870912, 0, 0, 0);"
)]
#[case::map_filled_at_once(
    "fd = file(0); ftruncate(fd, 1073741824);
     m = mmap(0, 536870912, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);"
)]
#[case::map_filled_from_an_offset(
    "fd = file(0); ftruncate(fd, 1073741824);
     m = mmap(0, 134217728, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 536870912);"
)]
#[case::two_files(
    "a = file(0); b = memfd(0); ftruncate(a, 41943040); ftruncate(b, 41943040);
     m = mmap(0, 41943040, PROT_READ | PROT_WRITE, MAP_SHARED, a, 0);
     n = mmap(0, 41943040, PROT_READ | PROT_WRITE, MAP_SHARED, b, 0);
     madvise(m, 41943040, MADV_POPULATE_WRITE); madvise(n, 41943040, MADV_POPULATE_WRITE);"
)]
#[case::blocks_beyond_the_end(&format!(
    "{SPARSE} fallocate(fd, FALLOC_FL_KEEP_SIZE, 1073741824, 41943040);
     madvise(m, 41943040, MADV_POPULATE_WRITE);"
))]
#[case::blocks_and_holes(&format!(
    "{SPARSE} fallocate(fd, 0, 0, 41943040); madvise(m + 41943040, 41943040, MADV_POPULATE_WRITE);"
))]
#[case::after_holes_were_filled_again(&format!(
    "{SPARSE} madvise(m, 50331648, MADV_POPULATE_WRITE);
     fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 16777216);
     madvise(m, 50331648, MADV_POPULATE_WRITE); madvise(m + 50331648, 33554432, MADV_POPULATE_WRITE);"
))]
#[case::stores_by_the_kernel(&{
    let read = |number| format!("read(z, m + {}, 1048576);\n", number * MIB);
    format!("{SPARSE} z = devzero();\n{}", (0..70u64).map(read).collect::<String>())
})]
#[case::another_descriptor(&format!(
    "{SPARSE} again = open(fd, O_RDWR);
     n = mmap(0, 536870912, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, again, 0);"
))]
#[case::beside_a_gap_that_was_moved(
    "fd = file(0); ftruncate(fd, 335544320); other = file(0);
     m = mmap(0, 335544320, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
     n = mmap(0, 335544320, PROT_READ | PROT_WRITE, MAP_SHARED, other, 0);
     munmap(n + PAGE, 335544320 - PAGE);
     mremap(n, 335544320, 335544320, MREMAP_MAYMOVE | MREMAP_FIXED, m);
     madvise(m + PAGE, 335544320 - PAGE, MADV_POPULATE_WRITE);"
)]
#[case::in_a_memfd(
    "fd = memfd(0); ftruncate(fd, 1073741824);
     m = mmap(0, 536870912, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
     madvise(m, 536870912, MADV_POPULATE_WRITE);"
)]
fn no_case_takes_more_of_the_disk(#[case] text: &str) {
    refused(text, &[DISK, MEMORY]);
}

#[rstest]
#[case::populate(&format!("{PRIVATE} madvise(m, 536870912, MADV_POPULATE_WRITE);"))]
#[case::lock(&format!("requires(root); {PRIVATE} mlock(m, 536870912);"))]
#[case::map_filled_at_once(
    "m = mmap(0, 536870912, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);"
)]
#[case::map_of_a_device(
    "z = devzero(); m = mmap(0, 536870912, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, z, 0);"
)]
#[case::shared(
    "m = mmap(0, 536870912, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
     madvise(m, 536870912, MADV_POPULATE_WRITE);"
)]
#[case::segment(
    "id = shmget(IPC_PRIVATE, 536870912, 0600); m = shmat(id, 0, 0);
     madvise(m, 536870912, MADV_POPULATE_WRITE);"
)]
#[case::segments(
    "a = shmget(IPC_PRIVATE, 157286400, 0600); m = shmat(a, 0, 0);
     madvise(m, 157286400, MADV_POPULATE_WRITE);
     b = shmget(IPC_PRIVATE, 157286400, 0600); n = shmat(b, 0, 0);
     madvise(n, 157286400, MADV_POPULATE_WRITE);"
)]
#[case::copies_in_processes(
    "m = mmap(0, 104857600, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
     madvise(m, 104857600, MADV_POPULATE_WRITE);
     fork { madvise(m, 104857600, MADV_POPULATE_WRITE);
         fork { madvise(m, 104857600, MADV_POPULATE_WRITE); } }"
)]
#[case::copies_of_a_file(
    "fd = file(62914560);
     m = mmap(0, 62914560, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_POPULATE, fd, 0);
     n = mmap(0, 62914560, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_POPULATE, fd, 0);
     o = mmap(0, 62914560, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_POPULATE, fd, 0);
     p = mmap(0, 62914560, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_POPULATE, fd, 0);"
)]
#[case::locked_map_that_is_mapped_again(
    "requires(root); m = mmap(0, 536870912, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
     mlock(m, PAGE); n = mremap(m, -1, 524288000, MREMAP_MAYMOVE);"
)]
#[case::locked_map_that_is_mapped_again_behind_a_file(
    "requires(root); f = memfd(PAGE);
     m = mmap(0, 469762048, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
     mmap(m - PAGE, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, f, 16 * PAGE);
     mlock(m, PAGE); n = mremap(m, 0, 419430400, MREMAP_MAYMOVE);"
)]
#[case::growth_of_a_locked_map(
    "requires(root); m = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
     mlock(m, PAGE); n = mremap(m, PAGE, 536870912, MREMAP_MAYMOVE);"
)]
#[case::in_parts(&{
    let part = |number| format!("madvise(m + {}, 33554432, MADV_POPULATE_WRITE);\n", number * 32 * MIB);
    format!("{PRIVATE}{}", (0..9u64).map(part).collect::<String>())
})]
#[case::collapse(&format!("{PRIVATE} m[0] = 'x'; madvise(m, 536870912, MADV_COLLAPSE);"))]
#[case::grown_down(
    "setrlimit(RLIMIT_STACK, 1073741824);
     m = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0);
     m[-536870912] = 'x'; madvise(m - 536870912, 536870912, MADV_POPULATE_WRITE);"
)]
#[case::descriptor_of_a_large_number(&format!(
    "{} zero = devzero();
     m = mmap(0, 524288000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_POPULATE, zero, 0);",
    "pipe(); ".repeat(40)
))]
#[case::moved_in_part(
    "requires(kernel >= 6.17);
     m = mmap(0, 524288000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
     mseal(m + 523239424, PAGE, 0);
     mremap(m, 524288000, 524288000, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, m + 534773760);
     madvise(m + 534773760, 523239424, MADV_POPULATE_WRITE);"
)]
#[case::not_moved_by_a_child(
    "requires(kernel >= 5.16);
     f = file(100); m = mmap(0, 346030080, PROT_READ, MAP_SHARED, f, 0);
     madvise(m, 346030080, MADV_DONTFORK);
     b = mmap(0, 346030080, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
     fork {
         mremap(m, 346030080, 346030080, MREMAP_MAYMOVE | MREMAP_FIXED, b);
         madvise(b, 346030080, MADV_POPULATE_WRITE);
     }"
)]
#[case::grown_down_and_rounded(
    "requires(root); setrlimit(RLIMIT_STACK, 1073741824);
     m = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0);
     m[-1048576000] = 'x';
     mmap(m + PAGE, 25165824, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
     mlock(m - 1048575999, 1073741824);"
)]
#[case::grown_down_and_rounded_to_huge_pages(
    "setrlimit(RLIMIT_STACK, 1073741824);
     m = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0);
     m[-630194176] = 'x'; madvise(m, PAGE, MADV_HUGEPAGE);
     madvise(m - 630194176, 1073741824, MADV_POPULATE_WRITE);"
)]
#[case::grown_down_and_moved(
    "requires(root); f = file(100);
     t = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, f, 2097152);
     g = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_LOCKED, -1, 0);
     g[-PAGE] = 'x'; mremap(g - PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, t);
     mremap(t, PAGE, 524288000, MREMAP_MAYMOVE);"
)]
#[case::grown_down_and_moved_in_part(
    "requires(root, kernel >= 6.17); f = file(PAGE);
     t = mmap(0, 2 * PAGE, PROT_READ, MAP_SHARED, f, 0);
     g = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_LOCKED, -1, 0);
     g[-PAGE] = 'x'; mmap(g, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
     mseal(g, PAGE, 0); mremap(g - PAGE, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, t);
     n = mremap(t, PAGE, 629145600, MREMAP_MAYMOVE);"
)]
#[case::copies_of_many_maps_of_a_memfd(&{
    let map = |number: usize| format!(
        "mmap(a + {number} * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, f, {number} * PAGE);"
    );
    format!(
        "f = memfd(100); ftruncate(f, 62914560);
         a = mmap(0, 62914560, PROT_READ | PROT_WRITE, MAP_PRIVATE, f, 0); {}
         madvise(a, 62914560, MADV_POPULATE_WRITE);
         b = mmap(0, 185597952, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
         madvise(b, 185597952, MADV_POPULATE_WRITE);",
        (0..16).map(map).collect::<String>()
    )
})]
#[case::grown_down_and_protected_up_to_a_gap(
    "requires(root); setrlimit(RLIMIT_STACK, 1073741824);
     m = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_LOCKED, -1, 0);
     m[-524288000] = 'x'; mprotect(m - 524288000, 0x10000000000000, PROT_READ);
     mprotect(m - 524288000, 0x10000000000000, PROT_READ | PROT_WRITE);"
)]
#[case::grown_down_while_locked(
    "requires(root); setrlimit(RLIMIT_STACK, 1073741824);
     m = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_LOCKED, -1, 0);
     m[-524288000] = 'x'; mprotect(m, PAGE, PROT_READ | PROT_GROWSDOWN);
     mprotect(m, PAGE, PROT_READ | PROT_WRITE | PROT_GROWSDOWN);"
)]
#[case::after_many_moves(&{
    let there = "mremap(a, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, b);\n";
    let back = "mremap(b, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, a);\n";
    let two = |name| format!("{name} = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);");
    let moves = format!("{there}{back}").repeat(8);
    format!("{}{}{moves}{PRIVATE} madvise(m, 536870912, MADV_POPULATE_WRITE);", two("a"), two("b"))
})]
fn no_case_takes_more_memory(#[case] text: &str) {
    refused(text, &[MEMORY]);
}

/// The kernel finds blocks for the whole of a folio that is stored to, and makes large ones where it reads ahead.
#[test]
fn stores_to_large_folios_take_no_more_of_the_disk() {
    const MEBIBYTE: usize = 1 << 20;
    let reads: String =
        (0..24).map(|number| format!("pread(fd, {}, 1);\n", (6 + 8 * number) * MEBIBYTE)).collect();
    let stores: String = (0..68)
        .map(|number| (31 + 2 * number) * MEBIBYTE)
        .map(|at| format!("m[{}..{}] = 'x';\n", at - 4, at + 4))
        .collect();
    let text = format!(
        "fd = file(100); ftruncate(fd, 419430400);
         m = mmap(0, 419430400, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
         pread(fd, 0, 1048576); pread(fd, 1048576, 1048576); pread(fd, 2097152, 1048576);
         {reads}{stores}"
    );
    let (code, out, most) = watched(&text, &["--guard", "on", "--timeout", "60000"]);
    assert!(code == Some(0) || out.contains(DISK), "{out}");
    assert!(most.disk <= 64 * MIB + TREE && most.memory <= 256 * MIB, "{most:?}");
}

/// A step that stays within the budget is performed.
#[rstest]
#[case::large_and_empty(&format!("{SPARSE} m[0] = 'x'; m[536870911] = 'y';"), "")]
#[case::filled_already(
    "fd = file(67108864); m = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
     m[0] = 'x'; pwrite(fd, \"ab\", 5); madvise(m, PAGE, MADV_POPULATE_WRITE);",
    ""
)]
#[case::holes_filled_again(
    "fd = file(33554432);
     m = mmap(0, 33554432, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
     fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 33554432);
     madvise(m, 33554432, MADV_POPULATE_WRITE);
     madvise(m, 33554432, MADV_REMOVE);
     madvise(m, 33554432, MADV_POPULATE_WRITE);",
    ""
)]
#[case::past_the_end(
    "fd = file(100); m = mmap(0, 1073741824, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
     madvise(m, 1073741824, MADV_POPULATE_WRITE);",
    "EFAULT"
)]
#[case::lock_of_what_is_not_mapped(
    "m = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); mlock(m, 1073741824);",
    "ENOMEM"
)]
#[case::many_stores(&format!(
    "{SPARSE} {} n = mmap(0, 8388608, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);",
    "m[0] = 'x'; ".repeat(65)
), "")]
#[case::lock_whose_length_wraps_around(
    "m = mmap(0, 536870912, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
     mlock(m + (PAGE - 1), -1);",
    ""
)]
#[case::longer_than_there_are_addresses(
    "m = mmap(0, 4611686018427387904, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);",
    "ENOMEM"
)]
fn a_step_within_the_budget_is_performed(#[case] text: &str, #[case] errno: &str) {
    let (code, out, err) = show(text, &[]);
    assert_eq!(code, Some(0), "{out}{err}");
    let last = out.lines().rfind(|line| line.trim_end().ends_with(';') || line.contains(";  // "));
    let last = last.unwrap_or_default();
    assert_eq!(last.contains("= -1 "), !errno.is_empty(), "{out}");
    assert!(last.ends_with(errno) || errno.is_empty(), "{out}");
}

#[test]
#[cfg_attr(not(debug_assertions), ignore = "a release build cannot do without its guard")]
fn the_samples_exceed_the_budget_where_nothing_counts() {
    let text = format!("{SPARSE} madvise(m, 134217728, MADV_POPULATE_WRITE);");
    let (_, _, most) = watched(&text, &["--guard", "without-budget"]);
    assert!(most.disk > 64 * MIB, "{most:?}: nothing would be seen");
}

/// The blocks of the tree in which a file system keeps the places of a file's data count as the file's (stat(2):
/// st_blocks). ext4 needs one for some 340 pieces, and on a disk that is nearly full a file has many.
const TREE: u64 = 64 << 10;

fn refused(text: &str, says: &[&str]) {
    // Beside others, a child may take long to fill the memory that it may have.
    let (code, out, most) = watched(text, &["--guard", "on", "--timeout", "60000"]);
    if code == Some(4) {
        eprintln!("skipped: {out}");
        return;
    }
    assert_eq!(code, Some(3), "{out}");
    assert!(says.iter().any(|says| out.contains(says)), "{out}");
    assert!(most.disk <= 64 * MIB + TREE && most.memory <= 256 * MIB, "{most:?}");
}
