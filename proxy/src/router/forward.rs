//! Forwards one request: tries it until it is answered, watches the route timeout, turns failures into replies.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use http::HeaderValue;
use http::header::SET_COOKIE;

use crate::config::cluster::RoutingPriority;
use crate::config::metadata_match::MetadataMatch;
use crate::message::body::Replay;
use crate::message::local_reply::LocalReply;
use crate::message::{Body, Request, Response, headers};
use crate::route::Rewrite;
use crate::stream_info::{Flag, StreamInfo};
use crate::upstream::local::LocalHost;
use crate::upstream::outlier::Outcome;
use crate::upstream::stats::Origin;
use crate::upstream::{Host, Local, lb};

use super::prepare::{Ready, Tries};
use super::retry::{Retry, Verdict, Wait, Wish};
use super::{Router, mutation, rewrite};
use crate::upstream::attempt::{Answer, Attempt, copy};
use crate::upstream::failure::Failure;
use crate::upstream::per_try::PerTry;
use crate::upstream::upload::Whole;

/// A request on its way.
struct Course<'a> {
    router: &'a Router,
    local: &'a Rc<Local>,
    whole: &'a Whole,
    rewrite: Option<&'a Rewrite>,
    timeout: Option<Duration>,
    /// How many bytes of the body may be kept for another try.
    body_limit: u64,
    /// Whose breakers, and whose connections, it takes.
    priority: RoutingPriority,
    /// What decides about the host, where hashes do.
    hash: Option<u64>,
    /// What is wanted of its metadata, where the cluster has subsets.
    metadata: Option<&'a MetadataMatch>,
    /// The host that is being tried; none between two tries.
    trying: RefCell<Option<Rc<LocalHost>>>,
}

/// What is sent again and again.
struct Template {
    head: Box<Request>,
    body: Content,
}

enum Content {
    /// It is sent once, or there is nothing to send.
    Once(Body),
    Kept(Replay),
}

// === impl Router ===

impl Router {
    /// Sends a request to its cluster.
    pub async fn forward(
        &self,
        mut request: Box<Request>,
        ready: &mut Ready<'_>,
        info: &mut StreamInfo,
    ) -> Response {
        let whole = Whole::of(&mut request, info.start);
        let mirrors = ready.mirrors;
        let shadows = mirrors.and_then(|mirrors| self.shadow(mirrors, &mut request, ready, info));
        let course = Course {
            router: self,
            local: ready.local,
            whole: &whole,
            rewrite: ready.rewrite,
            timeout: ready.timeout,
            body_limit: ready.body_limit,
            priority: ready.priority,
            hash: ready.hash(),
            metadata: ready.metadata(),
            trying: RefCell::default(),
        };
        let result = match ready.tries.take() {
            // Pinned here: what is handed on by value takes its room twice.
            None => course.within(pin!(course.once(request, info))).await,
            // Boxed: most requests have no such thing, and it would be room in all of them.
            Some(tries) => course.within(Box::pin(course.persist(request, tries, info))).await,
        };
        if result.is_err()
            && let Some(shadows) = shadows
        {
            shadows.forget_unsent();
        }
        // While there was no connection yet, it is not the host that was late.
        if matches!(result, Err(Failure::RouteTimeout { trying: true }))
            && info.upstream_local.is_some()
            && let Some(target) = course.trying.take()
        {
            let status = if ready.answers_late_with_204 { 204 } else { 504 };
            target.host.observe(Outcome::TimedOut(status));
        }
        let notes = std::mem::take(&mut ready.notes);
        match result {
            Ok(mut response) => {
                tell_attempts(ready, &mut response, info);
                mutation::change_response(ready.headers, notes, &mut response, info);
                for cookie in ready.hashed.iter().flat_map(|hashed| &hashed.cookies) {
                    response.headers_mut().append(SET_COOKIE, cookie.clone());
                }
                response
            }
            Err(failure) => {
                let mut reply = failure.reply(info.attempts > 1);
                if ready.answers_late_with_204 && failure.is_timeout() {
                    reply = reply.without_content();
                }
                let mut reply = give_up(reply, &failure, ready.local, info);
                tell_attempts(ready, &mut reply, info);
                mutation::change_reply(ready.headers, notes, reply, info)
            }
        }
    }
}

fn tell_attempts(ready: &Ready<'_>, response: &mut Response, info: &StreamInfo) {
    if ready.tells_attempts {
        let count = HeaderValue::from(info.attempts);
        response.headers_mut().insert(headers::X_ENVOY_ATTEMPT_COUNT, count);
    }
}

// === impl Course ===

impl Course<'_> {
    /// Tries one host, whatever comes of it.
    async fn once(
        &self,
        mut request: Box<Request>,
        info: &mut StreamInfo,
    ) -> Result<Response, Failure> {
        let target = self.choose_first().ok_or(Failure::NoHealthyHost)?;
        self.aim(&target, &mut request, info);
        let attempt = self.attempt(&target, None, true);
        let answer = attempt.run(request, info).await?;
        Ok(attempt.accept(answer, info))
    }

    /// Tries hosts until one answers as the policy wants, or until there is no more to try.
    async fn persist(
        &self,
        request: Box<Request>,
        mut tries: Box<Tries<'_>>,
        info: &mut StreamInfo,
    ) -> Result<Response, Failure> {
        let mut template = self.template(request, &tries);
        let mut was_late = false;
        loop {
            let target = self.choose(&tries, info).ok_or(Failure::NoHealthyHost)?;
            let mut request = template.next();
            if info.attempts > 1 {
                self.mark(&mut request, &tries, (info.attempts, was_late));
            }
            self.aim(&target, &mut request, info);
            let per_try = tries.per_try;
            let makes_up = !tries.retry.as_ref().is_some_and(Retry::wants_resets);
            let attempt = self.attempt(&target, per_try.as_ref(), makes_up);
            let result = attempt.run(request, info).await;
            if !template.can_be_sent_again() {
                // Envoy forgets the policy then, and so says nothing of its limits.
                tries.retry = None;
            }
            match self.judge(&mut tries, &attempt, &result) {
                Verdict::Keep => {}
                Verdict::LimitExceeded => info.flags.set(Flag::UpstreamRetryLimitExceeded),
                Verdict::Overflow => info.flags.set(Flag::UpstreamOverflow),
                Verdict::Again(wait) => {
                    was_late =
                        matches!(result, Err(Failure::PerTryTimeout | Failure::PerTryIdleTimeout));
                    self.note_retry(&target, &result, wait);
                    self.trying.take();
                    result.map_or_else(drop, |answer| attempt.discard(answer));
                    tokio::time::sleep(wait.time()).await;
                    // As in Envoy, a retry counts once it begins.
                    wait.count(&self.local.cluster.stats);
                    info.attempts += 1;
                    continue;
                }
            }
            return result.map(|answer| attempt.accept(answer, info));
        }
    }

    fn template(&self, mut head: Box<Request>, tries: &Tries<'_>) -> Template {
        let body = std::mem::replace(head.body_mut(), Body::empty());
        if body.is_empty() || tries.retry.is_none() {
            return Template { head, body: Content::Once(body) };
        }
        let abandoned = self.local.cluster.stats.retry_or_shadow_abandoned.clone();
        Template { head, body: Content::Kept(Replay::new(body, self.body_limit, abandoned)) }
    }

    fn choose_first(&self) -> Option<Rc<LocalHost>> {
        self.local.choose(&lb::Context {
            hash: self.hash,
            metadata: self.metadata,
            ..lb::Context::default()
        })
    }

    fn choose(&self, tries: &Tries<'_>, info: &StreamInfo) -> Option<Rc<LocalHost>> {
        let retry = tries.retry.as_ref().filter(|_| info.attempts > 1);
        let Some(retry) = retry else { return self.choose_first() };
        let rejects = |host: &Host| retry.rejects(host);
        let more_choices = retry.more_choices();
        let context = lb::Context {
            rejects: Some(&rejects),
            more_choices,
            hash: self.hash,
            metadata: self.metadata,
            ..lb::Context::default()
        };
        self.local.choose(&context)
    }

    /// Notes which host is tried, and says its name if the route wants that.
    fn aim(&self, target: &Rc<LocalHost>, request: &mut Request, info: &mut StreamInfo) {
        info.upstream_host = Some(target.host.address);
        info.upstream_local = None;
        info.upstream_tls = None;
        if let Some(rewrite) = self.rewrite {
            let says_old = !self.router.options.suppress_envoy_headers;
            rewrite::apply_auto(rewrite, request, &target.host, says_old);
        }
        *self.trying.borrow_mut() = Some(target.clone());
    }

    fn attempt<'t>(
        &'t self,
        target: &'t LocalHost,
        per_try: Option<&'t PerTry>,
        makes_up: bool,
    ) -> Attempt<'t> {
        Attempt {
            local: self.local,
            target,
            priority: self.priority,
            whole: self.whole,
            reset_after_start: &self.router.stats.rq_reset_after_downstream_response_started,
            upload_flow: Some(&self.router.upload_flow),
            says_time: !self.router.options.suppress_envoy_headers,
            per_try,
            makes_up,
            sent: Cell::new(false),
        }
    }

    /// Tells the upstream what is new about another try.
    fn mark(&self, request: &mut Request, tries: &Tries<'_>, (number, was_late): (u32, bool)) {
        let fields = request.headers_mut();
        if tries.attempts.in_request {
            fields.insert(headers::X_ENVOY_ATTEMPT_COUNT, HeaderValue::from(number));
        }
        if tries.attempts.tells_timeout {
            let was_late = HeaderValue::from_static(if was_late { "true" } else { "false" });
            fields.insert(headers::X_ENVOY_IS_TIMEOUT_RETRY, was_late);
        }
        let elapsed = self.whole.since().map_or(Duration::ZERO, |since| since.elapsed());
        self.router.tell_timeout(request, (self.timeout, tries.per_try), elapsed);
    }

    fn judge(
        &self,
        tries: &mut Tries<'_>,
        attempt: &Attempt<'_>,
        result: &Result<Answer, Failure>,
    ) -> Verdict {
        let Some(retry) = &mut tries.retry else { return Verdict::Keep };
        retry.note(&attempt.target.host, attempt.sent.get());
        let wish: Wish = match result {
            Ok(answer) => {
                retry.of_response(answer.response.status().as_u16(), answer.response.headers())
            }
            Err(failure) => retry.of_failure(failure),
        };
        retry.decide(wish, &self.local.cluster, self.priority)
    }

    fn note_retry(&self, target: &LocalHost, result: &Result<Answer, Failure>, wait: Wait) {
        let status = result.as_ref().ok().map(|answer| answer.response.status().as_u16());
        tracing::debug!(
            cluster = %self.local.cluster.name,
            host = %target.host.address,
            status,
            failure = ?result.as_ref().err(),
            ?wait,
            "the request is tried again"
        );
    }

    /// All tries, within the route timeout.
    async fn within(
        &self,
        tries: impl Future<Output = Result<Response, Failure>>,
    ) -> Result<Response, Failure> {
        self.whole.within(self.timeout, tries, || self.late()).await
    }

    fn late(&self) -> Failure {
        let trying = self.trying.borrow();
        if let Some(target) = &*trying {
            self.local.cluster.stats.upstream_rq_timeout.inc();
            target.host.stats.rq_timeout.inc();
            target.host.stats.rq_error.inc();
        }
        Failure::RouteTimeout { trying: trying.is_some() }
    }
}

// === impl Template ===

impl Template {
    fn next(&mut self) -> Box<Request> {
        let body = match &mut self.body {
            Content::Once(body) => std::mem::replace(body, Body::empty()),
            Content::Kept(replay) => replay.read(),
        };
        copy(&self.head, body)
    }

    fn can_be_sent_again(&self) -> bool {
        match &self.body {
            Content::Once(_) => true,
            Content::Kept(replay) => replay.is_kept(),
        }
    }
}

/// The reply to a failure, counted like the response it stands for.
fn give_up(reply: LocalReply, failure: &Failure, local: &Local, info: &mut StreamInfo) -> Response {
    local.charge_failure(failure, reply.status, Origin::new(info.internal));
    info.transport_failure = failure.transport_failure();
    tracing::debug!(
        cluster = %local.cluster.name,
        host = ?info.upstream_host,
        status = reply.status.as_u16(),
        details = %reply.details,
        "no response from upstream"
    );
    reply.into_response(info)
}
