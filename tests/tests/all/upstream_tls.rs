//! TLS to a department run by nginx: its own roots, our certificate, HTTP/1.1 and h2.

use serde_json::Value;
use tests::{Peer, Scene, Site, assert_problem, curl, eventually, things};

use crate::authority::Authority;

#[test]
fn the_upstream_must_prove_itself_and_so_must_we() {
    let (site, folder) = (Site::new(), tempfile::tempdir().expect("a folder"));
    let nginx = Peer::nginx(folder.path());
    Authority::new(site.path(), "other");
    let keys = folder.path().display();
    let own = format!("certificate: {keys}/client.pem, key: {keys}/client.key");
    let roots = format!("roots: {keys}/ca.pem");
    // nginx knows no `/promesse`: its 404, or 403 for want of a certificate, is the sign that the request arrived.
    for (port, rules, status, kind, protocol) in [
        (1, format!("tls: {{ {roots} }}"), 404, "upstream-refused", "HTTP/1.1"),
        (1, format!("protocol: http2, tls: {{ {roots} }}"), 404, "upstream-refused", "HTTP/2.0"),
        (1, format!("tls: {{ {roots}, server_name: localhost }}"), 404, "upstream-refused", "HTTP/1.1"),
        (1, format!("tls: {{ {roots}, server_name: altro.example }}"), 502, "upstream-unreachable", ""),
        (1, "tls: { roots: other.pem }".to_owned(), 502, "upstream-unreachable", ""),
        (1, "attempts: 1".to_owned(), 502, "upstream-unreachable", ""),
        (2, format!("tls: {{ {roots} }}"), 403, "upstream-refused", "HTTP/1.1"),
        (2, format!("tls: {{ {roots}, {own} }}"), 404, "upstream-refused", "HTTP/1.1"),
        (2, format!("protocol: http2, tls: {{ {roots}, {own} }}"), 404, "upstream-refused", "HTTP/2.0"),
        (0, "protocol: http1, tls: { server_name: localhost }".to_owned(), 502, "bad-upstream-answer", ""),
    ] {
        let url = if port == 0 { "http" } else { "https" };
        // A plain port spoken to in h2 by prior knowledge is no h2 server's.
        let rules = if port == 0 { "protocol: http2".to_owned() } else { rules };
        let before = nginx.log().len();
        let upstream = format!("    upstream: {{ {rules} }}\n");
        let gateway = site.gateway("", "", &format!("{url}://127.0.0.1:{}", nginx.ports[port]), &upstream);
        let answer = curl(&[&gateway.url("web", "/c/v1/promesse")]);
        assert_problem(&answer, status, kind);
        if protocol.is_empty() {
            assert!(nginx.log()[before..].iter().all(|line| !line.contains("promesse")), "{rules}");
            continue;
        }
        let line = eventually("nginx writes its log", || nginx.log().get(before).cloned());
        let seen: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!((seen["protocol"].as_str(), seen["tls"].as_str()), (Some(protocol), Some("TLSv1.3")), "{rules}: {seen}");
        assert_eq!(seen["client"], if rules.contains("client.pem") { "CN=test client" } else { "" }, "{rules}");
        assert_eq!(seen["host"], "127.0.0.1", "{rules}");
    }
}

#[test]
fn nobody_speaks_over_a_connection_that_proves_somebody_else() {
    let scene = Scene::new();
    let nginx = Peer::nginx(scene.path());
    let keys = scene.path().display();
    let roots = format!("roots: {keys}/ca.pem");
    let known = format!("{{ tls: {{ {roots}, certificate: {keys}/client.pem, key: {keys}/client.key }} }}");
    let url = format!("https://127.0.0.1:{}", nginx.ports[2]);
    let gateway =
        scene.gateway_of(1, &[things("noti", &url, &known, ""), things("ignoti", &url, &format!("{{ tls: {{ {roots} }} }}"), "")]);
    // nginx knows no `/cosa`, and tells so only those who have a certificate.
    for (name, status) in [("noti", 404), ("ignoti", 403), ("noti", 404), ("ignoti", 403)] {
        assert_eq!(curl(&[&gateway.url("pdnd", &format!("/{name}/cosa"))]).status, status, "{name}");
    }
}
