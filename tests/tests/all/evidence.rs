//! Who asks, for providers that want to know: told by the department, signed by the gateway, and bound to the voucher (AUDIT_REST_02);
//! and the signature over the message (INTEGRITY_REST_02). A provider written in Python, with PyJWT, looks at what arrives.

use serde_json::{Value, json};
use tests::{
    Answer, Asked, Gateway, LUCIA, Rest, Scene, Site, assert_problem, assert_says_nothing_internal, curl, hashed, lookup, python,
    repository,
};

use crate::outbound::{Outbound, SOCIALE, TRIBUTI, configuration};

const AUDIENCE: &str = "https://modipa.example/anpr/C020/v1";
const WHO: [&str; 3] = ["X-Operatore: operatore-0042", "X-Postazione: sportello-3", "X-Loa: SPID_L2"];

fn asking(yaml: &str, patterns: &str) -> String {
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
fn found(outbound: &Outbound, asked: &Asked) -> Value {
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

pub(crate) const SPID: &str = "https://www.spid.gov.it/SpidL2";
const CIE: &str = "https://www.cartaidentita.interno.gov.it/CieL3";

/// The key set of a portal, and tokens that it signed, by the names of these claims of theirs.
pub(crate) fn portal(tokens: &Value) -> Value {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
    let tokens: serde_json::Map<String, Value> = tokens
        .as_object()
        .expect("tokens")
        .iter()
        .map(|(name, claims)| {
            let mut claims = claims.clone();
            if claims["expired"].take() == json!(true) {
                claims = json!({ "exp": now - 1 });
            }
            (name.clone(), json!({ "key": "portale", "claims": claims }))
        })
        .collect();
    python(
        "vouchers.py",
        &json!({
            "library": "joserfc", "keys": { "portale": { "alg": "RS256" } }, "header": { "typ": "JWT", "use": null },
            "claims": {
                "iss": "https://sso.valdombra.example", "aud": "varco", "preferred_username": "m.bianchi", "acr": SPID,
                "iat": now, "exp": now + 300, "purposeId": null, "producerId": null,
            },
            "vouchers": tokens,
        }),
    )
}

/// With that portal, whose keys lie beside the configuration.
pub(crate) fn with_portal(yaml: &str) -> String {
    yaml.replace("    consumers:", "    portal: sportello\n    consumers:").replace(
        "eservices:",
        "portals: { sportello: { issuer: \"https://sso.valdombra.example\", jwks: \"file:portale.json\", audience: varco } }\neservices:",
    )
}

/// A portal whose token is all that its department shows: the claims say which it is.
#[test]
fn a_department_is_known_by_its_portals_token() {
    let (scene, site, provider) = (Scene::new(), Site::new(), Rest::start("{}"));
    let made = portal(&json!({
        "casa": { "azp": "casa-digitale", "canale": "web" }, "chat": { "azp": "chatbot" }, "others": { "azp": "altro" }, "none": {},
        "expired": { "expired": true },
    }));
    std::fs::write(site.path().join("portale.json"), made["jwks"].to_string()).expect("it can be written");
    let more = format!(
        "      casa: {{ tenant: valdombra, client: sociale, purpose: assistenza, token: {{ azp: casa-digitale }} }}\n\
         \x20     chat: {{ tenant: valdombra, client: sociale, purpose: assistenza, key: \"{}\", token: {{ azp: chatbot }} }}\n",
        hashed("chiave-chat")
    );
    let yaml = with_portal(&configuration(&scene, &site, "cose.yaml", &format!("http://{}", provider.address), &more))
        .replace("    portal: sportello\n", "    portal: sportello\n    channel: \"claim:canale\"\n");
    let gateway = Gateway::start(site.path(), &yaml);
    let outbound = Outbound::of(scene, site, gateway);
    let token = |name: &str| format!("Authorization: Bearer {}", made["vouchers"][name].as_str().expect("a token"));
    for (headers, expected) in [
        (vec![token("casa")], Ok("casa")),
        (vec![token("chat"), "X-Api-Key: chiave-chat".into()], Ok("chat")),
        (vec![SOCIALE.into()], Ok("sociale")),
        (vec![SOCIALE.into(), token("casa")], Ok("sociale")),
        (vec![token("chat")], Err("portal-token-unknown")),
        (vec![token("others")], Err("portal-token-unknown")),
        (vec![token("none")], Err("portal-token-unknown")),
        (vec![token("expired")], Err("portal-token-expired")),
        (vec![], Err("portal-token-missing")),
        (vec!["X-Api-Key: chiave-chat".into()], Err("portal-token-missing")),
        (vec![token("casa"), "X-Api-Key: chiave-chat".into()], Err("portal-token-unknown")),
        (vec![token("casa"), "X-Api-Key: nessuna".into()], Err("key-unknown")),
    ] {
        let sent = provider.asked().len();
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        let answer = outbound.ask(&headers);
        match expected {
            Ok(department) => {
                assert_eq!(answer.status, 200, "{headers:?} {answer:?}");
                let record = outbound.record_of(&answer);
                let channel = if headers.iter().any(|header| **header == token("casa")) { json!("web") } else { Value::Null };
                assert_eq!((&record["department"], &record["chan"]), (&json!(department), &channel), "the portal says by which channel");
                assert!(!provider.asked()[sent].headers["authorization"].contains(made["vouchers"]["casa"].as_str().expect("a token")));
            }
            Err(kind) => {
                assert_problem(&answer, 401, kind);
                assert_eq!(provider.asked().len(), sent, "{headers:?}");
            }
        }
    }
    outbound.site.assert_faults(
        &yaml,
        &[
            ("token: { azp: casa-digitale }", "token: {}", "no claim is named"),
            ("token: { azp: casa-digitale }", "", "needs `key`, `certificate` or `token`"),
            ("    portal: sportello\n", "", "a token is a portal's, and the e-service has none"),
            ("azp: casa-digitale", "azp: \"\"", "`azp` does not tell one department from another"),
            ("azp: casa-digitale", "aud: varco", "`aud` does not tell one department from another"),
            ("token: { azp: casa-digitale }", "certificate: []", "no certificate is named"),
            (
                "      casa: {",
                "      due: { tenant: valdombra, client: sociale, purpose: assistenza, token: { acr: x } }\n      casa: {",
                "`due` has the same token",
            ),
            (
                "token: { azp: casa-digitale }",
                "certificate: \"sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"",
                "nobody is asked for the certificate that `casa` is known by",
            ),
            ("http: { url", "http: { host: caller, cookies: passed, url", "others are not told which host our departments asked for"),
            (
                "      casa: {",
                "      due: { tenant: valdombra, client: sociale, purpose: assistenza, token: { azp: casa-digitale, acr: x } }\n      casa: {",
                "`due` has the same token",
            ),
        ],
    );
}

/// Who signed in at the department's portal, by SPID or CIE, and how surely: in the codes that the provider wants.
#[test]
fn the_portals_token_says_who_asks() {
    let (scene, site, provider) = (Scene::new(), Site::new(), Rest::start("{}"));
    let made = portal(&json!({
        "spid": {}, "cie": { "acr": CIE }, "other_acr": { "acr": "https://www.spid.gov.it/SpidL1" },
        "anonymous": { "preferred_username": null }, "expired": { "expired": true }, "others": { "aud": "altro" },
        "elsewhere": { "iss": "https://sso.altrove.example" },
    }));
    std::fs::write(site.path().join("portale.json"), made["jwks"].to_string()).expect("it can be written");
    let yaml = asking(&configuration(&scene, &site, "cose.yaml", &format!("http://{}", provider.address), ""), "AUDIT_REST_02")
        .replace("\"header:X-Operatore\"", "\"claim:preferred_username\"")
        .replace("\"header:X-Loa\"", "\"claim:acr\"")
        .replace(
            "    consumers:",
            &format!("    evidence_values: {{ LoA: {{ \"{SPID}\": SPID_L2, \"{CIE}\": CIE_L3 }} }}\n    consumers:"),
        );
    let yaml = with_portal(&yaml);
    let gateway = Gateway::start(site.path(), &yaml);
    let outbound = Outbound::of(scene, site, gateway);
    let token = |name: &str| format!("Authorization: Bearer {}", made["vouchers"][name].as_str().expect("a token"));
    let altered = token("spid").replacen("Bearer ey", "Bearer eY", 1);
    for (headers, status, kind) in [
        (vec![], 400, "evidence-missing"),
        (vec![token("anonymous")], 400, "evidence-missing"),
        (vec![token("other_acr")], 400, "evidence-malformed"),
        (vec![token("expired")], 401, "portal-token-expired"),
        (vec![token("others")], 401, "portal-token-refused"),
        (vec![token("elsewhere")], 401, "portal-token-refused"),
        (vec![altered], 401, "portal-token-refused"),
        (vec![token("spid"), token("cie")], 401, "portal-token-refused"),
        (vec![format!("Authorization: Basic {}", made["vouchers"]["spid"])], 401, "portal-token-refused"),
    ] {
        let headers: Vec<&str> = headers.iter().map(String::as_str).chain([SOCIALE, WHO[1]]).collect();
        let answer = outbound.ask(&headers);
        assert_problem(&answer, status, kind);
        assert_says_nothing_internal(&answer);
        assert!(!answer.json().to_string().contains("m.bianchi"), "{answer:?}");
        let record = outbound.record_of(&answer);
        assert_eq!((&record["tenant"], &record["department"]), (&json!("valdombra"), &json!("sociale")), "it is known all the same");
    }
    assert_problem(&outbound.ask(&[&token("spid"), "X-Api-Key: nessuna", WHO[1]]), 401, "key-unknown");
    // A portal that nothing is asked of, or that is PDND itself, would let everybody believe that people sign in.
    let issuer = &outbound.scene.sandbox.pdnd.environment().issuer;
    let cases = [
        ("https://sso.valdombra.example", issuer.as_str(), "the environment `sandbox` has the same issuer or keys"),
        ("audience: varco", "audience: varco, header: X-Api-Key", "`X-Api-Key` is no header that a token can be sent in"),
        ("audience: varco", "audience: varco, token: \"http://127.0.0.1:1\", assertion_audience: a", "a portal gives no vouchers"),
    ];
    outbound.site.assert_faults(&yaml, &cases);
    let of_nobody = yaml.replace("claim:preferred_username", "header:X-Operatore").replace("claim:acr", "header:X-Loa");
    assert!(outbound.site.check(&of_nobody).contains("nothing is asked of this portal"));
    assert_eq!((outbound.tokens(), provider.asked().len()), (0, 0));
    for (name, level) in [("spid", "SPID_L2"), ("cie", "CIE_L3")] {
        let answer = outbound.ask(&[SOCIALE, &token(name), WHO[1]]);
        assert_eq!(answer.status, 200, "{answer:?}");
        let found = found(&outbound, &provider.asked().pop().expect("it was asked"));
        assert_eq!(found["faults"], json!([]), "{found}");
        let evidence = &found["evidence"];
        assert_eq!(
            (&evidence["userID"], &evidence["userLocation"], &evidence["LoA"]),
            (&json!("m.bianchi"), &json!("sportello-3"), &json!(level))
        );
    }
}
