//! How much the caller may: concurrency and rate, and whether the log takes records at all.

use store::Admission;

use crate::admission::Asking;
use crate::exchange::Stage;
use crate::message::Request;
use crate::rejection::{AdmitError, Rejection};

/// Admits the exchange or refuses it, before it costs anybody anything.
pub fn admit(request: Request) -> Result<Request, Rejection> {
    let exchange = &request.exchange;
    exchange.pass(Stage::Admit);
    if !matches!(exchange.worker.state.audit.admits(), Admission::Open) {
        return Err(AdmitError::AuditUnavailable.into());
    }
    let caller = &exchange.authenticated().caller;
    let consumer = caller.consumer.as_ref().or(caller.client.as_ref());
    let service = exchange.service();
    let instance = exchange.authenticated().instance;
    let tenant = &service.definition.instances[instance].tenant.0;
    let whole = service.tenants[instance].limit.as_ref();
    let asking = Asking { tenant, consumer, purpose: caller.purpose.as_ref(), now: exchange.seen };
    let (permits, measure) = service.limits.admit(asking, whole, &exchange.worker.state.calendar).inspect_err(|error| {
        if let AdmitError::Rate { measure, .. } | AdmitError::Quota { measure, .. } = error {
            let _ = exchange.measure.set(*measure);
        }
    })?;
    if let Some(measure) = measure {
        let _ = exchange.measure.set(measure);
    }
    for permit in permits {
        exchange.hold(permit);
    }
    Ok(request)
}
