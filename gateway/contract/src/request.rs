//! A request held against its operation.

use std::sync::Arc;

use bytes::Bytes;
use exchange::{Body, JsonErrorKind, Parameters};
use http::{HeaderMap, StatusCode};
use percent_encoding::percent_decode_str;

use crate::accept::Offered;
use crate::body::{self, BodyFault, BodySchema};
use crate::broken::Broken;
use crate::compile::Unknown;
use crate::contract::Terms;
use crate::credentials::Credentials;
use crate::media::{Content, MediaType};
use crate::parameter::{Given, Pair, Parameter, pairs};
use crate::violation::{MOST_VIOLATIONS, Place, Violation};
use crate::whole_query::WholeQuery;

/// What of a request the contract looks at.
#[derive(Debug)]
pub struct RequestParts<'r> {
    /// The query as received, without the question mark.
    pub query: Option<&'r str>,
    /// The headers as received.
    pub headers: &'r HeaderMap,
    /// The path parameters that the route found, as received.
    pub path: Vec<(Arc<str>, String)>,
}

/// The body of a request or an answer when it is checked.
#[derive(Clone, Debug)]
pub enum Payload {
    /// There is none. A held body of no bytes counts as none.
    Nothing,
    /// Held whole.
    Held(Bytes),
    /// It streams past, or nobody reads it: its presence and media type are checked, what is in it is not.
    Streaming,
}

/// A request that keeps the contract.
#[derive(Debug)]
pub struct CheckedRequest {
    /// The decoded parameters; those of the query that were left out are what the document says that they then are. Of a query that is one
    /// value these are the fields of a form, and nothing of any other.
    pub parameters: Parameters,
    /// The body, read.
    pub body: Body,
    /// Whether it is for an operation, or has a parameter, that the document calls deprecated.
    pub is_deprecated: bool,
}

/// Why a request does not keep the contract. It names places and rules, and the caller's values only where callers are to be told them
/// (`tell_values`); its text never does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContractError {
    /// Parameters or body break rules: 400. At most ten are told.
    #[error("{}", listed(.0))]
    Invalid(Vec<Violation>),
    /// The body is not readable as JSON: 400.
    #[error("{place} is not readable as JSON: {cause}")]
    NotJson {
        /// The innermost value that was being read.
        place: Place,
        /// Why.
        cause: JsonErrorKind,
    },
    /// The body is of a media type that the operation does not list, or declares none, or a character set other than
    /// UTF-8: 415.
    #[error("the body should be of one of the media types {listed}, and JSON in UTF-8")]
    UnsupportedMediaType {
        /// Those that it lists, separated by commas.
        listed: Arc<str>,
    },
    /// The caller takes none of the media types that the operation answers: 406.
    #[error("the answer would be of one of the media types {listed}")]
    NotAcceptable {
        /// Those, separated by commas.
        listed: Arc<str>,
    },
    /// The operation requires a body: 400.
    #[error("the body is required")]
    BodyMissing,
    /// The operation has no body: 400.
    #[error("the operation takes no body")]
    BodyNotAllowed,
}

fn listed(violations: &[Violation]) -> String {
    violations.iter().map(Violation::to_string).collect::<Vec<_>>().join("; ")
}

impl ContractError {
    /// The status that a caller is told it with.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Invalid(_) | Self::NotJson { .. } | Self::BodyMissing | Self::BodyNotAllowed => StatusCode::BAD_REQUEST,
            Self::UnsupportedMediaType { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::NotAcceptable { .. } => StatusCode::NOT_ACCEPTABLE,
        }
    }

    /// The rules that are broken, one by one.
    pub fn violations(&self) -> Vec<Violation> {
        let body = |keyword, message: String| vec![Violation::new(Place::Body(String::new()), keyword, message)];
        match self {
            Self::Invalid(violations) => violations.clone(),
            Self::NotJson { place, cause } => vec![Violation::new(place.clone(), "json", format!("is not readable as JSON: {cause}"))],
            Self::UnsupportedMediaType { listed } => body("content", format!("is of none of the media types {listed}")),
            Self::NotAcceptable { listed } => body("accept", format!("is of one of the media types {listed}")),
            Self::BodyMissing => body("required", "is required".into()),
            Self::BodyNotAllowed => body("content", "is not allowed".into()),
        }
    }
}

/// What an operation says of its requests.
#[derive(Debug)]
pub(crate) struct RequestRules {
    /// Whether the document calls the operation deprecated.
    pub(crate) is_deprecated: bool,
    pub(crate) parameters: Vec<Parameter>,
    /// Where the query is one value, and not parameters.
    pub(crate) whole_query: Option<WholeQuery>,
    pub(crate) body: Option<BodyRule>,
    /// What becomes of query parameters that the operation does not list.
    pub(crate) unknown_query: Unknown,
    /// What is answered, where callers have to take it.
    pub(crate) offered: Option<Offered>,
    /// What callers are to show.
    pub(crate) credentials: Credentials,
}

#[derive(Debug)]
pub(crate) struct BodyRule {
    pub(crate) required: bool,
    pub(crate) content: Content<Option<BodySchema>>,
}

impl RequestRules {
    pub(crate) fn check(&self, parts: RequestParts<'_>, payload: Payload, terms: Terms<'_>) -> Result<CheckedRequest, ContractError> {
        if let Some(offered) = self.offered.as_ref().filter(|offered| !offered.is_taken(parts.headers)) {
            return Err(ContractError::NotAcceptable { listed: offered.listed.clone() });
        }
        let mut found = Vec::new();
        let text = parts.query.unwrap_or_default();
        let mut query = if self.whole_query.is_none() { self.query(text, &mut found) } else { Vec::new() };
        let given = Given { path: &parts.path, query: &query, headers: parts.headers, joins_lines: false, terms };
        let (mut absent, mut is_deprecated) = (Vec::new(), self.is_deprecated);
        let is_readable = found.is_empty();
        for parameter in self.parameters.iter().filter(|parameter| is_readable || !parameter.is_in_query()) {
            if parameter.check(&given, &mut found) {
                is_deprecated |= parameter.deprecated;
            } else {
                absent.extend(parameter.default().iter().map(|text| (parameter.written.name.to_string(), text.to_string())));
            }
        }
        self.refuse_unknown(&query, &mut found);
        if let Some(whole) = &self.whole_query
            && let Some(pairs) = whole.check(text, &self.credentials, terms, &mut found)
        {
            is_deprecated |= whole.deprecated;
            query = pairs;
        }
        let body = match self.body(parts.headers, payload, terms, &mut found) {
            // What else is wrong is told with it, unless its status says more.
            Err(error) if !found.is_empty() && error.status() == StatusCode::BAD_REQUEST => {
                found.extend(error.violations());
                Body::Empty
            }
            body => body?,
        };
        if !found.is_empty() {
            found.truncate(MOST_VIOLATIONS);
            return Err(ContractError::Invalid(found));
        }
        let query = query.into_iter().map(|pair| (pair.name, pair.value)).chain(absent).collect();
        let path = parts.path.into_iter().map(|(name, text)| (name, decoded(text))).collect();
        Ok(CheckedRequest { parameters: Parameters { path, query }, body, is_deprecated })
    }

    /// The pairs of a query that holds parameters.
    fn query<'r>(&self, text: &'r str, found: &mut Vec<Violation>) -> Vec<Pair<'r>> {
        let mut query = pairs(text).unwrap_or_else(|| {
            found.push(Broken::NO_PERCENT.at(Place::QueryString));
            Vec::new()
        });
        for parameter in self.parameters.iter().filter(|parameter| parameter.written.allow_reserved) {
            query.iter_mut().filter(|pair| parameter.claims(&pair.name)).for_each(Pair::keep_reserved);
        }
        query
    }

    fn refuse_unknown(&self, query: &[Pair<'_>], found: &mut Vec<Violation>) {
        let listed = |pair: &Pair<'_>| self.parameters.iter().any(|known| known.claims(&pair.name)) || self.credentials.is_key(&pair.name);
        if self.unknown_query == Unknown::Refuse && !query.iter().all(listed) {
            found.push(Violation::new(Place::QueryString, "unknown", "has a parameter that the operation does not list"));
        }
    }

    /// What is wrong with the body of a request of which nothing else is looked at.
    pub(crate) fn check_body(&self, headers: &HeaderMap, body: Bytes, terms: Terms<'_>) -> Vec<Violation> {
        let mut found = Vec::new();
        self.body(headers, Payload::Held(body), terms, &mut found).map_or_else(|error| error.violations(), |_| found)
    }

    fn body(&self, headers: &HeaderMap, payload: Payload, terms: Terms<'_>, found: &mut Vec<Violation>) -> Result<Body, ContractError> {
        let held = match payload {
            Payload::Held(bytes) if !bytes.is_empty() => Some(bytes),
            Payload::Streaming => None,
            Payload::Nothing | Payload::Held(_) if !self.body.as_ref().is_some_and(|rule| rule.required) => return Ok(Body::Empty),
            // Of no bytes at all a form may be made, a text and a file, but no JSON and no XML.
            Payload::Nothing | Payload::Held(_) => match MediaType::of(headers) {
                Some(media) if !media.is_json() && !media.is_xml() => Some(Bytes::new()),
                _ => return Err(ContractError::BodyMissing),
            },
        };
        let Some(rule) = &self.body else { return Err(ContractError::BodyNotAllowed) };
        let unsupported = || ContractError::UnsupportedMediaType { listed: rule.content.listed.clone() };
        let media = MediaType::of(headers).ok_or_else(unsupported)?;
        let schema = rule.content.closest(&media).ok_or_else(unsupported)?;
        let Some(bytes) = held else {
            return if media.is_json() && !media.is_utf8() { Err(unsupported()) } else { Ok(Body::Streamed) };
        };
        let (body, checked) = body::read(schema.as_ref(), &media, bytes, terms);
        match checked {
            Ok(()) => {}
            Err(BodyFault::Charset) => return Err(unsupported()),
            Err(BodyFault::NotJson { place, cause }) => return Err(ContractError::NotJson { place, cause }),
            Err(BodyFault::Invalid(violations)) => found.extend(violations),
        }
        Ok(body)
    }
}

/// A path parameter decoded: the route has seen that it can be.
fn decoded(text: String) -> String {
    if !text.contains('%') {
        return text;
    }
    percent_decode_str(&text).decode_utf8_lossy().into_owned()
}
