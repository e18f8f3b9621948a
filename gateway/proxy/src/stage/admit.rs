//! How much the caller may: concurrency and rate, and whether the log takes records at all.

use store::Admission;

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
    let (permits, measure) = exchange.service().limits.admit(consumer, caller.purpose.as_ref()).inspect_err(|error| {
        if let AdmitError::Rate { measure, .. } = error {
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
