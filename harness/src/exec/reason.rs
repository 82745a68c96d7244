//! A cause must be told so that somebody who has not read mmap(2) knows what to look for: [`reason`] tells it in
//! sentences.

use super::cause::Cause;
use super::maps::{Map, What};
use super::past_end::past_end;
use super::scene::{Fate, Kind, MappedFile, Scene};
use super::stack;
use super::words::{bytes, describe, protection};
use crate::vocabulary::linux::SEGV_MAPERR;

/// The reason in sentences.
pub fn reason(scene: &Scene, cause: &Cause) -> Option<String> {
    let told = of_cause(scene, cause);
    match scene.fate {
        Fate::HandlerHasNoStack => {
            let told = told.map_or(String::new(), |told| format!("{told} "));
            Some(format!(
                "{told}The handler for {} had no stack to run on: it has no alternate stack, or one that cannot be \
                 written to (sigaltstack(2), SA_ONSTACK).",
                scene.signal
            ))
        }
        _ => told,
    }
}

fn of_cause(scene: &Scene, cause: &Cause) -> Option<String> {
    let address = scene.address.unwrap_or(0);
    let file = scene.file.as_ref();
    Some(match cause {
        Cause::Sent => sent(scene),
        Cause::PastEndOfFile { size } => past_end(scene, file?, *size),
        Cause::FileNotFound => format!(
            "{} was not found any more, so that its size is not known. As a rule a file was cut short \
             after the map was made: whole pages past its end raise SIGBUS.",
            file?.path.display()
        ),
        Cause::NoAnswer => no_answer(file?),
        Cause::NoSpace => no_space(file?)?,
        Cause::NoHugePage => {
            "No huge page was free. MAP_NORESERVE, or another process, has left none: \
             /proc/sys/vm/nr_hugepages."
                .to_owned()
        }
        Cause::Userfaultfd => {
            "The map is registered with userfaultfd(2), and nobody has provided the page."
                .to_owned()
        }
        Cause::ReadError => read_error(scene, file?)?,
        Cause::BrokenMemory => {
            "The memory itself is broken: a hardware error, see `dmesg`.".to_owned()
        }
        Cause::Misaligned => misaligned(scene),
        Cause::NotCanonical => not_canonical(scene),
        Cause::NoSignalFrame => no_signal_frame(scene),
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
        Cause::GuardPage => guard_page(scene),
        Cause::Protection => protected(scene)?,
        Cause::ProtectionKey { key } => format!(
            "The map has the protection key {key}, which forbids the access to this thread (pkeys(7))."
        ),
        Cause::NotMapped { below, above } if scene.kind() == Kind::Fetch => format!(
            "{} {OVERWRITTEN} Or the code was unmapped (dlclose(3)).",
            not_mapped(scene, *below, *above)
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

/// The reason of most fetches from where no code is.
const OVERWRITTEN: &str =
    "A return address or a pointer to a function was overwritten, or never set.";

fn no_signal_frame(scene: &Scene) -> String {
    let sp = scene.registers.sp;
    let of_stack = match scene.maps.at(sp).is_some_and(|map| map.write) {
        true => {
            "As a rule the handler was to run on an alternate stack that is not mapped any more, or too small \
             (sigaltstack(2), SA_ONSTACK)."
                .to_owned()
        }
        false => format!("The stack pointer is {sp:#x}, where no memory can be written to."),
    };
    format!("The kernel found no room for the frame of a signal that has a handler. {of_stack}")
}

fn sent(scene: &Scene) -> String {
    match scene.sender {
        Some(0) | None => {
            "It was sent by the kernel or a process; no access has raised it.".to_owned()
        }
        Some(sender) if sender == scene.process.pid => {
            "The process has sent it to itself; no access has raised it.".to_owned()
        }
        Some(sender) => format!("Process {sender} has sent it; no access has raised it."),
    }
}

fn no_space(file: &MappedFile) -> Option<String> {
    let (total, free) = file.total_and_free?;
    Some(format!(
        "{} has the byte ({} bytes, {} of them on the disk), but its file system is full: {free} of \
         {total} bytes are free. A page in a hole gets its block when it is first accessed; \
         fallocate(2) allocates it before.",
        file.name(),
        file.size?,
        file.allocated?
    ))
}

fn read_error(scene: &Scene, file: &MappedFile) -> Option<String> {
    if scene.is_of_core {
        return Some(format!(
            "{} has the byte now. When the program died it was shorter, or the page could not be read: a core \
             file does not tell.",
            file.name()
        ));
    }
    Some(format!(
        "{} has the byte ({} bytes), and its file system has room. So the page could not be read: an \
         error of the disk, or of a server (see `dmesg`). Or the file was shorter at the moment of the \
         fault, and has grown since.",
        file.name(),
        file.size?
    ))
}

fn misaligned(scene: &Scene) -> String {
    let address = scene.address.unwrap_or(0);
    match scene.access {
        Some(access) if access.alignment > 1 => format!(
            "The CPU demands that {address:#x} is a multiple of {} here, and it is not.",
            access.alignment
        ),
        _ => "The CPU demands an aligned address here.".to_owned(),
    }
}

fn not_canonical(scene: &Scene) -> String {
    let address = scene.address.unwrap_or(0);
    match scene.kind() {
        Kind::Fetch => format!(
            "The program has tried to go on at {address:#x}, which is no address of this CPU. {OVERWRITTEN}"
        ),
        _ => format!(
            "{address:#x} is no address of this CPU: its upper bits are neither all 0 nor all 1. Such a pointer \
             was overwritten, or never set."
        ),
    }
}

fn guard_page(scene: &Scene) -> String {
    match scene.is_guard {
        Some(true) => {
            "The page was made a guard by madvise(2), MADV_GUARD_INSTALL.".to_owned()
        }
        _ => {
            "The map allows the access, and the kernel has found nothing there. So madvise(2), MADV_GUARD_INSTALL, \
             has made the page a guard, as a rule; or another thread has made the map at that moment. A core file \
             does not tell."
                .to_owned()
        }
    }
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

fn stack_overflow(scene: &Scene) -> String {
    let stack = scene.address.and_then(|address| stack::overflowed(scene, address));
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
    let mut told = match map.is_closed() {
        true => "The protection of the map forbids every access (PROT_NONE): that of guard pages, and of memory \
                 that is reserved."
            .to_owned(),
        false => format!(
            "The protection of the map forbids it: it is {}, and cannot {tried}.",
            protection(map)
        ),
    };
    if scene.kind() == Kind::Fetch && !map.is_closed() {
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
