//! An address in a program means nothing to its author: [`Symbols`] finds the function, and the line where there is
//! debug information.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use addr2line::Loader;
use object::read::{ReadCache, Symbol, SymbolIndex};
use object::{
    Object as _, ObjectSection as _, ObjectSegment as _, ObjectSymbol as _, ObjectSymbolTable as _,
    SymbolKind,
};

use super::maps::Map;
use super::scene::Place;

/// The files of code that programs run: each is read once, and anew where it has changed.
#[derive(Default)]
pub struct Symbols(HashMap<Identity, Option<Known>>);

/// A file as it is now: its path, device, inode, size, and time of change in seconds and nanoseconds.
type Identity = (PathBuf, u64, u64, u64, i64, i64);

/// A file with code.
struct Known {
    /// Of each segment: the offset of its first byte in the file, its bytes there, and its address.
    segments: Vec<(u64, u64, u64)>,
    functions: Vec<Function>,
    /// The names of functions that were looked for, by the addresses of the functions.
    names: HashMap<u64, Option<String>>,
    /// Debug information, if there is any.
    loader: Option<Loader>,
}

/// A symbol of code. To read all names takes longer than to read one name again.
struct Function {
    start: u64,
    /// The first address behind it: that of its section where the symbol has no size.
    end: u64,
    has_size: bool,
    symbol: SymbolIndex,
    is_dynamic: bool,
}

/// The file that is read in parts: of a large program only its symbols are wanted.
type Parts = ReadCache<File>;

impl Symbols {
    /// Returns the place of an instruction in a map, in a process whose files are below `root`. A return address is that of the
    /// instruction after the call: it is looked for one byte earlier.
    pub fn place(&mut self, root: &Path, map: &Map, address: u64, is_return: bool) -> Place {
        let mut place = Place::of_map(map, address);
        let Some(path) = map.file() else { return place };
        let file = root.join(path.strip_prefix("/").unwrap_or(path));
        let Ok(own) = std::fs::metadata(&file) else { return place };
        if !own.is_file() {
            return place;
        }
        let changed = (own.mtime(), own.mtime_nsec());
        let key = (path.to_owned(), own.dev(), own.ino(), own.size(), changed.0, changed.1);
        let known = self.0.entry(key).or_insert_with(|| Known::load(&file));
        let probe = known.as_ref().and_then(|known| known.probe(map, address));
        if let (Some(known), Some(found)) = (known, probe) {
            known.find(&file, found, is_return, &mut place);
        }
        place
    }
}

impl Known {
    fn load(file: &Path) -> Option<Known> {
        let parts = Parts::new(File::open(file).ok()?);
        let parsed = object::File::parse(&parts).ok()?;
        let segments = parsed.segments().map(|own| {
            let (offset, length) = own.file_range();
            (offset, length, own.address())
        });
        let segments = segments.collect();
        let function = |own: Symbol<'_, '_, &Parts>, is_dynamic| {
            let is_code = own.kind() == SymbolKind::Text && own.is_definition();
            let (start, size, symbol) = (own.address(), own.size(), own.index());
            let section = || parsed.section_by_index(own.section_index()?).ok();
            let end = match size {
                0 => section().map_or(u64::MAX, |own| own.address().saturating_add(own.size())),
                _ => start.saturating_add(size),
            };
            let has_size = size > 0;
            is_code.then_some(Function { start, end, has_size, symbol, is_dynamic })
        };
        let functions = parsed.symbols().filter_map(|own| function(own, false));
        // All that a stripped library has.
        let dynamic = parsed.dynamic_symbols().filter_map(|own| function(own, true));
        let functions = functions.chain(dynamic).collect();
        let names = HashMap::new();
        Some(Known { segments, functions, names, loader: Loader::new(file).ok() })
    }

    /// The address for the linker of what is mapped at an address.
    fn probe(&self, map: &Map, address: u64) -> Option<u64> {
        let offset = map.offset.checked_add(address - map.start)?;
        let holds = |own: &&(u64, u64, u64)| offset.checked_sub(own.0).is_some_and(|at| at < own.1);
        let (start, _, virtual_start) = self.segments.iter().find(holds)?;
        Some(virtual_start.wrapping_add(offset - start))
    }

    /// Returns the name and the start of the function at an address. Behind the last byte of a function, one without a
    /// name begins.
    fn function(&mut self, file: &Path, probe: u64) -> Option<(String, u64)> {
        let is_it = |own: &&Function| (own.start..own.end).contains(&probe);
        // One with a size is more than one that says nothing of its end.
        let all = self.functions.iter().filter(is_it);
        let found = all.max_by_key(|own| (own.has_size, own.start))?;
        let name = self.names.entry(found.start).or_insert_with(|| found.name(file));
        name.clone().map(|name| (name, found.start))
    }

    fn find(&mut self, file: &Path, found: u64, is_return: bool, place: &mut Place) {
        let probe = found.wrapping_sub(u64::from(is_return));
        if let Some((name, at)) = self.function(file, probe) {
            place.function = Some((name, found.wrapping_sub(at)));
        }
        let location = self.loader.as_ref().map(|loader| loader.find_location(probe));
        if let Some(Ok(Some(location))) = location {
            let file = location.file.map(|file| file.rsplit('/').next().unwrap_or(file));
            place.line = file.zip(location.line).map(|(file, line)| format!("{file}:{line}"));
        }
    }
}

impl Function {
    /// Reads its name in its file.
    fn name(&self, file: &Path) -> Option<String> {
        let parts = Parts::new(File::open(file).ok()?);
        let parsed = object::File::parse(&parts).ok()?;
        let table = match self.is_dynamic {
            true => parsed.dynamic_symbol_table(),
            false => parsed.symbol_table(),
        };
        let symbol = table?.symbol_by_index(self.symbol).ok()?;
        let name = addr2line::demangle_auto(symbol.name().ok()?.into(), None).into_owned();
        Some(without_hash(&name))
    }
}

/// A name of Rust's older mangling without its hash: `::h0123456789abcdef`.
fn without_hash(name: &str) -> String {
    match name.rsplit_once("::h") {
        Some((name, hash)) if hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => {
            name.to_owned()
        }
        _ => name.to_owned(),
    }
}

/// True for a function of the C library that accesses the memory of others: its caller is wanted.
pub fn accesses_for_others(place: &Place) -> bool {
    const PREFIXES: &[&str] = &["mem", "str", "stpcpy", "wcs", "wmem", "bcopy", "bzero", "rawmem"];
    let is_library = place.object.as_deref().is_some_and(|object| {
        object.starts_with("libc.") || object.starts_with("libc-") || object.starts_with("ld-musl")
    });
    match &place.function {
        Some((name, _)) => {
            let name = name.trim_start_matches('_');
            PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        }
        // A stripped one.
        None => is_library,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::maps::{Maps, What};

    /// The map of the code of this test, as if it were one of this file; and an address in it.
    fn code_in(file: &Path) -> (Map, u64) {
        let here = without_hash as fn(&str) -> String as usize as u64;
        let map = Maps::of_process(std::process::id() as i32).at(here).cloned();
        let what = What::File(file.to_owned());
        (Map { what, ..map.expect("the code that runs") }, here)
    }

    /// `_fini` of the C library's crti.o has no size, and data follows behind its section.
    #[test]
    fn a_function_without_a_size_ends_with_its_section() {
        let own = std::env::current_exe().expect("it runs");
        let parts = Parts::new(File::open(&own).expect("it is there"));
        let parsed = object::File::parse(&parts).expect("a program");
        let Some(section) = parsed.section_by_name(".fini") else { return };
        let end = section.address() + section.size();
        let mut known = Known::load(&own).expect("a program");
        let mut name = |probe| known.function(&own, probe).map(|found| found.0);
        if name(section.address()).as_deref() == Some("_fini") {
            assert_eq!(name(end - 1).as_deref(), Some("_fini"));
            assert_eq!(name(end + 0x100), None);
        }
    }

    #[test]
    fn a_file_is_read_once_and_another_one_of_its_name_anew() {
        let folder = tempfile::tempdir().expect("a folder for temporary files");
        let file = folder.path().join("program");
        let own = std::env::current_exe().expect("it runs");
        let length = std::fs::copy(own, &file).expect("room");
        let (map, here) = code_in(&file);
        let mut symbols = Symbols::default();
        let mut name = || symbols.place(Path::new("/"), &map, here, false).function;
        let first = name();
        assert!(first.as_ref().is_some_and(|own| own.0.contains("without_hash")), "{first:?}");
        // A file that seems to be the same, and in which no symbol can be read any more.
        let time = std::fs::metadata(&file).and_then(|own| own.modified()).expect("a time");
        let zeroes = File::options().write(true).open(&file).expect("it is there");
        let hole = rustix::fs::FallocateFlags::PUNCH_HOLE | rustix::fs::FallocateFlags::KEEP_SIZE;
        rustix::fs::fallocate(&zeroes, hole, 0, length).expect("a file system with holes");
        zeroes.set_modified(time).expect("its own file");
        assert_eq!(name(), first);
        zeroes.set_modified(time + std::time::Duration::from_secs(1)).expect("its own file");
        assert_eq!(name(), None, "it was written to");
        std::fs::write(folder.path().join("other"), "no program").expect("room");
        std::fs::rename(folder.path().join("other"), &file).expect("the same folder");
        assert_eq!(name(), None);
    }
}
