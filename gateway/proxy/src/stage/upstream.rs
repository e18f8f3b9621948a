//! The upstream: the end of the way down.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use adapter_api::UpstreamBody;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::layer::{Answering, at_once};
use crate::exchange::{Exchange, Stage};
use crate::listener::TRACEPARENT;
use crate::message::{Request, RequestBody, RequestMessage, Response, ResponseBody};
use crate::rejection::Rejection;
use crate::upstream::{Arriving, Attempts, Outgoing, OutgoingBody, Prepared, Renewal};

/// A message that is signed for the provider.
struct Signing {
    exchange: Arc<Exchange>,
    body: Bytes,
}

impl Renewal for Signing {
    fn renew(&self, headers: HeaderMap) -> BoxFuture<'_, Option<HeaderMap>> {
        Box::pin(super::voucher::sign_again(&self.exchange, headers, self.body.clone()))
    }
}

/// Asks the upstream and waits for the head of its answer.
pub fn upstream(request: Request) -> Answering {
    let (exchange, request, mut attempts) = match prepare(request) {
        Ok(prepared) => prepared,
        Err(rejection) => return at_once(Err(rejection)),
    };
    Box::pin(async move {
        let upstream = exchange.upstream();
        let answered = upstream.send_prepared(&exchange.worker.pools, request, &mut attempts).await;
        exchange.attempts.store(attempts.made(), Ordering::Relaxed);
        let Arriving { head, body } = attempts.arriving(answered?, upstream);
        if head.status == StatusCode::UNAUTHORIZED
            && let (Some(calling), Some(shown)) = (&exchange.authenticated().calling, exchange.shown())
        {
            calling.voucher.refused(&shown.voucher);
        }
        Ok(Response { status: head.status, headers: head.headers, body: ResponseBody::Streamed(Box::new(body)) })
    })
}

/// What of it does not wait.
fn prepare(request: Request) -> Result<(Arc<Exchange>, Prepared, Attempts), Rejection> {
    let RequestMessage { exchange, upstream, body, .. } = *request;
    exchange.enter(Stage::Upstream);
    let service = exchange.service();
    let asked = upstream.ok_or(Rejection::Internal)?;
    let rules = &service.definition.operations[exchange.routed().operation];
    let mut headers = asked.headers;
    // The trace goes on with our span; a caller's own traceparent was read when the exchange was opened.
    if let Ok(value) = HeaderValue::from_bytes(&exchange.trace.to_text()) {
        headers.insert(TRACEPARENT, value);
    }
    if exchange.holds().answer {
        // What is read here must come as it is.
        headers.remove(ACCEPT_ENCODING);
    }
    let body = match (asked.body, body) {
        (UpstreamBody::Bytes(bytes), _) | (UpstreamBody::AsReceived, RequestBody::Held(bytes)) => OutgoingBody::Held(bytes),
        (UpstreamBody::AsReceived, RequestBody::Unread(body)) if body.is_empty() => OutgoingBody::Held(Bytes::new()),
        (UpstreamBody::AsReceived, RequestBody::Unread(body)) => OutgoingBody::Streamed(body),
    };
    let repeatable = rules.safe || rules.idempotent;
    let renewal = match &body {
        OutgoingBody::Held(body) if repeatable && service.definition.modi.is_some() => {
            Some(Box::new(Signing { exchange: exchange.clone(), body: body.clone() }) as Box<dyn Renewal>)
        }
        _ => None,
    };
    let outgoing = Outgoing { method: asked.method, path_and_query: asked.path_and_query, headers, body, repeatable, renewal };
    let (request, attempts) = exchange.upstream().prepare(exchange.began_at(Stage::Upstream), outgoing)?;
    Ok((exchange, request, attempts))
}
