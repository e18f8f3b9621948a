//! What leaves the data centre goes through the HTTP proxy that stands at its door: tinyproxy.

use tests::{Gateway, Peer, Rest, Scene, Site, assert_problem, assert_says_nothing_internal, eventually};

use crate::outbound::{Outbound, SOCIALE, configuration};

/// Departments before a provider, with this `network`.
fn behind(scene: Scene, site: Site, provider: &Rest, network: &str) -> Outbound {
    let yaml = configuration(&scene, &site, "cose.yaml", &format!("http://localhost:{}", provider.address.port()), "");
    let gateway = Gateway::start(site.path(), &format!("network: {{ {network} }}\n{yaml}"));
    Outbound::of(scene, site, gateway)
}

/// Whom the proxy was asked to reach.
fn reached(proxy: &Peer) -> Vec<String> {
    let connects = proxy.log().into_iter().filter_map(|line| Some(line.split_once("): CONNECT ")?.1.split(' ').next()?.to_owned()));
    connects.collect()
}

#[test]
fn keys_vouchers_and_providers_are_reached_through_the_proxy() {
    let (scene, site, provider) = (Scene::new(), Site::new(), Rest::start("{}"));
    let proxy = Peer::tinyproxy(site.path());
    std::fs::write(site.path().join("proxy.secret"), "varco:segreta\n").expect("it can be written");
    let pdnd = scene.sandbox.pdnd.address().to_string();
    let network = format!("proxy: \"http://127.0.0.1:{}\", proxy_credentials: \"file:proxy.secret\"", proxy.ports[0]);
    let outbound = behind(scene, site, &provider, &network);
    for _ in 0..3 {
        assert_eq!(outbound.ask(&[SOCIALE]).status, 200);
    }
    let there = format!("localhost:{}", provider.address.port());
    let reached =
        eventually("the proxy notes whom it was asked to reach", || Some(reached(&proxy)).filter(|reached| reached.contains(&there)));
    assert!(reached.contains(&pdnd), "the keys and the voucher too: {reached:?}");
    let asked = provider.asked().pop().expect("it was asked");
    assert!(!asked.headers.contains_key("proxy-authorization"), "what is said to the proxy is the proxy's: {asked:?}");
    assert_eq!(asked.target, "GET /cose");
}

#[test]
fn whom_it_is_not_for_is_reached_without_it_and_a_proxy_that_refuses_is_told_apart() {
    for (network, status, kind) in [
        // Nobody listens there, and nobody has to.
        ("proxy: \"http://127.0.0.1:1\", no_proxy: [127.0.0.0/8, localhost]", 200, ""),
        // The voucher is obtained; the provider is not reached.
        ("proxy: \"http://127.0.0.1:PROXY\", no_proxy: [127.0.0.1]", 502, "upstream-unreachable"),
    ] {
        let (scene, site, provider) = (Scene::new(), Site::new(), Rest::start("{}"));
        let proxy = Peer::tinyproxy(site.path());
        let outbound = behind(scene, site, &provider, &network.replace("PROXY", &proxy.ports[0].to_string()));
        let answer = outbound.ask(&[SOCIALE]);
        if status == 200 {
            assert_eq!(answer.status, 200, "{answer:?}");
            assert!(reached(&proxy).is_empty());
        } else {
            assert_problem(&answer, status, kind);
            assert_says_nothing_internal(&answer);
            outbound.gateway.assert_logs("the proxy answered 407");
            assert!(provider.asked().is_empty());
        }
    }
}
