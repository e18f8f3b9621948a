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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{self, KEY, KID};
    use crate::{Scheme, accept, uuid, verify_signature};

    fn id(claim: &str) -> Uuid {
        sample::payload()[claim].as_str().and_then(uuid).expect("an identifier")
    }

    fn request<'a>(audiences: &'a [&'a str], grant: Grant<'a>) -> VoucherRequest<'a> {
        let (issued_at, lifetime) = (Timestamp::from_seconds(sample::ISSUED), Duration::from_mins(10));
        VoucherRequest { issuer: sample::ISSUER, kid: KID, jti: id("jti"), audiences, client: id("client_id"), grant, issued_at, lifetime }
    }

    fn eservice(digest: Option<&AuditDigest>) -> Grant<'_> {
        Grant::EService {
            purpose: id("purposeId"),
            producer: id("producerId"),
            consumer: id("consumerId"),
            eservice: id("eserviceId"),
            descriptor: id("descriptorId"),
            digest,
        }
    }

    #[test]
    fn writes_the_voucher_of_the_standard() {
        let expected = sample::payload();
        assert_eq!(claims(&request(&[sample::AUDIENCE], eservice(None))), expected);
        let digest = AuditDigest { alg: "SHA256".into(), value: "00".into() };
        let patch = json!({"aud": "a,b", "digest": {"alg": "SHA256", "value": "00"}});
        assert_eq!(claims(&request(&["a", "b"], eservice(Some(&digest)))), sample::with(expected, &patch));
    }

    #[test]
    fn what_is_issued_is_accepted() {
        let token = issue_voucher(&KEY, &request(&["x", sample::AUDIENCE], eservice(None))).expect("a voucher");
        let voucher = verify_signature(&token, &sample::rules(), &sample::jwks()).expect("a good signature");
        assert!(accept(&voucher, Scheme::Bearer, &sample::acceptance(), sample::now()).is_ok());
    }

    /// A voucher for PDND's own APIs opens no e-service, even one with its audience.
    #[test]
    fn a_voucher_for_apis_opens_no_e_service() {
        let grant = Grant::Api { organization: id("consumerId"), role: "m2m" };
        let token = issue_voucher(&KEY, &request(&[sample::AUDIENCE], grant)).expect("a voucher");
        let voucher = verify_signature(&token, &sample::rules(), &sample::jwks()).expect("a good signature");
        let refused = accept(&voucher, Scheme::Bearer, &sample::acceptance(), sample::now()).map(drop);
        assert_eq!(refused, Err(crate::TrustError::MissingClaim { claim: "purposeId" }));
    }
}
