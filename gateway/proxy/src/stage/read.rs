//! The body: held whole where a stage below needs it, up to its limit and within the process's budget; else left streaming.

use std::sync::atomic::Ordering;

use bytes::Bytes;

use crate::body::CallerBody;
use crate::budget::Gathering;
use crate::exchange::{Exchange, Stage};
use crate::message::{Request, RequestBody};
use crate::rejection::Rejection;

/// Reads the body if somebody needs it.
pub async fn read(mut request: Request) -> Result<Request, Rejection> {
    let exchange = request.exchange.clone();
    exchange.enter(Stage::Read);
    let RequestBody::Unread(mut body) = request.body else { return Ok(request) };
    if let Some(most) = exchange.service().definition.body_bytes {
        body.limit(most);
    }
    body.check_announced()?;
    let routed = exchange.routed();
    let digested = request.headers.contains_key("digest");
    request.body = if body.is_empty() {
        RequestBody::Held(Bytes::new())
    } else if routed.service.holds[routed.operation].request || digested {
        RequestBody::Held(hold(body, &exchange).await?)
    } else {
        RequestBody::Unread(body)
    };
    if let RequestBody::Held(bytes) = &request.body {
        exchange.request_bytes.store(bytes.len() as u64, Ordering::Relaxed);
    }
    Ok(request)
}

async fn hold(mut body: CallerBody, exchange: &Exchange) -> Result<Bytes, Rejection> {
    let mut held = Gathering::begin(&exchange.worker.state.buffered, body.announced()).ok_or(Rejection::BufferedBytes)?;
    while let Some(piece) = body.next().await.transpose()? {
        if !held.add(piece) {
            return Err(Rejection::BufferedBytes);
        }
    }
    let (bytes, lease) = held.finish();
    exchange.hold(lease);
    Ok(bytes)
}
