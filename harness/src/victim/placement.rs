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

    /// Notes what an mremap that failed has moved: of several maps, those before the one that cannot be moved
    /// (Linux 6.17: remap_move). msync(2) without flags does nothing but look: it is ENOMEM where nothing is
    /// mapped.
    #[inline(always)]
    pub(super) fn note_moved_parts(
        &self,
        args: &[usize; 6],
        (old, length): (usize, usize),
        errno: i32,
    ) {
        let [from, _, _, flags, to, _] = *args;
        let fixed = flags & libc::MREMAP_FIXED as usize != 0;
        let page = self.program.page as usize;
        if !fixed || old != length || from & (page - 1) != 0 {
            return;
        }
        let end = from.saturating_add(old);
        let mut at = from;
        while let Some((start, until)) = self.program.maps.first_in(at, end) {
            at = until;
            let mut piece = start;
            while piece < until {
                let gone = self.is_gone(piece, page);
                let mut next = piece.saturating_add(page);
                while next < until && self.is_gone(next, page) == gone {
                    next = next.saturating_add(page);
                }
                if gone {
                    let (place, length) = (to.wrapping_add(piece - from), next - piece);
                    self.program.maps.remap((piece, length), place, length);
                    self.keep_track();
                }
                piece = next;
            }
        }
        // Maps that MREMAP_DONTUNMAP has moved are still there. The kernel refuses a range that begins with a
        // gap, or flags that do not fit, before it moves anything; and has moved nothing where nothing is at
        // the new place.
        let whole = self.program.maps.first_in(from, end);
        let several = whole.is_some_and(|(start, until)| start == from && until != end);
        let stays = flags & libc::MREMAP_DONTUNMAP as usize != 0;
        if stays && several && errno != libc::EINVAL && !self.is_gone(to, page) {
            self.give_up(SetupFailure::Notes, 0);
        }
    }

    /// True if nothing is mapped at this page.
    #[inline(always)]
    fn is_gone(&self, address: usize, page: usize) -> bool {
        self.child.call(libc::SYS_msync, [address, page, 0, 0, 0, 0]) == Err(libc::ENOMEM)
    }
}
