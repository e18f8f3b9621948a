//! Vouchers made by JOSE implementations that are not ours: every good one opens, every bad one is refused for its own cause.

use serde_json::{Value, json};
use tests::{Gateway, Scene, python, search};

/// What becomes of each voucher of the standard set: the status, and the kind of the problem.
const EXPECTED: [(&str, u16, &str); 34] = [
    ("good", 200, ""),
    ("good-audience-array", 200, ""),
    ("good-audience-commas", 200, ""),
    ("good-type-application", 200, ""),
    ("bound", 401, "voucher-bound"),
    ("crit", 401, "voucher-malformed"),
    ("duplicate-claim", 401, "voucher-malformed"),
    ("duplicate-header", 401, "voucher-malformed"),
    ("expired", 401, "voucher-expired"),
    ("hmac-public", 401, "voucher-algorithm"),
    ("issued-in-future", 401, "voucher-not-yet-valid"),
    ("none", 401, "voucher-algorithm"),
    ("not-json", 401, "voucher-malformed"),
    ("not-yet", 401, "voucher-not-yet-valid"),
    ("own-key", 401, "voucher-bad-signature"),
    ("padded", 401, "voucher-malformed"),
    ("subject-differs", 401, "voucher-subject-mismatch"),
    ("tampered", 401, "voucher-bad-signature"),
    ("truncated", 401, "voucher-bad-signature"),
    ("two-parts", 401, "voucher-malformed"),
    ("type-dpop", 401, "voucher-wrong-type"),
    ("type-jwt", 401, "voucher-wrong-type"),
    ("unknown-key", 401, "voucher-unknown-key"),
    ("without-audience", 401, "voucher-missing-claim"),
    ("without-expiry", 401, "voucher-missing-claim"),
    ("without-jti", 401, "voucher-missing-claim"),
    ("without-kid", 401, "voucher-malformed"),
    ("without-purpose", 401, "voucher-missing-claim"),
    ("without-type", 401, "voucher-wrong-type"),
    ("wrong-audience", 401, "voucher-wrong-audience"),
    ("wrong-descriptor", 403, "voucher-wrong-descriptor"),
    ("wrong-eservice", 403, "voucher-wrong-e-service"),
    ("wrong-issuer", 401, "voucher-wrong-issuer"),
    ("wrong-producer", 403, "voucher-wrong-producer"),
];

/// The claims of a right voucher for the sandbox's e-service.
pub fn claims(scene: &Scene) -> Value {
    let registry = scene.sandbox.pdnd.registry();
    let eservice = registry.eservice("anagrafe").expect("the e-service");
    let client = registry.client("valdombra-sociale").expect("the client").id.to_string();
    let tenant = |name: &str| registry.tenant(name).expect("a tenant").id.to_string();
    json!({
        "iss": scene.sandbox.pdnd.environment().issuer, "aud": eservice.descriptors[0].audience[0],
        "client_id": client, "sub": client, "purposeId": registry.purpose("assistenza").expect("the purpose").id.to_string(),
        "producerId": tenant("pietrachiara"), "consumerId": tenant("valdombra"),
        "eserviceId": eservice.id.to_string(), "descriptorId": eservice.descriptors[0].id.to_string(),
    })
}

/// A gateway that takes its keys from a file.
fn gateway(scene: &Scene, jwks: &Value) -> Gateway {
    std::fs::write(scene.path().join("jwks.json"), jwks.to_string()).expect("the folder can be written");
    let configuration = scene.configuration("").replace(&scene.sandbox.pdnd.jwks_url(), "file:jwks.json");
    Gateway::start(scene.path(), &configuration)
}

fn judges_vouchers_of(library: &str) {
    let scene = Scene::new();
    let made = python("vouchers.py", &json!({ "library": library, "standard": true, "claims": claims(&scene) }));
    let vouchers = made["vouchers"].as_object().expect("the vouchers");
    assert_eq!(vouchers.len(), EXPECTED.len(), "every voucher of the standard set is expected something");
    let mut gateway = gateway(&scene, &made["jwks"]);
    let (mut wrong, mut said) = (Vec::new(), String::new());
    for (name, status, kind) in EXPECTED {
        let token = vouchers[name].as_str().expect("a voucher");
        let answer = search(&gateway, token);
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        let challenged = match status {
            401 => challenge == "Bearer error=\"invalid_token\"",
            403 => challenge == "Bearer error=\"insufficient_scope\"",
            _ => challenge.is_empty(),
        };
        if (answer.status, &*answer.problem(), challenged) != (status, kind, true) {
            wrong.push(format!("{name}: {} {} {challenge}", answer.status, answer.problem()));
        }
        said += &format!("{:?}{}", answer.headers, String::from_utf8_lossy(&answer.body));
    }
    assert_eq!(wrong, [""; 0]);
    assert_eq!(scene.sandbox.department.accesses().total(), 4, "only the good ones reach the department");

    assert!(gateway.stop().success());
    let log = scene.log();
    let mut recorded: Vec<&str> = log.iter().filter_map(|record| record["err"].as_str()).collect();
    let mut expected: Vec<&str> = EXPECTED.iter().map(|(_, _, kind)| *kind).filter(|kind| !kind.is_empty()).collect();
    recorded.sort_unstable();
    expected.sort_unstable();
    assert_eq!(recorded, expected, "a record for each");
    let written = format!("{said}{}{}", gateway.stderr(), serde_json::to_string(&log).expect("JSON"));
    for (name, token) in vouchers {
        let parts: Vec<&str> = token.as_str().expect("a voucher").split('.').filter(|part| part.len() > 40).collect();
        assert!(!parts.iter().any(|part| written.contains(part)), "{name}: a part of the token stands in what was written");
    }
    let (whole, verdict) = scene.verify();
    assert!(whole, "{verdict}");
}

#[test]
fn judges_vouchers_of_joserfc() {
    judges_vouchers_of("joserfc");
}

#[test]
fn judges_vouchers_of_pyjwt() {
    judges_vouchers_of("pyjwt");
}
