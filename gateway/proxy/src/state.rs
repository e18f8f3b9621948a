//! The state: what outlives a reload, keyed by what is configured, mostly names.
//!
//! Limiters, breakers, voucher memory, keys, cache, audit log and metrics live here. A snapshot takes handles out of it when
//! it is bound, so that no exchange looks anything up by name.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, OnceLock};

use exchange::{ExchangeId, Tenant};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use trust::{Fingerprint, Uuid};

use crate::admission::{Calendar, DailyCounts, Parties, PartyState};
use crate::budget::ByteBudget;
use crate::cache::AnswerCache;
use crate::config::{Configuration, IssuerConfig};
use crate::exchange::Stage;
use crate::keys::{Issuer, VoucherMemory};
use crate::metrics::{Metrics, TenantMetrics};
use crate::pool::Pool;
use crate::snapshot::Snapshot;
use crate::upstream::{Endpoint, Health, PoolKey, PoolPlace, UpstreamRules, UpstreamState};
use crate::vouchers::{TokenSource, VoucherRules, VoucherSource};

/// What is shared by all workers and all snapshots.
pub struct State {
    /// Vouchers whose signature was verified.
    pub vouchers: VoucherMemory,
    /// Answers kept.
    pub cache: AnswerCache,
    /// Bytes of bodies held.
    pub buffered: Arc<ByteBudget>,
    /// The audit log.
    pub audit: store::AuditLog,
    /// What is counted.
    pub metrics: Metrics,
    /// Which civil day it is.
    pub calendar: Calendar,
    /// Set when the process begins to end: nothing new is ready any more.
    pub draining: AtomicBool,
    /// Whoever watches the ways of exchanges: the demo.
    pub(crate) watcher: OnceLock<SyncSender<Way>>,
    /// Whoever tells a collector of exchanges.
    #[cfg(feature = "otlp")]
    pub(crate) spans: OnceLock<crate::otlp::Spans>,
    /// Threads for what would hold a worker up: signing, and large bodies. One pool for all workers.
    pub(crate) pool: Pool,
    strangers_per_second: u32,
    control: Handle,
    named: Mutex<Named>,
}

/// The way of one exchange: each stage that ran, with its microseconds.
#[derive(Clone, Debug)]
pub struct Way {
    /// Whose.
    pub id: ExchangeId,
    /// The stages, in order.
    pub stages: Vec<(Stage, u32)>,
}

/// What is kept by what is configured, for as long as it is.
#[derive(Default)]
struct Named {
    issuers: HashMap<Arc<str>, Arc<Issuer>>,
    pools: HashMap<PoolKey, PoolPlace>,
    /// Places of pools that are no longer configured.
    free: Vec<PoolPlace>,
    upstreams: HashMap<(Arc<str>, String), Arc<UpstreamState>>,
    health: HashMap<(Arc<str>, String, u16), Arc<Health>>,
    totals: HashMap<Arc<str>, Arc<PartyState>>,
    parties: HashMap<(Arc<str>, &'static str), Parties>,
    daily: HashMap<(Arc<str>, &'static str), DailyCounts>,
    tenants: HashMap<Tenant, Arc<PartyState>>,
    tokens: Vec<Arc<TokenSource>>,
    /// Tenants that are counted.
    counted: HashSet<Tenant>,
    vouchers: HashMap<VoucherKey, Arc<VoucherSource>>,
    strangers: HashMap<Arc<str>, store::Strangers>,
}

/// Whose voucher it is: the token server, the client and its key, the purpose, the tenant.
type VoucherKey = (usize, Uuid, Fingerprint, Uuid, Uuid);

impl State {
    /// The state of a configuration that is started. `control` is where vouchers are asked for, `pool` has the threads for what would
    /// hold a worker up.
    pub fn new(configuration: &Configuration, audit: store::AuditLog, control: Handle, pool: Handle) -> Self {
        let metrics = Metrics::new(configuration.workers);
        let pool = Pool::new(pool, configuration.pool_threads, &metrics);
        Self {
            vouchers: VoucherMemory::new(configuration.vouchers),
            cache: AnswerCache::new(configuration.cache_bytes),
            buffered: ByteBudget::new(configuration.buffered_bytes),
            audit,
            metrics,
            calendar: Calendar::new(configuration.time_zone.clone()),
            draining: AtomicBool::new(false),
            watcher: OnceLock::new(),
            #[cfg(feature = "otlp")]
            spans: OnceLock::new(),
            strangers_per_second: configuration.audit.strangers.clamp(1, 1 << 20) as u32,
            pool,
            control,
            named: Mutex::default(),
        }
    }

    /// What is counted and measured, as Prometheus reads it; of what is bound, this snapshot's is looked at now.
    pub fn metrics_text(&self, snapshot: &Snapshot) -> String {
        self.metrics.buffered_bytes.set(self.buffered.held() as i64);
        self.metrics.audit_queue.set(self.audit.stats().queued_bytes as i64);
        for service in snapshot.services() {
            service.metrics.read(service);
        }
        self.metrics.expires(snapshot.expiries());
        self.metrics.encode()
    }

    /// An environment's keys: the ones that are there, unless what it says of them has changed. They then stand in for those that
    /// are there as soon as [`State::keep`] says that its configuration is in force.
    pub fn issuer(&self, config: &IssuerConfig) -> Arc<Issuer> {
        let known = self.named.lock().issuers.get(&config.name).cloned();
        match known {
            Some(known) if known.is_of(config) => known,
            Some(known) => Arc::new(known.succeeded_by(config)),
            None => Arc::new(Issuer::new(config)),
        }
    }

    /// Where the voucher of a client for a purpose is kept, if the client's environment gives any.
    pub fn voucher(&self, issuer: &IssuerConfig, rules: VoucherRules) -> Option<Arc<VoucherSource>> {
        let named = &mut *self.named.lock();
        // The one in force stays beside one that is not in force yet, and perhaps never will be.
        let server = if let Some(known) = named.tokens.iter().find(|known| known.is_of(issuer)) {
            known.clone()
        } else {
            let server = Arc::new(TokenSource::new(issuer, self.metrics.tokens(&issuer.name), self.control.clone(), self.pool.clone())?);
            named.tokens.push(server.clone());
            server
        };
        let VoucherRules { client, purpose, consumer } = &rules;
        let key = (Arc::as_ptr(&server).addr(), client.id, client.fingerprint(), *purpose, *consumer);
        let source = named.vouchers.entry(key).or_insert_with(|| Arc::new(VoucherSource::new(server, rules)));
        Some(source.clone())
    }

    /// Where what happens in a tenant's name is counted for the metrics.
    pub fn tenant_metrics(&self, tenant: &Tenant) -> TenantMetrics {
        self.named.lock().counted.insert(tenant.clone());
        self.metrics.tenant(tenant)
    }

    /// What is counted of all that happens in a tenant's name.
    pub fn tenant(&self, tenant: &Tenant) -> Arc<PartyState> {
        self.named.lock().tenants.entry(tenant.clone()).or_default().clone()
    }

    /// The place of an e-service's connections in each worker's pools.
    pub fn pool(&self, key: PoolKey) -> PoolPlace {
        let mut named = self.named.lock();
        if let Some(place) = named.pools.get(&key) {
            return place.clone();
        }
        let place = match named.free.pop() {
            Some(PoolPlace { slot, generation, .. }) => PoolPlace { slot, generation: generation + 1, idle: Arc::default() },
            None => PoolPlace { slot: named.pools.len(), generation: 0, idle: Arc::default() },
        };
        named.pools.insert(key, place.clone());
        place
    }

    /// A snapshot is in force: its issuers are the ones. Those that were not there before are given back, to be kept fresh.
    pub fn keep(&self, snapshot: &Snapshot) -> Vec<Arc<Issuer>> {
        let mut named = self.named.lock();
        let all: HashMap<_, _> = snapshot.keyed().map(|issuer| (issuer.name.clone(), issuer.clone())).collect();
        let before = std::mem::replace(&mut named.issuers, all);
        let is_in = |issuer: &Arc<Issuer>, list: &HashMap<Arc<str>, Arc<Issuer>>| {
            list.get(&issuer.name).is_some_and(|known| Arc::ptr_eq(known, issuer))
        };
        let gone: Vec<_> = before.values().filter(|issuer| !is_in(issuer, &named.issuers)).collect();
        for issuer in &gone {
            issuer.retire();
        }
        named.issuers.values().filter(|issuer| !is_in(issuer, &before)).cloned().collect()
    }

    /// No snapshot but this one is in use any more: what is kept for others is forgotten.
    pub fn forget_all_but(&self, snapshot: &Snapshot) {
        let named = &mut *self.named.lock();
        let services = || snapshot.services();
        let names: HashSet<&str> = services().map(|service| &*service.definition.name).collect();
        let upstreams = || services().flat_map(|service| &service.upstreams);
        let addresses = upstreams().flat_map(|upstream| upstream.addresses.iter());
        let (slots, health): (HashSet<usize>, HashSet<_>) =
            addresses.map(|address| (address.pool.slot, Arc::as_ptr(&address.health))).unzip();
        named.health.retain(|_, known| health.contains(&Arc::as_ptr(known)));
        let upstreams: HashSet<_> = upstreams().map(|upstream| Arc::as_ptr(&upstream.state)).collect();
        named.upstreams.retain(|_, state| upstreams.contains(&Arc::as_ptr(state)));
        for name in named.totals.keys().filter(|name| !names.contains(&***name)) {
            self.metrics.forget(name);
        }
        named.totals.retain(|name, _| names.contains(&**name));
        named.parties.retain(|(name, _), _| names.contains(&**name));
        named.daily.retain(|(name, _), _| names.contains(&**name));
        let tenants: HashSet<&Tenant> = snapshot.configuration.tenants.iter().map(|rules| &rules.tenant).collect();
        named.tenants.retain(|tenant, _| tenants.contains(tenant));
        let vouchers: HashSet<_> = services()
            .flat_map(|service| service.departments.iter().flat_map(|department| &department.purposes))
            .map(|purpose| Arc::as_ptr(&purpose.voucher))
            .collect();
        named.vouchers.retain(|_, source| vouchers.contains(&Arc::as_ptr(source)));
        named.tokens.retain(|server| snapshot.configuration.issuers.iter().any(|issuer| server.is_of(issuer)));
        for gone in named.counted.extract_if(|tenant| !tenants.contains(tenant)) {
            self.metrics.forget_tenant(&gone);
        }
        let free = named.pools.extract_if(|_, place| !slots.contains(&place.slot)).map(|(_, place)| place);
        named.free.extend(free);
    }

    /// What is counted of an e-service's upstream: of another place nothing is known yet.
    pub fn upstream(&self, name: &Arc<str>, rules: &UpstreamRules) -> Arc<UpstreamState> {
        self.named.lock().upstreams.entry((name.clone(), rules.url.to_string())).or_default().clone()
    }

    /// What is known of one of its addresses.
    pub fn health(&self, name: &Arc<str>, endpoint: &Endpoint) -> Arc<Health> {
        self.named.lock().health.entry((name.clone(), endpoint.host.clone(), endpoint.port)).or_default().clone()
    }

    /// What is counted of all callers of an e-service.
    pub fn party(&self, name: &Arc<str>) -> Arc<PartyState> {
        self.named.lock().totals.entry(name.clone()).or_default().clone()
    }

    /// The budget of refusals of strangers at a listener.
    pub fn strangers(&self, listener: &Arc<str>) -> store::Strangers {
        let mut named = self.named.lock();
        let budget = store::Budget { per_second: self.strangers_per_second, burst: self.strangers_per_second };
        named.strangers.entry(listener.clone()).or_insert_with(|| self.audit.strangers(listener, budget)).clone()
    }

    /// What is counted by the day of each party of a kind.
    pub fn daily(&self, name: &Arc<str>, kind: &'static str) -> DailyCounts {
        self.named.lock().daily.entry((name.clone(), kind)).or_default().clone()
    }

    /// What is counted of each party of a kind.
    pub fn parties(&self, name: &Arc<str>, kind: &'static str) -> Parties {
        self.named.lock().parties.entry((name.clone(), kind)).or_default().clone()
    }
}
