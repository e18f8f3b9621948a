//! `/status` (RAC_REST_NAME_011): a sign of life that the gateway gives itself.

use bytes::Bytes;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue};

use super::layer::{Answering, Next, at_once};
use crate::message::{Request, Response};

const ALIVE: &[u8] = br#"{"type":"about:blank","status":200,"title":"OK","detail":"service is running"}"#;

/// Answers a status request of an e-service that does not leave it to its upstream.
pub fn status(request: Request, next: &Next) -> Answering {
    if !request.exchange.routed().is_status {
        return next.run(request);
    }
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    at_once(Ok(Response::new(StatusCode::OK, headers, Bytes::from_static(ALIVE))))
}
