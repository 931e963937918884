//! What we do to a response's head after everybody has looked at it.

use http::header::{CONNECTION, DATE, HeaderValue, SERVER};

use crate::base::clock;
use crate::config::hcm::ServerHeader;
use crate::message::headers::X_REQUEST_ID;
use crate::message::{Body, Response, date};
use crate::stream_info::Protocol;

use super::Hcm;
use super::finish::Finish;

/// Adds `date` and `server`, tells the client to close if it must, and lets `finish` follow the body to its end.
pub(super) fn finish(hcm: &Hcm, mut response: Response, mut finish: Box<Finish>) -> Response {
    response = finish.settle(response);
    let now = clock::now();
    let headers = response.headers_mut();
    headers.entry(DATE).or_insert_with(|| date::at(now));
    match hcm.config.server_header {
        ServerHeader::Overwrite => {
            headers.insert(SERVER, hcm.server.clone());
        }
        ServerHeader::AppendIfAbsent => {
            headers.entry(SERVER).or_insert_with(|| hcm.server.clone());
        }
        ServerHeader::PassThrough => {}
    }
    if let Some(id) = finish.request_id.take() {
        headers.insert(X_REQUEST_ID, id);
    }
    if let Some(via) = &hcm.via {
        headers.append(http::header::VIA, via.clone());
    }
    if hcm.ending.is_told() {
        hcm.stats.downstream_cx_drain_close.inc();
        finish.close_after(true);
    } else if let Some(overload) = &hcm.ending.overload
        && !finish.connection().closes()
        && overload.ends_connection()
    {
        hcm.stats.downstream_cx_overload_disable_keepalive.inc();
        finish.close_after(true);
    }
    let http1 = finish.info.protocol != Protocol::Http2;
    if finish.begin(response.status(), now) && http1 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    let (parts, body) = response.into_parts();
    finish.note_response(&parts);
    let body = if http1 { body.without_trailers() } else { body };
    if http1 && finish.is_upgraded_by(parts.status) {
        // The codec sends the head, and leaves the rest of the connection to us.
        let connection = finish.connection().clone();
        connection.begin_tunnel(body.watched(finish));
        return Response::from_parts(parts, Body::empty());
    }
    let body = if http1 { body.paced(&finish.connection().pace) } else { body };
    Response::from_parts(parts, body.watched(finish))
}
