//! An answer held against its operation.

use bytes::Bytes;
use exchange::Body;
use http::{HeaderMap, Method, StatusCode};

use crate::body::{self, BodyFault, BodySchema};
use crate::contract::Terms;
use crate::described::StatusKey;
use crate::drift::{Drift, told};
use crate::media::{Content, MediaRange, MediaType};
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
    let media = media.as_ref();
    let rule = StatusKey::closest(rules, status.as_u16(), |rule| rule.status);
    let listed = media.and_then(|media| rule?.content.closest(media));
    let schema = listed.and_then(Option::as_ref);
    let (body, read) = match payload {
        Payload::Streaming => (Body::Streamed, Ok(())),
        Payload::Held(bytes) if !bytes.is_empty() => match media {
            Some(media) => body::read(schema, media, bytes, terms),
            None => (Body::Bytes(bytes), Ok(())),
        },
        Payload::Nothing | Payload::Held(_) => (Body::Empty, Ok(())),
    };
    let drift = |rule: &AnswerRule| match body {
        Body::Empty if bodiless(method, status) => None,
        Body::Empty => drift_of_nothing(rule, media, listed, terms),
        _ if rule.content.is_empty() => Some(Drift::UndocumentedBody { media: told(media) }),
        _ if listed.is_none() => Some(Drift::UndocumentedMediaType { media: told(media) }),
        _ => read.err().map(|fault| of_body(fault, media)),
    };
    let found = match rule {
        None => Some(Drift::UndocumentedStatus { media: told(media) }),
        Some(rule) => match drift(rule) {
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

/// What is wrong with an answer of no bytes, which may be a form, a text or a file, but no JSON and no XML.
fn drift_of_nothing(
    rule: &AnswerRule,
    media: Option<&MediaType<'_>>,
    listed: Option<&Option<BodySchema>>,
    terms: Terms<'_>,
) -> Option<Drift> {
    let Some(media) = media else {
        let is_asked = |(range, schema): (&MediaRange, &Option<BodySchema>)| schema.is_some() && (range.is_json() || range.is_xml());
        return rule.content.iter().any(is_asked).then_some(Drift::MissingBody);
    };
    match listed {
        None => (!rule.content.is_empty()).then(|| Drift::UndocumentedMediaType { media: told(Some(media)) }),
        Some(None) => None,
        Some(Some(_)) if media.is_json() || media.is_xml() => Some(Drift::MissingBody),
        Some(Some(schema)) => body::read(Some(schema), media, Bytes::new(), terms).1.err().map(|fault| of_body(fault, Some(media))),
    }
}

fn of_body(fault: BodyFault, media: Option<&MediaType<'_>>) -> Drift {
    match fault {
        BodyFault::Charset => Drift::UndocumentedMediaType { media: told(media) },
        BodyFault::NotJson { place, cause } => Drift::NotJson { place, cause },
        BodyFault::Invalid(violations) => Drift::Invalid(violations),
    }
}
