//! One child process: spawned on a thread that outlives it, its output in a file, its end awaited by anyone.

use std::{
    fs::OpenOptions,
    io,
    path::Path,
    process::{Command, ExitStatus, Stdio},
    sync::{LazyLock, mpsc},
    thread::{self, JoinHandle},
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use tokio::sync::{oneshot, watch};

/// A running or ended child process. Dropping it kills it.
#[derive(Debug)]
pub(super) struct Child {
    pid: u32,
    ended: watch::Receiver<Option<ExitStatus>>,
    waiter: Option<JoinHandle<()>>,
}

struct Order {
    command: Command,
    answer: oneshot::Sender<io::Result<std::process::Child>>,
}

/// The thread that spawns every child of this process, and never ends: the kernel ends a tethered child when the thread that
/// spawned it ends, and a test's own thread ends with the test.
static SPAWNER: LazyLock<mpsc::Sender<Order>> = LazyLock::new(|| {
    let (orders, taken) = mpsc::channel::<Order>();
    thread::Builder::new()
        .name("spawner".to_owned())
        .spawn(move || {
            for mut order in taken {
                let child = order.command.spawn();
                // Nobody waits any more: then nobody would end it either.
                if let Err(Ok(mut unwanted)) = order.answer.send(child) {
                    drop(unwanted.kill());
                    drop(unwanted.wait());
                }
            }
        })
        .expect("a thread can be started");
    orders
});

// === impl Child ===

impl Child {
    /// Starts a command with nothing to read, and its output appended to `log`.
    pub(super) async fn spawn(mut command: Command, log: &Path) -> io::Result<Self> {
        let output = OpenOptions::new().create(true).append(true).open(log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let (answer, spawned) = oneshot::channel();
        let gone = || io::Error::other("the thread that starts processes is gone");
        SPAWNER.send(Order { command, answer }).map_err(|_unsent| gone())?;
        let mut child = spawned.await.map_err(|_closed| gone())??;
        let pid = child.id();
        let (ends, ended) = watch::channel(None);
        let waiter = thread::Builder::new().name(format!("wait-{pid}")).spawn(move || {
            // Only a process that is not a child of this one cannot be waited for.
            let status = child.wait().expect("a child can be waited for");
            ends.send_replace(Some(status));
        })?;
        Ok(Self { pid, ended, waiter: Some(waiter) })
    }

    /// Its process id; `None` once it has ended, since the id may then be another's.
    pub(super) fn pid(&self) -> Option<u32> {
        self.ended.borrow().is_none().then_some(self.pid)
    }

    /// How it ended, if it has.
    pub(super) fn status(&self) -> Option<ExitStatus> {
        *self.ended.borrow()
    }

    pub(super) fn signal(&self, signal: Signal) -> io::Result<()> {
        Ok(kill_process(self.running()?, signal)?)
    }

    /// Whether all its threads stand still.
    pub(super) fn is_stopped(&self) -> io::Result<bool> {
        let look = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        Ok(waitid(WaitId::Pid(self.running()?), look)?.is_some())
    }

    fn running(&self) -> io::Result<Pid> {
        let pid = self.pid().ok_or_else(|| io::Error::other("it does not run"))?;
        i32::try_from(pid)
            .ok()
            .and_then(Pid::from_raw)
            .ok_or_else(|| io::Error::other("no such process id"))
    }

    /// What to await for its end; independent of the child's own life.
    pub(super) fn end(&self) -> impl Future<Output = ExitStatus> + Send + 'static {
        let mut ended = self.ended.clone();
        async move {
            let status = ended
                .wait_for(Option::is_some)
                .await
                .expect("the waiting thread sends before it ends");
            status.expect("it was waited for")
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        drop(self.signal(Signal::KILL));
        // The test that follows may want the ports: so not only killed, but gone.
        if let Some(waiter) = self.waiter.take() {
            drop(waiter.join());
        }
    }
}
