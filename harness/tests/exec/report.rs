//! What is said of a fault, and when nothing is said.

use nix::libc;

use crate::own_process::{Test, table, test};
use crate::programs::{Faulting, PROGRAMS};
use crate::{Ran, exec, exec_command, this_program};

pub fn tests() -> Vec<Test> {
    let mut tests: Vec<Test> = PROGRAMS
        .iter()
        .map(|row| test(format!("cause::{}", row.name), || is_explained(row)).unless_tried_for(row))
        .collect();
    let others: [(&str, fn()); 20] = [
        ("a_program_that_lives_is_not_told_of", lives),
        ("a_handled_fault_is_told_only_with_all", handled),
        ("threads_that_fault_at_once_have_one_report", threads_at_once),
        ("the_file_and_its_end_are_told", file_is_told),
        ("a_file_that_was_deleted_is_told", deleted_file),
        ("the_size_when_mapped_is_told_with_watch", watched),
        ("a_thread_is_told_by_its_name", thread_is_told),
        ("a_name_that_is_no_text_hides_nothing", name_is_no_text),
        ("a_child_has_a_report_and_the_program_goes_on", child),
        ("the_function_is_told", function_is_told),
        ("a_case_of_the_same_shape_shows_the_fault", case_shows_it),
        ("an_access_that_crosses_a_page_is_told_by_both_bytes", crosses_a_page),
        ("a_fault_that_was_handled_is_no_end", handled_is_no_end),
        ("each_field_is_in_the_documentation", fields),
        ("a_report_has_the_colours_of_a_picture", colours),
        ("reports_go_to_a_file", to_a_file),
        ("a_jump_to_where_no_code_is_has_its_reason", jumps),
        ("a_name_with_a_newline_makes_no_line", newline),
        ("an_interpreter_that_is_not_there_is_named", interpreter),
        ("what_is_expected_decides_the_exit_code", expected),
    ];
    tests.extend(table("report", &others, |body| body()));
    tests
}

/// The report names the signal, the code, the cause, the access, and the address that the program has announced; and
/// the program ends as it would have ended alone.
fn is_explained(row: &Faulting) {
    let ran = exec(&["--json"], row.name);
    let report = ran.report();
    let told = ["signal", "code", "cause"].map(|field| report[field].as_str().unwrap_or_default());
    assert_eq!(told, [row.signal, row.code, row.cause], "{report}");
    if cfg!(target_arch = "x86_64") && !row.access.is_empty() {
        assert_eq!(report["access"], row.access, "{report}");
    }
    if !ran.announced().is_empty() {
        assert_eq!(report["address"], ran.announced(), "{report}");
    }
    let alone = std::process::Command::new(this_program())
        .args(["--program", row.name])
        .current_dir(&ran.folder)
        .output()
        .expect("it can be started");
    use std::os::unix::process::ExitStatusExt as _;
    assert_eq!((alone.status.code(), alone.status.signal()), (ran.code, ran.signal));
}

trait Tried {
    fn unless_tried_for(self, row: &'static Faulting) -> Self;
}

impl Tried for Test {
    /// Ignores the test where the program cannot be run here.
    fn unless_tried_for(self, row: &'static Faulting) -> Test {
        self.unless(move || (row.refused)())
    }
}

fn says_nothing(ran: &Ran) {
    assert_eq!(ran.told, "");
    assert_eq!((ran.code, ran.signal), (Some(0), None));
}

fn lives() {
    says_nothing(&exec_command(&[], &["true"]));
}

fn handled() {
    says_nothing(&exec(&[], "handles_and_goes_on"));
    let ran = exec(&["--all", "--json"], "handles_and_goes_on");
    let report = ran.report();
    assert_eq!(report["handled"], true, "{report}");
    assert_eq!(report["address"], ran.announced());
    assert_eq!(ran.code, Some(0));
}

fn threads_at_once() {
    for _ in 0..10 {
        let ran = exec(&["--json"], "threads_at_once");
        assert_eq!(ran.report()["cause"], "past_end_of_file");
        assert_eq!(ran.signal, Some(libc::SIGBUS));
    }
}

fn file_is_told() {
    let page = rustix::param::page_size();
    let ran = exec(&["--json"], "map_at_an_offset");
    let report = ran.report();
    let path = ran.folder.path().canonicalize().expect("it is there").join("data.db");
    assert_eq!(report["file"]["path"], path.to_str().expect("UTF-8"));
    assert_eq!(report["file"]["size"], page, "{report}");
    // The second page of a map that begins at the third page of the file.
    assert_eq!(report["file"]["byte"], 3 * page, "{report}");
    assert_eq!(report["map"]["byte"], page, "{report}");
    assert_eq!(report["map"]["shared"], false);
    let text = exec(&[], "map_at_an_offset").told;
    let place = format!(
        "at byte {page} of a map of data.db ({} bytes from offset {}, MAP_PRIVATE, read only)",
        2 * page,
        2 * page
    );
    assert!(text.contains(&place), "{text}");
    assert!(text.contains(&format!("data.db has {page} bytes now")), "{text}");
    assert!(text.contains(&format!("This is byte {} of the file.", 3 * page)), "{text}");
}

fn deleted_file() {
    let report = exec(&["--json"], "deleted_file").report();
    assert_eq!(report["file"]["deleted"], true, "{report}");
    // The kernel's link to it is for root; another user counts its pages.
    let page = rustix::param::page_size();
    let (size, bound) = (&report["file"]["size"], &report["file"]["size_at_most"]);
    assert!(*size == 2200 && bound.is_null() || size.is_null() && *bound == page, "{report}");
    let text = exec(&[], "deleted_file").told;
    assert!(text.contains("t has no name any more"), "{text}");
}

fn watched() {
    let unwatched = exec(&["--json"], "past_end_of_file").report();
    assert_eq!(unwatched["file"]["size_when_mapped"], serde_json::Value::Null);
    let page = rustix::param::page_size();
    for program in ["past_end_of_file", "a_child"] {
        let report = exec(&["--json", "--watch"], program).report();
        assert_eq!(report["file"]["size_when_mapped"], 2 * page, "{report}");
    }
    let text = exec(&["--watch"], "past_end_of_file").told;
    let said = format!("data.db has 2200 bytes now; it had {} when it was mapped", 2 * page);
    assert!(text.contains(&said), "{text}");
}

fn thread_is_told() {
    let report = exec(&["--json"], "another_thread").report();
    assert_eq!(report["thread"]["name"], "worker");
    assert_ne!(report["thread"]["tid"], report["process"]["pid"]);
}

fn child() {
    let ran = exec(&["--json"], "a_child");
    assert_eq!(ran.report()["cause"], "past_end_of_file");
    assert_eq!((ran.code, ran.signal), (Some(0), None));
}

fn function_is_told() {
    let report = exec(&["--json"], "past_end_of_file").report();
    let function = &report["function"];
    // Without optimisation the load has a function of its own.
    let is_known = |name: &str| name.contains("read_volatile") || name.contains("load");
    assert!(function["function"].as_str().is_some_and(is_known), "{report}");
    let this = this_program();
    let name = this.file_name().and_then(|name| name.to_str()).expect("UTF-8");
    assert_eq!(function["object"], name);
    assert!(function["line"].as_str().is_some_and(|line| line.contains(".rs:")), "{report}");
}

/// The case that is printed has the same fault at the same byte, when it is measured.
fn case_shows_it() {
    for (program, access, fault) in [
        ("past_end_of_file", "read", "SIGBUS ADRERR"),
        ("map_at_an_offset", "read", "SIGBUS ADRERR"),
        ("read_only", "write", "SIGSEGV ACCERR"),
        ("no_access", "read", "SIGSEGV ACCERR"),
    ] {
        let ran = exec(&[], program);
        let (_, case) = ran.told.split_once("my.case`:\n").expect("a case");
        let byte = ran.told.split_once(" at byte ").and_then(|(_, rest)| rest.split_once(' '));
        let byte = byte.expect("the byte of the map").0;
        let arguments = ["--access", access, "--at", byte];
        let (code, printed, error) = crate::command::show(case, &arguments);
        assert_eq!(code, Some(0), "{case}\n{error}");
        assert!(printed.contains(fault), "{program}: {printed}");
    }
}

fn crosses_a_page() {
    let ran = exec(&["--json"], "crosses_a_page");
    let report = ran.report();
    assert_eq!(report["cause"], "past_end_of_file", "{report}");
    let hex =
        |text: &str| usize::from_str_radix(text.trim_start_matches("0x"), 16).expect("a number");
    let address = report["address"].as_str().map(hex).expect("an address");
    assert_eq!(address, hex(ran.announced()) + 4, "{report}");
    if cfg!(target_arch = "x86_64") {
        assert_eq!(report["first_byte"], ran.announced(), "{report}");
        let text = exec(&[], "crosses_a_page").told;
        assert!(text.contains("load of 8 bytes that begins 4 bytes earlier, at byte"), "{text}");
    }
}

fn handled_is_no_end() {
    let ran = exec(&["--json"], "handled_and_fails");
    let report = ran.report();
    assert_eq!((&report["handled"], &report["ending"]), (&true.into(), &"exited with 1".into()));
    assert_eq!(exec(&["--expect", "SIGBUS"], "handled_and_fails").code, Some(1));
    let text = exec(&[], "handled_and_fails").told;
    assert!(text.contains("It was handled. Afterwards the process exited with 1."), "{text}");
    let report = exec(&["--json"], "handler_aborts").report();
    assert_eq!(report["ending"], "was ended by SIGABRT", "{report}");
    assert_eq!(exec(&["--expect", "SIGBUS"], "handler_aborts").code, Some(1));
    assert_eq!(exec(&["--expect", "SIGSEGV"], "handler_raises_again").code, Some(0));
    let report = exec(&["--json"], "past_end_of_file").report();
    assert_eq!(report["handled"], false, "{report}");
}

fn fields() {
    let page = crate::command::root().join("harness/docs/exec.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let (_, table) = page.split_once("## Fields of the JSON").expect("the table");
    let table = table.split("\n## ").next().expect("it ends");
    fn names(value: &serde_json::Value, all: &mut Vec<String>) {
        if let Some(fields) = value.as_object() {
            all.extend(fields.keys().cloned());
            fields.values().for_each(|own| names(own, all));
        }
    }
    let mut all = Vec::new();
    names(&exec(&["--json"], "deleted_file").report(), &mut all);
    names(&exec(&["--json"], "calls_null").report(), &mut all);
    for name in all {
        assert!(table.contains(&format!("`{name}`")), "{name} is not in the table");
    }
    let causes = page.split("## Handled faults").next().expect("the causes");
    for row in PROGRAMS {
        assert!(causes.contains(&format!("`{}`", row.cause)), "{} is not in the table", row.cause);
    }
}

/// The kernel cuts a name after 15 bytes, within a letter as well.
fn name_is_no_text() {
    let report = exec(&["--json"], "has_a_name_that_is_no_text").report();
    assert_eq!(report["signal"], "SIGSEGV", "{report}");
}

fn colours() {
    let signal = "faultmap: \x1b[31mSIGBUS BUS_ADRERR\x1b[0m: load of 1 byte at";
    let cells =
        ["| \x1b[32mdata\x1b[0m  ", "| \x1b[36mzero\x1b[0m  ", "| \x1b[31mSIGBUS ADRERR\x1b[0m"];
    let text = exec(&["--color", "always"], "past_end_of_file").told;
    assert!(text.contains(signal), "{text}");
    cells.iter().for_each(|cell| assert!(text.contains(cell), "{text}"));
    let plain = exec(&[], "past_end_of_file").told;
    let json = exec(&["--color", "always", "--json"], "past_end_of_file").told;
    for text in [&plain, &json] {
        assert!(!text.contains('\x1b'), "{text}");
    }
    // As a pager or a CI asks for it, and as a user forbids it.
    for (forbidden, is_coloured) in [("", true), ("1", false)] {
        let mut command = std::process::Command::new(crate::command::BIN);
        command.args(["exec", "--output", "report", "--"]).arg(this_program());
        command.args(["--program", "null"]).env("CLICOLOR_FORCE", "1").env("NO_COLOR", forbidden);
        let folder = tempfile::tempdir().expect("a folder for temporary files");
        let ran = crate::ran(command.current_dir(&folder), folder);
        let report = std::fs::read_to_string(ran.folder.path().join("report")).expect("a file");
        assert_eq!(report.contains("\x1b[35mSIGSEGV SEGV_MAPERR\x1b[0m"), is_coloured, "{report}");
    }
}

fn to_a_file() {
    let ran = exec(&["--output", "report", "--json"], "null");
    assert_eq!(ran.told, "");
    let report = std::fs::read_to_string(ran.folder.path().join("report")).expect("a file");
    assert!(report.contains("null_pointer"), "{report}");
}

fn jumps() {
    let text = exec(&[], "calls_unmapped").told;
    let overwritten = "A return address or a pointer to a function was overwritten, or never set.";
    assert!(text.contains("Nothing is mapped there.") && text.contains(overwritten), "{text}");
    for program in ["jumps_into_data", "jumps_into_a_file"] {
        let text = exec(&[], program).told;
        assert!(text.contains("The program has jumped into data."), "{text}");
    }
    let text = exec(&[], "no_access").told;
    assert!(text.contains("The protection of the map forbids every access (PROT_NONE)"), "{text}");
    // The next file below the address is no neighbour.
    let report = exec(&["--json"], "kernel_address").report();
    assert_eq!(report["file"], serde_json::Value::Null, "{report}");
}

fn newline() {
    let text = exec(&[], "odd_file_name").told;
    // The kernel's link to the file is for root; another user counts its pages, as the name is no text.
    let says = ["\\n has 2200 bytes now", "\\n has at most 4096 bytes now"];
    assert!(says.iter().any(|says| text.contains(says)), "{text}");
    let is_own =
        |line: &str| line.is_empty() || line.starts_with("faultmap: ") || line.starts_with("  ");
    assert!(text.lines().all(is_own), "{text}");
}

fn interpreter() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let script = folder.path().join("script");
    std::fs::write(&script, "#!/no/such/program -x\n").expect("room");
    let everybody = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&script, everybody).expect("it is this test's");
    let ran = exec_command(&[], &[script.to_str().expect("UTF-8")]);
    assert_eq!(ran.code, Some(127), "{}", ran.told);
    assert!(ran.told.contains("it names /no/such/program as its interpreter"), "{}", ran.told);
    let ran = exec_command(&[], &["./nothing"]);
    assert!(!ran.told.contains("interpreter"), "{}", ran.told);
}

fn expected() {
    let code = |options: &[&str], program| exec(options, program).code;
    assert_eq!(code(&["--expect", "SIGBUS"], "past_end_of_file"), Some(0));
    assert_eq!(code(&["--expect", "segv"], "past_end_of_file"), Some(1));
    assert_eq!(code(&["--expect", "SIGBUS"], "a_child"), Some(0));
    assert_eq!(code(&["--expect", "SIGSEGV"], "handles_and_goes_on"), Some(1));
    assert_eq!(exec_command(&["--expect", "SIGBUS"], &["true"]).code, Some(1));
    assert_eq!(exec_command(&["--expect", "SIGBUS"], &["./nothing"]).code, Some(127));
    assert_eq!(exec_command(&["--expect", "SIGQUIT"], &["true"]).code, Some(125));
}
