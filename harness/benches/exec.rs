//! What a program costs under `faultmap exec`, against the same program alone in the same run.
//!
//! Both are measured in turn; a ratio is the median of the ratios within each round. Programs that are not installed
//! are left out, and named.

use std::process::{Command, Stdio};
use std::time::Instant;

const ROUNDS: usize = 7;

/// A name, and a command of the shell.
const PROGRAMS: &[(&str, &str)] = &[
    ("a loop of the CPU", "i=0; while [ $i -lt 1000000 ]; do i=$((i+1)); done"),
    ("dd, a byte at a time", "dd if=/dev/zero of=/dev/null bs=1 count=500000"),
    ("find /usr", "find /usr"),
    ("java -version", "java -version"),
    (
        "python3, 12 imports",
        "python3 -c 'import json,re,http.client,email,csv,decimal,random,ssl,sqlite3,zipfile,logging,xml.dom'",
    ),
    ("800 processes", "i=0; while [ $i -lt 800 ]; do /bin/true; i=$((i+1)); done"),
    ("starting once", "true"),
];

fn main() {
    let faultmap = env!("CARGO_BIN_EXE_faultmap");
    println!("{:24} {:>10} {:>8} {:>8}", "", "alone", "exec", "--watch");
    for (name, script) in PROGRAMS {
        let program = script.split(' ').next().unwrap_or_default();
        let missing = Command::new("sh").args(["-c", &format!("command -v {program}")]).output();
        if !program.contains('=') && !missing.is_ok_and(|found| found.status.success()) {
            println!("{name:24} {program} is not installed");
            continue;
        }
        let shell = ["sh", "-c", script];
        let exec = [&[faultmap, "exec", "--"], &shell[..]].concat();
        let watch = [&[faultmap, "exec", "--watch", "--"], &shell[..]].concat();
        let rounds: Vec<[f64; 3]> =
            (0..ROUNDS).map(|_| [time(&shell), time(&exec), time(&watch)]).collect();
        let median = |of: &dyn Fn(&[f64; 3]) -> f64| {
            let mut all: Vec<f64> = rounds.iter().map(of).collect();
            all.sort_by(f64::total_cmp);
            all[all.len() / 2]
        };
        println!(
            "{name:24} {:>7.0} ms {:>8.2} {:>8.2}",
            median(&|own| own[0]),
            median(&|own| own[1] / own[0]),
            median(&|own| own[2] / own[0])
        );
    }
}

/// Returns the milliseconds of a command.
fn time(words: &[&str]) -> f64 {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).stdout(Stdio::null()).stderr(Stdio::null());
    let started = Instant::now();
    let status = command.status().expect("sh(1)");
    let taken = started.elapsed().as_secs_f64() * 1e3;
    assert!(status.success(), "{words:?}: {status}");
    taken
}
