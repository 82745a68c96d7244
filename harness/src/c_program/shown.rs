//! A byte is the right one if it is that of its place in the file, so the program must know which file a map or a
//! descriptor shows, and from where on. The main type is [`Shown`].
//!
//! It follows the plain ways. Where maps are put over others, or descriptors are closed and their numbers given again,
//! it says nothing, and the program checks only that the byte is one with which a file was filled.

use std::collections::BTreeMap;

use crate::case::{Arg, Clean, says};
use crate::vocabulary::{Effect, Facet, Returns, Syscall};

use super::value;

/// The place of a byte in a file: the file by its number, and the offset as a sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    file: usize,
    terms: Vec<String>,
}

impl Origin {
    /// Returns the start of a file.
    fn start(file: usize) -> Origin {
        Origin { file, terms: Vec::new() }
    }

    /// Returns the place that lies so many bytes further on.
    pub fn plus(&self, term: impl Into<String>) -> Origin {
        let mut terms = self.terms.clone();
        terms.extend(Some(term.into()).filter(|term| term != "0"));
        Origin { terms, ..*self }
    }
}

/// Returns what to expect of a byte that is this, and that shows a file from there.
pub fn byte(byte: Clean, origin: Option<&Origin>) -> String {
    match (byte, origin) {
        (Clean::Data, Some(Origin { file, terms })) => {
            let offset = if terms.is_empty() { "0".to_owned() } else { terms.join(" + ") };
            format!("DATA({file}, {offset})")
        }
        (Clean::Data | Clean::OtherData, _) => "FILLED".to_owned(),
        (Clean::Byte(byte), _) => value::byte(byte),
        _ => "0".to_owned(),
    }
}

/// What the variables of a process show.
#[derive(Debug, Clone, Default)]
pub struct Shown {
    /// The descriptors of a file of the case.
    descriptors: BTreeMap<String, usize>,
    maps: BTreeMap<String, Origin>,
}

impl Shown {
    /// Notes that a variable holds a descriptor of this file; `None` of anything else.
    pub fn opened(&mut self, name: &str, file: Option<usize>) {
        match file {
            Some(file) => self.descriptors.insert(name.to_owned(), file),
            None => self.descriptors.remove(name),
        };
    }

    /// Returns the start of the file that this argument is a descriptor of.
    pub fn file(&self, arg: Option<&Arg>) -> Option<Origin> {
        match arg {
            Some(Arg::Descriptor(name)) => self.descriptors.get(name).copied().map(Origin::start),
            _ => None,
        }
    }

    /// Returns what the first byte of this map shows.
    pub fn map(&self, name: &str) -> Option<&Origin> {
        self.maps.get(name)
    }

    /// Notes a call that has succeeded, whose result this variable holds.
    pub fn called(&mut self, call: &Syscall, args: &[Arg], assign: Option<&str>) {
        let new = match call.effect {
            Effect::Maps { flags, file, offset, .. } if !says(args, flags, Facet::Anonymous) => {
                self.file(args.get(file))
                    .zip(args.get(offset))
                    .map(|(file, offset)| file.plus(term(offset)))
            }
            Effect::Remaps { address, .. } => self.at(args.get(address)),
            _ => None,
        };
        if self.hides(call, args) {
            self.maps.clear();
        }
        if let (Returns::Map, Some(name)) = (call.returns, assign) {
            match new {
                Some(origin) => self.maps.insert(name.to_owned(), origin),
                None => self.maps.remove(name),
            };
        }
        if call.effect == Effect::Closes {
            match args.first() {
                // A number that is closed twice was another variable's.
                Some(Arg::Descriptor(name)) if self.descriptors.remove(name).is_some() => {}
                _ => self.descriptors.clear(),
            }
        }
    }

    /// True where the call may let the bytes of a variable show something else.
    fn hides(&self, call: &Syscall, args: &[Arg]) -> bool {
        match call.effect {
            Effect::Maps { flags, .. } => says(args, flags, Facet::Fixed),
            Effect::Remaps { flags, .. } => says(args, flags, Facet::Fixed),
            Effect::Attaches { flags, .. } => says(args, flags, Facet::Replaces),
            Effect::Rearranges { .. } => true,
            _ => false,
        }
    }

    fn at(&self, address: Option<&Arg>) -> Option<Origin> {
        match address {
            Some(Arg::Address { map: Some(name), offset }) => {
                Some(self.maps.get(name)?.plus(value::size(offset)))
            }
            _ => None,
        }
    }
}

fn term(offset: &Arg) -> String {
    match offset {
        Arg::Size(size) => value::size(size),
        _ => "0".to_owned(),
    }
}
