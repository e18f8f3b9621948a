//! What the provider is shown: the voucher of the department's tenant, for the purpose that it calls for.
//!
//! Of outbound e-services. It is at hand nearly always; where it is not, the exchange waits for PDND, unless PDND is known not to
//! answer.

use super::layer::Checked;
use crate::exchange::Stage;
use crate::message::Request;
use crate::rejection::Rejection;
use crate::vouchers::{SHOWN_IN, Shown};

/// Adds the voucher to what the upstream is asked.
pub fn voucher(request: Request) -> Checked {
    let exchange = &request.exchange;
    let Some(source) = &exchange.authenticated().voucher else {
        exchange.pass(Stage::Voucher);
        return Ok(request).into();
    };
    exchange.enter(Stage::Voucher);
    if exchange.is_caller_gone() {
        return Err(Rejection::Abandoned).into();
    }
    if let Some(held) = source.at_hand(exchange.seen) {
        return show(request, &held.voucher).into();
    }
    let source = source.clone();
    Checked::later(async move {
        let held = source.get().await?;
        show(request, &held.voucher)
    })
}

fn show(mut request: Request, shown: &Shown) -> Result<Request, Rejection> {
    let asked = request.upstream.as_mut().ok_or(Rejection::Internal)?;
    asked.headers.insert(SHOWN_IN, shown.header.clone());
    let _ = request.exchange.shown.set(shown.claims.clone());
    Ok(request)
}
