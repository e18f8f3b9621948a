//! `varco contract check`, `explain` and `lint`, by what they say.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

const GOOD: &str = "GET /cittadini/RSSMRA80A01H501U";
const TOKEN: &str = "authorization: Bearer abc";

/// Whether it ended well, and what it said.
fn contract(arguments: &[&str], input: &str) -> (bool, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_varco"))
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contract"))
        .arg("contract")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("varco can be run");
    child.stdin.take().expect("it is piped").write_all(input.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    (output.status.success(), String::from_utf8(output.stdout).expect("UTF-8"))
}

#[test]
fn a_message_is_explained() {
    let deprecated = "note:      it uses what the document calls deprecated\n";
    let leggi = "operation: GET /cittadini/{cf} (leggi)\n";
    let scrivi = "operation: POST /cittadini (scrivi)\n";
    for (arguments, input, expected) in [
        (&[GOOD, "-H", TOKEN][..], "", format!("{leggi}{deprecated}it keeps the contract\n")),
        (
            &[GOOD],
            "",
            format!(
                "{leggi}note:      it shows no `Authorization: Bearer` and a token: 401, where the e-service leaves that to its upstream \
                 (`security: [upstream]`)\n{deprecated}it keeps the contract\n"
            ),
        ),
        (
            &["GET /cittadini/RSSMRA80A01H501X?anno=1&chi=io", "-H", TOKEN],
            "",
            format!(
                "{leggi}refused:   400: it breaks 3 rules of api.yaml\n  path.cf is not of the format codice-fiscale (format, expected \
                 \"codice-fiscale\")\n  query.anno is less than 1900 (minimum, expected 1900)\n  query has a parameter that the operation \
                 does not list (unknown)\n"
            ),
        ),
        (&["POST /cittadini"], "{\"nome\":\"Ada\"}", format!("{scrivi}it keeps the contract\n")),
        (
            &["POST /cittadini"],
            "{\"nome\":\"Anna\"}",
            format!(
                "{scrivi}refused:   400: it breaks 1 rule of api.yaml\n  body:/nome is longer than 3 characters (maxLength, expected 3)\n"
            ),
        ),
        (
            &["POST /cittadini", "-H", "content-type: text/plain"],
            "x",
            format!(
                "{scrivi}refused:   415: it breaks 1 rule of api.yaml\n  body is of none of the media types application/json (content)\n"
            ),
        ),
        (&["PUT /cittadini"], "", "refused:   405: the path has the methods POST\n".to_owned()),
        (&["GET /altrove"], "", "refused:   404: no path of the document matches\n".to_owned()),
        (&["GET /a/../b"], "", "refused:   400: this is no path, or could be taken for another\n".to_owned()),
        (&[GOOD, "--answer", "200"], "{\"nome\":1}", format!("{leggi}it keeps the contract\n")),
        (
            &[GOOD, "--answer", "200", "-H", "x-conta: molti"],
            "{}",
            format!(
                "{leggi}refused:   it breaks 2 rules of api.yaml\n  header.X-Conta is not integer (type, expected \"integer\")\n  body:/nome is required (required)\n"
            ),
        ),
        (&[GOOD, "--answer", "404"], "{}", format!("{leggi}refused:   undocumented status\n")),
    ] {
        let (good, said) = contract(&[&["explain", "api.yaml"], arguments].concat(), input);
        assert_eq!(said, expected, "{arguments:?}");
        assert_eq!(good, said.ends_with("it keeps the contract\n"), "{arguments:?}");
    }
}

#[test]
fn a_message_is_explained_to_machines() {
    let (good, said) = contract(&["explain", "api.yaml", "POST /cittadini", "--json"], "{\"nome\":\"Anna\"}");
    let json: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    assert!(!good);
    assert_eq!(
        json,
        serde_json::json!({
            "operation": "POST /cittadini (scrivi)", "conforms": false, "notes": [],
            "status": 400, "reason": "body:/nome is longer than 3 characters",
            "errors": [{ "place": "body:/nome", "rule": "maxLength", "message": "is longer than 3 characters", "expected": 3 }],
        })
    );
}

#[test]
fn a_document_is_checked_and_linted() {
    let (good, said) = contract(&["check", "api.yaml"], "");
    assert!(good && said.starts_with("api.yaml: 2 operations, compiled in "), "{said}");
    let (good, said) = contract(&["lint", "api.yaml"], "");
    assert!(!good && said.contains("api.yaml:") && said.ends_with(" breaches\n"), "{said}");
    let (good, said) = contract(&["check", "missing.yaml"], "");
    assert!(!good && said.contains("missing.yaml: error: cannot read the file"), "{said}");
}
