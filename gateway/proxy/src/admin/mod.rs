//! The admin listener: metrics, liveness, readiness, status, reload. On loopback or a socket, never in the way of an exchange; of it the
//! network may see metrics, and whether the process lives.

mod socket;
mod status;

use std::sync::Arc;

use axum::extract::{Path, Request, State as Shared};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use document::{Fault, Severity};
use exchange::ExchangeId;
use serde_json::{Value, json};

pub use socket::AdminSockets;
pub use status::{EServiceStatus, ExpiryStatus, IssuerStatus, ListenerStatus, Status};

use crate::clock;
use crate::plan::Plan;
use crate::reload::{ReloadError, Reloader};
use crate::state::State;

/// What the admin listener shows and does.
#[derive(Clone)]
pub struct Admin {
    /// The state.
    pub state: Arc<State>,
    /// The configuration in force.
    pub reloader: Arc<Reloader>,
    /// Whether the system says who may ask, by the rights of a socket's folder. Else only who shows the token may do more than look
    /// at how it goes: to be on the same machine is no proof.
    pub is_guarded: bool,
}

/// The routes of the admin listener.
pub fn routes(admin: Admin) -> Router {
    let guarded = Router::new()
        .route("/plan", get(plan))
        .route("/status", get(how_it_does))
        .route("/exchanges/{id}", get(exchange))
        .route("/reload", post(reload))
        .route_layer(middleware::from_fn_with_state(admin.clone(), guard));
    open().route("/openapi.yaml", get(document)).merge(guarded).with_state(admin)
}

/// What the network may see of it: for Prometheus, and for whoever looks whether the process lives.
pub fn metrics_routes(admin: Admin) -> Router {
    open().with_state(admin)
}

fn open() -> Router<Admin> {
    Router::new().route("/metrics", get(metrics)).route("/live", get(live)).route("/ready", get(ready))
}

async fn guard(Shared(admin): Shared<Admin>, request: Request, next: Next) -> Response {
    if admin.is_guarded {
        return next.run(request).await;
    }
    let configuration = admin.reloader.current().configuration.clone();
    match configuration.admin.as_ref().and_then(|rules| rules.token.as_ref()) {
        Some(token) if shown(request.headers()).is_some_and(|shown| token.is(shown)) => next.run(request).await,
        Some(_) => {
            let detail =
                "the token of `admin.token` is needed, as it was when the configuration came into force: `Authorization: Bearer …`";
            ([(WWW_AUTHENTICATE, "Bearer")], refusal(StatusCode::UNAUTHORIZED, detail)).into_response()
        }
        None => {
            let detail = "on a port of the loopback this needs `admin.token`; or configure `admin.socket`, whose folder says who may ask";
            refusal(StatusCode::FORBIDDEN, detail)
        }
    }
}

fn shown(headers: &HeaderMap) -> Option<&[u8]> {
    headers.get(AUTHORIZATION)?.as_bytes().strip_prefix(b"Bearer ")
}

fn refusal(status: StatusCode, detail: &str) -> Response {
    problem(status, json!({ "detail": detail }))
}

/// A problem (RFC 9457) with these members beside its status.
fn problem(status: StatusCode, mut members: Value) -> Response {
    members["status"] = status.as_u16().into();
    members["title"] = status.canonical_reason().unwrap_or_default().into();
    (status, [(CONTENT_TYPE, "application/problem+json")], members.to_string()).into_response()
}

async fn metrics(Shared(admin): Shared<Admin>) -> impl IntoResponse {
    let text = admin.state.metrics_text(&admin.reloader.current());
    ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text)
}

/// What this listener can be asked.
async fn document() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/yaml")], include_str!("../../../../specs/varco-admin/openapi.yaml"))
}

/// The process runs.
async fn live() -> &'static str {
    "live\n"
}

/// The process can serve: it does not drain, its log takes records, its issuers' keys are there.
async fn ready(Shared(admin): Shared<Admin>) -> (StatusCode, String) {
    let missing = status::missing(&admin.state, &admin.reloader.current(), clock::now());
    if missing.is_empty() { (StatusCode::OK, "ready\n".into()) } else { (StatusCode::SERVICE_UNAVAILABLE, missing.join("\n") + "\n") }
}

/// How it does.
async fn how_it_does(Shared(admin): Shared<Admin>) -> Json<Status> {
    Json(status::status(&admin.state, &admin.reloader))
}

/// The records of one exchange: its own, what became of its stream, or that it is an orphan.
async fn exchange(Shared(admin): Shared<Admin>, Path(id): Path<String>) -> Response {
    let Some(id) = ExchangeId::parse(id.trim_start_matches("urn:uuid:")) else {
        return refusal(StatusCode::BAD_REQUEST, "an exchange is named by its id: it stands in the answer's `Varco-Exchange`");
    };
    let folder = admin.reloader.current().configuration.audit.store.clone();
    // The whole log is gone over, which takes its time and is not for the control thread.
    match tokio::task::spawn_blocking(move || store::read::show(&folder, id)).await {
        Ok(Ok(found)) if found.is_empty() => refusal(StatusCode::NOT_FOUND, "no record of this exchange is in the log"),
        Ok(Ok(found)) => {
            let records: Vec<Value> = found.iter().filter_map(|stored| serde_json::from_slice(&stored.bytes).ok()).collect();
            Json(records).into_response()
        }
        _ => refusal(StatusCode::INTERNAL_SERVER_ERROR, "the log could not be read; see the log of the process"),
    }
}

/// What a reload would change.
async fn plan(Shared(admin): Shared<Admin>) -> Response {
    answer(tokio::task::spawn_blocking(move || admin.reloader.plan()).await)
}

/// Reads the configuration again and puts it in force, whole or not at all.
async fn reload(Shared(admin): Shared<Admin>) -> Response {
    answer(tokio::task::spawn_blocking(move || admin.reloader.reload()).await)
}

fn answer(result: Result<Result<Plan, ReloadError>, tokio::task::JoinError>) -> Response {
    let Ok(result) = result else { return refusal(StatusCode::INTERNAL_SERVER_ERROR, "reading the configuration failed; see the log") };
    let error = match result {
        Ok(plan) => return Json(plan).into_response(),
        Err(error) => error,
    };
    let detail = error.to_string();
    match error {
        ReloadError::Faults(faults) => {
            let faults: Vec<Value> = faults.iter().map(fault_json).collect();
            problem(StatusCode::UNPROCESSABLE_ENTITY, json!({ "detail": detail, "faults": faults }))
        }
        ReloadError::NeedsRestart(names) => problem(StatusCode::CONFLICT, json!({ "detail": detail, "needs_restart": names })),
        ReloadError::Bind(_) => refusal(StatusCode::CONFLICT, &detail),
        ReloadError::Record(_) | ReloadError::Ending => refusal(StatusCode::SERVICE_UNAVAILABLE, &detail),
    }
}

/// A fault as machines read it; also what `varco check --json` prints.
pub fn fault_json(fault: &Fault) -> Value {
    json!({
        "severity": if fault.severity == Severity::Error { "error" } else { "warning" },
        "file": &*fault.place.file,
        "line": fault.place.position.map(|position| position.line),
        "column": fault.place.position.map(|position| position.column),
        "message": fault.message,
        "hint": fault.hint,
    })
}
