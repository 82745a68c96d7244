//! A report is written, and the program ends, also where the file system of a file does not answer any more.

use std::fs::File;
use std::process::Command;

use nix::libc;

use crate::fuse::{FORGET, GETATTR, LOOKUP, OPEN, Request, Silent, answer_init, beside_fuse};
use crate::own_process::{Test, test};
use crate::programs::{load, map, page};
use crate::{Ran, command, ran, this_program};

/// The bytes of the only file.
const SIZE: u64 = 100;

pub fn tests() -> Vec<Test> {
    let rows: [(&str, fn()); 3] = [
        ("the_size_that_the_kernel_knows_is_told", size_is_remembered),
        ("a_size_that_nobody_knows_is_not_told", size_is_unknown),
        ("a_file_is_watched", is_watched),
    ];
    rows.into_iter()
        .map(|(name, body)| beside_fuse(test(format!("silent::{name}"), body)))
        .collect()
}

/// Maps a file, and loads a byte of a page past its end. The file system does not answer from its second open on.
pub fn maps_a_silent_file() {
    let file = opened_twice();
    load(map(2 * page(), libc::PROT_READ, libc::MAP_SHARED, Some(&file), 0) + page());
}

/// The same, and nobody has the file open any more.
pub fn closes_a_silent_file() {
    let file = opened_twice();
    let at = map(2 * page(), libc::PROT_READ, libc::MAP_SHARED, Some(&file), 0);
    drop(file);
    load(at + page());
}

/// To close the first descriptor asks the file system whether it wants to know that, and afterwards no close does.
fn opened_twice() -> File {
    let folder = std::env::var_os("SILENT").expect("the test names it");
    let path = std::path::Path::new(&folder).join("data.db");
    drop(File::open(&path).expect("it is there"));
    File::open(&path).expect("it is there")
}

/// Answers until the file is opened for the second time.
fn serve(server: &File) {
    answer_init(server);
    let mut opened = 0;
    while opened < 2 {
        let request = Request::next(server);
        match request.operation {
            // struct fuse_entry_out: the number of the node, its generation, and no time for which it is valid.
            LOOKUP => {
                request.answer(server, Ok(&[&words(&[2, 0, 0, 0, 0])[..], &attributes()].concat()))
            }
            // struct fuse_attr_out.
            GETATTR => request.answer(server, Ok(&[&words(&[0, 0])[..], &attributes()].concat())),
            OPEN => {
                opened += 1;
                request.answer(server, Ok(&words(&[0, 0])));
            }
            FORGET => {}
            _ => request.answer(server, Err(libc::ENOSYS)),
        }
    }
}

fn words(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

/// `struct fuse_attr` of a regular file.
fn attributes() -> Vec<u8> {
    let mut attributes = words(&[2, SIZE, 1, 0, 0, 0]);
    // Three parts of times; mode, links, user, group, device, bytes of a block, flags.
    let rest = [0, 0, 0, libc::S_IFREG | 0o644, 1, 0, 0, 0, 4096, 0];
    attributes.extend(rest.into_iter().flat_map(u32::to_ne_bytes));
    attributes
}

fn exec(options: &[&str], program: &str) -> Ran {
    let silent = Silent::mount();
    let server = silent.server.try_clone().expect("a descriptor");
    let serving = std::thread::spawn(move || serve(&server));
    let mut command = Command::new(command::BIN);
    command.arg("exec").args(options).arg("--").arg(this_program());
    command.args(["--program", program]).env("SILENT", silent.path());
    let ran = ran(&mut command, tempfile::tempdir().expect("a folder for temporary files"));
    serving.join().expect("the program has opened the file twice");
    assert_eq!(ran.signal, Some(libc::SIGBUS), "{}", ran.told);
    ran
}

fn size_is_remembered() {
    let report = exec(&["--json"], "maps_a_silent_file").report();
    assert_eq!(report["cause"], "past_end_of_file", "{report}");
    assert_eq!((&report["file"]["size"], &report["file"]["silent"]), (&SIZE.into(), &true.into()));
    let text = exec(&[], "maps_a_silent_file").told;
    assert!(text.contains("data.db has 100 bytes now"), "{text}");
    assert!(text.contains("Its file system does not answer"), "{text}");
}

fn size_is_unknown() {
    let ran = exec(&["--json"], "closes_a_silent_file");
    let report = ran.report();
    // The kernel's link to the file is for root outside of the test's namespace.
    assert_eq!(report["cause"], "no_answer", "{report}");
    assert_eq!(report["file"]["size"], serde_json::Value::Null, "{report}");
    assert_eq!(report["address"], ran.announced(), "{report}");
    let text = exec(&[], "closes_a_silent_file").told;
    assert!(
        text.contains("data.db does not answer, so that the size of the file is not known"),
        "{text}"
    );
}

fn is_watched() {
    let report = exec(&["--json", "--watch"], "maps_a_silent_file").report();
    assert_eq!(report["file"]["size_when_mapped"], SIZE, "{report}");
}
