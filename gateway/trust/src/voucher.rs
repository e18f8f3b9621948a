use std::sync::Arc;

use exchange::json::Node;
use exchange::{Caller, Json};

use crate::claims::{Claims, Identifier};
use crate::compact::Compact;
use crate::{Fingerprint, IssuerRules, Jwks, Malformed, TrustError};

/// A voucher whose signature was verified with a key of its issuer and whose claims were read; nothing else.
///
/// Its times, its audience and whom it is for are not looked at: it may have expired, and it opens nothing. It may be
/// remembered while [`Voucher::still_signed_by`] holds, and is held against the e-service called at every exchange.
#[derive(Debug)]
pub struct Voucher {
    pub(crate) claims: Claims,
    pub(crate) issuer: Arc<str>,
    caller: Arc<Caller>,
    kid: Arc<str>,
    fingerprint: Fingerprint,
}

impl Voucher {
    /// Who calls, as far as the claims say.
    pub(crate) fn caller(&self) -> &Arc<Caller> {
        &self.caller
    }

    /// The issuer, whose key signed it.
    pub fn issuer(&self) -> &Arc<str> {
        &self.issuer
    }

    /// The id of the key that signed it.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The key that signed it.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// When it ends, NumericDate rounded down: until then it is worth remembering.
    pub fn expires_at(&self) -> Option<i64> {
        self.claims.expires_at.map(crate::numeric_date::NumericDate::seconds)
    }

    /// Whether the key that signed it is still published under its id. A remembered voucher of which this is not true
    /// must be verified anew.
    pub fn still_signed_by(&self, keys: &Jwks) -> bool {
        keys.holds(&self.kid, &self.fingerprint)
    }
}

/// A token that claims to be a voucher: its header was read and nothing was verified.
pub struct Presented<'a>(Compact<'a>);

impl<'a> Presented<'a> {
    /// Reads the header of a token of at most so many bytes.
    pub fn read(token: &'a str, longest: usize) -> Result<Self, Malformed> {
        Compact::read(token, longest).map(Self)
    }

    /// The issuer it claims, to choose whose rules and keys to hold it against where there are several. Anybody can write
    /// anything here; [`Presented::verify`] holds it against the issuer chosen.
    pub fn claimed_issuer(&self) -> Result<Option<String>, Malformed> {
        let payload = self.0.payload()?;
        Ok(payload.root().get("iss").and_then(Node::as_str).map(Into::into))
    }

    /// The token as it was read.
    pub(crate) fn compact(&self) -> &Compact<'a> {
        &self.0
    }

    /// The claims of a token that one of these keys signed, and that key.
    pub(crate) fn signed(&self, rules: &IssuerRules, keys: &Jwks) -> Result<(Json, Fingerprint), TrustError> {
        let token = &self.0;
        // A token says which of the allowed algorithms it is signed with; it cannot add one.
        let algorithm = rules.algorithm(token.text("alg")?).ok_or(TrustError::AlgorithmNotAllowed)?;
        let kid = token.kid()?;
        let key = keys.key(kid).ok_or_else(|| TrustError::UnknownKey { kid: kid.into() })?;
        if !key.verifies(algorithm, token.signed(), &token.signature()?) {
            return Err(TrustError::BadSignature);
        }
        Ok((token.payload()?, key.fingerprint()))
    }

    /// Members that carry or point to keys (jku, jwk, x5u, x5c) are never looked at: the issuer's keys are configured.
    pub(crate) fn refuse_critical(&self) -> Result<(), TrustError> {
        if self.0.member("crit").is_some() { Err(TrustError::CriticalHeader) } else { Ok(()) }
    }

    /// Steps 2 to 6 of a provider's verification: the header, the key, the signature, the types of the claims; and that the
    /// issuer is the one whose key it was.
    pub fn verify(&self, rules: &IssuerRules, keys: &Jwks) -> Result<Voucher, TrustError> {
        self.refuse_critical()?;
        if !self.0.text("typ").is_ok_and(is_access_token) {
            return Err(TrustError::WrongType);
        }
        let (payload, fingerprint) = self.signed(rules, keys)?;
        let claims = Claims::read(&payload)?;
        match &claims.issuer {
            None => return Err(TrustError::MissingClaim { claim: "iss" }),
            // Without this, a key of the test environment could sign for the production's.
            Some(issuer) if **issuer != *rules.issuer => return Err(TrustError::WrongIssuer),
            Some(_) => {}
        }
        let kid: Arc<str> = self.0.kid()?.into();
        let caller = Arc::new(caller(&claims, &rules.issuer, &kid));
        Ok(Voucher { claims, issuer: rules.issuer.clone(), caller, kid, fingerprint })
    }
}

/// Reads and verifies a token: see [`Presented::verify`].
pub fn verify_signature(token: &str, rules: &IssuerRules, keys: &Jwks) -> Result<Voucher, TrustError> {
    Presented::read(token, rules.longest)?.verify(rules, keys)
}

/// What a voucher says that the platform has just given to a client of ours. Its signature is not verified: it came over a connection to the
/// platform itself, and it is the provider who has to believe it. For the record of what was shown.
pub fn own_voucher(token: &str) -> Result<Caller, TrustError> {
    let token = Compact::read(token, LONGEST_OF_OURS)?;
    token.signature()?;
    let claims = Claims::read(&token.payload()?)?;
    let issuer: Arc<str> = claims.issuer.as_deref().unwrap_or_default().into();
    Ok(caller(&claims, &issuer, &token.kid()?.into()))
}

/// The longest voucher that is shown to a provider: what fits into a header.
const LONGEST_OF_OURS: usize = 16 << 10;

/// RFC 9068 §2.1, with or without the prefix that RFC 7515 §4.1.9 lets one omit.
fn is_access_token(typ: &str) -> bool {
    typ.eq_ignore_ascii_case("at+jwt") || typ.eq_ignore_ascii_case("application/at+jwt")
}

fn caller(claims: &Claims, issuer: &Arc<str>, kid: &Arc<str>) -> Caller {
    let text = |identifier: &Option<Identifier>| identifier.as_ref().map(|identifier| identifier.text.clone());
    Caller {
        client: text(&claims.client),
        consumer: text(&claims.consumer),
        purpose: text(&claims.purpose),
        producer: text(&claims.producer),
        eservice: text(&claims.eservice),
        descriptor: text(&claims.descriptor),
        jti: text(&claims.jti),
        department: None,
        kid: Some(kid.clone()),
        issuer: Some(issuer.clone()),
        issued_at: claims.issued_at.map(crate::numeric_date::NumericDate::seconds),
        expires_at: claims.expires_at.map(crate::numeric_date::NumericDate::seconds),
    }
}
