//! Every field that a line can have is told of in harness/docs/json.md.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::*;
use crate::backing::Surveyed;
use crate::case::{Access, HarnessError, Note, Rest, Scarce};
use crate::cli::cases::{CaseReport, CaseResult};
use crate::cli::report::line::{CaseLine, EmptyPart};
use crate::cli::report::verdict::{Findings, Verdict};
use crate::cli::select::{Loaded, Source};
use crate::confine::Isolation;
use crate::environment::{Limit, Machine, User};
use crate::model::{Environment, OpenRule, Rule, Unmodelled, judge, predict};
use crate::supervise::ChildReport;

const PAGE: u64 = 4096;

/// By heading, the fields that the page tells of.
fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let mut sections: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut heading = String::new();
    for line in include_str!("../../../../docs/json.md").lines() {
        if let Some(own) = line.strip_prefix("## ") {
            heading = own.to_owned();
        } else if let Some(row) = line.strip_prefix("| `") {
            let name = row.split('`').next().unwrap_or_default().to_owned();
            sections.entry(heading.clone()).or_default().insert(name);
        }
    }
    sections
}

/// The heading under which the objects of this field stand.
fn heading(field: &str) -> &'static str {
    match field {
        "steps" => "Step",
        "sweeps" => "Sweep",
        "rows" => "Row",
        "regions" => "Region",
        "probe" => "Probe",
        "ended" => "Ending",
        "bytes" => "Run",
        "rest" => "Rest",
        "counts" => "Counts",
        "snapshot" => "Snapshot",
        "model" => "Model",
        "open" => "Open",
        "not_modelled" => "Gap",
        "notes" => "Note",
        "limits" => "Limit",
        other => panic!("the objects of `{other}` are not told of"),
    }
}

/// Collects the fields of an object and of all that are in it, by heading.
fn collect(
    object: &Value,
    heading_of_it: &'static str,
    all: &mut BTreeSet<(&'static str, String)>,
) {
    let Some(fields) = object.as_object() else { return };
    for (name, value) in fields {
        all.insert((heading_of_it, name.clone()));
        let many = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        for own in many.iter().filter(|own| own.is_object()) {
            collect(own, heading(name), all);
        }
    }
}

fn machine() -> Machine {
    Machine {
        faultmap: "1".to_owned(),
        kernel: "6.18".to_owned(),
        architecture: "x86_64".to_owned(),
        page_size: PAGE,
        files: Surveyed {
            place: "/tmp".to_owned(),
            file_system: "ext4".to_owned(),
            mount: Some("ext4 rw,relatime".to_owned()),
            block_size: Some(4096),
            ..Surveyed::default()
        },
        user: User {
            id: 0,
            capabilities: Vec::new(),
            limits: vec![Limit { resource: "RLIMIT_STACK".to_owned(), soft: Some(8), hard: None }],
        },
        isolation: Isolation::Default,
        jobs: 1,
        overcommit_memory: None,
        shared_memory_huge: None,
        cpu_flags: Vec::new(),
        without: vec!["seccomp: reason".to_owned()],
    }
}

fn loaded(text: &str) -> Loaded {
    let case = crate::parse::case(text).expect("a case");
    let lines = crate::parse::step_lines(text.as_bytes());
    Loaded {
        id: "it".to_owned(),
        name: "it".to_owned(),
        word: "it".to_owned(),
        case,
        lines,
        snapshots: None,
        source: Source::Stdin,
    }
}

fn position() -> Position {
    Position { number: 2, of: 3, partition: Some("hash:1/4".to_owned()) }
}

/// The line of JSON. All that other forms are made of stands in it.
fn parsed(text: String) -> Value {
    let value: Value = serde_json::from_str(&text).expect("JSON");
    let line = CaseLine::own(text);
    assert_eq!(line.verdict.word(), value["verdict"]);
    assert_eq!(serde_json::to_value(line.counts).expect("JSON"), value["counts"]);
    assert_eq!((line.number, line.of, line.partition.as_deref()), (2, 3, Some("hash:1/4")));
    assert_eq!(
        (line.picture.as_deref(), line.line as u64),
        (value["picture"].as_str(), value["line"].as_u64().expect("a number"))
    );
    assert_eq!(line.notes.len(), value["notes"].as_array().expect("a list").len());
    assert_eq!(line.machine, machine());
    value
}

/// The line of a case that is measured as the model says without this rule.
fn line(
    text: &str,
    without: Option<Rule>,
    alter: impl Fn(&mut Measurement, &mut Findings),
) -> Value {
    let loaded = loaded(text);
    let environment = Environment::with_pages_of(PAGE);
    let kernel = environment.without(without.as_slice());
    let mut may = predict(&loaded.case, &kernel);
    let mut measured = may.remove(0).measurement;
    let mut found = Findings {
        compared: Verdict::Changed,
        is_split: false,
        is_needless: false,
        reason: None,
        advice: None,
        picture: None,
        judgement: Some(judge(&loaded.case, &environment, &measured)),
        snapshot: Some("it.snap".into()),
        kept: Some("kept".to_owned()),
        repeat: None,
        accepted: None,
    };
    alter(&mut measured, &mut found);
    let result = CaseResult::Measured(measured.clone());
    let report =
        CaseReport { result, probes: 1, elapsed_us: 1, verdicts: [0; crate::sys::VERDICTS] };
    let (loaded, measured, report) = (&loaded, Some(&measured), &report);
    let (found, machine) = (&found, &machine());
    let (position, compared) = (&position(), true);
    let snapshots_without_case = &["snapshots/gone.snap".to_owned()];
    let case = ReportedCase {
        loaded,
        position,
        compared,
        measured,
        report,
        found,
        machine,
        snapshots_without_case,
    };
    parsed(super::case(&case))
}

/// The line of one probe.
fn probed() -> Value {
    let loaded = loaded("map = mmap(0, PAGE, PROT_READ, MAP_SHARED, -1, 0); sweep(map, read);");
    let report = ChildReport {
        ending: Ending::Killed(7),
        recorded: crate::supervise::Recorded::default(),
        elapsed: std::time::Duration::ZERO,
    };
    let outcome = Err(HarnessError::ExitedEarly);
    let probed = ReportedProbe {
        loaded: &loaded,
        position: &position(),
        machine: &machine(),
        verdict: Verdict::HarnessError,
        reason: None,
        sweep: 0,
        access: Access::Read,
        at: -1,
        answer: Some((&outcome, &report, &[])),
        probes: 1,
        elapsed_us: 1,
    };
    parsed(probe(&probed))
}

/// Lines that have every field between them.
fn lines() -> Vec<Value> {
    let split = line(
        "fd = file(100); map = mmap(0, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0); fork { map[5000]; }
         pread(fd, 0, 10); sweep(map, read);",
        Some(Rule::PastEofIsSigbus),
        |_, _| {},
    );
    assert_eq!(split["model"]["says"], "split");
    assert_eq!(split["model"]["rule"], "PastEofIsSigbus");
    let picture = split["model"]["picture"].as_str().expect("a picture");
    assert!(picture.contains("\n    map[5000];  // SIGBUS ADRERR\n"), "{picture}");
    assert!(picture.contains("| SIGBUS ADRERR  | SIGSEGV MAPERR"), "{picture}");
    let rows = &split["model"]["sweeps"][0]["rows"][0]["regions"];
    assert_eq!(rows[3]["si_code_name"], "BUS_ADRERR", "{rows}");
    let noted = line(
        "fd = file(100); map = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
         map[5] = 'x'; map[5]; write(fd, map, 10); ftruncate(fd, -1); fork { _exit(0); }
         sweep(map, read, copy_to_user);",
        None,
        |measured, found| {
            measured.notes = vec![
                Note::BisectedFurther { sweep: 0, access: Access::Read, at: 5 },
                Note::Capped { sweep: 0, closely: 1, probed: 1, pages: 2 },
                Note::NeverReturns { sweep: 0, access: Access::Read, left_out: 3 },
                Note::MeasuredAlone { scarce: Scarce::Room },
            ];
            let StepResult::Saw(seen) = &mut measured.steps[3] else { panic!("a load") };
            seen.rest = Some(Rest { bytes: 1, data: 0, digest: u64::MAX, shape: 0 });
            let judged = found.judgement.as_mut().expect("judged");
            judged.open = vec![OpenRule { step: 2, rule: Rule::GrowthClearsTheTail, held: true }];
            judged.unmodelled = Some(Unmodelled { step: 3, what: "memory".to_owned() });
        },
    );
    let kinds = noted["notes"].as_array().expect("a list").iter().map(|note| note["kind"].as_str());
    let kinds: Vec<&str> = kinds.flatten().collect();
    let all =
        ["open", "not_modelled", "bisected_further", "capped", "never_returns", "measured_alone"];
    assert_eq!(kinds, all);
    assert_eq!(noted["notes"][2]["sweep"], 1);
    assert_eq!(split["notes"][0]["kind"], "split");
    assert_eq!(noted["model"]["open"][0]["step"], 3);
    assert_eq!(noted["model"]["not_modelled"]["step"], 4);
    vec![split, noted, probed()]
}

#[test]
fn every_field_is_told_of_in_the_documentation() {
    let documented = documented();
    let mut fields = BTreeSet::new();
    lines().iter().for_each(|line| collect(line, "Line", &mut fields));
    for own in [
        Ending::Exited(0),
        Ending::Killed(7),
        Ending::TimedOut { stopped: true },
        Ending::Running,
        Ending::Stuck,
    ] {
        collect(&ended(own), "Ending", &mut fields);
    }
    let part = "count:2/2".parse().expect("a part");
    let empty: Value = serde_json::from_str(&text(&EmptyPart::of(1, &part))).expect("JSON");
    collect(&empty, "A part without a case", &mut fields);
    let has = |heading: &str, name: &String| {
        documented.get(heading).is_some_and(|names| names.contains(name))
    };
    for (heading, name) in &fields {
        let answers = matches!(*heading, "Step" | "Region" | "Probe") && has("Answer", name);
        assert!(answers || has(heading, name), "{heading}: `{name}` is not in docs/json.md");
    }
    // And none is told of that there is not.
    for (heading, names) in &documented {
        let holders: &[&str] =
            if heading == "Answer" { &["Step", "Region"] } else { &[heading.as_str()] };
        for name in names {
            let is = holders.iter().any(|own| fields.iter().any(|(h, n)| h == own && n == name));
            assert!(is, "{heading}: `{name}` is in docs/json.md, and in no line");
        }
    }
}
