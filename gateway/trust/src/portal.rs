use std::sync::Arc;

use exchange::json::{Kind, Node};
use exchange::{Json, Timestamp};

use crate::accept::times;
use crate::claims::Dates;
use crate::{IssuerRules, Jwks, Presented, Times, TrustError};

/// What the tokens of a portal look like, at which people of ours sign in (OpenID Connect Core §3.1.3.7, RFC 9068).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortalRules {
    /// The portal's name for itself, and how it signs.
    pub issuer: IssuerRules,
    /// What it calls us: one of the token's audiences.
    pub audience: Arc<str>,
}

/// A portal's token that was verified: its signature, issuer, audience and times.
#[derive(Debug)]
pub struct PortalToken(Json);

impl PortalToken {
    /// A claim that is a text, or a number as it was written.
    pub fn text(&self, claim: &str) -> Option<&str> {
        let value = self.0.root().get(claim)?;
        value.as_str().or_else(|| value.number())
    }
}

/// Verifies a portal's token. That somebody signed in there is then proven, and who; not what they may.
pub fn verify_portal(presented: &Presented<'_>, rules: &PortalRules, keys: &Jwks, now: Timestamp) -> Result<PortalToken, TrustError> {
    let token = presented.compact();
    // An id token says `JWT` or nothing, an access token says so; whatever else it is, it is not for this.
    let typ = token.member("typ").map(Node::as_str);
    if !typ.is_none_or(|typ| typ.is_some_and(|typ| ["jwt", "at+jwt", "application/at+jwt"].contains(&typ.to_ascii_lowercase().as_str()))) {
        return Err(TrustError::WrongType);
    }
    presented.refuse_critical()?;
    let (payload, _) = presented.signed(&rules.issuer, keys)?;
    let root = payload.root();
    // A voucher of PDND, if somebody took the platform for a portal, says which client calls and nothing of who signed in.
    if ["purposeId", "producerId"].iter().any(|claim| root.get(claim).is_some()) {
        return Err(TrustError::WrongType);
    }
    if root.get("iss").and_then(Node::as_str) != Some(&**rules.issuer.issuer()) {
        return Err(TrustError::WrongIssuer);
    }
    let is_ours = |value: Node<'_>| value.as_str() == Some(&*rules.audience);
    let audiences = root.get("aud").ok_or(TrustError::MissingClaim { claim: "aud" })?;
    let is_for_us = if audiences.kind() == Kind::Array { audiences.items().any(is_ours) } else { is_ours(audiences) };
    if !is_for_us {
        return Err(TrustError::WrongAudience);
    }
    times(Dates::read(&payload)?, &Times::default(), now)?;
    Ok(PortalToken(payload))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::sample::{self, ISSUED, KID};

    const PORTAL: &str = "https://sso.comune.example";

    fn verify(header: &Value, payload: &Value) -> Result<PortalToken, TrustError> {
        let header = sample::with(json!({ "alg": "RS256", "typ": "JWT", "kid": KID }), header);
        let claims = json!({ "iss": PORTAL, "aud": "varco", "sub": "op-1", "iat": ISSUED, "exp": ISSUED + 300, "acr": "SpidL2", "n": 7 });
        let token = sample::sign(&header, &sample::with(claims, payload));
        let rules = PortalRules { issuer: IssuerRules::new(PORTAL), audience: "varco".into() };
        let presented = Presented::read(&token, 8 << 10)?;
        verify_portal(&presented, &rules, &sample::jwks(), sample::now())
    }

    #[test]
    fn believes_who_signed_in_and_nobody_else() {
        for (header, payload, expected) in [
            (json!({}), json!({}), Ok(())),
            (json!({ "typ": null }), json!({}), Ok(())),
            (json!({ "typ": "at+JWT" }), json!({}), Ok(())),
            (json!({}), json!({ "aud": ["altro", "varco"] }), Ok(())),
            // Tokens made for something else, a voucher of PDND among them.
            (json!({ "typ": "at+jwt" }), json!({ "purposeId": "9ed89edd-d684-4325-b600-e6129ec04ece" }), Err(TrustError::WrongType)),
            (json!({ "typ": "dpop+jwt" }), json!({}), Err(TrustError::WrongType)),
            (json!({ "typ": 1 }), json!({}), Err(TrustError::WrongType)),
            (json!({ "crit": ["b64"] }), json!({}), Err(TrustError::CriticalHeader)),
            (json!({ "alg": "none" }), json!({}), Err(TrustError::AlgorithmNotAllowed)),
            (json!({ "alg": "HS256" }), json!({}), Err(TrustError::AlgorithmNotAllowed)),
            (json!({ "kid": "altra" }), json!({}), Err(TrustError::UnknownKey { kid: "altra".into() })),
            (json!({}), json!({ "iss": "https://sso.altrove.example" }), Err(TrustError::WrongIssuer)),
            (json!({}), json!({ "iss": null }), Err(TrustError::WrongIssuer)),
            (json!({}), json!({ "aud": null }), Err(TrustError::MissingClaim { claim: "aud" })),
            // PDND joins audiences with commas; a portal does not.
            (json!({}), json!({ "aud": "altro,varco" }), Err(TrustError::WrongAudience)),
            (json!({}), json!({ "aud": ["altro"] }), Err(TrustError::WrongAudience)),
            (json!({}), json!({ "exp": ISSUED }), Err(TrustError::Expired { ago: 10 })),
            (json!({}), json!({ "exp": null }), Err(TrustError::MissingClaim { claim: "exp" })),
            (json!({}), json!({ "nbf": ISSUED + 60 }), Err(TrustError::NotYetValid { ahead: 50 })),
        ] {
            assert_eq!(verify(&header, &payload).map(drop), expected, "{header} {payload}");
        }
        let token = verify(&json!({}), &json!({})).expect("a good token");
        assert_eq!(
            [token.text("acr"), token.text("n"), token.text("aud"), token.text("manca")],
            [Some("SpidL2"), Some("7"), Some("varco"), None]
        );
    }
}
