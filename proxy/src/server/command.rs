//! What the program does instead of running a proxy: one subcommand each, with its arguments in its own file.

use std::process::ExitCode;

use clap::Subcommand;

use super::{check, convert, healthcheck, routes};
use crate::config::json_schema;

/// A subcommand.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Say everything that is wrong with files, and where they hold traps; nothing is started
    Check(check::Arguments),
    /// Tell what would become of a request, or test a route table; nothing is started
    Routes(routes::Arguments),
    /// Exit 0 if the proxy at an admin address is ready: a container's health check, without a shell
    Healthcheck(healthcheck::Arguments),
    /// Write a v1 file as v3, or a v3 file in its other notation
    Convert(convert::Convert),
    /// Print a JSON Schema of the v3 files that are supported, for editors
    ///
    /// `outrigger schema > envoy.schema.json`, and as the first line of a file
    /// `# yaml-language-server: $schema=envoy.schema.json`.
    Schema,
}

// === impl Command ===

impl Command {
    /// Does it; the exit code is part of the answer.
    pub(super) fn run(&self) -> ExitCode {
        match self {
            Self::Check(arguments) => check::run(arguments),
            Self::Routes(arguments) => routes::run(arguments),
            Self::Healthcheck(arguments) => healthcheck::run(arguments),
            Self::Convert(options) => convert::run(options),
            Self::Schema => super::say(format_args!("{}", json_schema().trim_end())),
        }
    }
}
