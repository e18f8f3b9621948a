//! An e-service bound to the state: what an exchange finds of it without looking anything up.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use audit::{Fixed, Operation};
use exchange::{Caller, Tenant};
use http::{HeaderName, Method};
use trust::PortalRules;

use crate::admission::{PartyLimits, ServiceLimits, TenantLimit};
use crate::config::{
    Automated, Configuration, Definition, Department, Departments, PartyLimit, PortalConfig, PurposeChoice, Security, TenantRules,
};
use crate::keys::Issuer;
use crate::metrics::{ServiceMetrics, TenantMetrics};
use crate::state::State;
use crate::upstream::{Address, Endpoint, PoolKey, Upstream, UpstreamRules};
use crate::vouchers::{VoucherRules, VoucherSource};

/// An e-service with its state.
pub struct EService {
    /// What it is.
    pub definition: Arc<Definition>,
    /// Its place among all e-services of the snapshot.
    pub index: usize,
    /// Its upstreams, as its instances name them by their place.
    pub upstreams: Vec<Upstream>,
    /// Its limits.
    pub limits: ServiceLimits,
    /// What is a tenant's own, by the place of its instance.
    pub tenants: Vec<BoundTenant>,
    /// The departments that call through it, by the place of their instances; none of an inbound one.
    pub departments: Vec<BoundDepartment>,
    /// The portal whose tokens say who asks.
    pub portal: Option<BoundPortal>,
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

impl EService {
    /// The addresses of its upstreams, each once: several may be at one.
    pub fn addresses(&self) -> impl Iterator<Item = (&Upstream, &Address)> {
        let mut seen = HashSet::new();
        let all = self.upstreams.iter().flat_map(|upstream| upstream.addresses.iter().map(move |address| (upstream, address)));
        all.filter(move |(_, address)| seen.insert(Arc::as_ptr(&address.health)))
    }

    /// The worst of the breakers of its upstreams: 0 closed, 1 half-open, 2 open.
    pub fn breaker_level(&self, now: u64) -> u8 {
        self.upstreams.iter().map(|upstream| upstream.state.breaker.level(now)).max().unwrap_or_default()
    }

    /// How many requests are under way to its upstreams.
    pub fn in_flight(&self) -> u32 {
        self.upstreams.iter().map(|upstream| upstream.state.in_flight.load(Ordering::Relaxed)).sum()
    }
}

/// A tenant with its state.
#[derive(Clone)]
pub struct BoundTenant {
    /// What the tenant may take of the installation.
    pub limit: Option<TenantLimit>,
    /// Where it is counted.
    pub metrics: TenantMetrics,
}

/// A portal with its keys.
pub struct BoundPortal {
    /// What its tokens look like.
    pub rules: PortalRules,
    /// The header in which they are sent.
    pub header: HeaderName,
    /// Its keys.
    pub keys: Arc<Issuer>,
}

impl BoundPortal {
    fn new(config: &PortalConfig, keys: Arc<Issuer>) -> Self {
        let rules = PortalRules { issuer: config.issuer.rules.clone(), audience: config.audience.clone() };
        Self { rules, header: config.header.clone(), keys }
    }
}

/// A department with what it needs to call.
pub struct BoundDepartment {
    /// Who it is, whatever it calls for.
    pub caller: Arc<Caller>,
    /// What it says of itself where it is no person but a process.
    pub automated: Option<Automated>,
    /// The purposes that it may call for.
    pub purposes: Vec<BoundPurpose>,
}

/// A purpose that a department may call for.
pub struct BoundPurpose {
    /// Which.
    pub choice: PurposeChoice,
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
    /// Something may be cut out of it, so that it is read whatever is asked of answers.
    pub minimised: bool,
}

/// What e-services are bound from, and to.
pub struct Binding<'a> {
    configuration: &'a Configuration,
    state: &'a State,
    issuers: &'a Arc<[Arc<Issuer>]>,
    portals: &'a [Arc<Issuer>],
    tenants: HashMap<&'a Tenant, (&'a TenantRules, BoundTenant)>,
}

impl<'a> Binding<'a> {
    /// Of a configuration, whose environments and portals are bound already.
    pub fn new(configuration: &'a Configuration, state: &'a State, issuers: &'a Arc<[Arc<Issuer>]>, portals: &'a [Arc<Issuer>]) -> Self {
        let bound = |rules: &TenantRules| BoundTenant {
            limit: Some(rules.limits)
                .filter(PartyLimit::is_limited)
                .map(|limit| TenantLimit { rules: limit, state: state.tenant(&rules.tenant) }),
            metrics: state.tenant_metrics(&rules.tenant),
        };
        let tenants = configuration.tenants.iter().map(|rules| (&rules.tenant, (&**rules, bound(rules)))).collect();
        Self { configuration, state, issuers, portals, tenants }
    }

    /// An e-service, by its place among all of them.
    pub fn service(&self, index: usize, definition: &Arc<Definition>) -> EService {
        let Self { configuration, state, .. } = self;
        let (name, limits) = (&definition.name, &definition.limits);
        EService {
            index,
            upstreams: definition.upstreams.iter().map(|rules| self.upstream(rules, definition)).collect(),
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
            tenants: definition.instances.iter().map(|instance| self.tenant(&instance.tenant)).collect(),
            departments: match &definition.security {
                Security::Department(departments) => self.departments(departments, definition),
                _ => Vec::new(),
            },
            portal: definition.portal.map(|at| BoundPortal::new(&configuration.portals[at], self.portals[at].clone())),
            issuers: self.issuers.clone(),
            metrics: state.metrics.service(definition),
            operations: (0..definition.contract.operations().len()).map(|operation| recorded(definition, operation, None)).collect(),
            policies: definition.policies.as_ref().map(|policies| Fixed::digest(policies.hash())),
            holds: (0..definition.operations.len()).map(|operation| holds(definition, operation)).collect(),
            definition: definition.clone(),
        }
    }

    fn upstream(&self, rules: &Arc<UpstreamRules>, definition: &Definition) -> Upstream {
        Upstream {
            state: self.state.upstream(&definition.name, rules),
            addresses: rules.endpoints.iter().map(|endpoint| self.address(endpoint, rules, definition)).collect(),
            rules: rules.clone(),
        }
    }

    fn address(&self, endpoint: &Endpoint, rules: &UpstreamRules, definition: &Definition) -> Address {
        let key = PoolKey::new(&definition.name, rules, endpoint, matches!(definition.security, Security::Upstream));
        Address { endpoint: endpoint.clone(), health: self.state.health(&definition.name, endpoint), pool: self.state.pool(key) }
    }

    /// A tenant; one that is named nowhere is the implicit one beside others, which has no limit.
    fn tenant(&self, tenant: &Tenant) -> BoundTenant {
        let known = self.tenants.get(tenant).map(|(_, bound)| bound.clone());
        known.unwrap_or_else(|| BoundTenant { limit: None, metrics: self.state.tenant_metrics(tenant) })
    }

    fn departments(&self, departments: &Departments, definition: &Definition) -> Vec<BoundDepartment> {
        let both = departments.list.iter().zip(&definition.instances);
        both.map(|(department, instance)| self.department(department, &instance.tenant)).collect()
    }

    /// All that an exchange tells of a department is written here, once.
    fn department(&self, department: &Department, tenant: &Tenant) -> BoundDepartment {
        let Department { name, client, purposes, automated, .. } = department;
        let producer = self.tenants.get(tenant).and_then(|(rules, _)| rules.producer);
        let caller = Caller {
            department: Some(name.clone()),
            client: Some(client.id.to_string().into()),
            consumer: producer.map(|id| id.to_string().into()),
            ..Caller::default()
        };
        let purpose = |choice: &PurposeChoice| {
            let caller = Arc::new(Caller { purpose: Some(choice.id.to_string().into()), ..caller.clone() });
            let rules = VoucherRules { client: client.clone(), purpose: choice.id, consumer: producer? };
            let voucher = self.state.voucher(&self.configuration.issuers[client.environment], rules)?;
            Some(BoundPurpose { choice: choice.clone(), caller, voucher })
        };
        let purposes = purposes.iter().filter_map(purpose).collect();
        BoundDepartment { caller: Arc::new(caller), automated: automated.clone(), purposes }
    }
}

/// An operation as records name it, asked for with this method.
pub fn recorded(definition: &Definition, operation: usize, asked: Option<&Method>) -> Fixed {
    let spec = &definition.contract.operations()[operation];
    let method = asked.unwrap_or(&spec.method);
    // Look-ups are posted too: they are known by being declared safe.
    let crud = if *method == Method::POST && definition.operations[operation].safe { Some(2) } else { crud(method) };
    let route = format!("{}{}", definition.base_path, spec.route);
    let (name, id) = (Some(method.as_str()), Some(&*spec.id));
    Fixed::operation(&Operation { method: name, route: Some(&route), id, crud })
}

/// 1 create, 2 read, 3 update, 4 delete, as far as a method says.
fn crud(method: &Method) -> Option<u8> {
    match *method {
        Method::POST => Some(1),
        Method::GET | Method::HEAD => Some(2),
        Method::PUT | Method::PATCH => Some(3),
        Method::DELETE => Some(4),
        _ if contract::is_query(method) => Some(2),
        _ => None,
    }
}

/// A body is held when anything reads it: contract, adapter, cache, obligations, digest.
fn holds(definition: &Definition, operation: usize) -> Holds {
    let needs = definition.adapter.needs(operation);
    let signed = definition.modi.as_ref().is_some_and(|modi| modi.integrity);
    let cached = definition.operations[operation].cache.is_some();
    let minimised = definition.policies.as_ref().is_some_and(|policies| policies.withheld(operation).next().is_some());
    let checked = !definition.answers.is_off() && definition.contract.needs_answer_body(operation);
    let selects = definition.subject.iter().any(|selector| matches!(selector, crate::config::Selector::Body(_)));
    Holds {
        request: needs.request || signed || cached || selects || definition.contract.needs_request_body(operation),
        answer: needs.answer || cached || minimised || checked || definition.digest_answers,
        minimised,
    }
}
