//! The command `faultmap`.

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    faultmap::internals::cli::main()
}

/// The library is there on other systems, and the command is not.
#[cfg(not(target_os = "linux"))]
fn main() -> std::process::ExitCode {
    eprintln!("faultmap measures Linux, and runs there alone");
    std::process::ExitCode::from(2)
}
