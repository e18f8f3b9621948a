//! The connections to an upstream: kept, aged, closed under our hands, never made, or made with somebody else.

use std::net::SocketAddr;
use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tests::{Gateway, Reply, Scene, Stub, Then, assert_problem, curl, eventually, things};
use tokio::net::{TcpSocket, TcpStream};

const THING: &str = "{\"n\":1}";

/// One worker, so that one pool sees every request.
fn town(upstream: &str, answer: impl Fn(usize) -> Reply + Send + Sync + 'static) -> (Scene, Gateway, Stub) {
    let scene = Scene::new();
    let stub = Stub::start(&scene.runtime, answer);
    let gateway = scene.gateway_of(1, &[things("cose", &stub.url(), upstream, "")]);
    (scene, gateway, stub)
}

#[test]
fn connections_are_kept_until_they_are_idle_too_long() {
    let (_scene, gateway, stub) = town("{ idle: 1s }", |_| Reply::json(THING));
    let url = gateway.url("pdnd", "/cose/cosa");
    curl(&[&format!("{url}?n=[1-20]")]);
    assert_eq!((stub.requests(), stub.connections()), (20, 1), "one connection for all of them");
    let idle = || gateway.metric("varco_upstream_idle_connections{eservice=\"cose\"}");
    assert!(idle() > 0.0, "it is kept");
    eventually("it is closed when its time is over, whether or not anybody asks again", || (idle() < 1.0).then_some(()));
    assert_eq!(curl(&[&url]).status, 200);
    assert_eq!(stub.connections(), 2);
}

#[test]
fn e_services_before_one_upstream_share_its_connections_if_they_keep_them_alike() {
    let shared = "{ answer_bytes: 1MiB, attempts: 1 }";
    for (other, security, expected) in [("{}", "open", 1), (shared, "open", 1), ("{ idle: 7s }", "open", 2), ("{}", "upstream", 2)] {
        let scene = Scene::new();
        let stub = Stub::start(&scene.runtime, |_| Reply::json(THING));
        let others = things("altre", &stub.url(), other, "");
        // With callers' own credentials on it, a connection may be somebody's.
        let others = others.replace("[open]", &format!("[{security}]"));
        let gateway = scene.gateway_of(1, &[things("cose", &stub.url(), "{}", ""), others]);
        for name in ["cose", "altre", "cose", "altre"] {
            assert_eq!(curl(&[&gateway.url("pdnd", &format!("/{name}/cosa"))]).status, 200, "{name}");
        }
        assert_eq!((stub.requests(), stub.connections()), (4, expected), "{other} {security}");
    }
}

#[test]
fn connections_do_not_grow_old() {
    let (_scene, gateway, stub) = town("{ idle: 1h, max_age: 1s }", |_| Reply::json(THING));
    let url = gateway.url("pdnd", "/cose/cosa");
    eventually("a change of address would be followed", || {
        assert_eq!(curl(&[&url]).status, 200);
        (stub.connections() >= 3).then_some(())
    });
    assert!(stub.requests() > stub.connections(), "and still they are used more than once");
}

/// The upstream promises to keep each connection and closes it: what was not written goes over a new one, whatever its method.
#[test]
fn a_request_that_was_never_written_is_sent_again() {
    let (_scene, gateway, stub) = town("{ attempts: 1 }", |_| Reply::json(THING).then(Then::Close));
    let url = gateway.url("pdnd", "/cose/cosa");
    for _ in 0..20 {
        let answer = curl(&["-H", "content-type: application/json", "-d", THING, &url]);
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert_eq!((stub.requests(), stub.connections()), (20, 20), "each exactly once");
}

#[test]
fn nobody_there_and_nobody_who_accepts() {
    let scene = Scene::new();
    // Bound and not listening: the system refuses. Listening with its queue full: the system says nothing.
    let (deaf, full) = scene.runtime.block_on(async {
        let deaf = TcpSocket::new_v4().expect("a socket");
        deaf.bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port");
        let full = TcpSocket::new_v4().expect("a socket");
        full.bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port");
        (deaf, full.listen(1).expect("it listens"))
    });
    let address = full.local_addr().expect("an address");
    let mut queued = Vec::new();
    scene.runtime.block_on(async {
        while let Ok(Ok(stream)) = tokio::time::timeout(Duration::from_millis(300), TcpStream::connect(address)).await {
            queued.push(stream);
        }
    });
    let deaf_url = format!("http://{}", deaf.local_addr().expect("an address"));
    let upstream = "{ connect_timeout: 300ms, breaker: { failures: 1000 } }";
    let gateway =
        scene.gateway_of(2, &[things("sorda", &deaf_url, upstream, ""), things("piena", &format!("http://{address}"), upstream, "")]);
    for (path, status, kind) in [("/sorda/cosa", 502, "upstream-unreachable"), ("/piena/cosa", 504, "upstream-timeout")] {
        let answer = curl(&[&gateway.url("pdnd", path)]);
        assert_problem(&answer, status, kind);
        let record = scene.record_of(&answer);
        assert_eq!((record["out"].as_str(), record["err"].as_str()), (Some("failed"), Some(kind)), "{record}");
        assert_eq!(record["ad"]["attempts"], 2, "nothing was sent, and a GET may be tried again: {record}");
    }
    drop((deaf, queued));
}

/// TLS with an upstream that shows a certificate of another name, or of nobody we know.
#[test]
fn an_upstream_with_the_wrong_name_is_refused() {
    let scene = Scene::new();
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["altro.example".to_owned()]).expect("a certificate");
    std::fs::write(scene.path().join("roots.pem"), cert.pem()).expect("it is written");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let tls = ServerConfig::builder_with_provider(rustls::crypto::aws_lc_rs::default_provider().into())
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .expect("a server");
    let stub = Stub::start_tls(&scene.runtime, tls, |_| Reply::json(THING));
    let url = format!("https://localhost:{}", stub.address.port());
    let rules = |tls: &str| format!("{{ attempts: 1, breaker: {{ failures: 1000 }}{tls} }}");
    let gateway = scene.gateway_of(
        1,
        &[
            things("estranea", &url, &rules(""), ""),
            things("sbagliata", &url, &rules(", tls: { roots: roots.pem }"), ""),
            things("giusta", &url, &rules(", tls: { roots: roots.pem, server_name: altro.example }"), ""),
        ],
    );
    for path in ["/estranea/cosa", "/sbagliata/cosa"] {
        let answer = curl(&[&gateway.url("pdnd", path)]);
        assert_problem(&answer, 502, "upstream-unreachable");
        assert_eq!(scene.record_of(&answer)["out"], "failed");
    }
    assert_eq!(stub.requests(), 0, "nothing was said to a stranger");
    assert_eq!(curl(&[&gateway.url("pdnd", "/giusta/cosa")]).status, 200);
}
