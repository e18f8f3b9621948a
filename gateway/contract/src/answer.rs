//! An answer held against its operation, and what becomes of one that does not keep the contract.

use std::fmt;

use exchange::{Body, JsonErrorKind};
use http::{HeaderMap, Method, StatusCode};

use crate::body::{self, BodyFault, BodySchema};
use crate::contract::Terms;
use crate::described::StatusKey;
use crate::media::{Content, MediaType};
use crate::parameter::{Given, Parameter};
use crate::request::Payload;
use crate::violation::{Place, Violation};

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

/// How an answer departs from the contract: for the record, never for the caller. It holds no value of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Drift {
    /// The operation lists neither this status nor its class nor a default.
    UndocumentedStatus,
    /// The body's media type is not among those listed for the status.
    UndocumentedMediaType,
    /// A body where none is listed for the status.
    UndocumentedBody,
    /// No body where JSON is listed for the status.
    MissingBody,
    /// A body that says that it is JSON and is not readable as such.
    NotJson {
        /// The innermost value that was being read.
        place: Place,
        /// Why.
        cause: JsonErrorKind,
    },
    /// The body breaks its schema. At most ten violations are told.
    Invalid(Vec<Violation>),
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UndocumentedStatus => f.write_str("undocumented status"),
            Self::UndocumentedMediaType => f.write_str("undocumented media type"),
            Self::UndocumentedBody => f.write_str("undocumented body"),
            Self::MissingBody => f.write_str("missing body"),
            Self::NotJson { place, cause } => write!(f, "{place} is not readable as JSON: {cause}"),
            Self::Invalid(violations) => {
                let listed: Vec<String> = violations.iter().map(Violation::to_string).collect();
                f.write_str(&listed.join("; "))
            }
        }
    }
}

/// What the configuration asks of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerMode {
    /// An answer that does not keep the contract does not reach the caller: our own e-services.
    Enforce,
    /// It does, and is recorded: others' documents, which are often wrong.
    Report,
    /// Nothing is looked at.
    Off,
}

/// What becomes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerVerdict {
    /// It goes on.
    Pass,
    /// It goes on as it is, and the drift is recorded.
    PassWithDrift,
    /// The status goes on with a problem of ours in place of the body, and the drift is recorded.
    ReplaceWithProblem {
        /// The status of the answer.
        status: StatusCode,
    },
    /// The caller is told 502, and the drift is recorded.
    BadGateway,
}

/// A refusal that the document forgot must still reach the caller as that refusal; only a success that is not what the
/// contract promises is withheld.
pub fn verdict(mode: AnswerMode, status: StatusCode, check: &AnswerCheck) -> AnswerVerdict {
    match (mode, check) {
        (AnswerMode::Off, _) | (_, AnswerCheck::Conforms(_)) => AnswerVerdict::Pass,
        (AnswerMode::Report, AnswerCheck::Drifts { .. }) => AnswerVerdict::PassWithDrift,
        (AnswerMode::Enforce, AnswerCheck::Drifts { .. }) if status.as_u16() >= 400 => AnswerVerdict::ReplaceWithProblem { status },
        (AnswerMode::Enforce, AnswerCheck::Drifts { .. }) => AnswerVerdict::BadGateway,
    }
}

/// What an operation says of its answers of one status or class.
#[derive(Debug)]
pub(crate) struct AnswerRule {
    pub(crate) status: StatusKey,
    pub(crate) headers: Vec<Parameter>,
    pub(crate) content: Content<Option<BodySchema>>,
}

/// The rule for a status: its own, its class's, the default (OpenAPI 3.0.3 §4.7.16).
fn rule(rules: &[AnswerRule], status: u16) -> Option<&AnswerRule> {
    let find = |key| rules.iter().find(|rule| rule.status == key);
    find(StatusKey::Code(status)).or_else(|| find(StatusKey::Range(status / 100))).or_else(|| find(StatusKey::Default))
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
    let rule = rule(rules, status.as_u16());
    let listed = media.as_ref().and_then(|media| rule?.content.closest(media));
    let (body, read) = match (payload, &media) {
        (Payload::Streaming, _) => (Body::Streamed, Ok(())),
        (Payload::Held(bytes), Some(media)) if !bytes.is_empty() => body::read(listed.and_then(Option::as_ref), media, bytes, terms),
        (Payload::Held(bytes), None) if !bytes.is_empty() => (Body::Bytes(bytes), Ok(())),
        (Payload::Nothing | Payload::Held(_), _) => (Body::Empty, Ok(())),
    };
    let found = match rule {
        None => Some(Drift::UndocumentedStatus),
        Some(rule) => drift(rule, listed.is_some(), &body, bodiless(method, status), read).or_else(|| {
            let violations = of_headers(rule, headers, terms);
            (!violations.is_empty()).then_some(Drift::Invalid(violations))
        }),
    };
    match found {
        None => AnswerCheck::Conforms(body),
        Some(drift) => AnswerCheck::Drifts { body, drift },
    }
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

fn drift(rule: &AnswerRule, is_listed: bool, body: &Body, bodiless: bool, read: Result<(), BodyFault>) -> Option<Drift> {
    if matches!(body, Body::Empty) {
        let json = rule.content.iter().any(|(range, schema)| range.is_json() && schema.is_some());
        return (json && !bodiless).then_some(Drift::MissingBody);
    }
    if rule.content.is_empty() {
        return Some(Drift::UndocumentedBody);
    }
    if !is_listed {
        return Some(Drift::UndocumentedMediaType);
    }
    match read {
        Ok(()) => None,
        Err(BodyFault::Charset) => Some(Drift::UndocumentedMediaType),
        Err(BodyFault::NotJson { place, cause }) => Some(Drift::NotJson { place, cause }),
        Err(BodyFault::Invalid(violations)) => Some(Drift::Invalid(violations)),
    }
}
