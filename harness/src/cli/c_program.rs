//! `show --c` prints a case as a C program. What that expects is predicted, and where the model leaves something open,
//! measured first. The main function is [`run`].

use super::args::Options;
use super::exit::{Exit, Failed};
use super::interrupt::Interrupt;
use super::judging;
use super::one;
use super::output::Output;
use super::place::Places;
use super::select::{Loaded, Selection};
use super::usage::UsageError;
use crate::backing::{self, Backing};
use crate::c_program::{Expected, Source, c_program, expect};
use crate::case::{Access, Case, Measurement, Step};
use crate::environment::Machine;
use crate::runner::{NotMeasured, Runner};
use crate::victim::Probe;

/// Prints the program of the case that the word names.
pub fn run(word: &str, options: &Options) -> Result<Exit, Failed> {
    let mut all = Selection::load(&[word.to_owned()])?;
    all.tell_notes();
    let cases = all.cases.len();
    let (Some(loaded), 1) = (all.cases.pop(), cases) else {
        return Err(UsageError::SeveralPrograms { word: word.to_owned(), cases }.into());
    };
    let probe = options.one_probe(rustix::param::page_size() as u64);
    let case = match probe {
        Some(probe) => of_probe(&loaded, probe)?,
        None => loaded.case.clone(),
    };
    let text = written(&loaded, &case, options, probe)?;
    let mut out = Output::default();
    out.print(&text);
    out.end()?;
    Ok(Exit::Agree)
}

/// Returns the case with a sweep of this access alone.
fn of_probe(loaded: &Loaded, probe: Probe) -> Result<Case, Failed> {
    one::has_sweep(loaded, probe)?;
    let mut case = loaded.case.clone();
    let mut left = probe.sweep;
    limit(&mut case.steps, &mut left, probe.access);
    Ok(case)
}

/// Gives one sweep this access alone: the one before which `left` others come.
fn limit(steps: &mut [Step], left: &mut usize, access: Access) {
    for step in steps {
        match step {
            Step::Sweep { accesses, .. } => {
                if *left == 0 {
                    *accesses = vec![access];
                }
                *left = left.wrapping_sub(1);
            }
            Step::Block { steps, .. } => limit(steps, left, access),
            _ => {}
        }
    }
}

/// Returns the text of the program.
fn written(
    loaded: &Loaded,
    case: &Case,
    options: &Options,
    probe: Option<Probe>,
) -> Result<String, Failed> {
    let backing = options.place.backing();
    let interrupt = Interrupt::watch()?;
    let clear = backing::needs_a_name(case);
    let surveyed = Places { backing: &backing, out: None, clear }.look(None, &interrupt)?;
    let environment = Machine::here(1, options.place.isolation, &surveyed).environment();
    let write = |(measurement, source)| {
        let (title, page) = (loaded.name.clone(), environment.page);
        c_program(case, &Expected { title, page, measurement, source, probe })
            .map_err(|why| why.to_string())
    };
    let predicted = judging::judged(|| expect(case, &environment).map(write));
    let text = match predicted.map_err(Failed::harness)? {
        Some(text) => text,
        None => {
            let measured = measured(case, backing, options)?;
            let judge = || write(Source::judged(case, &environment, measured.clone()));
            judging::judged(judge).map_err(Failed::harness)?
        }
    };
    Ok(text.map_err(|why| UsageError::NoProgram { case: loaded.name.clone(), why })?)
}

fn measured(case: &Case, backing: Backing, options: &Options) -> Result<Measurement, Failed> {
    let runner = Runner::new().deadline(options.deadline());
    let runner = match backing {
        Backing::Directory(folder) => runner.directory(folder),
        _ => runner,
    };
    runner.run(case).map_err(|why| match why {
        NotMeasured::Skipped(reason) => Failed::Nothing(reason),
        NotMeasured::Failed(error) => Failed::Harness(error),
    })
}
