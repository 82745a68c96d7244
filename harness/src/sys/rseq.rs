//! The C library registers some thread-local memory with the kernel, for restartable sequences (rseq(2)): the
//! kernel writes there whenever a thread is resumed, and kills a process that does not have that memory.

#[cfg(not(all(target_env = "gnu", target_feature = "crt-static")))]
use std::ptr::NonNull;
use std::sync::OnceLock;

use nix::libc;

use super::arch;
use super::system_call::checked;

/// The number by which the kernel tells the length (getauxval(3), <linux/auxvec.h>: AT_RSEQ_FEATURE_SIZE).
const FEATURE_SIZE: libc::c_ulong = 27;
/// The flag that ends a registration. (<linux/rseq.h>)
const UNREGISTER: usize = 1;

/// Ends the registration for this thread. True where there is none now.
pub fn unregister() -> bool {
    match area() {
        Some(at) => call(at, UNREGISTER),
        None => true,
    }
}

/// Registers for this thread once more: a process that was made with CLONE_VM has no registration, and neither
/// have those that it forks. Without one, sched_getcpu(3) of glibc tells an old answer.
pub fn register() {
    if let Some(at) = area() {
        call(at, 0);
    }
}

/// The address that the C library has registered for this thread; none where it registers nothing, or does not tell.
fn area() -> Option<usize> {
    Some(arch::thread_pointer().wrapping_add_signed(offset()?))
}

/// The offset of that address from the thread pointer. A process that is forked beside other threads has to know it
/// from before: to look a symbol up takes a lock of the loader, and touches many pages.
pub fn offset() -> Option<isize> {
    static OFFSET: OnceLock<Option<isize>> = OnceLock::new();
    *OFFSET.get_or_init(find_offset)
}

/// Where glibc is linked statically, there is no loader that could look a symbol up.
#[cfg(all(target_env = "gnu", target_feature = "crt-static"))]
fn find_offset() -> Option<isize> {
    unsafe extern "C" {
        static __rseq_offset: isize;
        static __rseq_size: libc::c_uint;
    }
    // SAFETY: glibc has set both before `main` (rseq(7) of the glibc manual); the size is 0 where nothing is registered.
    unsafe { (__rseq_size != 0).then_some(__rseq_offset) }
}

#[cfg(not(all(target_env = "gnu", target_feature = "crt-static")))]
fn find_offset() -> Option<isize> {
    // SAFETY: looks a symbol up by name; glibc has it since 2.35.
    let offset = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"__rseq_offset".as_ptr()) };
    let offset = NonNull::new(offset.cast::<isize>())?;
    // SAFETY: as above.
    let size = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"__rseq_size".as_ptr()) };
    // SAFETY: `__rseq_size` is an `unsigned int`, 0 where nothing is registered.
    if NonNull::new(size.cast::<u32>()).is_some_and(|size| unsafe { size.read() } == 0) {
        return None;
    }
    // SAFETY: `__rseq_offset` is a `ptrdiff_t` (rseq(7) of the glibc manual).
    Some(unsafe { offset.read() })
}

/// True if the kernel does as it is told, or knows no rseq(2).
fn call(at: usize, flags: usize) -> bool {
    // SAFETY: no more than a lookup.
    let told = unsafe { libc::getauxval(FEATURE_SIZE) } as usize;
    // The kernel takes exactly the length that was registered: 32, or what it said itself.
    [32, told.next_multiple_of(32), told].into_iter().any(|length| {
        let args = [at, length, flags, arch::RSEQ_SIGNATURE, 0, 0];
        // SAFETY: the C library has set this memory aside for the kernel to write to.
        matches!(unsafe { checked(libc::SYS_rseq, args) }, Ok(_) | Err(libc::ENOSYS))
    })
}
