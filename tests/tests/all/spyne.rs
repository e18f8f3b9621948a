//! A SOAP department run by spyne, called from REST: each operation, each kind of value, each kind of fault, and the
//! department's own log as witness of what reached it.

use serde_json::{Value, json};
use tests::{Answer, Gateway, Peer, Scene, assert_problem, curl, get, open, python, repository};

use crate::foreign_vouchers::claims;

const MARIO: &str = "RSSMRA80A01H501U";
const LUCIA: &str = "DMCLCU75D41F205Z";
const GIOVANNI: &str = "BNCGNN31P12D612Q";
/// Nobody's.
const NOBODY: &str = "VRDLGU91A10X999X";

struct Office {
    scene: Scene,
    gateway: Gateway,
    peer: Peer,
}

impl Office {
    fn open(more: &str) -> Self {
        let scene = Scene::new();
        let peer = Peer::spyne(scene.path());
        let adapter = format!(
            "{{ soap: {{ wsdl: {{root}}/tests/peers/spyne/anagrafe.wsdl, mapping: {{root}}/tests/peers/spyne/mapping.yaml, \
             url: \"http://127.0.0.1:{}/\" }} }}",
            peer.ports[0]
        );
        let gateway = scene.gateway_of(2, &[open("anagrafe", "tests/peers/spyne/openapi.yaml", &adapter, more)]);
        Self { scene, gateway, peer }
    }

    fn get(&self, path: &str) -> Answer {
        curl(&[&self.gateway.url("pdnd", &format!("/anagrafe{path}"))])
    }

    fn post(&self, path: &str, body: &str) -> Answer {
        curl(&["-H", "content-type: application/json", "-d", body, &self.gateway.url("pdnd", &format!("/anagrafe{path}"))])
    }

    fn reached(&self) -> Vec<String> {
        self.peer.log()
    }
}

/// The whole way on other people's software: a voucher made by joserfc, a policy that asks what it may and cuts what it says, spyne
/// behind it, and a record of all of it.
#[test]
fn a_voucher_opens_the_department_and_policy_cuts_its_answer() {
    let scene = Scene::new();
    let peer = Peer::spyne(scene.path());
    let made = python("vouchers.py", &json!({ "library": "joserfc", "standard": true, "claims": claims(&scene) }));
    let purpose = claims(&scene)["purposeId"].as_str().expect("its purpose").to_owned();
    let policy = format!(
        "@id(\"senza-recapiti\") @withhold(\"/email, /indirizzi/*/cap\")\n\
         permit (principal, action == Action::\"cercaPersona\", resource in Tenant::\"pietrachiara\") when {{\n\
         principal.purpose == \"{purpose}\" && context has subject_type && context.subject_type == \"codice_fiscale\" &&\n\
         context.evidence.contains(\"voucher\") && context.time > datetime(\"2026-01-01\") }};"
    );
    let contract = std::fs::read_to_string(repository().join("tests/peers/spyne/openapi.yaml")).expect("the contract");
    // What may be withheld is not required.
    let contract = contract.replace("required: [via, civico, cap, comune]", "required: [via, civico, comune]");
    for (name, text) in [("jwks.json", made["jwks"].to_string()), ("policy.cedar", policy), ("contract.yaml", contract)] {
        std::fs::write(scene.path().join(name), text).expect("the folder can be written");
    }
    let root = repository();
    let yaml = format!(
        "{}listeners:\n  pdnd: {{ address: \"127.0.0.1:0\" }}\neservices:\n  anagrafe:\n    direction: inbound\n    listener: pdnd\n    \
         base_path: /anagrafe\n    contract: contract.yaml\n    policy: policy.cedar\n    instances: [{}]\n    security: [voucher]\n    \
         subject: [path.codiceFiscale]\n    adapter: {{ soap: {{ wsdl: {root}/tests/peers/spyne/anagrafe.wsdl, \
         mapping: {root}/tests/peers/spyne/mapping.yaml, url: \"http://127.0.0.1:{}/\" }} }}\n",
        scene.head().replace(&scene.sandbox.pdnd.jwks_url(), "file:jwks.json"),
        scene.instance(),
        peer.ports[0],
        root = root.display(),
    );
    let gateway = Gateway::start(scene.path(), &yaml);
    let voucher = |name: &str| made["vouchers"][name].as_str().expect("a voucher").to_owned();
    let ask = |path: &str, voucher: &str| get(&gateway.url("pdnd", &format!("/anagrafe{path}")), voucher);

    assert_problem(&ask(&format!("/persone/{MARIO}"), &voucher("expired")), 401, "voucher-expired");
    assert_problem(&ask("/comuni/Roma/persone", &voucher("good")), 403, "forbidden-by-policy");
    assert_eq!(peer.log(), [""; 0], "nobody else was asked");
    let answer = ask(&format!("/persone/{MARIO}"), &voucher("good"));
    let told = answer.json();
    assert_eq!((answer.status, &told["nome"], &told["reddito"]), (200, &"Mario".into(), &"12345678901234.123456".into()), "{answer:?}");
    assert_eq!(told.get("email"), None);
    assert_eq!(told["indirizzi"][0], json!({ "via": "Via Roma", "civico": "1/A", "comune": "Roma" }));
    assert_eq!(peer.log().len(), 1);
    let record = scene.record_of(&answer);
    assert_eq!(
        (&record["pol"]["reasons"], &record["minim"], &record["ad"]["name"], &record["pdnd"]["purpose"], &record["subj_n"]),
        (&json!(["senza-recapiti"]), &json!(["/email", "/indirizzi/*/cap"]), &json!("soap"), &json!(purpose), &json!(1)),
        "{record}"
    );
    assert!(!record.to_string().contains(MARIO));
}

#[test]
fn what_the_department_answers_arrives_as_it_stands_there() {
    let office = Office::open("");
    for (code, expected) in [
        (
            MARIO,
            json!({
                "codiceFiscale": MARIO, "cognome": "Rossi", "nome": "Mario", "dataNascita": "1980-01-01", "inVita": true, "figli": 2,
                "reddito": "12345678901234.123456", "email": "mario.rossi@example.org", "aggiornata": "2026-01-31T12:00:00+00:00",
                "indirizzi": [
                    { "via": "Via Roma", "civico": "1/A", "cap": "00184", "comune": "Roma" },
                    { "via": "Località Pian dell'Olmo", "civico": null, "cap": "58100", "comune": "Grosseto" },
                ],
                "note": ["prima", null, "terza"],
            }),
        ),
        (
            LUCIA,
            json!({
                "codiceFiscale": LUCIA, "cognome": "D'Àmico & <Figli>", "nome": "Lucia \"Lù\"", "dataNascita": "1975-04-01",
                "inVita": true, "figli": 0, "reddito": null, "aggiornata": "2025-12-01T08:30:15.250000+00:00",
                "indirizzi": [{ "via": "Corso Buenos Aires", "civico": "33", "cap": "20124", "comune": "Milano" }],
                "note": [],
            }),
        ),
        (
            GIOVANNI,
            json!({
                "codiceFiscale": GIOVANNI, "cognome": "Bianchi", "nome": "Giovanni", "dataNascita": "1931-09-12", "inVita": false,
                "figli": 11, "reddito": "0.100000", "aggiornata": "2001-02-03T04:05:06+00:00", "indirizzi": [], "note": [],
            }),
        ),
    ] {
        let answer = office.get(&format!("/persone/{code}"));
        assert_eq!((answer.status, answer.json()), (200, expected), "{answer:?}");
    }
    assert_eq!(office.reached(), ["CercaPersona"; 3], "one call a request");
}

#[test]
fn lists_of_none_one_and_many() {
    let office = Office::open("");
    for (path, codes) in
        [("/comuni/Roma/persone", vec![MARIO]), ("/comuni/Milano/persone?limite=5", vec![LUCIA]), ("/comuni/Atlantide/persone", vec![])]
    {
        let answer = office.get(path);
        assert_eq!(answer.status, 200, "{answer:?}");
        let json = answer.json();
        let found: Vec<&str> =
            json["persone"].as_array().expect("always an array").iter().filter_map(|one| one["codiceFiscale"].as_str()).collect();
        assert_eq!(found, codes, "{path}");
    }
    assert_eq!(office.reached(), ["ElencaPersone"; 3]);
}

/// The department says back what it understood: the value that came, through the gateway's XML and another's reader of it.
#[test]
fn what_the_caller_sends_is_what_the_department_reads() {
    let office = Office::open("");
    let with = |via: &str, civico: Value, canone: Option<&str>| {
        let address = json!({ "comune": "Forlì", "cap": "47121", "civico": civico, "via": via });
        // A number's digits are the caller's: written by hand, because a reader of JSON would make a float of them.
        let rent = canone.map(|canone| format!(",\"canone\":{canone}")).unwrap_or_default();
        format!("{{\"decorrenza\":\"2026-02-28\",\"indirizzo\":{address}{rent}}}")
    };
    let path = format!("/persone/{MARIO}/variazioni");
    for (body, expected) in [
        (with("Via Po", json!("1"), Some("1234567890.10")), "Via Po|1|47121|Forlì|2026-02-28|1234567890.10"),
        (with("Via Po", json!("1"), Some("0.1")), "Via Po|1|47121|Forlì|2026-02-28|0.1"),
        (with("Via Po", Value::Null, None), "Via Po|None|47121|Forlì|2026-02-28|None"),
        (with("Via Po", json!("1"), Some("null")), "Via Po|1|47121|Forlì|2026-02-28|None"),
        (with("Città <alta> & \"bassa\" ]]>", json!("'1'"), None), "Città <alta> & \"bassa\" ]]>|'1'|47121|Forlì|2026-02-28|None"),
        (with("riga\r\ndue\ttre", json!("1"), None), "riga\r\ndue\ttre|1|47121|Forlì|2026-02-28|None"),
        (with("𝄞 🏠 è", json!("1"), None), "𝄞 🏠 è|1|47121|Forlì|2026-02-28|None"),
        (with("&amp;lt; &#65;", json!("1"), None), "&amp;lt; &#65;|1|47121|Forlì|2026-02-28|None"),
    ] {
        let answer = office.post(&path, &body);
        assert_eq!((answer.status, answer.json()), (200, json!({ "protocollo": format!("{MARIO}|{expected}") })), "{body} {answer:?}");
    }
    assert_eq!(office.reached(), ["RegistraVariazione"; 8]);
}

#[test]
fn faults_become_problems_and_their_texts_stay_inside() {
    let office = Office::open("");
    let declared = office.get(&format!("/persone/{NOBODY}"));
    assert_problem(&declared, 404, "persona-non-trovata");
    let said = String::from_utf8_lossy(&declared.body).into_owned();
    assert!(!said.contains(NOBODY) && !said.contains("persona non trovata"), "neither the code nor the department's words: {said}");
    let undeclared = office.post("/guasti", "{\"motivo\":\"password=segreta\"}");
    assert_problem(&undeclared, 502, "soap-fault");
    assert!(!String::from_utf8_lossy(&undeclared.body).contains("segreta"), "{undeclared:?}");
    assert_eq!(office.reached(), ["CercaPersona", "Guasta"]);
    for (answer, outcome, kind) in [(declared, "refused", "persona-non-trovata"), (undeclared, "failed", "soap-fault")] {
        let record = office.scene.record_of(&answer);
        assert_eq!((record["out"].as_str(), record["err"].as_str()), (Some(outcome), Some(kind)), "{record}");
        assert!(!record.to_string().contains(NOBODY) && !record.to_string().contains("segreta"), "{record}");
    }
    assert!(!office.gateway.stderr().contains(NOBODY) && !office.gateway.stderr().contains("segreta"), "nor in the log lines");
}

#[test]
fn what_is_refused_never_reaches_the_department() {
    let office = Office::open("");
    let variazioni = format!("/persone/{MARIO}/variazioni");
    let address = r#""indirizzo":{"via":"x","civico":null,"cap":"00184","comune":"x"}"#;
    let good = format!("{{{address},\"decorrenza\":\"2026-01-01\"}}");
    for answer in [
        office.get("/persone/rossi"),
        office.get("/comuni/Roma/persone?limite=0"),
        office.get("/comuni/Roma/persone?limite=molti"),
        office.post(&variazioni, "{"),
        office.post(&variazioni, &good.replace("2026-01-01", "2026-02-30")),
        office.post(&variazioni, &good.replace("00184", "roma")),
        office.post(&variazioni, &good.replace("\"comune\":\"x\"", "\"comune\":\"x\",\"comune\":\"y\"")),
        office.post(&variazioni, &good.replace("\"via\":\"x\",", "")),
        office.post(&variazioni, &good.replacen('{', "{\"altro\":1,", 1)),
    ] {
        assert_problem(&answer, 400, "contract-violation");
    }
    // Within the contract, and beyond what the WSDL can say: twelve digits and no control characters.
    for body in [
        good.replacen('{', "{\"canone\":12345678901.23,", 1),
        good.replacen('{', "{\"canone\":1.234,", 1),
        good.replace("\"via\":\"x\"", "\"via\":\"\\u0001\""),
    ] {
        assert_problem(&office.post(&variazioni, &body), 422, "mapping-value");
    }
    assert_eq!(office.reached(), Vec::<String>::new());
}

#[test]
fn a_second_caller_is_answered_from_the_cache() {
    let office = Office::open("    operations: { cercaPersona: { safe: true, cache: { ttl: 1h } } }\n");
    let first = office.get(&format!("/persone/{MARIO}"));
    let second = office.get(&format!("/persone/{MARIO}"));
    assert_eq!((first.status, second.status), (200, 200));
    assert_eq!(first.body, second.body);
    assert!(second.header("age").is_some(), "{second:?}");
    assert_eq!(office.reached(), ["CercaPersona"]);
    assert_eq!(office.scene.record_of(&second)["cache"]["state"], "hit");
}
