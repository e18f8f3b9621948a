//! `/status`: served by the gateway without a voucher, or left to the department.

use serde_json::json;
use tests::{Connection, Gateway, Rest, Scene, Site, Witness, curl, get};

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
fn is_served_although_the_document_does_not_list_it() {
    let (site, witness) = (Site::new(), Witness::hello());
    let gateway = site.gateway("", "", &witness.url(), "");
    for (method, status) in [("GET", 200), ("HEAD", 200), ("OPTIONS", 204), ("POST", 405)] {
        let head = Connection::sending(gateway.address("web"), &format!("{method} /c/v1/status HTTP/1.1\r\nhost: h\r\n\r\n")).head();
        let head = head.expect("an answer");
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{method}: {head}");
    }
    assert_eq!(witness.asked().len(), 0);
    // What somebody else is to say, and does not, nobody says.
    let (site, witness) = (Site::new(), Witness::hello());
    let gateway = site.gateway("", "", &witness.url(), "    status: proxied\n");
    assert_eq!(curl(&[&gateway.url("web", "/c/v1/status")]).status, 404);
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
