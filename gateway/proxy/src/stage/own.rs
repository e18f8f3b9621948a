//! What the gateway answers itself, before anybody is asked who they are: a sign of life, and what a path can be asked.

use bytes::Bytes;
use http::StatusCode;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_MAX_AGE, ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderMap,
    HeaderValue,
};

use super::layer::{Answering, Next, at_once};
use crate::exchange::{Exchange, Own};
use crate::message::{Request, Response};

const ALIVE: &[u8] = br#"{"type":"about:blank","status":200,"title":"OK","detail":"service is running"}"#;

/// Answers `/status` (RAC_REST_NAME_011) of an e-service that does not leave it to its upstream, and OPTIONS.
pub fn own(request: Request, next: &Next) -> Answering {
    match &request.exchange.routed().own {
        None => next.run(request),
        Some(Own::Status) => at_once(Ok(alive())),
        Some(Own::Options { allow }) => at_once(Ok(options(&request.exchange, allow))),
    }
}

fn alive() -> Response {
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Response::new(StatusCode::OK, headers, Bytes::from_static(ALIVE))
}

/// The methods of a path; for a page of an origin that is let in, also what it may send (the preflight of the Fetch standard).
fn options(exchange: &Exchange, allow: &str) -> Response {
    let mut headers = HeaderMap::with_capacity(8);
    let cors =
        exchange.service().definition.cors.as_ref().filter(|_| exchange.cross_origin.get().is_some_and(|asking| asking.origin.is_some()));
    if let Ok(allow) = HeaderValue::from_str(allow) {
        if let Some(cors) = cors {
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, allow.clone());
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, cors.headers.clone());
            headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(cors.max_age.as_secs()));
        }
        headers.insert(ALLOW, allow);
    }
    Response::new(StatusCode::NO_CONTENT, headers, Bytes::new())
}
