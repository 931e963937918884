//! The program `outrigger`.

use std::process::ExitCode;

fn main() -> ExitCode {
    outrigger::server::main()
}
