//! Which parts of a stat's name are labels: Envoy's default tags.

use std::borrow::Cow;

/// A name with its labels taken out.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Tagged<'a> {
    /// What is left of the name.
    pub(super) name: Cow<'a, str>,
    /// Labels in the order in which Envoy prints them, without the `envoy.` of their names.
    pub(super) labels: Vec<(&'static str, &'a str)>,
}

/// Tags that are one whole part of a name, in Envoy's order: `$` is the label, `*` any part, and anything may follow.
const PARTS: [(&str, &str); 18] = [
    ("http_user_agent", "http.*.user_agent.$"),
    ("virtual_cluster", "vhost.*.vcluster.$"),
    ("grpc_bridge_method", "cluster.*.grpc.*.$"),
    ("grpc_bridge_service", "cluster.*.grpc.$"),
    ("fault_downstream_cluster", "http.*.fault.$"),
    ("tcp_prefix", "tcp.$"),
    ("udp_prefix", "udp.$"),
    ("clientssl_prefix", "auth.clientssl.$"),
    ("ratelimit_prefix", "ratelimit.$"),
    ("cluster_name", "cluster.$"),
    ("ext_authz_prefix", "cluster.*.ext_authz.$"),
    ("ext_authz_prefix", "http.*.ext_authz.$"),
    ("http_conn_manager_prefix", "http.$"),
    ("virtual_host", "vhost.$"),
    ("route", "vhost.*.route.$"),
    ("local_http_ratelimit_prefix", "$.http_local_rate_limit"),
    ("local_network_ratelimit_prefix", "local_rate_limit.$"),
    ("local_listener_ratelimit_prefix", "listener_local_ratelimit.$"),
];

/// Takes the labels out of a name.
pub(super) fn extract(name: &str) -> Tagged<'_> {
    let mut found = Found { name, cuts: Vec::new(), labels: Vec::new() };
    found.response_code();
    found.listener();
    found.worker();
    for (label, pattern) in PARTS {
        found.part(label, pattern);
    }
    found.finish()
}

/// What was found so far.
struct Found<'a> {
    name: &'a str,
    /// Ranges of the name that go.
    cuts: Vec<(usize, usize)>,
    labels: Vec<(&'static str, &'a str)>,
}

// === impl Found ===

impl<'a> Found<'a> {
    /// `_rq_200` and `_rq_2xx` at the end.
    fn response_code(&mut self) {
        let Some(at) = self.name.rfind("_rq_") else { return };
        let (start, end) = (at + "_rq_".len(), self.name.len());
        match self.name.as_bytes()[start..] {
            [a, b, c] if [a, b, c].iter().all(u8::is_ascii_digit) => {
                self.take("response_code", (start, end), (start - 1, end));
            }
            [class, b'x', b'x'] if class.is_ascii_digit() => {
                self.take("response_code_class", (start, start + 1), (start, start + 1));
            }
            _ => {}
        }
    }

    /// `listener.<address or prefix>.` with the HTTP prefix and the worker below it; the admin's listener is none.
    fn listener(&mut self) {
        const PREFIX: usize = "listener.".len();
        if !self.name.starts_with("listener.") {
            return;
        }
        if let Some(http) = self.name[PREFIX..].find(".http.") {
            let start = PREFIX + http + ".http.".len();
            if let Some(end) = self.dot_after(start) {
                self.take("http_conn_manager_prefix", (start, end), (start, end + 1));
            }
        }
        let Some(end) = self.address_end(PREFIX) else { return };
        if let Some((id, cut)) = self.worker_at(end + 1) {
            self.take("worker_id", id, cut);
        }
        if &self.name[PREFIX..end] != "admin" {
            self.take("listener_address", (PREFIX, end), (PREFIX, end + 1));
        }
    }

    /// `server.worker_0.` and the like.
    fn worker(&mut self) {
        for prefix in ["server.", "listener_manager.", "thread_local_cluster_manager."] {
            if self.name.starts_with(prefix)
                && let Some((id, cut)) = self.worker_at(prefix.len())
            {
                self.take("worker_id", id, cut);
            }
        }
    }

    fn part(&mut self, label: &'static str, pattern: &str) {
        let mut start = 0;
        let mut value = None;
        for wanted in pattern.split('.') {
            // What a pattern names must be followed by something.
            let Some(end) = self.dot_after(start) else { return };
            match wanted {
                "$" => value = Some((start, end)),
                "*" => {}
                word if word == &self.name[start..end] => {}
                _ => return,
            }
            start = end + 1;
        }
        if let Some((start, end)) = value {
            self.take(label, (start, end), (start, end + 1));
        }
    }

    fn take(&mut self, label: &'static str, value: (usize, usize), cut: (usize, usize)) {
        self.labels.push((label, &self.name[value.0..value.1]));
        self.cuts.push(cut);
    }

    /// Where the part that starts at `start` ends: at a dot, not at once.
    fn dot_after(&self, start: usize) -> Option<usize> {
        let length = self.name.get(start..)?.find('.')?;
        (length > 0).then_some(start + length)
    }

    /// Where the listener's part ends; an IPv4 address with its port (`127.0.0.1_80`) has dots of its own.
    fn address_end(&self, start: usize) -> Option<usize> {
        let number = |from: usize| {
            let digits = self.name[from..].bytes().take_while(u8::is_ascii_digit).count();
            (1..=3).contains(&digits).then_some(from + digits)
        };
        let follows = |at: usize, byte: u8| self.name.as_bytes().get(at) == Some(&byte);
        let address = || {
            let mut end = number(start)?;
            for _ in 0..3 {
                end = follows(end, b'.').then(|| number(end + 1))??;
            }
            let port = follows(end, b'_').then_some(end + 1)?;
            let digits = self.name[port..].bytes().take_while(u8::is_ascii_digit).count();
            (digits > 0 && follows(port + digits, b'.')).then_some(port + digits)
        };
        address().or_else(|| self.dot_after(start))
    }

    /// `worker_0.` at that place: the number, and what to cut out.
    fn worker_at(&self, start: usize) -> Option<((usize, usize), (usize, usize))> {
        let id = start + "worker_".len();
        let end = self.dot_after(start)?;
        let is_worker = self.name[start..end].strip_prefix("worker_").is_some_and(|number| {
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
        });
        // The word stays: Envoy's metric is `listener_worker_downstream_cx_total`.
        is_worker.then_some(((id, end), (id, end + 1)))
    }

    fn finish(mut self) -> Tagged<'a> {
        if self.cuts.is_empty() {
            return Tagged { name: Cow::Borrowed(self.name), labels: self.labels };
        }
        self.cuts.sort_unstable();
        let mut name = String::with_capacity(self.name.len());
        let mut from = 0;
        for (start, end) in self.cuts {
            name.push_str(&self.name[from..start.max(from)]);
            from = from.max(end);
        }
        name.push_str(&self.name[from..]);
        Tagged { name: Cow::Owned(name), labels: self.labels }
    }
}

#[cfg(test)]
mod tests {
    use super::extract;

    fn check(name: &str, left: &str, labels: &[(&str, &str)]) {
        let tagged = extract(name);
        assert_eq!((tagged.name.as_ref(), tagged.labels.as_slice()), (left, labels), "{name}");
    }

    #[test]
    fn names_are_taken_apart_as_envoy_does() {
        check(
            "cluster.app.external.upstream_rq_200",
            "cluster.external.upstream_rq",
            &[("response_code", "200"), ("cluster_name", "app")],
        );
        check(
            "cluster.a_b.c.upstream_rq_2xx",
            "cluster.c.upstream_rq_xx",
            &[("response_code_class", "2"), ("cluster_name", "a_b")],
        );
        check("cluster_manager.cluster_added", "cluster_manager.cluster_added", &[]);
        check(
            "http.ingress.downstream_cx_total",
            "http.downstream_cx_total",
            &[("http_conn_manager_prefix", "ingress")],
        );
        check(
            "listener.127.0.0.1_80.http.ingress.downstream_rq_2xx",
            "listener.http.downstream_rq_xx",
            &[
                ("response_code_class", "2"),
                ("http_conn_manager_prefix", "ingress"),
                ("listener_address", "127.0.0.1_80"),
            ],
        );
        check(
            "listener.[__1]_80.worker_12.downstream_cx_total",
            "listener.worker_downstream_cx_total",
            &[("worker_id", "12"), ("listener_address", "[__1]_80")],
        );
        check(
            "listener.my.pref.worker_0.downstream_cx_total",
            "listener.pref.worker_0.downstream_cx_total",
            &[("listener_address", "my")],
        );
        check(
            "listener.admin.http.admin.downstream_rq_completed",
            "listener.admin.http.downstream_rq_completed",
            &[("http_conn_manager_prefix", "admin")],
        );
        check(
            "listener.admin.main_thread.downstream_cx_total",
            "listener.admin.main_thread.downstream_cx_total",
            &[],
        );
        check(
            "server.worker_0.watchdog_miss",
            "server.worker_watchdog_miss",
            &[("worker_id", "0")],
        );
        check(
            "vhost.app.vcluster.vc.upstream_rq_503",
            "vhost.vcluster.upstream_rq",
            &[("response_code", "503"), ("virtual_cluster", "vc"), ("virtual_host", "app")],
        );
        check(
            "vhost.app.route.r.upstream_rq_total",
            "vhost.route.upstream_rq_total",
            &[("virtual_host", "app"), ("route", "r")],
        );
    }

    #[test]
    fn what_only_looks_like_a_label_stays() {
        check("http.alone", "http.alone", &[]);
        check("x.upstream_rq_1234", "x.upstream_rq_1234", &[]);
        check("x.upstream_rq_xx", "x.upstream_rq_xx", &[]);
        check("listener..downstream", "listener..downstream", &[]);
        check("listener.1.2.3.4_.x", "listener.2.3.4_.x", &[("listener_address", "1")]);
        check("", "", &[]);
    }
}
