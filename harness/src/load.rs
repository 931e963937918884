//! A steady load with exact accounting: requests start at their time whether or not earlier ones were answered, and what
//! became of each is known.

mod counted;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{Request, client::conn::http1::SendRequest, header};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinSet, time::MissedTickBehavior};

use crate::error::BoxError;

use self::counted::{Count, Counted};

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

/// A connection that may take a request.
#[derive(Debug)]
struct Connection {
    sender: SendRequest<Empty<Bytes>>,
    read: Count,
}

#[derive(Debug)]
struct Target {
    address: SocketAddr,
    path: String,
    idle: Mutex<Vec<Connection>>,
    /// What drives the connections. Each ends with its sender; how it ends, the request says.
    drivers: Mutex<JoinSet<()>>,
    started: AtomicUsize,
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
            started: AtomicUsize::new(0),
            ended: AtomicBool::new(false),
        };
        let target = Arc::new(target);
        let mut running = JoinSet::new();
        running.spawn(run(Arc::clone(&target), interval));
        Self { target, running }
    }

    /// How many requests were started so far.
    pub fn started(&self) -> usize {
        self.target.started.load(Ordering::Relaxed)
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
        target.started.fetch_add(1, Ordering::Relaxed);
        requests.spawn(one(Arc::clone(&target)));
        while let Some(outcome) = requests.try_join_next() {
            report.count(outcome.expect("a request's task does not panic"));
        }
    }
    while let Some(outcome) = requests.join_next().await {
        report.count(outcome.expect("a request's task does not panic"));
    }
    report.started = target.started.load(Ordering::Relaxed);
    report
}

async fn one(target: Arc<Target>) -> Outcome {
    let Some(mut connection) = target.connection().await else { return Outcome::Refused };
    let request = Request::get(&target.path)
        .header(header::HOST, target.address.to_string())
        .body(Empty::new())
        .expect("a path and an address make a request");
    let read_before = connection.read.value();
    let response = match connection.sender.send_request(request).await {
        Ok(response) => response,
        Err(_ended) if connection.read.value() == read_before => return Outcome::TurnedAway,
        Err(error) => return Outcome::Broken(chain(&error)),
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
    async fn connection(&self) -> Option<Connection> {
        while let Some(mut idle) = self.take() {
            if idle.sender.ready().await.is_ok() {
                return Some(idle);
            }
        }
        self.connect().await.ok()
    }

    fn take(&self) -> Option<Connection> {
        self.idle().pop()
    }

    async fn connect(&self) -> Result<Connection, BoxError> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let (stream, read) = Counted::new(stream);
        let (sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let driver = async move { drop(connection.await) };
        self.drivers.lock().unwrap_or_else(PoisonError::into_inner).spawn(driver);
        Ok(Connection { sender, read })
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eventually::satisfies;
    use crate::origin::{OriginPlan, origin};

    /// What becomes of a short load on an origin.
    async fn on(plan: OriginPlan) -> Report {
        let origin = plan.start().await.unwrap();
        at(origin.address()).await
    }

    async fn at(address: SocketAddr) -> Report {
        let load = Load::start(address, "/", Duration::from_millis(1));
        let started = async || Ok(load.started());
        satisfies("ten requests", started, |started| *started >= 10).await.unwrap();
        load.finish().await
    }

    #[tokio::test]
    async fn what_is_answered_is_counted_by_its_status() {
        let report =
            on(origin().status(hyper::StatusCode::IM_A_TEAPOT).body("short and stout")).await;
        assert_eq!(
            report,
            Report {
                started: report.started,
                answered: [(418, report.started)].into(),
                ..Report::default()
            }
        );
    }

    #[tokio::test]
    async fn a_closed_port_refuses() {
        let closed = origin().start().await.unwrap().address();
        let report = at(closed).await;
        assert_eq!(
            report,
            Report { started: report.started, refused: report.started, ..Report::default() }
        );
    }

    #[tokio::test]
    async fn a_connection_that_ends_without_an_answer_turns_away() {
        let report = on(origin().raw("")).await;
        assert_eq!(
            report,
            Report { started: report.started, turned_away: report.started, ..Report::default() }
        );
    }

    #[tokio::test]
    async fn half_an_answer_is_broken() {
        for half in
            ["HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf", "HTTP/1.1 200 OK\r\ncontent-len"]
        {
            let report = on(origin().raw(half)).await;
            assert_eq!(report.broken.len(), report.started, "{half:?}: {report:?}");
        }
    }
}
