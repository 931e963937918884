//! The fuzz targets on their seeds, and on the seeds and all fixtures damaged in ways that depend on nothing but the seed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use fastrand::Rng;

use outrigger::base::clock;

#[path = "../../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "it is a library for the fuzzer")]
mod targets;

/// What one input may take, unoptimised and on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often each file is damaged.
const DAMAGES: usize = 6;

/// What is put into files: what means something to one of the readers.
const TOKENS: &[&str] = &[
    "\0",
    "\u{feff}",
    "\u{2028}",
    "\r",
    "\t",
    "\n",
    "\n- ",
    "\n  ? ",
    "{",
    "}",
    "[",
    "]",
    ":",
    ": ",
    ",",
    "\"",
    "'",
    "\\u0000",
    "\\ud800",
    "&a ",
    "*a",
    "<<: *a",
    "!!str ",
    "!x ",
    "| ",
    ">-\n",
    "# ",
    "---\n",
    "...\n",
    "null",
    "-1",
    "1e999",
    ".nan",
    "0x",
    "18446744073709551616",
    "9223372036s",
    "-0.000000001s",
    "%",
    "%REQ(",
    "%START_TIME(%9f)%",
    "${A}",
    "${",
    "${B:-",
    "//",
    "/../",
    "%2f",
    "%00",
    "?",
    "#",
    "*",
    "(?:",
    "\\Q",
    "[[:alpha:]]",
    "{1000}",
    "\r\n\r\n",
    "@type",
];

#[test]
fn every_target_takes_its_seeds() {
    for (name, target) in targets::TARGETS {
        let seeds = files(&Path::new("fuzz/seeds").join(name));
        assert!(!seeds.is_empty(), "{name} has no seeds");
        for seed in &seeds {
            feed(name, *target, &seed.display().to_string(), &read(seed));
        }
    }
}

#[test]
fn every_target_takes_damaged_seeds() {
    for (name, target) in targets::TARGETS {
        damage(name, *target, &files(&Path::new("fuzz/seeds").join(name)));
    }
}

#[test]
fn every_loader_takes_damaged_fixtures() {
    let fixtures = files(Path::new("tests/fixtures/config"));
    for (name, target) in targets::TARGETS {
        let Some((version, extension)) = name.split_once('_') else { continue };
        let mut fixtures = fixtures.clone();
        fixtures.retain(|path| {
            let meant = path.components().any(|folder| folder.as_os_str() == version);
            meant && path.extension().is_some_and(|found| found == extension)
        });
        damage(name, *target, &fixtures);
    }
}

fn damage(name: &str, target: fn(&[u8]), paths: &[PathBuf]) {
    let texts: Vec<Vec<u8>> = paths.iter().map(|path| read(path)).collect();
    for (number, text) in texts.iter().enumerate() {
        let mut random = Rng::with_seed(number as u64);
        for time in 0..DAMAGES {
            let mut text = text.clone();
            for _ in 0..random.usize(1..6) {
                change(&mut text, &texts, &mut random);
            }
            feed(name, target, &format!("{}, damage {time}", paths[number].display()), &text);
        }
    }
}

/// One of the things that go wrong with a file.
fn change(text: &mut Vec<u8>, others: &[Vec<u8>], random: &mut Rng) {
    let from = random.usize(..=text.len());
    let to = (from + random.usize(..64)).min(text.len());
    let some: Vec<u8> = match random.u8(..7) {
        0 => vec![random.u8(..)],
        1 => text[from..to].to_vec(), // which removes nothing, and below doubles it
        2 => {
            let other = &others[random.usize(..others.len())];
            let start = random.usize(..=other.len());
            other[start..(start + random.usize(..200)).min(other.len())].to_vec()
        }
        3 => Vec::new(),
        _ => TOKENS[random.usize(..TOKENS.len())].into(),
    };
    let to = if random.bool() { from } else { to };
    text.splice(from..to, some);
}

fn feed(name: &str, target: fn(&[u8]), what: &str, bytes: &[u8]) {
    let _told = Told { name, what, bytes };
    let begun = clock::now();
    target(bytes);
    assert!(begun.elapsed() < PATIENCE, "it took {:?}", begun.elapsed());
}

/// Says what the target was given if it panics.
struct Told<'a> {
    name: &'a str,
    what: &'a str,
    bytes: &'a [u8],
}

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{} was given {}: {}", self.name, self.what, self.bytes.escape_ascii());
        }
    }
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).expect("it can be read")
}

/// All files below a folder, in the order of their names.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in folder.read_dir().expect("the folder is there") {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}
