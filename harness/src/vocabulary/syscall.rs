//! The value of a call, and the kinds of its arguments and of its result.

use std::fmt;

use super::effect::{Action, Cost, Effect, Lack, Reach};
use super::flags::Family;

/// A call that a case may make.
pub struct Syscall {
    /// Its name in a case.
    pub name: &'static str,
    /// Its manual page: `madvise(2)`.
    pub manual: &'static str,
    /// Its parameters, from left to right.
    pub parameters: &'static [Parameter],
    /// Further parameters, which a case may leave out.
    pub optional: &'static [Parameter],
    /// The kind of its result.
    pub returns: Returns,
    /// The way in which a child performs it.
    pub action: Action,
    /// The change that its success makes.
    pub effect: Effect,
    /// The memory that it may reach.
    pub reach: Reach,
    /// The memory and the disk space that it may take.
    pub cost: Cost,
    /// The resources that the environment may deny it, so that it fails and the kernel is not to blame.
    pub lacks: &'static [Lack],
    /// The weight of the call in `explore`, compared with others; 0 where `explore` never makes it, because
    /// the program would not go on.
    pub weight: u32,
}

/// The kind of value that a call stores in its variable, or that a picture shows of its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Returns {
    /// No value: the call cannot be assigned.
    Nothing,
    /// A number of bytes, which the picture shows. The call cannot be assigned.
    Count,
    /// So many bytes in the buffer of the harness, which the picture shows. The call cannot be assigned.
    Bytes,
    /// One byte for each page of the length in this parameter, in the buffer of the harness. The picture
    /// shows them. The call cannot be assigned.
    BytePerPage(usize),
    /// A file descriptor.
    Descriptor,
    /// A descriptor of a file that the harness made, which `open` can open again.
    File,
    /// A descriptor of a file of /proc. Its content varies between runs, so no case may read it.
    Varying,
    /// A descriptor of the file that the first argument names.
    Opened,
    /// The address of a map.
    Map,
    /// A System V shared memory id.
    Id,
}

impl Returns {
    /// True where a case can keep the value in a variable.
    pub fn is_kept(self) -> bool {
        !matches!(
            self,
            Returns::Nothing | Returns::Count | Returns::Bytes | Returns::BytePerPage(_)
        )
    }
}

impl fmt::Display for Returns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Returns::Nothing => "nothing",
            Returns::Count => "a number of bytes",
            Returns::Bytes | Returns::BytePerPage(_) => "bytes",
            Returns::Descriptor | Returns::Opened => "a descriptor",
            Returns::File => "a file",
            Returns::Varying => "a file of /proc",
            Returns::Map => "a map",
            Returns::Id => "a shared memory id",
        })
    }
}

/// The kind of one argument of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parameter {
    /// The size, in bytes, of a file that the harness makes and fills.
    FileSize,
    /// A length of memory, in bytes.
    Length,
    /// The length, in bytes, of a buffer.
    BufferLength,
    /// The same for the buffer of the harness, which a picture shows: 0 would show nothing.
    ShownLength,
    /// An offset or a new size of a file, in bytes.
    FileOffset,
    /// The length, in bytes, of a range of a file. The call may allocate disk space for all of it.
    FileLength,
    /// The offset in a file at which a map begins, in bytes.
    MapOffset,
    /// The new value of a resource limit.
    Limit,
    /// Any other number.
    Number,
    /// An address: a map plus an offset, or a bare number.
    Address,
    /// A descriptor.
    Descriptor,
    /// A descriptor whose file the call reads: one of /proc is refused, as its content varies.
    ReadDescriptor,
    /// A shared memory id.
    Id,
    /// Flags of one family, joined by `|`.
    Flags(Family),
    /// One word of a family.
    Word(Family),
    /// A string literal: bytes to write.
    Text,
    /// A file that the harness made, by the variable that holds it.
    File,
    /// A file that the harness made, or the path of one of a few files of /dev and /proc.
    PathOrFile,
}

impl Parameter {
    /// The family whose words the parameter takes.
    pub fn family(self) -> Option<Family> {
        match self {
            Parameter::Flags(family) | Parameter::Word(family) => Some(family),
            _ => None,
        }
    }
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Parameter::*;
        f.write_str(match self {
            FileSize => "size",
            Length | FileLength => "length",
            BufferLength | ShownLength => "count",
            FileOffset | MapOffset => "offset",
            Limit => "limit",
            Number => "number",
            Address => "addr",
            Descriptor | ReadDescriptor | File | PathOrFile => "fd",
            Id => "id",
            Flags(Family::Protection) => "prot",
            Flags(_) => "flags",
            Word(_) => "name",
            Text => "\"text\"",
        })
    }
}

/// The fields that most calls have in common, for `..PLAIN`.
pub const PLAIN: Syscall = Syscall {
    name: "",
    manual: "",
    parameters: &[],
    optional: &[],
    returns: Returns::Nothing,
    action: Action::System(u32::MAX),
    effect: Effect::None,
    reach: Reach::Derived,
    cost: Cost::Derived,
    lacks: &[],
    weight: 4,
};

impl PartialEq for Syscall {
    fn eq(&self, other: &Syscall) -> bool {
        self.name == other.name
    }
}

impl Eq for Syscall {}

impl fmt::Debug for Syscall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Syscall {
    /// All parameters, those included that may be left out.
    pub fn all_parameters(&self) -> impl Iterator<Item = Parameter> {
        self.parameters.iter().chain(self.optional).copied()
    }

    /// The index of the first parameter for which `is_it` holds.
    pub fn position(&self, is_it: impl Fn(Parameter) -> bool) -> Option<usize> {
        self.all_parameters().position(is_it)
    }

    /// The form of the call: `mmap(addr, length, prot, flags, fd, offset);`
    pub fn form(&self) -> String {
        let must = self.parameters.iter().map(Parameter::to_string);
        let may = self.optional.iter().map(|parameter| format!("[{parameter}]"));
        let names: Vec<String> = must.chain(may).collect();
        format!("{}({});", self.name, names.join(", "))
    }

    /// The number of the system call; none where the harness does more than to make one.
    pub fn number(&self) -> Option<u32> {
        match self.action {
            Action::System(number) | Action::Arranged(number, _) => Some(number),
            _ => None,
        }
    }

    /// True where it makes a file that the harness fills.
    pub fn makes_file(&self) -> bool {
        matches!(self.action, Action::MakeFile | Action::MakeMemfd)
    }
}
