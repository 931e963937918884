//! Lines beside those that Envoy 1.40 wrote.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Request, Response};

use super::format::{DEFAULT, Format, FormatError};
use super::names::{Names, Notes};
use crate::base::clock;
use crate::stream_info::{Downstream, Flag, Protocol, StreamInfo};

/// A stream like the one that was sent through Envoy.
fn info() -> StreamInfo {
    let (remote, local) = ("127.0.0.1:56028", "127.0.0.1:41900");
    let downstream = Downstream::new(remote.parse().unwrap(), local.parse().unwrap());
    let mut info = StreamInfo::new(clock::now(), Protocol::Http11, downstream);
    info.start_wall = Some(std::time::UNIX_EPOCH + Duration::from_millis(1_795_448_277_030));
    info.response_code = Some(200);
    info.details = Some("via upstream".into());
    info.bytes_received = 3;
    info.bytes_sent = 2;
    info.request_duration = Some(Duration::from_micros(999));
    info.response_duration = Some(Duration::from_millis(40));
    info.duration = Some(Duration::from_micros(44_999));
    info.upstream_host = Some("127.0.0.1:41901".parse().unwrap());
    info.upstream_local = Some("127.0.0.1:48646".parse().unwrap());
    info.upstream_cluster = Some("a:b.c".into());
    info.attempts = 1;
    info
}

fn request() -> http::request::Parts {
    Request::post("/p/a?a=bcd&e")
        .header("host", "h.example")
        .header("x", "valuex")
        .header("multi", "one")
        .header("multi", "two")
        .header("user-agent", "t")
        .body(())
        .unwrap()
        .into_parts()
        .0
}

fn line_of(format: &str, info: &StreamInfo) -> String {
    let mut names = Names::default();
    let format = Format::parse(format, &mut names).unwrap();
    let mut notes = Notes::default();
    names.note_request(&mut notes, &request());
    let response = Response::builder()
        .header("server", "envoy")
        .header("x-envoy-upstream-service-time", "7")
        .body(())
        .unwrap();
    names.note_response(&mut notes, response.headers());
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("5"));
    names.note_trailers(&mut notes, &trailers);
    let mut line = Vec::new();
    format.write(&mut line, info, &notes);
    String::from_utf8(line).unwrap()
}

fn check(cases: &[(&str, &str)], info: &StreamInfo) {
    for (format, expected) in cases {
        assert_eq!(line_of(format, info), *expected, "{format}");
    }
}

#[test]
fn the_default_format_is_envoys() {
    assert_eq!(
        line_of(DEFAULT, &info()),
        "[2026-11-23T15:37:57.030Z] \"POST /p/a?a=bcd&e HTTP/1.1\" 200 - 3 2 44 7 \"-\" \"t\" \"-\" \
         \"h.example\" \"127.0.0.1:41901\"\n"
    );
}

#[test]
fn heads_are_printed() {
    check(
        &[
            (
                "%REQ(:METHOD)% %REQ(:PATH)% %REQ(:AUTHORITY)% %REQ(:SCHEME)%",
                "POST /p/a?a=bcd&e h.example http",
            ),
            ("%REQ(Host)%", "h.example"),
            ("%REQ(X-ENVOY-ORIGINAL-PATH?:PATH):4%", "/p/a"),
            ("%REQ(x):3%|%REQ(x):0%|%REQ(x):99%", "val||valuex"),
            ("%REQ(none?x)%|%REQ(?x)%|%REQ(none)%|%REQ(none?)%", "valuex|valuex|-|-"),
            ("%REQ(multi)%", "one"),
            ("%REQ(:nothing)%|%REQ(%)%", "-|-"),
            ("%RESP(:STATUS)% %RESP(server)% %RESP(SERVER):2%", "200 envoy en"),
            ("%TRAILER(grpc-status)%|%TRAILER(none)%", "5|-"),
            ("%QUERY_PARAM(a)%|%QUERY_PARAM(a):2%|%QUERY_PARAM(e)%|%QUERY_PARAM(x)%", "bcd|bc||-"),
            ("%QUERY_PARAMS%", "a=bcd&e"),
            (
                "%PATH%|%PATH(NQ)%|%PATH(WQ:PATH)%|%PATH(NQ:ORIG)%",
                "/p/a?a=bcd&e|/p/a|/p/a?a=bcd&e|-",
            ),
        ],
        &info(),
    );
}

#[test]
fn what_is_known_of_the_stream_is_printed() {
    check(
        &[
            ("%START_TIME(%s.%3f)%", "1795448277.030"),
            ("%PROTOCOL% %PROTOCOL()%", "HTTP/1.1 HTTP/1.1"),
            ("%RESPONSE_CODE% %RESPONSE_CODE_DETAILS%", "200 via_upstream"),
            ("%RESPONSE_CODE_DETAILS(ALLOW_WHITESPACES)%", "via upstream"),
            ("%BYTES_RECEIVED% %BYTES_SENT%", "3 2"),
            (
                "%DURATION% %REQUEST_DURATION% %RESPONSE_DURATION% %RESPONSE_TX_DURATION%",
                "44 0 40 4",
            ),
            (
                "%UPSTREAM_HOST% %UPSTREAM_CLUSTER% %UPSTREAM_CLUSTER_RAW%",
                "127.0.0.1:41901 a:b.c a:b.c",
            ),
            (
                "%UPSTREAM_LOCAL_ADDRESS% %UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT% %UPSTREAM_LOCAL_PORT%",
                "127.0.0.1:48646 127.0.0.1 48646",
            ),
            ("%UPSTREAM_REMOTE_ADDRESS% %UPSTREAM_REMOTE_PORT%", "127.0.0.1:41901 41901"),
            ("%UPSTREAM_REQUEST_ATTEMPT_COUNT%", "1"),
            (
                "%DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_DIRECT_REMOTE_PORT%",
                "127.0.0.1:56028 56028",
            ),
            (
                "%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%",
                "127.0.0.1:41900 127.0.0.1",
            ),
            ("%ACCESS_LOG_TYPE%", "DownstreamEnd"),
            ("%ROUTE_NAME%|%DOWNSTREAM_TLS_VERSION%|%ENVIRONMENT(nonesuch no)%", "-|-|-"),
            ("100%% %RESPONSE_FLAGS%%RESPONSE_FLAGS_LONG%", "100% --"),
            ("", ""),
        ],
        &info(),
    );
}

#[test]
fn what_never_came_about_is_a_dash() {
    let mut info = info();
    info.response_code = None;
    info.duration = None;
    info.upstream_local = None;
    info.details = None;
    info.flags.set(Flag::UpstreamConnectionFailure);
    info.transport_failure = Some(String::from("delayed connect error: Connection refused"));
    check(
        &[
            ("%RESPONSE_CODE%|%RESP(:STATUS)%|%RESPONSE_CODE_DETAILS%", "0|-|-"),
            ("%RESPONSE_TX_DURATION%", "-"),
            (
                "%UPSTREAM_HOST%|%UPSTREAM_REMOTE_ADDRESS%|%UPSTREAM_LOCAL_PORT%",
                "127.0.0.1:41901|-|-",
            ),
            ("%RESPONSE_FLAGS%|%RESPONSE_FLAGS_LONG%", "UF|UpstreamConnectionFailure"),
            ("%UPSTREAM_TRANSPORT_FAILURE_REASON%", "delayed_connect_error:_Connection_refused"),
        ],
        &info,
    );
}

#[test]
fn the_start_needs_no_wall_clock_of_its_own() {
    let mut info = info();
    info.start_wall = None;
    let wall = clock::wall().duration_since(std::time::UNIX_EPOCH).unwrap();
    let printed: u64 = line_of("%START_TIME(%s)%", &info).parse().unwrap();
    assert!(wall.as_secs() - printed <= 60);
}

#[test]
fn formats_that_envoy_refuses_are_refused() {
    let error = |format: &str| Format::parse(format, &mut Names::default()).unwrap_err();
    let name = |name: &str| name.to_owned();
    for (format, expected) in [
        ("%FOO%", FormatError::Unknown(name("FOO"))),
        ("%VIRTUAL_HOST_NAME%", FormatError::Unknown(name("VIRTUAL_HOST_NAME"))),
        ("%START_TIME", FormatError::Malformed(0)),
        ("100%", FormatError::Malformed(3)),
        ("% %", FormatError::Malformed(0)),
        ("%start_time%", FormatError::Malformed(0)),
        ("a%REQ(a):x%", FormatError::Malformed(1)),
        ("%REQ(a):%", FormatError::Malformed(0)),
        ("%REQ(a)b%", FormatError::Malformed(0)),
        ("%REQ(:METHOD)", FormatError::Malformed(0)),
        ("%REQ%", FormatError::NeedsArgument(name("REQ"))),
        ("%REQ()%", FormatError::NeedsArgument(name("REQ"))),
        ("%REQ(a?b?c)%", FormatError::Alternatives(name("a?b?c"))),
        ("%PROTOCOL(x)%", FormatError::Superfluous(name("PROTOCOL"))),
        ("%PROTOCOL:3%", FormatError::Superfluous(name("PROTOCOL"))),
        ("%START_TIME:3%", FormatError::Superfluous(name("START_TIME"))),
        ("%RESPONSE_CODE_DETAILS:4%", FormatError::Superfluous(name("RESPONSE_CODE_DETAILS"))),
    ] {
        assert_eq!(error(format), expected, "{format}");
    }
    let bad = error("%REQ(A B)%").to_string();
    assert_eq!(bad, "\"a b\" cannot be the name of a header");
}
