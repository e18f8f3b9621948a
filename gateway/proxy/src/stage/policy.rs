//! May this consumer, for this purpose, do this to this subject, through this channel?
//!
//! On the way up the members that the obligations withhold are cut out of the answer's own bytes.

use ::policy::{Effect, Facts};
use exchange::json;

use super::layer::{Answering, Next, at_once};
use crate::coding::forget_bytes;
use http::header::{HeaderMap, HeaderName};

use crate::config::{ChannelSource, LONGEST_CASE, LONGEST_CHANNEL, TextSource, is_plain};
use crate::exchange::{Exchange, Stage, Subjects};
use crate::message::{Request, Response, ResponseBody};
use crate::rejection::Rejection;

/// Decides, and cuts what is withheld.
pub fn policy(request: Request, next: &Next) -> Answering {
    let exchange = &request.exchange;
    let definition = &exchange.service().definition;
    if definition.policies.is_some() || !definition.subject.is_empty() {
        exchange.enter(Stage::Policy);
    } else {
        exchange.pass(Stage::Policy);
    }
    let _ = exchange.subjects.set(subjects(exchange, &request));
    if let Some(channel) = channel(exchange, &request) {
        let _ = exchange.channel.set(channel);
    }
    // A department of ours has told it already, and its header does not leave the house.
    if let Some(TextSource::Header(name)) = &definition.case
        && let Some(case) = told(&request.call().headers, name, LONGEST_CASE)
    {
        let _ = exchange.case.set(case);
    }
    if definition.policies.is_none() { next.run(request) } else { decide(request, next) }
}

fn decide(request: Request, next: &Next) -> Answering {
    let exchange = request.exchange.clone();
    let Some(policies) = &exchange.service().definition.policies else { return at_once(Err(Rejection::Internal)) };
    let authenticated = exchange.authenticated();
    let facts = Facts {
        caller: &authenticated.caller,
        subject_type: exchange.subjects.get().and_then(|subjects| subjects.kind),
        channel: exchange.channel.get().map(String::as_str),
        case: exchange.case.get().map(String::as_str),
        evidence: authenticated.evidence,
        now: exchange.seen,
    };
    let decision = policies.decide(authenticated.instance, exchange.routed().operation, &facts);
    let decision = exchange.decision.get_or_init(|| decision);
    if decision.effect != Effect::Permit {
        return at_once(Err(Rejection::Policy { reasons: decision.reasons.clone(), error: decision.error }));
    }
    let answering = next.run(request);
    if decision.obligations.withhold.is_empty() {
        return answering;
    }
    let exchange = exchange.clone();
    Box::pin(async move {
        let mut response = answering.await?;
        let withheld = exchange.decision.get().map_or(&[][..], |decision| &decision.obligations.withhold);
        withhold(&mut response, withheld)?;
        Ok(response)
    })
}

/// Cuts members out of the answer. A success that is no JSON cannot be minimised, so it does not leave.
fn withhold(response: &mut Response, pointers: &[::exchange::Pointer]) -> Result<(), Rejection> {
    match &response.body {
        ResponseBody::Json(value) => {
            response.body = ResponseBody::Held(json::cut(value, pointers));
            // What the upstream said about its own bytes is not true of ours.
            forget_bytes(&mut response.headers);
            Ok(())
        }
        ResponseBody::Held(bytes) if bytes.is_empty() || !response.status.is_success() => Ok(()),
        _ if !response.status.is_success() => Ok(()),
        _ => Err(crate::rejection::AnswerError::Invalid { cause: "an answer that is no JSON cannot be minimised".into() }.into()),
    }
}

fn channel(exchange: &Exchange, request: &Request) -> Option<String> {
    if exchange.authenticated().calling.as_ref().is_some_and(|calling| calling.automated) {
        // Whatever a declared batch process says of itself.
        return Some("batch".into());
    }
    match exchange.service().definition.channel.as_ref()? {
        ChannelSource::Constant(channel) => Some(channel.to_string()),
        ChannelSource::Told(TextSource::Header(name)) => told(&request.call().headers, name, LONGEST_CHANNEL),
        // Set when the token was verified.
        ChannelSource::Told(TextSource::Claim(_)) => None,
    }
}

/// What somebody tells in a header, once and in plain text.
pub(super) fn told(headers: &HeaderMap, name: &HeaderName, most: usize) -> Option<String> {
    let mut values = headers.get_all(name).iter();
    let (first, None) = (values.next()?, values.next()) else { return None };
    first.to_str().ok().map(str::trim).filter(|text| is_plain(text, most)).map(str::to_owned)
}

/// Whom the data is about: counted and classified by the form of the identifier, never kept.
fn subjects(exchange: &Exchange, request: &Request) -> Subjects {
    let selected: Vec<&str> = exchange.service().definition.subject.iter().flat_map(|selector| selector.select(request.call())).collect();
    let kind = selected.first().map(|text| subject_type(text));
    Subjects { count: selected.len() as u32, kind }
}

/// How a subject is identified, by the form of the identifier: a codice fiscale has 16 characters, a partita IVA 11 digits, an
/// ANPR id nine.
fn subject_type(text: &str) -> &'static str {
    let text = text.trim();
    match text.len() {
        16 if text.bytes().all(|byte| byte.is_ascii_alphanumeric()) => "codice_fiscale",
        11 if text.bytes().all(|byte| byte.is_ascii_digit()) => "partita_iva",
        9 if text.bytes().all(|byte| byte.is_ascii_alphanumeric()) => "id_anpr",
        _ => "other",
    }
}
