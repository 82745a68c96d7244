//! A program of many accesses makes each in a child of its own, which makes the steps anew. The main function is
//! [`body`].

use super::probe;
use super::rows::Row;
use super::shape::Shape;
use super::steps::Functions;
use super::text::{SHARE, catch, indented, no_core_files};
use crate::case::{Access, Case};

/// Returns the functions of the program.
pub fn body(case: &Case, shape: &Shape, functions: &Functions, rows: &[Row]) -> String {
    let several = shape.sweeps > 1;
    let mut text = format!("\n{}\n", probe::function(rows, shape.stored(), several));
    text += &indented(&functions.processes, 0);
    text += "\nstatic void steps(void)\n{\n";
    text += &indented(&functions.steps, 0);
    text += "}\n";
    text += &once(case, shape, functions);
    text += &tries(several);
    text + &main_function(shape, functions, rows)
}

/// Returns the definitions of what a child is asked for.
pub fn definitions(shape: &Shape) -> String {
    let accesses = Access::ALL.iter().enumerate();
    let accesses: Vec<String> =
        accesses.map(|(bit, own)| format!("{} = {}", constant(*own), 1 << bit)).collect();
    let mut out = format!("enum {{ {} }};\n", accesses.join(", "));
    out += "static struct ask { int access; long at, want; const char *step, *said; } asked;\n";
    if shape.sweeps > 1 {
        out += "static int sweep;\n";
    }
    out
}

/// Returns the name of an access in C.
fn constant(access: Access) -> String {
    access.name().to_uppercase()
}

/// Returns the function that starts one child.
fn once(case: &Case, shape: &Shape, functions: &Functions) -> String {
    let (mut make, clear) = shape.around(case, &functions.refused);
    if shape.has_processes {
        make.push("now->go = 0;".to_owned());
    }
    ONCE.replace("{make}", &indented(&make, 1))
        .replace("{catch}", &catch().replace('\t', "\t\t"))
        .replace("{clear}", &indented(&clear, 1))
}

const ONCE: &str = r#"
// Makes the steps in a child, with the access that is asked for.
static void once(struct ask ask)
{
	asked = ask;
	now->probed = 0;
{make}	pid_t child = fork();
	if (child == 0) {
{catch}		steps();
		_exit(0);
	}
	ended(child);
	if (asked.access && !now->probed) now->differ = dprintf(1, "%s: was not made\n", asked.step);
{clear}}
"#;

/// Returns the function that asks for accesses.
fn tries(has_several: bool) -> String {
    let names: Vec<String> = Access::ALL.iter().map(|own| format!("\"{own}\"")).collect();
    let (said, number) = if has_several { ("sweep %d, ", "sweep, ") } else { ("", "") };
    TRY.replace("{names}", &names.join(", "))
        .replace("{count}", &names.len().to_string())
        .replace("{said}", said)
        .replace("{number}", number)
}

const TRY: &str = r#"
// Makes accesses to the first and to the last byte of a range, each in a child of its own.
#define TRY(accesses, from, to, want) try(accesses, from, to, want, #want)
static void try(int accesses, long from, long to, long want, const char *said)
{
	static const char *const names[] = { {names} };
	char step[64];
	for (int n = 0; n < 2 * {count}; n++) {
		int access = accesses & 1 << n / 2;
		long at = n % 2 ? to : from;
		snprintf(step, sizeof step, "{said}%s at %ld", {number}names[n / 2], at);
		if (access && (n % 2 == 0 || from != to)) once((struct ask){ access, at, want, step, said });
	}
}
"#;

/// Returns `main`, which asks for all that is to be seen.
fn main_function(shape: &Shape, functions: &Functions, rows: &[Row]) -> String {
    let mut out = "\nint main(void)\n{\n".to_owned();
    out += &functions.pages;
    out += SHARE;
    out += no_core_files(shape);
    out += "\tonce((struct ask){ 0 }); // the steps alone\n";
    let mut sweep = 0;
    for Row { sweep: own, accesses, from, to, want, .. } in rows {
        if shape.sweeps > 1 && *own != sweep {
            out += &format!("\tsweep = {own};\n");
            sweep = *own;
        }
        let accesses: Vec<String> = accesses.iter().map(|own| constant(*own)).collect();
        let accesses = accesses.join(" | ");
        out += &match want {
            Some(want) => format!("\tTRY({accesses}, {from}, {to}, {want});\n"),
            None => format!("\t// Not run, as it is no code: from {from} to {to}.\n"),
        };
    }
    out + "\treturn END;\n}\n"
}
