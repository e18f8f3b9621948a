//! Exchanges and metrics as a collector of OpenTelemetry's protocol gets them.

use rustix::process::Signal;
use serde_json::{Value, json};
use tests::{Gateway, Load, Peer, Rest, Site, curl, eventually};

use crate::authority::Authority;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const THEIRS: &str = "00f067aa0ba902b7";

/// A gateway that exports to this collector, with the e-service `cose` before an upstream.
fn gateway(site: &Site, upstream: &str, otlp: &str) -> Gateway {
    Gateway::start(site.path(), &Site::configuration(&format!("otlp: {{ {otlp} }}\n"), "", upstream, ""))
}

fn url(collector: &Peer) -> String {
    format!("url: \"http://127.0.0.1:{}\"", collector.ports[0])
}

/// A gateway that exports in the clear to a collector which lives, before an upstream that answers `{}`.
struct Exporting {
    site: Site,
    collector: Peer,
    upstream: Rest,
    gateway: Gateway,
}

impl Exporting {
    fn start(otlp: &str) -> Self {
        Self::start_with(Site::new(), otlp)
    }

    fn start_with(site: Site, otlp: &str) -> Self {
        let (collector, upstream) = (Peer::otlp(site.path(), None), Rest::start("{}"));
        let gateway = gateway(&site, &format!("http://{}", upstream.address), &format!("{}, {otlp}", url(&collector)));
        Self { site, collector, upstream, gateway }
    }
}

fn exported(collector: &Peer) -> Vec<Value> {
    collector.log().iter().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// The span of the exchange that was answered with this id, once it is exported.
fn span_of(collector: &Peer, exchange: &str) -> Value {
    let is_it = |span: &Value| span["attributes"]["varco.exchange"].as_str().is_some_and(|id| id == exchange);
    eventually("the exchange is exported", || exported(collector).into_iter().find(is_it))
}

fn ask(gateway: &Gateway, path: &str, more: &[&str]) -> (u16, String) {
    let answer = curl(&[more, &[&gateway.url("web", path)]].concat());
    (answer.status, answer.header("varco-exchange").expect("an id").to_owned())
}

fn with_trace(sampled: bool) -> String {
    format!("traceparent: 00-{TRACE}-{THEIRS}-0{}", u8::from(sampled))
}

#[test]
fn an_exchange_is_a_span_of_its_callers_trace_with_its_stages() {
    let site = Site::new();
    let authority = Authority::new(site.path(), "ca");
    authority.sign(site.path(), "server", &["localhost"]);
    std::fs::write(site.path().join("key"), "chiave-del-collettore\n").expect("a file");
    let (collector, upstream) = (Peer::otlp(site.path(), None), Rest::start("{}"));
    let otlp = format!(
        "url: \"https://localhost:{}\", tls: {{ roots: ca.pem }}, headers: {{ x-api-key: \"file:key\" }}, metrics_every: never",
        collector.ports[0]
    );
    let mut gateway = gateway(&site, &format!("http://{}", upstream.address), &otlp);

    let private = ["-A", "inventato", "-H", "x-inventato: inventato", "-H", &with_trace(true)];
    let (status, id) = ask(&gateway, "/c/v1/cose/inventato?q=inventato", &private);
    assert_eq!(status, 200);
    let span = span_of(&collector, &id);
    assert_eq!((&span["trace"], &span["parent"]), (&json!(TRACE), &json!(THEIRS)));
    assert_eq!((&span["name"], &span["kind"]), (&json!("GET /c/v1/cose/{id}"), &json!("SPAN_KIND_SERVER")));
    assert_eq!((&span["flags"], &span["status"]), (&json!(0x301), &json!("STATUS_CODE_UNSET")), "sampled; the parent is another's");
    let expected = json!({
        "http.request.method": "GET", "http.response.status_code": 200, "http.route": "/c/v1/cose/{id}", "url.scheme": "http",
        "varco.exchange": id, "varco.eservice": "cose", "varco.operation": "leggi", "varco.direction": "inbound", "varco.tenant": "prova",
        "varco.outcome": "success", "varco.attempts": 1, "varco.cache": "bypass",
    });
    assert_eq!(span["attributes"], expected);
    let version = env!("CARGO_PKG_VERSION");
    let resource =
        json!({ "service.name": "varco", "service.namespace": "prova", "service.instance.id": "prova", "service.version": version });
    assert_eq!((&span["resource"], &span["headers"]["x-api-key"]), (&resource, &json!("chiave-del-collettore")));

    // The stages are in it, in their order, and the one that waited longest is there.
    let stages: Vec<Value> = exported(&collector).into_iter().filter(|other| other["parent"] == span["span"]).collect();
    assert!(stages.iter().any(|stage| stage["name"] == "upstream"), "{stages:?}");
    let time = |span: &Value, end: &str| span[end].as_u64().expect("nanoseconds");
    for pair in stages.windows(2) {
        assert!(time(&pair[0], "until") <= time(&pair[1], "from"), "{pair:?}");
    }
    for stage in &stages {
        assert_eq!((&stage["trace"], &stage["kind"], &stage["attributes"]), (&json!(TRACE), &json!("SPAN_KIND_INTERNAL"), &json!({})));
        assert!(time(&span, "from") <= time(stage, "from") && time(stage, "until") <= time(&span, "until"), "{stage}");
    }
    // The upstream belongs to the same trace, below our span.
    let ours = format!("00-{TRACE}-{}-01", span["span"].as_str().expect("an id"));
    assert_eq!(upstream.asked().last().and_then(|asked| asked.headers.get("traceparent").cloned()), Some(ours));

    // Refused, failed, and of no e-service; a caller who does not want it exported is not.
    let (_, untold) = ask(&gateway, "/c/v1/cose", &["-H", &with_trace(false)]);
    let (status, refused) = ask(&gateway, "/c/v1/cose", &["-d", "{}", "-H", "content-type: application/json"]);
    assert_eq!(status, 400);
    let (status, lost) = ask(&gateway, "/inventato", &["-X", "INVENTATO"]);
    assert_eq!(status, 404);
    let (status, failed) = ask(&gateway, "/c/v1/promesse", &[]);
    assert_eq!(status, 502);
    gateway.stop();
    let found = [&refused, &lost, &failed].map(|id| {
        let span = span_of(&collector, id);
        let attribute = |name: &str| span["attributes"][name].as_str().unwrap_or_default().to_owned();
        assert_eq!(span["parent"], "", "it began here");
        [span["name"].as_str().expect("a name").to_owned(), span["status"].to_string(), attribute("error.type"), attribute("varco.stage")]
    });
    let expected = [
        ["POST /c/v1/cose", "\"STATUS_CODE_UNSET\"", "contract-violation", "contract"],
        ["_OTHER", "\"STATUS_CODE_UNSET\"", "no-e-service", "route"],
        ["GET /c/v1/promesse", "\"STATUS_CODE_ERROR\"", "bad-upstream-answer", "answer"],
    ];
    assert_eq!(found, expected.map(|row| row.map(str::to_owned)));
    let all = collector.log().join("\n").to_lowercase();
    assert!(!all.contains("inventato") && !all.contains(&untold) && !all.contains("127.0.0.1"), "{all}");
}

/// A renewed key is shown without a restart, and what a stranger wants exported is not.
#[test]
fn the_collector_is_reached_as_the_configuration_says_now() {
    let site = Site::new();
    std::fs::write(site.path().join("key"), "vecchia").expect("a file");
    let (collector, upstream) = (Peer::otlp(site.path(), None), Rest::start("{}"));
    let otlp = format!("{}, headers: {{ x-api-key: \"file:key\" }}, metrics_every: never", url(&collector));
    let mut gateway = gateway(&site, &format!("http://{}", upstream.address), &otlp);
    let (_, id) = ask(&gateway, "/c/v1/cose", &[]);
    assert_eq!(span_of(&collector, &id)["headers"]["x-api-key"], "vecchia");
    std::fs::write(site.path().join("key"), "nuova").expect("a file");
    gateway.signal(Signal::HUP);
    gateway.assert_logs("is in force");
    let (_, id) = ask(&gateway, "/c/v1/cose", &[]);
    assert_eq!(span_of(&collector, &id)["headers"]["x-api-key"], "nuova");

    let (status, stranger) = ask(&gateway, "/nulla", &["-H", &with_trace(true)]);
    let (_, own) = ask(&gateway, "/nulla", &[]);
    assert_eq!(status, 404);
    gateway.stop();
    span_of(&collector, &own);
    assert!(!collector.log().join("\n").contains(&stranger));
}

#[test]
fn of_the_traces_that_begin_here_a_part_is_exported() {
    let Exporting { site: _site, collector, upstream, mut gateway } = Exporting::start("sample: 0, metrics_every: never");
    let (_, own) = ask(&gateway, "/c/v1/cose", &[]);
    let (_, theirs) = ask(&gateway, "/c/v1/cose", &["-H", &with_trace(true)]);
    gateway.stop();
    span_of(&collector, &theirs);
    assert!(!collector.log().join("\n").contains(&own));
    let flags = upstream.asked().iter().map(|asked| asked.headers.get("traceparent").map(|told| told[52..].to_owned())).collect::<Vec<_>>();
    assert_eq!(flags, [Some("-00".to_owned()), Some("-01".to_owned())], "the upstream is asked to do the same");
}

#[test]
fn a_collector_that_is_away_keeps_nobody_waiting() {
    let Exporting { site, collector, upstream: _upstream, mut gateway } = Exporting::start("metrics_every: never");
    let port = collector.ports[0];
    let count = |outcome: &str| gateway.metric(&format!("varco_otlp_exchanges_total{{outcome=\"{outcome}\"}}"));
    let answers = |status: Option<&str>| match status {
        Some(status) => std::fs::write(site.path().join("status"), status).expect("a file"),
        None => std::fs::remove_file(site.path().join("status")).expect("the file"),
    };

    // Gone, and back at the same place.
    drop(collector);
    let (status, id) = ask(&gateway, "/c/v1/cose", &[]);
    assert_eq!(status, 200);
    gateway.assert_logs("127.0.0.1");
    let collector = Peer::otlp(site.path(), Some(port));
    span_of(&collector, &id);

    // Too busy now, and to be asked later.
    answers(Some("503 1"));
    let (_, id) = ask(&gateway, "/c/v1/cose", &[]);
    answers(None);
    span_of(&collector, &id);
    let exported = count("exported");
    assert!(exported > 1.5 && count("dropped") < 0.5, "{exported}");

    // It says when it is to be asked again, and it is not besieged when it says at once.
    let refused = || collector.log().iter().filter(|line| line.contains("refused")).count();
    answers(Some("503 0"));
    let before = refused();
    let (_, id) = ask(&gateway, "/c/v1/cose", &[]);
    eventually("it is asked once", || (refused() > before).then_some(()));
    answers(Some("202"));
    span_of(&collector, &id);
    answers(None);
    assert!(refused() - before < 4, "after a second, and then two: {}", refused() - before);

    // It has something to say about what it took.
    std::fs::write(site.path().join("said"), "troppo\u{1b}[31m grande").expect("a file");
    let (_, id) = ask(&gateway, "/c/v1/cose", &[]);
    span_of(&collector, &id);
    gateway.assert_logs("troppo");
    assert!(!gateway.stderr().contains('\u{1b}'));
    std::fs::remove_file(site.path().join("said")).expect("the file");
    assert!(count("dropped") < 0.5);

    // It does not want it: then it is not asked for ever.
    answers(Some("400"));
    ask(&gateway, "/c/v1/cose", &[]);
    eventually("it is dropped", || (count("dropped") > 0.5).then_some(()));
    answers(None);
    let (_, id) = ask(&gateway, "/c/v1/cose", &[]);
    span_of(&collector, &id);

    // A gateway that ends exports what it still has, and waits for no collector that is gone.
    drop(collector);
    ask(&gateway, "/c/v1/cose", &[]);
    gateway.stop();
}

#[test]
fn what_there_is_no_room_for_is_dropped() {
    let site = Site::new();
    std::fs::write(site.path().join("status"), "503 1").expect("a file");
    let Exporting { site, collector: _collector, upstream: _upstream, gateway } = Exporting::start_with(site, "metrics_every: never");
    let load = Load::start(8, gateway.address("web"), b"GET /c/v1/cose HTTP/1.1\r\nhost: x\r\n\r\n");
    let dropped = || gateway.metric("varco_otlp_exchanges_total{outcome=\"dropped\"}");
    eventually("there is no more room", || (dropped() > 0.5).then_some(()));
    let seen = load.end();
    assert!(seen.iter().all(|seen| seen.status == 200), "nobody is refused for it");
    std::fs::remove_file(site.path().join("status")).expect("the file");
    let exported = || gateway.metric("varco_otlp_exchanges_total{outcome=\"exported\"}");
    let all = seen.len() as f64;
    eventually("what waited is exported", || ((exported() + dropped() - all).abs() < 0.5).then_some(()));
    assert!(exported() > 4000.0, "{} of {all}", exported());
}

/// The numbers of a metric, in the order in which they were exported.
fn numbers(collector: &Peer, name: &str, labels: &Value) -> Vec<Value> {
    exported(collector).into_iter().filter(|point| point["metric"] == name && point["attributes"] == *labels).collect()
}

#[test]
fn metrics_are_exported_as_prometheus_reads_them() {
    let Exporting { site: _site, collector, upstream: _upstream, mut gateway } = Exporting::start("sample: 0, metrics_every: 1s");
    for _ in 0..3 {
        ask(&gateway, "/c/v1/cose", &[]);
    }
    let labels = json!({ "eservice": "cose", "operation": "elenca", "outcome": "success" });
    let three = |point: &Value| point["value"].as_f64().is_some_and(|value| (value - 3.0).abs() < 0.1);
    let count = eventually("three are exported", || numbers(&collector, "varco_exchanges", &labels).into_iter().find(three));
    assert_eq!((&count["kind"], &count["temporality"]), (&json!("sum"), &json!("AGGREGATION_TEMPORALITY_CUMULATIVE")));
    assert!(count["since"].as_u64() > Some(0) && count["since"].as_u64() < count["at"].as_u64(), "{count}");
    assert_eq!(
        (&count["resource"]["service.namespace"], &count["headers"]["content-type"]),
        (&json!("prova"), &json!("application/x-protobuf"))
    );

    let labels = json!({ "eservice": "cose", "stage": "upstream" });
    let full = |point: &Value| point["count"] == 3;
    let times = eventually("their times", || numbers(&collector, "varco_stage_seconds", &labels).into_iter().find(full));
    let list = |name: &str| times[name].as_array().expect("a list").clone();
    assert_eq!((&times["kind"], &times["unit"], list("bounds").len(), list("buckets").len()), (&json!("histogram"), &json!("s"), 16, 17));
    assert_eq!(list("buckets").iter().filter_map(Value::as_u64).sum::<u64>(), 3, "each once: {times}");
    assert!(times["sum"].as_f64() > Some(0.0), "{times}");
    let buffered = numbers(&collector, "varco_buffered_bytes", &json!({}));
    assert_eq!((&buffered[0]["kind"], &buffered[0]["unit"]), (&json!("gauge"), &json!("By")));

    // All that Prometheus reads is exported, but what is nothing yet.
    let text = gateway.admin("/metrics").1;
    let read: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let is_there = |name: &&&str| text.lines().any(|line| line.starts_with(**name) && !line.starts_with('#'));
    for name in read.iter().filter(is_there) {
        assert!(exported(&collector).iter().any(|point| point["metric"] == **name), "{name}");
    }
    gateway.stop();
}

/// What is exported seldom is exported at the end.
#[test]
fn a_gateway_that_ends_exports_its_last_numbers() {
    let Exporting { site: _site, collector, upstream: _upstream, mut gateway } = Exporting::start("metrics_every: 1h");
    let (_, id) = ask(&gateway, "/c/v1/cose", &[]);
    gateway.stop();
    span_of(&collector, &id);
    let labels = json!({ "eservice": "cose", "operation": "elenca", "outcome": "success" });
    let values: Vec<Value> = numbers(&collector, "varco_exchanges", &labels).into_iter().map(|mut point| point["value"].take()).collect();
    assert_eq!(values, [json!(1.0)]);
}

#[test]
fn what_cannot_be_exported_is_said_before() {
    let site = Site::new();
    std::fs::write(site.path().join("key"), "segreta").expect("a file");
    std::fs::write(site.path().join("lines"), "due\nrighe").expect("a file");
    let otlp = "otlp: { url: \"http://127.0.0.1:4318/base\", headers: { x-api-key: \"file:key\" }, sample: 0.1, metrics_every: 60s }\n";
    let good = Site::configuration(otlp, "", "http://127.0.0.1:9", "");
    assert!(!site.check(&good).contains("segreta"));
    site.assert_faults(
        &good,
        &[
            ("url: \"http://127.0.0.1:4318/base\", ", "", "needs `url`"),
            ("http://127.0.0.1:4318/base", "127.0.0.1:4318", "not an absolute URL"),
            ("http://127.0.0.1:4318/base", "grpc://127.0.0.1:4317", "neither http nor https"),
            ("file:key", "segreta", "never the secret itself"),
            ("file:key", "file:lines", "are no header"),
            ("x-api-key", "host", "is not for you to set"),
            ("sample: 0.1", "sample: 1.5", "is no part of all traces"),
            ("sample: 0.1", "sample: metà", "is no part of all traces"),
            ("60s", "spesso", "metrics_every"),
            ("60s", "10ms", "every second at most"),
            ("4318/base", "4318/v1/traces/", "stands in it already"),
            ("x-api-key", "content-encoding", "is not for you to set"),
            ("x-api-key: \"file:key\"", "X-A: \"file:key\", x-a: \"file:key\"", "stands twice"),
            ("sample", "samples", "has no key `samples`"),
        ],
    );
    let away = good.replace("127.0.0.1:4318", "collettore.example:4318");
    let said = site.check(&away);
    assert!(said.contains("can be used") && said.contains("in the clear"), "{said}");
    let around = good.replace("otlp:", "network: { proxy: \"http://proxy.example:3128\" }\notlp:");
    assert!(site.check(&around).contains("in the clear"), "even what is on this machine is reached through the proxy");
    assert!(!site.check(&around.replace("3128\"", "3128\", no_proxy: [127.0.0.0/8]")).contains("in the clear"));
}
