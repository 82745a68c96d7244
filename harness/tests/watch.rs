//! `--watch` draws a picture whenever a case is saved, however an editor saves it, and ends with Ctrl-C.

mod command;

use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use command::{faultmap, run};
use rustix::process::{Pid, Signal, kill_process};

/// The time to wait for what is sure to come, long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A case of a file of so many bytes.
fn case(bytes: usize) -> String {
    format!(
        "fd = file({bytes});\nmap = mmap(0, PAGE, PROT_READ, MAP_SHARED, fd, 0);\nsweep(map, read);\n"
    )
}

/// A command that watches, and its output so far.
struct Watching {
    child: Child,
    lines: Receiver<String>,
}

impl Watching {
    /// Starts the command in the folder, with the files of the cases in `files/`, and waits until it watches.
    fn start(folder: &Path, arguments: &[&str]) -> Watching {
        let mut command = faultmap(arguments);
        command.args(["--watch", "--dir", "files"]).current_dir(folder);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the command can be started");
        let (sent, lines) = channel();
        let pipes: [Box<dyn Read + Send>; 2] = [
            Box::new(child.stdout.take().expect("a pipe")),
            Box::new(child.stderr.take().expect("a pipe")),
        ];
        for pipe in pipes {
            let sent = sent.clone();
            std::thread::spawn(move || {
                let lines = BufReader::new(pipe).lines();
                lines.map_while(Result::ok).all(|line| sent.send(line).is_ok())
            });
        }
        let watching = Watching { child, lines };
        watching.until("watching ");
        watching
    }

    /// Returns the lines up to one that contains this.
    fn until(&self, end: &str) -> String {
        let mut all = String::new();
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("no line with `{end}` in\n{all}"));
            all.push_str(&line);
            all.push('\n');
            if line.contains(end) {
                return all;
            }
        }
    }

    /// Returns the picture that comes next.
    fn picture(&self) -> String {
        self.until(" harness errors")
    }

    /// Sends SIGTERM; a shell starts what is to run beside it with SIGINT ignored (POSIX sh, "Asynchronous Lists").
    /// Returns the exit code, and the output since the last line that was awaited.
    fn end(mut self) -> (Option<i32>, String) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("it runs");
        let status = self.child.wait().expect("it ends");
        (status.code(), self.lines.iter().collect())
    }
}

impl Drop for Watching {
    /// No command outlives a test that has failed.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder with `files/`, and a case in it.
fn folder(name: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a folder for temporary files");
    std::fs::create_dir(dir.path().join("files")).expect("a new folder");
    let path = dir.path().join(name);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(&path, case(10)).expect("written");
    (dir, path)
}

#[test]
fn a_picture_comes_with_each_save_however_an_editor_saves() {
    let (dir, path) = folder("it.case");
    let watching = Watching::start(dir.path(), &["show", "it.case"]);
    assert!(watching.picture().contains("file(10)"));
    // In place.
    std::fs::write(&path, case(20)).expect("written");
    assert!(watching.picture().contains("file(20)"));
    // Another file that is renamed to its name.
    let other = dir.path().join("it.case.tmp");
    std::fs::write(&other, case(30)).expect("written");
    std::fs::rename(&other, &path).expect("renamed");
    assert!(watching.picture().contains("file(30)"));
    // The old file is renamed away, and a new one written.
    std::fs::rename(&path, dir.path().join("it.case~")).expect("renamed");
    std::fs::write(&path, case(40)).expect("written");
    assert!(watching.picture().contains("file(40)"));
    // A bad file is told of, and the watch goes on.
    std::fs::write(&path, "fd = flie(1);").expect("written");
    watching.until("unknown step `flie`");
    std::fs::write(&path, case(50)).expect("written");
    assert!(watching.picture().contains("file(50)"));
    // No picture of other files, nor of a file that is only read.
    std::fs::write(dir.path().join("other.case"), case(60)).expect("written");
    std::fs::read(&path).expect("read");
    std::fs::write(&path, case(70)).expect("written");
    let next = watching.picture();
    assert!(next.contains("file(70)") && !next.contains("file(60)"), "{next}");
    let (code, rest) = watching.end();
    assert_eq!((code, rest.as_str()), (Some(143), ""));
    let left = std::fs::read_dir(dir.path().join("files")).expect("a folder").count();
    assert_eq!(left, 0, "files are left");
}

#[test]
fn what_comes_to_a_project_is_measured_too() {
    let (dir, path) = folder("cases/f/it.case");
    let watching = Watching::start(dir.path(), &["run"]);
    assert!(watching.picture().contains("f/it  new"));
    std::fs::write(dir.path().join("cases/f/second.case"), case(20)).expect("written");
    let next = watching.picture();
    assert!(next.contains("f/second  new") && !next.contains("f/it"), "{next}");
    let new = dir.path().join("cases/g");
    std::fs::create_dir(&new).expect("a new folder");
    std::fs::write(new.join("third.case"), case(30)).expect("written");
    assert!(watching.picture().contains("g/third  new"));
    std::fs::remove_file(&path).expect("it was there");
    std::fs::write(&path, case(40)).expect("written");
    assert!(watching.picture().contains("file(40)"));
    assert_eq!(watching.end().0, Some(143));
}

#[test]
fn a_case_that_agrees_has_its_word_as_others_have() {
    let (dir, path) = folder("cases/f/it.case");
    let mut accept = faultmap(&["run", "--accept", "--dir", "files"]);
    let (code, stdout, stderr) = run(accept.current_dir(dir.path()));
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let watching = Watching::start(dir.path(), &["run"]);
    assert!(watching.picture().contains("f/it  same\n    fd  = file(10);"));
    std::fs::write(&path, case(5000)).expect("written");
    assert!(watching.picture().contains("f/it  changed\n"));
    assert_eq!(watching.end().0, Some(143));
}

#[test]
fn it_ends_when_nobody_reads_the_pictures_any_more() {
    let (dir, _) = folder("it.case");
    let mut command = faultmap(&["show", "it.case", "--watch", "--dir", "files"]);
    command.current_dir(dir.path()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("the command can be started");
    let mut first = [0];
    child.stdout.take().expect("a pipe").read_exact(&mut first).expect("a picture");
    let deadline = Instant::now() + PATIENCE;
    let ended = loop {
        match child.try_wait().expect("it is a child") {
            None if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(5)),
            ended => break ended,
        }
    };
    let _ = child.kill();
    assert_eq!(ended.and_then(|status| status.code()), Some(0));
}

#[test]
fn what_is_no_file_cannot_be_watched() {
    let dir = tempfile::tempdir().expect("a folder for temporary files");
    for arguments in [["show", "-"], ["run", "notes/open_rdonly"]] {
        let mut command = faultmap(&arguments);
        let (code, stdout, stderr) = run(command.arg("--watch").current_dir(dir.path()));
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
        assert!(stderr.contains("cannot be watched"), "{stderr}");
    }
}
