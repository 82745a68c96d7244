//! A map is seen at a glance where it is drawn: [`picture`] draws the map of a fault as the cases' pictures are drawn,
//! and [`case`] writes a case of the same shape, which shows the fault alone.

use super::cause::Cause;
use super::maps::{Map, What};
use super::scene::{Kind, Scene};
use crate::case::{Access, Clean, Fault, FaultAddress, FaultMap, Outcome, Row, Signal, limits};
use crate::picture::{Front, Offsets, grid};
use crate::vocabulary::linux::{BUS_ADRERR, SEGV_ACCERR, SEGV_MAPERR, SIGBUS, SIGSEGV};

/// Draws what loads and stores of each byte of the map come to; nothing where the causes are others than the end of
/// the file or of the map.
pub fn picture(scene: &Scene, cause: &Cause) -> Vec<String> {
    let rows = drawn(scene, cause).map_or_else(Vec::new, |(map, size)| rows(scene, map, size));
    if rows.is_empty() {
        return Vec::new();
    }
    grid(&FaultMap { rows }, None, &Offsets::in_bytes(), Front::NotProbed)
}

/// The outcomes of loads and stores along a map of a file of this size, or of no file.
fn rows(scene: &Scene, map: &Map, size: Option<u64>) -> Vec<Row> {
    let length = map.length() as i64;
    // What lies behind the map may be another map.
    let is_free_behind = scene.maps.at(map.end).is_none();
    let mut rows = Vec::new();
    for (access, allowed) in [(Access::Read, map.read), (Access::Write, map.write)] {
        // What nobody has tried is drawn only where it works.
        if !(allowed || is_tried(scene, access)) {
            continue;
        }
        let mut starts: Vec<(i64, Outcome)> = Vec::new();
        if !allowed {
            starts.push((0, fault(SIGSEGV, SEGV_ACCERR)));
        } else if let Some(size) = size {
            let bytes = size.saturating_sub(map.offset).min(map.length()) as i64;
            let whole = size.next_multiple_of(scene.page).saturating_sub(map.offset);
            let whole = whole.min(map.length()) as i64;
            let (data, tail) = match (access, map.shared) {
                (Access::Read, _) => (Clean::Data, Clean::Zero),
                (_, Some(false)) => (Clean::MemoryOnly, Clean::MemoryOnly),
                (_, Some(true)) => (Clean::ToFile, Clean::MemoryOnly),
                // Whether a store reaches the file is not known.
                (_, None) => (Clean::Ok, Clean::Ok),
            };
            let parts = [(0, bytes, data), (bytes, whole, tail)];
            let parts = parts.into_iter().filter(|(from, to, _)| from < to);
            starts.extend(parts.map(|(from, _, clean)| (from, Outcome::Clean(clean))));
            if whole < length {
                starts.push((whole, fault(SIGBUS, BUS_ADRERR)));
            }
        } else {
            starts.push((0, Outcome::Clean(Clean::Ok)));
        }
        if is_free_behind {
            starts.push((length, fault(SIGSEGV, SEGV_MAPERR)));
        }
        rows.push(Row::from_starts(access, starts));
    }
    rows
}

/// The map to draw, and the size of its file.
fn drawn<'a>(scene: &'a Scene, cause: &Cause) -> Option<(&'a Map, Option<u64>)> {
    // A sweep of fetches would have to run what the file holds.
    if scene.kind() == Kind::Fetch {
        return None;
    }
    let map = match cause {
        Cause::PastEndOfFile { .. } | Cause::Protection => scene.map()?,
        // Right past the end of a map.
        Cause::NotMapped { below: Some(below), .. } if *below < scene.page => {
            scene.maps.below(scene.address?)?
        }
        _ => return None,
    };
    match &map.what {
        // Of a map of hugetlbfs the pages are larger, which the language of cases knows, and the drawing does not.
        What::File(_) if scene.file.as_ref().is_some_and(|file| file.huge_page.is_some()) => None,
        What::File(_) => {
            let size = scene.file.as_ref().and_then(|file| file.size);
            Some((map, Some(size?)))
        }
        What::Anonymous => Some((map, None)),
        _ => None,
    }
}

fn is_tried(scene: &Scene, access: Access) -> bool {
    match scene.kind() {
        Kind::Load => access == Access::Read,
        Kind::Store => access == Access::Write,
        Kind::Fetch => false,
        Kind::Access => true,
    }
}

fn fault(signal: i32, code: i32) -> Outcome {
    Outcome::Fault(Fault {
        signal: Signal(signal),
        code: Some(code),
        address: FaultAddress::Accessed,
    })
}

/// The pages of data, and of what lies past them, that are left in a case: a larger map has the same shape.
const PAGES: u64 = 4;

/// Writes a case with the same file, map and access; `None` where the cause is no matter of the map, or the language
/// cannot say it.
pub fn case(scene: &Scene, cause: &Cause) -> Option<String> {
    let (map, size) = drawn(scene, cause)?;
    let lines = steps(scene, cause, map, size)?;
    Some(match map.shared {
        Some(_) => lines,
        None => {
            format!("// Whether the map was shared is not known. This case assumes it.\n{lines}")
        }
    })
}

/// The steps of the case: the file, the map and the sweep.
fn steps(scene: &Scene, cause: &Cause, map: &Map, size: Option<u64>) -> Option<String> {
    let page = scene.page;
    let protection = match (map.read, map.write, map.exec) {
        (false, false, false) => "PROT_NONE".to_owned(),
        all => {
            let names = [(all.0, "PROT_READ"), (all.1, "PROT_WRITE"), (all.2, "PROT_EXEC")];
            let names: Vec<&str> = names.iter().filter(|own| own.0).map(|own| own.1).collect();
            names.join(" | ")
        }
    };
    let sharing = if map.shared == Some(false) { "MAP_PRIVATE" } else { "MAP_SHARED" };
    let sweep = match (map.read, map.write) {
        (_, true) => "read, write",
        _ if is_tried(scene, Access::Write) => "read, write",
        _ => "read",
    };
    let Some(size) = size else {
        let length = map.length().min(2 * PAGES * page);
        return Some(format!(
            "map = mmap(0, {length}, {protection}, {sharing} | MAP_ANONYMOUS, -1, 0);\n\
             sweep(map, {sweep});\n"
        ));
    };
    // Whole pages of data before the end of the file, and pages past it, are left out.
    let size = size.max(map.offset);
    let data = (size - map.offset).min(map.length());
    let cut_data = (data / page).saturating_sub(PAGES) * page;
    let data = data - cut_data;
    let tail = (map.length() - cut_data).saturating_sub(data.next_multiple_of(page));
    let length = data.next_multiple_of(page) + tail.min(PAGES * page);
    let offset = map.offset.min(PAGES * page);
    let (file, before) = (offset + data, offset + length);
    // The language writes to no file without a size, and cuts it short as it was done here.
    let lines = match matches!(cause, Cause::PastEndOfFile { .. }) {
        true => format!(
            "fd  = file({before});\n\
             map = mmap(0, {length}, {protection}, {sharing}, fd, {offset});\n\
             ftruncate(fd, {file});\n\
             sweep(map, {sweep});\n"
        ),
        false => format!(
            "fd  = file({file});\n\
             map = mmap(0, {length}, {protection}, {sharing}, fd, {offset});\n\
             sweep(map, {sweep});\n"
        ),
    };
    (before <= limits::FILE_BYTES).then_some(lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::{Case, SweepResult};
    use crate::exec::scene::tests::{PAGE, load, map};
    use crate::model::{Environment, predict};

    /// What is drawn is what the model says of the case that is printed.
    #[test]
    fn the_picture_is_that_of_the_case() {
        let sizes = [0, 1, 100, PAGE, PAGE + 1, 2 * PAGE];
        let all = sizes.into_iter().flat_map(|size| {
            [0, PAGE].into_iter().flat_map(move |offset| {
                [(true, true), (true, false)].into_iter().flat_map(move |access| {
                    [true, false].map(|shared| (size, offset, access, shared))
                })
            })
        });
        for (size, offset, access, shared) in all {
            let map = map(4 * PAGE, offset, shared, access);
            let scene = load(map.clone(), 3 * PAGE, size);
            let cause = Cause::of(&scene);
            assert_eq!(cause, Cause::PastEndOfFile { size });
            let case: Case =
                case(&scene, &cause).expect("a case").parse().expect("one that is right");
            let predicted = &predict(&case, &Environment::with_pages_of(PAGE))[0].measurement;
            let SweepResult::Map(predicted) = &predicted.sweeps[0] else {
                panic!("no map: {case}")
            };
            for row in rows(&scene, &map, Some(size)) {
                let own =
                    predicted.rows.iter().find(|own| own.access == row.access).expect("a row");
                for at in (0..5 * PAGE as i64).step_by(50) {
                    assert_eq!(row.at(at), own.at(at), "byte {at} of {} bytes: {case}", size);
                }
            }
        }
    }

    #[test]
    fn nothing_is_said_of_sharing_where_it_is_not_known() {
        let own = map(4 * PAGE, 0, true, (true, true));
        let scene = load(Map { shared: None, ..own }, 3 * PAGE, 100);
        let cause = Cause::of(&scene);
        let drawn = picture(&scene, &cause).join("\n");
        assert!(drawn.contains("write") && drawn.contains("SIGBUS ADRERR"), "{drawn}");
        assert!(!drawn.contains("to file") && !drawn.contains("memory only"), "{drawn}");
        let text = case(&scene, &cause).expect("a case");
        assert!(text.starts_with("// Whether the map was shared is not known."), "{text}");
        text.parse::<Case>().expect("one that is right");
    }

    #[test]
    fn a_map_may_be_shorter_than_its_file() {
        let scene = load(map(2 * PAGE, 0, true, (true, false)), 2 * PAGE + 1, 1 << 20);
        let scene = Scene { signal: Signal(SIGSEGV), code: 1, ..scene };
        let cause = Cause::of(&scene);
        assert_eq!(cause, Cause::NotMapped { below: Some(1), above: None });
        let case: Case = case(&scene, &cause).expect("a case").parse().expect("one that is right");
        let predicted = &predict(&case, &Environment::with_pages_of(PAGE))[0].measurement;
        let SweepResult::Map(predicted) = &predicted.sweeps[0] else { panic!("no map: {case}") };
        let at = |byte| predicted.rows[0].at(byte);
        assert_eq!(at(2 * PAGE as i64), Some(fault(SIGSEGV, SEGV_MAPERR)), "{case}");
        assert_eq!(at(2 * PAGE as i64 - 1), Some(Outcome::Clean(Clean::Data)), "{case}");
    }

    #[test]
    fn a_large_map_has_a_small_case_with_the_same_end() {
        let map = map(300 << 20, 1 << 20, true, (true, true));
        let scene = load(map, 200 << 20, (100 << 20) + 7);
        let text = case(&scene, &Cause::of(&scene)).expect("a case");
        let case: Case = text.parse().expect("one that is right");
        let picture = picture(&scene, &Cause::of(&scene)).join("\n");
        assert!(text.contains("ftruncate(fd, "), "{case}");
        let end = (100 << 20) + PAGE - (1 << 20);
        assert!(picture.contains(&end.to_string()), "the end of the last page: {picture}");
        let outcome = |at| {
            let cases: Vec<_> = predict(&case, &Environment::with_pages_of(PAGE));
            let SweepResult::Map(map) = &cases[0].measurement.sweeps[0] else { panic!("no map") };
            map.rows[0].at(at)
        };
        // Four pages of data, and the page in which the file ends.
        assert_eq!(outcome(5 * PAGE as i64 - 1), Some(Outcome::Clean(Clean::Zero)), "{case}");
        assert_eq!(outcome(5 * PAGE as i64), Some(fault(SIGBUS, BUS_ADRERR)), "{case}");
    }

    #[test]
    fn what_lies_behind_another_map_is_not_drawn() {
        let own = map(2 * PAGE, 0, true, (true, false));
        let mut scene = load(own.clone(), PAGE, 100);
        let cause = Cause::of(&scene);
        assert!(picture(&scene, &cause).join("").contains("MAPERR"));
        let next = Map { start: own.end, end: own.end + PAGE, ..own };
        scene.maps.0.push(next);
        assert!(!picture(&scene, &cause).join("").contains("MAPERR"));
    }
}
