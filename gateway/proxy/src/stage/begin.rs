//! The last moment before anything happens: the begin frame.
//!
//! A crash after this line leaves a begin without an end, which recovery turns into a record of its own: data may have been
//! read, and nobody can hide it. A caller who has gone by now costs the upstream nothing.

use std::time::Instant;

use audit::{Event, Record};
use exchange::Tenant;
use store::Ticket;

use super::layer::Checked;
use crate::config::Durability;
use crate::exchange::{Exchange, Stage};
use crate::message::Request;
use crate::rejection::Rejection;

/// Writes the begin frame and waits until it is durable.
pub fn begin(request: Request) -> Checked {
    let exchange = &request.exchange;
    exchange.pass(Stage::Begin);
    if exchange.is_caller_gone() {
        return Err(Rejection::Abandoned).into();
    }
    if exchange.service().definition.durability == Durability::Relaxed || exchange.routed().own.is_some() {
        return Ok(request).into();
    }
    exchange.enter(Stage::Begin);
    let started = Instant::now();
    match append(exchange) {
        Err(rejection) => Err(rejection).into(),
        Ok(ticket) => Checked::later(async move {
            ticket.await.map_err(|_| Rejection::Audit)?;
            request.exchange.began(started.elapsed());
            // The disk may have taken longer than the caller had patience.
            if request.exchange.is_caller_gone() { Err(Rejection::Abandoned) } else { Ok(request) }
        }),
    }
}

/// Who asks for what, so that an orphan tells as much as is known.
fn append(exchange: &Exchange) -> Result<Ticket, Rejection> {
    let routed = exchange.routed();
    let definition = &routed.service.definition;
    let authenticated = exchange.authenticated();
    let mut record = Record::new(Event::Begun, &exchange.listener.common.node, exchange.seen);
    record.id = Some(exchange.id);
    record.direction = Some(definition.direction);
    let instance = definition.instances.get(authenticated.instance);
    record.tenant = instance.map(|instance| instance.tenant.name());
    record.delegate = instance.and_then(|instance| instance.delegate.as_ref()).map(Tenant::name);
    record.department = authenticated.caller.department.as_deref();
    record.operation = Some(&routed.service.operations[routed.operation]);
    let shown = exchange.shown();
    record.caller = Some(shown.as_ref().map_or(&authenticated.caller, |shown| &shown.voucher));
    record.trace = Some(exchange.trace);
    record.subjects = exchange.subjects.get().map(|subjects| u64::from(subjects.count));
    let mut bytes = exchange.worker.scratch();
    let record = record.to_jcs(&mut bytes).map_err(|error| {
        tracing::error!(exchange = %exchange.id, %error, "a begin frame could not be written");
        Rejection::Audit
    })?;
    exchange.worker.log.begin(exchange.id, record).map_err(|_| Rejection::Audit)
}
