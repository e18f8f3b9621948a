//! The snapshot: one configuration, compiled, and bound to the state that outlives it.
//!
//! It never changes. An exchange holds the listener it came in by, and with it all that it was configured with, until it ends; so
//! a reload is the swap of a pointer at each listener's [`Post`].

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use audit::Fixed;
use tokio::sync::Semaphore;

use crate::config::{Configuration, Expiry, ListenerRules, Sampling, Secret};
use crate::keys::Issuer;
use crate::listener::Lines;
use crate::service::{Binding, EService};
use crate::state::State;

/// A compiled configuration in use.
pub struct Snapshot {
    /// What it was bound from.
    pub configuration: Arc<Configuration>,
    /// What all its listeners have in common.
    pub common: Arc<Common>,
    /// The listeners, in the configuration's order.
    pub listeners: Vec<Arc<Listener>>,
    /// The environments, likewise.
    pub issuers: Arc<[Arc<Issuer>]>,
    /// The portals, likewise.
    pub portals: Vec<Arc<Issuer>>,
}

/// What every exchange of a snapshot needs, whatever its listener.
pub struct Common {
    /// The name of the installation.
    pub installation: Arc<str>,
    /// The name of this process: `node` of a record.
    pub node: Arc<str>,
    /// What commitments in records are salted with.
    pub commitments: Option<Arc<Secret>>,
    /// SHA-256 of the configuration.
    pub hash: Fixed,
    /// What a problem's kind is appended to.
    pub problem_base: String,
    /// Which of the traces that begin here a collector is told; where there is none, none.
    pub sampling: Sampling,
}

/// Where connections of a listener find it as it is configured now. A post is kept through reloads; one whose listener is no longer
/// configured keeps the last.
pub struct Post {
    /// The listener's name.
    pub name: Arc<str>,
    /// The listener.
    pub listener: ArcSwap<Listener>,
    /// Places for connections.
    pub places: Arc<Semaphore>,
    /// Lines of the log for those that fail.
    pub lines: Lines,
}

impl std::fmt::Debug for Post {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Post").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A listener with what it serves.
pub struct Listener {
    /// What it has in common with the others.
    pub common: Arc<Common>,
    /// How it is configured.
    pub rules: ListenerRules,
    /// Where it listens, port 0 resolved.
    pub addresses: Vec<SocketAddr>,
    /// The budget of refusals of strangers that are recorded one by one.
    pub strangers: store::Strangers,
    /// Its e-services, the longest base path first.
    pub services: Vec<Arc<EService>>,
}

impl Snapshot {
    /// All its e-services.
    pub fn services(&self) -> impl Iterator<Item = &Arc<EService>> {
        self.listeners.iter().flat_map(|listener| &listener.services)
    }

    /// What of its certificates ends, with the listener or e-service that shows or believes it, `siem` or `otlp`.
    pub fn expiries(&self) -> impl Iterator<Item = (&str, &Expiry)> {
        let listeners = self.listeners.iter().map(|listener| &listener.rules).filter_map(|rules| Some((&*rules.name, rules.tls.as_ref()?)));
        let listeners = listeners.flat_map(|(name, tls)| tls.expires.iter().map(move |one| (name, one)));
        // What is shown to one upstream of an e-service is shown to all.
        let definitions = self.services().map(|service| &service.definition);
        let upstreams = definitions.filter_map(|known| Some((&*known.name, known.upstreams.iter().find_map(|rules| rules.tls.as_ref())?)));
        let upstreams = upstreams.flat_map(|(name, upstream)| upstream.tls.expires.iter().map(move |one| (name, one)));
        let siem = self.configuration.siem.iter().filter_map(|rules| rules.tls.as_ref()).flat_map(|tls| &tls.tls.expires);
        let otlp = self.configuration.otlp.iter().filter_map(|rules| rules.upstream.tls.as_ref()).flat_map(|tls| &tls.tls.expires);
        listeners.chain(upstreams).chain(siem.map(|one| ("siem", one))).chain(otlp.map(|one| ("otlp", one)))
    }

    /// Whoever's keys are kept fresh: environments and portals.
    pub fn keyed(&self) -> impl Iterator<Item = &Arc<Issuer>> {
        self.issuers.iter().chain(&self.portals)
    }

    /// Binds a configuration to the state. `addresses` are those that the listeners' sockets got.
    pub fn bind(configuration: &Arc<Configuration>, state: &State, addresses: &[Vec<SocketAddr>]) -> Self {
        let issuers: Arc<[_]> = configuration.issuers.iter().map(|config| state.issuer(config)).collect();
        let portals: Vec<_> = configuration.portals.iter().map(|portal| state.issuer(&portal.issuer)).collect();
        let common = Arc::new(Common {
            installation: configuration.installation.clone(),
            node: configuration.node.clone(),
            commitments: configuration.audit.commitments.clone(),
            hash: Fixed::digest(&configuration.hash),
            problem_base: configuration.problem_base.clone(),
            sampling: configuration.otlp.as_ref().map(|otlp| otlp.sampling).unwrap_or_default(),
        });
        let binding = Binding::new(configuration, state, &issuers, &portals);
        let services: Vec<Arc<EService>> =
            configuration.eservices.iter().enumerate().map(|(index, definition)| Arc::new(binding.service(index, definition))).collect();
        let listeners = configuration.listeners.iter().enumerate().map(|(at, rules)| {
            let mut served: Vec<Arc<EService>> =
                services.iter().filter(|service| service.definition.listener == rules.name).cloned().collect();
            served.sort_by_key(|service| std::cmp::Reverse(service.definition.base_path.len()));
            Arc::new(Listener {
                common: common.clone(),
                rules: rules.clone(),
                addresses: addresses.get(at).cloned().unwrap_or_default(),
                strangers: state.strangers(&rules.name),
                services: served,
            })
        });
        Self { listeners: listeners.collect(), configuration: configuration.clone(), common, issuers, portals }
    }
}
