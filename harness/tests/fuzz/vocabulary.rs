//! Everything that a case can say, read off the table of calls, so that a word that is added there is
//! fuzzed without a line here.

use std::collections::BTreeMap;

use faultmap::case::{Arg, Call, Case, Family, FlagWord, Parameter, Signature, Step, flag_names};

/// A call, or a word of a flags argument.
#[derive(Debug, Clone, Copy)]
pub enum Item {
    /// The case makes this call.
    Call(&'static Signature),
    /// The case says this word in this parameter of some call.
    Word(&'static Signature, usize, &'static str),
}

impl Item {
    /// Whether the case says it.
    pub fn is_said(self, case: &Case) -> bool {
        case.walk().any(|(_, _, step)| match (self, step) {
            (Item::Call(row), Step::Call { call, .. }) => row.call == *call,
            (Item::Word(row, index, name), Step::Call { call, args, .. }) => {
                let said = |arg: &Arg| match arg {
                    Arg::Flags(words) => words.iter().any(|word| word.is(name)),
                    _ => false,
                };
                row.call == *call && args.get(index).is_some_and(said)
            }
            _ => false,
        })
    }
}

/// Every call once, and every word once in every parameter that takes it.
pub fn items() -> Vec<Item> {
    let mut items: Vec<Item> = Call::ALL.iter().map(Item::Call).collect();
    for row in Call::ALL {
        for (index, parameter) in row.parameters.iter().enumerate() {
            if let Some(family) = family(*parameter) {
                items.extend(flag_names(family).map(|name| Item::Word(row, index, name)));
            }
        }
    }
    items
}

/// The family whose words a parameter takes.
pub fn family(parameter: Parameter) -> Option<Family> {
    match parameter {
        Parameter::Flags(family) | Parameter::Word(family) => Some(family),
        _ => None,
    }
}

/// How often each call, and each word in each call, was generated.
#[derive(Debug)]
pub struct Count(BTreeMap<String, u64>);

impl Count {
    /// Nothing was generated yet.
    pub fn new() -> Count {
        let name = |item: Item| match item {
            Item::Call(row) => row.name.to_owned(),
            Item::Word(row, _, word) => format!("{} {word}", row.name),
        };
        Count(items().into_iter().map(|item| (name(item), 0)).collect())
    }

    /// Counts what this case says.
    pub fn add(&mut self, case: &Case) {
        for (_, _, step) in case.walk() {
            let Step::Call { call, args, .. } = step else { continue };
            let name = call.signature().name;
            *self.0.entry(name.to_owned()).or_default() += 1;
            let words = args.iter().filter_map(|arg| match arg {
                Arg::Flags(words) => Some(words),
                _ => None,
            });
            for word in words.flatten() {
                if let FlagWord::Name(word, _) = word {
                    *self.0.entry(format!("{name} {word}")).or_default() += 1;
                }
            }
        }
    }

    /// What was never generated.
    pub fn missing(&self) -> Vec<&str> {
        self.0.iter().filter(|(_, count)| **count == 0).map(|(name, _)| name.as_str()).collect()
    }
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let calls = self.0.iter().filter(|(name, _)| !name.contains(' '));
        for (call, count) in calls {
            write!(f, "  {call} {count}")?;
            let words = self.0.iter().filter_map(|(name, count)| {
                let word = name.strip_prefix(call.as_str())?.strip_prefix(' ')?;
                Some(format!("{word} {count}"))
            });
            let words: Vec<String> = words.collect();
            if !words.is_empty() {
                write!(f, " ({})", words.join(", "))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
