//! What a token server answers: a voucher, or why there is none (pdnd-modi §1.4, §1.5).

use std::sync::Arc;
use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Deserialize;
use trust::{SHORTEST_LIFE, TokenFault, Uuid, own_voucher};

use super::{Shown, VoucherRules};
use crate::upstream::number;

/// A token answer (RFC 6749 §5.1).
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    token_type: String,
    expires_in: u64,
}

/// Members that PDND's refusals have; others' have others.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Refused {
    #[serde(rename = "correlationId")]
    correlation: String,
    error: String,
    errors: Vec<RefusedError>,
}

#[derive(Deserialize)]
struct RefusedError {
    code: String,
}

pub(super) fn read(head: &http::response::Parts, body: &[u8], rules: &VoucherRules) -> Result<(Shown, Duration), (TokenFault, String)> {
    let status = head.status;
    if status == StatusCode::OK {
        let granted: Granted =
            serde_json::from_slice(body).map_err(|_| (TokenFault::Unusable, "the answer is no token answer".to_owned()))?;
        let unusable = |cause: &str| Err((TokenFault::Unusable, cause.to_owned()));
        if !granted.token_type.eq_ignore_ascii_case("bearer") {
            return unusable("the voucher is no bearer voucher");
        }
        let mut claims =
            own_voucher(&granted.access_token).map_err(|error| (TokenFault::Unusable, format!("the voucher is none: {error}")))?;
        let header = HeaderValue::try_from(format!("Bearer {}", granted.access_token));
        let mut header = header.map_err(|_| (TokenFault::Unusable, "the voucher is no header value".to_owned()))?;
        header.set_sensitive(true);
        // In whose name others are called is never left to what came back.
        let is = |claimed: &Option<Arc<str>>, ours: Uuid| claimed.as_deref().and_then(trust::uuid) == Some(ours);
        if !is(&claims.client, rules.client.id) || !is(&claims.purpose, rules.purpose) {
            return unusable("the voucher is another client's, or for another purpose");
        }
        let written = claims.expires_at.zip(claims.issued_at).and_then(|(end, begin)| u64::try_from(end.checked_sub(begin)?).ok());
        claims.consumer = Some(rules.consumer.to_string().into());
        let lifetime = Duration::from_secs(granted.expires_in.min(written.unwrap_or(0)).min(86_400));
        if lifetime < SHORTEST_LIFE {
            return unusable("the voucher ends as soon as it begins");
        }
        return Ok((Shown { header, claims: Arc::new(claims) }, lifetime));
    }
    let said = || {
        let refused: Refused = serde_json::from_slice(body).unwrap_or_default();
        // Codes and ids that PDND made, and nothing else of what it says.
        let codes: Vec<&str> = refused.errors.iter().map(|error| error.code.as_str()).chain([refused.error.as_str()]).collect();
        let is_word = |text: &&str| (1..=40).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_".contains(&c));
        let words = |texts: &[&str]| texts.iter().copied().filter(is_word).collect::<Vec<_>>().join(" ");
        format!("it answered {}, code {}, correlation id {}", status.as_u16(), words(&codes), words(&[&refused.correlation]))
    };
    let fault = match status.as_u16() {
        429 => TokenFault::Limited { wait: wait(&head.headers) },
        408 => TokenFault::Unreachable,
        400..500 => TokenFault::Refused,
        _ => TokenFault::Unreachable,
    };
    Err((fault, said()))
}

/// How long a 429 asks to wait: `Retry-After` in seconds, else PDND's own interval in milliseconds, else a second; a minute at most.
fn wait(headers: &HeaderMap) -> Duration {
    const INTERVAL: HeaderName = HeaderName::from_static("x-rate-limit-interval");
    let told = number(headers, &RETRY_AFTER).map(Duration::from_secs).or_else(|| number(headers, &INTERVAL).map(Duration::from_millis));
    told.unwrap_or(Duration::from_secs(1)).clamp(Duration::from_millis(100), Duration::from_mins(1))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use serde_json::json;

    use super::*;
    use crate::config::ClientRules;

    const JTI: &str = "c0290103-855d-4f55-99ec-8712e8e3574f";

    fn read(status: u16, headers: &[(&'static str, &str)], body: &str) -> Result<(String, u64), (TokenFault, String)> {
        let mut response = http::Response::new(());
        *response.status_mut() = StatusCode::from_u16(status).expect("a status");
        for (name, value) in headers {
            response.headers_mut().insert(*name, HeaderValue::from_str(value).expect("a value"));
        }
        let id = |text| trust::uuid(text).expect("a UUID");
        let rules = VoucherRules {
            client: Arc::new(ClientRules {
                name: "pdnd".into(),
                id: id("9a1e40b4-5815-4a99-99e2-d15364c7a500"),
                key: trust::SigningKey::generate().expect("a key"),
                environment: 0,
                environment_name: "prova".into(),
            }),
            purpose: id("9ed89edd-d684-4325-b600-e6129ec04ece"),
            consumer: id("f5ec52ed-0108-4475-92e1-bc7656670b14"),
        };
        let read = super::read(&response.into_parts().0, body.as_bytes(), &rules);
        read.map(|(shown, lifetime)| {
            assert!(shown.header.is_sensitive() && shown.header.to_str().expect("text").starts_with("Bearer ey"));
            (shown.claims.jti.as_deref().unwrap_or_default().to_owned(), lifetime.as_secs())
        })
    }

    #[test]
    fn reads_what_token_servers_say() {
        let opaque =
            r#"{"type":"about:blank","status":400,"correlationId":"6d1c-2","errors":[{"code":"015-0008","detail":"Mario Rossi"}]}"#;
        let encode = |json: &serde_json::Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(json.to_string());
        let written = |client: &str, life: u64| {
            let claims = json!({
                "jti": JTI, "client_id": client, "purposeId": "9ed89edd-d684-4325-b600-e6129ec04ece", "iat": 1_795_282_000, "exp": 1_795_282_000 + life,
            });
            format!("{}.{}.c2ln", encode(&json!({ "alg": "RS256", "kid": "k", "typ": "at+jwt" })), encode(&claims))
        };
        let token = &written("9a1e40b4-5815-4a99-99e2-d15364c7a500", 600);
        let granted =
            |kind: &str, token: &str, life: u64| json!({ "access_token": token, "token_type": kind, "expires_in": life }).to_string();
        let limited = |wait| TokenFault::Limited { wait: Duration::from_millis(wait) };
        for (status, headers, body, expected) in [
            (200, &[][..], granted("Bearer", token, 600).as_str(), Ok((JTI, 600))),
            (200, &[], &granted("bearer", token, 9_999_999), Ok((JTI, 600))),
            (200, &[], &granted("Bearer", token, 300), Ok((JTI, 300))),
            // In whose name it is, and how long it lives, is looked at.
            (200, &[], &granted("Bearer", &written("00000000-5815-4a99-99e2-d15364c7a500", 600), 600), Err(TokenFault::Unusable)),
            (200, &[], &granted("Bearer", token, 9), Err(TokenFault::Unusable)),
            (200, &[], &granted("Bearer", &written("9a1e40b4-5815-4a99-99e2-d15364c7a500", 0), 600), Err(TokenFault::Unusable)),
            (200, &[], &granted("Bearer", &format!("{token}\u{e9}"), 600), Err(TokenFault::Unusable)),
            (200, &[], &granted("Bearer", &format!("{token} x"), 600), Err(TokenFault::Unusable)),
            (200, &[], &granted("DPoP", token, 600), Err(TokenFault::Unusable)),
            (200, &[], &granted("Bearer", "a b", 600), Err(TokenFault::Unusable)),
            (200, &[], &granted("Bearer", "", 600), Err(TokenFault::Unusable)),
            (200, &[], "<html>", Err(TokenFault::Unusable)),
            (400, &[], opaque, Err(TokenFault::Refused)),
            (401, &[], r#"{"error":"invalid_client","error_description":"x"}"#, Err(TokenFault::Refused)),
            (408, &[], "", Err(TokenFault::Unreachable)),
            (429, &[("x-rate-limit-interval", "1000")], "", Err(limited(1000))),
            (429, &[("x-rate-limit-interval", "1000"), ("retry-after", "7")], "", Err(limited(7000))),
            (429, &[("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")], "", Err(limited(1000))),
            (429, &[("retry-after", "86400")], "", Err(limited(60_000))),
            (302, &[("location", "http://x")], "", Err(TokenFault::Unreachable)),
            (503, &[], "", Err(TokenFault::Unreachable)),
        ] {
            let found = read(status, headers, body);
            let fault = found.as_ref().map(|(header, seconds)| (header.as_str(), *seconds)).map_err(|(fault, _)| *fault);
            assert_eq!(fault, expected, "{status} {headers:?} {body}");
        }
        let (_, cause) = read(400, &[], opaque).expect_err("refused");
        assert_eq!(cause, "it answered 400, code 015-0008, correlation id 6d1c-2");
    }
}
