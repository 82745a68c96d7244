//! A program that dies has a few lines on standard error for its reason: this module writes them. The main type is
//! [`Reporter`].

use std::fs::{File, OpenOptions};
use std::io::Write as _;

use super::cause::Cause;
use super::json::{self, SCHEMA};
use super::reason::reason;
use super::scene::Scene;
use super::shape;
use super::words::head;
use crate::printable::escaped;

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Lines for people.
    Text,
    /// One JSON object on a line.
    Json,
}

/// Writes reports.
#[derive(Debug)]
pub struct Reporter {
    pub form: Form,
    pub to: To,
    /// The words that start this program, for a command that is printed.
    pub program: &'static str,
}

/// The place of reports.
#[derive(Debug)]
pub enum To {
    File(File),
    StandardError,
    StandardOutput,
    /// The standard error of the process that is reported.
    ItsStandardError,
}

impl Reporter {
    pub fn file(&self) -> Option<&File> {
        match &self.to {
            To::File(file) => Some(file),
            _ => None,
        }
    }

    /// Writes the whole report of a fault.
    pub fn report(&mut self, scene: &Scene) {
        let text = match self.form {
            Form::Text => text(scene, self.program),
            Form::Json => format!("{}\n", json::report(scene)),
        };
        self.write(&text, scene.process.pid);
    }

    /// Writes one line for a fault that the program has handled.
    pub fn mention(&mut self, scene: &Scene) {
        let text = match self.form {
            Form::Text => format!("faultmap: handled: {}\n", head(scene)),
            Form::Json => {
                let mut told = json::report(scene);
                told["handled"] = true.into();
                format!("{told}\n")
            }
        };
        self.write(&text, scene.process.pid);
    }

    /// Writes a remark of faultmap's own on a process.
    pub fn remark(&mut self, process: i32, remark: &str) {
        let text = match self.form {
            Form::Text => format!("faultmap: {}\n", escaped(remark)),
            Form::Json => {
                format!("{}\n", serde_json::json!({ "schema": SCHEMA, "remark": remark }))
            }
        };
        self.write(&text, process);
    }

    /// Writes no more to standard error, which is a pipe whose reader waits for its end.
    pub fn leave_standard_error(&mut self) {
        if matches!(self.to, To::StandardError) {
            self.to = To::ItsStandardError;
            close_standard_error();
        }
    }

    /// Writes in one piece, as others write to the same place. A failure of that can be told to nobody.
    fn write(&mut self, text: &str, process: i32) {
        let text = text.as_bytes();
        let _ = match &mut self.to {
            To::File(file) => file.write_all(text),
            To::StandardError => std::io::stderr().write_all(text),
            To::StandardOutput => std::io::stdout().write_all(text),
            To::ItsStandardError => OpenOptions::new()
                .append(true)
                .open(format!("/proc/{process}/fd/2"))
                .and_then(|mut file| file.write_all(text)),
        };
    }
}

/// Puts /dev/null in the place of standard error.
fn close_standard_error() {
    if let Ok(null) = File::options().write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stderr(null);
    }
}

/// The report for people.
fn text(scene: &Scene, program: &str) -> String {
    let cause = Cause::of(scene);
    let mut text = format!("faultmap: {}\n", head(scene));
    for line in reason(scene, &cause).iter().flat_map(|reason| reason.lines()) {
        text.push_str(&format!("  {}\n", escaped(line)));
    }
    let picture = shape::picture(scene, &cause);
    if !picture.is_empty() {
        text.push('\n');
    }
    for line in picture {
        text.push_str(&format!("    {line}\n"));
    }
    if let Some(case) = shape::case(scene, &cause) {
        text.push_str(&format!(
            "\n  to see it alone, save this as my.case and run `{program} show my.case`:\n"
        ));
        for line in case.lines() {
            text.push_str(&format!("    {line}\n"));
        }
    }
    text
}
