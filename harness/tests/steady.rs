//! A measurement must not depend on the run: neither on its number, nor on the number of workers or of
//! probes.

mod command;

use command::{faultmap, run, show};

/// Returns the output of all cases, without the last line, which contains the time.
fn pictures(arguments: &[&str]) -> String {
    let (code, stdout, stderr) = run(faultmap(&["run", "--verbose"]).args(arguments));
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let (pictures, last) = stdout.trim_end().rsplit_once('\n').expect("pictures and a last line");
    assert!(last.contains(" 0 changed, 0 new, "), "{last}");
    pictures.to_owned()
}

#[test]
fn a_second_run_is_the_same_byte_for_byte() {
    let first = pictures(&[]);
    assert_eq!(pictures(&["--jobs", "1"]), first, "one worker");
    assert_eq!(pictures(&["--jobs", "7"]), first, "seven workers");
}

/// Fails if the picture of a case by bisection differs from the one with every byte probed.
fn agree(text: &str) {
    let bisected = show(text, &["--memfd"]);
    let exhaustive = show(text, &["--memfd", "--exhaustive"]);
    assert_eq!((bisected.0, exhaustive.0), (Some(0), Some(0)), "{}{}", bisected.2, exhaustive.2);
    let (bisected, few) = bisected.1.rsplit_once(" 0 harness errors; ").expect("a last line");
    let (exhaustive, many) = exhaustive.1.rsplit_once(" 0 harness errors; ").expect("a last line");
    assert_eq!(bisected, exhaustive);
    let children = |text: &str| text.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0);
    let (few, many): (u64, u64) = (children(few), children(many));
    assert!(many > 12_000 && few * 50 < many, "{few} children bisected, {many} for every byte");
}

#[test]
fn probing_every_byte_finds_what_bisection_finds() {
    // The picture has boundaries that steps name, one that no step names (the tail that the shrinking file
    // left zero), and single bytes.
    agree(
        "fd = file(3000);
         map = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
         map[1234] = 'x';
         ftruncate(fd, 2345);
         sweep(map, read);",
    );
}

#[test]
fn bytes_of_a_file_may_differ_where_it_holds_code() {
    // For an exec row all files are filled with return instructions: bytes that are copied from one file to
    // the map of another then equal those of the other.
    let text = "a = file(PAGE); b = file(PAGE);
                map = mmap(0, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE, b, 0);
                read(a, map, 10); map[0];
                sweep(map, exec);";
    let (code, stdout, stderr) = show(text, &["--memfd"]);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert!(stdout.contains("exec       | ok           | SIGSEGV MAPERR"), "{stdout}");
}

#[test]
fn one_probe_of_a_map_that_was_never_made_is_no_answer() {
    let text = "map = mmap(0, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); sweep(map, read);";
    let probe = ["--access", "read", "--at", "0"];
    let (code, stdout, _) = show(text, &probe);
    assert_eq!(code, Some(3), "{stdout}");
    assert!(stdout.contains("there is no map to probe"), "{stdout}");
    let (code, stdout, _) =
        show(&format!("requires(fs == nfs); {text}"), &[&probe[..], &["--json"]].concat());
    assert_eq!(code, Some(4), "{stdout}");
    assert!(stdout.starts_with('{') && stdout.contains("skipped"), "{stdout}");
}
