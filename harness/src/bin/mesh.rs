//! `cargo mesh`: the meshes of the tests, for a person.

use std::process::ExitCode;

fn main() -> ExitCode {
    outrigger_harness::cli::main()
}
