//! A file that is too short for its map is the most common reason of SIGBUS: [`past_end`] tells how long it is, and when
//! it was changed.

use std::time::Duration;

use super::scene::{MappedFile, Scene};

/// The reason in sentences, for a file of this size.
pub fn past_end(scene: &Scene, file: &MappedFile, size: u64) -> String {
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
    // The first line has the byte of the map.
    if let (Some(byte), Some(1..)) = (scene.offset_in_file(), scene.map().map(|map| map.offset)) {
        told.push_str(&format!(" This is byte {byte} of the file."));
    }
    told
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
