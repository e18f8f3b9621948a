//! Upstreams: a URL, deadlines, the breaker, TLS.

use std::time::Duration;

use document::{Fault, Section};
use http::Uri;
use http::uri::Scheme;
use rustls_pki_types::ServerName;

use super::addresses;
use super::network::Network;
use super::tls;
use crate::upstream::{Balance, BreakerRules, EjectionRules, Endpoint, Protocol, UpstreamRules};

/// The upstream of an e-service: the adapter's `url`, and the e-service's `upstream` section.
pub(super) fn compile(adapter: &Section<'_>, rules: Option<&Section<'_>>, network: &Network) -> Option<UpstreamRules> {
    let url = adapter.required_text("url");
    let protocol = rules
        .and_then(|rules| rules.choice("protocol", &[("http1", Protocol::Http1), ("http2", Protocol::Http2)]))
        .unwrap_or(Protocol::Http1);
    let tls = rules.and_then(|rules| rules.section("tls"));
    let server_name = tls.as_ref().and_then(|tls| tls.text("server_name"));
    let mut upstream = parse(adapter, ("url", url?), protocol, tls.as_ref(), server_name, network);
    let limits = |upstream: &mut UpstreamRules, rules: &Section<'_>| {
        let time = |key: &'static str, into: &mut Duration| *into = rules.duration(key).unwrap_or(*into);
        time("connect_timeout", &mut upstream.connect_timeout);
        time("first_byte_timeout", &mut upstream.first_byte_timeout);
        time("total_timeout", &mut upstream.total_timeout);
        time("idle", &mut upstream.idle);
        time("max_age", &mut upstream.max_age);
        upstream.idle_connections = rules.count("idle_connections").map_or(upstream.idle_connections, |count| count as usize);
        upstream.in_flight = rules.count("in_flight").map_or(upstream.in_flight, |count| count.clamp(1, 1 << 20) as u32);
        upstream.answer_bytes = rules.bytes("answer_bytes").unwrap_or(upstream.answer_bytes);
        upstream.inflate_ratio = rules.count("inflate_ratio").map_or(upstream.inflate_ratio, |ratio| ratio.clamp(1, 10_000));
        upstream.attempts = rules.count("attempts").map_or(upstream.attempts, |count| count.clamp(1, 10) as u32);
        addresses::compile(upstream, rules);
        if let Some(breaker) = rules.section("breaker") {
            let default = BreakerRules::default();
            upstream.breaker = BreakerRules {
                failures: breaker.count("failures").map_or(default.failures, |count| count.max(1) as u32),
                open_for: breaker.duration("open_for").unwrap_or(default.open_for),
                probes: breaker.count("probes").map_or(default.probes, |count| count.max(1) as u32),
            };
        }
    };
    if let (Some(upstream), Some(rules)) = (&mut upstream, rules) {
        limits(upstream, rules);
    }
    upstream
}

/// An upstream of a URL alone, with defaults: for key sets.
pub(super) fn of_url(section: &Section<'_>, key: &'static str, url: &str, network: &Network) -> Option<UpstreamRules> {
    let tls = section.section("tls");
    parse(section, (key, url), Protocol::Http1, tls.as_ref(), None, network)
}

fn parse(
    section: &Section<'_>,
    (key, url): (&'static str, &str),
    protocol: Protocol,
    tls_section: Option<&Section<'_>>,
    server_name: Option<&str>,
    network: &Network,
) -> Option<UpstreamRules> {
    let bad = |message: &str| {
        section.report(
            Fault::error(section.place(key), format!("`{}.{key}`: {message}", section.name()))
                .hint("such as `https://host.example:8443/path`"),
        );
        None
    };
    let Ok(uri) = url.parse::<Uri>() else { return bad("not a URL") };
    let (Some(scheme), Some(authority)) = (uri.scheme().cloned(), uri.authority().cloned()) else { return bad("not an absolute URL") };
    if scheme != Scheme::HTTP && scheme != Scheme::HTTPS {
        return bad("neither http nor https");
    }
    if authority.as_str().contains('@') {
        return bad("a URL holds no credentials here");
    }
    if uri.query().is_some() {
        return bad("a URL with a query cannot be extended");
    }
    let Ok(host_header) = http::HeaderValue::from_str(authority.as_str()) else { return bad("its host is no header value") };
    let Some((host, port)) = addresses::host_and_port(&authority) else { return bad("its host or port is none") };
    let tls = if scheme == Scheme::HTTPS {
        let alpn: &[u8] = if protocol == Protocol::Http2 { b"h2" } else { b"http/1.1" };
        let Ok(name) = ServerName::try_from(server_name.unwrap_or(&host).to_owned()) else { return bad("the host is no server name") };
        Some(tls::client(tls_section, network.roots(), Some(alpn), name)?)
    } else {
        None
    };
    let port = port.unwrap_or(if scheme == Scheme::HTTPS { 443 } else { 80 });
    let endpoints = vec![Endpoint { host: host.clone(), port, weight: 1, direct: false }];
    Some(UpstreamRules {
        scheme,
        host,
        port,
        endpoints,
        balance: Balance::default(),
        ejection: EjectionRules::default(),
        checks: None,
        base_path: uri.path().to_owned(),
        host_header,
        authority,
        tls,
        proxy: None,
        protocol,
        connect_timeout: Duration::from_secs(5),
        first_byte_timeout: Duration::from_secs(25),
        total_timeout: Duration::from_secs(30),
        idle: Duration::from_secs(50),
        max_age: Duration::from_mins(10),
        idle_connections: 64,
        in_flight: 1024,
        answer_bytes: 10 << 20,
        inflate_ratio: 100,
        attempts: 2,
        breaker: BreakerRules::default(),
    })
}
