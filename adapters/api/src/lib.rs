//! What an adapter is: two pure functions between a call and what an upstream speaks.
//!
//! An adapter is compiled once from its configuration and then only maps values: it opens no connection, holds no key,
//! reads no clock and never sees the proxy or the log. Connections, deadlines and retries belong to the proxy.

use std::fmt;
use std::path::PathBuf;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

pub use document;
pub use exchange::{
    Answer, AnswerBody, Body, Call, Caller, Forwarded, Json, JsonErrorKind, JsonLimits, OperationIndex, OperationSpec, Parameters, Pointer,
    Problem, Step, Tenant, json,
};

/// Turns calls into upstream requests and upstream answers into answers.
pub trait Adapter: Send + Sync + fmt::Debug {
    /// Which bodies must be held whole for this operation; the others may stream past.
    fn needs(&self, operation: OperationIndex) -> Needs;

    /// Builds the request that asks the upstream for this call. What it passes on as it is, it takes out of the call: headers and
    /// path need no copy, and [`Adapter::answer`] is given what is left.
    fn request(&self, call: &mut Call) -> Result<UpstreamRequest, AdapterError>;

    /// Reads what the upstream answered to the request built for this call.
    fn answer(&self, call: &Call, answer: UpstreamAnswer) -> Result<Answer, AdapterError>;

    /// The caller's headers (lower case) whose values change what the upstream is asked: they belong in a cache key.
    fn forwarded_headers(&self) -> ForwardedHeaders<'_>;

    /// The name that a record carries as `ad.name`: `http`, `soap`.
    fn name(&self) -> &'static str;

    /// The files that it was compiled from, each once: what a backup has to keep.
    fn files(&self) -> &[PathBuf] {
        &[]
    }
}

/// Which bodies an adapter must have whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The caller's.
    pub request: bool,
    /// The upstream's.
    pub answer: bool,
}

/// Which of the caller's headers reach the upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardedHeaders<'a> {
    /// All but the hop-by-hop ones and those the gateway consumed.
    All,
    /// Only these, lower case.
    Only(&'a [http::HeaderName]),
}

/// What an upstream is asked.
#[derive(Clone, Debug)]
pub struct UpstreamRequest {
    /// The HTTP method.
    pub method: Method,
    /// Path and query, already encoded; begins with `/`.
    pub path_and_query: String,
    /// Headers without `Host`, `Content-Length`, `Transfer-Encoding` and `Connection`, which the client decides.
    pub headers: HeaderMap,
    /// The body.
    pub body: UpstreamBody,
}

/// The body of an upstream request.
#[derive(Clone, Debug)]
pub enum UpstreamBody {
    /// The caller's bytes as they came, held or streaming.
    AsReceived,
    /// Bytes that the adapter built.
    Bytes(Bytes),
}

/// What an upstream answered.
#[derive(Clone, Debug)]
pub struct UpstreamAnswer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers as received.
    pub headers: HeaderMap,
    /// The body: `Bytes` where the adapter said it needs it, else `Streamed`.
    pub body: Body,
}

/// Why an adapter could not map.
#[derive(Clone, Debug, PartialEq)]
pub enum AdapterError {
    /// The caller's value cannot be said in the upstream's terms: its fault, answered with this 4xx problem.
    Call(Problem),
    /// The upstream's answer breaks its own description: answered 502. `detail` goes to the log and holds no value of the
    /// answer; `place` is a path into it.
    Answer {
        /// What is wrong, without any value of the answer.
        detail: String,
        /// Where in the answer: element names and positions only.
        place: String,
    },
    /// The upstream refused or failed in its own terms (a SOAP fault): answered with this problem.
    Upstream(Problem),
}

impl fmt::Display for AdapterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(problem) => write!(f, "the call cannot be mapped: {}", problem.title),
            Self::Answer { detail, place } => write!(f, "the upstream's answer cannot be read: {detail} at {place}"),
            Self::Upstream(problem) => write!(f, "the upstream refused: {}", problem.title),
        }
    }
}

impl std::error::Error for AdapterError {}
