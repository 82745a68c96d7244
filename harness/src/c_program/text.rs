//! The whole text of a program is put together from its functions and rows, and from the parts that these need. The
//! main function is [`program`].

use std::collections::BTreeMap;

use super::Expected;
use super::call;
use super::each;
use super::parts::{HEADERS, RARELY_NAMED, parts};
use super::rows::Row;
use super::shape::Shape;
use super::single;
use super::steps::Functions;
use crate::case::{Arg, Case, FlagWord, Pattern};
use crate::printable::escaped;
use crate::victim::MARK;

/// Returns the program.
pub fn program(case: &Case, expected: &Expected, functions: &Functions, rows: &[Row]) -> String {
    let shape = Shape::of(case, expected, rows, functions);
    let mut text = match shape.is_each {
        true => each::body(case, &shape, functions, rows),
        false => single::body(case, &shape, functions, rows.first()),
    };
    for part in parts(&shape).iter().rev() {
        if text.contains(part.needed_by) {
            text.insert_str(0, &part.text);
        }
    }
    let text = judging(&shape, &text) + &text;
    let text = format!("{}{}{text}", numbers(case), definitions(&shape, &text));
    // Without children, what they would share is a plain variable.
    let text = if shape.is_shared { text } else { text.replace("now->", "now.") };
    let headers = HEADERS.iter().filter(|(_, words)| words.iter().any(|word| text.contains(word)));
    let headers: String = headers.map(|(header, _)| format!("#include <{header}>\n")).collect();
    format!("{}#define _GNU_SOURCE\n{headers}\n{text}", head(case, expected))
}

/// The statement that bounds the time of a process, as an access may never return. A child does not inherit an alarm.
/// (alarm(2))
pub const LIMIT: &str = "alarm(20);";

/// Returns the statements that have faults handled, and the end of the process's time.
pub fn catch() -> String {
    format!(
        "\tstruct sigaction action = {{ .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO }};
\tsigaction(SIGBUS, &action, NULL);
\tsigaction(SIGSEGV, &action, NULL);
\tsigaction(SIGALRM, &action, NULL), {LIMIT} // an access may never return
"
    )
}

/// The statement that lets children tell what came.
pub const SHARE: &str =
    "\tnow = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);\n";

/// Returns the statement without which children might leave core files.
pub fn no_core_files(shape: &Shape) -> &'static str {
    match shape.has_signals {
        true => "\tsetrlimit(RLIMIT_CORE, &(struct rlimit){ 1, 1 }); // no core files\n",
        false => "",
    }
}

/// Returns lines, so many tabs further to the right.
pub fn indented(lines: &[String], depth: usize) -> String {
    lines.iter().map(|line| format!("{}{line}\n", "\t".repeat(depth))).collect()
}

/// Returns what compares and reports, as far as a program with this text needs it.
fn judging(shape: &Shape, text: &str) -> String {
    let mut lines = vec![
        "",
        "// Prints what came, if it is not what was wanted.",
        "static void judge(long came)",
        "{",
    ];
    let says = |word: &str| text.contains(word);
    if shape.is_each {
        lines.push("\tif (asked.access && !now->probed) return; // the steps are judged once");
    }
    if shape.is_relative && says("DATA(") {
        lines.push(
            "\tif (now->want >> 60 == 1) now->want = BYTE(now->want - DATA(0, 0) + now->at);",
        );
    }
    lines.push("\tif (came == -1) came = -errno;");
    if says("FILLED") {
        lines.push("\tif (now->want == FILLED && came >= 0x80 && came < 0x100) return;");
    }
    lines.push(match says("ANY") {
        true => "\tif (came == now->want || (now->want == ANY && came >= 0)) return;",
        false => "\tif (came == now->want) return;",
    });
    lines.push(JUDGED);
    if says("EXPECT(") {
        lines.push(EXPECT);
    }
    lines.join("\n")
}

const JUDGED: &str = r#"	now->differ++;
	dprintf(1, "%s: expected %s, came ", now->step, now->said);
	if (came < FAULT(0, 0)) dprintf(1, "%ld (%s)\n", came, came < 0 ? strerror(-came) : "no error");
	else dprintf(1, "%s with si_code %ld, si_addr is %+ld bytes from the access\n",
			strsignal(came >> 8 & 0xff), came & 0xff, now->away);
}
"#;

const EXPECT: &str = r#"// A step, and what it is to give.
#define EXPECT(wanted, call) ({ \
	now->step = #call, now->said = #wanted, now->want = wanted; \
	__typeof__(call) is_ = (call); judge((long)is_); is_; })
"#;

/// Returns the macros and variables of a program with this text.
fn definitions(shape: &Shape, text: &str) -> String {
    let mut out = "#define PAGE sysconf(_SC_PAGESIZE)\n".to_owned();
    if text.contains("PLACE(") {
        out += "#define PLACE(n) ((void *)((32L + (n)) << 31)) // around it nothing is mapped\n";
    }
    out += &bytes(shape, text);
    out += "#define FAULT(signal, code) (1L << 62 | (signal) << 8 | ((code) & 0xff)) // at the byte accessed\n";
    out += "#define ELSEWHERE (1L << 61)\n";
    let mark = format!("MARK = {MARK:#x}");
    let values =
        ["NOT_IN_FILE = 0", "IN_FILE = 1", "RAN = 0", "ANY = 1 << 30", "FILLED = 1 << 29", &mark];
    let values = values
        .into_iter()
        .filter(|own| own.split(' ').next().is_some_and(|name| text.contains(name)));
    let values: Vec<&str> = values.collect();
    if !values.is_empty() {
        out += &format!("enum {{ {} }};\n", values.join(", "));
    }
    if shape.is_each {
        out += &each::definitions(shape);
    }
    out += &now(shape, text);
    if text.contains("names[number]") {
        out += &format!("static char names[{}][32];\n", shape.files);
    }
    if text.contains("buffer") {
        out += &format!("static unsigned char buffer[{:#x}];\n", shape.largest);
    }
    out + "#define END (puts(now->differ ? \"this is not as expected\" : \"all is as expected\"), now->differ != 0)\n"
}

/// Returns the macros for the bytes with which files are filled.
fn bytes(shape: &Shape, text: &str) -> String {
    let (period, ahead) = Pattern::First.period();
    match (text.contains("DATA("), shape.is_relative) {
        (says_data, true) if says_data || text.contains("BYTE(") => format!(
            "// DATA is the byte of a file there, and in a TRY as many bytes further on as the byte accessed.\n\
             #define BYTE(n) (0x80 + (n) % {period})\n\
             #define DATA(file, offset) (1L << 60 | ({ahead}L * (file) + (offset)))\n"
        ),
        (true, false) => format!(
            "#define DATA(file, offset) (0x80 + ({ahead}L * (file) + (offset)) % {period})\n"
        ),
        _ => String::new(),
    }
}

/// Returns the variable for what happens now.
fn now(shape: &Shape, text: &str) -> String {
    let at = if text.contains("now->at") { ", at" } else { "" };
    let mut numbers = "differ".to_owned();
    let all = [("probed", text.contains("now->probed")), ("go", shape.has_processes)];
    all.iter().filter(|(_, needs)| *needs).for_each(|(name, _)| numbers += &format!(", {name}"));
    if shape.segments > 0 {
        numbers += &format!(", ids[{}]", shape.segments);
    }
    let star = if shape.is_shared { "*" } else { "" };
    format!(
        "static volatile struct {{ const char *step, *said; void *address; long want, away{at}; int {numbers}; }} {star}now;\n"
    )
}

/// Returns the comment at the head.
fn head(case: &Case, expected: &Expected) -> String {
    let mut lines = vec![format!("{}, by faultmap {}", expected.title, env!("CARGO_PKG_VERSION"))];
    if !case.comment.is_empty() {
        lines.push(String::new());
        lines.extend(case.comment.iter().cloned());
    }
    lines.extend(expected.source.sentences());
    if !case.requires.is_empty() {
        let all: Vec<String> = case.requires.iter().map(ToString::to_string).collect();
        lines.push(format!("It needs: {}.", all.join(", ")));
    }
    lines.push(
        "It exits with 1 if anything else comes: cc -std=gnu11 -o it it.c && ./it".to_owned(),
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
        format!("// Some C libraries do not name these.\n{lines}")
    }
}
