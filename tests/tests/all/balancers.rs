//! What stands before a gateway: HAProxy, with the PROXY protocol and with forwarded headers and certificates; and what nobody is
//! believed who is not listed.

use std::path::Path;

use tests::{Answer, Connection, Gateway, Peer, Rest, Scene, Site, assert_problem, curl, eventually, hashed};

use crate::authority::Authority;
use crate::outbound::{Outbound, SOCIALE, configuration};

/// The authority of callers, what servers show, and two departments' certificates.
fn certificates(folder: &Path) {
    let authority = Authority::new(folder, "ca");
    authority.sign(folder, "server", &["localhost"]);
    authority.sign(folder, "reparto", &[]);
    authority.sign(folder, "altro", &[]);
}

const BALANCED: &str = ", proxy_protocol: [127.0.0.1], tls: [{ certificate: server.pem, key: server.key }], \
                        client_certificates: { mode: optional, ca: ca.pem }";
const PROXIED: &str = ", trusted_proxies: { addresses: [127.0.0.1], tells: [for, proto, host], certificate: Client-Cert }";

/// A gateway behind HAProxy, whose upstream is told from where it is asked.
fn behind(site: &Site, upstream: &Rest, style: &str) -> (Gateway, Peer) {
    certificates(site.path());
    let more = format!(
        "  oltre:\n    direction: inbound\n    listener: proxied\n    base_path: /c/v1\n    contract: cose.yaml\n    security: [open]\n\
         \x20   acknowledge: [open]\n    adapter: {{ http: {{ url: \"http://{0}\", forwarded: {style}, host: caller }} }}\n",
        upstream.address
    );
    let listeners = format!("{BALANCED} }}\n  proxied: {{ address: \"127.0.0.1:0\"{PROXIED}");
    let yaml = Site::configuration("", &listeners, &format!("http://{}", upstream.address), &more).replacen(
        "\" } }",
        &format!("\", forwarded: {style} }} }}"),
        1,
    );
    let gateway = Gateway::start(site.path(), &yaml);
    let haproxy = Peer::haproxy(site.path(), gateway.address("web").port(), gateway.address("proxied").port());
    (gateway, haproxy)
}

fn told(upstream: &Rest, name: &str) -> Option<String> {
    upstream.asked().pop().expect("it was asked").headers.get(name).cloned()
}

#[test]
fn haproxy_says_for_whom() {
    let (site, upstream) = (Site::new(), Rest::start("{}"));
    let (gateway, haproxy) = behind(&site, &upstream, "x-forwarded");
    let ca = site.path().join("ca.pem").display().to_string();
    let ask = |port: u16, more: &[&str]| {
        let url = format!("https://localhost:{port}/c/v1/cose");
        curl(
            &[
                &["--interface", "127.0.0.2", "--cacert", &ca, "-H", "X-Forwarded-For: 6.6.6.6", "-H", "Forwarded: for=6.6.6.6"],
                more,
                &[&url],
            ]
            .concat(),
        )
    };
    for (at, version) in [(0, "v1"), (1, "v2"), (2, "forwarded")] {
        let port = haproxy.ports[at];
        for protocol in ["--http1.1", "--http2"] {
            let answer = ask(port, &[protocol]);
            assert_eq!(answer.status, 200, "{version}: {answer:?}");
            assert_eq!(told(&upstream, "x-forwarded-for").as_deref(), Some("127.0.0.2"), "{version} {protocol}");
            assert_eq!(told(&upstream, "x-forwarded-proto").as_deref(), Some("https"), "{version} {protocol}");
            assert_eq!(told(&upstream, "x-forwarded-host"), Some(format!("localhost:{port}")), "{version} {protocol}");
            assert_eq!(told(&upstream, "forwarded"), None, "a caller's own word does not pass");
            let host = if at == 2 { format!("localhost:{port}") } else { upstream.address.to_string() };
            assert_eq!(told(&upstream, "host"), Some(host), "{version} {protocol}");
        }
    }
    // Whoever comes to the balancer's port without a header is not let in, and whoever is not listed cannot bring one.
    let bare = curl(&["--cacert", &ca, &gateway.tls_url("web", "/c/v1/cose")]);
    assert_eq!(bare.status, 0, "{bare:?}");
    eventually("it is counted", || (gateway.metric("varco_failed_connections_total{cause=\"proxy-header\"}") >= 1.0).then_some(()));
    let direct = ask(gateway.address("web").port(), &[]);
    assert_eq!((direct.status, told(&upstream, "x-forwarded-for").as_deref()), (200, Some("127.0.0.2")), "{direct:?}");
    let brought =
        Connection::sending(gateway.address("proxied"), "PROXY TCP4 6.6.6.6 127.0.0.1 1 2\r\nGET /c/v1/cose HTTP/1.1\r\nhost: h\r\n\r\n")
            .rest();
    assert!(brought.starts_with(b"HTTP/1.1 400"), "{}", String::from_utf8_lossy(&brought));
}

#[test]
fn the_standards_words_are_told_as_well() {
    let (site, upstream) = (Site::new(), Rest::start("{}"));
    let (_gateway, haproxy) = behind(&site, &upstream, "rfc7239");
    let ca = site.path().join("ca.pem").display().to_string();
    let port = haproxy.ports[2];
    let answer = curl(&["--interface", "127.0.0.2", "--cacert", &ca, &format!("https://localhost:{port}/c/v1/cose")]);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(told(&upstream, "forwarded"), Some(format!("for=127.0.0.2;proto=https;host=\"localhost:{port}\"")));
    assert_eq!(told(&upstream, "x-forwarded-for"), None);
}

/// What a caller writes itself reaches an upstream in no spelling, and cannot be smuggled into what the gateway says.
#[test]
fn nobody_speaks_in_the_gateways_name() {
    for (style, more) in [("x-forwarded", ", host: caller"), ("rfc7239", "")] {
        let (site, upstream) = (Site::new(), Rest::start("{}"));
        let yaml = Site::configuration("", "", &format!("http://{}", upstream.address), "")
            .replace("\" } }\n", &format!("\", forwarded: {style}{more}, identity: {{ tenant: X-Ente }} }} }}\n"));
        let gateway = Gateway::start(site.path(), &yaml);
        let url = gateway.url("web", "/c/v1/cose");
        let names =
            ["X_Forwarded_For", "X-Forwarded", "X_Real_IP", "True-Client-IP", "Forwarded", "X-Ente", "x_ente", "X-Forwarded-Prefix"];
        let forged: Vec<String> = names.iter().map(|name| format!("{name}: 6.6.6.6")).collect();
        for host in ["io.ente.example", "x\", for=\"6.6.6.6", "x\";for=9.9.9.9", "a, b"] {
            let host_header = format!("Host: {host}");
            let arguments: Vec<&str> = forged.iter().flat_map(|header| ["-H", header]).chain(["-H", &host_header, &url]).collect();
            assert_eq!(curl(&arguments).status, 200, "{host}");
            let asked = upstream.asked().pop().expect("it was asked");
            assert_eq!(asked.headers["x-ente"], "prova");
            assert!(!asked.headers.keys().any(|name| name.contains('_')), "{asked:?}");
            let said: Vec<&String> =
                asked.headers.values().filter(|value| value.contains("6.6.6.6") || value.contains("9.9.9.9")).collect();
            assert!(said.is_empty(), "{asked:?}");
            let told = asked.headers.get("x-forwarded-host").or_else(|| asked.headers.get("forwarded")).cloned().unwrap_or_default();
            assert_eq!(told.contains("io.ente.example"), host == "io.ente.example", "{told}");
        }
    }
}

/// A balancer that names nobody, or speaks for itself, is no proxy whose word for others counts.
#[test]
fn a_header_without_an_address_is_nobodys_word() {
    let (site, upstream) = (Site::new(), Rest::start("{}"));
    let both = ", proxy_protocol: [127.0.0.1], trusted_proxies: { addresses: [127.0.0.1, 203.0.113.7] }";
    let yaml =
        Site::configuration("", both, &format!("http://{}", upstream.address), "").replace("\" } }\n", "\", forwarded: x-forwarded } }\n");
    let gateway = Gateway::start(site.path(), &yaml);
    for (header, told) in [
        ("PROXY UNKNOWN\r\n", "127.0.0.1"),
        ("PROXY TCP4 198.51.100.9 127.0.0.1 1 2\r\n", "198.51.100.9"),
        ("PROXY TCP4 203.0.113.7 127.0.0.1 1 2\r\n", "6.6.6.6"),
    ] {
        let request = format!("{header}GET /c/v1/cose HTTP/1.1\r\nhost: h\r\nx-forwarded-for: 6.6.6.6\r\nconnection: close\r\n\r\n");
        let answer = Connection::sending(gateway.address("web"), &request).rest();
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
        assert_eq!(upstream.asked().pop().expect("it was asked").headers["x-forwarded-for"], told, "{header}");
    }
}

/// Departments that show a certificate: to the gateway, or to a proxy before it that is believed.
struct Shown {
    outbound: Outbound,
    haproxy: Peer,
}

impl Shown {
    fn new() -> (Self, Rest) {
        let (scene, site, provider) = (Scene::new(), Site::new(), Rest::start("{}"));
        certificates(site.path());
        let both = hashed("chiave-doppia");
        let more = format!(
            "      protocollo: {{ tenant: valdombra, client: sociale, purpose: assistenza, certificate: reparto.pem }}\n\
             \x20     doppia: {{ tenant: valdombra, client: sociale, purpose: assistenza, certificate: altro.pem, key: \"{both}\" }}\n"
        );
        let yaml = configuration(&scene, &site, "cose.yaml", &format!("http://{}", provider.address), &more);
        let (listeners, rest) = yaml.split_once("pdnd:\n").expect("the listeners stand before");
        let listeners = listeners.replace(
            "reparti: { address: \"127.0.0.1:0\" }",
            &format!("reparti: {{ address: \"127.0.0.1:0\"{BALANCED} }}, dietro: {{ address: \"127.0.0.1:0\"{PROXIED} }}"),
        );
        // The same e-service behind either.
        let (_, eservice) = rest.split_once("  residenza:\n").expect("an e-service");
        let twin = format!("  dietro:\n{}", eservice.replace("listener: reparti", "listener: dietro"));
        let gateway = Gateway::start(site.path(), &format!("{listeners}pdnd:\n{rest}{twin}"));
        let haproxy = Peer::haproxy(site.path(), gateway.address("reparti").port(), gateway.address("dietro").port());
        (Self { outbound: Outbound::of(scene, site, gateway), haproxy }, provider)
    }

    fn file(&self, name: &str) -> String {
        self.outbound.site.path().join(name).display().to_string()
    }

    fn ask(&self, port: u16, who: Option<&str>, more: &[&str]) -> Answer {
        let (ca, url) = (self.file("ca.pem"), format!("https://localhost:{port}/r/cose"));
        let files = who.map(|who| (self.file(&format!("{who}.pem")), self.file(&format!("{who}.key"))));
        let shown = files.iter().flat_map(|(certificate, key)| ["--cert", certificate, "--key", key]);
        curl(&[&["--cacert", &ca][..], &shown.collect::<Vec<_>>(), more, &[&url]].concat())
    }
}

#[test]
fn a_department_is_known_by_its_certificate() {
    let (shown, provider) = Shown::new();
    let key = "X-Api-Key: chiave-doppia";
    // Over TLS that the gateway ends, behind a balancer; and over TLS that the proxy ends.
    for port in [shown.haproxy.ports[1], shown.haproxy.ports[2]] {
        for (who, more, expected) in [
            (Some("reparto"), &[][..], Ok("protocollo")),
            (Some("altro"), &["-H", key], Ok("doppia")),
            (None, &["-H", SOCIALE], Ok("sociale")),
            (Some("reparto"), &["-H", SOCIALE], Ok("sociale")),
            (Some("altro"), &[], Err("certificate-unknown")),
            (Some("reparto"), &["-H", key], Err("certificate-unknown")),
            (None, &["-H", key], Err("certificate-missing")),
            (None, &[], Err("key-missing")),
        ] {
            if let Some((_, asked)) = shown.outbound.assert_known(&provider, expected, || shown.ask(port, who, more)) {
                assert!(!asked.headers.contains_key("client-cert"), "it stays in the house");
            }
        }
    }
}

/// What a caller writes into the header itself is nobody's certificate: neither through the proxy, which replaces it, nor past it.
#[test]
fn a_certificate_is_believed_from_listed_proxies_only() {
    let (shown, provider) = Shown::new();
    let certificate = std::fs::read_to_string(shown.file("reparto.pem")).expect("a certificate");
    let base64: String = certificate.lines().filter(|line| !line.starts_with('-')).collect();
    let forged = format!("Client-Cert: :{base64}:");
    let through = shown.ask(shown.haproxy.ports[2], None, &["-H", &forged]);
    assert_problem(&through, 401, "key-missing");
    let direct =
        |interface: &str, header: &str| curl(&["--interface", interface, "-H", header, &shown.outbound.gateway.url("dietro", "/r/cose")]);
    assert_problem(&direct("127.0.0.2", &forged), 401, "key-missing");
    assert_eq!(provider.asked().len(), 0);
    // The listed one is believed, in whichever of the proxies' ways of writing it.
    let pem = certificate.replace('\n', "%0A").replace(' ', "%20").replace('+', "%2B").replace('/', "%2F");
    for header in [forged, format!("Client-Cert: {base64}"), format!("Client-Cert: {pem}")] {
        assert_eq!(direct("127.0.0.1", &header).status, 200, "{header}");
    }
    assert_problem(&direct("127.0.0.1", "Client-Cert: CN=reparto"), 400, "certificate-unreadable");
}

#[test]
fn what_would_believe_everybody_does_not_load() {
    let site = Site::new();
    certificates(site.path());
    let good = Site::configuration("", PROXIED, "http://127.0.0.1:1", "");
    site.assert_faults(
        &good,
        &[
            ("[127.0.0.1]", "[0.0.0.0/0]", "`0.0.0.0/0` is everybody"),
            ("[127.0.0.1]", "[haproxy]", "`haproxy` is no address or network"),
            ("[127.0.0.1]", "[]", "nobody is listed"),
            ("[127.0.0.1]", "[128.0.0.0/1]", "`128.0.0.0/1` is everybody"),
            ("[127.0.0.1]", "[\"::ffff:10.1.0.0/112\"]", "is an IPv4 network"),
            ("[for, proto, host]", "[for, port]", "`port` is nothing that a proxy tells"),
            ("Client-Cert", "X_Forwarded_For", "is no header for a certificate"),
            ("Client-Cert", "traceparent", "is no header for a certificate"),
            ("addresses: [127.0.0.1], ", "", "needs `addresses`"),
            ("Client-Cert", "Authorization", "`Authorization` is no header for a certificate"),
            (
                "trusted_proxies: { addresses: [127.0.0.1], tells: [for, proto, host], certificate: Client-Cert }",
                "proxy_protocol: [\"::/0\"]",
                "`::/0` is everybody",
            ),
        ],
    );
}
