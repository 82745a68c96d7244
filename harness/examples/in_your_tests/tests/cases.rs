//! A case asks what a few system calls do: the kernel of this machine, and the model of what POSIX and Linux promise.

use faultmap::{Case, Environment, Runner, draw, judge, predict};

const CASE: &str = "fd = file(100);
    map = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ftruncate(fd, 0);
    sweep(map, read, write);";

/// The kernel does what the model predicts, for this user, with files in this folder.
#[test]
fn the_kernel_and_the_model_agree() {
    let case: Case = CASE.parse().unwrap_or_else(|error| panic!("{error}"));
    for runner in [Runner::new(), Runner::new().directory(env!("CARGO_TARGET_TMPDIR"))] {
        let measured = runner.run(&case).unwrap_or_else(|error| panic!("{error}"));
        let judgement = judge(&case, &runner.environment(), &measured);
        let told = judgement.split.map(|split| split.explain(&case, &measured));
        assert_eq!(told, None);
    }
}

/// The picture of a machine that you may not have.
#[test]
fn the_prediction_for_pages_of_64_kib() {
    let case: Case = CASE.parse().unwrap_or_else(|error| panic!("{error}"));
    let environment = Environment::with_pages_of(65536);
    let promised = &predict(&case, &environment)[0].measurement;
    insta::assert_snapshot!(draw(&case, promised, environment.page), @r"
    fd  = file(100);
    map = mmap(0, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ftruncate(fd, 0);
    sweep(map, read, write);

               0                2*PAGE
    read       | SIGBUS ADRERR  | SIGSEGV MAPERR
    write      | SIGBUS ADRERR  | SIGSEGV MAPERR
    ");
}

#[test]
fn a_case_that_is_none() {
    let error = "fd = file(100);\nmap = mmpa(fd);".parse::<Case>().unwrap_err();
    insta::assert_snapshot!(error, @"line 2, column 7: unknown step `mmpa`: did you mean `mmap`?");
}
