//! The soak accounts for every case of every run: it is answered as in a quiet run, reported as lost, or cut
//! off with the whole run.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::trouble::Trouble;

/// The line that a run has printed of a case.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    pub verdict: String,
    pub probes: u64,
    reason: String,
    /// The fields of the line but the time.
    rest: Value,
}

/// The lines of a run, by the ids of their cases.
pub type Lines = BTreeMap<String, Line>;

/// Returns the lines of a run. The last line of a run that was killed may be incomplete.
pub fn lines(stdout: &str, killed: bool) -> Lines {
    let mut lines = Lines::new();
    for text in stdout.split_inclusive('\n') {
        if killed && !text.ends_with('\n') {
            break;
        }
        let mut rest: Value =
            serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        // Another run takes another time, may be of other cases by more workers, has other room, and its advice has
        // its options. The first line of a run names the snapshots without a case.
        let fields = rest.as_object_mut().expect("an object");
        for name in
            ["elapsed_us", "number", "of", "advice", "jobs", "free_bytes", "snapshots_without_case"]
        {
            assert!(fields.remove(name).is_some(), "no {name}: {text}");
        }
        let word = |key: &str| rest[key].as_str().unwrap_or_default().to_owned();
        let line = Line {
            verdict: word("verdict"),
            probes: rest["probes"].as_u64().unwrap_or(0),
            reason: word("reason"),
            rest: rest.clone(),
        };
        let twice = lines.insert(word("case"), line);
        assert_eq!(twice, None, "told twice: {text}");
    }
    lines
}

/// The counts of all rounds of one trouble.
#[derive(Debug, Default)]
pub struct Account {
    rounds: u64,
    kills: u64,
    probes: u64,
    cases: u64,
    /// The number of cases that lost a probe or were lost.
    lost: u64,
    /// The number of cases whose answer the trouble itself has changed.
    other: u64,
    /// The number of cases without a line, because the whole run was killed or could not read them.
    cut_off: u64,
    /// The reasons for lost cases, with their numbers.
    reasons: BTreeMap<String, u64>,
}

impl Account {
    /// The number of probes with an answer.
    pub fn probes(&self) -> u64 {
        self.probes
    }

    /// Compares the lines of a run with those of a quiet one. Panics if a case is missing without a reason,
    /// or has an answer that the trouble cannot have caused.
    pub fn add(
        &mut self,
        trouble: Trouble,
        kills: u64,
        quiet: &Lines,
        (stdout, stderr): &(String, String),
        killed: bool,
        what: &str,
    ) {
        let told = lines(stdout, killed);
        self.rounds += 1;
        self.kills += kills;
        for (case, line) in &told {
            let Some(expected) = quiet.get(case) else { panic!("{what}: there is no case {case}") };
            self.cases += 1;
            self.probes += line.probes;
            if line.rest == expected.rest {
                continue;
            }
            if line.verdict == "harness error" {
                assert!(!line.reason.is_empty(), "{what}: lost without a reason: {line:?}");
                assert!(
                    line.probes <= expected.probes + 1 || expected.verdict == "harness error",
                    "{what}: {case}: {} probes, of {}",
                    line.probes,
                    expected.probes
                );
                self.lost += 1;
                *self.reasons.entry(without_numbers(&line.reason)).or_default() += 1;
            } else if trouble.changes_answers() {
                self.other += 1;
            } else {
                panic!("{what}: {case}: another answer\n{}\nquiet:\n{}", line.rest, expected.rest);
            }
        }
        let missing = quiet.len() - told.len();
        if missing > 0 {
            let unread = told.is_empty() && stderr.contains("error: cannot read");
            assert!(killed || unread, "{what}: {missing} cases are missing: {stderr}");
            self.cut_off += missing as u64;
            let why = if killed { "killed with the whole run" } else { stderr.trim() };
            *self.reasons.entry(without_numbers(why)).or_default() += missing as u64;
        }
    }
}

/// Returns the reason without places and numbers, so that similar reasons are counted together.
fn without_numbers(reason: &str) -> String {
    let reason = reason.rsplit_once("`: ").map_or(reason, |(_, reason)| reason);
    let reason = reason
        .split_once(": ")
        .filter(|(probe, _)| probe.contains(" at "))
        .map_or(reason, |(_, reason)| reason);
    let mut text = String::new();
    for char in reason.lines().next().unwrap_or_default().chars() {
        match (char.is_ascii_digit(), text.ends_with('N')) {
            (true, true) => {}
            (true, false) => text.push('N'),
            _ => text.push(char),
        }
    }
    text
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Account { rounds, kills, probes, cases, lost, other, cut_off, reasons } = self;
        writeln!(
            f,
            "{rounds} rounds, {kills} kills, {probes} probes; \
             {cases} cases, {lost} lost, {other} changed, {cut_off} cut off"
        )?;
        let mut reasons: Vec<_> = reasons.iter().collect();
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        reasons.iter().try_for_each(|(reason, count)| writeln!(f, "{count:>9}  {reason}"))
    }
}
