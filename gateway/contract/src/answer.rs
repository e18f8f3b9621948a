//! An answer held against its operation, and what becomes of one that does not keep the contract.

use std::fmt;
use std::sync::Arc;

use exchange::{Body, Json, JsonErrorKind, JsonLimits};
use http::{HeaderMap, Method, StatusCode};

use crate::described::StatusKey;
use crate::media::{Content, MediaType};
use crate::request::Payload;
use crate::schemas::Schema;
use crate::violation::{Names, Place, Violation, check_body};

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
    pub(crate) content: Content<Option<Arc<Schema>>>,
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

pub(crate) fn check(rules: &[AnswerRule], answered: Answered<'_>, names: &Names, limits: &JsonLimits) -> AnswerCheck {
    let Answered { method, status, headers, payload } = answered;
    let media = MediaType::of(headers);
    let says_json = media.as_ref().is_some_and(|media| media.is_json() && media.is_utf8());
    let (body, unreadable) = read(payload, says_json, limits, names);
    let rule = rule(rules, status.as_u16());
    match rule
        .map_or(Some(Drift::UndocumentedStatus), |rule| drift(rule, media.as_ref(), &body, bodiless(method, status), unreadable, names))
    {
        None => AnswerCheck::Conforms(body),
        Some(drift) => AnswerCheck::Drifts { body, drift },
    }
}

/// RFC 9110 §6.4.1: these have no body whatever the document says.
fn bodiless(method: &Method, status: StatusCode) -> bool {
    method == Method::HEAD || matches!(status.as_u16(), 204 | 205 | 304)
}

fn read(payload: Payload, says_json: bool, limits: &JsonLimits, names: &Names) -> (Body, Option<Drift>) {
    let bytes = match payload {
        Payload::Streaming => return (Body::Streamed, None),
        Payload::Held(bytes) if !bytes.is_empty() => bytes,
        Payload::Nothing | Payload::Held(_) => return (Body::Empty, None),
    };
    if !says_json {
        return (Body::Bytes(bytes), None);
    }
    match Json::read(bytes.clone(), limits) {
        Ok(json) => (Body::Json(json), None),
        Err(error) => {
            let place = Place::Body(names.mask(&error.pointer));
            (Body::Bytes(bytes), Some(Drift::NotJson { place, cause: error.kind }))
        }
    }
}

fn drift(
    rule: &AnswerRule,
    media: Option<&MediaType<'_>>,
    body: &Body,
    bodiless: bool,
    unreadable: Option<Drift>,
    names: &Names,
) -> Option<Drift> {
    if matches!(body, Body::Empty) {
        let json = rule.content.iter().any(|(range, schema)| range.is_json() && schema.is_some());
        return (json && !bodiless).then_some(Drift::MissingBody);
    }
    if rule.content.is_empty() {
        return Some(Drift::UndocumentedBody);
    }
    let Some(schema) = media.and_then(|media| rule.content.closest(media)) else {
        return Some(Drift::UndocumentedMediaType);
    };
    if unreadable.is_some() {
        return unreadable;
    }
    match (body, schema) {
        (Body::Json(json), Some(schema)) => check_body(schema, json, names).err().map(Drift::Invalid),
        // It is of a listed JSON type, but in a character set that JSON does not have.
        (Body::Bytes(_), Some(_)) if media.is_some_and(MediaType::is_json) => Some(Drift::UndocumentedMediaType),
        _ => None,
    }
}
