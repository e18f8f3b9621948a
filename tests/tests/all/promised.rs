//! What a document promises of who may call is held against what the configuration asks for, before anybody calls.

use tests::{Scene, Site, curl, varco};

use crate::outbound::configuration;

/// The document, with what it requires and the schemes that there are.
fn document(security: &str) -> String {
    format!(
        "openapi: 3.1.1\ninfo: {{ title: t, version: '1' }}\nsecurity: {security}\n\
         paths:\n  /cose:\n    get: {{ operationId: leggi, responses: {{ '200': {{ description: ok }} }} }}\n\
         \x20   post: {{ operationId: scrivi, security: [], responses: {{ '204': {{ description: ok }} }} }}\n\
         components:\n  securitySchemes:\n    token: {{ type: http, scheme: bearer }}\n    chiave: {{ type: apiKey, in: header, name: X-Chiave }}\n\
         \x20   firma: {{ type: apiKey, in: header, name: Agid-JWT-Signature }}\n    certificato: {{ type: mutualTLS }}\n"
    )
}

/// What the document requires; the word under `security`; what is said of it.
const INBOUND: [(&str, &str, &str); 11] = [
    ("[{token: []}]", "voucher", ""),
    ("[{token: []}]", "upstream", ""),
    ("[{token: []}]", "open", "error: the document promises that `leggi` needs `Authorization: Bearer` and a token"),
    ("[]", "open", ""),
    ("[{}, {chiave: []}]", "open", ""),
    ("[{chiave: []}]", "voucher", "needs a key in the header `x-chiave`, and"),
    ("[{chiave: []}]", "upstream", ""),
    ("[{chiave: []}, {token: []}]", "voucher", ""),
    ("[{chiave: [], token: []}]", "voucher", "needs a key in the header `x-chiave` and `Authorization: Bearer` and a token, and"),
    ("[{token: [], firma: []}]", "voucher", "a key in the header `agid-jwt-signature`, and"),
    ("[{certificato: []}]", "open", "needs a client certificate, and"),
];

#[test]
fn a_promise_that_nobody_keeps_is_an_error_of_ours() {
    let scene = Scene::new();
    for (required, security, expected) in INBOUND {
        std::fs::write(scene.path().join("cose.yaml"), document(required)).expect("written");
        std::fs::write(scene.path().join("tutto.cedar"), "permit(principal, action, resource);").expect("written");
        let access = match security {
            "voucher" => format!("instances: [{}]\n    policy: tutto.cedar", scene.instance()),
            other => format!("acknowledge: [{other}]"),
        };
        let yaml = format!(
            "{}listeners:\n  web: {{ address: \"127.0.0.1:0\" }}\neservices:\n  cose:\n    direction: inbound\n    listener: web\n    base_path: /c\n\
             \x20   contract: cose.yaml\n    security: [{security}]\n    {access}\n    adapter: {{ http: {{ url: \"http://127.0.0.1:1\" }} }}\n",
            scene.head()
        );
        std::fs::write(scene.path().join("varco.yaml"), yaml).expect("written");
        let output = varco(scene.path(), &["check", "-c", "varco.yaml"]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.success(), expected.is_empty(), "{required} {security}: {said}");
        assert!(said.contains(expected), "{required} {security}: {said}");
        assert_eq!(said.contains("the document promises"), !expected.is_empty(), "{required} {security}: {said}");
    }
}

/// What the document requires; the patterns; what is said of it.
const OUTBOUND: [(&str, &str, &str); 4] = [
    ("[{token: []}]", "voucher", ""),
    ("[{token: [], firma: []}]", "voucher, INTEGRITY_REST_02", ""),
    (
        "[{token: [], firma: []}]",
        "voucher",
        "warning: the document says that `leggi` needs `Authorization: Bearer` and a token and a key in",
    ),
    ("[{certificato: []}]", "voucher", "warning: the document says that `leggi` needs a client certificate"),
];

#[test]
fn of_others_it_is_a_warning_that_can_be_acknowledged() {
    let (scene, site) = (Scene::new(), Site::new());
    for (required, patterns, expected) in OUTBOUND {
        std::fs::write(site.path().join("cose.yaml"), document(required)).expect("written");
        let yaml = configuration(&scene, &site, "cose.yaml", "http://127.0.0.1:1", "")
            .replace("security: [voucher]", &format!("security: [{patterns}]"))
            .replace("http: { url", "http: { audience: \"https://ente.example\", url");
        let yaml = if patterns == "voucher" { yaml.replace("audience: \"https://ente.example\", ", "") } else { yaml };
        let check = |yaml: &str| {
            std::fs::write(site.path().join("varco.yaml"), yaml).expect("written");
            let output = varco(site.path(), &["check", "-c", "varco.yaml"]);
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success(), "{required} {patterns}: {said}");
            said
        };
        let said = check(&yaml);
        assert!(said.contains(expected), "{required} {patterns}: {said}");
        assert_eq!(said.contains("the document says"), !expected.is_empty(), "{required} {patterns}: {said}");
        let acknowledged = check(&yaml.replace("    consumers:\n", "    acknowledge: [document-security]\n    consumers:\n"));
        assert!(!acknowledged.contains("the document says"), "{acknowledged}");
    }
}

#[test]
fn credentials_that_the_upstream_believes_pass_to_it() {
    let scene = Scene::new();
    let rest = tests::Rest::start("");
    std::fs::write(scene.path().join("cose.yaml"), document("[{token: []}, {certificato: []}]")).expect("written");
    let service = tests::open(
        "cose",
        &scene.path().join("cose.yaml").display().to_string(),
        &format!("{{ http: {{ url: \"http://{}\" }} }}", rest.address),
        "",
    );
    let gateway = scene.gateway_of(1, &[service.replace("[open]", "[upstream]") + "    answers: off\n"]);
    let url = gateway.url("pdnd", "/cose/cose");
    let refused = curl(&[&url]);
    assert_eq!((refused.status, &*refused.problem()), (401, "credentials-missing"), "{refused:?}");
    assert_eq!(refused.header("www-authenticate"), Some("Bearer"), "{refused:?}");
    let record = scene.record_of(&refused);
    assert_eq!(
        (record["out"].as_str(), record["err"].as_str(), record["stage"].as_str()),
        (Some("refused"), Some("credentials-missing"), Some("authenticate"))
    );
    assert_eq!(rest.asked().len(), 0);
    assert_eq!(curl(&["-H", "Authorization: Bearer del-fruitore", &url]).status, 200);
    assert_eq!(rest.asked()[0].headers.get("authorization").map(String::as_str), Some("Bearer del-fruitore"));
}

#[test]
fn a_document_that_says_that_it_is_elsewhere_is_warned_about() {
    let scene = Scene::new();
    let servers = "servers: [{ url: 'https://{ente}.example/{versione}/', variables: { ente: { default: a }, versione: { default: v1, enum: [v1, v2] } } }]\n";
    std::fs::write(scene.path().join("cose.yaml"), document("[]") + servers).expect("written");
    for (base_path, warned) in [("/v1", false), ("/v2/", false), ("/v3", true), ("/", true)] {
        let yaml = format!(
            "{}listeners:\n  web: {{ address: \"127.0.0.1:0\" }}\neservices:\n  cose:\n    direction: inbound\n    listener: web\n    base_path: {base_path}\n\
             \x20   contract: cose.yaml\n    security: [open]\n    acknowledge: [open]\n    adapter: {{ http: {{ url: \"http://127.0.0.1:1\" }} }}\n",
            scene.head()
        );
        std::fs::write(scene.path().join("varco.yaml"), yaml).expect("written");
        let output = varco(scene.path(), &["check", "-c", "varco.yaml"]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}");
        assert_eq!(
            said.contains("says that its operations are under `/v1/`, `/v2/`, and they are served under"),
            warned,
            "{base_path}: {said}"
        );
    }
}
