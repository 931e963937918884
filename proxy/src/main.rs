//! The program `outrigger`.

use std::process::ExitCode;

/// Every request allocates a dozen small things; the system's allocator is slower at it, and a static glibc's more so.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    outrigger::server::main()
}
