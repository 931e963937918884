//! The life of one request, start to finish.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;

use http::StatusCode;

use crate::message::local_reply::LocalReply;
use crate::message::upgrade::Upgrade;
use crate::message::{Request, Response};

use super::connection::Connection;
use super::finish::Finish;
use super::pulse::{Broken, poll_in_time};
use super::request::{self, Prepared, Refusal};
use super::{Hcm, Next, Terminal, filtered, response};

/// Why a request's connection, or its stream, ends without an answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unanswered {
    /// The client went away in the middle of its request.
    #[error("the client went away in the middle of its request")]
    Gone,
    /// HTTP/2 refuses a request by a reset.
    #[error("the stream is refused")]
    Refused,
    /// The upstream broke off while nothing of its response was sent on yet.
    #[error("the response broke off before it was sent on")]
    Broken,
}

/// Answers one request.
///
/// What does not wait is done before there is a future, which would keep the whole request twice.
pub(super) fn serve(
    hcm: Rc<Hcm>,
    connection: Rc<Connection>,
    request: Request,
) -> impl Future<Output = Result<Response, Unanswered>> {
    let mut finish = Finish::open(hcm.clone(), connection, &request);
    let prepared = request::prepare(&hcm, request, &mut finish);
    answer(hcm, prepared, finish)
}

async fn answer(
    hcm: Rc<Hcm>,
    prepared: Result<Prepared, Refusal>,
    mut finish: Box<Finish>,
) -> Result<Response, Unanswered> {
    let response = match prepared {
        Ok(prepared) if let Some(way) = hcm.filtered() => {
            Box::pin(filtered::serve(&hcm, way, prepared, &mut finish)).await?
        }
        Ok(prepared) => match route(&hcm.terminal, prepared, &mut finish) {
            Ok((mut next, request)) => {
                let pulse = finish.pulse.clone();
                let served = {
                    let mut serving = pin!(next.serve(request, &mut finish.info));
                    poll_fn(|cx| poll_in_time(&pulse, serving.as_mut().poll(cx))).await
                };
                served
                    .unwrap_or_else(|late| finish.answer_late(late).into_response(&mut finish.info))
            }
            Err(response) => *response,
        },
        Err(Refusal::Overload) => {
            let reply = LocalReply::overload();
            finish.refuse(&reply);
            reply.into_response(&mut finish.info)
        }
        Err(Refusal::Reset(details)) => {
            finish.reset(details);
            return Err(Unanswered::Refused);
        }
        Err(Refusal::Reply(reply)) => {
            finish.refuse(&reply);
            let reply = reply.into_response(&mut finish.info);
            match &hcm.filters {
                Some(chain) => {
                    Box::pin(filtered::refuse((&hcm, chain), reply, &mut finish)).await?
                }
                None => reply,
            }
        }
    };
    // Whatever the upstream made of half a request is of no interest.
    let response = match finish.broken() {
        None => response,
        Some(Broken::Malformed) => {
            let reply = LocalReply::codec_error(StatusCode::BAD_REQUEST, "http1.codec_error");
            finish.refuse(&reply);
            reply.into_response(&mut finish.info)
        }
        Some(Broken::Gone) => return Err(Unanswered::Gone),
    };
    Ok(response::finish(&hcm, response, finish))
}

/// Finds out what becomes of a request; or answers it.
fn route<'t>(
    terminal: &'t Terminal,
    prepared: Prepared,
    finish: &mut Finish,
) -> Result<(Next<'t>, Box<Request>), Box<Response>> {
    let Prepared { mut request, host } = prepared;
    let upgrade = request.extensions().get::<Upgrade>().cloned();
    let (info, mut note) = finish.for_terminal();
    let next = terminal.route(&mut request, &host, info, &mut note);
    drop(note);
    finish.limit();
    if let Some(upgrade) = upgrade {
        finish.note_upgrade(upgrade, next.is_ok());
    }
    Ok((next?, request))
}

#[cfg(test)]
mod tests {
    /// The future is moved into place for every request, and is memory for as long as the request lasts.
    #[test]
    fn a_request_in_flight_is_small() {
        fn size<A, B, C, F>(_: impl FnOnce(A, B, C) -> F) -> usize {
            size_of::<F>()
        }
        let size = size(super::serve);
        assert!(size <= 2048, "{size} bytes");
    }
}
