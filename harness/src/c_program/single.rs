//! A program of one access needs no child: it makes the steps itself, and its handler judges the fault. So it is short
//! enough for the report of a bug. The main function is [`body`].

use super::Expected;
use super::parts::Part;
use super::rows::Row;
use super::steps::Functions;
use super::text::{Made, begin, storage};
use crate::case::{
    Access, Case, Clean, FaultAddress, Outcome, Pattern, Step, StepResult, SweepResult,
};
use crate::victim::MARK;
use crate::vocabulary::{Action, Returns};

/// True where one access is asked for, and the process that makes it needs no other: no step of it is made by another
/// process or ends this one, and leaves nothing behind that another would have to remove.
pub fn is_enough(case: &Case, expected: &Expected) -> bool {
    let Some(probe) = expected.probe else { return false };
    let is_plain = case.walk().all(|(_, _, step)| match step {
        Step::Block { .. } => false,
        Step::Call { call, .. } => {
            let ends = matches!(call.action, Action::Raise | Action::Exit | Action::Unlink);
            !ends && call.returns != Returns::Id
        }
        _ => true,
    });
    let ends = |result: &StepResult| matches!(result, StepResult::Fault(_) | StepResult::Killed(_));
    // Where the signal is ignored or blocked, no handler is called.
    let is_handled = match expected.measurement.sweeps.get(probe.sweep) {
        Some(SweepResult::Map(map)) => {
            let row = map.rows.iter().find(|row| row.access == probe.access);
            match row.and_then(|row| row.at(probe.at)) {
                Some(Outcome::Fault(own)) => {
                    own.address == FaultAddress::Accessed && own.code.is_some()
                }
                Some(Outcome::Clean(Clean::NoCode)) | None => false,
                Some(_) => true,
            }
        }
        _ => false,
    };
    is_plain && is_handled && !expected.measurement.steps.iter().any(ends)
}

/// The parts of such a program alone.
pub const PARTS: &[Part] = &[Part {
    needed_by: "SEES(",
    text: r#"#define SEES(want, from, count) ({ for (at = 0; at < (count); at++) EXPECT(want, buffer[(from) + at]); at = 0; })
"#,
}];

/// Returns `main`, with the steps and the access. It is for pages of so many bytes alone, if it says them.
pub fn body(made: &Made, functions: &Functions, row: &Row, page: Option<u64>) -> String {
    let (files, _) = made.filled(&functions.refused);
    let mut out = "\nint main(void)\n{\n".to_owned();
    out += "\tstruct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };\n";
    out += &begin(page, &functions.lines.concat());
    out += &files.concat();
    out += "\tsigaction(SIGBUS, &action, NULL);\n\tsigaction(SIGSEGV, &action, NULL);\n\n";
    // The lines of the function of the steps, without its name and its braces.
    for line in functions.lines.iter().filter(|line| line.starts_with('\t')) {
        match line.trim().strip_prefix("probe(").and_then(|rest| rest.strip_suffix(");")) {
            Some(map) => out += &access(made, row, map),
            None => out += &format!("{line}\n"),
        }
    }
    out + "\treturn END;\n}\n"
}

/// Returns the definitions, and what reports, of a program with this text.
pub fn definitions(made: &Made, row: &Row, text: &str) -> String {
    let (period, ahead) = Pattern::First.period();
    let mut out = "#define PAGE sysconf(_SC_PAGESIZE)\n".to_owned();
    if text.contains("DATA(") || text.contains("PATTERN(") {
        out += "// The byte of a file, as it was filled, here or so many bytes further on.\n";
        out += &format!("#define PATTERN(n) (0x80 + (n) % {period})\n");
        out += &format!("#define DATA(file, offset) PATTERN({ahead}L * (file) + (offset) + at)\n");
    }
    out += "// What a step gives: a number, -errno, or one of these.\n";
    out += "#define FAULT(signal, code) (1L << 32 | (signal) << 8 | (code))\n";
    out += &format!(
        "enum {{ NOT_IN_FILE, IN_FILE, RAN = 0, ANY = 1 << 30, FILLED, MARK = {MARK:#x} }};\n"
    );
    out += "static int differ;\nstatic long at;\nstatic void *address;\n";
    out += &storage(made, text);
    out + r#"
#define EXPECT(want, step) ({ __typeof__(step) is_ = (step); given(#step, #want, (long)is_, want); is_; })
static void given(const char *step, const char *said, long came, long want)
{
	came = came == -1 ? -errno : came;
	if (want == ANY ? came >= 0 : want == FILLED ? came >= 0x80 : came == want) return;
	differ = 1;
	printf("%s: expected %s, came %ld (%s)\n", step, said, came, came < 0 ? strerror(-came) : "no error");
}
#define AT(type, byte) (*(volatile type *)(address = (byte)))
#define END (puts(differ ? "this is not as expected" : "all is as expected"), differ)
"# + &on_fault(row)
}

/// Returns the handler.
fn on_fault(row: &Row) -> String {
    let want = row.want.as_deref().unwrap_or("0");
    format!(
        r#"
static void on_fault(int signal, siginfo_t *info, void *context)
{{
	(void)context;
	if (info->si_addr != address || FAULT(signal, info->si_code) != {want})
		printf("expected {want}, came %s with si_code %d, si_addr is %+ld bytes from the access\n",
			strsignal(signal), info->si_code, (char *)info->si_addr - (char *)address), differ = 1;
	exit(END);
}}
"#
    )
}

/// Returns the statements that make the access.
fn access(made: &Made, row: &Row, map: &str) -> String {
    let want = row.want.as_deref().unwrap_or("0");
    let stored = if made.files.is_empty() { "NOT_IN_FILE" } else { "in_file()" };
    let byte = format!("{map} + at");
    let copies = "\tint copied[2];\n\tunsigned char byte = MARK;\n\tEXPECT(0, pipe(copied));\n";
    let access = match row.accesses.first() {
        Some(Access::Write) => {
            format!("\tAT(uint8_t, {byte}) = MARK;\n\tEXPECT({want}, {stored});\n")
        }
        Some(Access::Exec) => format!(
            "\taddress = {byte} - (uintptr_t)({byte}) % (code_end - code);\n\
             \t((void (*)(void))address)();\n\tEXPECT({want}, RAN);\n"
        ),
        Some(Access::CopyFromUser) => format!(
            "{copies}\tEXPECT({want}, write(copied[1], {byte}, 1) == 1 && read(copied[0], &byte, 1) == 1 ? byte : -1);\n"
        ),
        Some(Access::CopyToUser) => format!(
            "{copies}\tEXPECT(1, write(copied[1], &byte, 1));\n\
             \tEXPECT({want}, read(copied[0], {byte}, 1) == 1 ? {stored} : -1);\n"
        ),
        Some(Access::Read) | None => format!("\tEXPECT({want}, AT(uint8_t, {byte}));\n"),
    };
    format!("\tat = {};\n{access}", row.from)
}
