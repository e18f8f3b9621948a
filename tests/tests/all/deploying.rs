//! What stands in `deploy/` beside the binary.

use std::collections::HashSet;
use std::process::Command;

use serde_json::Value;
use tests::{Connection, Gateway, Rest, Scene, Site, eventually, repository};

use crate::outbound::{Outbound, SOCIALE, configuration};

/// The bill of materials names what is built and nothing that only tests need, holds each to the lock file's checksum, and is closed.
#[test]
fn the_bill_of_materials_is_of_what_is_built() {
    let output = Command::new(repository().join("deploy/sbom.py")).output().expect("python3 is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let bom: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&bom["bomFormat"], &bom["specVersion"]), (&"CycloneDX".into(), &"1.5".into()));
    let components = bom["components"].as_array().expect("components");
    let names: HashSet<&str> = components.iter().filter_map(|one| one["name"].as_str()).collect();
    for (name, built) in [("rustls", true), ("aws-lc-rs", true), ("proxy", true), ("rcgen", false), ("proptest", false), ("cc", false)] {
        assert_eq!(names.contains(name), built, "{name}");
    }
    let of_others = |one: &&Value| one["externalReferences"][0]["url"] != bom["metadata"]["component"]["externalReferences"][0]["url"];
    for component in components.iter().filter(of_others) {
        assert_eq!(component["hashes"][0]["content"].as_str().map(str::len), Some(64), "{component}");
        assert!(component["licenses"][0]["expression"].is_string(), "{component}");
    }
    let top = &bom["metadata"]["component"];
    let known: HashSet<&str> = components.iter().chain([top]).filter_map(|one| one["bom-ref"].as_str()).collect();
    for link in bom["dependencies"].as_array().expect("dependencies") {
        let ends = link["dependsOn"].as_array().into_iter().flatten().chain([&link["ref"]]);
        assert!(ends.into_iter().all(|end| end.as_str().is_some_and(|end| known.contains(end))), "{link}");
    }
}

/// An alert about a metric that is not there never fires.
#[test]
fn alerts_are_about_metrics_that_exist() {
    let rules = std::fs::read_to_string(repository().join("deploy/alerts.yaml")).expect("the rules");
    let (scene, site, provider) = (Scene::new(), Site::new(), Rest::start("{}"));
    let gateway = Gateway::start(site.path(), &configuration(&scene, &site, "cose.yaml", &format!("http://{}", provider.address), ""));
    let outbound = Outbound::of(scene, site, gateway);
    assert_eq!(outbound.ask(&[SOCIALE]).status, 200);
    let shown = Connection::sending(outbound.gateway.address("reparti"), "nessun HTTP\r\n\r\n").rest();
    assert!(shown.starts_with(b"HTTP/1.1 400"));
    let metrics = eventually("what failed is counted", || {
        let (_, metrics) = outbound.gateway.admin("/metrics");
        metrics.contains("varco_failed_connections_total{").then_some(metrics)
    });
    let names: HashSet<&str> =
        rules.split(|symbol: char| !symbol.is_ascii_alphanumeric() && symbol != '_').filter(|word| word.starts_with("varco_")).collect();
    assert!(names.len() >= 7, "{names:?}");
    for name in names {
        let is_there = metrics.lines().any(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])));
        assert!(is_there, "{name} is not among the metrics");
    }
    for label in ["outcome=\"failed\"", "state=\"up\"", "outcome=\"obtained\"", "environment=\""] {
        assert!(metrics.contains(label), "{label}");
    }
}
