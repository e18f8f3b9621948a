//! What we vouch for: on the way up, refusals of known callers included.
//!
//! An e-service with `digest_answers` sends the `Digest` of every answer that is held. The signature over it belongs here too
//! when an e-service declares one.

use http::{HeaderValue, Method, StatusCode};

use super::integrity::DIGEST;
use super::layer::{Answering, Next};
use crate::message::Request;

/// Adds the digest of the answer.
pub fn sign(request: Request, next: &Next) -> Answering {
    let wanted = request.exchange.service().definition.digest_answers;
    let is_head = request.method == Method::HEAD;
    let answering = next.run(request);
    if !wanted {
        return answering;
    }
    Box::pin(async move {
        let mut response = answering.await?;
        // Of HEAD there are bytes only where the upstream was asked for all of it.
        let is_bare = is_head && response.body.bytes().is_none_or(bytes::Bytes::is_empty);
        if response.status == StatusCode::NOT_MODIFIED || is_bare {
            return Ok(response);
        }
        let value = response.body.bytes().and_then(|body| HeaderValue::try_from(trust::digest_header(body)).ok());
        if let Some(value) = value {
            // In the place of what the upstream said of its own bytes.
            response.headers.insert(DIGEST, value);
        }
        Ok(response)
    })
}
