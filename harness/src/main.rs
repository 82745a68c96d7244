//! The command `faultmap`.

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    use faultmap::internals::cli::{self, BuiltIn};
    use include_dir::include_dir;

    cli::main(BuiltIn {
        cases: include_dir!("$CARGO_MANIFEST_DIR/cases"),
        snapshots: include_dir!("$CARGO_MANIFEST_DIR/snapshots"),
    })
}

/// The library is there on other systems, and the command is not.
#[cfg(not(target_os = "linux"))]
fn main() -> std::process::ExitCode {
    eprintln!("faultmap measures Linux, and runs there alone");
    std::process::ExitCode::from(2)
}
