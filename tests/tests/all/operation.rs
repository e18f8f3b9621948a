//! What an operator sees: metrics, liveness, readiness, log lines.

use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tests::{Gateway, LUCIA, Rest, Scene, Site, Witness, curl, eventually, lookup, varco};

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

/// What a help desk looks at first: how it does, and what became of one exchange.
#[test]
fn the_status_says_what_is_missing_and_an_exchange_is_found_by_its_id() {
    let (site, upstream) = (Site::new(), Rest::start("{}"));
    let (dead, alive) = (TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address"), upstream.address);
    let more = format!("    upstream: {{ addresses: [\"{dead}\", \"{alive}\"], ejection: {{ failures: 1, time: 1h }} }}\n");
    let socket = "admin: { socket: varco.sock }";
    let yaml = Site::configuration("", "", "http://cose.example", &more).replace("admin: { address: \"127.0.0.1:0\" }", socket);
    let mut gateway = Gateway::start(site.path(), &yaml);
    let status = |arguments: &[&str]| varco(site.path(), &[&["status", "-c", "varco.yaml"], arguments].concat());
    let fresh = status(&[]);
    let text = String::from_utf8_lossy(&fresh.stdout).into_owned();
    assert!(fresh.status.success(), "{fresh:?}");
    for line in [
        "prova at prova (varco ",
        ": ready",
        "audit log open",
        "listener web at 127.0.0.1:",
        "e-service cose (inbound, 1 instances): 0 of 1024 under way",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    let answers: Vec<_> = (0..2).map(|_| curl(&[&gateway.url("web", "/c/v1/cose")])).collect();
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    let json: Value = serde_json::from_slice(&status(&["--json"]).stdout).expect("JSON");
    assert_eq!(json["eservices"][0]["addresses"], serde_json::json!([1, 1, 0]), "{json}");
    assert!(String::from_utf8_lossy(&status(&[]).stdout).contains("of 2 addresses 1 EJECTED and 0 DOWN"));

    let id = answers[0].header("varco-exchange").expect("an exchange");
    let asked =
        |id: &str| curl(&["--unix-socket", &site.path().join("varco.sock").display().to_string(), &format!("http://varco/exchanges/{id}")]);
    assert_eq!(asked(id).json()[0]["id"], id, "{:?}", asked(id));
    assert_eq!(asked(&format!("urn:uuid:{id}")).status, 200, "as a problem's `instance` has it");
    assert_eq!(asked("01a20330-913e-729f-88da-52621d474dd3").status, 404);
    assert_eq!(asked("qualunque").status, 400);
    gateway.stop();
    assert!(!status(&[]).status.success(), "nobody is there to be asked");
}

/// `varco top` shows what happened between two looks; a certificate that is about to end is told there, in the status and the metrics.
#[test]
fn top_tells_what_happens_now() {
    let (site, upstream) = (Site::new(), Rest::start("{}"));
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("a host name");
    params.not_after = (std::time::SystemTime::now() + Duration::from_hours(10 * 24 - 1)).into();
    let key = rcgen::KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("a certificate");
    std::fs::write(site.path().join("local.pem"), certificate.pem()).expect("a folder can be written to");
    std::fs::write(site.path().join("local.key"), key.serialize_pem()).expect("a folder can be written to");
    let tls = "tls: [{ certificate: local.pem, key: local.key }]";
    let yaml = Site::configuration("", &format!(", {tls}"), &format!("http://{}", upstream.address), "")
        .replace("admin: { address: \"127.0.0.1:0\" }", "admin: { socket: varco.sock, metrics: \"127.0.0.1:0\" }");
    let gateway = Gateway::start(site.path(), &yaml);
    let ca = site.path().join("local.pem").display().to_string();
    let ask = |path: &str| curl(&["--cacert", &ca, &gateway.tls_url("web", path)]).status;
    let top = std::thread::scope(|scope| {
        let top = scope.spawn(|| varco(site.path(), &["top", "-c", "varco.yaml", "--every", "100ms", "-n", "40", "--json"]));
        while !top.is_finished() {
            assert_eq!((ask("/c/v1/cose"), ask("/nulla")), (200, 404));
        }
        top.join().expect("it ends")
    });
    assert!(top.status.success(), "{top:?}");
    let pages: Vec<Value> = top.stdout.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
    assert_eq!(pages.len(), 40);
    let busy = pages.iter().find(|page| page["eservices"][0]["rate"].as_f64() > Some(0.0)).expect("a page that saw exchanges");
    assert!(busy["eservices"][0]["mean_seconds"].as_f64() > Some(0.0) && busy["log_seconds_p99"].as_f64() > Some(0.0), "{busy}");
    assert!(pages.iter().any(|page| page["refusals"][0]["stage"] == "route"), "{busy}");
    assert_eq!(busy["expiring"][0], "certificate local.pem of web ENDS IN 9 DAYS");
    let status = varco(site.path(), &["status", "-c", "varco.yaml"]);
    assert!(String::from_utf8_lossy(&status.stdout).contains("certificate local.pem of web ENDS IN 9 DAYS"), "{status:?}");
    let metrics = String::from_utf8(curl(&[&gateway.url("metrics", "/metrics")]).body).expect("text");
    assert!(metrics.contains("varco_expires_timestamp_seconds{of=\"web\",what=\"certificate\",file=\"local.pem\"} "), "{metrics}");
    let text = varco(site.path(), &["top", "-c", "varco.yaml", "--every", "100ms", "-n", "1"]);
    assert!(String::from_utf8_lossy(&text.stdout).contains("E-SERVICE"), "{text:?}");
    assert!(!varco(site.path(), &["top", "-c", "varco.yaml", "--every", "1ms"]).status.success());

    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("a host name");
    params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    std::fs::write(site.path().join("local.pem"), params.self_signed(&key).expect("a certificate").pem()).expect("likewise");
    let said = varco(site.path(), &["check", "-c", "varco.yaml"]);
    assert!(String::from_utf8_lossy(&said.stdout).contains("warning: what `local.pem` holds ended on Jan  1 00:00:00 2021"), "{said:?}");
}

/// The network may see metrics and whether it lives, and nothing else; and several under one configuration have names and logs of their own.
#[test]
fn the_network_reads_metrics_and_nothing_else() {
    let (site, upstream) = (Site::new(), Rest::start("{}"));
    let yaml = Site::configuration("", "", &format!("http://{}", upstream.address), "")
        .replace("admin: { address: \"127.0.0.1:0\" }", "admin: { address: \"127.0.0.1:0\", metrics: \"127.0.0.1:0\" }\nnode: \"env:NODO\"")
        .replace("prova.example/log", "\"prova.example/{node}\"");
    let mut named = Command::new("env");
    named.arg("NODO=varco-1");
    let mut gateway = Gateway::start_under(site.path(), &yaml, named).expect("a gateway");
    for (path, status) in [
        ("/metrics", 200),
        ("/live", 200),
        ("/ready", 200),
        ("/status", 404),
        ("/reload", 404),
        ("/plan", 404),
        ("/openapi.yaml", 404),
        ("/exchanges/01a20330-913e-729f-88da-52621d474dd3", 404),
    ] {
        assert_eq!(curl(&[&gateway.url("metrics", path)]).status, status, "{path}");
    }
    // One caller that takes all it can get takes nothing from others.
    let idle: Vec<_> = (0..300).filter_map(|_| std::net::TcpStream::connect(gateway.address("metrics")).ok()).collect();
    assert_eq!(curl(&["--interface", "127.0.0.2", &gateway.url("metrics", "/live")]).status, 200);
    drop(idle);
    assert_eq!(curl(&[&gateway.url("web", "/c/v1/cose")]).status, 200);
    assert_eq!(site.record(|record| record["ev"] == "exchange")["node"], "varco-1");
    gateway.stop();
    let log = site.path().join("audit");
    let segments = std::fs::read_dir(log).expect("a log").filter_map(|entry| std::fs::read(entry.ok()?.path()).ok());
    let is_named = |bytes: &Vec<u8>| bytes.windows(21).any(|part| part == b"prova.example/varco-1");
    assert!(segments.filter(|bytes| bytes.len() > 1000).all(|bytes| is_named(&bytes)), "each log has a name of its own");
    let good = yaml.replace("env:NODO", "nodo-1");
    site.assert_faults(
        &good,
        &[
            ("nodo-1", "nodo 1", "`nodo 1` is no name of a node"),
            ("nodo-1", "env:NESSUNO", "`env:NESSUNO` is no name of a node"),
            ("metrics: \"127.0.0.1:0\"", "metrics: ovunque", "not an address and port"),
        ],
    );
}

/// Over a port of the loopback only who shows the token may look at more than how it goes.
#[test]
fn what_the_status_tells_is_not_for_everybody_on_the_machine() {
    let (site, upstream) = (Site::new(), Rest::start("{}"));
    let gateway = site.gateway("", "", &format!("http://{}", upstream.address), "");
    for path in ["/status", "/exchanges/01a20330-913e-729f-88da-52621d474dd3"] {
        assert_eq!(gateway.admin(path).0, 403, "{path}");
    }
}

/// What the admin listener says of itself is a document that the gateway itself can read, and every path of it is there; and what it
/// answers is what it says, held against it by a gateway before it.
#[test]
fn the_admin_listener_is_described() {
    let (site, upstream) = (Site::new(), Rest::start("{}"));
    std::fs::write(site.path().join("admin.token"), "segreto-di-prova-lungo-abbastanza").expect("it is written");
    let yaml = Site::configuration("", "", &format!("http://{}", upstream.address), "")
        .replace("admin: { address: \"127.0.0.1:0\" }", "admin: { address: \"127.0.0.1:0\", token: \"file:admin.token\" }");
    let gateway = Gateway::start(site.path(), &yaml);
    let (status, document) = gateway.admin("/openapi.yaml");
    assert_eq!(status, 200);
    let before = Site::new();
    std::fs::write(before.path().join("cose.yaml"), document).expect("it is written");
    let admin = format!("http://{}", gateway.address("admin"));
    let yaml = Site::configuration("", "", &admin, "    status: proxied\n")
        .replace("security: [open]", "security: [upstream]")
        .replace("acknowledge: [open]", "acknowledge: [upstream]");
    let front = Gateway::start(before.path(), &yaml);
    let id = curl(&[&gateway.url("web", "/c/v1/cose")]).header("varco-exchange").expect("an exchange").to_owned();
    for (method, path, status) in [
        ("GET", "/live".to_owned(), 200),
        ("GET", "/ready".into(), 200),
        ("GET", "/metrics".into(), 200),
        ("GET", "/openapi.yaml".into(), 200),
        ("GET", "/status".into(), 200),
        ("GET", format!("/exchanges/{id}"), 200),
        ("GET", "/exchanges/qualunque".into(), 400),
        ("GET", "/plan".into(), 200),
        ("POST", "/reload".into(), 200),
    ] {
        let url = front.url("web", &format!("/c/v1{path}"));
        let answer = curl(&["-X", method, "-H", "Authorization: Bearer segreto-di-prova-lungo-abbastanza", &url]);
        assert_eq!(answer.status, status, "{path}: {answer:?} {}", front.stderr());
        let record = before.record(|record| record["id"] == answer.header("varco-exchange").unwrap_or_default());
        assert!(record.get("drift").is_none(), "it answers what it says: {record}");
    }
}
