//! What stands before a listener: load balancers and reverse proxies, and what is believed of what they say.

use std::net::{IpAddr, SocketAddr};

use adapter_http::ForwardedStyle;
use document::{Fault, Section};
use http::HeaderName;
use ipnet::IpNet;

/// Who stands before a listener. Nobody is believed who is not listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Before {
    /// Whose connections begin with a PROXY header, and have to.
    pub proxy_protocol: Vec<IpNet>,
    /// Whose requests say for whom they come.
    pub proxies: Vec<IpNet>,
    /// In which headers they say so.
    pub forwarded: ForwardedStyle,
    /// The header in which they pass on the certificate that their caller showed.
    pub certificate: Option<HeaderName>,
}

impl Before {
    /// Whether a connection from here has to begin with a PROXY header.
    pub fn begins_with_header(&self, peer: &SocketAddr) -> bool {
        is_among(&self.proxy_protocol, peer.ip())
    }

    /// Whether what this address says of its callers is believed.
    pub fn believes(&self, address: IpAddr) -> bool {
        is_among(&self.proxies, address)
    }

    /// What it is made of, for whether a connection was let in under the same rules.
    pub(super) fn text(&self) -> String {
        let Self { proxy_protocol, proxies, forwarded, certificate } = self;
        format!("{proxy_protocol:?}{proxies:?}{forwarded:?}{certificate:?}")
    }
}

/// On a socket for both families an IPv4 address is seen as mapped: it is the same one.
fn is_among(nets: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    nets.iter().any(|net| net.contains(&address))
}

/// Reads `proxy_protocol` and `trusted_proxies` of a listener.
pub(super) fn compile(section: &Section<'_>) -> Before {
    let proxy_protocol = nets(section, "proxy_protocol");
    let Some(proxies) = section.section("trusted_proxies") else { return Before { proxy_protocol, ..Before::default() } };
    let before = Before {
        proxy_protocol,
        proxies: nets(&proxies, "addresses"),
        forwarded: proxies.choice("forwarded", &ForwardedStyle::CHOICES).unwrap_or_default(),
        certificate: proxies.text("certificate").and_then(|text| certificate(&proxies, text)),
    };
    if proxies.required("addresses").is_some() && before.proxies.is_empty() && proxies.texts("addresses").is_empty() {
        proxies.report(Fault::error(proxies.place("addresses"), "nobody is listed").hint("such as `[10.1.0.0/16]`"));
    }
    before
}

fn nets(section: &Section<'_>, key: &'static str) -> Vec<IpNet> {
    let read = |text: &str| text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    let mut nets = Vec::new();
    for (text, place) in section.texts(key) {
        match read(text) {
            Some(net) if net.prefix_len() == 0 => section.report(
                Fault::error(place, format!("`{text}` is everybody")).hint("whoever can connect could say who calls: list the balancers"),
            ),
            Some(net) => nets.push(net),
            None => section.report(Fault::error(place, format!("`{text}` is no address or network")).hint("such as `10.1.0.0/16`")),
        }
    }
    nets
}

/// Headers that a certificate cannot stand in, because they say something else.
const TAKEN: [&str; 6] = ["authorization", "cookie", "host", "x-api-key", "content-type", "content-length"];

fn certificate(section: &Section<'_>, text: &str) -> Option<HeaderName> {
    match HeaderName::from_bytes(text.as_bytes()) {
        Ok(name) if !TAKEN.contains(&name.as_str()) => Some(name),
        _ => {
            let fault = Fault::error(section.place("certificate"), format!("`{text}` is no header for a certificate"));
            section.report(fault.hint("such as `Client-Cert` (RFC 9440), which the proxy sets and nobody else may"));
            None
        }
    }
}
