//! Which e-services share connections.

use std::sync::Arc;
use std::time::Duration;

use super::{Endpoint, Protocol, Proxy, UpstreamRules};
use crate::config::UpstreamTls;

/// Which connections are as good as each other: e-services that speak HTTP/1.1 in the clear to one address, and keep connections
/// alike, share them. Everything else is one e-service's own: a TLS connection may prove who asks and whom they believe, one that
/// carries callers' own credentials may have been logged in with them, and of an h2 connection one could take all streams.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PoolKey {
    host: String,
    port: u16,
    protocol: Protocol,
    /// A replaced certificate of ours, or another root, makes another pool: connections made with the old ones are not used again.
    tls: Option<UpstreamTls>,
    /// Another way there is another pool.
    proxy: Option<Arc<Proxy>>,
    keeping: (Duration, Duration, usize),
    /// The e-service, where it does not share.
    owner: Option<Arc<str>>,
}

impl PoolKey {
    /// The pool of an e-service with these rules; `credentials`: whether callers' own pass through to the upstream.
    pub fn new(eservice: &Arc<str>, rules: &UpstreamRules, endpoint: &Endpoint, credentials: bool) -> Self {
        let own = credentials || rules.tls.is_some() || rules.protocol == Protocol::Http2;
        Self {
            host: endpoint.host.clone(),
            port: endpoint.port,
            protocol: rules.protocol,
            tls: rules.tls.clone(),
            proxy: rules.proxy.clone().filter(|_| !endpoint.direct),
            keeping: (rules.idle, rules.max_age, rules.idle_connections),
            owner: own.then(|| eservice.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::UpstreamUrl;

    #[test]
    fn only_plain_http1_that_carries_nobodys_credentials_is_shared() {
        let key = |name: &str, rules: &UpstreamRules, credentials| PoolKey::new(&Arc::from(name), rules, &rules.endpoints[0], credentials);
        let (plain, http2) = (UpstreamRules::for_tests(), UpstreamRules { protocol: Protocol::Http2, ..UpstreamRules::for_tests() });
        let elsewhere = UpstreamUrl { path: "/b".into(), ..plain.url.clone() };
        assert_eq!(key("a", &plain, false), key("b", &UpstreamRules { attempts: 9, url: elsewhere, ..UpstreamRules::for_tests() }, false));
        let at_port_81 =
            UpstreamRules { endpoints: vec![Endpoint { port: 81, ..plain.endpoints[0].clone() }], ..UpstreamRules::for_tests() };
        assert_ne!(key("a", &plain, false), key("b", &at_port_81, false));
        assert_ne!(key("a", &plain, false), key("b", &UpstreamRules { idle_connections: 2, ..UpstreamRules::for_tests() }, false));
        assert_ne!(key("a", &http2, false), key("b", &http2, false));
        assert_ne!(key("a", &plain, true), key("b", &plain, true));
        assert_ne!(key("a", &plain, true), key("b", &plain, false));
        assert_eq!(key("a", &http2, true), key("a", &http2, true));
    }
}
