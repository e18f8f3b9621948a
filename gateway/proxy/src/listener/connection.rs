//! One connection: its handshake, its protocol, and an exchange for each of its requests.

use std::future::Future;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use exchange::{Dialect, ExchangeId, TraceContext};
use http::header::{ACCEPT_LANGUAGE, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;

use super::Serving;
use super::heads::Heads;
use super::paced::Paced;
use super::proxy_protocol;
use super::pulse::{Attention, Overdue, Place, Pulse};
use super::running::Running;
use crate::body::{CallerBody, Pace};
use crate::clock;
use crate::config::{ListenerLimits, ListenerRules, fingerprint};
use crate::exchange::{Exchange, Opening};
use crate::message::{RequestBody, RequestMessage};
use crate::metrics::CauseLabels;
use crate::origin::{Certificate, Origin};
use crate::present::Present;
use crate::snapshot::{Listener, Post};

/// hyper's own limits, as multiples of ours: so it is we who refuse, with a problem.
const HEADROOM: usize = 4;

/// How many headers hyper reads unless told otherwise.
const HEADERS: usize = 100;

pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const SOAP_ACTION: HeaderName = HeaderName::from_static("soapaction");
const CORRELATION: HeaderName = HeaderName::from_static("x-correlation-id");

/// A connection that was accepted.
pub(super) struct Connection {
    serving: Serving,
    /// Where each of its requests finds the listener as it is configured then.
    post: Arc<Post>,
    /// What it was let in under.
    limits: ListenerLimits,
    admitted: [u8; 32],
    origin: Origin,
    /// Its place among the connections of the listener.
    _permit: OwnedSemaphorePermit,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.serving.worker.state.metrics.connections.dec();
    }
}

impl Connection {
    pub(super) fn new(serving: Serving, post: Arc<Post>, rules: &ListenerRules, peer: SocketAddr, permit: OwnedSemaphorePermit) -> Self {
        serving.worker.state.metrics.connections.inc();
        let origin = Origin {
            address: peer,
            is_believed: rules.trusted.believes(peer.ip()),
            is_secure: rules.tls.is_some(),
            certificate: Certificate::None,
            is_over: false,
        };
        Self { serving, post, limits: rules.limits.clone(), admitted: rules.admits, origin, _permit: permit }
    }

    /// The same of a connection that begins with a PROXY header, whose caller is who that says.
    pub(super) async fn serve_after_proxy_header(
        mut self,
        mut stream: TcpStream,
        tls: Option<TlsAcceptor>,
        pulse: Arc<Pulse>,
        listener: Arc<Listener>,
    ) {
        match tokio::time::timeout(self.limits.handshake_time, proxy_protocol::read(&mut stream)).await {
            // Somebody whom the balancer does not name, or the balancer itself: neither speaks for others.
            Ok(Ok(None)) => self.origin.is_believed = false,
            Ok(Ok(Some(caller))) => {
                self.origin.address = caller;
                self.origin.is_believed = listener.rules.trusted.believes(caller.ip());
            }
            // A balancer that looks whether somebody listens.
            Ok(Err(error)) if error.kind() == ErrorKind::UnexpectedEof => return,
            Ok(Err(error)) => return self.failed("proxy-header", &error),
            Err(_) => return self.failed("handshake-too-slow", &"no PROXY header in time"),
        }
        drop(listener);
        self.serve(stream, tls, pulse).await;
    }

    /// The tasks that a drain waits for.
    pub(super) fn tasks(&self) -> &TaskTracker {
        &self.serving.tasks
    }

    /// Serves it to its end.
    pub(super) async fn serve(self, stream: TcpStream, tls: Option<TlsAcceptor>, pulse: Arc<Pulse>) {
        let _ = stream.set_nodelay(true);
        let stream = Paced::new(stream, pulse.clone());
        match tls {
            None => Arc::new(self).http1(stream, pulse).await,
            // Boxed, so that a connection in the clear does not pay for what TLS and h2 need.
            Some(tls) => Box::pin(self.serve_tls(stream, tls, pulse)).await,
        }
    }

    async fn serve_tls(mut self, stream: Paced<TcpStream>, tls: TlsAcceptor, pulse: Arc<Pulse>) {
        match tokio::time::timeout(self.limits.handshake_time, tls.accept(stream)).await {
            Ok(Ok(stream)) => {
                let session = stream.get_ref().1;
                let http2 = session.alpn_protocol() == Some(b"h2");
                if let Some(certificate) = session.peer_certificates().and_then(<[_]>::first) {
                    self.origin.certificate = Certificate::Shown(fingerprint(certificate));
                }
                let this = Arc::new(self);
                if http2 { Box::pin(this.http2(stream, pulse)).await } else { this.http1(stream, pulse).await }
            }
            Ok(Err(error)) => self.failed("tls", &error),
            Err(_) => self.failed("handshake-too-slow", &"no TLS handshake in time"),
        }
    }

    fn failed(&self, cause: &'static str, error: &dyn std::fmt::Display) {
        self.serving.worker.state.metrics.failed_connections.get_or_create(&CauseLabels { cause }).inc();
        if let Some(untold) = self.post.lines.take(clock::nanos()) {
            let untold = (untold > 0).then_some(untold);
            tracing::info!(listener = %self.post.name, peer = %self.origin.address, cause, %error, untold, "a connection failed");
        }
    }

    async fn http1<T>(self: Arc<Self>, stream: T, pulse: Arc<Pulse>)
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let limits = &self.limits;
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            // Slow heads and idle connections are the pulse's.
            .header_read_timeout(None)
            // One buffer and one plain send: measured, a vectored write of head and body costs the kernel more than the copy saves.
            .writev(false)
            .max_buf_size((limits.header_bytes + limits.target_bytes) * HEADROOM);
        // Below hyper's own limit its room for them is on the stack; any other it would allocate and fill at every request.
        if limits.header_count >= HEADERS {
            builder.max_headers(limits.header_count * HEADROOM);
        }
        let (this, beats) = (self.clone(), pulse.clone());
        let service = service_fn(move |request| this.clone().exchange(request, &beats));
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        self.drive(connection, &pulse, hyper::server::conn::http1::Connection::graceful_shutdown).await;
    }

    async fn http2<T>(self: Arc<Self>, stream: T, pulse: Arc<Pulse>)
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        pulse.multiplexed();
        let limits = &self.limits;
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.streams)
            .max_pending_accept_reset_streams(limits.pending_resets)
            .max_local_error_reset_streams(limits.pending_resets.max(1) * 16)
            .max_header_list_size((limits.header_bytes * HEADROOM) as u32);
        let (this, beats) = (self.clone(), pulse.clone());
        let service = service_fn(move |request| this.clone().exchange(request, &beats));
        let connection = builder.serve_connection(TokioIo::new(Heads::new(stream, pulse.clone())), service);
        self.drive(connection, &pulse, hyper::server::conn::http2::Connection::graceful_shutdown).await;
    }

    /// Runs the protocol until it ends, is overdue, or has drained.
    async fn drive<C>(&self, connection: C, pulse: &Pulse, retire: impl Fn(Pin<&mut C>))
    where
        C: Future<Output = hyper::Result<()>>,
    {
        let mut connection = std::pin::pin!(connection);
        let mut retired = false;
        let driving = std::future::poll_fn(|cx| {
            loop {
                // First, so that what has come is read before anybody is asked to leave.
                if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
                    return Poll::Ready(Ok(ended));
                }
                match pulse.attention(cx.waker()) {
                    Some(Attention::Close(overdue)) => return Poll::Ready(Err(overdue)),
                    Some(Attention::Retire) if !retired => {
                        retired = true;
                        retire(connection.as_mut());
                    }
                    _ => return Poll::Pending,
                }
            }
        });
        match driving.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.ended(&error),
            Err(overdue) => self.overdue(overdue),
        }
    }

    fn ended(&self, error: &hyper::Error) {
        if error.is_parse_too_large() {
            return self.failed("head-too-large", error);
        }
        if error.is_parse() {
            return self.failed("malformed-head", error);
        }
        // Callers that leave are no news.
        let cause = if error.is_incomplete_message() { "caller-left" } else { "broken" };
        self.serving.worker.state.metrics.failed_connections.get_or_create(&CauseLabels { cause }).inc();
        tracing::debug!(listener = %self.post.name, peer = %self.origin.address, cause, %error, "a connection broke");
    }

    fn overdue(&self, overdue: Overdue) {
        let cause = match overdue {
            Overdue::Idle => return,
            Overdue::Head => "head-too-slow",
            Overdue::Write => "answer-not-read",
        };
        self.failed(cause, &"a limit in time was reached");
    }

    /// One request and the way of its exchange.
    fn exchange(self: Arc<Self>, request: http::Request<Incoming>, pulse: &Arc<Pulse>) -> Running {
        let (mut head, body) = request.into_parts();
        let is_over = pulse.is_over();
        let exchange = Arc::new(self.open(&mut head, pulse.begin(), is_over));
        let rules = &exchange.listener.rules;
        let body = if body.is_end_stream() {
            RequestBody::Held(Bytes::new())
        } else {
            RequestBody::Unread(Box::new(CallerBody::new(body, head.version, pace(rules))))
        };
        let request = Box::new(RequestMessage {
            exchange: exchange.clone(),
            method: head.method,
            uri: head.uri,
            version: head.version,
            headers: head.headers,
            body,
            call: None,
            upstream: None,
        });
        let way = self.serving.gateway.run(request);
        Running::new(&self, way, exchange, pulse.clone())
    }

    fn open(&self, head: &mut http::request::Parts, place: Place, is_over: bool) -> Exchange {
        let listener = self.post.listener.load_full();
        let certificate = self.origin.certificate(&listener.rules.trusted, &mut head.headers);
        // What it was let in under is not what is asked now: what it was believed then does not count.
        let is_over = is_over || self.admitted != listener.rules.admits;
        let origin = Origin { certificate, is_over, ..self.origin };
        let worker = &self.serving.worker;
        let seen = clock::now();
        // Drawn at once: ten bytes for the id, sixteen for a trace, eight for a span.
        let random = worker.random::<34>();
        let (id, trace, span) = (part(&random, 0), part(&random, 10), part(&random, 26));
        let present = Present::among(&head.headers);
        let of = |one, name: HeaderName| present.has(one).then(|| head.headers.get(name)).flatten();
        let theirs = of(Present::TRACEPARENT, TRACEPARENT).and_then(|value| value.to_str().ok()).and_then(TraceContext::parse);
        let ours = || TraceContext { trace, span, flags: u8::from(listener.common.sampling.takes(&trace)) };
        Exchange::open(Opening {
            id: ExchangeId::new(seen, id),
            seen,
            trace: theirs.map_or_else(ours, |theirs| theirs.with_span(span)),
            parent: theirs.map(|theirs| theirs.span),
            correlation: of(Present::CORRELATION, CORRELATION).and_then(correlation),
            worker: worker.clone(),
            listener,
            origin,
            _place: place,
            dialect: of(Present::CONTENT_TYPE, CONTENT_TYPE).map_or(Dialect::Rest, |media| dialect(media, &head.headers)),
            method: head.method.clone(),
            italian: of(Present::ACCEPT_LANGUAGE, ACCEPT_LANGUAGE).is_some_and(|value| is_italian(value.as_bytes())),
            present,
        })
    }
}

/// One that could be a person's is left out.
fn correlation(value: &HeaderValue) -> Option<Box<str>> {
    let id = value.to_str().ok()?;
    audit::is_safe_correlation(id).then(|| id.into())
}

fn part<const N: usize>(bytes: &[u8; 34], from: usize) -> [u8; N] {
    std::array::from_fn(|at| bytes[from + at])
}

fn pace(rules: &ListenerRules) -> Pace {
    Pace { most_bytes: rules.limits.body_bytes, grace: rules.limits.body_time, minimum_rate: rules.limits.body_rate }
}

/// Whether the first language that a caller names is Italian, of whatever country (RFC 4647: case does not matter).
fn is_italian(languages: &[u8]) -> bool {
    let first = languages.split(|byte| matches!(byte, b',' | b';' | b'-' | b' ')).next().unwrap_or_default();
    first.eq_ignore_ascii_case(b"it")
}

/// How the caller speaks, by what it sends: a SOAP 1.2 media type, or XML, which only SOAP sends here.
fn dialect(media: &HeaderValue, headers: &HeaderMap) -> Dialect {
    let Ok(media) = media.to_str() else { return Dialect::Rest };
    let essence = media.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/soap+xml") {
        Dialect::Soap12
    } else if essence.eq_ignore_ascii_case("text/xml") && headers.contains_key(SOAP_ACTION) {
        Dialect::Soap11
    } else {
        Dialect::Rest
    }
}
