//! What of ModI an outbound e-service shows to its provider beside the voucher, and where the department tells what it says.

use document::{Fault, Section};
use http::HeaderName;

/// What is signed for the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModiRules {
    /// `aud` of the tokens: the provider's, which may be another than the URL and than the voucher's.
    pub audience: Box<str>,
    /// Whether messages are signed: INTEGRITY_REST_02.
    pub integrity: bool,
    /// The tracking evidence: AUDIT_REST_01 or _02.
    pub evidence: Option<EvidenceRules>,
}

/// What the provider is told of who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidenceRules {
    /// Whether it is bound to a voucher of its own: AUDIT_REST_02.
    pub bound: bool,
    /// The claims agreed with the provider, each with where the department tells it.
    pub claims: Vec<EvidenceClaim>,
}

/// A claim of the tracking evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidenceClaim {
    /// Its name: `userID`.
    pub name: Box<str>,
    /// The header in which the department tells it.
    pub header: HeaderName,
}

/// What a declared batch process says of itself, by the names of the claims.
pub type Automated = Box<[(Box<str>, Box<str>)]>;

/// The patterns of an outbound e-service, as they are written.
pub(super) struct Patterns {
    voucher: bool,
    integrity: bool,
    audit: Option<bool>,
}

impl Patterns {
    /// Reads `security`.
    pub(super) fn read(section: &Section<'_>) -> Self {
        let mut patterns = Self { voucher: false, integrity: false, audit: None };
        for (word, place) in section.texts("security") {
            let audit = match word {
                "voucher" => {
                    patterns.voucher = true;
                    continue;
                }
                "INTEGRITY_REST_02" => {
                    patterns.integrity = true;
                    continue;
                }
                "AUDIT_REST_01" => false,
                "AUDIT_REST_02" => true,
                _ => {
                    let fault = Fault::error(place, format!("the security pattern `{word}` is not known here"));
                    section
                        .report(fault.hint("outbound e-services know `voucher`, `INTEGRITY_REST_02`, `AUDIT_REST_01` and `AUDIT_REST_02`"));
                    continue;
                }
            };
            if patterns.audit.replace(audit).is_some_and(|before| before != audit) {
                section.report(Fault::error(place, "choose one of `AUDIT_REST_01` and `AUDIT_REST_02`"));
            }
        }
        if !patterns.voucher {
            let fault = Fault::error(section.place("security"), format!("`{}` needs `voucher` in `security`", section.name()));
            section.report(fault.hint("`[voucher]`: the provider is shown a voucher of PDND; what else it asks stands beside it"));
        }
        patterns
    }

    /// Reads `evidence`, if a pattern asks for it.
    pub(super) fn evidence(&self, section: &Section<'_>) -> Option<EvidenceRules> {
        let found = section.named_texts("evidence");
        let Some(bound) = self.audit else {
            if !found.is_empty() {
                let fault = Fault::error(section.place("evidence"), "no pattern tells the provider any evidence");
                section.report(fault.hint("write `AUDIT_REST_02` (or `AUDIT_REST_01`) in `security`, as the provider asks"));
            }
            return None;
        };
        let mut claims = Vec::new();
        for (key, text, place) in found {
            if OWN.contains(&key.text.as_str()) {
                section.report(Fault::error(place, format!("the claim `{}` is the pattern's own", key.text)));
                continue;
            }
            let header = text.strip_prefix("header:").and_then(|name| HeaderName::from_bytes(name.as_bytes()).ok());
            match header {
                Some(header) => claims.push(EvidenceClaim { name: key.text.as_str().into(), header }),
                None => {
                    let fault = Fault::error(place, format!("the claim `{}` should be told in a header", key.text));
                    section.report(fault.hint("such as `header:X-Operatore`; an invented constant would be a lie about who asked"));
                }
            }
        }
        for name in ["userID", "userLocation"] {
            let is_there = section.named_texts("evidence").iter().any(|(key, ..)| key.text == name);
            if !is_there {
                let fault = Fault::error(section.place("evidence"), format!("`{}.evidence` needs `{name}`", section.name()));
                section.report(fault.hint("where the department tells it: `header:X-…`"));
            }
        }
        Some(EvidenceRules { bound, claims })
    }

    /// What is signed, if anything is.
    pub(super) fn rules(&self, section: &Section<'_>, audience: Option<&str>, evidence: Option<EvidenceRules>) -> Option<ModiRules> {
        if !self.integrity && evidence.is_none() {
            return None;
        }
        if audience.is_none() {
            let fault =
                Fault::error(section.place("adapter"), "what is signed for the provider needs an `audience` beside the adapter's `url`");
            section.report(fault.hint("as the provider publishes it: ANPR's is the service URL without `-PDND` and without the operation"));
        }
        Some(ModiRules { audience: audience?.into(), integrity: self.integrity, evidence })
    }
}

/// Claims that no agreement between the parties can change.
const OWN: [&str; 9] = ["iss", "sub", "aud", "jti", "iat", "nbf", "exp", "purposeId", "dnonce"];

/// Reads what a batch process says of itself: every claim that a person would be asked for.
pub(super) fn automated(section: &Section<'_>, rules: Option<&EvidenceRules>) -> Option<Automated> {
    section.node("automated")?;
    let told = section.named_texts("automated");
    let Some(rules) = rules else {
        section.report(Fault::error(section.place("automated"), "no pattern tells the provider any evidence"));
        return None;
    };
    for (key, _, place) in told.iter().filter(|(key, ..)| !rules.claims.iter().any(|claim| *claim.name == *key.text)) {
        section.report(Fault::error(place.clone(), format!("the evidence of this e-service has no claim `{}`", key.text)));
    }
    let claims: Vec<_> = rules
        .claims
        .iter()
        .filter_map(|claim| {
            let text =
                told.iter().find(|(key, ..)| *claim.name == *key.text).map(|(_, text, _)| *text).filter(|text| !text.trim().is_empty());
            if text.is_none() {
                section.report(Fault::error(section.place("automated"), format!("`{}.automated` needs `{}`", section.name(), claim.name)));
            }
            Some((claim.name.clone(), text?.into()))
        })
        .collect();
    (claims.len() == rules.claims.len()).then(|| claims.into())
}
