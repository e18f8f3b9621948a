//! One exchange: what each stage learned of it, until the record closes it.
//!
//! It is shared between the way that runs, the connection that awaits its answer and the body that is being sent, so
//! every field is set once, by the one stage that learns it, and read by those that come later.

use std::any::Any;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

pub use audit::Outcome;
use exchange::{Caller, Dialect, ExchangeId, OperationIndex, Timestamp, TraceContext};
use http::{HeaderValue, Method};
use parking_lot::Mutex;

use crate::admission::Measure;
use crate::listener::Place;
use crate::origin::Origin;
use crate::service::{EService, Holds};
use crate::snapshot::Listener;
use crate::vouchers::VoucherSource;
use crate::worker::Worker;

/// An exchange under way. What it began with is read as if it were its own.
pub struct Exchange {
    opening: Opening,
    /// On the monotonic clock, when its request was seen: durations count from here.
    pub started: Instant,
    /// The e-service and operation: set by `route`.
    pub routed: OnceLock<Routed>,
    /// Of an e-service that pages of others may call: set by `route`, whatever becomes of the request then.
    pub cross_origin: OnceLock<CrossOrigin>,
    /// Who calls: set by `authenticate`.
    pub caller: OnceLock<Authenticated>,
    /// The narrowest limit that applied: set by `admit`.
    pub measure: OnceLock<Measure>,
    /// How many people the data is about, and how they are identified: set by the contract stage.
    pub subjects: OnceLock<Subjects>,
    /// The channel that the citizen's request came in by: set by `policy`.
    pub channel: OnceLock<String>,
    /// What policy said.
    pub decision: OnceLock<policy::Decision>,
    /// What the provider is shown: set by `voucher`, when all of it is in the request.
    pub shown: OnceLock<ShownToProvider>,
    /// Where the answer came from.
    pub lookup: OnceLock<Lookup>,
    /// How often the upstream was asked.
    pub attempts: AtomicU32,
    /// Bytes of the request's body.
    pub request_bytes: AtomicU64,
    /// What of the answer broke the contract and was let pass.
    pub drift: OnceLock<String>,
    /// The refusal, if it was refused: the stage and the kind of the problem.
    pub refusal: OnceLock<Refusal>,
    stage: AtomicU8,
    /// Nothing was done since the last stage began.
    idle: AtomicBool,
    entered: [AtomicU64; Stage::COUNT],
    begin_wait: AtomicU32,
    begun: AtomicBool,
    gone: AtomicBool,
    /// Permits, leases and whatever else ends with the exchange.
    held: Mutex<Vec<Box<dyn Any + Send>>>,
}

/// Where a request goes.
pub struct Routed {
    /// The e-service.
    pub service: Arc<EService>,
    /// The operation of its contract.
    pub operation: OperationIndex,
    /// Decoded path parameters; taken by the contract stage.
    pub path_parameters: Mutex<Vec<(Arc<str>, String)>>,
    /// Where the path below the base path begins in the request's path.
    pub below: usize,
    /// What the gateway answers itself, without asking anybody.
    pub own: Option<Own>,
}

/// A request to an e-service that pages of other origins may call.
pub struct CrossOrigin {
    /// The e-service.
    pub service: Arc<EService>,
    /// The origin of the page that asks, if it is one that may.
    pub origin: Option<HeaderValue>,
}

/// An answer of the gateway's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Own {
    /// `/status`: it lives.
    Status,
    /// OPTIONS: what a path can be asked.
    Options {
        /// The methods, as `Allow` lists them.
        allow: String,
    },
}

/// What is told of who asks, by the names of claims.
pub type Told = Vec<(Box<str>, Box<str>)>;

/// Who calls, and in whose name the exchange happens.
pub struct Authenticated {
    /// The instance of the e-service that the voucher chose.
    pub instance: usize,
    /// The proven claims; empty for an open e-service.
    pub caller: Arc<Caller>,
    /// Whether anything was proven: strangers are recorded under a budget.
    pub proven: bool,
    /// How many seconds old the keys were that the voucher was held against, where newer ones should have come.
    pub keys_age: Option<u64>,
    /// The evidence that was verified, in the words of policy.
    pub evidence: &'static [&'static str],
    /// What others are shown when we call them: of outbound e-services.
    pub calling: Option<Calling>,
}

/// What a department calls others with.
pub struct Calling {
    /// Where the voucher comes from that the provider is shown.
    pub voucher: Arc<VoucherSource>,
    /// What the provider is told of who asks, by the claims' names. Personal data: never in a record's clear part or a log line.
    pub told: Told,
    /// Whether it is a declared batch process that asks.
    pub automated: bool,
}

/// What a provider is shown.
pub struct ShownToProvider {
    /// What the voucher says.
    pub voucher: Arc<Caller>,
    /// The patterns of ModI, in the words of the record.
    pub patterns: &'static [&'static str],
}

/// Whom the data is about: how many, and how they are identified; never who.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Subjects {
    /// How many.
    pub count: u32,
    /// `codice_fiscale`, `partita_iva` …
    pub kind: Option<&'static str>,
}

/// Where an answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// From the upstream, asked by this exchange.
    Miss,
    /// From the cache.
    Hit {
        /// The exchange whose answer it is.
        origin: ExchangeId,
        /// Its age in seconds.
        age: u64,
    },
    /// From the upstream: the operation is not cached, or the cache could not serve.
    Bypass,
}

/// Why an exchange was refused, for the record and the metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The stage that refused.
    pub stage: Stage,
    /// The kind of the problem.
    pub kind: String,
    /// The detail for the log, which the caller does not get.
    pub cause: String,
    /// How the record calls it.
    pub outcome: Outcome,
}

/// The kind of the refusal that there is no room in the log.
pub const AUDIT_UNAVAILABLE: &str = "audit-unavailable";

/// The stages, for refusals, times and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Stage {
    /// Limits of the head, and which e-service.
    Route,
    /// Who calls.
    Authenticate,
    /// How much they may.
    Admit,
    /// The body.
    Read,
    /// What was signed.
    Integrity,
    /// The message becomes a call.
    Dialect,
    /// The call against the contract.
    Contract,
    /// May they.
    Policy,
    /// The cache.
    Lookup,
    /// The adapter, on the way down.
    Adapt,
    /// What the provider is shown.
    Voucher,
    /// The begin frame.
    Begin,
    /// The upstream, until its answer is whole or its head is here.
    Upstream,
    /// The way up.
    Answer,
    /// The record.
    Record,
}

impl Stage {
    /// How many there are.
    pub const COUNT: usize = 15;

    /// All of them, in the order of the way.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Route,
        Self::Authenticate,
        Self::Admit,
        Self::Read,
        Self::Integrity,
        Self::Dialect,
        Self::Contract,
        Self::Policy,
        Self::Lookup,
        Self::Adapt,
        Self::Voucher,
        Self::Begin,
        Self::Upstream,
        Self::Answer,
        Self::Record,
    ];

    /// The word in records, metrics and the demo.
    pub fn name(self) -> &'static str {
        match self {
            Self::Route => "route",
            Self::Authenticate => "authenticate",
            Self::Admit => "admit",
            Self::Read => "read",
            Self::Integrity => "integrity",
            Self::Dialect => "dialect",
            Self::Contract => "contract",
            Self::Policy => "policy",
            Self::Lookup => "lookup",
            Self::Adapt => "adapter",
            Self::Voucher => "voucher",
            Self::Begin => "begin",
            Self::Upstream => "upstream",
            Self::Answer => "answer",
            Self::Record => "record",
        }
    }
}

/// What an exchange begins with.
pub struct Opening {
    /// Its id.
    pub id: ExchangeId,
    /// When its request was seen: the `now` of every rule.
    pub seen: Timestamp,
    /// The trace that it belongs to, with a span of our own.
    pub trace: TraceContext,
    /// The worker that runs it.
    pub worker: Arc<Worker>,
    /// The listener that its connection came in by, as configured then: with it the exchange holds the configuration that it runs
    /// under from start to end.
    pub listener: Arc<Listener>,
    /// Who is at the other end.
    pub origin: Origin,
    /// Its place among the requests of its connection.
    pub(crate) _place: Place,
    /// How the caller speaks.
    pub dialect: Dialect,
    /// The method, for the record.
    pub method: Method,
    /// Whether the caller reads Italian rather than English.
    pub italian: bool,
}

impl Deref for Exchange {
    type Target = Opening;

    fn deref(&self) -> &Opening {
        &self.opening
    }
}

impl Exchange {
    /// A new exchange.
    pub fn open(opening: Opening) -> Self {
        Self {
            opening,
            started: Instant::now(),
            routed: OnceLock::new(),
            cross_origin: OnceLock::new(),
            caller: OnceLock::new(),
            measure: OnceLock::new(),
            subjects: OnceLock::new(),
            channel: OnceLock::new(),
            decision: OnceLock::new(),
            shown: OnceLock::new(),
            lookup: OnceLock::new(),
            attempts: AtomicU32::new(0),
            request_bytes: AtomicU64::new(0),
            drift: OnceLock::new(),
            refusal: OnceLock::new(),
            stage: AtomicU8::new(Stage::Route as u8),
            idle: AtomicBool::new(true),
            entered: std::array::from_fn(|_| AtomicU64::new(0)),
            begin_wait: AtomicU32::new(0),
            begun: AtomicBool::new(false),
            gone: AtomicBool::new(false),
            held: Mutex::new(Vec::new()),
        }
    }

    /// Marks that a stage begins: the time, and that a refusal from now on is its.
    pub fn enter(&self, stage: Stage) {
        let last = self.entered[usize::from(self.stage.load(Ordering::Relaxed))].load(Ordering::Relaxed);
        // 0 means never, so the first microsecond counts as the second.
        let at = if self.idle.load(Ordering::Relaxed) { last } else { self.micros() }.max(1);
        self.idle.store(false, Ordering::Relaxed);
        self.stage.store(stage as u8, Ordering::Relaxed);
        self.entered[stage as usize].store(at, Ordering::Relaxed);
    }

    /// The same of a stage that has nothing to do for this exchange: the next one needs no other reading of the clock.
    pub fn pass(&self, stage: Stage) {
        self.enter(stage);
        self.idle.store(true, Ordering::Relaxed);
    }

    /// The stage that runs.
    pub fn stage(&self) -> Stage {
        Stage::ALL[usize::from(self.stage.load(Ordering::Relaxed))]
    }

    /// Microseconds from the beginning to that of a stage which ran.
    pub fn entered(&self, stage: Stage) -> u64 {
        self.entered[stage as usize].load(Ordering::Relaxed)
    }

    /// Microseconds since the request was seen.
    pub fn micros(&self) -> u64 {
        self.started.elapsed().as_micros() as u64
    }

    /// The stages that ran, in order, each with its microseconds: until the next one began, or until `end`.
    pub fn stages(&self, end: u64) -> impl Iterator<Item = (Stage, u32)> {
        let entered = |stage: &Stage| Some((*stage, self.entered[*stage as usize].load(Ordering::Relaxed))).filter(|(_, at)| *at > 0);
        let mut ran = Stage::ALL.iter().filter_map(entered).peekable();
        // They run in their own order, so the one that began next is the next that ran.
        std::iter::from_fn(move || {
            let (stage, at) = ran.next()?;
            let until = ran.peek().map_or(end, |(_, next)| *next);
            Some((stage, short(until.saturating_sub(at))))
        })
    }

    /// Microseconds from the beginning of one stage to the beginning of another, if both ran.
    pub fn between(&self, from: Stage, to: Stage) -> Option<u32> {
        let at = |stage: Stage| Some(self.entered[stage as usize].load(Ordering::Relaxed)).filter(|&at| at > 0);
        Some(short(at(to)?.saturating_sub(at(from)?)))
    }

    /// The e-service and operation, which every stage below `route` may rely on.
    pub fn routed(&self) -> &Routed {
        self.routed.get().expect("the route stage stands above and sets it")
    }

    /// The e-service, likewise.
    pub fn service(&self) -> &Arc<EService> {
        &self.routed().service
    }

    /// Which bodies of the operation anybody reads, likewise.
    pub fn holds(&self) -> Holds {
        let routed = self.routed();
        routed.service.holds[routed.operation]
    }

    /// Who calls, which every stage below `authenticate` may rely on.
    pub fn authenticated(&self) -> &Authenticated {
        self.caller.get().expect("the authenticate stage stands above and sets it")
    }

    /// Keeps something until the exchange has ended, its answer's body included.
    pub fn hold(&self, thing: impl Any + Send) {
        self.held.lock().push(Box::new(thing));
    }

    /// The caller went away.
    pub fn caller_left(&self) {
        self.gone.store(true, Ordering::Release);
    }

    /// Whether it was refused because the log takes nothing now, before anything was asked on its behalf.
    pub fn is_unadmitted_by_log(&self) -> bool {
        self.begin_wait().is_none() && self.refusal.get().is_some_and(|refusal| refusal.kind == AUDIT_UNAVAILABLE)
    }

    /// Whether the caller went away.
    pub fn is_caller_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// The begin frame is durable; it took so long.
    pub fn began(&self, waited: std::time::Duration) {
        self.begin_wait.store(waited.as_micros() as u32, Ordering::Relaxed);
        self.begun.store(true, Ordering::Release);
    }

    /// Microseconds waited for the begin frame, if one was written.
    pub fn begin_wait(&self) -> Option<u32> {
        self.begun.load(Ordering::Acquire).then(|| self.begin_wait.load(Ordering::Relaxed))
    }
}

/// Microseconds of one stage: what takes over an hour is said to take an hour and eleven minutes.
fn short(micros: u64) -> u32 {
    u32::try_from(micros).unwrap_or(u32::MAX)
}
