//! One connection: its handshake, its protocol, and an exchange for each of its requests.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use exchange::{Dialect, ExchangeId, TraceContext};
use http::StatusCode;
use http::header::{ACCEPT_LANGUAGE, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio_rustls::TlsAcceptor;

use super::Serving;
use super::pulse::{Overdue, Paced, Pulse};
use crate::body::{AnswerBody, CallerBody, Pace};
use crate::clock;
use crate::config::ListenerRules;
use crate::exchange::{Exchange, Opening};
use crate::message::{RequestBody, RequestMessage};
use crate::metrics::CauseLabels;
use crate::snapshot::Listener;
use crate::stage::record::answer_body;

/// hyper's own limits, as multiples of ours: so it is we who refuse, with a problem.
const HEADROOM: usize = 4;

/// How long somebody who connected before a drain may take to begin a request.
const NEWCOMER: Duration = Duration::from_secs(1);

/// A connection that was accepted.
pub(super) struct Connection {
    serving: Serving,
    listener: Arc<Listener>,
    peer: SocketAddr,
    requests: AtomicU64,
    /// Asked to end after the requests under way.
    retire: Notify,
    /// Its place among the connections of the listener.
    _permit: OwnedSemaphorePermit,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.serving.worker.state.metrics.connections.dec();
    }
}

impl Connection {
    pub(super) fn new(serving: Serving, listener: Arc<Listener>, peer: SocketAddr, permit: OwnedSemaphorePermit) -> Arc<Self> {
        serving.worker.state.metrics.connections.inc();
        Arc::new(Self { serving, listener, peer, requests: AtomicU64::new(0), retire: Notify::new(), _permit: permit })
    }

    /// Serves it to its end.
    pub(super) async fn serve(self: Arc<Self>, stream: TcpStream, tls: Option<TlsAcceptor>) {
        let _ = stream.set_nodelay(true);
        let limits = &self.listener.rules.limits;
        let pulse = self.serving.pulses.connect(limits, false);
        let stream = Paced::new(stream, pulse.clone());
        let Some(tls) = tls else { return self.http1(stream, pulse).await };
        match tokio::time::timeout(limits.handshake_time, tls.accept(stream)).await {
            Ok(Ok(stream)) => {
                let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                if http2 { self.http2(stream, pulse).await } else { self.http1(stream, pulse).await }
            }
            Ok(Err(error)) => self.failed("tls", &error),
            Err(_) => self.failed("handshake-too-slow", &"no TLS handshake in time"),
        }
    }

    fn failed(&self, cause: &'static str, error: &dyn std::fmt::Display) {
        self.serving.worker.state.metrics.failed_connections.get_or_create(&CauseLabels { cause }).inc();
        tracing::info!(listener = %self.listener.rules.name, peer = %self.peer, cause, %error, "a connection ended before a request");
    }

    async fn http1<T>(self: Arc<Self>, stream: T, pulse: Arc<Pulse>)
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let limits = &self.listener.rules.limits;
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            // Slow heads and idle connections are the pulse's.
            .header_read_timeout(None)
            .max_headers(limits.header_count * HEADROOM)
            .max_buf_size((limits.header_bytes + limits.target_bytes) * HEADROOM);
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
        let limits = &self.listener.rules.limits;
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.streams)
            .max_pending_accept_reset_streams(limits.pending_resets)
            .max_local_error_reset_streams(limits.pending_resets.max(1) * 16)
            .max_header_list_size((limits.header_bytes * HEADROOM) as u32);
        let (this, beats) = (self.clone(), pulse.clone());
        let service = service_fn(move |request| this.clone().exchange(request, &beats));
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        self.drive(connection, &pulse, hyper::server::conn::http2::Connection::graceful_shutdown).await;
    }

    /// Runs the protocol until it ends, is overdue, or has drained.
    async fn drive<C>(&self, connection: C, pulse: &Pulse, retire: impl Fn(Pin<&mut C>))
    where
        C: Future<Output = hyper::Result<()>>,
    {
        let mut connection = std::pin::pin!(connection);
        let mut leave = std::pin::pin!(self.leave());
        let mut retired = false;
        loop {
            tokio::select! {
                // First, so that what has come is read before anybody is asked to leave.
                biased;
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        self.ended(&error);
                    }
                    return;
                }
                overdue = pulse.overdue() => return self.overdue(overdue),
                () = leave.as_mut(), if !retired => { retired = true; retire(connection.as_mut()); }
            }
        }
    }

    /// Waits until the connection should end after the requests under way: it has carried enough of them, or the worker
    /// drains. Who has connected and not asked yet gets a moment to do so.
    async fn leave(&self) {
        tokio::select! {
            () = self.retire.notified() => return,
            () = self.serving.draining.cancelled() => {}
        }
        if self.requests.load(Ordering::Relaxed) == 0 {
            let _ = tokio::time::timeout(NEWCOMER, self.retire.notified()).await;
        }
    }

    fn ended(&self, error: &hyper::Error) {
        let cause = if error.is_parse_too_large() {
            "head-too-large"
        } else if error.is_parse() {
            "malformed-head"
        } else if error.is_incomplete_message() {
            "caller-left"
        } else {
            "broken"
        };
        self.serving.worker.state.metrics.failed_connections.get_or_create(&CauseLabels { cause }).inc();
        tracing::debug!(listener = %self.listener.rules.name, peer = %self.peer, cause, %error, "a connection broke");
    }

    fn overdue(&self, overdue: Overdue) {
        let cause = match overdue {
            Overdue::Idle => return,
            Overdue::Head => "head-too-slow",
            Overdue::Write => "answer-not-read",
        };
        self.failed(cause, &"a limit in time was reached");
    }

    /// One request: its exchange runs as a task of its own, and this only awaits the answer. If the caller goes away this
    /// future is dropped; the task learns of it and decides what that means.
    fn exchange(
        self: Arc<Self>,
        request: http::Request<Incoming>,
        pulse: &Arc<Pulse>,
    ) -> impl Future<Output = Result<http::Response<AnswerBody>, Infallible>> + use<> {
        let under_way = pulse.begin();
        let carried = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        if carried >= self.listener.rules.limits.requests_per_connection || self.serving.draining.is_cancelled() {
            self.retire.notify_one();
        }
        let (head, body) = request.into_parts();
        let exchange = Arc::new(self.open(&head));
        exchange.hold(under_way);
        let body = RequestBody::Unread(CallerBody::new(body, head.version, pace(&self.listener.rules)));
        let request = Box::new(RequestMessage {
            exchange: exchange.clone(),
            method: head.method,
            uri: head.uri,
            headers: head.headers,
            body,
            call: None,
            upstream: None,
        });
        let mut present = Present(Some(exchange.clone()));
        let answered = self.serving.gateway.run(request);
        let pulse = pulse.clone();
        let answered = self.serving.tasks.spawn(async move {
            let Ok(response) = answered.await;
            // Within the task, so that a streamed answer which nobody awaits any more still leaves its `exchange.closed`.
            let mut written = http::Response::new(answer_body(&exchange, response.body).watched(pulse.answer()));
            *written.status_mut() = response.status;
            *written.headers_mut() = response.headers;
            // The body may be another than the upstream's: its length is what hyper counts.
            written.headers_mut().remove(CONTENT_LENGTH);
            written
        });
        async move {
            let answered = answered.await;
            present.answered();
            Ok(match answered {
                Ok(written) => written,
                // The stack catches panics of its stages; this is the last resort, outside any record.
                Err(_) => {
                    let mut written = http::Response::new(AnswerBody::bare(Bytes::new()));
                    *written.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                    written
                }
            })
        }
    }

    fn open(&self, head: &http::request::Parts) -> Exchange {
        let worker = &self.serving.worker;
        let seen = clock::now();
        let span = worker.random::<8>();
        let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
        let trace = header("traceparent")
            .and_then(TraceContext::parse)
            .map_or_else(|| TraceContext { trace: worker.random(), span, flags: 0 }, |caller| caller.with_span(span));
        Exchange::open(Opening {
            id: ExchangeId::new(seen, worker.random()),
            seen,
            trace,
            worker: worker.clone(),
            snapshot: self.serving.snapshot.clone(),
            listener: self.listener.clone(),
            peer: self.peer,
            dialect: dialect(&head.headers),
            method: head.method.clone(),
            italian: head.headers.get(ACCEPT_LANGUAGE).is_some_and(|value| is_italian(value.as_bytes())),
        })
    }
}

/// Until the answer is there, the caller is being waited for; dropped before, it has gone.
struct Present(Option<Arc<Exchange>>);

impl Present {
    fn answered(&mut self) {
        self.0 = None;
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        if let Some(exchange) = self.0.take() {
            exchange.caller_left();
        }
    }
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
fn dialect(headers: &HeaderMap) -> Dialect {
    let Some(media) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return Dialect::Rest };
    let essence = media.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/soap+xml") {
        Dialect::Soap12
    } else if essence.eq_ignore_ascii_case("text/xml") && headers.contains_key("soapaction") {
        Dialect::Soap11
    } else {
        Dialect::Rest
    }
}
