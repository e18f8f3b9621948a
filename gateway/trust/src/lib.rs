//! Vouchers, keys and client assertions: issue and verify, as pure functions.
//!
//! A voucher passes two gates. [`verify_signature`] proves who signed it and reads its claims once: its result, a [`Voucher`],
//! may be remembered for as long as its key is published. [`accept`] holds those claims against one e-service at one
//! instant and is run at every exchange: its result, a [`Verified`], is the only proof of a caller that later stages take.
//! Neither can be made in any other way.
//!
//! This crate opens no socket, reads no file and no clock. It fetches no key set: [`KeyRing`] says when somebody should. It
//! verifies no DPoP proof and no ModI token yet, and so refuses every voucher that is bound to a key.

mod accept;
mod assertion;
mod bearer;
mod claims;
mod compact;
#[cfg(test)]
mod conformance;
mod error;
mod fingerprint;
mod holder;
mod instances;
mod issue;
mod jwks;
mod key;
mod key_ring;
mod modi;
mod numeric_date;
mod portal;
mod rules;
#[cfg(test)]
mod sample;
mod signing;
mod voucher;

pub use accept::{Acceptance, Identifiers, Times, Verified, accept};
pub use assertion::{
    AssertionFault, AssertionRequest, AssertionRules, ClientAssertion, OPAQUE_CODE, TokenForm, client_assertion, verify_client_assertion,
};
pub use bearer::{Scheme, bearer};
pub use claims::AuditDigest;
pub use error::{Flaw, Malformed, Part, TrustError};
pub use fingerprint::Fingerprint;
pub use holder::{Held, SHORTEST_LIFE, TokenFault, TokenServerHealth, VoucherHolder, VoucherLook};
pub use instances::{Instances, Overlap};
pub use issue::{Grant, VoucherRequest, issue_voucher};
pub use jsonwebtoken::Algorithm;
pub use jwks::{Jwks, JwksFault};
pub use key::{Key, KeyFlaw};
pub use key_ring::{DatedKeys, KeyLook, KeyRing, KeyRingRules};
pub use modi::{
    ModiToken, SignedMessage, TrackingEvidence, digest_header, dnonce, evidence_digest, message_signature, signed_claims, tracking_evidence,
};
pub use portal::{PortalRules, PortalToken, verify_portal};
pub use rules::{AlgorithmRefused, IssuerRules};
pub use signing::{SignError, SigningKey};
pub use uuid::Uuid;
pub use voucher::{Presented, Voucher, own_voucher, verify_signature};
pub use zeroize::Zeroizing;

/// Reads an identifier as PDND writes it: a UUID in its hyphenated form, in either case.
pub fn uuid(text: &str) -> Option<Uuid> {
    // The other forms that UUIDs have (braces, `urn:uuid:`, no hyphens) have other lengths.
    (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten()
}
