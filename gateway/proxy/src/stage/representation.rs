//! What a caller may ask of the form of an answer: a part of it, or only a new one (RFC 9110 §13, §14).
//!
//! Where an answer passes through unread, the upstream is asked and its word goes. Where it is read here (held against the
//! contract, minimised, kept, mapped, signed), the upstream is asked for the whole of it: a part could be none of these, and of
//! what has not changed there would be nothing to hold against anything. Whether it has changed is then decided here, for an answer
//! that leaves as the upstream named it.

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_LOCATION, DATE, ETAG, EXPIRES, HeaderMap, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    IF_UNMODIFIED_SINCE, RANGE, VARY,
};
use http::{Method, StatusCode};

use adapter_api::ForwardedHeaders;

use super::layer::{Answering, Next, at_once};
use crate::message::{Request, Response};
use crate::present::Present;
use crate::rejection::RepresentationError;

/// Refuses what cannot be had of an answer that is read here, and answers 304 where the caller has it already.
pub fn representation(mut request: Request, next: &Next) -> Answering {
    let exchange = &request.exchange;
    let is_read = exchange.holds().answer;
    let headers = &mut request.headers;
    // A condition on a change that nobody looks at would lose somebody's update.
    if let ForwardedHeaders::Only(known) = exchange.service().definition.adapter.forwarded_headers()
        && [IF_MATCH, IF_UNMODIFIED_SINCE].iter().any(|name| headers.contains_key(name) && !known.contains(name))
    {
        return at_once(Err(RepresentationError::Condition.into()));
    }
    if !is_read || !matches!(request.method, Method::GET | Method::HEAD) {
        return next.run(request);
    }
    if headers.contains_key(RANGE) && request.method == Method::GET {
        return at_once(Err(RepresentationError::Range.into()));
    }
    // Of HEAD a part means nothing (RFC 9110 §14.2).
    for name in [IF_MODIFIED_SINCE, IF_RANGE, RANGE] {
        headers.remove(name);
    }
    let known: Vec<HeaderValue> = headers.get_all(IF_NONE_MATCH).iter().cloned().collect();
    if known.is_empty() {
        return next.run(request);
    }
    headers.remove(IF_NONE_MATCH);
    let answering = next.run(request);
    Box::pin(async move {
        let response = answering.await?;
        Ok(if is_known(&response, &known) { not_modified(&response) } else { response })
    })
}

/// Whether the caller has this answer: by its validator, compared weakly (RFC 9110 §13.1.2).
fn is_known(response: &Response, known: &[HeaderValue]) -> bool {
    let Some(etag) = response.headers.get(ETAG).and_then(|etag| etag.to_str().ok()).filter(|_| response.status == StatusCode::OK) else {
        return false;
    };
    let opaque = |etag: &str| etag.trim().trim_start_matches("W/").to_owned();
    let etag = opaque(etag);
    known.iter().filter_map(|value| value.to_str().ok()).flat_map(tags).any(|tag| tag == "*" || opaque(tag) == etag)
}

/// The entity tags of a list: a comma within quotes does not divide.
fn tags(list: &str) -> Vec<&str> {
    let mut quoted = false;
    let divides = |symbol: char| {
        quoted ^= symbol == '"';
        symbol == ',' && !quoted
    };
    list.split(divides).map(str::trim).collect()
}

/// 304 with what a 200 would have said of itself (RFC 9110 §15.4.5).
fn not_modified(response: &Response) -> Response {
    let mut headers = HeaderMap::new();
    for name in [ETAG, CACHE_CONTROL, CONTENT_LOCATION, DATE, EXPIRES, VARY] {
        headers.extend(response.headers.get_all(&name).iter().map(|value| (name.clone(), value.clone())));
    }
    Response::new(StatusCode::NOT_MODIFIED, headers, Bytes::new())
}

/// Whether an answer is what was asked for in this way, although no contract lists it: a part, or that nothing has changed.
pub(super) fn was_asked_for(asked: &Asked, status: StatusCode) -> bool {
    (status == StatusCode::NOT_MODIFIED && asked.conditional) || (status == StatusCode::PARTIAL_CONTENT && asked.range)
}

/// What a caller asked of the form of an answer that passes unread.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked {
    conditional: bool,
    range: bool,
}

impl Asked {
    pub(super) fn of(request: &Request) -> Self {
        const ANY: [Present; 3] = [Present::IF_NONE_MATCH, Present::IF_MODIFIED_SINCE, Present::RANGE];
        let present = request.exchange.present;
        if !ANY.into_iter().any(|one| present.has(one)) || !matches!(request.method, Method::GET | Method::HEAD) {
            return Self::default();
        }
        let headers = &request.call().headers;
        let conditional = headers.contains_key(IF_NONE_MATCH) || headers.contains_key(IF_MODIFIED_SINCE);
        Self { conditional, range: headers.contains_key(RANGE) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_known_whatever_its_strength() {
        let cases = [
            (r#""a""#, r#""a""#, true),
            (r#"W/"a""#, r#""a""#, true),
            (r#""a""#, r#"W/"a""#, true),
            (r#""a""#, r#""b", "a""#, true),
            (r#""a,b""#, r#""x", "a,b""#, true),
            (r#""a""#, r#""a,b""#, false),
            (r#""a""#, "*", true),
            (r#""a""#, r#""b""#, false),
            (r#""a""#, "", false),
        ];
        for (etag, sent, expected) in cases {
            let mut response = Response::new(StatusCode::OK, HeaderMap::new(), Bytes::new());
            let sent = [HeaderValue::from_str(sent).expect("a value")];
            assert!(!is_known(&response, &sent), "it has no tag");
            response.headers.insert(ETAG, HeaderValue::from_str(etag).expect("a value"));
            assert_eq!(is_known(&response, &sent), expected, "{etag} {sent:?}");
            response.status = StatusCode::CREATED;
            assert!(!is_known(&response, &sent));
        }
    }
}
