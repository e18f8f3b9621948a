//! What stands in `deploy/` beside the binary.

use std::collections::HashSet;
use std::process::{Command, Output};

use serde_json::{Value, json};
use tests::{Connection, Gateway, Rest, Scene, Site, eventually, repository, varco};

use crate::authority::Authority;
use crate::outbound::{Outbound, SOCIALE, configuration};

/// Runs a program of the tests' Python environment, or of the system, at the top of the repository.
fn run(program: &str, arguments: &[&str]) -> Output {
    let ours = repository().join(".work/venv/bin").join(program);
    let program = if ours.is_file() { ours.as_os_str() } else { program.as_ref() };
    Command::new(program).args(arguments).current_dir(repository()).output().expect("tests/setup/install.sh has installed it")
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The configuration that stands under all of them can be used, once what it names is there.
#[test]
fn the_example_is_a_configuration() {
    let folder = tempfile::tempdir().expect("a folder");
    let (root, path) = (repository().display().to_string(), folder.path());
    let example = std::fs::read_to_string(repository().join("deploy/etc/varco.yaml")).expect("the example");
    std::fs::copy(repository().join("deploy/etc/anagrafe.cedar"), path.join("anagrafe.cedar")).expect("its policy");
    for (folder, name) in [("tls", "server"), ("keys", "pdnd")] {
        std::fs::create_dir(path.join(folder)).expect("a folder");
        Authority::new(&path.join(folder), "ca").sign(&path.join(folder), name, &["localhost"]);
    }
    let key = run("openssl", &["genpkey", "-algorithm", "RSA", "-out", &path.join("keys/pdnd.pem").display().to_string()]);
    assert!(key.status.success());
    let example = example.replace("/usr/share/varco", &root).replace("/run/varco", "run").replace("/var/lib/varco", "data");
    std::fs::write(path.join("varco.yaml"), &example).expect("a folder can be written to");
    assert!(text(&varco(path, &["check", "-c", "varco.yaml"])).contains("`env:VARCO_NODE` is no name of a node"), "it has no name yet");
    std::fs::write(path.join("varco.yaml"), example.replace("env:VARCO_NODE", "varco-0")).expect("a folder can be written to");
    let said = text(&varco(path, &["check", "-c", "varco.yaml"]));
    assert!(said.contains("the configuration can be used") && !said.contains("warning"), "{said}");
}

#[test]
fn the_container_file_keeps_to_the_linters_rules() {
    let said = run("hadolint", &["deploy/Containerfile"]);
    assert!(said.status.success(), "{}", text(&said));
}

/// Compose takes the file, and what it mounts, mentions and opens is what the example configuration reads, keeps and listens to.
#[test]
fn the_compose_file_is_one_and_fits_the_example() {
    let held = |file: &str| run("check-jsonschema", &["--builtin-schema", "vendor.compose-spec", file]);
    let said = held("deploy/compose.yaml");
    assert!(said.status.success(), "{}", text(&said));
    let (compose, example) = ["compose.yaml", "etc/varco.yaml"]
        .map(|name| std::fs::read_to_string(repository().join("deploy").join(name)).expect("it is there"))
        .into();
    for (there, here) in [
        ("VARCO_NODE: varco", "env:VARCO_NODE"),
        ("8443:8443", "[::]:8443"),
        ("\"8080\"", "[::]:8080"),
        ("\"9090\"", "[::]:9090"),
        ("audit:/var/lib/varco", "store: /var/lib/varco"),
        ("/run/varco:", "/run/varco/"),
    ] {
        assert!(compose.contains(there) && example.contains(here), "{there} {here}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let broken = folder.path().join("compose.yaml");
    std::fs::write(&broken, compose.replace("cap_drop: [ALL]", "cap_drops: [ALL]")).expect("a file");
    assert!(!held(&broken.display().to_string()).status.success(), "a mistake is seen");
}

/// 1.6 of 10, where 0 is a service that can do nothing at all.
#[test]
fn the_unit_is_as_closed_as_systemd_can_tell() {
    let said = run("systemd-analyze", &["security", "--offline=true", "--threshold=16", "deploy/varco.service"]);
    assert!(said.status.success(), "{}", text(&said));
}

/// Helm makes of the chart what Kubernetes takes: the example as it is, one log a pod, nothing that could be written to but that.
#[test]
fn the_chart_makes_what_kubernetes_takes() {
    const GIVEN: [&str; 6] = [
        "--set",
        "image.repository=registry.example/varco",
        "--set-file",
        "config=deploy/etc/varco.yaml",
        "--set-file",
        "files.anagrafe\\.cedar=deploy/etc/anagrafe.cedar",
    ];
    const SECRET: &str = r#"secrets=[{"name":"tls","items":[{"key":"tls.crt","path":"tls/server.pem"}]}]"#;
    let helm = |arguments: &[&str]| run("helm", &[arguments, &GIVEN].concat());
    let said = helm(&["lint", "--strict", "deploy/chart"]);
    assert!(said.status.success(), "{}", text(&said));
    for more in [&["--set", "replicas=3", "--set-json", SECRET][..], &["--set", "openshift=true"]] {
        let made = helm(&[&["template", "prova", "deploy/chart"], more].concat());
        assert!(made.status.success(), "{}", text(&made));
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("made.yaml").display().to_string();
        std::fs::write(&file, &made.stdout).expect("a folder can be written to");
        for version in ["1.27", "1.37"] {
            let said = run("kubernetes-validate", &["--strict", "-k", version, &file]);
            assert!(said.status.success(), "{}", text(&said));
        }
        let read = "import json, sys, yaml; print(json.dumps([one for one in yaml.safe_load_all(open(sys.argv[1])) if one]))";
        let objects: Value = serde_json::from_slice(&run("python", &["-c", read, &file]).stdout).expect("JSON");
        let of = |kind: &str| objects.as_array().expect("objects").iter().find(|object| object["kind"] == kind).expect("it is made");
        let example = std::fs::read_to_string(repository().join("deploy/etc/varco.yaml")).expect("the example");
        assert_eq!(of("ConfigMap")["data"]["varco.yaml"], example.as_str());
        let spec = &of("StatefulSet")["spec"];
        let (pod, container) = (&spec["template"]["spec"], &spec["template"]["spec"]["containers"][0]);
        assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
        assert_eq!(spec["volumeClaimTemplates"][0]["metadata"]["name"], "audit");
        assert_eq!(pod["securityContext"].get("runAsUser").is_none(), more.contains(&"openshift=true"), "OpenShift chooses the user");
        let written: Vec<&Value> = container["volumeMounts"]
            .as_array()
            .expect("mounts")
            .iter()
            .filter(|mount| mount["readOnly"] != true)
            .map(|mount| &mount["mountPath"])
            .collect();
        assert_eq!(written, ["/var/lib/varco", "/run/varco"]);
    }
    let without = run("helm", &["template", "prova", "deploy/chart", "--set", "image.repository=r"]);
    assert!(!without.status.success() && text(&without).contains("give the configuration"), "{}", text(&without));
    for (set, said) in [
        ("metricsPort=8080", "is that of the metrics"),
        ("ports.metrics.port=1", "metrics"),
        ("files.varco\\.yaml=x", "varco.yaml"),
        ("env[0].name=VARCO_NODE", "env"),
        ("storage.size=", "storage"),
    ] {
        let refused = helm(&["template", "prova", "deploy/chart", "--set", set]);
        assert!(!refused.status.success() && text(&refused).contains(said), "{set}: {}", text(&refused));
    }
    let misspelt = helm(&["template", "prova", "deploy/chart", "--set", "replica=3"]);
    assert!(!misspelt.status.success() && text(&misspelt).contains("replica"), "{}", text(&misspelt));
}

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

/// Prometheus itself understands what the alerts and the panels ask.
#[test]
fn alerts_and_panels_are_in_prometheus_language() {
    let said = run("promtool", &["check", "rules", "deploy/alerts.yaml"]);
    assert!(said.status.success(), "{}", text(&said));
    let board = std::fs::read_to_string(repository().join("deploy/grafana.json")).expect("the dashboard");
    let board: Value = serde_json::from_str(&board).expect("JSON");
    // Each as a rule: those can be checked alone. Grafana puts something in the place of its variables.
    let targets = board["panels"].as_array().expect("panels").iter().flat_map(|panel| panel["targets"].as_array().expect("targets"));
    let rules: Vec<Value> = targets
        .enumerate()
        .map(|(at, target)| {
            let asked = target["expr"].as_str().expect("a question").replace("$__rate_interval", "5m");
            json!({ "record": format!("panel_{at}"), "expr": asked.replace("$instance", ".*").replace("$eservice", ".*") })
        })
        .collect();
    assert!(rules.len() >= 17);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("panels.yaml");
    std::fs::write(&file, json!({ "groups": [{ "name": "panels", "rules": rules }] }).to_string()).expect("a folder can be written to");
    let said = run("promtool", &["check", "rules", &file.display().to_string()]);
    assert!(said.status.success(), "{}", text(&said));
}

/// An alert about a metric that is not there never fires, and a panel shows nothing.
#[test]
fn alerts_and_panels_are_about_metrics_that_exist() {
    let read = |name: &str| std::fs::read_to_string(repository().join("deploy").join(name)).expect("it is there");
    let board: Value = serde_json::from_str(&read("grafana.json")).expect("JSON");
    let panels = board["panels"].as_array().expect("panels");
    assert!(panels.iter().all(|panel| panel["targets"].as_array().is_some_and(|targets| !targets.is_empty())));
    let rules = read("alerts.yaml") + &board.to_string();
    let (scene, site, provider) = (Scene::new(), Site::new(), Rest::start("{}"));
    Authority::new(site.path(), "ca").sign(site.path(), "server", &["localhost"]);
    let yaml = configuration(&scene, &site, "cose.yaml", &format!("http://{}", provider.address), "").replace(
        "listeners: { ",
        "listeners: { altro: { address: \"127.0.0.1:0\", tls: [{ certificate: server.pem, key: server.key }] }, ",
    );
    let collectors = "siem: { url: \"tcp://127.0.0.1:1\" }\notlp: { url: \"http://127.0.0.1:1\" }\n";
    let gateway = Gateway::start(site.path(), &format!("{collectors}{yaml}"));
    let outbound = Outbound::of(scene, site, gateway);
    assert_eq!((outbound.ask(&[SOCIALE]).status, outbound.ask(&[]).status), (200, 401));
    let shown = Connection::sending(outbound.gateway.address("reparti"), "nessun HTTP\r\n\r\n").rest();
    assert!(shown.starts_with(b"HTTP/1.1 400"));
    let metrics = eventually("what failed is counted", || {
        let (_, metrics) = outbound.gateway.admin("/metrics");
        metrics.contains("varco_failed_connections_total{").then_some(metrics)
    });
    let names: HashSet<&str> =
        rules.split(|symbol: char| !symbol.is_ascii_alphanumeric() && symbol != '_').filter(|word| word.starts_with("varco_")).collect();
    assert!(names.len() >= 16, "{names:?}");
    for name in names {
        let is_there = metrics.lines().any(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])));
        assert!(is_there, "{name} is not among the metrics");
    }
    for label in ["outcome=\"failed\"", "state=\"up\"", "outcome=\"obtained\"", "environment=\""] {
        assert!(metrics.contains(label), "{label}");
    }
}
