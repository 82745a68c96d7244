//! A probe needs one child of a case: this module makes its files, runs it and judges it.

use super::{CHILDREN, FORK_SERVER_PAYS, FORK_SERVERS, Failure, Measurer, TIME};
use crate::backing::{Backing, MadeFile};
use crate::case::limits::FILES;
use crate::case::{HarnessError, Outcome};
use crate::supervise::{Asked, ChildReport, Ending, Judge, NoReport};
use crate::victim::{FileHandle, FileSpec, Fill, Probe, Request};

impl Measurer<'_> {
    pub(super) fn ask(&mut self, probe: &Probe, fill: Fill) -> Result<Outcome, Failure> {
        let time = self.means.supervisor.pace().stretched(TIME);
        if !self.means.exhaustive && (self.children > CHILDREN || self.started.elapsed() > time) {
            let (children, seconds) = (CHILDREN, time.as_secs());
            return Err(HarnessError::TooCostly { children, seconds }.into());
        }
        let report = self.child(Some(probe), fill)?;
        let judge = self.judge(&report);
        let outcome = judge.probe_outcome(probe)?;
        let earlier = self.baselines[fill.number()].as_deref().unwrap_or_default();
        match judge.unsteady(probe, earlier) {
            Some(error) => Err(error.into()),
            None => Ok(outcome),
        }
    }

    pub(super) fn judge<'r>(&'r self, report: &'r ChildReport) -> Judge<'r> {
        Judge {
            program: &self.program,
            ending: report.ending,
            recorded: &report.recorded,
            deadline_ms: self.patience.passed(report.elapsed).as_millis() as u64,
            timeout_is_an_answer: self.case.timeout.is_some(),
        }
    }

    /// Runs one child. Where that was running and got no further, another child has to show the same.
    pub(super) fn child(
        &mut self,
        probe: Option<&Probe>,
        fill: Fill,
    ) -> Result<ChildReport, Failure> {
        let first = self.only_child(probe, fill)?;
        if first.ending == Ending::Running { self.only_child(probe, fill) } else { Ok(first) }
    }

    /// Runs one child, on fresh files.
    fn only_child(&mut self, probe: Option<&Probe>, fill: Fill) -> Result<ChildReport, Failure> {
        let specs = self.program.files;
        let contents = self.contents[fill.number()].get_or_insert_with(|| {
            let specs = specs.iter().enumerate();
            let contents = specs.map(|(index, spec)| fill.content(index, spec.size)).collect();
            self.means.supervisor.exclude_from_fork(self.means.memory);
            contents
        });
        let (_files, handles) = make_files(self.means.backing, specs, contents)?;
        let (supervisor, program, probe) = (self.means.supervisor, self.program, probe.copied());
        let files = &handles[..specs.len().min(FILES)];
        let request = Request { program, probe, fill, files };
        if self.fork_server.is_none()
            && self.children >= FORK_SERVER_PAYS
            && self.lost_fork_servers < FORK_SERVERS
        {
            self.fork_server = supervisor.fork_server(supervisor.fork_of(program));
        }
        let (asked, patience) = (Asked::Case(&request), self.patience);
        let alone = || supervisor.run(supervisor.fork_of(program), asked, patience);
        let nested = self.fork_server.as_ref();
        let ran = match nested.map(|fork_server| supervisor.run(fork_server, asked, patience)) {
            Some(Err(NoReport::ForkServerGone)) => {
                self.fork_server = None;
                self.lost_fork_servers += 1;
                return self.only_child(probe.as_ref(), fill);
            }
            // A worker tries longer where the process table is full, and needs one process less.
            Some(Err(NoReport::Fork(_))) => {
                self.fork_server = None;
                alone()
            }
            Some(ran) => ran,
            None => alone(),
        };
        self.children += u64::from(ran.is_ok());
        // Others may keep a child from a CPU for long: the case is not charged for that.
        if let (Ok(report), Some(used)) = (&ran, patience.cpu_time) {
            let own = if report.ending == Ending::Running { used } else { patience.deadline };
            self.started += report.elapsed.saturating_sub(own);
        }
        ran.map_err(|error| match error {
            NoReport::Abandoned => Failure::Abandoned,
            error => HarnessError::System(error.to_string()).into(),
        })
    }
}

/// Makes the files of one child, and fills them. They are gone when the first value is dropped.
fn make_files(
    backing: &Backing,
    specs: &[FileSpec],
    contents: &[Vec<u8>],
) -> Result<([Option<MadeFile>; FILES], [FileHandle; FILES]), HarnessError> {
    let mut files: [Option<MadeFile>; FILES] = [const { None }; FILES];
    let mut handles = [FileHandle { descriptor: -1, name: None }; FILES];
    let places = files.iter_mut().zip(&mut handles);
    for ((spec, content), (file, handle)) in specs.iter().zip(contents).zip(places) {
        let made = backing.make(spec, content).map_err(|error| {
            let (place, error) = (backing.describe(), error.to_string());
            HarnessError::File { size: spec.size, place, error }
        })?;
        *handle = made.handle();
        *file = Some(made);
    }
    Ok((files, handles))
}
