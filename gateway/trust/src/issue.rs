use std::time::Duration;

use exchange::Timestamp;
use serde_json::{Value, json};

use crate::{AuditDigest, SignError, SigningKey, Uuid};

/// What a voucher says, as PDND's token server fills it in from its catalogue.
#[derive(Clone, Copy, Debug)]
pub struct VoucherRequest<'a> {
    /// `iss`.
    pub issuer: &'a str,
    /// The id of the platform's key.
    pub kid: &'a str,
    /// `jti`.
    pub jti: Uuid,
    /// `aud`; several are joined with commas, as PDND does.
    pub audiences: &'a [&'a str],
    /// `client_id` and `sub`.
    pub client: Uuid,
    /// What it is for.
    pub grant: Grant<'a>,
    /// `iat` and `nbf`.
    pub issued_at: Timestamp,
    /// From `iat` to `exp`: the descriptor's `voucherLifespan`, or ten minutes for PDND's own APIs.
    pub lifetime: Duration,
}

/// What a voucher is for.
#[derive(Clone, Copy, Debug)]
pub enum Grant<'a> {
    /// Calls of an e-service.
    EService {
        /// `purposeId`.
        purpose: Uuid,
        /// `producerId`.
        producer: Uuid,
        /// `consumerId`.
        consumer: Uuid,
        /// `eserviceId`.
        eservice: Uuid,
        /// `descriptorId`.
        descriptor: Uuid,
        /// `digest`, copied from the client's assertion.
        digest: Option<&'a AuditDigest>,
    },
    /// Calls of PDND's own APIs.
    Api {
        /// `organizationId`.
        organization: Uuid,
        /// `role`: `m2m` or `m2m-admin`.
        role: &'a str,
    },
}

/// A voucher, as PDND's token server writes and signs it.
pub fn issue_voucher(key: &SigningKey, request: &VoucherRequest<'_>) -> Result<String, SignError> {
    let header = json!({ "use": "sig", "alg": "RS256", "kid": request.kid, "typ": "at+jwt" });
    key.sign(&header, &claims(request))
}

fn claims(request: &VoucherRequest<'_>) -> Value {
    let client = request.client.to_string();
    let issued_at = request.issued_at.seconds();
    let mut claims = json!({
        "jti": request.jti.to_string(),
        "iss": request.issuer,
        "aud": request.audiences.join(","),
        "client_id": client,
        "sub": client,
        "iat": issued_at,
        "nbf": issued_at,
        "exp": issued_at.saturating_add_unsigned(request.lifetime.as_secs()),
    });
    match request.grant {
        Grant::EService { purpose, producer, consumer, eservice, descriptor, digest } => {
            for (claim, id) in [
                ("purposeId", purpose),
                ("producerId", producer),
                ("consumerId", consumer),
                ("eserviceId", eservice),
                ("descriptorId", descriptor),
            ] {
                claims[claim] = id.to_string().into();
            }
            if let Some(digest) = digest {
                claims["digest"] = json!(digest);
            }
        }
        Grant::Api { organization, role } => {
            claims["organizationId"] = organization.to_string().into();
            claims["role"] = role.into();
        }
    }
    claims
}
