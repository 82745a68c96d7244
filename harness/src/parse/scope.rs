//! The variables that a step can use, and the kinds of their values.
//!
//! A `fork` block can use the variables around it, like a forked child. A `process` block can use
//! only what an unrelated process could know: the path of a file (to `open` it) and a shared memory
//! id. The variables that a block defines end with it.

use std::collections::BTreeSet;
use std::ops::Range;

use super::ParseError;
use crate::case::{BlockKind, limits};
use crate::vocabulary::{self, Parameter, Returns, Syscall, flag};

#[derive(Debug, Default)]
pub(super) struct Scope {
    frames: Vec<Frame>,
    defined: usize,
    /// Names in steps that are wrong: nobody knows what they hold.
    presumed: BTreeSet<String>,
}

#[derive(Debug)]
struct Frame {
    kind: BlockKind,
    names: Vec<(String, Returns)>,
}

impl Scope {
    pub fn new() -> Scope {
        let frames = vec![Frame { kind: BlockKind::Fork, names: Vec::new() }];
        Scope { frames, ..Scope::default() }
    }

    pub fn enter(&mut self, kind: BlockKind) {
        self.frames.push(Frame { kind, names: Vec::new() });
    }

    pub fn leave(&mut self) {
        self.frames.pop();
    }

    pub fn depth(&self) -> usize {
        self.frames.len() - 1
    }

    /// Takes it that the variable exists and fits everywhere.
    pub fn presume(&mut self, name: &str) {
        self.presumed.insert(name.to_owned());
    }

    /// True where no more variables can be defined.
    pub fn is_full(&self) -> bool {
        self.defined > limits::VARIABLES
    }

    pub fn define(
        &mut self,
        name: &str,
        gives: Returns,
        span: Range<usize>,
    ) -> Result<(), ParseError> {
        if self.presumed.contains(name) {
            return Ok(());
        }
        let known = self.frames.iter().rev().flat_map(|frame| &frame.names);
        if let Some((_, before)) = known.clone().find(|(own, _)| own == name) {
            if *before != gives {
                return Err(ParseError::new(span, format!("`{name}` already holds {before}"))
                    .hint(format!("give {gives} a name of its own")));
            }
        }
        let Some(frame) = self.frames.last_mut() else { return Ok(()) };
        if frame.names.iter().any(|(own, _)| own == name) {
            return Ok(()); // assigned again
        }
        frame.names.push((name.to_owned(), gives));
        self.defined += 1;
        if self.defined > limits::VARIABLES {
            return Err(ParseError::new(span, "too many variables")
                .hint(format!("a case has at most {}", limits::VARIABLES)));
        }
        Ok(())
    }

    /// Checks that the variable `name` holds `wanted` here. Another process can know the path of a file, and an
    /// id, but has not its descriptors and maps.
    pub fn check(&self, name: &str, wanted: Returns, span: Range<usize>) -> Result<(), ParseError> {
        if self.presumed.contains(name) {
            return Ok(());
        }
        let mut foreign = false;
        for frame in self.frames.iter().rev() {
            if let Some((_, holds)) = frame.names.iter().find(|(own, _)| own == name) {
                if !fits(*holds, wanted) {
                    let message = format!("`{name}` holds {holds}, not {wanted}");
                    return Err(self.instead(ParseError::new(span, message), name, wanted));
                }
                if foreign && !matches!(wanted, Returns::File | Returns::Id) {
                    return Err(ParseError::new(
                        span,
                        format!("`{name}` belongs to another process"),
                    )
                    .hint(
                        "an unrelated process must open and map files itself: \
                           `fd2 = open(fd); map2 = mmap(0, PAGE, PROT_READ, MAP_SHARED, fd2, 0);`",
                    ));
                }
                return Ok(());
            }
            foreign |= frame.kind == BlockKind::Process;
        }
        Err(self.instead(ParseError::new(span, format!("no variable `{name}` here")), name, wanted))
    }

    /// Checks that the content of this descriptor is the same in every run.
    pub fn check_readable(&self, name: &str, span: Range<usize>) -> Result<(), ParseError> {
        let mut names = self.frames.iter().rev().flat_map(|frame| &frame.names);
        match names.find(|(own, _)| own == name) {
            Some((_, Returns::Varying)) if !self.presumed.contains(name) => Err(ParseError::new(
                span,
                format!("the content of `{name}` varies from run to run"),
            )
            .hint("a file of /proc can be mapped, closed and more, but not read")),
            _ => Ok(()),
        }
    }

    /// Adds a hint: the nearest variable that fits, or how to define one.
    fn instead(&self, error: ParseError, name: &str, wanted: Returns) -> ParseError {
        let names = self.frames.iter().flat_map(|frame| &frame.names);
        let fitting: Vec<&str> =
            names.filter(|(_, holds)| fits(*holds, wanted)).map(|(own, _)| own.as_str()).collect();
        match fitting.is_empty() {
            true => error.hint(format!("define one first, with a call that gives {wanted}")),
            false => error.suggest(name, fitting),
        }
    }
}

/// Checks that the name of a variable is no constant, whose value a step would mean: C has macros for these, and
/// compiles no such assignment. The name of a call may be one, as in C.
pub(super) fn check_variable(name: &str, span: &Range<usize>) -> Result<(), ParseError> {
    let parameters = vocabulary::all().flat_map(Syscall::all_parameters);
    let is_flag =
        parameters.filter_map(Parameter::family).any(|family| flag(family, name).is_some());
    match is_flag || matches!(name, "PAGE" | "NULL") {
        true => Err(ParseError::new(span.clone(), format!("`{name}` is a constant"))
            .hint("give the variable another name")),
        false => Ok(()),
    }
}

/// True where a variable that holds `holds` can be used as `wanted`. A file is a descriptor too.
fn fits(holds: Returns, wanted: Returns) -> bool {
    holds == wanted
        || (matches!(holds, Returns::File | Returns::Varying) && wanted == Returns::Descriptor)
}
