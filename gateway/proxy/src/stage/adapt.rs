//! The adapter: what the call means to the upstream, and what its answer means to the caller.

use adapter_api::{AdapterError, AnswerBody, Body, Needs, UpstreamAnswer};
use bytes::Bytes;
use http::HeaderMap;
use http::header::{ACCEPT_RANGES, CONTENT_ENCODING};

use super::aside::{aside, is_large};
use super::layer::{Answering, Next};
use crate::coding::{self, InflateLimits, NotDecoded};
use crate::exchange::{Exchange, Stage};
use crate::message::{Request, Response, ResponseBody};
use crate::rejection::Rejection;

/// Maps the call down and the answer up.
pub fn adapt(request: Request, next: &Next) -> Answering {
    Box::pin(adapted(request, next.clone()))
}

async fn adapted(mut request: Request, next: Next) -> Result<Response, Rejection> {
    let exchange = request.exchange.clone();
    let service = exchange.service();
    let adapter = service.definition.adapter.clone();
    let needs = adapter.needs(exchange.routed().operation);
    // Where no body is read there is nothing to do that could be measured.
    if needs == Needs::default() {
        exchange.pass(Stage::Adapt);
    } else {
        exchange.enter(Stage::Adapt);
    }
    let holds = exchange.holds();
    // The call is needed again on the way up; the request goes on without it.
    let mut call = request.call.take().ok_or(Rejection::Internal)?;
    // What the adapter does not read costs it nothing, however large.
    let bytes = if needs.request { call.body.bytes().map_or(0, |bytes| bytes.len()) } else { 0 };
    let map = {
        let adapter = adapter.clone();
        move || (adapter.request(&mut call), call)
    };
    let (asked, call) = if is_large(bytes) { aside(&exchange, map).await? } else { map() };
    request.upstream = Some(asked?);
    let Response { status, mut headers, body } = next.run(request).await?;
    let (body, received) = match body {
        ResponseBody::Streamed(stream) if holds.answer => {
            let (bytes, lease) = stream.collect(&exchange.worker.state.buffered).await?;
            exchange.hold(lease);
            let bytes = decoded(&exchange, &mut headers, bytes).await?;
            // No part of it can be had here.
            headers.remove(ACCEPT_RANGES);
            (Body::Bytes(bytes.clone()), ResponseBody::Held(bytes))
        }
        ResponseBody::Streamed(mut stream) => {
            // What will certainly be cut had better not begin.
            stream.check_announced()?;
            // For a caller who has gone it stays a stream, whose end says that nothing of it arrived.
            match (!exchange.is_caller_gone()).then(|| stream.at_hand()).flatten() {
                Some(bytes) => (Body::Bytes(bytes.clone()), ResponseBody::Held(bytes)),
                None => (Body::Streamed, ResponseBody::Streamed(stream)),
            }
        }
        held => (held.bytes().map_or(Body::Streamed, |bytes: &Bytes| Body::Bytes(bytes.clone())), held),
    };
    if holds.answer {
        exchange.enter(Stage::Answer);
    } else {
        exchange.pass(Stage::Answer);
    }
    let bytes = if needs.answer { received.bytes().map_or(0, Bytes::len) } else { 0 };
    let answered = UpstreamAnswer { status, headers, body };
    let map = move || adapter.answer(&call, answered);
    let answer = if is_large(bytes) { aside(&exchange, map).await?? } else { map()? };
    let body = match answer.body {
        AnswerBody::AsReceived => received,
        AnswerBody::Bytes(bytes) => ResponseBody::Held(bytes),
    };
    Ok(Response { status: answer.status, headers: answer.headers, body })
}

/// The answer as it was before its upstream coded it, although nobody asked for that.
async fn decoded(exchange: &Exchange, headers: &mut HeaderMap, coded: Bytes) -> Result<Bytes, Rejection> {
    if !headers.contains_key(CONTENT_ENCODING) || coded.is_empty() {
        return Ok(coded);
    }
    let unreadable = |detail: &str| Rejection::Adapter(AdapterError::Answer { detail: detail.into(), place: "Content-Encoding".into() });
    let Some(coding) = coding::of(headers).map_err(|()| unreadable("a content coding that is not read here"))? else { return Ok(coded) };
    let rules = &exchange.upstream().rules;
    let limits = InflateLimits { most: rules.answer_bytes, ratio: rules.inflate_ratio };
    let budget = exchange.worker.state.buffered.clone();
    let inflated = aside(exchange, move || coding::inflate(coding, &coded, limits, &budget)).await?;
    let (bytes, lease) = inflated.map_err(|error| match error {
        NotDecoded::TooLarge => unreadable("larger than the limit, decoded"),
        NotDecoded::Malformed => unreadable("not what its coding says"),
        NotDecoded::NoRoom => Rejection::BufferedBytes,
    })?;
    exchange.hold(lease);
    coding::forget(headers);
    Ok(bytes)
}
