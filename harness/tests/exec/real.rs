//! Programs of others, whose files are cut short while they are mapped.

use std::process::Command;

use nix::libc;

use crate::own_process::{Test, test};
use crate::{Ran, exec_command, ran};

pub fn tests() -> Vec<Test> {
    vec![
        test("real::python", python).unless(|| missing("python3")),
        test("real::java", java).unless(|| missing("java")),
        test("real::sqlite", sqlite).unless(|| missing("sqlite3")),
        test("real::git", git).unless(|| missing("git")),
        test("real::a_32_bit_program", of_32_bits).unless(no_32_bits),
        test("real::gdb", gdb).unless(|| missing("gdb")),
        test("real::strace", strace).unless(|| missing("strace")),
    ]
}

fn missing(program: &str) -> Option<String> {
    let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output();
    let is_there = found.is_ok_and(|output| output.status.success());
    (!is_there).then(|| format!("{program} is not installed"))
}

fn is_past_end_of(ran: &Ran, name: &str) {
    let report = ran.report();
    assert_eq!(report["signal"], "SIGBUS", "{report}");
    assert_eq!(report["cause"], "past_end_of_file", "{report}");
    let path = report["file"]["path"].as_str().unwrap_or_default();
    assert!(path.ends_with(name), "{report}");
}

fn python() {
    let script = "
import mmap
f = open('data', 'w+b')
f.truncate(3 * mmap.PAGESIZE)
m = mmap.mmap(f.fileno(), 3 * mmap.PAGESIZE)
f.truncate(100)
m[2 * mmap.PAGESIZE]
";
    let ran = exec_command(&["--json"], &["python3", "-c", script]);
    is_past_end_of(&ran, "/data");
    assert_eq!(ran.signal, Some(libc::SIGBUS));
    // With its own handler, which prints a trace and raises the signal once more.
    let ran = exec_command(&["--json"], &["python3", "-X", "faulthandler", "-c", script]);
    is_past_end_of(&ran, "/data");
    assert!(ran.told.contains("Fatal Python error"), "{}", ran.told);
}

/// A JVM handles the faults of null pointers, and turns a SIGBUS into an InternalError.
fn java() {
    let healthy = "
public class Main {
    static int length(String text) { return text.length(); }
    public static void main(String[] all) throws Exception {
        int caught = 0;
        for (int i = 0; i < 200000; i++) {
            try { length(i % 100 == 99 ? null : \"abc\"); } catch (NullPointerException e) { caught++; }
        }
        System.out.println(caught);
    }
}";
    let ran = run_java(healthy);
    assert_eq!((ran.code, ran.printed.trim()), (Some(0), "2000"), "{}", ran.told);
    assert!(ran.reports().is_empty(), "{}", ran.told);
    let cut = "
import java.io.RandomAccessFile;
import java.nio.channels.FileChannel.MapMode;
public class Main {
    public static void main(String[] all) throws Exception {
        RandomAccessFile file = new RandomAccessFile(\"data\", \"rw\");
        file.setLength(65536);
        var map = file.getChannel().map(MapMode.READ_ONLY, 0, 65536);
        file.setLength(0);
        System.out.println(map.get(40000));
    }
}";
    let ran = run_java(cut);
    is_past_end_of(&ran, "/data");
}

fn run_java(source: &str) -> Ran {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    std::fs::write(folder.path().join("Main.java"), source).expect("room");
    let mut command = Command::new(crate::command::BIN);
    command
        .args(["exec", "--json", "--", "java", "-Xshare:auto", "Main.java"])
        .current_dir(&folder);
    ran(&mut command, folder)
}

fn sqlite() {
    // While it sorts, the shell command cuts its file short.
    let script = "
sqlite3 data.db 'create table t(a); with recursive n(i) as (select 1 union all select i + 1 from n limit 20000) \
     insert into t select hex(randomblob(50)) from n;'
exec sqlite3 data.db 'pragma mmap_size=100000000' 'select count(*) from t' '.shell truncate -s 4096 data.db' \
     'select max(a) from t'
";
    let ran = exec_command(&["--json"], &["sh", "-c", script]);
    // A version that looks at the size before each statement reports a malformed file instead.
    match ran.signal {
        Some(libc::SIGBUS) => is_past_end_of(&ran, "/data.db"),
        _ => assert!(ran.reports().is_empty(), "{}", ran.told),
    }
}

fn git() {
    let script = "
set -e
git init -q . && git config user.email a@b && git config user.name a
for n in 1 2 3 4 5 6 7 8 9; do seq 1 20000 > file$n; git add file$n; git commit -q -m $n; done
git repack -q -a -d
pack=$(ls .git/objects/pack/*.pack)
chmod u+w $pack
truncate -s 200 $pack
exec git cat-file -p HEAD:file1
";
    let ran = exec_command(&["--json"], &["sh", "-c", script]);
    // git compares the size of a pack with its index, and so reports an error instead of mapping past the end.
    match ran.signal {
        Some(libc::SIGBUS) => is_past_end_of(&ran, ".pack"),
        _ => assert!(ran.reports().is_empty(), "{}", ran.told),
    }
}

/// Compiles a program with these options of gcc.
fn compiled(source: &str, options: &[&str]) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    std::fs::write(path("program.c"), source).expect("room");
    let mut gcc = Command::new("gcc");
    gcc.args(options).args(["-g", "-O1", "-o", &path("program"), &path("program.c")]);
    let output = gcc.output().expect("gcc");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let program = path("program");
    (folder, program)
}

/// With one word it calls what is no function, and else loads what MAP_FAILED seems to point to.
const OF_32_BITS: &str = "
#include <sys/mman.h>
int main(int count, char **words) {
    if (count > 1) {
        int (*volatile function)(void) = (int (*)(void))0x10;
        return function() + 1;
    }
    char *map = mmap(0, 0, PROT_READ, MAP_SHARED, -1, 0);
    return *(volatile char *)map;
}";

fn no_32_bits() -> Option<String> {
    missing("gcc").or_else(|| {
        let script = "echo 'int main(void) { return 0; }' | gcc -m32 -o /dev/null -x c -";
        let compiled = Command::new("sh").args(["-c", script]).output();
        let can = compiled.is_ok_and(|output| output.status.success());
        (!can).then(|| "gcc -m32 does not compile here".to_owned())
    })
}

fn of_32_bits() {
    let (_folder, program) = compiled(OF_32_BITS, &["-m32"]);
    let ran = exec_command(&["--json"], &[&program]);
    let report = ran.report();
    assert_eq!(report["cause"], "map_failed", "{report}");
    assert_eq!(report["address"], "0xffffffff", "{report}");
    assert_eq!((&report["access"], &report["bytes"]), (&"load".into(), &1.into()), "{report}");
    assert_eq!(report["function"]["function"], "main", "{report}");
    assert_eq!(ran.signal, Some(libc::SIGSEGV));
    let report = exec_command(&["--json"], &[&program, "calls"]).report();
    assert_eq!((&report["cause"], &report["access"]), (&"null_pointer".into(), &"fetch".into()));
    assert_eq!(report["caller"]["function"], "main", "{report}");
}

/// A debugger traces its program itself.
fn gdb() {
    let words = ["gdb", "-batch", "-nx", "-ex", "run", "-ex", "print $_exitcode", "true"];
    let ran = exec_command(&["--json"], &words);
    assert!(ran.printed.contains("exited normally"), "{} {}", ran.printed, ran.told);
}

fn strace() {
    let ran = exec_command(&["--json"], &["strace", "-o", "log", "true"]);
    assert_eq!(ran.code, Some(0), "{}", ran.told);
}
