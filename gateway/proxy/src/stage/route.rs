//! Which e-service and which operation: by listener, path and method.

use ::contract::RouteMatch;
use http::Method;
use parking_lot::Mutex;

use crate::config::StatusMode;
use crate::exchange::{Routed, Stage};
use crate::message::Request;
use crate::rejection::{Rejection, RouteError};
use crate::service::EService;
use crate::snapshot::Listener;

/// Refuses heads beyond the listener's limits, and finds the e-service and its operation.
pub fn route(request: Request) -> Result<Request, Rejection> {
    let exchange = &request.exchange;
    exchange.pass(Stage::Route);
    within_limits(&request, &exchange.listener)?;
    let path = request.uri.path();
    let (service, below) = find(&exchange.listener, path).ok_or(RouteError::NoService)?;
    let routed = operation(service, &request.method, path, below)?;
    let _ = exchange.routed.set(routed);
    Ok(request)
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
fn find<'a>(listener: &'a Listener, path: &str) -> Option<(&'a std::sync::Arc<EService>, usize)> {
    listener.services.iter().find_map(|service| {
        let base = service.definition.base_path.as_str();
        let rest = path.strip_prefix(base)?;
        (rest.is_empty() || rest.starts_with('/')).then_some((service, base.len()))
    })
}

fn operation(service: &std::sync::Arc<EService>, method: &Method, path: &str, below: usize) -> Result<Routed, RouteError> {
    let definition = &service.definition;
    match definition.contract.route(method, &path[below..]) {
        RouteMatch::Found { operation, parameters } => {
            let is_status = definition.status == StatusMode::Served && definition.contract.status_operation() == Some(operation);
            Ok(Routed { service: service.clone(), operation, path_parameters: Mutex::new(parameters), below, is_status })
        }
        RouteMatch::MethodNotAllowed { allow } => {
            Err(RouteError::MethodNotAllowed { allow: allow.to_str().unwrap_or_default().to_owned() })
        }
        RouteMatch::NotFound => Err(RouteError::NoOperation),
        RouteMatch::Malformed => Err(RouteError::BadPath),
    }
}
