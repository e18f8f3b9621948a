//! Load balancers and reverse proxies before a listener, and what is believed of what they say.

use std::net::IpAddr;

use adapter_http::ForwardedStyle;
use document::{Fault, Section};
use http::HeaderName;
use ipnet::IpNet;

use super::headers::is_reserved;

/// A list of networks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nets(pub Vec<IpNet>);

impl Nets {
    /// Whether one of them holds this address. On a socket for both families an IPv4 address is seen as mapped: it is the same one.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|net| net.contains(&address))
    }
}

/// Proxies whose requests say for whom they come. Nobody is believed who is not listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies {
    /// Where they are.
    pub addresses: Nets,
    /// In which headers they say so.
    pub forwarded: ForwardedStyle,
    /// Whether they set the scheme there: one that does not passes its caller's word for it on.
    pub tells_scheme: bool,
    /// Whether they set the host, likewise.
    pub tells_host: bool,
    /// The header in which they pass on the certificate that their caller showed.
    pub certificate: Option<HeaderName>,
}

impl TrustedProxies {
    /// Whether what this address says of its callers is believed.
    pub fn believes(&self, address: IpAddr) -> bool {
        self.addresses.contains(address)
    }
}

/// Reads `proxy_protocol` of a listener: whose connections begin with a PROXY header, and have to.
pub(super) fn proxy_protocol(section: &Section<'_>) -> Nets {
    let listed = nets(section, "proxy_protocol");
    if section.node("proxy_protocol").is_some_and(|node| node.as_str().is_none() && node.items().is_empty()) {
        section.report(Fault::error(section.place("proxy_protocol"), "nobody is listed").hint("such as `[10.1.0.0/16]`"));
    }
    listed
}

/// Reads `trusted_proxies` of a listener.
pub(super) fn trusted(section: &Section<'_>) -> TrustedProxies {
    let Some(proxies) = section.section("trusted_proxies") else { return TrustedProxies::default() };
    let mut tells = [("for", false), ("proto", false), ("host", false)];
    for (text, place) in proxies.texts("tells") {
        match tells.iter_mut().find(|(word, _)| *word == text) {
            Some((_, told)) => *told = true,
            None => {
                proxies.report(Fault::error(place, format!("`{text}` is nothing that a proxy tells")).hint("`for`, `proto` and `host`"));
            }
        }
    }
    let trusted = TrustedProxies {
        tells_scheme: tells[1].1,
        tells_host: tells[2].1,
        addresses: nets(&proxies, "addresses"),
        forwarded: proxies.choice("forwarded", &ForwardedStyle::CHOICES).unwrap_or_default(),
        certificate: proxies.text("certificate").and_then(|text| certificate(&proxies, text)),
    };
    if proxies.required("addresses").is_some() && trusted.addresses.0.is_empty() && proxies.texts("addresses").is_empty() {
        proxies.report(Fault::error(proxies.place("addresses"), "nobody is listed").hint("such as `[10.1.0.0/16]`"));
    }
    trusted
}

fn nets(section: &Section<'_>, key: &'static str) -> Nets {
    let read = |text: &str| text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    let mut nets = Vec::new();
    for (text, place) in section.texts(key) {
        match read(text) {
            Some(net) if is_wide(&net) => section.report(
                Fault::error(place, format!("`{text}` is everybody")).hint("whoever can connect could say who calls: list the balancers"),
            ),
            Some(IpNet::V6(net)) if net.addr().to_ipv4_mapped().is_some() => {
                section.report(Fault::error(place, format!("`{text}` is an IPv4 network")).hint("write it as one: such as `10.1.0.0/16`"));
            }
            Some(net) => nets.push(net),
            None => section.report(Fault::error(place, format!("`{text}` is no address or network")).hint("such as `10.1.0.0/16`")),
        }
    }
    Nets(nets)
}

/// Whether it is so much of the internet that it cannot be a list of balancers.
fn is_wide(net: &IpNet) -> bool {
    net.prefix_len() < if matches!(net, IpNet::V4(_)) { 8 } else { 16 }
}

fn certificate(section: &Section<'_>, text: &str) -> Option<HeaderName> {
    match HeaderName::from_bytes(text.as_bytes()) {
        Ok(name) if !is_reserved(&name) => Some(name),
        _ => {
            let fault = Fault::error(section.place("certificate"), format!("`{text}` is no header for a certificate"));
            section.report(fault.hint("such as `Client-Cert` (RFC 9440), which the proxy sets and nobody else may"));
            None
        }
    }
}
