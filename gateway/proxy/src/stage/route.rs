//! Which e-service and which operation: by listener, path and method.

use std::sync::Arc;

use ::contract::RouteMatch;
use http::header::{ACCESS_CONTROL_REQUEST_METHOD, HOST, HeaderMap, HeaderName, ORIGIN, TRANSFER_ENCODING, UPGRADE};
use http::{Method, Version};
use parking_lot::Mutex;

use crate::exchange::{CrossOrigin, Own, Routed, Stage};
use crate::message::Request;
use crate::present::Present;
use crate::rejection::{Rejection, RouteError};
use crate::service::EService;
use crate::snapshot::Listener;

/// Refuses heads beyond the listener's limits, and finds the e-service and its operation.
pub fn route(mut request: Request) -> Result<Request, Rejection> {
    request.exchange.pass(Stage::Route);
    // First, so that a page which may call can read whatever it is refused for.
    let found = find(&request.exchange.listener, request.uri.path()).map(|(service, below)| (service.clone(), below));
    let is_preflight = found.as_ref().is_some_and(|(service, _)| cross_origin(&mut request, service));
    let exchange = &request.exchange;
    if exchange.origin.is_over {
        return Err(RouteError::Retired.into());
    }
    within_limits(&request, &exchange.listener)?;
    stays_http(&request.headers, exchange.present)?;
    has_one_host(&request)?;
    let (service, below) = found.ok_or(RouteError::NoService)?;
    // Before anybody reads them: no stage has to know that there are two spellings.
    adapter_http::remove_unusual(&mut request.headers, &service.definition.unusual_headers);
    let path = request.uri.path();
    let routed = if is_preflight { preflight(service, path, below)? } else { operation(service, &request.method, path, below)? };
    let _ = exchange.routed.set(routed);
    Ok(request)
}

/// Another protocol on this connection would be one that nobody checks or records. Only h2 in the clear and TLS may be offered, which
/// whoever offers them can do without (RFC 9110 §7.8): Java's clients always do. A coding of the transfer that was not undone here would
/// make the body another than it says.
fn stays_http(headers: &HeaderMap, present: Present) -> Result<(), RouteError> {
    let each = |name: HeaderName, holds: fn(&str) -> bool| {
        headers.get_all(name).iter().all(|value| value.to_str().is_ok_and(|list| list.split(',').all(|item| holds(item.trim()))))
    };
    let harmless = |protocol: &str| protocol.eq_ignore_ascii_case("h2c") || protocol.to_ascii_lowercase().starts_with("tls/");
    if present.has(Present::UPGRADE) && !each(UPGRADE, harmless) {
        return Err(RouteError::Upgrade);
    }
    let is_plain = || {
        headers.get_all(TRANSFER_ENCODING).iter().count() == 1 && each(TRANSFER_ENCODING, |coding| coding.eq_ignore_ascii_case("chunked"))
    };
    if present.has(Present::TRANSFER_ENCODING) && !is_plain() { Err(RouteError::TransferCoding) } else { Ok(()) }
}

/// Of two hosts each reader would take its own, and HTTP/1.1 is to be asked with one (RFC 9112 §3.2).
fn has_one_host(request: &Request) -> Result<(), RouteError> {
    let headers = &request.headers;
    let is_missing = request.version == Version::HTTP_11 && !request.exchange.present.has(Present::HOST);
    // Only where some name came more than once.
    let is_repeated = || headers.len() > headers.keys_len() && headers.get_all(HOST).iter().count() > 1;
    if is_missing || is_repeated() { Err(RouteError::Hosts) } else { Ok(()) }
}

/// The limits stand far below hyper's own, so that a caller gets a problem and not a bare status.
fn within_limits(request: &Request, listener: &Listener) -> Result<(), RouteError> {
    let limits = &listener.rules.limits;
    let target = request.uri.path_and_query().map_or(1, |target| target.as_str().len());
    if target > limits.target_bytes {
        return Err(RouteError::TargetTooLong { most: limits.target_bytes });
    }
    if request.headers.len() > limits.header_count {
        return Err(RouteError::TooManyHeaders { most: limits.header_count });
    }
    let bytes: usize = request.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if bytes > limits.header_bytes {
        return Err(RouteError::HeadersTooLarge { most: limits.header_bytes });
    }
    Ok(())
}

/// The e-service with the longest base path that the path is under, and where the rest of the path begins.
fn find<'a>(listener: &'a Listener, path: &str) -> Option<(&'a Arc<EService>, usize)> {
    listener.services.iter().find_map(|service| {
        let base = service.definition.base_path.as_str();
        let rest = path.strip_prefix(base)?;
        (rest.is_empty() || rest.starts_with('/')).then_some((service, base.len()))
    })
}

fn operation(service: Arc<EService>, method: &Method, path: &str, below: usize) -> Result<Routed, RouteError> {
    let definition = &service.definition;
    match definition.contract.route(method, &path[below..]) {
        RouteMatch::Found { operation, parameters } => {
            let own = (definition.served() == Some(operation)).then_some(Own::Status);
            Ok(Routed { service, operation, path_parameters: Mutex::new(parameters), below, own })
        }
        RouteMatch::MethodNotAllowed { allow } => {
            let allow = allow.clone();
            other_method(service, method, path, below, allow.to_str().unwrap_or_default())
        }
        RouteMatch::NotFound => Err(RouteError::NoOperation),
        RouteMatch::Malformed => Err(RouteError::BadPath),
    }
}

/// A method that the document does not list: HEAD is GET without its body, and OPTIONS asks what the path can be asked.
fn other_method(service: Arc<EService>, method: &Method, path: &str, below: usize, allow: &str) -> Result<Routed, RouteError> {
    let listed = |method: &str| allow.split(',').any(|listed| listed.trim() == method);
    if *method == Method::HEAD && listed("GET") {
        return operation(service, &Method::GET, path, below);
    }
    let mut told = allow.to_owned();
    if listed("GET") && !listed("HEAD") {
        told.push_str(", HEAD");
    }
    if !listed("OPTIONS") {
        told.push_str(", OPTIONS");
    }
    let first = allow.split(',').next().and_then(|method| method.trim().parse().ok()).filter(|_| *method == Method::OPTIONS);
    match first {
        Some(first) => operation(service, &first, path, below).map(|routed| Routed { own: Some(Own::Options { allow: told }), ..routed }),
        None => Err(RouteError::MethodNotAllowed { allow: told }),
    }
}

/// Where pages of other origins may call, what their browser says is for us alone. Tells whether it only asks whether it may.
fn cross_origin(request: &mut Request, service: &Arc<EService>) -> bool {
    let Some(cors) = &service.definition.cors else { return false };
    let is_one = request.headers.get_all(ORIGIN).iter().count() == 1;
    let origin = request.headers.remove(ORIGIN).filter(|_| is_one);
    let is_preflight = origin.is_some() && request.method == Method::OPTIONS && request.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let origin = origin.filter(|origin| cors.allows(origin));
    let _ = request.exchange.cross_origin.set(Box::new(CrossOrigin { service: service.clone(), origin }));
    is_preflight
}

/// A preflight is answered here, whatever the document says of OPTIONS: browsers send it without credentials.
fn preflight(service: Arc<EService>, path: &str, below: usize) -> Result<Routed, RouteError> {
    // A method that no document can list finds those that this one does.
    match service.definition.contract.route(&Method::CONNECT, &path[below..]) {
        RouteMatch::MethodNotAllowed { allow } => {
            let allow = allow.clone();
            other_method(service, &Method::OPTIONS, path, below, allow.to_str().unwrap_or_default())
        }
        _ => operation(service, &Method::OPTIONS, path, below),
    }
}
