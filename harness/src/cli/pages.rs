//! Shells complete words, and man(1) shows pages, if an installation has files for them: this module prints those
//! files, made of the same table as `--help`.

use clap::builder::PossibleValuesParser;
use clap::{Arg, Command, CommandFactory as _};
use clap_complete::Shell;

use super::args::Cli;
use super::exit::{Exit, Failed};
use super::manual;
use super::output::Output;
use super::usage::UsageError;

/// Prints the completions of a shell.
pub fn completions(shell: Shell) -> Result<Exit, Failed> {
    let whole = Cli::command();
    // clap wants names that live for ever, and this process ends with them.
    let name = |own: &Command| -> &'static str { own.get_name().to_owned().leak() };
    let names: Vec<&'static str> = whole.get_subcommands().map(name).collect();
    let pages = PossibleValuesParser::new(names);
    let mut whole =
        whole.mut_subcommand("man", |man| man.mut_arg("command", |arg| arg.value_parser(pages)));
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut whole, "faultmap", &mut text);
    if shell == Shell::Fish {
        text.extend(arguments_for_fish(&whole).into_bytes());
    }
    print(&text)
}

/// The values of arguments such as `completions SHELL`: clap_complete tells fish those of options alone.
fn arguments_for_fish(whole: &Command) -> String {
    let mut lines = String::new();
    for own in whole.get_subcommands() {
        let values = own.get_positionals().flat_map(Arg::get_possible_values);
        let names: Vec<String> = values.map(|value| value.get_name().to_owned()).collect();
        if !names.is_empty() {
            let (name, names) = (own.get_name(), names.join(" "));
            lines += &format!(
                "complete -c faultmap -n \"__fish_faultmap_using_subcommand {name}\" -f -a \"{names}\"\n"
            );
        }
    }
    lines
}

/// Prints the page of the manual for a command, or for the whole.
pub fn man(name: Option<&str>) -> Result<Exit, Failed> {
    let mut whole =
        Cli::command().disable_help_subcommand(true).subcommand_help_heading("COMMANDS");
    whole.build();
    let command = match name {
        None => &whole,
        Some(name) => whole.find_subcommand(name).ok_or_else(|| {
            let names: Vec<&str> = whole.get_subcommands().map(|own| own.get_name()).collect();
            UsageError::NoCommand {
                name: name.to_owned(),
                hint: format!("one of: {}", names.join(", ")),
            }
        })?,
    };
    let page = manual::page(command, &whole);
    print(&page.map_err(|error| Failed::harness(format!("cannot write the page: {error}")))?)
}

fn print(text: &[u8]) -> Result<Exit, Failed> {
    let mut out = Output::default();
    out.print(&String::from_utf8_lossy(text));
    out.end()?;
    Ok(Exit::Agree)
}
