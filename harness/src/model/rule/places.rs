//! A file system or a kernel may keep an open rule, or not. Each row of [`KNOWN`] says which of them keep a rule, and
//! names its source. (Beside this table the model knows one name of a file system: memfds are on tmpfs.)
//!
//! Where no row fits the rule stays open. A row that was only measured says nothing of older kernels than that. One for
//! all kernels rests on the code or on a man page. A row must not say that an older release lacks what its stable
//! updates may have got.

use std::fmt;

use super::Rule;
use crate::model::environment::Environment;

/// A kernel release: its major and its minor number.
pub type Release = (u32, u32);

/// The places in which a rule holds, or does not.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    /// The rule.
    pub rule: Rule,
    /// True if it holds there.
    pub holds: bool,
    /// The names of file systems, as in cases; all of them where there are none.
    pub file_systems: &'static [&'static str],
    /// The first kernel, if there is one.
    pub since: Option<Release>,
    /// The first kernel of which this is true no more, if there is one.
    pub before: Option<Release>,
    /// A commit, a man page, or how it was measured.
    pub source: &'static str,
}

const DISKS: &[&str] = &["ext2", "ext3", "ext4", "xfs", "btrfs"];
const EXT: &[&str] = &["ext2", "ext3", "ext4"];
const MEMORY: &[&str] = &["tmpfs", "ramfs"];
const EXT_AND_MEMORY: &[&str] = &["ext2", "ext3", "ext4", "tmpfs", "ramfs"];
const ALL_BUT_BTRFS: &[&str] = &["ext2", "ext3", "ext4", "xfs", "tmpfs", "ramfs"];
const SHMEM: &str = "Linux: mm/shmem.c";

/// A row that was measured, on Linux 5.10, 6.1, 6.12, 6.17, 6.18 and 7.3.
const fn holds(rule: Rule) -> Known {
    let since = Some((5, 10));
    Known { rule, holds: true, file_systems: &[], since, before: None, source: "measured" }
}

const fn fails(rule: Rule) -> Known {
    Known { holds: false, ..holds(rule) }
}

impl Known {
    const fn on(self, file_systems: &'static [&'static str]) -> Known {
        Known { file_systems, ..self }
    }

    const fn since(self, major: u32, minor: u32) -> Known {
        Known { since: Some((major, minor)), ..self }
    }

    const fn before(self, major: u32, minor: u32) -> Known {
        Known { before: Some((major, minor)), ..self }
    }

    const fn by(self, source: &'static str) -> Known {
        Known { source, ..self }
    }

    /// A row for all kernels.
    const fn always(self, source: &'static str) -> Known {
        Known { since: None, source, ..self }
    }

    /// True if this kernel and this file system are such a place.
    fn fits(&self, kernel: Option<Release>, file_system: Option<&str>) -> bool {
        let own = self.file_systems;
        (own.is_empty() || file_system.is_some_and(|name| own.contains(&name)))
            && self.since.is_none_or(|since| kernel.is_some_and(|kernel| kernel >= since))
            && self.before.is_none_or(|before| kernel.is_some_and(|kernel| kernel < before))
    }
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.holds { "holds" } else { "does not hold" })?;
        if let Some((last, others)) = self.file_systems.split_last() {
            let others = others.join(", ");
            match others.is_empty() {
                true => write!(f, " on {last}")?,
                false => write!(f, " on {others} and {last}")?,
            }
        }
        if let Some((major, minor)) = self.since {
            write!(f, " since Linux {major}.{minor}")?;
        }
        if let Some((major, minor)) = self.before {
            write!(f, " before Linux {major}.{minor}")?;
        }
        write!(f, " ({})", self.source)
    }
}

/// All that is known. Of two rows that fit, the first counts: one for some file systems stands before one for all.
pub const KNOWN: &[Known] = &[
    // What growth does to the bytes that were stored past the end.
    holds(Rule::GrowthClearsTheTail)
        .on(EXT)
        .since(6, 13)
        .by("commits c7fc0366c656 and 52aecaee1c26"),
    fails(Rule::GrowthClearsTheTail).on(EXT).before(6, 2),
    holds(Rule::GrowthClearsTheTail).on(&["xfs", "btrfs"]),
    fails(Rule::GrowthClearsTheTail).on(MEMORY).always("mmap(2), BUGS"),
    holds(Rule::GrowthClearsThePage).on(DISKS),
    holds(Rule::GrowthClearsThePage).on(&["ramfs"]),
    fails(Rule::GrowthClearsThePage).on(&["tmpfs"]).always(SHMEM),
    holds(Rule::WritesPastEofClearThePage).on(&["btrfs"]).since(6, 1),
    fails(Rule::WritesPastEofClearThePage).on(&["btrfs"]).before(5, 11),
    fails(Rule::WritesPastEofClearThePage).on(&["ext2", "ext3", "ext4", "xfs", "ramfs"]),
    fails(Rule::WritesPastEofClearThePage).on(&["tmpfs"]).always(SHMEM),
    fails(Rule::WritesClearThePage).on(&["ext4", "xfs", "btrfs", "ramfs"]),
    fails(Rule::WritesClearThePage).on(&["tmpfs"]).always(SHMEM),
    holds(Rule::SameSizeClearsTheTail).on(DISKS),
    holds(Rule::SameSizeClearsTheTail).on(&["ramfs"]),
    holds(Rule::SameSizeClearsTheTail).on(&["tmpfs"]).always(SHMEM),
    // What writing the file to its disk does.
    holds(Rule::WritebackClearsTheTail).on(DISKS),
    fails(Rule::WritebackClearsTheTail).on(MEMORY).always("mmap(2), BUGS"),
    fails(Rule::ClosingWritesBack).on(DISKS),
    fails(Rule::ClosingWritesBack).on(MEMORY).always("there is no disk"),
    holds(Rule::FallocateWritesBack).on(&["btrfs"]),
    fails(Rule::FallocateWritesBack).on(&["ext2", "ext3", "ext4", "xfs"]),
    fails(Rule::FallocateWritesBack).on(MEMORY).always("there is no disk"),
    // Holes and ranges.
    holds(Rule::RoomCanBeAllocated)
        .on(&["ext4", "xfs", "btrfs", "tmpfs"])
        .always("fallocate(2), VERSIONS"),
    fails(Rule::RoomCanBeAllocated).on(&["ext2", "ext3", "ramfs"]),
    holds(Rule::HolesCanBePunched)
        .on(&["ext4", "xfs", "btrfs", "tmpfs"])
        .always("fallocate(2): FALLOC_FL_PUNCH_HOLE"),
    holds(Rule::HolesCanBePunched).on(&["ext3"]),
    fails(Rule::HolesCanBePunched).on(&["ramfs"]),
    holds(Rule::RangesCanBeZeroed)
        .on(&["ext4", "xfs", "btrfs"])
        .since(4, 16)
        .by("fallocate(2): FALLOC_FL_ZERO_RANGE"),
    fails(Rule::RangesCanBeZeroed).on(&["ext2", "ext3", "ramfs"]),
    fails(Rule::RangesCanBeZeroed).on(&["tmpfs"]).always("Linux: shmem_fallocate"),
    holds(Rule::RangesCanBeChanged)
        .on(&["ext4", "xfs"])
        .since(4, 2)
        .by("fallocate(2): FALLOC_FL_COLLAPSE_RANGE, FALLOC_FL_INSERT_RANGE"),
    fails(Rule::RangesCanBeChanged).on(&["ext2", "ext3", "btrfs", "ramfs"]),
    fails(Rule::RangesCanBeChanged).on(&["tmpfs"]).always("Linux: shmem_fallocate"),
    holds(Rule::ChangedRangesTakeCopies).on(&["ext4"]),
    fails(Rule::ChangedRangesTakeCopies).on(&["xfs"]),
    holds(Rule::PunchingClearsTheTail).on(&["tmpfs"]).always(SHMEM),
    holds(Rule::PunchingClearsTheTail).on(&["xfs", "btrfs"]),
    fails(Rule::PunchingClearsTheTail).on(EXT).since(6, 12),
    holds(Rule::PunchingClearsTheTail).on(EXT).before(6, 2),
    holds(Rule::HolesOverTheEndClearThePage).on(DISKS),
    fails(Rule::HolesOverTheEndClearThePage).on(&["tmpfs"]).always(SHMEM),
    holds(Rule::FallocateClearsThePage).on(&["xfs", "btrfs"]),
    fails(Rule::FallocateClearsThePage).on(EXT),
    fails(Rule::FallocateClearsThePage).on(&["tmpfs"]).always(SHMEM),
    // What differs by the release in another way than by [`ADDED`].
    fails(Rule::CollapseIsKnown).always("madvise(2)").before(6, 1),
    holds(Rule::RemapLooksFirst).since(6, 17).by("Linux: check_prep_vma"),
    fails(Rule::RemapLooksFirst).always("Linux: mremap_to").before(6, 17),
    holds(Rule::SealedFilesCanBeLoaded).since(6, 13).by("commit 8ec396d05d1b"),
    holds(Rule::SealsComeBeforeTheMap).since(6, 13).by("commit 8ec396d05d1b"),
    fails(Rule::SealsComeBeforeTheMap).before(6, 2),
    fails(Rule::PipesAreNoexec).before(6, 13),
    // 6.18.15 fails with ENODEV, and 6.18.44 with EPERM.
    holds(Rule::PipesAreNoexec).since(7, 2),
    // Others.
    fails(Rule::FilesHaveNoSeals).on(&["tmpfs"]).always("fcntl(2): F_ADD_SEALS"),
    holds(Rule::FilesHaveNoSeals).on(DISKS).always("fcntl(2): F_ADD_SEALS"),
    holds(Rule::FilesHaveNoSeals).on(&["ramfs"]),
    fails(Rule::RemapMovesSeveral).on(&["ramfs"]).always("Linux: vma_multi_allowed"),
    fails(Rule::DontunmapUnlocksTheRest).since(7, 3),
    holds(Rule::SealExecIsSealWrite).since(6, 18).by("Linux: memfd_add_seals"),
    holds(Rule::WritesMovePartsOfPages).on(ALL_BUT_BTRFS).since(5, 16).by("commit a6294593e8a1"),
    fails(Rule::WritesMovePartsOfPages)
        .on(ALL_BUT_BTRFS)
        .always("commit a6294593e8a1")
        .before(5, 16),
    fails(Rule::WritesMovePartsOfPages).on(&["btrfs"]),
    holds(Rule::WritesMovePagesBefore).on(&["btrfs"]).since(5, 16).by("commit a6294593e8a1"),
    fails(Rule::WritesMovePagesBefore).on(&["btrfs"]).always("commit a6294593e8a1").before(5, 16),
    holds(Rule::WritesMovePagesBefore)
        .on(ALL_BUT_BTRFS)
        .always("Linux: generic_perform_write, iomap_write_iter"),
    holds(Rule::FailedWriteKeepsTheSize).on(&["btrfs"]),
    holds(Rule::FailedWriteKeepsTheSize).on(&["xfs"]).since(6, 12),
    fails(Rule::FailedWriteKeepsTheSize).on(&["xfs"]).before(6, 2),
    fails(Rule::FailedWriteGrowsToItsOffset).on(&["xfs"]),
    holds(Rule::FailedWriteGrowsToItsOffset).on(EXT_AND_MEMORY),
    fails(Rule::FailedWriteKeepsTheSize).on(EXT_AND_MEMORY).since(6, 17),
    holds(Rule::FailedWriteKeepsTheSize).on(EXT_AND_MEMORY).before(6, 13),
];

/// What a release has brought, with its source: the rule holds since then, and not before. Rows of [`KNOWN`] count first.
const ADDED: &[(Rule, Release, &str)] = &[
    (Rule::DontunmapOfFiles, (5, 13), "mremap(2)"),
    (Rule::PopulateIsKnown, (5, 14), "madvise(2)"),
    (Rule::RemapShrinksAMap, (5, 16), "commit 550a7d60bd5e"),
    (Rule::DontneedLockedIsKnown, (5, 18), "madvise(2)"),
    (Rule::MemfdsKnowExec, (6, 3), "memfd_create(2)"),
    (Rule::MsealExists, (6, 10), "mseal(2)"),
    (Rule::DroppableIsKnown, (6, 11), "mmap(2)"),
    (Rule::ModesAreKnown, (6, 12), "Linux: vfs_fallocate"),
    (Rule::ChangedBeforeTheSeal, (6, 12), "commit 4a2dd02b0916"),
    (Rule::GuardsAreKnown, (6, 13), "madvise(2)"),
    (Rule::GuardsOfFiles, (6, 15), "madvise(2)"),
    (Rule::RemapMovesSeveral, (6, 17), "mremap(2)"),
];

impl Rule {
    /// Returns what is known of an open rule, in the order in which it counts.
    pub fn known(self) -> impl Iterator<Item = Known> {
        let rows = KNOWN.iter().filter(move |own| own.rule == self).copied();
        let added = ADDED.iter().filter(move |(rule, ..)| *rule == self);
        rows.chain(added.flat_map(|&(rule, (major, minor), source)| {
            let since = holds(rule).since(major, minor).by(source);
            [since, fails(rule).always(source).before(major, minor)]
        }))
    }

    /// True or false where it is known whether the rule holds, for files on this file system.
    pub(in crate::model) fn decided(
        self,
        environment: &Environment,
        file_system: Option<&str>,
    ) -> Option<bool> {
        let known = self.known().find(|own| own.fits(environment.kernel, file_system))?;
        Some(known.holds)
    }
}

#[cfg(test)]
mod tests {
    use crate::case::FILE_SYSTEMS;
    use crate::model::Rule;

    /// A name that no case can say would never fit.
    #[test]
    fn each_row_is_of_an_open_rule_and_of_file_systems_that_exist() {
        for own in Rule::ALL.iter().flat_map(|rule| rule.known()) {
            assert!(own.rule.is_open(), "{:?} is promised: {own}", own.rule);
            for name in own.file_systems {
                assert!(FILE_SYSTEMS.iter().any(|(_, known)| known == name), "{name}: {own}");
            }
        }
    }

    /// Of two rows that fit and contradict each other the first counts: it must be the one for some file systems, and
    /// the other the one for all.
    #[test]
    fn no_row_is_hidden_by_another() {
        let kernels = [(4, 4), (5, 10), (6, 1), (6, 12), (6, 13), (6, 17), (6, 18), (7, 2)];
        let names = FILE_SYSTEMS.iter().map(|(_, name)| Some(*name));
        let places: Vec<_> = names
            .flat_map(|name| kernels.map(|kernel| (Some(kernel), name)))
            .chain([(None, Some("ext4")), (None, Some("tmpfs")), (Some((6, 18)), None)])
            .collect();
        for rule in Rule::open() {
            for &(kernel, name) in &places {
                let fit: Vec<_> = rule.known().filter(|own| own.fits(kernel, name)).collect();
                for (first, second) in fit.iter().zip(fit.iter().skip(1)) {
                    let is_special =
                        !first.file_systems.is_empty() && second.file_systems.is_empty();
                    let agrees = first.holds == second.holds;
                    assert!(agrees || is_special, "{rule:?} on {name:?}, {kernel:?}: {fit:?}");
                }
            }
        }
    }

    #[test]
    fn a_rule_holds_from_its_release_on() {
        let holds = |kernel| {
            let fit =
                Rule::RemapMovesSeveral.known().find(|own| own.fits(Some(kernel), Some("xfs")));
            fit.map(|own| own.holds)
        };
        assert_eq!([(6, 16), (6, 17), (6, 18)].map(holds), [Some(false), Some(true), Some(true)]);
    }

    #[test]
    fn a_row_is_told_in_words() {
        let told = |rule: Rule| rule.known().map(|own| own.to_string()).collect::<Vec<_>>();
        assert_eq!(
            told(Rule::RemapMovesSeveral),
            [
                "does not hold on ramfs (Linux: vma_multi_allowed)",
                "holds since Linux 6.17 (mremap(2))",
                "does not hold before Linux 6.17 (mremap(2))"
            ]
        );
        assert_eq!(
            told(Rule::PunchingClearsTheTail)[1],
            "holds on xfs and btrfs since Linux 5.10 (measured)"
        );
    }
}
