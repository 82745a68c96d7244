//! How to test with faultmap that your memory maps fault where they should, and nowhere else.
//!
//! The modules of this crate are what you may have written: records in a file that is mapped, a handler that outlives
//! SIGBUS, an allocator with guard pages, an arena that is sealed. `tests/` is how their author tests them. To start
//! in a crate of your own:
//!
//! 1. `cargo add --dev faultmap --no-default-features` (with `--path` as long as it is not on crates.io).
//! 2. In an ordinary `#[test]`, give `faultmap::observe` a closure that may fault. It runs in a child process, so the
//!    test goes on, beside all others:
//!
//!    ```
//!    let seen = faultmap::observe(|| 1 + 1);
//!    assert_eq!(seen.to_string(), "returned 2");
//!    ```
//!
//! 3. Where you expect a fault, `assert_fault!(SIGBUS, BUS_ADRERR, || ...)` returns it; where none came, it says what
//!    came instead. `insta::assert_snapshot!(seen, @"")` and `cargo insta review` keep the answer, whatever it is.
//! 4. `fault_map(&map)` draws where a map can be read and written now. Keep it by insta, too.
//! 5. `cargo test` or `cargo nextest run`.
//!
//! What a closure does to its memory stays in the child; what it does to files does not. A handler that a test installs
//! is one for the whole process: install it in the closure, or in a test file that needs it throughout.
//!
//! `tests/cases.rs` needs no code of yours: it asks the kernel, and the model, what a few system calls do.

pub mod arena;
pub mod guarded;
pub mod records;
pub mod recovery;

/// Returns the page size.
fn page() -> usize {
    // SAFETY: it has no preconditions.
    unsafe { libc::sysconf(libc::_SC_PAGESIZE) as usize }
}
