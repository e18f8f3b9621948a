//! An upstream as configured.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;

use super::{Balance, BreakerRules, CheckRules, EjectionRules, Endpoint, UpstreamUrl};
use crate::config::UpstreamTls;

/// How an upstream is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP/1.1, one request at a time on a connection.
    Http1,
    /// HTTP/2, by ALPN over TLS or with prior knowledge in the clear.
    Http2,
}

/// An HTTP proxy that opens tunnels (RFC 9110 §9.3.6).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Proxy {
    /// The host to connect to.
    pub host: String,
    /// The port to connect to.
    pub port: u16,
    /// What it is shown: `Proxy-Authorization`.
    pub authorization: Option<HeaderValue>,
}

/// An upstream as configured.
#[derive(Clone, Debug, PartialEq)]
pub struct UpstreamRules {
    /// Where it is.
    pub url: UpstreamUrl,
    /// Where connections are made to: the URL's host and port, or those that stand in for them.
    pub endpoints: Vec<Endpoint>,
    /// How one of several is chosen.
    pub balance: Balance,
    /// When one of several is left alone.
    pub ejection: EjectionRules,
    /// How they are asked whether they live.
    pub checks: Option<CheckRules>,
    /// TLS, for `https`.
    pub tls: Option<UpstreamTls>,
    /// The HTTP proxy that it is reached through.
    pub proxy: Option<Arc<Proxy>>,
    /// HTTP/1.1 or h2.
    pub protocol: Protocol,
    /// The most time for a connection, TLS included.
    pub connect_timeout: Duration,
    /// The most time from the request to the head of the answer.
    pub first_byte_timeout: Duration,
    /// The most time for all of it, retries included.
    pub total_timeout: Duration,
    /// How long a connection may stand idle: shorter than the upstream's own limit.
    pub idle: Duration,
    /// How old a connection may grow, so that a change of address is followed.
    pub max_age: Duration,
    /// The most idle connections a worker keeps, for all e-services that share them.
    pub idle_connections: usize,
    /// The most requests at a time, over all workers.
    pub in_flight: u32,
    /// The most bytes of an answer.
    pub answer_bytes: u64,
    /// How many times larger than it came a coded answer may become.
    pub inflate_ratio: u64,
    /// How often a request may be tried in all.
    pub attempts: u32,
    /// When it counts as dead.
    pub breaker: BreakerRules,
}

impl UpstreamRules {
    /// Whether the upstream is shown a certificate of ours.
    pub fn shows_certificate(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.tls.config.client_auth_cert_resolver.has_certs())
    }
}

#[cfg(test)]
impl UpstreamRules {
    /// An upstream that is never asked.
    pub(crate) fn for_tests() -> Self {
        let forever = Duration::from_hours(1);
        let url = UpstreamUrl::parse("http://anagrafe.example").expect("a URL");
        Self {
            endpoints: vec![Endpoint { host: url.host.clone(), port: url.port, weight: 1, direct: false }],
            url,
            balance: Balance::default(),
            ejection: EjectionRules::default(),
            checks: None,
            tls: None,
            proxy: None,
            protocol: Protocol::Http1,
            connect_timeout: forever,
            first_byte_timeout: forever,
            total_timeout: forever,
            idle: forever,
            max_age: forever,
            idle_connections: 1,
            in_flight: 1,
            answer_bytes: 1,
            inflate_ratio: 1,
            attempts: 2,
            breaker: BreakerRules::default(),
        }
    }
}
