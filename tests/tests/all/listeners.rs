//! Listeners as curl meets them: TLS 1.3 and 1.2, HTTP/1.1 and h2, names and certificates, client certificates, addresses.

use std::net::SocketAddr;

use rustix::process::Signal;
use tests::{Connection, Gateway, Site, Witness, curl, eventually};

use crate::authority::Authority;

/// A site with an authority `ca`, a certificate for `localhost` and one for `anagrafe.example`, and a client's.
fn site() -> Site {
    let site = Site::new();
    let authority = Authority::new(site.path(), "ca");
    authority.sign(site.path(), "local", &["localhost"]);
    authority.sign(site.path(), "anagrafe", &["anagrafe.example", "*.comuni.example"]);
    authority.sign(site.path(), "client", &[]);
    Authority::new(site.path(), "other").sign(site.path(), "stranger", &[]);
    site
}

const TLS: &str = ", tls: [{ certificate: local.pem, key: local.key }, { certificate: anagrafe.pem, key: anagrafe.key, \
                   names: [anagrafe.example, a.comuni.example] }]";

fn counted(gateway: &Gateway, cause: &str, least: f64) {
    let name = format!("varco_failed_connections_total{{cause=\"{cause}\"}}");
    eventually(&format!("{cause} is counted"), || (gateway.metric(&name) >= least).then_some(()));
}

#[test]
fn speaks_both_versions_of_tls_and_of_http() {
    let (site, witness) = (site(), Witness::hello());
    let gateway = site.gateway("", TLS, &witness.url(), "");
    let (url, ca) = (gateway.tls_url("web", "/c/v1/cose"), site.path().join("ca.pem").display().to_string());
    for (arguments, version) in [
        (&["--tlsv1.3", "--http2"][..], "2"),
        (&["--tlsv1.3", "--http1.1"], "1.1"),
        (&["--tls-max", "1.2", "--http2"], "2"),
        (&["--tls-max", "1.2", "--http1.1"], "1.1"),
        (&["--no-alpn"], "1.1"),
    ] {
        let answer = curl(&[arguments, &["--cacert", &ca, &url]].concat());
        assert_eq!((answer.status, answer.version.as_str()), (200, version), "{arguments:?} {answer:?}");
        let posted = curl(&[arguments, &["--cacert", &ca, "-H", "content-type: application/json", "-d", "{\"nome\":1}", &url]].concat());
        assert_eq!((posted.status, posted.problem().as_str()), (400, "contract-violation"), "{arguments:?} {posted:?}");
    }
    let old = curl(&["--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0", "--cacert", &ca, &url]);
    assert_eq!((old.status, old.code), (0, 35), "{old:?}");
    let plain = Connection::sending(gateway.address("web"), "GET /c/v1/cose HTTP/1.1\r\nhost: h\r\n\r\n").rest();
    assert!(!plain.starts_with(b"HTTP"), "HTTP in the clear gets no answer on a TLS port");
    counted(&gateway, "tls", 2.0);
}

#[test]
fn http1_alone_is_offered_where_h2_is_switched_off() {
    let (site, witness) = (site(), Witness::hello());
    let gateway = site.gateway("", &format!("{TLS}, http2: false"), &witness.url(), "");
    let ca = site.path().join("ca.pem").display().to_string();
    let answer = curl(&["--http2", "--cacert", &ca, &gateway.tls_url("web", "/c/v1/cose")]);
    assert_eq!((answer.status, answer.version.as_str()), (200, "1.1"), "{answer:?}");
}

#[test]
fn shows_the_certificate_of_the_name_asked_for() {
    let (site, witness) = (site(), Witness::hello());
    let gateway = site.gateway("", TLS, &witness.url(), "");
    let (port, ca) = (gateway.address("web").port(), site.path().join("ca.pem").display().to_string());
    for (host, status) in [("localhost", 200), ("anagrafe.example", 200), ("a.comuni.example", 200), ("unknown.example", 0)] {
        let answer =
            curl(&["--cacert", &ca, "--resolve", &format!("{host}:{port}:127.0.0.1"), &format!("https://{host}:{port}/c/v1/cose")]);
        assert_eq!(answer.status, status, "{host} {answer:?}");
        // Whoever asks for no name of ours is shown the first certificate, which is not theirs.
        assert_eq!(answer.code, if status == 0 { 60 } else { 0 }, "{host} {answer:?}");
    }
}

#[test]
fn asks_for_client_certificates_as_configured() {
    let (site, witness) = (site(), Witness::hello());
    let file = |name: &str| site.path().join(name).display().to_string();
    for (mode, without) in [("required", 0), ("optional", 200), ("off", 200)] {
        let gateway = site.gateway("", &format!("{TLS}, client_certificates: {{ mode: {mode}, ca: ca.pem }}"), &witness.url(), "");
        let url = gateway.tls_url("web", "/c/v1/cose");
        for version in ["1.2", "1.3"] {
            let ask = |more: &[&str]| curl(&[&["--tls-max", version, "--cacert", &file("ca.pem")], more, &[&url]].concat());
            assert_eq!(ask(&[]).status, without, "{mode} {version}: none");
            let known = ask(&["--cert", &file("client.pem"), "--key", &file("client.key")]);
            assert_eq!(known.status, 200, "{mode} {version}: {known:?}");
            let stranger = ask(&["--cert", &file("stranger.pem"), "--key", &file("stranger.key")]);
            assert_eq!(stranger.status, if mode == "off" { 200 } else { 0 }, "{mode} {version}: {stranger:?}");
        }
        if mode != "off" {
            counted(&gateway, "tls", 2.0);
        }
    }
}

/// A list of withdrawn certificates; one that is out of date says nothing any more, and lets nobody in.
#[test]
fn a_withdrawn_certificate_is_let_in_no_more() {
    let (site, witness) = (Site::new(), Witness::hello());
    let authority = Authority::new(site.path(), "ca");
    authority.sign(site.path(), "local", &["localhost"]);
    for client in ["client", "lost"] {
        authority.sign(site.path(), client, &[]);
    }
    let file = |name: &str| site.path().join(name).display().to_string();
    let tls = ", tls: [{ certificate: local.pem, key: local.key }], client_certificates: { ca: ca.pem, crls: [ca.crl] }";
    authority.withdraw(site.path(), "ca", &["lost"], 2100);
    let gateway = site.gateway("", tls, &witness.url(), "");
    let url = gateway.tls_url("web", "/c/v1/cose");
    let ask = |who: &str| {
        let (certificate, key) = (file(&format!("{who}.pem")), file(&format!("{who}.key")));
        curl(&["--cacert", &file("ca.pem"), "--cert", &certificate, "--key", &key, &url]).status
    };
    assert_eq!((ask("client"), ask("lost")), (200, 0));
    authority.withdraw(site.path(), "ca", &["client", "lost"], 2100);
    gateway.signal(Signal::HUP);
    eventually("the new list is in force", || (ask("client") == 0).then_some(()));
    authority.withdraw(site.path(), "ca", &[], 2100);
    gateway.signal(Signal::HUP);
    eventually("the next one too", || (ask("client") == 200 && ask("lost") == 200).then_some(()));
    authority.withdraw(site.path(), "ca", &[], 2021);
    gateway.signal(Signal::HUP);
    eventually("one that is out of date", || (ask("client") == 0).then_some(()));
    let good = Site::configuration("", tls, &witness.url(), "");
    let both = ("ca.crl", "ca.crl, ca.crl", "two lists are of one authority");
    std::fs::write(site.path().join("junk.crl"), [0x30, 0x02, 0x05, 0x00]).expect("a folder can be written to");
    let junk = ("ca.crl", "junk.crl", "a list of withdrawn certificates cannot be used: BadDer");
    site.assert_faults(
        &good,
        &[both, junk, ("ca.crl", "local.pem", "holds no list of withdrawn certificates"), ("ca.crl", "cb.crl", "cannot read")],
    );
}

#[test]
fn a_handshake_has_a_limit_in_time_and_one_in_time_leaves_the_head_its_own() {
    let (site, witness) = (site(), Witness::hello());
    let limits = ", limits: { handshake_time: 300ms, header_time: 20s, idle_time: 20s }";
    let gateway = site.gateway("", &format!("{TLS}{limits}"), &witness.url(), "");
    assert_eq!(Connection::to(gateway.address("web")).rest(), b"", "who says nothing");
    assert_eq!(Connection::sending(gateway.address("web"), "\u{16}\u{3}\u{1}").rest(), b"", "who stops in the middle");
    counted(&gateway, "handshake-too-slow", 2.0);
}

#[test]
fn listens_on_several_addresses_of_both_families() {
    let (site, witness) = (Site::new(), Witness::hello());
    let yaml = Site::configuration("", "", &witness.url(), "")
        .replace("web: { address: \"127.0.0.1:0\"", "web: { address: [\"127.0.0.1:0\", \"[::1]:0\", \"[::]:0\"]");
    let gateway = Gateway::start(site.path(), &yaml);
    let web: Vec<SocketAddr> = gateway.listening.iter().filter(|(name, _)| name == "web").map(|(_, address)| *address).collect();
    assert_eq!(web.len(), 3);
    assert!(web.iter().all(|address| address.port() != 0), "{web:?}");
    // `[::]` serves both families.
    let both = web[2].port();
    for place in [web[0].to_string(), web[1].to_string(), format!("[::1]:{both}"), format!("127.0.0.1:{both}")] {
        assert_eq!(curl(&["-g", &format!("http://{place}/c/v1/cose")]).status, 200, "{place}");
    }
}
