//! The command as a user has it, from exec to exit.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde_json::Value;

use crate::ours::CASE;

/// The place of the files and the case that the command runs.
pub struct Whole {
    dir: &'static str,
    folder: tempfile::TempDir,
}

/// The time of a run, and the number of its children.
#[derive(Clone, Copy)]
pub struct Took {
    pub seconds: f64,
    pub children: u64,
}

impl Took {
    /// Returns the microseconds for each child.
    pub fn each(self) -> f64 {
        self.seconds * 1e6 / self.children as f64
    }
}

impl Whole {
    /// With the files of the cases in `dir`.
    pub fn new(dir: &'static str) -> Whole {
        let folder = tempfile::tempdir().expect("a folder for temporary files");
        std::fs::write(folder.path().join("yardstick.case"), CASE).expect("it can be written to");
        Whole { dir, folder }
    }

    /// Measures every byte of the yardstick's case.
    pub fn every_byte(&self) -> Took {
        let case = self.folder.path().join("yardstick.case");
        self.run(&["show", "--exhaustive", "--jobs", "1", &case.to_string_lossy()]).0
    }

    /// Measures all cases of the project, with so many workers.
    pub fn all_cases(&self, jobs: usize) -> Took {
        self.run(&["run", "--jobs", &jobs.to_string()]).0
    }

    /// Measures one small case.
    pub fn small(&self) -> Took {
        self.run(&["show", "notes/map_of_empty_file"]).0
    }

    fn run(&self, arguments: &[&str]) -> (Took, Vec<Value>) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
        let mut command = Command::new(env!("CARGO_BIN_EXE_faultmap"));
        command.args(arguments).args(["--json", "--dir", self.dir]).current_dir(root);
        let started = Instant::now();
        let output = command.output().expect("the command can be started");
        let seconds = started.elapsed().as_secs_f64();
        let text = String::from_utf8_lossy(&output.stdout);
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("an object a line"))
            .collect();
        let children = lines.iter().filter_map(|line| line["probes"].as_u64()).sum();
        (Took { seconds, children }, lines)
    }

    /// Returns a table of the children of each picture, against the number of rows and boundaries in it.
    pub fn questions(&self) -> String {
        let (_, lines) = self.run(&["run"]);
        let mut table = format!("{:>9}{:>7}{:>13}  picture\n", "children", "rows", "boundaries");
        let mut totals = [0; 3];
        let mut of_each = Vec::new();
        for line in &lines {
            let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
            let sweeps = list(&line["sweeps"]);
            let rows: Vec<Value> = sweeps.iter().flat_map(|sweep| list(&sweep["rows"])).collect();
            let regions = |row: &Value| row["regions"].as_array().map_or(0, Vec::len) as u64;
            let boundaries = rows.iter().map(|row| regions(row).saturating_sub(1)).sum();
            let numbers = [line["probes"].as_u64().unwrap_or(0), rows.len() as u64, boundaries];
            let [children, rows, boundaries] = numbers;
            let case = line["case"].as_str().unwrap_or_default();
            table += &format!("{children:>9}{rows:>7}{boundaries:>13}  {case}\n");
            if boundaries > 0 {
                of_each.push(children as f64 / boundaries as f64);
            }
            totals.iter_mut().zip(numbers).for_each(|(total, number)| *total += number);
        }
        let [children, rows, boundaries] = totals;
        let each = children as f64 / boundaries.max(1) as f64;
        let median = crate::median(of_each).expect("the cases have boundaries");
        table
            + &format!(
                "{children:>9}{rows:>7}{boundaries:>13}  all: {each:.1} children for each boundary, \
                 in the median of the pictures {median:.1}"
            )
    }
}
