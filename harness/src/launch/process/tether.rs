//! Ties a child process to the process that started it: when that one ends, however it ends, the kernel kills the child.

use std::{ffi::OsString, io, os::unix::process::CommandExt, path::Path, process::Command};

use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

/// The hidden subcommand of `mesh` that [`become_tethered`] stands behind.
pub const SUBCOMMAND: &str = "tether";

/// The command that runs `program` tethered to this process, by way of the `mesh` binary.
///
/// The kernel watches the *thread* that starts a child, so the command is to be spawned on one that lives as long as this
/// process.
pub(super) fn command(mesh: &Path, program: &Path) -> Command {
    let mut command = Command::new(mesh);
    command.arg(SUBCOMMAND).arg(std::process::id().to_string()).arg(program);
    command
}

/// Asks the kernel to kill this process when its parent ends, then becomes `program`. Returns only if that fails.
pub fn become_tethered(parent: u32, program: &OsString, arguments: &[OsString]) -> io::Error {
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        return error.into();
    }
    // The parent may have ended before the line above; then the kernel has given this process to another.
    let still_there =
        getppid().map(Pid::as_raw_nonzero).is_some_and(|now| now.get().unsigned_abs() == parent);
    if !still_there {
        return io::Error::other("the process that started this one is gone");
    }
    Command::new(program).args(arguments).exec()
}
