//! Files that are slow, full or moved away.

use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, process};

use super::{FLUSH_AT, Files, MOST_BUFFERED};
use crate::base::clock;
use crate::stats::Store;

const PATIENCE: Duration = Duration::from_secs(10);
const NEVER: Duration = Duration::from_secs(3600);

/// A folder of the test's own that goes when it ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("access-log-{name}-{}", process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn files(interval: Duration) -> (Store, Files) {
    let store = Store::new();
    let files = Files::new(&store.root(), interval);
    (store, files)
}

fn counter(store: &Store, name: &str) -> u64 {
    store.root().counter(&format!("filesystem.{name}")).value()
}

fn eventually(what: &str, condition: impl Fn() -> bool) {
    let deadline = clock::now() + PATIENCE;
    while !condition() {
        assert!(clock::now() < deadline, "{what} did not come about");
        std::thread::yield_now();
    }
}

#[test]
fn lines_wait_until_they_are_flushed() {
    let folder = Folder::new("flush");
    let path = folder.file("log");
    let (store, files) = files(NEVER);
    let file = files.open(&path).unwrap();
    file.write(|line| line.extend_from_slice(b"one\n"));
    files.open(&path).unwrap().write(|line| line.extend_from_slice(b"two\n"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "");
    assert_eq!(counter(&store, "write_buffered"), 2);
    assert_eq!(store.root().gauge("filesystem.write_total_buffered").value(), 8);
    files.flush(PATIENCE);
    assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\n");
    assert_eq!(counter(&store, "write_completed"), 1);
    assert_eq!(store.root().gauge("filesystem.write_total_buffered").value(), 0);
}

#[test]
fn lines_are_written_when_the_interval_is_over() {
    let folder = Folder::new("interval");
    let path = folder.file("log");
    let (store, files) = files(Duration::from_millis(5));
    let file = files.open(&path).unwrap();
    file.write(|line| line.extend_from_slice(b"one\n"));
    eventually("the write", || fs::read_to_string(&path).unwrap() == "one\n");
    assert!(counter(&store, "flushed_by_timer") > 0);
}

#[test]
fn a_full_buffer_is_written_at_once() {
    let folder = Folder::new("full-buffer");
    let path = folder.file("log");
    let (_store, files) = files(NEVER);
    let file = files.open(&path).unwrap();
    for _ in 0..FLUSH_AT / 64 {
        file.write(|line| line.extend_from_slice(&[b'x'; 64]));
    }
    eventually("the write", || fs::metadata(&path).unwrap().len() == FLUSH_AT as u64);
}

#[test]
fn the_last_handle_takes_the_lines_with_it() {
    let folder = Folder::new("drop");
    let path = folder.file("log");
    let (_store, files) = files(NEVER);
    files.open(&path).unwrap().write(|line| line.extend_from_slice(b"last\n"));
    eventually("the write", || fs::read_to_string(&path).unwrap() == "last\n");
    assert!(files.all().is_empty());
}

#[test]
fn a_full_disk_is_counted_and_holds_nobody_up() {
    let (store, files) = files(NEVER);
    let file = files.open(Path::new("/dev/full")).unwrap();
    for round in 1..=2 {
        file.write(|line| line.extend_from_slice(b"lost\n"));
        files.flush(PATIENCE);
        assert_eq!(counter(&store, "write_failed"), round);
    }
    assert_eq!(counter(&store, "write_completed"), 0);
    assert_eq!(store.root().gauge("filesystem.write_total_buffered").value(), 0);
}

#[test]
fn a_stuck_reader_costs_lines_not_workers() {
    let (mut reader, writer) = io::pipe().unwrap();
    let (store, files) = files(NEVER);
    let file = files.open(Path::new(&format!("/proc/self/fd/{}", writer.as_raw_fd()))).unwrap();
    drop(writer);
    let line = [b'x'; 1024];
    // Twice what the pipe, the lines on their way and the buffer can hold.
    for _ in 0..4 * MOST_BUFFERED / line.len() {
        file.write(|out| out.extend_from_slice(&line));
    }
    assert!(counter(&store, "write_dropped") > 0);
    files.flush(Duration::from_millis(1));
    let buffered = counter(&store, "write_buffered") * line.len() as u64;
    drop(file);
    let mut read = Vec::new();
    reader.read_to_end(&mut read).unwrap();
    assert_eq!(read.len() as u64, buffered, "what was taken is written in the end");
}

#[test]
fn a_file_that_was_moved_away_is_opened_again() {
    let folder = Folder::new("reopen");
    let path = folder.file("log");
    let (store, files) = files(NEVER);
    let file = files.open(&path).unwrap();
    let write = |text: &str| {
        file.write(|line| line.extend_from_slice(text.as_bytes()));
        files.flush(PATIENCE);
    };
    write("old\n");
    let old = folder.file("log.1");
    fs::rename(&path, &old).unwrap();
    files.reopen();
    eventually("the new file", || path.exists());
    write("new\n");
    assert_eq!(fs::read_to_string(&old).unwrap(), "old\n");
    assert_eq!(fs::read_to_string(&path).unwrap(), "new\n");

    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    files.reopen();
    eventually("the failure", || counter(&store, "reopen_failed") == 1);
}

#[test]
fn standard_output_and_error_need_no_path() {
    let (_store, files) = files(NEVER);
    let by_path = files.open(Path::new("/dev/stderr")).unwrap();
    let by_name = files.stderr().unwrap();
    assert!(std::sync::Arc::ptr_eq(&by_path.0, &by_name.0));
    assert!(files.open(Path::new("/dev/stdout")).is_ok() && files.stdout().is_ok());
    assert!(files.open(Path::new("/nonexistent/folder/log")).is_err());
}
