//! `outrigger.demo.v1.DateTime`.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request as HttpRequest, State};
use axum::response::Response as HttpResponse;
use futures_util::stream::{self, Stream, StreamExt as _, TryStreamExt as _};
use tokio::time::sleep;
use tonic::server::Grpc;
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;
use tower::service_fn;

use crate::{Service, grpc};

use super::messages::{Collected, Note, NowReply, NowRequest, WatchRequest};

pub(super) async fn now(State(service): State<Arc<Service>>, request: HttpRequest) -> HttpResponse {
    let answer = service_fn(|request: Request<NowRequest>| tell(&service, request.into_inner()));
    Grpc::new(ProstCodec::default()).unary(answer, request).await.map(Body::new)
}

pub(super) async fn watch(
    State(service): State<Arc<Service>>,
    request: HttpRequest,
) -> HttpResponse {
    let answer = service_fn(async |request: Request<WatchRequest>| {
        repeat(Arc::clone(&service), request.get_ref()).map(Response::new)
    });
    Grpc::new(ProstCodec::default()).server_streaming(answer, request).await.map(Body::new)
}

pub(super) async fn collect(request: HttpRequest) -> HttpResponse {
    let answer = service_fn(async |request: Request<Streaming<Note>>| {
        let mut notes = pin!(checked(request.into_inner()));
        let mut collected = Collected::default();
        while let Some(note) = notes.try_next().await? {
            collected.count += 1;
            collected.bytes += note.text.len() as u64;
        }
        Ok(Response::new(collected))
    });
    Grpc::new(ProstCodec::default()).client_streaming(answer, request).await.map(Body::new)
}

pub(super) async fn echo(request: HttpRequest) -> HttpResponse {
    let answer = service_fn(async |request: Request<Streaming<Note>>| {
        Ok(Response::new(checked(request.into_inner())))
    });
    Grpc::new(ProstCodec::default()).streaming(answer, request).await.map(Body::new)
}

async fn tell(service: &Service, request: NowRequest) -> Result<Response<NowReply>, Status> {
    if let Some(failure) = service.failure.strike_call().await {
        return Err(failure);
    }
    sleep(grpc::time("delay_ms", request.delay_ms)?).await;
    grpc::failure(request.status, &request.message)?;
    Ok(Response::new(service.time()))
}

/// Tells the time again and again.
fn repeat(
    service: Arc<Service>,
    request: &WatchRequest,
) -> Result<impl Stream<Item = Result<NowReply, Status>> + use<>, Status> {
    let interval = grpc::time("interval_ms", request.interval_ms)?;
    let number = if request.count == 0 { usize::MAX } else { request.count as usize };
    let pauses = std::iter::once(Duration::ZERO).chain(std::iter::repeat(interval));
    let times = stream::iter(pauses.take(number)).then(move |pause| {
        let service = Arc::clone(&service);
        async move {
            sleep(pause).await;
            Ok(service.time())
        }
    });
    let end = grpc::failure(request.status, &request.message).err().map(Err);
    Ok(times.chain(stream::iter(end)))
}

/// The notes as they come, until one of them asks for a failure.
fn checked(notes: Streaming<Note>) -> impl Stream<Item = Result<Note, Status>> {
    notes.and_then(async |note| {
        grpc::failure(note.status, &note.text)?;
        Ok(note)
    })
}

// === impl Service ===

impl Service {
    fn time(&self) -> NowReply {
        let datetime = (self.clock)().format(crate::routes::ISO_FORMAT).to_string();
        NowReply { datetime, service: self.name.clone() }
    }
}
