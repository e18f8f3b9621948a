//! The snapshot: one configuration, compiled, and bound to the state that outlives it.
//!
//! It never changes. An exchange holds the listener it came in by, and with it all that it was configured with, until it ends; so
//! a reload is the swap of a pointer at each listener's [`Post`].

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use adapter_api::OperationSpec;
use arc_swap::ArcSwap;
use audit::{Fixed, Operation};
use exchange::{Caller, Tenant};
use http::{HeaderName, Method};
use tokio::sync::Semaphore;
use trust::PortalRules;

use crate::admission::{PartyLimits, ServiceLimits, TenantLimit};
use crate::config::{
    Automated, Configuration, Definition, Department, Instance, ListenerRules, PartyLimit, PortalConfig, PurposeChoice, Security,
    TenantRules,
};
use crate::keys::Issuer;
use crate::metrics::{ServiceMetrics, TenantMetrics};
use crate::state::State;
use crate::upstream::{PoolKey, Upstream};
use crate::vouchers::VoucherSource;

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
    /// The name of the installation: `node` of a record.
    pub installation: Arc<str>,
    /// SHA-256 of the configuration.
    pub hash: Fixed,
    /// What a problem's kind is appended to.
    pub problem_base: String,
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
    /// What is a tenant's own, by the place of its instance.
    pub tenants: Vec<InName>,
    /// The departments that call through it, by the place of their instances; none of an inbound one.
    pub departments: Vec<Desk>,
    /// The portal whose tokens say who asks.
    pub portal: Option<Portal>,
    /// The issuers of its instances' vouchers, by the place of the environment; each once.
    pub issuers: Arc<[Arc<Issuer>]>,
    /// Where its exchanges are counted.
    pub metrics: ServiceMetrics,
    /// The operations as records name them: their routes with the base path.
    pub operations: Vec<Fixed>,
    /// The policy set, likewise.
    pub policies: Option<Fixed>,
    /// Operations whose bodies somebody needs whole.
    pub holds: Vec<Holds>,
}

/// What an exchange in a tenant's name has to do with, beside its e-service.
#[derive(Clone)]
pub struct InName {
    /// What the tenant may take of the installation.
    pub limit: Option<TenantLimit>,
    /// Where it is counted.
    pub metrics: TenantMetrics,
}

/// A portal with its keys.
pub struct Portal {
    /// What its tokens look like.
    pub rules: PortalRules,
    /// The header in which they are sent.
    pub header: HeaderName,
    /// Its keys.
    pub keys: Arc<Issuer>,
}

impl Portal {
    fn new(config: &PortalConfig, keys: Arc<Issuer>) -> Self {
        let rules = PortalRules { issuer: config.issuer.rules.clone(), audience: config.audience.clone() };
        Self { rules, header: config.header.clone(), keys }
    }
}

/// A department with what it needs to call.
pub struct Desk {
    /// Who it is, whatever it calls for.
    pub caller: Arc<Caller>,
    /// What it says of itself where it is no person but a process.
    pub automated: Option<Automated>,
    /// The purposes that it may call for.
    pub ways: Vec<CallingWay>,
}

/// A purpose that a department may call for.
pub struct CallingWay {
    /// Which.
    pub purpose: PurposeChoice,
    /// Who calls then.
    pub caller: Arc<Caller>,
    /// What the provider is shown.
    pub voucher: Arc<VoucherSource>,
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
    /// All its e-services.
    pub fn services(&self) -> impl Iterator<Item = &Arc<EService>> {
        self.listeners.iter().flat_map(|listener| &listener.services)
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
            hash: Fixed::digest(&configuration.hash),
            problem_base: configuration.problem_base.clone(),
        });
        let services: Vec<Arc<EService>> = configuration
            .eservices
            .iter()
            .enumerate()
            .map(|(index, definition)| {
                let mut service = EService::bind(definition, index, state, &issuers, configuration);
                service.portal = definition.portal.map(|at| Portal::new(&configuration.portals[at], portals[at].clone()));
                Arc::new(service)
            })
            .collect();
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

impl EService {
    fn bind(
        definition: &Arc<Definition>,
        index: usize,
        state: &State,
        issuers: &Arc<[Arc<Issuer>]>,
        configuration: &Configuration,
    ) -> Self {
        let rules: HashMap<&Tenant, &TenantRules> = configuration.tenants.iter().map(|rules| (&rules.tenant, &**rules)).collect();
        let mut names: HashMap<&Tenant, InName> = HashMap::new();
        let in_name = |Instance { tenant, .. }: &Instance| {
            let rules = rules.get(tenant).map(|rules| rules.limits).filter(PartyLimit::is_limited);
            let limit = rules.map(|rules| TenantLimit { rules, state: state.tenant(tenant) });
            InName { limit, metrics: state.in_name(tenant) }
        };
        let tenants =
            definition.instances.iter().map(|instance| names.entry(&instance.tenant).or_insert_with(|| in_name(instance)).clone());
        let tenants = tenants.collect();
        let departments = match &definition.security {
            Security::Department(departments) => {
                let both = departments.list.iter().zip(&definition.instances);
                both.map(|(department, instance)| desk(department, rules.get(&instance.tenant).copied(), state, configuration)).collect()
            }
            _ => Vec::new(),
        };
        let name = &definition.name;
        let limits = &definition.limits;
        Self {
            index,
            upstream: Upstream {
                rules: definition.upstream.clone(),
                state: state.upstream(name, &definition.upstream.authority),
                pool: state.pool(PoolKey::new(name, &definition.upstream, matches!(definition.security, Security::Upstream))),
            },
            limits: ServiceLimits {
                total: limits.total,
                total_state: state.party(name),
                total_daily: state.daily(name, "all"),
                consumers: PartyLimits {
                    rules: limits.per_consumer,
                    parties: state.parties(name, "consumer"),
                    daily: state.daily(name, "consumer"),
                },
                purposes: PartyLimits {
                    rules: limits.per_purpose,
                    parties: state.parties(name, "purpose"),
                    daily: state.daily(name, "purpose"),
                },
            },
            tenants,
            departments,
            portal: None,
            issuers: issuers.clone(),
            metrics: state.metrics.service(definition),
            operations: definition.contract.operations().iter().map(|spec| recorded(definition, spec)).collect(),
            policies: definition.policies.as_ref().map(|policies| Fixed::digest(policies.hash())),
            holds: (0..definition.operations.len()).map(|operation| holds(definition, operation)).collect(),
            definition: definition.clone(),
        }
    }
}

/// A department's ways to call. All that an exchange tells of it is written here, once.
fn desk(department: &Department, tenant: Option<&TenantRules>, state: &State, configuration: &Configuration) -> Desk {
    let caller = Caller {
        department: Some(department.name.clone()),
        client: Some(department.client.id.to_string().into()),
        consumer: tenant.and_then(|tenant| tenant.producer).map(|id| id.to_string().into()),
        ..Caller::default()
    };
    let way = |purpose: &PurposeChoice| {
        let caller = Caller { purpose: Some(purpose.id.to_string().into()), ..caller.clone() };
        let voucher = state.voucher(&configuration.issuers[department.client.environment], &department.client, purpose.id)?;
        Some(CallingWay { purpose: purpose.clone(), caller: Arc::new(caller), voucher })
    };
    let ways = department.purposes.iter().filter_map(way).collect();
    Desk { caller: Arc::new(caller), automated: department.automated.clone(), ways }
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
    let signed = definition.modi.as_ref().is_some_and(|modi| modi.integrity);
    let cached = definition.operations[operation].cache.is_some();
    let withheld = definition.policies.as_ref().is_some_and(|policies| policies.withheld(operation).next().is_some());
    let checked = definition.answers != contract::AnswerMode::Off && definition.contract.needs_answer_body(operation);
    let selects = definition.subject.iter().any(|selector| matches!(selector, crate::config::Selector::Body(_)));
    Holds {
        request: needs.request || signed || cached || selects || definition.contract.needs_request_body(operation),
        answer: needs.answer || cached || withheld || checked || definition.digest_answers,
    }
}
