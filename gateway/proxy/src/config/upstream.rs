//! Upstreams: a URL, deadlines, the breaker, TLS.

use std::time::Duration;

use document::{Fault, Section};
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Uri};
use rustls_pki_types::ServerName;

use super::addresses;
use super::network::Network;
use super::tls::{self, UpstreamTls};
use crate::upstream::{Balance, BreakerRules, EjectionRules, Endpoint, Protocol, UpstreamRules};

/// Where an upstream is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UpstreamUrl {
    scheme: Scheme,
    /// Host and port as written.
    authority: Authority,
    host_header: HeaderValue,
    host: String,
    port: u16,
    /// The path, to which an adapter appends.
    path: String,
    /// The name that its certificate has to have; none of what is spoken to in the clear.
    name: Option<ServerName<'static>>,
}

impl UpstreamUrl {
    /// The same place, however it is written: a port that is usual need not be said.
    fn is_at(&self, other: &Self) -> bool {
        let place = |url: &'_ Self| (url.scheme.clone(), url.host.clone(), url.port, url.path.clone());
        place(self) == place(other)
    }

    /// Reads one.
    pub(super) fn read(section: &Section<'_>, key: &'static str, text: &str) -> Option<Self> {
        Self::parse(text)
            .map_err(|message| {
                let fault = Fault::error(section.place(key), format!("`{}.{key}`: {message}", section.name()));
                section.report(fault.hint("such as `https://host.example:8443/path`"));
            })
            .ok()
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        let uri: Uri = text.parse().map_err(|_| "not a URL")?;
        let (Some(scheme), Some(authority)) = (uri.scheme().cloned(), uri.authority().cloned()) else { return Err("not an absolute URL") };
        if scheme != Scheme::HTTP && scheme != Scheme::HTTPS {
            return Err("neither http nor https");
        }
        if authority.as_str().contains('@') {
            return Err("a URL holds no credentials here");
        }
        if uri.query().is_some() {
            return Err("a URL with a query cannot be extended");
        }
        let host_header = HeaderValue::from_str(authority.as_str()).map_err(|_| "its host is no header value")?;
        let (host, port) = addresses::host_and_port(&authority).ok_or("its host or port is none")?;
        let host = host.to_ascii_lowercase();
        let is_secure = scheme == Scheme::HTTPS;
        let name = is_secure.then(|| ServerName::try_from(host.clone()).map_err(|_| "the host is no server name")).transpose()?;
        let port = port.unwrap_or(if is_secure { 443 } else { 80 });
        Ok(Self { scheme, authority, host_header, host, port, path: uri.path().to_owned(), name })
    }

    /// An upstream at this place, with defaults.
    fn rules(&self, protocol: Protocol, tls: Option<UpstreamTls>) -> UpstreamRules {
        UpstreamRules {
            scheme: self.scheme.clone(),
            authority: self.authority.clone(),
            host_header: self.host_header.clone(),
            host: self.host.clone(),
            port: self.port,
            endpoints: vec![Endpoint { host: self.host.clone(), port: self.port, weight: 1, direct: false }],
            balance: Balance::default(),
            ejection: EjectionRules::default(),
            checks: None,
            base_path: self.path.clone(),
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
        }
    }

    /// The same upstream at this place.
    fn instead(&self, of: &UpstreamRules, tls: Option<UpstreamTls>) -> UpstreamRules {
        let Self { scheme, authority, host_header, host, port, path, .. } = self.clone();
        let endpoints = vec![Endpoint { host: host.clone(), port, weight: 1, direct: false }];
        UpstreamRules { scheme, authority, host_header, host, port, endpoints, base_path: path, tls, ..of.clone() }
    }
}

/// Whether an instance has an upstream of its own.
pub(super) enum Own {
    /// It has the adapter's.
    None,
    /// There.
    At(UpstreamUrl),
    /// It is written, and cannot be used.
    Faulty,
}

impl Own {
    /// Reads `url` of an instance or a consumer.
    pub(super) fn read(section: &Section<'_>) -> Self {
        match section.text("url") {
            None => Self::None,
            Some(text) => UpstreamUrl::read(section, "url", text).map_or(Self::Faulty, Self::At),
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
pub(super) fn compile(adapter: &Section<'_>, rules: Option<&Section<'_>>, own: &[Own], network: &Network) -> Option<Upstreams> {
    // Of instances that could not be read nobody knows whether they have one.
    let is_needed = own.is_empty() || own.iter().any(|own| matches!(own, Own::None));
    let text = if is_needed { adapter.required_text("url") } else { adapter.text("url") };
    let common = text.and_then(|text| UpstreamUrl::read(adapter, "url", text));
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
    let mut upstream = urls.first().map_or(&nowhere, |first| first).rules(protocol, None);
    if let Some(rules) = rules {
        limits(&mut upstream, rules);
        if urls.len() > 1 && rules.node("addresses").is_some() {
            let fault = Fault::error(rules.place("addresses"), "these addresses are of one upstream, and instances have others");
            rules.report(fault.hint("an instance with a `url` of its own is reached there; a balancer may stand behind it"));
        }
    }
    let (tls, (first, others)) = (tls?, urls.split_first()?);
    let others: Vec<_> = others.iter().map(|url| url.instead(&upstream, tls.towards(url))).collect();
    upstream.tls = tls.towards(first);
    Some(Upstreams { list: std::iter::once(upstream).chain(others).collect(), of_instances })
}

/// The places where upstreams are, each once, and which of them each instance's is. `None` where one has none.
fn places<'a>(own: &'a [Own], common: Option<&'a UpstreamUrl>) -> Option<(Vec<&'a UpstreamUrl>, Vec<usize>)> {
    let (mut urls, mut of_instances) = (Vec::<&UpstreamUrl>::new(), Vec::new());
    for own in own {
        let url = match own {
            Own::At(url) => url,
            Own::None => common?,
            Own::Faulty => return None,
        };
        let at = urls.iter().position(|known| known.is_at(url)).unwrap_or(urls.len());
        if at == urls.len() {
            urls.push(url);
        }
        of_instances.push(at);
    }
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
        let made = match urls.iter().find_map(|url| url.name.clone()) {
            Some(first) => Some(tls::client(section.as_ref(), network.roots(), Some(alpn), first)?),
            None => None,
        };
        Some(Self { made, name })
    }

    fn towards(&self, url: &UpstreamUrl) -> Option<UpstreamTls> {
        let (made, own) = (self.made.as_ref()?, url.name.clone()?);
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
    let url = UpstreamUrl::read(section, key, url)?;
    let tls = match url.name.clone() {
        Some(name) => Some(tls::client(tls_section.as_ref(), network.roots(), Some(b"http/1.1"), name)?),
        None => None,
    };
    Some(url.rules(Protocol::Http1, tls))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever is at one place shares its breaker; and nobody else does.
    #[test]
    fn a_place_is_one_however_it_is_written() {
        let url = |text: &str| UpstreamUrl::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        for (one, other, same) in [
            ("http://hub.example/a", "http://hub.example/a", true),
            ("http://hub.example/a", "HTTP://HUB.example:80/a", true),
            ("https://hub.example", "https://hub.example:443/", true),
            ("http://[::1]:8080/a", "http://[::1]:8080/a", true),
            ("http://hub.example/a", "http://hub.example/b", false),
            ("http://hub.example/a", "http://hub.example/a/", false),
            ("http://hub.example/a", "http://hub.example:8080/a", false),
            ("http://hub.example:443/a", "https://hub.example:443/a", false),
        ] {
            let (one, other) = (url(one), url(other));
            assert_eq!(one.is_at(&other), same, "{one:?} {other:?}");
            let place = |url: &UpstreamUrl| url.rules(Protocol::Http1, None).place();
            assert_eq!(place(&one) == place(&other), same, "{one:?} {other:?}");
        }
    }
}
