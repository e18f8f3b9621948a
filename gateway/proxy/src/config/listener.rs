//! Listeners: addresses, TLS, and the limits of what a stranger may cost.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use document::{Fault, Key, Node, Section};
use rustls::ServerConfig;

use super::proxies::{self, Nets, TrustedProxies};
use super::tls::{self, Tls};

/// A listener as configured.
#[derive(Clone, Debug, PartialEq)]
pub struct ListenerRules {
    /// Its configured name.
    pub name: Arc<str>,
    /// Where it listens; port 0 lets the system choose.
    pub addresses: Vec<SocketAddr>,
    /// Digest of what a connection had to show to be let in: nothing, TLS, a certificate of these authorities; and of whom it was
    /// believed what.
    pub admits: [u8; 32],
    /// Whether callers are asked for certificates.
    pub asks_certificates: bool,
    /// Whether none is let in without one.
    pub requires_certificates: bool,
    /// Whose connections begin with a PROXY header, and have to.
    pub proxy_protocol: Nets,
    /// Whose word for others is believed.
    pub trusted: TrustedProxies,
    /// TLS, if it has any.
    pub tls: Option<Tls<ServerConfig>>,
    /// Whether h2 is spoken: by ALPN over TLS.
    pub http2: bool,
    /// Its limits.
    pub limits: ListenerLimits,
}

/// What a connection may cost. Every limit has a name in the configuration, under `limits`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerLimits {
    /// The most time for a TLS handshake.
    pub handshake_time: Duration,
    /// The most header fields of a request.
    pub header_count: usize,
    /// The most bytes of header fields of a request.
    pub header_bytes: usize,
    /// The most bytes of a target.
    pub target_bytes: usize,
    /// The most time for the head of a request, from its first byte.
    pub header_time: Duration,
    /// The time that a body is given before its rate is looked at.
    pub body_time: Duration,
    /// The least bytes a second of a body, from its beginning.
    pub body_rate: u64,
    /// The most bytes of a body; an e-service may set less.
    pub body_bytes: u64,
    /// How many times larger than it came a coded body may become.
    pub inflate_ratio: u64,
    /// How long a connection may stand idle between requests.
    pub idle_time: Duration,
    /// How long a caller may refuse to read an answer.
    pub write_time: Duration,
    /// The most connections at a time; more wait in the system's backlog until one ends.
    pub connections: usize,
    /// How many requests a connection may carry before it is closed.
    pub requests_per_connection: u64,
    /// h2: the most streams at a time.
    pub streams: u32,
    /// h2: the most streams that were reset and are not yet forgotten (CVE-2023-44487).
    pub pending_resets: usize,
}

pub(super) fn compile(key: &Key, section: &Section<'_>) -> Option<ListenerRules> {
    let addresses: Vec<SocketAddr> = section
        .texts("address")
        .into_iter()
        .filter_map(|(text, place)| match text.parse() {
            Ok(address) => Some(address),
            Err(_) => {
                section.report(
                    Fault::error(place, format!("`{text}` is not an address and port"))
                        .hint("such as `0.0.0.0:8443`, `[::]:8443` or `127.0.0.1:0`"),
                );
                None
            }
        })
        .collect();
    if section.required("address").is_some_and(|node| node.as_str().is_none() && node.items().is_empty()) {
        section.report(Fault::error(section.place("address"), "a listener needs an address"));
    }
    let http2 = section.flag("http2").unwrap_or(true);
    let has_tls = section.node("tls").is_some();
    let (proxy_protocol, trusted) = (proxies::proxy_protocol(section), proxies::trusted(section));
    let (tls, admits) = tls::server(section, http2, &format!("{proxy_protocol:?} {trusted:?}"));
    if !has_tls && section.node("client_certificates").is_some() {
        section.report(Fault::error(section.place("client_certificates"), "client certificates need `tls`"));
    }
    let limits = limits(section.section("limits").as_ref());
    // With a fault in its TLS a listener must not come up in the clear.
    let addresses = if has_tls && tls.is_none() { Vec::new() } else { addresses };
    let clients = section.node("client_certificates");
    let asks_certificates = clients.is_some_and(|clients| clients.get("mode").and_then(Node::as_str) != Some("off"));
    let requires_certificates = asks_certificates && clients.and_then(|clients| clients.get("mode")?.as_str()) != Some("optional");
    Some(ListenerRules {
        name: key.text.as_str().into(),
        addresses,
        admits,
        asks_certificates,
        requires_certificates,
        proxy_protocol,
        trusted,
        tls,
        http2,
        limits,
    })
}

fn limits(section: Option<&Section<'_>>) -> ListenerLimits {
    let time = |key: &'static str, default: u64| section.and_then(|section| section.duration(key)).unwrap_or(Duration::from_secs(default));
    let count = |key: &'static str, default: u64| section.and_then(|section| section.count(key)).unwrap_or(default);
    let bytes = |key: &'static str, default: u64| section.and_then(|section| section.bytes(key)).unwrap_or(default);
    ListenerLimits {
        handshake_time: time("handshake_time", 10),
        header_count: count("header_count", 64).clamp(8, 1024) as usize,
        header_bytes: bytes("header_bytes", 32 << 10).clamp(1 << 10, 1 << 20) as usize,
        target_bytes: bytes("target_bytes", 8 << 10).clamp(256, 60 << 10) as usize,
        header_time: time("header_time", 10),
        body_time: time("body_time", 10),
        body_rate: section.and_then(|section| section.rate("body_rate")).map_or(1 << 10, |(bytes, per)| bytes / per.as_secs().max(1)),
        body_bytes: bytes("body_bytes", 10 << 20),
        inflate_ratio: count("inflate_ratio", 100).clamp(1, 10_000),
        idle_time: time("idle_time", 60),
        write_time: time("write_time", 30),
        connections: count("connections", 10_000).max(1) as usize,
        requests_per_connection: count("requests_per_connection", 100_000).max(1),
        streams: count("streams", 128).clamp(1, 10_000) as u32,
        pending_resets: count("pending_resets", 20) as usize,
    }
}

impl ListenerLimits {
    /// The defaults, for tests.
    #[cfg(test)]
    pub(crate) fn for_tests() -> Self {
        limits(None)
    }
}
