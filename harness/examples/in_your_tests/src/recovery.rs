//! A handler that lets a program outlive SIGBUS: where a page of a file is gone, it puts a page of zeros.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

static RECOVERED: AtomicUsize = AtomicUsize::new(0);

/// Installs the handler.
pub fn install() {
    // SAFETY: the handler is async-signal-safe.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_sigbus as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO;
        libc::sigaction(libc::SIGBUS, &action, std::ptr::null_mut());
    }
}

/// Returns the number of pages that were replaced.
pub fn recovered() -> usize {
    RECOVERED.load(Relaxed)
}

extern "C" fn on_sigbus(_: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    const BUS_ADRERR: libc::c_int = 2;
    let page = crate::page();
    // SAFETY: the kernel passes a valid siginfo. A SIGBUS that was sent has no address. Nobody else uses a page that
    // has no memory.
    let new = unsafe {
        if (*info).si_code != BUS_ADRERR {
            libc::abort();
        }
        let start = (*info).si_addr() as usize / page * page;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
        libc::mmap(start as *mut libc::c_void, page, libc::PROT_READ, flags, -1, 0)
    };
    if new == libc::MAP_FAILED {
        // SAFETY: it has no preconditions.
        unsafe { libc::abort() }
    }
    RECOVERED.fetch_add(1, Relaxed);
}
