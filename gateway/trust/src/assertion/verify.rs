use std::borrow::Borrow;
use std::time::Duration;

use exchange::Timestamp;
use exchange::json::{Kind, Node};
use jsonwebtoken::Algorithm;

use super::{AssertionFault, TokenForm};
use crate::compact::Compact;
use crate::numeric_date::NumericDate;
use crate::{AuditDigest, Key, Uuid, uuid};

/// What the token server demands of an assertion.
#[derive(Clone, Debug)]
pub struct AssertionRules {
    /// The environment's audience.
    pub audience: Box<str>,
    /// The longest assertion, in bytes.
    pub longest: usize,
}

impl AssertionRules {
    /// The rules of the token server of this audience: at most 8 KiB.
    pub fn new(audience: &str) -> Self {
        Self { audience: audience.into(), longest: 8 * 1024 }
    }
}

/// A client assertion of which every claim and the signature were verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientAssertion {
    /// The client: `sub`.
    pub client: Uuid,
    /// `purposeId`; none for a voucher for PDND's own APIs.
    pub purpose: Option<Uuid>,
    /// The key that signed it.
    pub kid: Box<str>,
    /// `jti`, which PDND does not check to be new.
    pub jti: Box<str>,
    /// `digest`, to be copied into the voucher.
    pub digest: Option<AuditDigest>,
}

const HEADER: [&str; 3] = ["kid", "alg", "typ"];
const CLAIMS: [&str; 8] = ["iss", "sub", "aud", "jti", "iat", "exp", "purposeId", "digest"];

/// Verifies a token request in the order of PDND's server: form, header, claims, key, signature, expiry. `key_of` gives the
/// key of a client by its id. Whether purpose, agreement and e-service are active is for the catalogue to say, afterwards;
/// [`AssertionFault::PurposeMissing`] likewise, as clients for PDND's own APIs have no purpose.
pub fn verify_client_assertion<K: Borrow<Key>>(
    form: &TokenForm<'_>,
    rules: &AssertionRules,
    key_of: impl FnOnce(&ClientAssertion) -> Option<K>,
    now: Timestamp,
) -> Result<ClientAssertion, AssertionFault> {
    form.check()?;
    let token = Compact::read(form.client_assertion, rules.longest).map_err(|_| AssertionFault::Format)?;
    let kid = header(&token)?;
    let payload = token.payload().map_err(|_| AssertionFault::Format)?;
    let claims = Claims(payload.root());
    let (assertion, expires_at) = claims.check(form, rules, kid)?;
    let signature = token.signature().map_err(|_| AssertionFault::Format)?;
    let key = key_of(&assertion).ok_or(AssertionFault::Signature)?;
    if !key.borrow().verifies(Algorithm::RS256, token.signed(), &signature) {
        return Err(AssertionFault::Signature);
    }
    if expires_at.passed(now, Duration::ZERO).is_some() {
        return Err(AssertionFault::Expired);
    }
    Ok(assertion)
}

fn header<'a>(token: &'a Compact<'_>) -> Result<&'a str, AssertionFault> {
    if !only(token.header(), &HEADER) {
        return Err(AssertionFault::Unexpected);
    }
    match token.text("alg") {
        Err(_) => return Err(AssertionFault::AlgorithmMissing),
        Ok("RS256") => {}
        Ok(_) => return Err(AssertionFault::Algorithm),
    }
    if token.member("typ").is_some_and(|typ| typ.as_str() != Some("JWT")) {
        return Err(AssertionFault::Unexpected);
    }
    let kid = token.text("kid").map_err(|_| AssertionFault::KidMissing)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if kid.len() == 43 && kid.bytes().all(plain) { Ok(kid) } else { Err(AssertionFault::KidFormat) }
}

struct Claims<'a>(Node<'a>);

impl<'a> Claims<'a> {
    fn check(&self, form: &TokenForm<'_>, rules: &AssertionRules, kid: &str) -> Result<(ClientAssertion, NumericDate), AssertionFault> {
        if !only(self.0, &CLAIMS) {
            return Err(AssertionFault::Unexpected);
        }
        let jti = self.text("jti", AssertionFault::JtiMissing)?;
        self.date("iat", AssertionFault::IssuedAtMissing)?;
        let expires_at = self.date("exp", AssertionFault::ExpiryMissing)?;
        self.text("iss", AssertionFault::IssuerMissing)?;
        let client = self.subject(form)?;
        self.audience(&rules.audience)?;
        let assertion = ClientAssertion { client, purpose: self.purpose()?, kid: kid.into(), jti: jti.into(), digest: self.digest()? };
        Ok((assertion, expires_at))
    }

    fn text(&self, claim: &str, missing: AssertionFault) -> Result<&'a str, AssertionFault> {
        self.0.get(claim).and_then(Node::as_str).filter(|text| !text.is_empty()).ok_or(missing)
    }

    fn date(&self, claim: &str, missing: AssertionFault) -> Result<NumericDate, AssertionFault> {
        self.0.get(claim).and_then(Node::number).and_then(NumericDate::read).ok_or(missing)
    }

    fn subject(&self, form: &TokenForm<'_>) -> Result<Uuid, AssertionFault> {
        let subject = self.text("sub", AssertionFault::SubjectMissing)?;
        if !form.client_id.is_empty() && subject != form.client_id {
            return Err(AssertionFault::SubjectMismatch);
        }
        uuid(subject).ok_or(AssertionFault::SubjectFormat)
    }

    fn audience(&self, audience: &str) -> Result<(), AssertionFault> {
        let claim = self.0.get("aud").ok_or(AssertionFault::AudienceMissing)?;
        let is_ours = |value: Node<'_>| value.as_str() == Some(audience);
        if is_ours(claim) || claim.items().any(is_ours) { Ok(()) } else { Err(AssertionFault::Audience) }
    }

    fn purpose(&self) -> Result<Option<Uuid>, AssertionFault> {
        let Some(claim) = self.0.get("purposeId") else { return Ok(None) };
        claim.as_str().and_then(uuid).map(Some).ok_or(AssertionFault::PurposeFormat)
    }

    /// The platform looks at the name of the hash and the length of the value, and no further.
    fn digest(&self) -> Result<Option<AuditDigest>, AssertionFault> {
        let Some(claim) = self.0.get("digest") else { return Ok(None) };
        let text = |name| claim.get(name).and_then(Node::as_str).ok_or(AssertionFault::Digest);
        if claim.kind() != Kind::Object || !only(claim, &["alg", "value"]) {
            return Err(AssertionFault::Digest);
        }
        let (alg, value) = (text("alg")?, text("value")?);
        if alg != "SHA256" {
            return Err(AssertionFault::DigestAlgorithm);
        }
        if value.len() != 64 {
            return Err(AssertionFault::DigestLength);
        }
        Ok(Some(AuditDigest { alg: alg.into(), value: value.into() }))
    }
}

/// Whether an object has no member but these.
fn only(object: Node<'_>, names: &[&str]) -> bool {
    object.members().all(|(name, _)| name.as_str().is_some_and(|name| names.contains(&name)))
}
