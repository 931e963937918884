//! The process: what is running, and how it ends.

mod admin;
mod assemble;
mod check;
mod command;
mod convert;
mod healthcheck;
mod logging;
mod memory;
mod options;
mod overload;
mod routes;
mod secrets;
mod signal;
mod workers;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;

use self::options::{Mode, Options};
use crate::config::{Report, Variables};

/// The environment, for `--expand-env`.
const VARIABLES: Variables<'static> = &|name| std::env::var_os(name);

/// Runs the program.
pub fn main() -> ExitCode {
    let options = match Options::try_parse() {
        Ok(options) => options,
        Err(refusal) => return options::refuse(&refusal),
    };
    if let Some(command) = &options.command {
        return command.run();
    }
    if options.hot_restart_version {
        return say(format_args!("disabled"));
    }
    if let Err(error) = logging::start(&options) {
        return fail(&error);
    }
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&*error),
    }
}

fn run(options: &Options) -> Result<(), Box<dyn std::error::Error>> {
    let (bootstrap, remains) = assemble::read(options)?;
    if options.mode == Mode::Validate {
        say(format_args!("configuration '{}' OK", options.config_name()));
        return Ok(());
    }
    for flag in options.without_effect() {
        tracing::warn!(
            "{flag} has no effect here: what a configuration says is applied or refused"
        );
    }
    assemble::serve(bootstrap, remains, options)
}

/// An answer on standard output.
fn say(line: std::fmt::Arguments<'_>) -> ExitCode {
    match writeln!(std::io::stdout(), "{line}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_closed) => ExitCode::FAILURE,
    }
}

/// Something to know about, on standard error.
fn complain(line: std::fmt::Arguments<'_>) {
    // Nobody is left to be told when standard error is closed.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// One line for the error and each of its causes, on standard error.
fn fail(error: &(dyn std::error::Error + 'static)) -> ExitCode {
    let mut stderr = std::io::stderr().lock();
    if let Some(report) = error.downcast_ref::<Report>() {
        // Nobody is left to be told when standard error is closed.
        let _ = write!(stderr, "{}", report.text(check::colours(stderr.is_terminal())));
        return ExitCode::FAILURE;
    }
    let mut next = Some(error);
    let mut said = String::new();
    while let Some(error) = next {
        let line = error.to_string();
        // A cause that its effect quotes already would be said twice.
        if !said.contains(&line) {
            let _ = writeln!(stderr, "{line}");
        }
        said = line;
        next = error.source();
    }
    ExitCode::FAILURE
}
