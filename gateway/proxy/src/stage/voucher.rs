//! What the provider is shown: the voucher of the department's tenant for the purpose that it calls for, who asks, and a signature
//! over the message, as far as the provider wants them (pdnd-modi §0.4).
//!
//! Of outbound e-services. A voucher is at hand nearly always; where it is not, the exchange waits for PDND, unless PDND is known not
//! to answer. One that is bound to its evidence (AUDIT_REST_02) is each exchange's own.

use std::sync::Arc;
use std::time::Duration;

use adapter_api::UpstreamBody;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use trust::{ModiToken, SignError, SignedMessage, TrackingEvidence, Uuid};

use super::integrity::DIGEST;
use super::layer::Checked;
use crate::clock;
use crate::config::{ClientRules, EVIDENCE, ModiRules, SIGNATURE};
use crate::exchange::{Calling, Exchange, ShownToProvider, Stage};
use crate::message::{Request, RequestBody};
use crate::rejection::{IntegrityError, Rejection};
use crate::vouchers::{SHOWN_IN, Shown};

/// How long tokens live: a minute, and as long again for PDND to answer.
const LIFETIME: Duration = Duration::from_mins(2);

/// Adds to what the upstream is asked all that the provider wants to be shown.
pub fn voucher(mut request: Request) -> Checked {
    let exchange = request.exchange.clone();
    let Some(calling) = &exchange.authenticated().calling else {
        exchange.pass(Stage::Voucher);
        return Ok(request).into();
    };
    exchange.enter(Stage::Voucher);
    if exchange.is_caller_gone() {
        return Err(Rejection::Abandoned).into();
    }
    if exchange.service().definition.modi.is_some() {
        return Checked::later(signed(request));
    }
    if let Some(held) = calling.voucher.at_hand() {
        return headers(&mut request).map(|headers| show(calling, headers, &held.voucher, PLAIN)).map(|()| request).into();
    }
    Checked::later(async move {
        let Some(calling) = &exchange.authenticated().calling else { return Err(Rejection::Internal) };
        let held = calling.voucher.get().await?;
        show(calling, headers(&mut request)?, &held.voucher, PLAIN);
        Ok(request)
    })
}

/// The pattern of a voucher by itself.
const PLAIN: &[&str] = &["ID_AUTH_REST_01"];

/// Shows the voucher, after what else there is: from here on all of it is in the request.
fn show(calling: &Calling, headers: &mut HeaderMap, shown: &Shown, patterns: &'static [&'static str]) {
    headers.insert(SHOWN_IN, shown.header.clone());
    *calling.shown.lock() = Some(Arc::new(ShownToProvider { voucher: shown.claims.clone(), patterns }));
}

fn headers(request: &mut Request) -> Result<&mut HeaderMap, Rejection> {
    Ok(&mut request.upstream.as_mut().ok_or(Rejection::Internal)?.headers)
}

async fn signed(mut request: Request) -> Result<Request, Rejection> {
    let exchange = request.exchange.clone();
    let body = outgoing(&request)?;
    sign_all(&exchange, headers(&mut request)?, body).await?;
    Ok(request)
}

/// Signs anew what is sent once more: what was signed may have been taken, and is taken once only. `None` where that fails.
pub(super) async fn sign_again(exchange: &Exchange, mut headers: HeaderMap, body: Bytes) -> Option<HeaderMap> {
    sign_all(exchange, &mut headers, body).await.ok().map(|()| headers)
}

/// Evidence, then the voucher that may be bound to it, then the signature over the message, which lives shortest.
async fn sign_all(exchange: &Exchange, headers: &mut HeaderMap, body: Bytes) -> Result<(), Rejection> {
    let (Some(rules), Some(calling)) = (&exchange.service().definition.modi, &exchange.authenticated().calling) else {
        return Err(Rejection::Internal);
    };
    let source = &calling.voucher;
    // Whether it was right has been looked at; what is sent is another message.
    headers.remove(DIGEST);
    let mut digest = None;
    if let Some(evidence) = &rules.evidence {
        let token = track(exchange, rules, evidence.bound, calling).await?;
        digest = evidence.bound.then(|| trust::evidence_digest(&token));
        headers.insert(EVIDENCE, value(&token)?);
    }
    let (own, held);
    let shown = match digest {
        Some(digest) => {
            own = source.bound(digest).await?;
            &own
        }
        None => {
            held = match source.at_hand() {
                Some(held) => held,
                None => source.get().await?,
            };
            &held.voucher
        }
    };
    // There is nothing to be changed in a message without a body; ModI leaves it open, and most providers refuse a signature there.
    let is_signed = rules.integrity && !body.is_empty();
    if is_signed {
        integrity(exchange, headers, rules, source.client(), body).await?;
    }
    show(calling, headers, shown, patterns(is_signed, rules.evidence.as_ref().map(|evidence| evidence.bound)));
    Ok(())
}

/// The patterns that the provider is shown, in the words of the record.
fn patterns(is_signed: bool, bound: Option<bool>) -> &'static [&'static str] {
    match (is_signed, bound) {
        (false, None) => PLAIN,
        (true, None) => &["ID_AUTH_REST_01", "INTEGRITY_REST_02"],
        (false, Some(false)) => &["ID_AUTH_REST_01", "AUDIT_REST_01"],
        (false, Some(true)) => &["ID_AUTH_REST_01", "AUDIT_REST_02"],
        (true, Some(false)) => &["ID_AUTH_REST_01", "INTEGRITY_REST_02", "AUDIT_REST_01"],
        (true, Some(true)) => &["ID_AUTH_REST_01", "INTEGRITY_REST_02", "AUDIT_REST_02"],
    }
}

/// The bytes that will be sent, held where they are signed; none where nobody has to know them.
fn outgoing(request: &Request) -> Result<Bytes, Rejection> {
    match (&request.upstream.as_ref().ok_or(Rejection::Internal)?.body, &request.body) {
        (UpstreamBody::Bytes(bytes), _) | (UpstreamBody::AsReceived, RequestBody::Held(bytes)) => Ok(bytes.clone()),
        (UpstreamBody::AsReceived, RequestBody::Unread(body)) if body.is_empty() => Ok(Bytes::new()),
        (UpstreamBody::AsReceived, RequestBody::Unread(_)) if !signs(&request.exchange) => Ok(Bytes::new()),
        (UpstreamBody::AsReceived, RequestBody::Unread(_)) => Err(Rejection::Internal),
    }
}

fn signs(exchange: &Exchange) -> bool {
    exchange.service().definition.modi.as_ref().is_some_and(|rules| rules.integrity)
}

async fn track(exchange: &Exchange, rules: &ModiRules, bound: bool, calling: &Calling) -> Result<String, Rejection> {
    let (audience, told, purpose) = (rules.audience.clone(), calling.told.clone(), calling.voucher.purpose());
    sign(exchange, calling.voucher.client().clone(), move |client| {
        let dnonce = bound.then(|| {
            let mut random = [0; 8];
            random.copy_from_slice(&Uuid::new_v4().as_bytes()[8..]);
            trust::dnonce(random)
        });
        trust::tracking_evidence(&client.key, &TrackingEvidence { token: token(client, &audience), purpose, claims: &told, dnonce })
    })
    .await
}

async fn integrity(
    exchange: &Exchange,
    headers: &mut HeaderMap,
    rules: &ModiRules,
    client: &Arc<ClientRules>,
    body: Bytes,
) -> Result<(), Rejection> {
    // What is sent is what is signed: one value, as text.
    let text = |name: HeaderName| {
        let mut values = headers.get_all(name).iter();
        let first = values.next().map(|value| value.to_str().map(str::to_owned)).transpose();
        if values.next().is_some() { Err(IntegrityError::NotSignable) } else { first.map_err(|_| IntegrityError::NotSignable) }
    };
    let (content_type, content_encoding) = (text(CONTENT_TYPE)?, text(CONTENT_ENCODING)?);
    let audience = rules.audience.clone();
    let (digest, signature) = sign(exchange, client.clone(), move |client| {
        let digest = trust::digest_header(&body);
        let (content_type, content_encoding) = (content_type.as_deref(), content_encoding.as_deref());
        let message = SignedMessage { token: token(client, &audience), digest: &digest, content_type, content_encoding };
        trust::message_signature(&client.key, &message).map(|signature| (digest, signature))
    })
    .await?;
    headers.insert(DIGEST, value(&digest)?);
    headers.insert(SIGNATURE, value(&signature)?);
    Ok(())
}

fn token<'a>(client: &ClientRules, audience: &'a str) -> ModiToken<'a> {
    ModiToken { client: client.id, audience, jti: Uuid::new_v4(), issued_at: clock::now(), lifetime: LIFETIME }
}

/// Signing takes the better part of a millisecond: on the pool.
async fn sign<T: Send + 'static>(
    exchange: &Exchange,
    client: Arc<ClientRules>,
    signing: impl FnOnce(&ClientRules) -> Result<T, SignError> + Send + 'static,
) -> Result<T, Rejection> {
    super::aside::signing(exchange, move || signing(&client)).await?.map_err(|_| Rejection::Internal)
}

fn value(text: &str) -> Result<HeaderValue, Rejection> {
    HeaderValue::from_str(text).map_err(|_| Rejection::Internal)
}
