//! What would become of a request: everything that is done to its head on the way to an upstream, without the upstream.

use std::rc::Rc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, Uri};

use crate::message::local_reply::LocalReply;
use crate::message::{Body, Request, Response};
use crate::router::Bound;
use crate::stream_info::{Downstream, Opening, StreamInfo};

use super::connection::Connection;
use super::finish::Finish;
use super::request::{self, Refusal};
use super::{Hcm, Terminal, response};

/// What would become of a request.
#[derive(Debug)]
pub struct Preview {
    /// The head as the route table sees it; none if the request does not come that far.
    pub seen: Option<Seen>,
    /// What happens then.
    pub outcome: Outcome,
    /// Whether the client is one of our own.
    pub internal: bool,
    /// `%RESPONSE_CODE_DETAILS%` of an answer of our own.
    pub details: Option<String>,
}

/// A request's head before its route changes it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The host that virtual hosts are asked for.
    pub host: String,
    /// The method.
    pub method: Method,
    /// The path with its query.
    pub uri: Uri,
    /// The headers.
    pub headers: HeaderMap,
}

/// What happens to a request.
#[derive(Debug)]
pub enum Outcome {
    /// It goes to a cluster.
    Upstream {
        /// The head with which it goes.
        head: Box<Parts>,
        /// Where it goes.
        bound: Bound,
        /// What the answer's headers get.
        answer: HeaderMap,
    },
    /// It is answered here.
    Reply(http::Response<Bytes>),
    /// Its stream is reset, for this reason.
    Reset(&'static str),
}

// === impl Hcm ===

impl Hcm {
    /// What would become of a request on a connection with these two ends. `line` is the request's first line, of which
    /// a URI does not keep everything.
    pub fn preview(self: &Rc<Self>, request: Request, line: &str, ends: Downstream) -> Preview {
        let connection = Rc::new(Connection::new(ends, Opening::default()));
        connection.bytes_came(format!("{line}\r\n\r\n").as_bytes());
        let mut finish = Finish::open(self.clone(), connection, &request);
        let (prepared, host) = match request::prepare(self, request, &mut finish) {
            Ok(request::Prepared { request, host }) => (*request, host),
            Err(Refusal::Reset(details)) => {
                finish.reset(details);
                return preview(None, Outcome::Reset(details), &finish.info);
            }
            Err(Refusal::Overload) => {
                let response = LocalReply::overload().into_response(&mut finish.info);
                return self.replied(None, response, finish);
            }
            Err(Refusal::Reply(reply)) => {
                finish.refuse(&reply);
                let response = reply.into_response(&mut finish.info);
                return self.replied(None, response, finish);
            }
        };
        let mut request = prepared;
        let seen = Seen {
            host: host.to_owned(),
            method: request.method().clone(),
            uri: request.uri().clone(),
            headers: request.headers().clone(),
        };
        let Terminal::Router(router) = &self.terminal else {
            // Somebody in this process answers, whose answers no table decides.
            return self.replied(Some(seen), Response::new(Body::empty()), finish);
        };
        let mut answer = Response::new(Body::empty());
        match router.preview((&mut request, &mut answer), &host, &mut finish.info) {
            Ok(bound) => {
                let head = Box::new(request.into_parts().0);
                let outcome =
                    Outcome::Upstream { head, bound, answer: answer.into_parts().0.headers };
                preview(Some(seen), outcome, &finish.info)
            }
            Err(response) => self.replied(Some(seen), *response, finish),
        }
    }

    fn replied(&self, seen: Option<Seen>, response: Response, finish: Box<Finish>) -> Preview {
        let mut preview = preview(seen, Outcome::Reset(""), &finish.info);
        let mut response = response::finish(self, response, finish);
        let body = response.body_mut().take_full();
        preview.outcome = Outcome::Reply(response.map(|_taken| body));
        preview
    }
}

fn preview(seen: Option<Seen>, outcome: Outcome, info: &StreamInfo) -> Preview {
    let details = info.details.as_ref().map(|details| details.clone().into_owned());
    Preview { seen, outcome, internal: info.internal, details }
}
