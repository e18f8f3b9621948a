//! An answer held against its operation.

use exchange::Body;
use http::{HeaderMap, Method, StatusCode};

use crate::body::{self, BodyFault, BodySchema};
use crate::contract::Terms;
use crate::described::StatusKey;
use crate::drift::{Drift, told};
use crate::media::{Content, MediaType};
use crate::parameter::{Given, Parameter};
use crate::request::Payload;
use crate::violation::{MOST_VIOLATIONS, Violation};

/// What an answer was found to be.
#[derive(Debug)]
pub enum AnswerCheck {
    /// It keeps the contract.
    Conforms(Body),
    /// It does not.
    Drifts {
        /// The body, read as far as it can be.
        body: Body,
        /// How it departs from the contract.
        drift: Drift,
    },
}

/// What an operation says of its answers of one status or class.
#[derive(Debug)]
pub(crate) struct AnswerRule {
    pub(crate) status: StatusKey,
    pub(crate) headers: Vec<Parameter>,
    pub(crate) content: Content<Option<BodySchema>>,
}

pub(crate) struct Answered<'a> {
    pub(crate) method: &'a Method,
    pub(crate) status: StatusCode,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) payload: Payload,
}

pub(crate) fn check(rules: &[AnswerRule], answered: Answered<'_>, terms: Terms<'_>) -> AnswerCheck {
    let Answered { method, status, headers, payload } = answered;
    let media = MediaType::of(headers);
    let rule = StatusKey::closest(rules, status.as_u16(), |rule| rule.status);
    let listed = media.as_ref().and_then(|media| rule?.content.closest(media));
    let (body, read) = match (payload, &media) {
        (Payload::Streaming, _) => (Body::Streamed, Ok(())),
        (Payload::Held(bytes), Some(media)) if !bytes.is_empty() => body::read(listed.and_then(Option::as_ref), media, bytes, terms),
        (Payload::Held(bytes), None) if !bytes.is_empty() => (Body::Bytes(bytes), Ok(())),
        (Payload::Nothing | Payload::Held(_), _) => (Body::Empty, Ok(())),
    };
    let found = match rule {
        None => Some(Drift::UndocumentedStatus { media: told(media.as_ref()) }),
        Some(rule) => match drift(rule, (listed.is_some(), media.as_ref()), &body, bodiless(method, status), read) {
            // What is wrong with the headers is told with what is wrong in the body.
            None => invalid(of_headers(rule, headers, terms)),
            Some(Drift::Invalid(violations)) => invalid(of_headers(rule, headers, terms).into_iter().chain(violations).collect()),
            other => other,
        },
    };
    match found {
        None => AnswerCheck::Conforms(body),
        Some(drift) => AnswerCheck::Drifts { body, drift },
    }
}

fn invalid(mut violations: Vec<Violation>) -> Option<Drift> {
    violations.truncate(MOST_VIOLATIONS);
    (!violations.is_empty()).then_some(Drift::Invalid(violations))
}

/// RFC 9110 §6.4.1: these have no body whatever the document says.
fn bodiless(method: &Method, status: StatusCode) -> bool {
    method == Method::HEAD || matches!(status.as_u16(), 204 | 205 | 304)
}

fn of_headers(rule: &AnswerRule, headers: &HeaderMap, terms: Terms<'_>) -> Vec<Violation> {
    let given = Given { path: &[], query: &[], headers, joins_lines: true, terms };
    let mut found = Vec::new();
    for header in &rule.headers {
        header.check(&given, &mut found);
    }
    found
}

fn drift(
    rule: &AnswerRule,
    (is_listed, media): (bool, Option<&MediaType<'_>>),
    body: &Body,
    bodiless: bool,
    read: Result<(), BodyFault>,
) -> Option<Drift> {
    if matches!(body, Body::Empty) {
        let json = rule.content.iter().any(|(range, schema)| range.is_json() && schema.is_some());
        return (json && !bodiless).then_some(Drift::MissingBody);
    }
    if rule.content.is_empty() {
        return Some(Drift::UndocumentedBody { media: told(media) });
    }
    if !is_listed {
        return Some(Drift::UndocumentedMediaType { media: told(media) });
    }
    match read {
        Ok(()) => None,
        Err(BodyFault::Charset) => Some(Drift::UndocumentedMediaType { media: told(media) }),
        Err(BodyFault::NotJson { place, cause }) => Some(Drift::NotJson { place, cause }),
        Err(BodyFault::Invalid(violations)) => Some(Drift::Invalid(violations)),
    }
}
