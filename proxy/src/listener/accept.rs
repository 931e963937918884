//! The accept loop of one listener on one worker.

use std::future::{pending, poll_fn};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::base::drain::{Drain, Phase};
use crate::base::task::{self, Owned};
use crate::overload::{Limit, Overload, Slot};
use crate::stream_info::Downstream;

use super::connection::Place;
use super::stats::WorkerStats;
use super::{Chain, Listener};

/// How long to wait when the process has no file descriptor left: some connection must close first.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(50);

/// What one worker needs to accept on a listener.
#[derive(Debug)]
pub struct Acceptor {
    /// The listener.
    pub listener: Arc<Listener>,
    /// What its connections are served by: its filter chains, in their order.
    pub chains: Rc<[Chain]>,
    /// The worker's name in stats: `worker_0`, or `main_thread` for the admin server.
    pub worker: String,
    /// Told when the process ends.
    pub drain: Drain,
    /// What a process with too much to do does; none without an overload manager.
    pub overload: Option<Arc<Overload>>,
    /// How many connections all listeners together have at a time, if that is limited.
    pub most_connections: Option<Arc<Limit>>,
}

/// Accepts until the listener stops; then waits for the connections to end.
pub async fn accept(acceptor: Acceptor) {
    let mut connections = Owned::new();
    if let Some(socket) = acceptor.listener.take_socket() {
        match TcpListener::from_std(socket) {
            Ok(socket) => acceptor.run(socket, &mut connections).await,
            Err(error) => {
                tracing::error!(%error, address = %acceptor.listener.address, "cannot accept")
            }
        }
    }
    while connections.join_next().await.is_some() {}
}

/// A connection that waits to be accepted, if there is one.
async fn waiting(socket: &TcpListener) -> Option<TcpStream> {
    let accepted = poll_fn(|cx| match socket.poll_accept(cx) {
        Poll::Ready(accepted) => Poll::Ready(accepted.ok()),
        Poll::Pending => Poll::Ready(None),
    });
    accepted.await.map(|(socket, _)| socket)
}

/// Waits until it changes whether connections are to be accepted.
async fn changed(accepting: &mut Option<watch::Receiver<bool>>) {
    if let Some(accepting) = accepting
        && accepting.changed().await.is_ok()
    {
        return;
    }
    pending().await
}

// === impl Acceptor ===

impl Acceptor {
    async fn run(&self, socket: TcpListener, connections: &mut Owned) {
        let worker = WorkerStats::register(&self.listener.scope.scope(&self.worker));
        let worker = Rc::new(worker);
        let mut accepting = self.overload.as_ref().map(|overload| overload.accepting());
        loop {
            let accepts = accepting.as_mut().is_none_or(|accepts| *accepts.borrow_and_update());
            tokio::select! {
                biased;
                () = self.listener.stop.until(Phase::Draining) => break,
                () = self.drain.until(Phase::Draining) => break,
                ended = connections.join_next(), if !connections.is_empty() => drop(ended),
                () = changed(&mut accepting) => {}
                accepted = socket.accept(), if accepts => match accepted {
                    Ok((socket, _)) => self.begin(socket, worker.clone(), connections),
                    Err(error) => self.fail(&error).await,
                },
            }
        }
        // Who is in the system's queue has connected, and would be reset when the socket closes.
        while let Some(socket) = waiting(&socket).await {
            self.begin(socket, worker.clone(), connections);
        }
    }

    fn begin(&self, socket: TcpStream, worker: Rc<WorkerStats>, connections: &mut Owned) {
        // A client that is gone already has no address any more.
        let (Ok(remote), Ok(local), Ok(())) =
            (socket.peer_addr(), socket.local_addr(), socket.set_nodelay(true))
        else {
            return;
        };
        let Some(slots) = self.admit() else { return };
        let place = Place {
            listener: self.listener.clone(),
            chains: self.chains.clone(),
            worker,
            _slots: slots,
        };
        task::spawn_in(connections, place.serve(socket, Downstream::new(remote, local)));
    }

    /// What a connection occupies; none if it is to be closed.
    fn admit(&self) -> Option<[Option<Slot>; 2]> {
        let (listener, stats) = (&self.listener, &self.listener.stats);
        let most = self.most_connections.as_ref();
        let among_all = match most.filter(|_| !listener.config.ignores_global_limit) {
            Some(limit) => {
                let slot = limit.take();
                if slot.is_none() {
                    stats.downstream_global_cx_overflow.inc();
                    tracing::debug!(address = %listener.address, "all connections are too many");
                    return None;
                }
                slot
            }
            None => None,
        };
        if self.overload.as_ref().is_some_and(|overload| overload.rejects_connection()) {
            stats.downstream_cx_overload_reject.inc();
            return None;
        }
        let among_its = match &listener.limit {
            Some(limit) => {
                let slot = limit.take();
                if slot.is_none() {
                    stats.downstream_cx_overflow.inc();
                    tracing::debug!(address = %listener.address, "a connection too many");
                    return None;
                }
                slot
            }
            None => None,
        };
        Some([among_all, among_its])
    }

    /// Most errors are of the connection that was to be accepted, and the next one may be well.
    async fn fail(&self, error: &io::Error) {
        tracing::warn!(%error, address = %self.listener.address, "a connection could not be accepted");
        self.listener.stats.downstream_cx_overload_reject.inc();
        sleep(EXHAUSTED_PAUSE).await;
    }
}
