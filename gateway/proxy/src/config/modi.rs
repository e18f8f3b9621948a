//! What of ModI an outbound e-service shows to its provider beside the voucher, and where the department tells what it says.

use std::sync::Arc;

use document::{Fault, Key, Place, Section};
use http::HeaderName;

use super::headers::is_reserved;
use super::portal::PortalConfig;

/// What is signed for the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModiRules {
    /// `aud` of the tokens: the provider's, which may be another than the URL and than the voucher's.
    pub audience: Arc<str>,
    /// Whether messages are signed: INTEGRITY_REST_02.
    pub integrity: bool,
    /// The tracking evidence: AUDIT_REST_01 or _02.
    pub evidence: Option<EvidenceRules>,
}

/// The header with the tracking evidence (pdnd-modi §2.4).
pub(crate) const EVIDENCE: HeaderName = HeaderName::from_static("agid-jwt-trackingevidence");
/// The header with the signature of a message (pdnd-modi §2.3).
pub(crate) const SIGNATURE: HeaderName = HeaderName::from_static("agid-jwt-signature");

impl ModiRules {
    /// The headers with tokens of ours that the provider is shown.
    pub fn headers(&self) -> Vec<HeaderName> {
        let signature = self.integrity.then_some(SIGNATURE);
        let evidence = self.evidence.is_some().then_some(EVIDENCE);
        signature.into_iter().chain(evidence).collect()
    }
}

/// What the provider is told of who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidenceRules {
    /// Whether it is bound to a voucher of its own: AUDIT_REST_02.
    pub bound: bool,
    /// The claims agreed with the provider, each with where the department tells it.
    pub claims: Vec<EvidenceClaim>,
}

impl EvidenceRules {
    /// The headers in which departments tell claims.
    pub fn headers(&self) -> impl Iterator<Item = &HeaderName> {
        self.claims.iter().filter_map(|claim| match &claim.from {
            EvidenceSource::Header(header) => Some(header),
            EvidenceSource::Claim(_) => None,
        })
    }
}

/// A claim of the tracking evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidenceClaim {
    /// Its name: `userID`.
    pub name: Box<str>,
    /// Where the department tells it.
    pub from: EvidenceSource,
    /// What each value is called by the provider, and no other is taken; else it is called as it is told.
    pub values: Option<Names>,
}

/// Where a department tells who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EvidenceSource {
    /// In a header of its own.
    Header(HeaderName),
    /// In a claim of its portal's token, which is verified.
    Claim(Box<str>),
}

impl std::fmt::Display for EvidenceSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Header(name) => write!(f, "the header `{name}`"),
            Self::Claim(claim) => write!(f, "the claim `{claim}` of the portal's token"),
        }
    }
}

/// What is called what: a value as it is told, and as the provider calls it.
pub type Names = Box<[(Box<str>, Box<str>)]>;

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
    pub(super) fn evidence(&self, section: &Section<'_>, portal: Option<&PortalConfig>) -> Option<EvidenceRules> {
        let renamed = section.section("evidence_values");
        let found = section.named_texts("evidence");
        let Some(bound) = self.audit else {
            if !found.is_empty() {
                let fault = Fault::error(section.place("evidence"), "no pattern tells the provider any evidence");
                section.report(fault.hint("write `AUDIT_REST_02` (or `AUDIT_REST_01`) in `security`, as the provider asks"));
            }
            return None;
        };
        let claim = |(key, text, place): (&Key, &str, Place)| {
            let claim = claim(key, text, portal);
            let claim = claim.map_err(|(message, hint)| section.report(Fault::error(place, message).hint(hint))).ok()?;
            Some(EvidenceClaim { values: values(renamed.as_ref(), key), ..claim })
        };
        let names: Vec<&str> = found.iter().map(|(key, ..)| key.text.as_str()).collect();
        for name in ["userID", "userLocation"].into_iter().filter(|name| !names.contains(name)) {
            let fault = Fault::error(section.place("evidence"), format!("`{}.evidence` needs `{name}`", section.name()));
            section.report(fault.hint("where the department tells it: `header:X-…`"));
        }
        let claims: Vec<EvidenceClaim> = found.into_iter().filter_map(claim).collect();
        if let Some(renamed) = renamed {
            unknown_names(renamed, &names);
        }
        Some(EvidenceRules { bound, claims })
    }

    /// What is signed, if anything is.
    pub(super) fn rules(&self, section: &Section<'_>, audience: Option<&str>, evidence: Option<EvidenceRules>) -> Option<ModiRules> {
        if !self.integrity && evidence.is_none() {
            refuse_audience(section, audience);
            return None;
        }
        if audience.is_none_or(|audience| !is_plain(audience, LONGEST_AUDIENCE)) {
            let fault =
                Fault::error(section.place("adapter"), "what is signed for the provider needs an `audience` beside the adapter's `url`");
            section.report(fault.hint("as the provider publishes it: ANPR's is the service URL without `-PDND` and without the operation"));
        }
        Some(ModiRules { audience: audience?.into(), integrity: self.integrity, evidence })
    }
}

/// One claim of the evidence; or what is wrong with it, and what would mend it.
fn claim(key: &Key, text: &str, portal: Option<&PortalConfig>) -> Result<EvidenceClaim, (String, &'static str)> {
    let name = key.text.as_str();
    if !is_plain(name, LONGEST_TOLD) {
        return Err((format!("`{}` is no name of a claim", name.escape_debug()), "the provider publishes which it wants"));
    }
    if OWN.contains(&name) {
        return Err((format!("the claim `{name}` is the pattern's own"), "leave it out: it is written for you"));
    }
    let from = source(text).ok_or_else(|| {
        let hint = "such as `header:X-Operatore` or `claim:sub`; an invented constant would be a lie about who asked";
        (format!("the claim `{name}` should be told in a header or by a portal"), hint)
    })?;
    match &from {
        EvidenceSource::Header(header) if is_reserved(header) || portal.is_some_and(|portal| portal.header == header) => {
            Err((format!("the header `{header}` has a meaning of its own"), "such as `header:X-Operatore`"))
        }
        EvidenceSource::Claim(_) if portal.is_none() => Err((
            format!("the claim `{name}` is told by a portal, and the e-service has none"),
            "write `portal:` and which of `portals` signs the token",
        )),
        _ => Ok(EvidenceClaim { name: name.into(), from, values: None }),
    }
}

fn source(text: &str) -> Option<EvidenceSource> {
    if let Some(name) = text.strip_prefix("header:") {
        return HeaderName::from_bytes(name.as_bytes()).ok().map(EvidenceSource::Header);
    }
    text.strip_prefix("claim:").filter(|claim| !claim.is_empty()).map(|claim| EvidenceSource::Claim(claim.into()))
}

/// What the provider calls each value of a claim: acr values of SPID and CIE have codes of each provider's own.
fn values(renamed: Option<&Section<'_>>, claim: &Key) -> Option<Names> {
    let renamed = renamed?;
    renamed.keys().find(|key| key.text == claim.text)?;
    let values = renamed.texts_under(&claim.text);
    for (told, called) in &values {
        if !is_plain(called, LONGEST_TOLD) {
            let place = Place::at(renamed.file(), told.position);
            renamed.report(Fault::error(place, format!("what `{}` is called is no plain text", told.text.escape_debug())));
        }
    }
    Some(values.into_iter().map(|(told, called)| (told.text.as_str().into(), called.into())).collect())
}

/// The longest audience: a URL.
const LONGEST_AUDIENCE: usize = 2048;
/// The longest that may be told of who asks.
pub const LONGEST_TOLD: usize = 128;

/// Whether a text can stand in a token: what is not visible ASCII, providers read differently.
pub fn is_plain(text: &str, most: usize) -> bool {
    !text.trim().is_empty() && text.len() <= most && text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
}

fn unknown_names(renamed: Section<'_>, names: &[&str]) {
    for key in renamed.keys().filter(|key| !names.contains(&key.text.as_str())) {
        let place = Place::at(renamed.file(), key.position);
        renamed.report(Fault::error(place, format!("the evidence of this e-service has no claim `{}`", key.text)));
    }
    renamed.leave();
}

/// An audience that nothing is signed for has no effect, and whoever wrote it believes that it has.
pub(super) fn refuse_audience(section: &Section<'_>, audience: Option<&str>) {
    if audience.is_some() {
        let fault = Fault::error(section.place("adapter"), "nothing is signed for this `audience`");
        section.report(fault.hint("outbound e-services sign with `INTEGRITY_REST_02`, `AUDIT_REST_01` and `AUDIT_REST_02`"));
    }
}

/// Claims that no agreement between the parties can change.
const OWN: [&str; 11] = ["cnf", "signed_headers", "iss", "sub", "aud", "jti", "iat", "nbf", "exp", "purposeId", "dnonce"];

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
            let text = told
                .iter()
                .find(|(key, ..)| *claim.name == *key.text)
                .map(|(_, text, _)| *text)
                .filter(|text| is_plain(text, LONGEST_TOLD));
            if text.is_none() {
                section.report(Fault::error(
                    section.place("automated"),
                    format!("`{}.automated` needs `{}`, in plain text", section.name(), claim.name),
                ));
            }
            Some((claim.name.clone(), text?.into()))
        })
        .collect();
    (claims.len() == rules.claims.len()).then(|| claims.into())
}
