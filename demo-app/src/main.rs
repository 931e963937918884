//! Reads the settings, binds, serves, drains on SIGTERM.

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use demo_app::settings::Settings;
use demo_app::{app, healthcheck, local_time, serve};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What `--help` says about the environment.
const ENVIRONMENT: &str = "Environment:
  SERVICE_API_HOST  IP address to bind [default: 127.0.0.1]
  SERVICE_API_PORT  port to bind, 0 for any free one [default: 8080]
  SERVICE_NAME      name of this instance, shown in /echo [default: app]";

/// A small date-time web service: GET / tells the time.
#[derive(Parser)]
#[command(version, after_help = ENVIRONMENT)]
struct Options {
    #[command(subcommand)]
    task: Option<Task>,
}

#[derive(Subcommand)]
enum Task {
    /// Ask the service that runs with this environment for /healthz; exit code 0 when it is well
    Healthcheck,
}

fn main() -> ExitCode {
    let options = match Options::try_parse() {
        Ok(options) => options,
        Err(answer) => return print_usage(&answer),
    };
    let settings = match Settings::read(|name| std::env::var_os(name)) {
        Ok(settings) => settings,
        Err(mistakes) => {
            mistakes.iter().for_each(|mistake| eprintln!("demo-app: {mistake}"));
            return ExitCode::FAILURE;
        }
    };
    let outcome = match options.task {
        Some(Task::Healthcheck) => healthcheck::check(settings.address).map_err(Into::into),
        None => run(&settings),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
            eprintln!("demo-app: {error}{cause}");
            ExitCode::FAILURE
        }
    }
}

/// Prints what clap has to say: help and version are answers, everything else is a mistake.
fn print_usage(answer: &clap::Error) -> ExitCode {
    let is_mistake = answer.use_stderr();
    if answer.print().is_err() || is_mistake { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

#[tokio::main(flavor = "current_thread")]
async fn run(settings: &Settings) -> Result<(), Box<dyn Error>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let listener = TcpListener::bind(settings.address)
        .await
        .map_err(|error| format!("cannot bind {}: {error}", settings.address))?;
    eprintln!("listening on http://{}", listener.local_addr()?);

    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let served = serve::serve(listener, app(&settings.name, local_time), async {
        // An error means that the sender is gone, and it is dropped only to stop.
        let _told = stopped.await;
    });
    tokio::select! {
        () = served => {}
        () = stop_twice(&mut terminate, &mut interrupt, stop) => eprintln!("stopped at once"),
    }
    Ok(())
}

/// The first signal lets the service drain, the second completes this future.
async fn stop_twice(
    terminate: &mut Signal,
    interrupt: &mut Signal,
    stop: tokio::sync::oneshot::Sender<()>,
) {
    either(terminate, interrupt).await;
    eprintln!("draining");
    drop(stop);
    either(terminate, interrupt).await;
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
