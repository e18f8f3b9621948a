//! An exchange as spans: one of the server's kind, and in it one for each stage that took any time.
//!
//! Attributes are those of OpenTelemetry's semantic conventions for HTTP servers, but for the ones that tell what a caller sent
//! (`url.path`, `url.query`, `client.address`, `user_agent.original`): they may be about a citizen.

use std::sync::Arc;

use exchange::{ExchangeId, Timestamp, TraceContext};
use http::{Method, StatusCode};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode as SpanStatus;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};

use super::{nanos, number, scope, text};
use crate::exchange::{Exchange, Lookup, Outcome, Refusal, Stage};
use crate::service::EService;

/// What is told of an exchange that has ended.
pub(super) struct Ended {
    id: ExchangeId,
    trace: TraceContext,
    parent: Option<[u8; 8]>,
    seen: Timestamp,
    micros: u64,
    method: Method,
    status: StatusCode,
    outcome: Outcome,
    refusal: Option<Refusal>,
    routed: Option<(Arc<EService>, usize)>,
    instance: Option<usize>,
    is_secure: bool,
    attempts: u32,
    lookup: Option<Lookup>,
    /// Each stage with its beginning and its length in microseconds.
    stages: Vec<(Stage, u64, u32)>,
}

impl Ended {
    pub(super) fn of(exchange: &Exchange, status: StatusCode, outcome: Outcome) -> Self {
        let micros = exchange.micros();
        Self {
            id: exchange.id,
            trace: exchange.trace,
            parent: exchange.parent,
            seen: exchange.seen,
            micros,
            method: exchange.method.clone(),
            status,
            outcome,
            refusal: exchange.refusal.get().map(|refusal| (**refusal).clone()),
            routed: exchange.routed.get().map(|routed| (routed.service.clone(), routed.operation)),
            instance: exchange.caller.get().map(|caller| caller.instance),
            is_secure: exchange.origin.is_secure,
            attempts: exchange.attempts.load(std::sync::atomic::Ordering::Relaxed),
            lookup: exchange.lookup.get().copied(),
            stages: exchange.stages(micros).map(|(stage, micros)| (stage, exchange.entered(stage), micros)).collect(),
        }
    }

    fn spans(&self) -> impl Iterator<Item = Span> {
        let children = self.stages.iter().filter(|(_, _, micros)| *micros > 0).map(|&(stage, from, micros)| Span {
            span_id: span_id(),
            parent_span_id: self.trace.span.to_vec(),
            name: stage.name().into(),
            kind: SpanKind::Internal.into(),
            flags: u32::from(self.trace.flags) | REMOTENESS_KNOWN,
            ..self.lasting(from, from + u64::from(micros))
        });
        std::iter::once(self.whole()).chain(children)
    }

    fn whole(&self) -> Span {
        let is_remote = if self.parent.is_some() { REMOTENESS_KNOWN | REMOTE } else { REMOTENESS_KNOWN };
        let code = if self.status.is_server_error() { SpanStatus::Error } else { SpanStatus::Unset };
        Span {
            span_id: self.trace.span.to_vec(),
            parent_span_id: self.parent.map(|parent| parent.to_vec()).unwrap_or_default(),
            flags: u32::from(self.trace.flags) | is_remote,
            name: self.route().map_or_else(|| self.method().to_owned(), |route| format!("{} {route}", self.method())),
            kind: SpanKind::Server.into(),
            attributes: self.attributes(),
            status: Some(Status { code: code.into(), message: String::new() }),
            ..self.lasting(0, self.micros)
        }
    }

    /// A span of the trace, from one microsecond of the exchange to another.
    fn lasting(&self, from: u64, until: u64) -> Span {
        let at = |micros: u64| nanos(self.seen).saturating_add(micros.saturating_mul(1000));
        Span { trace_id: self.trace.trace.to_vec(), start_time_unix_nano: at(from), end_time_unix_nano: at(until), ..Span::default() }
    }

    /// A method that the caller invented is not told.
    fn method(&self) -> &str {
        crate::stage::record::known_method(&self.method).unwrap_or("_OTHER")
    }

    fn route(&self) -> Option<String> {
        let (service, operation) = self.routed.as_ref()?;
        let spec = service.definition.contract.operations().get(*operation)?;
        Some([service.definition.base_path.as_str(), &*spec.route].concat())
    }

    fn attributes(&self) -> Vec<KeyValue> {
        let mut attributes = vec![
            text("http.request.method", self.method()),
            number("http.response.status_code", self.status.as_u16().into()),
            text("url.scheme", if self.is_secure { "https" } else { "http" }),
            text("varco.exchange", &self.id.to_string()),
            text("varco.outcome", self.outcome.name()),
        ];
        if let Some((service, operation)) = &self.routed {
            let definition = &service.definition;
            attributes.push(text("varco.eservice", &definition.name));
            attributes.push(text("varco.direction", definition.direction.name()));
            attributes.extend(definition.contract.operations().get(*operation).map(|spec| text("varco.operation", &spec.id)));
            attributes.extend(self.route().map(|route| text("http.route", &route)));
            let instance = self.instance.and_then(|at| definition.instances.get(at));
            attributes.extend(instance.map(|instance| text("varco.tenant", instance.tenant.name())));
        }
        if let Some(refusal) = &self.refusal {
            attributes.push(text("error.type", &refusal.kind));
            attributes.push(text("varco.stage", refusal.stage.name()));
        }
        if self.attempts > 0 {
            attributes.push(number("varco.attempts", self.attempts.into()));
        }
        attributes.extend(self.lookup.map(|lookup| {
            text(
                "varco.cache",
                match lookup {
                    Lookup::Hit { .. } => "hit",
                    Lookup::Miss => "miss",
                    Lookup::Bypass => "bypass",
                },
            )
        }));
        attributes
    }
}

/// Of a span's flags: whether its parent is another process's is known, and it is.
const REMOTENESS_KNOWN: u32 = 0x100;
const REMOTE: u32 = 0x200;

fn span_id() -> Vec<u8> {
    let mut id = [0; 8];
    // Without randomness there is no gateway: exchanges have drawn their ids from the same source.
    let _ = getrandom::fill(&mut id);
    id.to_vec()
}

/// What a collector is told of some exchanges.
pub(super) fn request(resource: &Resource, ended: impl Iterator<Item = Ended>) -> ExportTraceServiceRequest {
    let spans = ended.flat_map(|ended| ended.spans().collect::<Vec<_>>()).collect();
    let scope_spans = vec![ScopeSpans { scope: scope(), spans, ..ScopeSpans::default() }];
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { resource: Some(resource.clone()), scope_spans, ..ResourceSpans::default() }],
    }
}
