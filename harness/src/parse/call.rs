//! The arguments of a call, each parsed as the kind that the call's signature names.

use std::ops::Range;

use super::grammar::Parser;
use super::token::TokenKind;
use super::{ParseError, habits};
use crate::case::{Arg, FlagWord, Size, Step, limits, stored};
use crate::vocabulary::{self, Family, Parameter, Returns, Syscall, flag, flags};

/// The smallest offset that no file can have. A case may use such an offset to see the call fail.
const HOPELESS_OFFSET: i128 = 1 << 63;

impl Parser<'_> {
    /// Parses the rest of `name(args)`, from the opening parenthesis on.
    pub(super) fn call(
        &mut self,
        name: &str,
        span: Range<usize>,
        assign: Option<(String, Range<usize>)>,
    ) -> Result<Step, ParseError> {
        let Some(call) = vocabulary::call(name) else {
            return Err(habits::step(span, name));
        };
        self.expect("(")?;
        let mut args = Vec::new();
        for (index, parameter) in call.all_parameters().enumerate() {
            if self.at(")") && index >= call.parameters.len() {
                break;
            }
            if (index > 0 && !self.take(",")) || self.at(")") {
                return Err(self.wrong_form(call));
            }
            args.push(self.argument(parameter)?);
        }
        if !self.take(")") {
            return Err(self.wrong_form(call));
        }
        self.check_whole(call, &args, span.start..self.last_end())?;
        if let Some((name, span)) = &assign {
            let gives = stored(call, &args);
            if !gives.is_kept() {
                return Err(ParseError::new(
                    span.clone(),
                    format!("`{}` gives nothing to keep", call.name),
                )
                .hint(format!("write the call alone: `{}`", call.form())));
            }
            self.scope.define(name, gives, span.clone())?;
        }
        Ok(Step::Call { assign: assign.map(|(name, _)| name), call, args })
    }

    /// The error where the next token cannot follow the arguments that were read.
    fn wrong_form(&self, call: &Syscall) -> ParseError {
        let (name, most) = (call.name, call.all_parameters().count());
        let message = match (self.at(")") || self.at(","), call.parameters.len()) {
            (false, _) => format!("expected `,` or `)` after an argument of `{name}`"),
            (true, 1) if most == 1 => format!("`{name}` takes 1 argument"),
            (true, least) if least == most => format!("`{name}` takes {most} arguments"),
            (true, least) => format!("`{name}` takes {least} to {most} arguments"),
        };
        self.error(message).hint(format!("its form is `{}`", call.form()))
    }

    fn argument(&mut self, parameter: Parameter) -> Result<Arg, ParseError> {
        match parameter {
            Parameter::FileSize => {
                let size =
                    self.size_within(0..=i128::from(limits::FILE_BYTES), "the size of a file")?;
                Ok(Arg::Size(size))
            }
            Parameter::BufferLength | Parameter::ShownLength => {
                let most = i128::from(limits::BUFFER_BYTES);
                Ok(Arg::Size(self.size_within(0..=most, "this length")?))
            }
            Parameter::Length => {
                let hopeless = i128::from(limits::HOPELESS_BYTES);
                self.bounded(limits::MAP_BYTES, "this length", hopeless)
            }
            Parameter::FileOffset => {
                self.bounded(limits::FILE_OFFSET, "an offset in a file", HOPELESS_OFFSET)
            }
            Parameter::FileLength => {
                self.bounded(limits::FILE_BYTES, "a length in a file", HOPELESS_OFFSET)
            }
            Parameter::Limit => {
                let most = 0..=i128::from(limits::RESOURCE);
                Ok(Arg::Size(self.size_within(most, "this limit")?))
            }
            // Any offset is allowed: to map a file past its end takes no disk space.
            Parameter::Number | Parameter::MapOffset => {
                let all = i128::from(i64::MIN)..=i128::from(u64::MAX);
                Ok(Arg::Size(self.size_within(all, "this number")?))
            }
            Parameter::Address => self.address(),
            Parameter::Descriptor | Parameter::ReadDescriptor => self.descriptor(),
            Parameter::File => {
                let (name, span) = self.word("a file")?;
                self.scope.check(&name, Returns::File, span)?;
                Ok(Arg::Descriptor(name))
            }
            Parameter::Id => {
                let (name, span) = self.word("a shared memory id")?;
                self.scope.check(&name, Returns::Id, span)?;
                Ok(Arg::Id(name))
            }
            Parameter::Flags(family) => self.flags(family),
            Parameter::Word(family) => match self.peek().kind {
                TokenKind::Number(..) => Err(self
                    .error("a name belongs here")
                    .one_of(flags(family).iter().map(|flag| flag.name))),
                _ => Ok(Arg::Flags(vec![self.flag(family)?])),
            },
            Parameter::Text => {
                let token = self.next();
                match &token.kind {
                    TokenKind::Text(bytes) => Ok(Arg::Text(bytes.clone())),
                    _ => Err(ParseError::new(token.span.clone(), "a text belongs here")
                        .hint("the bytes to write, in double quotes: \"abc\"")),
                }
            }
            Parameter::PathOrFile => self.path_or_file(),
        }
    }

    /// Parses a size of at most `most`, or one that the kernel must refuse: negative, or `hopeless` or
    /// more.
    fn bounded(&mut self, most: u64, what: &str, hopeless: i128) -> Result<Arg, ParseError> {
        let start = self.peek().span.start;
        let size = self.size_within(i128::from(i64::MIN)..=i128::from(u64::MAX), what)?;
        for page in [limits::SMALLEST_PAGE, limits::LARGEST_PAGE] {
            let value = size.eval(page).unwrap_or(0);
            // A negative number is a huge one to the kernel.
            if value > i128::from(most) && value < hopeless {
                return Err(ParseError::new(
                    start..self.last_end(),
                    format!("{what} is out of bounds: {value}"),
                )
                .hint(format!(
                    "at most {most}; or from {hopeless:#x} on, or negative, for one that the kernel \
                     must refuse"
                )));
            }
        }
        Ok(Arg::Size(size))
    }

    /// `map`, `map + PAGE`, `map - 1`, `0`, `NULL`.
    fn address(&mut self) -> Result<Arg, ParseError> {
        let token = self.peek().clone();
        let reach = i128::from(limits::MAP_BYTES);
        if let TokenKind::Word(word) = &token.kind {
            if word != "PAGE" && word != "NULL" {
                self.next();
                self.scope.check(word, Returns::Map, token.span.clone())?;
                // `map - a + b` is parsed as the offset 0 - a + b, so the sign is left to the
                // offset.
                let offset = match self.take("+") || self.at("-") {
                    true => self.size_within(-reach..=reach, "an offset from a map")?,
                    false => Size::bytes(0),
                };
                return Ok(Arg::Address { map: Some(word.clone()), offset });
            }
        }
        let offset =
            self.size_within(i128::from(i64::MIN)..=i128::from(u64::MAX), "this address")?;
        for page in [limits::SMALLEST_PAGE, limits::LARGEST_PAGE] {
            let value = offset.register(page).unwrap_or(0);
            if (limits::LOW_ADDRESS..limits::HOPELESS_ADDRESS).contains(&value) {
                return Err(ParseError::new(
                    token.span.start..self.last_end(),
                    "a bare address could hit memory of the harness",
                )
                .hint("write it relative to a map: `map + 2 * PAGE`"));
            }
        }
        Ok(Arg::Address { map: None, offset })
    }

    fn descriptor(&mut self) -> Result<Arg, ParseError> {
        let token = self.peek().clone();
        if let TokenKind::Word(word) = &token.kind {
            self.next();
            self.scope.check(word, Returns::Descriptor, token.span)?;
            return Ok(Arg::Descriptor(word.clone()));
        }
        let size = self.size_within(i128::from(i32::MIN)..=i128::from(i32::MAX), "a descriptor")?;
        let value =
            size.eval(limits::SMALLEST_PAGE).and_then(|v| i64::try_from(v).ok()).unwrap_or(0);
        if value >= 0 && !limits::BAD_DESCRIPTORS.contains(&value) {
            return Err(ParseError::new(
                token.span.start..self.last_end(),
                format!("descriptor {value} could be one of the harness"),
            )
            .hint("name the variable of an open file; for a bad descriptor write -1 or 99"));
        }
        Ok(Arg::BadDescriptor(value as i32))
    }

    fn flags(&mut self, family: Family) -> Result<Arg, ParseError> {
        let mut words = vec![self.flag(family)?];
        while self.take("|") {
            words.push(self.flag(family)?);
        }
        Ok(Arg::Flags(words))
    }

    fn flag(&mut self, family: Family) -> Result<FlagWord, ParseError> {
        let token = self.next();
        match &token.kind {
            // 0 is no flag, and shmget takes a mode. Any other number could be a flag outside of
            // the vocabulary.
            TokenKind::Number(value, radix)
                if *value == 0 || (family == Family::Shmget && *value <= 0o777) =>
            {
                Ok(FlagWord::Number(*value, *radix))
            }
            TokenKind::Word(word) => flag(family, word).map(FlagWord::Name).ok_or_else(|| {
                let known = flags(family).iter().map(|flag| flag.name);
                let error = |message| ParseError::new(token.span.clone(), message);
                let mut families = vocabulary::all()
                    .flat_map(Syscall::all_parameters)
                    .filter_map(Parameter::family);
                if families.any(|other| flag(other, word).is_some()) {
                    return error(format!("`{word}` is no flag of this argument")).one_of(known);
                }
                let error = error(format!("unknown flag `{word}`"));
                match habits::flag(word) {
                    Some(hint) => error.hint(hint),
                    None => error.suggest(word, known),
                }
            }),
            _ => Err(ParseError::new(token.span.clone(), "a name of a flag belongs here")
                .one_of(flags(family).iter().map(|flag| flag.name))),
        }
    }

    fn path_or_file(&mut self) -> Result<Arg, ParseError> {
        let token = self.next();
        match &token.kind {
            TokenKind::Text(bytes) => {
                let path = String::from_utf8_lossy(bytes);
                if !limits::PATHS.contains(&&*path) {
                    return Err(habits::path(token.span.clone(), &path, limits::PATHS));
                }
                Ok(Arg::Text(bytes.clone()))
            }
            TokenKind::Word(word) => {
                self.scope.check(word, Returns::File, token.span.clone())?;
                Ok(Arg::Descriptor(word.clone()))
            }
            _ => Err(ParseError::new(token.span.clone(), "a path or a file belongs here")
                .hint("open(fd, O_RDONLY); or open(\"/proc/self/maps\", O_RDONLY);")),
        }
    }
}
