//! The notes say what a case has mapped. Some calls unmap memory without saying where: an mremap or mmap that fails
//! halfway, shmdt, a fork after MADV_DONTFORK; and a map that grows down is larger than its note. A victim then asks
//! the kernel.
//!
//! msync(2) without flags does nothing but look: it is ENOMEM where something of the range is not mapped.
//!
//! The main type is [`Victim`], of which these are the steps that ask.

use nix::libc;

use super::failure::SetupFailure;
use super::guard::wrapped_up;
use super::perform::Victim;
use super::reach::HUGE;
use crate::case::limits::MAP_BYTES;

impl Victim<'_> {
    /// Notes as unmapped what the notes say is mapped in this range and the kernel says is not.
    #[inline(always)]
    pub(super) fn note_what_is_gone(&self, from: usize, length: usize) {
        // A call that makes huge pages unmaps whole ones before it fails.
        let unit = if self.program.huge { HUGE } else { self.program.page as usize };
        let mut at = from & !(self.program.page as usize - 1);
        let end = from.saturating_add(wrapped_up(length, unit).max(length));
        while let Some((start, until)) = self.first_gone(at, end) {
            self.program.maps.unmap(start, until - start);
            self.keep_track();
            at = until;
        }
    }

    /// Notes the memory into which a map has grown down within this range: mremap takes it along, or replaces it.
    #[inline(always)]
    pub(super) fn note_what_has_grown(&self, from: usize, length: usize) {
        let (maps, page) = (self.program.maps, self.program.page as usize);
        // The kernel refuses a longer range.
        if !maps.may_have_grown() || length as u64 > MAP_BYTES {
            return;
        }
        let (mut at, end) = (from & !(page - 1), from.saturating_add(length));
        while at < end {
            let (noted, until) = maps.first_in(at, end).unwrap_or((end, end));
            while at < noted {
                if self.has_gap(at, page) {
                    at = at.saturating_add(page);
                } else {
                    let grown = self.mapped_up_to(at, noted - at);
                    maps.note(at, grown, None);
                    self.keep_track();
                    at = at.saturating_add(grown);
                }
            }
            at = at.max(until);
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
        let in_page = self.program.page as usize - 1;
        if flags & libc::MREMAP_FIXED as usize == 0 || (to | from) & in_page != 0 {
            return;
        }
        // The kernel may have unmapped what was at the new place.
        self.note_what_is_gone(to, length);
        if old != length {
            // One that shrinks has unmapped the end before it fails (Linux before 6.17: mremap_to).
            self.note_what_is_gone(from, old);
            return;
        }
        if flags & libc::MREMAP_DONTUNMAP as usize != 0 {
            // Flags that do not fit are refused before anything is moved; a map of huge pages is refused when it is
            // its turn.
            if errno != libc::EINVAL || self.program.huge {
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

    /// Notes which of several maps are at their new place, too: MREMAP_DONTUNMAP leaves them where they were. If
    /// something was mapped at the new place before, nobody can tell which map is there now: the process ends.
    #[inline(always)]
    fn note_doubled_parts(&self, from: usize, to: usize, length: usize) {
        let (maps, page) = (self.program.maps, self.program.page as usize);
        let end = from.saturating_add(length);
        let Some((start, until)) = maps.first_in(from, end) else { return };
        // The kernel refuses a range that begins with a gap before it moves anything. What is one map by the notes may
        // be several VMAs, but for one page. They are moved in ascending order: if the first has not moved, none has.
        let is_one = until == end && until - start <= page;
        if start != from || is_one || self.has_gap(to, page) {
            return;
        }
        // The first map is sealed (Linux: check_prep_vma).
        if self.child.call(libc::SYS_mremap, [from, page, page, 0, 0, 0]) == Err(libc::EPERM) {
            return;
        }
        let mut at = from;
        while let Some((start, until)) = maps.first_in(at, end) {
            let place = to.wrapping_add(start - from);
            let arrived = self.mapped_up_to(place, until - start);
            if maps.first_in(place, place.saturating_add(arrived)).is_some() {
                self.give_up(SetupFailure::Notes, 0);
            }
            if arrived > 0 {
                maps.show_again((start, arrived), place);
                self.keep_track();
            }
            if arrived < until - start {
                return;
            }
            at = until;
        }
    }

    /// Returns the first stretch of pages that the notes call mapped and the kernel does not. It may end behind `end`,
    /// as pages are whole.
    #[inline(always)]
    fn first_gone(&self, from: usize, end: usize) -> Option<(usize, usize)> {
        let page = self.program.page as usize;
        let mut at = from;
        while let Some((start, until)) = self.program.maps.first_in(at, end) {
            let gone = start.saturating_add(self.mapped_up_to(start, until - start));
            if gone < until {
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

    /// Returns how many bytes of this range are mapped up to the first page that is not.
    #[inline(always)]
    fn mapped_up_to(&self, start: usize, length: usize) -> usize {
        let page = self.program.page as usize;
        if !self.has_gap(start, length) {
            return length;
        }
        // Of the first `mapped` bytes none is missing, and of the first `gap` bytes some are.
        let (mut mapped, mut gap) = (0, length.saturating_add(page - 1) & !(page - 1));
        while gap - mapped > page {
            let middle = (mapped + (gap - mapped) / 2) & !(page - 1);
            let middle = middle.max(mapped + page);
            if self.has_gap(start, middle) { gap = middle } else { mapped = middle }
        }
        mapped
    }

    /// Returns the lowest address from which on all pages up to this one are mapped.
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

    /// True if something of this range, which begins with a page, is not mapped.
    #[inline(always)]
    fn has_gap(&self, address: usize, length: usize) -> bool {
        self.child.call(libc::SYS_msync, [address, length, 0, 0, 0, 0]) == Err(libc::ENOMEM)
    }
}
