//! `/status`: served by the gateway without a voucher, or left to the department.

use serde_json::json;
use tests::{Gateway, Rest, Scene, curl, get};

#[test]
fn is_served_to_everybody_counted_and_not_recorded() {
    for (more, recorded) in [("", 0), ("    record_status: true\n", 3)] {
        let scene = Scene::new();
        let mut gateway = scene.gateway(more);
        for _ in 0..3 {
            let answer = curl(&[&gateway.url("pdnd", "/anagrafe/v1/status")]);
            assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/problem+json")));
            assert_eq!(answer.json(), json!({"type": "about:blank", "status": 200, "title": "OK", "detail": "service is running"}));
        }
        let metrics = String::from_utf8(curl(&[&gateway.url("admin", "/metrics")]).body).expect("text");
        if recorded == 0 {
            let counted = metrics.lines().find(|line| line.contains("cause=\"status\"")).unwrap_or_else(|| panic!("{metrics}"));
            assert!(counted.ends_with(" 3"), "{counted}");
        }
        assert_eq!(scene.sandbox.department.accesses().total(), 0);
        assert!(gateway.stop().success());
        assert_eq!(scene.log().iter().filter(|record| record["op"]["id"] == "stato").count(), recorded);
    }
}

#[test]
fn proxied_it_asks_the_department_as_any_other_operation() {
    let (scene, rest) = (Scene::new(), Rest::start(""));
    rest.answer(200, "content-type: application/problem+json\r\n", r#"{"type":"about:blank","status":200,"detail":"lento"}"#);
    let configuration =
        scene.configuration(&format!("    status: proxied\n    adapter: {{ http: {{ url: \"http://{}\" }} }}\n", rest.address));
    let soap = configuration.lines().find(|line| line.contains("adapter: { soap")).expect("the adapter").to_owned();
    let gateway = Gateway::start(scene.path(), &configuration.replace(&format!("{soap}\n"), ""));
    let url = gateway.url("pdnd", "/anagrafe/v1/status");
    let nobody = curl(&[&url]);
    assert_eq!((nobody.status, &*nobody.problem()), (401, "voucher-missing"));
    let answer = get(&url, &scene.good_voucher());
    assert_eq!((answer.status, &answer.json()["detail"]), (200, &json!("lento")), "{answer:?}");
    assert_eq!(rest.asked().len(), 1);
    assert_eq!(rest.asked()[0].target, "GET /status");
    assert_eq!(scene.records(answer.header("varco-exchange").expect("an exchange"))[0]["op"]["id"], "stato");
}
