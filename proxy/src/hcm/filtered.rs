//! The life of a request between its route and its answer, where filters stand in between.

use std::future::{Future, poll_fn};
use std::pin::pin;

use crate::filter::http::{Around, Chain, Gap, Passage};
use crate::message::local_reply::LocalReply;
use crate::message::upgrade::Upgrade;
use crate::message::{Request, Response, grpc};
use crate::router::{Router, Selection};
use crate::stream_info::Flags;

use super::Hcm;
use super::finish::Finish;
use super::pulse::poll_in_time;
use super::request::Prepared;
use super::stream::Unanswered;

/// Lets a request pass the filters and the router, and its response the filters again.
pub(super) async fn serve(
    hcm: &Hcm,
    (chain, router): (&Chain, &Router),
    prepared: Prepared,
    finish: &mut Finish,
) -> Result<Response, Unanswered> {
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
    leave(hcm, passage, response, finish).await
}

/// Lets the filters see the answer to a request that none of them has seen.
pub(super) async fn refuse(
    (hcm, chain): (&Hcm, &Chain),
    reply: Response,
    finish: &mut Finish,
) -> Result<Response, Unanswered> {
    leave(hcm, chain.enter(None, None), reply, finish).await
}

/// Lets the filters see the response. One that may hold it does so within the stream's times.
async fn leave(
    hcm: &Hcm,
    mut passage: Passage<'_>,
    response: Response,
    finish: &mut Finish,
) -> Result<Response, Unanswered> {
    let response = match passage.refusal() {
        None => response,
        // Whatever became of half a request is of no interest.
        Some(reply) => {
            finish.info.flags = Flags::default();
            note(hcm, &reply, finish);
            reply.into_response(&mut finish.info)
        }
    };
    let mut response = finish.settle(response);
    let pulse = finish.pulse.clone();
    let encoded = {
        let mut encoding = pin!(passage.encode(&mut response, &mut finish.info));
        poll_fn(|cx| poll_in_time(&pulse, encoding.as_mut().poll(cx))).await
    };
    finish.keep(passage.leave());
    // What is answered from here on, no filter sees.
    let reply = match encoded {
        // A filter may have put a reply of its own in place of it.
        Ok(Ok(())) => return Ok(response),
        Ok(Err(Gap::Broken(error))) => {
            finish.break_off(&error);
            return Err(Unanswered::Broken);
        }
        Ok(Err(Gap::TooLong)) => {
            hcm.stats.rs_too_large.inc();
            LocalReply::response_too_large()
        }
        Err(late) => finish.answer_late(late),
    };
    let reply = reply.into_response(&mut finish.info);
    Ok(finish.settle(reply))
}

/// Notes what a filter's reply means for the connection, and for the stats.
fn note(hcm: &Hcm, reply: &LocalReply, finish: &mut Finish) {
    finish.close_after(reply.closes);
    if reply.status == http::StatusCode::PAYLOAD_TOO_LARGE {
        hcm.stats.downstream_rq_too_large.inc();
    }
}

/// The way of one request from its route to its answer.
struct Way<'a> {
    hcm: &'a Hcm,
    router: &'a Router,
    selection: Selection<'a>,
    host: &'a str,
}

// === impl Way ===

impl<'a> Way<'a> {
    async fn go(
        mut self,
        passage: &mut Passage<'a>,
        mut request: Box<Request>,
        finish: &mut Finish,
    ) -> Response {
        let passed = passage.decode(&mut request, &mut finish.info).await;
        finish.note_again(&mut request);
        if matches!(passed, Ok(true)) {
            self.selection = self.router.select(&request, self.host, &mut finish.info);
            passage.reroute(self.router.routed(&self.selection));
        }
        if let Err(reply) = passed {
            passage.see(&request, &mut finish.info);
            note(self.hcm, &reply, finish);
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
