//! A value in the table of calls is enough: the call is parsed, performed, filtered, drawn and explored.
//!
//! This program is also the command, with two more calls: it starts itself for each test.

mod command;

use std::process::{Command, ExitCode};

use command::{case_file, run};
use faultmap::internals::cli;
use faultmap::internals::explore::Search;
use faultmap::internals::model::Environment;
use faultmap::internals::vocabulary::Argument::{Buffer, Of};
use faultmap::internals::vocabulary::{
    self, Action, Cost, PLAIN, Parameter, Reach, Returns, Syscall,
};
use libtest_mimic::{Arguments, Failed, Trial};
use linux_raw_sys::general as header;

/// A call without any effect, and one that fills a buffer. They have new names, so that the vocabulary can
/// still get the system calls.
static NEW: [Syscall; 2] = [
    Syscall {
        name: "new_sync",
        manual: "fdatasync(2)",
        parameters: &[Parameter::Descriptor],
        action: Action::System(header::__NR_fdatasync),
        ..PLAIN
    },
    Syscall {
        name: "new_resident",
        manual: "mincore(2)",
        parameters: &[Parameter::Address, Parameter::Length],
        returns: Returns::BytePerPage(1),
        action: Action::Arranged(header::__NR_mincore, &[Of(0), Of(1), Buffer]),
        // The kernel refuses a range that is longer than the address space before it writes a byte.
        reach: Reach::Bounded,
        cost: Cost::Nothing,
        ..PLAIN
    },
];

/// The first argument that makes this program the command.
const AS_COMMAND: &str = "AS_COMMAND";

fn main() -> ExitCode {
    vocabulary::add(&NEW);
    if std::env::var_os(AS_COMMAND).is_some() {
        return cli::main(cli::BuiltIn::NONE);
    }
    let tests = [
        trial("it_is_performed_at_each_level_of_isolation", performed),
        trial("its_arguments_are_checked", checked),
        trial("it_is_explored", explored),
        trial("without_a_prediction_it_is_not_modelled", not_modelled),
    ];
    libtest_mimic::run(&Arguments::from_args(), tests.into()).exit_code()
}

fn trial(name: &str, body: fn()) -> Trial {
    let body = move || -> Result<(), Failed> {
        body();
        Ok(())
    };
    Trial::test(name, body)
}

/// Returns the command with these arguments.
fn faultmap(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("a program knows its file"));
    command.args(arguments).env(AS_COMMAND, "1").env("NO_COLOR", "1").current_dir(command::root());
    command
}

fn show(text: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let (_dir, path) = case_file(text);
    run(faultmap(&["show"]).arg(path).args(arguments))
}

/// A map of two pages of a file, of which the first is in memory.
const MAP: &str = "fd = file(2 * PAGE);
    map = mmap(0, 2 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
    none = mmap(0, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    map[0];";

fn performed() {
    let text = format!(
        "{MAP} new_sync(fd); new_sync(-1); new_resident(map, PAGE); new_resident(none, 1); sweep(map, read);"
    );
    for level in ["default", "strict"] {
        let (code, stdout, stderr) = show(&text, &["--isolation", level]);
        assert_eq!(code, Some(0), "{level}: {stdout}{stderr}");
        for told in [
            "new_sync(fd);",
            "new_sync(-1);  // = -1 EBADF",
            "new_resident(map, PAGE);  // 0x01",
            "new_resident(none, 1);  // zero",
        ] {
            assert!(stdout.contains(told), "{level}: no `{told}` in {stdout}");
        }
    }
}

fn checked() {
    let told = |text: &str| {
        let (code, stdout, _) = show(&format!("{MAP} {text} sweep(map, read);"), &[]);
        (code, stdout)
    };
    // The kernel itself refuses these.
    let (code, stdout) = told("new_resident(map + 1, PAGE); new_resident(map, 0x10000000000000);");
    assert_eq!(code, Some(0), "{stdout}");
    assert!(stdout.contains("new_resident(map + 1, PAGE);  // = -1 EINVAL"), "{stdout}");
    assert!(stdout.contains("new_resident(map, 0x10000000000000);  // = -1 ENOMEM"), "{stdout}");
    let (code, stdout) = told("new_resident(map, 1073741824);");
    assert!(code == Some(0) && stdout.contains("// = -1 ENOMEM"), "{stdout}");
}

fn explored() {
    let search = Search { seed: 1, environment: Environment::with_pages_of(4096) };
    let programs: Vec<String> = (0..400).map(|number| search.program(number)).collect();
    for new in &NEW {
        let call = format!("{}(", new.name);
        assert!(programs.iter().any(|text| text.contains(&call)), "{call} is never made");
    }
    let out = tempfile::tempdir().expect("a folder");
    let mut command = faultmap(&["explore", "--count", "400", "--seed", "1", "--out"]);
    let (code, stdout, stderr) = run(command.arg(out.path()));
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert!(stdout.contains("400 programs"), "{stdout}");
}

fn not_modelled() {
    let (code, stdout, stderr) = show(&format!("{MAP} new_sync(fd); sweep(map, read);"), &[]);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert!(stdout.contains("not modelled: new_sync"), "{stdout}");
}
