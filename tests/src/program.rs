use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

/// A Python of the project's own, with the packages that the peers need.
pub fn interpreter() -> Command {
    Command::new(crate::repository().join(".work/venv/bin/python"))
}

/// Runs a JSON program of `tests/peers` written in Python: what it is given, and what it says.
pub fn python(program: &str, given: &Value) -> Value {
    let mut command = interpreter();
    json_program(command.arg(crate::repository().join("tests/peers").join(program)), given)
}

/// Runs a program that reads JSON and writes JSON.
pub fn json_program(command: &mut Command, given: &Value) -> Value {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?} cannot be run ({error}): run `make setup` first"));
    child.stdin.take().expect("it is piped").write_all(given.to_string().as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{command:?}: {}", output.status);
    serde_json::from_slice(&output.stdout).expect("it writes JSON")
}
