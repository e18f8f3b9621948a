//! A coded message that is read here is read as it was before it was coded; one that nobody reads passes as it came.

use http::header::CONTENT_ENCODING;

use super::aside::{aside, is_large};
use super::layer::Checked;
use crate::coding::{self, InflateLimits, NotDecoded};
use crate::message::{Request, RequestBody};
use crate::rejection::{Rejection, RepresentationError};

/// Decodes the body if somebody below reads it.
pub fn decode(mut request: Request) -> Checked {
    if !request.exchange.holds().request || !request.headers.contains_key(CONTENT_ENCODING) {
        return Ok(request).into();
    }
    let RequestBody::Held(coded) = &request.body else { return Ok(request).into() };
    let Ok(coding) = coding::of(&request.headers) else { return Err(RepresentationError::Coding.into()).into() };
    let Some(coding) = coding.filter(|_| !coded.is_empty()) else {
        request.headers.remove(CONTENT_ENCODING);
        return Ok(request).into();
    };
    let exchange = request.exchange.clone();
    let listener = &exchange.listener.rules.limits;
    let limits = InflateLimits {
        most: exchange.service().definition.body_bytes.map_or(listener.body_bytes, |most| most.min(listener.body_bytes)),
        ratio: listener.inflate_ratio,
    };
    let (coded, budget) = (coded.clone(), exchange.worker.state.buffered.clone());
    // What it may become decides whether it is worked on here.
    let bytes = usize::try_from(limits.most.min((coded.len() as u64).saturating_mul(limits.ratio))).unwrap_or(usize::MAX);
    let inflate = move || coding::inflate(coding, &coded, limits, &budget);
    Checked::later(async move {
        let inflated = if is_large(bytes) { aside(&exchange, inflate).await? } else { inflate() };
        let (bytes, lease) = inflated.map_err(|error| match error {
            NotDecoded::TooLarge => RepresentationError::Inflated { most: limits.ratio }.into(),
            NotDecoded::Malformed => RepresentationError::NotDecoded.into(),
            NotDecoded::NoRoom => Rejection::BufferedBytes,
        })?;
        exchange.hold(lease);
        coding::forget(&mut request.headers);
        request.body = RequestBody::Held(bytes);
        Ok(request)
    })
}
