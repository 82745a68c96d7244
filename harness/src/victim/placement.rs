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

    /// Notes which maps of a range have gone without a note: shmdt(2) looks for the parts of its segment, and a child
    /// does not have memory with MADV_DONTFORK.
    #[inline(always)]
    pub(super) fn note_what_is_gone(&self, from: usize, length: usize) {
        let mut at = from & !(self.program.page as usize - 1);
        let end = from.saturating_add(length);
        while let Some((start, until)) = self.first_gone(at, end) {
            self.program.maps.unmap(start, until - start);
            self.keep_track();
            at = until;
        }
    }

    /// Notes what an mremap that failed has moved: of several maps, those before the one that cannot be moved
    /// (Linux 6.17: remap_move).
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
        if !fixed || to & (page - 1) != 0 {
            return;
        }
        // The kernel may have unmapped what was at the new place.
        self.note_what_is_gone(to, length);
        if old != length || from & (page - 1) != 0 {
            return;
        }
        if flags & libc::MREMAP_DONTUNMAP as usize != 0 {
            // Flags that do not fit are refused before anything is moved.
            if errno != libc::EINVAL {
                self.note_doubled_parts(from, to, length);
            }
            return;
        }
        let (mut at, end) = (from, from.saturating_add(length));
        while let Some((start, until)) = self.first_gone(at, end) {
            let (place, length) = (to.wrapping_add(start - from), until - start);
            self.program.maps.remap((start, length), place, length);
            self.keep_track();
            at = until;
        }
    }

    /// Notes which of several maps are at their new place, too: MREMAP_DONTUNMAP leaves them where they were. Ends the
    /// process where nobody can tell, since something was mapped there before.
    #[inline(always)]
    fn note_doubled_parts(&self, from: usize, to: usize, length: usize) {
        let (maps, page) = (self.program.maps, self.program.page as usize);
        let end = from.saturating_add(length);
        let first = maps.first_in(from, end);
        let are_several = first.is_some_and(|(start, until)| start == from && until != end);
        // They are moved in their order.
        if !(are_several || self.program.splits_maps) || self.has_gap(to, page) {
            return;
        }
        let mut at = from;
        while let Some((start, until)) = maps.first_in(at, end) {
            let place = |piece: usize| to.wrapping_add(piece - from);
            let mut next = start;
            while next < until && !self.has_gap(place(next), page) {
                if maps.first_in(place(next), place(next).saturating_add(page)).is_some() {
                    self.give_up(SetupFailure::Notes, 0);
                }
                next = next.saturating_add(page);
            }
            if next > start {
                maps.show_again((start, next - start), place(start));
                self.keep_track();
            }
            if next < until {
                return;
            }
            at = until;
        }
    }

    /// Returns the first range of pages that were mapped by the notes, and are not.
    #[inline(always)]
    fn first_gone(&self, from: usize, end: usize) -> Option<(usize, usize)> {
        let page = self.program.page as usize;
        let mut at = from;
        while let Some((start, until)) = self.program.maps.first_in(at, end) {
            let mut gone = start;
            if self.has_gap(start, until - start) {
                while !self.has_gap(gone, page) {
                    gone = gone.saturating_add(page);
                }
                let mut next = gone.saturating_add(page);
                while next < until && self.has_gap(next, page) {
                    next = next.saturating_add(page);
                }
                return Some((gone, next));
            }
            at = until;
        }
        None
    }

    /// Returns the lowest address from which on all pages up to this one are mapped: the notes do not tell how far
    /// a map has grown down.
    #[inline(always)]
    pub(super) fn mapped_down_to(&self, address: usize) -> usize {
        let page = self.program.page as usize;
        let start = address & !(page - 1);
        // From `gap` to `start` something is missing, and from `mapped` on nothing.
        let (mut gap, mut mapped) = (0, start);
        while mapped - gap > page {
            let middle = (gap + (mapped - gap) / 2) & !(page - 1);
            let middle = middle.max(gap + page);
            if self.has_gap(middle, start - middle) { gap = middle } else { mapped = middle }
        }
        mapped
    }

    /// True if something of this range, which begins with a page, is not mapped. msync(2) without flags does nothing
    /// but look: it is ENOMEM then.
    #[inline(always)]
    fn has_gap(&self, address: usize, length: usize) -> bool {
        self.child.call(libc::SYS_msync, [address, length, 0, 0, 0, 0]) == Err(libc::ENOMEM)
    }
}
