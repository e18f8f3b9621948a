use exchange::Timestamp;
use serde::Serialize;

use crate::{AuditDigest, SignError, SigningKey};

/// What a voucher says, as PDND's token server fills it in from its catalogue.
#[derive(Clone, Copy, Debug)]
pub struct VoucherRequest<'a> {
    /// `iss`.
    pub issuer: &'a str,
    /// The id of the platform's key.
    pub kid: &'a str,
    /// `jti`, a UUID.
    pub jti: &'a str,
    /// The descriptor's audiences; several are joined with commas, as PDND does.
    pub audiences: &'a [&'a str],
    /// `client_id` and `sub`.
    pub client: &'a str,
    /// `purposeId`; vouchers for PDND's own APIs have none.
    pub purpose: Option<&'a str>,
    /// `producerId`.
    pub producer: &'a str,
    /// `consumerId`.
    pub consumer: &'a str,
    /// `eserviceId`.
    pub eservice: &'a str,
    /// `descriptorId`.
    pub descriptor: &'a str,
    /// `digest`, copied from the client's assertion.
    pub digest: Option<&'a AuditDigest>,
    /// `iat` and `nbf`.
    pub issued_at: Timestamp,
    /// The descriptor's `voucherLifespan`, in seconds.
    pub lifetime: u32,
}

/// A voucher, as PDND's token server writes and signs it.
pub fn issue_voucher(key: &SigningKey, request: &VoucherRequest<'_>) -> Result<String, SignError> {
    let issued_at = request.issued_at.seconds();
    let header = Header { r#use: "sig", alg: "RS256", kid: request.kid, typ: "at+jwt" };
    let claims = Claims {
        jti: request.jti,
        iss: request.issuer,
        aud: request.audiences.join(","),
        client_id: request.client,
        sub: request.client,
        iat: issued_at,
        nbf: issued_at,
        exp: issued_at.saturating_add(i64::from(request.lifetime)),
        purpose: request.purpose,
        producer: request.producer,
        consumer: request.consumer,
        eservice: request.eservice,
        descriptor: request.descriptor,
        digest: request.digest,
    };
    key.sign(&header, &claims)
}

#[derive(Serialize)]
struct Header<'a> {
    r#use: &'a str,
    alg: &'a str,
    kid: &'a str,
    typ: &'a str,
}

#[derive(Serialize)]
struct Claims<'a> {
    jti: &'a str,
    iss: &'a str,
    aud: String,
    client_id: &'a str,
    sub: &'a str,
    iat: i64,
    nbf: i64,
    exp: i64,
    #[serde(rename = "purposeId", skip_serializing_if = "Option::is_none")]
    purpose: Option<&'a str>,
    #[serde(rename = "producerId")]
    producer: &'a str,
    #[serde(rename = "consumerId")]
    consumer: &'a str,
    #[serde(rename = "eserviceId")]
    eservice: &'a str,
    #[serde(rename = "descriptorId")]
    descriptor: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<&'a AuditDigest>,
}
