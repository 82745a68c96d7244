//! Bounds on a whole case: the files and the maps that all of its calls make together.

use std::ops::Range;

use super::ParseError;
use super::grammar::Parser;
use crate::case::{Arg, Size, limits};
use crate::vocabulary::{Effect, Parameter, Returns, Syscall};

impl Parser<'_> {
    /// Checks what a single argument does not tell: the number and bytes of all files and of all maps, and
    /// a read that shows nothing, or bytes that vary.
    pub(super) fn check_whole(
        &mut self,
        call: &Syscall,
        args: &[Arg],
        span: Range<usize>,
    ) -> Result<(), ParseError> {
        for (parameter, arg) in call.all_parameters().zip(args) {
            match (parameter, arg) {
                (Parameter::ShownLength, Arg::Size(Size::Bytes(0, _))) => {
                    let message = format!("a {} of no bytes shows nothing", call.name);
                    return Err(ParseError::new(span, message)
                        .hint(format!("its form is `{}`", call.form())));
                }
                (Parameter::ReadDescriptor, Arg::Descriptor(name)) => {
                    self.scope.check_readable(name, span.clone())?;
                }
                _ => {}
            }
        }
        self.count_files(call, args, span.clone())?;
        self.count_maps(call, args, span)
    }

    fn count_files(
        &mut self,
        call: &Syscall,
        args: &[Arg],
        span: Range<usize>,
    ) -> Result<(), ParseError> {
        let asked = match call.effect {
            _ if call.makes_file() => largest(args.first()),
            Effect::Allocates { length, .. } => largest(args.get(length)),
            Effect::Transfers { count, to_memory: false, .. } => largest(args.get(count)),
            _ => return Ok(()),
        };
        self.files += usize::from(call.makes_file());
        if asked <= limits::FILE_BYTES {
            self.file_bytes += asked; // the kernel refuses more
        }
        if self.files > limits::FILES || self.file_bytes > limits::FILE_BYTES {
            let (files, bytes) = (limits::FILES, limits::FILE_BYTES);
            return Err(ParseError::new(span, "too many files, or too large")
                .hint(format!("a case has at most {files} files of {bytes} bytes together")));
        }
        Ok(())
    }

    fn count_maps(
        &mut self,
        call: &Syscall,
        args: &[Arg],
        span: Range<usize>,
    ) -> Result<(), ParseError> {
        let length = match call.effect {
            Effect::Maps { length, .. } | Effect::MakesSegment { length, .. } => {
                largest(args.get(length))
            }
            Effect::Remaps { new, .. } => largest(args.get(new)),
            Effect::Attaches { .. } => 0,
            _ => return Ok(()),
        };
        if length <= limits::MAP_BYTES {
            self.map_bytes += length;
        }
        self.maps += usize::from(call.returns == Returns::Map);
        if self.map_bytes > limits::MAPS_BYTES {
            return Err(ParseError::new(span, "the maps are too large together")
                .hint(format!("at most {} bytes", limits::MAPS_BYTES)));
        }
        if self.maps > limits::MAPS {
            return Err(ParseError::new(span, "too many maps")
                .hint(format!("a case makes at most {}", limits::MAPS)));
        }
        Ok(())
    }
}

/// The largest value that a size has on any machine; 0 of what is none.
fn largest(arg: Option<&Arg>) -> u64 {
    match arg {
        Some(Arg::Size(size)) => size.register(limits::LARGEST_PAGE).unwrap_or(0),
        _ => 0,
    }
}
