//! Upstreams: a URL, deadlines, the breaker, TLS.

use std::collections::HashMap;
use std::time::Duration;

use document::{Fault, Section};
use rustls_pki_types::ServerName;

use super::addresses;
use super::network::Network;
use super::tls::{self, UpstreamTls};
use crate::upstream::{Balance, BreakerRules, EjectionRules, Endpoint, Protocol, UpstreamRules, UpstreamUrl};

/// Reads the URL of an upstream.
fn read(section: &Section<'_>, key: &'static str, text: &str) -> Option<UpstreamUrl> {
    UpstreamUrl::parse(text)
        .and_then(|url| if url.is_secure() && server_name(&url).is_none() { Err("the host is no server name") } else { Ok(url) })
        .map_err(|message| {
            let fault = Fault::error(section.place(key), format!("`{}.{key}`: {message}", section.name()));
            section.report(fault.hint("such as `https://host.example:8443/path`"));
        })
        .ok()
}

/// The name that the certificate of an upstream has to have; none of what is spoken to in the clear.
fn server_name(url: &UpstreamUrl) -> Option<ServerName<'static>> {
    if url.is_secure() { ServerName::try_from(url.host.clone()).ok() } else { None }
}

/// How many exchanges may wait for an upstream, where nothing is said.
const IN_FLIGHT: u32 = 1024;

/// An upstream at this place, with defaults.
fn defaults(url: &UpstreamUrl, protocol: Protocol, tls: Option<UpstreamTls>) -> UpstreamRules {
    UpstreamRules {
        url: url.clone(),
        endpoints: endpoints(url),
        balance: Balance::default(),
        ejection: EjectionRules::default(),
        checks: None,
        tls,
        proxy: None,
        protocol,
        connect_timeout: Duration::from_secs(5),
        first_byte_timeout: Duration::from_secs(25),
        total_timeout: Duration::from_secs(30),
        idle: Duration::from_secs(50),
        max_age: Duration::from_mins(10),
        // As many as may be needed at a time where nothing is said: one that is closed while exchanges wait is made anew at once.
        idle_connections: IN_FLIGHT as usize,
        in_flight: IN_FLIGHT,
        answer_bytes: 10 << 20,
        inflate_ratio: 100,
        attempts: 2,
        breaker: BreakerRules::default(),
    }
}

/// The one address of an upstream for which no others stand in.
fn endpoints(url: &UpstreamUrl) -> Vec<Endpoint> {
    vec![Endpoint { host: url.host.clone(), port: url.port, weight: 1, direct: false }]
}

/// Whether an instance has an upstream of its own.
pub(super) enum InstanceUrl {
    /// It has the adapter's.
    Common,
    /// There.
    Own(UpstreamUrl),
    /// It is written, and cannot be used.
    Faulty,
}

impl InstanceUrl {
    /// Reads `url` of an instance or a consumer.
    pub(super) fn read(section: &Section<'_>) -> Self {
        match section.text("url") {
            None => Self::Common,
            Some(text) => read(section, "url", text).map_or(Self::Faulty, Self::Own),
        }
    }
}

/// The upstreams of an e-service: that of its adapter's `url`, and those of its instances' own, which differ in where they are and in nothing
/// else.
pub(super) struct Upstreams {
    /// Each once.
    pub(super) list: Vec<UpstreamRules>,
    /// The place in the list of each instance's.
    pub(super) of_instances: Vec<usize>,
}

/// Reads the adapter's `url` and the e-service's `upstream` section. `own` is what its instances have.
pub(super) fn compile(adapter: &Section<'_>, rules: Option<&Section<'_>>, own: &[InstanceUrl], network: &Network) -> Option<Upstreams> {
    // Of instances that could not be read nobody knows whether they have one.
    let is_needed = own.is_empty() || own.iter().any(|own| matches!(own, InstanceUrl::Common));
    let text = if is_needed { adapter.required_text("url") } else { adapter.text("url") };
    let common = text.and_then(|text| read(adapter, "url", text));
    if !is_needed && common.is_some() {
        let fault = Fault::warning(adapter.place("url"), "every instance has a `url` of its own: nobody is sent here");
        adapter.report(fault.hint("take it out"));
    }
    let protocol = rules.and_then(|rules| rules.choice("protocol", &[("http1", Protocol::Http1), ("http2", Protocol::Http2)]));
    let protocol = protocol.unwrap_or(Protocol::Http1);
    let (urls, of_instances) = places(own, common.as_ref()).unwrap_or_default();
    let tls = TlsOf::read(rules, protocol, &urls, network);
    // Where no place is known the rest is read all the same, so that what is wrong in it is said too.
    let nowhere = UpstreamUrl::parse("http://localhost").ok()?;
    let mut upstream = defaults(urls.first().map_or(&nowhere, |first| first), protocol, None);
    if let Some(rules) = rules {
        limits(&mut upstream, rules);
        if urls.len() > 1 && rules.node("addresses").is_some() {
            let fault = Fault::error(rules.place("addresses"), "these addresses are of one upstream, and instances have others");
            rules.report(fault.hint("an instance with a `url` of its own is reached there; a balancer may stand behind it"));
        }
    }
    let (tls, (first, others)) = (tls?, urls.split_first()?);
    let mut list = vec![UpstreamRules { tls: tls.towards(first), ..upstream.clone() }];
    list.extend(others.iter().map(|url| UpstreamRules {
        url: (*url).clone(),
        endpoints: endpoints(url),
        tls: tls.towards(url),
        ..upstream.clone()
    }));
    Some(Upstreams { list, of_instances })
}

/// The places where upstreams are, each once, and which of them each instance's is. `None` where one has none.
fn places<'a>(own: &'a [InstanceUrl], common: Option<&'a UpstreamUrl>) -> Option<(Vec<&'a UpstreamUrl>, Vec<usize>)> {
    let (mut urls, mut known) = (Vec::new(), HashMap::new());
    let of_instances = own.iter().map(|own| {
        let url = match own {
            InstanceUrl::Own(url) => url,
            InstanceUrl::Common => common?,
            InstanceUrl::Faulty => return None,
        };
        Some(*known.entry(url.place()).or_insert_with(|| {
            urls.push(url);
            urls.len() - 1
        }))
    });
    let of_instances = of_instances.collect::<Option<_>>()?;
    Some((urls, of_instances))
}

/// TLS towards the upstreams of one e-service: made once, with the name of each.
struct TlsOf {
    made: Option<UpstreamTls>,
    /// The name that is asked for instead of each URL's own.
    name: Option<ServerName<'static>>,
}

impl TlsOf {
    fn read(rules: Option<&Section<'_>>, protocol: Protocol, urls: &[&UpstreamUrl], network: &Network) -> Option<Self> {
        let section = rules.and_then(|rules| rules.section("tls"));
        let named = section.as_ref().and_then(|section| section.text("server_name").map(|name| (section, name)));
        let name = match named {
            None => None,
            Some((section, text)) => match ServerName::try_from(text.to_owned()) {
                Ok(name) => Some(name),
                Err(_) => {
                    section.report(Fault::error(section.place("server_name"), format!("`{text}` is no server name")));
                    return None;
                }
            },
        };
        let alpn: &[u8] = if protocol == Protocol::Http2 { b"h2" } else { b"http/1.1" };
        let made = match urls.iter().find_map(|url| server_name(url)) {
            Some(first) => Some(tls::client(section.as_ref(), network.roots(), Some(alpn), first)?),
            None => None,
        };
        Some(Self { made, name })
    }

    fn towards(&self, url: &UpstreamUrl) -> Option<UpstreamTls> {
        let (made, own) = (self.made.as_ref()?, server_name(url)?);
        Some(UpstreamTls { name: self.name.clone().unwrap_or(own), ..made.clone() })
    }
}

fn limits(upstream: &mut UpstreamRules, rules: &Section<'_>) {
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
}

/// An upstream of a URL alone, with defaults: for key sets, token servers, collectors.
pub(super) fn of_url(section: &Section<'_>, key: &'static str, url: &str, network: &Network) -> Option<UpstreamRules> {
    let tls_section = section.section("tls");
    let url = read(section, key, url)?;
    let tls = match server_name(&url) {
        Some(name) => Some(tls::client(tls_section.as_ref(), network.roots(), Some(b"http/1.1"), name)?),
        None => None,
    };
    Some(defaults(&url, Protocol::Http1, tls))
}
