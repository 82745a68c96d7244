//! The calls that a case may make, one row each. A new call needs a row here, its system call
//! number in `victim/compile.rs`, and its effect and its errors in `model/calls.rs`.

use std::fmt;

use super::Family;

/// The kind of value that a call stores in its variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gives {
    /// No value: the call cannot be assigned.
    Nothing,
    /// A file descriptor.
    Descriptor,
    /// A descriptor of a file that the harness made, which `open` can open again.
    File,
    /// A descriptor of a file of /proc. Its content varies between runs, so no case may read it.
    Varying,
    /// The address of a map.
    Map,
    /// A System V shared memory id.
    Id,
}

impl fmt::Display for Gives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Gives::Nothing => "nothing",
            Gives::Descriptor => "a descriptor",
            Gives::File => "a file",
            Gives::Varying => "a file of /proc",
            Gives::Map => "a map",
            Gives::Id => "a shared memory id",
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
    /// The length, in bytes, of a buffer that the harness provides.
    BufferLength,
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

/// The signature of one call.
#[derive(Debug)]
pub struct Signature {
    /// The call.
    pub call: Call,
    /// Its name in a case.
    pub name: &'static str,
    /// Its parameters, from left to right.
    pub parameters: &'static [Parameter],
    /// The number of parameters, counted from the left, that a case must write.
    pub required: usize,
    /// The kind of its result.
    pub gives: Gives,
}

macro_rules! vocabulary {
    ($($(#[$doc:meta])* $call:ident $name:literal [$($required:expr),*] [$($optional:expr),*] -> $gives:ident;)*) => {
        /// Every call that a case may make.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Call { $($(#[$doc])* $call,)* }

        impl Call {
            /// Every row of the vocabulary.
            pub const ALL: &[Signature] = {
                use Parameter::*;
                &[$(Signature {
                    call: Call::$call,
                    name: $name,
                    parameters: &[$($required,)* $($optional,)*],
                    required: <[Parameter]>::len(&[$($required),*]),
                    gives: Gives::$gives,
                },)*]
            };
        }
    };
}

vocabulary! {
    // Files that the harness makes.
    /// A file filled with the pattern.
    File "file" [FileSize] [Flags(Family::Open)] -> File;
    /// A memfd filled with the pattern.
    Memfd "memfd" [FileSize] [Flags(Family::Memfd)] -> File;
    /// A directory.
    Dir "dir" [] [] -> Descriptor;
    /// The read end of a pipe.
    Pipe "pipe" [] [] -> Descriptor;
    /// /dev/zero, opened.
    Devzero "devzero" [] [Flags(Family::Open)] -> Descriptor;
    /// open(2) of the file behind a descriptor, by its path, or of a file of /dev or /proc.
    Open "open" [PathOrFile] [Flags(Family::Open)] -> Descriptor;

    // Memory.
    /// mmap(2).
    Mmap "mmap" [Address, Length, Flags(Family::Protection), Flags(Family::Map), Descriptor, MapOffset] [] -> Map;
    /// munmap(2).
    Munmap "munmap" [Address, Length] [] -> Nothing;
    /// mprotect(2).
    Mprotect "mprotect" [Address, Length, Flags(Family::Protection)] [] -> Nothing;
    /// mremap(2).
    Mremap "mremap" [Address, Length, Length, Flags(Family::Remap)] [Address] -> Map;
    /// madvise(2).
    Madvise "madvise" [Address, Length, Word(Family::Advice)] [] -> Nothing;
    /// msync(2).
    Msync "msync" [Address, Length, Flags(Family::Sync)] [] -> Nothing;
    /// mlock(2).
    Mlock "mlock" [Address, Length] [] -> Nothing;
    /// munlock(2).
    Munlock "munlock" [Address, Length] [] -> Nothing;
    /// mseal(2).
    Mseal "mseal" [Address, Length, Number] [] -> Nothing;
    /// remap_file_pages(2).
    RemapFilePages "remap_file_pages" [Address, Length, Flags(Family::Protection), Number, Flags(Family::Map)] [] -> Nothing;

    // Files.
    /// ftruncate(2).
    Ftruncate "ftruncate" [Descriptor, FileOffset] [] -> Nothing;
    /// fallocate(2).
    Fallocate "fallocate" [Descriptor, Flags(Family::Fallocate), FileOffset, FileLength] [] -> Nothing;
    /// pread(2): descriptor, offset, length, into a buffer of the harness.
    Pread "pread" [Descriptor, FileOffset, BufferLength] [] -> Nothing;
    /// pwrite(2) of a string literal.
    Pwrite "pwrite" [Descriptor, Text, FileOffset] [] -> Nothing;
    /// read(2) into a map: the kernel stores there.
    Read "read" [Descriptor, Address, BufferLength] [] -> Nothing;
    /// write(2) from a map: the kernel loads from there.
    Write "write" [Descriptor, Address, BufferLength] [] -> Nothing;
    /// fsync(2).
    Fsync "fsync" [Descriptor] [] -> Nothing;
    /// fcntl(2) with F_ADD_SEALS.
    Fcntl "fcntl" [Descriptor, Word(Family::Fcntl), Flags(Family::Seal)] [] -> Nothing;
    /// close(2).
    Close "close" [Descriptor] [] -> Nothing;
    /// unlink(2) of the name under which the file was made.
    Unlink "unlink" [File] [] -> Nothing;

    // System V shared memory.
    /// shmget(2).
    Shmget "shmget" [Word(Family::Key), Length, Flags(Family::Shmget)] [] -> Id;
    /// shmat(2).
    Shmat "shmat" [Id, Address, Flags(Family::Shmat)] [] -> Map;
    /// shmdt(2).
    Shmdt "shmdt" [Address] [] -> Nothing;
    /// shmctl(2) with IPC_RMID.
    Shmctl "shmctl" [Id, Word(Family::Shmctl)] [Number] -> Nothing;

    // The process itself.
    /// sigaction(2) to SIG_IGN or SIG_DFL.
    Sigaction "sigaction" [Word(Family::Signal), Word(Family::Disposition)] [] -> Nothing;
    /// sigprocmask(2) for one signal.
    Sigprocmask "sigprocmask" [Word(Family::MaskHow), Word(Family::Signal)] [] -> Nothing;
    /// setrlimit(2), the soft and the hard limit at once.
    Setrlimit "setrlimit" [Word(Family::Resource), Limit] [] -> Nothing;
    /// raise(3).
    Raise "raise" [Word(Family::Signal)] [] -> Nothing;
    /// pause(2).
    Pause "pause" [] [] -> Nothing;
    /// _exit(2).
    Exit "_exit" [Number] [] -> Nothing;
}

impl Signature {
    /// The form of the call: `mmap(addr, length, prot, flags, fd, offset);`
    pub fn form(&self) -> String {
        let names: Vec<String> = self
            .parameters
            .iter()
            .enumerate()
            .map(|(index, parameter)| match index < self.required {
                true => parameter.to_string(),
                false => format!("[{parameter}]"),
            })
            .collect();
        format!("{}({});", self.name, names.join(", "))
    }
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Parameter::FileSize => "size",
            Parameter::Length | Parameter::FileLength => "length",
            Parameter::BufferLength => "count",
            Parameter::FileOffset | Parameter::MapOffset => "offset",
            Parameter::Limit => "limit",
            Parameter::Number => "number",
            Parameter::Address => "addr",
            Parameter::Descriptor | Parameter::File | Parameter::PathOrFile => "fd",
            Parameter::Id => "id",
            Parameter::Flags(Family::Protection) => "prot",
            Parameter::Flags(_) => "flags",
            Parameter::Word(_) => "name",
            Parameter::Text => "\"text\"",
        })
    }
}

impl Call {
    /// The row of a call.
    pub fn signature(self) -> &'static Signature {
        // The macro writes the table in the order of the enum.
        &Call::ALL[self as usize]
    }

    /// The call of that name.
    pub fn from_name(name: &str) -> Option<Call> {
        Call::ALL.iter().find(|row| row.name == name).map(|row| row.call)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_found_by_its_call_and_by_its_name() {
        for row in Call::ALL {
            assert_eq!(row.call.signature().name, row.name);
            assert_eq!(Call::from_name(row.name), Some(row.call));
            assert!(row.required <= row.parameters.len());
        }
    }
}
