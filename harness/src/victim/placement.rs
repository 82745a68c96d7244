//! A map beside another hides what happens at its edges: each map of a case lies in a place of its own,
//! unless the case says where.
//!
//! The main type is [`Victim`], of which these are the steps that choose a place, and check what the kernel
//! has chosen.

use nix::libc;

use super::failure::SetupFailure;
use super::guard::Verdict;
use super::perform::Victim;

impl Victim<'_> {
    /// Skips the places beside which the case has put a map of its own, so that the next map stands alone.
    #[inline(always)]
    pub(super) fn pass_taken_places(&mut self) {
        while !self.addresses.is_last() && self.program.maps.any_in(self.addresses.around()) {
            self.addresses.take();
        }
    }

    /// Returns the address at which a new map stays. A map that the kernel has put outside the memory of the
    /// case is moved to a place of its own; if the case has asked for that very address, the process ends.
    #[inline(always)]
    pub(super) fn settle(&mut self, made: usize, length: usize, asked: usize) -> usize {
        let mut at = made;
        if self.guarded && !self.guard.holds(made, length) {
            if made == asked {
                self.admit(Verdict::Refused);
            }
            self.admit(Verdict::Moved);
            let flags = (libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED) as usize;
            let to = self.addresses.place();
            match self.child.call(libc::SYS_mremap, [made, length, length, flags, to, 0]) {
                Ok(moved) => at = moved,
                Err(errno) => self.give_up(SetupFailure::Placement, errno),
            }
        }
        if at == self.addresses.place() {
            self.addresses.take();
        }
        at
    }

    /// Ends the process where there is no room to note further maps: nobody could tell any more what it may
    /// take, and what it sees.
    #[inline(always)]
    pub(super) fn keep_track(&self) {
        if self.program.maps.is_full() {
            self.give_up(SetupFailure::Notes, 0);
        }
    }
}
