//! The whole text of a program is put together from its functions and rows, and from the parts that these need. The
//! main function is [`program`].

use std::collections::{BTreeMap, BTreeSet};

use super::Expected;
use super::call;
use super::each;
use super::parts::{HEADERS, JUDGING, PARTS, RARELY_NAMED};
use super::rows::Row;
use super::single;
use super::steps::Functions;
use crate::case::limits::{BUFFER_BYTES, LARGEST_PAGE};
use crate::case::{Access, Arg, BlockKind, Case, FlagWord, Pattern, Step};
use crate::printable::escaped;
use crate::vocabulary::{Action, Returns, Syscall};

/// Returns the program.
pub fn program(case: &Case, expected: &Expected, functions: &Functions, rows: &[Row]) -> String {
    let made = Made::of(case);
    let steps = format!("\n{}\n", functions.lines.join("\n"));
    let page = (!case.says_page()).then_some(expected.page);
    let single = rows.first().filter(|_| single::is_enough(case, expected));
    let (body, judging) = match single {
        Some(row) => (single::body(&made, functions, row, page), single::PARTS),
        None => (each::body(&made, functions, rows, (&steps, page)), JUDGING),
    };
    let fill = fill(single, rows);
    let mut text = body;
    for part in judging.iter().chain(PARTS).rev() {
        if text.contains(part.needed_by) {
            text.insert_str(0, &part.text.replace("{fill}", &fill));
        }
    }
    let before = match single {
        Some(row) => single::definitions(&made, row, &text),
        None => each::definitions(&made, &text),
    };
    let text = format!("{}{before}{text}", numbers(case));
    let headers = HEADERS.iter().filter(|(_, words)| words.iter().any(|word| text.contains(word)));
    let headers: String = headers.map(|(header, _)| format!("#include <{header}>\n")).collect();
    format!("{}#define _GNU_SOURCE\n{headers}\n{text}", head(case, expected))
}

/// Returns the byte of a file with which it is filled.
fn fill(single: Option<&Row>, rows: &[Row]) -> String {
    let (_, ahead) = Pattern::First.period();
    let (plain, code) = (format!("PATTERN({ahead} * file + at)"), "code[at % (code_end - code)]");
    let fetches = rows.iter().any(|row| row.accesses.contains(&Access::Exec));
    match (fetches, single) {
        (false, _) => plain,
        (true, Some(_)) => code.to_owned(),
        (true, None) => format!("asked.access == EXEC ? {code} : {plain}"),
    }
}

/// Returns the variables for files and for what is read, for a program with this text.
pub fn storage(made: &Made, text: &str) -> String {
    let mut out = String::new();
    if !made.files.is_empty() {
        out += &format!("enum {{ FILES = {} }};\nstatic int files[FILES];\n", made.files.len());
        if text.contains("names[") {
            out += "static char names[FILES][32];\n";
        }
    }
    if text.contains("buffer") {
        out += &format!("static unsigned char buffer[{:#x}];\n", made.largest());
    }
    out
}

/// Returns the statements with which `main` begins: it refuses pages that the case was not written for, and looks for
/// free addresses where the steps need them.
pub fn begin(page: Option<u64>, steps: &str) -> String {
    let mut out = page.map_or(String::new(), |page| {
        format!(
            "\tif (PAGE != {page}) return puts(\"this case is for pages of {page} bytes\"), 2;\n"
        )
    });
    if steps.contains("NEW_PLACE") || steps.contains("alone(") {
        out += "\tnext_place = mmap(NULL, 1L << 37, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);\n";
        out += "\tmunmap(next_place, 1L << 37);\n";
    }
    out
}

/// The files and segments that the steps of a case make.
pub struct Made<'c> {
    /// The calls that make files.
    pub files: Vec<(&'static Syscall, &'c [Arg])>,
    /// The number of segments.
    pub segments: usize,
    /// True where a step removes a name of a file.
    pub unlinks: bool,
    /// True where a block is of an unrelated process.
    pub processes: bool,
}

impl<'c> Made<'c> {
    fn of(case: &'c Case) -> Made<'c> {
        Made {
            files: case.calls().filter(|(call, _)| call.makes_file()).collect(),
            segments: case.calls().filter(|(call, _)| call.returns == Returns::Id).count(),
            unlinks: case.calls().any(|(call, _)| call.action == Action::Unlink),
            processes: case
                .walk()
                .any(|(_, _, step)| matches!(step, Step::Block { kind: BlockKind::Process, .. })),
        }
    }

    /// Returns the statements that make the files, and those that remove them. The kernel refuses some.
    pub fn filled(&self, refused: &BTreeSet<usize>) -> (Vec<String>, Vec<String>) {
        let (mut make, mut clear) = (Vec::new(), Vec::new());
        for (file, (call, args)) in self.files.iter().enumerate() {
            if refused.contains(&file) {
                make.push(format!("\tfiles[{file}] = -1;\n"));
                continue;
            }
            let size = call::number(args.first());
            let new = match call.action {
                Action::MakeMemfd => call::make_memfd(args),
                _ => format!("mkstemp(strcpy(names[{file}], \"faultmap-XXXXXX\"))"),
            };
            make.push(format!("\tfiles[{file}] = filled({new}, {file}, {size});\n"));
            clear.push(format!("\tclose(files[{file}]);\n"));
            if call.action == Action::MakeFile {
                let at = if self.unlinks { &mut clear } else { &mut make };
                at.push(format!("\tunlink(names[{file}]);\n"));
            }
        }
        (make, clear)
    }

    /// Returns the bytes of the largest file, on any machine, or those of the largest read.
    fn largest(&self) -> u64 {
        let sizes = self.files.iter().filter_map(|(_, args)| match args.first() {
            Some(Arg::Size(size)) => u64::try_from(size.eval(LARGEST_PAGE)?).ok(),
            _ => None,
        });
        sizes.max().unwrap_or(0).max(BUFFER_BYTES).next_power_of_two()
    }
}

/// Returns the comment at the head.
fn head(case: &Case, expected: &Expected) -> String {
    let mut lines = vec![format!("{}, by faultmap {}", expected.title, env!("CARGO_PKG_VERSION"))];
    if !case.comment.is_empty() {
        lines.push(String::new());
        lines.extend(case.comment.iter().cloned());
    }
    lines.push(String::new());
    lines.extend(expected.source.sentences());
    if !case.requires.is_empty() {
        let all: Vec<String> = case.requires.iter().map(ToString::to_string).collect();
        lines.push(format!("It needs: {}.", all.join(", ")));
    }
    lines.extend(
        [
            "It prints what comes instead, and exits with 1 then, else with 0. Its files are in this folder.",
            "",
            "    cc -std=gnu11 -o it it.c && ./it",
        ]
        .map(str::to_owned),
    );
    let line = |line: &String| {
        // A backslash at the end would make the next line part of the comment.
        let line = escaped(line).trim_end().trim_end_matches('\\').to_owned();
        format!("{}\n", format!("// {line}").trim_end())
    };
    lines.iter().map(line).collect()
}

/// Returns the numbers that some C library does not name.
fn numbers(case: &Case) -> String {
    let words = case.calls().flat_map(|(_, args)| args).filter_map(|arg| match arg {
        Arg::Flags(words) => Some(words),
        _ => None,
    });
    let flags = words.flatten().filter_map(|word| match word {
        FlagWord::Name(flag) => Some((flag.name, i128::from(flag.value))),
        FlagWord::Number(..) => None,
    });
    let flags = flags
        .filter(|(name, _)| RARELY_NAMED.contains(name))
        .map(|(name, value)| (name.to_owned(), value));
    let numbers = case.calls().filter(|(call, _)| call::WITHOUT_FUNCTION.contains(&call.name));
    let numbers = numbers
        .filter_map(|(call, _)| Some((format!("SYS_{}", call.name), i128::from(call.number()?))));
    let all: BTreeMap<String, i128> = flags.chain(numbers).collect();
    let line = |(name, value)| format!("#ifndef {name}\n#define {name} {value:#x}\n#endif\n");
    let lines: String = all.into_iter().map(line).collect();
    if lines.is_empty() {
        lines
    } else {
        format!("// Some C libraries do not name these.\n{lines}\n")
    }
}
