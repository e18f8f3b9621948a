//! Where an upstream is.

use std::fmt;

use http::uri::{Authority, Scheme};
use http::{HeaderValue, Uri};

/// Where an upstream is, as its URL says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UpstreamUrl {
    /// `http` or `https`.
    pub scheme: Scheme,
    /// Host and port as written.
    pub authority: Authority,
    /// The same as the `Host` header.
    pub host_header: HeaderValue,
    /// The host in small letters, IPv6 without its brackets.
    pub host: String,
    /// The port, the scheme's own where none is written.
    pub port: u16,
    /// The path; what an adapter asks for is appended to it.
    pub path: String,
}

impl UpstreamUrl {
    /// Reads an absolute URL of either scheme, without credentials and without a query.
    ///
    /// # Errors
    /// What is wrong with it, to be told to whoever wrote it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
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
        let (host, port) = host_and_port(&authority).ok_or("its host or port is none")?;
        let port = port.unwrap_or_else(|| usual_port(&scheme));
        Ok(Self { scheme, authority, host_header, host: host.to_ascii_lowercase(), port, path: uri.path().to_owned() })
    }

    /// Whether it is spoken to by TLS.
    pub fn is_secure(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    /// The port that an address of it has where none is written.
    pub fn usual_port(&self) -> u16 {
        usual_port(&self.scheme)
    }

    /// What it is told apart by: the same of the same place, however that is written, since a port that is usual need not be said.
    pub fn place(&self) -> (&Scheme, &str, u16, &str) {
        (&self.scheme, &self.host, self.port, &self.path)
    }
}

/// The place, written in one way.
impl fmt::Display for UpstreamUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, host, port, path, .. } = self;
        if host.contains(':') { write!(f, "{scheme}://[{host}]:{port}{path}") } else { write!(f, "{scheme}://{host}:{port}{path}") }
    }
}

fn usual_port(scheme: &Scheme) -> u16 {
    if *scheme == Scheme::HTTPS { 443 } else { 80 }
}

/// Host and port of an authority, IPv6 without its brackets; `None` where one of them is none, which would otherwise be taken for another.
pub fn host_and_port(authority: &Authority) -> Option<(String, Option<u16>)> {
    let host = authority.host();
    let rest = authority.as_str().rsplit('@').next()?.strip_prefix(host)?;
    let port = match rest {
        "" => None,
        rest => Some(
            rest.strip_prefix(':').filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok().filter(|port| *port != 0)?,
        ),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    (!host.is_empty() && host != "*").then(|| (host.to_owned(), port))
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
            assert_eq!(one.place() == other.place(), same, "{one:?} {other:?}");
            assert_eq!(one.to_string() == other.to_string(), same, "{one:?} {other:?}");
        }
        assert_eq!(url("http://[::1]:8080/a").to_string(), "http://[::1]:8080/a");
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for text in
            ["", "hub.example", "/a", "ftp://hub.example", "http://a:b@hub.example", "http://hub.example/a?b", "http://hub.example:0/"]
        {
            assert!(UpstreamUrl::parse(text).is_err(), "{text}");
        }
    }
}
