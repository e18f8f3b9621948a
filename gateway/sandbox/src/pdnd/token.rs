//! `POST /token.oauth2`: the form and the assertion, the key, the states, the rate, the voucher, in PDND's order.

use std::borrow::Cow;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use percent_encoding::percent_decode_str;
use serde_json::json;
use trust::{AssertionFault, AssertionRules, ClientAssertion, OPAQUE_CODE, TokenForm, verify_client_assertion};
use uuid::Uuid;

use super::answers;
use super::diagnosis::{Diagnosis, Outcome};
use super::platform::Platform;
use super::rate::Allowance;
use super::registry::{AgreementState, Client, ClientKind, PurposeState, Registry};
use super::voucher::{API_LIFETIME, For, issue};

/// A refusal: what is noted, and the rate that was asked too much, if it was that.
struct Refusal {
    outcome: Outcome,
    allowance: Option<Allowance>,
}

impl From<AssertionFault> for Refusal {
    fn from(fault: AssertionFault) -> Self {
        Self { outcome: Outcome::Refused(fault), allowance: None }
    }
}

pub(crate) fn answer(platform: &Platform, request: &Request<Bytes>) -> Response<Bytes> {
    let correlation = Platform::correlation();
    let form = Form::read(request.body());
    let result = not_taken(request.headers()).map_or_else(|| voucher(platform, &form), Err);
    let (outcome, response) = match result {
        Ok((jti, response)) => (Outcome::Issued(jti), response),
        Err(refusal) => (refusal.outcome, refuse(&refusal, correlation)),
    };
    platform.diagnoses.push(Diagnosis { at: platform.now(), correlation, client: form.client_id.into_owned(), outcome });
    response
}

/// Every fault of the client's is told in the same words; only a full bucket is another matter.
fn refuse(refusal: &Refusal, correlation: Uuid) -> Response<Bytes> {
    let Some(allowance) = refusal.allowance else {
        let title = "The request contains bad syntax or cannot be fulfilled.";
        let detail = "Unable to generate a token for the given request";
        return answers::problem(StatusCode::BAD_REQUEST, title, OPAQUE_CODE, detail, correlation);
    };
    let mut response =
        answers::problem(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests", "015-9991", "Requests limit exceeded", correlation);
    write_rate(response.headers_mut(), allowance);
    response
}

fn not_taken(headers: &HeaderMap) -> Option<Refusal> {
    let media = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = media.split(';').next().unwrap_or_default().trim();
    let why = if !media.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        "the body is not application/x-www-form-urlencoded"
    } else if headers.contains_key("dpop") {
        "the sandbox verifies no DPoP proof: ask for a voucher without one"
    } else {
        return None;
    };
    Some(Refusal { outcome: Outcome::NotTaken(why), allowance: None })
}

fn voucher(platform: &Platform, form: &Form<'_>) -> Result<(Uuid, Response<Bytes>), Refusal> {
    let now = platform.now();
    let rules = AssertionRules::new(&platform.environment.assertion_audience);
    let registry = platform.registry.read();
    let key_of = |assertion: &ClientAssertion| {
        let client = client_for(&registry, assertion)?;
        client.keys.iter().find(|key| key.fingerprint().to_string() == *assertion.kid).cloned()
    };
    let assertion = verify_client_assertion(&form.token(), &rules, key_of, now)?;
    let client = client_for(&registry, &assertion).ok_or(AssertionFault::Signature)?;
    let (asked, lifetime) = asked(&registry, client, &assertion)?;
    let organisation = registry.tenant(&client.tenant).map_or(Uuid::nil(), |tenant| tenant.id);
    let allowance = platform.buckets.take(organisation, Instant::now());
    if !allowance.allowed {
        return Err(Refusal { outcome: Outcome::TooMany, allowance: Some(allowance) });
    }
    let jti = Uuid::new_v4();
    let token = issue(platform, client, &asked, jti, now, lifetime);
    // The platform's own key: it signs, or nothing of this process works.
    let token = token.map_err(|_| Refusal { outcome: Outcome::NotTaken("the platform's key did not sign"), allowance: None })?;
    let mut response = answers::ok(&json!({ "access_token": token, "token_type": "Bearer", "expires_in": lifetime.as_secs() }));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store"));
    write_rate(response.headers_mut(), allowance);
    Ok((jti, response))
}

/// The platform finds a key by client, key and purpose together: a purpose that the client is not bound to has none.
fn client_for<'a>(registry: &'a Registry, assertion: &ClientAssertion) -> Option<&'a Client> {
    let client = registry.client_by_id(assertion.client)?;
    let bound = |purpose: Uuid| client.purposes.iter().any(|name| registry.purpose(name).is_some_and(|found| found.id == purpose));
    assertion.purpose.is_none_or(bound).then_some(client)
}

/// What the voucher is for, if everything that it hangs on is active.
fn asked<'a>(
    registry: &'a Registry,
    client: &Client,
    assertion: &ClientAssertion,
) -> Result<(For<'a>, std::time::Duration), AssertionFault> {
    if client.kind == ClientKind::Api {
        let tenant = registry.tenant(&client.tenant).ok_or(AssertionFault::Signature)?;
        return Ok((For::Api { organisation: tenant.id }, API_LIFETIME));
    }
    let purpose = assertion.purpose.ok_or(AssertionFault::PurposeMissing)?;
    let grant = registry.grant(purpose).ok_or(AssertionFault::Signature)?;
    if grant.agreement.state != AgreementState::Active {
        return Err(AssertionFault::AgreementState);
    }
    if !grant.descriptor.state.serves() {
        return Err(AssertionFault::EServiceState);
    }
    if grant.purpose.state != PurposeState::Active {
        return Err(AssertionFault::PurposeState);
    }
    let lifetime = grant.descriptor.voucher_lifespan;
    Ok((For::EService { grant, digest: assertion.digest.clone() }, lifetime))
}

fn write_rate(headers: &mut HeaderMap, allowance: Allowance) {
    let interval = u64::try_from(allowance.rate.interval.as_millis()).unwrap_or(u64::MAX);
    for (name, value) in [
        ("x-rate-limit-limit", u64::from(allowance.rate.limit)),
        ("x-rate-limit-interval", interval),
        ("x-rate-limit-remaining", u64::from(allowance.remaining)),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from(value));
    }
}

/// The form of a token request, decoded. A parameter that is given twice keeps its first value.
#[derive(Debug, Default)]
struct Form<'a> {
    client_id: Cow<'a, str>,
    client_assertion: Cow<'a, str>,
    client_assertion_type: Cow<'a, str>,
    grant_type: Cow<'a, str>,
}

impl<'a> Form<'a> {
    fn read(body: &'a [u8]) -> Self {
        let mut form = Self::default();
        for pair in std::str::from_utf8(body).unwrap_or_default().split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let field = match name {
                "client_id" => &mut form.client_id,
                "client_assertion" => &mut form.client_assertion,
                "client_assertion_type" => &mut form.client_assertion_type,
                "grant_type" => &mut form.grant_type,
                _ => continue,
            };
            if field.is_empty() {
                *field = decode(value);
            }
        }
        form
    }

    fn token(&self) -> TokenForm<'_> {
        TokenForm {
            client_id: &self.client_id,
            client_assertion: &self.client_assertion,
            client_assertion_type: &self.client_assertion_type,
            grant_type: &self.grant_type,
        }
    }
}

/// Percent-encoding with `+` for a blank, as forms have it.
fn decode(value: &str) -> Cow<'_, str> {
    if value.contains('+') {
        let spaced = value.replace('+', " ");
        return Cow::Owned(percent_decode_str(&spaced).decode_utf8_lossy().into_owned());
    }
    percent_decode_str(value).decode_utf8_lossy()
}
