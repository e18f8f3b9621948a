//! The snapshot: one configuration, compiled, and bound to the state that outlives it.
//!
//! It never changes. An exchange holds the snapshot it began with until it ends, so a reload is the swap of one pointer.

use std::net::SocketAddr;
use std::sync::Arc;

use adapter_api::OperationSpec;
use audit::{Fixed, Operation};
use http::Method;

use crate::admission::{PartyLimits, ServiceLimits};
use crate::config::{Configuration, Definition, ListenerRules, Security};
use crate::keys::Issuer;
use crate::metrics::ServiceMetrics;
use crate::state::State;
use crate::upstream::{PoolKey, Upstream};

/// A compiled configuration in use.
pub struct Snapshot {
    /// The name of the installation: `node` of a record.
    pub installation: Arc<str>,
    /// SHA-256 of the configuration.
    pub hash: Fixed,
    /// What a problem's kind is appended to.
    pub problem_base: String,
    /// The listeners.
    pub listeners: Vec<Arc<Listener>>,
}

/// A listener with what it serves.
pub struct Listener {
    /// How it is configured.
    pub rules: ListenerRules,
    /// Where it listens, port 0 resolved.
    pub addresses: Vec<SocketAddr>,
    /// The budget of refusals of strangers that are recorded one by one.
    pub strangers: store::Strangers,
    /// Its e-services, the longest base path first.
    pub services: Vec<Arc<EService>>,
}

/// An e-service with its state.
pub struct EService {
    /// What it is.
    pub definition: Arc<Definition>,
    /// Its place among all e-services of the snapshot.
    pub index: usize,
    /// Its upstream.
    pub upstream: Upstream,
    /// Its limits.
    pub limits: ServiceLimits,
    /// The issuers of its instances' vouchers, by the place of the environment; each once.
    pub issuers: Vec<Arc<Issuer>>,
    /// Where its exchanges are counted.
    pub metrics: ServiceMetrics,
    /// The operations as records name them: their routes with the base path.
    pub operations: Vec<Fixed>,
    /// The policy set, likewise.
    pub policies: Option<Fixed>,
    /// Operations whose bodies somebody needs whole.
    pub holds: Vec<Holds>,
}

/// Which bodies of an operation are held, because a stage needs them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holds {
    /// The caller's.
    pub request: bool,
    /// The upstream's.
    pub answer: bool,
}

impl Snapshot {
    /// Binds a configuration to the state. `addresses` are those that the listeners' sockets got.
    pub fn bind(configuration: &Configuration, state: &State, addresses: &[Vec<SocketAddr>]) -> Self {
        let services: Vec<Arc<EService>> = configuration
            .eservices
            .iter()
            .enumerate()
            .map(|(index, definition)| Arc::new(EService::bind(definition, index, state)))
            .collect();
        let listeners = configuration.listeners.iter().enumerate().map(|(at, rules)| {
            let mut served: Vec<Arc<EService>> =
                services.iter().filter(|service| service.definition.listener == rules.name).cloned().collect();
            served.sort_by_key(|service| std::cmp::Reverse(service.definition.base_path.len()));
            Arc::new(Listener {
                rules: rules.clone(),
                addresses: addresses.get(at).cloned().unwrap_or_default(),
                strangers: state.strangers(&rules.name),
                services: served,
            })
        });
        Self {
            installation: configuration.installation.clone(),
            hash: Fixed::digest(&configuration.hash),
            problem_base: configuration.problem_base.clone(),
            listeners: listeners.collect(),
        }
    }
}

impl EService {
    fn bind(definition: &Arc<Definition>, index: usize, state: &State) -> Self {
        let name = &definition.name;
        let limits = &definition.limits;
        Self {
            index,
            upstream: Upstream {
                rules: definition.upstream.clone(),
                state: state.upstream(name),
                pool: state.pool(PoolKey::new(name, &definition.upstream, matches!(definition.security, Security::Upstream))),
            },
            limits: ServiceLimits {
                total: limits.total,
                total_state: state.party(name),
                consumers: PartyLimits { rules: limits.per_consumer, parties: state.parties(name, "consumer") },
                purposes: PartyLimits { rules: limits.per_purpose, parties: state.parties(name, "purpose") },
            },
            issuers: state.issuers.clone(),
            metrics: state.metrics.service(definition),
            operations: definition.contract.operations().iter().map(|spec| recorded(definition, spec)).collect(),
            policies: definition.policies.as_ref().map(|policies| Fixed::digest(policies.hash())),
            holds: (0..definition.operations.len()).map(|operation| holds(definition, operation)).collect(),
            definition: definition.clone(),
        }
    }
}

fn recorded(definition: &Definition, spec: &OperationSpec) -> Fixed {
    let route = format!("{}{}", definition.base_path, spec.route);
    let (method, id) = (Some(spec.method.as_str()), Some(&*spec.id));
    Fixed::operation(&Operation { method, route: Some(&route), id, crud: crud(&spec.method) })
}

/// 1 create, 2 read, 3 update, 4 delete. A POST is said to create, although look-ups are posted too: what it does is the
/// operation's id to tell.
fn crud(method: &Method) -> Option<u8> {
    match *method {
        Method::POST => Some(1),
        Method::GET | Method::HEAD => Some(2),
        Method::PUT | Method::PATCH => Some(3),
        Method::DELETE => Some(4),
        _ => None,
    }
}

/// A body is held when anything reads it: contract, adapter, cache, obligations, digest.
fn holds(definition: &Definition, operation: usize) -> Holds {
    let needs = definition.adapter.needs(operation);
    let cached = definition.operations[operation].cache.is_some();
    let withheld = definition.policies.as_ref().is_some_and(|policies| policies.withheld(operation).next().is_some());
    let checked = definition.answers != contract::AnswerMode::Off && definition.contract.needs_answer_body(operation);
    let selects = definition.subject.iter().any(|selector| matches!(selector, crate::config::Selector::Body(_)));
    Holds {
        request: needs.request || cached || selects || definition.contract.needs_request_body(operation),
        answer: needs.answer || cached || withheld || checked || definition.digest_answers,
    }
}
