//! A panic that cannot unwind is told, too: run this with
//! `cargo rustc --example panic_abort -- -C panic=abort && target/debug/examples/panic_abort`.

use faultmap::observe;

fn main() {
    if cfg!(panic = "unwind") {
        panic!("this is to be built with `-C panic=abort`");
    }
    let seen = observe(|| -> u8 { panic!("nobody can catch this") });
    let told = format!("{}:{}:35: nobody can catch this", file!(), line!() - 1);
    assert_eq!(seen.to_string(), format!("panicked at {told}"));
    let in_a_thread = observe(|| std::thread::spawn(|| panic!("nor this")).join().is_err());
    assert!(in_a_thread.to_string().ends_with(": nor this"), "{in_a_thread}");
    let aborted = observe(|| std::process::abort());
    assert_eq!(aborted.to_string(), "killed by SIGABRT");
}
