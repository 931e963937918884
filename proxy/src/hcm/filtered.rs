//! The life of a request between its route and its answer, where filters stand in between.

use std::future::{Future, poll_fn};
use std::pin::pin;

use crate::filter::http::{Around, Chain, Passage};
use crate::message::upgrade::Upgrade;
use crate::message::{Request, Response, grpc};
use crate::router::{Router, Selection};

use super::Hcm;
use super::finish::Finish;
use super::pulse::poll_in_time;
use super::request::Prepared;

/// Lets a request pass the filters and the router, and its response the filters again.
pub(super) async fn serve(
    hcm: &Hcm,
    (chain, router): (&Chain, &Router),
    prepared: Prepared,
    finish: &mut Finish,
) -> Response {
    let Prepared { request, host } = prepared;
    let selection = router.select(&request, &host, &mut finish.info);
    let connection = finish.connection().clone();
    let around = Around { locals: router.clusters(), kept: &connection.kept };
    let mut passage = chain.enter(router.routed(&selection), Some(around));
    let pulse = finish.pulse.clone();
    let served = {
        let way = Way { hcm, router, selection, host: &host };
        let mut serving = pin!(way.go(&mut passage, request, finish));
        poll_fn(|cx| poll_in_time(&pulse, serving.as_mut().poll(cx))).await
    };
    let response =
        served.unwrap_or_else(|late| finish.answer_late(late).into_response(&mut finish.info));
    leave(passage, response, finish)
}

/// Lets the filters see the answer to a request that none of them has seen.
pub(super) fn refuse(chain: &Chain, reply: Response, finish: &mut Finish) -> Response {
    leave(chain.enter(None, None), reply, finish)
}

fn leave(mut passage: Passage<'_>, response: Response, finish: &mut Finish) -> Response {
    let mut response = finish.settle(response);
    passage.encode(&mut response, &mut finish.info);
    finish.keep(passage.leave());
    response
}

/// The way of one request from its route to its answer.
struct Way<'a> {
    hcm: &'a Hcm,
    router: &'a Router,
    selection: Selection<'a>,
    host: &'a str,
}

// === impl Way ===

impl Way<'_> {
    async fn go(
        self,
        passage: &mut Passage<'_>,
        mut request: Box<Request>,
        finish: &mut Finish,
    ) -> Response {
        let passed = passage.decode(&mut request, &mut finish.info).await;
        finish.note_again(&mut request);
        if let Err(reply) = passed {
            passage.see(&request, &mut finish.info);
            finish.close_after(reply.closes);
            if reply.status == http::StatusCode::PAYLOAD_TOO_LARGE {
                self.hcm.stats.downstream_rq_too_large.inc();
            }
            let grpc_status = reply.grpc_status.filter(|_| finish.info.grpc);
            let response = reply.into_response(&mut finish.info);
            let mut response = self.selection.change_reply(&request, response, &finish.info);
            passage.answer(&mut response, &mut finish.info);
            if let Some(status) = grpc_status {
                response.headers_mut().insert(grpc::GRPC_STATUS, u16::from(status).into());
            }
            return response;
        }
        let upgrade = request.extensions().get::<Upgrade>().cloned();
        let (info, mut note) = finish.for_terminal();
        let ready = self.router.resume(&self.selection, (&mut request, self.host), info, &mut note);
        drop(note);
        passage.see(&request, &mut finish.info);
        finish.limit();
        if let Some(upgrade) = upgrade {
            finish.note_upgrade(upgrade, ready.is_ok());
        }
        match ready {
            Ok(mut ready) => self.router.forward(request, &mut ready, &mut finish.info).await,
            Err(response) => *response,
        }
    }
}
