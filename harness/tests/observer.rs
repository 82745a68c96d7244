//! A process that observes closures is not changed by it, and other threads of it are not disturbed.

#![expect(unsafe_code, reason = "a handler for SIGCHLD, and a load from nowhere")]

mod own_process;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::fd::AsRawFd as _;
use std::process::{Command, ExitCode};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::thread;
use std::time::Duration;

use faultmap::Observe;
use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal};
use own_process::children::{own_children, reap};
use own_process::refused_call::refuse_clone_with;
use own_process::test;
use rustix::io::Errno;
use rustix::process::{WaitId, WaitIdOptions, waitid};

fn main() -> ExitCode {
    own_process::run(vec![
        test("nothing_of_the_process_changes", nothing_changes),
        test("nothing_of_the_process_changes_without_clone_vm", || {
            refuse_clone_with(libc::CLONE_PIDFD, libc::EINVAL);
            nothing_changes();
        }),
        test("no_other_thread_takes_a_child_or_a_signal", no_other_thread_notices),
        test("children_that_are_reaped_by_the_kernel", reaped_by_the_kernel),
        test("many_threads_observe_beside_others", || storm(30)),
        test("many_threads_observe_beside_others_without_clone_vm", || {
            refuse_clone_with(libc::CLONE_PIDFD, libc::EINVAL);
            storm(5);
        }),
        test("other_threads_panic_now_and_then", beside_some_panics),
        test("another_thread_panics_for_seconds", beside_a_long_panic),
        test("another_thread_holds_standard_error", beside_a_lock),
        test("what_the_process_has_yet_to_print", unprinted),
        test("a_handler_that_panics", handler_panics),
        test("a_handler_that_aborts_has_room_for_one_frame", handler_aborts),
    ])
}

fn observe<T: std::fmt::Debug>(closure: impl FnMut() -> T) -> String {
    Observe::new().deadline(Duration::from_secs(300)).run(closure).to_string()
}

fn null() -> u8 {
    // SAFETY: none: it is observed.
    unsafe { std::ptr::with_exposed_provenance::<u8>(std::hint::black_box(8)).read_volatile() }
}

/// All ends that a closure usually has.
fn observe_all() {
    assert_eq!(observe(|| 1), "returned 1");
    assert_eq!(observe(null), "SIGSEGV SEGV_MAPERR");
    assert!(observe(|| -> u8 { panic!("it") }).ends_with(": it"));
    assert_eq!(observe(|| -> u8 { std::process::exit(4) }), "exited with 4");
    assert_eq!(observe(|| Command::new("sleep").arg("600").spawn().is_ok()), "returned true");
    let late = Observe::new().deadline(Duration::from_millis(20));
    let late = late.run(|| thread::sleep(Duration::from_secs(600)));
    assert_eq!(late.to_string(), "did not end within 20ms");
}

/// The state of this process that an observation could change, as the kernel tells it.
fn own_state() -> BTreeMap<String, String> {
    let mut state = BTreeMap::new();
    let read = |path: &str| std::fs::read_to_string(path).expect("/proc is mounted");
    for line in read("/proc/self/status").lines() {
        let (name, value) = line.split_once(':').expect("a name");
        // SigQ counts the signals of all processes of this user.
        let varies = ["Vm", "Rss", "voluntary", "nonvoluntary", "Hugetlb", "SigQ"];
        if !varies.iter().any(|word| name.starts_with(word)) {
            state.insert(name.to_owned(), value.to_owned());
        }
    }
    let links = std::fs::read_dir("/proc/self/fd").expect("/proc is mounted").flatten();
    let links = links.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    let mut links: Vec<_> = links.filter(|link| !link.starts_with("/proc")).collect();
    links.sort();
    state.insert("descriptors".to_owned(), format!("{links:?}"));
    state.insert("limits".to_owned(), read("/proc/self/limits"));
    state.insert("maps".to_owned(), read("/proc/self/maps").lines().count().to_string());
    state.insert("children".to_owned(), own_children());
    for signal in Signal::iterator() {
        // SAFETY: without a new action the call only tells the old one.
        let action = unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            libc::sigaction(signal as i32, std::ptr::null(), &mut action);
            (action.sa_sigaction, action.sa_flags)
        };
        state.insert(signal.to_string(), format!("{action:?}"));
    }
    let subreaper = nix::sys::prctl::get_child_subreaper();
    state.insert("subreaper".to_owned(), format!("{subreaper:?}"));
    // SAFETY: as above.
    let stack = unsafe {
        let mut stack: libc::stack_t = std::mem::zeroed();
        libc::sigaltstack(std::ptr::null(), &mut stack);
        (stack.ss_sp as usize, stack.ss_flags, stack.ss_size)
    };
    state.insert("alternate stack".to_owned(), format!("{stack:?}"));
    state
}

fn nothing_changes() {
    observe_all(); // what the allocator and the library take once
    let before = own_state();
    for _ in 0..10 {
        observe_all();
    }
    for (name, value) in own_state() {
        assert_eq!(Some(&value), before.get(&name), "{name}");
    }
}

static CHILDREN: AtomicU32 = AtomicU32::new(0);
extern "C" fn count(_: libc::c_int) {
    CHILDREN.fetch_add(1, Relaxed);
}

fn no_other_thread_notices() {
    let action = SigAction::new(SigHandler::Handler(count), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler adds to an atomic.
    unsafe { nix::sys::signal::sigaction(Signal::SIGCHLD, &action) }.expect("any signal");
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
            while !is_over.load(Relaxed) {
                assert!(matches!(waitid(WaitId::All, options), Err(Errno::CHILD)));
            }
        });
        for _ in 0..20 {
            observe_all();
        }
        is_over.store(true, Relaxed);
    });
    assert_eq!(CHILDREN.load(Relaxed), 0, "a SIGCHLD arrived");
}

extern "C" fn panics(_: libc::c_int) {
    panic!("in the handler");
}

fn handler_panics() {
    let action = SigAction::new(SigHandler::Handler(panics), SaFlags::empty(), SigSet::empty());
    // SAFETY: a handler that panics ends the process.
    unsafe { nix::sys::signal::sigaction(Signal::SIGSEGV, &action) }.expect("any signal");
    let seen = observe(null);
    assert!(seen.starts_with("panicked at ") && seen.ends_with(": in the handler"), "{seen}");
}

extern "C" fn aborts(_: libc::c_int) {
    std::process::abort();
}

/// Two frames do not fit there, whatever the registers of this CPU take.
fn handler_aborts() {
    let action = SigAction::new(SigHandler::Handler(aborts), SaFlags::SA_ONSTACK, SigSet::empty());
    // SAFETY: abort(3) is async-signal-safe.
    unsafe { nix::sys::signal::sigaction(Signal::SIGSEGV, &action) }.expect("any signal");
    let in_a_thread = || {
        // SAFETY: it has no preconditions.
        let frame = unsafe { libc::getauxval(libc::AT_MINSIGSTKSZ) } as usize;
        let mut room = memmap2::MmapMut::map_anon(2 * frame - 256).expect("memory");
        let ss_sp = room.as_mut_ptr().cast();
        let stack = libc::stack_t { ss_sp, ss_flags: 0, ss_size: room.len() };
        // SAFETY: nothing else uses it.
        assert_eq!(unsafe { libc::sigaltstack(&stack, std::ptr::null_mut()) }, 0);
        null()
    };
    let seen = observe(|| thread::spawn(in_a_thread).join().is_ok());
    assert_eq!(seen, "killed by SIGABRT after SIGSEGV SEGV_MAPERR");
}

fn reaped_by_the_kernel() {
    let ignore = SigAction::new(SigHandler::SigIgn, SaFlags::empty(), SigSet::empty());
    // SAFETY: no handler.
    unsafe { nix::sys::signal::sigaction(Signal::SIGCHLD, &ignore) }.expect("any signal");
    for _ in 0..5 {
        assert_eq!(observe(null), "SIGSEGV SEGV_MAPERR");
        // The closure has the disposition of the process: its own children are reaped at once, too.
        let status = || Command::new("true").status().map_err(|error| error.raw_os_error());
        assert_eq!(observe(status), "returned Err(Some(10))");
    }
    reap();
}

/// Threads observe while others start programs, print, and allocate.
fn storm(times: u32) {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !is_over.load(Relaxed) {
                    assert!(Command::new("true").status().expect("it is its child").success());
                }
            });
        }
        scope.spawn(|| {
            while !is_over.load(Relaxed) {
                println!("{}", "x".repeat(100));
            }
        });
        scope.spawn(|| {
            let mut all = Vec::new();
            while !is_over.load(Relaxed) {
                all = std::hint::black_box(vec![vec![0u8; 100 + all.len() % 2000]; 50]);
            }
            drop(all);
        });
        let observers: Vec<_> = (0..6)
            .map(|number| {
                scope.spawn(move || {
                    for _ in 0..times {
                        let prints = || {
                            println!("it can print");
                            vec![number; 3]
                        };
                        assert_eq!(
                            observe(prints),
                            format!("returned [{number}, {number}, {number}]")
                        );
                        assert_eq!(observe(null), "SIGSEGV SEGV_MAPERR");
                    }
                })
            })
            .collect();
        let ended: Vec<_> = observers.into_iter().map(thread::ScopedJoinHandle::join).collect();
        is_over.store(true, Relaxed);
        assert!(ended.iter().all(Result::is_ok), "an observation went wrong");
    });
}

/// A thread that panics holds a lock of the standard library until its message is printed. A child that was forked
/// meanwhile cannot set a hook of its own.
fn beside_panics(hook: u64, pause: u64) -> Vec<String> {
    std::panic::set_hook(Box::new(move |_| thread::sleep(Duration::from_millis(hook))));
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Relaxed) {
                let _ = std::panic::catch_unwind(|| panic!("again"));
                thread::sleep(Duration::from_millis(pause));
            }
        });
        let seen = (0..5).map(|_| observe(|| -> u8 { panic!("it") })).collect();
        is_over.store(true, Relaxed);
        seen
    })
}

fn beside_some_panics() {
    for seen in beside_panics(100, 300) {
        assert!(seen.contains(file!()) && seen.ends_with(": it"), "{seen}");
    }
}

/// A panic that prints a backtrace of a large program holds the lock of the hook for as long.
fn beside_a_long_panic() {
    static IS_IN_HOOK: AtomicBool = AtomicBool::new(false);
    std::panic::set_hook(Box::new(|panic| {
        if panic.payload().downcast_ref() == Some(&"a long one") {
            IS_IN_HOOK.store(true, Relaxed);
            thread::sleep(Duration::from_secs(3));
        }
    }));
    let panics = thread::spawn(|| panic!("a long one"));
    while !IS_IN_HOOK.load(Relaxed) {
        thread::yield_now();
    }
    let seen = observe(|| -> u8 { panic!("it") });
    assert!(seen.contains(file!()) && seen.ends_with(": it"), "{seen}");
    panics.join().expect_err("it panics");
}

/// Two threads that take both locks in two orders would wait for each other for ever.
fn beside_a_lock() {
    let stderr = std::io::stderr().lock();
    thread::scope(|scope| {
        let observer = scope.spawn(|| observe(|| 5));
        thread::sleep(Duration::from_millis(50));
        println!("one thread holds one lock, and needs the other");
        assert_eq!(observer.join().expect("it returns"), "returned 5");
    });
    drop(stderr);
}

/// The C library's buffer holds what the process has yet to print: it prints that itself, once.
fn unprinted() {
    let (printed, write_end) = rustix::pipe::pipe().expect("a pipe");
    // SAFETY: the format takes nothing, and the descriptors are this process's own.
    unsafe {
        let stdout = libc::dup(1);
        libc::dup2(write_end.as_raw_fd(), 1);
        libc::printf(c"once".as_ptr());
        let seen = Observe::new().run(|| libc::printf(c"in the child".as_ptr()));
        assert_eq!(
            (seen.to_string().as_str(), seen.output()),
            ("returned 12", &b"in the child"[..])
        );
        libc::fflush(std::ptr::null_mut());
        libc::dup2(stdout, 1);
    }
    drop(write_end);
    let mut all = String::new();
    std::fs::File::from(printed).read_to_string(&mut all).expect("a text");
    assert_eq!(all, "once");
}
