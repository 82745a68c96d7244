//! The guard refuses addresses and lengths that leave the memory of a case: the result is a harness error,
//! never an answer and never a fault of the harness. An address that is harmless gets the answer of the
//! kernel.

mod command;

use command::show;
use rstest::rstest;

const REFUSED: &str = "reaches memory of the harness";
/// A map at the lowest address that the kernel gives. It may lie directly below the program or far from it.
const LOW: &str =
    "m = mmap(4096, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);";
/// A map, a file, a segment, and a variable that is MAP_FAILED.
const COMMON: &str = "
    map = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    fd  = file(PAGE);
    id  = shmget(IPC_PRIVATE, PAGE, 0600);
    bad = mmap(0, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
";

/// Every call that skips gaps, replaces maps, or continues to the end of a range.
#[rstest]
#[case::advice("madvise(NULL, 4503599627370496, MADV_DONTNEED);")]
#[case::advice_from_a_map("madvise(map, 4503599627370496, MADV_WIPEONFORK);")]
#[case::advice_of_a_large_range("madvise(map, 1152921504606846976, MADV_NORMAL);")]
#[case::sync("msync(map, 4503599627370496, MS_SYNC);")]
#[case::sync_of_low("msync(0, 4503599627370496, MS_ASYNC);")]
#[case::protection_that_looks_for_a_stack(
    "mprotect(map, 4503599627370496, PROT_NONE | PROT_GROWSDOWN);"
)]
#[case::shrink_by_what_wraps("mremap(map, -PAGE, -2 * PAGE, MREMAP_MAYMOVE);")]
fn a_range_that_reaches_the_harness_is_refused(#[case] step: &str) {
    refused(&format!("{COMMON} {step}"), step);
}

/// Reaches from the lowest address across the program, if the program lies low. A program at 96 TiB, as on
/// x86-64, cannot be reached by the maps of a case, which are one GiB apart.
#[rstest]
#[case::unmap("munmap(4096, 33554432);")]
#[case::advice("madvise(4096, 33554432, MADV_DONTNEED);")]
#[case::sync("msync(0, 33554432, MS_ASYNC);")]
#[case::fixed_map(
    "x = mmap(4096, 33554432, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);"
)]
#[case::fixed_map_that_replaces_nothing(
    "x = mmap(4096, 33554432, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);"
)]
#[case::move_over("mremap(map, PAGE, 33554432, MREMAP_MAYMOVE | MREMAP_FIXED, 4096);")]
#[case::shrink("mremap(4096, 33554432, PAGE, 0);")]
fn a_low_range_that_reaches_the_program_is_refused(#[case] step: &str) {
    if !must_lie_low() {
        return;
    }
    refused(&format!("{COMMON} {step}"), step);
}

/// `START` stands for the offset of the program from the map, and `GAP` for the page before the program.
#[rstest]
#[case::store("m[START + 0x57a000] = 'x';")]
#[case::load("m[START];")]
#[case::wide_load("m[GAP - 4..GAP + 4];")]
#[case::buffer("fd = file(9); read(fd, m + START + 0x57a000, 8);")]
#[case::buffer_to_write("fd = file(9); write(fd, m + START, 8);")]
#[case::protection("mprotect(m + START, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);")]
#[case::lock("mlock(m + START, PAGE);")]
#[case::unlock("munlock(m + START + 1, 1);")]
#[case::seal("mseal(m + START, PAGE, 0);")]
#[case::pages("remap_file_pages(m + START, PAGE, 0, 0, 0);")]
#[case::detach("shmdt(m + START);")]
#[case::attach("id = shmget(IPC_PRIVATE, PAGE, 0600); x = shmat(id, m + START, SHM_REMAP);")]
#[case::attach_rounded(
    "id = shmget(IPC_PRIVATE, PAGE, 0600); x = shmat(id, m + START + 1, SHM_REMAP | SHM_RND);"
)]
#[case::attach_nowhere_else("id = shmget(IPC_PRIVATE, PAGE, 0600); x = shmat(id, m + START, 0);")]
#[case::doubling("x = mremap(m + START, 0, PAGE, MREMAP_MAYMOVE);")]
#[case::move_away("x = mremap(m + START, PAGE, 2 * PAGE, MREMAP_MAYMOVE);")]
#[case::right_below("x = mmap(m + GAP, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);")]
#[case::huge(
    "x = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_FIXED, -1, 0);"
)]
#[case::in_a_fork("fork { m[START + 0x57a000] = 'x'; }")]
fn the_program_is_not_reached_from_a_low_map(#[case] step: &str) {
    let Some(base) = low_map() else { return };
    let start = program_start() - base;
    let step = step.replace("START", &start.to_string());
    let step = step.replace("GAP", &(start - rustix::param::page_size() as u64).to_string());
    // The last step, without the block around it.
    let steps = step.trim_start_matches("fork { ").trim_end_matches(" }");
    let last = steps.rsplit_once("; ").map_or(steps, |(_, last)| last);
    refused(&format!("{LOW} {step}"), last);
}

#[test]
fn a_probe_that_reaches_the_program_is_refused() {
    let Some(base) = low_map() else { return };
    let (text, at) = (format!("{LOW} sweep(m, write);"), (program_start() - base).to_string());
    for access in ["read", "write", "exec", "copy_from_user", "copy_to_user"] {
        let (code, out, err) = show(&text, &["--access", access, "--at", &at]);
        assert_eq!(code, Some(3), "{access}: {out}{err}");
        assert!(out.contains(REFUSED), "{access}: {out}");
    }
}

/// The kernel answers these calls without an access to memory, so they have an answer.
#[rstest]
#[case("munmap(4096, PAGE);", "")]
#[case("munmap(4096, 0);", "EINVAL")]
#[case("munmap(1, 33554432);", "EINVAL")]
#[case("munmap(-4096, PAGE);", "EINVAL")]
#[case("munmap(map, 4611686018427387904);", "EINVAL")]
#[case("munmap(map + 1, 1073741824);", "EINVAL")]
#[case("madvise(-4096, 8192, MADV_DONTNEED);", "EINVAL")]
#[case("madvise(map, -1, MADV_DONTNEED);", "EINVAL")]
#[case("madvise(map, 0, MADV_DONTNEED);", "")]
#[case("madvise(map, 1073741824, MADV_NORMAL);", "ENOMEM")]
#[case("msync(map, -PAGE, MS_SYNC);", "ENOMEM")]
#[case("mprotect(map, 1073741824, PROT_READ);", "ENOMEM")]
#[case("mprotect(4096, 33554432, PROT_READ);", "ENOMEM")]
#[case("mremap(map, 4611686018427387904, PAGE, 0);", "EINVAL")]
#[case("mremap(-4096, PAGE, PAGE, 0);", "EFAULT")]
#[case("read(fd, -4096, 8);", "EFAULT")]
#[case("read(fd, 4096, 8);", "EFAULT")]
#[case("read(fd, bad + 4198401, 8);", "EFAULT")]
#[case("mprotect(bad + 4198401, PAGE, PROT_READ);", "EINVAL")]
#[case("munmap(bad + 1, 33554432);", "EINVAL")]
#[case(
    "x = mmap(bad + 4097, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);",
    "EPERM"
)]
#[case("x = shmat(id, bad + 4097, SHM_REMAP);", "EINVAL")]
#[case("shmdt(bad + 4097);", "EINVAL")]
fn a_harmless_step_gets_the_answer_of_the_kernel(#[case] step: &str, #[case] errno: &str) {
    let (code, out, err) = show(&format!("{COMMON} {step}"), &[]);
    assert_eq!(code, Some(0), "{out}{err}");
    let words = |text: &str| text.split_whitespace().collect::<String>();
    let expected = words(&match errno {
        "" => step.to_owned(),
        errno => format!("{step} // = -1 {errno}"),
    });
    assert!(out.lines().any(|line| words(line) == expected), "{expected} is not in {out}");
    assert!(!out.contains("model:"), "kernel and model part: {out}");
}

/// Any variable may hold such a file: the kernel gives the number of a closed descriptor to the next file.
#[rstest]
#[case::pread("pread(a, 0, 100);")]
#[case::into_a_map("read(a, map, 100);")]
#[case::in_a_fork("fork { pread(a, 0, 100); }")]
fn content_that_differs_from_run_to_run_is_not_read(#[case] step: &str) {
    let text = "map = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        a = file(10); close(a); b = open(\"/proc/self/maps\", O_RDONLY);";
    let reads = step.trim_start_matches("fork { ").trim_end_matches(" }");
    let why = "reads a file of /proc, which differs from run to run";
    refused_because(&format!("{text} {step}"), reads, why);
    let (code, out, err) = show(&format!("{text} close(b); c = file(10); {step}"), &[]);
    assert_eq!(code, Some(0), "the number is a file's again: {out}{err}");
    assert!(!out.contains("model:"), "kernel and model part: {out}");
}

#[test]
fn a_map_whose_hint_is_taken_already_stands_alone() {
    let text = "
        a = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        b = mmap(a, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        sweep(b, read);";
    let (code, out, err) = show(text, &["--guard", "counted"]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("SIGSEGV MAPERR"), "{out}");
    assert!(!err.contains("moved 0"), "{err}");
}

/// The case places a map at or beside the address that the harness chooses for the next one.
#[rstest]
#[case::right_below("b = mmap(x + (1073741824 - PAGE), PAGE, PROT_READ, FIXED, -1, 0);")]
#[case::over_it("b = mmap(x + (1073741824 - PAGE), 2 * PAGE, PROT_READ, FIXED, -1, 0);")]
#[case::in_its_place("b = mmap(x + 1073741824, PAGE, PROT_READ, FIXED, -1, 0);")]
#[case::behind_it(
    "w = mmap(x + PAGE, PAGE, PROT_READ, FIXED, -1, 0);
                    b = mmap(w + 1073741824, PAGE, PROT_READ, FIXED, -1, 0);"
)]
fn a_map_stands_alone_beside_one_that_the_case_has_placed(#[case] placed: &str) {
    let text = format!(
        "a = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
         x = mmap(a + 1073741824, PAGE, PROT_READ, FIXED, -1, 0); {placed}
         c = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
         sweep(b, read); sweep(c, read);"
    );
    let text = text.replace("FIXED", "MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED");
    let (code, out, err) = show(&text, &[]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(!out.contains("model:"), "kernel and model part: {out}");
}

#[test]
fn every_verdict_is_counted() {
    let text = format!("{COMMON} munmap(4096, PAGE); munmap(map, 0); mlock(map, PAGE); map[0];");
    let (_, _, err) = show(&text, &["--guard", "counted"]);
    // Two children perform all steps.
    let counts = "guard: kept 2, low 2, beyond 0, harmless 2, stops at a gap 2, moved 0, refused 0";
    assert!(err.contains(counts), "{err}");
}

#[test]
#[cfg_attr(not(debug_assertions), ignore = "a release build cannot do without its guard")]
fn without_the_guard_the_harness_is_reached() {
    let text = "madvise(NULL, 4503599627370496, MADV_DONTNEED);";
    let (_, out, err) = show(text, &["--guard", "off"]);
    assert!(!out.contains(REFUSED) && out.contains("SIGSEGV"), "{out}{err}");
}

fn refused(text: &str, step: &str) {
    refused_because(text, step, REFUSED);
}

/// The harness error names the step and says why.
fn refused_because(text: &str, step: &str, why: &str) {
    assert!(!step.is_empty(), "every text holds an empty step");
    let (code, out, err) = show(text, &[]);
    assert_eq!(code, Some(3), "{out}{err}");
    assert!(out.contains(why), "{out}");
    // The picture may write the step with other spaces.
    let words = |text: &str| text.split_whitespace().collect::<String>().replace("NULL", "0");
    assert!(words(&out).contains(&words(step)), "{out}");
}

/// True if the program lies so low that a case could reach it. A debug build does (build.rs). For another
/// build the test may have to print that it skips something.
fn must_lie_low() -> bool {
    let low = program_start() < 32 << 20;
    assert!(low || !fixed_address(), "a debug build lies below 32 MiB: {:#x}", program_start());
    if !low {
        eprintln!("skipped: nothing of this program lies below 32 MiB");
    }
    low
}

/// True if this build is linked to lie at a fixed address.
fn fixed_address() -> bool {
    cfg!(all(
        debug_assertions,
        target_arch = "x86_64",
        target_env = "gnu",
        not(target_feature = "crt-static")
    ))
}

/// Returns the address of the command's first segment, from its ELF header (elf(5)); a very high one if the
/// kernel chooses the address.
fn program_start() -> u64 {
    const ET_EXEC: u8 = 2;
    const PT_LOAD: u8 = 1;
    let binary = std::fs::read(command::BIN).expect("the command can be read");
    let word = |at: usize| u64::from_le_bytes(binary[at..at + 8].try_into().expect("8 bytes"));
    let headers = (0..usize::from(binary[56])).map(|index| word(32) as usize + index * 56);
    let starts = headers.filter(|at| binary[*at] == PT_LOAD).map(|at| word(at + 16));
    match binary[16] == ET_EXEC {
        true => starts.min().unwrap_or(u64::MAX),
        false => u64::MAX,
    }
}

/// Returns the address that the kernel gives to a map with the hint 4096 (vm.mmap_min_addr may be higher),
/// which is below the program. Returns `None`, and prints the reason, if there is no such address.
fn low_map() -> Option<u64> {
    // The report of a fault contains the address of its map.
    let at = ["--access", "read", "--at", "PAGE"];
    let (_, out, _) = show(&format!("{LOW} sweep(m, read);"), &at);
    let told = out.split_once("the map at 0x").and_then(|(_, told)| told.split_once(' '));
    let base = told.and_then(|(base, _)| u64::from_str_radix(base, 16).ok());
    let base = base.filter(|base| must_lie_low() && *base < program_start());
    let forbidden = !fixed_address() || lowest_map() >= program_start();
    assert!(base.is_some() || forbidden, "no map lies below the program: {out}");
    if base.is_none() {
        eprintln!("skipped: no map can lie below the program");
    }
    base
}

/// The lowest address at which the kernel puts a map. (proc_sys_vm(5): mmap_min_addr)
fn lowest_map() -> u64 {
    let text = std::fs::read_to_string("/proc/sys/vm/mmap_min_addr");
    text.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(u64::MAX)
}
