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

use exchange::Timestamp;
use http::StatusCode;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::config::{Configuration, OtlpRules};
use crate::exchange::{Exchange, Outcome};
use crate::metrics::SpanMetrics;
use crate::reload::Reloader;
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
/// For how long a batch is told again; what has happened since is worth more.
const TRIES: Duration = Duration::from_mins(1);
/// How long the end of the process waits for what is still to be told.
const LAST: Duration = Duration::from_secs(3);

/// Takes exchanges that have ended.
pub(crate) struct Spans {
    queue: mpsc::Sender<Ended>,
    metrics: SpanMetrics,
}

impl Spans {
    /// One more has ended. It is told if its caller, or the sampling here, wants that.
    pub(crate) fn ended(&self, exchange: &Exchange, status: StatusCode, outcome: Outcome) {
        if exchange.trace.flags & 1 == 1 && self.queue.try_send(Ended::of(exchange, status, outcome)).is_err() {
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
    let span_metrics = state.metrics.spans();
    let collector = Arc::new(Collector::new(rules));
    let resource = resource(&reloader.current().configuration);
    let _ = state.spans.set(Spans { queue, metrics: span_metrics.clone() });
    let mut tasks = vec![tokio::spawn(traces(collector.clone(), resource.clone(), ended, span_metrics, stop.clone()))];
    if let Some(every) = rules.metrics {
        let read = {
            let (state, reloader) = (state.clone(), reloader.clone());
            move || state.metrics_text(&reloader.current())
        };
        tasks.push(tokio::spawn(measurements(collector, resource, every, read, stop.clone())));
    }
    Telling { tasks, stop }
}

impl Telling {
    /// Tells what is left, if the collector takes it soon.
    pub(crate) async fn end(self) {
        self.stop.cancel();
        let until = Instant::now() + LAST;
        for task in self.tasks {
            let _ = timeout_at(until, task).await;
        }
    }
}

async fn traces(
    collector: Arc<Collector>,
    resource: Resource,
    mut ended: mpsc::Receiver<Ended>,
    metrics: SpanMetrics,
    stop: CancellationToken,
) {
    let mut batch = Vec::with_capacity(BATCH);
    while gather(&mut ended, &mut batch, &stop).await {
        let many = batch.len() as u64;
        let message = trace::request(&resource, batch.drain(..)).encode_to_vec();
        match persist(&collector, message).await {
            Ok(answer) => {
                // The collector may take a part only; its count is of spans, of which an exchange has several.
                let refused = ExportTraceServiceResponse::decode(&*answer).ok().and_then(|answer| answer.partial_success);
                if let Some(refused) = refused.filter(|partial| partial.rejected_spans > 0) {
                    tracing::warn!(spans = refused.rejected_spans, "the collector of traces did not take all it was told");
                }
                metrics.told.inc_by(many);
            }
            Err(error) => {
                tracing::warn!(%error, exchanges = many, "the collector of traces could not be told");
                metrics.dropped.inc_by(many);
            }
        }
    }
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

/// Tells, again and again for a while where the collector asks for that or cannot be reached.
async fn persist(collector: &Collector, message: Vec<u8>) -> Result<bytes::Bytes, NotTold> {
    let message = bytes::Bytes::from(message);
    let (began, mut wait) = (Instant::now(), WAITS.0);
    loop {
        let error = match collector.tell("/v1/traces", message.clone()).await {
            Err(error @ NotTold::Later { .. }) => error,
            result => return result,
        };
        let NotTold::Later { after, .. } = &error else { return Err(error) };
        let pause = after.unwrap_or(wait);
        if began.elapsed() + pause > TRIES {
            return Err(error);
        }
        sleep(pause).await;
        wait = (wait * 2).min(WAITS.1);
    }
}

/// Tells the metrics every so often, and once more at the end. They count from the start, so what was missed is in what comes next.
async fn measurements(collector: Arc<Collector>, resource: Resource, every: Duration, read: impl Fn() -> String, stop: CancellationToken) {
    let began = clock::now();
    loop {
        let is_last = tokio::select! {
            () = sleep(every) => false,
            () = stop.cancelled() => true,
        };
        let message = metrics::request(&resource, &crate::metrics::readings(&read()), began, clock::now()).encode_to_vec();
        if let Err(error) = collector.tell("/v1/metrics", message.into()).await {
            tracing::warn!(%error, "the collector of metrics could not be told");
        }
        if is_last {
            return;
        }
    }
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
