//! Which department of ours calls: by its own key, for one of its purposes, telling who asks where the provider wants to know.

use aws_lc_rs::digest::{SHA256, digest};
use http::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderName};
use trust::{PortalToken, Presented, TrustError, verify_portal};

use super::voucher::{EVIDENCE, SIGNATURE};
use crate::config::{Departments, EvidenceClaim, EvidenceRules, EvidenceSource, LONGEST_TOLD, Security, is_plain};
use crate::exchange::{Authenticated, Told};
use crate::message::Request;
use crate::rejection::{DepartmentError, EvidenceError, Rejection};
use crate::snapshot::{CallingWay, Desk, EService};

/// Where a department shows its key.
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// Where a department that may call for several purposes says for which.
const PURPOSE: HeaderName = HeaderName::from_static("varco-purpose");
/// What else a department could show under our voucher, as if it were ours.
const DPOP: HeaderName = HeaderName::from_static("dpop");
/// Believes a department or refuses it; nothing is asked of PDND for one that is refused. What it shows leaves the request: neither its
/// key nor whatever else says who it is leaves the house.
pub fn department(request: &mut Request, token: Result<Option<PortalToken>, Rejection>) -> Result<(), Rejection> {
    let exchange = request.exchange.clone();
    let service = exchange.service();
    let Security::Department(departments) = &service.definition.security else { return Err(Rejection::Internal) };
    let instance = identify(departments, &request.headers)?;
    let desk = &service.departments[instance];
    // One that may not go on is known all the same: its refusal is recorded in its name.
    let mut known = Authenticated {
        instance,
        caller: desk.caller.clone(),
        proven: true,
        evidence: &["api-key"],
        voucher: None,
        told: Vec::new(),
        automated: desk.automated.is_some(),
    };
    let allowed = token.and_then(|token| {
        let way = way(desk, &request.headers)?;
        Ok((way, told(desk, service, &request.headers, token.as_ref())?, token.is_some()))
    });
    let refused = match allowed {
        Ok((way, told, is_signed_in)) => {
            if is_signed_in {
                known.evidence = &["api-key", "portal-token"];
            }
            (known.caller, known.voucher, known.told) = (way.caller.clone(), Some(way.voucher.clone()), told);
            None
        }
        Err(rejection) => Some(rejection),
    };
    let _ = exchange.caller.set(known);
    for name in [API_KEY, PURPOSE, AUTHORIZATION, COOKIE, DPOP, EVIDENCE, SIGNATURE] {
        request.headers.remove(name);
    }
    // Servers in the manner of CGI read `X_Api_Key` as `X-Api-Key`: what is forged in one spelling is forged in the other.
    let twins: Vec<HeaderName> = request.headers.keys().filter(|name| name.as_str().contains('_')).cloned().collect();
    for twin in twins {
        request.headers.remove(twin);
    }
    for claim in asked(service).map(|rules| rules.claims.as_slice()).unwrap_or_default() {
        if let EvidenceSource::Header(header) = &claim.from {
            request.headers.remove(header);
        }
    }
    if let Some(portal) = &service.portal {
        request.headers.remove(&portal.header);
    }
    refused.map_or(Ok(()), Err)
}

/// The token of the portal at which somebody signed in, verified, if one is sent.
pub async fn signed_in(request: &Request) -> Result<Option<PortalToken>, Rejection> {
    let exchange = request.exchange.clone();
    let service = exchange.service();
    let (Some(portal), Security::Department(departments)) = (&service.portal, &service.definition.security) else { return Ok(None) };
    // What a stranger sends costs nobody a signature.
    identify(departments, &request.headers)?;
    let mut sent = request.headers.get_all(&portal.header).iter();
    let Some(value) = sent.next() else { return Ok(None) };
    if sent.next().is_some() {
        return Err(Rejection::Portal(TrustError::Duplicate));
    }
    let text = value.to_str().map_err(|_| Rejection::Portal(TrustError::WrongScheme))?;
    let token = if portal.header == AUTHORIZATION {
        let (scheme, token) = text.split_once(' ').unwrap_or_default();
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Rejection::Portal(TrustError::WrongScheme));
        }
        token.trim()
    } else {
        text.trim()
    };
    let presented = Presented::read(token, portal.rules.issuer.longest_voucher()).map_err(|error| Rejection::Portal(error.into()))?;
    let verified = portal.keys.with_keys(exchange.seen, |keys| verify_portal(&presented, &portal.rules, keys, exchange.seen)).await;
    verified.map(Some).map_err(Rejection::Portal)
}

/// Whose key it is, by its place.
fn identify(departments: &Departments, headers: &HeaderMap) -> Result<usize, DepartmentError> {
    let mut keys = headers.get_all(API_KEY).iter();
    let key = keys.next().filter(|key| !key.is_empty()).ok_or(DepartmentError::KeyMissing)?;
    if keys.next().is_some() {
        return Err(DepartmentError::KeyDuplicate);
    }
    let mut shown = [0; 32];
    shown.copy_from_slice(digest(&SHA256, key.as_bytes()).as_ref());
    departments.by_key(&shown).ok_or(DepartmentError::KeyUnknown)
}

/// The purpose that is meant: the only one, or the one that is said.
fn way<'a>(desk: &'a Desk, headers: &HeaderMap) -> Result<&'a CallingWay, DepartmentError> {
    let mut said = headers.get_all(PURPOSE).iter();
    match (said.next(), said.next(), desk.ways.as_slice()) {
        (None, _, [only]) => Ok(only),
        (None, ..) => Err(DepartmentError::PurposeMissing),
        (Some(text), None, ways) => {
            let text = text.to_str().map_err(|_| DepartmentError::PurposeNotYours)?;
            ways.iter().find(|way| way.purpose.is_meant_by(text.trim())).ok_or(DepartmentError::PurposeNotYours)
        }
        (Some(_), Some(_), _) => Err(DepartmentError::PurposeNotYours),
    }
}

/// The evidence that the provider asks for.
fn asked(service: &EService) -> Option<&EvidenceRules> {
    service.definition.modi.as_ref().and_then(|modi| modi.evidence.as_ref())
}

/// What is told of who asks: by the department, or by itself where it is a declared process.
fn told(desk: &Desk, service: &EService, headers: &HeaderMap, token: Option<&PortalToken>) -> Result<Told, EvidenceError> {
    match (asked(service), &desk.automated) {
        (None, _) => Ok(Vec::new()),
        (Some(_), Some(told)) => Ok(told.to_vec()),
        (Some(rules), None) => rules.claims.iter().map(|claim| tell(claim, headers, token)).collect(),
    }
}

/// One claim of the tracking evidence: never a constant of ours, so what is not told is a refusal.
fn tell(claim: &EvidenceClaim, headers: &HeaderMap, token: Option<&PortalToken>) -> Result<(Box<str>, Box<str>), EvidenceError> {
    let EvidenceClaim { name, from, values } = claim;
    let missing = || EvidenceError::Missing { claim: name.clone(), from: from.clone() };
    let malformed = || EvidenceError::Malformed { claim: name.clone(), from: from.clone(), most: LONGEST_TOLD };
    let text = match from {
        EvidenceSource::Claim(claim) => token.and_then(|token| token.text(claim)).ok_or_else(missing)?,
        EvidenceSource::Header(header) => {
            let mut sent = headers.get_all(header).iter();
            let value = sent.next().ok_or_else(missing)?;
            if sent.next().is_some() {
                return Err(malformed());
            }
            value.to_str().map_err(|_| malformed())?
        }
    };
    let text = text.trim();
    if text.is_empty() {
        return Err(missing());
    }
    if !is_plain(text) {
        return Err(malformed());
    }
    let Some(values) = values else { return Ok((name.clone(), text.into())) };
    let called = values.iter().find(|(told, _)| **told == *text).ok_or_else(|| EvidenceError::Unknown { claim: name.clone() });
    called.map(|(_, called)| (name.clone(), called.clone()))
}
