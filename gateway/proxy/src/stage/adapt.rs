//! The adapter: what the call means to the upstream, and what its answer means to the caller.

use std::sync::Arc;

use adapter_api::{AdapterError, Answer, AnswerBody, Body, Call, Needs, UpstreamAnswer};
use bytes::Bytes;
use http::header::{ACCEPT_RANGES, CONTENT_ENCODING};
use http::{HeaderMap, StatusCode};

use super::aside::{aside, is_large};
use super::layer::{Answering, Next, at_once};
use crate::body::UpstreamStream;
use crate::coding::{self, InflateLimits, NotDecoded};
use crate::exchange::{Exchange, Stage};
use crate::message::{Request, Response, ResponseBody};
use crate::rejection::Rejection;

/// Maps the call down and the answer up.
pub fn adapt(mut request: Request, next: &Next) -> Answering {
    let exchange = request.exchange.clone();
    let definition = &exchange.service().definition;
    let needs = definition.adapter.needs(exchange.routed().operation);
    // Where no body is read there is nothing to do that could be measured.
    if needs == Needs::default() {
        exchange.pass(Stage::Adapt);
    } else {
        exchange.enter(Stage::Adapt);
    }
    // The call is needed again on the way up; the request goes on without it.
    let Some(mut call) = request.call.take() else { return at_once(Err(Rejection::Internal)) };
    // What the adapter does not read costs it nothing, however large.
    if needs.request && is_large(call.body.bytes().map_or(0, |bytes| bytes.len())) {
        let (adapter, next) = (definition.adapter.clone(), next.clone());
        return Box::pin(async move {
            let (asked, call) = aside(&exchange, move || (adapter.request(&mut call), call)).await?;
            request.upstream = Some(asked?);
            mapped_up(exchange, call, next.run(request)).await
        });
    }
    match definition.adapter.request(&mut call) {
        Ok(asked) => request.upstream = Some(asked),
        Err(error) => return at_once(Err(error.into())),
    }
    mapped_up(exchange, call, next.run(request))
}

/// The answer to a call, once it has come.
fn mapped_up(exchange: Arc<Exchange>, call: Box<Call>, asking: Answering) -> Answering {
    Box::pin(async move {
        let Response { status, headers, body } = asking.await?;
        let body = match body {
            // Boxed, so that an answer which passes through does not pay for the place of one that is read.
            ResponseBody::Streamed(stream) if exchange.holds().answer => {
                return Box::pin(read_up(exchange, call, status, headers, stream)).await;
            }
            ResponseBody::Streamed(mut stream) => {
                // What will certainly be cut had better not begin.
                stream.check_announced()?;
                // For a caller who has gone it stays a stream, whose end says that nothing of it arrived.
                match (!exchange.is_caller_gone()).then(|| stream.at_hand()).flatten() {
                    Some(bytes) => ResponseBody::Held(bytes),
                    None => ResponseBody::Streamed(stream),
                }
            }
            held => held,
        };
        exchange.pass(Stage::Answer);
        let seen = body.bytes().map_or(Body::Streamed, |bytes| Body::Bytes(bytes.clone()));
        let answered = UpstreamAnswer { status, headers, body: seen };
        Ok(response_of(exchange.service().definition.adapter.answer(&call, answered)?, body))
    })
}

/// The same of an answer that somebody reads.
async fn read_up(
    exchange: Arc<Exchange>,
    call: Box<Call>,
    status: StatusCode,
    mut headers: HeaderMap,
    stream: Box<UpstreamStream>,
) -> Result<Response, Rejection> {
    let (bytes, lease) = stream.collect(&exchange.worker.state.buffered).await?;
    exchange.hold(lease);
    let bytes = decoded(&exchange, &mut headers, bytes).await?;
    // No part of it can be had here.
    headers.remove(ACCEPT_RANGES);
    exchange.enter(Stage::Answer);
    let definition = &exchange.service().definition;
    let answered = UpstreamAnswer { status, headers, body: Body::Bytes(bytes.clone()) };
    let is_read = definition.adapter.needs(exchange.routed().operation).answer;
    let answer = if is_read && is_large(bytes.len()) {
        let adapter = definition.adapter.clone();
        aside(&exchange, move || adapter.answer(&call, answered)).await??
    } else {
        definition.adapter.answer(&call, answered)?
    };
    Ok(response_of(answer, ResponseBody::Held(bytes)))
}

fn response_of(answer: Answer, received: ResponseBody) -> Response {
    let body = match answer.body {
        AnswerBody::AsReceived => received,
        AnswerBody::Bytes(bytes) => ResponseBody::Held(bytes),
    };
    Response { status: answer.status, headers: answer.headers, body }
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
