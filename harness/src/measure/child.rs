//! One child of a case: made, run and judged.

use super::{CHILDREN, Failure, Measurer, NEST_PAYS, NESTS, TIME};
use crate::backing::MadeFile;
use crate::case::limits::FILES;
use crate::case::{HarnessError, Outcome};
use crate::supervise::{Abandoned, NoWitness, Witness, probe_outcome, unsteady};
use crate::victim::{Fill, Handed, Orders, Probe};

impl Measurer<'_> {
    pub(super) fn ask(&mut self, probe: &Probe, fill: Fill) -> Result<Outcome, Failure> {
        if !self.exhaustive && (self.children > CHILDREN || self.started.elapsed() > TIME) {
            let (most, seconds) = (CHILDREN, TIME.as_secs());
            let error = format!("the case takes more than {most} children, or {seconds} s");
            return Err(HarnessError::System(error).into());
        }
        let witness = self.child(Some(probe), fill)?;
        let outcome = self.judge(probe, &witness)?;
        let earlier = self.baselines[fill.number()].as_deref().unwrap_or_default();
        match unsteady(&self.program, probe, earlier, &witness.evidence) {
            Some(error) => Err(error.into()),
            None => Ok(outcome),
        }
    }

    pub(super) fn judge(&self, probe: &Probe, witness: &Witness) -> Result<Outcome, HarnessError> {
        let (ending, evidence) = (witness.ending, &witness.evidence);
        probe_outcome(&self.program, probe, ending, evidence, self.millis(), self.waits_for_ever())
    }

    pub(super) fn millis(&self) -> u64 {
        self.deadline.as_millis() as u64
    }

    /// Whether the case says that never to return is an answer.
    pub(super) fn waits_for_ever(&self) -> bool {
        self.case.timeout.is_some()
    }

    /// One child, on fresh files.
    pub(super) fn child(&mut self, probe: Option<&Probe>, fill: Fill) -> Result<Witness, Failure> {
        let specs = self.program.files;
        let contents = self.contents[fill.number()].get_or_insert_with(|| {
            let specs = specs.iter().enumerate();
            let contents = specs.map(|(index, spec)| fill.content(index, spec.size)).collect();
            self.supervisor.keep_back(self.memory);
            contents
        });
        let mut files: [Option<MadeFile>; FILES] = [const { None }; FILES];
        let mut handed = [Handed { descriptor: -1, name: None }; FILES];
        let places = files.iter_mut().zip(&mut handed);
        for ((spec, content), (file, handed)) in specs.iter().zip(contents).zip(places) {
            let made = self.backing.make(spec, content).map_err(|error| {
                let size = match spec.size {
                    1 => "1 byte".to_owned(),
                    size => format!("{size} bytes"),
                };
                let place = self.backing.describe();
                HarnessError::System(format!("cannot make a file of {size} in {place}: {error}"))
            })?;
            *handed = made.handed();
            *file = Some(made);
        }
        let (program, probe) = (self.program, probe.copied());
        let handed = &handed[..specs.len().min(FILES)];
        let orders = Orders { program, probe, fill, files: handed };
        if self.nest.is_none() && self.children >= NEST_PAYS && self.lost_nests < NESTS {
            self.nest = self.supervisor.nest(program);
        }
        let nested = self.nest.as_ref();
        let nested = nested.map(|nest| self.supervisor.run_in(nest, &orders, self.deadline));
        let ran = match nested {
            Some(Err(NoWitness::NestGone)) => {
                self.nest = None;
                self.lost_nests += 1;
                return self.child(probe.as_ref(), fill);
            }
            // A worker has more patience with a full process table, and needs a place less.
            Some(Err(NoWitness::Fork(_))) => {
                self.nest = None;
                self.supervisor.run(&orders, self.deadline)
            }
            Some(ran) => ran,
            None => self.supervisor.run(&orders, self.deadline),
        };
        self.children += u64::from(ran.is_ok());
        ran.map_err(|error| match error {
            NoWitness::Abandoned(Abandoned) => Failure::Abandoned,
            NoWitness::Fork(errno) => {
                let error = std::io::Error::from(errno);
                HarnessError::System(format!("cannot fork a child: {error}")).into()
            }
            NoWitness::Left(count) => {
                HarnessError::System(format!("{count} processes of a child cannot be killed"))
                    .into()
            }
            NoWitness::NestGone => HarnessError::System("a nest is gone".to_owned()).into(),
            NoWitness::Wait(errno) => {
                HarnessError::System(format!("cannot wait for a child: {errno}")).into()
            }
        })
    }
}
