//! Answers against the contract: what the department says is held back, or passed with a note, as the e-service decides.

use sandbox::Misbehaviour;
use serde_json::{Value, json};
use tests::{Answer, Gateway, Peer, Rest, Scene, curl, repository, search, varco};

fn record(scene: &Scene, answer: &Answer) -> Value {
    scene.records(answer.header("varco-exchange").expect("an exchange"))[0].clone()
}

fn replace(from: &str, to: &str) -> Misbehaviour {
    Misbehaviour::Replace(from.into(), to.into())
}

#[test]
fn a_department_that_breaks_the_contract_is_a_bad_gateway() {
    let scene = Scene::new();
    let mut gateway = scene.gateway("");
    let voucher = scene.good_voucher();
    // What is valid XML of the right type and breaks the OpenAPI document, what breaks the WSDL, what is no SOAP.
    let cases = [
        ("a pattern of the contract", replace("+39 0999 100001", "interno 12")),
        ("a pattern of the schema", replace("99010", "9901x")),
        ("an enumeration", replace("RESIDENZA", "VACANZA")),
        ("another element", Misbehaviour::WrongElement),
        ("no document", Misbehaviour::Garbage),
        ("an HTML page", Misbehaviour::Html),
        ("a document type", Misbehaviour::Doctype),
        ("an empty success", Misbehaviour::Status(http::StatusCode::OK)),
        ("a redirect", Misbehaviour::Redirect("http://127.0.0.1:1/".into())),
    ];
    for (name, how) in cases {
        scene.sandbox.department.switch().misbehave_times(1, how);
        let answer = search(&gateway, &voucher);
        assert_eq!((answer.status, &*answer.problem()), (502, "bad-upstream-answer"), "{name}: {}", String::from_utf8_lossy(&answer.body));
        let record = record(&scene, &answer);
        assert_eq!((&record["out"], &record["err"]), (&json!("failed"), &json!("bad-upstream-answer")), "{name}");
        let said = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(
            !["interno 12", "9901x", "VACANZA", "NullPointer", "lol", "127.0.0.1"].iter().any(|inner| said.contains(inner)),
            "{name}: {said}"
        );
    }
    assert_eq!(search(&gateway, &voucher).status, 200, "and then it behaves again");
    assert!(gateway.stop().success());
    assert!(scene.verify().0);
}

#[test]
fn in_report_mode_drift_passes_and_is_recorded() {
    let scene = Scene::new();
    let gateway = scene.gateway("    answers: report\n");
    let voucher = scene.good_voucher();
    scene.sandbox.department.switch().misbehave_times(1, replace("+39 0999 100001", "interno 12"));
    let drifted = search(&gateway, &voucher);
    assert_eq!((drifted.status, &drifted.json()["cittadino"]["telefono"]), (200, &json!("interno 12")), "{drifted:?}");
    let drift = record(&scene, &drifted)["drift"].to_string();
    assert!(drift.contains("/cittadino/telefono") && !drift.contains("interno"), "{drift}");
    let right = search(&gateway, &voucher);
    assert_eq!(right.status, 200);
    assert!(record(&scene, &right).get("drift").is_none_or(|drift| drift == &json!([])));
}

const OFFICES: &str = "
  uffici:
    direction: inbound
    listener: pdnd
    base_path: /u
    contract: @ROOT@/tests/peers/nginx/openapi.yaml
    security: [open]
    adapter: { http: { url: \"http://127.0.0.1:@PORT@\" } }
";

fn offices(scene: &Scene, port: u16, more: &str) -> Gateway {
    let service = OFFICES.replace("@ROOT@", &repository().display().to_string()).replace("@PORT@", &port.to_string());
    let head = format!("{}listeners:\n  pdnd: {{ address: \"127.0.0.1:0\" }}\neservices:", scene.head());
    Gateway::start(scene.path(), &format!("{head}{service}{more}"))
}

/// What comes of each answer of nginx: its path; status and kind of the problem where the contract is enforced; the status
/// where drift is only reported, and whether it is: then the department's own bytes pass.
const ANSWERS: [(&str, u16, &str, u16, bool); 7] = [
    ("/fisso", 200, "", 200, false),
    ("/assente", 404, "assente", 404, false),
    // An undocumented error: its status, our problem.
    ("/guasto", 500, "upstream-refused", 500, true),
    ("/altrove", 502, "bad-upstream-answer", 302, true),
    ("/sbagliato", 502, "bad-upstream-answer", 200, true),
    ("/rotto", 502, "bad-upstream-answer", 200, true),
    // No answer at all is none in either mode.
    ("/muto", 502, "bad-upstream-answer", 502, false),
];

#[test]
fn statuses_and_bodies_of_nginx_in_both_modes() {
    let folder = tempfile::tempdir().expect("a folder");
    let peer = Peer::nginx(folder.path());
    for (round, reports) in [false, true].into_iter().enumerate() {
        let scene = Scene::new();
        let gateway = offices(&scene, peer.ports[0], if reports { "    answers: report\n" } else { "    answers: enforce\n" });
        for (path, enforced, kind, reported, drifts) in ANSWERS {
            let answer = curl(&[&gateway.url("pdnd", &format!("/u{path}"))]);
            let kind = if reports && drifts { "" } else { kind };
            let status = if reports { reported } else { enforced };
            let said = String::from_utf8_lossy(&answer.body).into_owned();
            assert_eq!((answer.status, &*answer.problem()), (status, kind), "{path}, reports {reports}: {said}");
            assert!(reports || !["ORA-", "10.20.30.40", "127.0.0.1"].iter().any(|inner| said.contains(inner)), "{path}: {said}");
            let record = record(&scene, &answer);
            let drifted = record["drift"].as_array().is_some_and(|list| !list.is_empty());
            assert_eq!(drifted, drifts, "{path}, reports {reports}: {record}");
        }
        assert_eq!(peer.log().iter().filter(|line| line.contains("/fisso")).count(), round + 1, "no redirect is followed");
    }
}

#[test]
fn what_passes_keeps_its_bytes() {
    let scene = Scene::new();
    let text = r#"{ "id": "A\u0031",  "nome":"Ufficio\/1", "attivo" : true }"#;
    let rest = Rest::start(text);
    let gateway = offices(&scene, rest.address.port(), "");
    let answer = curl(&[&gateway.url("pdnd", "/u/fisso")]);
    assert_eq!((answer.status, String::from_utf8_lossy(&answer.body).as_ref()), (200, text));
}

/// Path, status, whether it is a problem of ours, what of it is kept as drift.
const BY_STATUS: [(&str, u16, bool, &str); 4] = [
    ("/fisso", 200, false, ""),
    // Reported, by its class; not looked at, by its status; enforced, as all others are.
    ("/guasto", 500, false, "500 undocumented-status text/html"),
    ("/altrove", 302, false, ""),
    ("/sbagliato", 502, true, "200 required - body:/nome"),
];

#[test]
fn each_status_has_its_mode_and_drift_is_reported_with_what_would_mend_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let peer = Peer::nginx(folder.path());
    let scene = Scene::new();
    let gateway = offices(&scene, peer.ports[0], "    answers: { default: enforce, \"302\": off, 5XX: report }\n");
    for (path, status, is_ours, drift) in BY_STATUS {
        for _ in 0..2 {
            let answer = curl(&[&gateway.url("pdnd", &format!("/u{path}"))]);
            assert_eq!((answer.status, !answer.problem().is_empty()), (status, is_ours), "{path}");
            let record = record(&scene, &answer);
            let kept: Vec<&str> = record["drift"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            assert!(if drift.is_empty() { kept.is_empty() } else { kept.contains(&drift) }, "{path}: {record}");
        }
    }
    let report = |more: &[&str]| {
        let output = varco(scene.path(), &[&["contract", "drift", "-c", "varco.yaml"], more].concat());
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let told: Value = serde_json::from_str(&report(&["--json", "--eservice", "uffici"])).expect("JSON");
    let lines: Vec<(String, u64)> = told[0]["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .map(|line| (format!("{} {} {}", line["operation"], line["status"], line["rule"]), line["count"].as_u64().expect("a count")))
        .collect();
    for wanted in ["\"GET /guasto (guasto)\" 500 \"undocumented-status\"", "\"GET /sbagliato (sbagliato)\" 200 \"required\""] {
        assert!(lines.iter().any(|(line, count)| line == wanted && *count == 2), "{wanted}: {lines:?}");
    }
    let overlay: Value = serde_json::from_str(&report(&["--overlay", "--eservice", "uffici"])).expect("JSON");
    let targets: Vec<&str> =
        overlay["actions"].as_array().expect("actions").iter().filter_map(|action| action["target"].as_str()).collect();
    assert!(targets.contains(&"$['paths']['/guasto']['get']['responses']"), "{overlay}");
    assert!(targets.contains(&"$['components']['schemas']['Ufficio']['required'][?@ == 'attivo']"), "{overlay}");
    assert!(report(&[]).contains("500 undocumented-status text/html: 2 times"), "{}", report(&[]));
    assert!(!report(&["--since", "2999-01-01"]).contains("times"));
}
