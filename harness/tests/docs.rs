//! The documentation must agree with the vocabulary, and its links must lead to files.

mod command;

use std::fs;

use faultmap::internals::vocabulary;

/// The lines around the table of calls.
const BEGIN: &str = "<!-- calls -->\n";
const END: &str = "<!-- end of calls -->\n";

/// The table of calls, as Markdown. The flags of a family are listed for the first call that takes them.
fn table() -> String {
    let mut table = "| call | manual page | flags |\n|---|---|---|\n".to_owned();
    let mut told = Vec::new();
    for call in vocabulary::all() {
        let families = call.all_parameters().filter_map(|parameter| parameter.family());
        let new: Vec<_> = families.filter(|family| !told.contains(family)).collect();
        let names = new.iter().flat_map(|family| vocabulary::flags(*family));
        let names: Vec<String> = names.map(|flag| format!("`{}`", flag.name)).collect();
        table += &format!("| `{}` | {} | {} |\n", call.form(), call.manual, names.join(" "));
        told.extend(new);
    }
    table
}

#[test]
fn the_table_of_calls_is_that_of_the_vocabulary() {
    let path = command::root().join("harness/docs/language.md");
    let text = fs::read_to_string(&path).expect("the documentation");
    let (before, rest) = text.split_once(BEGIN).expect("where the table begins");
    let (shown, after) = rest.split_once(END).expect("where the table ends");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{}{END}{after}", table())).expect("it is written");
        return;
    }
    assert_eq!(shown, table(), "UPDATE_DOCS=1 cargo test --test docs writes it anew");
}

#[test]
fn links_of_the_documentation_lead_somewhere() {
    let root = command::root();
    let docs = fs::read_dir(root.join("harness/docs")).expect("the documentation");
    let docs = docs.map(|entry| entry.expect("an entry").path());
    let own = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"];
    for path in own.map(|name| root.join(name)).into_iter().chain(docs) {
        if path.extension().is_none_or(|ending| ending != "md") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("text");
        let folder = path.parent().expect("a folder");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap_or_default();
            let is_outside = link.contains("://") || file.is_empty();
            assert!(is_outside || folder.join(file).exists(), "{}: {link}", path.display());
        }
    }
}
