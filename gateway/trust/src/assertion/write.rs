use std::time::Duration;

use exchange::Timestamp;
use jsonwebtoken::{Algorithm, Header};
use serde_json::json;

use crate::{AuditDigest, SignError, SigningKey, Uuid};

/// What a client says to ask for a voucher.
#[derive(Clone, Copy, Debug)]
pub struct AssertionRequest<'a> {
    /// `iss` and `sub`.
    pub client: Uuid,
    /// `aud`: the token server's audience of the environment, without a scheme.
    pub audience: &'a str,
    /// `purposeId`; left out to ask for a voucher for PDND's own APIs.
    pub purpose: Option<Uuid>,
    /// `digest` of the tracking evidence, for AUDIT_REST_02.
    pub digest: Option<&'a AuditDigest>,
    /// `jti`: a new UUIDv4.
    pub jti: Uuid,
    /// `iat`.
    pub issued_at: Timestamp,
    /// From `iat` to `exp`. PDND gives no tolerance, so below half a minute a slow clock is enough to be refused.
    pub lifetime: Duration,
}

/// The client assertion, signed: exactly the header members and claims that PDND allows. The `kid` is the key's thumbprint,
/// which is what PDND calls it.
pub fn client_assertion(key: &SigningKey, request: &AssertionRequest<'_>) -> Result<String, SignError> {
    // `new` writes `typ` JWT.
    let mut header = Header::new(Algorithm::RS256);
    header.kid = Some(key.fingerprint().to_string());
    let client = request.client.to_string();
    let issued_at = request.issued_at.seconds();
    let mut claims = json!({
        "iss": client,
        "sub": client,
        "aud": request.audience,
        "jti": request.jti.to_string(),
        "iat": issued_at,
        "exp": issued_at.saturating_add_unsigned(request.lifetime.as_secs()),
    });
    if let Some(purpose) = request.purpose {
        claims["purposeId"] = purpose.to_string().into();
    }
    if let Some(digest) = request.digest {
        claims["digest"] = json!(digest);
    }
    key.sign(&header, &claims)
}
