//! `outrigger routes explain`: what would become of a request, and why.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use http::header::{HOST, HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use http::{Method, Uri};

use crate::config::diagnostic::Colours;
use crate::explain::{self, Explainer, Manner, Question};
use crate::message::headers::X_FORWARDED_PROTO;
use crate::server::check::{self, COULD_NOT, When};

use super::Format;

const NOTES: &str = "\
Examples:
  outrigger routes explain sidecar.yaml --url http://shop.example/api/items?page=2
  outrigger routes explain sidecar.yaml --url /api -H 'host: shop.example' -X POST -H 'x-canary: yes'
  outrigger routes explain front-proxy.json --url http://localhost/ --format json
  outrigger routes explain routes.yaml --url http://a.example/ --random-value 42

The file is a configuration (v3 or v1), or a route table alone. Nothing is started, resolved or sent; what is told is
what the proxy's own code does with the request, so that it cannot be otherwise. The request has no body. An https URL
stands for a request that comes through a proxy which ended TLS: it gets `x-forwarded-proto: https`.

Exit codes: 0 the request meets a route on some listener, 1 it meets none or the file is bad, 2 the command line is wrong.

--format json prints one object: `request`, and `listeners` with for each `listener`, `address`, `seen` (method, path and
host as the route table sees them), `changes`, `virtual_host` (name, domain, requires_tls), `routes` (number, name,
match, verdict: met, unmet or too_late, reason), `route` (the one that is met), `outcome` (cluster, redirect,
direct_response, no_route, no_cluster, refused, reset), `cluster` (name, specifier, shares), `timeouts` (name, ms or null
for none, source), `retries` (null: none), `upstream_request` (method, path, headers) and `response` (status, reason,
details, headers, body; or the `headers_added` to upstream's). Headers are pairs; a value that is another one each time
is null.";

/// Its command line.
#[derive(Args, Debug)]
#[command(after_help = NOTES)]
pub(super) struct Arguments {
    /// The configuration, or a route table alone
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// The request's URL, or its path if a host is given as a header
    #[arg(long, value_name = "URL")]
    url: String,

    /// The request's method
    #[arg(short = 'X', long, default_value = "GET")]
    method: Method,

    /// A header of the request; may be given several times
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(HeaderName, HeaderValue)>,

    /// Who asks
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    client: IpAddr,

    /// What decides what is left to chance: weighted clusters and fractions of requests
    #[arg(long, value_name = "N", default_value_t = 0)]
    random_value: u64,

    /// Only the listener of this name or address [default: all]
    #[arg(long, value_name = "NAME")]
    listener: Option<String>,

    /// Show all routes of the virtual host, those after the one that is met too
    #[arg(long)]
    all: bool,

    /// The form of the answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    /// Replace ${VAR} and ${VAR:-default} in values by environment variables
    #[arg(long)]
    expand_env: bool,

    /// Colours in text; `auto` is for terminals, unless NO_COLOR is set
    #[arg(long, value_enum, default_value_t = When::Auto)]
    color: When,
}

/// Explains, on standard output.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let question = match arguments.question() {
        Ok(question) => question,
        Err(why) => {
            crate::server::complain(format_args!("--url: {why}"));
            return ExitCode::from(COULD_NOT);
        }
    };
    let colours = arguments.color.colours();
    let (bootstrap, alone) = match super::read(&arguments.file, arguments.expand_env, colours) {
        Ok(read) => read,
        Err(code) => return code,
    };
    let explainer = Explainer::new(&bootstrap).with_any_cluster(alone);
    let name = |index| explainer.name(index).map(str::to_owned);
    let listeners = match super::listeners(&bootstrap, name, arguments.listener.as_deref()) {
        Ok(listeners) => listeners,
        Err(code) => return code,
    };
    let explanations: Vec<_> =
        listeners.into_iter().filter_map(|index| explainer.explain(&question, index)).collect();
    let met = explanations.iter().any(explain::Explanation::is_met);
    let text = match arguments.format {
        Format::Json => check::pretty(&explain::json(&explanations)),
        Format::Text => {
            let manner = Manner { colour: colours == Colours::On, all: arguments.all };
            explain::text(&explanations, manner)
        }
    };
    check::answer(&text, if met { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("expected `name: value`")?;
    let name = name.trim().parse().map_err(|_invalid| format!("{name:?} is no header's name"))?;
    let value = HeaderValue::from_str(value.trim());
    Ok((name, value.map_err(|_invalid| "that is no header's value")?))
}

// === impl Arguments ===

impl Arguments {
    fn question(&self) -> Result<Question, String> {
        // A fragment is for clients, who keep it.
        let url = self.url.split('#').next().unwrap_or_default();
        let url: Uri = url.parse().map_err(|error| format!("{url:?} is no URL: {error}"))?;
        let path = url.path_and_query().cloned();
        let path = path.unwrap_or_else(|| PathAndQuery::from_static("/"));
        let mut headers = Vec::new();
        let says_host = self.headers.iter().any(|(name, _)| name == HOST);
        match url.authority() {
            Some(_) if says_host => {}
            Some(authority) => {
                let host = HeaderValue::from_str(authority.as_str());
                headers.push((HOST, host.map_err(|_invalid| "that is no host")?));
            }
            None if says_host => {}
            None => return Err(String::from("it has no host; give one, or --header 'host: …'")),
        }
        match url.scheme_str() {
            Some("https") => headers.push((X_FORWARDED_PROTO, HeaderValue::from_static("https"))),
            Some("http") | None => {}
            Some(other) => return Err(format!("the scheme is http or https, not {other}")),
        }
        headers.extend(self.headers.iter().cloned());
        Ok(Question {
            method: self.method.clone(),
            target: Uri::from(path),
            headers,
            client: SocketAddr::new(self.client, 50_000),
            random: self.random_value,
        })
    }
}
