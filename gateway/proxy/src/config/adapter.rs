//! The one registry that names the adapters: an e-service's, with its upstreams.

use std::sync::Arc;

use adapter_api::{Adapter, OperationIndex};
use adapter_http::Published;
use audit::Direction;
use contract::Contract;
use document::{Fault, Section};
use http::HeaderName;

use super::network::Network;
use super::upstream::{InstanceUrl, Upstreams};
use super::{files, upstream};
use crate::upstream::{Endpoint, UpstreamRules};

/// An adapter with its upstream.
pub(super) struct Adapted {
    pub(super) adapter: Arc<dyn Adapter>,
    pub(super) identity_headers: Vec<HeaderName>,
    pub(super) tells_origin: bool,
    pub(super) upstreams: Upstreams,
    /// For whom tokens are signed.
    pub(super) audience: Option<String>,
}

/// What an adapter has to know of the e-service that it stands in.
pub(super) struct Standing<'a> {
    pub(super) base_path: &'a str,
    pub(super) direction: Direction,
    /// Whether cookies pass unless it is said otherwise.
    pub(super) cookies: bool,
    pub(super) has_cors: bool,
    pub(super) contract: Option<&'a Contract>,
    /// What it is never asked, since the gateway answers it itself.
    pub(super) served: Option<OperationIndex>,
    /// Where the upstreams of instances are that have one of their own.
    pub(super) own: &'a [InstanceUrl],
    pub(super) network: &'a Network,
}

/// Reads `adapter` and `upstream` of an e-service.
pub(super) fn compile(section: &Section<'_>, standing: &Standing<'_>) -> Option<Adapted> {
    let rules = section.section("upstream");
    section.required("adapter")?;
    let kinds = section.section("adapter")?;
    match (kinds.section("http"), kinds.section("soap")) {
        (Some(section), None) => http(&section, rules.as_ref(), standing),
        (None, Some(section)) => soap(section, rules.as_ref(), standing),
        (http, soap) => {
            kinds.report(Fault::error(kinds.here(), "choose one adapter: `http` or `soap`"));
            http.into_iter().chain(soap).for_each(Section::leave);
            None
        }
    }
}

fn http(section: &Section<'_>, rules: Option<&Section<'_>>, standing: &Standing<'_>) -> Option<Adapted> {
    let upstreams = upstream::compile(section, rules, standing.own, standing.network);
    let audience = section.text("audience").map(str::to_owned);
    let list = upstreams.as_ref().map(|upstreams| upstreams.list.as_slice()).unwrap_or_default();
    let path = list.first().map(|rules| rules.url.path.as_str()).unwrap_or_default();
    if let Some(other) = list.iter().find(|rules| rules.url.path.trim_end_matches('/') != path.trim_end_matches('/')) {
        let message = format!("`{}{}` has another path than `{path}`", other.url.authority, other.url.path);
        let fault = Fault::error(section.here(), message);
        section.report(fault.hint("what answers say of places is read by one path: give all upstreams of the e-service the same"));
    }
    let published = Published {
        base_path: standing.base_path.into(),
        places: list.iter().flat_map(places).collect(),
        path: path.into(),
        cookies: standing.cookies,
        browsers: standing.cookies && !standing.has_cors,
        ..Published::default()
    };
    let adapter = adapter_http::compile(section, published, standing.direction == Direction::Outbound);
    let identity_headers = adapter.identity_headers().cloned().collect();
    let tells_origin = adapter.tells_origin();
    Some(Adapted { adapter: Arc::new(adapter), identity_headers, tells_origin, upstreams: upstreams?, audience })
}

fn soap(section: Section<'_>, rules: Option<&Section<'_>>, standing: &Standing<'_>) -> Option<Adapted> {
    let upstreams = upstream::compile(&section, rules, standing.own, standing.network);
    let audience = section.text("audience").map(str::to_owned);
    let base = files::resolve(&section, "");
    let adapter = adapter_soap::compile(section, &base, standing.contract.map(Contract::operations), standing.served);
    Some(Adapted { adapter: Arc::new(adapter?), identity_headers: Vec::new(), tells_origin: false, upstreams: upstreams?, audience })
}

/// Where an upstream is, for telling its places in its answers from others'.
fn places(rules: &UpstreamRules) -> Vec<(Box<str>, u16)> {
    let host = |host: &str| adapter_http::comparable_host(&if host.contains(':') { format!("[{host}]") } else { host.to_owned() });
    let endpoints = rules.endpoints.iter().map(|Endpoint { host, port, .. }| (host, *port));
    endpoints.chain([(&rules.url.host, rules.url.port)]).map(|(name, port)| (host(name), port)).collect()
}
