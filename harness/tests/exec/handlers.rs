//! What is said of a full stack, and of a handler that has no stack or faults itself.

use crate::exec;
use crate::own_process::{Test, table};

pub fn tests() -> Vec<Test> {
    let all: [(&str, fn()); 3] = [
        ("a_full_stack_without_room_for_its_handler_is_not_handled", no_stack_for_handler),
        ("a_large_frame_that_skips_the_guard_page_is_a_stack_overflow", skips_guard),
        ("a_fault_in_a_handler_names_it", within_handler),
    ];
    table("handlers", &all, |body| body()).collect()
}

fn no_stack_for_handler() {
    let said = "The handler for SIGSEGV had no stack to run on";
    for options in [&["--json"][..], &["--json", "--all"]] {
        let report = exec(options, "overflow_with_a_handler").report();
        assert_eq!(
            (&report["cause"], &report["handled"]),
            (&"stack_overflow".into(), &false.into())
        );
        assert!(report["reason"].as_str().is_some_and(|text| text.contains(said)), "{report}");
    }
    let text = exec(&[], "stack_overflow").told;
    assert!(!text.contains(said), "{text}");
}

fn skips_guard() {
    if !cfg!(target_arch = "x86_64") {
        return;
    }
    let ran = exec(&["--json"], "skips_the_guard_page");
    let report = ran.report();
    assert_eq!(report["cause"], "stack_overflow", "{report}");
}

fn within_handler() {
    let report = exec(&["--json"], "faults_in_a_handler").report();
    assert_eq!(report["within_handler"], "SIGBUS", "{report}");
    let text = exec(&[], "faults_in_a_handler").told;
    assert!(text.contains(", in the handler of SIGBUS, process"), "{text}");
    let report = exec(&["--json"], "null").report();
    assert_eq!(report["within_handler"], serde_json::Value::Null, "{report}");
}
