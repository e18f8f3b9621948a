//! Asks addresses whether they live: tasks of the control thread, for as long as their configuration is in force.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, Method};
use tokio_util::sync::CancellationToken;

use super::{Address, BreakerRules, CheckRules, Outgoing, OutgoingBody, Pools, Upstream, UpstreamRules};
use crate::budget::ByteBudget;
use crate::clock;

/// The most bytes of an answer to a check.
const MOST_BYTES: u64 = 64 << 10;

/// Checks one address for ever, or until it is no longer configured.
pub async fn check(eservice: Arc<str>, address: Address, rules: Arc<UpstreamRules>, checks: CheckRules, ended: CancellationToken) {
    // A request like any other's, to this address alone, which neither breaker nor limits of the e-service count.
    let rules = UpstreamRules {
        first_byte_timeout: checks.timeout,
        total_timeout: checks.timeout,
        connect_timeout: checks.timeout,
        answer_bytes: MOST_BYTES,
        attempts: 1,
        endpoints: vec![address.endpoint.clone()],
        breaker: BreakerRules { failures: u32::MAX, ..BreakerRules::default() },
        ..(*rules).clone()
    };
    let upstream = Upstream::own(&Arc::new(rules));
    let Address { endpoint, health, .. } = address;
    let pools = Pools::default();
    loop {
        let lives = asks(&upstream, &pools, &checks).await;
        if ended.is_cancelled() {
            return;
        }
        if health.checked(&checks, lives.is_ok(), clock::millis()) {
            match lives {
                Ok(()) => tracing::info!(eservice = %eservice, host = %endpoint.host, port = endpoint.port, "an address is up again"),
                Err(cause) => {
                    tracing::warn!(eservice = %eservice, host = %endpoint.host, port = endpoint.port, %cause, "an address is down");
                }
            }
        }
        tokio::select! {
            () = ended.cancelled() => return,
            () = tokio::time::sleep(checks.every) => {}
        }
    }
}

async fn asks(upstream: &Upstream, pools: &Pools, checks: &CheckRules) -> Result<(), String> {
    let outgoing = Outgoing {
        method: Method::GET,
        path_and_query: checks.path.clone(),
        headers: HeaderMap::new(),
        body: OutgoingBody::Held(Bytes::new()),
        repeatable: false,
        renewal: None,
    };
    let answer = upstream.send(pools, Instant::now(), outgoing).await;
    let answer = answer.map_err(|error| error.to_string())?;
    let status = answer.head.status;
    // Read to its end, so that the connection can be used for the next.
    let _ = answer.body.collect(&ByteBudget::new(MOST_BYTES)).await;
    if status.is_success() { Ok(()) } else { Err(format!("it answers {}", status.as_u16())) }
}
