//! On a terminal there are colours and progress: both are looked at through script(1), which makes one.
//!
//! Each test has a process of its own, so that one whose program is missing here is ignored with the reason.

mod command;
mod own_process;

use std::process::{Command, ExitCode};

use command::{BIN, case_file, faultmap, run};
use own_process::refusal::missing;
use own_process::test;

fn main() -> ExitCode {
    let with_script =
        |name, body: fn()| test(name, body).unless(|| missing("script", &["--version"]));
    own_process::run(vec![
        with_script("a_picture_has_colours_on_a_terminal", a_picture_has_colours_on_a_terminal),
        test("colours_elsewhere_only_if_asked_for", colours_elsewhere_only_if_asked_for),
        with_script("a_single_case_counts_its_probes", a_single_case_counts_its_probes),
    ])
}

/// Every outcome that has a colour: data, zero, SIGBUS, SIGSEGV and EFAULT.
const CASE: &str =
    "fd = file(100); map = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    fork { map[5000]; } sweep(map, read, write, copy_from_user);";
const COLOURED: [&str; 7] = [
    "\x1b[32mdata\x1b[0m  ",
    "\x1b[36mzero\x1b[0m  ",
    "\x1b[32mto file\x1b[0m  ",
    "\x1b[36mmemory only\x1b[0m  ",
    "\x1b[31mSIGBUS ADRERR\x1b[0m  ",
    "\x1b[35mSIGSEGV MAPERR\x1b[0m",
    "\x1b[33mEFAULT\x1b[0m",
];

/// What the command prints on a terminal.
fn on_terminal(arguments: &str, environment: &[(&str, &str)]) -> String {
    let mut command = Command::new("script");
    command.args(["-qec", &format!("{BIN} {arguments}"), "/dev/null"]);
    // anstream takes a terminal in continuous integration for one with colours.
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI"] {
        command.env_remove(name);
    }
    command.env("TERM", "xterm").envs(environment.iter().copied());
    let (code, stdout, stderr) = run(&mut command);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    stdout
}

fn a_picture_has_colours_on_a_terminal() {
    let (_dir, path) = case_file(CASE);
    // The bar is for stderr.
    let show = format!("show {} 2>/dev/null", path.display());
    let shown = on_terminal(&show, &[]);
    for text in COLOURED {
        assert!(shown.contains(text), "{text:?} is not in {shown:?}");
    }
    assert!(shown.contains("map[5000];  // \x1b[31mSIGBUS ADRERR\x1b[0m"), "{shown:?}");
    let plain = "read           | data         | zero         | SIGBUS ADRERR  | SIGSEGV MAPERR";
    for (arguments, environment) in [
        (show.clone(), ("NO_COLOR", "1")),
        (show.clone(), ("TERM", "dumb")),
        (format!("--color never {show}"), ("A", "")),
    ] {
        let shown = on_terminal(&arguments, &[environment]);
        assert!(shown.contains(plain) && !shown.contains('\x1b'), "{environment:?}: {shown:?}");
    }
    let predicted = on_terminal(&format!("predict {}", path.display()), &[]);
    assert!(predicted.contains(COLOURED[0]), "{predicted:?}");
}

fn colours_elsewhere_only_if_asked_for() {
    let (_dir, path) = case_file(CASE);
    let shown = |arguments: &[&str], environment: &[(&str, &str)]| {
        let mut command = faultmap(&["show"]);
        command.arg(&path).args(arguments);
        for name in ["NO_COLOR", "CLICOLOR_FORCE"] {
            command.env_remove(name);
        }
        command.envs(environment.iter().copied());
        run(&mut command).1
    };
    for (arguments, environment) in [
        (&["--color", "always"][..], &[][..]),
        (&["--color", "always"], &[("NO_COLOR", "1")]),
        (&[], &[("CLICOLOR_FORCE", "1")]),
    ] {
        let text = shown(arguments, environment);
        assert!(COLOURED.iter().all(|own| text.contains(own)), "{arguments:?}: {text:?}");
    }
    for (arguments, environment) in [
        (&[][..], &[][..]),
        (&["--color", "never"], &[("CLICOLOR_FORCE", "1")]),
        (&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]),
        // The forms for programs have none.
        (&["--color", "always", "--json"], &[]),
        (&["--color", "always", "--format", "tap"], &[]),
        (&["--color", "always", "--format", "junit"], &[]),
    ] {
        let text = shown(arguments, environment);
        assert!(!text.is_empty() && !text.contains('\x1b'), "{arguments:?}: {text:?}");
    }
}

fn a_single_case_counts_its_probes() {
    let (_dir, path) = case_file(
        "map = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
         sweep(map, read, write);",
    );
    let all = 2 * 4 * rustix::param::page_size();
    let shown = on_terminal(&format!("show --exhaustive {}", path.display()), &[]);
    let drawn: Vec<&str> = shown.split(&format!("/{all} probes")).collect();
    let (_, drawn) = drawn.split_last().expect("a last part");
    let count = |drawn: &&str| drawn.rsplit(' ').next()?.parse::<usize>().ok();
    let counts: Vec<usize> = drawn.iter().filter_map(count).collect();
    assert!(counts.iter().any(|count| (1..=all).contains(count)), "{counts:?}: {shown:?}");
    let shown = on_terminal(&format!("show --exhaustive {}", path.display()), &[("TERM", "dumb")]);
    assert!(!shown.contains("probes"), "{shown:?}");
}
