//! What the steps of a block may name: the variables, the files, the segments. The main types are [`Frame`], of one
//! block, and [`Numbers`], of the whole case.

use std::collections::{BTreeMap, BTreeSet};

use super::Expected;
use super::shape::are_files_ahead;
use super::shown::Shown;
use crate::case::{BlockKind, Case, Step, StepResult};
use crate::vocabulary::{Action, Returns};

/// The variables of a block.
#[derive(Debug, Clone, Default)]
pub struct Frame {
    /// The number of the block, by which variables of one name are told apart.
    pub number: usize,
    /// True where another process has the variables around it.
    pub is_process: bool,
    /// The blocks in which the variables that can be named here were assigned first.
    pub owners: BTreeMap<String, usize>,
    /// The variables that it declares.
    pub declared: BTreeSet<String>,
    /// The files that variables name.
    pub files: BTreeMap<String, usize>,
    /// The segments that variables hold.
    pub segments: BTreeMap<String, usize>,
    /// The variables that hold MAP_FAILED.
    pub no_map: BTreeSet<String>,
    /// What descriptors and maps show.
    pub shown: Shown,
}

impl Frame {
    /// Returns the frame of a block within this one.
    pub fn inner(&self, kind: BlockKind, number: usize) -> Frame {
        let around = Frame { number, is_process: false, declared: BTreeSet::new(), ..self.clone() };
        match kind {
            BlockKind::Fork => around,
            BlockKind::Process => Frame {
                is_process: true,
                owners: BTreeMap::new(),
                shown: Shown::default(),
                ..around
            },
        }
    }
}

/// The numbers of what the steps of a case make, by the index of the step.
#[derive(Debug, Default)]
pub struct Numbers {
    /// The files.
    pub files: BTreeMap<usize, usize>,
    /// True where files are made before the first step.
    pub files_ahead: bool,
    /// Those that are memfds.
    pub memfds: BTreeSet<usize>,
    /// Those that the kernel refuses to make.
    pub refused: BTreeSet<usize>,
    /// The segments of shared memory.
    pub segments: BTreeMap<usize, usize>,
    /// The unrelated processes, counted from 1.
    pub processes: BTreeMap<usize, usize>,
    /// The sweeps.
    pub sweeps: BTreeMap<usize, usize>,
}

impl Numbers {
    /// Returns those of a case.
    pub fn of(case: &Case, expected: &Expected) -> Numbers {
        let mut own = Numbers { files_ahead: are_files_ahead(case), ..Numbers::default() };
        for (step, _, what) in case.walk() {
            match what {
                Step::Call { call, .. } if call.makes_file() => {
                    let file = own.files.len();
                    own.files.insert(step, file);
                    if call.action == Action::MakeMemfd {
                        own.memfds.insert(file);
                        let result = expected.measurement.steps.get(step);
                        let fails = matches!(result, Some(StepResult::Errno(_)));
                        own.refused.extend(fails.then_some(file));
                    }
                }
                Step::Call { call, .. } if call.returns == Returns::Id => {
                    own.segments.insert(step, own.segments.len());
                }
                Step::Block { kind: BlockKind::Process, .. } => {
                    own.processes.insert(step, own.processes.len() + 1);
                }
                Step::Sweep { .. } => {
                    own.sweeps.insert(step, own.sweeps.len());
                }
                _ => {}
            }
        }
        own
    }
}
