//! A program of many accesses makes each in a child of its own, which makes the steps anew. The main function is
//! [`body`].

use std::collections::BTreeSet;

use super::probe;
use super::rows::Row;
use super::steps::Functions;
use super::text::{Made, begin, storage};
use crate::case::{Access, Pattern};
use crate::victim::MARK;

/// Returns the functions of the program. It is for pages of so many bytes alone, if it says them.
pub fn body(
    made: &Made,
    functions: &Functions,
    rows: &[Row],
    steps: (&str, Option<u64>),
) -> String {
    let mut text = String::new();
    if !rows.is_empty() {
        let stored = if made.files.is_empty() { "NOT_IN_FILE" } else { "in_file()" };
        text += &format!("\n{}\n", probe::function(rows, stored));
    }
    text += steps.0;
    text += &once(made, &functions.refused);
    if rows.iter().any(|row| row.want.is_some()) {
        text += &tries();
    }
    text + &main_function(functions, rows, steps)
}

/// Returns the numbers and variables of a program with this text.
pub fn definitions(made: &Made, text: &str) -> String {
    let mut told = "void *address; long came; int probed, differ".to_owned();
    if made.processes {
        told += ", go";
    }
    if made.segments > 0 {
        told += &format!(", ids[{}]", made.segments);
    }
    let mut out = values();
    out += "\n// What a child is asked for, and what it tells.\n";
    out += "static struct { int sweep, access; long at; } asked;\nstatic int accesses;\n";
    out += &format!("static volatile struct {{ {told}; }} *told;\n");
    out + &storage(made, text)
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
enum {{ {} }};
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
    let (mut make, mut clear) = made.filled(refused);
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
	accesses += asked.access != 0;
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
static void try(const char *said, int sweep, int which, const long *bytes, long want)
{
	static const char *const names_of[] = { {names} };
	char what[64];
	asked.sweep = sweep;
	for (int n = 0; n < 2 * {count}; n++) {
		asked.access = which & 1 << n / 2, asked.at = bytes[n % 2];
		if (!asked.access || (n % 2 && bytes[0] == bytes[1])) continue;
		snprintf(what, sizeof what, "sweep %d, %s at %ld", sweep, names_of[n / 2], asked.at);
		once(what, said, want);
	}
}
"#;

/// Returns `main`, which asks for all that is to be seen.
fn main_function(
    functions: &Functions,
    rows: &[Row],
    (steps, page): (&str, Option<u64>),
) -> String {
    let mut out = "\nint main(void)\n{\n".to_owned();
    out += &begin(page, steps);
    out += "\tsetrlimit(RLIMIT_CORE, &(struct rlimit){ 1, 1 }); // no core files\n";
    out +=
        "\ttold = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);\n";
    let end = &functions.end;
    out += &format!("\tonce(\"all steps\", \"{end}\", {end});\n");
    for Row { sweep, accesses, from, to, want, .. } in rows {
        let accesses: Vec<String> = accesses.iter().map(|own| constant(*own)).collect();
        let accesses = accesses.join(" | ");
        out += &match want {
            Some(want) => format!("\tTRY({sweep}, {accesses}, {from}, {to}, {want});\n"),
            None => format!("\t// Not run, as it is no code: from {from} to {to}.\n"),
        };
    }
    out +=
        "\tprintf(\"%d accesses; %d results are not as expected\\n\", accesses, told->differ);\n";
    out + "\treturn told->differ != 0;\n}\n"
}
