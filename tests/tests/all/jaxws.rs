//! A SOAP department run by the JAX-WS reference implementation, over SOAP 1.1 and 1.2, called from REST.

use serde_json::{Value, json};
use tests::{Answer, Gateway, Peer, Scene, assert_problem, curl, open};

const MARIO: &str = "RSSMRA80A01H501U";
const NOBODY: &str = "VRDLGU91A10X999X";

/// The same department behind two e-services, one a SOAP version.
struct Office {
    scene: Scene,
    gateway: Gateway,
    peer: Peer,
}

const VERSIONS: [&str; 2] = ["tributi", "tributi12"];

impl Office {
    fn open() -> Self {
        let scene = Scene::new();
        let peer = Peer::jaxws(scene.path());
        let eservice = |name: &str| {
            let adapter = format!(
                "{{ soap: {{ wsdl: {{root}}/tests/peers/jaxws/{name}.wsdl, mapping: {{root}}/tests/peers/jaxws/mapping.yaml, \
                 url: \"http://127.0.0.1:{}/{name}\" }} }}",
                peer.ports[0]
            );
            open(name, "tests/peers/jaxws/openapi.yaml", &adapter, "")
        };
        let gateway = scene.gateway_of(2, &VERSIONS.map(eservice));
        Self { scene, gateway, peer }
    }

    fn position(&self, version: &str, code: &str, year: &str) -> Answer {
        curl(&[&self.gateway.url("pdnd", &format!("/{version}/posizioni/{code}/{year}"))])
    }

    fn sum(&self, version: &str, amounts: &Value) -> Answer {
        let body = json!({ "importo": amounts }).to_string();
        curl(&["-H", "content-type: application/json", "-d", &body, &self.gateway.url("pdnd", &format!("/{version}/somme"))])
    }
}

/// One department for all of it: a Java machine takes its time to start.
#[test]
fn both_versions_say_the_same() {
    let office = Office::open();
    positions(&office);
    sums(&office);
    let before = office.peer.log().len();
    refusals(&office);
    assert_eq!(office.peer.log().len(), before, "what is refused never reaches the department");
    faults(&office);
    assert_eq!(office.peer.log().len(), before + VERSIONS.len());
}

fn positions(office: &Office) {
    for version in VERSIONS {
        for (code, expected) in [
            (
                MARIO,
                json!({
                    "anno": 2026, "codiceFiscale": MARIO, "saldo": "-98765432109876543210.123456789012345678900", "stato": "APERTA",
                    "rata": [
                        { "numero": 1, "importo": "1000.10", "scadenza": "2026-06-16", "pagata": true },
                        { "numero": 2, "importo": "0.00", "scadenza": "2026-12-16", "pagata": false },
                    ],
                }),
            ),
            (
                "DMCLCU75D41F205Z",
                json!({
                    "anno": 2026, "codiceFiscale": "DMCLCU75D41F205Z", "saldo": "1000", "stato": "CHIUSA", "nota": "a < b & c > d ]]> \"e\"",
                    "rata": [{ "numero": 1, "importo": "1000", "scadenza": "2026-06-16", "pagata": true }],
                }),
            ),
            ("BNCGNN31P12D612Q", json!({ "anno": 2026, "codiceFiscale": "BNCGNN31P12D612Q", "saldo": "0", "stato": "CHIUSA", "rata": [] })),
        ] {
            let answer = office.position(version, code, "2026");
            assert_eq!((answer.status, answer.json()), (200, expected), "{version} {answer:?}");
        }
    }
    assert_eq!(office.peer.log(), ["leggiPosizione"; 6]);
}

fn sums(office: &Office) {
    let many: Vec<String> = (0..1000).map(|_| "0.001".to_owned()).collect();
    for version in VERSIONS {
        for (amounts, total) in [
            (json!([]), "0"),
            (json!(["12345678901234567890.123456789"]), "12345678901234567890.123456789"),
            (json!(["0.1", "0.2", "-0.30"]), "0.00"),
            (json!(many), "1.000"),
        ] {
            let answer = office.sum(version, &amounts);
            assert_eq!((answer.status, answer.json()), (200, json!({ "totale": total })), "{version} {answer:?}");
        }
    }
    assert_eq!(office.peer.log().iter().filter(|name| *name == "sommaImporti").count(), 8, "one call a request");
}

fn refusals(office: &Office) {
    for version in VERSIONS {
        for answer in [
            office.position(version, "corto", "2026"),
            office.position(version, MARIO, "1899"),
            office.position(version, MARIO, "MMXXVI"),
            office.sum(version, &json!(["1,5"])),
            office.sum(version, &json!("1.5")),
        ] {
            assert_problem(&answer, 400, "contract-violation");
        }
    }
}

fn faults(office: &Office) {
    for version in VERSIONS {
        let answer = office.position(version, NOBODY, "2026");
        assert_problem(&answer, 404, "posizione-assente");
        assert!(!String::from_utf8_lossy(&answer.body).contains(NOBODY), "{answer:?}");
        let record = office.scene.record_of(&answer);
        assert_eq!((record["out"].as_str(), record["err"].as_str()), (Some("refused"), Some("posizione-assente")), "{record}");
    }
}
