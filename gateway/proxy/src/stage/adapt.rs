//! The adapter: what the call means to the upstream, and what its answer means to the caller.

use adapter_api::{AnswerBody, Body, UpstreamAnswer};
use bytes::Bytes;

use super::aside::aside;
use super::layer::Next;
use crate::exchange::Stage;
use crate::message::{Request, Response, ResponseBody};
use crate::rejection::Rejection;

/// Maps the call down and the answer up.
pub async fn adapt(mut request: Request, next: Next) -> Result<Response, Rejection> {
    let exchange = request.exchange.clone();
    exchange.enter(Stage::Adapt);
    let service = exchange.service();
    let adapter = service.definition.adapter.clone();
    let needs = adapter.needs(exchange.routed().operation);
    let holds = service.holds[exchange.routed().operation];
    // The call is needed again on the way up; the request goes on without it.
    let call = request.call.take().ok_or(Rejection::Internal)?;
    let mapping = {
        let adapter = adapter.clone();
        // What the adapter does not read costs it nothing, however large.
        let bytes = if needs.request { call.body.bytes().map_or(0, |bytes| bytes.len()) } else { 0 };
        aside(bytes, move || (adapter.request(&call), call))
    };
    let (asked, call) = mapping.await?;
    request.upstream = Some(asked?);
    let response = next.pass(request).await?;
    let (body, received) = match response.body {
        ResponseBody::Streamed(stream) if holds.answer => {
            let (bytes, lease) = stream.collect(&exchange.worker.state.buffered).await?;
            exchange.hold(lease);
            (Body::Bytes(bytes.clone()), ResponseBody::Held(bytes))
        }
        ResponseBody::Streamed(stream) => {
            // What will certainly be cut had better not begin.
            stream.check_announced()?;
            (Body::Streamed, ResponseBody::Streamed(stream))
        }
        held => (held.bytes().map_or(Body::Streamed, |bytes: &Bytes| Body::Bytes(bytes.clone())), held),
    };
    exchange.enter(Stage::Answer);
    let bytes = if needs.answer { received.bytes().map_or(0, Bytes::len) } else { 0 };
    let answered = UpstreamAnswer { status: response.status, headers: response.headers, body };
    let answer = aside(bytes, move || adapter.answer(&call, answered)).await??;
    let body = match answer.body {
        AnswerBody::AsReceived => received,
        AnswerBody::Bytes(bytes) => ResponseBody::Held(bytes),
    };
    Ok(Response { status: answer.status, headers: answer.headers, body })
}
