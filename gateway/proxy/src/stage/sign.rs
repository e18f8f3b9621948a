//! What we vouch for: on the way up, refusals of known callers included.
//!
//! An e-service with `digest_answers` sends the `Digest` of every answer that is held. The signature over it belongs here too
//! when an e-service declares one.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;

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
        if let Some(body) = response.body.bytes() {
            let value = format!("SHA-256={}", STANDARD.encode(digest::digest(&digest::SHA256, body)));
            if let Ok(value) = HeaderValue::try_from(value) {
                response.headers.insert(DIGEST, value);
            }
        }
        Ok(response)
    })
}
