//! Shells complete words, and man(1) shows pages, if an installation has files for them: this module prints those
//! files, made of the same table as `--help`.

use clap::CommandFactory as _;
use clap_complete::Shell;
use clap_mangen::Man;

use super::args::Cli;
use super::exit::{Exit, Failed};
use super::output::Output;
use super::usage::UsageError;

/// What stands at the foot of a page.
const VERSION: &str = concat!("faultmap ", env!("CARGO_PKG_VERSION"));

/// Prints the completions of a shell.
pub fn completions(shell: Shell) -> Result<Exit, Failed> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "faultmap", &mut text);
    print(&text)
}

/// Prints the page of the manual for a command, or for the whole.
pub fn man(name: Option<&str>) -> Result<Exit, Failed> {
    let mut whole = Cli::command().disable_help_subcommand(true);
    whole.build();
    let page = match name {
        None => &whole,
        Some(name) => whole.find_subcommand(name).ok_or_else(|| {
            let names: Vec<&str> = whole.get_subcommands().map(|own| own.get_name()).collect();
            UsageError::NoCommand {
                name: name.to_owned(),
                hint: format!("one of: {}", names.join(", ")),
            }
        })?,
    };
    let mut text = Vec::new();
    let rendered = Man::new(page.clone()).source(VERSION).manual("faultmap").render(&mut text);
    rendered.map_err(|error| Failed::harness(format!("cannot write the page: {error}")))?;
    print(&text)
}

fn print(text: &[u8]) -> Result<Exit, Failed> {
    let mut out = Output::default();
    out.print(&String::from_utf8_lossy(text));
    out.end()?;
    Ok(Exit::Agree)
}
