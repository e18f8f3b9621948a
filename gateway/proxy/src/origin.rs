//! Where a request comes from: who is at the other end of its connection, and for whom that one says it asks.
//!
//! What a proxy says is believed as far as the chain of listed ones goes, from the nearest on: whoever stands beyond the last of
//! them could have written anything.

use std::net::{IpAddr, SocketAddr};

use adapter_http::ForwardedStyle;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use exchange::Forwarded;
use http::header::{FORWARDED, HOST, HeaderMap, HeaderName};
use http::uri::Uri;
use percent_encoding::percent_decode;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use crate::config::{TrustedProxies, fingerprint};

/// The other end of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// Its address, or what a PROXY header tells. Personal data: never in a record's clear part or a log line of an exchange.
    pub address: SocketAddr,
    /// Whether what it says of its callers is believed.
    pub is_believed: bool,
    /// Whether it came over TLS.
    pub is_secure: bool,
    /// The certificate that it showed.
    pub certificate: Certificate,
    /// Whether the connection should have ended: nothing of it counts any more.
    pub is_over: bool,
}

/// A certificate that a caller showed, having proven that its key is its own: to us, or to a proxy that is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// None.
    None,
    /// One with this SHA-256.
    Shown([u8; 32]),
    /// Something that cannot be read.
    Unreadable,
}

impl Origin {
    /// The certificate of whoever asks. A proxy that is believed shows its own only for itself: its caller's is what it passes on,
    /// and nobody else may pass on one.
    pub fn certificate(&self, trusted: &TrustedProxies, headers: &mut HeaderMap) -> Certificate {
        let Some(name) = &trusted.certificate else {
            return if self.is_believed { Certificate::None } else { self.certificate };
        };
        let mut values = headers.get_all(name).iter();
        let passed_on = match (values.next(), values.next()) {
            (None, _) => Certificate::None,
            (Some(value), None) => read(value.as_bytes()),
            (Some(_), Some(_)) => Certificate::Unreadable,
        };
        headers.remove(name);
        if self.is_believed { passed_on } else { self.certificate }
    }

    /// For whom the request is made, through which scheme and to which host.
    pub fn forwarded(&self, trusted: &TrustedProxies, uri: &Uri, headers: &HeaderMap) -> Forwarded {
        let named = uri.authority().map(|authority| authority.as_str().rsplit('@').next().unwrap_or_default());
        let host = named.or_else(|| headers.get(HOST)?.to_str().ok()).filter(|host| is_host(host));
        let mut found = Forwarded { client: self.address.ip().to_canonical(), is_secure: self.is_secure, host: host.map(Into::into) };
        if self.is_believed {
            match trusted.forwarded {
                ForwardedStyle::XForwarded => x_forwarded(trusted, headers, &mut found),
                ForwardedStyle::Rfc7239 => rfc7239(trusted, headers, &mut found),
            }
        }
        found
    }
}

/// A certificate as proxies pass it on: DER in base64, bare or between colons (RFC 9440), or PEM that is percent-encoded (nginx), or
/// whose line feeds became blanks (Apache). An empty one is none: that is how some say that there was none.
fn read(value: &[u8]) -> Certificate {
    let value = value.trim_ascii();
    if value.is_empty() || matches!(value, b"(null)" | b"::") {
        return Certificate::None;
    }
    let der = if value.contains(&b'%') {
        pem(&percent_decode(value).collect::<Vec<_>>())
    } else if value.starts_with(b"-----BEGIN") {
        pem(value)
    } else {
        let bare = value.strip_prefix(b":").and_then(|value| value.strip_suffix(b":")).unwrap_or(value);
        STANDARD.decode(bare).ok()
    };
    // A sequence (DER) and nothing else: what is no certificate is not taken for one with another's digest.
    match der {
        Some(der) if der.starts_with(&[0x30, 0x82]) => Certificate::Shown(fingerprint(&der)),
        _ => Certificate::Unreadable,
    }
}

fn pem(value: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(value).ok()?;
    let inner = text.strip_prefix("-----BEGIN CERTIFICATE-----")?;
    let (inner, _) = inner.split_once("-----END CERTIFICATE-----")?;
    let lines: Vec<&str> = inner.split_ascii_whitespace().collect();
    let text = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"));
    CertificateDer::from_pem_slice(text.as_bytes()).ok().map(|der| der.to_vec())
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The items of a header that is a list, in however many lines; the last first. One that is no text is empty: it says nothing, and what
/// stands before it is not what the nearest proxy wrote.
fn from_the_end<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<&'a str> {
    let lines = headers.get_all(name).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let mut items: Vec<&str> = lines.map(|item| std::str::from_utf8(item.trim_ascii()).unwrap_or_default()).collect();
    items.reverse();
    items
}

fn x_forwarded(trusted: &TrustedProxies, headers: &HeaderMap, found: &mut Forwarded) {
    for item in from_the_end(headers, &X_FORWARDED_FOR) {
        let Some(address) = node(item) else { break };
        found.client = address;
        if !trusted.believes(address) {
            break;
        }
    }
    if trusted.tells_scheme
        && let Some(scheme) = from_the_end(headers, &X_FORWARDED_PROTO).first()
    {
        found.is_secure = scheme.eq_ignore_ascii_case("https");
    }
    if trusted.tells_host
        && let Some(host) = from_the_end(headers, &X_FORWARDED_HOST).first().filter(|host| is_host(host))
    {
        found.host = Some((*host).into());
    }
}

fn rfc7239(trusted: &TrustedProxies, headers: &HeaderMap, found: &mut Forwarded) {
    for element in from_the_end(headers, &FORWARDED) {
        let part = |name: &str| {
            let mut pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
            pairs.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim_matches('"'))
        };
        if let Some(scheme) = part("proto").filter(|_| trusted.tells_scheme) {
            found.is_secure = scheme.eq_ignore_ascii_case("https");
        }
        if let Some(host) = part("host").filter(|host| trusted.tells_host && is_host(host)) {
            found.host = Some(host.into());
        }
        let Some(address) = part("for").and_then(node) else { break };
        found.client = address;
        if !trusted.believes(address) {
            break;
        }
    }
}

/// An address, with a port or without; IPv6 in brackets where there is one (RFC 7239 §6). Other names for a node say nothing.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim_matches('"');
    let address = text.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()));
    address.or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok()).map(|address: IpAddr| address.to_canonical())
}

/// A host and perhaps a port, and nothing that could be more than that.
fn is_host(text: &str) -> bool {
    (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use crate::config::Nets;

    use super::*;

    fn trusted(forwarded: ForwardedStyle) -> TrustedProxies {
        let nets = ["10.1.0.0/16", "2001:db8::/32"].map(|net| net.parse().expect("a network"));
        let certificate = Some(HeaderName::from_static("client-cert"));
        TrustedProxies { addresses: Nets(nets.to_vec()), forwarded, tells_scheme: true, tells_host: true, certificate }
    }

    fn origin(address: &str) -> Origin {
        let address: SocketAddr = address.parse().expect("an address");
        let is_believed = trusted(ForwardedStyle::XForwarded).believes(address.ip());
        Origin { address, is_believed, is_secure: false, certificate: Certificate::Shown([7; 32]), is_over: false }
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let value = |text: &str| HeaderValue::from_str(text).expect("a value");
        let mut headers = HeaderMap::new();
        for (name, text) in pairs {
            headers.append(HeaderName::from_static(name), value(text));
        }
        headers
    }

    #[test]
    fn a_chain_is_believed_as_far_as_it_is_listed() {
        use ForwardedStyle::{Rfc7239, XForwarded};
        type Case<'a> = (ForwardedStyle, &'a str, &'a [(&'static str, &'a str)], &'a str);
        let cases: [Case<'_>; 16] = [
            (XForwarded, "10.1.0.9:1", &[], "10.1.0.9 http io.example"),
            (XForwarded, "203.0.113.1:1", &[("x-forwarded-for", "198.51.100.1")], "203.0.113.1 http io.example"),
            (XForwarded, "10.1.0.9:1", &[("x-forwarded-for", "198.51.100.1")], "198.51.100.1 http io.example"),
            (XForwarded, "[::ffff:10.1.0.9]:1", &[("x-forwarded-for", "198.51.100.1")], "198.51.100.1 http io.example"),
            (XForwarded, "10.1.0.9:1", &[("x-forwarded-for", "1.1.1.1, 198.51.100.1")], "198.51.100.1 http io.example"),
            (XForwarded, "10.1.0.9:1", &[("x-forwarded-for", "1.1.1.1, 198.51.100.1, 10.1.0.2")], "198.51.100.1 http io.example"),
            (
                XForwarded,
                "10.1.0.9:1",
                &[("x-forwarded-for", "198.51.100.1"), ("x-forwarded-for", "10.1.0.2")],
                "198.51.100.1 http io.example",
            ),
            (XForwarded, "10.1.0.9:1", &[("x-forwarded-for", "10.1.0.1, 10.1.0.2")], "10.1.0.1 http io.example"),
            (XForwarded, "10.1.0.9:1", &[("x-forwarded-for", "198.51.100.1, unknown, 10.1.0.2")], "10.1.0.2 http io.example"),
            (
                XForwarded,
                "10.1.0.9:1",
                &[("x-forwarded-for", "198.51.100.1"), ("x-forwarded-proto", "https"), ("x-forwarded-host", "api.ente.example")],
                "198.51.100.1 https api.ente.example",
            ),
            (XForwarded, "10.1.0.9:1", &[("x-forwarded-host", "a b\"")], "10.1.0.9 http io.example"),
            (XForwarded, "10.1.0.9:1", &[("forwarded", "for=198.51.100.1")], "10.1.0.9 http io.example"),
            (Rfc7239, "10.1.0.9:1", &[("x-forwarded-for", "198.51.100.1")], "10.1.0.9 http io.example"),
            (Rfc7239, "10.1.0.9:1", &[("forwarded", "for=1.1.1.1, for=198.51.100.1:99;proto=https")], "198.51.100.1 https io.example"),
            (Rfc7239, "[2001:db8::1]:1", &[("forwarded", "For=\"[2001:DB8:cafe::17]:4711\"")], "2001:db8:cafe::17 http io.example"),
            (
                Rfc7239,
                "10.1.0.9:1",
                &[("forwarded", "for=198.51.100.1;host=api.ente.example, for=_hidden;host=x.example")],
                "10.1.0.9 http x.example",
            ),
        ];
        let uri = Uri::from_static("/a");
        for (style, peer, sent, expected) in cases {
            let mut sent = headers(sent);
            sent.insert(HOST, HeaderValue::from_static("io.example"));
            let Forwarded { client, is_secure, host } = origin(peer).forwarded(&trusted(style), &uri, &sent);
            let found = format!("{client} {} {}", if is_secure { "https" } else { "http" }, host.unwrap_or_default());
            assert_eq!(found, expected, "{sent:?}");
        }
    }

    #[test]
    fn a_certificate_is_who_asks_and_not_who_stands_between() {
        let der = [&[0x30, 0x82, 0x01, 0x00][..], &[5; 256]].concat();
        let base64 = STANDARD.encode(&der);
        let lines: Vec<String> = base64.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
        let pem = |end: &str| format!("-----BEGIN CERTIFICATE-----{end}{}{end}-----END CERTIFICATE-----{end}", lines.join(end));
        let encoded = pem("\n").replace('\n', "%0A").replace(' ', "%20").replace('+', "%2B").replace('/', "%2F");
        let shown = Certificate::Shown(fingerprint(&der));
        let cases = [
            (format!(":{base64}:"), shown),
            (base64.clone(), shown),
            (pem(" "), shown),
            (encoded, shown),
            (String::new(), Certificate::None),
            ("::".into(), Certificate::None),
            ("CN=tributi".into(), Certificate::Unreadable),
            (STANDARD.encode(b"no certificate"), Certificate::Unreadable),
            (pem(" ").replace("CERTIFICATE", "PRIVATE KEY"), Certificate::Unreadable),
        ];
        let trusted = trusted(ForwardedStyle::XForwarded);
        for (value, expected) in &cases {
            for (peer, expected) in [("10.1.0.9:1", *expected), ("203.0.113.1:1", Certificate::Shown([7; 32]))] {
                let mut sent = headers(&[("client-cert", value)]);
                assert_eq!(origin(peer).certificate(&trusted, &mut sent), expected, "{value}");
                assert!(sent.is_empty(), "it goes no further: {value}");
            }
        }
        let mut twice = headers(&[("client-cert", &base64), ("client-cert", &base64)]);
        assert_eq!(origin("10.1.0.9:1").certificate(&trusted, &mut twice), Certificate::Unreadable);
        assert!(twice.is_empty());
        assert_eq!(
            origin("10.1.0.9:1").certificate(&trusted, &mut HeaderMap::new()),
            Certificate::None,
            "the proxy's own is not its caller's"
        );
    }
}
