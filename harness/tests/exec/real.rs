//! Programs of others, whose files are cut short while they are mapped.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use nix::libc;

use crate::own_process::{Test, refusal, test};
use crate::{Ran, exec_command, missing, ran};

pub fn tests() -> Vec<Test> {
    vec![
        test("real::python", python).unless(|| missing("python3")),
        test("real::java", java).unless(|| missing("java")),
        test("real::sqlite", sqlite).unless(|| missing("sqlite3")),
        test("real::git", git).unless(|| missing("git")),
        test("real::ripgrep", ripgrep).unless(|| missing("rg")),
        test("real::go", go).unless(|| missing("go")),
        test("real::a_set_user_id_program", set_user_id)
            .unless(|| missing("gcc"))
            .unless(refusal::ordinary_user)
            .unless(refusal::other_users),
        test("real::a_32_bit_program", of_32_bits).unless(no_32_bits),
        test("real::gdb", gdb).unless(|| missing("gdb")),
        test("real::strace", strace).unless(|| missing("strace")),
    ]
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

/// It maps the file, and searches it while another process cuts it short: the rest of the file is one line, so that
/// there is nothing to tell before the end.
fn ripgrep() {
    let script = "
head -c 50000000 /dev/zero | tr '\\0' a > big.txt
(n=0; while [ $n -lt 300 ] && ! grep -q big.txt /proc/$$/maps; do n=$((n+1)); done; truncate -s 1000 big.txt) &
exec rg --mmap -a -c needle big.txt
";
    // It may have read all before.
    let all = (0..20).map(|_| exec_command(&["--json"], &["sh", "-c", script]));
    let ran = all.into_iter().find(|ran| ran.signal == Some(libc::SIGBUS));
    is_past_end_of(&ran.expect("it dies of it in one of twenty runs"), "/big.txt");
}

/// Go handles the fault: it ends the program, or makes a panic of it, which the program may recover from.
fn go() {
    let source = |first: &str| {
        format!(
            "package main
import (\"fmt\"; \"os\"; \"runtime/debug\"; \"syscall\")
func main() {{
    {first}
    file, _ := os.Create(\"data\")
    file.Truncate(65536)
    data, err := syscall.Mmap(int(file.Fd()), 0, 65536, syscall.PROT_READ, syscall.MAP_SHARED)
    if err != nil {{ panic(err) }}
    file.Truncate(0)
    fmt.Println(data[40000])
}}
var _ = debug.SetPanicOnFault
"
        )
    };
    let panics = "debug.SetPanicOnFault(true)";
    let recovers =
        format!("{panics}; defer func() {{ fmt.Println(\"recovered\", recover() != nil) }}()");
    for (first, is_reported) in [("", true), (panics, true), (&*recovers, false)] {
        let ran = run_go(&source(first));
        if !is_reported {
            assert_eq!((ran.code, ran.printed.trim()), (Some(0), "recovered true"), "{}", ran.told);
            assert!(ran.reports().is_empty(), "{}", ran.told);
            continue;
        }
        is_past_end_of(&ran, "/data");
        assert_eq!(ran.code, Some(2), "{}", ran.told);
        let report = ran.report();
        assert_eq!(report["ending"], "exited with 2", "{report}");
        assert_eq!(report["function"]["function"], "main.main", "{report}");
    }
}

fn run_go(source: &str) -> Ran {
    let folder = tempfile::tempdir().expect("a folder for temporary files");
    std::fs::write(folder.path().join("main.go"), source).expect("room");
    let cache = folder.path().join("cache");
    let mut go = Command::new("go");
    go.args(["build", "-o", "program", "main.go"]).current_dir(&folder).env("GOCACHE", cache);
    let output = go.output().expect("go");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut command = Command::new(crate::command::BIN);
    command.args(["exec", "--json", "--", "./program"]).current_dir(&folder);
    ran(&mut command, folder)
}

/// Traced by an ordinary user it runs as that user, and its exit status stays. Of one that the user cannot read, the
/// kernel does not let the maps be read either.
fn set_user_id() {
    let source = "
#include <stdio.h>
#include <unistd.h>
int main(int count, char **words) {
    printf(\"%d\\n\", geteuid());
    fflush(stdout);
    return count > 1 ? 7 : *(volatile int *)8;
}";
    let (folder, program) = compiled(source, &[]);
    let open = crate::command::open_to_all(&[]);
    for (mode, function) in [(0o4755, "main".into()), (0o4711, serde_json::Value::Null)] {
        for path in [folder.path(), program.as_ref()] {
            let mode = if path.is_dir() { 0o755 } else { mode };
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
                .expect("root may");
        }
        let as_user = |arguments: &[&str]| {
            let mut command = Command::new(open.path().join("faultmap"));
            command.args(["exec", "--json", "--", &program]).args(arguments).current_dir(&folder);
            command.uid(refusal::NOBODY).gid(refusal::NOBODY);
            ran(&mut command, tempfile::tempdir().expect("a folder for temporary files"))
        };
        let dies = as_user(&[]);
        let euid = refusal::NOBODY.to_string();
        assert_eq!(
            (dies.signal, dies.printed.trim()),
            (Some(libc::SIGSEGV), &*euid),
            "{}",
            dies.told
        );
        let report = dies.report();
        assert_eq!(report["cause"], "null_pointer", "{report}");
        assert_eq!(report["function"]["function"], function, "{report}");
        let exits = as_user(&["exits"]);
        assert_eq!((exits.code, exits.printed.trim(), &*exits.told), (Some(7), &*euid, ""));
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
        let folder = tempfile::tempdir().expect("a folder for temporary files");
        let script = "echo 'int main(void) { return 0; }' | gcc -m32 -o program -x c -";
        let compiled = Command::new("sh").args(["-c", script]).current_dir(&folder).output();
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
