//! The admin listener: metrics, liveness, readiness. On loopback only, and never in the way of an exchange.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use store::Admission;

use crate::clock;
use crate::snapshot::Snapshot;
use crate::state::State;

/// What the admin listener shows.
#[derive(Clone)]
pub struct Admin {
    /// The state.
    pub state: Arc<State>,
    /// The configuration.
    pub snapshot: Arc<Snapshot>,
}

/// The routes of the admin listener.
pub fn routes(admin: Admin) -> Router {
    Router::new().route("/metrics", get(metrics)).route("/live", get(live)).route("/ready", get(ready)).with_state(admin)
}

async fn metrics(Shared(admin): Shared<Admin>) -> impl IntoResponse {
    let metrics = &admin.state.metrics;
    metrics.buffered_bytes.set(admin.state.buffered.held() as i64);
    metrics.audit_queue.set(admin.state.audit.stats().queued_bytes as i64);
    for service in admin.snapshot.listeners.iter().flat_map(|listener| &listener.services) {
        service.metrics.read(&service.upstream);
    }
    ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], metrics.encode())
}

/// The process runs.
async fn live() -> &'static str {
    "live\n"
}

/// The process can serve: it does not drain, its log takes records, its issuers' keys are there.
async fn ready(Shared(admin): Shared<Admin>) -> (StatusCode, String) {
    let now = clock::now();
    let mut missing: Vec<String> = Vec::new();
    if admin.state.draining.load(Ordering::Relaxed) {
        missing.push("draining".into());
    }
    if admin.state.audit.admits() != Admission::Open {
        missing.push("the audit log takes no records".into());
    }
    missing.extend(admin.state.issuers.iter().filter(|issuer| !issuer.is_ready(now)).map(|issuer| format!("no keys of {}", issuer.name)));
    if missing.is_empty() { (StatusCode::OK, "ready\n".into()) } else { (StatusCode::SERVICE_UNAVAILABLE, missing.join("\n") + "\n") }
}
