//! A closure is observed from an ordinary test, beside the other tests of this program, which run in threads.

#![expect(unsafe_code, reason = "closures that fault, as strangers write them")]

use std::collections::BTreeMap;
use std::fs::File;
use std::hint::black_box;
use std::io::Write as _;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use faultmap::observe::Ending;
use faultmap::{Observe, assert_fault, observe};
use memmap2::{Mmap, MmapMut};
use nix::libc;
use rstest::rstest;

/// A file of this many bytes, without a name.
fn file(bytes: u64) -> File {
    let file = tempfile::tempfile().expect("a file");
    file.set_len(bytes).expect("room");
    file
}

/// Reads a byte of which the compiler knows nothing.
fn load(address: usize) -> u8 {
    // SAFETY: none: it is observed.
    unsafe { std::ptr::with_exposed_provenance::<u8>(black_box(address)).read_volatile() }
}

/// A deadline that is to pass. Others are never reached.
fn shortly() -> Observe {
    Observe::new().deadline(Duration::from_millis(300))
}

/// A deadline for what may take long on a busy machine.
fn patiently() -> Observe {
    Observe::new().deadline(Duration::from_secs(120))
}

#[test]
fn a_map_of_a_file_that_was_cut_short() {
    let page = rustix::param::page_size();
    let file = file(2 * page as u64);
    // SAFETY: nobody else has the file.
    let map = unsafe { Mmap::map(&file) }.expect("a map");
    file.set_len(100).expect("it is shorter");
    let seen = patiently().run(|| map[page + 7]);
    insta::assert_snapshot!(seen, @"SIGBUS BUS_ADRERR");
    let fault = seen.fault().expect("a fault");
    assert_eq!(fault.offset_in(&map), Some(page + 7));
    assert_eq!(fault.offset_in(&map[..page]), None);
    let place = fault.map().expect("something is mapped");
    assert_eq!((place.offset, place.length, place.file_size), (page + 7, 2 * page, Some(100)));
    assert_eq!(place.past_end(), Some(page as u64 + 7 - 100));
    assert!(place.file.is_some() && place.is_shared, "{place:?}");
    let said = seen.explain();
    assert!(said.contains(&format!("byte {} of a map of ", page + 7)), "{said}");
    assert!(said.contains("the file has 100 bytes"), "{said}");
    assert_eq!(map[0], 0, "this process can read what is left");
}

#[test]
fn a_store_to_a_map_that_is_read_only() {
    let file = file(100);
    // SAFETY: nobody else has the file.
    let map = unsafe { Mmap::map(&file) }.expect("a map");
    // SAFETY: none: it is observed.
    let store = || unsafe { map.as_ptr().cast_mut().add(1).write_volatile(1) };
    let fault = assert_fault!(SIGSEGV, SEGV_ACCERR, store);
    assert_eq!(fault.map().map(|place| place.protection.as_str()), Some("r--"));
}

#[test]
fn an_address_that_is_not_mapped() {
    let seen = patiently().run(|| load(8));
    insta::assert_snapshot!(seen, @"SIGSEGV SEGV_MAPERR");
    assert_eq!(seen.fault().and_then(|fault| fault.address()), Some(8));
    assert!(seen.explain().contains("a null pointer"), "{}", seen.explain());
    // The closure unmaps it: here, another test's thread might get this memory in the meantime.
    let map = MmapMut::map_anon(1).expect("memory");
    let end = map.as_ptr() as usize + rustix::param::page_size();
    let mut map = Some(map);
    let seen = patiently().run(|| {
        drop(map.take());
        load(end - 1)
    });
    assert_eq!(seen.to_string(), "SIGSEGV SEGV_MAPERR");
}

#[cfg(target_arch = "x86_64")]
#[test]
fn an_address_that_is_none() {
    let fault = assert_fault!(SIGSEGV, SI_KERNEL, || load(1 << 63));
    assert_eq!(fault.address(), None);
}

#[rstest]
#[case::here(|| endless(1))]
#[case::in_a_thread(|| std::thread::spawn(|| endless(1)).join().unwrap_or(0))]
fn a_stack_that_overflows(#[case] body: fn() -> u64) {
    let seen = patiently().run(body);
    let fault = seen.fault().unwrap_or_else(|| panic!("{}", seen.explain()));
    assert_eq!(fault.to_string(), "SIGSEGV SEGV_ACCERR", "{}", seen.explain());
    // In a thread, the handler of Rust's library prints a message and aborts.
    let is_told = seen.explain().contains("the stack has overflowed");
    assert_eq!(is_told, !matches!(seen.ending, Ending::Killed { .. }), "{}", seen.explain());
}

#[expect(unconditional_recursion, reason = "that is what it is for")]
fn endless(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    endless(depth + 1) + frame[depth as usize % 64]
}

#[test]
fn what_it_returns() {
    insta::assert_snapshot!(patiently().run(|| (1, "two\n")), @r#"returned (1, "two\n")"#);
    let long = patiently().run(|| vec![7u8; 1 << 20]);
    let Ending::Returned { value, is_cut } = &long.ending else { panic!("{}", long.explain()) };
    assert!(*is_cut && value.starts_with("[7, 7, ") && long.to_string().ends_with("..."));
}

#[test]
fn a_panic() {
    let line = line!() + 1;
    let seen = patiently().run(|| -> u8 { panic!("of {}", 17) });
    assert_eq!(seen.to_string(), format!("panicked at {}:{line}:43: of 17", file!()));
    let caught = patiently().run(|| std::panic::catch_unwind(|| panic!("inside")).is_err());
    assert_eq!(caught.to_string(), "returned true");
}

#[test]
fn a_panic_without_a_hook() {
    let resumed = patiently().run(|| -> u8 {
        let _ = std::panic::catch_unwind(|| panic!("the first"));
        std::panic::resume_unwind(Box::new("the second"));
    });
    assert_eq!(resumed.to_string(), "panicked at ?: the second");
    // A thread that panics may observe, too.
    struct Observes;
    impl Drop for Observes {
        fn drop(&mut self) {
            assert_eq!(patiently().run(|| 3).to_string(), "returned 3");
        }
    }
    let panicked = std::panic::catch_unwind(|| {
        let _observes = Observes;
        panic!("outside");
    });
    assert_eq!(panicked.expect_err("it panics").downcast_ref(), Some(&"outside"));
}

#[test]
fn a_closure_that_forks() {
    let seen = patiently().run(|| {
        // SAFETY: the child of one thread.
        match unsafe { nix::unistd::fork() }.expect("a child") {
            nix::unistd::ForkResult::Child => load(24),
            nix::unistd::ForkResult::Parent { child } => {
                nix::sys::wait::waitpid(child, None).expect("its child");
                9
            }
        }
    });
    assert_eq!((seen.to_string().as_str(), seen.fault()), ("returned 9", None));
}

#[test]
fn a_panic_while_another_unwinds() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            panic!("the second");
        }
    }
    let seen = patiently().run(|| -> u8 {
        let _panics = Panics;
        panic!("the first");
    });
    assert!(
        matches!(&seen.ending, Ending::Panicked(text) if text.ends_with("the second")),
        "{seen}"
    );
}

#[test]
fn an_exit() {
    assert_eq!(patiently().run(|| -> u8 { std::process::exit(3) }).to_string(), "exited with 3");
    let zero = patiently().run(|| -> u8 { std::process::exit(0) });
    assert_eq!(zero.to_string(), "exited with 0");
    assert_eq!(patiently().run(|| std::process::abort()).to_string(), "killed by SIGABRT");
    // Not SIGSEGV or SIGBUS: the handler of Rust's library takes one that was sent, and lets the program go on.
    let sent = patiently().run(|| nix::sys::signal::raise(nix::sys::signal::SIGFPE));
    assert_eq!(sent.to_string(), "killed by SIGFPE");
    #[cfg(target_arch = "x86_64")]
    // SAFETY: it raises SIGTRAP.
    assert_fault!(SIGTRAP, || unsafe { std::arch::asm!("int3") });
}

#[test]
fn what_a_closure_may_use() {
    thread_local!(static OWN: std::cell::Cell<u8> = const { std::cell::Cell::new(0) });
    OWN.set(5);
    let shared = Mutex::new(1);
    let dir = tempfile::tempdir().expect("a folder");
    let inside = dir.path().to_owned();
    let mut all = BTreeMap::new();
    let seen = patiently().run(move || {
        println!("printed, and perhaps lost");
        let _ = &dir;
        all.insert(1, vec![0u8; 1 << 20].len());
        *shared.lock().expect("not poisoned") += 1;
        let thread = std::thread::spawn(|| 7).join().expect("it returns");
        let status = Command::new("true").status().expect("it runs").success();
        (
            OWN.get(),
            *shared.lock().expect("not poisoned"),
            thread,
            status,
            std::env::args().count() > 0,
        )
    });
    assert_eq!(seen.to_string(), "returned (5, 2, 7, true, true)");
    assert!(!inside.exists(), "the folder was removed here, when the closure was dropped");
}

#[test]
fn what_a_closure_captures_is_not_dropped_in_the_child() {
    let dir = tempfile::tempdir().expect("a folder");
    assert_eq!(patiently().run(|| dir.path().exists()).to_string(), "returned true");
    assert!(dir.path().exists());
    let nested = patiently().run(|| patiently().run(|| load(16)).to_string());
    assert_eq!(nested.to_string(), "returned \"SIGSEGV SEGV_MAPERR\"");
}

#[test]
fn a_child_that_hangs() {
    let mutex = Mutex::new(());
    let seen = shortly().run(|| {
        let _first = mutex.lock();
        let _never = mutex.lock();
    });
    assert_eq!(seen.to_string(), "did not end within 300ms");
    assert!(seen.explain().contains("(futex)"), "{}", seen.explain());
    let seen = shortly().run(|| std::thread::sleep(Duration::from_secs(600)));
    assert!(seen.explain().contains("was in clock_nanosleep"), "{}", seen.explain());
    let seen = shortly().run(|| {
        loop {
            black_box(0);
        }
    });
    assert!(seen.explain().contains("was in no system call"), "{}", seen.explain());
    let seen = shortly().run(|| nix::sys::signal::raise(nix::sys::signal::SIGSTOP));
    assert!(matches!(seen.ending, Ending::TimedOut { stopped: true, .. }), "{}", seen.explain());
}

#[test]
fn what_it_leaves_and_prints() {
    let seen = patiently().run(|| {
        let mut out = std::fs::OpenOptions::new().write(true).open("/dev/stdout").expect("a pipe");
        out.write_all(b"one\n\x1b[31m").expect("it is read");
        for program in ["sleep", "setsid"] {
            let mut command = Command::new(program);
            if program == "setsid" {
                command.arg("sleep");
            }
            drop(command.arg("600").spawn().expect("it runs"));
        }
    });
    assert_eq!((seen.left, seen.output()), (2, &b"one\n\x1b[31m"[..]), "{}", seen.explain());
    assert!(
        seen.explain().ends_with("it printed:\n    one\n    \\u{1b}[31m"),
        "{}",
        seen.explain()
    );
    let much = patiently().run(|| {
        let mut out = std::fs::OpenOptions::new().write(true).open("/dev/stderr").expect("a pipe");
        out.write_all(&[b'x'; 1 << 20]).expect("it is read");
    });
    assert_eq!(much.output().len(), 64 << 10);
    assert!(much.explain().contains("and 983040 bytes more"));
}

#[test]
fn a_supervisor_that_is_attacked() {
    let parent = || nix::unistd::getppid();
    let killed = patiently().run(|| {
        let _ = nix::sys::signal::kill(parent(), nix::sys::signal::SIGKILL);
        std::thread::sleep(Duration::from_secs(600));
    });
    assert!(matches!(killed.ending, Ending::Lost(_)), "{killed}");
    let told =
        patiently().run(|| nix::sys::signal::kill(parent(), nix::sys::signal::SIGTERM).is_ok());
    assert_eq!(told.to_string(), "returned true");
    let stopped = patiently().run(|| {
        let _ = nix::sys::signal::kill(parent(), nix::sys::signal::SIGSTOP);
        std::thread::sleep(Duration::from_secs(600));
    });
    assert!(matches!(stopped.ending, Ending::Lost(_)), "{stopped}");
}

/// Makes the process survive SIGSEGV in a page that it may read.
fn handle_by_mending() {
    extern "C" fn mend(_: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
        let page = rustix::param::page_size();
        // SAFETY: the kernel passes a valid siginfo; the page is that of the test.
        unsafe {
            let page_of = ((*info).si_addr() as usize) / page * page;
            libc::mprotect(page_of as *mut libc::c_void, page, libc::PROT_READ);
        }
    }
    // SAFETY: the handler is async-signal-safe.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = mend as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO;
        libc::sigaction(libc::SIGSEGV, &action, std::ptr::null_mut());
    }
}

/// A page that cannot be accessed.
fn guarded_page() -> MmapMut {
    let map = MmapMut::map_anon(1).expect("memory");
    // SAFETY: the page is the map's.
    unsafe { libc::mprotect(map.as_ptr().cast_mut().cast(), 1, libc::PROT_NONE) };
    map
}

/// A handler that the process had before mends the fault; the closure goes on.
#[test]
fn a_handler_that_recovers() {
    let seen = patiently().run(|| {
        // In a child, so that the handlers of this process stay as they are.
        handle_by_mending();
        let map = guarded_page();
        let mended = patiently().run(|| load(map.as_ptr() as usize)).to_string();
        (mended, load(map.as_ptr() as usize))
    });
    assert_eq!(seen.to_string(), "returned (\"returned 0\", 0)");
}

/// A fault that a handler has mended does not explain the death by the same signal, sent later.
#[test]
fn a_signal_that_is_sent_after_a_fault_was_mended() {
    let seen = patiently().run(|| {
        // In a child, so that the handlers of this process stay as they are.
        handle_by_mending();
        let map = guarded_page();
        patiently()
            .run(|| {
                let mended = load(map.as_ptr() as usize);
                // SAFETY: the default is none of the program's handlers.
                unsafe { libc::signal(libc::SIGSEGV, libc::SIG_DFL) };
                let _ = nix::sys::signal::raise(nix::sys::signal::SIGSEGV);
                mended
            })
            .to_string()
    });
    assert_eq!(seen.to_string(), "returned \"killed by SIGSEGV\"");
}

/// A handler that restores the default wants the process to die of the fault.
#[test]
fn a_handler_that_gives_up() {
    extern "C" fn give_up(signal: libc::c_int) {
        // SAFETY: async-signal-safe.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    let seen = patiently().run(|| {
        // SAFETY: the handler is async-signal-safe.
        unsafe { libc::signal(libc::SIGSEGV, give_up as *const () as usize) };
        patiently().run(|| load(24)).to_string()
    });
    assert_eq!(seen.to_string(), "returned \"SIGSEGV SEGV_MAPERR\"");
}

#[test]
fn what_the_c_library_prints() {
    let print = |text: &std::ffi::CStr| {
        // SAFETY: the format takes a string.
        unsafe { libc::printf(c"%s".as_ptr(), text.as_ptr()) }
    };
    let seen = patiently().run(|| print(c"begun"));
    assert_eq!((seen.to_string().as_str(), seen.output()), ("returned 5", &b"begun"[..]));
    let seen = patiently().run(|| {
        print(c"a line\nand the next");
        load(8)
    });
    assert_eq!(seen.output(), b"a line\n", "{}", seen.explain());
}

#[test]
fn the_cores_of_a_closure_are_those_of_its_thread() {
    let cores = || rustix::thread::sched_getaffinity(None).map(|set| set.count());
    assert_eq!(patiently().run(cores).to_string(), format!("returned {:?}", cores()));
}

#[test]
fn a_failed_expectation_says_what_was_seen() {
    let failed = std::panic::catch_unwind(|| assert_fault!(SIGBUS, || load(8)));
    let message = failed.expect_err("it is another signal");
    let message = message.downcast_ref::<String>().expect("a text");
    let expected = "expected SIGBUS, but the closure:\nSIGSEGV SEGV_MAPERR\n  address 0x8";
    assert!(message.starts_with(expected), "{message}");
    assert_fault!(SIGSEGV, || observe(|| 1).to_string().len() + usize::from(load(8)));
}
