//! The calls, made by tonic's own client without a socket.

use axum::Router;
use axum::http::uri::PathAndQuery;
use axum::http::{Method, Request as HttpRequest};
use futures_util::TryStreamExt as _;
use tonic::client::Grpc;
use tonic::{Code, Request};
use tonic_prost::ProstCodec;
use tower::ServiceExt as _;

use crate::{app, local_time};

use super::messages::{
    Collected, HealthCheckRequest, HealthCheckResponse, Note, NowReply, NowRequest, ServingStatus,
    WatchRequest,
};

fn client(app: Router) -> Grpc<Router> {
    Grpc::new(app)
}

fn method(name: &'static str) -> PathAndQuery {
    PathAndQuery::from_static(name)
}

const NOW: &str = "/outrigger.demo.v1.DateTime/Now";

fn note(text: &str, status: i32) -> Note {
    Note { text: text.to_owned(), status }
}

async fn now(app: &Router, request: NowRequest) -> Result<NowReply, tonic::Status> {
    let mut client = client(app.clone());
    client.ready().await.unwrap();
    let codec = ProstCodec::<NowRequest, NowReply>::default();
    client.unary(Request::new(request), method(NOW), codec).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn now_tells_the_time_and_who_tells_it() {
    let app = app("app-7", || "2018-02-03T04:05:06.000007+02:00".parse().unwrap());
    let reply = now(&app, NowRequest::default()).await.unwrap();
    assert_eq!(reply.datetime, "2018-02-03T04:05:06.000007");
    assert_eq!(reply.service, "app-7");
}

#[tokio::test]
async fn now_fails_as_it_is_asked_to() {
    let app = app("app", local_time);
    let failing = |status| NowRequest { status, message: "as asked".to_owned(), delay_ms: 0 };
    let status = now(&app, failing(14)).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Unavailable, "as asked"));
    let status = now(&app, failing(17)).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let late = NowRequest { delay_ms: 60_001, ..NowRequest::default() };
    assert_eq!(now(&app, late).await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_failure_mode_for_calls_leaves_pages_alone() {
    let app = app("app", local_time);
    let put = |mode: &'static str| {
        let request = HttpRequest::builder().method(Method::PUT).uri("/failure");
        app.clone().oneshot(request.body(axum::body::Body::from(mode)).unwrap())
    };
    let page =
        || app.clone().oneshot(HttpRequest::get("/").body(axum::body::Body::empty()).unwrap());
    assert_eq!(put(r#"{"grpc_status":14,"times":1}"#).await.unwrap().status(), 200);
    assert_eq!(page().await.unwrap().status(), 200);
    let status = now(&app, NowRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    now(&app, NowRequest::default()).await.unwrap();

    assert_eq!(put(r#"{"status":503}"#).await.unwrap().status(), 200);
    now(&app, NowRequest::default()).await.unwrap();
    assert_eq!(page().await.unwrap().status(), 503);
    for bad in
        [r#"{"grpc_status":0}"#, r#"{"grpc_status":17}"#, r#"{"grpc_status":1,"status":500}"#]
    {
        assert_eq!(put(bad).await.unwrap().status(), 400, "{bad}");
    }
}

#[tokio::test(start_paused = true)]
async fn watch_tells_it_as_often_as_it_is_asked_to() {
    let mut client = client(app("app", local_time));
    client.ready().await.unwrap();
    let began = tokio::time::Instant::now();
    let request =
        WatchRequest { count: 3, interval_ms: 100, status: 8, message: "enough".to_owned() };
    let path = method("/outrigger.demo.v1.DateTime/Watch");
    let codec = ProstCodec::<WatchRequest, NowReply>::default();
    let replies = client.server_streaming(Request::new(request), path, codec).await.unwrap();
    let mut replies = replies.into_inner();
    for _reply in 0..3 {
        replies.message().await.unwrap().unwrap();
    }
    assert_eq!(began.elapsed().as_millis(), 200);
    let status = replies.message().await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::ResourceExhausted, "enough"));
}

#[tokio::test]
async fn collect_counts_what_came() {
    let mut client = client(app("app", local_time));
    client.ready().await.unwrap();
    let notes = futures_util::stream::iter([note("one", 0), note("three", 0)]);
    let path = method("/outrigger.demo.v1.DateTime/Collect");
    let codec = ProstCodec::<Note, Collected>::default();
    let reply = client.client_streaming(Request::new(notes), path, codec).await.unwrap();
    assert_eq!(reply.into_inner(), Collected { count: 2, bytes: 8 });
}

#[tokio::test]
async fn echo_ends_at_the_note_that_asks_for_it() {
    let mut client = client(app("app", local_time));
    client.ready().await.unwrap();
    let notes = futures_util::stream::iter([note("one", 0), note("stop", 10), note("two", 0)]);
    let path = method("/outrigger.demo.v1.DateTime/Echo");
    let codec = ProstCodec::<Note, Note>::default();
    let replies = client.streaming(Request::new(notes), path, codec).await.unwrap();
    let mut replies = replies.into_inner();
    assert_eq!(replies.try_next().await.unwrap(), Some(note("one", 0)));
    let status = replies.try_next().await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Aborted, "stop"));
}

#[tokio::test]
async fn health_knows_the_services() {
    for (service, expected) in
        [("", None), ("outrigger.demo.v1.DateTime", None), ("other", Some(Code::NotFound))]
    {
        let mut client = client(app("app", local_time));
        client.ready().await.unwrap();
        let request = HealthCheckRequest { service: service.to_owned() };
        let codec = ProstCodec::<HealthCheckRequest, HealthCheckResponse>::default();
        let path = method("/grpc.health.v1.Health/Check");
        let reply = client.unary(Request::new(request), path, codec).await;
        match expected {
            None => {
                assert_eq!(reply.unwrap().into_inner().status(), ServingStatus::Serving);
            }
            Some(code) => assert_eq!(reply.unwrap_err().code(), code),
        }
    }
}
