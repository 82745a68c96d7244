//! A case sets dispositions, the mask and limits of its own process, and sends itself signals: these are the
//! system calls for it.

use nix::libc;

use super::perform::Victim;

impl Victim<'_> {
    /// Sets a disposition. The kernel's own structure has handler, flags, restorer and mask. Without a
    /// handler there is nothing to restore, and zeros serve every architecture.
    #[inline(always)]
    pub(super) fn sigaction(&self, signal: i32, handler: usize) -> Result<usize, i32> {
        let action = [handler as u64, 0, 0, 0];
        let address = self.child.address_of(&action);
        self.child.call(libc::SYS_rt_sigaction, [signal as usize, address, 0, 8, 0, 0])
    }

    /// Changes the mask by one signal. Signal `n` is bit `n - 1` of the kernel's mask of 64.
    #[inline(always)]
    pub(super) fn sigprocmask(&self, how: i32, signal: i32) -> Result<usize, i32> {
        let mask = 1u64 << (signal - 1).clamp(0, 63);
        let address = self.child.address_of(&mask);
        self.child.call(libc::SYS_rt_sigprocmask, [how as usize, address, 0, 8, 0, 0])
    }

    #[inline(always)]
    pub(super) fn setrlimit(&self, resource: i32, limit: u64) -> Result<usize, i32> {
        let soft_and_hard = [limit; 2];
        let address = self.child.address_of(&soft_and_hard);
        self.child.call(libc::SYS_prlimit64, [0, resource as usize, address, 0, 0, 0])
    }

    #[inline(always)]
    pub(super) fn raise(&self, signal: i32) -> Result<usize, i32> {
        self.child.raise(signal)
    }
}
