//! A REST department run by nginx behind the `http` adapter: what passes, what does not, and what nginx saw.

use serde_json::Value;
use tests::{Connection, Gateway, Peer, Scene, Site, Witness, assert_problem, curl, eventually, repository};

/// The nginx department behind vouchers, with its witness.
struct Offices {
    scene: Scene,
    nginx: Peer,
    gateway: Gateway,
}

impl Offices {
    fn open() -> Self {
        let scene = Scene::new();
        let nginx = Peer::nginx(scene.path());
        std::fs::write(scene.path().join("uffici.cedar"), "@id(\"tutti\")\npermit (principal, action, resource);\n").expect("a folder");
        let eservice = format!(
            "  uffici:\n    direction: inbound\n    listener: pdnd\n    base_path: /uffici\n\
             \x20   contract: {}/tests/peers/nginx/openapi.yaml\n    instances: [{}]\n    security: [voucher]\n    policy: uffici.cedar\n\
             \x20   adapter: {{ http: {{ url: \"http://127.0.0.1:{}\", identity: {{ consumer: X-Varco-Consumer }} }} }}\n",
            repository().display(),
            scene.instance(),
            nginx.ports[0]
        );
        let gateway = scene.gateway_of(2, &[eservice]);
        Self { scene, nginx, gateway }
    }

    fn ask(&self, path: &str, more: &[&str]) -> tests::Answer {
        let voucher = format!("authorization: Bearer {}", self.scene.good_voucher());
        curl(&[&["-H", &voucher, "-H", "x-varco-consumer: falso", &self.gateway.url("pdnd", path)], more].concat())
    }

    /// What nginx wrote down about a path.
    fn seen(&self, path: &str) -> Vec<Value> {
        let lines = self.nginx.log();
        lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok()).filter(|line| line["uri"] == path).collect()
    }
}

#[test]
fn a_call_passes_with_the_verified_identity_and_without_the_voucher() {
    let offices = Offices::open();
    let trace = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let got = offices.ask("/uffici/fisso", &["-H", trace]);
    assert_eq!((got.status, got.body.as_slice()), (200, &br#"{"id":"A1","nome":"Ufficio tributi","attivo":true}"#[..]), "{got:?}");
    let posted = offices.ask("/uffici/registra", &["-H", "content-type: application/json", "-d", r#"{"nome":"Tassa", "importo": 10.50}"#]);
    assert_eq!((posted.status, posted.header("location")), (201, Some("/uffici/registrazioni/17")), "{posted:?}");
    assert_eq!(posted.json()["numero"], 17);

    let seen = eventually("nginx writes its log", || offices.seen("/fisso").pop());
    assert_eq!((&seen["method"], &seen["status"], &seen["protocol"]), (&"GET".into(), &200.into(), &"HTTP/1.1".into()), "{seen}");
    assert_eq!(seen["authorization"], "", "the voucher was for the gateway alone");
    let record = offices.scene.record_of(&got);
    assert_eq!(seen["consumer"], record["pdnd"]["consumer"], "the verified identity, and not the one that the caller made up");
    assert!(seen["consumer"].as_str().is_some_and(|consumer| consumer.len() == 36), "{seen}");
    let parts: Vec<&str> = seen["traceparent"].as_str().expect("a traceparent").split('-').collect();
    assert_eq!((parts[1], parts[3]), ("4bf92f3577b34da6a3ce929d0e0e4736", "01"), "the caller's trace goes on");
    assert_ne!(parts[2], "00f067aa0ba902b7", "with a span of our own");
    assert_eq!(record["trace"]["span"], parts[2]);
    let seen = eventually("nginx writes its log", || offices.seen("/registra").pop());
    assert_eq!(seen["body"], r#"{"nome":"Tassa", "importo": 10.50}"#, "the caller's own bytes");
    assert_eq!(seen["content_type"], "application/json");
}

#[test]
fn each_answer_follows_the_rule_of_its_kind() {
    let offices = Offices::open();
    let passes = offices.ask("/uffici/assente", &[]);
    assert_eq!((passes.status, passes.json()["type"].as_str()), (404, Some("urn:example:assente")), "documented, so it passes: {passes:?}");
    assert_problem(&offices.ask("/uffici/guasto", &[]), 500, "upstream-refused");
    for path in ["altrove", "sbagliato", "rotto", "muto"] {
        let answer = offices.ask(&format!("/uffici/{path}"), &[]);
        assert_problem(&answer, 502, "bad-upstream-answer");
        let record = offices.scene.record_of(&answer);
        assert_eq!((record["out"].as_str(), record["drift"].is_array()), (Some("failed"), path != "muto"), "{record}");
    }
    assert_eq!(offices.seen("/fisso").len(), 0, "the redirect was not followed");
    let chunked = offices.ask("/uffici/pezzi", &[]);
    assert_eq!((chunked.status, chunked.json()["id"].as_str()), (200, Some("A1")), "{chunked:?}");
    let large = offices.ask("/uffici/grande", &[]);
    assert_eq!((large.status, large.body.len() > 8 << 20), (200, true), "8 MiB, held whole for the contract");
    let hop = offices.ask("/uffici/intestazioni", &[]);
    assert_eq!((hop.header("etag"), hop.header("cache-control")), (Some("\"v1\""), Some("no-store")), "{hop:?}");
}

#[test]
fn an_undocumented_404_keeps_its_status_and_gets_a_problem_of_ours() {
    let (site, folder) = (Site::new(), tempfile::tempdir().expect("a folder"));
    let nginx = Peer::nginx(folder.path());
    let gateway = site.gateway("", "", &format!("http://127.0.0.1:{}", nginx.ports[0]), "");
    let answer = curl(&[&gateway.url("web", "/c/v1/promesse")]);
    assert_problem(&answer, 404, "upstream-refused");
    assert!(!answer.body.windows(11).any(|word| word == b"sconosciuto"), "{answer:?}");
    let id = answer.header("varco-exchange").expect("the exchange's id").to_owned();
    let record = site.record(|record| record["id"] == *id);
    assert!(record["drift"].is_array(), "{record}");
}

#[test]
fn many_requests_share_one_connection_to_the_upstream() {
    let offices = Offices::open();
    let voucher = offices.scene.good_voucher();
    let mut caller = Connection::to(offices.gateway.address("pdnd"));
    for _ in 0..20 {
        let head = format!("GET /uffici/fisso HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {voucher}\r\n\r\n");
        caller.send(head.as_bytes()).expect("the connection is kept");
        assert_eq!(caller.answer().expect("an answer").status, 200);
    }
    let seen = eventually("nginx writes its log", || Some(offices.seen("/fisso")).filter(|seen| seen.len() == 20));
    assert!(seen.iter().all(|line| line["connection"] == seen[0]["connection"]), "one worker, one connection");
    assert_eq!(seen[19]["requests"], 20);
}

#[test]
fn connections_that_the_upstream_closes_are_never_seen_by_callers() {
    let (offices, number) = (Offices::open(), 30);
    // nginx closes after each answer and says so; with nobody at fault, every request is answered all the same.
    for _ in 0..number {
        assert_eq!(offices.ask("/uffici/chiude", &[]).status, 200);
    }
    let seen = eventually("nginx writes its log", || Some(offices.seen("/chiude")).filter(|seen| seen.len() >= number));
    assert_eq!(seen.len(), number, "each was sent once");
}

#[test]
fn what_concerns_one_hop_stays_there() {
    let site = Site::new();
    let witness = Witness::answering(
        "content-type: application/json\r\ncontent-length: 15\r\nconnection: x-loro\r\nx-loro: 1\r\nkeep-alive: timeout=5\r\n\
         proxy-authenticate: Basic\r\nx-resta: 2\r\n\r\n{\"nome\":\"cosa\"}",
    );
    let gateway = site.gateway("", "", &witness.url(), "");
    let text = "GET /c/v1/cose HTTP/1.1\r\nhost: nostro.example\r\nconnection: keep-alive, x-nostro\r\nx-nostro: 1\r\nkeep-alive: 5\r\n\
                te: trailers\r\nproxy-authorization: Basic eA==\r\nproxy-connection: x\r\nupgrade: h2c\r\nexpect: 100-continue\r\n\
                x-resta: 1\r\naccept: */*\r\n\r\n";
    let answer = Connection::sending(gateway.address("web"), text).answer().expect("an answer");
    assert_eq!((answer.status, answer.header("x-resta")), (200, Some("2")), "{}", answer.head);
    for name in ["connection", "x-loro", "keep-alive", "proxy-authenticate"] {
        assert_eq!(answer.header(name), None, "{}", answer.head);
    }
    let asked = witness.asked().pop().expect("a request");
    let mut names: Vec<&str> = asked.head.lines().skip(1).filter_map(|line| line.split_once(':')).map(|(name, _)| name).collect();
    names.sort_unstable();
    assert_eq!(names, ["accept", "host", "traceparent", "x-resta"], "{}", asked.head);
}
