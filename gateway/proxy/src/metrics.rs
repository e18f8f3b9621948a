//! What is counted and measured, for Prometheus.
//!
//! Handles are taken out of the registry when a configuration is bound, so an exchange only adds to atomics it already
//! holds. Labels are names from the configuration and words of ours, never anything a caller sent.

mod exposition;
mod labels;
mod times;

use std::borrow::Cow;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use exchange::{OperationIndex, OperationSpec, Tenant};
use parking_lot::Mutex;
use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use trust::TokenFault;

use crate::clock;
use crate::config::{Definition, Expiry};
use crate::exchange::{Outcome, Stage};
use crate::service::EService;
use crate::upstream::{Address, Standing};

pub use exposition::{MetricFamily, Sample, families};
pub use labels::CauseLabels;
use labels::{
    CacheLabels, CollectorLabels, ExchangeLabels, ExpiryLabels, OperationLabels, RefusalLabels, ServiceLabels, SpanLabels, StageLabels,
    TenantLabels, TokenLabels,
};
pub use times::Times;

/// Everything that is counted.
pub struct Metrics {
    registry: Mutex<Registry>,
    exchanges: Family<ExchangeLabels, Counter>,
    tenants: Family<TenantLabels, Counter>,
    refusals: Family<RefusalLabels, Counter>,
    drifts: Family<OperationLabels, Counter>,
    deprecated: Family<OperationLabels, Counter>,
    expires: Family<ExpiryLabels, Gauge>,
    siem_connected: Family<CollectorLabels, Gauge>,
    siem_records: Family<CollectorLabels, Counter>,
    spans: Family<SpanLabels, Counter>,
    stages: Family<StageLabels, Times, PerWorker>,
    cache: Family<CacheLabels, Counter>,
    /// Connections accepted and still there.
    pub connections: Gauge,
    /// Connections that ended before a request: by cause.
    pub failed_connections: Family<CauseLabels, Counter>,
    tokens: Family<TokenLabels, Counter>,
    /// Requests answered without being an exchange: by cause.
    pub unrecorded: Family<CauseLabels, Counter>,
    /// What the pool was given to do: by cause.
    pub pool_jobs: Family<CauseLabels, Counter>,
    /// Bytes of bodies held, idle upstream connections, and what else is read when somebody asks.
    pub buffered_bytes: Gauge,
    /// Bytes waiting for the audit log.
    pub audit_queue: Gauge,
    /// Audit batches made durable: how long each took.
    pub audit_commits: Times,
    breakers: Family<ServiceLabels, Gauge>,
    addresses: Family<CacheLabels, Gauge>,
    in_flight: Family<ServiceLabels, Gauge>,
    idle: Family<ServiceLabels, Gauge>,
    opened: Family<ServiceLabels, Gauge>,
}

/// What is counted of a collector of security events.
#[derive(Clone, Debug)]
pub struct SiemMetrics {
    /// 1 while it is told.
    pub connected: Gauge,
    /// Records sent.
    pub records: Counter,
}

/// What became of the exchanges that a collector of traces is to be told.
#[derive(Clone, Debug)]
pub struct SpanMetrics {
    /// It has been told.
    pub exported: Counter,
    /// It could not be told, or there was no room for more to wait.
    pub dropped: Counter,
}

/// How requests for vouchers of one environment ended.
#[derive(Debug)]
pub struct TokenMetrics {
    obtained: Counter,
    refused: Counter,
    limited: Counter,
    failed: Counter,
}

impl TokenMetrics {
    /// One more ended.
    pub fn count<T>(&self, result: &Result<T, TokenFault>) {
        match result {
            Ok(_) => self.obtained.inc(),
            Err(TokenFault::Refused) => self.refused.inc(),
            Err(TokenFault::Limited { .. }) => self.limited.inc(),
            Err(TokenFault::Unusable | TokenFault::Unreachable) => self.failed.inc(),
        };
    }
}

/// What an address can be used for, as the metrics call it.
const STANDINGS: [(&str, Standing); 3] = [("up", Standing::Up), ("ejected", Standing::Ejected), ("down", Standing::Down)];

/// How an exchange can end while the process lives, by their own order.
const OUTCOMES: [Outcome; 4] = [Outcome::Success, Outcome::Refused, Outcome::Failed, Outcome::Abandoned];

/// Makes histograms that so many workers count in.
#[derive(Clone, Copy, Debug)]
struct PerWorker(usize);

impl MetricConstructor<Times> for PerWorker {
    fn new_metric(&self) -> Times {
        Times::new(self.0)
    }
}

impl Metrics {
    /// All at zero, for so many workers.
    pub fn new(workers: usize) -> Self {
        let mut registry = Registry::with_prefix("varco");
        let metrics = Self {
            exchanges: Family::default(),
            tenants: Family::default(),
            refusals: Family::default(),
            drifts: Family::default(),
            deprecated: Family::default(),
            expires: Family::default(),
            siem_connected: Family::default(),
            siem_records: Family::default(),
            spans: Family::default(),
            stages: Family::new_with_constructor(PerWorker(workers)),
            cache: Family::default(),
            connections: Gauge::default(),
            failed_connections: Family::default(),
            tokens: Family::default(),
            unrecorded: Family::default(),
            pool_jobs: Family::default(),
            buffered_bytes: Gauge::default(),
            audit_queue: Gauge::default(),
            audit_commits: Times::new(1),
            breakers: Family::default(),
            addresses: Family::default(),
            in_flight: Family::default(),
            idle: Family::default(),
            opened: Family::default(),
            registry: Mutex::new(Registry::default()),
        };
        registry.register("exchanges", "Exchanges that ended, by e-service, operation and outcome", metrics.exchanges.clone());
        registry.register("tenant_exchanges", "Exchanges that ended in a tenant's name, by outcome", metrics.tenants.clone());
        registry.register("refusals", "Exchanges refused or failed, by stage and kind of the problem", metrics.refusals.clone());
        registry.register("drifts", "Answers that the document does not describe, by e-service and operation", metrics.drifts.clone());
        registry.register(
            "deprecated",
            "Requests for what the document calls deprecated, by e-service and operation",
            metrics.deprecated.clone(),
        );
        registry.register("siem_connected", "Whether the collector of security events is told", metrics.siem_connected.clone());
        registry.register("siem_records", "Records sent to the collector of security events", metrics.siem_records.clone());
        registry.register("otlp_exchanges", "Exchanges for the collector of traces: exported, or dropped", metrics.spans.clone());
        registry.register(
            "expires_timestamp_seconds",
            "When a certificate or a list of withdrawn ones ends, in seconds since 1970",
            metrics.expires.clone(),
        );
        registry.register("stage_seconds", "Time spent in a stage", metrics.stages.clone());
        registry.register("lookups", "Look-ups of the cache, by what they found", metrics.cache.clone());
        registry.register("connections", "Callers' connections now", metrics.connections.clone());
        registry.register("failed_connections", "Connections that ended before a request, by cause", metrics.failed_connections.clone());
        registry.register("token_requests", "Requests for vouchers at PDND, by environment and outcome", metrics.tokens.clone());
        registry.register("unrecorded_requests", "Requests answered that are no exchange, by cause", metrics.unrecorded.clone());
        registry.register("pool_jobs", "Work that would hold a worker up, by cause", metrics.pool_jobs.clone());
        registry.register("buffered_bytes", "Bytes of bodies held now", metrics.buffered_bytes.clone());
        registry.register("audit_queue_bytes", "Bytes waiting for the audit log", metrics.audit_queue.clone());
        registry.register("audit_commit_seconds", "Time to make a batch of records durable", metrics.audit_commits.clone());
        registry.register(
            "upstream_addresses",
            "Addresses of an upstream: up, ejected after failures, down by checks",
            metrics.addresses.clone(),
        );
        registry.register(
            "breaker_level",
            "Circuit breaker, of several upstreams the worst: 0 closed, 1 half-open, 2 open",
            metrics.breakers.clone(),
        );
        registry.register("upstream_in_flight", "Requests that wait for an upstream now", metrics.in_flight.clone());
        registry.register(
            "upstream_idle_connections",
            "Idle connections that an e-service may use; those before one upstream may share them",
            metrics.idle.clone(),
        );
        registry.register("upstream_connections_opened", "Connections made to an upstream so far", metrics.opened.clone());
        *metrics.registry.lock() = registry;
        metrics
    }

    /// The handles of an e-service, one for each of its operations and outcomes.
    pub fn service(&self, definition: &Definition) -> ServiceMetrics {
        let eservice = definition.name.to_string();
        let exchanges = |operation: &str| {
            OUTCOMES.map(|outcome| {
                let labels = ExchangeLabels { eservice: eservice.clone(), operation: operation.to_owned(), outcome: outcome.name().into() };
                self.exchanges.get_or_create_owned(&labels)
            })
        };
        let stage = |stage: Stage| self.stages.get_or_create_owned(&StageLabels { eservice: eservice.clone(), stage: stage.name().into() });
        let cache = |state: &str| self.cache.get_or_create_owned(&CacheLabels { eservice: eservice.clone(), state: state.into() });
        let labels = ServiceLabels { eservice: eservice.clone() };
        ServiceMetrics {
            operations: definition.contract.operations().iter().map(|spec| exchanges(&spec.id)).collect(),
            stages: Stage::ALL.map(stage),
            hit: cache("hit"),
            miss: cache("miss"),
            bypass: cache("bypass"),
            breaker: self.breakers.get_or_create_owned(&labels),
            addresses: STANDINGS.map(|(state, _)| {
                self.addresses.get_or_create_owned(&CacheLabels { eservice: labels.eservice.clone(), state: state.into() })
            }),
            in_flight: self.in_flight.get_or_create_owned(&labels),
            idle: self.idle.get_or_create_owned(&labels),
            opened: self.opened.get_or_create_owned(&labels),
            drifts: RareCounters::new(&self.drifts, definition),
            deprecated: RareCounters::new(&self.deprecated, definition),
            status_answers: self.unrecorded.get_or_create_owned(&CauseLabels { cause: "status" }),
        }
    }

    /// An exchange was refused or failed. The kinds are a closed list of words: ours, and those of mappings.
    pub fn refused(&self, eservice: Option<Arc<str>>, stage: Stage, kind: Cow<'static, str>) {
        self.refusals.get_or_create(&RefusalLabels { eservice, stage: stage.name(), kind }).inc();
    }

    /// What ends, and when: what was told before is forgotten.
    pub fn expires<'a>(&self, expiries: impl Iterator<Item = (&'a str, &'a Expiry)>) {
        self.expires.clear();
        for (of, Expiry { what, file, at }) in expiries {
            self.expires.get_or_create(&ExpiryLabels { of: of.into(), what, file: file.to_string() }).set(*at);
        }
    }

    /// The handles of a collector of security events.
    pub fn siem(&self, collector: String) -> SiemMetrics {
        let labels = CollectorLabels { collector };
        SiemMetrics { connected: self.siem_connected.get_or_create_owned(&labels), records: self.siem_records.get_or_create_owned(&labels) }
    }

    /// The handles of the collector of traces.
    pub fn spans(&self) -> SpanMetrics {
        let of = |outcome| self.spans.get_or_create_owned(&SpanLabels { outcome });
        SpanMetrics { exported: of("exported"), dropped: of("dropped") }
    }

    /// The handles of a tenant.
    pub fn tenant(&self, tenant: &Tenant) -> TenantMetrics {
        TenantMetrics(
            OUTCOMES.map(|outcome| {
                self.tenants.get_or_create_owned(&TenantLabels { tenant: tenant.name().to_owned(), outcome: outcome.name() })
            }),
        )
    }

    /// The handles of an environment's token server.
    pub fn tokens(&self, environment: &str) -> TokenMetrics {
        let of = |outcome| self.tokens.get_or_create_owned(&TokenLabels { environment: environment.to_owned(), outcome });
        TokenMetrics { obtained: of("obtained"), refused: of("refused"), limited: of("limited"), failed: of("failed") }
    }

    /// An e-service is no longer configured: what was read of it when somebody asked would stay at its last value for ever.
    pub fn forget(&self, eservice: &str) {
        let labels = ServiceLabels { eservice: eservice.to_owned() };
        self.breakers.remove(&labels);
        for (state, _) in STANDINGS {
            self.addresses.remove(&CacheLabels { eservice: labels.eservice.clone(), state: state.into() });
        }
        self.in_flight.remove(&labels);
        self.idle.remove(&labels);
    }

    /// A tenant is no longer configured.
    pub fn forget_tenant(&self, tenant: &Tenant) {
        for outcome in OUTCOMES {
            self.tenants.remove(&TenantLabels { tenant: tenant.name().to_owned(), outcome: outcome.name() });
        }
    }

    /// All of it, as Prometheus reads it.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        if text::encode(&mut text, &self.registry.lock()).is_err() {
            tracing::error!("the metrics could not be written");
        }
        text
    }
}

/// A counter for each operation of an e-service, of what happens to few of them: one is told from its first time on.
#[derive(Debug)]
pub struct RareCounters {
    family: Family<OperationLabels, Counter>,
    operations: Box<[(OperationLabels, OnceLock<Counter>)]>,
}

impl RareCounters {
    fn new(family: &Family<OperationLabels, Counter>, definition: &Definition) -> Self {
        let labels = |spec: &OperationSpec| OperationLabels { eservice: definition.name.clone(), operation: spec.id.clone() };
        let operations = definition.contract.operations().iter().map(|spec| (labels(spec), OnceLock::new())).collect();
        Self { family: family.clone(), operations }
    }

    /// Once more.
    pub fn count(&self, operation: OperationIndex) {
        let (labels, counter) = &self.operations[operation];
        counter.get_or_init(|| self.family.get_or_create_owned(labels)).inc();
    }
}

/// How exchanges in one tenant's name ended.
#[derive(Clone, Debug)]
pub struct TenantMetrics([Counter; OUTCOMES.len()]);

impl TenantMetrics {
    /// One more ended.
    pub fn ended(&self, outcome: Outcome) {
        if let Some(at) = OUTCOMES.iter().position(|known| *known == outcome) {
            self.0[at].inc();
        }
    }
}

/// The handles of one e-service.
#[derive(Debug)]
pub struct ServiceMetrics {
    operations: Vec<[Counter; OUTCOMES.len()]>,
    stages: [Times; Stage::COUNT],
    hit: Counter,
    miss: Counter,
    bypass: Counter,
    breaker: Gauge,
    /// By [`STANDINGS`].
    addresses: [Gauge; 3],
    in_flight: Gauge,
    idle: Gauge,
    opened: Gauge,
    /// Answers that the document does not describe.
    pub drifts: RareCounters,
    /// Requests that use what the document calls deprecated.
    pub deprecated: RareCounters,
    /// Answers to `/status`.
    pub status_answers: Counter,
}

impl ServiceMetrics {
    /// What is read when somebody asks, rather than counted as it happens: of several upstreams all together, and the worst breaker.
    pub fn read(&self, service: &EService) {
        let now = clock::millis();
        self.breaker.set(service.breaker_level(now).into());
        self.in_flight.set(service.in_flight().into());
        let addresses: Vec<&Address> = service.addresses().map(|(_, address)| address).collect();
        self.idle.set(addresses.iter().map(|address| address.pool.idle.load(Ordering::Relaxed)).sum());
        for (gauge, standing) in self.addresses.iter().zip(STANDINGS) {
            gauge.set(addresses.iter().filter(|address| address.health.standing(now) == standing.1).count() as i64);
        }
        self.opened.set(service.upstreams.iter().map(|upstream| upstream.state.opened.load(Ordering::Relaxed) as i64).sum());
    }

    /// An exchange of this worker ended.
    pub fn ended(&self, worker: usize, operation: usize, outcome: Outcome, stages: impl Iterator<Item = (Stage, u32)>) {
        let at = OUTCOMES.iter().position(|known| *known == outcome);
        if let Some(counter) = self.operations.get(operation).and_then(|counters| counters.get(at?)) {
            counter.inc();
        }
        for (stage, micros) in stages {
            self.stages[stage as usize].took(worker, micros);
        }
    }

    /// The cache was asked.
    pub fn looked_up(&self, lookup: &crate::exchange::Lookup) {
        use crate::exchange::Lookup;
        match lookup {
            Lookup::Hit { .. } => self.hit.inc(),
            Lookup::Miss => self.miss.inc(),
            Lookup::Bypass => self.bypass.inc(),
        };
    }
}

/// Tells the metrics of commits. The log is opened before the metrics exist, so they are attached later.
#[derive(Debug, Default)]
pub struct CommitObserver(std::sync::OnceLock<Times>);

impl CommitObserver {
    /// From now on commits are measured.
    pub fn attach(&self, metrics: &Metrics) {
        let _ = self.0.set(metrics.audit_commits.clone());
    }
}

impl store::Observer for CommitObserver {
    fn committed(&self, commit: &store::Commit) {
        if let Some(times) = self.0.get() {
            times.took(0, u32::try_from(commit.duration.as_micros()).unwrap_or(u32::MAX));
        }
    }
}
