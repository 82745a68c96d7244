//! Cases with more of something than a case may have.

use crate::command::{case_file, faultmap, run};
use crate::refused;

#[test]
fn over_long() {
    let text = "// and so on\n".repeat(6000);
    refused(text, "5042:3", "the case file is too long", "a case has at most 65536 bytes");
}

#[test]
fn over_long_in_the_middle_of_a_letter() {
    let text = format!("//{}", "\u{1f600}".repeat(17_000));
    let (_dir, path) = case_file(&text);
    let (code, stdout, stderr) = run(faultmap(&["show"]).arg(&path));
    assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
    assert!(stderr.contains("the case file is too long"), "{stderr}");
}

#[test]
fn too_many_maps() {
    let map = "m = mmap(0, 1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);\n";
    refused(map.repeat(49), "49:5", "too many maps", "a case makes at most 48");
}

#[test]
fn too_many_steps() {
    let text = format!("fd = file(1);\n{}", "fsync(fd);\n".repeat(100));
    refused(text, "101:1", "too many steps", "a case has at most 100");
}

#[test]
fn too_many_processes() {
    let text = format!("fd = file(1);\n{}", "fork { fsync(fd); }\n".repeat(9));
    refused(text, "10:1", "too many processes", "a case has at most 8 blocks");
}

#[test]
fn too_large_together() {
    let map = "m = mmap(0, 1073741824, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);\n";
    refused(map.repeat(3), "2:5", "the maps are too large together", "at most 1073741824 bytes");
}
