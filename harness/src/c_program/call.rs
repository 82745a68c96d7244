//! A call of a case becomes one of the C library: the same name and the same arguments, as a rule. The calls that the
//! case language says otherwise have their lines here. The main function is [`of`].

use super::value;
use crate::case::{Arg, FlagWord, Size, says};
use crate::vocabulary::linux::{O_ACCMODE, O_DIRECTORY};
use crate::vocabulary::{Action, Argument, Effect, Facet, Family, Parameter, Syscall, flags};

/// The calls that the C library has no function for, or has had none for long.
pub const WITHOUT_FUNCTION: &[&str] = &["mseal"];

/// The second descriptor of the first file: a number that no step is given.
pub const FIRST_FILE: usize = 40;

/// The things that a call may name.
pub trait Names {
    /// Returns the expression for what a variable holds.
    fn value(&mut self, name: &str) -> String;
    /// True where the variable holds MAP_FAILED, which stays so, whatever is added to it.
    fn is_no_map(&self, name: &str) -> bool;
    /// Returns the number of the file that is made by this step, or that this argument names.
    fn file(&self, arg: Option<&Arg>) -> usize;
    /// Returns an address for a map, around which nothing is mapped.
    fn place(&mut self) -> String;
    /// Returns the index of this step.
    fn step(&self) -> usize;
    /// True where files are made before the first step.
    fn are_files_ahead(&self) -> bool;
    /// True where this file has no name.
    fn is_memfd(&self, file: usize) -> bool;
    /// True where the kernel has refused to make this file.
    fn is_refused(&self, file: usize) -> bool;
}

/// Returns the call in C.
pub fn of(names: &mut impl Names, call: &Syscall, args: &[Arg]) -> String {
    let flags = |index: usize, usual: &str| flags_or(args.get(index), usual);
    let word = |index: usize| args.get(index).map(ToString::to_string).unwrap_or_default();
    match call.action {
        Action::System(_) | Action::Arranged(..) => system(names, call, args),
        Action::MakeFile | Action::MakeMemfd => {
            let file = names.file(None);
            match flags(1, "O_RDWR") {
                _ if names.is_refused(file) => make_memfd(args),
                plain if plain == "O_RDWR" || names.is_memfd(file) => {
                    if names.are_files_ahead() {
                        format!("dup({})", FIRST_FILE + file)
                    } else {
                        made(call, args, file)
                    }
                }
                flags => reopened(file, &flags),
            }
        }
        Action::Open => match args.first() {
            Some(Arg::Text(path)) => {
                format!("open({}, {})", value::text(path), flags(1, "O_RDONLY"))
            }
            file => reopened(names.file(file), &flags(1, "O_RDWR")),
        },
        Action::OpenPath(path, usual) => {
            format!("open({}, {})", value::text(path.as_bytes()), flags(0, &opening(usual)))
        }
        Action::Pipe => format!("pipe(ends_{})", names.step()),
        Action::Unlink => match names.file(args.first()) {
            file if names.is_memfd(file) => "unlink(\"\")".to_owned(),
            file => format!("unlink(names[{file}])"),
        },
        Action::Sigaction => {
            format!(
                "sigaction({}, &(struct sigaction){{ .sa_handler = {} }}, NULL)",
                word(0),
                word(1)
            )
        }
        Action::Sigprocmask => format!("sigprocmask({}, only({}), NULL)", word(0), word(1)),
        Action::Setrlimit => {
            let limit = number(args.get(1));
            format!("setrlimit({}, &(struct rlimit){{ {limit}, {limit} }})", word(0))
        }
        Action::Raise => format!("raise({})", word(0)),
        Action::Exit => format!("_exit({})", number(args.first())),
    }
}

/// Returns the expression that makes and fills the file of this number.
pub fn made(call: &Syscall, args: &[Arg], file: usize) -> String {
    let size = number(args.first());
    match call.action {
        Action::MakeMemfd => format!("filled({}, {file}, {size})", make_memfd(args)),
        _ => format!("make_file({file}, {size})"),
    }
}

/// Returns the call that opens a file of the case once more, by the descriptor that no step closes.
fn reopened(file: usize, flags: &str) -> String {
    format!("open(\"/proc/self/fd/{}\", {flags})", FIRST_FILE + file)
}

/// Returns the call that makes a memfd.
fn make_memfd(args: &[Arg]) -> String {
    format!("memfd_create(\"faultmap\", {})", flags_or(args.get(1), "0"))
}

/// Returns a number of bytes, or any other number.
pub fn number(arg: Option<&Arg>) -> String {
    match arg {
        Some(Arg::Size(size)) => value::size(size),
        _ => "0".to_owned(),
    }
}

fn flags_or(arg: Option<&Arg>, usual: &str) -> String {
    arg.map_or(usual.to_owned(), ToString::to_string)
}

/// Returns the names of flags of open(2).
fn opening(bits: i32) -> String {
    let access = flags(Family::Open).iter().find(|flag| flag.value == i64::from(bits & O_ACCMODE));
    let access = access.map_or("O_RDONLY", |flag| flag.name);
    debug_assert_eq!(bits & !(O_ACCMODE | O_DIRECTORY), 0);
    if bits & O_DIRECTORY == 0 { access.to_owned() } else { format!("{access} | O_DIRECTORY") }
}

/// Returns a call that the C library makes with the arguments of the kernel.
fn system(names: &mut impl Names, call: &Syscall, args: &[Arg]) -> String {
    let own: Vec<String> = args
        .iter()
        .zip(call.all_parameters())
        .enumerate()
        .map(|(index, (arg, parameter))| match arg {
            Arg::Address { map: None, .. } if chooses_place(call, args, index) => names.place(),
            // The only call with such a parameter, shmctl(2), takes a pointer.
            Arg::Size(size) if parameter == Parameter::Number && index >= call.parameters.len() => {
                pointer(size)
            }
            arg => argument(names, arg),
        })
        .collect();
    let mut given = match call.action {
        Action::Arranged(_, arguments) => arranged(arguments, &own, args),
        _ => own,
    };
    for (index, parameter) in call.optional.iter().enumerate() {
        match (call.effect, parameter) {
            _ if given.len() > call.parameters.len() + index => {}
            // With MREMAP_DONTUNMAP alone the fifth argument is a hint (Linux 5.7).
            (Effect::Remaps { flags, .. }, Parameter::Address) => {
                given.extend(says(args, flags, Facet::Hints).then(|| names.place()));
            }
            (_, Parameter::Number) => given.push("NULL".to_owned()),
            _ => {}
        }
    }
    if WITHOUT_FUNCTION.contains(&call.name) {
        // A variable argument is as wide as it is given, and the kernel reads all of a register.
        given.iter_mut().filter(|own| own.parse::<u64>().is_ok()).for_each(|own| own.push('L'));
        return format!("syscall(SYS_{}, {})", call.name, given.join(", "));
    }
    apart(names, call, args, &given)
}

/// Returns the arguments in the order of the kernel, which is that of the C library. It adds those that are always 0.
fn arranged(arguments: &[Argument], own: &[String], args: &[Arg]) -> Vec<String> {
    let one = |argument: &Argument| match *argument {
        Argument::Of(index) => own.get(index).cloned(),
        Argument::LengthOf(index) => match args.get(index) {
            Some(Arg::Text(bytes)) => Some(bytes.len().to_string()),
            _ => None,
        },
        Argument::Buffer => Some("buffer".to_owned()),
        Argument::Zero => None,
    };
    arguments.iter().filter_map(one).collect()
}

/// True where the case leaves it to the kernel where a new map lies: the program puts it where it has no neighbours.
fn chooses_place(call: &Syscall, args: &[Arg], index: usize) -> bool {
    let is_zero = |arg: Option<&Arg>| match arg {
        Some(Arg::Address { map: None, offset }) => {
            value::size(offset) == "0" || offset.eval(1) == Some(0)
        }
        _ => false,
    };
    let is_free = match call.effect {
        Effect::Maps { address, flags, .. } => address == index && !says(args, flags, Facet::Fixed),
        Effect::Attaches { address, flags, .. } => {
            address == index && !says(args, flags, Facet::Replaces)
        }
        _ => false,
    };
    is_free && is_zero(args.get(index))
}

/// Adds to a call that may put a map elsewhere than it is asked to that it is then moved, to where it has no
/// neighbours.
fn apart(names: &mut impl Names, call: &Syscall, args: &[Arg], given: &[String]) -> String {
    let text = format!("{}({})", call.name, given.join(", "));
    let (asked, length) = match call.effect {
        Effect::Maps { address, length, flags, .. } if !says(args, flags, Facet::Fixed) => {
            (address, length)
        }
        Effect::Remaps { address, new, flags, .. }
            if may_move(args.get(flags))
                && !says(args, flags, Facet::Fixed)
                && !says(args, flags, Facet::Hints) =>
        {
            (address, new)
        }
        _ => return text,
    };
    match (given.get(asked), given.get(length)) {
        (Some(asked), Some(length)) if !asked.starts_with("PLACE(") => {
            format!("alone({text}, {asked}, {length}, {})", names.place())
        }
        _ => text,
    }
}

fn may_move(flags: Option<&Arg>) -> bool {
    matches!(flags, Some(Arg::Flags(words)) if words.iter().any(|word| word.is("MREMAP_MAYMOVE")))
}

fn argument(names: &mut impl Names, arg: &Arg) -> String {
    match arg {
        Arg::Size(size) => value::size(size),
        Arg::Address { map: None, offset } => pointer(offset),
        Arg::Address { map: Some(map), .. } if names.is_no_map(map) => names.value(map),
        Arg::Address { map: Some(map), offset } => value::place(&names.value(map), offset),
        Arg::Descriptor(name) | Arg::Id(name) => names.value(name),
        Arg::BadDescriptor(number) => number.to_string(),
        Arg::Flags(words) => words.iter().map(word).collect::<Vec<_>>().join(" | "),
        Arg::Text(bytes) => value::text(bytes),
    }
}

fn word(word: &FlagWord) -> String {
    match word {
        FlagWord::Name(flag) => flag.name.to_owned(),
        FlagWord::Number(value, radix) => value::size(&Size::Bytes(*value, *radix)),
    }
}

fn pointer(size: &Size) -> String {
    match value::size(size) {
        zero if zero == "0" => "NULL".to_owned(),
        number => format!("(void *)({number})"),
    }
}
