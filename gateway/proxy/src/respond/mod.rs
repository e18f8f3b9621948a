//! Refusals become answers here, and nowhere else.
//!
//! In two steps: [`problem`] gives each cause its problem, and the problem is written as RFC 9457 asks, or as a fault of the
//! SOAP version that the caller spoke. What goes out and what goes to the log are different fields: the cause's own text never
//! leaves, so nothing internal can.

mod fault;
mod table;

use std::convert::Infallible;
use std::sync::Arc;

use adapter_api::AdapterError;
use bytes::Bytes;
use contract::{ContractError, MissingCredentials};
use exchange::{Dialect, Problem};
use http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_RANGES, ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{Method, StatusCode};
use tower::Layer;
use trust::TrustError;

use crate::body::{BodyError, StreamError};
use crate::exchange::{Exchange, Outcome, Refusal};
use crate::message::{Request, Response};
use crate::rejection::{AdmitError, AnswerError, DepartmentError, Rejection, RepresentationError, RouteError};
use crate::stage::layer::{Answering, Next, Shared, Stage, StageFuture};
use crate::upstream::UpstreamError;
use crate::vouchers::NoVoucher;

pub use table::{outcome, problem};

/// The layer above which nothing fails: every refusal becomes an answer.
pub fn respond() -> RespondLayer {
    RespondLayer
}

/// The layer that [`respond`] makes.
#[derive(Clone, Copy, Debug)]
pub struct RespondLayer;

impl<S> Layer<Shared<S>> for RespondLayer {
    type Service = Shared<Respond<S>>;

    fn layer(&self, below: Shared<S>) -> Self::Service {
        Shared(Arc::new(Respond { below: below.0 }))
    }
}

/// The service that [`respond`] makes.
#[derive(Debug)]
pub struct Respond<S> {
    below: Arc<S>,
}

impl<S: Stage<Error = Rejection>> Stage for Respond<S> {
    type Error = Infallible;

    fn run(&self, request: Request) -> StageFuture<Result<Response, Infallible>> {
        let exchange = request.exchange.clone();
        let below = self.below.clone();
        Box::pin(async move { Ok(below.run(request).await.unwrap_or_else(|rejection| refuse(&exchange, &rejection))) })
    }
}

/// Answers a refusal, and notes it for the record. The first refusal of an exchange is the one that is noted.
pub fn refuse(exchange: &Exchange, rejection: &Rejection) -> Response {
    let problem = problem(rejection, exchange.italian);
    let cause = rejection.to_string();
    // A body that broke because the caller went is not a caller's mistake.
    let left = exchange.is_caller_gone() && matches!(rejection, Rejection::Body(BodyError::Incomplete));
    let outcome = if left { Outcome::Abandoned } else { outcome(rejection) };
    let refusal = Refusal { stage: exchange.stage(), kind: problem.kind.clone(), cause, outcome };
    let _ = exchange.refusal.set(Box::new(refusal));
    let mut response = write(exchange, &problem);
    add_headers(&mut response.headers, rejection);
    if let Rejection::Contract(error) = rejection {
        add_accepted(&mut response.headers, &exchange.method, error);
    }
    response
}

/// The media types that would have been taken: of POST and PATCH in headers of their own as well (RFC 9110 §15.5.16, LDP §7.1.2, RFC 5789
/// §3.1).
fn add_accepted(headers: &mut HeaderMap, method: &Method, error: &ContractError) {
    let ContractError::UnsupportedMediaType { listed } = error else { return };
    let Ok(listed) = HeaderValue::from_str(listed) else { return };
    if *method == Method::POST {
        headers.insert("accept-post", listed.clone());
    } else if *method == Method::PATCH {
        headers.insert("accept-patch", listed.clone());
    }
    headers.insert(ACCEPT, listed);
}

/// Writes a problem in the caller's dialect.
pub fn write(exchange: &Exchange, problem: &Problem) -> Response {
    let base = &exchange.listener.common.problem_base;
    let instance = format!("urn:uuid:{}", exchange.id);
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut headers = HeaderMap::with_capacity(4);
    // A refusal is about this moment: no cache may answer it to somebody else.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let (status, content_type, body) = match exchange.dialect {
        Dialect::Rest => (status, "application/problem+json", problem.to_json(base, Some(&instance))),
        Dialect::Soap11 => (StatusCode::INTERNAL_SERVER_ERROR, "text/xml; charset=utf-8", fault::soap11(problem, base, &instance)),
        Dialect::Soap12 => {
            (StatusCode::INTERNAL_SERVER_ERROR, "application/soap+xml; charset=utf-8", fault::soap12(problem, base, &instance))
        }
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    let body = if exchange.method == Method::HEAD { Bytes::new() } else { Bytes::from(body) };
    Response::new(status, headers, body)
}

/// The headers that belong to a cause.
fn add_headers(headers: &mut HeaderMap, rejection: &Rejection) {
    let seconds = |seconds: u64| HeaderValue::from(seconds.max(1));
    match rejection {
        Rejection::Route(RouteError::MethodNotAllowed { allow }) => {
            if let Ok(allow) = HeaderValue::from_str(allow) {
                headers.insert(ALLOW, allow);
            }
        }
        Rejection::Trust(TrustError::KeysUnavailable { retry_after })
        | Rejection::Portal(TrustError::KeysUnavailable { retry_after })
        | Rejection::Voucher(NoVoucher { retry_after, .. }) => {
            headers.insert(RETRY_AFTER, seconds(u64::from(*retry_after)));
        }
        // RFC 6750 §3: without credentials no error code; `invalid_token` with 401, `insufficient_scope` with 403.
        Rejection::Trust(TrustError::Missing) | Rejection::Department(DepartmentError::TokenMissing | DepartmentError::TokenUnknown) => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        Rejection::Trust(
            TrustError::WrongProducer | TrustError::WrongEService | TrustError::WrongDescriptor | TrustError::AmbiguousInstance,
        ) => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer error=\"insufficient_scope\""));
        }
        Rejection::Trust(_) | Rejection::Portal(_) => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer error=\"invalid_token\""));
        }
        Rejection::Department(DepartmentError::KeyMissing | DepartmentError::KeyDuplicate | DepartmentError::KeyUnknown) => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("ApiKey header=\"X-Api-Key\""));
        }
        Rejection::Credentials(MissingCredentials { challenges, .. }) => {
            headers.extend(challenges.iter().map(|challenge| (WWW_AUTHENTICATE, challenge.clone())));
        }
        Rejection::Admit(AdmitError::Rate { measure, .. } | AdmitError::Quota { measure, .. }) => {
            headers.insert(RETRY_AFTER, seconds(measure.retry_after));
        }
        Rejection::Upstream(UpstreamError::CircuitOpen { retry_after }) => {
            headers.insert(RETRY_AFTER, seconds(retry_after.div_ceil(1000)));
        }
        Rejection::Representation(RepresentationError::Range) => {
            headers.insert(ACCEPT_RANGES, HeaderValue::from_static("none"));
        }
        // What would be read (RFC 9110 §15.5.16).
        Rejection::Representation(RepresentationError::Coding) => {
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip, deflate"));
        }
        // A busy department's own word of when to come back.
        Rejection::Adapter(AdapterError::Upstream(problem)) => {
            let told = problem.extensions.iter().find(|(name, _)| name == "retryAfter").and_then(|(_, value)| value.as_u64());
            headers.extend(told.map(|told| (RETRY_AFTER, seconds(told))));
        }
        Rejection::Answer(AnswerError::Error { retry_after: Some(told), .. }) => {
            headers.insert(RETRY_AFTER, seconds(u64::from(*told)));
        }
        Rejection::Admit(_)
        | Rejection::BufferedBytes
        | Rejection::UpstreamBody(StreamError::NoRoom)
        | Rejection::Audit
        | Rejection::Upstream(UpstreamError::Saturated) => {
            headers.insert(RETRY_AFTER, seconds(1));
        }
        _ => {}
    }
}

/// For the layer below `sign`: where that has something to add, a refusal of a known caller becomes an answer here already.
pub fn respond_below(request: Request, next: &Next) -> Answering {
    if !request.exchange.service().definition.digest_answers {
        return next.run(request);
    }
    let exchange = request.exchange.clone();
    let answering = next.run(request);
    Box::pin(async move { Ok(answering.await.unwrap_or_else(|rejection| refuse(&exchange, &rejection))) })
}
