//! Where the maps of a case come to lie: each in a place of its own, unless the case says where.
//!
//! A map beside another hides what happens at its edges. The main type is [`Victim`], of which these are the
//! steps that choose a place, and look at what the kernel has chosen.

use nix::libc;

use super::failure::SetupFailure;
use super::guard::Verdict;
use super::perform::Victim;

impl Victim<'_> {
    /// Leaves out the places beside which the case has put a map of its own: the next one is to stand alone.
    #[inline(always)]
    pub(super) fn pass_taken_places(&mut self) {
        while !self.arena.is_last() && self.program.maps.any_in(self.arena.around()) {
            self.arena.take();
        }
    }

    /// Where a new map stays. One that the kernel has put next to whatever lies there is moved to a place of
    /// its own. One that lies where the case has asked for it stays, or is none of the case's.
    #[inline(always)]
    pub(super) fn settle(&mut self, made: usize, length: usize, asked: usize) -> usize {
        let mut at = made;
        if self.guarded && !self.guard.holds(made, length) {
            if made == asked {
                self.admit(Verdict::Refused);
            }
            self.admit(Verdict::Moved);
            let flags = (libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED) as usize;
            let to = self.arena.place();
            match self.child.call(libc::SYS_mremap, [made, length, length, flags, to, 0]) {
                Ok(moved) => at = moved,
                Err(errno) => self.give_up(SetupFailure::Placement, errno),
            }
        }
        if at == self.arena.place() {
            self.arena.take();
        }
        at
    }
}
