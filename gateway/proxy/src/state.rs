//! The state: what outlives a reload, keyed by what is configured, mostly names.
//!
//! Limiters, breakers, voucher memory, keys, cache, audit log and metrics live here. A snapshot takes handles out of it when
//! it is bound, so that no exchange looks anything up by name.

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, OnceLock};

use exchange::ExchangeId;
use parking_lot::Mutex;

use crate::admission::{Parties, PartyState};
use crate::budget::ByteBudget;
use crate::cache::AnswerCache;
use crate::config::Configuration;
use crate::exchange::Stage;
use crate::keys::{Issuer, VoucherMemory};
use crate::metrics::Metrics;
use crate::upstream::{PoolKey, PoolPlace, UpstreamState};

/// What is shared by all workers and all snapshots.
pub struct State {
    /// The issuers' keys, by the place of the environment in the configuration.
    pub issuers: Vec<Arc<Issuer>>,
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
    /// Set when the process begins to end: nothing new is ready any more.
    pub draining: AtomicBool,
    /// Whoever watches the ways of exchanges: the demo.
    pub(crate) watcher: OnceLock<SyncSender<Way>>,
    strangers_per_second: u32,
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

/// What is kept by what is configured. Nothing is taken out again: a reload will have to, and to see that a replaced client
/// certificate makes another pool.
#[derive(Default)]
struct Named {
    pools: HashMap<PoolKey, PoolPlace>,
    upstreams: HashMap<Arc<str>, Arc<UpstreamState>>,
    totals: HashMap<Arc<str>, Arc<PartyState>>,
    parties: HashMap<(Arc<str>, &'static str), Parties>,
    strangers: HashMap<Arc<str>, store::Strangers>,
}

impl State {
    /// The state of a configuration that is started.
    pub fn new(configuration: &Configuration, audit: store::AuditLog) -> Self {
        Self {
            issuers: configuration.issuers.iter().map(|config| Arc::new(Issuer::new(config))).collect(),
            vouchers: VoucherMemory::new(configuration.vouchers),
            cache: AnswerCache::new(configuration.cache_bytes),
            buffered: ByteBudget::new(configuration.buffered_bytes),
            audit,
            metrics: Metrics::new(configuration.workers),
            draining: AtomicBool::new(false),
            watcher: OnceLock::new(),
            strangers_per_second: configuration.audit.strangers.clamp(1, 1 << 20) as u32,
            named: Mutex::default(),
        }
    }

    /// The place of an e-service's connections in each worker's pools.
    pub fn pool(&self, key: PoolKey) -> PoolPlace {
        let mut named = self.named.lock();
        let slot = named.pools.len();
        named.pools.entry(key).or_insert_with(|| PoolPlace { slot, idle: Arc::default() }).clone()
    }

    /// What is counted of an e-service's upstream.
    pub fn upstream(&self, name: &Arc<str>) -> Arc<UpstreamState> {
        self.named.lock().upstreams.entry(name.clone()).or_default().clone()
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

    /// What is counted of each party of a kind.
    pub fn parties(&self, name: &Arc<str>, kind: &'static str) -> Parties {
        self.named.lock().parties.entry((name.clone(), kind)).or_default().clone()
    }
}
