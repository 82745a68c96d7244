//! Numbers and flags for a call: plausible ones, so that a program has some effect, and absurd ones.

use faultmap::internals::case::{Arg, FlagWord, Radix, Size, limits};
use faultmap::internals::vocabulary::{self, Family, Parameter};

use crate::vocabulary::word;

use crate::random::Random;

/// The addresses at which programs, stacks, kernels and their gaps begin: a step could reach foreign memory
/// there.
const LANDMARKS: [u64; 12] = [
    0,
    1,
    0x1000, // vm.mmap_min_addr of old kernels
    0xffff,
    0x1_0000,         // vm.mmap_min_addr
    0x40_0000,        // a program at a fixed address
    0x57a000,         // what lies so far above it
    0x5555_5555_4000, // a program at any address
    0x7fff_ffff_e000, // a stack
    0x8000_0000_0000, // the first non-canonical address
    0x8000_0000_0000_0000,
    0xffff_ffff_ff60_0000, // vsyscall
];

/// The addresses of the first page, the code and the data of a program at a fixed address, as linkers place
/// them.
const PROGRAM: [u64; 5] = [0x20_0000, 0x40_0000, 0x57_a000, 0x80_0000, 0xc0_0000];

/// `pages * PAGE + bytes`, as a case would say it.
pub fn near(pages: i64, bytes: i64) -> Size {
    let magnitude = |number: i64| Size::bytes(number.unsigned_abs());
    let signed = |size: Size, number: i64| match number < 0 {
        true => Size::Negative(Box::new(size)),
        false => size,
    };
    let whole = match pages.unsigned_abs() {
        0 => return signed(magnitude(bytes), bytes),
        1 => signed(Size::Page, pages),
        _ => signed(Size::Product(Box::new(magnitude(pages)), Box::new(Size::Page)), pages),
    };
    match bytes {
        0 => whole,
        bytes if bytes < 0 => Size::Difference(Box::new(whole), Box::new(magnitude(bytes))),
        bytes => Size::Sum(Box::new(whole), Box::new(magnitude(bytes))),
    }
}

fn hex(value: u64) -> Size {
    Size::Bytes(value, Radix::Hex)
}

/// A small number of pages, and sometimes some bytes more or fewer.
pub fn small(random: &mut Random) -> Size {
    let bytes = random.of(&[0, 0, 0, 0, 1, -1, 100, 4095]);
    near(random.within(0, 5) as i64, bytes)
}

/// A number that is almost never right: huge, negative, at a bound of the language, or beside a power of two.
pub fn absurd(random: &mut Random) -> Size {
    let bounds = [
        limits::MAP_BYTES,
        limits::FILE_BYTES,
        limits::FILE_OFFSET,
        limits::HOPELESS_BYTES,
        limits::BUFFER_BYTES,
        limits::LOW_ADDRESS,
        limits::HOPELESS_ADDRESS,
    ];
    match random.within(0, 8) {
        0 => hex(random.of(&bounds)),
        1 => hex(random.of(&bounds).wrapping_sub(random.within(0, 2) * 0x1000)),
        2 => Size::Negative(Box::new(small(random))),
        3 => hex(1 << random.within(0, 64)),
        4 => hex((1u64 << random.within(12, 64)).wrapping_sub(0x1000)),
        5 => hex(random.of(&LANDMARKS)),
        6 => hex(u64::MAX - random.within(0, 3) * 0xfff),
        _ => near(random.of(&[16, 64, 256, 511, 512, 513, 4096, 16384]), 0),
    }
}

/// An offset from the start of a map: inside of it, beside it, or at foreign memory of the process.
pub fn offset(random: &mut Random) -> Size {
    let reach = limits::MAP_BYTES;
    match random.within(0, 12) {
        0 => hex(random.of(&PROGRAM)),
        7 => hex(random.of(&LANDMARKS) % reach),
        1 => Size::Negative(Box::new(hex(random.of(&LANDMARKS) % reach))),
        2 => hex(reach - random.within(0, 2) * 0x1000),
        3 => Size::Negative(Box::new(hex(reach))),
        4 => Size::Negative(Box::new(small(random))),
        5 => hex(random.within(0, reach)),
        _ => small(random),
    }
}

/// An offset from the start of a low map: at a program.
pub fn at_program(random: &mut Random) -> Size {
    hex(random.of(&PROGRAM))
}

/// A large power of two.
pub fn long(random: &mut Random) -> Size {
    hex(1 << random.of(&[23, 24, 25, 26, 28, 30, 40, 47, 48, 52]))
}

/// Flags of a map that replaces other maps.
pub fn in_place() -> Arg {
    let names = ["MAP_PRIVATE", "MAP_ANONYMOUS", "MAP_FIXED"];
    Arg::Flags(names.iter().filter_map(|name| word(Family::Map, name)).collect())
}

/// An address below most programs.
pub fn low(random: &mut Random) -> Size {
    hex(0x1000 << random.within(0, 10))
}

/// A bare address.
pub fn address(random: &mut Random) -> Size {
    match random.within(0, 4) {
        0 | 1 => Size::bytes(0),
        2 => {
            let places = if random.within(0, 2) == 0 { &PROGRAM[..] } else { &LANDMARKS[..] };
            hex(random.of(places).wrapping_add(random.within(0, 3) * 0x1000))
        }
        _ => absurd(random),
    }
}

/// A number for a parameter, mostly one that makes sense there.
pub fn number(parameter: Parameter, random: &mut Random) -> Size {
    if random.within(0, 10) < 3 {
        return absurd(random);
    }
    let large = random.within(0, 6) == 0;
    match parameter {
        // The number is large enough to exceed the budget, if nothing counts.
        Parameter::Length if large => hex(1 << random.within(21, 31)),
        Parameter::FileOffset if large => hex(1 << random.within(20, 31)),
        Parameter::FileLength if large => hex(1 << random.within(20, 26)),
        Parameter::Length => near(random.within(1, 5) as i64, random.of(&[0, 0, 0, 1, 100, -1])),
        Parameter::Limit => near(random.within(0, 300) as i64, 0),
        Parameter::Number => Size::bytes(random.within(0, 4)),
        Parameter::MapOffset => near(random.within(0, 4) as i64, 0),
        _ => small(random),
    }
}

/// Some words of a family, and sometimes a number.
pub fn flags(family: Family, random: &mut Random) -> Vec<FlagWord> {
    let plausible: &[&[&str]] = match family {
        Family::Protection => &[
            &["PROT_READ", "PROT_WRITE"],
            &["PROT_READ"],
            &["PROT_READ", "PROT_WRITE", "PROT_EXEC"],
        ],
        Family::Map => &[
            &["MAP_SHARED"],
            &["MAP_PRIVATE"],
            &["MAP_PRIVATE", "MAP_ANONYMOUS"],
            &["MAP_SHARED", "MAP_ANONYMOUS"],
            &["MAP_SHARED", "MAP_FIXED"],
            &["MAP_PRIVATE", "MAP_ANONYMOUS", "MAP_FIXED"],
            &["MAP_PRIVATE", "MAP_ANONYMOUS", "MAP_FIXED_NOREPLACE"],
            &["MAP_SHARED", "MAP_ANONYMOUS", "MAP_POPULATE"],
        ],
        Family::Remap => &[&["MREMAP_MAYMOVE"], &["MREMAP_MAYMOVE", "MREMAP_FIXED"]],
        Family::Open => &[&["O_RDWR"], &["O_RDONLY"]],
        Family::Shmget => &[&["IPC_CREAT"]],
        Family::Fallocate => &[&["FALLOC_FL_PUNCH_HOLE", "FALLOC_FL_KEEP_SIZE"]],
        Family::Advice => &[&["MADV_DONTNEED"], &["MADV_FREE"], &["MADV_POPULATE_WRITE"]],
        Family::Memfd => &[&["MFD_ALLOW_SEALING"]],
        _ => &[],
    };
    let mut words = Vec::new();
    if !plausible.is_empty() && random.within(0, 10) < 7 {
        let names = random.of(plausible);
        words.extend(names.iter().filter_map(|name| word(family, name)));
    }
    let names: Vec<&str> = vocabulary::flags(family).iter().map(|flag| flag.name).collect();
    let more = if words.is_empty() { random.within(0, 4) } else { random.of(&[0, 0, 0, 1]) };
    words.extend((0..more).filter_map(|_| word(family, random.of(&names))));
    if family == Family::Shmget && random.within(0, 5) > 0 {
        words.push(FlagWord::Number(random.of(&[0o600, 0o600, 0o777, 0]), Radix::Octal));
    }
    if words.is_empty() {
        words.push(FlagWord::Number(0, Radix::Decimal));
    }
    words
}

/// A descriptor that no variable holds.
pub fn bad_descriptor(random: &mut Random) -> Arg {
    Arg::BadDescriptor(random.of(&[-1, -1, -1, 99, 64, 1_000_000, 0, 3, -100, i32::MIN, i32::MAX]))
}

/// Bytes to write, sometimes none.
pub fn text(random: &mut Random) -> Vec<u8> {
    let length = random.of(&[0, 1, 1, 2, 10, 100, 4096, 5000]);
    (0..length).map(|_| random.of(b"abcxyz0189 \n\0\"\\~")).collect()
}

/// The width of an access in bytes, sometimes a number that is no width.
pub fn width(random: &mut Random) -> u64 {
    match random.within(0, 10) {
        0..=3 => 1,
        4..=6 => random.of(limits::WIDTHS),
        _ => random.within(0, 2 * limits::WIDTHS.iter().max().expect("there are some") + 1),
    }
}

/// A file that a case may open, and sometimes one that it may not.
pub fn path(random: &mut Random) -> Vec<u8> {
    let other = "/etc/passwd";
    let path = if random.within(0, 7) == 0 { other } else { random.of(limits::PATHS) };
    path.into()
}
