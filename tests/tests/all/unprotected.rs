//! E-services that ask no voucher: `open`, and `upstream`, which leaves it to the department.

use serde_json::json;
use tests::{Gateway, Rest, Scene, curl, get, varco};

const CONTRACT: &str = r#"
openapi: 3.0.3
info: { title: Uffici, version: 1.0.0 }
paths:
  /uffici/{numero}:
    get:
      operationId: leggi
      parameters: [{ name: numero, in: path, required: true, schema: { type: integer, minimum: 1 } }]
      responses: { "200": { description: ok, content: { application/json: { schema: { type: object, required: [id] } } } } }
"#;

fn configuration(scene: &Scene, rest: &Rest, security: &str, more: &str) -> String {
    std::fs::write(scene.path().join("uffici.yaml"), CONTRACT).expect("the folder can be written");
    format!(
        "{}listeners:\n  pdnd: {{ address: \"127.0.0.1:0\" }}\neservices:\n  uffici:\n    direction: inbound\n    listener: pdnd\n    \
         base_path: /u\n    contract: uffici.yaml\n    security: [{security}]\n    adapter: {{ http: {{ url: \"http://{}\" }} }}\n{more}",
        scene.head(),
        rest.address,
    )
}

#[test]
fn serve_without_a_voucher_under_contract_and_record() {
    for (security, passes) in [("open", None), ("upstream", Some("Bearer del-fruitore"))] {
        let (scene, rest) = (Scene::new(), Rest::start(r#"{"id":"A1"}"#));
        let mut gateway = Gateway::start(scene.path(), &configuration(&scene, &rest, security, ""));
        let answer = curl(&[&gateway.url("pdnd", "/u/uffici/7")]);
        assert_eq!((answer.status, answer.json()), (200, json!({"id": "A1"})), "{security}: {answer:?}");
        let records = scene.records(answer.header("varco-exchange").expect("an exchange"));
        assert_eq!((&records[0]["out"], &records[0]["op"]["id"]), (&json!("success"), &json!("leggi")), "{security}");
        assert!(records[0].get("cons").is_none() && records[0].get("tenant").is_some(), "{security}: {records:?}");

        let wrong = curl(&[&gateway.url("pdnd", "/u/uffici/zero")]);
        assert_eq!((wrong.status, &*wrong.problem()), (400, "contract-violation"), "{security}");
        assert_eq!(rest.asked().len(), 1, "{security}: what breaks the contract is not asked");
        rest.answer(200, "", r#"{"nome":"senza id"}"#);
        let broken = curl(&[&gateway.url("pdnd", "/u/uffici/7")]);
        assert_eq!((broken.status, &*broken.problem()), (502, "bad-upstream-answer"), "{security}");

        rest.answer(200, "", r#"{"id":"A1"}"#);
        assert_eq!(get(&gateway.url("pdnd", "/u/uffici/7"), "del-fruitore").status, 200);
        assert_eq!(rest.asked()[2].headers.get("authorization").map(String::as_str), passes, "{security}");
        assert!(gateway.stop().success());
        let outcomes: Vec<_> =
            scene.log().iter().filter(|record| record["op"]["id"] == "leggi").map(|record| record["out"].clone()).collect();
        assert_eq!(outcomes, ["success", "refused", "failed", "success"], "{security}: each leaves a record");
    }
}

#[test]
fn are_warned_about_unless_acknowledged() {
    let (scene, rest) = (Scene::new(), Rest::start(""));
    for (security, warning) in
        [("open", "uffici` asks no proof of its callers"), ("upstream", "uffici` leaves authentication to its upstream")]
    {
        for (more, warned) in [(String::new(), true), (format!("    acknowledge: [{security}]\n"), false)] {
            std::fs::write(scene.path().join("varco.yaml"), configuration(&scene, &rest, security, &more)).expect("written");
            let output = varco(scene.path(), &["check", "-c", "varco.yaml"]);
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{said}");
            assert_eq!(said.contains(warning), warned, "{said}");
            let strict = varco(scene.path(), &["check", "-c", "varco.yaml", "--strict"]);
            assert_eq!(strict.status.success(), !warned, "a warning is an error for those who ask for that");
        }
    }
    assert_eq!(rest.asked().len(), 0);
}
