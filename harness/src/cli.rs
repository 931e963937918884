//! The command line of `cargo mesh`.

use std::{ffi::OsString, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::launch::process::tether;

/// Runs the tutorial's mesh (gateway, sidecar, app) on this machine.
#[derive(Debug, Parser)]
#[command(name = "mesh", bin_name = "cargo mesh", version)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs a program that is killed as soon as the process PARENT ends.
    #[command(hide = true, name = tether::SUBCOMMAND)]
    Tether {
        /// The id of the process that started this one.
        parent: u32,
        /// The program.
        program: OsString,
        /// Its arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

/// Runs `cargo mesh` with the arguments of this process.
pub fn main() -> ExitCode {
    match Options::parse().command {
        Command::Tether { parent, program, arguments } => {
            let error = tether::become_tethered(parent, &program, &arguments);
            eprintln!("cannot run {}: {error}", program.display());
            ExitCode::from(127)
        }
    }
}
