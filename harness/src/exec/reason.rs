//! A cause must be told so that somebody who has not read mmap(2) knows what to look for: [`reason`] tells it in
//! sentences.

use std::time::Duration;

use super::cause::Cause;
use super::maps::{Map, What};
use super::scene::{Kind, MappedFile, Scene};
use super::words::{bytes, describe, protection};
use crate::vocabulary::linux::SEGV_MAPERR;

/// The reason in sentences.
pub fn reason(scene: &Scene, cause: &Cause) -> Option<String> {
    let address = scene.address.unwrap_or(0);
    let file = scene.file.as_ref();
    Some(match cause {
        Cause::Sent => match scene.sender {
            Some(0) | None => {
                "It was sent by the kernel or a process; no access has raised it.".to_owned()
            }
            Some(sender) if sender == scene.process.pid => {
                "The process has sent it to itself; no access has raised it.".to_owned()
            }
            Some(sender) => format!("Process {sender} has sent it; no access has raised it."),
        },
        Cause::PastEndOfFile { size } => past_end(scene, file?, *size),
        Cause::FileNotFound => format!(
            "{} was not found any more, so that its size is not known. As a rule a file was cut short \
             after the map was made: whole pages past its end raise SIGBUS.",
            file?.path.display()
        ),
        Cause::NoAnswer => no_answer(file?),
        Cause::NoSpace => {
            let (total, free) = file?.total_and_free?;
            format!(
                "{} has the byte ({} bytes, {} of them on the disk), but its file system is full: {free} of \
                 {total} bytes are free. A page in a hole gets its block when it is first accessed; \
                 fallocate(2) allocates it before.",
                file?.name(),
                file?.size?,
                file?.allocated?
            )
        }
        Cause::NoHugePage => {
            "No huge page was free. MAP_NORESERVE, or another process, has left none: \
             /proc/sys/vm/nr_hugepages."
                .to_owned()
        }
        Cause::Userfaultfd => {
            "The map is registered with userfaultfd(2), and nobody has provided the page."
                .to_owned()
        }
        Cause::ReadError if scene.is_of_core => format!(
            "{} has the byte now. When the program died it was shorter, or the page could not be read: a core \
             file does not tell.",
            file?.name()
        ),
        Cause::ReadError => format!(
            "{} has the byte ({} bytes), and its file system has room. So the page could not be read: an \
             error of the disk, or of a server (see `dmesg`). Or the file was shorter at the moment of the \
             fault, and has grown since.",
            file?.name(),
            file?.size?
        ),
        Cause::BrokenMemory => {
            "The memory itself is broken: a hardware error, see `dmesg`.".to_owned()
        }
        Cause::Misaligned => match scene.access {
            Some(access) if access.alignment > 1 => format!(
                "The CPU demands that {address:#x} is a multiple of {} here, and it is not.",
                access.alignment
            ),
            _ => "The CPU demands an aligned address here.".to_owned(),
        },
        Cause::NotCanonical if scene.kind() == Kind::Fetch => format!(
            "The program has tried to go on at {address:#x}, which is no address of this CPU. A return address or a \
             pointer to a function was overwritten, or never set."
        ),
        Cause::NotCanonical => format!(
            "{address:#x} is no address of this CPU: its upper bits are neither all 0 nor all 1. Such a pointer \
             was overwritten, or never set."
        ),
        Cause::GeneralProtection => {
            "The CPU tells no address. The instruction is not allowed here, or its \
             operand is not."
                .to_owned()
        }
        Cause::NearNull(near) => near.reason(scene),
        Cause::KernelAddress => {
            format!("{address:#x} is an address of the kernel, as no pointer of a program is.")
        }
        Cause::StackOverflow => stack_overflow(scene),
        Cause::GuardPage if scene.is_guard == Some(true) => {
            "The page was made a guard by madvise(2), MADV_GUARD_INSTALL.".to_owned()
        }
        Cause::GuardPage => {
            "The map allows the access, and the kernel has found nothing there. So madvise(2), MADV_GUARD_INSTALL, \
             has made the page a guard, as a rule; or another thread has made the map at that moment. A core file \
             does not tell."
                .to_owned()
        }
        Cause::Protection => protected(scene)?,
        Cause::ProtectionKey { key } => format!(
            "The map has the protection key {key}, which forbids the access to this thread (pkeys(7))."
        ),
        Cause::NotMapped { below, above } => not_mapped(scene, *below, *above),
        Cause::AllowedNow => allowed_now(scene),
        Cause::MapsUnknown => {
            "The kernel does not let the maps of the process be read: it is not dumpable \
             (PR_SET_DUMPABLE), or it is another user's."
                .to_owned()
        }
        Cause::Unknown => "Nothing more is known of it.".to_owned(),
    })
}

fn past_end(scene: &Scene, file: &MappedFile, size: u64) -> String {
    let name = file.name();
    let page = file.huge_page.unwrap_or(scene.page);
    let mut told = match (file.size_when_mapped, size) {
        (Some(mapped), _) if mapped > size => format!(
            "{name} has {size} bytes now; it had {mapped} when it was mapped: it was cut short after the map \
             was made."
        ),
        (Some(mapped), _) if mapped == size => {
            format!(
                "{name} has {size} bytes, as when it was mapped: the map is longer than the file."
            )
        }
        (_, 0) => format!("{name} is empty now."),
        _ if file.is_at_most => format!(
            "{name} has at most {size} bytes now: it has no name any more, so that its pages were counted."
        ),
        _ => format!("{name} has {size} bytes now."),
    };
    if let (None, Some(changed)) = (file.size_when_mapped, file.changed) {
        told.push_str(&when_changed(changed, scene.process.age));
    }
    if file.is_replaced {
        told.push_str(" Another file has its name now.");
    } else if file.is_deleted && !file.is_at_most {
        told.push_str(" It has no name any more.");
    }
    if file.is_silent {
        told.push_str(" Its file system does not answer: this is the size that the kernel knows.");
    }
    let end = size.next_multiple_of(page);
    match size {
        0 => told.push_str(" Every page of a map of it raises SIGBUS."),
        _ => told
            .push_str(&format!(" Its last page ends at {end}; whole pages past it raise SIGBUS.")),
    }
    told
}

fn no_answer(file: &MappedFile) -> String {
    let path = file.path.display();
    match file.size {
        Some(size) => format!(
            "The kernel knows {path} with {size} bytes, which has the byte; and its file system does not answer."
        ),
        None => format!(
            "The file system of {path} does not answer, so that the size of the file is not known. As a rule a \
             file was cut short after the map was made: whole pages past its end raise SIGBUS."
        ),
    }
}

/// Says when a file was changed. The start of a process is known to a hundredth of a second, and the time of a change
/// to the length of a tick. Where a file is cut short, its size comes first, then its pages are given back, which takes
/// long for a large one, and its time of change is set in the end (fs/ext4/inode.c: ext4_setattr).
fn when_changed(changed: Duration, age: Option<Duration>) -> String {
    const UNKNOWN: Duration = Duration::from_millis(20);
    let ago = seconds(changed);
    match age {
        Some(age) if changed > age + UNKNOWN => {
            " Its time of change is before the start of the process: it was shorter than the map from the \
             beginning, or it is being cut short right now."
                .to_owned()
        }
        Some(age) if changed + UNKNOWN < age => format!(
            " It was changed {ago} ago, {} after the process was started.",
            seconds(age - changed)
        ),
        _ => format!(" It was changed {ago} ago."),
    }
}

fn stack_overflow(scene: &Scene) -> String {
    let stack = scene.maps.above(scene.address.unwrap_or(0)).or(scene.map());
    let length = stack.map_or(0, Map::length);
    let is_first = stack.is_some_and(|map| map.what == What::Stack);
    let limit = scene.stack_limit.filter(|_| is_first);
    let limit =
        limit.map_or(String::new(), |limit| format!(", and may have {limit} (`ulimit -s`)"));
    format!("The stack of the thread has overflowed. It has {length} bytes{limit}.")
}

fn protected(scene: &Scene) -> Option<String> {
    let Some(map) = scene.map() else {
        return Some(
            "A map was there, whose protection forbids it, and the core file has none: as a rule one without any \
             access (PROT_NONE), as guard pages are, and memory that is reserved."
                .to_owned(),
        );
    };
    let file = scene.file.as_ref();
    let tried = match scene.kind() {
        Kind::Load => "be read",
        Kind::Store => "be written to",
        Kind::Fetch => "be executed",
        Kind::Access => "be accessed like this",
    };
    let mut told = format!(
        "The protection of the map forbids it: it is {}, and cannot {tried}.",
        protection(map)
    );
    if map.is_closed() {
        told.push_str(" PROT_NONE is that of guard pages, and of memory that is reserved.");
    }
    if scene.kind() == Kind::Fetch && map.write {
        told.push_str(" The program has jumped into data.");
    }
    if scene.flags.has("sl") {
        told.push_str(" The map is sealed (mseal(2)): its protection cannot be changed.");
    }
    if file.is_some_and(|file| file.is_write_sealed) && scene.kind() == Kind::Store {
        told.push_str(" The file is sealed against writing (F_SEAL_WRITE).");
    }
    Some(told)
}

fn allowed_now(scene: &Scene) -> String {
    let told = match (scene.map(), scene.code) {
        (None, _) => {
            "A map was there, whose protection has forbidden it: another thread has unmapped it since."
        }
        (Some(_), SEGV_MAPERR) if scene.is_of_core => "Another thread has made the map since.",
        // Linux 6.13 and 6.14 have guard pages, and tell of none.
        (Some(_), SEGV_MAPERR) => {
            "The map allows the access now: another thread has made it since. Or the page is a guard \
             (MADV_GUARD_INSTALL), which the kernel tells since Linux 6.15."
        }
        _ => {
            "The map allows the access now: another thread has changed it since, or the reason is something else."
        }
    };
    told.to_owned()
}

/// An object of this size is an array, or a buffer.
const LARGE_OBJECT: u64 = 256 << 20;

fn not_mapped(scene: &Scene, below: Option<u64>, above: Option<u64>) -> String {
    let address = scene.address.unwrap_or(0);
    let name = |map: Option<&Map>| map.map_or(String::new(), |map| describe(map, None));
    let before = below.map(|bytes| (bytes, name(scene.maps.below(address))));
    let after = above.map(|bytes| (bytes, name(scene.maps.above(address))));
    let past = |number: u64, map: &str| match number {
        0 => format!("the first byte past the end of {map}"),
        number => format!("{} past the end of {map}", bytes(number)),
    };
    match (before, after) {
        (Some((below, map)), Some((above, next))) if below < above => format!(
            "Nothing is mapped there. It is {}; the next map begins {} further: {next}.",
            past(below, &map),
            bytes(above)
        ),
        (Some((below, map)), Some((above, next))) => format!(
            "Nothing is mapped there. It is {} before {next}; and {}.",
            bytes(above),
            past(below, &map)
        ),
        (Some((below, map)), None) => {
            format!("Nothing is mapped there. It is {}.", past(below, &map))
        }
        (None, Some((above, map))) => {
            format!("Nothing is mapped there. It is {} before {map}.", bytes(above))
        }
        (None, None) if address < LARGE_OBJECT => format!(
            "Nothing is mapped there. It may be byte {address} of what a null pointer points to."
        ),
        (None, None) => "Nothing is mapped there, nor near.".to_owned(),
    }
}

/// `0.2 s`, `3 min`, `2 h`, `5 days`.
fn seconds(time: Duration) -> String {
    match time.as_secs() {
        0..120 => format!("{:.2} s", time.as_secs_f64()),
        all @ 120..7200 => format!("{} min", all / 60),
        all @ 7200..172_800 => format!("{} h", all / 3600),
        all => format!("{} days", all / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_time_of_change_may_be_that_of_a_file_that_is_being_cut_short() {
        let told = |changed, age| {
            when_changed(Duration::from_millis(changed), Some(Duration::from_millis(age)))
        };
        assert!(told(5000, 100).contains("before the start of the process"));
        assert!(told(5000, 100).contains("is being cut short right now"));
        assert_eq!(told(100, 110), " It was changed 0.10 s ago.");
        let after = " It was changed 0.10 s ago, 4.90 s after the process was started.";
        assert_eq!(told(100, 5000), after);
    }
}
