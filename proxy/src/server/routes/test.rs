//! `outrigger routes test`: tests of a route table.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value as Json, json};

use crate::config;
use crate::explain::Explainer;
use crate::explain::check::{self as tests, Checked, Coverage, TestResult};
use crate::server::check::{self, COULD_NOT, When};

use super::Format;

const NOTES: &str = "\
Examples:
  outrigger routes test sidecar.yaml sidecar.tests.yaml
  outrigger routes test routes.yaml tests.json --details --fail-under 80 --covall

TESTS is what Envoy's router_check_tool takes, in YAML or JSON and with the names of all its versions:

  tests:
  - test_name: items
    input: { authority: shop.example, path: /api/items?page=2, method: GET }
    validate: { cluster_name: api, path_rewrite: /items?page=2 }

As there, the requests do not pass a connection manager: nothing normalizes their paths, and x-envoy-internal and
x-forwarded-proto are what `internal` and `ssl` say. Coverage is the share of routes of which a test checks a field (a
route with weighted clusters counts once for each); with --covall, of all fields that could be checked.

Exit codes: 0 all is as expected, 1 something is not, a file is bad, or the coverage is too low, 2 the command line is
wrong.

--format json prints one object: `tests` (test_name, test_passed, failures: each with test_type, expected or null,
actual, inverted) and `coverage` (routes and fields in percent, uncovered: virtual_host, name, match).";

/// Its command line.
#[derive(Args, Debug)]
#[command(after_help = NOTES)]
pub(super) struct Arguments {
    /// The configuration, or a route table alone
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// The tests
    #[arg(value_name = "TESTS")]
    tests: PathBuf,

    /// Which listener's routes, by its name or address [default: the only one]
    #[arg(long, value_name = "NAME")]
    listener: Option<String>,

    /// List the tests that pass too
    #[arg(short, long)]
    details: bool,

    /// Leave out the tests that pass, even with --details
    #[arg(long)]
    only_show_failures: bool,

    /// Fail if the coverage is lower
    #[arg(short, long, value_name = "PERCENT", value_parser = percent)]
    fail_under: Option<f64>,

    /// Measure the coverage by all fields that could be checked, and list the routes without a test
    #[arg(long)]
    covall: bool,

    /// List the names of the routes without a test
    #[arg(long)]
    detailed_coverage: bool,

    /// The form of the answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    /// Replace ${VAR} and ${VAR:-default} in FILE's values by environment variables
    #[arg(long)]
    expand_env: bool,

    /// Colours of what is wrong with a file; `auto` is for terminals, unless NO_COLOR is set
    #[arg(long, value_enum, default_value_t = When::Auto)]
    color: When,
}

/// Runs the tests, and says on standard output what came of them.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let colours = arguments.color.colours();
    let (bootstrap, _alone) = match super::read(&arguments.file, arguments.expand_env, colours) {
        Ok(read) => read,
        Err(code) => return code,
    };
    let list = match config::load_route_tests(&arguments.tests) {
        Ok(list) => list,
        Err(report) => {
            crate::server::complain(format_args!("{}", report.text(colours).trim_end()));
            return ExitCode::FAILURE;
        }
    };
    let explainer = Explainer::new(&bootstrap);
    let name = |index| explainer.name(index).map(str::to_owned);
    let listener = match super::listeners(&bootstrap, name, arguments.listener.as_deref()) {
        Ok(listeners) => match listeners.as_slice() {
            [only] => *only,
            several => {
                let count = several.len();
                crate::server::complain(format_args!(
                    "{}: there are {count} listeners, and --listener says which one's routes are meant",
                    arguments.file.display()
                ));
                return ExitCode::from(COULD_NOT);
            }
        },
        Err(code) => return code,
    };
    let Some(checked) = tests::check(&bootstrap, listener, &list) else {
        // Only listeners with a route table are ever meant.
        return ExitCode::from(COULD_NOT);
    };
    let text = match arguments.format {
        Format::Text => arguments.text(&checked),
        Format::Json => check::pretty(&json(&checked)),
    };
    check::answer(&text, arguments.exit_code(&checked))
}

fn percent(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| (0.0..=100.0).contains(number));
    number.ok_or_else(|| String::from("expected a number from 0 to 100"))
}

// === impl Arguments ===

impl Arguments {
    fn coverage(&self, coverage: &Coverage) -> f64 {
        if self.covall { coverage.fields } else { coverage.routes }
    }

    fn is_too_low(&self, coverage: &Coverage) -> bool {
        self.fail_under.is_some_and(|least| self.coverage(coverage) < least)
    }

    fn exit_code(&self, checked: &Checked) -> ExitCode {
        let failed = checked.results.iter().any(|result| !result.failures.is_empty());
        if failed || self.is_too_low(&checked.coverage) {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        }
    }

    fn text(&self, checked: &Checked) -> String {
        let mut text = String::new();
        for TestResult { name, failures } in &checked.results {
            if !failures.is_empty() || (self.details && !self.only_show_failures) {
                text.push_str(&format!("{name}\n"));
            }
            text.extend(failures.iter().map(|failure| format!("{failure}\n")));
        }
        for route in &checked.coverage.uncovered {
            let host = &route.virtual_host;
            if self.covall {
                let _ = writeln!(text, "Missing test for host: {host}, route: {}", route.matcher);
            }
            if self.detailed_coverage {
                let _ = writeln!(text, "Missing test for host: {host}, route name: {}", route.name);
            }
        }
        let failed = checked.results.iter().filter(|result| !result.failures.is_empty()).count();
        let all = checked.results.len();
        let plural = if all == 1 { "" } else { "s" };
        let coverage = short(self.coverage(&checked.coverage));
        // A string takes anything.
        let _ = writeln!(text, "{all} test{plural}, {failed} failed");
        let _ = writeln!(text, "Current route coverage: {coverage}%");
        if let Some(least) = self.fail_under.filter(|_| self.is_too_low(&checked.coverage)) {
            let _ = writeln!(text, "Failed to meet coverage requirement: {}%", short(least));
        }
        text
    }
}

/// A number with four decimals at most.
fn short(number: f64) -> String {
    let text = format!("{number:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn json(checked: &Checked) -> Json {
    let results = checked.results.iter().map(|result| {
        let failures = result.failures.iter().map(|failure| {
            json!({
                "test_type": failure.kind,
                "expected": failure.expected,
                "actual": failure.actual,
                "inverted": failure.inverted,
            })
        });
        json!({
            "test_name": result.name,
            "test_passed": result.failures.is_empty(),
            "failures": failures.collect::<Vec<_>>(),
        })
    });
    let uncovered = checked.coverage.uncovered.iter().map(|route| {
        json!({ "virtual_host": route.virtual_host, "name": route.name, "match": route.matcher })
    });
    json!({
        "tests": results.collect::<Vec<_>>(),
        "coverage": {
            "routes": checked.coverage.routes,
            "fields": checked.coverage.fields,
            "uncovered": uncovered.collect::<Vec<_>>(),
        },
    })
}
