//! A steady load with exact accounting: requests start at their time whether or not earlier ones were answered, and what
//! became of each is known.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{Request, client::conn::http1::SendRequest, header};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinSet, time::MissedTickBehavior};

use crate::error::BoxError;

/// A load that is running.
#[derive(Debug)]
pub struct Load {
    target: Arc<Target>,
    running: JoinSet<Report>,
}

/// What became of every request of a load. `started` is the sum of the others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Requests whose time had come.
    pub started: usize,
    /// Whole responses, by status.
    pub answered: BTreeMap<u16, usize>,
    /// No connection could be made: nothing was sent.
    pub refused: usize,
    /// The connection ended before the first byte of a response: the server never took the request, and a client may send it
    /// to another (RFC 9110, 9.2.2, for requests like these).
    pub turned_away: usize,
    /// The connection ended within a response. What a client calls an error.
    pub broken: Vec<String>,
}

/// What became of one request.
enum Outcome {
    Answered(u16),
    Refused,
    TurnedAway,
    Broken(String),
}

#[derive(Debug)]
struct Target {
    address: SocketAddr,
    path: String,
    idle: Mutex<Vec<SendRequest<Empty<Bytes>>>>,
    /// What drives the connections. Each ends with its sender; how it ends, the request says.
    drivers: Mutex<JoinSet<()>>,
    ended: AtomicBool,
}

// === impl Load ===

impl Load {
    /// Starts `GET path` on the server there, once every `interval`, over HTTP/1.1 with connections kept alive.
    pub fn start(address: SocketAddr, path: &str, interval: Duration) -> Self {
        let target = Target {
            address,
            path: path.to_owned(),
            idle: Mutex::default(),
            drivers: Mutex::default(),
            ended: AtomicBool::new(false),
        };
        let target = Arc::new(target);
        let mut running = JoinSet::new();
        running.spawn(run(Arc::clone(&target), interval));
        Self { target, running }
    }

    /// Starts no further request, waits for those under way, and says what became of all.
    ///
    /// # Panics
    /// If a task of the load has.
    pub async fn finish(mut self) -> Report {
        self.target.ended.store(true, Ordering::Relaxed);
        let report =
            self.running.join_next().await.expect("the load has one task, and it is awaited once");
        report.expect("no task of the load panics")
    }
}

async fn run(target: Arc<Target>, interval: Duration) -> Report {
    let mut ticks = tokio::time::interval(interval);
    // Open loop: a late tick is made up for, not dropped.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut requests = JoinSet::new();
    let mut report = Report::default();
    while !target.ended.load(Ordering::Relaxed) {
        ticks.tick().await;
        report.started += 1;
        requests.spawn(one(Arc::clone(&target)));
        while let Some(outcome) = requests.try_join_next() {
            report.count(outcome.expect("a request's task does not panic"));
        }
    }
    while let Some(outcome) = requests.join_next().await {
        report.count(outcome.expect("a request's task does not panic"));
    }
    report
}

async fn one(target: Arc<Target>) -> Outcome {
    let Some(mut connection) = target.connection().await else { return Outcome::Refused };
    let request = Request::get(&target.path)
        .header(header::HOST, target.address.to_string())
        .body(Empty::new())
        .expect("a path and an address make a request");
    let response = match connection.send_request(request).await {
        Ok(response) => response,
        // Not a byte of a response came, or hyper would have made one of it or said that it cannot be parsed.
        Err(error) if error.is_parse() => return Outcome::Broken(chain(&error)),
        Err(_ended) => return Outcome::TurnedAway,
    };
    let status = response.status().as_u16();
    match response.into_body().collect().await {
        Ok(_) => {
            target.idle().push(connection);
            Outcome::Answered(status)
        }
        Err(error) => Outcome::Broken(chain(&error)),
    }
}

// === impl Target ===

impl Target {
    async fn connection(&self) -> Option<SendRequest<Empty<Bytes>>> {
        while let Some(mut idle) = self.take() {
            if idle.ready().await.is_ok() {
                return Some(idle);
            }
        }
        self.connect().await.ok()
    }

    fn take(&self) -> Option<SendRequest<Empty<Bytes>>> {
        self.idle().pop()
    }

    async fn connect(&self) -> Result<SendRequest<Empty<Bytes>>, BoxError> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let driver = async move { drop(connection.await) };
        self.drivers.lock().unwrap_or_else(PoisonError::into_inner).spawn(driver);
        Ok(sender)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<SendRequest<Empty<Bytes>>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Report ===

impl Report {
    fn count(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Answered(status) => *self.answered.entry(status).or_default() += 1,
            Outcome::Refused => self.refused += 1,
            Outcome::TurnedAway => self.turned_away += 1,
            Outcome::Broken(why) => self.broken.push(why),
        }
    }

    /// How many were answered with this status.
    pub fn answered_with(&self, status: u16) -> usize {
        self.answered.get(&status).copied().unwrap_or(0)
    }

    /// How many were answered at all.
    pub fn all_answered(&self) -> usize {
        self.answered.values().sum()
    }
}

fn chain(error: &hyper::Error) -> String {
    let source = std::error::Error::source(error).map(|source| format!(": {source}"));
    format!("{error}{}", source.unwrap_or_default())
}
