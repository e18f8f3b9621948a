use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use serde_json::{Map, json};
use trust::{
    Acceptance, AssertionFault, AuditDigest, Identifiers, IssuerRules, Jwks, Scheme, TokenForm, TrustError, accept, verify_signature,
};

use super::registry::{AgreementState, DescriptorState, PurposeState};
use super::*;
use crate::client::{ClientError, Consumer, form, send};
use crate::{Options, Sandbox};

const WITHIN: Duration = Duration::from_secs(10);

async fn sandbox() -> Sandbox {
    Sandbox::start(Options::default()).await.expect("free ports")
}

/// A token request that is right in everything; each case makes one thing wrong.
struct Asked {
    header: Value,
    claims: Value,
    form: Map<String, Value>,
    key: Arc<SigningKey>,
}

impl Asked {
    fn right(pdnd: &Pdnd, client: &str, purpose: Option<&str>) -> Self {
        let (registry, key) = (pdnd.registry(), pdnd.key(client).expect("a key"));
        let id = registry.client(client).expect("a client").id.to_string();
        let now = pdnd.platform.now().seconds();
        let header = json!({ "kid": key.fingerprint().to_string(), "alg": "RS256", "typ": "JWT" });
        let audience = &pdnd.environment().assertion_audience;
        let mut claims = json!({ "iss": id, "sub": id, "aud": audience, "jti": "a-jti", "iat": now, "exp": now + 60 });
        if let Some(purpose) = purpose {
            claims["purposeId"] = registry.purpose(purpose).expect("a purpose").id.to_string().into();
        }
        let mut form = Map::new();
        form.insert("client_id".into(), id.into());
        form.insert("client_assertion_type".into(), TokenForm::ASSERTION_TYPE.into());
        form.insert("grant_type".into(), TokenForm::GRANT_TYPE.into());
        Self { header, claims, form, key }
    }

    async fn send(&self, pdnd: &Pdnd) -> Response<Bytes> {
        let assertion = self.key.sign(&self.header, &self.claims).expect("signed");
        let mut parameters: Vec<(&str, &str)> = vec![("client_assertion", &assertion)];
        parameters.extend(self.form.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default())));
        post(pdnd, form(&parameters), "application/x-www-form-urlencoded").await
    }
}

async fn post(pdnd: &Pdnd, body: Bytes, media_type: &str) -> Response<Bytes> {
    let request = Request::post(pdnd.token_url()).header("content-type", media_type).body(body).expect("a request");
    send(request, WITHIN).await.expect("an answer")
}

async fn get(pdnd: &Pdnd, path: &str, token: Option<&str>) -> (StatusCode, Value) {
    let mut request = Request::get(format!("{}{path}", pdnd.api_url()));
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let answer = send(request.body(Bytes::new()).expect("a request"), WITHIN).await.expect("an answer");
    (answer.status(), serde_json::from_slice(answer.body()).expect("JSON"))
}

fn body(answer: &Response<Bytes>) -> Value {
    serde_json::from_slice(answer.body()).expect("JSON")
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

/// What a gateway in front of the invented e-service accepts.
fn acceptance(pdnd: &Pdnd) -> Acceptance {
    let registry = pdnd.registry();
    let eservice = registry.eservice("anagrafe").expect("the e-service");
    Acceptance {
        issuer: pdnd.environment().issuer.as_str().into(),
        audiences: ["https://anagrafe.pietrachiara.example/anagrafe/v1".into()].into(),
        producer: registry.tenant("pietrachiara").map(|tenant| tenant.id),
        eservice: Some(eservice.id),
        descriptors: [eservice.descriptors[0].id].into(),
        identifiers: Identifiers::Required,
        times: trust::Times::default(),
    }
}

fn verify(pdnd: &Pdnd, token: &str) -> Result<trust::Verified, TrustError> {
    let keys = Jwks::parse(pdnd.jwks().to_string().as_bytes()).expect("a key set");
    let voucher = verify_signature(token, &IssuerRules::new(pdnd.environment().issuer.as_str()), &keys)?;
    accept(&voucher, Scheme::Bearer, &acceptance(pdnd), pdnd.platform.now())
}

#[tokio::test]
async fn vouchers_of_the_token_endpoint_are_accepted() {
    let Sandbox { pdnd, .. } = &sandbox().await;
    for (client, purpose) in [("valdombra-sociale", "assistenza"), ("borgoselva-tributi", "tributi"), ("valdombra-sociale", "promozioni")] {
        let digest = AuditDigest { alg: "SHA256".into(), value: "0".repeat(64).into() };
        let consumer = Consumer::of(pdnd, client, Some(purpose)).expect("a consumer").with_digest(digest.clone());
        let granted = consumer.voucher().await.expect("a voucher");
        assert_eq!(granted.expires_in, Duration::from_mins(10));
        let verified = verify(pdnd, &granted.token).expect("accepted");
        let registry = pdnd.registry();
        assert_eq!(verified.caller().purpose.as_deref(), registry.purpose(purpose).map(|found| found.id.to_string()).as_deref());
        assert_eq!(verified.digest(), Some(&digest));
        let Some(Diagnosis { outcome: Outcome::Issued(jti), .. }) = pdnd.diagnoses().pop() else { panic!("a voucher was issued") };
        assert_eq!(verified.caller().jti.as_deref(), Some(jti.to_string().as_str()));
    }
    assert_eq!(pdnd.accesses().count("token"), 3);
}

#[tokio::test]
async fn a_grant_is_told_as_pdnd_tells_it() {
    let Sandbox { pdnd, .. } = &sandbox().await;
    let answer = Asked::right(pdnd, "valdombra-sociale", Some("assistenza")).send(pdnd).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let headers = answer.headers();
    assert_eq!(
        (&headers["content-type"], &headers["cache-control"]),
        (&"application/json".parse().unwrap(), &"no-cache, no-store".parse().unwrap())
    );
    assert_eq!(number(headers, "x-rate-limit-limit"), Some(450));
    assert_eq!(number(headers, "x-rate-limit-interval"), Some(1000));
    assert_eq!(number(headers, "x-rate-limit-remaining"), Some(449));
    let body = body(&answer);
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(600)));
}

#[tokio::test]
async fn every_wrong_assertion_is_refused_in_the_same_words() {
    let Sandbox { pdnd, .. } = &sandbox().await;
    type Wrong = fn(&mut Asked);
    let cases: [(&str, AssertionFault, Wrong); 34] = [
        ("no assertion type", AssertionFault::AssertionType, |asked| drop(asked.form.remove("client_assertion_type"))),
        ("another assertion type", AssertionFault::AssertionType, |asked| {
            drop(asked.form.insert("client_assertion_type".into(), "jwt".into()));
        }),
        ("another grant type", AssertionFault::GrantType, |asked| drop(asked.form.insert("grant_type".into(), "password".into()))),
        ("a client_id that is no UUID", AssertionFault::ClientFormat, |asked| drop(asked.form.insert("client_id".into(), "me".into()))),
        ("another client's client_id", AssertionFault::SubjectMismatch, |asked| {
            drop(asked.form.insert("client_id".into(), "f9253b46-60c1-4e8e-b173-a3e25f90c218".into()));
        }),
        ("alg none", AssertionFault::Algorithm, |asked| asked.header["alg"] = "none".into()),
        ("alg HS256", AssertionFault::Algorithm, |asked| asked.header["alg"] = "HS256".into()),
        ("alg PS256", AssertionFault::Algorithm, |asked| asked.header["alg"] = "PS256".into()),
        ("no alg", AssertionFault::AlgorithmMissing, |asked| drop(members(&mut asked.header).remove("alg"))),
        ("no kid", AssertionFault::KidMissing, |asked| drop(members(&mut asked.header).remove("kid"))),
        ("a kid of another form", AssertionFault::KidFormat, |asked| asked.header["kid"] = "key-1".into()),
        ("a kid that nobody uploaded", AssertionFault::Signature, |asked| asked.header["kid"] = "A".repeat(43).into()),
        ("another header member", AssertionFault::Unexpected, |asked| asked.header["jku"] = "https://evil.example".into()),
        ("another claim", AssertionFault::Unexpected, |asked| asked.claims["scope"] = "all".into()),
        ("nbf", AssertionFault::Unexpected, |asked| asked.claims["nbf"] = 0.into()),
        ("no aud", AssertionFault::AudienceMissing, |asked| drop(members(&mut asked.claims).remove("aud"))),
        ("an aud with a scheme", AssertionFault::Audience, |asked| {
            asked.claims["aud"] = format!("https://{}", asked.claims["aud"].as_str().unwrap()).into();
        }),
        ("the aud of production", AssertionFault::Audience, |asked| {
            asked.claims["aud"] = json!(["auth.interop.pagopa.it/client-assertion"]);
        }),
        ("no jti", AssertionFault::JtiMissing, |asked| drop(members(&mut asked.claims).remove("jti"))),
        ("an empty jti", AssertionFault::JtiMissing, |asked| asked.claims["jti"] = "".into()),
        ("no iat", AssertionFault::IssuedAtMissing, |asked| drop(members(&mut asked.claims).remove("iat"))),
        ("no exp", AssertionFault::ExpiryMissing, |asked| drop(members(&mut asked.claims).remove("exp"))),
        ("no iss", AssertionFault::IssuerMissing, |asked| drop(members(&mut asked.claims).remove("iss"))),
        ("no sub", AssertionFault::SubjectMissing, |asked| drop(members(&mut asked.claims).remove("sub"))),
        ("a sub that is no UUID", AssertionFault::SubjectFormat, |asked| {
            asked.form.remove("client_id");
            asked.claims["sub"] = "me".into();
        }),
        ("expired a second ago", AssertionFault::Expired, |asked| asked.claims["exp"] = (asked.claims["iat"].as_i64().unwrap() - 1).into()),
        ("a purpose that is no UUID", AssertionFault::PurposeFormat, |asked| asked.claims["purposeId"] = "assistenza".into()),
        ("no purpose", AssertionFault::PurposeMissing, |asked| drop(members(&mut asked.claims).remove("purposeId"))),
        ("another client's purpose", AssertionFault::Signature, |asked| {
            asked.claims["purposeId"] = "c6f20813-3d9e-4b5b-8e40-70bf2c6d9f15".into();
        }),
        ("a purpose that nobody has", AssertionFault::Signature, |asked| {
            asked.claims["purposeId"] = "00000000-0000-4000-8000-000000000000".into();
        }),
        ("a digest of another shape", AssertionFault::Digest, |asked| asked.claims["digest"] = "abc".into()),
        ("a digest of another hash", AssertionFault::DigestAlgorithm, |asked| {
            asked.claims["digest"] = json!({ "alg": "SHA512", "value": "0".repeat(64) });
        }),
        ("a short digest", AssertionFault::DigestLength, |asked| asked.claims["digest"] = json!({ "alg": "SHA256", "value": "00" })),
        ("another key", AssertionFault::Signature, |asked| asked.key = Arc::new(SigningKey::generate().expect("a key"))),
    ];
    let mut words = None;
    for (name, fault, wrong) in cases {
        let mut asked = Asked::right(pdnd, "valdombra-sociale", Some("assistenza"));
        wrong(&mut asked);
        let answer = asked.send(pdnd).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{name}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json", "{name}");
        let mut said = body(&answer);
        let diagnosis = pdnd.diagnoses().pop().expect("a diagnosis");
        assert_eq!(diagnosis.outcome, Outcome::Refused(fault), "{name}");
        assert_eq!(members(&mut said).remove("correlationId"), Some(diagnosis.correlation.to_string().into()), "{name}");
        assert_eq!(words.get_or_insert_with(|| said.clone()), &said, "{name}");
    }
    assert_eq!(
        words,
        Some(json!({
            "type": "about:blank",
            "status": 400,
            "title": "The request contains bad syntax or cannot be fulfilled.",
            "detail": "Bad request",
            "errors": [{ "code": "015-0008", "detail": "Unable to generate a token for the given request" }],
        }))
    );
}

fn members(value: &mut Value) -> &mut Map<String, Value> {
    value.as_object_mut().expect("an object")
}

#[tokio::test]
async fn what_is_no_token_request_is_refused_likewise() {
    let Sandbox { pdnd, .. } = &sandbox().await;
    let form = "application/x-www-form-urlencoded";
    for (body, media_type) in
        [("", form), ("&&=&%%%", form), ("{}", "application/json"), ("client_assertion=a.b.c", form), ("\u{e8}", form)]
    {
        let answer = post(pdnd, Bytes::from_static(body.as_bytes()), media_type).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{body}");
    }
    assert_eq!(pdnd.diagnoses().len(), 5);
    let request = Request::get(format!("http://{}/debug/assertions", pdnd.address())).body(Bytes::new()).expect("a request");
    let page = body(&send(request, WITHIN).await.expect("an answer"));
    assert_eq!(page["results"][0]["code"], "015-0002");
    let request = Request::get(pdnd.token_url()).body(Bytes::new()).expect("a request");
    assert_eq!(send(request, WITHIN).await.expect("an answer").status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn states_of_the_platform_are_asked() {
    let Sandbox { pdnd, .. } = &sandbox().await;
    let consumer = Consumer::of(pdnd, "valdombra-sociale", Some("assistenza")).expect("a consumer");
    type Change = fn(&mut Registry, bool);
    let cases: [(AssertionFault, Change); 4] = [
        (AssertionFault::AgreementState, |registry, back| {
            registry.agreement_mut("valdombra-anagrafe").unwrap().state =
                if back { AgreementState::Active } else { AgreementState::Suspended };
        }),
        (AssertionFault::EServiceState, |registry, back| {
            let descriptor = &mut registry.eservice_mut("anagrafe").unwrap().descriptors[0];
            // A deprecated version serves still.
            descriptor.state = if back { DescriptorState::Deprecated } else { DescriptorState::Suspended };
        }),
        (AssertionFault::PurposeState, |registry, back| {
            registry.purpose_mut("assistenza").unwrap().state = if back { PurposeState::Active } else { PurposeState::Archived };
        }),
        (AssertionFault::Signature, |registry, back| {
            let client = registry.client_mut("valdombra-sociale").unwrap();
            client.purposes = if back { vec!["assistenza".into()] } else { Vec::new() };
        }),
    ];
    for (fault, change) in cases {
        pdnd.change(|registry| change(registry, false));
        assert!(matches!(consumer.voucher().await, Err(ClientError::Refused { status: StatusCode::BAD_REQUEST, .. })));
        assert_eq!(pdnd.diagnoses().pop().map(|diagnosis| diagnosis.outcome), Some(Outcome::Refused(fault)));
        pdnd.change(|registry| change(registry, true));
        consumer.voucher().await.expect("a voucher again");
    }
}

#[tokio::test]
async fn an_organisation_that_asks_too_much_is_told_so() {
    let rate = TokenRate { limit: 2, interval: Duration::from_hours(1) };
    let Sandbox { pdnd, .. } = &Sandbox::start(Options { token_rate: rate, ..Options::default() }).await.expect("free ports");
    let asked = Asked::right(pdnd, "valdombra-sociale", Some("assistenza"));
    for _ in 0..2 {
        assert_eq!(asked.send(pdnd).await.status(), StatusCode::OK);
    }
    let answer = asked.send(pdnd).await;
    assert_eq!((answer.status(), number(answer.headers(), "x-rate-limit-remaining")), (StatusCode::TOO_MANY_REQUESTS, Some(0)));
    assert_eq!(body(&answer)["status"], 429);
    let other = Asked::right(pdnd, "borgoselva-tributi", Some("tributi"));
    assert_eq!(other.send(pdnd).await.status(), StatusCode::OK, "the other organisation may");
}

#[tokio::test]
async fn vouchers_made_directly_are_as_they_are_described() {
    let sandbox = sandbox().await;
    let right = VoucherSpec::new("valdombra-sociale", "assistenza");
    let verdict = |spec: &VoucherSpec| verify(&sandbox.pdnd, &sandbox.voucher(spec).expect("made")).map(drop);
    assert_eq!(verdict(&right), Ok(()));
    assert!(matches!(verdict(&right.clone().issued_ago(3600)), Err(TrustError::Expired { ago: 2999..=3001 })));
    assert!(matches!(verdict(&right.clone().issued_ago(-3600)), Err(TrustError::NotYetValid { .. })));
    assert!(matches!(verdict(&right.clone().issued_ago(61).living(Duration::from_mins(1))), Err(TrustError::Expired { ago: 1..=2 })));
    assert_eq!(verdict(&right.clone().by_stranger()), Err(TrustError::BadSignature));
    assert_eq!(verdict(&right.clone().with_claim("aud", "https://altro.example")), Err(TrustError::WrongAudience));
    assert_eq!(verdict(&right.clone().with_claim("iss", "interop.pagopa.it")), Err(TrustError::WrongIssuer));
    assert_eq!(verdict(&right.clone().without_claim("purposeId")), Err(TrustError::MissingClaim { claim: "purposeId" }));
    assert_eq!(verdict(&right.clone().with_header("alg", "none")), Err(TrustError::AlgorithmNotAllowed));
    assert_eq!(verdict(&right.clone().with_header("typ", "JWT")), Err(TrustError::WrongType));
    assert_eq!(verdict(&right.clone().with_header("kid", "nobody")), Err(TrustError::UnknownKey { kid: "nobody".into() }));
    assert_eq!(sandbox.voucher(&VoucherSpec::new("nobody", "assistenza")), Err(VoucherError::Client("nobody".into())));
    assert_eq!(sandbox.voucher(&VoucherSpec::new("pietrachiara-api", "assistenza")), Err(VoucherError::Kind("pietrachiara-api".into())));
}

#[tokio::test]
async fn keys_rotate_and_clocks_differ() {
    let Sandbox { pdnd, .. } = &sandbox().await;
    let right = VoucherSpec::new("valdombra-sociale", "assistenza");
    let old = pdnd.voucher(&right).expect("made");
    pdnd.rotate_key(SigningKey::generate().expect("a key"), true);
    let new = pdnd.voucher(&right).expect("made");
    assert!(verify(pdnd, &old).is_ok() && verify(pdnd, &new).is_ok());
    pdnd.rotate_key(SigningKey::generate().expect("a key"), false);
    assert!(matches!(verify(pdnd, &old), Err(TrustError::UnknownKey { .. })));
    assert_eq!(pdnd.jwks()["keys"].as_array().map(Vec::len), Some(1));

    let machine = pdnd.platform.now();
    pdnd.set_clock_ahead(7200);
    assert!(pdnd.platform.now() > machine.plus_nanos(7_199_000_000_000));
    let consumer = Consumer::of(pdnd, "valdombra-sociale", Some("assistenza")).expect("a consumer");
    assert!(consumer.voucher().await.is_err(), "by the platform's clock the assertion has expired");
    assert_eq!(pdnd.diagnoses().pop().and_then(|diagnosis| diagnosis.code()), Some("015-0017"));
}

#[tokio::test]
async fn the_api_opens_to_api_vouchers_alone() {
    let Sandbox { pdnd, .. } = &sandbox().await;
    let client = Consumer::of(pdnd, "pietrachiara-api", None).expect("a client");
    let token = client.voucher().await.expect("an API voucher").token;
    let path = "/tenants/2b7cbf2e-7a0e-4c1c-9a55-6f6f0c2f0a01";
    assert_eq!(get(pdnd, path, Some(&token)).await.0, StatusCode::OK);
    let eservice = pdnd.voucher(&VoucherSpec::new("valdombra-sociale", "assistenza")).expect("made");
    let api = VoucherSpec::api("pietrachiara-api");
    let wrong = [
        eservice,
        pdnd.voucher(&api.clone().issued_ago(600)).expect("made"),
        pdnd.voucher(&api.clone().by_stranger()).expect("made"),
        pdnd.voucher(&api.clone().with_claim("aud", "interop.pagopa.it/m2m")).expect("made"),
        pdnd.voucher(&api.without_claim("organizationId")).expect("made"),
        "a.b.c".into(),
    ];
    assert_eq!(get(pdnd, path, None).await.0, StatusCode::UNAUTHORIZED);
    for token in wrong {
        assert_eq!(get(pdnd, path, Some(&token)).await.0, StatusCode::UNAUTHORIZED, "{token}");
    }
}

#[tokio::test]
async fn the_api_tells_what_the_registry_knows() {
    let Sandbox { pdnd, .. } = &sandbox().await;
    let token = pdnd.voucher(&VoucherSpec::api("pietrachiara-api")).expect("made");
    let registry = pdnd.registry();
    let kid = pdnd.key("valdombra-sociale").expect("a key").fingerprint().to_string();
    let chain = pdnd.key("pietrachiara-risposte").expect("a key").fingerprint().to_string();
    let (purpose, agreement) = (registry.purpose("assistenza").unwrap().id, registry.agreement("valdombra-anagrafe").unwrap().id);
    let eservice = registry.eservice("anagrafe").unwrap();
    let (own, others) = (registry.client("pietrachiara-api").unwrap().id, registry.client("valdombra-sociale").unwrap().id);
    let descriptor = eservice.descriptors[0].id;
    let eservice = eservice.id;
    let cases = [
        (format!("/keys/{kid}"), 200, "/clientId", json!(others.to_string())),
        (format!("/keys/{kid}"), 200, "/jwk/kid", json!(kid)),
        (format!("/keys/{}", "A".repeat(43)), 404, "/status", json!(404)),
        (format!("/producerKeys/{chain}"), 200, "/jwk/use", json!("sig")),
        (format!("/producerKeys/{kid}"), 404, "/status", json!(404)),
        (format!("/clients/{own}"), 200, "/visibility", json!("FULL")),
        (format!("/clients/{others}"), 200, "/visibility", json!("PARTIAL")),
        (format!("/clients/{own}/keys"), 200, "/pagination/totalCount", json!(1)),
        (format!("/clients/{own}/keys?offset=1&limit=10"), 200, "/results", json!([])),
        (format!("/clients/{own}/keys?limit=51"), 400, "/status", json!(400)),
        (format!("/clients/{own}/keys?offset=-1"), 400, "/status", json!(400)),
        (format!("/clients/{others}/keys"), 403, "/status", json!(403)),
        (format!("/purposes/{purpose}"), 200, "/currentVersion/state", json!("ACTIVE")),
        (format!("/purposes/{purpose}/agreement"), 200, "/id", json!(agreement.to_string())),
        ("/agreements?limit=1".into(), 200, "/pagination", json!({ "offset": 0, "limit": 1, "totalCount": 2 })),
        (format!("/agreements/{agreement}"), 200, "/descriptorId", json!(descriptor.to_string())),
        (format!("/eservices/{eservice}"), 200, "/producerId", json!("2b7cbf2e-7a0e-4c1c-9a55-6f6f0c2f0a01")),
        (format!("/eservices/{eservice}/descriptors/{descriptor}"), 200, "/voucherLifespan", json!(600)),
        (format!("/eservices/{eservice}/descriptors/{purpose}"), 404, "/status", json!(404)),
        ("/tenants/2b7cbf2e-7a0e-4c1c-9a55-6f6f0c2f0a01".into(), 200, "/externalId/value", json!("c_x001")),
        ("/tenants/nobody".into(), 404, "/status", json!(404)),
        ("/nothing".into(), 404, "/status", json!(404)),
    ];
    for (path, status, pointer, expected) in cases {
        let (found, said) = get(pdnd, &path, Some(&token)).await;
        assert_eq!((found.as_u16(), said.pointer(pointer)), (status, Some(&expected)), "{path}");
    }
}

#[tokio::test]
async fn keys_in_a_folder_stay_from_one_start_to_the_next() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = || Options { keys: Some(folder.path().join("keys")), ..Options::default() };
    let first = Sandbox::start(options()).await.expect("free ports");
    let voucher = first.voucher(&VoucherSpec::new("valdombra-sociale", "assistenza")).expect("made");
    first.stop().await;
    let second = Sandbox::start(options()).await.expect("free ports");
    verify(&second.pdnd, &voucher).expect("the platform kept its key");
    let written = std::fs::read(folder.path().join("keys/jwks.json")).expect("the key set");
    assert_eq!(Jwks::parse(&written).map(|keys| keys.len()), Ok(1));
    let public = std::fs::read(folder.path().join("keys/valdombra-sociale.pub.pem")).expect("a public key");
    let fingerprint = trust::Key::from_pem(&public).expect("a PEM").fingerprint();
    assert_eq!(second.pdnd.key("valdombra-sociale").map(|key| key.fingerprint()), Some(fingerprint));
}
