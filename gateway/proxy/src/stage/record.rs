//! The outermost stage: every exchange leaves a record, and no answer leaves before it.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use audit::{
    AdapterUse, CacheState, CacheUse, Closed, Direction, Effect, Event, Fixed, Latencies, ModiUse, Operation, PolicyUse, Record,
    RecordError, Strings,
};
use exchange::Tenant;
use futures_util::FutureExt as _;
use http::Method;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use store::{Admission, LogError, Ticket};
use tower::Layer;

use super::layer::{Shared, Stage as StackStage, StageFuture};
use crate::body::{AnswerBody, Closing};
use crate::clock;
use crate::config::Durability;
use crate::exchange::{CrossOrigin, Exchange, Lookup, Outcome, Own, Stage};
use crate::message::{Request, Response, ResponseBody};
use crate::rejection::Rejection;
use crate::respond::refuse;
use crate::service::recorded;
use crate::state::Way;

/// The layer that leaves the record.
pub fn record() -> RecordLayer {
    RecordLayer
}

/// The layer that [`record`] makes.
#[derive(Clone, Copy, Debug)]
pub struct RecordLayer;

impl<S> Layer<Shared<S>> for RecordLayer {
    type Service = Shared<Recorded<S>>;

    fn layer(&self, below: Shared<S>) -> Self::Service {
        Shared(Arc::new(Recorded { below: below.0 }))
    }
}

/// The service that [`record`] makes.
#[derive(Debug)]
pub struct Recorded<S> {
    below: Arc<S>,
}

impl<S: StackStage<Error = Infallible>> StackStage for Recorded<S> {
    type Error = Infallible;

    fn run(&self, request: Request) -> StageFuture<Result<Response, Infallible>> {
        let exchange = request.exchange.clone();
        let below = self.below.clone();
        Box::pin(async move {
            // A panic is a defect of ours; it must not cost the exchange its record, nor the worker its thread.
            let answered = AssertUnwindSafe(async { below.run(request).await }).catch_unwind();
            let mut response = match answered.await {
                Ok(Ok(response)) => response,
                Err(_) => refuse(&exchange, &Rejection::Internal),
            };
            let outcome = exchange.refusal.get().map_or(Outcome::Success, |refusal| refusal.outcome);
            exchange.enter(Stage::Record);
            add_headers(&exchange, &mut response.headers);
            let recorded = match note(&exchange, &response) {
                Noted::Not => return Ok(response),
                Noted::Now(recorded) => recorded,
                Noted::Later(ticket) => ticket.await.map(|_| ()).map_err(NotRecorded::from),
            };
            if let Err(error) = recorded {
                if error.is_poisoned() {
                    // After the disk failed no answer leaves; the process is about to end.
                    std::future::pending::<()>().await;
                }
                tracing::error!(exchange = %exchange.id, cause = %error, "the record of an exchange is not durable; its answer is withheld");
                response = refuse(&exchange, &Rejection::Audit);
                add_headers(&exchange, &mut response.headers);
            }
            count(&exchange, outcome);
            #[cfg(feature = "otlp")]
            if let Some(spans) = exchange.worker.state.spans.get() {
                spans.ended(&exchange, response.status, outcome);
            }
            Ok(response)
        })
    }
}

/// How far the record of an exchange has come.
enum Noted {
    /// There is to be none.
    Not,
    /// The answer need not wait, or cannot leave.
    Now(Result<(), NotRecorded>),
    /// The answer waits until it is durable.
    Later(Ticket),
}

/// Why a record is not durable.
#[derive(Debug, thiserror::Error)]
enum NotRecorded {
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error(transparent)]
    Append(#[from] store::AppendError),
    #[error(transparent)]
    Log(#[from] LogError),
}

impl NotRecorded {
    fn is_poisoned(&self) -> bool {
        matches!(self, Self::Append(store::AppendError::Poisoned) | Self::Log(LogError::Poisoned))
    }
}

/// Hands the record of an exchange to the log. Nothing here waits, so that nothing of it lies in the future of every exchange.
fn note(exchange: &Exchange, response: &Response) -> Noted {
    if let Some(routed) = exchange.routed.get()
        && let Some(own) = &routed.own
        && !(*own == Own::Status && routed.service.definition.record_status)
    {
        if *own == Own::Status {
            routed.service.metrics.status_answers.inc();
        }
        return Noted::Not;
    }
    if exchange.worker.state.audit.admits() == Admission::Poisoned {
        return Noted::Now(Err(LogError::Poisoned.into()));
    }
    if is_refused_stranger(exchange) || exchange.is_unadmitted_by_log() {
        note_unawaited(exchange, response);
        return Noted::Now(Ok(()));
    }
    match append(exchange, response) {
        Ok(Some(ticket)) => Noted::Later(ticket),
        Ok(None) => Noted::Now(Ok(())),
        Err(error) => Noted::Now(Err(error)),
    }
}

/// The ticket, if the answer waits for it.
fn append(exchange: &Exchange, response: &Response) -> Result<Option<Ticket>, NotRecorded> {
    let log = &exchange.worker.log;
    let relaxed = exchange.routed.get().is_some_and(|routed| routed.service.definition.durability == Durability::Relaxed);
    let mut bytes = exchange.worker.scratch();
    let record = build(exchange, response, |record| record.to_jcs(&mut bytes))?;
    if relaxed {
        log.end_unawaited(exchange.id, record)?;
        return Ok(None);
    }
    Ok(Some(log.end(exchange.id, record)?))
}

/// Whether somebody who proved nothing was refused before anything happened: once a begin frame stands, its end is owed.
pub(crate) fn is_refused_stranger(exchange: &Exchange) -> bool {
    let proven = exchange.caller.get().is_some_and(|caller| caller.proven);
    exchange.refusal.get().is_some() && !proven && exchange.begin_wait().is_none() && exchange.attempts.load(Ordering::Relaxed) == 0
}

/// A refusal of somebody who proved nothing, or of anybody while the disk is full: recorded without waiting, under the listener's
/// budget, so that neither takes the room which exchanges under way still need.
fn note_unawaited(exchange: &Exchange, response: &Response) {
    let Some(refusal) = exchange.refusal.get() else { return };
    let counted = store::Refusal { error: &refusal.kind, stage: refusal.stage.name() };
    exchange
        .worker
        .log
        .append_unawaited(&exchange.listener.strangers, counted, |out| build(exchange, response, |record| record.to_jcs(out)));
}

/// Builds the record of an exchange, out of borrowed parts, and hands it to whoever writes it.
fn build<T>(exchange: &Exchange, response: &Response, write: impl FnOnce(&Record<'_>) -> T) -> T {
    let mut record = Record::new(Event::Exchange, &exchange.listener.common.node, exchange.seen);
    record.id = Some(exchange.id);
    // By the clock that the exchange began with, so that the two instants cannot contradict the durations.
    let total = exchange.entered(Stage::Record);
    record.t1 = Some(exchange.seen.plus_nanos(total as i64 * 1000));
    record.trace = Some(exchange.trace);
    record.correlation = exchange.correlation.as_deref();
    record.configuration = Some(&exchange.listener.common.hash);
    record.channel = exchange.channel.get().map(String::as_str);
    record.request_bytes = Some(exchange.request_bytes.load(Ordering::Relaxed)).filter(|&bytes| bytes > 0);
    let is_head = exchange.method == Method::HEAD;
    record.answer_bytes = if is_head { Some(0) } else { response.body.bytes().map(|bytes| bytes.len() as u64) };
    record.status = Some(response.status.as_u16());
    record.subjects = exchange.subjects.get().map(|subjects| u64::from(subjects.count));
    record.outcome = Some(exchange.refusal.get().map_or(Outcome::Success, |refusal| refusal.outcome));
    record.error = exchange.refusal.get().map(|refusal| &*refusal.kind);
    record.stage = exchange.refusal.get().map(|refusal| refusal.stage.name());
    record.latencies = latencies(exchange);
    record.cache = exchange.lookup.get().map(cache);
    record.drift = exchange.drift.get().map(|drift| Strings::from(&drift[..])).unwrap_or_default();
    record.direction = Some(Direction::Inbound);
    let Some(routed) = exchange.routed.get() else {
        let unrouted =
            Fixed::operation(&Operation { method: Some(known_method(&exchange.method).unwrap_or("other")), ..Operation::default() });
        record.operation = Some(&unrouted);
        return write(&record);
    };
    let definition = &routed.service.definition;
    record.direction = Some(definition.direction);
    // Of HEAD nothing but the head left, whatever was asked of the upstream.
    let spec = &definition.contract.operations()[routed.operation];
    let head = (is_head && spec.method != Method::HEAD).then(|| recorded(definition, routed.operation, Some(&Method::HEAD)));
    record.operation = Some(head.as_ref().unwrap_or(&routed.service.operations[routed.operation]));
    record.adapter = Some(AdapterUse {
        name: definition.adapter.name(),
        // Adapters are parts of this program, and change with it.
        version: Some(env!("CARGO_PKG_VERSION")),
        attempts: Some(u64::from(exchange.attempts.load(Ordering::Relaxed))),
    });
    let commitments = exchange.listener.common.commitments.as_ref();
    record.case = exchange.case.get().zip(commitments).map(|(case, secret)| secret.salts.commitment("case", exchange.id, case.as_bytes()));
    let mut obligations: Vec<&str> = Vec::new();
    let mut withheld: Vec<String> = Vec::new();
    let shown;
    if let Some(authenticated) = exchange.caller.get() {
        let instance = definition.instances.get(authenticated.instance);
        record.tenant = instance.map(|instance| instance.tenant.name());
        record.delegate = instance.and_then(|instance| instance.delegate.as_ref()).map(Tenant::name);
        record.department = authenticated.caller.department.as_deref();
        let issuer = instance.and_then(|instance| instance.issuer).and_then(|at| routed.service.issuers.get(at));
        record.environment = issuer.map(|issuer| &*issuer.name);
        if authenticated.proven {
            // What was prepared for a provider who was then not asked was shown to nobody.
            shown = exchange.shown().filter(|_| exchange.attempts.load(Ordering::Relaxed) > 0);
            record.keys_age = authenticated.keys_age;
            record.caller = Some(shown.as_ref().map_or(&authenticated.caller, |shown| &shown.voucher));
            let patterns = match (definition.direction, &shown) {
                (Direction::Inbound, _) => &["ID_AUTH_REST_01"][..],
                (Direction::Outbound, shown) => shown.as_ref().map_or(&[][..], |shown| shown.patterns),
            };
            record.modi = ModiUse { patterns: Strings::Slices(patterns), audit_bound: None };
        }
    }
    if let Some(decision) = exchange.decision.get() {
        withheld.extend(decision.obligations.withhold.iter().map(ToString::to_string));
        obligations.extend((!withheld.is_empty()).then_some("withhold"));
        obligations.extend(decision.obligations.max_cache_age.map(|_| "max_cache_age"));
        record.policy = Some(PolicyUse {
            id: None,
            effect: if decision.effect == policy::Effect::Permit { Effect::Permit } else { Effect::Deny },
            reasons: Strings::Shared(&decision.reasons),
            set: routed.service.policies.as_ref(),
            obligations: Strings::Slices(&obligations),
        });
        record.withheld = Strings::Owned(&withheld);
    }
    write(&record)
}

fn latencies(exchange: &Exchange) -> Latencies {
    Latencies {
        total: Some(exchange.entered(Stage::Record)),
        authentication: exchange.between(Stage::Authenticate, Stage::Admit).map(u64::from),
        policy: exchange.between(Stage::Policy, Stage::Lookup).map(u64::from),
        upstream: exchange.between(Stage::Upstream, Stage::Answer).map(u64::from),
        begin: exchange.begin_wait().map(u64::from),
    }
}

fn cache(lookup: &Lookup) -> CacheUse {
    match *lookup {
        Lookup::Miss => CacheUse { state: CacheState::Miss, age: None, origin: None },
        Lookup::Bypass => CacheUse { state: CacheState::Bypass, age: None, origin: None },
        Lookup::Hit { origin, age } => CacheUse { state: CacheState::Hit, age: Some(age), origin: Some(origin) },
    }
}

/// A method as it may be written down; of one that the caller invented, nothing.
pub(crate) fn known_method(method: &Method) -> Option<&str> {
    use Method as M;
    matches!(*method, M::GET | M::POST | M::PUT | M::DELETE | M::PATCH | M::HEAD | M::OPTIONS).then(|| method.as_str())
}

/// The headers of every answer: whose exchange it was, and how much the caller may still ask (RAC_ROBUSTEZZA_001).
fn add_headers(exchange: &Exchange, headers: &mut HeaderMap) {
    const EXCHANGE: HeaderName = HeaderName::from_static("varco-exchange");
    const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
    const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
    const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
    if let Ok(id) = HeaderValue::from_bytes(&exchange.id.to_text()) {
        headers.insert(EXCHANGE, id);
    }
    if let Some(CrossOrigin { service, origin }) = exchange.cross_origin.get().map(Box::as_ref)
        && let Some(cors) = &service.definition.cors
    {
        cors.tell(headers, origin.as_ref());
    }
    if let Some(measure) = exchange.measure.get() {
        headers.insert(LIMIT, HeaderValue::from(measure.limit));
        headers.insert(REMAINING, HeaderValue::from(measure.remaining));
        headers.insert(RESET, HeaderValue::from(measure.reset));
    }
}

fn count(exchange: &Exchange, outcome: Outcome) {
    if let Some(refusal) = exchange.refusal.get() {
        let eservice = exchange.routed.get().map(|routed| routed.service.definition.name.clone());
        exchange.worker.state.metrics.refused(eservice, refusal.stage, refusal.kind.clone());
        // The cause may name what an upstream is or did; it goes to the log and never to the caller.
        match refusal.outcome {
            Outcome::Failed => {
                let upstream = exchange.caller.get().map(|_| tracing::field::display(&exchange.upstream().rules.url));
                tracing::warn!(exchange = %exchange.id, stage = refusal.stage.name(), kind = %refusal.kind, cause = %refusal.cause, upstream, "exchange failed");
            }
            _ => {
                tracing::debug!(exchange = %exchange.id, stage = refusal.stage.name(), kind = %refusal.kind, cause = %refusal.cause, "exchange refused");
            }
        }
    }
    let end = exchange.micros();
    if let Some(watcher) = exchange.worker.state.watcher.get() {
        let _ = watcher.try_send(Way { id: exchange.id, stages: exchange.stages(end).collect() });
    }
    let Some(routed) = exchange.routed.get() else { return };
    let metrics = &routed.service.metrics;
    metrics.ended(exchange.worker.index, routed.operation, outcome, exchange.stages(end));
    if let Some(in_name) = exchange.caller.get().and_then(|caller| routed.service.tenants.get(caller.instance)) {
        in_name.metrics.ended(outcome);
    }
    if let Some(lookup) = exchange.lookup.get() {
        metrics.looked_up(lookup);
    }
}

/// The body that is written to the caller. A streamed one leaves an `exchange.closed` when it has ended or was cut.
pub(crate) fn answer_body(exchange: &Arc<Exchange>, body: ResponseBody) -> AnswerBody {
    match body {
        ResponseBody::Held(bytes) => AnswerBody::held(bytes, exchange.clone()),
        ResponseBody::Json(json) => AnswerBody::held(json.bytes().clone(), exchange.clone()),
        ResponseBody::Streamed(stream) => {
            let (worker, common, id) = (exchange.worker.clone(), exchange.listener.common.clone(), exchange.id);
            let closed = move |closing: Closing| {
                let closed = Closed {
                    id,
                    node: &common.node,
                    t1: clock::now(),
                    bytes: closing.bytes,
                    digest: Some(closing.digest),
                    complete: closing.complete,
                };
                let mut bytes = worker.scratch();
                let appended = closed
                    .to_jcs(&mut bytes)
                    .map_err(NotRecorded::from)
                    .and_then(|canonical| Ok(worker.log.closed_unawaited(canonical)?));
                if let Err(error) = appended {
                    tracing::error!(exchange = %id, %error, "the end of a streamed answer could not be recorded");
                }
            };
            AnswerBody::streamed(*stream, exchange.clone(), Box::new(closed))
        }
    }
}
