//! `varco check`: every fault of a configuration at once, with its place and what would mend it, and nothing started.

use std::net::TcpListener;
use std::path::Path;

use serde_json::Value;
use tests::{Scene, repository, varco};

/// A certificate with its key, and a key that is not its own.
fn keys(folder: &Path) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let other = rcgen::KeyPair::generate().expect("a key");
    for (name, text) in
        [("server.pem", made.cert.pem()), ("server.key", made.signing_key.serialize_pem()), ("other.key", other.serialize_pem())]
    {
        std::fs::write(folder.join(name), text).expect("the folder can be written");
    }
}

#[test]
fn every_fault_of_several_files_is_told_at_once() {
    let scene = tempfile::tempdir().expect("a folder");
    let cases = repository().join("tests/cases/check");
    for entry in std::fs::read_dir(&cases).expect("the case").flatten() {
        std::fs::copy(entry.path(), scene.path().join(entry.file_name())).expect("the folder can be written");
    }
    keys(scene.path());
    let output = varco(scene.path(), &["check", "-c", "varco.yaml"]);
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    let expected = std::fs::read_to_string(cases.join("expected.txt")).expect("what is expected");
    assert_eq!(said, expected, "\n{said}");
    assert_eq!(output.status.code(), Some(1));
    assert!(!said.contains("SEGRETISSIMO") && !String::from_utf8_lossy(&output.stderr).contains("SEGRETISSIMO"), "a secret is told");

    let output = varco(scene.path(), &["check", "-c", "varco.yaml", "--json"]);
    let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((output.status.code(), &json["usable"]), (Some(1), &Value::Bool(false)));
    let shown = |fault: &Value| {
        format!("{}:{}:{}: {}: {}", text(&fault["file"]), fault["line"], fault["column"], text(&fault["severity"]), text(&fault["message"]))
    };
    let told: Vec<String> = json["faults"].as_array().expect("a list").iter().map(shown).collect();
    let lines: Vec<&str> = expected.lines().filter(|line| line.contains(": error: ") || line.contains(": warning: ")).collect();
    assert_eq!(told, lines, "the same faults for machines");
    assert!(!json.to_string().contains("SEGRETISSIMO"));
    assert!(!scene.path().join("audit").exists(), "nothing is started");

    let refused = varco(scene.path(), &["run", "-c", "varco.yaml"]);
    assert!(!refused.status.success(), "it cannot be run either");
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

#[test]
fn a_good_configuration_is_proved_without_binding_a_port() {
    let scene = Scene::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let configuration = scene.configuration("").replace("127.0.0.1:0", &format!("127.0.0.1:{port}"));
    std::fs::write(scene.path().join("varco.yaml"), configuration).expect("written");
    let output = varco(scene.path(), &["check", "-c", "varco.yaml"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(
        (output.status.code(), said.as_str()),
        (Some(0), "the configuration can be used: 1 listeners, 1 e-services with 4 operations\n")
    );
    let output = varco(scene.path(), &["check", "-c", "varco.yaml", "--json"]);
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).expect("JSON"), serde_json::json!({"usable": true, "faults": []}));
    assert!(!scene.path().join("audit").exists() && scene.sandbox.pdnd.accesses().total() == 0, "nothing is asked or written");
    let missing = varco(scene.path(), &["check", "-c", "nessuno.yaml"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stdout).contains("nessuno.yaml: error: cannot read the file"), "{missing:?}");
}
