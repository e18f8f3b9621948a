//! REST or SOAP: the message becomes a call.

use std::sync::Arc;

use exchange::{Body, Call, Dialect, OperationIndex, Parameters};
use http::Method;

use super::layer::{Answering, Next, at_once};
use crate::config::Definition;
use crate::exchange::Stage;
use crate::message::{Request, RequestBody};
use crate::present::Present;
use crate::rejection::Rejection;

/// Makes the call that the message means. An e-service here speaks REST; a SOAP caller is told so in a fault of its version.
pub fn dialect(mut request: Request, next: &Next) -> Answering {
    let exchange = &request.exchange;
    exchange.pass(Stage::Dialect);
    let routed = exchange.routed();
    // An e-service whose document lists SOAP's media type takes envelopes as they are.
    if exchange.dialect != Dialect::Rest && !takes_envelopes(&routed.service.definition, routed.operation, exchange.dialect) {
        return at_once(Err(Rejection::Dialect));
    }
    let authenticated = exchange.authenticated();
    let instance = &routed.service.definition.instances[authenticated.instance];
    let below = &request.uri.path()[routed.below..];
    let definition = &routed.service.definition;
    let forwarded = definition
        .tells_origin
        .then(|| Box::new(exchange.origin.forwarded(&exchange.listener.rules.trusted, &request.uri, &request.headers)));
    let mut headers = std::mem::take(&mut request.headers);
    adapter_http::remove_hop_by_hop_and_forwarded(&mut headers);
    headers.remove(http::header::HOST);
    if exchange.present.has(Present::EXPECT) {
        headers.remove(http::header::EXPECT);
    }
    request.call = Some(Box::new(Call {
        operation: routed.operation,
        method: method(&request),
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
        forwarded,
    }));
    next.run(request)
}

/// What the upstream is asked. Where only GET is documented, HEAD is asked as such if nobody reads the answer; else all of it is
/// had, and the caller gets its head.
fn method(request: &Request) -> Method {
    let exchange = &request.exchange;
    let is_listed = exchange.service().definition.contract.operations()[exchange.routed().operation].method == request.method;
    if !is_listed && exchange.holds().answer { Method::GET } else { request.method.clone() }
}

fn takes_envelopes(definition: &Definition, operation: OperationIndex, dialect: Dialect) -> bool {
    let media = if dialect == Dialect::Soap12 { "application/soap+xml" } else { "text/xml" };
    definition.contract.takes(operation, media)
}
