//! What was digested: the `Digest` header (RFC 3230, as ModI's INTEGRITY patterns use it) is held against the bytes that came.
//!
//! A caller that sends a digest is telling what it meant to send; a body that is not that is refused, whatever the e-service
//! demands. Signatures over the digest are verified here too when an e-service declares them.

use aws_lc_rs::{constant_time, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName};

use crate::exchange::Stage;
use crate::message::{Request, RequestBody};
use crate::present::Present;
use crate::rejection::{IntegrityError, Rejection};

pub(super) const DIGEST: HeaderName = HeaderName::from_static("digest");

/// Holds the body against its digest.
pub fn integrity(request: Request) -> Result<Request, Rejection> {
    match &request.body {
        RequestBody::Held(bytes) if request.exchange.present.has(Present::DIGEST) => {
            request.exchange.enter(Stage::Integrity);
            check(&request.headers, bytes)?;
        }
        // One with a digest is held.
        _ => request.exchange.pass(Stage::Integrity),
    }
    Ok(request)
}

fn check(headers: &HeaderMap, body: &Bytes) -> Result<(), IntegrityError> {
    let mut values = headers.get_all(DIGEST).iter();
    let Some(value) = values.next() else { return Ok(()) };
    if values.next().is_some() {
        return Err(IntegrityError::Duplicate);
    }
    let text = value.to_str().map_err(|_| IntegrityError::Malformed)?;
    // A list of `algorithm=value`; the base64 itself may end in `=`, so only the first one divides.
    let sent = text.split(',').filter_map(|item| item.trim().split_once('=')).find(|(name, _)| name.eq_ignore_ascii_case("sha-256"));
    let sent = sent.and_then(|(_, value)| STANDARD.decode(value.trim()).ok()).ok_or(IntegrityError::Malformed)?;
    let found = digest::digest(&digest::SHA256, body);
    constant_time::verify_slices_are_equal(&sent, found.as_ref()).map_err(|_| IntegrityError::Mismatch)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn holds_the_body_against_its_digest() {
        let good = "SHA-256=AVq9f1zFei3ZS3WQ8ErYCEJzkF7jPsXOvq5iJ2qX+GI=";
        for (values, body, expected) in [
            (&[][..], r#"{"a":1}"#, Ok(())),
            (&[good][..], r#"{"a":1}"#, Ok(())),
            (&["md5=x, sha-256=AVq9f1zFei3ZS3WQ8ErYCEJzkF7jPsXOvq5iJ2qX+GI="], r#"{"a":1}"#, Ok(())),
            (&[good], r#"{"a":2}"#, Err(IntegrityError::Mismatch)),
            (&[good, good], r#"{"a":1}"#, Err(IntegrityError::Duplicate)),
            (&["SHA-512=AAAA"], r#"{"a":1}"#, Err(IntegrityError::Malformed)),
            (&["SHA-256=015abd7f5cc57a2dd94b7590f04ad8"], r#"{"a":1}"#, Err(IntegrityError::Malformed)),
            (&["SHA-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="], "", Ok(())),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("digest", HeaderValue::from_static(value));
            }
            assert_eq!(check(&headers, &Bytes::from_static(body.as_bytes())), expected, "{values:?} {body}");
        }
    }
}
