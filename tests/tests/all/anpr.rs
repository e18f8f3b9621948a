//! ANPR's C020 as a department reaches it: through the proxy at the door, over TLS of a private authority, asked by somebody who signed in
//! at a portal. The registry verifies what arrives, and its log is the witness.

use serde_json::{Value, json};
use tests::{
    Answer, Gateway, LUCIA, Peer, Scene, Site, assert_problem, assert_says_nothing_internal, curl, eventually, lookup, repository,
};

use crate::authority::Authority;
use crate::outbound::{Outbound, SOCIALE, configuration};
use crate::portals::{Portal, SPID};

/// The URL without `-PDND` and without the operation: what tokens are for is not what is called.
const AUDIENCE: &str = "https://modipa.anpr.example/govway/rest/in/MinInternoPortaANPR/C020-servizioAccertamentoResidenza/v1";

struct Town {
    outbound: Outbound,
    registry: Peer,
    proxy: Peer,
    portal: Portal,
}

impl Town {
    /// `roots`: whom its connections believe.
    fn open(roots: &str) -> Self {
        let (scene, site) = (Scene::new(), Site::new());
        Authority::new(site.path(), "ca").sign(site.path(), "server", &["localhost"]);
        let pdnd = &scene.sandbox.pdnd;
        let client_key = pdnd.key("valdombra-sociale").expect("a key").public_pem().expect("a PEM");
        let believed = json!({ "client_key": client_key, "platform_key": pdnd.jwks()["keys"][0], "audience": AUDIENCE });
        std::fs::write(site.path().join("registry.json"), believed.to_string()).expect("it is written");
        std::fs::write(site.path().join("proxy.secret"), "varco:segreta\n").expect("it is written");
        let portal = Portal::beside(&site, &json!({ "spid": {} }));
        let (registry, proxy) = (Peer::anpr(site.path()), Peer::tinyproxy(site.path()));
        let url = format!(
            "https://localhost:{}/govway/rest/in/MinInternoPortaANPR-PDND/C020-servizioAccertamentoResidenza/v1",
            registry.ports[0]
        );
        let contract = repository().join("specs/anpr-c020/openapi.yaml").display().to_string();
        let evidence = format!(
            "security: [voucher, INTEGRITY_REST_02, AUDIT_REST_02]\n\
             \x20   evidence: {{ userID: \"claim:preferred_username\", userLocation: \"header:X-Postazione\", LoA: \"claim:acr\" }}\n\
             \x20   evidence_values: {{ LoA: {{ \"{SPID}\": SPID_L2 }} }}"
        );
        let yaml = Portal::known_to(&configuration(&scene, &site, &contract, &url, ""))
            .replace("security: [voucher]", &evidence)
            .replace(", identity: { department: X-Reparto, tenant: X-Ente, delegate: X-Delegato }", "")
            .replace("http: { url", &format!("http: {{ audience: \"{AUDIENCE}\", url"));
        let network =
            format!("network: {{ proxy: \"http://127.0.0.1:{}\", proxy_credentials: \"file:proxy.secret\"{roots} }}\n", proxy.ports[0]);
        let gateway = Gateway::start(site.path(), &format!("{network}{yaml}"));
        Self { outbound: Outbound::of(scene, site, gateway), registry, proxy, portal }
    }

    fn ask(&self, codice_fiscale: &str, more: &[&str]) -> Answer {
        let token = self.portal.token("spid");
        let body = json!({
            "idOperazioneClient": "20261122000001", "criteriRicerca": { "codiceFiscale": codice_fiscale },
            "datiRichiesta": { "dataRiferimentoRichiesta": "2026-11-22", "motivoRichiesta": "prot. 123/2026", "casoUso": "C020" },
        });
        let url = self.outbound.gateway.url("reparti", "/r/anpr-service-e002");
        let body = body.to_string();
        curl(&[&["-H", SOCIALE, "-H", &token, "-H", "content-type: application/json", "-d", &body], more, &[url.as_str()]].concat())
    }

    fn registered(&self) -> Vec<Value> {
        self.registry.log().iter().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }
}

#[test]
fn a_residence_is_asked_of_the_national_registry() {
    let town = Town::open(", roots: [ca.pem]");
    let (clerk, nobody) = (["-H", "X-Postazione: sportello-3"], "VRDLGU91A10X999X");
    // Who does not say from where asks nobody anything.
    assert_problem(&town.ask("RSSMRA80A01H501U", &[]), 400, "evidence-missing");
    assert_eq!((town.outbound.tokens(), town.registered().len()), (0, 0));

    let found = town.ask("RSSMRA80A01H501U", &clerk);
    assert_eq!(found.status, 200, "{found:?}");
    let person = &found.json()["listaSoggetti"]["datiSoggetto"][0];
    assert_eq!((&person["generalita"]["cognome"], &person["identificativi"]["idANPR"]), (&json!("ROSSI"), &json!("AB12345CD")));
    let missing = town.ask(nobody, &clerk);
    let error = &missing.json()["listaErrori"][0];
    assert_eq!((missing.status, &error["codiceErroreAnomalia"]), (404, &json!("EN122")), "the registry's own words pass: {missing:?}");

    let registered = town.registered();
    assert_eq!(registered.len(), 2);
    for line in &registered {
        assert_eq!(line["faults"], json!([]), "{line}");
        assert_eq!(line["path"].as_str().and_then(|path| path.rsplit('/').next()), Some("anpr-service-e002"));
        let mut evidence = line["evidence"].clone();
        let claims = evidence.as_object_mut().expect("claims");
        for own in ["jti", "iat", "nbf", "exp", "dnonce"] {
            assert!(claims.remove(own).is_some(), "{own}");
        }
        let voucher = &line["voucher"];
        assert_eq!(
            evidence,
            json!({
                "iss": voucher["client_id"], "aud": AUDIENCE, "purposeId": voucher["purposeId"],
                "userID": "m.bianchi", "userLocation": "sportello-3", "LoA": "SPID_L2",
            })
        );
        let headers: Vec<&str> = line["headers"].as_array().expect("names").iter().filter_map(Value::as_str).collect();
        let expected = [
            "accept",
            "agid-jwt-signature",
            "agid-jwt-trackingevidence",
            "authorization",
            "content-length",
            "content-type",
            "digest",
            "host",
            "traceparent",
            "user-agent",
        ];
        assert_eq!(headers, expected, "nothing of the department's leaves the house");
    }
    assert_ne!(registered[0]["voucher"]["jti"], registered[1]["voucher"]["jti"], "each voucher is bound to its evidence");

    let there = format!("CONNECT localhost:{}", town.registry.ports[0]);
    eventually("the proxy notes whom it was asked to reach", || town.proxy.log().iter().any(|line| line.contains(&there)).then_some(()));
    let record = town.outbound.record_of(&found);
    assert_eq!(record["modi"]["patterns"], json!(["ID_AUTH_REST_01", "INTEGRITY_REST_02", "AUDIT_REST_02"]));
    assert_eq!((&record["tenant"], &record["department"], &record["dir"]), (&json!("valdombra"), &json!("sociale"), &json!("outbound")));
    let said = format!("{record}{}", town.outbound.gateway.stderr());
    for private in ["m.bianchi", "sportello-3", "RSSMRA80A01H501U", "ROSSI", nobody] {
        assert!(!said.contains(private), "{private} in {said}");
    }
}

/// An authority that nobody named is not believed, whatever the system's are.
#[test]
fn a_private_authority_is_believed_only_where_it_is_named() {
    let town = Town::open("");
    let answer = town.ask("RSSMRA80A01H501U", &["-H", "X-Postazione: sportello-3"]);
    assert_problem(&answer, 502, "upstream-unreachable");
    assert_says_nothing_internal(&answer);
    town.outbound.gateway.assert_logs("UnknownIssuer");
    assert_eq!(town.registered().len(), 0);
}

/// The sandbox's registry asks for all of it, bound together, and says what is wrong with it.
#[test]
fn the_sandboxs_registry_wants_to_know_who_asks() {
    let patterns = "INTEGRITY_REST_02, AUDIT_REST_02";
    let aud = sandbox::national::AUDIENCE;
    for (patterns, audience, purpose, expected) in [
        (patterns, aud, "accertamento", None),
        ("INTEGRITY_REST_02, AUDIT_REST_01", aud, "accertamento", Some("the voucher is not bound to the evidence")),
        ("AUDIT_REST_02", aud, "accertamento", Some("agid-jwt-signature is missing")),
        (patterns, "https://registro.example/altro", "accertamento", Some("agid-jwt-trackingevidence: aud is not what it should be")),
        (patterns, aud, "assistenza", Some("the voucher's aud is not of this e-service")),
    ] {
        let (scene, site) = (Scene::new(), Site::new());
        let contract = repository().join("specs/anpr-c020/openapi.yaml").display().to_string();
        let id = scene.sandbox.pdnd.registry().purpose(purpose).expect("a purpose").id;
        let told = "{ userID: \"header:X-Operatore\", userLocation: \"header:X-Postazione\" }";
        let yaml = configuration(&scene, &site, &contract, &scene.sandbox.national.url(), "")
            .replacen("purpose: assistenza", &format!("purpose: {id}"), 1)
            .replace("security: [voucher]", &format!("security: [voucher, {patterns}]\n    evidence: {told}"))
            .replace("http: { url", &format!("http: {{ audience: \"{audience}\", url"));
        let gateway = Gateway::start(site.path(), &yaml);
        let outbound = Outbound::of(scene, site, gateway);
        let body = lookup("20261122000001", LUCIA).to_string();
        let url = outbound.gateway.url("reparti", "/r/anpr-service-e002");
        let who = ["-H", SOCIALE, "-H", "X-Operatore: o-1", "-H", "X-Postazione: s-1"];
        let answer = curl(&[&who[..], &["-H", "content-type: application/json", "-d", &body, &url]].concat());
        let last = outbound.scene.sandbox.national.accesses().last().expect("it was asked");
        assert_eq!(last.operation, Some("e002"));
        match expected {
            None => assert_eq!(answer.json()["listaSoggetti"]["datiSoggetto"][0]["generalita"]["cognome"], "FONTANA", "{answer:?}"),
            Some(expected) => {
                let detail = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
                assert!(answer.status == 400 && detail.contains(expected), "{expected}: {answer:?}");
            }
        }
    }
}
