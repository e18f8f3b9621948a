//! How what leaves the data centre leaves it: through an HTTP proxy, but for whom it does not.

use std::cell::OnceCell;
use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use document::{Fault, Section};
use http::uri::Scheme;
use http::{HeaderValue, Uri};
use ipnet::IpNet;
use rustls_pki_types::CertificateDer;

use super::secret;
use super::tls::CommonRoots;
use crate::upstream::{Proxy, UpstreamRules, host_and_port};

/// The proxy for what leaves the data centre, and whom every connection of ours believes.
#[derive(Debug, Default)]
pub(super) struct Network {
    proxy: Option<Arc<Proxy>>,
    around: Vec<Around>,
    roots: Roots,
}

/// The authorities as configured; read into what connections use when the first of them needs it.
#[derive(Debug)]
struct Roots {
    with_system: bool,
    own: Vec<CertificateDer<'static>>,
    read: OnceCell<CommonRoots>,
}

impl Default for Roots {
    fn default() -> Self {
        Self { with_system: true, own: Vec::new(), read: OnceCell::new() }
    }
}

/// Whom one reaches without it.
#[derive(Debug, PartialEq, Eq)]
enum Around {
    /// Addresses, where the URL has one.
    Net(IpNet),
    /// A host, or all hosts under a domain.
    Name(String),
}

impl Network {
    /// The same upstream, reached as it is to be.
    pub(super) fn out(&self, mut upstream: UpstreamRules) -> UpstreamRules {
        for endpoint in &mut upstream.endpoints {
            endpoint.direct = self.is_around(&endpoint.host);
        }
        upstream.proxy.clone_from(&self.proxy);
        upstream
    }

    /// Whom connections believe that have no roots of their own.
    pub(super) fn roots(&self) -> &CommonRoots {
        let Roots { with_system, own, read } = &self.roots;
        read.get_or_init(|| CommonRoots::new(*with_system, own))
    }

    fn is_around(&self, host: &str) -> bool {
        let address: Option<IpAddr> = host.parse().ok();
        let host = host.to_ascii_lowercase();
        self.around.iter().any(|around| match around {
            Around::Net(net) => address.is_some_and(|address| net.contains(&address)),
            Around::Name(name) => host == *name || host.strip_suffix(name.as_str()).is_some_and(|rest| rest.ends_with('.')),
        })
    }
}

/// Reads `network`.
pub(super) fn compile(section: Option<&Section<'_>>) -> Network {
    let Some(section) = section else { return Network::default() };
    let credentials = section.text("proxy_credentials").and_then(|text| credentials(section, text));
    let around = section.texts("no_proxy").into_iter().map(|(text, _)| around(text)).collect();
    let proxy = section.text("proxy").and_then(|text| proxy(section, text, credentials.clone())).map(Arc::new);
    let roots = roots(section);
    if section.node("proxy").is_none() && (section.node("proxy_credentials").is_some() || section.node("no_proxy").is_some()) {
        section.report(Fault::error(section.here(), "there is no `proxy` for this to be about"));
    }
    Network { proxy, around, roots }
}

/// `roots: [system, ca.pem]`: the system's, those of a file, or both.
fn roots(section: &Section<'_>) -> Roots {
    let listed = section.texts("roots");
    if listed.is_empty() && section.node("roots").is_some() {
        section.report(Fault::error(section.place("roots"), "nobody is believed").hint("`system`, the path of a file, or both"));
    }
    let with_system = listed.is_empty() || listed.iter().any(|(text, _)| *text == "system");
    let files = listed.into_iter().filter(|(text, _)| *text != "system");
    let own = files.filter_map(|(text, _)| CommonRoots::read(section, "roots", text)).flatten().collect();
    Roots { with_system, own, read: OnceCell::new() }
}

fn around(text: &str) -> Around {
    let net = text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    net.map_or_else(|| Around::Name(text.trim_start_matches("*.").trim_start_matches('.').to_ascii_lowercase()), Around::Net)
}

/// `user:password` as the proxy is shown it (RFC 7617).
fn credentials(section: &Section<'_>, text: &str) -> Option<HeaderValue> {
    let read = secret::read(section, "proxy_credentials", text, false)?;
    let read = read.trim_ascii();
    if !read.contains(&b':') {
        section.report(Fault::error(section.place("proxy_credentials"), "the credentials of the proxy are `user:password`"));
        return None;
    }
    let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(read))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn proxy(section: &Section<'_>, text: &str, authorization: Option<HeaderValue>) -> Option<Proxy> {
    let fault = |message: &str| {
        section.report(
            Fault::error(section.place("proxy"), message)
                .hint("such as `http://proxy.example:3128`; its credentials stand under `proxy_credentials`"),
        );
        None
    };
    let Ok(uri) = text.parse::<Uri>() else { return fault("the proxy is no URL") };
    if uri.scheme() != Some(&Scheme::HTTP) {
        return fault("a proxy is spoken to over http");
    }
    let Some(authority) = uri.authority().filter(|authority| !authority.as_str().contains('@')) else {
        return fault("a URL holds no credentials here");
    };
    if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
        return fault("a proxy is a host and a port");
    }
    let Some((host, port)) = host_and_port(authority) else { return fault("its port is none") };
    Some(Proxy { host, port: port.unwrap_or(3128), authorization })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_whom_one_reaches_without_it() {
        let texts = ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32", ".comune-x.example", "*.rete.example", "Localhost"];
        let network = Network { around: texts.into_iter().map(around).collect(), ..Network::default() };
        for (host, expected) in [
            ("10.1.2.3", true),
            ("11.1.2.3", false),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
            ("2001:db8::1", true),
            ("comune-x.example", true),
            ("api.Comune-X.example", true),
            ("altro-comune-x.example", false),
            ("a.b.rete.example", true),
            ("localhost", true),
            ("10.0.0.1.example", false),
            ("auth.interop.pagopa.it", false),
        ] {
            assert_eq!(network.is_around(host), expected, "{host}");
        }
    }
}
