//! Files that lines are written into, each by a thread of its own, so that a slow or full disk holds up no worker.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use super::stats::FileStats;
use crate::base::clock;
use crate::stats::Scope;

/// A buffer of this size is written at once (Envoy's `MIN_FLUSH_SIZE`).
const FLUSH_AT: usize = 64 * 1024;

/// Lines beyond this are thrown away: the file takes them too slowly.
const MOST_BUFFERED: usize = 1024 * 1024;

/// All files that access logs go to; each is open once, however many logs go there.
#[derive(Clone, Debug)]
pub struct Files(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    stats: FileStats,
    interval: Duration,
    open: Mutex<BTreeMap<Target, Weak<Handle>>>,
}

/// Where lines go.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Target {
    Path(PathBuf),
    Stdout,
    Stderr,
}

/// An open file; it is written out and closed when its last clone is dropped.
#[derive(Clone, Debug)]
pub(super) struct File(Arc<Handle>);

#[derive(Debug)]
struct Handle(Arc<Queue>);

/// What the workers and the file's thread share.
#[derive(Debug)]
struct Queue {
    stats: FileStats,
    state: Mutex<State>,
    /// Something is to be done, or was.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Lines that wait.
    lines: Vec<u8>,
    /// Lines are on their way into the file.
    writing: bool,
    /// To write what there is, however little.
    flush: bool,
    /// To open the path again.
    reopen: bool,
    /// Nobody writes any more.
    closed: bool,
}

/// The file's thread.
struct Writer {
    queue: Arc<Queue>,
    target: Target,
    file: fs::File,
    /// The last write failed; said once, not for each buffer.
    failing: bool,
}

thread_local! {
    /// Where a line is put together, before the file's lock is taken.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

// === impl Files ===

impl Files {
    /// No file yet; stats are `filesystem.*` below `root`, and buffers are written out each `interval` (Envoy's
    /// `--file-flush-interval-msec`, 10 s by default).
    pub fn new(root: &Scope, interval: Duration) -> Self {
        let stats = FileStats::register(&root.scope("filesystem"));
        Self(Arc::new(Shared { stats, interval, open: Mutex::default() }))
    }

    /// Writes out what waits and returns when it is done, or when `patience` is over.
    pub fn flush(&self, patience: Duration) {
        let open = self.all();
        for handle in &open {
            handle.0.ask(|state| state.flush = true);
        }
        let deadline = clock::now() + patience;
        for handle in open {
            let rest = deadline.saturating_duration_since(clock::now());
            let busy = |state: &mut State| state.writing || !state.lines.is_empty();
            // What does not go out within the patience of the caller is lost.
            drop(handle.0.changed.wait_timeout_while(handle.0.lock(), rest, busy));
        }
    }

    /// Opens every path again, as after its file was moved away (SIGUSR1, `/reopen_logs`).
    pub fn reopen(&self) {
        for handle in self.all() {
            handle.0.ask(|state| state.reopen = true);
        }
    }

    /// Opens a file for appending, or joins those who have it open.
    pub(super) fn open(&self, path: &Path) -> io::Result<File> {
        self.join(match path.to_str() {
            Some("/dev/stdout") => Target::Stdout,
            Some("/dev/stderr") => Target::Stderr,
            _ => Target::Path(path.to_owned()),
        })
    }

    /// Our standard output.
    pub(super) fn stdout(&self) -> io::Result<File> {
        self.join(Target::Stdout)
    }

    /// Our standard error.
    pub(super) fn stderr(&self) -> io::Result<File> {
        self.join(Target::Stderr)
    }

    fn join(&self, target: Target) -> io::Result<File> {
        let mut open = lock(&self.0.open);
        if let Some(handle) = open.get(&target).and_then(Weak::upgrade) {
            return Ok(File(handle));
        }
        let file = target.open()?;
        let queue = Arc::new(Queue {
            stats: self.0.stats.clone(),
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let writer =
            Writer { queue: Arc::clone(&queue), target: target.clone(), file, failing: false };
        let interval = self.0.interval;
        thread::Builder::new()
            .name(String::from("access_log"))
            .spawn(move || writer.run(interval))?;
        let handle = Arc::new(Handle(queue));
        open.insert(target, Arc::downgrade(&handle));
        Ok(File(handle))
    }

    fn all(&self) -> Vec<Arc<Handle>> {
        lock(&self.0.open).values().filter_map(Weak::upgrade).collect()
    }
}

// === impl Target ===

impl Target {
    fn open(&self) -> io::Result<fs::File> {
        match self {
            Self::Path(path) => OpenOptions::new().append(true).create(true).open(path),
            // Not by their paths, which another user's terminal or pipe would refuse.
            Self::Stdout => io::stdout().as_fd().try_clone_to_owned().map(fs::File::from),
            Self::Stderr => io::stderr().as_fd().try_clone_to_owned().map(fs::File::from),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Path(path) => path.display().to_string(),
            Self::Stdout => String::from("standard output"),
            Self::Stderr => String::from("standard error"),
        }
    }
}

// === impl File ===

impl File {
    /// Takes a line that `format` appends. Never blocks; a line for which there is no room is counted and lost.
    pub(super) fn write(&self, format: impl FnOnce(&mut Vec<u8>)) {
        let mut line = SCRATCH.take();
        line.clear();
        format(&mut line);
        self.0.0.push(&line);
        SCRATCH.set(line);
    }
}

// === impl Handle ===

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.ask(|state| state.closed = true);
    }
}

// === impl Queue ===

impl Queue {
    fn push(&self, line: &[u8]) {
        let mut state = self.lock();
        let before = state.lines.len();
        if before + line.len() > MOST_BUFFERED {
            self.stats.write_dropped.inc();
            return;
        }
        state.lines.extend_from_slice(line);
        self.stats.write_buffered.inc();
        self.stats.write_total_buffered.add(line.len() as u64);
        if before < FLUSH_AT && state.lines.len() >= FLUSH_AT {
            self.changed.notify_all();
        }
    }

    fn ask(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

// === impl Writer ===

impl Writer {
    fn run(mut self, interval: Duration) {
        let mut lines = Vec::new();
        loop {
            let closed = self.next(interval, &mut lines);
            if !lines.is_empty() {
                self.put(&lines);
                lines.clear();
            }
            self.queue.ask(|state| state.writing = false);
            if closed {
                return;
            }
        }
    }

    /// Waits for something to do and takes the lines that wait; whether these were the last.
    fn next(&mut self, interval: Duration, lines: &mut Vec<u8>) -> bool {
        let queue = Arc::clone(&self.queue);
        let idle = |state: &mut State| {
            state.lines.len() < FLUSH_AT && !state.flush && !state.reopen && !state.closed
        };
        let waited = queue.changed.wait_timeout_while(queue.lock(), interval, idle);
        let (mut state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() {
            queue.stats.flushed_by_timer.inc();
        }
        let (closed, reopen) = (state.closed, state.reopen);
        std::mem::swap(&mut state.lines, lines);
        *state = State { lines: std::mem::take(&mut state.lines), closed, ..State::default() };
        state.writing = true;
        drop(state);
        if reopen {
            self.reopen();
        }
        closed
    }

    fn put(&mut self, lines: &[u8]) {
        let stats = &self.queue.stats;
        stats.write_total_buffered.sub(lines.len() as u64);
        match self.file.write_all(lines) {
            Ok(()) => {
                stats.write_completed.inc();
                if self.failing {
                    tracing::info!(file = self.target.name(), "the access log is written again");
                }
                self.failing = false;
            }
            Err(error) => {
                stats.write_failed.inc();
                if !self.failing {
                    let file = self.target.name();
                    tracing::warn!(file, %error, "cannot write the access log; its lines are lost");
                }
                self.failing = true;
            }
        }
    }

    /// Goes on with the file as it is if it cannot be opened again.
    fn reopen(&mut self) {
        match self.target.open() {
            Ok(file) => self.file = file,
            Err(error) => {
                self.queue.stats.reopen_failed.inc();
                tracing::warn!(file = self.target.name(), %error, "cannot open the access log again");
            }
        }
    }
}

/// No code that holds these locks can leave what they guard half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
