//! Portals at which people sign in, and whose tokens say who asks and through which department.

use serde_json::{Value, json};
use tests::{Gateway, Rest, Scene, Site, assert_problem, assert_says_nothing_internal, hashed, python};

use crate::evidence::{WHO, asking, found};
use crate::outbound::{Outbound, SOCIALE, configuration};

pub(crate) const SPID: &str = "https://www.spid.gov.it/SpidL2";
const CIE: &str = "https://www.cartaidentita.interno.gov.it/CieL3";

/// Tokens that a portal signed, by the names of the claims of theirs.
pub(crate) struct Portal(Value);

impl Portal {
    /// One whose keys lie beside a configuration in this folder.
    pub(crate) fn beside(site: &Site, tokens: &Value) -> Self {
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
        let made = python(
            "vouchers.py",
            &json!({
                "library": "joserfc", "keys": { "portale": { "alg": "RS256" } }, "header": { "typ": "JWT", "use": null },
                "claims": {
                    "iss": "https://sso.valdombra.example", "aud": "varco", "preferred_username": "m.bianchi", "acr": SPID,
                    "iat": now, "exp": now + 300, "purposeId": null, "producerId": null,
                },
                "vouchers": tokens,
            }),
        );
        std::fs::write(site.path().join("portale.json"), made["jwks"].to_string()).expect("it can be written");
        Self(made["vouchers"].clone())
    }

    /// The configuration with that portal.
    pub(crate) fn known_to(yaml: &str) -> String {
        yaml.replace("    consumers:", "    portal: sportello\n    consumers:").replace(
            "eservices:",
            "portals: { sportello: { issuer: \"https://sso.valdombra.example\", jwks: \"file:portale.json\", audience: varco } }\neservices:",
        )
    }

    /// The token of this name.
    fn text(&self, name: &str) -> &str {
        self.0[name].as_str().expect("a token")
    }

    /// The same in its header.
    pub(crate) fn token(&self, name: &str) -> String {
        format!("Authorization: Bearer {}", self.text(name))
    }
}

/// A portal whose token is all that its department shows: the claims say which it is.
#[test]
fn a_department_is_known_by_its_portals_token() {
    let (scene, site, provider) = (Scene::new(), Site::new(), Rest::start("{}"));
    let portal = Portal::beside(
        &site,
        &json!({
            "casa": { "azp": "casa-digitale", "canale": "web" }, "chat": { "azp": "chatbot" }, "others": { "azp": "altro" }, "none": {},
            "expired": { "expired": true },
        }),
    );
    let more = format!(
        "      casa: {{ tenant: valdombra, client: sociale, purpose: assistenza, token: {{ azp: casa-digitale }} }}\n\
         \x20     chat: {{ tenant: valdombra, client: sociale, purpose: assistenza, key: \"{}\", token: {{ azp: chatbot }} }}\n",
        hashed("chiave-chat")
    );
    let yaml = Portal::known_to(&configuration(&scene, &site, "cose.yaml", &format!("http://{}", provider.address), &more))
        .replace("    portal: sportello\n", "    portal: sportello\n    channel: \"claim:canale\"\n");
    let gateway = Gateway::start(site.path(), &yaml);
    let outbound = Outbound::of(scene, site, gateway);
    let token = |name: &str| portal.token(name);
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
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        if let Some((record, asked)) = outbound.assert_known(&provider, expected, || outbound.ask(&headers)) {
            let channel = if headers.iter().any(|header| **header == token("casa")) { json!("web") } else { Value::Null };
            assert_eq!(record["chan"], channel, "the portal says by which channel");
            assert!(!asked.headers["authorization"].contains(portal.text("casa")));
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
    let portal = Portal::beside(
        &site,
        &json!({
            "spid": {}, "cie": { "acr": CIE }, "other_acr": { "acr": "https://www.spid.gov.it/SpidL1" },
            "anonymous": { "preferred_username": null }, "expired": { "expired": true }, "others": { "aud": "altro" },
            "elsewhere": { "iss": "https://sso.altrove.example" },
        }),
    );
    let yaml = asking(&configuration(&scene, &site, "cose.yaml", &format!("http://{}", provider.address), ""), "AUDIT_REST_02")
        .replace("\"header:X-Operatore\"", "\"claim:preferred_username\"")
        .replace("\"header:X-Loa\"", "\"claim:acr\"")
        .replace(
            "    consumers:",
            &format!("    evidence_values: {{ LoA: {{ \"{SPID}\": SPID_L2, \"{CIE}\": CIE_L3 }} }}\n    consumers:"),
        );
    let yaml = Portal::known_to(&yaml);
    let gateway = Gateway::start(site.path(), &yaml);
    let outbound = Outbound::of(scene, site, gateway);
    let token = |name: &str| portal.token(name);
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
        (vec![format!("Authorization: Basic {}", portal.text("spid"))], 401, "portal-token-refused"),
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
