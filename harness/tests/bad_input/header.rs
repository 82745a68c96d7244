//! The header of a case: what it requires, and its timeout. Both stand before the first step.

use rstest::rstest;

use crate::refused;

#[rstest]
#[case::unknown_requirement(
    "requires(rooot);\nfd = file(1);",
    "1:10",
    "unknown requirement `rooot`",
    "one of: fs == NAME"
)]
#[case::unknown_file_system(
    "requires(fs == tmpsf);\nfd = file(1);",
    "1:16",
    "unknown file system `tmpsf`",
    "did you mean `tmpfs`?"
)]
#[case::unknown_architecture(
    "requires(arch == x86);\nfd = file(1);",
    "1:18",
    "unknown architecture `x86`",
    "did you mean `x86_64`?"
)]
#[case::architecture_by_another_name(
    "requires(arch == arm64);\nfd = file(1);",
    "1:18",
    "unknown architecture `arm64`",
    "did you mean `aarch64`?"
)]
#[case::assigned_file_system(
    "requires(fs = ext4);\nfd = file(1);",
    "1:13",
    "expected `==`",
    "one of: fs == NAME"
)]
#[case::newer_kernel(
    "requires(kernel > 5.4);\nfd = file(1);",
    "1:17",
    "unexpected `>`",
    "only `kernel` is compared so, with `>=`: `requires(kernel >= 6.13);`"
)]
#[case::page_of_no_machine(
    "requires(page == 4095);\nfd = file(1);",
    "1:18",
    "no machine has pages of this size",
    "a power of two"
)]
#[case::requires_behind_a_step(
    "fd = file(1);\nrequires(root);",
    "2:1",
    "`requires` cannot stand behind a step",
    "move it before the first step"
)]
fn a_requirement(
    #[case] text: &str,
    #[case] place: &str,
    #[case] message: &str,
    #[case] hint: &str,
) {
    refused(text, place, message, hint);
}

#[rstest]
#[case::without_unit("timeout(200);\nfd = file(1);", "1:9", "a timeout needs a unit")]
#[case::no_whole_number("timeout(1.5s);\nfd = file(1);", "1:9", "a timeout needs a unit")]
#[case::hours("timeout(99h);\nfd = file(1);", "1:9", "`h` is no unit of a timeout")]
#[case::too_long("timeout(100s);\nfd = file(1);", "1:9", "this timeout is out of bounds")]
#[case::too_short("timeout(1ms);\nfd = file(1);", "1:9", "this timeout is out of bounds")]
fn the_time_of_a_timeout(#[case] text: &str, #[case] place: &str, #[case] message: &str) {
    let allowed = "a whole number of ms or s, from 100ms to 10000ms: `timeout(200ms);`";
    refused(text, place, message, allowed);
}

#[test]
fn a_timeout_that_is_written_twice_or_behind_a_step() {
    let twice = "timeout(200ms); timeout(300ms);\nfd = file(1);";
    refused(twice, "1:17", "`timeout` is written twice", "one is enough");
    let behind = "fd = file(1);\n  timeout(200ms);";
    let message = "`timeout` cannot stand behind a step";
    refused(behind, "2:3", message, "move it before the first step");
}
