//! Exchanges and metrics are told to a collector in OpenTelemetry's protocol (OTLP 1.x over HTTP, protobuf).
//!
//! No exchange waits for it and nothing of it is kept: what there is no room for while the collector is away is dropped and counted. The
//! record of an exchange is in the audit log, this is a picture of it. What is told is names from the configuration and words of
//! ours: no path, no address, nothing that a caller sent but the ids of its trace.

mod collector;
mod metrics;
mod trace;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use exchange::Timestamp;
use http::StatusCode;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use parking_lot::Mutex;
use prost::Message as _;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::config::{Configuration, OtlpRules};
use crate::exchange::{Exchange, Outcome};
use crate::metrics::SpanMetrics;
use crate::reload::Reloader;
use crate::stage::record::is_refused_stranger;
use crate::state::State;
use collector::{Collector, NotTold};
use trace::Ended;

/// How many exchanges may wait to be told: at 2,000 a second those of two seconds.
const QUEUE: usize = 4096;
/// How many are told at once.
const BATCH: usize = 512;
/// How long the first of a batch waits for others.
const GATHER: Duration = Duration::from_secs(1);
/// How long it is waited before a batch is told again, at first and at most.
const WAITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// How often a batch is told at most; what has happened since is worth more.
const TRIES: u32 = 10;
/// How long the end of the process waits for what is still to be told.
const LAST: Duration = Duration::from_secs(3);

/// Takes exchanges that have ended.
pub(crate) struct Spans {
    queue: mpsc::Sender<Ended>,
    metrics: SpanMetrics,
}

impl Spans {
    /// One more has ended. It is told if its caller, or the sampling here, wants that; a stranger who was refused can want nothing.
    pub(crate) fn ended(&self, exchange: &Exchange, status: StatusCode, outcome: Outcome) {
        let is_wanted = exchange.trace.flags & 1 == 1 && !(exchange.parent.is_some() && is_refused_stranger(exchange));
        if is_wanted && self.queue.try_send(Ended::of(exchange, status, outcome)).is_err() {
            self.metrics.dropped.inc();
        }
    }
}

/// What tells a collector: tasks of the control thread.
pub(crate) struct Telling {
    tasks: Vec<JoinHandle<()>>,
    stop: CancellationToken,
}

/// Begins to tell, from now on. Called on the control thread.
pub(crate) fn begin(rules: &OtlpRules, state: &Arc<State>, reloader: &Arc<Reloader>) -> Telling {
    let stop = CancellationToken::new();
    let (queue, ended) = mpsc::channel(QUEUE);
    let metrics = state.metrics.spans();
    let _ = state.spans.set(Spans { queue, metrics: metrics.clone() });
    let teller = Arc::new(Teller {
        collector: Mutex::new(Arc::new(Collector::new(rules))),
        resource: resource(&reloader.current().configuration),
        reloader: reloader.clone(),
        state: state.clone(),
        stop: stop.clone(),
    });
    let mut tasks = vec![tokio::spawn(teller.clone().traces(ended, metrics))];
    tasks.extend(rules.metrics.map(|every| tokio::spawn(teller.measurements(every))));
    Telling { tasks, stop }
}

impl Telling {
    /// Tells what is left, if the collector takes it soon.
    pub(crate) async fn end(self) {
        self.stop.cancel();
        let until = Instant::now() + LAST;
        for task in self.tasks {
            if timeout_at(until, task).await.is_err() {
                tracing::warn!("the collector does not take the last that it is to be told: it is left at that");
            }
        }
    }
}

/// Who tells, and whom.
struct Teller {
    collector: Mutex<Arc<Collector>>,
    resource: Resource,
    reloader: Arc<Reloader>,
    state: Arc<State>,
    stop: CancellationToken,
}

impl Teller {
    /// The collector as it is configured now: a reload may have brought another key, certificate or proxy.
    fn collector(&self) -> Arc<Collector> {
        let mut collector = self.collector.lock();
        if let Some(rules) = &self.reloader.current().configuration.otlp
            && !collector.is_of(rules)
        {
            *collector = Arc::new(Collector::new(rules));
        }
        collector.clone()
    }

    async fn traces(self: Arc<Self>, mut ended: mpsc::Receiver<Ended>, metrics: SpanMetrics) {
        let mut batch = Vec::with_capacity(BATCH);
        while gather(&mut ended, &mut batch, &self.stop).await {
            let many = batch.len() as u64;
            let message = trace::request(&self.resource, batch.drain(..)).encode_to_vec();
            match self.persist(message.into()).await {
                Ok(answer) => {
                    let partial = ExportTraceServiceResponse::decode(&*answer).ok().and_then(|answer| answer.partial_success);
                    note_partial("spans", partial.map(|partial| (partial.rejected_spans, partial.error_message)));
                    metrics.told.inc_by(many);
                }
                Err(error) => {
                    tracing::warn!(%error, exchanges = many, "the collector of traces could not be told");
                    metrics.dropped.inc_by(many);
                }
            }
        }
    }

    /// Tells, again and again for a while where the collector asks for that or cannot be reached.
    async fn persist(&self, message: Bytes) -> Result<Bytes, NotTold> {
        let mut wait = WAITS.0;
        for _ in 1..TRIES {
            if let Some(until) = self.collector().alone_until() {
                sleep_until(until.into()).await;
            }
            let after = match self.collector().tell("/v1/traces", message.clone()).await {
                Err(NotTold::Later { after, .. }) => after.unwrap_or_default(),
                result => return result,
            };
            sleep(after.max(wait) + jitter()).await;
            wait = (wait * 2).min(WAITS.1);
        }
        self.collector().tell("/v1/traces", message).await
    }

    /// Tells the metrics every so often, and once more at the end. They count from the start, so what was missed is in what comes next.
    async fn measurements(self: Arc<Self>, every: Duration) {
        let began = clock::now();
        loop {
            let is_last = tokio::select! {
                () = sleep(every) => false,
                () = self.stop.cancelled() => true,
            };
            let collector = self.collector();
            if collector.alone_until().is_some() && !is_last {
                continue;
            }
            let readings = crate::metrics::readings(&self.state.metrics_text(&self.reloader.current()));
            let message = metrics::request(&self.resource, &readings, began, clock::now()).encode_to_vec();
            match collector.tell("/v1/metrics", message.into()).await {
                Ok(answer) => {
                    let partial = ExportMetricsServiceResponse::decode(&*answer).ok().and_then(|answer| answer.partial_success);
                    note_partial("numbers", partial.map(|partial| (partial.rejected_data_points, partial.error_message)));
                }
                Err(error) => tracing::warn!(%error, "the collector of metrics could not be told"),
            }
            if is_last {
                return;
            }
        }
    }
}

/// A collector may take a part only, or have something to say. What it says is its own: it is quoted, and cut.
fn note_partial(what: &str, partial: Option<(i64, String)>) {
    if let Some((refused, said)) = partial.filter(|(refused, said)| *refused > 0 || !said.is_empty()) {
        let said: String = said.chars().take(200).collect();
        tracing::warn!(refused, what, ?said, "the collector did not take all that it was told");
    }
}

/// So that gateways which lost their collector together do not come back together.
fn jitter() -> Duration {
    let mut random = [0];
    let _ = getrandom::fill(&mut random);
    Duration::from_millis(u64::from(random[0]) * 2)
}

/// Waits for exchanges; `false` when there will be no more.
async fn gather(ended: &mut mpsc::Receiver<Ended>, batch: &mut Vec<Ended>, stop: &CancellationToken) -> bool {
    tokio::select! {
        more = ended.recv_many(batch, BATCH) => if more == 0 {
            return false;
        },
        () = stop.cancelled(), if !ended.is_closed() => {
            // What is in the queue already is still told.
            ended.close();
            return ended.recv_many(batch, BATCH).await > 0;
        }
    }
    let until = Instant::now() + GATHER;
    while batch.len() < BATCH {
        let more = tokio::select! {
            more = timeout_at(until, ended.recv_many(batch, BATCH - batch.len())) => more,
            () = stop.cancelled() => break,
        };
        if !more.is_ok_and(|more| more > 0) {
            break;
        }
    }
    true
}

/// Who tells (OpenTelemetry's semantic conventions, `service.*`).
fn resource(configuration: &Configuration) -> Resource {
    let attributes = vec![
        text("service.name", "varco"),
        text("service.namespace", &configuration.installation),
        text("service.instance.id", &configuration.node),
        text("service.version", env!("CARGO_PKG_VERSION")),
    ];
    Resource { attributes, ..Resource::default() }
}

fn scope() -> Option<InstrumentationScope> {
    Some(InstrumentationScope { name: "varco".into(), version: env!("CARGO_PKG_VERSION").into(), ..InstrumentationScope::default() })
}

fn attribute(name: &str, value: any_value::Value) -> KeyValue {
    KeyValue { key: name.into(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn text(name: &str, value: &str) -> KeyValue {
    attribute(name, any_value::Value::StringValue(value.into()))
}

fn number(name: &str, value: u64) -> KeyValue {
    attribute(name, any_value::Value::IntValue(value.try_into().unwrap_or(i64::MAX)))
}

/// Nanoseconds since 1970, as the protocol counts.
fn nanos(at: Timestamp) -> u64 {
    at.nanos().try_into().unwrap_or_default()
}
