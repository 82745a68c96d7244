//! Thousands of programs may show one cause. One small program of them is an [`Example`], with all that a person who
//! has to mend it wants to see.

use serde::{Deserialize, Serialize};

use super::programs::Kernel;
use crate::c_program::{Expected, Source, c_program};
use crate::case::{Case, Measurement};
use crate::cli::findings::{Cause, causes};
use crate::explore::{Search, Tried};
use crate::model::{Environment, Rule, judge};
use crate::parse;
use crate::picture::draw;

/// A shrunk program.
#[derive(Debug, Serialize, Deserialize)]
pub struct Example {
    /// The number of the program.
    pub number: u64,
    /// The text of the case.
    pub text: String,
    /// None where the difference did not show again when the whole case was measured.
    pub measured: Option<Measured>,
}

/// What came of the whole case.
#[derive(Debug, Serialize, Deserialize)]
pub struct Measured {
    /// The picture that is promised, and the one that came.
    pub promised: String,
    pub came: String,
    /// The step or the row that shows the cause.
    pub place: String,
    /// The name of the one rule that is broken, if there is exactly one.
    pub rule: Option<String>,
    /// The C program, or the reason why there is none.
    pub c_program: Result<String, String>,
}

impl Example {
    /// Shrinks this program of the search for as long as it differs for this cause. `None` where nothing can be
    /// measured any more.
    pub fn of(
        search: &Search,
        number: u64,
        cause: &Cause,
        kernel: &mut Kernel<'_>,
    ) -> Option<Example> {
        let is_like =
            |tried: &Tried| matches!(tried, Tried::Split(own) if Cause::of(own) == *cause);
        let text = search.shrink(number, kernel, is_like)?;
        let case = parse::case(&text).ok()?;
        let title = format!("program {number} of seed {}", search.seed);
        let measurement = kernel.whole(&case).ok();
        let measured = measurement
            .and_then(|own| Measured::of((title, cause), &case, &search.environment, own));
        Some(Example { number, text, measured })
    }

    /// The order of examples: one that can be said in C and is short is the best.
    pub fn size(&self) -> (bool, bool, usize, usize, u64) {
        let has_no_program = self.measured.as_ref().is_none_or(|own| own.c_program.is_err());
        let (lines, letters) = (self.text.lines().count(), self.text.len());
        (self.measured.is_none(), has_no_program, lines, letters, self.number)
    }
}

impl Measured {
    /// Judges a measurement; `None` where this cause does not show in it.
    fn of(
        (title, cause): (String, &Cause),
        case: &Case,
        environment: &Environment,
        measurement: Measurement,
    ) -> Option<Measured> {
        let split = judge(case, environment, &measurement).split?;
        let page = environment.page;
        let promised = draw(case, &split.completed(&measurement), page);
        let came = draw(case, &measurement, page);
        let shown = causes(&promised, &came)?.into_iter().find(|own| own.cause == *cause)?;
        let (measurement, source) = Source::judged(case, environment, measurement);
        let expected = Expected { title, page, measurement, source, probe: None };
        Some(Measured {
            promised,
            came,
            place: shown.place,
            rule: split.rule.map(Rule::name),
            c_program: c_program(case, &expected).map_err(|why| why.to_string()),
        })
    }
}
