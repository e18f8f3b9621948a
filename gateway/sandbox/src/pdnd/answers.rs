//! What PDND's servers say, in their words.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};
use uuid::Uuid;

/// A JSON answer.
pub(crate) fn ok(body: &Value) -> Response<Bytes> {
    answer(StatusCode::OK, "application/json", body)
}

/// A problem in PDND's shape: `correlationId` and a list of errors with codes.
pub(crate) fn problem(status: StatusCode, title: &str, code: &str, detail: &str, correlation: Uuid) -> Response<Bytes> {
    // PDND writes the reason as a sentence: `Bad request`.
    let mut reason = status.canonical_reason().unwrap_or_default().to_ascii_lowercase();
    if let Some(first) = reason.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let body = json!({
        "type": "about:blank",
        "status": status.as_u16(),
        "title": title,
        "detail": reason,
        "correlationId": correlation.to_string(),
        "errors": [{ "code": code, "detail": detail }],
    });
    answer(status, "application/problem+json", &body)
}

fn answer(status: StatusCode, media_type: &'static str, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}
