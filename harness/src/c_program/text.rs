//! The whole text of a program is put together from its functions and rows, and from the parts that these need. The
//! main function is [`program`].

use std::collections::{BTreeMap, BTreeSet};

use super::Expected;
use super::call;
use super::parts::{HEADERS, PARTS, RARELY_NAMED};
use super::probe;
use super::rows::Row;
use super::steps::Functions;
use crate::case::limits::{BUFFER_BYTES, LARGEST_PAGE};
use crate::case::{Access, Arg, BlockKind, Case, FlagWord, Pattern, Step};
use crate::printable::escaped;
use crate::victim::MARK;
use crate::vocabulary::{Action, Returns, Syscall};

/// Returns the program.
pub fn program(case: &Case, expected: &Expected, functions: &Functions, rows: &[Row]) -> String {
    let made = Made::of(case);
    let mut text = String::new();
    if !rows.is_empty() {
        let stored = if made.files.is_empty() { "NOT_IN_FILE" } else { "in_file()" };
        text += &format!("\n{}\n", probe::function(rows, stored));
    }
    text += &format!("\n{}\n", functions.lines.join("\n"));
    text += &once(&made, &functions.refused);
    if expected.probe.is_none() && rows.iter().any(|row| row.want.is_some()) {
        text += &tries();
    }
    text += &main_function(case, expected, functions, rows);
    let needs = |text: &str, what: &str| text.contains(what);
    for part in PARTS.iter().rev() {
        if needs(&text, part.needed_by) {
            text.insert_str(0, &part.text.replace("{fill}", &made.fill(rows)));
        }
    }
    let before = definitions(&made, &text);
    let headers = HEADERS.iter().filter(|(_, words)| words.iter().any(|word| needs(&text, word)));
    let headers: String = headers.map(|(header, _)| format!("#include <{header}>\n")).collect();
    let numbers = numbers(case);
    format!("{}#define _GNU_SOURCE\n{headers}\n{numbers}{before}{text}", head(case, expected))
}

/// The files and segments that the steps of a case make.
struct Made<'c> {
    /// The calls that make files.
    files: Vec<(&'static Syscall, &'c [Arg])>,
    segments: usize,
    /// True where a step removes a name of a file.
    unlinks: bool,
    /// True where a block is of an unrelated process.
    processes: bool,
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

    /// Returns the byte of a file with which it is filled.
    fn fill(&self, rows: &[Row]) -> String {
        let (_, ahead) = Pattern::First.period();
        let plain = format!("PATTERN({ahead} * file + at)");
        match rows.iter().any(|row| row.accesses.contains(&Access::Exec)) {
            true => format!("asked.access == EXEC ? code[at % (code_end - code)] : {plain}"),
            false => plain,
        }
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

/// Returns the numbers and variables of a program with this text.
fn definitions(made: &Made, text: &str) -> String {
    let mut told = "void *address; long came; int probed, differ".to_owned();
    if made.processes {
        told += ", go";
    }
    if made.segments > 0 {
        told += &format!(", ids[{}]", made.segments);
    }
    let mut out = values();
    out += "\n// What a child is asked for, and what it tells.\n";
    out += "static struct { int sweep, access; long at; } asked;\n";
    out += &format!("static volatile struct {{ {told}; }} *told;\n");
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

/// Returns the names of what may come.
fn values() -> String {
    let (period, ahead) = Pattern::First.period();
    let accesses = Access::ALL.iter().enumerate();
    let accesses: Vec<String> =
        accesses.map(|(bit, own)| format!("{} = {}", constant(*own), 1 << bit)).collect();
    format!(
        r#"#define PAGE sysconf(_SC_PAGESIZE)
// What may come: a number, a byte, -errno, or one of these. FILLED is any byte with which a file was filled, and
// DATA the one with which this file was filled there. FAULT has si_addr at the byte accessed.
#define PATTERN(n) (0x80 + (n) % {period})
#define DATA(file, offset) (1L << 60 | ({ahead}L * (file) + (offset)))
#define FAULT(signal, code) (1L << 61 | (signal) << 8 | ((code) & 0xff))
#define ELSEWHERE (1L << 62)
enum {{ NOT_IN_FILE, IN_FILE, RAN = 0, ANY = 1 << 30, FILLED, MARK = {MARK:#x} }};
enum {{ STEPS, {} }};
"#,
        accesses.join(", ")
    )
}

/// Returns the name of an access in C.
fn constant(access: Access) -> String {
    access.name().to_uppercase()
}

/// Returns the function that makes the files, and starts and judges one child.
fn once(made: &Made, refused: &BTreeSet<usize>) -> String {
    let (mut make, mut clear) = (Vec::new(), Vec::new());
    for (file, (call, args)) in made.files.iter().enumerate() {
        let size = call::number(args.first());
        let new = match call.action {
            Action::MakeMemfd => call::make_memfd(args),
            _ => format!("mkstemp(strcpy(names[{file}], \"faultmap-XXXXXX\"))"),
        };
        if refused.contains(&file) {
            make.push(format!("\tfiles[{file}] = -1;\n"));
            continue;
        }
        make.push(format!("\tfiles[{file}] = filled({new}, {file}, {size});\n"));
        clear.push(format!("\tclose(files[{file}]);\n"));
        if call.action == Action::MakeFile {
            if made.unlinks { &mut clear } else { &mut make }
                .push(format!("\tunlink(names[{file}]);\n"));
        }
    }
    if made.processes {
        make.push("\ttold->go = 0;\n".to_owned());
    }
    for segment in 0..made.segments {
        make.push(format!("\ttold->ids[{segment}] = -1;\n"));
        clear.push(format!("\tshmctl(told->ids[{segment}], IPC_RMID, NULL);\n"));
    }
    format!(
        r#"
// Makes the steps in a child, with one access in them.
static void once(const char *what, const char *said, long want)
{{
	static struct sigaction action = {{ .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_RESETHAND }};
	told->probed = 0;
{}	pid_t pid = child();
	if (pid == 0) {{
		sigaction(SIGBUS, &action, NULL);
		sigaction(SIGSEGV, &action, NULL);
		steps();
		_exit(0);
	}}
	long came = end_of(pid);
	if (asked.access && !told->probed)
		said = "an access, which was not made", want = ELSEWHERE;
	expect(what, said, came, want, asked.at);
{}}}
"#,
        make.concat(),
        clear.concat()
    )
}

/// Returns the function that asks for accesses.
fn tries() -> String {
    let names: Vec<String> = Access::ALL.iter().map(|own| format!("\"{own}\"")).collect();
    let count = names.len().to_string();
    TRY.replace("{names}", &names.join(", ")).replace("{count}", &count)
}

const TRY: &str = r#"
// Makes accesses to the first and to the last byte of a range, each in a child of its own.
#define TRY(sweep, accesses, from, to, want) try(#want, sweep, accesses, (long[]){ from, to }, want)
static void try(const char *said, int sweep, int accesses, const long *bytes, long want)
{
	static const char *const names_of[] = { {names} };
	char what[64];
	asked.sweep = sweep;
	for (int n = 0; n < 2 * {count}; n++) {
		asked.access = accesses & 1 << n / 2, asked.at = bytes[n % 2];
		if (!asked.access || (n % 2 && bytes[0] == bytes[1])) continue;
		snprintf(what, sizeof what, "sweep %d, %s at %ld", sweep, names_of[n / 2], asked.at);
		once(what, said, want);
	}
}
"#;

/// Returns `main`, which asks for all that is to be seen.
fn main_function(case: &Case, expected: &Expected, functions: &Functions, rows: &[Row]) -> String {
    let mut out = "\nint main(void)\n{\n".to_owned();
    if !case.says_page() {
        let page = expected.page;
        out += &format!(
            "\tif (PAGE != {page}) return puts(\"this case is for pages of {page} bytes\"), 2;\n"
        );
    }
    out += "\tsetrlimit(RLIMIT_CORE, &(struct rlimit){ 1, 1 }); // no core files\n";
    out +=
        "\ttold = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);\n";
    if functions.lines.iter().any(|line| line.contains("NEW_PLACE") || line.contains("alone(")) {
        out += "\tnext_place = mmap(NULL, 1L << 37, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);\n";
        out += "\tmunmap(next_place, 1L << 37);\n";
        out += "\tnext_place = (char *)((uintptr_t)next_place | ((1L << 31) - 1)) + 1;\n";
    }
    let end = &functions.end;
    out += &format!("\tonce(\"all steps\", \"{end}\", {end});\n");
    for row in rows {
        let Row { sweep, from, to, want, .. } = row;
        let accesses: Vec<String> = row.accesses.iter().map(|own| constant(*own)).collect();
        let accesses = accesses.join(" | ");
        out += &match want {
            Some(want) if expected.probe.is_some() => format!(
                "\tasked.sweep = {sweep}, asked.access = {accesses}, asked.at = {from};\n\
                 \tonce(\"{accesses} at {from}\", \"{want}\", {want});\n"
            ),
            Some(want) => format!("\tTRY({sweep}, {accesses}, {from}, {to}, {want});\n"),
            None => format!("\t// Not run, as it is no code: from {from} to {to}.\n"),
        };
    }
    out + "\treturn told->differ;\n}\n"
}
