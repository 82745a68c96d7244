//! The code of a signal names a class of faults, and many causes end in the same code. [`Cause`] is one of them, found
//! by the maps, the file, the instruction and the stack pointer. What cannot be known is said to be unknown.

use super::maps::Map;
use super::no_address::of_no_address;
use super::null::{Near, near};
use super::scene::{Kind, Scene};
use super::stack;
use crate::vocabulary::linux::{
    BUS_ADRALN, BUS_ADRERR, BUS_MCEERR_AO, BUS_MCEERR_AR, SEGV_ACCERR, SEGV_MAPERR, SEGV_PKUERR,
    SI_KERNEL, SIGBUS, SIGSEGV,
};

/// The reason why an access failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// A process has sent the signal; no access has raised it.
    Sent,
    /// The byte lies in a whole page past the end of the file. (POSIX.1-2024 mmap)
    PastEndOfFile { size: u64 },
    /// The file has the byte, and its size is not known. So it may have been cut short.
    FileNotFound,
    /// The file system does not answer, so that the reason is not known.
    NoAnswer,
    /// The file has a hole there, and the file system has no block left for it. (mmap(2), SIGBUS)
    NoSpace,
    /// No page of hugetlbfs is free. (Documentation/admin-guide/mm/hugetlbpage.rst)
    NoHugePage,
    /// The map is registered with userfaultfd(2), and nobody has provided the page: UFFD_FEATURE_SIGBUS.
    Userfaultfd,
    /// The file has the byte, and there is room: the page could not be read.
    ReadError,
    /// The memory itself is broken. (Documentation/mm/hwpoison.rst)
    BrokenMemory,
    /// The CPU demands an aligned address.
    Misaligned,
    /// No address of this architecture looks like this: its upper bits differ.
    NotCanonical,
    /// The kernel found no room for the frame of a signal. (kernel/signal.c: signal_setup_done)
    NoSignalFrame,
    /// The CPU tells no address, and the operand is no reason.
    GeneralProtection,
    /// A null pointer or MAP_FAILED, or a member of what one of them points to.
    NearNull(Near),
    /// An address of the kernel.
    KernelAddress,
    /// The stack of the thread is full.
    StackOverflow,
    /// A page that was made a guard by madvise(2), MADV_GUARD_INSTALL.
    GuardPage,
    /// The protection of the map forbids it.
    Protection,
    /// The protection key of the map forbids it. (pkeys(7))
    ProtectionKey { key: u64 },
    /// Nothing is mapped; the nearest map below ends this many bytes before the address, and the nearest above begins
    /// this many bytes after it.
    NotMapped { below: Option<u64>, above: Option<u64> },
    /// The map allows the access now: it was changed since, or something else is the reason.
    AllowedNow,
    /// The kernel does not let the maps of the process be read: it is not dumpable (PR_SET_DUMPABLE in prctl(2)).
    MapsUnknown,
    /// Nothing of this.
    Unknown,
}

/// The distance up to which a neighbour is worth a word.
const NEAR_MAP: u64 = 1 << 30;

/// True for a signal whose faults have causes.
pub fn is_explained(signal: i32) -> bool {
    signal == SIGSEGV || signal == SIGBUS
}

impl Cause {
    /// Finds the cause.
    pub fn of(scene: &Scene) -> Cause {
        match (scene.signal.0, scene.code) {
            (_, ..=0) => Cause::Sent,
            (_, SI_KERNEL) => of_no_address(scene),
            (SIGBUS, BUS_ADRALN) => Cause::Misaligned,
            (SIGBUS, BUS_ADRERR) => of_bus_error(scene),
            (SIGBUS, BUS_MCEERR_AR | BUS_MCEERR_AO) => Cause::BrokenMemory,
            (SIGSEGV, SEGV_PKUERR) => Cause::ProtectionKey { key: scene.flags.protection_key },
            (SIGSEGV, SEGV_MAPERR) => of_no_map(scene),
            (SIGSEGV, SEGV_ACCERR) => of_protection(scene),
            _ => Cause::Unknown,
        }
    }

    /// The word for it in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Cause::Sent => "sent",
            Cause::PastEndOfFile { .. } => "past_end_of_file",
            Cause::FileNotFound => "file_not_found",
            Cause::NoAnswer => "no_answer",
            Cause::NoSpace => "no_space",
            Cause::NoHugePage => "no_huge_page",
            Cause::Userfaultfd => "userfaultfd",
            Cause::ReadError => "read_error",
            Cause::BrokenMemory => "broken_memory",
            Cause::Misaligned => "misaligned",
            Cause::NotCanonical => "not_canonical",
            Cause::NoSignalFrame => "no_signal_frame",
            Cause::GeneralProtection => "general_protection",
            Cause::NearNull(Near::Null { .. }) => "null_pointer",
            Cause::NearNull(Near::MapFailed { .. }) => "map_failed",
            Cause::KernelAddress => "kernel_address",
            Cause::StackOverflow => "stack_overflow",
            Cause::GuardPage => "guard_page",
            Cause::Protection => "protection",
            Cause::ProtectionKey { .. } => "protection_key",
            Cause::NotMapped { .. } => "not_mapped",
            Cause::AllowedNow => "allowed_now",
            Cause::MapsUnknown => "maps_unknown",
            Cause::Unknown => "unknown",
        }
    }
}

fn of_bus_error(scene: &Scene) -> Cause {
    if scene.maps.0.is_empty() {
        return Cause::MapsUnknown;
    }
    let Some(map) = scene.map() else { return Cause::Unknown };
    let huge_page = scene.file.as_ref().and_then(|file| file.huge_page);
    let page = huge_page.unwrap_or(scene.page);
    if let (Some(file), Some(offset)) = (&scene.file, scene.offset_in_file()) {
        match file.size {
            Some(size) if offset >= size.next_multiple_of(page) => {
                return Cause::PastEndOfFile { size };
            }
            _ if file.is_silent => return Cause::NoAnswer,
            None => return Cause::FileNotFound,
            _ => {}
        }
    }
    if huge_page.is_some() || scene.flags.has("ht") {
        return Cause::NoHugePage;
    }
    if scene.flags.has("um") || scene.flags.has("ui") || scene.flags.has("uw") {
        return Cause::Userfaultfd;
    }
    match &scene.file {
        Some(file) if file.total_and_free.is_some_and(|(_, free)| free < scene.page) => {
            Cause::NoSpace
        }
        Some(_) if map.file().is_some() => Cause::ReadError,
        _ => Cause::Unknown,
    }
}

fn of_no_map(scene: &Scene) -> Cause {
    let Some(address) = scene.address else { return Cause::Unknown };
    if stack::overflowed(scene, address).is_some() {
        return Cause::StackOverflow;
    }
    if let Some(map) = scene.map() {
        return match scene.may_be_guard() {
            true => Cause::GuardPage,
            false if allows(map, scene.kind()) => Cause::AllowedNow,
            false => Cause::Protection,
        };
    }
    if let Some(near) = near(scene, address) {
        return Cause::NearNull(near);
    }
    if address > i64::MAX as u64 {
        return Cause::KernelAddress;
    }
    if scene.maps.0.is_empty() {
        return Cause::MapsUnknown;
    }
    let below = scene.maps.below(address).map(|map| address - map.end);
    let above = scene.maps.above(address).map(|map| map.start - address);
    let is_near = |distance: &u64| *distance < NEAR_MAP;
    Cause::NotMapped { below: below.filter(is_near), above: above.filter(is_near) }
}

fn of_protection(scene: &Scene) -> Cause {
    let Some(address) = scene.address else { return Cause::Unknown };
    if stack::overflowed(scene, address).is_some() {
        return Cause::StackOverflow;
    }
    if let Some(map) = scene.map() {
        return if allows(map, scene.kind()) { Cause::AllowedNow } else { Cause::Protection };
    }
    match near(scene, address) {
        Some(near) => Cause::NearNull(near),
        // The whole upper half is the kernel's, and has a protection.
        None if address > i64::MAX as u64 => Cause::KernelAddress,
        None if scene.maps.0.is_empty() => Cause::MapsUnknown,
        // A core file may lack a map.
        None if scene.is_of_core => Cause::Protection,
        None => Cause::AllowedNow,
    }
}

/// True if the protection of a map allows an access. An access of unknown kind is no proof of the opposite.
fn allows(map: &Map, kind: Kind) -> bool {
    match kind {
        Kind::Load => map.read,
        Kind::Store => map.write,
        Kind::Fetch => map.exec,
        Kind::Access => map.read && map.write,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Signal;
    use crate::exec::maps::MapFlags;
    use crate::exec::scene::MappedFile;
    use crate::exec::scene::tests::{PAGE, START, load, map};

    const GIB: u64 = 1 << 30;

    /// A load of the last page of four, of a file that has all of them.
    fn within() -> Scene {
        load(map(4 * PAGE, 0, true, (true, true)), 3 * PAGE, 4 * PAGE)
    }

    fn with_flags(flags: &str) -> Scene {
        Scene { flags: MapFlags::of_letters(flags), ..within() }
    }

    fn with_file(file: MappedFile) -> Scene {
        Scene { file: Some(file), ..within() }
    }

    fn with(signal: i32, code: i32) -> Scene {
        Scene { signal: Signal(signal), code, ..within() }
    }

    #[test]
    fn a_bus_error_within_the_file_has_another_reason() {
        let file = |free| MappedFile {
            size: Some(4 * PAGE),
            total_and_free: Some((GIB, free)),
            ..MappedFile::default()
        };
        assert_eq!(Cause::of(&with_file(file(0))), Cause::NoSpace);
        assert_eq!(Cause::of(&with_file(file(GIB))), Cause::ReadError);
        assert_eq!(Cause::of(&with_file(MappedFile::default())), Cause::FileNotFound);
        let silent = |size| MappedFile { is_silent: true, size, ..MappedFile::default() };
        assert_eq!(Cause::of(&with_file(silent(None))), Cause::NoAnswer);
        assert_eq!(Cause::of(&with_file(silent(Some(4 * PAGE)))), Cause::NoAnswer);
        let short = Cause::PastEndOfFile { size: PAGE };
        assert_eq!(Cause::of(&with_file(silent(Some(PAGE)))), short);
        assert_eq!(Cause::of(&with_flags("rd wr um")), Cause::Userfaultfd);
        assert_eq!(Cause::of(&with_flags("rd ht")), Cause::NoHugePage);
        assert_eq!(Cause::of(&with(SIGBUS, 4)), Cause::BrokenMemory);
    }

    #[test]
    fn the_end_of_a_file_of_huge_pages_is_that_of_its_last_one() {
        let huge = |size| {
            let file =
                MappedFile { size: Some(size), huge_page: Some(2 << 20), ..Default::default() };
            Cause::of(&with_file(file))
        };
        assert_eq!(huge(PAGE), Cause::NoHugePage);
        assert_eq!(huge(0), Cause::PastEndOfFile { size: 0 });
    }

    #[test]
    fn what_the_map_allows_by_now_was_changed() {
        assert_eq!(Cause::of(&with(SIGSEGV, 2)), Cause::AllowedNow);
        // No map of the process is there any more; and a core file may lack the map.
        let gone = Scene { address: Some(START - PAGE), ..with(SIGSEGV, 2) };
        assert_eq!(Cause::of(&gone), Cause::AllowedNow);
        assert_eq!(Cause::of(&Scene { is_of_core: true, ..gone }), Cause::Protection);
        let closed = load(map(PAGE, 0, true, (false, false)), 0, PAGE);
        assert_eq!(
            Cause::of(&Scene { signal: Signal(SIGSEGV), code: 2, ..closed }),
            Cause::Protection
        );
    }

    #[test]
    fn a_core_file_does_not_tell_guard_pages_and_nothing_else_is_in_a_map() {
        let live = with(SIGSEGV, 1);
        assert_eq!(Cause::of(&live), Cause::AllowedNow);
        let core = Scene { is_of_core: true, ..live.clone() };
        assert_eq!(Cause::of(&core), Cause::GuardPage);
        assert_eq!(Cause::of(&Scene { is_guard: Some(true), ..live }), Cause::GuardPage);
    }

    #[test]
    fn the_neighbours_are_told_where_nothing_is_mapped() {
        let at = |address| {
            let scene = Scene { address: Some(address), access: None, ..with(SIGSEGV, 1) };
            Cause::of(&scene)
        };
        let end = START + 4 * PAGE;
        assert_eq!(at(end + 5), Cause::NotMapped { below: Some(5), above: None });
        assert_eq!(at(START - 5), Cause::NotMapped { below: None, above: Some(5) });
        assert_eq!(at(end + 2 * GIB), Cause::NotMapped { below: None, above: None });
        assert_eq!(at(8), Cause::NearNull(Near::Null { is_certain: false }));
        assert_eq!(at(u64::MAX), Cause::NearNull(Near::MapFailed { is_certain: true }));
    }

    #[test]
    fn without_maps_nothing_is_said_of_them() {
        for (signal, code) in [(SIGSEGV, 1), (SIGSEGV, 2), (SIGBUS, 2)] {
            let scene = Scene { maps: Default::default(), ..with(signal, code) };
            assert_eq!(Cause::of(&scene), Cause::MapsUnknown, "{signal} {code}");
        }
    }
}
