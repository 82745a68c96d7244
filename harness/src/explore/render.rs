//! Turns a program into the text of a case.
//!
//! The search parses this text like that of any case file, so a program that it finds can be kept as a case.

use super::generate::{Call, Choice, Near, Program, Value};
use crate::case::{Access, BlockKind};
use crate::vocabulary::{
    self, Action, Effect, Facet, Family, Flag, Parameter, Returns, Syscall, flag, usual,
};

/// The text of the case, without a comment.
pub fn text(program: &Program) -> String {
    let mut text = Text::default();
    if program.pauses {
        text.line("timeout(2000ms);");
    }
    text.steps(&program.files);
    text.steps(&program.choices);
    let (map, access) = program.sweep;
    if let Some(map) = pick(&text.maps, map) {
        let access = Access::ALL[access % Access::ALL.len()].name();
        let line = format!("sweep({map}, {access});");
        text.line(&line);
    }
    if program.pauses {
        text.line("pause();");
    }
    text.out
}

#[derive(Default)]
struct Text {
    out: String,
    indent: usize,
    /// Files that the harness has made, by their variables.
    files: Vec<String>,
    /// Other descriptors that can be read from.
    others: Vec<String>,
    /// Pipes, from which a read would never return.
    pipes: Vec<String>,
    maps: Vec<String>,
    segments: Vec<String>,
    made: usize,
}

fn pick(names: &[String], number: usize) -> Option<&String> {
    pick_among(&[names], number)
}

/// The name of this number, modulo how many there are in all of the lists.
fn pick_among<'a>(lists: &[&'a [String]], number: usize) -> Option<&'a String> {
    let count: usize = lists.iter().map(|names| names.len()).sum();
    lists.iter().copied().flatten().nth(number % count.max(1))
}

impl Near {
    /// The size in the notation of a case, never negative.
    fn text(self) -> String {
        let Near { unit, count, bytes } = self;
        let unit = if unit == 0 { "PAGE".to_owned() } else { unit.to_string() };
        match (count, bytes) {
            (0, bytes) => bytes.max(0).to_string(),
            (count, 0) => format!("{count} * {unit}"),
            (count, bytes) if bytes < 0 => format!("{count} * {unit} - {}", -bytes),
            (count, bytes) => format!("{count} * {unit} + {bytes}"),
        }
    }

    fn whole(self) -> Near {
        Near { bytes: 0, ..self }
    }
}

/// A word of an argument of flags, and the flag that it names: `0600` names none.
type Word = (&'static str, Option<&'static Flag>);

/// The words of an argument of flags.
fn words(
    family: Family,
    usual: &'static str,
    more: Option<&'static Flag>,
) -> impl Iterator<Item = Word> {
    let usual = usual.split(" | ").map(move |name| (name, flag(family, name)));
    usual.chain(more.map(|flag| (flag.name, Some(flag))))
}

/// The flags of the arguments of a call: what stands in one of them decides on others.
struct Said(Vec<&'static Flag>);

impl Said {
    fn of(call: &Syscall, values: &[Value]) -> Said {
        let mut said = Vec::new();
        for (parameter, value) in call.all_parameters().zip(values) {
            let Some(family) = parameter.family() else { continue };
            match value {
                Value::Flags(usual, more) => {
                    said.extend(words(family, usual, *more).filter_map(|(_, flag)| flag));
                }
                Value::Word(name) => said.extend(flag(family, name)),
                _ => {}
            }
        }
        Said(said)
    }

    fn has(&self, facet: Facet) -> bool {
        self.0.iter().any(|flag| flag.facet == facet)
    }
}

impl Text {
    fn line(&mut self, text: &str) {
        self.out.push_str(&format!("{:indent$}{text}\n", "", indent = 4 * self.indent));
    }

    fn steps(&mut self, choices: &[Choice]) {
        for choice in choices {
            match choice {
                Choice::Block { kind, choices, exit } => self.block(*kind, choices, *exit),
                Choice::Call(call) => self.call(call),
                Choice::Touch { map, at, width, store } => {
                    let Some(map) = pick(&self.maps, *map) else { continue };
                    let at = at.text();
                    let to = if *width > 1 { format!("..{at} + {width}") } else { String::new() };
                    let store =
                        store.map_or(String::new(), |byte| format!(" = '{}'", char::from(byte)));
                    let line = format!("{map}[{at}{to}]{store};");
                    self.line(&line);
                }
            }
        }
    }

    fn block(&mut self, kind: BlockKind, choices: &[Choice], exit: Option<u8>) {
        let outer =
            [&self.files, &self.others, &self.pipes, &self.maps, &self.segments].map(Vec::clone);
        self.line(kind.opening());
        self.indent += 1;
        let before = self.out.len();
        if kind == BlockKind::Process {
            // An unrelated process has no descriptors of the case, so it opens the files itself.
            self.maps.clear();
            self.others.clear();
            self.pipes.clear();
            for index in 0..self.files.len() {
                let name = format!("{}_there", self.files[index]);
                let line = format!("{name} = open({});", self.files[index]);
                self.line(&line);
                self.files[index] = name;
            }
        }
        self.steps(choices);
        if let Some(status) = exit {
            self.line(&format!("_exit({status});"));
        } else if self.out.len() == before {
            self.line("munmap(NULL, 0);");
        }
        self.indent -= 1;
        self.line("}");
        [self.files, self.others, self.pipes, self.maps, self.segments] = outer;
    }

    /// The call, if what it needs is there, or can be made.
    fn call(&mut self, chosen: &Call) {
        let Call { call, values, full } = chosen;
        if call.parameters.contains(&Parameter::Id) && self.segments.is_empty() {
            let maker = vocabulary::all().find(|own| own.returns == Returns::Id);
            maker.into_iter().for_each(|maker| self.call(&with_defaults(maker)));
        }
        let said = Said::of(call, values);
        let count = match *full || said.has(Facet::Fixed) {
            true => values.len(),
            false => call.parameters.len(),
        };
        let parameters = call.all_parameters().zip(values).take(count);
        let args: Option<Vec<String>> = parameters
            .map(|(parameter, value)| self.argument(call, parameter, value, &said))
            .collect();
        let Some(args) = args else { return };
        let name = self.keep(call);
        let assign = name.map_or(String::new(), |name| format!("{name} = "));
        self.line(&format!("{assign}{}({});", call.name, args.join(", ")));
    }

    /// A new variable for what the call gives.
    fn keep(&mut self, call: &Syscall) -> Option<String> {
        let (names, letter) = match call.returns {
            Returns::Map => (&mut self.maps, "m"),
            Returns::Id => (&mut self.segments, "s"),
            Returns::File => (&mut self.files, "f"),
            Returns::Descriptor if call.action == Action::Pipe => (&mut self.pipes, "p"),
            Returns::Descriptor | Returns::Opened => (&mut self.others, "d"),
            _ => return None,
        };
        self.made += 1;
        let name = format!("{letter}{}", self.made);
        names.push(name.clone());
        Some(name)
    }

    fn argument(
        &self,
        call: &Syscall,
        parameter: Parameter,
        value: &Value,
        said: &Said,
    ) -> Option<String> {
        Some(match (parameter, value) {
            // The parser refuses a read that shows nothing.
            (Parameter::ShownLength, Value::Size(near)) => {
                let text = near.text();
                if text == "0" { "1".to_owned() } else { text }
            }
            // Only whole blocks of a file can be moved (fallocate(2), EINVAL).
            (Parameter::FileOffset | Parameter::FileLength, Value::Size(near))
                if said.has(Facet::Moves) =>
            {
                near.whole().text()
            }
            (_, Value::Size(near)) => near.text(),
            (_, Value::Number(number)) => number.to_string(),
            (_, Value::Address(map, at)) => self.address(call, *map, *at, said)?,
            (_, Value::BadDescriptor(number)) => number.to_string(),
            (Parameter::Flags(family) | Parameter::Word(family), Value::Flags(usual, more)) => {
                self.flags(call, words(family, usual, *more))
            }
            (_, Value::Word(name)) => (*name).to_owned(),
            (Parameter::PathOrFile | Parameter::Text, Value::Text(text)) => format!("\"{text}\""),
            (_, Value::Flags(..) | Value::Text(_)) => return None,
            (Parameter::Descriptor, Value::Variable(_)) if said.has(Facet::Anonymous) => {
                "-1".to_owned()
            }
            (Parameter::Id, Value::Variable(number)) => pick(&self.segments, *number)?.clone(),
            (Parameter::File | Parameter::PathOrFile, Value::Variable(number)) => {
                pick(&self.files, *number)?.clone()
            }
            (Parameter::ReadDescriptor, Value::Variable(number)) => {
                pick_among(&[&self.files, &self.others], *number)?.clone()
            }
            (_, Value::Variable(number)) => {
                pick_among(&[&self.files, &self.others, &self.pipes], *number)?.clone()
            }
        })
    }

    /// Flags. Without a map there is no address at which a new one could be asked to lie.
    fn flags(&self, call: &Syscall, words: impl Iterator<Item = Word>) -> String {
        let nowhere = self.maps.is_empty() && matches!(call.effect, Effect::Maps { .. });
        let is_fixed = |flag: &Flag| flag.facet == Facet::Fixed;
        let words: Vec<&str> = words
            .filter(|(word, flag)| *word != "0" && !(nowhere && flag.is_some_and(is_fixed)))
            .map(|(word, _)| word)
            .collect();
        if words.is_empty() { "0".to_owned() } else { words.join(" | ") }
    }

    /// An address in a map; where a new map is to lie, none as a rule.
    fn address(&self, call: &Syscall, map: usize, at: Near, said: &Said) -> Option<String> {
        let is_new = matches!(call.effect, Effect::Maps { .. } | Effect::Attaches { .. });
        let hinted = map == 3 && at.count == 3;
        let chosen = said.has(Facet::Fixed) || said.has(Facet::Replaces) || hinted;
        match pick(&self.maps, map) {
            _ if is_new && !chosen => Some("NULL".to_owned()),
            Some(map) => Some(format!("{map} + {}", at.text())),
            None if is_new => Some("NULL".to_owned()),
            None => None,
        }
    }
}

/// Returns a call that another one needs, with arguments that make sense.
fn with_defaults(call: &'static Syscall) -> Call {
    let size = Value::Size(Near { unit: 0, count: 2, bytes: 0 });
    let value = |parameter: Parameter| match parameter.family() {
        Some(family) => match usual(family).first() {
            Some(usual) => Value::Flags(usual, None),
            None => Value::Word(vocabulary::flags(family)[0].name),
        },
        None => size.clone(),
    };
    Call { call, values: call.all_parameters().map(value).collect(), full: false }
}
