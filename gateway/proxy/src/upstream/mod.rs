//! The upstream client: pooled connections, deadlines, retries only where safe, a circuit breaker.
//!
//! Connections belong to a worker ([`Pools`]); what must be counted over all workers (in-flight, breaker, retry budget)
//! belongs to the state ([`UpstreamState`]). No redirect is followed: an upstream does not choose whom we talk to.

mod address;
mod attempts;
mod breaker;
mod budget;
mod check;
mod connect;
mod http1;
mod pool;
mod pool_key;
mod request;
mod rules;
mod url;

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use http::{HeaderMap, HeaderName};

use crate::body::{BodyError, UpstreamStream};
use crate::clock;

use address::Load;
pub use address::{Address, Balance, CheckRules, EjectionRules, Endpoint, Health, MOST_ADDRESSES, Standing};
pub use attempts::Attempts;
pub use breaker::{Breaker, BreakerRules, Passage};
pub use budget::RetryBudget;
pub use check::check;
pub use pool::{PoolPlace, Pools, Returned};
pub use pool_key::PoolKey;
pub use request::{Outgoing, OutgoingBody, Prepared, Renewal};
pub use rules::{Protocol, Proxy, UpstreamRules};
pub use url::{UpstreamUrl, host_and_port};

/// What is counted of an upstream over all workers; it outlives a reload.
#[derive(Debug, Default)]
pub struct UpstreamState {
    /// The circuit breaker.
    pub breaker: Breaker,
    /// Requests under way.
    pub in_flight: AtomicU32,
    /// What may still be retried.
    pub budget: RetryBudget,
    /// Connections made so far.
    pub opened: AtomicU64,
    /// Requests so far, where there are several addresses.
    turn: AtomicU64,
}

/// An upstream of the snapshot: its rules, its state, and the pool of each worker that it uses.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// How it is spoken to.
    pub rules: Arc<UpstreamRules>,
    /// What is counted.
    pub state: Arc<UpstreamState>,
    /// Its addresses, with their connections.
    pub addresses: Arc<[Address]>,
}

/// A header of an answer that holds a number, such as `Retry-After` in seconds (RFC 9110 §10.2.3); a date there is none.
pub fn number<N: FromStr>(headers: &HeaderMap, name: &HeaderName) -> Option<N> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// Why an upstream gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// The breaker is open.
    #[error("the upstream failed repeatedly and is tried again in {retry_after} ms")]
    CircuitOpen {
        /// Milliseconds until the next probe.
        retry_after: u64,
    },
    /// As many requests as allowed are under way.
    #[error("as many requests as allowed are already waiting for the upstream")]
    Saturated,
    /// No connection in time.
    #[error("no connection to the upstream in time")]
    ConnectTimeout,
    /// No connection.
    #[error("no connection to the upstream: {0}")]
    Connect(String),
    /// The TLS handshake failed.
    #[error("no TLS with the upstream: {0}")]
    Tls(String),
    /// Connected, but no answer began in time.
    #[error("the upstream did not begin to answer in time")]
    FirstByteTimeout,
    /// The total time is over.
    #[error("the upstream did not answer in time")]
    TotalTimeout,
    /// The connection broke before the answer began.
    #[error("the upstream broke the connection: {0}")]
    Reset(String),
    /// What it sent is not HTTP.
    #[error("the upstream does not speak HTTP: {0}")]
    Protocol(String),
    /// The caller's body, passing through, broke.
    #[error("the caller's body broke: {0}")]
    CallerBody(BodyError),
}

/// An answer whose head has come.
#[derive(Debug)]
pub struct Arriving {
    /// The head.
    pub head: http::response::Parts,
    /// The body.
    pub body: UpstreamStream,
}

/// One more request under way; it counts until it is dropped, with the body of its answer.
#[derive(Debug)]
pub struct InFlight {
    state: Arc<UpstreamState>,
    /// At one of several addresses.
    load: Option<Load>,
}

impl InFlight {
    fn enter(state: &Arc<UpstreamState>, most: u32) -> Option<Self> {
        let entered = state.in_flight.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |now| (now < most).then_some(now + 1));
        entered.is_ok().then(|| Self { state: state.clone(), load: None })
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.state.in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Upstream {
    /// One that is counted by itself, with connections of its own: for what the gateway itself asks.
    pub fn own(rules: &Arc<UpstreamRules>) -> Self {
        let address = |endpoint: &Endpoint| Address { endpoint: endpoint.clone(), health: Arc::default(), pool: PoolPlace::default() };
        Self { rules: rules.clone(), state: Arc::default(), addresses: rules.endpoints.iter().map(address).collect() }
    }

    fn address_failed(&self, at: usize) {
        let Address { endpoint, health, .. } = &self.addresses[at];
        if self.addresses.len() > 1 && health.failed(&self.rules.ejection, clock::millis()) {
            tracing::warn!(host = %endpoint.host, port = endpoint.port, "an address fails and is left alone for a while");
        }
    }

    /// What failed at one of several addresses says nothing of the upstream, as long as another is left.
    fn count_failure(&self, passage: Passage, error: &UpstreamError, at: usize) {
        if let UpstreamError::CallerBody(_) = error {
            return self.state.breaker.abandoned(passage);
        }
        self.address_failed(at);
        let now = clock::millis();
        let is_left = self.addresses.len() > 1 && self.addresses.iter().any(|address| address.health.standing(now) == Standing::Up);
        if is_left {
            self.state.breaker.abandoned(passage);
        } else {
            self.state.breaker.failed(passage, &self.rules.breaker, now);
        }
    }
}
