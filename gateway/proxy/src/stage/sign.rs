//! What we vouch for: on the way up, refusals of known callers included.
//!
//! An e-service with `digest_answers` sends the `Digest` of every answer that is held. The signature over it belongs here too
//! when an e-service declares one.

use http::{HeaderValue, StatusCode};

use super::integrity::DIGEST;
use super::layer::{Answering, Next};
use crate::message::Request;

/// Adds the digest of the answer.
pub fn sign(request: Request, next: &Next) -> Answering {
    let wanted = request.exchange.service().definition.digest_answers;
    let answering = next.run(request);
    if !wanted {
        return answering;
    }
    Box::pin(async move {
        let mut response = answering.await?;
        if response.status == StatusCode::NOT_MODIFIED {
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
