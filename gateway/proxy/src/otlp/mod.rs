//! Exchanges and metrics are exported to a collector in OpenTelemetry's protocol (OTLP 1.x over HTTP, protobuf).
//!
//! No exchange waits for it and nothing of it is kept: what there is no room for while the collector is away is dropped and counted. The
//! record of an exchange is in the audit log, this is a picture of it. What is exported is names from the configuration and words of
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
use collector::{Collector, ExportError};
use trace::Ended;

/// How many exchanges may wait to be exported: at 2,000 a second those of two seconds.
const QUEUE: usize = 4096;
/// How many are exported at once.
const BATCH: usize = 512;
/// How long the first of a batch waits for others.
const BATCH_DELAY: Duration = Duration::from_secs(1);
/// How long it is waited before a batch is sent again, at first and at most.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// How often a batch is sent at most; what has happened since is worth more.
const MAX_ATTEMPTS: u32 = 10;
/// How long the end of the process waits for what is still to be exported.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(3);

/// Takes exchanges that have ended.
pub(crate) struct Spans {
    queue: mpsc::Sender<Ended>,
    metrics: SpanMetrics,
}

impl Spans {
    /// One more has ended. It is exported if its caller, or the sampling here, wants that; a stranger who was refused can want nothing.
    pub(crate) fn ended(&self, exchange: &Exchange, status: StatusCode, outcome: Outcome) {
        let is_wanted = exchange.trace.flags & 1 == 1 && !(exchange.parent.is_some() && is_refused_stranger(exchange));
        if is_wanted && self.queue.try_send(Ended::of(exchange, status, outcome)).is_err() {
            self.metrics.dropped.inc();
        }
    }
}

/// What exports: tasks of the control thread.
pub(crate) struct Exporters {
    tasks: Vec<JoinHandle<()>>,
    stop: CancellationToken,
}

/// Begins to export, from now on. Called on the control thread.
pub(crate) fn begin(rules: &OtlpRules, state: &Arc<State>, reloader: &Arc<Reloader>) -> Exporters {
    let stop = CancellationToken::new();
    let (queue, ended) = mpsc::channel(QUEUE);
    let metrics = state.metrics.spans();
    let _ = state.spans.set(Spans { queue, metrics: metrics.clone() });
    let exporter = Arc::new(Exporter {
        collector: Mutex::new(Arc::new(Collector::new(rules))),
        resource: resource(&reloader.current().configuration),
        reloader: reloader.clone(),
        state: state.clone(),
        stop: stop.clone(),
    });
    let mut tasks = vec![tokio::spawn(exporter.clone().traces(ended, metrics))];
    tasks.extend(rules.metrics.map(|every| tokio::spawn(exporter.metrics(every))));
    Exporters { tasks, stop }
}

impl Exporters {
    /// Exports what is left, if the collector takes it soon.
    pub(crate) async fn shut_down(self) {
        self.stop.cancel();
        let until = Instant::now() + SHUTDOWN_TIMEOUT;
        for task in self.tasks {
            if timeout_at(until, task).await.is_err() {
                tracing::warn!("the collector does not take the last exchanges and metrics: it is left at that");
            }
        }
    }
}

/// Exports to one collector.
struct Exporter {
    collector: Mutex<Arc<Collector>>,
    resource: Resource,
    reloader: Arc<Reloader>,
    state: Arc<State>,
    stop: CancellationToken,
}

impl Exporter {
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
        while next_batch(&mut ended, &mut batch, &self.stop).await {
            let many = batch.len() as u64;
            let message = trace::request(&self.resource, batch.drain(..)).encode_to_vec();
            match self.export_spans(message.into()).await {
                Ok(answer) => {
                    let partial = ExportTraceServiceResponse::decode(&*answer).ok().and_then(|answer| answer.partial_success);
                    note_partial("spans", partial.map(|partial| (partial.rejected_spans, partial.error_message)));
                    metrics.exported.inc_by(many);
                }
                Err(error) => {
                    tracing::warn!(%error, exchanges = many, "exchanges could not be exported to the collector");
                    metrics.dropped.inc_by(many);
                }
            }
        }
    }

    /// Sends spans, again and again for a while where the collector asks for that or cannot be reached.
    async fn export_spans(&self, message: Bytes) -> Result<Bytes, ExportError> {
        let mut wait = BACKOFF.0;
        for _ in 1..MAX_ATTEMPTS {
            if let Some(until) = self.collector().throttled_until() {
                sleep_until(until.into()).await;
            }
            let after = match self.collector().export("/v1/traces", message.clone()).await {
                Err(ExportError::Retryable { after, .. }) => after.unwrap_or_default(),
                result => return result,
            };
            sleep(after.max(wait) + jitter()).await;
            wait = (wait * 2).min(BACKOFF.1);
        }
        self.collector().export("/v1/traces", message).await
    }

    /// Sends the metrics every so often, and once more at the end. They count from the start, so what was missed is in what comes next.
    async fn metrics(self: Arc<Self>, every: Duration) {
        let began = clock::now();
        loop {
            let is_last = tokio::select! {
                () = sleep(every) => false,
                () = self.stop.cancelled() => true,
            };
            let collector = self.collector();
            if collector.throttled_until().is_some() && !is_last {
                continue;
            }
            let families = crate::metrics::families(&self.state.metrics_text(&self.reloader.current()));
            let message = metrics::request(&self.resource, &families, began, clock::now()).encode_to_vec();
            match collector.export("/v1/metrics", message.into()).await {
                Ok(answer) => {
                    let partial = ExportMetricsServiceResponse::decode(&*answer).ok().and_then(|answer| answer.partial_success);
                    note_partial("numbers", partial.map(|partial| (partial.rejected_data_points, partial.error_message)));
                }
                Err(error) => tracing::warn!(%error, "metrics could not be exported to the collector"),
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
        tracing::warn!(refused, what, ?said, "the collector did not take all that it was sent");
    }
}

/// So that gateways which lost their collector together do not come back together.
fn jitter() -> Duration {
    let mut random = [0];
    let _ = getrandom::fill(&mut random);
    Duration::from_millis(u64::from(random[0]) * 2)
}

/// Waits for exchanges; `false` when there will be no more.
async fn next_batch(ended: &mut mpsc::Receiver<Ended>, batch: &mut Vec<Ended>, stop: &CancellationToken) -> bool {
    tokio::select! {
        more = ended.recv_many(batch, BATCH) => if more == 0 {
            return false;
        },
        () = stop.cancelled(), if !ended.is_closed() => {
            // What is in the queue already is still exported.
            ended.close();
            return ended.recv_many(batch, BATCH).await > 0;
        }
    }
    let until = Instant::now() + BATCH_DELAY;
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

/// Who exports (OpenTelemetry's semantic conventions, `service.*`).
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
