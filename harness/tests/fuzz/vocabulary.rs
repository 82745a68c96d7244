//! The vocabulary that the fuzz must generate. This module reads it from the table of calls, so that a word
//! that is added there is fuzzed without a change here.

use std::collections::BTreeMap;

use faultmap::internals::case::{Arg, Case, FlagWord, Step};
use faultmap::internals::vocabulary::{self, Family, Syscall, flag, flags};

/// A call, or a word of a flags argument.
#[derive(Debug, Clone, Copy)]
pub enum Item {
    /// The case makes this call.
    Call(&'static Syscall),
    /// The case uses this word in this parameter of some call.
    Word(&'static Syscall, usize, &'static str),
}

impl Item {
    /// True if the case uses this item.
    pub fn is_said(self, case: &Case) -> bool {
        case.walk().any(|(_, _, step)| match (self, step) {
            (Item::Call(row), Step::Call { call, .. }) => row == *call,
            (Item::Word(row, index, name), Step::Call { call, args, .. }) => {
                let said = |arg: &Arg| match arg {
                    Arg::Flags(words) => words.iter().any(|word| word.is(name)),
                    _ => false,
                };
                row == *call && args.get(index).is_some_and(said)
            }
            _ => false,
        })
    }
}

/// Returns every call, and every word in every parameter that takes it.
pub fn items() -> Vec<Item> {
    let mut items: Vec<Item> = vocabulary::all().map(Item::Call).collect();
    for row in vocabulary::all() {
        for (index, parameter) in row.all_parameters().enumerate() {
            if let Some(family) = parameter.family() {
                items.extend(flags(family).iter().map(|flag| Item::Word(row, index, flag.name)));
            }
        }
    }
    items
}

/// Returns the call of this name.
pub fn call(name: &str) -> &'static Syscall {
    vocabulary::call(name).expect("a call of the vocabulary")
}

/// Returns the flag of this name.
pub fn word(family: Family, name: &str) -> Option<FlagWord> {
    flag(family, name).map(FlagWord::Name)
}

/// The number of times that each call, and each word in each call, was generated.
#[derive(Debug)]
pub struct Count(BTreeMap<String, u64>);

impl Count {
    /// Returns counts of zero.
    pub fn new() -> Count {
        let name = |item: Item| match item {
            Item::Call(row) => row.name.to_owned(),
            Item::Word(row, _, word) => format!("{} {word}", row.name),
        };
        Count(items().into_iter().map(|item| (name(item), 0)).collect())
    }

    /// Counts the items of this case.
    pub fn add(&mut self, case: &Case) {
        for (_, _, step) in case.walk() {
            let Step::Call { call, args, .. } = step else { continue };
            let name = call.name;
            *self.0.entry(name.to_owned()).or_default() += 1;
            let words = args.iter().filter_map(|arg| match arg {
                Arg::Flags(words) => Some(words),
                _ => None,
            });
            for word in words.flatten() {
                if let FlagWord::Name(flag) = word {
                    *self.0.entry(format!("{name} {}", flag.name)).or_default() += 1;
                }
            }
        }
    }

    /// Returns the calls and words that were never generated.
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
