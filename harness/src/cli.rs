//! The command line of `cargo mesh`: the meshes of the tests, for a person.

mod certs;
mod down;
mod images;
mod picture;
mod rls;
mod screen;
mod state;
mod status;
mod transcript;
mod up;

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand, ValueEnum};

use crate::{
    error::Error,
    launch::{Ports, process::tether},
    node::ConfigVersion,
    settings::{DataPlane, Launch},
};

/// Runs the tutorial's mesh on this machine: curl → gateway → sidecar → app.
#[derive(Debug, Parser)]
#[command(name = "mesh", bin_name = "cargo mesh", version, after_help = EXAMPLES)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  cargo mesh up                       the mesh on ports 8000 and 8001, until Ctrl-C
  cargo mesh up --v3 --detach         with the v3 files, left running
  cargo mesh up --launch process      without containers, whatever is installed
  cargo mesh up --proxy envoy --v3    the real Envoy in place of our proxy
  cargo mesh up --feature retries     what compose/features/retries/ shows, with two apps
  cargo mesh status                   what runs, and where
  cargo mesh down                     ends what was left running";

#[derive(Debug, Subcommand)]
enum Command {
    /// Starts gateway, sidecar and app, makes the tutorial's request and shows it, and stays up until Ctrl-C.
    Up(UpOptions),
    /// Shows the mesh that is up. Exits with 1 if there is none, or a node of it is not ready.
    Status,
    /// Ends the mesh that is up.
    Down,
    /// Writes certificates for the gateway and the app, of a new authority, for docker-compose to give them.
    Certs {
        /// Where to; compose/certs/ of this checkout, if nothing is said.
        folder: Option<PathBuf>,
    },
    /// Runs a small rate limit service for compose/features/global-rate-limit/, and shows what it is asked, until Ctrl-C.
    Rls(rls::RlsOptions),
    /// Builds the two container images that `cargo mesh up` and `docker compose up` run.
    Images,
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

#[derive(Debug, clap::Args)]
struct UpOptions {
    /// Leave the mesh running and return; `cargo mesh down` ends it.
    #[arg(long)]
    detach: bool,
    /// Use the v3 YAML files and not the v1 JSON files; both stand under compose/.
    #[arg(long)]
    v3: bool,
    /// Run the v3 files of compose/features/FEATURE/, before two instances of the app; its README tells what to try.
    #[arg(long, value_name = "FEATURE")]
    feature: Option<String>,
    /// How the nodes are started. `auto` takes containers where an engine answers.
    #[arg(long, value_enum, env = "MESH_LAUNCH", default_value = "auto")]
    launch: LaunchOption,
    /// Whose proxy runs. The real Envoy is found by ENVOY_BIN or on PATH; it runs as a process, with v3 files.
    #[arg(long, value_enum, env = "MESH_PROXY", default_value = "outrigger")]
    proxy: ProxyOption,
    /// The gateway's two ports on this machine, as TRAFFIC:ADMIN, or 0 for any free ones [default: 8000:8001, or free ones if
    /// those are taken].
    #[arg(long, value_name = "PORTS", value_parser = parse_ports)]
    ports: Option<Ports>,
    /// Where the process that a detached mesh lives in was asked to write its output; set by `--detach` itself.
    #[arg(long, hide = true)]
    held: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LaunchOption {
    Auto,
    Process,
    Container,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ProxyOption {
    Outrigger,
    Envoy,
}

/// Runs `cargo mesh` with the arguments of this process.
pub fn main() -> ExitCode {
    let command = match Options::parse().command {
        Command::Tether { parent, program, arguments } => {
            let error = tether::become_tethered(parent, &program, &arguments);
            eprintln!("cannot run {}: {error}", program.display());
            return ExitCode::from(CANNOT_RUN);
        }
        command => command,
    };
    match run(command) {
        Ok(code) => code,
        Err(error) => {
            screen::error(&error.report());
            ExitCode::FAILURE
        }
    }
}

/// What a shell exits with when it cannot run a program.
const CANNOT_RUN: u8 = 127;

fn run(command: Command) -> Result<ExitCode, Error> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| Error::step("start a runtime", error))?;
    runtime.block_on(async {
        match command {
            Command::Up(options) if options.held => up::hold(&options).await,
            Command::Up(options) if options.detach => up::detach(&options).await,
            Command::Up(options) => up::stay(&options).await,
            Command::Status => status::status().await,
            Command::Down => down::down().await,
            Command::Certs { folder } => certs::certs(folder),
            Command::Rls(options) => rls::rls(&options).await,
            Command::Images => images::images().await,
            Command::Tether { .. } => unreachable!("it is handled without a runtime"),
        }
    })
}

fn parse_ports(text: &str) -> Result<Ports, String> {
    if text == "0" {
        return Ok(Ports::Ephemeral);
    }
    let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port != 0);
    let ports =
        text.split_once(':').and_then(|(traffic, admin)| Some((port(traffic)?, port(admin)?)));
    match ports {
        Some((traffic, admin)) if traffic != admin => Ok(Ports::Fixed { traffic, admin }),
        _ => Err("say two different ports, as in 8000:8001, or 0 for any free ones".to_owned()),
    }
}

/// A value as it is written on the command line.
fn word(value: &impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

// === impl UpOptions ===

impl UpOptions {
    fn version(&self) -> ConfigVersion {
        if self.v3 || self.feature.is_some() { ConfigVersion::V3 } else { ConfigVersion::V1 }
    }

    fn launch(&self) -> Launch {
        match self.launch {
            LaunchOption::Auto => Launch::Auto,
            LaunchOption::Process => Launch::Process,
            LaunchOption::Container => Launch::Container,
        }
    }

    fn data_plane(&self) -> DataPlane {
        match self.proxy {
            ProxyOption::Outrigger => DataPlane::Outrigger,
            ProxyOption::Envoy => DataPlane::Envoy,
        }
    }

    /// The same options as arguments, for the process that holds a detached mesh.
    fn to_arguments(&self) -> Vec<String> {
        let mut arguments = vec!["up".to_owned(), "--held".to_owned()];
        if self.v3 {
            arguments.push("--v3".to_owned());
        }
        if let Some(feature) = &self.feature {
            arguments.extend(["--feature".to_owned(), feature.clone()]);
        }
        arguments.extend(["--launch".to_owned(), word(&self.launch)]);
        arguments.extend(["--proxy".to_owned(), word(&self.proxy)]);
        match self.ports {
            None => {}
            Some(Ports::Ephemeral) => arguments.extend(["--ports".to_owned(), "0".to_owned()]),
            Some(Ports::Fixed { traffic, admin }) => {
                arguments.extend(["--ports".to_owned(), format!("{traffic}:{admin}")]);
            }
        }
        arguments
    }
}
