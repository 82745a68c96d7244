//! The command `faultmap`.

fn main() -> std::process::ExitCode {
    faultmap::internals::cli::main()
}
