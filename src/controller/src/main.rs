//! The `serin` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    serin_controller::cli::main()
}
