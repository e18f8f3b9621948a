//! The command line itself; having this test also makes cargo build the binary for the end-to-end tests.

use std::process::Command;

fn varco(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_varco")).args(arguments).output().expect("varco can be run");
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
}

#[test]
fn tells_its_commands_and_its_version() {
    let (good, help) = varco(&["--help"]);
    assert!(good);
    for command in ["run", "check", "test", "demo", "sandbox", "audit", "completions", "man"] {
        assert!(help.contains(&format!("\n  {command} ")), "{command} in {help}");
    }
    let (good, version) = varco(&["--version"]);
    assert!(good && version.starts_with("varco "), "{version}");
}

#[test]
fn writes_completions_and_a_manual_page() {
    assert!(varco(&["completions", "bash"]).1.contains("_varco"));
    assert!(varco(&["man"]).1.contains(".TH varco 1"));
}

#[test]
fn refuses_a_configuration_that_is_not_there() {
    let (good, said) = varco(&["check", "-c", "/nowhere/varco.yaml"]);
    assert!(!good);
    assert!(said.contains("/nowhere/varco.yaml: error: cannot read the file"), "{said}");
}

#[test]
fn ends_quietly_where_nobody_reads_on() {
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../../specs/varco-admin/openapi.yaml");
    for arguments in [&["contract", "lint", document][..], &["completions", "bash"], &["man"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let output = Command::new(env!("CARGO_BIN_EXE_varco")).args(arguments).stdout(writer).output().expect("varco can be run");
        assert_eq!((output.status.code(), &*String::from_utf8_lossy(&output.stderr)), (Some(141), ""), "{arguments:?}");
    }
}
