//! One exchange: what each stage learned of it, until the record closes it.
//!
//! It is shared between the way that runs, the connection that awaits its answer and the body that is being sent, so
//! every field is set once, by the one stage that learns it, and read by those that come later. What few exchanges have is boxed: each
//! that waits for its upstream keeps all of this, and its lines are not in the cache when the answer comes.

mod learned;
mod stage;

use std::any::Any;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

pub use audit::Outcome;
use exchange::{Dialect, ExchangeId, Timestamp, TraceContext};
use http::Method;
use parking_lot::Mutex;

pub use learned::{Authenticated, Calling, CrossOrigin, Lookup, Own, Refusal, Routed, ShownToProvider, Subjects, Told};
pub use stage::Stage;

use crate::admission::Measure;
use crate::listener::Place;
use crate::origin::Origin;
use crate::present::Present;
use crate::service::{EService, Holds};
use crate::snapshot::Listener;
use crate::upstream::Upstream;
use crate::worker::Worker;

/// An exchange under way. What it began with is read as if it were its own.
pub struct Exchange {
    opening: Opening,
    /// On the monotonic clock, when its request was seen: durations count from here.
    pub started: Instant,
    /// The e-service and operation: set by `route`.
    pub routed: OnceLock<Routed>,
    /// Of an e-service that pages of others may call: set by `route`, whatever becomes of the request then.
    pub cross_origin: OnceLock<Box<CrossOrigin>>,
    /// Who calls: set by `authenticate`.
    pub caller: OnceLock<Authenticated>,
    /// The narrowest limit that applied: set by `admit`.
    pub measure: OnceLock<Measure>,
    /// How many people the data is about, and how they are identified: set by the contract stage.
    pub subjects: OnceLock<Subjects>,
    /// The channel that the citizen's request came in by: set by `policy`.
    pub channel: OnceLock<String>,
    /// The number of the department's case, likewise; personal data for all we know: only its commitment is recorded.
    pub case: OnceLock<String>,
    /// What policy said.
    pub decision: OnceLock<policy::Decision>,
    /// Where the answer came from.
    pub lookup: OnceLock<Lookup>,
    /// How often the upstream was asked.
    pub attempts: AtomicU32,
    /// Bytes of the request's body.
    pub request_bytes: AtomicU64,
    /// What of the answer the document does not describe: findings as records keep them.
    pub drift: OnceLock<Arc<[String]>>,
    /// The refusal, if it was refused: the stage and the kind of the problem.
    pub refusal: OnceLock<Box<Refusal>>,
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

/// The kind of the refusal that there is no room in the log.
pub const AUDIT_UNAVAILABLE: &str = "audit-unavailable";

/// What an exchange begins with.
pub struct Opening {
    /// Its id.
    pub id: ExchangeId,
    /// When its request was seen: the `now` of every rule.
    pub seen: Timestamp,
    /// The trace that it belongs to, with a span of our own.
    pub trace: TraceContext,
    /// The caller's span, if it sent one.
    pub parent: Option<[u8; 8]>,
    /// What the caller sent to find its own request by (`X-Correlation-ID`), if that may be recorded.
    pub correlation: Option<Box<str>>,
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
    /// Which of the headers that stages look for it has.
    pub present: Present,
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
            case: OnceLock::new(),
            decision: OnceLock::new(),
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

    /// When a stage began that runs or ran: a reading of the clock that was made already.
    pub fn began_at(&self, stage: Stage) -> Instant {
        self.started + Duration::from_micros(self.entered(stage))
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

    /// The upstream of whom the exchange is in the name of, likewise.
    pub fn upstream(&self) -> &Upstream {
        let service = self.service();
        &service.upstreams[service.definition.instance_upstreams[self.authenticated().instance]]
    }

    /// What the provider is shown, the last of it: of outbound exchanges, once all of it is in the request.
    pub fn shown(&self) -> Option<Arc<ShownToProvider>> {
        self.caller.get()?.calling.as_ref()?.shown.lock().clone()
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
    pub fn began(&self, waited: Duration) {
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
