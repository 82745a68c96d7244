//! Some file systems write a file to its disk when a map of it goes, by munmap, by another map in its place, or with its
//! process; and when a descriptor is closed, as all are at the end of a process. The steps that take maps away are many, so the maps before a step are held against those after it. The main
//! type is [`Shown`].

use std::ops::Range;

use super::bytes::Content;
use super::interpreter::Interpreter;
use super::rule::Rule;
use super::state::{FileKind, Kind, Object, Process};

/// A part of the memory of a process that shows a file, shared.
#[derive(Debug)]
pub struct Shown {
    /// The number of the process.
    process: usize,
    /// Its addresses.
    range: Range<u64>,
    /// The file.
    object: usize,
}

impl Interpreter<'_> {
    /// Returns the shared maps of files, each with the number of its process; none where no file has bytes past its
    /// end that could be written out.
    pub(super) fn shown(&self) -> Vec<Shown> {
        let is_stale = |own: &Object| {
            matches!(own.kind, Kind::File(_))
                && own.bytes.any_but(Content::Zero, own.size..u64::MAX)
        };
        if !self.state.objects.iter().any(is_stale) {
            return Vec::new();
        }
        let maps = self.processes.iter().enumerate().flat_map(|(number, process)| {
            let shared = process.space.iter().filter(|own| own.shared);
            shared.filter_map(move |own| {
                Some(Shown { process: number, range: own.range.clone(), object: own.object? })
            })
        });
        maps.collect()
    }

    /// Closes the descriptors of a process that ends. (Linux: fuse_flush)
    pub(super) fn close_all(&mut self, ended: &Process) {
        for descriptor in ended.descriptors.iter().flatten() {
            if let FileKind::Object(object) = descriptor.shows {
                self.state.write_back_where(Rule::ClosingWritesBack, object);
            }
        }
    }

    /// Writes out the files whose shared maps have lost pages, or have gone with their process. (Linux:
    /// fuse_vma_close)
    pub(super) fn write_back_what_is_gone(&mut self, shown: &[Shown]) {
        for Shown { process, range, object } in shown {
            let kept = self.processes.get(*process).map_or(0, |process| {
                let same = process.space.touching(range).filter(|own| own.object == Some(*object));
                same.map(|own| own.range.end.min(range.end) - own.range.start.max(range.start))
                    .sum()
            });
            if kept < range.end - range.start {
                self.state.write_back_where(Rule::ClosingWritesBack, *object);
            }
        }
    }
}
