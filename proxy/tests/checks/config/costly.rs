//! What the program itself takes to refuse files that nobody would write: its memory is looked at from outside.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use outrigger::base::clock;

/// The most that it may ever hold, in kB. Optimised it stays below 64 MB; a test's build is larger by itself.
const MOST_KB: u64 = 96 * 1024;

/// Each takes a fraction of a second when optimised, on a machine with nothing else to do.
const PATIENCE: Duration = Duration::from_secs(30);

const MIB: usize = 1024 * 1024;

#[test]
fn what_is_large_and_wrong_takes_little_memory() {
    let numbered = |count: usize, each: fn(usize) -> String| (0..count).map(each);
    for (name, text, told) in [
        ("ahead.yaml", format!("a: 1\n{}", "\n".repeat(15 * MIB)), "characters"),
        ("tokens.yaml", format!("[{}", "1,\n".repeat(5 * MIB)), "characters"),
        ("dashes.yaml", "-\n".repeat(7 * MIB), "keys and values"),
        ("anchors.yaml", numbered(180_000, |n| format!("- &a{n} x\n")).collect(), "an object"),
        ("maps.json", format!("[{}1]", r#"{"a":1},"#.repeat(100_000)), "an object"),
        ("keys.json", format!("{{{}", r#""a":1,"#.repeat(2 * MIB)), "not valid JSON"),
        ("string.json", format!(r#"{{"a":"{}"}}"#, "x".repeat(15 * MIB)), "unknown field"),
        ("v1.json", format!(r#"{{"listeners":[{}{{}}]}}"#, "{},".repeat(390_000)), "and "),
        (
            "v3.json",
            format!(
                r#"{{"static_resources":{{"clusters":[{}{{}}]}}}}"#,
                r#"{"a":1},"#.repeat(100_000)
            ),
            "and ",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        refused(&path, told, |_| {});
    }
}

#[test]
fn what_has_no_size_is_refused_when_it_is_too_large() {
    let folder = tempfile::tempdir().unwrap();
    let zero = folder.path().join("zero.json");
    std::os::unix::fs::symlink("/dev/zero", &zero).unwrap();
    refused(&zero, "larger than 16 MiB", |_| {});

    // The child's own standard input is a pipe that is as good as any other.
    let endless = folder.path().join("pipe.yaml");
    std::os::unix::fs::symlink("/dev/stdin", &endless).unwrap();
    refused(&endless, "larger than 16 MiB", |child| {
        let mut pipe = child.stdin.take().expect("it is a pipe");
        // It stops reading in the midst of it.
        thread::spawn(move || while pipe.write_all(&[b'#'; 4096]).is_ok() {});
    });
}

/// Has the program look at the file; it must say so and must not take much.
fn refused(path: &Path, told: &str, feed: impl FnOnce(&mut Child)) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_outrigger"));
    command.args(["--mode", "validate", "-c"]).arg(path);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let begun = clock::now();
    let mut child = command.spawn().expect("the program can be started");
    feed(&mut child);
    let mut stderr = child.stderr.take().expect("it is a pipe");
    let said = thread::spawn(move || std::io::read_to_string(&mut stderr));
    let mut peak = 0;
    let status = loop {
        // Once it has ended there is no memory to be seen any more.
        peak = peak.max(peak_of(child.id()).unwrap_or(0));
        if let Some(status) = child.try_wait().expect("it is our child") {
            break status;
        }
        assert!(begun.elapsed() < PATIENCE, "{path:?} takes too long");
        thread::yield_now();
    };
    let said = said.join().expect("it does not panic").expect("it is text");
    assert_eq!(status.code(), Some(1), "{path:?}: {said}");
    assert!(said.contains(told), "{path:?}: {said}");
    assert!(peak > 0 && peak < MOST_KB, "{path:?} took {peak} kB");
}

/// The most that a process has held so far, in kB.
fn peak_of(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}
