//! A typed client of a proxy's admin interface.

use std::{collections::BTreeMap, net::SocketAddr};

use serde_json::Value;

use crate::{
    client::{Client, Reply},
    error::Error,
    eventually,
    node::Node,
};

/// The admin interface of one proxy.
#[derive(Debug, Clone)]
pub struct Admin {
    node: Node,
    client: Client,
}

/// Counters and gauges by name, as they were at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats(BTreeMap<String, u64>);

/// One counter or gauge, looked at as often as needed.
#[derive(Debug)]
pub struct Stat<'a> {
    admin: &'a Admin,
    name: String,
}

// === impl Admin ===

impl Admin {
    /// The admin interface that listens there.
    pub fn new(node: Node, address: SocketAddr) -> Self {
        Self { node, client: Client::http1(&format!("http://{address}")) }
    }

    /// The proxy it belongs to.
    pub fn node(&self) -> Node {
        self.node
    }

    /// What it answers to `GET path`.
    ///
    /// # Errors
    /// [`Error::Node`] if it does not answer.
    pub async fn get(&self, path: &str) -> Result<Reply, Error> {
        self.client
            .get(path)
            .await
            .map_err(|error| Error::node("ask the admin interface of", self.node, error))
    }

    /// What it answers to `POST path` without a body.
    ///
    /// # Errors
    /// [`Error::Node`] if it does not answer.
    pub async fn post(&self, path: &str) -> Result<Reply, Error> {
        self.client
            .post(path, "")
            .await
            .map_err(|error| Error::node("ask the admin interface of", self.node, error))
    }

    /// Whether `/ready` says so.
    pub async fn is_ready(&self) -> bool {
        self.get("/ready").await.is_ok_and(|reply| reply.status == 200)
    }

    /// All counters and gauges, from `/stats`.
    ///
    /// # Errors
    /// [`Error::Node`] if it does not answer.
    pub async fn stats(&self) -> Result<Stats, Error> {
        Ok(Stats::parse(&self.get("/stats").await?.text()))
    }

    /// One counter, by its whole name.
    pub fn counter(&self, name: &str) -> Stat<'_> {
        Stat { admin: self, name: name.to_owned() }
    }

    /// One gauge, by its whole name.
    pub fn gauge(&self, name: &str) -> Stat<'_> {
        self.counter(name)
    }

    /// `/clusters?format=json`.
    ///
    /// # Errors
    /// [`Error::Node`] if it does not answer with JSON.
    pub async fn clusters(&self) -> Result<Value, Error> {
        self.json("/clusters?format=json").await
    }

    /// `/config_dump`.
    ///
    /// # Errors
    /// [`Error::Node`] if it does not answer with JSON.
    pub async fn config_dump(&self) -> Result<Value, Error> {
        self.json("/config_dump").await
    }

    /// `/server_info`.
    ///
    /// # Errors
    /// [`Error::Node`] if it does not answer with JSON.
    pub async fn server_info(&self) -> Result<Value, Error> {
        self.json("/server_info").await
    }

    /// `/listeners?format=json`.
    ///
    /// # Errors
    /// [`Error::Node`] if it does not answer with JSON.
    pub async fn listeners(&self) -> Result<Value, Error> {
        self.json("/listeners?format=json").await
    }

    async fn json(&self, path: &str) -> Result<Value, Error> {
        self.get(path)
            .await?
            .json()
            .map_err(|error| Error::node("read the JSON of", self.node, error))
    }
}

// === impl Stats ===

impl Stats {
    /// Reads the text form; histograms, which are not one number, are left out.
    fn parse(text: &str) -> Self {
        let number = |line: &str| {
            let (name, value) = line.split_once(": ")?;
            Some((name.to_owned(), value.trim().parse().ok()?))
        };
        Self(text.lines().filter_map(number).collect())
    }

    /// The value of one; `None` if there is none of this name, or it is a histogram.
    pub fn value(&self, name: &str) -> Option<u64> {
        self.0.get(name).copied()
    }

    /// All names and values, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }
}

// === impl Stat ===

impl Stat<'_> {
    /// Its value now; 0 if there is none of this name yet, since proxies make some stats when they first count.
    ///
    /// # Errors
    /// [`Error::Node`] if the proxy does not answer.
    pub async fn value(&self) -> Result<u64, Error> {
        Ok(self.admin.stats().await?.value(&self.name).unwrap_or(0))
    }

    /// Waits until it has this value.
    ///
    /// # Panics
    /// With the last value, if it does not come to this one.
    pub async fn becomes(&self, expected: u64) {
        self.satisfies(&expected.to_string(), |value| value == expected).await;
    }

    /// Waits until it has this value or a greater one.
    ///
    /// # Panics
    /// With the last value, if it does not come that far.
    pub async fn reaches(&self, least: u64) {
        self.satisfies(&format!("at least {least}"), |value| value >= least).await;
    }

    async fn satisfies(&self, expected: &str, is_awaited: impl Fn(u64) -> bool) {
        let what = format!("{} of {}: {expected}", self.name, self.admin.node);
        let read = async || self.value().await;
        if let Err(error) = eventually::satisfies(&what, read, |value| is_awaited(*value)).await {
            panic!("{}", error.report());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_read_and_histograms_left_out() {
        let text = "cluster.app.upstream_rq_total: 3\ncluster.app.upstream_rq_time: P0(nan,1) P25(nan,1)\nserver.live: 1\n";
        let stats = Stats::parse(text);
        assert_eq!(
            stats.iter().collect::<Vec<_>>(),
            [("cluster.app.upstream_rq_total", 3), ("server.live", 1)]
        );
    }
}
