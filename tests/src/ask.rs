use serde_json::Value;

use crate::{Answer, Gateway, LUCIA, curl, lookup};

/// The path of the sandbox e-service's look-up.
pub const SEARCH: &str = "/anagrafe/v1/residenze/ricerca";

/// Posts JSON with a voucher.
pub fn ask(url: &str, voucher: &str, body: &str) -> Answer {
    let authorization = format!("authorization: Bearer {voucher}");
    curl(&["-H", &authorization, "-H", "content-type: application/json", "--data-binary", body, url])
}

/// Gets with a voucher.
pub fn get(url: &str, voucher: &str) -> Answer {
    curl(&["-H", &format!("authorization: Bearer {voucher}"), url])
}

/// The plain look-up of the sandbox's e-service, with this voucher.
pub fn search(gateway: &Gateway, voucher: &str) -> Answer {
    ask(&gateway.url("pdnd", SEARCH), voucher, &lookup("20261121000001", LUCIA).to_string())
}

/// A department's key as the configuration has it.
pub fn hashed(key: &str) -> String {
    format!("sha256:{}", hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, key.as_bytes())))
}

/// Runs a JSON program of `tests/peers` written in Python: what it is given, and what it says.
pub fn python(program: &str, given: &Value) -> Value {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    let root = crate::repository();
    let mut child = Command::new(root.join(".work/venv/bin/python"))
        .arg(root.join("tests/peers").join(program))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program} cannot be run ({error}): run `make setup` first"));
    child.stdin.take().expect("it is piped").write_all(given.to_string().as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{program}: {}", output.status);
    serde_json::from_slice(&output.stdout).expect("it writes JSON")
}
