//! What an operator sees: metrics, liveness, readiness, log lines.

use std::net::TcpListener;

use serde_json::Value;
use tests::{Gateway, LUCIA, Scene, Site, Witness, curl, eventually, lookup};

#[test]
fn metrics_count_exchanges_by_e_service_operation_and_outcome() {
    let (site, witness) = (Site::new(), Witness::hello());
    let mut gateway = site.gateway("", "", &witness.url(), "");
    let url = gateway.url("web", "/c/v1/cose");
    assert_eq!(curl(&[&url]).status, 200);
    assert_eq!(curl(&[&url]).status, 200);
    assert_eq!(curl(&["-H", "content-type: application/json", "-d", "{}", &url]).status, 400);
    // What a caller made up: in a path, a query, a header, a method, a media type.
    let invented = ["-X", "INVENTATO", "-H", "x-inventato: inventato", "-H", "content-type: inventato/x", "-H", "traceparent: inventato"];
    curl(&[&invented[..], &[&gateway.url("web", "/c/v1/inventato?inventato=1")]].concat());
    curl(&[&invented[..], &[&url]].concat());
    let (status, text) = gateway.admin("/metrics");
    assert_eq!(status, 200);
    assert!(!text.to_lowercase().contains("inventato"), "{text}");
    assert!(!text.contains("127.0.0.1"), "{text}");
    for (name, expected) in [
        ("varco_exchanges_total{eservice=\"cose\",operation=\"elenca\",outcome=\"success\"}", 2.0),
        ("varco_exchanges_total{eservice=\"cose\",operation=\"elenca\",outcome=\"refused\"}", 0.0),
        ("varco_exchanges_total{eservice=\"cose\",operation=\"crea\",outcome=\"refused\"}", 1.0),
        ("varco_stage_seconds_count{eservice=\"cose\",stage=\"upstream\"}", 2.0),
        ("varco_stage_seconds_count{eservice=\"cose\",stage=\"contract\"}", 3.0),
        ("varco_stage_seconds_bucket{le=\"30.0\",eservice=\"cose\",stage=\"route\"}", 3.0),
        ("varco_lookups_total{eservice=\"cose\",state=\"bypass\"}", 2.0),
        ("varco_breaker_level{eservice=\"cose\"}", 0.0),
        ("varco_buffered_bytes", 0.0),
        ("varco_audit_queue_bytes", 0.0),
    ] {
        assert!(text.lines().any(|line| line.starts_with(name)), "{name} in {text}");
        assert!((gateway.metric(name) - expected).abs() < 0.1, "{name} {expected}: {text}");
    }
    assert!(gateway.metric("varco_audit_commit_seconds_count") >= 3.0, "{text}");
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (_, number) = line.rsplit_once(' ').expect("a name and a number");
        assert!(number.parse::<f64>().is_ok(), "{line}");
    }
    assert!(text.ends_with("# EOF\n"), "{text}");
    gateway.stop();
}

#[test]
fn the_breaker_is_seen_to_open() {
    let dead = TcpListener::bind("127.0.0.1:0").and_then(|taken| taken.local_addr()).expect("a port that nobody listens on");
    let site = Site::new();
    let more = "    upstream: { breaker: { failures: 2, open_for: 1h } }\n";
    let gateway = site.gateway("", "", &format!("http://{dead}"), more);
    while curl(&[&gateway.url("web", "/c/v1/cose")]).problem() != "upstream-unavailable" {}
    assert!((gateway.metric("varco_breaker_level{eservice=\"cose\"}") - 2.0).abs() < 0.1);
    assert!(gateway.metric("varco_exchanges_total{eservice=\"cose\",operation=\"elenca\",outcome=\"failed\"}") >= 1.0);
}

#[test]
fn ready_needs_the_keys_of_every_issuer() {
    let scene = Scene::new();
    let voucher = format!("authorization: Bearer {}", scene.good_voucher());
    let dead = TcpListener::bind("127.0.0.1:0").and_then(|taken| taken.local_addr()).expect("a port that nobody listens on");
    let yaml = scene.configuration("").replace(&scene.sandbox.pdnd.jwks_url(), &format!("http://{dead}/jwks.json"));
    let gateway = Gateway::start(scene.path(), &yaml);
    assert_eq!(gateway.admin("/live"), (200, "live\n".into()));
    assert_eq!(gateway.admin("/ready"), (503, "no keys of sandbox\n".into()));
    let body = lookup("1", LUCIA).to_string();
    let url = gateway.url("pdnd", "/anagrafe/v1/residenze/ricerca");
    let answer = curl(&["-H", &voucher, "-H", "content-type: application/json", "-d", &body, &url]);
    assert_eq!((answer.status, answer.problem().as_str()), (503, "keys-unavailable"), "{answer:?}");
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
    drop(gateway);

    let other = Scene::new();
    let gateway = other.gateway("");
    eventually("the keys are fetched", || (gateway.admin("/ready") == (200, "ready\n".into())).then_some(()));
    assert_eq!(gateway.admin("/altro").0, 404);
}

#[test]
fn log_lines_are_json_and_tell_no_secret() {
    let scene = Scene::new();
    let mut gateway = scene.gateway("");
    let voucher = scene.good_voucher();
    let url = gateway.url("pdnd", "/anagrafe/v1/residenze/ricerca");
    let ask =
        |body: &str| curl(&["-H", &format!("authorization: Bearer {voucher}"), "-H", "content-type: application/json", "-d", body, &url]);
    assert_eq!(ask(&lookup("1", LUCIA).to_string()).status, 200);
    let refused = ask(&format!("{{\"{LUCIA}\":\"{LUCIA}\"}}"));
    assert_eq!(refused.status, 400);
    assert!(gateway.stop().success());
    let lines = gateway.stderr();
    let parsed: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect();
    let said = |message: &str| parsed.iter().find(|line| line["message"].as_str().is_some_and(|said| said.contains(message)));
    assert!(said("serving").is_some() && said("draining").is_some(), "{lines}");
    let told = said("refused").expect("a refusal is told at the level debug");
    assert_eq!(told["exchange"].as_str(), refused.header("varco-exchange"), "{told}");
    assert!(parsed.iter().all(|line| line["timestamp"].is_string() && line["level"].is_string()), "{lines}");
    assert!(!lines.contains(LUCIA) && !lines.contains(voucher.rsplit('.').next().unwrap_or_default()), "{lines}");
}
