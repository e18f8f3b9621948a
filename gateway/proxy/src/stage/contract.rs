//! The e-service's own document: what is asked is held against it before anybody decides, and what is answered before
//! anybody keeps it or passes it on.

use std::sync::Arc;

use ::contract::{AnswerCheck, AnswerMode, AnswerVerdict, CheckedRequest, Finding, Payload, RequestParts, verdict};
use exchange::{Body, Call};
use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};

use super::aside::{aside, is_large};
use super::layer::{Answering, Checked, Next};
use super::representation::{Asked, was_asked_for};
use crate::exchange::{Exchange, Stage};
use crate::message::{Request, RequestBody, Response, ResponseBody};
use crate::rejection::{AnswerError, Rejection};
use crate::service::EService;
use crate::upstream::number;

/// Holds the call against the operation.
pub fn contract_request(mut request: Request) -> Checked {
    let exchange = &request.exchange;
    exchange.enter(Stage::Contract);
    let Some(call) = request.call.take() else { return Err(Rejection::Internal).into() };
    let path = std::mem::take(&mut *exchange.routed().path_parameters.lock());
    let is_needed = exchange.holds().request;
    let payload = match &request.body {
        RequestBody::Held(bytes) if bytes.is_empty() => Payload::Nothing,
        RequestBody::Unread(body) if body.is_empty() => Payload::Nothing,
        RequestBody::Held(bytes) if is_needed => Payload::Held(bytes.clone()),
        // What is held only because it was short and there, or had a digest, is as if it streamed.
        RequestBody::Held(_) | RequestBody::Unread(_) => Payload::Streaming,
    };
    let bytes = length(&payload);
    if is_large(bytes) {
        let service = exchange.service().clone();
        return Checked::later(async move {
            let checked = aside(&request.exchange, move || check(&service, call, path, payload)).await??;
            Ok(with_call(request, checked))
        });
    }
    let checked = check(exchange.service(), call, path, payload);
    checked.map(|checked| with_call(request, checked)).into()
}

/// A request with its call, and whether that uses what is deprecated.
fn with_call(mut request: Request, (call, is_deprecated): (Box<Call>, bool)) -> Request {
    if is_deprecated {
        let exchange = &request.exchange;
        exchange.service().metrics.deprecated.count(call.operation);
    }
    request.call = Some(call);
    request
}

fn check(service: &EService, mut call: Box<Call>, path: Vec<(Arc<str>, String)>, payload: Payload) -> Result<(Box<Call>, bool), Rejection> {
    let parts = RequestParts { query: call.query.as_deref(), headers: &call.headers, path };
    let checked = service.definition.contract.check_request(call.operation, parts, payload);
    let CheckedRequest { parameters, body, is_deprecated } = checked.map_err(|error| Rejection::Contract(Arc::new(error)))?;
    (call.parameters, call.body) = (parameters, body);
    Ok((call, is_deprecated))
}

fn length(payload: &Payload) -> usize {
    if let Payload::Held(bytes) = payload { bytes.len() } else { 0 }
}

/// Holds the answer against the operation. An undocumented error passes with its status and a problem of ours; a success that
/// is not what the contract promises does not.
pub fn contract_answer(request: Request, next: &Next) -> Answering {
    if request.exchange.service().definition.answers.is_off() && !request.exchange.holds().minimised {
        return next.run(request);
    }
    let exchange = request.exchange.clone();
    let asked = if exchange.holds().answer { Asked::default() } else { Asked::of(&request) };
    let answering = next.run(request);
    Box::pin(async move {
        let response = answering.await?;
        if was_asked_for(&asked, response.status) { Ok(response) } else { check_answer(&exchange, response).await }
    })
}

async fn check_answer(exchange: &Exchange, response: Response) -> Result<Response, Rejection> {
    let mode = exchange.service().definition.answers.of(response.status);
    if mode == AnswerMode::Off && !exchange.holds().minimised {
        return Ok(response);
    }
    let Response { status, headers, body } = response;
    let payload = match &body {
        ResponseBody::Streamed(stream) if stream.is_end() => Payload::Nothing,
        ResponseBody::Streamed(_) => Payload::Streaming,
        held => match held.bytes() {
            Some(bytes) if !bytes.is_empty() && exchange.holds().answer => Payload::Held(bytes.clone()),
            Some(bytes) if !bytes.is_empty() => Payload::Streaming,
            _ => Payload::Nothing,
        },
    };
    let service = exchange.service().clone();
    let operation = exchange.routed().operation;
    let bytes = length(&payload);
    let checking = move || {
        let check = service.definition.contract.check_answer(operation, status, &headers, payload);
        (headers, check)
    };
    let (headers, check) = if is_large(bytes) { aside(exchange, checking).await? } else { checking() };
    if mode != AnswerMode::Off {
        judge(exchange, mode, status, &headers, &check)?;
    }
    let (AnswerCheck::Conforms(read) | AnswerCheck::Drifts { body: read, .. }) = check;
    let body = match read {
        Body::Json(json) => ResponseBody::Json(json),
        _ => body,
    };
    Ok(Response { status, headers, body })
}

fn judge(exchange: &Exchange, mode: AnswerMode, status: StatusCode, headers: &HeaderMap, check: &AnswerCheck) -> Result<(), Rejection> {
    let AnswerCheck::Drifts { drift, .. } = check else { return Ok(()) };
    let _ = exchange.drift.set(drift.findings(status).iter().map(Finding::to_string).collect());
    exchange.service().metrics.drifts.count(exchange.routed().operation);
    match verdict(mode, status, check) {
        AnswerVerdict::Pass | AnswerVerdict::PassWithDrift => Ok(()),
        AnswerVerdict::ReplaceWithProblem { status } => {
            let retry_after = number(headers, &RETRY_AFTER);
            Err(AnswerError::Error { status: status.as_u16(), drift: Some(drift.to_string()), retry_after }.into())
        }
        AnswerVerdict::BadGateway => Err(AnswerError::Invalid { cause: drift.to_string() }.into()),
    }
}
