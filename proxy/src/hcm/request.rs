//! What we do to a request's head before anybody looks at it.

use h2::ext::Protocol;
use http::header::{CONNECTION, COOKIE, HOST, HeaderMap, HeaderValue, TRANSFER_ENCODING, UPGRADE};
use http::request::Parts;
use http::uri::{self, PathAndQuery, Uri};
use http::{Method, StatusCode, Version};

use crate::base::random;
use crate::config::hcm::Scheme;
use crate::message::hop_by_hop::Trusted;
use crate::message::local_reply::LocalReply;
use crate::message::upgrade::Upgrade;
use crate::message::{Body, Request, headers, hop_by_hop};
use crate::stream_info::Flag;

use super::authority::Authority;
use super::finish::Finish;
use super::head::Facts;
use super::{Hcm, client_cert, path};

/// A request that is ready for the filter chain, and the host it is for.
pub(super) struct Prepared {
    /// Boxed, since it is handed down through many calls on its way.
    pub(super) request: Box<Request>,
    pub(super) host: Authority,
}

/// How a request ends that is not served.
pub(super) enum Refusal {
    /// It is answered.
    Reply(LocalReply),
    /// It is answered 503, and no filter sees it: the process has too much to do.
    Overload,
    /// Its stream is reset, for this reason in Envoy's words.
    Reset(&'static str),
}

/// Checks a request's head, strips what belongs to the connection, and adds what upstreams are told.
///
/// Afterwards the URI is a path with its query, and `host` says the authority, whichever codec it came by.
pub(super) fn prepare(
    hcm: &Hcm,
    request: Request,
    finish: &mut Finish,
) -> Result<Prepared, Refusal> {
    let http2 = request.version() == Version::HTTP_2;
    let (mut parts, body) = request.into_parts();
    let scheme = parts.uri.scheme().cloned();
    let upgrade = wanted(hcm, &mut parts);
    let body = match &upgrade {
        // On HTTP/1 what follows the head is the connection's bytes.
        Some(_) if !http2 && body.is_empty() => finish.open_tunnel(),
        // The codec would read a body out of what is to be the connection's bytes.
        Some(_) if !http2 => return Err(LocalReply::upgrade_failed().into()),
        _ => finish.follow(body),
    };
    if let Some(overload) = &hcm.ending.overload
        && overload.refuses_request()
    {
        hcm.stats.downstream_rq_overload_close.inc();
        finish.note(&parts);
        return Err(Refusal::Overload);
    }
    if let Some(underscores) = &hcm.underscores
        && underscores.check(&mut parts.headers, http2).is_err()
    {
        return Err(Refusal::of_underscore(http2));
    }
    let host = check(hcm, &mut parts, finish).inspect_err(|reply| {
        // Of what the codec refuses Envoy's logs know nothing, and neither do ours.
        if reply.flag != Some(Flag::DownstreamProtocolError) {
            finish.note(&parts);
        }
    })?;
    let peer = finish.info.downstream.remote;
    finish.info.internal = hcm.trust.is_internal(&parts.headers, peer);
    let trusted = Trusted { internal: finish.info.internal };
    let said = upgrade.as_ref().map(|_| Said::take(&parts.headers));
    hop_by_hop::strip_request(&mut parts.headers, trusted);
    if let (Some(upgrade), Some(said)) = (upgrade, said) {
        said.say_again(&mut parts.headers);
        parts.extensions.insert(upgrade);
    }
    if http2 {
        join_cookies(&mut parts.headers);
    }
    let mode = (hcm.config.client_cert, hcm.config.client_cert_details);
    client_cert::forward(mode, finish.info.tls.as_deref(), &mut parts.headers);
    say_client(hcm, &mut parts.headers, finish);
    add(hcm, &mut parts.headers, finish);
    if let Some(scheme) = scheme {
        keep_scheme(hcm, scheme, &mut parts);
    }
    say_empty(&parts.method, &mut parts.headers, &body);
    finish.note(&parts);
    Ok(Prepared { request: Box::new(Request::from_parts(parts, body)), host })
}

/// Makes the URI a path with its query, and says the authority.
fn check(hcm: &Hcm, parts: &mut Parts, finish: &mut Finish) -> Result<Authority, LocalReply> {
    let facts = finish.take_facts();
    if parts.version != Version::HTTP_2 {
        check_version(hcm, parts, finish)?;
        check_framing(&parts.headers, facts)?;
        if parts.version == Version::HTTP_10 {
            add_default_host(hcm, parts);
        }
    }
    let mut host = take_authority(&mut parts.headers, &parts.uri)?;
    if facts.fragment {
        hcm.stats.downstream_rq_failed_path_normalization.inc();
        return Err(LocalReply::path_normalization_failed());
    }
    if parts.method != Method::CONNECT {
        check_path(hcm, &parts.method, &mut parts.uri)?;
        path::normalize(hcm, &mut parts.uri)?;
    }
    if let Some(stripped) = host.stripped(hcm, finish.info.downstream.local.port()) {
        parts.headers.insert(HOST, stripped.value().clone());
        host = stripped;
    }
    Ok(host)
}

fn check_version(hcm: &Hcm, parts: &Parts, finish: &mut Finish) -> Result<(), LocalReply> {
    if parts.version != Version::HTTP_11 && !hcm.config.http1.accept_http_10 {
        finish.note_low_version();
        return Err(LocalReply::low_version());
    }
    // Without a scheme, only CONNECT names an authority; any other method means a path and forgot its slash.
    if parts.uri.authority().is_some()
        && parts.uri.scheme().is_none()
        && parts.method != Method::CONNECT
    {
        return Err(LocalReply::codec_error(StatusCode::BAD_REQUEST, "http1.codec_error"));
    }
    Ok(())
}

/// What the HTTP/1 codec lets through and must not: two ways to say where the body ends.
fn check_framing(headers: &HeaderMap, facts: Facts) -> Result<(), LocalReply> {
    let mut encodings = headers.get_all(TRANSFER_ENCODING).iter();
    let Some(encoding) = encodings.next() else { return Ok(()) };
    if facts.length || headers.contains_key(http::header::CONTENT_LENGTH) {
        return Err(LocalReply::codec_error(
            StatusCode::BAD_REQUEST,
            "http1.content_length_and_chunked_not_allowed",
        ));
    }
    if encodings.next().is_some() || !encoding.as_bytes().eq_ignore_ascii_case(b"chunked") {
        return Err(LocalReply::codec_error(
            StatusCode::NOT_IMPLEMENTED,
            "http1.invalid_transfer_encoding",
        ));
    }
    Ok(())
}

/// HTTP/1.0 need not say a host.
fn add_default_host(hcm: &Hcm, parts: &mut Parts) {
    if let Some(host) = &hcm.default_host
        && parts.uri.authority().is_none()
        && !parts.headers.contains_key(HOST)
    {
        lead_with_host(&mut parts.headers, host.clone());
    }
}

/// Makes `host` say the authority. That of the URI (HTTP/2, or an absolute form) wins (RFC 9112 §3.2.2).
fn take_authority(headers: &mut HeaderMap, uri: &Uri) -> Result<Authority, LocalReply> {
    if let Some(scheme) = uri.scheme_str()
        && scheme != "http"
        && scheme != "https"
    {
        return Err(LocalReply::codec_error(StatusCode::BAD_REQUEST, "http1.invalid_scheme"));
    }
    let host = match uri.authority() {
        Some(authority) => {
            let host = HeaderValue::from_str(authority.as_str());
            let host = host.map_err(|_invalid| LocalReply::invalid_authority())?;
            lead_with_host(headers, host.clone());
            host
        }
        None => one_host(headers)?,
    };
    Authority::new(host)
}

/// The only `host` there is: with two of them, two servers may each believe another one (RFC 9112 §3.2).
fn one_host(headers: &HeaderMap) -> Result<HeaderValue, LocalReply> {
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next().ok_or_else(LocalReply::missing_host)?;
    if hosts.next().is_some() {
        return Err(LocalReply::codec_error(StatusCode::BAD_REQUEST, "http1.codec_error"));
    }
    Ok(host.clone())
}

/// Puts `host` before all others, where RFC 9110 §7.2 wants it.
fn lead_with_host(headers: &mut HeaderMap, host: HeaderValue) {
    match headers.get_all(HOST).iter().count() {
        0 => {}
        1 => {
            headers.insert(HOST, host);
            return;
        }
        _ => drop(headers.remove(HOST)),
    }
    let old = std::mem::take(headers);
    // Three more are about to be added.
    headers.reserve(old.len() + 4);
    headers.insert(HOST, host);
    headers::append_all(headers, old, |_| true);
}

/// Makes the URI a path with its query.
fn check_path(hcm: &Hcm, method: &Method, uri: &mut Uri) -> Result<(), LocalReply> {
    if uri.path() == "*" {
        if *method == Method::OPTIONS {
            hcm.stats.downstream_rq_non_relative_path.inc();
            return Err(LocalReply::not_absolute_path());
        }
        return Err(LocalReply::codec_error(StatusCode::BAD_REQUEST, "http1.invalid_url"));
    }
    if uri.scheme().is_some() || uri.authority().is_some() {
        let path = uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        *uri = Uri::from(path);
    }
    Ok(())
}

/// The upgrade that a request asks for. Of one that comes by extended CONNECT (RFC 8441) the head becomes what it would
/// be on HTTP/1.1.
fn wanted(hcm: &Hcm, parts: &mut Parts) -> Option<Upgrade> {
    if parts.method == Method::CONNECT
        && let Some(protocol) = parts.extensions.remove::<Protocol>()
    {
        parts.method = Method::GET;
        if let Ok(kind) = HeaderValue::from_str(protocol.as_str()) {
            parts.headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            parts.headers.insert(UPGRADE, kind);
        }
    } else if parts.method != Method::CONNECT
        && (parts.version != Version::HTTP_11 || !parts.headers.contains_key(UPGRADE))
    {
        return None;
    }
    let kind = Upgrade::wanted(&parts.method, &parts.headers)?;
    let own = hcm.config.upgrades.iter().find(|(own, _)| *own == kind);
    Some(Upgrade { kind, enabled: own.map(|(_, enabled)| *enabled), terminates: false })
}

/// What a request says of an upgrade. It is a connection's own, and yet the next one must hear it.
struct Said {
    connection: Option<HeaderValue>,
    upgrade: Option<HeaderValue>,
}

/// HTTP/2 may send a cookie in pieces; HTTP/1 must get it whole (RFC 9113 §8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let mut pieces = headers.get_all(COOKIE).iter();
    let (Some(first), Some(_)) = (pieces.next(), pieces.next()) else { return };
    let mut whole = first.as_bytes().to_vec();
    for piece in headers.get_all(COOKIE).iter().skip(1) {
        whole.extend_from_slice(b"; ");
        whole.extend_from_slice(piece.as_bytes());
    }
    if let Ok(whole) = HeaderValue::from_maybe_shared(bytes::Bytes::from(whole)) {
        headers.insert(COOKIE, whole);
    }
}

/// Notes who the client is. At the edge upstreams are told; elsewhere only logs want to know.
fn say_client(hcm: &Hcm, headers: &mut HeaderMap, finish: &mut Finish) {
    let peer = finish.info.downstream.remote;
    if hcm.config.use_remote_address {
        finish.info.client = hcm.trust.mark(headers, peer, finish.info.internal);
    } else if hcm.needs_client {
        finish.info.client = hcm.trust.client(headers, peer);
    }
    if finish.info.internal {
        headers.insert(headers::X_ENVOY_INTERNAL, HeaderValue::from_static("true"));
    }
}

fn add(hcm: &Hcm, headers: &mut HeaderMap, finish: &mut Finish) {
    let secure = finish.info.tls.is_some();
    say_scheme(hcm, headers, (finish.info.downstream.local.port(), secure));
    if let Some(agent) = &hcm.user_agent {
        agent.introduce(headers);
    }
    if let Some(via) = &hcm.via {
        headers.append(http::header::VIA, via.clone());
    }
    let config = &hcm.config;
    // What a client outside calls its request is nobody's name here.
    let edge = config.use_remote_address && !finish.info.internal;
    let renamed = edge && !config.preserve_external_request_id;
    if config.generate_request_id
        && (renamed || !headers.contains_key(headers::X_REQUEST_ID))
        && let Ok(id) = HeaderValue::from_bytes(&random::uuid_text())
    {
        headers.insert(headers::X_REQUEST_ID, id);
    }
    let traced = finish.info.internal && headers.contains_key(headers::X_ENVOY_FORCE_TRACE);
    if config.always_set_request_id_in_response || traced {
        finish.request_id = headers.get(headers::X_REQUEST_ID).cloned();
    }
}

/// How the client reached us, and by which port.
fn say_scheme(hcm: &Hcm, headers: &mut HeaderMap, (port, secure): (u16, bool)) {
    let config = &hcm.config;
    if let Some(scheme) = config.scheme {
        let scheme = if scheme == Scheme::Https { "https" } else { "http" };
        headers.insert(headers::X_FORWARDED_PROTO, HeaderValue::from_static(scheme));
    } else {
        headers
            .entry(headers::X_FORWARDED_PROTO)
            .or_insert_with(|| HeaderValue::from_static(if secure { "https" } else { "http" }));
    }
    if config.append_x_forwarded_port {
        let outermost = config.use_remote_address && config.xff_num_trusted_hops == 0;
        if outermost || !headers.contains_key(headers::X_FORWARDED_PORT) {
            headers.insert(headers::X_FORWARDED_PORT, headers::number(port.into()));
        }
    }
}

/// Keeps the scheme that a client said, where the last proxy says that it was another: routes look at the former.
fn keep_scheme(hcm: &Hcm, scheme: uri::Scheme, parts: &mut Parts) {
    let told = parts.headers.get(headers::X_FORWARDED_PROTO);
    if hcm.config.scheme.is_none() && told.is_some_and(|told| told != scheme.as_str()) {
        parts.extensions.insert(scheme);
    }
}

/// A request that may have a body and has none says so, or an HTTP/1.1 upstream would have to guess.
fn say_empty(method: &Method, headers: &mut HeaderMap, body: &Body) {
    let may_have_body =
        ![Method::GET, Method::HEAD, Method::DELETE, Method::TRACE, Method::CONNECT]
            .contains(method);
    if may_have_body && body.is_empty() && !headers.contains_key(http::header::CONTENT_LENGTH) {
        headers.insert(http::header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
}

// === impl Said ===

impl Said {
    fn take(headers: &HeaderMap) -> Self {
        let value = |name| headers.get(name).cloned();
        Self { connection: value(CONNECTION), upgrade: value(UPGRADE) }
    }

    fn say_again(self, headers: &mut HeaderMap) {
        if let (Some(connection), Some(upgrade)) = (self.connection, self.upgrade) {
            headers.insert(CONNECTION, connection);
            headers.insert(UPGRADE, upgrade);
        }
    }
}

// === impl Refusal ===

impl Refusal {
    /// Of a header with an underscore in its name.
    fn of_underscore(http2: bool) -> Self {
        if http2 {
            return Self::Reset("http2.unexpected_underscore");
        }
        let details = "http1.unexpected_underscore";
        Self::Reply(LocalReply::codec_error(StatusCode::BAD_REQUEST, details))
    }
}

impl From<LocalReply> for Refusal {
    fn from(reply: LocalReply) -> Self {
        Self::Reply(reply)
    }
}
