//! The command line: Envoy's, so that whoever starts Envoy starts this the same way.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, ValueEnum};

use crate::config::bootstrap::Node;

use super::check;
use super::command::Command;

const EXAMPLES: &str = "\
Examples:
  outrigger -c front-proxy.json --service-cluster front-proxy   run the tutorial's gateway
  outrigger -c sidecar.yaml --mode validate                     say what is wrong with a file, and start nothing
  outrigger -c sidecar.yaml --concurrency 1 -l debug            one worker, and a log line for every request
  outrigger check sidecar.yaml --deny-warnings                  the same with hints, and with traps that are valid
  outrigger routes explain sidecar.yaml --url http://a/b        what would become of a request, and why
  outrigger healthcheck --admin 127.0.0.1:8001                  exit 0 if the proxy there is ready, for HEALTHCHECK
  outrigger convert front-proxy.json -o envoy.yaml              write a v1 file as v3
  outrigger schema > envoy.schema.json                          a JSON Schema of v3 files, for editors
  DB=10.0.0.1 outrigger -c sidecar.yaml --expand-env            ${DB} and ${DB:-127.0.0.1} in values have values

Both of Envoy's forms are read: today's v3 (YAML or JSON) and the v1 JSON of 2018.
SIGTERM drains: what runs is finished, for --drain-time-s at most. A second SIGTERM ends at once.";

/// What the program was started with.
#[derive(Debug, Parser)]
#[command(
    name = "outrigger",
    version,
    about = "A sidecar and edge proxy that runs Envoy's configuration files",
    after_help = EXAMPLES,
    args_conflicts_with_subcommands = true
)]
pub(super) struct Options {
    #[command(subcommand)]
    pub(super) command: Option<Command>,

    /// The configuration file: Envoy's v3 (YAML, JSON) or v1 (JSON) form
    #[arg(short, long, value_name = "FILE")]
    pub(super) config_path: Option<PathBuf>,

    /// Configuration as text, in v3's form; merged over the file's
    #[arg(long, value_name = "YAML")]
    pub(super) config_yaml: Option<String>,

    /// Replace ${VAR} and ${VAR:-default} in the values of both by environment variables; $$ is a dollar sign
    #[arg(long)]
    pub(super) expand_env: bool,

    /// Serve, or only say whether the configuration is valid
    #[arg(long, value_enum, default_value_t = Mode::Serve)]
    pub(super) mode: Mode,

    /// Ignore fields that are not supported yet, with a warning for each, instead of refusing the file
    #[arg(long)]
    pub(super) allow_unsupported: bool,

    /// Worker threads; 0 is 1 [default: one for each processor this process may use]
    #[arg(long, value_name = "N")]
    pub(super) concurrency: Option<usize>,

    /// Write the admin server's address (`ip:port`) to this file
    #[arg(long, value_name = "FILE")]
    pub(super) admin_address_path: Option<PathBuf>,

    /// The cluster this proxy belongs to (`node.cluster`)
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub(super) service_cluster: String,

    /// This proxy's name (`node.id`)
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub(super) service_node: String,

    /// This proxy's zone (`node.locality.zone`)
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub(super) service_zone: String,

    /// Our own log: how much
    #[arg(short, long, value_enum, default_value_t = Level::Info)]
    pub(super) log_level: Level,

    /// Our own log: where to [default: standard error]
    #[arg(long, value_name = "FILE")]
    pub(super) log_path: Option<PathBuf>,

    /// How long a drain may take before what still runs is cut off
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub(super) drain_time_s: u64,

    /// How often access logs are flushed
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 10_000)]
    pub(super) file_flush_interval_msec: u64,

    /// Print the version of the hot-restart protocol, and exit
    #[arg(long)]
    pub(super) hot_restart_version: bool,

    #[command(flatten)]
    pub(super) accepted: Accepted,
}

/// Envoy's flags that mean nothing here: accepted, so that a command line need not change.
#[derive(Args, Debug)]
pub(super) struct Accepted {
    #[arg(long, hide = true, value_name = "N")]
    base_id: Option<u32>,
    #[arg(long, hide = true)]
    use_dynamic_base_id: bool,
    #[arg(long, hide = true, value_name = "FILE")]
    base_id_path: Option<PathBuf>,
    #[arg(long, hide = true, value_name = "N")]
    restart_epoch: Option<u32>,
    #[arg(long, hide = true)]
    disable_hot_restart: bool,
    #[arg(long, hide = true)]
    skip_hot_restart_on_no_parent: bool,
    #[arg(long, hide = true)]
    skip_hot_restart_parent_stats: bool,
    #[arg(long, hide = true, value_name = "SECONDS")]
    parent_shutdown_time_s: Option<u32>,
    #[arg(long, hide = true, value_name = "STRATEGY")]
    drain_strategy: Option<OsString>,
    #[arg(long, hide = true, value_name = "VERSION")]
    local_address_ip_version: Option<OsString>,
    #[arg(long, hide = true, value_name = "LEVELS")]
    component_log_level: Option<OsString>,
    #[arg(long, hide = true, value_name = "FORMAT")]
    log_format: Option<OsString>,
    #[arg(long, hide = true)]
    log_format_escaped: bool,
    #[arg(long, hide = true)]
    log_stacktrace_single_entry: bool,
    #[arg(long, hide = true)]
    enable_fine_grain_logging: bool,
    #[arg(long, hide = true)]
    enable_core_dump: bool,
    #[arg(long, hide = true)]
    enable_mutex_tracing: bool,
    #[arg(long, hide = true)]
    cpuset_threads: bool,
    #[arg(long, hide = true)]
    skip_deprecated_logs: bool,
    #[arg(long, hide = true, value_name = "KB")]
    file_flush_min_size_kb: Option<u32>,
    #[arg(long, hide = true, value_name = "PATH")]
    socket_path: Option<PathBuf>,
    #[arg(long, hide = true, value_name = "MODE")]
    socket_mode: Option<OsString>,
    #[arg(long, hide = true, value_name = "NAMES")]
    disable_extensions: Option<OsString>,
    #[arg(long, hide = true)]
    ignore_unknown_dynamic_fields: bool,
    #[arg(long, hide = true)]
    reject_unknown_dynamic_fields: bool,
    #[arg(long, hide = true)]
    allow_unknown_fields: bool,
    #[arg(long, hide = true)]
    allow_unknown_static_fields: bool,
    #[arg(long, hide = true, value_name = "TAG:VALUE")]
    stats_tag: Vec<OsString>,
    #[arg(long, hide = true)]
    v2_config_only: bool,
    #[arg(long, hide = true)]
    allow_deprecated_v1_api: bool,
    #[arg(long, hide = true, value_name = "N")]
    max_stats: Option<u64>,
    #[arg(long, hide = true, value_name = "N")]
    max_obj_name_len: Option<u64>,
}

/// `--mode`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum Mode {
    /// Validate, then serve.
    Serve,
    /// Validate, then exit.
    Validate,
}

/// `--log-level`, in Envoy's words.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum Level {
    Trace,
    Debug,
    Info,
    #[value(alias = "warn")]
    Warning,
    Error,
    Critical,
    Off,
}

// === impl Options ===

impl Options {
    /// What the command line says of the node.
    pub(super) fn node(&self) -> Node {
        Node {
            id: self.service_node.clone(),
            cluster: self.service_cluster.clone(),
            zone: self.service_zone.clone(),
        }
    }

    /// How messages name the configuration.
    pub(super) fn config_name(&self) -> String {
        self.config_path.as_ref().map_or_else(String::new, |path| path.display().to_string())
    }

    /// How many workers to run.
    pub(super) fn workers(&self) -> usize {
        let own = || std::thread::available_parallelism().map_or(1, usize::from);
        self.concurrency.unwrap_or_else(own).max(1)
    }

    /// `--file-flush-interval-msec`.
    pub(super) fn file_flush_interval(&self) -> Duration {
        Duration::from_millis(self.file_flush_interval_msec)
    }

    /// `--drain-time-s`.
    pub(super) fn drain_time(&self) -> Duration {
        Duration::from_secs(self.drain_time_s)
    }

    /// Given flags that would weaken what is promised here, and therefore do not.
    pub(super) fn without_effect(&self) -> impl Iterator<Item = &'static str> {
        let Accepted { allow_unknown_fields, allow_unknown_static_fields, .. } = self.accepted;
        let flags = [
            (allow_unknown_fields, "--allow-unknown-fields"),
            (allow_unknown_static_fields, "--allow-unknown-static-fields"),
            (!self.accepted.stats_tag.is_empty(), "--stats-tag"),
        ];
        flags.into_iter().filter_map(|(given, name)| given.then_some(name))
    }

    /// `command_line_options` of `/server_info`.
    pub(super) fn as_json(&self) -> serde_json::Value {
        serde_json::json!({
            "base_id": "0",
            "concurrency": self.workers(),
            "config_path": self.config_name(),
            "config_yaml": self.config_yaml.as_deref().unwrap_or(""),
            "admin_address_path": path_text(self.admin_address_path.as_ref()),
            "log_level": self.log_level.name(),
            "log_path": path_text(self.log_path.as_ref()),
            "service_cluster": self.service_cluster,
            "service_node": self.service_node,
            "service_zone": self.service_zone,
            "file_flush_interval": format!("{}s", self.file_flush_interval().as_secs_f64()),
            "drain_time": format!("{}s", self.drain_time_s),
            "mode": if self.mode == Mode::Serve { "Serve" } else { "Validate" },
        })
    }
}

fn path_text(path: Option<&PathBuf>) -> String {
    path.map_or_else(String::new, |path| path.display().to_string())
}

/// Says why the command line is refused. Envoy exits with 1, not with 2, which `check` and `routes` do.
pub(super) fn refuse(refusal: &clap::Error) -> ExitCode {
    // Nobody is left to be told when the stream is closed.
    let _ = refusal.print();
    if !refusal.use_stderr() {
        ExitCode::SUCCESS
    } else if std::env::args_os().nth(1).is_some_and(|one| one == "check" || one == "routes") {
        ExitCode::from(check::COULD_NOT)
    } else {
        ExitCode::FAILURE
    }
}

// === impl Level ===

impl Level {
    /// The level in Envoy's word.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
            Self::Off => "off",
        }
    }
}
