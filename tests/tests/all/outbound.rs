//! Departments call others through the gateway: with a key of their own and nothing else.

use std::process::Command;
use std::time::{Duration, Instant};

use sandbox::Misbehaviour;
use sandbox::pdnd::registry::PurposeState;
use serde_json::{Value, json};
use tests::{
    Answer, Asked, Gateway, LUCIA, Rest, Scene, Site, assert_problem, assert_says_nothing_internal, curl, eventually, hashed, lookup,
    repository,
};

/// What the departments show.
pub(crate) const SOCIALE: &str = "X-Api-Key: chiave-sociale";
const EVENTI: &str = "X-Api-Key: chiave-eventi";
pub(crate) const TRIBUTI: &str = "X-Api-Key: chiave-tributi";

/// A gateway for the departments of two towns, before the sandbox's PDND and some provider.
pub(crate) struct Outbound {
    pub(crate) scene: Scene,
    pub(crate) site: Site,
    pub(crate) gateway: Gateway,
}

pub(crate) fn configuration(scene: &Scene, site: &Site, contract: &str, provider: &str, more: &str) -> String {
    let pdnd = &scene.sandbox.pdnd;
    let registry = pdnd.registry();
    for client in &registry.clients {
        let key = pdnd.key(&client.name).expect("the sandbox made it").to_pem().expect("a key");
        std::fs::write(site.path().join(format!("{}.pem", client.name)), key.as_bytes()).expect("a key is written");
    }
    let tenant = |name: &str| registry.tenant(name).expect("a tenant").id;
    let client = |name: &str| registry.clients.iter().find(|client| client.name == name).expect("a client").id;
    let purpose = |name: &str| registry.purpose(name).expect("a purpose").id;
    let (sociale, tributi) = (client("valdombra-sociale"), client("borgoselva-tributi"));
    format!(
        "installation: regione\nworkers: 2\ndrain: 10s\naudit: {{ store: audit, origin: regione.example/log }}\n\
         admin: {{ address: \"127.0.0.1:0\" }}\nlisteners: {{ reparti: {{ address: \"127.0.0.1:0\" }} }}\n\
         pdnd:\n  sandbox: {{ issuer: {issuer}, jwks: \"{jwks}\", token: \"{token}\", assertion_audience: {audience} }}\n\
         tenants:\n  valdombra:\n    producer: {valdombra}\n    clients: {{ sociale: {{ id: {sociale}, key: valdombra-sociale.pem, pdnd: sandbox }} }}\n\
         \x20   purposes: {{ assistenza: {assistenza}, promozioni: {promozioni} }}\n\
         \x20 borgoselva:\n    producer: {borgoselva}\n    clients: {{ tributi: {{ id: {tributi}, key: borgoselva-tributi.pem, pdnd: sandbox }} }}\n\
         \x20   purposes: {{ bonifica: {bonifica} }}\n    delegates: [valdombra]\n\
         eservices:\n  residenza:\n    direction: outbound\n    listener: reparti\n    base_path: /r\n    contract: {contract}\n    security: [voucher]\n\
         \x20   adapter: {{ http: {{ url: \"{provider}\", identity: {{ department: X-Reparto, tenant: X-Ente, delegate: X-Delegato }} }} }}\n    consumers:\n\
         \x20     sociale: {{ tenant: valdombra, client: sociale, purpose: assistenza, key: \"{k1}\" }}\n\
         \x20     eventi: {{ tenant: valdombra, client: sociale, purposes: [assistenza, promozioni], key: \"{k2}\" }}\n\
         \x20     tributi: {{ tenant: borgoselva, client: tributi, purpose: {bonifica}, key: \"{k3}\" }}\n{more}",
        issuer = pdnd.environment().issuer,
        jwks = pdnd.jwks_url(),
        token = pdnd.token_url(),
        audience = pdnd.environment().assertion_audience,
        valdombra = tenant("valdombra"),
        borgoselva = tenant("borgoselva"),
        assistenza = purpose("assistenza"),
        promozioni = purpose("promozioni"),
        bonifica = purpose("tributi"),
        k1 = hashed("chiave-sociale"),
        k2 = hashed("chiave-eventi"),
        k3 = hashed("chiave-tributi"),
    )
}

impl Outbound {
    /// Before this provider, of which `contract` is the document; `more` are further lines of the consumers.
    fn before(scene: Scene, contract: &str, provider: &str, more: &str) -> Self {
        let site = Site::new();
        let yaml = configuration(&scene, &site, contract, provider, more);
        let gateway = Gateway::start(site.path(), &yaml);
        Self::of(scene, site, gateway)
    }

    /// These, once the gateway is ready.
    pub(crate) fn of(scene: Scene, site: Site, gateway: Gateway) -> Self {
        // It has asked PDND for its keys: what PDND is asked from here on is for vouchers.
        eventually("the gateway is ready", || (gateway.admin("/ready").0 == 200).then_some(()));
        Self { scene, site, gateway }
    }

    /// Before a provider that answers whatever it is asked.
    fn before_anybody() -> (Self, Rest) {
        let provider = Rest::start("{}");
        (Self::before(Scene::new(), "cose.yaml", &format!("http://{}", provider.address), ""), provider)
    }

    /// Asks for the things of the provider.
    pub(crate) fn ask(&self, headers: &[&str]) -> Answer {
        let url = self.gateway.url("reparti", "/r/cose");
        let mut arguments: Vec<&str> = headers.iter().flat_map(|header| ["-H", header]).collect();
        arguments.push(&url);
        curl(&arguments)
    }

    /// How often PDND was asked for a voucher.
    pub(crate) fn tokens(&self) -> u64 {
        self.scene.sandbox.pdnd.accesses().count("token")
    }

    /// Asserts that a department is known as this one and the provider asked; or refused, and nobody asked. Gives the record, and what
    /// the provider was asked.
    pub(crate) fn assert_known(
        &self,
        provider: &Rest,
        expected: Result<&str, &str>,
        ask: impl FnOnce() -> Answer,
    ) -> Option<(Value, Asked)> {
        let before = provider.asked().len();
        let answer = ask();
        let asked = provider.asked().split_off(before);
        match expected {
            Ok(department) => {
                assert_eq!((answer.status, asked.len()), (200, 1), "{department}: {answer:?}");
                let record = self.record_of(&answer);
                assert_eq!(record["department"], json!(department));
                asked.into_iter().next().map(|asked| (record, asked))
            }
            Err(kind) => {
                assert_problem(&answer, 401, kind);
                assert_eq!(asked.len(), 0, "{kind}");
                None
            }
        }
    }

    /// The record of an answer's exchange.
    pub(crate) fn record_of(&self, answer: &Answer) -> Value {
        let id = answer.header("varco-exchange").expect("an exchange").to_owned();
        self.site.record(|record| record["id"] == id)
    }
}

/// Both ways at once: a department of one town asks, with its key alone, and the registry of another, which another gateway guards,
/// answers. Each town's log names the same voucher.
#[test]
fn a_department_reaches_a_registry_without_touching_a_voucher() {
    let scene = Scene::new();
    let provider = scene.gateway("");
    let url = provider.url("pdnd", "/anagrafe/v1");
    let contract = repository().join("specs/anagrafe/openapi.yaml").display().to_string();
    let outbound = Outbound::before(scene, &contract, &url, "");
    let search = |key: &str, operation: &str| {
        let body = lookup(operation, LUCIA).to_string();
        let url = outbound.gateway.url("reparti", "/r/residenze/ricerca");
        curl(&["-H", key, "-H", "content-type: application/json", "--data-binary", &body, &url])
    };
    for round in 0..5 {
        let answer = search(SOCIALE, &format!("2026112100000{round}"));
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.json().is_object(), "{answer:?}");
    }
    assert_eq!(outbound.tokens(), 1, "one voucher serves as long as it lives");
    assert_eq!(search(TRIBUTI, "20261121000009").status, 200);
    assert_eq!(outbound.tokens(), 2, "another tenant's is another");

    let answer = search(SOCIALE, "20261121000010");
    let ours = outbound.record_of(&answer);
    assert_eq!(ours["dir"], "outbound");
    assert_eq!((&ours["tenant"], &ours["department"], &ours["env"]), (&json!("valdombra"), &json!("sociale"), &json!("sandbox")));
    let theirs = eventually("the provider's record", || {
        outbound
            .scene
            .log()
            .into_iter()
            .find(|record| record["pdnd"]["jti"] == ours["pdnd"]["jti"] && record["trace"]["id"] == ours["trace"]["id"])
    });
    assert_eq!((&theirs["dir"], &theirs["tenant"]), (&json!("inbound"), &json!("pietrachiara")));
    assert_eq!(theirs["pdnd"]["purpose"], ours["pdnd"]["purpose"]);
    assert_eq!(theirs["pdnd"]["consumer"], ours["pdnd"]["consumer"]);
}

/// What shows who the department is does not leave the house; what it says of itself beside that is not believed.
#[test]
fn the_provider_sees_a_voucher_and_no_key() {
    let (outbound, provider) = Outbound::before_anybody();
    let forged = "X-Reparto: presidenza";
    let answer = outbound.ask(&[
        SOCIALE,
        forged,
        "X-Delegato: io",
        "X_Reparto: presidenza",
        "Cookie: a=b",
        "DPoP: x",
        "Authorization: Basic cm9vdDpyb290",
        "Varco-Purpose: assistenza",
    ]);
    assert_eq!(answer.status, 200, "{answer:?}");
    let asked = provider.asked().pop().expect("it was asked");
    assert!(asked.headers["authorization"].starts_with("Bearer ey"), "{asked:?}");
    assert_eq!((asked.headers["x-reparto"].as_str(), asked.headers["x-ente"].as_str()), ("sociale", "valdombra"));
    for gone in ["x-api-key", "varco-purpose", "x-delegato", "x_reparto", "cookie", "dpop"] {
        assert!(!asked.headers.contains_key(gone), "{gone}: {asked:?}");
    }
}

/// Nobody who may not call costs PDND a question.
#[test]
fn who_may_not_call_is_refused_before_pdnd_is_asked() {
    let (outbound, provider) = Outbound::before_anybody();
    let registry = outbound.scene.sandbox.pdnd.registry();
    let others = format!("Varco-Purpose: {}", registry.purpose("tributi").expect("a purpose").id);
    let own = format!("Varco-Purpose: {}", registry.purpose("promozioni").expect("a purpose").id).to_uppercase().replacen(
        "VARCO-PURPOSE",
        "varco-purpose",
        1,
    );
    for (headers, status, kind) in [
        (&[][..], 401, "key-missing"),
        (&[SOCIALE, SOCIALE], 401, "key-duplicate"),
        (&["X-Api-Key: chiave-social"], 401, "key-unknown"),
        (&["X-Api-Key: CHIAVE-SOCIALE"], 401, "key-unknown"),
        (&["Authorization: Bearer chiave-sociale"], 401, "key-missing"),
        (&[SOCIALE, "Varco-Purpose: promozioni"], 403, "purpose-not-yours"),
        (&[SOCIALE, &others], 403, "purpose-not-yours"),
        (&[SOCIALE, "Varco-Purpose: bonifica"], 403, "purpose-not-yours"),
        (&[SOCIALE, "Varco-Purpose: assistenza", "Varco-Purpose: assistenza"], 403, "purpose-not-yours"),
        (&[EVENTI], 400, "purpose-missing"),
        (&[EVENTI, "Varco-Purpose;"], 403, "purpose-not-yours"),
        (&[TRIBUTI, "Varco-Purpose: assistenza"], 403, "purpose-not-yours"),
    ] {
        let answer = outbound.ask(headers);
        assert_problem(&answer, status, kind);
        assert_says_nothing_internal(&answer);
        assert_eq!(answer.header("www-authenticate").is_some(), status == 401, "{answer:?}");
        // One whose key is known is known, whatever else it does wrong.
        let record = outbound.record_of(&answer);
        assert_eq!(record["department"].is_string() && record["tenant"].is_string(), status != 401, "{record}");
    }
    assert_eq!((outbound.tokens(), provider.asked().len()), (0, 0));
    // The same purposes, of those whose they are.
    for headers in [&[EVENTI, "Varco-Purpose: assistenza"][..], &[EVENTI, &own]] {
        assert_eq!(outbound.ask(headers).status, 200, "{headers:?}");
    }
    assert_eq!(outbound.tokens(), 2, "a purpose has its own voucher");
    // Departments of one tenant share it.
    assert_eq!(outbound.ask(&[SOCIALE]).status, 200);
    assert_eq!(outbound.tokens(), 2);
}

/// Many that need a voucher at the same moment are served by one question, and whoever goes away meanwhile takes it with nobody.
#[test]
fn one_asks_for_all() {
    let (outbound, _provider) = Outbound::before_anybody();
    outbound.scene.sandbox.pdnd.switch().misbehave_times(1, Misbehaviour::Delay(Duration::from_millis(700)));
    std::thread::scope(|scope| {
        let impatient = scope.spawn(|| {
            let url = outbound.gateway.url("reparti", "/r/cose");
            curl(&["--max-time", "0.3", "-H", SOCIALE, &url])
        });
        let asking: Vec<_> = (0..8).map(|_| scope.spawn(|| outbound.ask(&[SOCIALE]))).collect();
        assert_eq!(impatient.join().expect("it ends").status, 0);
        for answer in asking {
            assert_eq!(answer.join().expect("it ends").status, 200);
        }
    });
    assert_eq!(outbound.tokens(), 1);
}

/// A refusal is somebody's to mend, who is told so; it is not asked for again and again.
#[test]
fn a_refusal_of_pdnd_is_not_repeated() {
    let (outbound, provider) = Outbound::before_anybody();
    let suspend =
        |state| outbound.scene.sandbox.pdnd.change(|registry| registry.purposes.iter_mut().for_each(|purpose| purpose.state = state));
    suspend(PurposeState::Suspended);
    let answers: Vec<Answer> = (0..3).map(|_| outbound.ask(&[SOCIALE])).collect();
    for answer in &answers {
        assert_problem(answer, 503, "voucher-refused");
        assert_says_nothing_internal(answer);
        let after: u64 = answer.header("retry-after").and_then(|text| text.parse().ok()).expect("when to come back");
        assert!((30..=60).contains(&after), "{after}");
    }
    assert_eq!((outbound.tokens(), provider.asked().len()), (1, 0));
    let record = outbound.record_of(&answers[0]);
    assert_eq!((&record["out"], &record["err"], &record["stage"]), (&json!("failed"), &json!("voucher-refused"), &json!("voucher")));
    outbound.gateway.assert_logs("015-0008");
    outbound.gateway.assert_logs("PDND refuses a voucher");
    // Another's is not touched by it.
    suspend(PurposeState::Active);
    assert_eq!(outbound.ask(&[TRIBUTI]).status, 200);
}

/// While a voucher lives nobody notices that PDND is down; without one, everybody is told at once.
#[test]
fn pdnd_that_is_down_stops_only_those_without_a_voucher() {
    let (outbound, provider) = Outbound::before_anybody();
    assert_eq!(outbound.ask(&[SOCIALE]).status, 200);
    outbound.scene.sandbox.pdnd.switch().misbehave(Misbehaviour::Html);
    assert_problem(&outbound.ask(&[TRIBUTI]), 503, "pdnd-unavailable");
    let (asked, began) = (outbound.tokens(), Instant::now());
    for _ in 0..3 {
        let answer = outbound.ask(&[TRIBUTI]);
        assert_problem(&answer, 503, "pdnd-unavailable");
        assert!(answer.header("retry-after").is_some(), "{answer:?}");
        assert_eq!(outbound.ask(&[SOCIALE]).status, 200);
    }
    // A second between the first probes: how many there were depends on how long this took.
    assert!(outbound.tokens() - asked <= 1 + began.elapsed().as_secs(), "{} in {:?}", outbound.tokens() - asked, began.elapsed());
    outbound.scene.sandbox.pdnd.switch().behave();
    eventually("it is well again", || (outbound.ask(&[TRIBUTI]).status == 200).then_some(()));
    assert_eq!(provider.asked().len(), 5);
}

/// A short wait that PDND asks for is waited.
#[test]
fn a_full_bucket_is_waited_for() {
    let (outbound, _provider) = Outbound::before_anybody();
    outbound.scene.sandbox.pdnd.switch().misbehave_times(1, Misbehaviour::Status(http::StatusCode::TOO_MANY_REQUESTS));
    assert_eq!(outbound.ask(&[SOCIALE]).status, 200);
    assert_eq!(outbound.tokens(), 2);
    let (_, metrics) = outbound.gateway.admin("/metrics");
    for line in [
        r#"varco_token_requests_total{environment="sandbox",outcome="limited"} 1"#,
        r#"varco_token_requests_total{environment="sandbox",outcome="obtained"} 1"#,
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
}

/// A town lets another act for it: the other's client asks, and both are told and recorded.
#[test]
fn a_delegate_acts_with_its_own_client() {
    let provider = Rest::start("{}");
    let scene = Scene::new();
    let tributi = scene.sandbox.pdnd.registry().purpose("tributi").expect("a purpose").id;
    // The delegate's client is bound to the purpose at PDND.
    scene.sandbox.pdnd.change(|registry| {
        registry
            .clients
            .iter_mut()
            .filter(|client| client.name == "valdombra-sociale")
            .for_each(|client| client.purposes.push("tributi".into()));
    });
    let more = format!(
        "      unione: {{ tenant: borgoselva, client: valdombra/sociale, purpose: {tributi}, key: \"{}\" }}\n",
        hashed("chiave-unione")
    );
    let outbound = Outbound::before(scene, "cose.yaml", &format!("http://{}", provider.address), &more);
    let answer = outbound.ask(&["X-Api-Key: chiave-unione"]);
    assert_eq!(answer.status, 200, "{answer:?}");
    let asked = provider.asked().pop().expect("it was asked");
    assert_eq!((asked.headers["x-ente"].as_str(), asked.headers["x-delegato"].as_str()), ("borgoselva", "valdombra"));
    let record = outbound.record_of(&answer);
    assert_eq!(
        (&record["tenant"], &record["delegate"], &record["department"]),
        (&json!("borgoselva"), &json!("valdombra"), &json!("unione"))
    );
}

/// What could let one tenant use what is another's, or leaves open who calls, does not load.
#[test]
fn what_belongs_to_another_does_not_load() {
    let scene = Scene::new();
    let site = Site::new();
    let good = configuration(&scene, &site, "cose.yaml", "http://127.0.0.1:1", "");
    let registry = scene.sandbox.pdnd.registry();
    let assistenza = registry.purpose("assistenza").expect("a purpose").id.to_string();
    let bonifica = registry.purpose("tributi").expect("a purpose").id.to_string();
    let cases = [
        ("purpose: assistenza", "purpose: bonifica", "`valdombra` has no purpose `bonifica`"),
        ("purpose: assistenza", &format!("purpose: {bonifica}"), "this purpose is one of `borgoselva`"),
        ("bonifica:", &format!("altra: {assistenza}, bonifica:"), "a purpose of `borgoselva` is one of `valdombra`"),
        (
            "tenant: valdombra, client: sociale, purpose:",
            "tenant: valdombra, client: borgoselva/tributi, purpose:",
            "`borgoselva` does not act for `valdombra`",
        ),
        ("client: tributi, purpose", "client: sociale, purpose", "`borgoselva` has no client `sociale`"),
        ("purpose: assistenza, key", "key", "needs `purpose` or `purposes`"),
        ("delegates: [valdombra]", "delegates: [nessuno]", "there is no tenant `nessuno` to act for `borgoselva`"),
        ("delegates: [valdombra]", "roles: [provider]", "the tenant `borgoselva` is no consumer"),
        ("delegates: [valdombra]", "roles: [padrone]", "there is no role `padrone`"),
        ("delegates: [valdombra]", "limits: { daily: 5 }", "a tenant has no quota of the day"),
        (&hashed("chiave-eventi"), &hashed("chiave-sociale"), "`sociale` has the same key"),
        (&hashed("chiave-eventi"), "chiave-eventi", "should be `sha256:` and 64 hexadecimal digits"),
        ("valdombra-sociale.pem", "borgoselva-tributi.pub.pem", "cannot read"),
        (", assertion_audience:", ", audience:", "has no key `audience`"),
        ("assertion_audience: ", "assertion_audience: https://", "the audience of assertions has no scheme"),
        ("security: [voucher]", "security: [voucher, INTEGRITY_REST_01]", "the security pattern `INTEGRITY_REST_01` is not known here"),
        (
            "delegates: [valdombra]",
            &format!("delegates: [valdombra]\n  terzo: {{ producer: {} }}", registry.tenant("valdombra").expect("a tenant").id),
            "the `producer` of `terzo` is one of `valdombra`",
        ),
        (&hashed("chiave-eventi"), &hashed(""), "is the digest of nothing"),
        (&hashed("chiave-eventi"), &format!("sha256:{}", "+1".repeat(32)), "should be `sha256:` and 64 hexadecimal digits"),
        (
            "    security: [voucher]\n",
            "    security: [voucher]\n    status: served\n",
            "the gateway cannot say of others that they are well",
        ),
        ("department: X-Reparto", "department: Content-Length", "`Content-Length` has a meaning of its own"),
        ("     sociale: { tenant", "     \"soci\\tale\": { tenant", "should be 1 to 100 characters"),
        ("    security: [voucher]\n", "", "needs `voucher` in `security`"),
        ("tenant: borgoselva, client", "tenant: borgoselvа, client", "there is no tenant `borgoselvа`"),
    ];
    site.assert_faults(&good, &cases.each_ref().map(|(from, to, expected)| (*from, *to, *expected)));
}

/// What one department was answered is not another's: the provider was told which of them asked.
#[test]
fn departments_share_no_answer() {
    let provider = Rest::start("{}");
    let (scene, site) = (Scene::new(), Site::new());
    let yaml = configuration(&scene, &site, "cose.yaml", &format!("http://{}", provider.address), "");
    let cached = "    operations: { elenca: { safe: true, cache: { ttl: 10m } } }\n    consumers:";
    let gateway = Gateway::start(site.path(), &yaml.replace("    consumers:", cached));
    let outbound = Outbound::of(scene, site, gateway);
    let purpose = "Varco-Purpose: assistenza";
    for (headers, asked) in [(&[SOCIALE][..], 1), (&[SOCIALE], 1), (&[EVENTI, purpose], 2), (&[EVENTI, purpose], 2), (&[TRIBUTI], 3)] {
        assert_eq!((outbound.ask(headers).status, provider.asked().len()), (200, asked), "{headers:?}");
    }
}

/// One provider that does not take a voucher takes it from nobody else, even while PDND gives no other.
#[test]
fn a_voucher_that_one_provider_refuses_serves_on_until_the_next_is_there() {
    let (outbound, provider) = Outbound::before_anybody();
    assert_eq!(outbound.ask(&[SOCIALE]).status, 200);
    provider.answer(401, "", "{}");
    outbound.scene.sandbox.pdnd.switch().misbehave(Misbehaviour::Html);
    for _ in 0..3 {
        assert_eq!(outbound.ask(&[SOCIALE]).status, 401, "the provider's word");
    }
    provider.answer(200, "", "{}");
    for _ in 0..3 {
        assert_eq!(outbound.ask(&[SOCIALE]).status, 200);
    }
}

/// The day's quotas of a town are its own, whoever else has the same callers, and a restart does not give them back.
#[test]
fn a_restart_gives_no_quota_back() {
    let provider = Rest::start("{}");
    let (scene, site) = (Scene::new(), Site::new());
    let yaml = configuration(&scene, &site, "cose.yaml", &format!("http://{}", provider.address), "");
    // An inbound e-service at the same path of another listener counts its own.
    let other = "    limits: { per_consumer: { daily: 2 } }\n  altra:\n    direction: inbound\n    listener: fuori\n    base_path: /r\n    contract: cose.yaml\n    \
                 security: [open]\n    acknowledge: [open]\n    instances: [{ tenant: valdombra }]\n    limits: { daily: 1 }\n    adapter: { http: { url: \"http://PROVIDER\" } }\n";
    let yaml = yaml.replace("listeners: { ", "listeners: { fuori: { address: \"127.0.0.1:0\" }, ")
        + &other.replace("PROVIDER", &provider.address.to_string());
    let mut gateway = Gateway::start(site.path(), &yaml);
    let ask = |gateway: &Gateway, key: &str| curl(&["-H", key, &gateway.url("reparti", "/r/cose")]);
    for (key, status) in [(SOCIALE, 200), (SOCIALE, 200), (SOCIALE, 429), (TRIBUTI, 200)] {
        assert_eq!(ask(&gateway, key).status, status, "{key}");
    }
    assert!(gateway.stop().success());
    let gateway = Gateway::start(site.path(), &yaml);
    for (key, status) in [(SOCIALE, 429), (TRIBUTI, 200), (TRIBUTI, 429)] {
        assert_eq!(ask(&gateway, key).status, status, "{key} after the restart");
    }
    assert_eq!(curl(&[&gateway.url("fuori", "/r/cose")]).status, 200, "nobody has called it yet");
}

/// What the documentation tells people to type makes what the gateway compares.
#[test]
fn a_key_is_hashed_as_documented() {
    let output =
        Command::new("sh").args(["-c", "KEY=chiave-sociale; printf %s \"$KEY\" | sha256sum"]).output().expect("sha256sum is there");
    let typed = String::from_utf8(output.stdout).expect("text");
    assert_eq!(typed.split_whitespace().next().map(|hex| format!("sha256:{hex}")), Some(hashed("chiave-sociale")));
}
