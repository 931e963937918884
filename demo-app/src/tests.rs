//! The routes, called without a socket.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use axum::response::Response;
use chrono::{DateTime, FixedOffset};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::{app, local_time};

fn tutorial_time() -> DateTime<FixedOffset> {
    "2018-02-03T04:05:06.000007+02:00".parse().unwrap()
}

async fn call(
    service: &axum::Router,
    method: Method,
    path: &str,
    body: impl Into<Body>,
) -> Response {
    let request = Request::builder().method(method).uri(path).body(body.into()).unwrap();
    service.clone().oneshot(request).await.unwrap()
}

async fn bytes(response: Response) -> Vec<u8> {
    response.into_body().collect().await.unwrap().to_bytes().to_vec()
}

async fn text(response: Response) -> String {
    String::from_utf8(bytes(response).await).unwrap()
}

async fn value(response: Response) -> Value {
    serde_json::from_slice(&bytes(response).await).unwrap()
}

#[tokio::test]
async fn the_time_is_told_as_the_tutorial_tells_it() {
    let response = call(&app("app", tutorial_time), Method::GET, "/", "").await;

    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
    assert_eq!(response.headers()["content-length"], "42");
    assert_eq!(text(response).await, "The datetime is 2018-02-03T04:05:06.000007");
}

#[tokio::test]
async fn a_whole_second_has_six_digits_too() {
    let clock = || "2018-02-03T04:05:06Z".parse().unwrap();
    let response = call(&app("app", clock), Method::GET, "/", "").await;
    assert_eq!(text(response).await, "The datetime is 2018-02-03T04:05:06.000000");
}

#[tokio::test]
async fn health_does_not_depend_on_the_failure_mode() {
    let service = app("app", local_time);
    call(&service, Method::PUT, "/failure", r#"{"status":503}"#).await;
    let response = call(&service, Method::GET, "/healthz", "").await;
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_status_is_answered_on_demand() {
    let service = app("app", local_time);
    let response = call(&service, Method::POST, "/status/418", "").await;
    assert_eq!(response.status(), StatusCode::IM_A_TEAPOT);
    assert_eq!(text(response).await, "418 I'm a teapot\n");
    let response = call(&service, Method::GET, "/status/204", "").await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    assert_eq!(text(response).await, "");
}

#[tokio::test]
async fn a_status_that_cannot_be_sent_is_refused() {
    let service = app("app", local_time);
    for path in ["/status/100", "/status/600", "/status/many"] {
        let response = call(&service, Method::GET, path, "").await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{path}");
        let given = path.rsplit('/').next().unwrap();
        let told = format!("status: {given} is not a number between 200 and 599");
        assert_eq!(value(response).await, json!({ "error": told }));
    }
}

#[tokio::test(start_paused = true)]
async fn a_delay_is_as_long_as_it_says() {
    let began = tokio::time::Instant::now();
    let response = call(&app("app", local_time), Method::GET, "/delay/1500", "").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(began.elapsed().as_millis(), 1500);
}

#[tokio::test]
async fn a_delay_is_bounded() {
    let service = app("app", local_time);
    for path in ["/delay/60001", "/delay/-1", "/delay/long"] {
        let response = call(&service, Method::GET, path, "").await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{path}");
    }
}

#[tokio::test]
async fn an_unknown_path_is_named() {
    let response = call(&app("app", local_time), Method::GET, "/nowhere", "").await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert_eq!(value(response).await, json!({ "error": "no route for /nowhere" }));
}

#[tokio::test]
async fn echo_describes_what_arrived() {
    let request = Request::builder()
        .method(Method::POST)
        .uri("/echo?a=1")
        .header("x-one", "1")
        .header("x-two", "a")
        .header("x-two", "b")
        .body(Body::from("hello"))
        .unwrap();
    let described = value(app("app-2", local_time).oneshot(request).await.unwrap()).await;
    assert_eq!(
        described,
        json!({
            "service": "app-2",
            "method": "POST",
            "path": "/echo?a=1",
            "http_version": "HTTP/1.1",
            "headers": { "x-one": ["1"], "x-two": ["a", "b"] },
            "body": "hello",
            "body_base64": null,
            "body_length": 5,
            "body_sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
            "trailers": {},
        })
    );
}

#[tokio::test]
async fn echo_shows_a_body_that_is_no_text_in_base64() {
    let response = call(&app("app", local_time), Method::PUT, "/echo", vec![0xff, 0x00]).await;
    let described = value(response).await;
    assert_eq!(described["body"], Value::Null);
    assert_eq!(described["body_base64"], "/wA=");
}

#[tokio::test]
async fn echo_tells_a_long_body_by_length_and_digest() {
    let service = app("app", local_time);
    let longest = vec![b'a'; crate::routes::MAX_SHOWN_BODY];
    let described = value(call(&service, Method::POST, "/echo", longest.clone()).await).await;
    assert_eq!(described["body"].as_str().map(str::len), Some(longest.len()));

    let too_long = [longest, b"a".to_vec()].concat();
    let described = value(call(&service, Method::POST, "/echo", too_long).await).await;
    assert_eq!(described["body"], Value::Null);
    assert_eq!(described["body_length"], crate::routes::MAX_SHOWN_BODY + 1);
    assert_eq!(
        described["body_sha256"],
        "4a3f0c0c213adea174f9a3d4c13177315b588bdb2e9c1012d3d0bf0453ca0f6a"
    );
}

#[tokio::test]
async fn a_body_comes_back_as_it_was() {
    let sent: Vec<u8> = (0..=u8::MAX).cycle().take(100_000).collect();
    let request = Request::builder()
        .method(Method::POST)
        .uri("/echo/body")
        .header("content-type", "application/x-test")
        .body(Body::from(sent.clone()))
        .unwrap();
    let response = app("app", local_time).oneshot(request).await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/x-test");
    assert_eq!(bytes(response).await, sent);
}

#[tokio::test]
async fn the_failure_mode_stays_until_it_is_switched_off() {
    let service = app("app", local_time);
    call(&service, Method::PUT, "/failure", r#"{"status":503}"#).await;
    for _request in 0..3 {
        let response = call(&service, Method::GET, "/", "").await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
    let shown = value(call(&service, Method::GET, "/failure", "").await).await;
    assert_eq!(shown, json!({ "status": 503 }));

    let response = call(&service, Method::DELETE, "/failure", "").await;
    assert_eq!(response.status(), StatusCode::NO_CONTENT);
    assert_eq!(call(&service, Method::GET, "/", "").await.status(), StatusCode::OK);
    let shown = value(call(&service, Method::GET, "/failure", "").await).await;
    assert_eq!(shown, Value::Null);
}

#[tokio::test]
async fn a_failure_mode_with_times_ends_by_itself() {
    let service = app("app", local_time);
    call(&service, Method::PUT, "/failure", r#"{"status":500,"times":2}"#).await;
    let mut seen = Vec::new();
    for _request in 0..3 {
        seen.push(call(&service, Method::GET, "/", "").await.status().as_u16());
    }
    assert_eq!(seen, [500, 500, 200]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_mode_may_only_delay() {
    let service = app("app", local_time);
    call(&service, Method::PUT, "/failure", r#"{"delay_ms":700}"#).await;
    let began = tokio::time::Instant::now();
    assert_eq!(call(&service, Method::GET, "/", "").await.status(), StatusCode::OK);
    assert_eq!(began.elapsed().as_millis(), 700);
}

#[tokio::test]
async fn an_impossible_failure_mode_is_refused_and_changes_nothing() {
    let service = app("app", local_time);
    for mode in [
        "{}",
        "down",
        r#"{"status":99}"#,
        r#"{"status":503,"close":true}"#,
        r#"{"delay_ms":60001}"#,
        r#"{"status":503,"times":0}"#,
        r#"{"status":503,"often":true}"#,
    ] {
        let response = call(&service, Method::PUT, "/failure", mode).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{mode}");
    }
    assert_eq!(call(&service, Method::GET, "/", "").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn as_many_bytes_come_as_are_asked_for() {
    let service = app("app", local_time);
    for count in [0, 1, 64, 65_536, 200_000] {
        let response = call(&service, Method::GET, &format!("/bytes/{count}"), "").await;
        assert_eq!(response.headers()["content-type"], "text/plain");
        let body = bytes(response).await;
        assert_eq!(body.len(), count);
        let lines = body.split(|byte| *byte == b'\n');
        assert!(lines.take(count / 64).all(|line| line == [b'.'; 63]));
    }
    for path in ["/bytes/many", "/bytes/-1"] {
        let response = call(&service, Method::GET, path, "").await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{path}");
    }
}
