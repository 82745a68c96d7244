//! A worker may be killed at any time, and what its children have answered must not be asked again. So a
//! journal keeps the answers of a case where they outlive the worker that has asked for them. The main type
//! is [`Journal`].
//!
//! Each answer goes into a memfd that the controller holds as well, in one write(2) that a kill cannot cut
//! in two, and the next worker begins by reading them back. Which questions a case asks, and in which
//! order, follows from the answers, so they are read in the order in which they were written, and the
//! first question without an answer is the one that the dead worker was at. Where that question has
//! cost several workers their lives, the controller writes down that it is lost, and it is not asked.
//!
//! Each entry is a line of JSON, padded to a width that divides every page: the kernel copies a write of no
//! more than a page in one go. Neighbouring bytes of equal outcome share a line, so that an exhaustive
//! row takes no more room than a bisected one.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use rustix::fs::MemfdFlags;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::case::{HarnessError, Outcome, StepResult};
use crate::victim::{Fill, Probe};

/// Lines are a multiple of this many bytes.
const WIDTH: usize = 256;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Entry {
    /// The results of the steps of one child.
    Steps(Vec<StepResult>),
    /// The probes of so many bytes, the first of them this one, came to this.
    Probes { first: Probe, fill: Fill, count: u64, outcome: Outcome },
    /// The next question has no answer, and is not to be asked again.
    Failed(HarnessError),
}

/// The answers to a case, old ones to be read and new ones to be written.
#[derive(Debug)]
pub struct Journal<'a> {
    /// None where nothing is kept.
    file: Option<&'a File>,
    /// The entries of an earlier worker that are still to be read, and the number of probes of the first of
    /// them that have been read.
    earlier: std::iter::Peekable<std::vec::IntoIter<Entry>>,
    read: u64,
    /// The line that was written last, and where it begins and ends.
    last: Option<Entry>,
    begin: u64,
    end: u64,
}

/// Makes an empty file for a journal: in memory, or without a name in the folder for temporary files where the kernel
/// has no memfds. Fails as memfd_create(2) and open(2) do.
pub fn file() -> io::Result<File> {
    match rustix::fs::memfd_create(c"faultmap-journal", MemfdFlags::CLOEXEC) {
        Ok(fd) => Ok(File::from(fd)),
        Err(Errno::NOSYS) => tempfile::tempfile(),
        Err(errno) => Err(errno.into()),
    }
}

/// Returns all that was written to a file. Fails as read(2) does.
pub fn bytes(file: &File) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX)];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

/// Returns all answers in a file, and nothing that was cut off. Fails as read(2) does.
pub fn answers(file: &File) -> io::Result<Vec<u8>> {
    let mut bytes = bytes(file)?;
    bytes.truncate(entries(&bytes).1);
    Ok(bytes)
}

/// Returns the line that says that the next question is lost: it is not asked any more.
pub fn lost(how: &str) -> Vec<u8> {
    line(&Entry::Failed(HarnessError::WorkerDied(how.to_owned())))
}

/// True if the last line says that a question is lost.
pub fn ends_with_lost(bytes: &[u8]) -> bool {
    matches!(entries(bytes).0.last(), Some(Entry::Failed(HarnessError::WorkerDied(_))))
}

impl<'a> Journal<'a> {
    /// Keeps nothing.
    pub fn none() -> Journal<'a> {
        Journal {
            file: None,
            earlier: Vec::new().into_iter().peekable(),
            read: 0,
            last: None,
            begin: 0,
            end: 0,
        }
    }

    /// Reads what there is, to go on behind it. Fails as read(2) does.
    pub fn resume(file: &'a File) -> io::Result<Journal<'a>> {
        let (earlier, end) = entries(&bytes(file)?);
        let end = end as u64;
        let earlier = earlier.into_iter().peekable();
        Ok(Journal { file: Some(file), earlier, read: 0, last: None, begin: end, end })
    }

    /// Returns the number of answers that are still to be read: one for each child of earlier workers.
    pub fn answers(&self) -> u64 {
        let count = |entry: &Entry| match entry {
            Entry::Steps(_) => 1,
            Entry::Probes { count, .. } => *count,
            Entry::Failed(HarnessError::WorkerDied(_)) => 0,
            Entry::Failed(_) => 1,
        };
        self.earlier.clone().map(|entry| count(&entry)).sum::<u64>() - self.read
    }

    /// Returns the results of the steps in an earlier worker; none where no worker has asked for them yet.
    pub fn steps(&mut self) -> Option<Result<Vec<StepResult>, HarnessError>> {
        Some(match self.earlier.next()? {
            Entry::Steps(steps) => Ok(steps),
            Entry::Failed(error) => Err(error),
            entry @ Entry::Probes { .. } => Err(other(&entry)),
        })
    }

    /// Returns the outcome of a probe in an earlier worker; none where no worker has asked for it yet.
    pub fn outcome(
        &mut self,
        probe: &Probe,
        filled: Fill,
    ) -> Option<Result<Outcome, HarnessError>> {
        Some(match self.earlier.peek()? {
            Entry::Probes { first, fill, count, outcome } => {
                let (outcome, last) = (*outcome, self.read + 1 == *count);
                if neighbour(first, self.read) != Some(*probe) || *fill != filled {
                    return Some(Err(other(&self.earlier.next()?)));
                }
                self.read = if last { 0 } else { self.read + 1 };
                if last {
                    self.earlier.next();
                }
                Ok(outcome)
            }
            Entry::Failed(_) | Entry::Steps(_) => match self.earlier.next()? {
                Entry::Failed(error) => Err(error),
                entry => Err(other(&entry)),
            },
        })
    }

    /// Writes down what the steps came to.
    pub fn keep_steps(&mut self, steps: &[StepResult]) {
        if self.file.is_some() {
            self.append(Entry::Steps(steps.to_owned()));
        }
    }

    /// Writes down what a probe came to.
    pub fn keep_outcome(&mut self, probe: &Probe, filled: Fill, outcome: Outcome) {
        if self.file.is_none() {
            return;
        }
        match &mut self.last {
            Some(Entry::Probes { first, fill, count, outcome: same })
                if *same == outcome
                    && *fill == filled
                    && neighbour(first, *count) == Some(*probe) =>
            {
                *count += 1;
                self.write();
            }
            _ => self.append(Entry::Probes { first: *probe, fill: filled, count: 1, outcome }),
        }
    }

    /// Writes down that the question was asked and has no answer.
    pub fn keep_error(&mut self, error: &HarnessError) {
        if self.file.is_some() {
            self.append(Entry::Failed(error.clone()));
        }
    }

    fn append(&mut self, entry: Entry) {
        self.last = Some(entry);
        self.begin = self.end;
        self.write();
    }

    /// Writes the last line. Where that fails nothing more is kept: what there is stays true.
    fn write(&mut self) {
        let (Some(file), Some(entry)) = (self.file, &self.last) else { return };
        let line = line(entry);
        self.end = self.begin + line.len() as u64;
        if file.write_all_at(&line, self.begin).is_err() {
            self.file = None;
        }
    }
}

/// The probe so many bytes on.
fn neighbour(first: &Probe, distance: u64) -> Option<Probe> {
    Some(Probe { at: first.at.checked_add(i64::try_from(distance).ok()?)?, ..*first })
}

fn other(entry: &Entry) -> HarnessError {
    HarnessError::Journal(format!("{entry:?}"))
}

/// A line that is written in one go, where it begins at a multiple of its width.
fn line(entry: &Entry) -> Vec<u8> {
    let mut line = serde_json::to_vec(entry).unwrap_or_default();
    line.resize((line.len() + 1).next_multiple_of(WIDTH) - 1, b' ');
    line.push(b'\n');
    line
}

/// The entries up to the first that is none, and where that would begin.
fn entries(bytes: &[u8]) -> (Vec<Entry>, usize) {
    let (mut entries, mut end) = (Vec::new(), 0);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let Ok(entry) = serde_json::from_slice(line) else { break };
        entries.push(entry);
        end += line.len();
    }
    (entries, end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::{Access, Clean, Pattern};

    const ZERO: Outcome = Outcome::Clean(Clean::Zero);
    const FILL: Fill = Fill::Pattern(Pattern::First);
    const DATA: Outcome = Outcome::Clean(Clean::Data);

    fn probe(at: i64) -> Probe {
        Probe { sweep: 2, access: Access::Read, at }
    }

    #[test]
    fn what_is_kept_is_read_back_in_its_order() {
        let file = file().unwrap();
        let mut journal = Journal::resume(&file).unwrap();
        assert_eq!((journal.answers(), journal.steps()), (0, None));
        let steps = vec![StepResult::Count(7); 40];
        journal.keep_steps(&steps);
        journal.keep_outcome(&probe(-1), FILL, ZERO);
        journal.keep_outcome(&probe(0), FILL, DATA);
        journal.keep_outcome(&probe(5), FILL, DATA);

        let mut journal = Journal::resume(&file).unwrap();
        assert_eq!((journal.answers(), journal.steps()), (4, Some(Ok(steps))));
        for (at, outcome) in [(-1, ZERO), (0, DATA), (5, DATA)] {
            assert_eq!(journal.outcome(&probe(at), FILL), Some(Ok(outcome)));
        }
        assert_eq!((journal.answers(), journal.outcome(&probe(6), FILL)), (0, None));
    }

    #[test]
    fn neighbours_of_equal_outcome_share_a_line() {
        let file = file().unwrap();
        let mut journal = Journal::resume(&file).unwrap();
        (0..10_000).for_each(|at| journal.keep_outcome(&probe(at), FILL, DATA));
        assert_eq!(bytes(&file).unwrap().len(), WIDTH);

        let mut journal = Journal::resume(&file).unwrap();
        for at in 0..10_000 {
            assert_eq!(journal.answers(), 10_000 - at as u64);
            assert_eq!(journal.outcome(&probe(at), FILL), Some(Ok(DATA)));
        }
        // A new worker's line is its own.
        journal.keep_outcome(&probe(10_000), FILL, DATA);
        assert_eq!(Journal::resume(&file).unwrap().answers(), 10_001);
    }

    #[test]
    fn a_question_without_an_answer_is_not_asked_and_the_next_one_is() {
        let file = file().unwrap();
        Journal::resume(&file).unwrap().keep_outcome(&probe(0), FILL, ZERO);
        let mut journal = Journal::resume(&file).unwrap();
        journal.keep_error(&HarnessError::ExitedEarly);
        let end = bytes(&file).unwrap().len() as u64;
        file.write_all_at(&lost("killed"), end).unwrap();
        assert!(ends_with_lost(&bytes(&file).unwrap()));
        let mut journal = Journal::resume(&file).unwrap();
        assert_eq!(journal.answers(), 2, "whoever asks the last did not live to tell");
        assert_eq!(journal.outcome(&probe(0), FILL), Some(Ok(ZERO)));
        assert_eq!(journal.outcome(&probe(1), FILL), Some(Err(HarnessError::ExitedEarly)));
        let died = HarnessError::WorkerDied("killed".to_owned());
        assert_eq!(journal.outcome(&probe(2), FILL), Some(Err(died)));
        assert_eq!(journal.outcome(&probe(3), FILL), None);
    }

    #[test]
    fn what_is_no_line_ends_it_and_is_written_over() {
        let file = file().unwrap();
        Journal::resume(&file).unwrap().keep_outcome(&probe(0), FILL, ZERO);
        file.write_all_at(b"{\"Probes\":{\"first\"", WIDTH as u64).unwrap();
        let mut journal = Journal::resume(&file).unwrap();
        assert_eq!(journal.outcome(&probe(0), FILL), Some(Ok(ZERO)));
        journal.keep_outcome(&probe(1), FILL, DATA);
        assert_eq!(Journal::resume(&file).unwrap().answers(), 2);
    }

    #[test]
    fn an_answer_to_another_question_is_none() {
        let file = file().unwrap();
        Journal::resume(&file).unwrap().keep_outcome(&probe(0), FILL, ZERO);
        for answer in [
            Journal::resume(&file).unwrap().outcome(&probe(1), FILL).map(drop_outcome),
            Journal::resume(&file).unwrap().outcome(&probe(0), Fill::Code).map(drop_outcome),
            Journal::resume(&file).unwrap().steps().map(|steps| steps.map(drop)),
        ] {
            assert!(matches!(answer, Some(Err(HarnessError::Journal(_)))), "{answer:?}");
        }
    }

    fn drop_outcome(answer: Result<Outcome, HarnessError>) -> Result<(), HarnessError> {
        answer.map(drop)
    }
}
