//! The main job: a consumer with a voucher, a REST call, a SOAP department, and the record.

use serde_json::json;
use tests::{LUCIA, Scene, curl, lookup, varco};

#[test]
fn a_lookup_reaches_the_department_and_leaves_its_record() {
    let scene = Scene::new();
    let mut gateway = scene.gateway("");
    let voucher = format!("authorization: Bearer {}", scene.good_voucher());
    let body = lookup("20261121000001", LUCIA).to_string();
    let url = gateway.url("pdnd", "/anagrafe/v1/residenze/ricerca");
    let answer = curl(&["-H", &voucher, "-H", "content-type: application/json", "-d", &body, &url]);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["cittadino"]["cognome"], "FONTANA");
    assert_eq!(scene.sandbox.department.accesses().count("CercaResidenza"), 1);

    let records = scene.records(answer.header("varco-exchange").expect("the exchange's id"));
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!(records[0]["out"], "success");
    assert_eq!(records[0]["op"], json!({"crud": 1, "id": "cercaResidenza", "method": "POST", "route": "/anagrafe/v1/residenze/ricerca"}));
    assert_eq!(records[0]["ad"], json!({"attempts": 1, "name": "soap", "ver": env!("CARGO_PKG_VERSION")}));
    assert_eq!(records[0]["subj_n"], 1);
    assert!(!records[0].to_string().contains(LUCIA), "no codice fiscale in the log");

    assert!(gateway.stop().success());
    let (whole, said) = scene.verify();
    assert!(whole, "{said}");
    assert!(!gateway.stderr().contains(LUCIA), "no codice fiscale in the log lines");
}

#[test]
fn callers_find_their_requests_by_their_own_ids_unless_those_are_people() {
    let scene = Scene::new();
    let gateway = scene.gateway("");
    let voucher = format!("authorization: Bearer {}", scene.good_voucher());
    let url = gateway.url("pdnd", "/anagrafe/v1/residenze/ricerca");
    let ask = |operation: &str, correlation: &str| {
        let body = lookup(operation, LUCIA).to_string();
        let own = format!("x-correlation-id: {correlation}");
        let answer = curl(&["-H", &voucher, "-H", &own, "-H", "content-type: application/json", "-d", &body, &url]);
        assert_eq!(answer.status, 200, "{answer:?}");
        scene.records(answer.header("varco-exchange").expect("the exchange's id")).remove(0)
    };
    let found = ask("20261121000001", "pratica:2026/118-b");
    assert_eq!(found["corr"], "pratica:2026/118-b");
    assert_eq!(ask("20261121000002", LUCIA).get("corr"), None);
    assert_eq!(ask("20261121000003", "due parole").get("corr"), None);

    let store = scene.path().join("audit").display().to_string();
    let listed = |correlation: &str| {
        let output = varco(scene.path(), &["audit", "list", "--store", &store, "--json", "--correlation", correlation]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let lines = listed("pratica:2026/118-b");
    assert_eq!(lines.lines().count(), 1, "{lines}");
    assert!(lines.contains(found["id"].as_str().expect("an id")), "{lines}");
    assert_eq!(listed("altra"), "");
}
