//! What is said of a full stack, and of a handler that has no stack or faults itself.

use std::ptr;

use nix::libc;

use crate::exec;
use crate::own_process::{Test, table};
use crate::programs::{ANONYMOUS, READ_WRITE, cut_short, deeper, handle, load, map, page};

pub fn tests() -> Vec<Test> {
    let all: [(&str, fn()); 3] = [
        ("a_full_stack_without_room_for_its_handler_is_not_handled", no_stack_for_handler),
        ("a_large_frame_that_skips_the_guard_page_is_a_stack_overflow", skips_guard),
        ("a_fault_in_a_handler_names_it", within_handler),
    ];
    table("handlers", &all, |body| body()).collect()
}

fn no_stack_for_handler() {
    let said = "The handler for SIGSEGV had no stack to run on";
    for options in [&["--json"][..], &["--json", "--all"]] {
        let report = exec(options, "overflow_with_a_handler").report();
        assert_eq!(
            (&report["cause"], &report["handled"]),
            (&"stack_overflow".into(), &false.into())
        );
        assert!(report["reason"].as_str().is_some_and(|text| text.contains(said)), "{report}");
    }
    let text = exec(&[], "stack_overflow").told;
    assert!(!text.contains(said), "{text}");
}

fn skips_guard() {
    if !cfg!(target_arch = "x86_64") {
        return;
    }
    let ran = exec(&["--json"], "skips_the_guard_page");
    let report = ran.report();
    assert_eq!(report["cause"], "stack_overflow", "{report}");
}

fn within_handler() {
    let report = exec(&["--json"], "faults_in_a_handler").report();
    assert_eq!(report["within_handler"], "SIGBUS", "{report}");
    let text = exec(&[], "faults_in_a_handler").told;
    assert!(text.contains(", in the handler of SIGBUS, process"), "{text}");
    let report = exec(&["--json"], "null").report();
    assert_eq!(report["within_handler"], serde_json::Value::Null, "{report}");
}

/// The handler has no alternate stack, and its frame no room on the one that is full.
pub fn overflow_with_a_handler() {
    extern "C" fn handler(_: i32) {
        // SAFETY: it has no preconditions.
        unsafe { libc::_exit(3) };
    }
    handle(libc::SIGSEGV, handler);
    println!();
    deeper(1);
}

/// One large frame takes the stack pointer past the guard page of a thread.
pub fn skips_the_guard_page() {
    let overflows = || {
        // SAFETY: the default action runs no code. The process dies of it.
        unsafe { libc::signal(libc::SIGSEGV, libc::SIG_DFL) };
        #[cfg(target_arch = "x86_64")]
        // SAFETY: none, as above.
        unsafe {
            std::arch::asm!("sub rsp, 400000", "mov byte ptr [rsp + 16], 1", "add rsp, 400000");
        }
    };
    let thread = std::thread::Builder::new().stack_size(64 << 10);
    let _ = thread.spawn(overflows).expect("a thread").join();
}

/// A signal whose handler is to run on an alternate stack that is not mapped any more.
pub fn no_signal_frame() {
    extern "C" fn handler(_: i32) {}
    println!();
    let at = map(16 * page(), READ_WRITE, ANONYMOUS, None, 0);
    let pointer = ptr::with_exposed_provenance_mut(at);
    let stack = libc::stack_t { ss_sp: pointer, ss_flags: 0, ss_size: 16 * page() };
    // SAFETY: the handler does nothing; the default action of SIGSEGV runs no code.
    unsafe {
        libc::signal(libc::SIGSEGV, libc::SIG_DFL);
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as *const () as libc::sighandler_t;
        action.sa_flags = libc::SA_ONSTACK;
        libc::sigaction(libc::SIGUSR1, &action, ptr::null_mut());
        libc::sigaltstack(&stack, ptr::null_mut());
        libc::munmap(pointer, 16 * page());
        libc::raise(libc::SIGUSR1);
    }
}

/// The handler of SIGBUS follows a null pointer.
pub fn faults_in_a_handler() {
    extern "C" fn handler(_: i32) {
        load(16);
    }
    // SAFETY: the default action runs no code.
    unsafe { libc::signal(libc::SIGSEGV, libc::SIG_DFL) };
    handle(libc::SIGBUS, handler);
    load(cut_short(2200));
}
