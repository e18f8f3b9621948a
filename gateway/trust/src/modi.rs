//! ModI tokens that a consumer signs: the tracking evidence and the signature over the message (pdnd-modi §2.4, §2.7).

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use exchange::{Json, Timestamp};
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value, json};

use crate::{AuditDigest, Key, Presented, SignError, SigningKey, TrustError, Uuid};

/// What both tokens say: who signs, for whom, when.
#[derive(Clone, Copy, Debug)]
pub struct ModiToken<'a> {
    /// `iss`, and `sub` of a signature: the client on PDND.
    pub client: Uuid,
    /// `aud`: the provider's, which may be another than the voucher's.
    pub audience: &'a str,
    /// `jti`.
    pub jti: Uuid,
    /// `iat` and `nbf`.
    pub issued_at: Timestamp,
    /// From `iat` to `exp`.
    pub lifetime: Duration,
}

/// What the consumer tells of its own domain (AUDIT_REST_01 and _02).
#[derive(Clone, Copy, Debug)]
pub struct TrackingEvidence<'a> {
    /// Who signs, for whom, when.
    pub token: ModiToken<'a>,
    /// `purposeId`.
    pub purpose: Uuid,
    /// The agreed claims: `userID`, `userLocation`, `LoA` …
    pub claims: &'a [(Box<str>, Box<str>)],
    /// `dnonce`, of AUDIT_REST_02: see [`dnonce`].
    pub dnonce: Option<u64>,
}

/// What is signed of a message (INTEGRITY_REST_02).
#[derive(Clone, Copy, Debug)]
pub struct SignedMessage<'a> {
    /// Who signs, for whom, when.
    pub token: ModiToken<'a>,
    /// The `Digest` header of the message: see [`digest_header`].
    pub digest: &'a str,
    /// Its `Content-Type`, if it has one.
    pub content_type: Option<&'a str>,
    /// Its `Content-Encoding`, likewise.
    pub content_encoding: Option<&'a str>,
}

/// The compact JWS for `Agid-JWT-TrackingEvidence`.
pub fn tracking_evidence(key: &SigningKey, evidence: &TrackingEvidence<'_>) -> Result<String, SignError> {
    // First, so that nothing agreed between the parties can stand in for what is the pattern's own.
    let mut claims: Map<String, Value> = evidence.claims.iter().map(|(name, value)| (name.to_string(), (**value).into())).collect();
    claims.extend(common(&evidence.token));
    claims.insert("purposeId".into(), evidence.purpose.to_string().into());
    if let Some(dnonce) = evidence.dnonce {
        claims.insert("dnonce".into(), dnonce.into());
    }
    key.sign(&header(key), &claims)
}

/// The compact JWS for `Agid-JWT-Signature`.
pub fn message_signature(key: &SigningKey, message: &SignedMessage<'_>) -> Result<String, SignError> {
    let mut claims = common(&message.token);
    claims.insert("sub".into(), message.token.client.to_string().into());
    let headers =
        [("digest", Some(message.digest)), ("content-type", message.content_type), ("content-encoding", message.content_encoding)];
    let signed: Vec<Value> = headers.iter().filter_map(|(name, value)| value.map(|value| json!({ *name: value }))).collect();
    claims.insert("signed_headers".into(), signed.into());
    key.sign(&header(key), &claims)
}

/// The digest of a tracking evidence that an assertion carries, and with it the voucher (AUDIT_REST_02): SHA-256 of the compact JWS,
/// in lower-case hexadecimal.
pub fn evidence_digest(token: &str) -> AuditDigest {
    AuditDigest { alg: "SHA256".into(), value: hex::encode(digest(&SHA256, token.as_bytes())).into() }
}

/// The claims of a ModI token that this key signed, for whoever it is shown to: header and signature are verified here; what the claims
/// must say depends on the token, and is not.
pub fn signed_claims(token: &str, key: &Key) -> Result<Json, TrustError> {
    let presented = Presented::read(token, LONGEST)?;
    let token = presented.compact();
    presented.refuse_critical()?;
    if token.text("alg")? != "RS256" {
        return Err(TrustError::AlgorithmNotAllowed);
    }
    if !token.text("typ")?.eq_ignore_ascii_case("JWT") {
        return Err(TrustError::WrongType);
    }
    if token.kid()? != key.fingerprint().to_string() {
        return Err(TrustError::UnknownKey { kid: token.kid()?.into() });
    }
    if !key.verifies(Algorithm::RS256, token.signed(), &token.signature()?) {
        return Err(TrustError::BadSignature);
    }
    Ok(token.payload()?)
}

/// The longest ModI token: what fits into a header.
const LONGEST: usize = 8 << 10;

/// The `Digest` header of a body (RFC 3230).
pub fn digest_header(body: &[u8]) -> String {
    format!("SHA-256={}", STANDARD.encode(digest(&SHA256, body)))
}

/// A `dnonce` of these random bytes: a number of 13 digits.
pub fn dnonce(random: [u8; 8]) -> u64 {
    const SMALLEST: u64 = 1_000_000_000_000;
    SMALLEST + u64::from_be_bytes(random) % (9 * SMALLEST)
}

fn header(key: &SigningKey) -> Value {
    json!({ "alg": "RS256", "typ": "JWT", "kid": key.fingerprint().to_string() })
}

fn common(token: &ModiToken<'_>) -> Map<String, Value> {
    let issued_at = token.issued_at.seconds();
    let claims = json!({
        "iss": token.client.to_string(),
        "aud": token.audience,
        "jti": token.jti.to_string(),
        "iat": issued_at,
        "nbf": issued_at,
        "exp": issued_at.saturating_add_unsigned(token.lifetime.as_secs()),
    });
    if let Value::Object(claims) = claims { claims } else { Map::new() }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;
    use crate::sample::{ISSUED, KEY};
    use crate::uuid;

    fn token(jti: &str) -> ModiToken<'_> {
        ModiToken {
            client: uuid("9a1e40b4-5815-4a99-99e2-d15364c7a500").expect("a UUID"),
            audience: "https://provider.example/rest/residenza/v1",
            jti: uuid(jti).expect("a UUID"),
            issued_at: Timestamp::from_seconds(ISSUED),
            lifetime: Duration::from_mins(1),
        }
    }

    fn parts(token: &str) -> (Value, Value) {
        let decode = |part: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON");
        let mut parts = token.split('.');
        (decode(parts.next().expect("a header")), decode(parts.next().expect("a payload")))
    }

    #[test]
    fn writes_the_tokens_of_the_standard() {
        let claims = [("userID".into(), "operatore-0042".into()), ("LoA".into(), "SPID_L2".into()), ("iss".into(), "somebody".into())];
        let evidence = TrackingEvidence {
            token: token("142c8364-7806-4577-93e7-83e7eb04b39b"),
            purpose: uuid("9ed89edd-d684-4325-b600-e6129ec04ece").expect("a UUID"),
            claims: &claims,
            dnonce: Some(4_203_917_765_108),
        };
        let (header, payload) = parts(&tracking_evidence(&KEY, &evidence).expect("a token"));
        assert_eq!(header, json!({ "alg": "RS256", "typ": "JWT", "kid": KEY.fingerprint().to_string() }));
        let common = |jti: &str| {
            json!({
                "iss": "9a1e40b4-5815-4a99-99e2-d15364c7a500", "aud": "https://provider.example/rest/residenza/v1",
                "jti": jti, "iat": ISSUED, "nbf": ISSUED, "exp": ISSUED + 60,
            })
        };
        let expected = crate::sample::with(
            common("142c8364-7806-4577-93e7-83e7eb04b39b"),
            &json!({
                "userID": "operatore-0042", "LoA": "SPID_L2", "purposeId": "9ed89edd-d684-4325-b600-e6129ec04ece", "dnonce": 4_203_917_765_108_u64,
            }),
        );
        assert_eq!(payload, expected);

        let message = SignedMessage {
            token: token("59ba1b0d-5c90-4158-a909-406c2e416788"),
            digest: &digest_header(br#"{"a":1}"#),
            content_type: Some("application/json"),
            content_encoding: None,
        };
        let (_, payload) = parts(&message_signature(&KEY, &message).expect("a token"));
        let signed = json!({
            "sub": "9a1e40b4-5815-4a99-99e2-d15364c7a500",
            "signed_headers": [{ "digest": "SHA-256=AVq9f1zFei3ZS3WQ8ErYCEJzkF7jPsXOvq5iJ2qX+GI=" }, { "content-type": "application/json" }],
        });
        assert_eq!(payload, crate::sample::with(common("59ba1b0d-5c90-4158-a909-406c2e416788"), &signed));
    }

    #[test]
    fn digests_are_those_of_the_standard() {
        let value = "9369daf7910ad7e80af14adee49e4488ce8a5e0990fe0c848607d075f46c14b4";
        assert_eq!(evidence_digest("eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ.c2ln"), AuditDigest { alg: "SHA256".into(), value: value.into() });
        assert_eq!(digest_header(b""), "SHA-256=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
        for random in [[0; 8], [255; 8], [7; 8]] {
            assert_eq!(dnonce(random).to_string().len(), 13, "{random:?}");
        }
    }
}
