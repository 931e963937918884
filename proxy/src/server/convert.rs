//! `outrigger convert`: a v1 file as v3, or a v3 file in its other notation.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::config::{self, Form};

const EXAMPLES: &str = "\
Examples:
  outrigger convert front-proxy.json                    v1 as v3, in YAML with remarks on what was what
  outrigger convert front-proxy.json -o envoy.yaml      the same, into a file
  outrigger convert sidecar.yaml                        v3 YAML as JSON; its comments are lost
  outrigger convert sidecar.json --to yaml --expand-env with the values of ${VAR}; secrets are redacted

What v3 says is taken over as it is; whether this proxy supports it is what --mode validate tells.";

/// What `outrigger convert` is told.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Convert {
    /// The file: Envoy's v3 (YAML, JSON) or v1 (JSON) form
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// The notation to write [default: YAML for v1 and for JSON, JSON for YAML]
    #[arg(long, value_enum)]
    to: Option<To>,

    /// Where to write [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Replace ${VAR} and ${VAR:-default} in values by environment variables
    #[arg(long)]
    expand_env: bool,
}

/// `--to`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum To {
    Yaml,
    Json,
}

/// Converts; exits with 0, or with 1 if the file is bad or cannot be written.
pub(super) fn run(options: &Convert) -> ExitCode {
    let form = options.to.map(|to| match to {
        To::Yaml => Form::Yaml,
        To::Json => Form::Json,
    });
    let variables = options.expand_env.then_some(super::VARIABLES);
    let converted = match config::convert(&options.file, form, variables) {
        Ok(converted) => converted,
        Err(report) => return super::fail(&report),
    };
    if !converted.warnings.findings.is_empty() {
        super::complain(format_args!("{}", converted.warnings));
    }
    let Some(path) = &options.output else {
        let text = converted.text.strip_suffix('\n').unwrap_or(&converted.text);
        return super::say(format_args!("{text}"));
    };
    match std::fs::write(path, converted.text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            super::complain(format_args!("{}: {error}", path.display()));
            ExitCode::FAILURE
        }
    }
}
