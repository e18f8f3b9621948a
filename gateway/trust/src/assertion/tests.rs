use std::sync::Arc;
use std::time::Duration;

use exchange::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::sample::{self, ISSUED, KEY, OTHER, STRANGER};
use crate::{AuditDigest, Key, uuid};

const CLIENT: &str = "9a1e40b4-5815-4a99-99e2-d15364c7a500";
const PURPOSE: &str = "9ed89edd-d684-4325-b600-e6129ec04ece";
const AUDIENCE: &str = "auth.uat.interop.example/client-assertion";
const HASH: &str = "9369daf7910ad7e80af14adee49e4488ce8a5e0990fe0c848607d075f46c14b4";

fn header() -> Value {
    json!({ "alg": "RS256", "typ": "JWT", "kid": KEY.fingerprint().to_string() })
}

fn payload() -> Value {
    json!({
        "iss": CLIENT, "sub": CLIENT, "aud": AUDIENCE, "jti": "1509bb0a-9bf1-4331-8a11-8783593942a4",
        "iat": ISSUED, "exp": ISSUED + 120, "purposeId": PURPOSE, "digest": { "alg": "SHA256", "value": HASH },
    })
}

fn form(assertion: &str) -> TokenForm<'_> {
    TokenForm {
        client_id: CLIENT,
        client_assertion: assertion,
        client_assertion_type: TokenForm::ASSERTION_TYPE,
        grant_type: TokenForm::GRANT_TYPE,
    }
}

fn verify(form: &TokenForm<'_>, second: i64) -> Result<ClientAssertion, AssertionFault> {
    let key_of = |assertion: &ClientAssertion| {
        let known = *assertion.kid == *KEY.fingerprint().to_string() && Some(assertion.client) == uuid(CLIENT);
        known.then(|| KEY.public())
    };
    verify_client_assertion(form, &AssertionRules::new(AUDIENCE), key_of, Timestamp::from_seconds(ISSUED + second))
}

fn check(header_patch: &Value, payload_patch: &Value, expected: Result<(), AssertionFault>) {
    let token = sample::sign(&sample::with(header(), header_patch), &sample::with(payload(), payload_patch));
    assert_eq!(verify(&form(&token), 0).map(drop), expected, "{header_patch} {payload_patch}");
}

#[test]
fn headers() {
    use AssertionFault as F;
    for (patch, expected) in [
        (json!({}), Ok(())),
        (json!({"typ": null}), Ok(())),
        (json!({"typ": "at+jwt"}), Err(F::Unexpected)),
        (json!({"use": "sig"}), Err(F::Unexpected)),
        (json!({"crit": ["b64"]}), Err(F::Unexpected)),
        (json!({"alg": null}), Err(F::AlgorithmMissing)),
        (json!({"alg": "none"}), Err(F::Algorithm)),
        (json!({"alg": "PS256"}), Err(F::Algorithm)),
        (json!({"kid": null}), Err(F::KidMissing)),
        (json!({"kid": CLIENT}), Err(F::KidFormat)),
        (json!({"kid": "+".repeat(43)}), Err(F::KidFormat)),
        (json!({"kid": "A".repeat(43)}), Err(F::Signature)),
    ] {
        check(&patch, &json!({}), expected);
    }
}

#[test]
fn claims() {
    use AssertionFault as F;
    for (patch, expected) in [
        (json!({"digest": null}), Ok(())),
        (json!({"purposeId": null}), Ok(())),
        (json!({"aud": ["other", AUDIENCE]}), Ok(())),
        (json!({"iss": "anything"}), Ok(())),
        (json!({"nbf": ISSUED}), Err(F::Unexpected)),
        (json!({"client_id": CLIENT}), Err(F::Unexpected)),
        (json!({"jti": null}), Err(F::JtiMissing)),
        (json!({"jti": ""}), Err(F::JtiMissing)),
        (json!({"iat": null}), Err(F::IssuedAtMissing)),
        (json!({"iat": "1795282001"}), Err(F::IssuedAtMissing)),
        (json!({"exp": null}), Err(F::ExpiryMissing)),
        (json!({"exp": -1}), Err(F::ExpiryMissing)),
        (json!({"exp": ISSUED}), Err(F::Expired)),
        (json!({"iss": null}), Err(F::IssuerMissing)),
        (json!({"iss": ""}), Err(F::IssuerMissing)),
        (json!({"sub": null}), Err(F::SubjectMissing)),
        (json!({"sub": OTHER}), Err(F::SubjectMismatch)),
        (json!({"aud": null}), Err(F::AudienceMissing)),
        (json!({"aud": format!("https://{AUDIENCE}")}), Err(F::Audience)),
        (json!({"aud": ["other"]}), Err(F::Audience)),
        (json!({"aud": {AUDIENCE: AUDIENCE}}), Err(F::Audience)),
        (json!({"purposeId": "tributi"}), Err(F::PurposeFormat)),
        (json!({"purposeId": 1}), Err(F::PurposeFormat)),
        (json!({"digest": HASH}), Err(F::Digest)),
        (json!({"digest": {"alg": "SHA256"}}), Err(F::Digest)),
        (json!({"digest": {"alg": "SHA256", "value": HASH, "more": 1}}), Err(F::Digest)),
        (json!({"digest": {"alg": "SHA256", "value": 1}}), Err(F::Digest)),
        (json!({"digest": {"alg": "SHA256", "value": &HASH[1..]}}), Err(F::DigestLength)),
        (json!({"digest": {"alg": "SHA-256", "value": HASH}}), Err(F::DigestAlgorithm)),
    ] {
        check(&json!({}), &patch, expected);
    }
}

#[test]
fn forms() {
    use AssertionFault as F;
    let token = sample::sign(&header(), &payload());
    let stranger = STRANGER.sign(&header(), &payload()).expect("a signature");
    let twice = KEY.sign_bytes(header().to_string().as_bytes(), br#"{"iss":"a","iss":"b"}"#).expect("a signature");
    let array = sample::sign(&header(), &json!([]));
    let good = form(&token);
    for (form, second, expected) in [
        (good, 119, Ok(())),
        (good, 120, Err(F::Expired)),
        (TokenForm { client_id: "", ..good }, 0, Ok(())),
        (TokenForm { client_id: OTHER, ..good }, 0, Err(F::SubjectMismatch)),
        (TokenForm { client_id: "tributi", ..good }, 0, Err(F::ClientFormat)),
        (TokenForm { client_assertion_type: "", ..good }, 0, Err(F::AssertionType)),
        (TokenForm { grant_type: "authorization_code", ..good }, 0, Err(F::GrantType)),
        (TokenForm { client_assertion: "", ..good }, 0, Err(F::Format)),
        (TokenForm { client_assertion: "a.b.c", ..good }, 0, Err(F::Format)),
        (TokenForm { client_assertion: &token[..token.len() - 1], ..good }, 0, Err(F::Format)),
        (TokenForm { client_assertion: &twice, ..good }, 0, Err(F::Format)),
        (TokenForm { client_assertion: &array, ..good }, 0, Err(F::Format)),
        (TokenForm { client_assertion: &stranger, ..good }, 0, Err(F::Signature)),
        (TokenForm::default(), 0, Err(F::AssertionType)),
    ] {
        assert_eq!(verify(&form, second).map(drop), expected, "{form:?}");
    }
    let no_client = sample::sign(&header(), &sample::with(payload(), &json!({"sub": "tributi"})));
    assert_eq!(verify(&TokenForm { client_id: "", ..form(&no_client) }, 0).map(drop), Err(F::SubjectFormat));
}

/// What our consumer side writes is what PDND's side takes, and gives back what was meant.
#[test]
fn what_is_written_is_accepted() {
    let digest = AuditDigest { alg: "SHA256".into(), value: HASH.into() };
    let (client, jti) = (uuid(CLIENT).expect("a UUID"), uuid(OTHER).expect("a UUID"));
    for (purpose, digest) in [(uuid(PURPOSE), Some(&digest)), (uuid(PURPOSE), None), (None, None)] {
        let (issued_at, lifetime) = (Timestamp::from_seconds(ISSUED), Duration::from_mins(1));
        let request = AssertionRequest { client, audience: AUDIENCE, purpose, digest, jti, issued_at, lifetime };
        let token = client_assertion(&KEY, &request).expect("an assertion");
        let expected =
            ClientAssertion { client, purpose, kid: KEY.fingerprint().to_string().into(), jti: OTHER.into(), digest: digest.cloned() };
        assert_eq!(verify(&form(&token), 59), Ok(expected));
        assert_eq!(verify(&form(&token), 60), Err(AssertionFault::Expired));
    }
}

#[test]
fn keys_may_be_lent_or_shared() {
    let token = sample::sign(&header(), &payload());
    let shared = Arc::new(Key::from_pem(KEY.public_pem().expect("a key").as_bytes()).expect("a key"));
    let now = Timestamp::from_seconds(ISSUED);
    assert!(verify_client_assertion(&form(&token), &AssertionRules::new(AUDIENCE), |_| Some(shared.clone()), now).is_ok());
    let none: Option<&Key> = None;
    assert!(verify_client_assertion(&form(&token), &AssertionRules::new(AUDIENCE), |_| none, now).is_err());
}

proptest! {
    #[test]
    fn no_text_panics(text in ".{0,200}", parts in "[A-Za-z0-9_=-]{0,60}(\\.[A-Za-z0-9_-]{0,60}){0,3}") {
        for text in [text, parts] {
            prop_assert!(verify(&form(&text), 0).is_err());
        }
    }
}
