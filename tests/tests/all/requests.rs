//! Requests against the contract: each fault is told by its place and rule, never by the value, and nothing goes on.

use serde_json::{Value, json};
use tests::{Answer, Gateway, LUCIA, SEARCH, Scene, ask, curl, lookup};

/// What no answer, record or log line may repeat.
const MARKER: &str = "ZZMARKERZZ";

/// The errors of a problem: `place rule`.
fn errors(answer: &Answer) -> Vec<String> {
    let json = answer.json();
    let list = json["errors"].as_array().cloned().unwrap_or_default();
    let mut said: Vec<String> =
        list.iter().map(|one| format!("{} {}", one["place"].as_str().unwrap_or("?"), one["rule"].as_str().unwrap_or("?"))).collect();
    said.sort_unstable();
    said
}

/// A lookup with one member changed.
fn with(pointer: &str, value: Value) -> String {
    let mut body = lookup("1", LUCIA);
    *body.pointer_mut(pointer).expect("a member") = value;
    body.to_string()
}

fn end(mut gateway: Gateway, scene: &Scene, said: &str) {
    assert_eq!(scene.sandbox.department.accesses().total(), 0, "nothing goes on");
    assert!(gateway.stop().success());
    let log = serde_json::to_string(&scene.log()).expect("JSON");
    for (what, text) in [("an answer", said), ("the log lines", &gateway.stderr()), ("the records", &log)] {
        assert!(!text.contains(MARKER), "{what} repeats a value");
    }
}

#[test]
fn bodies_that_break_the_contract() {
    let scene = Scene::new();
    let gateway = scene.gateway("");
    let (url, voucher) = (gateway.url("pdnd", SEARCH), scene.good_voucher());
    let valid = lookup("1", LUCIA).to_string();
    let deep = format!("{}{}", "[".repeat(2000), "]".repeat(2000));
    let deepest = format!("body:/idOperazioneClient{} json", "/0".repeat(63));
    let deepest = [deepest.as_str()];
    let huge = "9".repeat(5000);
    let several = with("/criteriRicerca/codiceFiscale", json!(MARKER)).replace("2026-11-21", MARKER).replace("C020", MARKER);
    let cases: Vec<(&str, String, &[&str])> = vec![
        (
            "a pattern",
            with("/criteriRicerca/codiceFiscale", json!(MARKER)),
            &["body:/criteriRicerca/codiceFiscale minLength", "body:/criteriRicerca/codiceFiscale pattern"],
        ),
        ("a type", with("/idOperazioneClient", json!(17)), &["body:/idOperazioneClient type"]),
        ("a missing member", valid.replace("\"codiceFiscale\"", "\"cognome\""), &["body:/criteriRicerca/codiceFiscale required"]),
        ("a member too many", valid.replacen('{', &format!("{{\"{MARKER}\":1,"), 1), &["body additionalProperties"]),
        (
            "several at once",
            several,
            &[
                "body:/criteriRicerca/codiceFiscale minLength",
                "body:/criteriRicerca/codiceFiscale pattern",
                "body:/datiRichiesta/casoUso maxLength",
                "body:/datiRichiesta/casoUso pattern",
                "body:/datiRichiesta/dataRiferimentoRichiesta format",
                "body:/datiRichiesta/dataRiferimentoRichiesta pattern",
            ],
        ),
        ("no object", format!("\"{MARKER}\""), &["body type"]),
        ("a duplicate key", valid.replacen('{', "{\"idOperazioneClient\":\"2\",", 1), &["body:/idOperazioneClient json"]),
        (
            "a duplicate key below",
            valid.replace("\"codiceFiscale\":", &format!("\"codiceFiscale\":\"{MARKER}\",\"codiceFiscale\":")),
            &["body:/criteriRicerca/codiceFiscale json"],
        ),
        ("a duplicate key escaped", valid.replacen('{', "{\"\\u0069dOperazioneClient\":\"2\",", 1), &["body:/idOperazioneClient json"]),
        ("deep nesting", with("/idOperazioneClient", json!(MARKER)).replace(&format!("\"{MARKER}\""), &deep), &deepest),
        ("a huge number", valid.replace("\"1\"", &huge), &["body:/idOperazioneClient json"]),
        ("half a document", valid[..valid.len() - 1].to_owned(), &["body json"]),
        ("something after it", format!("{valid}{MARKER}"), &["body json"]),
        ("no JSON", MARKER.to_owned(), &["body json"]),
        ("a lone surrogate", valid.replace("\"1\"", "\"\\ud800\""), &["body:/idOperazioneClient json"]),
        (
            "a large body",
            with("/datiRichiesta/motivoRichiesta", json!(MARKER.repeat(20_000))),
            &["body:/datiRichiesta/motivoRichiesta maxLength"],
        ),
        ("no body", String::new(), &["body required"]),
    ];
    let (mut wrong, mut said) = (Vec::new(), String::new());
    for (name, body, expected) in cases {
        // curl reads long bodies from a file.
        let file = scene.path().join("body.json");
        std::fs::write(&file, body).expect("the folder can be written");
        let answer = ask(&url, &voucher, &format!("@{}", file.display()));
        let told = errors(&answer);
        if (answer.status, &*answer.problem()) != (400, "contract-violation") || told != *expected {
            wrong.push(format!("{name}: {} {} {told:?}", answer.status, answer.problem()));
        }
        said += &String::from_utf8_lossy(&answer.body);
    }
    assert_eq!(wrong, [""; 0], "{}", wrong.join("\n"));
    end(gateway, &scene, &said);
}

#[test]
fn parameters_that_break_the_contract() {
    let scene = Scene::new();
    let gateway = scene.gateway("");
    let authorization = format!("authorization: Bearer {}", scene.good_voucher());
    let call = |target: &str| curl(&["--path-as-is", "-H", &authorization, &gateway.url("pdnd", &format!("/anagrafe/v1{target}"))]);
    let cases: [(&str, u16, &str, &[&str]); 9] = [
        (&format!("/cittadini/{MARKER}"), 400, "contract-violation", &["path.codiceFiscale minLength", "path.codiceFiscale pattern"]),
        (
            &format!("/cittadini/{LUCIA}?data_riferimento={MARKER}"),
            400,
            "contract-violation",
            &["query.data_riferimento format", "query.data_riferimento pattern"],
        ),
        (
            &format!("/cittadini/{LUCIA}?data_riferimento=2026-01-01&data_riferimento=2026-01-02"),
            400,
            "contract-violation",
            &["query.data_riferimento repeated"],
        ),
        (
            &format!("/cittadini/{MARKER}?data_riferimento={MARKER}"),
            400,
            "contract-violation",
            &[
                "path.codiceFiscale minLength",
                "path.codiceFiscale pattern",
                "query.data_riferimento format",
                "query.data_riferimento pattern",
            ],
        ),
        (&format!("/cittadini/{LUCIA}?{MARKER}={MARKER}"), 400, "contract-violation", &["query unknown"]),
        ("/cittadini/%ZZ", 400, "bad-path", &[]),
        (&format!("/cittadini/../{MARKER}"), 400, "bad-path", &[]),
        (&format!("/{MARKER}"), 404, "no-operation", &[]),
        ("/cittadini/", 404, "no-operation", &[]),
    ];
    let (mut wrong, mut said) = (Vec::new(), String::new());
    for (target, status, kind, expected) in cases {
        let answer = call(target);
        let told = errors(&answer);
        if (answer.status, &*answer.problem()) != (status, kind) || told != *expected {
            wrong.push(format!("{target}: {} {} {told:?}", answer.status, answer.problem()));
        }
        said += &String::from_utf8_lossy(&answer.body);
    }
    assert_eq!(wrong, [""; 0], "{}", wrong.join("\n"));
    let method = curl(&["-X", "DELETE", "-H", &authorization, &gateway.url("pdnd", SEARCH)]);
    assert_eq!((method.status, &*method.problem(), method.header("allow")), (405, "method-not-allowed", Some("POST, OPTIONS")));
    let nowhere = curl(&[&gateway.url("pdnd", "/altro")]);
    assert_eq!((nowhere.status, &*nowhere.problem()), (404, "no-e-service"));
    end(gateway, &scene, &said);
}

#[test]
fn media_types_that_the_contract_does_not_name() {
    let scene = Scene::new();
    let gateway = scene.gateway("");
    let authorization = format!("authorization: Bearer {}", scene.good_voucher());
    let body = lookup("1", LUCIA).to_string();
    // A body under a name that is not its own.
    let send = |content_type: &str| curl(&["-H", &authorization, "-H", content_type, "--data-binary", &body, &gateway.url("pdnd", SEARCH)]);
    let mut told = Vec::new();
    for content_type in [
        "content-type: text/plain",
        "content-type: application/x-www-form-urlencoded",
        "content-type: application/json-seq",
        "content-type: json",
        "content-type:",
    ] {
        let answer = send(content_type);
        let hints = (answer.header("accept"), answer.header("accept-post"));
        assert_eq!(hints, (Some("application/json"), Some("application/json")), "{content_type}");
        told.push(format!("{} {} {content_type}", answer.status, answer.problem()));
    }
    let refused: Vec<_> = told.iter().filter(|line| line.starts_with("415 unsupported-media-type")).collect();
    assert_eq!(refused.len(), 5, "{told:?}");
    // SOAP where REST is spoken.
    let soap = send("content-type: application/soap+xml; charset=utf-8");
    assert_eq!(soap.status / 100, 5, "a fault has status 500");
    assert!(String::from_utf8_lossy(&soap.body).contains("Fault>"), "{soap:?}");
    assert_eq!(scene.sandbox.department.accesses().total(), 0);
    assert_eq!(send("content-type: Application/JSON; charset=UTF-8").status, 200);
}
