//! A report for programs: one object on a line. harness/docs/exec.md tells what each field means.

use serde_json::{Value, json};

use super::cause::Cause;
use super::crashed_file::Mismatch;
use super::maps::What;
use super::reason::reason;
use super::scene::{Fate, Place, Scene};
use crate::case::code_name;

/// It grows when a field of a JSON report changes its meaning or goes.
pub const SCHEMA: u32 = 1;

/// Returns the report of a fault.
pub fn report(scene: &Scene) -> Value {
    let cause = Cause::of(scene);
    let place = |place: &Place| {
        json!({
            "function": place.function.as_ref().map(|own| &own.0),
            "offset": place.function.as_ref().map(|own| own.1),
            "object": place.object,
            "line": place.line,
            "address": hex(place.address),
            "mismatch": place.mismatch.map(Mismatch::name),
        })
    };
    json!({
        "schema": SCHEMA,
        "signal": scene.signal.to_string(),
        "code": code_name(scene.signal, scene.code),
        "handled": matches!(scene.fate, Fate::IsHandled | Fate::WasHandled { .. }),
        "ending": match &scene.fate {
            Fate::WasHandled { ending, .. } => Some(ending),
            Fate::Ends | Fate::HandlerHasNoStack | Fate::IsHandled => None,
        },
        "within_handler": scene.within_handler.map(|signal| signal.to_string()),
        "cause": cause.name(),
        "reason": reason(scene, &cause),
        "access": scene.access.map(|access| access.kind.to_string()),
        "bytes": scene.access.map(|access| access.bytes).filter(|bytes| *bytes > 0),
        "address": scene.address.map(hex),
        "first_byte": scene.access.and_then(|access| access.address).map(hex),
        "sender": scene.sender,
        "process": { "pid": scene.process.pid, "name": scene.process.name },
        "thread": {
            "tid": scene.thread.tid,
            "name": Some(&scene.thread.name).filter(|name| !name.is_empty()),
        },
        "function": scene.function.as_ref().map(place),
        "caller": scene.caller.as_ref().map(place),
        "map": map(scene),
        "file": file(scene),
    })
}

fn hex(address: u64) -> String {
    format!("{address:#x}")
}

/// The map at the address.
fn map(scene: &Scene) -> Option<Value> {
    scene.map().map(|map| {
        json!({
            "start": hex(map.start),
            "length": map.length(),
            "byte": scene.address.map(|address| address - map.start),
            "read": map.read,
            "write": map.write,
            "exec": map.exec,
            "shared": map.shared,
            "what": match &map.what {
                What::File(_) => "file",
                What::Anonymous => "anonymous",
                What::Heap => "heap",
                What::Stack => "stack",
                What::Kernel(_) => "kernel",
            },
            "offset": map.file().map(|_| map.offset),
        })
    })
}

/// The file behind the map.
fn file(scene: &Scene) -> Option<Value> {
    scene.file.as_ref().map(|file| {
        json!({
            "path": file.path.to_string_lossy(),
            "deleted": file.is_deleted,
            "replaced": file.is_replaced,
            "size": file.size.filter(|_| !file.is_at_most),
            "size_at_most": file.size.filter(|_| file.is_at_most),
            "size_when_mapped": file.size_when_mapped,
            "changed_seconds_ago": file.changed.map(|changed| changed.as_secs_f64()),
            "byte": scene.offset_in_file(),
            "silent": file.is_silent,
        })
    })
}
