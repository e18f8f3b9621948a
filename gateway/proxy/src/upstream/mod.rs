//! The upstream client: pooled connections, deadlines, retries only where safe, a circuit breaker.
//!
//! Connections belong to a worker ([`Pools`]); what must be counted over all workers (in-flight, breaker, retry budget)
//! belongs to the state ([`UpstreamState`]). No redirect is followed: an upstream does not choose whom we talk to.

mod breaker;
mod budget;
mod connect;
mod pool;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, HeaderName, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, Method, Uri};
use rustls_pki_types::ServerName;

use crate::body::{BodyError, CallerBody, UpstreamRequestBody, UpstreamStream};
use crate::clock;

pub use breaker::{Breaker, BreakerRules, Passage};
pub use budget::RetryBudget;
use pool::Due;
pub use pool::{PoolKey, PoolPlace, Pools, Returned};

/// How an upstream is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP/1.1, one request at a time on a connection.
    Http1,
    /// HTTP/2, by ALPN over TLS or with prior knowledge in the clear.
    Http2,
}

/// An upstream as configured.
#[derive(Clone, Debug)]
pub struct UpstreamRules {
    /// `http` or `https`.
    pub scheme: Scheme,
    /// Host and port as in the URL.
    pub authority: Authority,
    /// The same as the `Host` header.
    pub host_header: HeaderValue,
    /// The host to connect to.
    pub host: String,
    /// The port to connect to.
    pub port: u16,
    /// The path of the URL; what an adapter asks for is appended to it.
    pub base_path: String,
    /// TLS, for `https`.
    pub tls: Option<(Arc<rustls::ClientConfig>, ServerName<'static>)>,
    /// HTTP/1.1 or h2.
    pub protocol: Protocol,
    /// The most time for a connection, TLS included.
    pub connect_timeout: Duration,
    /// The most time from the request to the head of the answer.
    pub first_byte_timeout: Duration,
    /// The most time for all of it, retries included.
    pub total_timeout: Duration,
    /// How long a connection may stand idle: shorter than the upstream's own limit.
    pub idle: Duration,
    /// How old a connection may grow, so that a change of address is followed.
    pub max_age: Duration,
    /// The most idle connections a worker keeps, for all e-services that share them.
    pub idle_connections: usize,
    /// The most requests at a time, over all workers.
    pub in_flight: u32,
    /// The most bytes of an answer.
    pub answer_bytes: u64,
    /// How often a request may be tried in all.
    pub attempts: u32,
    /// When it counts as dead.
    pub breaker: BreakerRules,
}

/// What is counted of an upstream over all workers; it outlives a reload.
#[derive(Debug, Default)]
pub struct UpstreamState {
    /// The circuit breaker.
    pub breaker: Breaker,
    /// Requests under way.
    pub in_flight: AtomicU32,
    /// What may still be retried.
    pub budget: RetryBudget,
    /// Connections made so far.
    pub opened: AtomicU64,
}

/// An upstream of the snapshot: its rules, its state, and the pool of each worker that it uses.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// How it is spoken to.
    pub rules: Arc<UpstreamRules>,
    /// What is counted.
    pub state: Arc<UpstreamState>,
    /// Where its connections are kept.
    pub pool: PoolPlace,
}

/// Why an upstream gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// The breaker is open.
    #[error("the upstream failed repeatedly and is tried again in {retry_after} ms")]
    CircuitOpen {
        /// Milliseconds until the next probe.
        retry_after: u64,
    },
    /// As many requests as allowed are under way.
    #[error("as many requests as allowed are already waiting for the upstream")]
    Saturated,
    /// No connection in time.
    #[error("no connection to the upstream in time")]
    ConnectTimeout,
    /// No connection.
    #[error("no connection to the upstream: {0}")]
    Connect(String),
    /// The TLS handshake failed.
    #[error("no TLS with the upstream: {0}")]
    Tls(String),
    /// Connected, but no answer began in time.
    #[error("the upstream did not begin to answer in time")]
    FirstByteTimeout,
    /// The total time is over.
    #[error("the upstream did not answer in time")]
    TotalTimeout,
    /// The connection broke before the answer began.
    #[error("the upstream broke the connection: {0}")]
    Reset(String),
    /// What it sent is not HTTP.
    #[error("the upstream does not speak HTTP: {0}")]
    Protocol(String),
    /// The caller's body, passing through, broke.
    #[error("the caller's body broke: {0}")]
    CallerBody(BodyError),
}

/// What an upstream is asked, ready to be sent.
#[derive(Debug)]
pub struct Outgoing {
    /// The method.
    pub method: Method,
    /// Path and query, appended to the URL's path.
    pub path_and_query: String,
    /// The headers but `Host` and those of the framing.
    pub headers: HeaderMap,
    /// The body.
    pub body: OutgoingBody,
    /// Whether sending it twice does no harm: declared safe or idempotent.
    pub repeatable: bool,
}

/// The body of an outgoing request.
#[derive(Debug)]
pub enum OutgoingBody {
    /// Held whole, so it can be sent again.
    Held(Bytes),
    /// Passing through.
    Streamed(Box<CallerBody>),
}

/// An answer whose head has come.
#[derive(Debug)]
pub struct Arriving {
    /// The head.
    pub head: http::response::Parts,
    /// The body.
    pub body: UpstreamStream,
    /// How often the request was sent.
    pub attempts: u32,
}

/// One more request under way; it counts until it is dropped, with the body of its answer.
#[derive(Debug)]
pub struct InFlight(Arc<UpstreamState>);

impl InFlight {
    fn enter(state: &Arc<UpstreamState>, most: u32) -> Option<Self> {
        let entered = state.in_flight.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |now| (now < most).then_some(now + 1));
        entered.is_ok().then(|| Self(state.clone()))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Upstream {
    /// Sends a request and waits for the head of the answer. Also tells how often it was sent, for the record.
    pub async fn send(&self, pools: &Pools, now: Instant, outgoing: Outgoing) -> (Result<Arriving, UpstreamError>, u32) {
        let mut attempts = 0;
        let answer = self.send_counted(pools, now, outgoing, &mut attempts).await;
        (answer, attempts)
    }

    async fn send_counted(
        &self,
        pools: &Pools,
        mut now: Instant,
        outgoing: Outgoing,
        attempts: &mut u32,
    ) -> Result<Arriving, UpstreamError> {
        let rules = &self.rules;
        let Some(in_flight) = InFlight::enter(&self.state, rules.in_flight) else {
            return Err(UpstreamError::Saturated);
        };
        let deadline = now + rules.total_timeout;
        self.state.budget.deposit();
        let repeatable = outgoing.repeatable;
        let mut request = outgoing.into_request(rules)?;
        loop {
            let passage = match self.state.breaker.ask(&rules.breaker, clock::millis) {
                Passage::Open(retry_after) => return Err(UpstreamError::CircuitOpen { retry_after }),
                passage => passage,
            };
            *attempts += 1;
            let again = if repeatable && *attempts < rules.attempts { Again::of(&request) } else { None };
            let broken = match request.body_mut() {
                UpstreamRequestBody::Streamed(body) => Some(body.broken()),
                UpstreamRequestBody::Held(_) => None,
            };
            let sent = pools.of(&self.pool).exchange(self, Due { now, deadline }, request).await;
            let error = match sent {
                Ok((answer, connection)) if answer.status().as_u16() < 600 => {
                    self.state.breaker.succeeded(passage);
                    let (head, incoming) = answer.into_parts();
                    let body = UpstreamStream::new(incoming, head.version, rules.answer_bytes, deadline, connection, in_flight);
                    return Ok(Arriving { head, body, attempts: *attempts });
                }
                // RFC 9110 §15: what is no status means no more than that the upstream failed.
                Ok(_) => UpstreamError::Protocol("a status above 599".into()),
                Err(error) => error,
            };
            let error = broken.and_then(|broken| broken.cause()).map_or(error, UpstreamError::CallerBody);
            self.count_failure(passage, &error);
            match again {
                Some(again) if is_transient(&error) && self.state.budget.withdraw() => {
                    (now, request) = (Instant::now(), again.into_request(rules)?);
                }
                _ => return Err(error),
            }
        }
    }

    fn count_failure(&self, passage: Passage, error: &UpstreamError) {
        match error {
            UpstreamError::CallerBody(_) => self.state.breaker.abandoned(passage),
            _ => self.state.breaker.failed(passage, &self.rules.breaker, clock::millis()),
        }
    }
}

/// What another try may mend; a slow upstream is not asked twice.
fn is_transient(error: &UpstreamError) -> bool {
    matches!(error, UpstreamError::Connect(_) | UpstreamError::ConnectTimeout | UpstreamError::Reset(_))
}

/// Boxed, because it is handed down several steps before a connection takes it.
type Request = Box<http::Request<UpstreamRequestBody>>;

impl Outgoing {
    fn into_request(self, rules: &UpstreamRules) -> Result<Request, UpstreamError> {
        let Self { method, path_and_query, mut headers, body, repeatable: _ } = self;
        headers.remove(CONTENT_LENGTH);
        let target = match (path_and_query.as_str(), rules.base_path.as_str()) {
            ("", "") => "/".to_owned(),
            ("", base) => base.to_owned(),
            (_, "" | "/") => path_and_query,
            (path, base) => [base.trim_end_matches('/'), path].concat(),
        };
        if rules.protocol == Protocol::Http1 {
            headers.insert(HOST, rules.host_header.clone());
        }
        let uri = uri(target.into(), rules)?;
        let body = match body {
            OutgoingBody::Held(bytes) => UpstreamRequestBody::Held(Some(bytes)),
            OutgoingBody::Streamed(body) => UpstreamRequestBody::Streamed(body),
        };
        let mut request = Box::new(http::Request::new(body));
        (*request.method_mut(), *request.uri_mut(), *request.headers_mut()) = (method, uri, headers);
        Ok(request)
    }
}

/// The URI of a request: h2 names the host in it.
fn uri(target: Bytes, rules: &UpstreamRules) -> Result<Uri, UpstreamError> {
    let no_path = || UpstreamError::Protocol("the target is no path".into());
    let mut uri = http::uri::Parts::default();
    if rules.protocol == Protocol::Http2 {
        uri.scheme = Some(rules.scheme.clone());
        uri.authority = Some(rules.authority.clone());
    }
    uri.path_and_query = Some(PathAndQuery::from_maybe_shared(target).map_err(|_| no_path())?);
    Uri::from_parts(uri).map_err(|_| no_path())
}

/// What it takes to send a request once more. Hardly any is, so this is made to be written, in one piece, and not to be read.
struct Again {
    method: Method,
    /// The target and then the headers, each after a line feed, which neither can hold: `name:value`.
    head: Vec<u8>,
    body: Bytes,
}

impl Again {
    /// Only of a request whose body is held.
    fn of(request: &Request) -> Option<Self> {
        let UpstreamRequestBody::Held(Some(bytes)) = request.body() else { return None };
        let mut head = Vec::with_capacity(512);
        head.extend_from_slice(request.uri().path_and_query().map_or("/", PathAndQuery::as_str).as_bytes());
        for (name, value) in request.headers() {
            head.push(b'\n');
            head.extend_from_slice(name.as_str().as_bytes());
            head.push(b':');
            head.extend_from_slice(value.as_bytes());
        }
        Some(Self { method: request.method().clone(), head, body: bytes.clone() })
    }

    fn into_request(self, rules: &UpstreamRules) -> Result<Request, UpstreamError> {
        let mut lines = self.head.split(|&byte| byte == b'\n');
        let target = Bytes::copy_from_slice(lines.next().unwrap_or_default());
        let mut request = Box::new(http::Request::new(UpstreamRequestBody::Held(Some(self.body))));
        (*request.method_mut(), *request.uri_mut()) = (self.method, uri(target, rules)?);
        for line in lines {
            let (name, value) = line.split_at(line.iter().position(|&byte| byte == b':').unwrap_or(line.len()));
            if let (Ok(name), Some(Ok(value))) = (HeaderName::from_bytes(name), value.get(1..).map(HeaderValue::from_bytes)) {
                request.headers_mut().append(name, value);
            }
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> UpstreamRules {
        let forever = Duration::from_hours(1);
        UpstreamRules {
            scheme: Scheme::HTTP,
            authority: Authority::from_static("anagrafe.example"),
            host_header: HeaderValue::from_static("anagrafe.example"),
            host: "anagrafe.example".into(),
            port: 80,
            base_path: String::new(),
            tls: None,
            protocol: Protocol::Http1,
            connect_timeout: forever,
            first_byte_timeout: forever,
            total_timeout: forever,
            idle: forever,
            max_age: forever,
            idle_connections: 1,
            in_flight: 1,
            answer_bytes: 1,
            attempts: 2,
            breaker: BreakerRules::default(),
        }
    }

    #[test]
    fn only_plain_http1_that_carries_nobodys_credentials_is_shared() {
        let key = |name: &str, rules: &UpstreamRules, credentials| PoolKey::new(&Arc::from(name), rules, credentials);
        let (plain, http2) = (rules(), UpstreamRules { protocol: Protocol::Http2, ..rules() });
        assert_eq!(key("a", &plain, false), key("b", &UpstreamRules { attempts: 9, base_path: "/b".into(), ..rules() }, false));
        assert_ne!(key("a", &plain, false), key("b", &UpstreamRules { port: 81, ..rules() }, false));
        assert_ne!(key("a", &plain, false), key("b", &UpstreamRules { idle_connections: 2, ..rules() }, false));
        assert_ne!(key("a", &http2, false), key("b", &http2, false));
        assert_ne!(key("a", &plain, true), key("b", &plain, true));
        assert_ne!(key("a", &plain, true), key("b", &plain, false));
        assert_eq!(key("a", &http2, true), key("a", &http2, true));
    }

    #[test]
    fn what_is_sent_again_is_what_was_sent() {
        let value = |bytes: &[u8]| HeaderValue::from_bytes(bytes).expect("a header value");
        let mut request = Box::new(http::Request::new(UpstreamRequestBody::Held(Some(Bytes::from_static(b"{}")))));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = "/cose/a%20b?q=1:2".parse().expect("a URI");
        for (name, bytes) in
            [("accept", &b"*/*"[..]), ("x-vuota", b""), ("x-due", b"a: b\tc"), ("x-due", b"\xe8,:"), ("host", b"[::1]:8080")]
        {
            request.headers_mut().append(name, value(bytes));
        }
        let sent = Again::of(&request).expect("its body is held").into_request(&rules()).expect("a request");
        assert_eq!((sent.method(), sent.uri(), sent.headers()), (request.method(), request.uri(), request.headers()));
        assert!(matches!(sent.body(), UpstreamRequestBody::Held(Some(bytes)) if bytes == "{}"));
    }
}
