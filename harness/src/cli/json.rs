//! One JSON object a line: the same facts as the pictures, for programs.
//!
//! `schema` is 1. It grows when a field changes its meaning or goes; new fields may come at any time.

use serde::Serialize;

use super::work::CaseReport;
use crate::case::{Case, Measurement, Outcome, StepResult, SweepResult};

/// The version of this form.
pub const SCHEMA: u32 = 1;

/// One case.
#[derive(Debug, Serialize)]
pub struct CaseLine<'a> {
    schema: u32,
    case: &'a str,
    /// `same`, `changed`, `new`, `split` (from the model), `skipped`, `harness error`; `measured` where
    /// nothing is compared.
    verdict: &'a str,
    /// Why it was skipped, or has no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    steps: Vec<StepLine>,
    rows: Vec<RowLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    picture: Option<&'a str>,
    /// What the model says to the picture.
    notes: Vec<&'a str>,
    /// The file system that the files were on.
    file_system: &'a str,
    page_size: u64,
    /// `default` or `strict`, as it was asked for.
    isolation: &'static str,
    /// What holds victims back elsewhere and is not here, with the reason: `seccomp: ...`, `Landlock: ...`.
    without: &'a [String],
    probes: u64,
    elapsed_us: u64,
}

#[derive(Debug, Serialize)]
struct StepLine {
    step: String,
    result: String,
}

#[derive(Debug, Serialize)]
struct RowLine {
    map: String,
    access: &'static str,
    regions: Vec<RegionLine>,
}

/// Bytes relative to the map; null where the region is open.
#[derive(Debug, Serialize)]
struct RegionLine {
    from: Option<i64>,
    to: Option<i64>,
    outcome: String,
    si_code: Option<String>,
}

/// What a line needs beside the report.
#[derive(Debug)]
pub struct Context<'a> {
    pub id: &'a str,
    pub verdict: &'a str,
    pub reason: Option<String>,
    pub picture: Option<&'a str>,
    pub notes: Vec<&'a str>,
    pub file_system: &'a str,
    pub page: u64,
    pub isolation: &'static str,
    pub without: &'a [String],
}

impl<'a> CaseLine<'a> {
    pub fn new(
        case: &Case,
        measurement: Option<&Measurement>,
        report: &CaseReport,
        context: Context<'a>,
    ) -> CaseLine<'a> {
        CaseLine {
            schema: SCHEMA,
            case: context.id,
            verdict: context.verdict,
            reason: context.reason,
            steps: measurement.map_or(Vec::new(), |measured| steps(case, &measured.steps)),
            rows: measurement.map_or(Vec::new(), |measured| rows(case, measured)),
            picture: context.picture,
            notes: context.notes,
            file_system: context.file_system,
            page_size: context.page,
            isolation: context.isolation,
            without: context.without,
            probes: report.probes,
            elapsed_us: report.elapsed_us,
        }
    }

    /// The line, without its end.
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

fn steps(case: &Case, results: &[StepResult]) -> Vec<StepLine> {
    let lines = crate::parse::lines(&case.steps);
    let numbered = lines.into_iter().filter_map(|line| line.step.map(|step| (step, line.text)));
    numbered
        .filter_map(|(step, text)| {
            results.get(step).map(|result| StepLine { step: text, result: result.to_string() })
        })
        .collect()
}

fn rows(case: &Case, measurement: &Measurement) -> Vec<RowLine> {
    let maps = case.walk().filter_map(|(_, _, step)| match step {
        crate::case::Step::Sweep { map, .. } => Some(map.clone()),
        _ => None,
    });
    let mut lines = Vec::new();
    for (map, sweep) in maps.into_iter().zip(&measurement.sweeps) {
        let SweepResult::Map(fault_map) = sweep else {
            continue;
        };
        lines.extend(fault_map.rows.iter().map(|row| {
            RowLine {
                map: map.clone(),
                access: row.access.name(),
                regions: row
                    .regions
                    .iter()
                    .map(|region| RegionLine {
                        from: region.from,
                        to: region.to,
                        outcome: region.outcome.word(),
                        si_code: si_code(&region.outcome),
                    })
                    .collect(),
            }
        }));
    }
    lines
}

/// The full name of `si_code`, where the outcome is a fault that was recorded.
pub fn si_code(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Fault(fault) => fault.code_name(),
        _ => None,
    }
}
