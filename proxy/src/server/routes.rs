//! `outrigger routes`: what would become of requests, without serving any.

mod explain;
mod test;

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};

use crate::config::bootstrap::Node;
use crate::config::diagnostic::Colours;
use crate::config::{self, Bootstrap, Manner};

use super::{VARIABLES, check};

/// Its command line.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Tell which virtual host, route, cluster and rewrite a request would meet, and why
    Explain(explain::Arguments),
    /// Run tests of a route table, in the file format of Envoy's router_check_tool
    Test(test::Arguments),
}

/// `--format`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

/// Does it.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    match &arguments.command {
        Command::Explain(arguments) => explain::run(arguments),
        Command::Test(arguments) => test::run(arguments),
    }
}

/// Reads a file, and says whether it holds a route table alone. If it is bad, all that is wrong with it has been said.
fn read(path: &Path, expand_env: bool, colours: Colours) -> Result<(Bootstrap, bool), ExitCode> {
    let manner = Manner { route_tables: true, ..Manner::default() };
    let variables = expand_env.then_some(VARIABLES);
    let checked = config::check(Some(path), None, &Node::default(), variables, &manner);
    let bootstrap = checked.bootstrap.ok_or_else(|| {
        super::complain(format_args!("{}", checked.report.text(colours).trim_end()));
        ExitCode::FAILURE
    })?;
    Ok((bootstrap, checked.table_alone))
}

/// The numbers of the listeners that are meant: all that have a route table, or the one of that name or address.
fn listeners(
    bootstrap: &Bootstrap,
    name: impl Fn(usize) -> Option<String>,
    wanted: Option<&str>,
) -> Result<Vec<usize>, ExitCode> {
    let address = |index: usize| bootstrap.listeners[index].address.to_string();
    let has_routes = |index: &usize| bootstrap.listeners[*index].manager().is_some();
    let all: Vec<usize> = (0..bootstrap.listeners.len()).filter(has_routes).collect();
    let Some(wanted) = wanted else { return Ok(all) };
    let is = |index: &usize| {
        name(*index).is_some_and(|name| name == wanted) || address(*index) == wanted
    };
    let found: Vec<usize> = all.iter().copied().filter(is).collect();
    if found.is_empty() {
        let known: Vec<String> =
            all.into_iter().map(|index| name(index).unwrap_or_else(|| address(index))).collect();
        super::complain(format_args!(
            "no listener has the name or the address {wanted:?}; there are {}",
            known.join(", ")
        ));
        return Err(ExitCode::from(check::COULD_NOT));
    }
    Ok(found)
}
