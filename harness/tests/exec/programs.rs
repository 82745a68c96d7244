//! Programs that die of a fault, as others write them: this test program runs each of them with `--program NAME`.
//!
//! Each is one row of [`PROGRAMS`], with what `faultmap exec` has to say of it.

use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::hint::black_box;
use std::os::fd::AsRawFd as _;
use std::ptr;

use nix::libc;

use crate::{handlers, huge_file};

/// A program, and the report that it is to have.
pub struct Faulting {
    pub name: &'static str,
    pub run: fn(),
    pub signal: &'static str,
    pub code: &'static str,
    pub cause: &'static str,
    /// The access, where this architecture's instructions can be decoded.
    pub access: &'static str,
    /// The reason why it cannot be run here, if there is one.
    pub refused: fn() -> Option<String>,
}

const fn row(
    name: &'static str,
    run: fn(),
    told: (&'static str, &'static str, &'static str),
    access: &'static str,
) -> Faulting {
    let (signal, code, cause) = told;
    Faulting { name, run, signal, code, cause, access, refused: || None }
}

/// Each cause, with a program that dies of it. The signals and codes are those of POSIX.1-2024 mmap and of
/// sigaction(2), "The siginfo_t argument".
pub const PROGRAMS: &[Faulting] = &[
    row("past_end_of_file", past_end, ("SIGBUS", "BUS_ADRERR", "past_end_of_file"), "load"),
    row("stores_past_end", stores_past_end, ("SIGBUS", "BUS_ADRERR", "past_end_of_file"), "store"),
    row("empty_file", empty_file, ("SIGBUS", "BUS_ADRERR", "past_end_of_file"), "load"),
    row("deleted_file", deleted_file, ("SIGBUS", "BUS_ADRERR", "past_end_of_file"), "load"),
    row("odd_file_name", odd_file_name, ("SIGBUS", "BUS_ADRERR", "past_end_of_file"), "load"),
    row("map_at_an_offset", map_at_an_offset, ("SIGBUS", "BUS_ADRERR", "past_end_of_file"), "load"),
    row("another_thread", another_thread, ("SIGBUS", "BUS_ADRERR", "past_end_of_file"), "load"),
    row("leader_has_ended", leader_has_ended, ("SIGBUS", "BUS_ADRERR", "past_end_of_file"), "load"),
    row("a_child", a_child, ("SIGBUS", "BUS_ADRERR", "past_end_of_file"), "load"),
    row("read_only", read_only, ("SIGSEGV", "SEGV_ACCERR", "protection"), "store"),
    row("no_access", no_access, ("SIGSEGV", "SEGV_ACCERR", "protection"), "load"),
    row("past_the_map", past_the_map, ("SIGSEGV", "SEGV_MAPERR", "not_mapped"), "load"),
    row("unmapped", unmapped, ("SIGSEGV", "SEGV_MAPERR", "not_mapped"), "load"),
    row("jumps_into_data", jumps_into_data, ("SIGSEGV", "SEGV_ACCERR", "protection"), "fetch"),
    row("jumps_into_a_file", jumps_into_a_file, ("SIGSEGV", "SEGV_ACCERR", "protection"), "fetch"),
    row("calls_unmapped", calls_unmapped, ("SIGSEGV", "SEGV_MAPERR", "not_mapped"), "fetch"),
    row("null", || load(0), ("SIGSEGV", "SEGV_MAPERR", "null_pointer"), "load"),
    row("member_of_null", || load(24), ("SIGSEGV", "SEGV_MAPERR", "null_pointer"), "load"),
    row("map_failed", || load(usize::MAX), ("SIGSEGV", "SEGV_MAPERR", "map_failed"), "load"),
    row(
        "member_of_map_failed",
        member_of_map_failed,
        ("SIGSEGV", "SEGV_MAPERR", "map_failed"),
        "load",
    ),
    row("stack_overflow", stack_overflow, ("SIGSEGV", "SEGV_MAPERR", "stack_overflow"), "store"),
    row("thread_overflow", thread_overflow, ("SIGSEGV", "SEGV_ACCERR", "stack_overflow"), "store"),
    row(
        "overflow_with_a_handler",
        handlers::overflow_with_a_handler,
        ("SIGSEGV", "SEGV_MAPERR", "stack_overflow"),
        "store",
    ),
    row(
        "faults_in_a_handler",
        handlers::faults_in_a_handler,
        ("SIGSEGV", "SEGV_MAPERR", "null_pointer"),
        "load",
    ),
    row("between_maps", between_maps, ("SIGSEGV", "SEGV_ACCERR", "protection"), "load"),
    row("calls_null", || call(0), ("SIGSEGV", "SEGV_MAPERR", "null_pointer"), "fetch"),
    row("sent_to_itself", sent_to_itself, ("SIGSEGV", "SI_TKILL", "sent"), ""),
    row("handler_aborts", handler_aborts, ("SIGBUS", "BUS_ADRERR", "past_end_of_file"), "load"),
    row("handler_exits", handler_exits, ("SIGSEGV", "SEGV_MAPERR", "null_pointer"), "load"),
    row("handler_raises_again", raises_again, ("SIGSEGV", "SEGV_MAPERR", "null_pointer"), "load"),
    Faulting {
        refused: no_tmpfs,
        ..row("full_disk", full_disk, ("SIGBUS", "BUS_ADRERR", "no_space"), "store")
    },
    Faulting {
        refused: huge_pages,
        ..row("no_huge_page", no_huge_page, ("SIGBUS", "BUS_ADRERR", "no_huge_page"), "store")
    },
    Faulting {
        refused: huge_file::refused,
        ..row(
            "past_end_of_huge_file",
            huge_file::past_its_end,
            ("SIGBUS", "BUS_ADRERR", "past_end_of_file"),
            "store",
        )
    },
    Faulting {
        refused: || huge_file::refused().or_else(huge_pages),
        ..row(
            "huge_file_without_a_page",
            huge_file::without_a_page,
            ("SIGBUS", "BUS_ADRERR", "no_huge_page"),
            "store",
        )
    },
    Faulting {
        refused: no_guard_pages,
        ..row("guard_page", guard_page, ("SIGSEGV", "SEGV_MAPERR", "guard_page"), "store")
    },
    Faulting {
        refused: other_cpu,
        ..row(
            "calls_no_address",
            calls_no_address,
            ("SIGSEGV", "SI_KERNEL", "not_canonical"),
            "fetch",
        )
    },
    Faulting {
        refused: other_cpu,
        ..row(
            "no_signal_frame",
            handlers::no_signal_frame,
            ("SIGSEGV", "SI_KERNEL", "no_signal_frame"),
            "",
        )
    },
    Faulting {
        refused: other_cpu,
        ..row(
            "byte_of_map_failed",
            byte_of_map_failed,
            ("SIGSEGV", "SEGV_MAPERR", "map_failed"),
            "load",
        )
    },
    Faulting {
        refused: other_cpu,
        ..row("not_canonical", not_canonical, ("SIGSEGV", "SI_KERNEL", "not_canonical"), "store")
    },
    Faulting {
        refused: other_cpu,
        ..row(
            "kernel_address",
            || load(0xffff_8880_0000_0000),
            ("SIGSEGV", "SEGV_MAPERR", "kernel_address"),
            "load",
        )
    },
    Faulting {
        refused: no_protection_keys,
        ..row(
            "protection_key",
            protection_key,
            ("SIGSEGV", "SEGV_PKUERR", "protection_key"),
            "load",
        )
    },
];

pub fn page() -> usize {
    rustix::param::page_size()
}

/// Says which address is accessed next: the test compares it with the report.
fn announce(address: usize) {
    println!("{address:#x}");
}

/// Loads a byte.
pub fn load(address: usize) {
    announce(address);
    // SAFETY: none: the process dies of it.
    black_box(unsafe { ptr::with_exposed_provenance::<u8>(black_box(address)).read_volatile() });
}

/// Stores a byte.
pub fn store(address: usize) {
    announce(address);
    // SAFETY: as above.
    unsafe { ptr::with_exposed_provenance_mut::<u8>(black_box(address)).write_volatile(1) };
}

/// Makes a file of this many bytes in the current folder.
fn file(bytes: usize) -> File {
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create(true).truncate(true).open("data.db");
    let file = file.expect("the test has made the folder");
    file.set_len(bytes as u64).expect("room");
    file
}

/// Maps memory, and returns its address.
pub fn map(
    length: usize,
    protection: i32,
    flags: i32,
    file: Option<&File>,
    offset: usize,
) -> usize {
    let descriptor = file.map_or(-1, |file| file.as_raw_fd());
    // SAFETY: a new map at an address of the kernel's choice.
    let at = unsafe {
        libc::mmap(ptr::null_mut(), length, protection, flags, descriptor, offset as i64)
    };
    assert_ne!(at, libc::MAP_FAILED, "{}", std::io::Error::last_os_error());
    at.expose_provenance()
}

pub const READ_WRITE: i32 = libc::PROT_READ | libc::PROT_WRITE;
pub const ANONYMOUS: i32 = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;

/// Maps two pages of a file, cuts that short, and returns the address of the second page.
pub fn cut_short(bytes: u64) -> usize {
    let file = file(2 * page());
    let at = map(2 * page(), READ_WRITE, libc::MAP_SHARED, Some(&file), 0);
    file.set_len(bytes).expect("it is shorter");
    at + page()
}

fn past_end() {
    load(cut_short(2200));
}

fn stores_past_end() {
    store(cut_short(2200) + 5);
}

fn empty_file() {
    load(cut_short(0) - page());
}

fn deleted_file() {
    let at = cut_short(2200);
    std::fs::remove_file("data.db").expect("it is there");
    load(at);
}

/// The name of the file is no UTF-8, and the kernel escapes a part of it.
fn odd_file_name() {
    use std::os::unix::ffi::OsStrExt as _;
    let at = cut_short(2200);
    std::fs::rename("data.db", std::ffi::OsStr::from_bytes(b"a\xff\n (deleted)"))
        .expect("it is there");
    load(at);
}

fn map_at_an_offset() {
    let file = file(4 * page());
    let at = map(2 * page(), libc::PROT_READ, libc::MAP_PRIVATE, Some(&file), 2 * page());
    file.set_len(page() as u64).expect("it is shorter");
    load(at + page());
}

fn another_thread() {
    let thread = std::thread::Builder::new().name("worker".to_owned());
    let at = cut_short(2200);
    let _ = thread.spawn(move || load(at)).expect("a thread").join();
}

/// The first thread has ended before another one faults.
fn leader_has_ended() {
    let at = cut_short(2200);
    let this = std::process::id();
    std::thread::spawn(move || {
        let is_zombie = || {
            let stat = std::fs::read_to_string(format!("/proc/{this}/task/{this}/stat"));
            stat.is_ok_and(|stat| stat.contains(") Z "))
        };
        while !is_zombie() {
            std::thread::yield_now();
        }
        load(at);
    });
    // SAFETY: it ends this thread alone, and nothing of its stack is shared.
    unsafe { libc::syscall(libc::SYS_exit, 0) };
}

fn a_child() {
    let at = cut_short(2200);
    // SAFETY: this process has one thread.
    match unsafe { libc::fork() } {
        0 => load(at),
        // SAFETY: the status is written to memory of this function.
        child => unsafe {
            let mut status = 0;
            libc::waitpid(child, &mut status, 0);
            assert!(libc::WIFSIGNALED(status));
        },
    }
}

fn read_only() {
    let file = file(2 * page());
    store(map(2 * page(), libc::PROT_READ, libc::MAP_SHARED, Some(&file), 0) + 7);
}

fn no_access() {
    load(map(page(), libc::PROT_NONE, ANONYMOUS, None, 0) + 9);
}

/// A map between two holes.
fn alone() -> usize {
    let at = map(3 * page(), READ_WRITE, ANONYMOUS, None, 0);
    // SAFETY: the map was just made.
    unsafe {
        libc::munmap(ptr::with_exposed_provenance_mut(at), page());
        libc::munmap(ptr::with_exposed_provenance_mut(at + 2 * page()), page());
    }
    at + page()
}

fn past_the_map() {
    load(alone() + page() + 10);
}

fn unmapped() {
    let at = alone();
    // SAFETY: nobody uses it.
    unsafe { libc::munmap(ptr::with_exposed_provenance_mut(at), page()) };
    load(at + 10);
}

fn jumps_into_data() {
    call(map(page(), READ_WRITE, ANONYMOUS, None, 0));
}

fn jumps_into_a_file() {
    let file = file(page());
    call(map(page(), libc::PROT_READ, libc::MAP_SHARED, Some(&file), 0));
}

fn calls_unmapped() {
    call(alone() + page() + 32);
}

/// Calls what lies at this address.
fn call(address: usize) {
    announce(address);
    let function: *const () = ptr::with_exposed_provenance(black_box(address));
    // SAFETY: none: the process dies of it. The pointer is read as a function's, which must not be null.
    let function: extern "C" fn() = unsafe { ptr::read((&raw const function).cast()) };
    function();
}

fn calls_no_address() {
    call(0x4141_4141_4141_4141);
}

fn stack_overflow() {
    // Rust's own handler would print a message, and abort.
    // SAFETY: the default action runs no code.
    unsafe { libc::signal(libc::SIGSEGV, libc::SIG_DFL) };
    println!();
    deeper(1);
}

/// Four bytes of what MAP_FAILED seems to point to, whose address is the sum.
fn member_of_map_failed() {
    let at = usize::MAX.wrapping_add(4096);
    announce(at);
    // SAFETY: none: the process dies of it.
    black_box(unsafe { ptr::with_exposed_provenance::<u32>(black_box(at)).read_unaligned() });
}

/// One byte, whose address is MAP_FAILED and a constant.
fn byte_of_map_failed() {
    announce(4095);
    // SAFETY: none: the process dies of it.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::asm!("movzx {0:e}, byte ptr [{0} + 4096]", inout(reg) usize::MAX => _);
    }
}

/// The stack of a thread has a guard page below it, which glibc makes by PROT_NONE. (pthread_attr_setguardsize(3))
fn thread_overflow() {
    println!();
    let overflows = || {
        // SAFETY: the default action runs no code.
        unsafe { libc::signal(libc::SIGSEGV, libc::SIG_DFL) };
        deeper(1);
    };
    let _ = std::thread::spawn(overflows).join();
}

/// A page without any access in the middle of a map.
fn between_maps() {
    let at = map(3 * page(), READ_WRITE, ANONYMOUS, None, 0) + page();
    let pointer = ptr::with_exposed_provenance_mut(at);
    // SAFETY: the map was just made.
    assert_eq!(unsafe { libc::mprotect(pointer, page(), libc::PROT_NONE) }, 0);
    load(at + 9);
}

/// Has no end.
pub fn deeper(depth: u64) -> u64 {
    let frame = black_box([depth; 512]);
    if frame[0] == 0 { 0 } else { deeper(depth + 1) + frame[1] }
}

fn sent_to_itself() {
    println!();
    // SAFETY: the default action runs no code.
    unsafe {
        libc::signal(libc::SIGSEGV, libc::SIG_DFL);
        libc::raise(libc::SIGSEGV);
    }
}

/// Gives a signal a handler.
pub fn handle(signal: i32, handler: extern "C" fn(i32)) {
    // SAFETY: the handlers here call functions that are async-signal-safe.
    unsafe { libc::signal(signal, handler as *const () as libc::sighandler_t) };
}

fn handler_aborts() {
    extern "C" fn handler(_: i32) {
        // SAFETY: it has no preconditions.
        unsafe { libc::abort() };
    }
    handle(libc::SIGBUS, handler);
    load(cut_short(2200));
}

fn handler_exits() {
    extern "C" fn handler(_: i32) {
        // SAFETY: it has no preconditions.
        unsafe { libc::_exit(3) };
    }
    handle(libc::SIGSEGV, handler);
    load(16);
}

fn raises_again() {
    extern "C" fn handler(signal: i32) {
        // SAFETY: both are async-signal-safe.
        unsafe {
            libc::signal(signal, libc::SIG_DFL);
            libc::raise(signal);
        }
    }
    handle(libc::SIGSEGV, handler);
    load(16);
}

/// A handler that maps the page, so that the program goes on.
pub fn handles_and_goes_on() {
    static AT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    extern "C" fn handler(_: i32) {
        let at = AT.load(std::sync::atomic::Ordering::Relaxed);
        // SAFETY: it is a map of this program, and mprotect(2) is a system call and no more.
        unsafe { libc::mprotect(ptr::with_exposed_provenance_mut(at), page(), READ_WRITE) };
    }
    let at = map(page(), libc::PROT_NONE, ANONYMOUS, None, 0);
    AT.store(at, std::sync::atomic::Ordering::Relaxed);
    handle(libc::SIGSEGV, handler);
    load(at);
}

/// A load of eight bytes, of which the last four lie in the page past the end of the file.
fn crosses_a_page() {
    let at = cut_short(100) - 4;
    announce(at);
    // SAFETY: none: the process dies of it.
    black_box(unsafe { ptr::with_exposed_provenance::<u64>(black_box(at)).read_unaligned() });
}

/// A fault that is handled, and a failure that has nothing to do with it.
fn handled_and_fails() {
    handles_and_goes_on_after_sigbus();
    std::process::exit(1);
}

/// A handler of SIGBUS that makes the file longer again.
fn handles_and_goes_on_after_sigbus() {
    extern "C" fn handler(_: i32) {
        // SAFETY: a path that ends with NUL, and a system call and no more.
        unsafe { libc::truncate(c"data.db".as_ptr(), 1 << 20) };
    }
    handle(libc::SIGBUS, handler);
    load(cut_short(100));
}

/// Waits for children until there are none.
fn waits_for_all() {
    // SAFETY: nothing is written.
    while unsafe { libc::wait(ptr::null_mut()) } > 0 {}
    println!("no child is left");
}

/// Eight threads fault at the same moment.
pub fn threads_at_once() {
    let at = cut_short(2200);
    let start = std::sync::Arc::new(std::sync::Barrier::new(8));
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let start = start.clone();
            std::thread::spawn(move || {
                start.wait();
                load(at);
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| drop(thread.join()));
}

fn no_tmpfs() -> Option<String> {
    (!nix::unistd::geteuid().is_root()).then(|| "only root can mount".to_owned())
}

fn full_disk() {
    // The mount is gone with this process.
    use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS).expect("root may");
    let own = MountPropagationFlags::REC | MountPropagationFlags::PRIVATE;
    mount_change("/", own).expect("root may");
    let size = CString::new(format!("size={}", 4 * page())).expect("no NUL");
    mount("tmpfs", ".", "tmpfs", MountFlags::empty(), Some(&*size)).expect("root may");
    let here = std::env::current_dir().expect("it is there");
    std::env::set_current_dir(here).expect("the new one");
    let file = file(8 * page());
    let at = map(8 * page(), READ_WRITE, libc::MAP_SHARED, Some(&file), 0);
    (0..8).for_each(|index| store(at + index * page()));
}

fn huge_pages() -> Option<String> {
    let free = std::fs::read_to_string("/proc/sys/vm/nr_hugepages").unwrap_or_default();
    (free.trim() != "0").then(|| format!("there are {} huge pages", free.trim()))
}

fn no_huge_page() {
    let flags = ANONYMOUS | libc::MAP_HUGETLB | libc::MAP_NORESERVE;
    store(map(2 << 20, READ_WRITE, flags, None, 0) + 5);
}

/// Linux 6.13.
const MADV_GUARD_INSTALL: i32 = 102;

fn make_guard(at: usize) -> bool {
    // SAFETY: the map is this program's.
    unsafe { libc::madvise(ptr::with_exposed_provenance_mut(at), page(), MADV_GUARD_INSTALL) == 0 }
}

fn no_guard_pages() -> Option<String> {
    let made = make_guard(map(page(), READ_WRITE, ANONYMOUS, None, 0));
    (!made).then(|| "this kernel has no MADV_GUARD_INSTALL".to_owned())
}

fn guard_page() {
    let at = map(4 * page(), READ_WRITE, ANONYMOUS, None, 0);
    assert!(make_guard(at + page()));
    store(at + page() + 1);
}

fn other_cpu() -> Option<String> {
    (!cfg!(target_arch = "x86_64")).then(|| "addresses of x86-64".to_owned())
}

fn not_canonical() {
    store(0xdead_0000_0000_0000);
}

/// A key that forbids every access. (pkey_alloc(2))
fn key() -> i64 {
    const PKEY_DISABLE_ACCESS: u32 = 1;
    // SAFETY: it gives this thread a key, and changes no memory.
    unsafe { libc::syscall(libc::SYS_pkey_alloc, 0, PKEY_DISABLE_ACCESS) }
}

fn no_protection_keys() -> Option<String> {
    (key() < 0).then(|| "this CPU or kernel has no protection keys".to_owned())
}

fn protection_key() {
    let at = map(page(), READ_WRITE, ANONYMOUS, None, 0);
    let pointer: *mut libc::c_void = ptr::with_exposed_provenance_mut(at);
    // SAFETY: the map is this program's.
    let set = unsafe { libc::syscall(libc::SYS_pkey_mprotect, pointer, page(), READ_WRITE, key()) };
    assert_eq!(set, 0);
    load(at);
}

fn has_a_name_that_is_no_text() {
    // SAFETY: the name ends with a zero.
    unsafe { libc::prctl(libc::PR_SET_NAME, c"a\xc3".as_ptr()) };
    load(0);
}

/// Runs the program of this name, which may end this process.
pub fn run(name: &str) {
    match name {
        "handles_and_goes_on" => handles_and_goes_on(),
        "threads_at_once" => threads_at_once(),
        "crosses_a_page" => crosses_a_page(),
        "skips_the_guard_page" => handlers::skips_the_guard_page(),
        "handled_and_fails" => handled_and_fails(),
        "has_a_name_that_is_no_text" => has_a_name_that_is_no_text(),
        "waits_for_all" => waits_for_all(),
        "maps_a_silent_file" => crate::silent::maps_a_silent_file(),
        "closes_a_silent_file" => crate::silent::closes_a_silent_file(),
        _ => {
            let row = PROGRAMS.iter().find(|row| row.name == name);
            (row.expect("a program of this name").run)();
        }
    }
}
