//! The way of a voucher from the `Authorization` header to a verified caller, with a key of the issuer's at hand: whatever
//! the claims say, they come signed, so that what stands behind the signature is reached too.

use std::sync::{Arc, LazyLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use exchange::Timestamp;
use serde_json::{Value, json};
use trust::{
    Acceptance, Identifiers, IssuerRules, Jwks, Scheme, SigningKey, Times, TrustError, Voucher, accept, bearer, uuid, verify_signature,
};

const KID: &str = "5d32fe61-985f-44e7-aa09-5ee82bb29976";
const ISSUER: &str = "uat.interop.example";
const AUDIENCE: &str = "https://provider.example/rest/residenza/v1";
const PRODUCER: &str = "00a154d8-5ed8-4bcc-b5c7-19c2add9ca88";
const ESERVICE: &str = "68b4aef7-3eaa-4e17-9d8a-4eace693ae2d";
const DESCRIPTOR: &str = "4350cc17-21e5-4f21-acd5-52a09ddbef12";
/// The instant at which vouchers are presented.
const NOW: i64 = 1_795_282_011;
const HEADER: &str = r#"{"use":"sig","alg":"RS256","kid":"5d32fe61-985f-44e7-aa09-5ee82bb29976","typ":"at+jwt"}"#;
const PAYLOAD: &str = r#"{"jti":"c0290103-855d-4f55-99ec-8712e8e3574f","iss":"uat.interop.example","aud":"https://provider.example/rest/residenza/v1","client_id":"9a1e40b4-5815-4a99-99e2-d15364c7a500","sub":"9a1e40b4-5815-4a99-99e2-d15364c7a500","iat":1795282001,"nbf":1795282001,"exp":1795282601,"purposeId":"9ed89edd-d684-4325-b600-e6129ec04ece","producerId":"00a154d8-5ed8-4bcc-b5c7-19c2add9ca88","consumerId":"f5ec52ed-0108-4475-92e1-bc7656670b14","eserviceId":"68b4aef7-3eaa-4e17-9d8a-4eace693ae2d","descriptorId":"4350cc17-21e5-4f21-acd5-52a09ddbef12"}"#;

/// The issuer of this process. Nothing depends on which key it has: inputs hold what is signed, never a signature.
struct Issuer {
    key: SigningKey,
    keys: Jwks,
    rules: IssuerRules,
    acceptance: Acceptance,
    /// A voucher that is good in every respect.
    good: String,
}

static ISSUED: LazyLock<Issuer> = LazyLock::new(|| {
    let key = SigningKey::generate().expect("a key");
    let keys = Jwks::parse(json!({ "keys": [key.jwk(KID)] }).to_string().as_bytes()).expect("a key set");
    let good = key.sign_bytes(HEADER.as_bytes(), PAYLOAD.as_bytes()).expect("a signature");
    let acceptance = Acceptance {
        issuer: Arc::from(ISSUER),
        audiences: [AUDIENCE.into()].into(),
        producer: uuid(PRODUCER),
        eservice: uuid(ESERVICE),
        descriptors: uuid(DESCRIPTOR).into_iter().collect(),
        identifiers: Identifiers::Required,
        times: Times::default(),
    };
    Issuer { key, keys, rules: IssuerRules::new(ISSUER).longest(64 * 1024), acceptance, good }
});

/// The first byte says what the others are: `a` a value of the `Authorization` header, `s` a payload to be signed, `h` a header
/// line and a payload to be signed, `m` changes to a good voucher, `k` a key set.
pub fn run(data: &[u8]) {
    let Some((form, rest)) = data.split_first() else { return };
    match form {
        b's' => signed(HEADER.as_bytes(), rest),
        b'h' => {
            let line = rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
            let payload = rest.get(line + 1..).filter(|payload| !payload.is_empty()).unwrap_or(PAYLOAD.as_bytes());
            signed(&rest[..line], payload);
        }
        b'm' => changed(rest),
        b'k' => key_set(rest),
        _ => presented(rest),
    }
}

/// Nobody can sign for the issuer, so that nothing presented by a stranger is taken.
fn presented(value: &[u8]) {
    let issuer = &*ISSUED;
    let Ok((_, token)) = bearer(std::iter::once(value)) else { return };
    assert!(value.windows(token.len()).any(|window| window == token.as_bytes()), "a token that was not sent");
    let verdict = verify_signature(token, &issuer.rules, &issuer.keys);
    assert!(verdict.is_err(), "a voucher that nobody signed");
    told(&verdict.expect_err("refused"));
}

/// A voucher has one text: any other is refused, whichever character was changed to whichever.
fn changed(edits: &[u8]) {
    let issuer = &*ISSUED;
    let mut token = issuer.good.clone().into_bytes();
    for edit in edits.chunks_exact(3) {
        let at = usize::from(u16::from_be_bytes([edit[0], edit[1]])) % token.len();
        token[at] = edit[2];
    }
    match edits.len() % 3 {
        1 => token.truncate(usize::from(edits[edits.len() - 1]) * token.len() / 256),
        2 => token.extend_from_slice(&edits[edits.len() - 2..]),
        _ => {}
    }
    let Ok(token) = String::from_utf8(token) else { return };
    match verify_signature(&token, &issuer.rules, &issuer.keys) {
        Ok(_) => assert_eq!(token, issuer.good, "another text of a voucher was taken"),
        Err(error) => told(&error),
    }
}

/// A set of keys is taken or refused; the issuer's own vouchers are not verified with the keys of others.
fn key_set(text: &[u8]) {
    let issuer = &*ISSUED;
    match Jwks::parse(text) {
        Ok(keys) => assert!(verify_signature(&issuer.good, &issuer.rules, &keys).is_err(), "verified with a stranger's key"),
        Err(fault) => assert!(!fault.to_string().is_empty()),
    }
}

fn signed(header: &[u8], payload: &[u8]) {
    let issuer = &*ISSUED;
    let token = issuer.key.sign_bytes(header, payload).expect("a signature");
    let value = [b"Bearer ", token.as_bytes()].concat();
    let Ok((Scheme::Bearer, read)) = bearer(std::iter::once(&value[..])) else { panic!("a compact JWS is a token68") };
    assert_eq!(read, token);
    let voucher = match verify_signature(&token, &issuer.rules, &issuer.keys) {
        Ok(voucher) => voucher,
        Err(error) => {
            assert!(header != HEADER.as_bytes() || error != TrustError::BadSignature, "the issuer's own signature was refused");
            return told(&error);
        }
    };
    assert!(voucher.still_signed_by(&issuer.keys));
    check_signed(&token, header, &voucher);
    match accept(&voucher, Scheme::Bearer, &issuer.acceptance, Timestamp::from_seconds(NOW)) {
        Ok(verified) => {
            assert_eq!(verified.caller().kid.as_deref(), Some(KID));
            if let Some(claims) = tree(payload) {
                check_accepted(&claims);
            }
        }
        Err(error) => told(&error),
    }
    assert!(accept(&voucher, Scheme::Dpop, &issuer.acceptance, Timestamp::from_seconds(NOW)).is_err(), "no proof was given");
}

/// What was verified is verified again, and its header is, read by another reader, one that may be.
fn check_signed(token: &str, header: &[u8], voucher: &Voucher) {
    let issuer = &*ISSUED;
    let again = verify_signature(token, &issuer.rules, &issuer.keys).expect("verified again");
    assert_eq!((again.kid(), again.issuer(), again.expires_at()), (voucher.kid(), voucher.issuer(), voucher.expires_at()));
    if let Some(header) = tree(header) {
        assert_eq!((&header["alg"], &header["kid"]), (&json!("RS256"), &json!(KID)));
        assert!(header["typ"].as_str().is_some_and(|typ| typ.to_ascii_lowercase().ends_with("at+jwt")) && header.get("crit").is_none());
    }
    let parts: Vec<_> = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).expect("base64url")).collect();
    if let Some(payload) = tree(&parts[1]) {
        assert_eq!(payload["iss"], ISSUER, "another issuer's claims");
    }
}

/// What serde reads; nothing where a member that nobody asks for is a number beyond its floats, such as `1e400`.
fn tree(text: &[u8]) -> Option<Value> {
    match serde_json::from_slice(text) {
        Err(error) if error.to_string().starts_with("number out of range") => None,
        read => Some(read.expect("what is signed is JSON")),
    }
}

/// The rules of acceptance, said once more over serde's reading of the claims.
fn check_accepted(claims: &Value) {
    let text = |name: &str| claims[name].as_str().unwrap_or_default().to_ascii_lowercase();
    let date = |name: &str| claims[name].as_f64().expect("a number");
    assert!(date("exp") > NOW as f64, "expired");
    assert!(date("iat") <= (NOW + 5) as f64 && claims.get("nbf").is_none_or(|_| date("nbf") <= (NOW + 5) as f64), "not yet valid");
    let audiences = match &claims["aud"] {
        Value::String(text) => text.split(',').map(str::trim).collect(),
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    assert!(audiences.contains(&AUDIENCE), "for another audience");
    assert_eq!([text("producerId"), text("eserviceId"), text("descriptorId")], [PRODUCER, ESERVICE, DESCRIPTOR]);
    for name in ["client_id", "purposeId", "consumerId", "jti"] {
        assert!(uuid(&text(name)).is_some(), "no {name}");
    }
    assert_eq!(text("sub"), text("client_id"));
    assert!(claims.get("cnf").is_none(), "bound to a key that nobody proved");
}

/// A refusal can be told.
fn told(error: &TrustError) {
    assert!(!error.to_string().is_empty());
}
