//! The completions are read by the shells that they are for, and the pages of the manual by programs that show such
//! pages; never by what wrote them.
//!
//! Each test has a process of its own, so that one whose reader is missing here is ignored with the reason.

mod command;
mod own_process;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use command::{faultmap, run};
use own_process::refusal::missing;
use own_process::{Test, test};

fn main() -> ExitCode {
    let shell = |name: &'static str, works: &'static [&str], body: fn()| -> Test {
        test(format!("completions_are_read_by_a_shell::{name}"), body)
            .unless(move || missing(name, works))
    };
    own_process::run(vec![
        shell("bash", &["-c", ":"], bash_completes_words),
        shell(
            "zsh",
            &["-f", "-c", "zmodload zsh/zpty && autoload +X compinit"],
            zsh_completes_words,
        ),
        shell("fish", &["--no-config", "-c", "complete -C ''"], fish_completes_words),
        test("a_page_has_the_usual_sections", a_page_has_the_usual_sections),
        test("man_shows_every_page", man_shows_every_page)
            .unless(|| missing("man", &["--version"])),
        test("mandoc_finds_nothing_wrong", mandoc_finds_nothing_wrong)
            .unless(|| missing("mandoc", &["-T", "ascii", "/dev/null"])),
    ])
}

/// A folder with the completions of a shell in this file.
fn completions(shell: &str, name: &str) -> (tempfile::TempDir, PathBuf) {
    let (code, text, stderr) = run(&mut faultmap(&["completions", shell]));
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    let dir = tempfile::tempdir().expect("a folder for temporary files");
    let path = dir.path().join(name);
    std::fs::write(&path, text).expect("written");
    (dir, path)
}

/// What a shell prints that runs this script, with a home of its own.
fn printed(shell: &str, options: &[&str], script: &str, argument: &Path, home: &Path) -> String {
    let mut command = Command::new(shell);
    command.args(options).args(["-c", script]).env("HOME", home).env("TERM", "vt100");
    // Behind the script, bash and zsh expect the name of the program.
    if shell != "fish" {
        command.arg(shell);
    }
    let (code, stdout, stderr) = run(command.arg(argument).current_dir(home));
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    stdout
}

fn bash_completes_words() {
    // bash calls the function with the words in these variables (bash(1), "Programmable Completion").
    let script = r#"
        source "$1"
        [[ $(complete -p faultmap) == *" -F _faultmap faultmap" ]] || exit 9
        completed() {
            COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
            _faultmap faultmap "${!#}" "${COMP_WORDS[COMP_CWORD - 1]}"
            echo "${COMPREPLY[*]}"
        }
        completed faultmap sho
        completed faultmap run --form
        completed faultmap run --format j
        completed faultmap completions f
        completed faultmap man mer
        completed faultmap explain PastEofIsS
        completed faultmap exec --expect SIGB
        completed faultmap exec mkfif
        completed faultmap exec --all -- mkfif
        completed faultmap exec --cor
    "#;
    let (dir, path) = completions("bash", "faultmap.bash");
    let said = printed("bash", &["--norc"], script, &path, dir.path());
    assert_eq!(
        said,
        "show\n--format\njson junit\nfish\nmerge\nPastEofIsSigbus\nSIGBUS\nmkfifo\nmkfifo\n--core\n"
    );
}

fn zsh_completes_words() {
    // A shell on a terminal of its own (zshmodules(1), zsh/zpty) gets a line, Tab, and a key that prints the line.
    let script = r#"
        zmodload zsh/zpty
        zpty shell zsh -f -i
        zpty -w shell "fpath=(${1:h} \$fpath); autoload -Uz compinit && compinit -u -D
            typed() { print -r -- \"<\$BUFFER>\" }; zle -N typed; bindkey '^X' typed; print rea''dy"
        zpty -r shell out '*ready*'
        for line in 'faultmap sho' 'faultmap run --form' 'faultmap run --format=ju' 'faultmap completions f' 'faultmap man mer' 'faultmap explain PastEofIsS' 'faultmap exec --expect SIGB' 'faultmap exec mkfif'; do
            zpty -n -w shell $'\C-u'"$line"$'\t\C-x'
            zpty -r shell out '*<*>*'
            print -r -- "${${out##*<}%%>*}"
        done
    "#;
    let (dir, path) = completions("zsh", "_faultmap");
    let said = printed("zsh", &["-f"], script, &path, dir.path());
    let lines: Vec<&str> = said.lines().map(str::trim_end).collect();
    let expected = [
        "faultmap show",
        "faultmap run --format=",
        "faultmap run --format=junit",
        "faultmap completions fish",
        "faultmap man merge",
        "faultmap explain PastEofIsSigbus",
        "faultmap exec --expect SIGBUS",
        "faultmap exec mkfifo",
    ];
    assert_eq!(lines, expected);
}

fn fish_completes_words() {
    let script = "source $argv[1]
        for line in 'faultmap sho' 'faultmap run --form' 'faultmap run --format j' 'faultmap completions f' 'faultmap man mer' 'faultmap explain PastEofIsS' 'faultmap exec --expect SIGB' 'faultmap exec mkfif'
            complete -C $line
        end";
    let (dir, path) = completions("fish", "faultmap.fish");
    let said = printed("fish", &["--no-config"], script, &path, dir.path());
    // A description stands behind a tab.
    let words: Vec<&str> = said.lines().filter_map(|line| line.split('\t').next()).collect();
    assert_eq!(
        words,
        [
            "show",
            "--format",
            "json",
            "junit",
            "fish",
            "merge",
            "PastEofIsSigbus",
            "SIGBUS",
            "mkfifo",
        ]
    );
}

/// The page of each command, and of the whole.
fn pages() -> Vec<(String, String)> {
    let page = |arguments: &[&str]| {
        let (code, text, stderr) = run(&mut faultmap(&[&["man"], arguments].concat()));
        assert_eq!((code, stderr.as_str()), (Some(0), ""));
        text
    };
    let whole = page(&[]);
    let names: Vec<String> = whole
        .lines()
        .filter_map(|line| line.strip_prefix("faultmap\\-")?.strip_suffix("(1)"))
        .map(str::to_owned)
        .collect();
    assert!(names.len() > 10 && names.contains(&"run".to_owned()), "{names:?}");
    let mut pages: Vec<(String, String)> =
        names.iter().map(|name| (name.clone(), page(&[name]))).collect();
    pages.push(("whole".to_owned(), whole));
    pages
}

/// As man-pages(7) lists them.
const SECTIONS: [&str; 10] = [
    "NAME",
    "SYNOPSIS",
    "DESCRIPTION",
    "OPTIONS",
    "COMMANDS",
    "\"EXIT STATUS\"",
    "ENVIRONMENT",
    "FILES",
    "EXAMPLES",
    "\"SEE ALSO\"",
];

fn a_page_has_the_usual_sections() {
    for (name, page) in pages() {
        let sections: Vec<&str> =
            page.lines().filter_map(|line| line.strip_prefix(".SH ")).collect();
        let ordered: Vec<&str> =
            SECTIONS.into_iter().filter(|section| sections.contains(section)).collect();
        assert_eq!(sections, ordered, "{name}");
        let always =
            ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "\"EXIT STATUS\"", "\"SEE ALSO\""];
        assert!(always.iter().all(|own| sections.contains(own)), "{name}: {sections:?}");
        if name == "whole" {
            assert_eq!(sections, SECTIONS);
        }
    }
    let all = pages();
    let (_, run) = all.iter().find(|(name, _)| name == "run").expect("the page of run");
    for says in [
        "\n\\fBfaultmap run\\fR [OPTIONS] [ID|FILE|DIR]...\n",
        "\n.TP\n\\fB5\\fR\nnone differs, but some have no snapshot yet, as every file outside of cases/\n",
        "\n.TP\n\\fB130, 143\\fR\nended by Ctrl\\-C",
        "\n.TP\n\\fBTMPDIR\\fR\n",
        "\n.TP\n\\fBfaultmap run notes/map_of_empty_file \\-\\-dir /mnt/mine\\fR\none case, with its files",
    ] {
        assert!(run.contains(says), "{says}: {run}");
    }
}

fn man_shows_every_page() {
    let dir = tempfile::tempdir().expect("a folder for temporary files");
    for (name, text) in pages() {
        let path = dir.path().join(&name).with_extension("1");
        std::fs::write(&path, text).expect("written");
        let mut command = Command::new("man");
        command.args(["--warnings", "-E", "ascii", "-l"]).arg(&path);
        let (code, shown, stderr) = run(command.env("MANPAGER", "cat").env("MANWIDTH", "100"));
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{name}: {shown}");
        assert!(shown.contains("\nSYNOPSIS\n       faultmap "), "{name}: {shown}");
        assert!(shown.contains("\nEXIT STATUS\n"), "{name}: {shown}");
    }
}

fn mandoc_finds_nothing_wrong() {
    let dir = tempfile::tempdir().expect("a folder for temporary files");
    for (name, text) in pages() {
        let path = dir.path().join(&name).with_extension("1");
        std::fs::write(&path, text).expect("written");
        let lint = ["-T", "lint", "-W", "warning"];
        let (_, stdout, stderr) = run(Command::new("mandoc").args(lint).arg(&path));
        // A page has no date, so that two builds of the same sources print the same.
        let wrong = |line: &&str| !line.contains("missing date");
        let said: Vec<&str> = stdout.lines().chain(stderr.lines()).filter(wrong).collect();
        assert!(said.is_empty(), "{}", said.join("\n"));
    }
}
