//! What a provider must accept and refuse of a voucher, as tables; and that nothing else opens anything.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use exchange::{JsonErrorKind, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::sample::{self, AUDIENCE, ISSUED, KID, OTHER};
use crate::{Acceptance, Flaw, Identifiers, Malformed, Part, Scheme, Times, TrustError, Verified, accept, verify_signature};

fn present(token: &str, acceptance: &Acceptance, second: i64) -> Result<Verified, TrustError> {
    let voucher = verify_signature(token, &sample::rules(), &sample::jwks())?;
    accept(&voucher, Scheme::Bearer, acceptance, Timestamp::from_seconds(ISSUED + second))
}

fn check(name: &str, header: &Value, payload: &Value, second: i64, expected: &Result<(), TrustError>) {
    let token = sample::sign(&sample::with(sample::header(), header), &sample::with(sample::payload(), payload));
    let result = present(&token, &sample::acceptance(), second).map(drop);
    assert_eq!(&result, expected, "{name}");
}

fn missing(claim: &'static str) -> TrustError {
    TrustError::MissingClaim { claim }
}

fn malformed(part: Part, flaw: Flaw) -> TrustError {
    TrustError::Malformed(Malformed { part, flaw })
}

#[test]
fn headers() {
    for (name, header, expected) in [
        ("as it is", json!({}), Ok(())),
        ("typ in capitals", json!({"typ": "AT+JWT"}), Ok(())),
        ("typ in full", json!({"typ": "application/at+jwt"}), Ok(())),
        ("typ of another token", json!({"typ": "JWT"}), Err(TrustError::WrongType)),
        ("typ of a DPoP proof", json!({"typ": "dpop+jwt"}), Err(TrustError::WrongType)),
        ("no typ", json!({"typ": null}), Err(TrustError::WrongType)),
        ("typ that is no text", json!({"typ": 1}), Err(TrustError::WrongType)),
        ("crit", json!({"crit": ["b64"], "b64": false}), Err(TrustError::CriticalHeader)),
        ("crit of nothing", json!({"crit": []}), Err(TrustError::CriticalHeader)),
        ("alg none", json!({"alg": "none"}), Err(TrustError::AlgorithmNotAllowed)),
        ("alg in small letters", json!({"alg": "rs256"}), Err(TrustError::AlgorithmNotAllowed)),
        ("alg not allowed", json!({"alg": "PS256"}), Err(TrustError::AlgorithmNotAllowed)),
        ("alg of another kind", json!({"alg": "ES256"}), Err(TrustError::AlgorithmNotAllowed)),
        ("no alg", json!({"alg": null}), Err(malformed(Part::Header, Flaw::Member("alg")))),
        ("no kid", json!({"kid": null}), Err(malformed(Part::Header, Flaw::Member("kid")))),
        ("empty kid", json!({"kid": ""}), Err(malformed(Part::Header, Flaw::Member("kid")))),
        ("endless kid", json!({"kid": "k".repeat(257)}), Err(malformed(Part::Header, Flaw::Member("kid")))),
        ("unknown kid", json!({"kid": "rotated"}), Err(TrustError::UnknownKey { kid: "rotated".into() })),
        ("a key of its own", json!({"jwk": sample::STRANGER.jwk(KID), "jku": "https://attacker.example/", "x5u": "x", "x5c": []}), Ok(())),
    ] {
        check(name, &header, &json!({}), 10, &expected);
    }
}

#[test]
fn claims() {
    let uuid = |claim| TrustError::MalformedClaim { claim, want: "a UUID" };
    let date = |claim| TrustError::MalformedClaim { claim, want: "a number of seconds since 1970" };
    let aud = TrustError::MalformedClaim { claim: "aud", want: "a string or an array of strings" };
    let digest = TrustError::MalformedClaim { claim: "digest", want: "an object of the texts alg and value" };
    for (name, payload, expected) in [
        ("another issuer", json!({"iss": "interop.example"}), Err(TrustError::WrongIssuer)),
        ("issuer with a scheme", json!({"iss": "https://uat.interop.example"}), Err(TrustError::WrongIssuer)),
        ("no issuer", json!({"iss": null}), Err(missing("iss"))),
        ("issuers", json!({"iss": ["uat.interop.example"]}), Err(TrustError::MalformedClaim { claim: "iss", want: "a string" })),
        ("audiences joined", json!({"aud": format!("https://other.example,{AUDIENCE}")}), Ok(())),
        ("audiences joined with blanks", json!({"aud": format!("https://other.example, {AUDIENCE} ,")}), Ok(())),
        ("audiences in an array", json!({"aud": ["https://other.example", AUDIENCE]}), Ok(())),
        ("another audience", json!({"aud": "https://other.example"}), Err(TrustError::WrongAudience)),
        ("an audience that begins alike", json!({"aud": format!("{AUDIENCE}/more")}), Err(TrustError::WrongAudience)),
        ("no audience in the array", json!({"aud": []}), Err(TrustError::WrongAudience)),
        ("no audience in the text", json!({"aud": ","}), Err(TrustError::WrongAudience)),
        ("no audience", json!({"aud": null}), Err(missing("aud"))),
        ("audience of numbers", json!({"aud": [1]}), Err(aud.clone())),
        ("audience object", json!({"aud": {}}), Err(aud)),
        ("no exp", json!({"exp": null}), Err(missing("exp"))),
        ("exp as text", json!({"exp": "1795282601"}), Err(date("exp"))),
        ("exp below zero", json!({"exp": -1}), Err(date("exp"))),
        ("exp beyond 2^53", json!({"exp": (1_i64 << 53) + 1}), Err(date("exp"))),
        ("exp with a fraction", json!({"exp": 1_795_282_600.5}), Ok(())),
        ("no iat", json!({"iat": null}), Err(missing("iat"))),
        ("iat true", json!({"iat": true}), Err(date("iat"))),
        ("no nbf", json!({"nbf": null}), Ok(())),
        ("nbf as text", json!({"nbf": "0"}), Err(date("nbf"))),
        ("nbf ahead", json!({"nbf": ISSUED + 16}), Err(TrustError::NotYetValid { ahead: 6 })),
        ("nbf little ahead", json!({"nbf": ISSUED + 15}), Ok(())),
        ("iat ahead", json!({"iat": ISSUED + 16, "nbf": null}), Err(TrustError::IssuedInFuture { ahead: 6 })),
        ("iat little ahead", json!({"iat": ISSUED + 15, "nbf": null}), Ok(())),
        ("another sub", json!({"sub": OTHER}), Err(TrustError::SubjectMismatch)),
        ("no sub", json!({"sub": null}), Err(missing("sub"))),
        ("no client", json!({"client_id": null}), Err(missing("client_id"))),
        ("empty client", json!({"client_id": "", "sub": ""}), Err(uuid("client_id"))),
        ("no purpose", json!({"purposeId": null}), Err(missing("purposeId"))),
        ("empty purpose", json!({"purposeId": ""}), Err(uuid("purposeId"))),
        ("purpose without hyphens", json!({"purposeId": "9ed89eddd6844325b600e6129ec04ece"}), Err(uuid("purposeId"))),
        ("no jti", json!({"jti": null}), Err(missing("jti"))),
        ("jti that is a number", json!({"jti": 7}), Err(uuid("jti"))),
        ("no producer", json!({"producerId": null}), Err(missing("producerId"))),
        ("another producer", json!({"producerId": OTHER}), Err(TrustError::WrongProducer)),
        ("no consumer", json!({"consumerId": null}), Err(missing("consumerId"))),
        ("no e-service", json!({"eserviceId": null}), Err(missing("eserviceId"))),
        ("another e-service", json!({"eserviceId": OTHER}), Err(TrustError::WrongEService)),
        ("no descriptor", json!({"descriptorId": null}), Err(missing("descriptorId"))),
        ("another descriptor", json!({"descriptorId": OTHER}), Err(TrustError::WrongDescriptor)),
        ("identifiers in capitals", json!({"descriptorId": sample::DESCRIPTOR.to_uppercase()}), Ok(())),
        ("bound to a key", json!({"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}), Err(TrustError::BoundVoucher)),
        ("bound to a certificate", json!({"cnf": {"x5t#S256": "AA"}}), Err(TrustError::BoundVoucher)),
        ("bound to something", json!({"cnf": {}}), Err(TrustError::BoundVoucher)),
        ("a digest", json!({"digest": {"alg": "SHA256", "value": "00"}}), Ok(())),
        ("a digest that is a text", json!({"digest": "00"}), Err(digest.clone())),
        ("a digest without value", json!({"digest": {"alg": "SHA256"}}), Err(digest)),
        ("more claims", json!({"role": "x", "deep": {"a": [1, {"b": null}]}}), Ok(())),
    ] {
        check(name, &json!({}), &payload, 10, &expected);
    }
}

#[test]
fn times() {
    for (second, expected) in [
        (-6, Err(TrustError::NotYetValid { ahead: 6 })),
        (-5, Ok(())),
        (0, Ok(())),
        (599, Ok(())),
        (600, Err(TrustError::Expired { ago: 0 })),
        (4200, Err(TrustError::Expired { ago: 3600 })),
    ] {
        check(&format!("at {second} s"), &json!({}), &json!({}), second, &expected);
    }
    let token = sample::sign(&sample::header(), &sample::payload());
    let lenient = Times { after_expiry: Duration::from_secs(3), ahead: Duration::ZERO, longest_age: Some(Duration::from_secs(601)) };
    let acceptance = Acceptance { times: lenient, ..sample::acceptance() };
    for (second, expected) in [
        (-1, Err(TrustError::NotYetValid { ahead: 1 })),
        (601, Ok(())),
        (602, Err(TrustError::TooOld { age: 602, longest: 601 })),
        (603, Err(TrustError::Expired { ago: 3 })),
    ] {
        assert_eq!(present(&token, &acceptance, second).map(drop), expected, "at {second} s");
    }
}

/// An e-service of the production does not open to the test environment, whose vouchers are as good in every other way.
#[test]
fn another_environment() {
    let token = sample::sign(&sample::header(), &sample::payload());
    let acceptance = Acceptance { issuer: "interop.example".into(), ..sample::acceptance() };
    assert_eq!(present(&token, &acceptance, 0).map(drop), Err(TrustError::WrongIssuer));
    let claimed = crate::Presented::read(&token, 8192).and_then(|token| token.claimed_issuer());
    assert_eq!(claimed, Ok(Some(sample::ISSUER.into())));
}

#[test]
fn identifiers_can_be_left_out_by_configuration() {
    let acceptance = Acceptance { identifiers: Identifiers::Optional, ..sample::acceptance() };
    for (payload, expected) in [
        (json!({"producerId": null, "consumerId": null, "eserviceId": null, "descriptorId": null}), Ok(())),
        (json!({"producerId": null, "eserviceId": OTHER}), Err(TrustError::WrongEService)),
        (json!({"client_id": null}), Err(missing("client_id"))),
    ] {
        let token = sample::sign(&sample::header(), &sample::with(sample::payload(), &payload));
        assert_eq!(present(&token, &acceptance, 0).map(drop), expected, "{payload}");
    }
    let any = Acceptance { producer: None, eservice: None, descriptors: [].into(), ..sample::acceptance() };
    let others = json!({"producerId": OTHER, "eserviceId": OTHER, "descriptorId": OTHER});
    let token = sample::sign(&sample::header(), &sample::with(sample::payload(), &others));
    assert!(present(&token, &any, 0).is_ok());
}

#[test]
fn texts_that_are_no_voucher() {
    let good = sample::sign(&sample::header(), &sample::payload());
    let parts: Vec<&str> = good.split('.').collect();
    let [header, payload, signature] = parts[..] else { panic!("three parts") };
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let long = format!("{good}{}", "A".repeat(8192));
    let trailing = format!("{header}.{payload}.{signature}=");
    let (tampered, array) = (encode(b"{}"), encode(b"[]"));
    let token = Part::Token;
    for (text, expected) in [
        ("", malformed(token, Flaw::NotThreeParts)),
        ("a", malformed(token, Flaw::NotThreeParts)),
        (&format!("{header}.{payload}"), malformed(token, Flaw::NotThreeParts)),
        (&format!("{good}."), malformed(token, Flaw::NotThreeParts)),
        (&format!("{good}.a.b"), malformed(token, Flaw::NotThreeParts)),
        (&long, malformed(token, Flaw::TooLong(8192))),
        (&format!("{header}=.{payload}.{signature}"), malformed(Part::Header, Flaw::NotBase64)),
        (&format!(".{payload}.{signature}"), malformed(Part::Header, Flaw::NotJson(JsonErrorKind::UnexpectedEnd))),
        (&format!("{array}.{payload}.{signature}"), malformed(Part::Header, Flaw::NotAnObject)),
        (&trailing, malformed(Part::Signature, Flaw::NotBase64)),
        (&format!("{header}.{payload}."), TrustError::BadSignature),
        (&format!("{header}.{tampered}.{signature}"), TrustError::BadSignature),
        (&format!("{header}.{payload}!.{signature}"), TrustError::BadSignature),
    ] {
        assert_eq!(present(text, &sample::acceptance(), 0).map(drop), Err(expected), "{text}");
    }
}

/// Two readers that take different ones of two members would verify one token and believe another.
#[test]
fn members_given_twice() {
    let duplicate = Flaw::NotJson(JsonErrorKind::DuplicateName);
    let (header, payload) = (sample::header().to_string(), sample::payload().to_string());
    let also = |first: &str, text: &str| format!("{{{first},{}", &text[1..]).into_bytes();
    for (part, header, payload) in [
        (Part::Header, also(r#""alg":"none""#, &header), payload.clone().into_bytes()),
        (Part::Header, also(r#""\u0061lg":"RS256""#, &header), payload.clone().into_bytes()),
        (Part::Payload, header.clone().into_bytes(), also(r#""aud":"https://other.example""#, &payload)),
        (Part::Payload, header.clone().into_bytes(), also(r#""deep":{"a":1,"a":1}"#, &payload)),
    ] {
        let token = sample::KEY.sign_bytes(&header, &payload).expect("a signature");
        assert_eq!(present(&token, &sample::acceptance(), 0).map(drop), Err(malformed(part, duplicate)));
    }
    for payload in [&b"not json"[..], b"\xff", b"\"text\"", b"{} {}", b""] {
        let token = sample::KEY.sign_bytes(header.as_bytes(), payload).expect("a signature");
        let refusal = present(&token, &sample::acceptance(), 0).map(drop);
        assert!(matches!(refusal, Err(TrustError::Malformed(Malformed { part: Part::Payload, .. }))), "{refusal:?}");
    }
}

#[test]
fn signatures_of_others() {
    let (header, payload) = (sample::header(), sample::payload());
    let by_stranger = sample::STRANGER.sign(&header, &payload).expect("a signature");
    assert_eq!(present(&by_stranger, &sample::acceptance(), 0).map(drop), Err(TrustError::BadSignature));

    // With the public key, which everybody has, as the secret of an HMAC, in each form that somebody might take it.
    let pem = sample::KEY.public_pem().expect("a public key");
    let jwk = json!(sample::KEY.jwk(KID)).to_string();
    for secret in [pem.as_bytes(), pem.trim_end().as_bytes(), jwk.as_bytes()] {
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let mut header = jsonwebtoken::Header::new(algorithm);
            (header.kid, header.typ) = (Some(KID.into()), Some("at+jwt".into()));
            let token = jsonwebtoken::encode(&header, &payload, &EncodingKey::from_secret(secret)).expect("a token");
            assert_eq!(present(&token, &sample::acceptance(), 0).map(drop), Err(TrustError::AlgorithmNotAllowed));
        }
    }
}

#[test]
fn only_algorithms_of_rsa_can_be_allowed() {
    let pem = sample::KEY.to_pem().expect("a key");
    let key = EncodingKey::from_rsa_pem(pem.as_bytes()).expect("a key");
    let mut header = jsonwebtoken::Header::new(Algorithm::PS256);
    (header.kid, header.typ) = (Some(KID.into()), Some("at+jwt".into()));
    let token = jsonwebtoken::encode(&header, &sample::payload(), &key).expect("a token");
    let refused = verify_signature(&token, &sample::rules(), &sample::jwks());
    assert_eq!(refused.map(drop), Err(TrustError::AlgorithmNotAllowed));
    let rules = sample::rules().allow(["RS256", "PS256"]).expect("RSA algorithms");
    assert!(verify_signature(&token, &rules, &sample::jwks()).is_ok());
    // RS256 said of a signature that is PS256.
    let body = token.split_once('.').expect("a header").1;
    let lying = format!("{}.{body}", URL_SAFE_NO_PAD.encode(sample::header().to_string()));
    assert_eq!(verify_signature(&lying, &rules, &sample::jwks()).map(drop), Err(TrustError::BadSignature));
    for name in ["none", "HS256", "HS512", "ES256", "EdDSA", "rs256", ""] {
        assert!(sample::rules().allow(["RS256", name]).is_err(), "{name}");
    }
}

#[test]
fn a_verified_caller_is_what_the_voucher_says() {
    let digest = json!({"digest": {"alg": "SHA256", "value": "9369daf7910ad7e80af14adee49e4488ce8a5e0990fe0c848607d075f46c14b4"}});
    let voucher = sample::voucher(&digest);
    let verified = accept(&voucher, Scheme::Bearer, &sample::acceptance(), sample::now()).expect("a good voucher");
    let caller = verified.caller();
    let payload = sample::payload();
    for (field, claim) in [
        (&caller.client, "client_id"),
        (&caller.consumer, "consumerId"),
        (&caller.purpose, "purposeId"),
        (&caller.producer, "producerId"),
        (&caller.eservice, "eserviceId"),
        (&caller.descriptor, "descriptorId"),
        (&caller.jti, "jti"),
        (&caller.issuer, "iss"),
    ] {
        assert_eq!(field.as_deref(), payload[claim].as_str(), "{claim}");
    }
    assert_eq!((caller.kid.as_deref(), caller.issued_at, caller.expires_at), (Some(KID), Some(ISSUED), Some(ISSUED + 600)));
    assert_eq!(verified.digest().map(|digest| &*digest.alg), Some("SHA256"));
    assert_eq!(accept(&voucher, Scheme::Dpop, &sample::acceptance(), sample::now()).map(drop), Err(TrustError::DpopNotAccepted));
}

/// A voucher that was remembered is worth nothing once its key is withdrawn or another stands under its id.
#[test]
fn a_remembered_voucher_follows_its_key() {
    let voucher = sample::voucher(&json!({}));
    assert!(voucher.still_signed_by(&sample::jwks()));
    for kid in [KID, "another"] {
        let keys = json!({ "keys": [sample::STRANGER.jwk(kid)] }).to_string();
        assert!(!voucher.still_signed_by(&crate::Jwks::parse(keys.as_bytes()).expect("a key set")), "{kid}");
    }
}

#[test]
fn no_character_can_be_changed() {
    let good = sample::sign(&sample::header(), &sample::payload());
    let (rules, keys) = (sample::rules(), sample::jwks());
    assert!(verify_signature(&good, &rules, &keys).is_ok());
    let refused = |place: usize, letter: u8| {
        let mut token = good.clone().into_bytes();
        if token[place] != letter {
            token[place] = letter;
            let token = String::from_utf8(token).expect("ASCII");
            assert!(verify_signature(&token, &rules, &keys).is_err(), "{} at {place}", char::from(letter));
        }
    };
    for place in 0..good.len() {
        let neighbour = good.as_bytes()[place] ^ 1;
        for letter in [neighbour, b'A', b'_', b'.', b'=', b' '] {
            refused(place, letter);
        }
    }
    // The last one carries bits that no byte takes.
    for letter in b'!'..=b'~' {
        refused(good.len() - 1, letter);
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(|number| json!(number)),
        ".{0,40}".prop_map(Value::String),
        Just(json!([])),
        Just(json!({})),
        Just(json!([{"a": [null]}])),
    ]
}

proptest! {
    #[test]
    fn no_text_panics(text in ".{0,200}", parts in "[A-Za-z0-9_=-]{0,60}(\\.[A-Za-z0-9_-]{0,60}){0,3}") {
        for text in [text, parts] {
            prop_assert!(verify_signature(&text, &sample::rules(), &sample::jwks()).is_err());
        }
    }

    #[test]
    fn no_header_panics(name in "alg|kid|typ|crit|use", value in any_value()) {
        let header = sample::with(sample::header(), &json!({ name: value }));
        let token = format!("{}.e30.AA", URL_SAFE_NO_PAD.encode(header.to_string()));
        prop_assert!(verify_signature(&token, &sample::rules(), &sample::jwks()).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Signed by the right key, so that the claims themselves are read.
    #[test]
    fn no_claim_panics(
        name in "iss|sub|aud|exp|nbf|iat|jti|client_id|purposeId|producerId|eserviceId|cnf|digest",
        value in any_value(),
        second in any::<i64>(),
    ) {
        let mut payload = sample::payload();
        payload[name] = value;
        let token = sample::sign(&sample::header(), &payload);
        if let Ok(voucher) = verify_signature(&token, &sample::rules(), &sample::jwks()) {
            let _ = accept(&voucher, Scheme::Bearer, &sample::acceptance(), Timestamp::from_seconds(second));
        }
    }
}
