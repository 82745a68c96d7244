//! One JSON object a line: all that is known of a case, for programs. harness/docs/json.md tells what
//! each field means. The other forms are made of the same line, see [`CaseLine`].
//!
//! [`SCHEMA`] grows when a field changes its meaning or goes; new fields may come at any time.

mod answer;
#[cfg(test)]
mod fields;
mod model;

use serde::Serialize;
use serde_json::{Value, json};

use super::format::{Format, ReportedCase, ReportedProbe, Shown};
use super::line::{CaseLine, EmptyPart};
use super::notes::{self, Remark};
use super::step::{line_of, line_of_sweep};
use super::totals::Tally;
use super::verdict::Verdict;
use crate::case::{Case, Measurement, Step, StepResult, SweepResult};
use crate::cli::partition::Position;
use crate::environment::Machine;
use crate::printable::is_printable;
use crate::supervise::Ending;
use answer::Answer;
use model::ModelLine;

/// The version of this form.
pub const SCHEMA: u32 = 2;

/// One case.
#[derive(Debug, Serialize)]
struct Line<'a> {
    schema: u32,
    case: &'a str,
    summary: String,
    file: String,
    line: usize,
    #[serde(flatten)]
    position: &'a Position,
    compared: bool,
    verdict: Verdict,
    counts: Tally,
    reason: Option<&'a str>,
    advice: Option<&'a str>,
    repeat: Option<&'a str>,
    steps: Vec<StepLine>,
    sweeps: Vec<SweepLine>,
    probe: Option<ProbeLine>,
    picture: Option<&'a str>,
    snapshot: Option<SnapshotLine<'a>>,
    snapshots_without_case: &'a [String],
    model: Option<ModelLine<'a>>,
    notes: Vec<Value>,
    #[serde(flatten)]
    machine: &'a Machine,
    probes: u64,
    elapsed_us: u64,
}

#[derive(Debug, Serialize)]
struct StepLine {
    step: usize,
    text: String,
    #[serde(flatten)]
    answer: Answer,
}

#[derive(Debug, Serialize)]
struct SweepLine {
    sweep: usize,
    step: usize,
    map: String,
    result: &'static str,
    reason: Option<String>,
    rows: Vec<RowLine>,
}

#[derive(Debug, Serialize)]
struct RowLine {
    access: &'static str,
    regions: Vec<RegionLine>,
}

#[derive(Debug, Serialize)]
struct RegionLine {
    from: Option<i64>,
    to: Option<i64>,
    #[serde(flatten)]
    answer: Answer,
}

#[derive(Debug, Serialize)]
struct ProbeLine {
    sweep: usize,
    access: &'static str,
    at: i64,
    #[serde(flatten)]
    answer: Answer,
    ended: Value,
}

#[derive(Debug, Serialize)]
struct SnapshotLine<'a> {
    path: String,
    kept: Option<&'a str>,
    written: Option<String>,
    removed: Vec<String>,
}

/// JSON, one object a line.
#[derive(Debug)]
pub struct Json;

impl Format for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn empty_part(&self, part: &EmptyPart) -> String {
        text(part)
    }

    fn case(&self, case: &CaseLine, _shown: Shown) -> String {
        case.text.clone()
    }
}

/// Returns the line of a case that was run or shown.
pub fn case(case: &ReportedCase<'_>) -> String {
    let ReportedCase { loaded, position, compared, measured, report, found, machine, .. } = *case;
    let steps =
        measured.map_or(Vec::new(), |measured| steps(&loaded.case, &measured.steps, machine));
    let judged = found.judgement.as_ref();
    let notes = notes::of(&loaded.case, measured, judged, machine.page_size);
    let accepted = found.accepted.as_ref();
    let snapshot = found.snapshot.as_ref().map(|path| SnapshotLine {
        path: path.display().to_string(),
        kept: found.kept.as_deref(),
        written: accepted.and_then(|own| Some(own.written.as_ref()?.display().to_string())),
        removed: accepted.map_or(Vec::new(), |own| {
            own.removed.iter().map(|path| path.display().to_string()).collect()
        }),
    });
    text(&Line {
        schema: SCHEMA,
        case: &loaded.name,
        summary: loaded.case.summary(),
        file: loaded.source.file(),
        line: line_of(case),
        position,
        compared,
        verdict: found.verdict(),
        counts: found.tally(),
        reason: found.reason.as_deref(),
        advice: found.advice.as_deref(),
        repeat: found.repeat.as_deref(),
        steps,
        sweeps: measured.map_or(Vec::new(), |measured| sweeps(&loaded.case, measured)),
        probe: None,
        picture: found.picture.as_deref(),
        snapshot,
        snapshots_without_case: case.snapshots_without_case,
        model: measured
            .zip(judged)
            .map(|(measured, judged)| ModelLine::of(&loaded.case, measured, judged, machine)),
        notes: notes.iter().map(note).collect(),
        machine,
        probes: report.probes,
        elapsed_us: report.elapsed_us,
    })
}

/// Returns the line of one probe.
pub fn probe(probed: &ReportedProbe<'_>) -> String {
    let ReportedProbe { loaded, position, machine, sweep, access, at, answer, .. } = probed;
    let recorded = answer.map_or(Vec::new(), |(_, _, steps)| {
        numbered(&loaded.case, steps.len())
            .map(|(step, text)| StepLine {
                step: step + 1,
                text,
                answer: match &steps[step] {
                    Some(result) => Answer::step(result, touched(&loaded.case, step, machine)),
                    None => Answer::plain("begun"),
                },
            })
            .collect()
    });
    let probe = answer.map(|(outcome, report, _)| ProbeLine {
        sweep: sweep + 1,
        access: access.name(),
        at: *at,
        answer: match outcome {
            Ok(outcome) => Answer::outcome(outcome, Some(*at)),
            Err(_) => Answer::plain("no answer"),
        },
        ended: ended(report.ending),
    });
    text(&Line {
        schema: SCHEMA,
        case: &loaded.name,
        summary: loaded.case.summary(),
        file: loaded.source.file(),
        line: line_of_sweep(loaded, *sweep),
        position,
        compared: false,
        verdict: probed.verdict,
        counts: Tally::of(probed.verdict),
        reason: probed.reason.as_deref(),
        advice: None,
        repeat: None,
        steps: recorded,
        sweeps: Vec::new(),
        probe,
        picture: None,
        snapshot: None,
        snapshots_without_case: &[],
        model: None,
        notes: Vec::new(),
        machine,
        probes: probed.probes,
        elapsed_us: probed.elapsed_us,
    })
}

/// Returns the line as it is printed. What a terminal would act upon is escaped, as JSON has it.
pub fn text(line: &impl Serialize) -> String {
    let json = serde_json::to_string(line).unwrap_or_default();
    let mut out = String::with_capacity(json.len() + 1);
    for c in json.chars() {
        match is_printable(c) {
            true => out.push(c),
            false => {
                let units = c.encode_utf16(&mut [0; 2]).to_vec();
                out.extend(units.iter().map(|unit| format!("\\u{unit:04x}")));
            }
        }
    }
    out.push('\n');
    out
}

/// The first steps, each with its index and text.
fn numbered(case: &Case, most: usize) -> impl Iterator<Item = (usize, String)> {
    let lines = crate::parse::lines(&case.steps);
    let numbered = lines.into_iter().filter_map(|line| line.step.map(|step| (step, line.text)));
    numbered.filter(move |(step, _)| *step < most)
}

/// The first byte that a step touches itself.
fn touched(case: &Case, step: usize, machine: &Machine) -> Option<i64> {
    match case.walk().nth(step) {
        Some((_, _, Step::Touch { at, .. })) => {
            at.eval(machine.page_size).and_then(|at| i64::try_from(at).ok())
        }
        _ => None,
    }
}

fn steps(case: &Case, results: &[StepResult], machine: &Machine) -> Vec<StepLine> {
    let line = |(step, text): (usize, String)| StepLine {
        step: step + 1,
        text,
        answer: Answer::step(&results[step], touched(case, step, machine)),
    };
    numbered(case, results.len()).map(line).collect()
}

fn sweeps(case: &Case, measurement: &Measurement) -> Vec<SweepLine> {
    let line = |(sweep, ((step, map, _), result)): (usize, ((usize, &str, _), &SweepResult))| {
        let (word, reason) = match result {
            SweepResult::Map(_) => ("map", None),
            SweepResult::NoMap => ("no map", None),
            SweepResult::NotReached => ("not reached", None),
            SweepResult::Failed { access, at, error } => {
                ("no answer", Some(format!("{access} at {at}: {error}")))
            }
        };
        let rows = match result {
            SweepResult::Map(fault_map) => fault_map.rows.as_slice(),
            _ => &[],
        };
        SweepLine {
            sweep: sweep + 1,
            step: step + 1,
            map: map.to_owned(),
            result: word,
            reason,
            rows: rows.iter().map(row).collect(),
        }
    };
    case.sweeps().zip(&measurement.sweeps).enumerate().map(line).collect()
}

fn row(row: &crate::case::Row) -> RowLine {
    let region = |region: &crate::case::Region| RegionLine {
        from: region.from,
        to: region.to,
        answer: Answer::outcome(&region.outcome, None),
    };
    RowLine { access: row.access.name(), regions: row.regions.iter().map(region).collect() }
}

/// A note with its kind and its facts; sweeps are counted from 1.
fn note(remark: &Remark<'_>) -> Value {
    let mut facts = serde_json::Map::new();
    facts.extend(remark.kind.map(|kind| ("kind".to_owned(), json!(kind))));
    if let Some(Ok(Value::Object(tagged))) = remark.measured.map(serde_json::to_value) {
        for (kind, own) in tagged {
            facts.insert("kind".to_owned(), Value::String(kind));
            facts.extend(own.as_object().cloned().unwrap_or_default());
        }
    }
    if let Some(sweep) = facts.get_mut("sweep") {
        *sweep = json!(sweep.as_u64().unwrap_or(0) + 1);
    }
    facts.insert("text".to_owned(), json!(remark.text));
    Value::Object(facts)
}

fn ended(ending: Ending) -> Value {
    let signal = |number: i32| crate::case::Signal(number).to_string();
    match ending {
        Ending::Exited(status) => json!({ "how": "exited", "status": status }),
        Ending::Killed(number) => {
            json!({ "how": "killed", "signal": number, "signal_name": signal(number) })
        }
        Ending::TimedOut { stopped } => json!({ "how": "timed out", "stopped": stopped }),
        Ending::Running => json!({ "how": "running" }),
        Ending::Stuck => json!({ "how": "stuck" }),
    }
}
