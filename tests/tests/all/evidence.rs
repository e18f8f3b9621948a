//! Who asks, for providers that want to know: told by the department, signed by the gateway, and bound to the voucher (AUDIT_REST_02);
//! and the signature over the message (INTEGRITY_REST_02). A provider written in Python, with PyJWT, looks at what arrives.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tests::{
    Answer, Asked, Connection, Gateway, LUCIA, Rest, Scene, Site, Witness, assert_problem, assert_says_nothing_internal, curl, hashed,
    lookup, python, repository,
};

use crate::outbound::{Outbound, SOCIALE, TRIBUTI, configuration};

const AUDIENCE: &str = "https://modipa.example/anpr/C020/v1";
pub(crate) const WHO: [&str; 3] = ["X-Operatore: operatore-0042", "X-Postazione: sportello-3", "X-Loa: SPID_L2"];

/// With a provider that wants these patterns.
pub(crate) fn asking(yaml: &str, patterns: &str) -> String {
    yaml.replace(
        "security: [voucher]",
        &format!(
            "security: [voucher, {patterns}]\n    evidence: {{ userID: \"header:X-Operatore\", userLocation: \"header:X-Postazione\", LoA: \"header:X-Loa\" }}"
        ),
    )
    .replace("http: { url", &format!("http: {{ audience: \"{AUDIENCE}\", url"))
}

/// A provider that wants these patterns, and departments that are asked for what they need; `more` are further consumers.
fn provider(patterns: &str, more: &str) -> (Outbound, Rest) {
    let (scene, site, provider) = (Scene::new(), Site::new(), Rest::start("{}"));
    let yaml = asking(&configuration(&scene, &site, "cose.yaml", &format!("http://{}", provider.address), more), patterns);
    let gateway = Gateway::start(site.path(), &yaml);
    (Outbound::of(scene, site, gateway), provider)
}

fn post(outbound: &Outbound, headers: &[&str], body: &str) -> Answer {
    let url = outbound.gateway.url("reparti", "/r/cose");
    let mut arguments: Vec<&str> = headers.iter().flat_map(|header| ["-H", header]).collect();
    arguments.extend(["-H", "content-type: application/json", "--data-binary", body, &url]);
    curl(&arguments)
}

/// What a provider finds in a request.
pub(crate) fn found(outbound: &Outbound, asked: &Asked) -> Value {
    let pdnd = &outbound.scene.sandbox.pdnd;
    let pem = |name: &str| pdnd.key(name).expect("a key").public_pem().expect("a PEM");
    let given = json!({
        "headers": asked.headers, "body": String::from_utf8_lossy(&asked.body), "audience": AUDIENCE,
        "client_key": pem("valdombra-sociale"), "platform_key": pdnd.jwks()["keys"][0],
    });
    python("provider.py", &given)
}

#[test]
fn the_provider_finds_who_asks_bound_to_the_voucher_and_the_message_signed() {
    let (outbound, provider) = provider("INTEGRITY_REST_02, AUDIT_REST_02", "");
    let headers = [
        &[
            SOCIALE,
            "Agid-JWT-Signature: forged",
            "Agid-JWT-TrackingEvidence: forged",
            "Agid_JWT_TrackingEvidence: forged",
            "X_Operatore: altri",
        ][..],
        &WHO,
    ]
    .concat();
    let body = r#"{"nome":"città"}"#;
    let answers: Vec<Answer> = (0..2).map(|_| post(&outbound, &headers, body)).collect();
    // An RSA signature takes the better part of a millisecond: no worker stands still for it. Evidence and message, twice.
    let signed = outbound.gateway.metric("varco_pool_jobs_total{cause=\"signature\"}");
    assert!((signed - 4.0).abs() < 0.5, "{signed}");
    let registry = outbound.scene.sandbox.pdnd.registry();
    let client = registry.clients.iter().find(|client| client.name == "valdombra-sociale").expect("a client").id.to_string();
    let purpose = registry.purpose("assistenza").expect("a purpose").id.to_string();
    let mut jtis = Vec::new();
    for (answer, asked) in answers.iter().zip(provider.asked()) {
        assert_eq!(answer.status, 200, "{answer:?}");
        let found = found(&outbound, &asked);
        assert_eq!(found["faults"], json!([]), "{found}");
        let (mut evidence, mut signature) = (found["evidence"].clone(), found["signature"].clone());
        assert_eq!(evidence["dnonce"].as_u64().map(|dnonce| dnonce.to_string().len()), Some(13), "a number of 13 digits: {evidence}");
        jtis.extend([evidence["jti"].clone(), signature["jti"].clone(), found["voucher"]["jti"].clone(), evidence["dnonce"].clone()]);
        // What is each token's own is looked at; what is left is exactly this.
        for claims in [&mut evidence, &mut signature] {
            let claims = claims.as_object_mut().expect("claims");
            for own in ["jti", "iat", "nbf", "exp", "dnonce", "signed_headers"] {
                claims.remove(own);
            }
        }
        assert_eq!(
            evidence,
            json!({ "iss": client, "aud": AUDIENCE, "purposeId": purpose, "userID": "operatore-0042", "userLocation": "sportello-3", "LoA": "SPID_L2" })
        );
        assert_eq!(signature, json!({ "iss": client, "sub": client, "aud": AUDIENCE }));
        for private in ["x-operatore", "x-postazione", "x-loa", "x-api-key", "agid_jwt_trackingevidence", "x_operatore"] {
            assert!(!asked.headers.contains_key(private), "{private} left the house");
        }
    }
    jtis.sort_by_key(Value::to_string);
    jtis.dedup();
    assert_eq!((jtis.len(), outbound.tokens()), (8, 2), "nothing is used twice");

    let record = outbound.record_of(&answers[0]);
    assert_eq!(record["modi"]["patterns"], json!(["ID_AUTH_REST_01", "INTEGRITY_REST_02", "AUDIT_REST_02"]));
    let text = format!("{record}{}", outbound.gateway.stderr());
    assert!(!text.contains("operatore-0042") && !text.contains("sportello-3"), "who asked is personal data: {text}");
}

/// A message without a body has nothing to be signed; evidence that is not bound travels with the voucher at hand.
#[test]
fn evidence_that_is_not_bound_needs_no_voucher_of_its_own() {
    let (outbound, provider) = provider("INTEGRITY_REST_02, AUDIT_REST_01", "");
    let headers = [&[SOCIALE][..], &WHO].concat();
    for _ in 0..3 {
        let answer = outbound.ask(&headers);
        assert_eq!(answer.status, 200);
        let patterns = &outbound.record_of(&answer)["modi"]["patterns"];
        assert_eq!(*patterns, json!(["ID_AUTH_REST_01", "AUDIT_REST_01"]), "nothing was signed, and the record says so");
    }
    assert_eq!(outbound.tokens(), 1);
    let asked = provider.asked().pop().expect("it was asked");
    let found = found(&outbound, &asked);
    assert_eq!((&found["faults"], &found["signature"]), (&json!([]), &Value::Null), "{found}");
    assert!(found["evidence"].get("dnonce").is_none() && found["evidence"]["userID"] == "operatore-0042", "{found}");
}

#[test]
fn who_asks_is_told_or_nobody_is_asked() {
    let (outbound, provider) = provider("AUDIT_REST_02", "");
    let long = format!("X-Operatore: {}", "a".repeat(129));
    for (headers, kind) in [
        (&[][..], "evidence-missing"),
        (&WHO[..2], "evidence-missing"),
        (&["X-Operatore;", WHO[1], WHO[2]], "evidence-missing"),
        (&["X-Operatore:   ", WHO[1], WHO[2]], "evidence-missing"),
        (&[WHO[0], WHO[0], WHO[1], WHO[2]], "evidence-malformed"),
        (&["X-Operatore: perché", WHO[1], WHO[2]], "evidence-malformed"),
        (&[&long, WHO[1], WHO[2]], "evidence-malformed"),
    ] {
        let answer = outbound.ask(&[&[SOCIALE][..], headers].concat());
        assert_problem(&answer, 400, kind);
        assert_says_nothing_internal(&answer);
        let record = outbound.record_of(&answer);
        assert_eq!(
            (&record["tenant"], &record["department"], &record["stage"]),
            (&json!("valdombra"), &json!("sociale"), &json!("authenticate"))
        );
    }
    assert_eq!((outbound.tokens(), provider.asked().len()), (0, 0));
}

/// A provider that took a message and broke the connection may have seen its tokens, which it takes once only: what is declared to do no
/// harm is signed anew before it is sent again, with the same content.
#[test]
fn what_is_sent_again_is_signed_again() {
    let (scene, site) = (Scene::new(), Site::new());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = seen.clone();
    let provider = Witness::new(move |stream| {
        let mut wire = Connection::over(stream);
        while let Some(request) = wire.request() {
            let times = {
                let mut seen = noted.lock().expect("no test panics in here");
                seen.push(request);
                seen.len()
            };
            let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
            if times % 2 == 1 || wire.send(answer.as_bytes()).is_err() {
                return;
            }
        }
    });
    let yaml = asking(&configuration(&scene, &site, "cose.yaml", &provider.url(), ""), "INTEGRITY_REST_02, AUDIT_REST_02")
        .replace("    consumers:", "    operations: { crea: { idempotent: true } }\n    consumers:");
    let gateway = Gateway::start(site.path(), &yaml);
    let outbound = Outbound::of(scene, site, gateway);
    let answer = post(&outbound, &[&[SOCIALE][..], &WHO].concat(), r#"{"nome":"città"}"#);
    assert_eq!(answer.status, 200, "{answer:?}");
    let asked: Vec<Asked> = seen.lock().expect("no test panics in here").iter().map(Asked::from).collect();
    let found: Vec<Value> = asked.iter().map(|asked| found(&outbound, asked)).collect();
    assert_eq!((found.len(), outbound.tokens()), (2, 2));
    assert!(found.iter().all(|found| found["faults"] == json!([])), "{found:?}");
    for token in ["evidence", "signature", "voucher"] {
        assert_ne!(found[0][token]["jti"], found[1][token]["jti"], "{token}");
    }
    assert_eq!(asked[0].body, asked[1].body);
    let record = outbound.record_of(&answer);
    assert_eq!((&record["ad"]["attempts"], &record["pdnd"]["jti"]), (&json!(2), &found[1]["voucher"]["jti"]), "the voucher that was taken");

    // What nothing declares harmless is not sent again, signed or not.
    let url = outbound.gateway.url("reparti", "/r/registra");
    let who: Vec<&str> = WHO.iter().flat_map(|header| ["-H", header]).collect();
    let answer = curl(&[&["-H", SOCIALE, "-H", "content-type: application/json", "-d", "{}"], &who[..], &[&url]].concat());
    assert_problem(&answer, 502, "bad-upstream-answer");
    assert_eq!(seen.lock().expect("no test panics in here").len(), 3);
}

/// A process is nobody: it says what it is, whatever its caller sends, and the record says that nobody asked.
#[test]
fn a_declared_process_says_what_it_is() {
    let more = format!(
        "      notturno: {{ tenant: valdombra, client: sociale, purpose: assistenza, key: \"{}\", automated: {{ userID: batch-notturno, userLocation: ced, LoA: low }} }}\n",
        hashed("chiave-notturno")
    );
    let (outbound, provider) = provider("AUDIT_REST_02", &more);
    let answer = outbound.ask(&["X-Api-Key: chiave-notturno", WHO[0]]);
    assert_eq!(answer.status, 200, "{answer:?}");
    let found = found(&outbound, &provider.asked().pop().expect("it was asked"));
    assert_eq!((&found["faults"], &found["evidence"]["userID"]), (&json!([]), &json!("batch-notturno")));
    let record = outbound.record_of(&answer);
    assert_eq!((&record["chan"], &record["department"]), (&json!("batch"), &json!("notturno")));
    assert_problem(&outbound.ask(&[TRIBUTI]), 400, "evidence-missing");
}

/// A provider that speaks SOAP is called the same way: what is signed is the envelope that is sent, and its content type.
#[test]
fn a_soap_provider_is_shown_the_same() {
    let (scene, site) = (Scene::new(), Site::new());
    let root = repository().display().to_string();
    // A port of SOAP knows nothing of `/status`.
    let contract = std::fs::read_to_string(format!("{root}/specs/anagrafe/openapi.yaml")).expect("the contract");
    let (kept, rest) = contract.split_once("  /status:\n").expect("a path");
    let (_, components) = rest.split_once("\ncomponents:").expect("components");
    std::fs::write(site.path().join("anagrafe.yaml"), format!("{kept}components:{components}")).expect("it is written");
    let yaml = asking(&configuration(&scene, &site, "anagrafe.yaml", "http://127.0.0.1:1", ""), "INTEGRITY_REST_02, AUDIT_REST_02");
    let adapter = yaml.lines().find(|line| line.contains("adapter: { http")).expect("the adapter");
    let url = scene.sandbox.department.url();
    let soap = format!(
        "    adapter: {{ soap: {{ wsdl: {root}/specs/anagrafe/legacy.wsdl, url: \"{url}\", mapping: {root}/adapters/anagrafe/mapping.yaml, audience: \"{AUDIENCE}\" }} }}"
    );
    let gateway = Gateway::start(site.path(), &yaml.replace(adapter, &soap));
    let outbound = Outbound::of(scene, site, gateway);
    let url = outbound.gateway.url("reparti", "/r/residenze/ricerca");
    let body = lookup("20261122000001", LUCIA).to_string();
    let answer =
        curl(&["-H", SOCIALE, "-H", WHO[0], "-H", WHO[1], "-H", WHO[2], "-H", "content-type: application/json", "-d", &body, &url]);
    assert_eq!((answer.status, &answer.json()["cittadino"]["cognome"]), (200, &json!("FONTANA")), "{answer:?}");
    let access = outbound.scene.sandbox.department.accesses().latest().pop().expect("it was asked");
    let headers = access.headers.iter().map(|(name, value)| (name.to_string(), value.to_str().expect("text").to_owned())).collect();
    let asked = Asked { target: access.target, headers, body: access.body.to_vec() };
    assert!(asked.body.starts_with(b"<?xml"), "an envelope");
    let found = found(&outbound, &asked);
    assert_eq!((&found["faults"], &found["evidence"]["userID"]), (&json!([]), &json!("operatore-0042")), "{found}");
    assert!(found["signature"].is_object(), "{found}");
}

#[test]
fn what_would_invent_who_asks_does_not_load() {
    let (scene, site) = (Scene::new(), Site::new());
    let plain = configuration(&scene, &site, "cose.yaml", "http://127.0.0.1:1", "");
    let good = asking(&plain, "INTEGRITY_REST_02, AUDIT_REST_02");
    let automated = "purpose: assistenza, automated:";
    let cases = [
        ("userID: \"header:X-Operatore\"", "userID: operatore", "the claim `userID` should be told in a header or by a portal"),
        ("userID: \"header:X-Operatore\"", "userID: \"claim:sub\"", "is told by a portal, and the e-service has none"),
        ("header:X-Operatore", "header:X-Api-Key", "the header `x-api-key` has a meaning of its own"),
        ("header:X-Operatore", "header:Content-Type", "the header `content-type` has a meaning of its own"),
        ("    evidence: {", "    evidence_values: { LoA: { a: \"\" } }\n    evidence: {", "what `a` is called is no plain text"),
        ("purpose: assistenza", &format!("{automated} {{ userID: perché, userLocation: y, LoA: z }}"), "needs `userID`, in plain text"),
        (&format!("audience: \"{AUDIENCE}\""), "audience: \"\"", "needs an `audience`"),
        ("    evidence: {", "    portal: nessuno\n    evidence: {", "there is no portal `nessuno`"),
        ("    evidence: {", "    evidence_values: { Loa: { a: b } }\n    evidence: {", "has no claim `Loa`"),
        ("userID: \"header:X-Operatore\"", "chi: \"header:X-Operatore\"", "needs `userID`"),
        (
            "userID: \"header:X-Operatore\"",
            "userID: \"header:X-Operatore\", dnonce: \"header:X-N\"",
            "the claim `dnonce` is the pattern's own",
        ),
        ("AUDIT_REST_02", "AUDIT_REST_02, AUDIT_REST_01", "choose one of `AUDIT_REST_01` and `AUDIT_REST_02`"),
        (", AUDIT_REST_02", "", "no pattern tells the provider any evidence"),
        ("INTEGRITY_REST_02", "INTEGRITY_REST_01", "the security pattern `INTEGRITY_REST_01` is not known here"),
        ("INTEGRITY_REST_02, AUDIT_REST_02]\n    evidence: {", "x]\n    evidence: {", "nothing is signed for this `audience`"),
        ("voucher, INTEGRITY", "INTEGRITY", "needs `voucher` in `security`"),
        (&format!("audience: \"{AUDIENCE}\", "), "", "needs an `audience` beside the adapter's `url`"),
        ("purpose: assistenza", &format!("{automated} {{ userID: x }}"), "needs `userLocation`"),
        ("purpose: assistenza", &format!("{automated} {{ userID: x, userLocation: y, LoA: z, chi: w }}"), "has no claim `chi`"),
    ];
    site.assert_faults(&good, &cases.each_ref().map(|(from, to, expected)| (*from, *to, *expected)));
}
