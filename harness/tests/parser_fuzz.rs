//! The printed text of a case parses to the same case, and no text makes the parser panic or fail without a
//! place and a hint.

use faultmap::internals::parse;
use proptest::prelude::*;

/// The texts of all cases of the project.
fn corpus() -> Vec<String> {
    let read = |path: std::path::PathBuf| {
        std::fs::read_dir(path).expect("a folder of cases").flatten().map(|entry| entry.path())
    };
    let families = read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../cases"));
    let files = families.flat_map(read);
    files.map(|file| std::fs::read_to_string(file).expect("a case file")).collect()
}

/// Checks that the parser answers, and that an error has a place and a hint.
fn answers(source: &[u8]) {
    let all = parse::errors(source);
    match parse::bytes(source) {
        Ok(case) => {
            assert_eq!(parse::case(&case.to_string()).as_ref(), Ok(&case), "{case}");
            assert_eq!(all, []);
        }
        Err(error) => {
            assert_eq!(all.first(), Some(&error));
            assert!(all.iter().all(|error| error.hint.is_some()), "no hint: {all:?}");
            assert!(error.span.start <= error.span.end && error.span.start <= source.len());
            assert!(error.hint.is_some(), "no hint: {error}");
            let rendered = error.render("it.case", source, &parse::Renderer::plain());
            assert!(rendered.contains("it.case:") && rendered.contains("help: "), "{rendered}");
        }
    }
}

#[test]
fn every_case_of_the_project_prints_and_parses_back() {
    let corpus = corpus();
    assert!(corpus.len() > 50);
    for text in corpus {
        let case = parse::case(&text).expect("a case");
        assert!(!case.summary().is_empty(), "no comment: {text}");
        assert_eq!(parse::case(&case.to_string()), Ok(case));
    }
}

/// The places of the names of the first calls in a text, one in a line.
fn calls(text: &str) -> Vec<std::ops::Range<usize>> {
    let mut at = 0;
    let mut found = Vec::new();
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let is_other =
            ["//", "requires", "timeout", "sweep"].iter().any(|own| line.trim().starts_with(own));
        let Some(end) = line.find('(').filter(|_| !is_other) else { continue };
        let name = line[..end].rsplit(|c: char| !c.is_alphanumeric() && c != '_').next();
        let name = name.filter(|name| !name.is_empty());
        found.extend(name.map(|name| start + end - name.len()..start + end));
    }
    found
}

/// An error is reported for each wrong step, and none that only follows from another.
#[test]
fn each_of_several_errors_is_reported_once() {
    let mut most = 0;
    for text in corpus() {
        let calls: Vec<_> = calls(&text).into_iter().take(6).collect();
        most = most.max(calls.len());
        let mut wrong = text.clone();
        let mut places = Vec::new();
        for call in &calls {
            let moved = places.len();
            wrong.insert(call.end + moved, '_');
            places.push(call.start + moved..call.end + moved + 1);
        }
        let spans: Vec<_> =
            parse::errors(wrong.as_bytes()).into_iter().map(|own| own.span).collect();
        assert_eq!(spans, places, "{wrong}");
    }
    assert_eq!(most, 6);
}

/// Words of cases, and some other words.
const WORDS: &[&str] = &[
    "fd",
    "map",
    "=",
    "==",
    "file",
    "memfd",
    "mmap",
    "open",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    ",",
    ";",
    "|",
    "..",
    "+",
    "-",
    "*",
    "0",
    "1",
    "4096",
    "PAGE",
    "0600",
    "0x10",
    "99999999999999999999",
    "'x'",
    "\"abc\"",
    "PROT_READ",
    "MAP_SHARED",
    "MAP_PRIVATE",
    "O_RDONLY",
    "sweep",
    "read",
    "exec",
    "fork",
    "process",
    "requires",
    "fs",
    "tmpfs",
    "root",
    "kernel",
    ">=",
    "6.13",
    "timeout",
    "200ms",
    "close",
    "munmap",
    "ftruncate",
    "pwrite",
    "//",
    "/*",
    "*/",
    "\n",
    "'",
    "\"",
    "\\",
    "\u{1b}",
    "\u{e9}",
    "NULL",
];

/// Tries PROPTEST_CASES inputs, or as many as take a second.
fn config() -> ProptestConfig {
    let asked = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => asked,
        None => ProptestConfig { cases: 2000, ..asked },
    }
}

thread_local! {
    static CORPUS: Vec<String> = corpus();
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_bytes_are_answered(source in prop::collection::vec(any::<u8>(), 0..200)) {
        answers(&source);
    }

    #[test]
    fn any_words_are_answered(words in prop::collection::vec(prop::sample::select(WORDS), 0..60)) {
        answers(words.join(" ").as_bytes());
    }

    #[test]
    fn a_case_with_one_part_cut_out_or_replaced_is_answered(
        which in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        length in 0usize..12,
        word in prop::sample::select(WORDS),
    ) {
        let text = CORPUS.with(|corpus| which.get(corpus).clone().into_bytes());
        let start = at.index(text.len());
        let end = (start + length).min(text.len());
        answers(&[&text[..start], word.as_bytes(), &text[end..]].concat());
        answers(&text[..start]);
    }
}
