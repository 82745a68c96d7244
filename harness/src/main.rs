//! The command `faultmap`.

fn main() -> std::process::ExitCode {
    faultmap::cli::main()
}
