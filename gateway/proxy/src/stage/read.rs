//! The body: held whole where a stage below needs it, up to its limit and within the process's budget; else left streaming.

use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::layer::Checked;
use crate::budget::Gathering;
use crate::exchange::Stage;
use crate::message::{Request, RequestBody};
use crate::present::Present;
use crate::rejection::Rejection;

/// Reads the body if somebody needs it.
pub fn read(mut request: Request) -> Checked {
    let exchange = &request.exchange;
    exchange.pass(Stage::Read);
    let RequestBody::Unread(body) = &mut request.body else { return Ok(request).into() };
    if let Some(most) = exchange.service().definition.body_bytes {
        body.limit(most);
    }
    if let Err(error) = body.check_announced() {
        return Err(error.into()).into();
    }
    if exchange.holds().request || exchange.present.has(Present::DIGEST) {
        return Checked::later(hold(request));
    }
    // Who asks whether to send its body is told so by whoever reads on.
    if let (false, Some(bytes)) = (exchange.present.has(Present::EXPECT), body.at_hand()) {
        exchange.request_bytes.store(bytes.len() as u64, Ordering::Relaxed);
        request.body = RequestBody::Held(bytes);
    }
    Ok(request).into()
}

async fn hold(mut request: Request) -> Result<Request, Rejection> {
    let RequestBody::Unread(mut body) = std::mem::replace(&mut request.body, RequestBody::Held(Bytes::new())) else { return Ok(request) };
    let exchange = &request.exchange;
    exchange.enter(Stage::Read);
    let mut held = Gathering::begin(&exchange.worker.state.buffered, body.announced()).ok_or(Rejection::BufferedBytes)?;
    while let Some(piece) = body.next().await.transpose()? {
        if !held.add(piece) {
            return Err(Rejection::BufferedBytes);
        }
    }
    let (bytes, lease) = held.finish();
    exchange.hold(lease);
    exchange.request_bytes.store(bytes.len() as u64, Ordering::Relaxed);
    request.body = RequestBody::Held(bytes);
    Ok(request)
}
