//! Shells complete words, and man(1) shows pages, if an installation has files for them: this module prints those
//! files, made of the same table as `--help`.

use clap::builder::PossibleValuesParser;
use clap::{Arg, Command, CommandFactory as _, ValueHint};
use clap_complete::Shell;

use super::args::Cli;
use super::exit::{Exit, Failed};
use super::output::Output;
use super::usage::UsageError;
use super::{exec, explain, manual};

/// Prints the completions of a shell.
pub fn completions(shell: Shell) -> Result<Exit, Failed> {
    let mut whole = with_values(Cli::command());
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut whole, "faultmap", &mut text);
    let text = String::from_utf8_lossy(&text);
    print(&match shell {
        Shell::Bash => with_programs(&text).into_bytes(),
        Shell::Fish => (text.into_owned() + &arguments_for_fish(&whole)).into_bytes(),
        _ => text.into_owned().into_bytes(),
    })
}

/// Adds the values of arguments that the command itself reads as any text, to say of a wrong one what to write.
fn with_values(whole: Command) -> Command {
    // clap wants names that live for ever, and this process ends with them.
    let name = |own: String| -> &'static str { own.leak() };
    let pages = whole.get_subcommands().map(|own| name(own.get_name().to_owned()));
    let pages = PossibleValuesParser::new(pages.collect::<Vec<_>>());
    // A shell would take a name of two words for two.
    let rules = explain::names().into_iter().filter(|own| !own.contains(' ')).map(name);
    let rules = PossibleValuesParser::new(rules.collect::<Vec<_>>());
    let signals = PossibleValuesParser::new(exec::SIGNALS);
    whole
        .mut_subcommand("man", |own| own.mut_arg("command", |arg| arg.value_parser(pages)))
        .mut_subcommand("explain", |own| own.mut_arg("rule", |arg| arg.value_parser(rules)))
        .mut_subcommand("exec", |own| own.mut_arg("expect", |arg| arg.value_parser(signals)))
}

/// Completes the program of `exec`: clap_complete tells bash no hint of an argument that is no option's.
fn with_programs(text: &str) -> String {
    let words = text.replacen("_faultmap() {", "_faultmap_words() {", 1);
    format!("{words}{PROGRAMS_FOR_BASH}")
}

const PROGRAMS_FOR_BASH: &str = r#"
_faultmap() {
    _faultmap_words "$@"
    local word=${COMP_WORDS[COMP_CWORD]}
    [[ ${COMP_WORDS[1]} == exec && $word != -* ]] || return 0
    case ${COMP_WORDS[COMP_CWORD - 1]} in
        exec | -- | --all | --watch | --json)
            COMPREPLY=( $(compgen -c -- "$word" | sort -u) )
            ;;
    esac
}
"#;

/// The values of arguments such as `completions SHELL`: clap_complete tells fish those of options alone.
fn arguments_for_fish(whole: &Command) -> String {
    let mut lines = String::new();
    for own in whole.get_subcommands() {
        let values = own.get_positionals().flat_map(Arg::get_possible_values);
        let mut names: Vec<String> = values.map(|value| value.get_name().to_owned()).collect();
        let is_program = |arg: &Arg| arg.get_value_hint() == ValueHint::CommandWithArguments;
        if own.get_positionals().any(is_program) {
            names.push("(__fish_complete_command)".to_owned());
        }
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
