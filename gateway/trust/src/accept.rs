use std::sync::Arc;
use std::time::Duration;

use exchange::{Caller, Timestamp};

use crate::claims::{AuditDigest, Claims, Dates, Identifier};
use crate::{Scheme, TrustError, Uuid, Voucher};

/// What a voucher must say to open one instance of an e-service: the tenant's, in the versions served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acceptance {
    /// The issuer trusted here.
    pub issuer: Arc<str>,
    /// The audiences of the descriptors; a voucher must have one of them.
    pub audiences: Box<[Box<str>]>,
    /// The tenant on PDND; not compared if absent.
    pub producer: Option<Uuid>,
    /// The e-service on PDND; not compared if absent.
    pub eservice: Option<Uuid>,
    /// The versions served; not compared if there is none.
    pub descriptors: Box<[Uuid]>,
    /// Whether the platform's identifiers must be there.
    pub identifiers: Identifiers,
    /// How times are compared.
    pub times: Times,
}

/// Whether `producerId`, `consumerId`, `eserviceId` and `descriptorId` must be there. The platform writes them behind a
/// flag, which is on in production.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Identifiers {
    /// All of them.
    #[default]
    Required,
    /// None of them; those that are there are still compared.
    Optional,
}

/// How the times of a voucher are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// How long after `exp` a voucher is still taken: not at all.
    pub after_expiry: Duration,
    /// How far ahead `nbf` and `iat` may be, because clocks differ: 5 seconds.
    pub ahead: Duration,
    /// How long after `iat` a voucher is taken, if not until `exp`.
    pub longest_age: Option<Duration>,
}

impl Default for Times {
    fn default() -> Self {
        Self { after_expiry: Duration::ZERO, ahead: Duration::from_secs(5), longest_age: None }
    }
}

/// A caller who proved, for this exchange and this instance of this e-service, who it is. Only [`accept`] makes one.
#[derive(Clone, Debug)]
pub struct Verified {
    caller: Arc<Caller>,
    digest: Option<Arc<AuditDigest>>,
}

impl Verified {
    /// Who calls.
    pub fn caller(&self) -> &Arc<Caller> {
        &self.caller
    }

    /// The digest of the tracking evidence (AUDIT_REST_02), if the voucher has one.
    pub fn digest(&self) -> Option<&AuditDigest> {
        self.digest.as_deref()
    }
}

/// Steps 7 to 11 of a provider's verification, to be run at every exchange.
pub fn accept(voucher: &Voucher, scheme: Scheme, acceptance: &Acceptance, now: Timestamp) -> Result<Verified, TrustError> {
    let claims = &voucher.claims;
    if *voucher.issuer != *acceptance.issuer {
        return Err(TrustError::WrongIssuer);
    }
    audience(claims, acceptance)?;
    let Claims { expires_at, not_before, issued_at, .. } = *claims;
    times(Dates { expires_at, not_before, issued_at }, &acceptance.times, now)?;
    parties(claims)?;
    instance(claims, acceptance)?;
    binding(claims, scheme)?;
    Ok(Verified { caller: voucher.caller().clone(), digest: claims.digest.clone() })
}

fn audience(claims: &Claims, acceptance: &Acceptance) -> Result<(), TrustError> {
    if require(claims.audiences.as_ref(), "aud")?.iter().any(|audience| acceptance.audiences.contains(audience)) {
        Ok(())
    } else {
        Err(TrustError::WrongAudience)
    }
}

pub(crate) fn times(dates: Dates, times: &Times, now: Timestamp) -> Result<(), TrustError> {
    if let Some(ago) = require(dates.expires_at, "exp")?.passed(now, times.after_expiry) {
        return Err(TrustError::Expired { ago });
    }
    if let Some(ahead) = dates.not_before.and_then(|date| date.ahead(now, times.ahead)) {
        return Err(TrustError::NotYetValid { ahead });
    }
    let issued_at = require(dates.issued_at, "iat")?;
    if let Some(ahead) = issued_at.ahead(now, times.ahead) {
        return Err(TrustError::IssuedInFuture { ahead });
    }
    if let Some((longest, age)) = times.longest_age.and_then(|longest| Some((longest, issued_at.older_than(now, longest)?))) {
        return Err(TrustError::TooOld { age, longest: longest.as_secs() });
    }
    Ok(())
}

/// That these are there and are UUIDs; the latter was seen when they were read.
fn parties(claims: &Claims) -> Result<(), TrustError> {
    let client = require(claims.client.as_ref(), "client_id")?;
    if !require(claims.subject.as_ref(), "sub")?.eq_ignore_ascii_case(&client.text) {
        return Err(TrustError::SubjectMismatch);
    }
    require(claims.purpose.as_ref(), "purposeId")?;
    require(claims.jti.as_ref(), "jti").map(drop)
}

fn instance(claims: &Claims, acceptance: &Acceptance) -> Result<(), TrustError> {
    if acceptance.identifiers == Identifiers::Required {
        for (identifier, claim) in [
            (&claims.producer, "producerId"),
            (&claims.consumer, "consumerId"),
            (&claims.eservice, "eserviceId"),
            (&claims.descriptor, "descriptorId"),
        ] {
            require(identifier.as_ref(), claim)?;
        }
    }
    acceptance.producer_fits(claims).then_some(()).ok_or(TrustError::WrongProducer)?;
    acceptance.eservice_fits(claims).then_some(()).ok_or(TrustError::WrongEService)?;
    acceptance.descriptor_fits(claims).then_some(()).ok_or(TrustError::WrongDescriptor)
}

fn binding(claims: &Claims, scheme: Scheme) -> Result<(), TrustError> {
    match scheme {
        // Where a proof will be verified (RFC 9449 §4.3) once DPoP is accepted.
        Scheme::Dpop => Err(TrustError::DpopNotAccepted),
        Scheme::Bearer if claims.bound => Err(TrustError::BoundVoucher),
        Scheme::Bearer => Ok(()),
    }
}

fn require<T>(value: Option<T>, claim: &'static str) -> Result<T, TrustError> {
    value.ok_or(TrustError::MissingClaim { claim })
}

impl Acceptance {
    pub(crate) fn producer_fits(&self, claims: &Claims) -> bool {
        fits(claims.producer.as_ref(), self.producer.as_slice())
    }

    pub(crate) fn eservice_fits(&self, claims: &Claims) -> bool {
        fits(claims.eservice.as_ref(), self.eservice.as_slice())
    }

    pub(crate) fn descriptor_fits(&self, claims: &Claims) -> bool {
        fits(claims.descriptor.as_ref(), &self.descriptors)
    }

    pub(crate) fn audience_fits(&self, claims: &Claims) -> bool {
        audience(claims, self).is_ok()
    }
}

/// Whether an identifier is one of the configured ones, or either side says nothing.
fn fits(claimed: Option<&Identifier>, configured: &[Uuid]) -> bool {
    configured.is_empty() || claimed.is_none_or(|identifier| configured.contains(&identifier.uuid))
}
