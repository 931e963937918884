//! What each fuzz target does with its bytes. The plain test `checks::fuzz` does the same with the seeds.

use std::cell::OnceCell;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};
use outrigger::base::clock;
use outrigger::config::bootstrap::Node;
use outrigger::config::{Bootstrap, Form, convert, load, load_expanded};
use outrigger::formatter::{Format, Names, Notes};
use outrigger::hcm::head::{Facts, Scan};
use outrigger::message::{Body, normalize};
use outrigger::route::{Head, Selected, Table};
use outrigger::stream_info::{Downstream, Protocol, StreamInfo};
use tempfile::TempDir;

/// A target: its name, which is that of its folder of seeds, and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("v3_yaml", v3_yaml),
    ("v3_json", v3_json),
    ("v1_yaml", v1_yaml),
    ("v1_json", v1_json),
    ("format", format),
    ("path", path),
    ("route", route),
    ("head", head),
];

/// The table that heads are matched against.
const TABLE: &str = include_str!("table.yaml");

/// Reads a v3 file in YAML.
pub fn v3_yaml(bytes: &[u8]) {
    read("v3.yaml", bytes);
}

/// Reads a v3 file in JSON.
pub fn v3_json(bytes: &[u8]) {
    read("v3.json", bytes);
}

/// Reads a v1 file in YAML.
pub fn v1_yaml(bytes: &[u8]) {
    read("v1.yaml", bytes);
}

/// Reads a v1 file in JSON.
pub fn v1_json(bytes: &[u8]) {
    read("v1.json", bytes);
}

/// Reads a file as the program does at its start, up to the route tables, or writes what is wrong with it; and converts
/// it, which must give what can be read.
fn read(name: &str, bytes: &[u8]) {
    thread_local!(static FOLDER: OnceCell<TempDir> = const { OnceCell::new() });
    let path: PathBuf = FOLDER.with(|folder| {
        folder.get_or_init(|| tempfile::tempdir().expect("a folder can be made")).path().join(name)
    });
    std::fs::write(&path, bytes).expect("the file can be written");
    match load_expanded(Some(&path), None, &Node::default(), Some(&variable)) {
        Ok(loaded) => {
            assert!(!loaded.bootstrap.dump.is_empty());
            drop((tables(&loaded.bootstrap), loaded.warnings.to_string()));
        }
        Err(report) => assert!(!report.to_string().is_empty(), "a refusal says why"),
    }
    for (form, name) in [(Form::Yaml, "converted.yaml"), (Form::Json, "converted.json")] {
        let Ok(converted) = convert(&path, Some(form), None) else { continue };
        let path = path.with_file_name(name);
        std::fs::write(&path, &converted.text).expect("the file can be written");
        if let Err(report) = load(Some(&path), None, &Node::default()) {
            let report = report.to_string();
            assert!(
                !report.contains("not valid"),
                "{report}, in what was written:\n{}",
                converted.text
            );
        }
    }
}

/// The environment: some variables are set, and some of those to what is no text.
fn variable(name: &str) -> Option<OsString> {
    match name.as_bytes() {
        [] => None,
        [b'B', ..] => Some(OsString::from_vec(vec![0xff])),
        [first, ..] => first.is_ascii_uppercase().then(|| OsString::from("/v: [{\"é\n")),
    }
}

fn tables(bootstrap: &Bootstrap) -> Vec<Table> {
    let managers = bootstrap.listeners.iter().flat_map(|listener| listener.managers());
    managers.map(|(_, manager)| Table::new(&manager.routes)).collect()
}

/// Reads a format and writes a line with it: the first line is the format, the others are fields of both heads.
pub fn format(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (text, fields) = text.split_once('\n').unwrap_or((&text, ""));
    let mut names = Names::default();
    let Ok(format) = Format::parse(text, &mut names) else { return };
    let (mut info, mut notes) = (info(), Notes::default());
    format.write(&mut Vec::new(), &info, &notes);
    let headers = headers(fields);
    let (mut head, ()) = Request::new(()).into_parts();
    head.uri = "/a/b?c=d".parse().expect("a path");
    head.headers = headers.clone();
    names.note_request(&mut notes, &head);
    names.note_response(&mut notes, &headers);
    names.note_trailers(&mut notes, &headers);
    info.response_code = Some(503);
    info.duration = Some(Duration::from_micros(1_234));
    info.start_wall = Some(UNIX_EPOCH + Duration::from_nanos(1_795_448_277_012_345_678));
    format.write(&mut Vec::new(), &info, &notes);
}

fn info() -> StreamInfo {
    let address = "127.0.0.1:80".parse().expect("an address");
    let downstream = Downstream::new(address, address);
    StreamInfo::new(clock::now(), Protocol::Http2, downstream)
}

/// Fields, one a line, as far as they can be some.
fn headers(lines: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines.lines().take(100) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
            headers.append(name, value);
        }
    }
    headers
}

/// Brings a path into its one form, in each way and in all of them.
pub fn path(bytes: &[u8]) {
    let Ok(path) = std::str::from_utf8(bytes) else { return };
    let query = path.find('?').map(|at| &path[at..]);
    let kept = |new: &str| {
        let same = new.find('?').map(|at| &new[at..]) == query;
        assert!(same, "{path:?} became {new:?}, with another query");
    };
    let unescaped = normalize::unescape_slashes(path);
    unescaped.iter().for_each(|new| kept(new));
    let merged = normalize::merge_slashes(path);
    merged.iter().for_each(|new| kept(new));
    if let Some(merged) = merged {
        let again = normalize::merge_slashes(&merged).unwrap_or_else(|| merged.clone());
        assert_eq!(again, merged, "{path:?} is merged twice");
    }
    let path = unescaped.as_deref().unwrap_or(path);
    if let Ok(Some(normal)) = normalize::normalize(path) {
        kept(&normal);
        let (normal, _) = normal.split_once('?').unwrap_or((&normal, ""));
        assert!(normal.is_ascii(), "{path:?} became {normal:?}");
        let climbs = normal.split('/').any(|segment| matches!(segment, "." | ".."));
        assert!(!climbs || !path.starts_with('/'), "{path:?} became {normal:?}");
    }
}

/// Matches a head: the first line is the host, the second the path, the others are fields.
pub fn route(bytes: &[u8]) {
    thread_local!(static MATCHED: Table = table());
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.splitn(3, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (host, target, fields) = (line(), line(), line());
    let Ok(target) = target.parse::<Uri>() else { return };
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = target;
    *request.headers_mut() = headers(fields);
    MATCHED.with(|table| {
        let name = |met: Selected<'_>| met.virtual_host.name.clone();
        let found = table.select(&Head::new(host, &request)).map(name);
        let upper = host.to_ascii_uppercase();
        let again = table.select(&Head::new(&upper, &request)).map(name);
        assert_eq!(found, again, "the case of a host means nothing");
    });
}

fn table() -> Table {
    let loaded = load(None, Some(TABLE), &Node::default()).expect("the table is right");
    tables(&loaded.bootstrap).pop().expect("it has a listener")
}

/// Looks at a head as it comes in pieces: the first byte says how long they are. That must change nothing.
pub fn head(bytes: &[u8]) {
    let Some((length, head)) = bytes.split_first() else { return };
    let (mut whole, mut pieces) = (Scan::default(), Scan::default());
    whole.feed(head);
    let (length, mut fed) = (usize::from(*length) + 1, 0);
    while fed < head.len() && Facts::of(&head[..fed]).is_none() {
        let piece = &head[fed..head.len().min(fed + length)];
        pieces.feed(piece);
        fed += piece.len();
    }
    assert_eq!(whole.take(), pieces.take());
}
