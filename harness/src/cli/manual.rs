//! A reader of man(1) looks for sections by their usual names: [`page`] writes those of man-pages(7), in its order,
//! made of the same table as `--help`.
//!
//! clap_mangen writes the names, the options and the commands. It knows no sections for exit codes and examples,
//! and no usage of several values. The exit codes and the examples are read from the text below the help.

use std::io::Error;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

/// What stands at the foot of a page.
const SOURCE: &str = concat!("faultmap ", env!("CARGO_PKG_VERSION"));

/// The variables that the command reads.
const ENVIRONMENT: &[(&str, &str)] = &[
    (
        "TMPDIR",
        "The folder for the files of the cases where --dir names none; /tmp if it is not set.",
    ),
    ("NO_COLOR", "If it is set, text for people has no colours, unless --color says otherwise."),
    (
        "CLICOLOR_FORCE",
        "If it is set, text for people has colours in a pipe, too, unless --color says otherwise.",
    ),
    (
        "GITHUB_WORKSPACE",
        "The folder of the checkout. --format github names case files from there.",
    ),
];

/// The files of a project.
const FILES: &[(&str, &str)] = &[
    ("cases/ID.case", "A case."),
    ("snapshots/ID.snap", "The picture of that case that is kept."),
    (
        "snapshots/ID@CONDITIONS.snap",
        "The same for a file system, a kernel (linux-6.12), an architecture or a page size (16k), or several \
         of them joined by +, where its picture differs.",
    ),
];

/// Writes the page of a command, which was built; `whole` is the one that it belongs to.
pub fn page(command: &Command, whole: &Command) -> Result<Vec<u8>, Error> {
    let man = Man::new(command.clone());
    let name = command.get_display_name().unwrap_or(command.get_name());
    let mut text = Vec::new();
    // No date: a build of the same sources gives the same page.
    let mut head = Roff::new();
    head.control("TH", [name, "1", "\"\"", SOURCE, "User Commands"]);
    head.to_writer(&mut text)?;
    man.render_name_section(&mut text)?;
    synopsis(command).to_writer(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    let is_whole = command.has_subcommands();
    if is_whole {
        man.render_subcommands_section(&mut text)?;
    }
    let below = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let mut rest = Roff::new();
    entries(&mut rest, "EXIT STATUS", &below_heading(&below, "Exit codes:"));
    if is_whole || command.get_arguments().any(|own| own.get_long() == Some("dir")) {
        entries(&mut rest, "ENVIRONMENT", ENVIRONMENT);
        entries(&mut rest, "FILES", FILES);
    }
    entries(&mut rest, "EXAMPLES", &below_heading(&below, "Examples:"));
    see_also(&mut rest, command, whole);
    rest.to_writer(&mut text)?;
    // mandoc(1) warns of the empty line that clap_mangen writes before the values of an option.
    let text = String::from_utf8_lossy(&text).replace("\n.br\n\n.br\n", "\n.sp\n");
    Ok(text.into_bytes())
}

/// The usage, as the help has it.
fn synopsis(command: &Command) -> Roff {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").trim();
    let name = command.get_bin_name().unwrap_or(command.get_name());
    let mut section = Roff::new();
    section.control("SH", ["SYNOPSIS"]);
    match usage.strip_prefix(name) {
        Some(behind) => section.text([bold(name), roman(behind)]),
        None => section.text([roman(usage)]),
    };
    section
}

/// Writes a section of words, each with a text; nothing where there is none. A word without a text is a paragraph.
fn entries<T: AsRef<str>>(page: &mut Roff, heading: &str, entries: &[(T, T)]) {
    if entries.is_empty() {
        return;
    }
    page.control("SH", [heading]);
    for (index, (word, text)) in entries.iter().enumerate() {
        match (text.as_ref(), index) {
            // A section begins with a paragraph.
            ("", 0) => page.text([roman(word.as_ref())]),
            ("", _) => page.control("PP", []).text([roman(word.as_ref())]),
            (text, _) => page.control("TP", []).text([bold(word.as_ref())]).text([roman(text)]),
        };
    }
}

/// The entries below a heading of the text below the help: each is a word and, behind two blanks or on further
/// lines, a text.
fn below_heading(help: &str, heading: &str) -> Vec<(String, String)> {
    let mut entries: Vec<(String, String)> = Vec::new();
    let lines = help.lines().skip_while(|line| *line != heading).skip(1);
    for line in lines.take_while(|line| line.starts_with("  ")) {
        let own = line.trim_start();
        match entries.last_mut() {
            Some((_, text)) if line.len() - own.len() > 2 => {
                *text = format!("{text} {own}").trim_start().to_owned();
            }
            _ => {
                let (word, text) = own.split_once("  ").unwrap_or((own, ""));
                entries.push((word.to_owned(), text.trim_start().to_owned()));
            }
        }
    }
    entries
}

/// Writes the pages to read next: the whole leads to those of its commands, and each of these to the whole.
fn see_also(page: &mut Roff, command: &Command, whole: &Command) {
    let name = whole.get_name();
    let is_whole = command.has_subcommands();
    let own: Vec<String> = match is_whole {
        true => whole.get_subcommands().map(|own| format!("{name}-{}", own.get_name())).collect(),
        false => vec![name.to_owned()],
    };
    page.control("SH", ["SEE ALSO"]);
    let mut line = Vec::new();
    for page in &own {
        line.extend([bold(page), roman("(1), ")]);
    }
    line.extend([bold("mmap"), roman("(2), "), bold("sigaction"), roman("(2)")]);
    page.text(line);
    if is_whole {
        page.control("PP", [])
            .text([roman(format!("`{name} man COMMAND` prints the page of a command."))]);
    }
}
