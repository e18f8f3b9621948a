//! Keys, rules and a good voucher, for the tests: every test says only what it changes.

use std::sync::{Arc, LazyLock};

use exchange::Timestamp;
use serde_json::{Value, json};

use crate::{Acceptance, Identifiers, IssuerRules, Jwks, SigningKey, Times, Voucher, uuid, verify_signature};

pub(crate) const KID: &str = "5d32fe61-985f-44e7-aa09-5ee82bb29976";
pub(crate) const ISSUER: &str = "uat.interop.example";
pub(crate) const AUDIENCE: &str = "https://provider.example/rest/residenza/v1";
pub(crate) const PRODUCER: &str = "00a154d8-5ed8-4bcc-b5c7-19c2add9ca88";
pub(crate) const ESERVICE: &str = "68b4aef7-3eaa-4e17-9d8a-4eace693ae2d";
pub(crate) const DESCRIPTOR: &str = "4350cc17-21e5-4f21-acd5-52a09ddbef12";
pub(crate) const OTHER: &str = "ffffffff-0108-4475-92e1-bc7656670b14";
/// When the voucher is issued; it lives ten minutes.
pub(crate) const ISSUED: i64 = 1_795_282_001;

/// The issuer's key.
pub(crate) static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate().expect("a key"));
/// A key that nobody knows.
pub(crate) static STRANGER: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate().expect("a key"));

pub(crate) fn jwks() -> Jwks {
    let text = json!({ "keys": [KEY.jwk(KID)] }).to_string();
    Jwks::parse(text.as_bytes()).expect("a key set")
}

pub(crate) fn rules() -> IssuerRules {
    IssuerRules::new(ISSUER)
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_seconds(ISSUED + 10)
}

pub(crate) fn header() -> Value {
    json!({ "use": "sig", "alg": "RS256", "kid": KID, "typ": "at+jwt" })
}

pub(crate) fn payload() -> Value {
    json!({
        "jti": "c0290103-855d-4f55-99ec-8712e8e3574f",
        "iss": ISSUER,
        "aud": AUDIENCE,
        "client_id": "9a1e40b4-5815-4a99-99e2-d15364c7a500",
        "sub": "9a1e40b4-5815-4a99-99e2-d15364c7a500",
        "iat": ISSUED, "nbf": ISSUED, "exp": ISSUED + 600,
        "purposeId": "9ed89edd-d684-4325-b600-e6129ec04ece",
        "producerId": PRODUCER,
        "consumerId": "f5ec52ed-0108-4475-92e1-bc7656670b14",
        "eserviceId": ESERVICE,
        "descriptorId": DESCRIPTOR,
    })
}

/// The object with these members laid over it: a `null` takes one away.
pub(crate) fn with(mut object: Value, patch: &Value) -> Value {
    let members = object.as_object_mut().expect("an object");
    for (name, value) in patch.as_object().expect("an object") {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    object
}

pub(crate) fn sign(header: &Value, payload: &Value) -> String {
    KEY.sign(header, payload).expect("a signature")
}

pub(crate) fn voucher(patch: &Value) -> Voucher {
    let token = sign(&header(), &with(payload(), patch));
    verify_signature(&token, &rules(), &jwks()).expect("a good signature")
}

pub(crate) fn acceptance() -> Acceptance {
    Acceptance {
        issuer: Arc::from(ISSUER),
        audiences: [AUDIENCE.into(), "https://provider.example/rest/residenza/v2".into()].into(),
        producer: uuid(PRODUCER),
        eservice: uuid(ESERVICE),
        descriptors: uuid(DESCRIPTOR).into_iter().collect(),
        identifiers: Identifiers::Required,
        times: Times::default(),
    }
}
