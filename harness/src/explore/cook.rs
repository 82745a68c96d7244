//! Turns a recipe into the text of a case.
//!
//! The search parses this text like that of any case file, so a program that it finds can be kept
//! as a case.

use super::recipe::{
    Choice, EXTRAS, FALLOCATES, FILES, Near, PLACED, PROTECTIONS, RANGE_CALLS, REMAPS, Recipe,
    SEALS, SIGNALS, TEXTS,
};
use crate::case::Access;

/// The text of the case, without a comment.
pub fn text(recipe: &Recipe) -> String {
    let mut cook = Cook::default();
    for (size, how) in &recipe.files {
        let name = format!("f{}", cook.files.len() + 1);
        let (call, flags) = FILES[how % FILES.len()];
        cook.line(&format!("{name} = {call}({}, {flags});", size.text()));
        cook.files.push(name);
    }
    cook.steps(&recipe.choices, true);
    let (map, access) = recipe.sweep;
    if let Some(map) = pick(&cook.maps, map) {
        let access = Access::ALL[access % Access::ALL.len()].name();
        let line = format!("sweep({map}, {access});");
        cook.line(&line);
    }
    cook.out
}

#[derive(Default)]
struct Cook {
    out: String,
    indent: usize,
    files: Vec<String>,
    maps: Vec<String>,
    made: usize,
}

fn pick(names: &[String], number: usize) -> Option<&String> {
    names.get(number % names.len().max(1))
}

impl Near {
    /// The size in the notation of a case, never negative.
    fn text(self) -> String {
        let Near { pages, bytes } = self;
        match (pages, bytes) {
            (0, bytes) => bytes.max(0).to_string(),
            (pages, 0) => format!("{pages} * PAGE"),
            (pages, bytes) if bytes < 0 => format!("{pages} * PAGE - {}", -bytes),
            (pages, bytes) => format!("{pages} * PAGE + {bytes}"),
        }
    }
}

impl Cook {
    fn line(&mut self, text: &str) {
        self.out.push_str(&format!("{:indent$}{text}\n", "", indent = 4 * self.indent));
    }

    fn steps(&mut self, choices: &[Choice], blocks: bool) {
        for choice in choices {
            match choice {
                Choice::Block { unrelated, choices } if blocks => self.block(*unrelated, choices),
                Choice::Block { .. } => {}
                choice => {
                    if let Some(line) = self.step(choice) {
                        self.line(&line);
                    }
                }
            }
        }
    }

    fn block(&mut self, unrelated: bool, choices: &[Choice]) {
        let (files, maps) = (self.files.clone(), self.maps.clone());
        self.line(if unrelated { "process {" } else { "fork {" });
        self.indent += 1;
        let before = self.out.len();
        if unrelated {
            // An unrelated process has no descriptors of the case, so it opens the files itself.
            self.maps.clear();
            for index in 0..self.files.len() {
                let name = format!("{}_there", self.files[index]);
                let line = format!("{name} = open({});", self.files[index]);
                self.line(&line);
                self.files[index] = name;
            }
        }
        self.steps(choices, false);
        if self.out.len() == before {
            self.line("munmap(NULL, 0);");
        }
        self.indent -= 1;
        self.line("}");
        (self.files, self.maps) = (files, maps);
    }

    /// Makes the name of a new map variable.
    fn map_name(&mut self) -> String {
        self.made += 1;
        format!("m{}", self.made)
    }

    fn step(&mut self, choice: &Choice) -> Option<String> {
        let protection = |prot: usize| PROTECTIONS[prot % PROTECTIONS.len()];
        let of = |cook: &Cook, file: Option<usize>, shared: bool, offset: u64| {
            let kind = if shared { "MAP_SHARED" } else { "MAP_PRIVATE" };
            match file.and_then(|file| pick(&cook.files, file)) {
                Some(name) => (kind.to_owned(), format!("{name}, {offset} * PAGE")),
                None => (format!("{kind} | MAP_ANONYMOUS"), "-1, 0".to_owned()),
            }
        };
        Some(match choice {
            Choice::Mmap { file, length, prot, shared, offset, extra } => {
                let (kind, rest) = of(self, *file, *shared, *offset);
                let (prot, extra) = (protection(*prot), EXTRAS[extra % EXTRAS.len()]);
                let name = self.map_name();
                let length = length.text();
                self.maps.push(name.clone());
                format!("{name} = mmap(0, {length}, {prot}, {kind}{extra}, {rest});")
            }
            Choice::Placed { map, at, file, pages, prot, shared, how } => {
                let (kind, rest) = of(self, *file, *shared, *at);
                let how = PLACED[how % PLACED.len()];
                let (map, prot) = (pick(&self.maps, *map)?.clone(), protection(*prot));
                let name = self.map_name();
                let line = format!(
                    "{name} = mmap({map} + {at} * PAGE, {pages} * PAGE, {prot}, {kind}{how}, {rest});"
                );
                self.maps.push(name);
                line
            }
            Choice::Segment { length, read_only } => {
                let name = self.map_name();
                let id = format!("s{name}");
                let flags = if *read_only { "SHM_RDONLY" } else { "0" };
                let length = length.text();
                self.line(&format!("{id} = shmget(IPC_PRIVATE, {length}, IPC_CREAT | 0600);"));
                self.line(&format!("{name} = shmat({id}, NULL, {flags});"));
                self.maps.push(name);
                format!("shmctl({id}, IPC_RMID);")
            }
            Choice::Detach { map } => format!("shmdt({});", pick(&self.maps, *map)?),
            Choice::Touch { map, at, width, store } => {
                let (map, at) = (pick(&self.maps, *map)?, at.text());
                let to = if *width > 1 { format!("..{at} + {width}") } else { String::new() };
                let store =
                    store.map_or(String::new(), |byte| format!(" = '{}'", char::from(byte)));
                format!("{map}[{at}{to}]{store};")
            }
            Choice::Range { call, map, at, length, last } => {
                let (call, lasts) = RANGE_CALLS[call % RANGE_CALLS.len()];
                let map = pick(&self.maps, *map)?;
                let last = lasts.get(last % lasts.len().max(1)).map(|last| format!(", {last}"));
                let last = last.unwrap_or_default();
                format!("{call}({map} + {}, {}{last});", at.text(), length.text())
            }
            Choice::Mremap { map, at, old, new, flags, to } => {
                let flags = REMAPS[flags % REMAPS.len()];
                let (map, target) =
                    (pick(&self.maps, *map)?.clone(), pick(&self.maps, to.0)?.clone());
                let to = match flags.contains("FIXED") {
                    true => format!(", {target} + {} * PAGE", to.1),
                    false => String::new(),
                };
                let name = self.map_name();
                let (old, new) = (old.text(), new.text());
                let line =
                    format!("{name} = mremap({map} + {at} * PAGE, {old}, {new}, {flags}{to});");
                self.maps.push(name);
                line
            }
            Choice::Pages { map, at, pages, first } => {
                let map = pick(&self.maps, *map)?;
                format!("remap_file_pages({map} + {at} * PAGE, {pages} * PAGE, 0, {first}, 0);")
            }
            Choice::Transfer { reads, file, map, at, count } => {
                let (file, map) = (pick(&self.files, *file)?, pick(&self.maps, *map)?);
                let call = if *reads { "read" } else { "write" };
                format!("{call}({file}, {map} + {}, {});", at.text(), count.text())
            }
            Choice::Signal { how } => SIGNALS[how % SIGNALS.len()].to_owned(),
            Choice::Seal { file, seals } => {
                let seals = SEALS[seals % SEALS.len()];
                format!("fcntl({}, F_ADD_SEALS, {seals});", pick(&self.files, *file)?)
            }
            Choice::Ftruncate { file, size } => {
                format!("ftruncate({}, {});", pick(&self.files, *file)?, size.text())
            }
            Choice::Fallocate { file, mode, at, length } => {
                let mode = FALLOCATES[mode % FALLOCATES.len()];
                let file = pick(&self.files, *file)?;
                // These modes take whole blocks of the file system alone (fallocate(2), EINVAL).
                let whole = mode.contains("COLLAPSE") || mode.contains("INSERT");
                let text = |near: &Near| match whole {
                    true => Near { bytes: 0, ..*near }.text(),
                    false => near.text(),
                };
                format!("fallocate({file}, {mode}, {}, {});", text(at), text(length))
            }
            Choice::Pread { file, at, length } => {
                let (file, at, length) = (pick(&self.files, *file)?, at.text(), length.text());
                // The parser refuses a pread of no bytes.
                let length = if length == "0" { "1" } else { &length };
                format!("pread({file}, {at}, {length});")
            }
            Choice::Pwrite { file, at, text } => {
                let text = TEXTS[text % TEXTS.len()];
                format!("pwrite({}, \"{text}\", {});", pick(&self.files, *file)?, at.text())
            }
            Choice::Close { file } => format!("close({});", pick(&self.files, *file)?),
            Choice::Block { .. } => return None,
        })
    }
}
