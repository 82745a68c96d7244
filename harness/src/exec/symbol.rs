//! An address in a program means nothing to its author: [`Symbols`] finds the function, and the line where there is
//! debug information.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use addr2line::Loader;
use object::read::{ReadCache, Symbol};
use object::{Object as _, ObjectSegment as _, ObjectSymbol as _, SymbolKind};

use super::maps::{Map, Maps};
use super::scene::Place;

/// The files of code that a process runs.
#[derive(Default)]
pub struct Symbols(HashMap<PathBuf, Option<Known>>);

/// A file with code.
struct Known {
    file: PathBuf,
    /// Of each segment: the offset of its first byte in the file, its bytes there, and its address.
    segments: Vec<(u64, u64, u64)>,
    /// Debug information, if there is any.
    loader: Option<Loader>,
}

/// The file that is read in parts: of a large program only its symbols are wanted.
type Parts = ReadCache<File>;

impl Symbols {
    /// Returns the place of an instruction, in a process whose files are below `root`. A return address is that of the
    /// instruction after the call: it is looked for one byte earlier.
    pub fn place(&mut self, root: &Path, maps: &Maps, address: u64, is_return: bool) -> Place {
        let mut place = Place { function: None, object: None, line: None, address };
        let Some(map) = maps.at(address) else { return place };
        let Some(path) = map.file() else { return place };
        place.object = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let load = || Known::load(&root.join(path.strip_prefix("/").unwrap_or(path)));
        let known = self.0.entry(path.to_owned()).or_insert_with(load);
        if let Some(known) = known {
            known.find(map, address, is_return, &mut place);
        }
        place
    }
}

impl Known {
    fn load(file: &Path) -> Option<Known> {
        if !std::fs::metadata(file).ok()?.is_file() {
            return None;
        }
        let parts = Parts::new(File::open(file).ok()?);
        let parsed = object::File::parse(&parts).ok()?;
        let segments = parsed.segments().map(|own| {
            let (offset, length) = own.file_range();
            (offset, length, own.address())
        });
        let segments = segments.collect();
        Some(Known { file: file.to_owned(), segments, loader: Loader::new(file).ok() })
    }

    /// Returns the name and the start of the function at an address. Behind the last byte of a function, one without a
    /// name begins. The dynamic symbols are all that a stripped library has.
    fn function(&self, probe: u64) -> Option<(String, u64)> {
        let parts = Parts::new(File::open(&self.file).ok()?);
        let parsed = object::File::parse(&parts).ok()?;
        let is_it = |symbol: &Symbol<'_, '_, &Parts>| {
            let (start, size) = (symbol.address(), symbol.size());
            symbol.kind() == SymbolKind::Text
                && symbol.is_definition()
                && start <= probe
                && (size == 0 || probe - start < size)
        };
        let all = parsed.symbols().chain(parsed.dynamic_symbols());
        // One with a size is more than one that says nothing of its end.
        let found = all.filter(is_it).max_by_key(|own| (own.size() > 0, own.address()))?;
        Some((found.name().ok()?.to_owned(), found.address()))
    }

    fn find(&self, map: &Map, address: u64, is_return: bool, place: &mut Place) {
        let Some(offset) = map.offset.checked_add(address - map.start) else { return };
        let holds = |own: &&(u64, u64, u64)| offset.checked_sub(own.0).is_some_and(|at| at < own.1);
        let Some((start, _, virtual_start)) = self.segments.iter().find(holds) else { return };
        let found = virtual_start.wrapping_add(offset - start);
        let probe = found.wrapping_sub(u64::from(is_return));
        if let Some((name, at)) = self.function(probe) {
            let name = addr2line::demangle_auto(name.into(), None).into_owned();
            place.function = Some((without_hash(&name), found.wrapping_sub(at)));
        }
        let location = self.loader.as_ref().map(|loader| loader.find_location(probe));
        if let Some(Ok(Some(location))) = location {
            let file = location.file.map(|file| file.rsplit('/').next().unwrap_or(file));
            place.line = file.zip(location.line).map(|(file, line)| format!("{file}:{line}"));
        }
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
