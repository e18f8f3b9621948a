//! Which department of ours calls: by its own key, for one of its purposes, telling who asks where the provider wants to know.

use aws_lc_rs::digest::{SHA256, digest};
use http::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderName, HeaderValue};
use parking_lot::Mutex;
use trust::{PortalToken, Presented, Scheme, TrustError, bearer, verify_portal};

use crate::config::{
    API_KEY, ChannelSource, Credentials, Departments, EVIDENCE, EvidenceClaim, EvidenceRules, EvidenceSource, LONGEST_CASE,
    LONGEST_CHANNEL, LONGEST_TOLD, SIGNATURE, Security, TextSource, is_plain,
};
use crate::exchange::{Authenticated, Calling, Told};
use crate::message::Request;
use crate::origin::Certificate;
use crate::rejection::{DepartmentError, EvidenceError, Rejection};
use crate::service::{BoundDepartment, BoundPortal, BoundPurpose, EService};

/// Where a department that may call for several purposes says for which.
const PURPOSE: HeaderName = HeaderName::from_static("varco-purpose");
/// What else a department could show under our voucher, as if it were ours.
const DPOP: HeaderName = HeaderName::from_static("dpop");

/// Lets a department that is known go on, or refuses it before PDND is asked anything. What it shows leaves the request: neither its key
/// nor whatever else says who it is leaves the house.
pub fn department(request: &mut Request, instance: usize, token: Result<Option<PortalToken>, Rejection>) -> Result<(), Rejection> {
    let exchange = request.exchange.clone();
    let service = exchange.service();
    let known = &service.departments[instance];
    let signed_in = matches!(token, Ok(Some(_)));
    let allowed = token.and_then(|token| {
        if known.automated.is_none()
            && let Some(channel) = channel(service, token.as_ref())
        {
            let _ = exchange.channel.set(channel);
        }
        if let Some(case) = case(service, &request.headers, token.as_ref()) {
            let _ = exchange.case.set(case);
        }
        let purpose = purpose(known, &request.headers)?;
        let told = told(known, service, &request.headers, token.as_ref())?;
        let calling = Calling { voucher: purpose.voucher.clone(), told, automated: known.automated.is_some(), shown: Mutex::default() };
        Ok((purpose, Box::new(calling)))
    });
    // One that may not go on is known all the same: its refusal is recorded in its name.
    let (caller, calling, refused) = match allowed {
        Ok((purpose, calling)) => (&purpose.caller, Some(calling), None),
        Err(rejection) => (&known.caller, None, Some(rejection)),
    };
    let Security::Department(departments) = &service.definition.security else { return Err(Rejection::Internal) };
    let evidence = evidence(&departments.list[instance].credentials, signed_in);
    let _ = exchange.caller.set(Authenticated { instance, caller: caller.clone(), proven: true, keys_age: None, evidence, calling });
    consume(&mut request.headers, service);
    refused.map_or(Ok(()), Err)
}

/// The channel, where the portal's token tells it.
fn channel(service: &EService, token: Option<&PortalToken>) -> Option<String> {
    let Some(ChannelSource::Told(TextSource::Claim(claim))) = &service.definition.channel else { return None };
    token?.text(claim).filter(|text| is_plain(text, LONGEST_CHANNEL)).map(str::to_owned)
}

/// The number of the department's case.
fn case(service: &EService, headers: &HeaderMap, token: Option<&PortalToken>) -> Option<String> {
    match service.definition.case.as_ref()? {
        TextSource::Claim(claim) => token?.text(claim).filter(|text| is_plain(text, LONGEST_CASE)).map(str::to_owned),
        TextSource::Header(name) => super::policy::told(headers, name, LONGEST_CASE),
    }
}

/// What was shown and verified, in the words of policy.
fn evidence(credentials: &Credentials, signed_in: bool) -> &'static [&'static str] {
    match (credentials.key.is_some(), !credentials.certificates.is_empty(), signed_in) {
        (true, true, true) => &["api-key", "client-certificate", "portal-token"],
        (true, true, false) => &["api-key", "client-certificate"],
        (true, false, true) => &["api-key", "portal-token"],
        (true, false, false) => &["api-key"],
        (false, true, true) => &["client-certificate", "portal-token"],
        (false, true, false) => &["client-certificate"],
        (false, false, _) => &["portal-token"],
    }
}

/// Takes out of a request what is the department's or the gateway's alone.
fn consume(headers: &mut HeaderMap, service: &EService) {
    for name in [API_KEY, PURPOSE, AUTHORIZATION, COOKIE, DPOP, EVIDENCE, SIGNATURE] {
        headers.remove(name);
    }
    for header in asked(service).into_iter().flat_map(EvidenceRules::headers) {
        headers.remove(header);
    }
    if let Some(TextSource::Header(header)) = &service.definition.case {
        headers.remove(header);
    }
    if let Some(portal) = &service.portal {
        headers.remove(&portal.header);
    }
}

/// The token of the portal at which somebody signed in, verified, if one is sent.
pub async fn signed_in(request: &Request) -> Result<Option<PortalToken>, Rejection> {
    let exchange = request.exchange.clone();
    let Some(portal) = &exchange.service().portal else { return Ok(None) };
    let token = match sent(portal, &request.headers) {
        Err(TrustError::Missing) => return Ok(None),
        sent => sent.map_err(Rejection::Portal)?,
    };
    let presented = Presented::read(token, portal.rules.issuer.longest_voucher()).map_err(|error| Rejection::Portal(error.into()))?;
    let verified = portal.keys.with_keys(exchange.seen, |keys| verify_portal(&presented, &portal.rules, keys, exchange.seen)).await;
    verified.map(Some).map_err(Rejection::Portal)
}

/// The text of a portal's token: after `Bearer` in `Authorization`, by itself in a header of its own.
fn sent<'a>(portal: &BoundPortal, headers: &'a HeaderMap) -> Result<&'a str, TrustError> {
    let mut values = headers.get_all(&portal.header).iter().map(HeaderValue::as_bytes);
    if portal.header == AUTHORIZATION {
        return match bearer(values)? {
            (Scheme::Bearer, token) => Ok(token),
            (Scheme::Dpop, _) => Err(TrustError::WrongScheme),
        };
    }
    let value = values.next().ok_or(TrustError::Missing)?;
    if values.next().is_some() {
        return Err(TrustError::Duplicate);
    }
    std::str::from_utf8(value.trim_ascii()).map_err(|_| TrustError::WrongScheme)
}

/// Which department it is, by its place, as far as its key and certificate tell; `None` where only its portal's token can.
pub fn identify(departments: &Departments, headers: &HeaderMap, certificate: Certificate) -> Result<Option<usize>, DepartmentError> {
    let mut keys = headers.get_all(API_KEY).iter();
    let key = keys.next().filter(|key| !key.is_empty());
    if keys.next().is_some() {
        return Err(DepartmentError::KeyDuplicate);
    }
    let by_certificate = match certificate {
        Certificate::Unreadable => return Err(DepartmentError::CertificateUnreadable),
        Certificate::Shown(fingerprint) => departments.by_certificate(&fingerprint),
        Certificate::None => None,
    };
    let Some(key) = key else {
        return match by_certificate {
            Some(place) => Ok(Some(place)),
            None if !departments.by_token().is_empty() => Ok(None),
            None if certificate != Certificate::None => Err(DepartmentError::CertificateUnknown),
            None if departments.have_keys() => Err(DepartmentError::KeyMissing),
            None => Err(DepartmentError::CertificateMissing),
        };
    };
    let mut shown = [0; 32];
    shown.copy_from_slice(digest(&SHA256, key.as_bytes()).as_ref());
    let place = departments.by_key(&shown).ok_or(DepartmentError::KeyUnknown)?;
    let certificates = &departments.list[place].credentials.certificates;
    match certificate {
        _ if certificates.is_empty() => Ok(Some(place)),
        Certificate::Shown(fingerprint) if certificates.contains(&fingerprint) => Ok(Some(place)),
        Certificate::Shown(_) => Err(DepartmentError::CertificateUnknown),
        _ => Err(DepartmentError::CertificateMissing),
    }
}

/// Holds what the portal's token says against what the department's has to say, and finds the department where nothing else told it.
pub fn signed_in_as(departments: &Departments, known: Option<usize>, token: Option<&PortalToken>) -> Result<usize, DepartmentError> {
    let says = |&place: &usize| {
        let claims = &departments.list[place].credentials.token;
        claims.iter().all(|(claim, value)| token.is_some_and(|token| token.text(claim) == Some(value)))
    };
    let refused = if token.is_some() { DepartmentError::TokenUnknown } else { DepartmentError::TokenMissing };
    match known {
        Some(place) => says(&place).then_some(place).ok_or(refused),
        None => departments.by_token().iter().copied().find(says).ok_or(refused),
    }
}

/// The purpose that is meant: the only one, or the one that is said.
fn purpose<'a>(department: &'a BoundDepartment, headers: &HeaderMap) -> Result<&'a BoundPurpose, DepartmentError> {
    let mut said = headers.get_all(PURPOSE).iter();
    match (said.next(), said.next(), department.purposes.as_slice()) {
        (None, _, [only]) => Ok(only),
        (None, ..) => Err(DepartmentError::PurposeMissing),
        (Some(text), None, purposes) => {
            let text = text.to_str().map_err(|_| DepartmentError::PurposeNotYours)?;
            purposes.iter().find(|purpose| purpose.choice.is_meant_by(text.trim())).ok_or(DepartmentError::PurposeNotYours)
        }
        (Some(_), Some(_), _) => Err(DepartmentError::PurposeNotYours),
    }
}

/// The evidence that the provider asks for.
fn asked(service: &EService) -> Option<&EvidenceRules> {
    service.definition.modi.as_ref().and_then(|modi| modi.evidence.as_ref())
}

/// What is told of who asks: by the department, or by itself where it is a declared process.
fn told(department: &BoundDepartment, service: &EService, headers: &HeaderMap, token: Option<&PortalToken>) -> Result<Told, EvidenceError> {
    match (asked(service), &department.automated) {
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
    if !is_plain(text, LONGEST_TOLD) {
        return Err(malformed());
    }
    let Some(values) = values else { return Ok((name.clone(), text.into())) };
    let called = values.iter().find(|(told, _)| **told == *text).ok_or_else(|| EvidenceError::Unknown { claim: name.clone() });
    called.map(|(_, called)| (name.clone(), called.clone()))
}
