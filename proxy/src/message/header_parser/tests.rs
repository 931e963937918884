//! Headers beside what Envoy 1.40 made of them.

use http::HeaderMap;

use crate::base::clock;
use crate::config::headers::{AppendAction, HeaderRules, HeaderValueOption};
use crate::formatter::Notes;
use crate::message::{Body, Request};
use crate::stream_info::{Downstream, Protocol, StreamInfo};

use super::HeaderParser;

use AppendAction::{AddIfAbsent, AppendIfExistsOrAdd, OverwriteIfExists, OverwriteIfExistsOrAdd};

fn info() -> StreamInfo {
    let address = "127.0.0.1:80".parse().unwrap();
    let downstream = Downstream::new(address, address);
    StreamInfo::new(clock::now(), Protocol::Http11, downstream)
}

fn option(name: &str, value: &str, append_action: AppendAction) -> HeaderValueOption {
    HeaderValueOption {
        name: name.to_owned(),
        value: value.to_owned(),
        append_action,
        keep_empty_value: false,
    }
}

fn request() -> Request {
    let request = http::Request::get("/p?a=b");
    let request = request.header("x", "1").header("y", "1").header("x", "2").header("e", "");
    request.body(Body::empty()).unwrap()
}

fn lines(headers: &HeaderMap) -> Vec<String> {
    let mut lines: Vec<_> = headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    lines.sort_by_key(|line| line.split(':').next().unwrap().to_owned());
    lines
}

fn changed(remove: &[&str], add: Vec<HeaderValueOption>) -> Vec<String> {
    let remove = remove.iter().map(|name| (*name).to_owned()).collect();
    let mut request = request();
    let parser = HeaderParser::new(&HeaderRules { remove, add }).unwrap();
    parser.change_request(&mut request, &info());
    lines(request.headers())
}

#[test]
fn the_four_ways_of_adding() {
    let all = |action| {
        let names = ["x", "n", "e"];
        changed(&[], names.iter().map(|name| option(name, "new", action)).collect())
    };
    assert_eq!(
        all(AppendIfExistsOrAdd),
        ["e: ", "e: new", "n: new", "x: 1", "x: 2", "x: new", "y: 1"]
    );
    assert_eq!(all(AddIfAbsent), ["e: ", "n: new", "x: 1", "x: 2", "y: 1"]);
    assert_eq!(all(OverwriteIfExistsOrAdd), ["e: new", "n: new", "x: new", "y: 1"]);
    assert_eq!(all(OverwriteIfExists), ["e: new", "x: new", "y: 1"]);
}

#[test]
fn no_rule_sees_what_another_does() {
    let added = changed(
        &[],
        vec![
            option("n", "1", AddIfAbsent),
            option("n", "2", AddIfAbsent),
            option("m", "1", AppendIfExistsOrAdd),
            option("m", "2", OverwriteIfExists),
            option("x", "b", AppendIfExistsOrAdd),
            option("x", "a", OverwriteIfExists),
        ],
    );
    assert_eq!(added, ["e: ", "m: 1", "n: 1", "n: 2", "x: a", "x: b", "y: 1"]);
}

#[test]
fn what_is_removed_is_gone_before_values_are_made() {
    let added = changed(
        &["x"],
        vec![
            option("x", "new", AppendIfExistsOrAdd),
            option("z", "%REQ(x)%|%REQ(y)%", AppendIfExistsOrAdd),
        ],
    );
    assert_eq!(added, ["e: ", "x: new", "y: 1", "z: |1"]);
}

#[test]
fn what_comes_out_empty_is_added_only_if_it_is_to_be_kept() {
    let kept = |name, value, action| HeaderValueOption {
        keep_empty_value: true,
        ..option(name, value, action)
    };
    let added = changed(
        &[],
        vec![
            kept("a", "", AppendIfExistsOrAdd),
            option("b", "", AppendIfExistsOrAdd),
            option("c", "%REQ(none)%", AppendIfExistsOrAdd),
            kept("d", "%REQ(none)%", AppendIfExistsOrAdd),
            option("f", "%PROTOCOL%%REQ(none)%", AppendIfExistsOrAdd),
            option("x", "", OverwriteIfExists),
            kept("y", "", OverwriteIfExists),
        ],
    );
    assert_eq!(added, ["a: ", "d: ", "e: ", "f: HTTP/1.1", "x: 1", "x: 2", "y: "]);
}

#[test]
fn a_response_sees_its_request_as_it_was_sent() {
    let rules = HeaderRules {
        remove: vec!["gone".to_owned()],
        add: vec![option(
            "z",
            "%REQ(y)%|%REQ(:path)%|%RESP(own)%|%RESP(gone)%|%RESP(:status)%|%RESPONSE_CODE%",
            AddIfAbsent,
        )],
    };
    let parser = HeaderParser::new(&rules).unwrap();
    let mut notes = Notes::default();
    parser.note_request(&request(), &mut notes);
    let response = http::Response::builder().status(201).header("own", "o").header("gone", "g");
    let mut response = response.body(Body::empty()).unwrap();
    parser.change_response(&mut response, &info(), &mut notes);
    assert_eq!(lines(response.headers()), ["own: o", "z: 1|/p?a=b|o||201|0"]);
}

#[test]
fn nothing_to_do_is_no_parser() {
    assert!(HeaderParser::new(&HeaderRules::default()).is_none());
}
