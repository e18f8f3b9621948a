//! The main job: a consumer with a voucher, a REST call, a SOAP department, and the record.

use serde_json::json;
use tests::{LUCIA, Scene, curl, lookup};

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
    assert_eq!(records[0]["subj_n"], 1);
    assert!(!records[0].to_string().contains(LUCIA), "no codice fiscale in the log");

    assert!(gateway.stop().success());
    let (whole, said) = scene.verify();
    assert!(whole, "{said}");
    assert!(!gateway.stderr().contains(LUCIA), "no codice fiscale in the log lines");
}
