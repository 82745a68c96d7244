//! A block is a step that contains other steps; followed step by step, in several ways at once, a case is
//! easier to handle as a list. Main type: [`Script`].

use crate::case::{BlockKind, Case, Step};

/// A case as a list of turns.
pub struct Script<'c> {
    pub case: &'c Case,
    pub turns: Vec<Turn<'c>>,
    /// For each step, the number of files that the harness makes for the steps before it.
    pub files_before: Vec<usize>,
    /// For each step that is a sweep, its number among the sweeps of the case.
    pub sweep_numbers: Vec<Option<usize>>,
}

/// One entry of the list.
#[derive(Clone, Copy)]
pub enum Turn<'c> {
    /// A step, with its index. A block begins with one.
    Step(usize, &'c Step),
    /// The end of a block.
    Leave(BlockKind),
}

impl<'c> Script<'c> {
    pub fn of(case: &'c Case) -> Script<'c> {
        let mut script =
            Script { case, turns: Vec::new(), files_before: Vec::new(), sweep_numbers: Vec::new() };
        let (mut files, mut sweeps) = (0, 0);
        for (_, _, step) in case.walk() {
            script.files_before.push(files);
            script.sweep_numbers.push(matches!(step, Step::Sweep { .. }).then_some(sweeps));
            let makes_file = matches!(step, Step::Call { call, .. } if call.makes_file());
            files += usize::from(makes_file);
            sweeps += usize::from(matches!(step, Step::Sweep { .. }));
        }
        script.add(&case.steps, &mut 0);
        script
    }

    fn add(&mut self, steps: &'c [Step], index: &mut usize) {
        for step in steps {
            self.turns.push(Turn::Step(*index, step));
            *index += 1;
            if let Step::Block { kind, steps } = step {
                self.add(steps, index);
                self.turns.push(Turn::Leave(*kind));
            }
        }
    }

    /// Returns the number of the sweep that a step is.
    pub fn sweep_number(&self, step: usize) -> Option<usize> {
        self.sweep_numbers[step]
    }
}
