//! Clients of a mesh: a comfortable one, and [`raw`] for exact bytes.

pub mod grpc;
pub mod raw;
pub mod stream;

use std::{fmt, time::Duration};

use bytes::Bytes;
use reqwest::{
    Body, Method, RequestBuilder, Version,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use serde_json::Value;

use crate::{error::BoxError, eventually};

/// A client of one server, with a connection pool of its own. It follows no redirect and retries nothing.
#[derive(Debug, Clone)]
pub struct Client {
    base: String,
    http: reqwest::Client,
}

/// A whole response.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Its status code.
    pub status: u16,
    /// The version it came in.
    pub version: Version,
    /// Its header fields.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

// === impl Client ===

impl Client {
    /// A client that speaks HTTP/1.1.
    pub fn http1(base: &str) -> Self {
        Self::build(base, reqwest::Client::builder().http1_only())
    }

    /// A client that speaks HTTP/2 without asking first.
    pub fn http2(base: &str) -> Self {
        Self::build(base, reqwest::Client::builder().http2_prior_knowledge())
    }

    fn build(base: &str, builder: reqwest::ClientBuilder) -> Self {
        let http = builder
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .timeout(TIMEOUT_FACTOR * eventually::patience())
            .build()
            .expect("a client without TLS and without a resolver of its own can always be made");
        Self { base: base.to_owned(), http }
    }

    /// `GET path`.
    ///
    /// # Errors
    /// If no whole response comes.
    pub async fn get(&self, path: &str) -> Result<Reply, BoxError> {
        Self::send(self.request(Method::GET, path)).await
    }

    /// `POST path` with a body.
    ///
    /// # Errors
    /// If no whole response comes.
    pub async fn post(&self, path: &str, body: impl Into<Body>) -> Result<Reply, BoxError> {
        Self::send(self.request(Method::POST, path).body(body)).await
    }

    /// A request to be completed, and then sent with [`Client::send`].
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// Sends a request and reads the whole response.
    ///
    /// # Errors
    /// If no whole response comes.
    pub async fn send(request: RequestBuilder) -> Result<Reply, BoxError> {
        let response = request.send().await?;
        Ok(Reply {
            status: response.status().as_u16(),
            version: response.version(),
            headers: response.headers().clone(),
            body: response.bytes().await?,
        })
    }
}

/// A request may legitimately take longer than a wait for a condition: 50 MB, on a slow machine.
const TIMEOUT_FACTOR: u32 = 3;

// === impl Reply ===

impl Reply {
    /// The value of a header field, if there is exactly one of that name and it is text.
    pub fn header(&self, name: impl AsRef<str>) -> Option<&str> {
        let mut values = self.headers.get_all(name.as_ref()).iter();
        values
            .next()
            .filter(|_| values.next().is_none())
            .and_then(|value: &HeaderValue| value.to_str().ok())
    }

    /// The names of its header fields, each once, sorted.
    pub fn header_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    /// Its body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Its body as JSON.
    ///
    /// # Errors
    /// If it is not JSON; the text is in the error.
    pub fn json(&self) -> Result<Value, BoxError> {
        serde_json::from_slice(&self.body)
            .map_err(|error| format!("{error}: {}", self.text()).into())
    }

    /// Fails unless it has this status.
    ///
    /// # Panics
    /// If it has another one; the whole response is in the message.
    #[track_caller]
    pub fn expect_status(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "status of {self}");
        self
    }

    /// Fails unless it has exactly one header field of this name, with this value.
    ///
    /// # Panics
    /// If not; the whole response is in the message.
    #[track_caller]
    pub fn expect_header(&self, name: &str, value: &str) -> &Self {
        assert_eq!(self.header(name), Some(value), "header {name} of {self}");
        self
    }

    /// Fails if it has a header field of this name.
    ///
    /// # Panics
    /// If it has; the whole response is in the message.
    #[track_caller]
    pub fn expect_no_header(&self, name: &str) -> &Self {
        assert_eq!(self.headers.get(name), None, "header {name} of {self}");
        self
    }

    /// Fails unless its body is this text.
    ///
    /// # Panics
    /// If it is another one; the whole response is in the message.
    #[track_caller]
    pub fn expect_body(&self, body: &str) -> &Self {
        assert_eq!(self.text(), body, "body of {self}");
        self
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:?} {}", self.version, self.status)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {}", String::from_utf8_lossy(value.as_bytes()))?;
        }
        let shown: String = self.text().chars().take(SHOWN).collect();
        write!(f, "\n{shown}")
    }
}

/// How much of a body stands in a message.
const SHOWN: usize = 2000;

/// A body of `length` bytes that no accident reproduces: repeating after a prime number of bytes.
pub fn pattern(length: usize) -> Bytes {
    (0..length).map(|place| u8::try_from(place % PATTERN_PERIOD).unwrap_or(0)).collect()
}

const PATTERN_PERIOD: usize = 251;

/// How long a response may take to begin before a test calls it missing.
pub fn response_deadline() -> Duration {
    eventually::patience()
}
