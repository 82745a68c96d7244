//! The first line of a report names the signal, the access and the map: these are its words.

use super::cause::Cause;
use super::maps::{Map, What};
use super::scene::{Kind, MappedFile, Scene};
use crate::case::code_name;
use crate::printable::escaped;

/// The beginning of the first line: `SIGBUS BUS_ADRERR`.
pub fn signal(scene: &Scene) -> String {
    format!("{} {}", scene.signal, code_name(scene.signal, scene.code))
}

/// The rest of the first line: what, where, in which thread, by which code.
pub fn head(scene: &Scene) -> String {
    let mut head = String::new();
    // Nothing of an access is known where the kernel could not write a signal frame.
    if scene.code > 0 && Cause::of(scene) != Cause::NoSignalFrame {
        let what = match scene.access {
            Some(access) if access.bytes > 0 && access.kind != Kind::Fetch => {
                format!("{} of {}", access.kind, bytes(access.bytes))
            }
            _ => scene.kind().to_string(),
        };
        // An access that crosses a page may fault at its second part.
        let part = scene.access.and_then(|access| {
            let before = scene.address?.checked_sub(access.address?)?;
            (before > 0 && before < access.bytes).then_some(before)
        });
        let begins =
            part.map_or(String::new(), |before| format!(" that begins {} earlier,", bytes(before)));
        head.push_str(&format!(": {what}{begins} at {}", place(scene)));
    }
    if scene.thread.tid != scene.process.pid {
        // One that has ended since has no name any more.
        let name = match scene.thread.name.as_str() {
            "" => String::new(),
            name => format!(" ({name})"),
        };
        head.push_str(&format!(", thread {}{name}", scene.thread.tid));
    }
    if let Some(function) = &scene.function {
        head.push_str(&format!(", at {function}"));
    }
    if let Some(caller) = &scene.caller {
        head.push_str(&format!(", called from {caller}"));
    }
    if let Some(signal) = scene.within_handler {
        head.push_str(&format!(", in the handler of {signal}"));
    }
    head.push_str(&format!(", process {} ({})", scene.process.pid, scene.process.name));
    escaped(&head).into_owned()
}

/// The place of the address: in a map, or where none is.
fn place(scene: &Scene) -> String {
    let Some(address) = scene.address else {
        return "an address that the CPU does not tell".to_owned();
    };
    match scene.map() {
        Some(map) => {
            format!("byte {} of {}", address - map.start, describe(map, scene.file.as_ref()))
        }
        None => format!("address {address:#x}"),
    }
}

/// `a map of data.db (8192 bytes from offset 0, MAP_SHARED, read and write)`.
pub fn describe(map: &Map, file: Option<&MappedFile>) -> String {
    let length = map.length();
    let shared = match map.shared {
        Some(true) => ", MAP_SHARED",
        Some(false) => ", MAP_PRIVATE",
        None => "",
    };
    let protection = protection(map);
    match &map.what {
        What::File(path) => {
            let name = match file {
                Some(file) => file.name(),
                None => path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
            };
            let offset = map.offset;
            format!("a map of {name} ({length} bytes from offset {offset}{shared}, {protection})")
        }
        What::Anonymous => format!("anonymous memory ({length} bytes{shared}, {protection})"),
        What::Heap => format!("the heap ({length} bytes, {protection})"),
        What::Stack => format!("the stack ({length} bytes, {protection})"),
        What::Kernel(name) => format!("{name} ({length} bytes, {protection})"),
    }
}

/// `read and write`, `no access`.
pub fn protection(map: &Map) -> &'static str {
    match (map.read, map.write, map.exec) {
        (false, false, false) => "no access",
        (true, false, false) => "read only",
        (true, true, false) => "read and write",
        (true, false, true) => "read and execute",
        (true, true, true) => "read, write and execute",
        (false, true, false) => "write only",
        (false, false, true) => "execute only",
        (false, true, true) => "write and execute",
    }
}

/// `1 byte`, `2 bytes`.
pub fn bytes(number: u64) -> String {
    format!("{number} {}", if number == 1 { "byte" } else { "bytes" })
}
