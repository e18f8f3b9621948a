use exchange::Timestamp;
use jsonwebtoken::{Algorithm, Header};
use serde::Serialize;

use crate::{AuditDigest, SignError, SigningKey};

/// What a client says to ask for a voucher.
#[derive(Clone, Copy, Debug)]
pub struct AssertionRequest<'a> {
    /// `iss` and `sub`.
    pub client: &'a str,
    /// `aud`: the token server's audience of the environment, without a scheme.
    pub audience: &'a str,
    /// `purposeId`; left out to ask for a voucher for PDND's own APIs.
    pub purpose: Option<&'a str>,
    /// `digest` of the tracking evidence, for AUDIT_REST_02.
    pub digest: Option<&'a AuditDigest>,
    /// `jti`: a new UUIDv4.
    pub jti: &'a str,
    /// `iat`.
    pub issued_at: Timestamp,
    /// Seconds until `exp`. PDND gives no tolerance, so below 30 a slow clock is enough to be refused.
    pub lifetime: u32,
}

/// The client assertion, signed: exactly the header members and claims that PDND allows. The `kid` is the key's thumbprint,
/// which is what PDND calls it.
pub fn client_assertion(key: &SigningKey, request: &AssertionRequest<'_>) -> Result<String, SignError> {
    // `new` writes `typ` JWT.
    let mut header = Header::new(Algorithm::RS256);
    header.kid = Some(key.fingerprint().to_string());
    let issued_at = request.issued_at.seconds();
    let claims = Claims {
        iss: request.client,
        sub: request.client,
        aud: request.audience,
        jti: request.jti,
        iat: issued_at,
        exp: issued_at.saturating_add(i64::from(request.lifetime)),
        purpose: request.purpose,
        digest: request.digest,
    };
    key.sign(&header, &claims)
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    jti: &'a str,
    iat: i64,
    exp: i64,
    #[serde(rename = "purposeId", skip_serializing_if = "Option::is_none")]
    purpose: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<&'a AuditDigest>,
}
