//! Two cases that are measured side by side may need something of which there is enough for one only.
//!
//! If a disk is nearly full, or has room set aside for one file, cases that are measured side by side
//! take each other's room: what each sees then depends on the other. So they are measured one at a time,
//! which a [`Note`](crate::case::Note) says: each probe still has all of it to itself.

use nix::libc;

use crate::case::{Arg, Case, Scarce, Size};
use crate::vocabulary::{Action, Effect, Facet};

/// Returns what is scarce for a case, where `free` bytes are free for files (`None` where there is no bound),
/// and `jobs` workers would want it at once.
pub fn scarce(case: &Case, free: Option<u64>, page: u64, jobs: usize) -> Option<Scarce> {
    if case.calls().any(|(_, args)| args.iter().any(|arg| arg.has(Facet::Huge))) {
        return Some(Scarce::HugePages);
    }
    let sets_aside = case.calls().any(|(call, _)| matches!(call.effect, Effect::Allocates { .. }));
    let wanted = room(case, page).saturating_mul(jobs.max(2) as u64);
    let is_small = free.is_some_and(|free| free < wanted);
    (sets_aside || is_small).then_some(Scarce::Room)
}

/// Returns the most bytes that the files of a case may take: every byte of them stored.
fn room(case: &Case, page: u64) -> u64 {
    let size = |args: &[Arg], index: usize| match args.get(index) {
        Some(Arg::Size(size)) => Size::register(size, page).unwrap_or(0),
        _ => 0,
    };
    let whole = |bytes: u64| bytes.checked_next_multiple_of(page).unwrap_or(bytes);
    let taken = case.calls().map(|(call, args)| match call.effect {
        _ if call.action == Action::MakeFile => whole(size(args, 0)),
        Effect::Resizes { size: at } => whole(size(args, at)),
        Effect::StoresText { offset, .. } => whole(size(args, offset).saturating_add(page)),
        Effect::Transfers { count, to_memory: false, .. } => whole(size(args, count)),
        _ => 0,
    });
    let is_possible = |bytes: &u64| *bytes <= libc::off_t::MAX as u64;
    taken.filter(is_possible).fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scarce_for(text: &str) -> Option<Scarce> {
        let case = crate::parse::case(text).unwrap();
        scarce(&case, Some(1 << 30), 4096, 2)
    }

    #[test]
    fn room_that_is_set_aside_and_huge_pages_are_scarce_and_a_small_file_is_not() {
        assert_eq!(scarce_for("fd = file(100); ftruncate(fd, 0);"), None);
        assert_eq!(scarce_for("fd = file(0); fallocate(fd, 0, 0, 100);"), Some(Scarce::Room));
        assert_eq!(scarce_for("fd = memfd(0, MFD_HUGETLB);"), Some(Scarce::HugePages));
        let huge = "map = mmap(0, 1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);";
        assert_eq!(scarce_for(huge), Some(Scarce::HugePages));
    }

    #[test]
    fn the_room_of_a_case_is_that_of_its_files_in_whole_pages() {
        let room = |text: &str| room(&crate::parse::case(text).unwrap(), 4096);
        assert_eq!(room("fd = file(1); ftruncate(fd, 2 * PAGE); ftruncate(fd, -1);"), 3 * 4096);
    }
}
