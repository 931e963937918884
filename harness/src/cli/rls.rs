//! `cargo mesh rls`: a rate limit service by hand.

use std::{net::SocketAddr, process::ExitCode};

use super::screen;
use crate::{
    error::Error,
    rls::{Answer, Rls, Rule},
};

#[derive(Debug, clap::Args)]
pub(super) struct RlsOptions {
    /// Where it listens.
    #[arg(long, default_value = "127.0.0.1:8089")]
    listen: SocketAddr,
    /// How many requests may have an entry KEY=VALUE in a descriptor, as KEY=VALUE:N/UNIT; the unit is second, minute, hour or
    /// day. KEY alone counts each value by itself. Everything else is within its limit.
    #[arg(long = "limit", value_name = "LIMIT", required = true)]
    limits: Vec<Rule>,
}

/// Answers until the process is ended.
pub(super) async fn rls(options: &RlsOptions) -> Result<ExitCode, Error> {
    let started = Rls::start_at(options.listen).await;
    let rls =
        started.map_err(|error| Error::step(format!("listen on {}", options.listen), error))?;
    rls.answer(Answer::Limits(options.limits.clone()));
    screen::print(format_args!("a rate limit service listens on {}", rls.address()));
    for number in 0.. {
        let asked = rls.question(number).await.request;
        for descriptor in &asked.descriptors {
            screen::print(format_args!("{}: {descriptor}", asked.domain));
        }
    }
    Ok(ExitCode::SUCCESS)
}
