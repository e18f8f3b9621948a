//! REST or SOAP: the message becomes a call.

use std::sync::Arc;

use exchange::{Body, Call, Dialect, Parameters};

use super::layer::{Answering, Next, at_once};
use crate::exchange::Stage;
use crate::message::{Request, RequestBody};
use crate::rejection::Rejection;

/// Makes the call that the message means. An e-service here speaks REST; a SOAP caller is told so in a fault of its version.
pub fn dialect(mut request: Request, next: &Next) -> Answering {
    let exchange = &request.exchange;
    exchange.pass(Stage::Dialect);
    if exchange.dialect != Dialect::Rest {
        return at_once(Err(Rejection::Dialect));
    }
    let routed = exchange.routed();
    let authenticated = exchange.authenticated();
    let instance = &routed.service.definition.instances[authenticated.instance];
    let below = &request.uri.path()[routed.below..];
    let mut headers = std::mem::take(&mut request.headers);
    adapter_http::remove_hop_by_hop(&mut headers);
    headers.remove(http::header::HOST);
    headers.remove(http::header::EXPECT);
    request.call = Some(Box::new(Call {
        operation: routed.operation,
        method: request.method.clone(),
        path: if below.is_empty() { "/".to_owned() } else { below.to_owned() },
        query: request.uri.query().map(str::to_owned),
        parameters: Parameters::default(),
        headers,
        body: match &request.body {
            RequestBody::Held(bytes) if bytes.is_empty() => Body::Empty,
            RequestBody::Held(bytes) => Body::Bytes(bytes.clone()),
            RequestBody::Unread(_) => Body::Streamed,
        },
        caller: Arc::clone(&authenticated.caller),
        tenant: instance.tenant.clone(),
        delegate: instance.delegate.clone(),
    }));
    next.run(request)
}
