//! Who calls: a PDND voucher, a department of ours with its key, or nobody.
//!
//! The signature and claims of a voucher are remembered; whether it opens this e-service now is asked every time.

use std::sync::Arc;

use contract::Shown;
use http::header::AUTHORIZATION;
use trust::{Presented, Scheme, TrustError, Voucher, bearer};

use super::department::{department, identify, signed_in, signed_in_as};
use super::layer::Checked;
use crate::config::Security;
use crate::exchange::{Authenticated, Exchange, Stage};
use crate::keys::{Issuer, VoucherMemory};
use crate::message::Request;
use crate::origin::Certificate;
use crate::present::Present;
use crate::rejection::Rejection;
use crate::service::EService;

/// Believes the caller or refuses it.
pub fn authenticate(mut request: Request) -> Checked {
    let exchange = &request.exchange;
    match &exchange.service().definition.security {
        Security::Open => {
            exchange.pass(Stage::Authenticate);
            // Credentials that nobody asked for are nobody's business below.
            if exchange.present.has(Present::AUTHORIZATION) {
                request.headers.remove(AUTHORIZATION);
            }
            let _ = exchange.caller.set(nobody(exchange));
            Ok(request).into()
        }
        Security::Upstream => {
            exchange.enter(Stage::Authenticate);
            let shown = Shown {
                query: request.uri.query(),
                headers: &request.headers,
                has_certificate: matches!(exchange.origin.certificate, Certificate::Shown(_)),
            };
            let checked = exchange.service().definition.contract.check_credentials(exchange.routed().operation, shown);
            let _ = exchange.caller.set(nobody(exchange));
            checked.map(|()| request).map_err(Rejection::from).into()
        }
        Security::Department(departments) => {
            exchange.enter(Stage::Authenticate);
            let known = match identify(departments, &request.headers, exchange.origin.certificate) {
                Ok(known) => known,
                Err(error) => return Err(error.into()).into(),
            };
            match known {
                Some(instance) if exchange.service().portal.is_none() => {
                    department(&mut request, instance, Ok(None)).map(|()| request).into()
                }
                _ => Checked::later(signed_in_department(request, known)),
            }
        }
        Security::Voucher(_) => {
            exchange.enter(Stage::Authenticate);
            voucher(request)
        }
    }
}

/// A department whose portal says who asks, or even which department it is.
async fn signed_in_department(mut request: Request, known: Option<usize>) -> Result<Request, Rejection> {
    let exchange = request.exchange.clone();
    let Security::Department(departments) = &exchange.service().definition.security else { return Err(Rejection::Internal) };
    let token = signed_in(&request).await;
    let (instance, token) = match (known, token) {
        // Known all the same: its refusal is recorded in its name.
        (Some(place), Err(rejection)) => (place, Err(rejection)),
        (None, Err(rejection)) => return Err(rejection),
        (known, Ok(token)) => match signed_in_as(departments, known, token.as_ref()) {
            Ok(place) => (place, Ok(token)),
            Err(error) => (known.ok_or(error)?, Err(error.into())),
        },
    };
    department(&mut request, instance, token).map(|()| request)
}

fn nobody(exchange: &Exchange) -> Authenticated {
    Authenticated { instance: 0, caller: exchange.worker.nobody.clone(), proven: false, keys_age: None, evidence: &[], calling: None }
}

fn voucher(mut request: Request) -> Checked {
    let exchange = request.exchange.clone();
    let service = exchange.service();
    let vouchers = &exchange.worker.state.vouchers;
    let (scheme, token) = match bearer(request.headers.get_all(AUTHORIZATION).iter().map(http::HeaderValue::as_bytes)) {
        Ok(bearer) => bearer,
        Err(error) => return Err(error.into()).into(),
    };
    let key = VoucherMemory::key(token);
    if let Some(voucher) = vouchers.recall(&key)
        && let Some(age) = current(&voucher, service, exchange.seen)
    {
        return believe(&mut request, &voucher, scheme, age).map(|()| request).into();
    }
    let token = token.to_owned();
    Checked::later(async move {
        let voucher = Arc::new(verify(&token, exchange.service(), exchange.seen).await?);
        exchange.worker.state.vouchers.remember(key, voucher.clone());
        let age = current(&voucher, exchange.service(), exchange.seen).flatten();
        believe(&mut request, &voucher, scheme, age)?;
        Ok(request)
    })
}

/// Whether a voucher that was verified opens this e-service now, and in whose name.
fn believe(request: &mut Request, voucher: &Voucher, scheme: Scheme, keys_age: Option<u64>) -> Result<(), Rejection> {
    let Security::Voucher(instances) = &request.exchange.service().definition.security else { return Err(Rejection::Internal) };
    let (instance, verified) = instances.accept(voucher, scheme, request.exchange.seen)?;
    // Consumed here: no upstream ever sees a credential that opens the gateway.
    request.headers.remove(AUTHORIZATION);
    let evidence: &[&str] = if verified.digest().is_some() { &["voucher", "voucher-digest"] } else { &["voucher"] };
    let authenticated = Authenticated { instance, caller: verified.caller().clone(), proven: true, keys_age, evidence, calling: None };
    let _ = request.exchange.caller.set(authenticated);
    Ok(())
}

/// Whether the key that signed a voucher is still its issuer's, and its issuer one of this configuration's; with the age of the keys where
/// newer ones should have come.
#[expect(clippy::option_option, reason = "not current, and current with keys that are in time, are different things")]
fn current(voucher: &Voucher, service: &EService, now: exchange::Timestamp) -> Option<Option<u64>> {
    let issuer = service.issuers.iter().find(|issuer| issuer.rules.issuer() == voucher.issuer())?;
    let dated = issuer.keys()?;
    dated.at(now).filter(|keys| voucher.still_signed_by(keys)).map(|_| dated.overdue(now))
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
