//! Two threads that forked at once would run each other's children: a [`SoleThread`] proves that one thread
//! of a process forks, and no other.
//!
//! A fork copies the memory of all threads, but only the thread that forks goes on. The body of a child is
//! laid onto a stack that the whole process has once, and a worker closes descriptors that other threads may
//! need. So whatever forks, or closes what it has not opened, takes a [`SoleThread`], which the first thread
//! that asks gets, and no other.

use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

thread_local! {
    /// Its address tells threads apart, and a forked child's only thread has that of the one that forked it.
    static MARK: u8 = const { 0 };
}

/// The address of the mark of the thread that forks; 0 as long as none does.
static OWNER: AtomicUsize = AtomicUsize::new(0);

/// The right to fork. It cannot be sent to another thread.
#[derive(Debug, Clone, Copy)]
pub struct SoleThread(PhantomData<*const ()>);

/// Another thread of this process forks already.
#[derive(Debug, Clone, Copy)]
pub struct ClaimedElsewhere;

impl fmt::Display for ClaimedElsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("another thread of this process forks already")
    }
}

impl std::error::Error for ClaimedElsewhere {}

impl SoleThread {
    /// Claims it for this thread. Fails where another thread has it.
    ///
    /// Nothing gives it back: no other thread gets it while the owner lives. The only thread of a forked child
    /// is the copy of the one that forked, and owns it there where that one did. After the owner has ended, a new
    /// thread may get it, and only by chance: where its thread-local variables lie at the owner's address. So two
    /// living threads of a process never both have it.
    ///
    /// ```
    /// use faultmap::internals::sys::SoleThread;
    /// assert!(SoleThread::claim().is_ok());
    /// assert!(SoleThread::claim().is_ok());
    /// assert!(std::thread::spawn(|| SoleThread::claim().is_err()).join().unwrap());
    /// ```
    pub fn claim() -> Result<SoleThread, ClaimedElsewhere> {
        let own = MARK.with(|mark| std::ptr::from_ref(mark) as usize);
        match OWNER.compare_exchange(0, own, Relaxed, Relaxed) {
            Err(owner) if owner != own => Err(ClaimedElsewhere),
            _ => Ok(SoleThread(PhantomData)),
        }
    }
}
