//! Policy: what is forbidden, what is withheld, and that the bytes of the rest stay.

use serde_json::{Value, json};
use tests::{Answer, Gateway, Rest, SEARCH, Scene, curl, get, lookup, search, varco};

fn record(scene: &Scene, answer: &Answer) -> Value {
    scene.records(answer.header("varco-exchange").expect("an exchange"))[0].clone()
}

const CONTRACT: &str = r#"
openapi: 3.0.3
info: { title: Redditi, version: 1.0.0 }
paths:
  /redditi:
    get:
      operationId: leggi
      responses: { "200": { description: ok, content: { application/json: { schema: { type: object, required: [id] } } } } }
"#;

const TEXT: &str = r#"{ "id" : 1.50, "segreto":"x", "voci": [ {"importo": 1e2, "nota": "a" , "dal":"2026"}, {"nota":"b","importo":-0.0}, 7 ],  "lungo": 12345678901234567890.10, "nota": "resta\u0021" }"#;

/// An e-service before a REST department, under these policies; `more` are lines of the e-service.
fn redditi(scene: &Scene, rest: &Rest, cedar: &str, more: &str) -> String {
    std::fs::write(scene.path().join("redditi.yaml"), CONTRACT).expect("written");
    std::fs::write(scene.path().join("redditi.cedar"), cedar).expect("written");
    format!(
        "{}listeners:\n  pdnd: {{ address: \"127.0.0.1:0\" }}\neservices:\n  redditi:\n    direction: inbound\n    listener: pdnd\n    \
         base_path: /r\n    contract: redditi.yaml\n    policy: redditi.cedar\n    instances: [{}]\n    security: [voucher]\n    \
         adapter: {{ http: {{ url: \"http://{}\" }} }}\n{more}",
        scene.head(),
        scene.instance(),
        rest.address,
    )
}

#[test]
fn a_purpose_that_no_policy_permits_is_refused() {
    let scene = Scene::new();
    let gateway = scene.gateway("");
    let answer = search(&gateway, &scene.voucher("valdombra-sociale", "promozioni"));
    assert_eq!((answer.status, &*answer.problem()), (403, "forbidden-by-policy"));
    assert_eq!(scene.sandbox.department.accesses().total(), 0);
    let record = record(&scene, &answer);
    assert_eq!(
        (&record["out"], &record["err"], &record["pol"]["effect"]),
        (&json!("refused"), &json!("forbidden-by-policy"), &json!("deny")),
        "{record}"
    );
}

#[test]
fn withheld_members_are_gone_and_recorded() {
    let scene = Scene::new();
    let gateway = scene.gateway("");
    let whole = search(&gateway, &scene.good_voucher()).json();
    let cut = search(&gateway, &scene.voucher("borgoselva-tributi", "tributi"));
    assert_eq!(cut.status, 200, "{cut:?}");
    let mut expected = whole["cittadino"].clone();
    for name in ["email", "telefono", "reddito"] {
        assert!(expected.as_object_mut().expect("an object").remove(name).is_some());
    }
    for address in expected["indirizzi"].as_array_mut().expect("a list") {
        assert!(address.as_object_mut().expect("an object").remove("dal").is_some());
    }
    assert_eq!(cut.json()["cittadino"], expected);
    let record = record(&scene, &cut);
    assert_eq!(record["minim"].as_array().map(Vec::len), Some(4), "{record}");
}

#[test]
fn the_rest_of_the_bytes_stays_as_it_came() {
    let cedar = r#"@withhold("/segreto, /voci/*/nota") permit (principal, action, resource);"#;
    for mode in ["enforce", "report", "off"] {
        let (scene, rest) = (Scene::new(), Rest::start(TEXT));
        let gateway = Gateway::start(scene.path(), &redditi(&scene, &rest, cedar, &format!("    answers: {mode}\n")));
        let answer = get(&gateway.url("pdnd", "/r/redditi"), &scene.good_voucher());
        let text = String::from_utf8(answer.body.clone()).expect("UTF-8");
        assert_eq!(
            text,
            r#"{ "id" : 1.50, "voci": [ {"importo": 1e2 , "dal":"2026"}, {"importo":-0.0}, 7 ],  "lungo": 12345678901234567890.10, "nota": "resta\u0021" }"#,
            "{mode}"
        );
        assert_eq!(answer.header("content-length"), Some(text.len().to_string().as_str()), "the length is that of what is left");
        rest.answer(404, "content-type: application/json\r\n", r#"{"title":"x","segreto":"y"}"#);
        let error = get(&gateway.url("pdnd", "/r/redditi"), &scene.good_voucher());
        assert_eq!((error.status, error.json().get("segreto")), (404, None), "{mode}: of an error too");
        // What cannot be minimised does not leave.
        rest.answer(200, "content-type: text/plain\r\n", "segreto");
        let answer = get(&gateway.url("pdnd", "/r/redditi"), &scene.good_voucher());
        assert_eq!((answer.status, &*answer.problem()), (502, "bad-upstream-answer"), "{mode}");
    }
}

#[test]
fn several_permits_withhold_the_union() {
    let (scene, rest) = (Scene::new(), Rest::start(TEXT));
    let cedar = r#"
        @withhold("/segreto") permit (principal, action, resource);
        @withhold("/voci/*/nota, /nota") permit (principal, action, resource) when { principal.purpose == "b5e1f702-2c8d-4a4a-9d3f-6fae1b5c8e14" };
        @withhold("/lungo") permit (principal, action, resource) when { principal.purpose == "another" };"#;
    let gateway = Gateway::start(scene.path(), &redditi(&scene, &rest, cedar, ""));
    let answer = get(&gateway.url("pdnd", "/r/redditi"), &scene.good_voucher());
    let json = answer.json();
    assert!(json.get("segreto").is_none() && json.get("nota").is_none() && json.get("lungo").is_some(), "{json}");
    assert!(json["voci"].as_array().expect("a list").iter().all(|item| item.get("nota").is_none()), "{json}");
    let other = get(&gateway.url("pdnd", "/r/redditi"), &scene.voucher("borgoselva-tributi", "tributi")).json();
    assert!(other.get("segreto").is_none() && other.get("nota").is_some(), "{other}");
}

#[test]
fn an_error_of_evaluation_is_a_deny() {
    let (scene, rest) = (Scene::new(), Rest::start(TEXT));
    // Overflows for one purpose only, which no validation can foresee; the permit beside it would have been enough.
    let cedar = r#"
        permit (principal, action, resource);
        permit (principal, action, resource) when {
            principal.purpose == "b5e1f702-2c8d-4a4a-9d3f-6fae1b5c8e14" && 9223372036854775807 + 1 > 0
        };"#;
    let gateway = Gateway::start(scene.path(), &redditi(&scene, &rest, cedar, ""));
    let answer = get(&gateway.url("pdnd", "/r/redditi"), &scene.good_voucher());
    assert_eq!((answer.status, &*answer.problem()), (403, "forbidden-by-policy"));
    assert_eq!(get(&gateway.url("pdnd", "/r/redditi"), &scene.voucher("borgoselva-tributi", "tributi")).status, 200);
    assert_eq!(rest.asked().len(), 1);
}

#[test]
fn the_channel_is_a_fact_of_policy() {
    let scene = Scene::new();
    let gateway = scene.gateway("    channel: header:X-Canale\n");
    let authorization = format!("authorization: Bearer {}", scene.good_voucher());
    let url = gateway.url("pdnd", &format!("/anagrafe/v1/cittadini/{}/indirizzi/DOMICILIO", tests::LUCIA));
    let body = json!({"via": "VIA NUOVA", "civico": "1", "cap": "99010", "comune": "PIETRACHIARA", "provincia": "PX"}).to_string();
    let ask = |channel: &str| {
        let header = format!("x-canale: {channel}");
        curl(&["-X", "PUT", "-H", &authorization, "-H", "content-type: application/json", "-H", &header, "-d", &body, &url])
    };
    let robot = ask("chatbot");
    assert_eq!((robot.status, &*robot.problem()), (403, "forbidden-by-policy"));
    assert_eq!(record(&scene, &robot)["pol"]["reasons"], json!(["chatbot-non-aggiorna"]), "{}", record(&scene, &robot));
    assert_eq!(scene.sandbox.department.accesses().total(), 0);
    let counter = ask("counter");
    assert_eq!(counter.status, 200, "{counter:?}");
    assert_eq!(record(&scene, &counter)["chan"], "counter", "{}", record(&scene, &counter));
}

#[test]
fn withholding_what_the_contract_requires_is_refused_at_load() {
    let (scene, rest) = (Scene::new(), Rest::start(TEXT));
    let cedar = "permit (principal, action, resource);\n\n@withhold(\"/segreto, /id\")\npermit (principal, action, resource);";
    std::fs::write(scene.path().join("varco.yaml"), redditi(&scene, &rest, cedar, "")).expect("written");
    let output = varco(scene.path(), &["check", "-c", "varco.yaml"]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("redditi.cedar:3:22: error: `/id` cannot be withheld from `leggi`: the contract requires it in"), "{said}");
}

#[test]
fn cases_are_run_and_a_wrong_expectation_fails() {
    let scene = Scene::new();
    let cedar = std::fs::read_to_string(tests::repository().join("policies/anagrafe.cedar")).expect("the policies");
    let cases = std::fs::read_to_string(tests::repository().join("policies/anagrafe.cases.yaml")).expect("their cases");
    let folder = scene.path().join("policies");
    std::fs::create_dir(&folder).expect("a folder");
    std::fs::write(folder.join("anagrafe.cedar"), cedar).expect("written");
    let configuration = scene.configuration("");
    let shipped = format!("{}/policies/anagrafe.cedar", tests::repository().display());
    std::fs::write(scene.path().join("varco.yaml"), configuration.replace(&shipped, "policies/anagrafe.cedar")).expect("written");
    let run = |cases: &str| {
        std::fs::write(folder.join("anagrafe.cases.yaml"), cases).expect("written");
        let output = varco(scene.path(), &["test", "-c", "varco.yaml"]);
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let count = cases.matches("- name:").count();
    assert_eq!(run(&cases), (Some(0), format!("{count} passed, 0 failed\n")));
    let (code, said) = run(&cases.replacen("expect: permit", "expect: deny", 1));
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("failed: social services see every field") && said.contains(&format!("{} passed, 1 failed", count - 1)),
        "{said}"
    );
    assert!(said.contains("policies/anagrafe.cases.yaml:4:3"), "the case's place is told: {said}");
    assert_eq!(run(&cases.replacen("operation: cercaResidenza", "operation: cercaTutto", 1)).0, Some(1), "an unknown operation is a fault");
}

#[test]
fn policy_sees_only_valid_requests() {
    let scene = Scene::new();
    let gateway = scene.gateway("");
    let mut body = lookup("1", tests::LUCIA);
    body["criteriRicerca"]["codiceFiscale"] = json!("x");
    let answer = tests::ask(&gateway.url("pdnd", SEARCH), &scene.voucher("valdombra-sociale", "promozioni"), &body.to_string());
    assert_eq!(answer.status, 400, "the contract stands before the policy");
}
