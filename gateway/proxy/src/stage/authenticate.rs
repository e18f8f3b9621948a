//! Who calls: a PDND voucher, or nobody.
//!
//! The signature and claims of a voucher are remembered; whether it opens this e-service now is asked every time.

use std::sync::Arc;

use http::header::AUTHORIZATION;
use trust::{Instances, Presented, Scheme, TrustError, Verified, Voucher, bearer};

use crate::config::Security;
use crate::exchange::{Authenticated, Stage};
use crate::keys::{Issuer, VoucherMemory};
use crate::message::Request;
use crate::rejection::Rejection;
use crate::snapshot::EService;
use crate::worker::Worker;

/// Believes the caller or refuses it.
pub async fn authenticate(mut request: Request) -> Result<Request, Rejection> {
    let exchange = request.exchange.clone();
    exchange.enter(Stage::Authenticate);
    let routed = exchange.routed();
    let authenticated = match &routed.service.definition.security {
        Security::Open => {
            // Credentials that nobody asked for are nobody's business below.
            request.headers.remove(AUTHORIZATION);
            nobody()
        }
        Security::Upstream => nobody(),
        Security::Voucher(instances) => voucher(&mut request, &exchange.worker, &routed.service, instances).await?,
    };
    let _ = exchange.caller.set(authenticated);
    Ok(request)
}

fn nobody() -> Authenticated {
    Authenticated { instance: 0, caller: Arc::default(), proven: false, evidence: &[] }
}

async fn voucher(request: &mut Request, worker: &Worker, service: &EService, instances: &Instances) -> Result<Authenticated, TrustError> {
    let now = request.exchange.seen;
    let (scheme, token) = bearer(request.headers.get_all(AUTHORIZATION).iter().map(http::HeaderValue::as_bytes))?;
    let key = VoucherMemory::key(token);
    let remembered = worker.state.vouchers.recall(&key).filter(|voucher| is_current(voucher, service, now));
    let voucher = match remembered {
        Some(voucher) => voucher,
        None => {
            let voucher = Arc::new(Box::pin(verify(token, service, now)).await?);
            worker.state.vouchers.remember(key, voucher.clone());
            voucher
        }
    };
    let (instance, verified) = accept(instances, &voucher, scheme, now)?;
    // Consumed here: no upstream ever sees a credential that opens the gateway.
    request.headers.remove(AUTHORIZATION);
    let evidence: &[&str] = if verified.digest().is_some() { &["voucher", "voucher-digest"] } else { &["voucher"] };
    Ok(Authenticated { instance, caller: verified.caller().clone(), proven: true, evidence })
}

/// Whether the key that signed a remembered voucher is still its issuer's, and its issuer one of this configuration's.
fn is_current(voucher: &Voucher, service: &EService, now: exchange::Timestamp) -> bool {
    let issuer = service.issuers.iter().find(|issuer| issuer.rules.issuer() == voucher.issuer());
    let keys = issuer.and_then(|issuer| issuer.keys());
    keys.is_some_and(|dated| dated.at(now).is_some_and(|keys| voucher.still_signed_by(keys)))
}

async fn verify(token: &str, service: &EService, now: exchange::Timestamp) -> Result<Voucher, TrustError> {
    let longest = service.issuers.iter().map(|issuer| issuer.rules.longest_voucher()).max().unwrap_or(8 * 1024);
    let presented = Presented::read(token, longest)?;
    choose(&presented, &service.issuers)?.verify(&presented, now).await
}

/// With one issuer there is no choice; with several, the one the token claims, whose key then has to have signed it.
fn choose<'a>(presented: &Presented<'_>, issuers: &'a [Arc<Issuer>]) -> Result<&'a Arc<Issuer>, TrustError> {
    if let [only] = issuers {
        return Ok(only);
    }
    let claimed = presented.claimed_issuer()?.ok_or(TrustError::MissingClaim { claim: "iss" })?;
    issuers.iter().find(|issuer| **issuer.rules.issuer() == *claimed).ok_or(TrustError::WrongIssuer)
}

fn accept(instances: &Instances, voucher: &Voucher, scheme: Scheme, now: exchange::Timestamp) -> Result<(usize, Verified), TrustError> {
    instances.accept(voucher, scheme, now)
}
