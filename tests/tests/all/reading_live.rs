//! The log is read while a gateway writes it, and no reader is ever alarmed for nothing.

use serde_json::Value;
use tests::{Load, Scene, varco};

#[test]
fn readers_beside_a_busy_gateway_see_a_whole_log() {
    let scene = Scene::new();
    let mut gateway = scene.gateway("");
    let log = scene.path().join("audit");
    let store = log.to_str().expect("a path");
    let load = Load::start(4, gateway.address("pdnd"), &scene.good_lookup());
    load.wait_for_more(20);
    let mut records = 0;
    for round in 0..12 {
        let output = varco(scene.path(), &["audit", "verify", "--json", "--store", store]);
        let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
        assert!(output.status.success() && report["whole"] == true, "round {round}: {report}");
        let now = report["records"].as_u64().expect("a count");
        assert!(now > records, "round {round}: the log grows under the reader");
        records = now;

        let list = varco(scene.path(), &["audit", "list", "-n", "5", "--json", "--store", store]);
        let lines: Vec<Value> =
            String::from_utf8_lossy(&list.stdout).lines().map(|line| serde_json::from_str(line).expect("a record")).collect();
        assert_eq!(lines.len(), 5, "round {round}");
        let id = lines[4]["id"].as_str().expect("an exchange");
        let show = varco(scene.path(), &["audit", "show", id, "--json", "--store", store]);
        assert_eq!(String::from_utf8_lossy(&show.stdout).lines().count(), 1, "round {round}: the record of {id}");
    }
    let seen = load.end();
    assert!(gateway.stop().success());
    let (whole, said) = scene.verify();
    assert!(whole, "{said}");
    let ended = scene.log().iter().filter(|record| record["ev"] == "exchange").count();
    assert_eq!(ended, seen.len());
}
