//! The upstream client: pooled connections, deadlines, retries only where safe, a circuit breaker.
//!
//! Connections belong to a worker ([`Pools`]); what must be counted over all workers (in-flight, breaker, retry budget)
//! belongs to the state ([`UpstreamState`]). No redirect is followed: an upstream does not choose whom we talk to.

mod address;
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
use std::time::Instant;

use http::{HeaderMap, HeaderName};
use hyper::body::Incoming;

use crate::body::{BodyError, UpstreamRequestBody, UpstreamStream};
use crate::clock;

pub use address::{Address, Balance, CheckRules, EjectionRules, Endpoint, Health, MOST_ADDRESSES, Standing};
use address::{Load, Places, choose};
pub use breaker::{Breaker, BreakerRules, Passage};
pub use budget::RetryBudget;
pub use check::check;
use pool::{Due, NotSent, Sending};
pub use pool::{PoolPlace, Pools, Returned};
pub use pool_key::PoolKey;
use request::Again;
pub use request::{Outgoing, OutgoingBody, Renewal};
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

    /// Sends a request and waits for the head of the answer.
    pub async fn send(&self, pools: &Pools, now: Instant, outgoing: Outgoing) -> Result<Arriving, UpstreamError> {
        self.send_begun(pools, &mut self.begin(now, outgoing)?).await
    }

    /// All that can be done before anybody waits. Apart from [`Upstream::send_begun`], because futures that wait for an upstream are held
    /// by the thousand, and would carry what they need no more.
    pub fn begin(&self, now: Instant, mut outgoing: Outgoing) -> Result<Begun, UpstreamError> {
        let rules = &self.rules;
        let in_flight = InFlight::enter(&self.state, rules.in_flight).ok_or(UpstreamError::Saturated)?;
        self.state.budget.deposit();
        let (repeatable, renewal) = (outgoing.repeatable, outgoing.renewal.take());
        let due = Due { now, deadline: now + rules.total_timeout };
        let request = Some(outgoing.into_request(rules)?);
        Ok(Begun { request, repeatable, renewal, in_flight: Some(in_flight), due, tried: Tried::new(self), attempts: 0 })
    }

    /// Sends what was begun and waits for the head of the answer.
    pub async fn send_begun(&self, pools: &Pools, begun: &mut Begun) -> Result<Arriving, UpstreamError> {
        let rules = &self.rules;
        loop {
            let passage = match self.state.breaker.ask(&rules.breaker, clock::millis) {
                Passage::Open(retry_after) => return Err(UpstreamError::CircuitOpen { retry_after }),
                passage => passage,
            };
            let request = begun.request.as_mut().ok_or_else(|| UpstreamError::Protocol("there is no request".into()))?;
            let again = if begun.repeatable && begun.attempts + 1 < rules.attempts { Again::of(request) } else { None };
            let broken = match request.body_mut() {
                UpstreamRequestBody::Streamed(body) => Some(body.broken()),
                UpstreamRequestBody::Held(_) => None,
            };
            let sent = self.send_somewhere(pools, begun).await;
            begun.attempts += 1;
            let error = match sent {
                Ok((answer, connection)) if answer.status().as_u16() < 600 => {
                    self.state.breaker.succeeded(passage);
                    self.addresses[begun.tried.at].health.succeeded();
                    return Ok(begun.arriving(answer, connection, rules));
                }
                // RFC 9110 §15: what is no status means no more than that the upstream failed.
                Ok(_) => UpstreamError::Protocol("a status above 599".into()),
                Err(error) => error,
            };
            let error = broken.and_then(|broken| broken.cause()).map_or(error, UpstreamError::CallerBody);
            self.count_failure(passage, &error, begun.tried.at);
            let mut request = match again {
                Some(again) if is_transient(&error) && self.state.budget.withdraw() => again.into_request(rules)?,
                _ => return Err(error),
            };
            if let Some(renewal) = &begun.renewal {
                let renewing = renewal.renew(std::mem::take(request.headers_mut()));
                // Boxed: it is large and rare, as connecting is.
                let renewed = Box::pin(tokio::time::timeout_at(begun.due.deadline.into(), renewing)).await;
                let Ok(Some(headers)) = renewed else { return Err(error) };
                *request.headers_mut() = headers;
            }
            begun.request = Some(request);
            begun.due.now = Instant::now();
        }
    }

    /// Sends a request to one address after the other, until one of them has seen something of it: what nobody has seen is sent again
    /// whatever its method.
    async fn send_somewhere(
        &self,
        pools: &Pools,
        begun: &mut Begun,
    ) -> Result<(http::Response<Incoming>, Option<Returned>), UpstreamError> {
        loop {
            let Some(request) = begun.request.take() else { return Err(UpstreamError::Protocol("there is no request".into())) };
            let left = begun.tried.next(self);
            let address = &self.addresses[begun.tried.at];
            if let Some(in_flight) = &mut begun.in_flight {
                in_flight.load = (self.addresses.len() > 1).then(|| Load::on(&address.health));
            }
            // Each gets its part of the time that is left, so that one which swallows everything leaves some for the others.
            let share = begun.due.deadline.saturating_duration_since(begun.due.now) / left;
            let connect_timeout = self.rules.connect_timeout.min(share);
            let mut sending = Sending::new(pools.of(&address.pool), self, &address.endpoint, begun.due, connect_timeout);
            let NotSent { error, back } = match sending.send(request).await {
                Ok(answered) => return Ok(answered),
                Err(not_sent) => not_sent,
            };
            begun.due.now = Instant::now();
            match back {
                Some(back) if left > 1 && begun.due.now < begun.due.deadline => {
                    self.address_failed(begun.tried.at);
                    begun.request = Some(back);
                }
                _ => return Err(error),
            }
        }
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

/// A request that is being sent.
pub struct Begun {
    /// Nothing while it is on its way.
    request: Option<request::Request>,
    repeatable: bool,
    renewal: Option<Box<dyn Renewal>>,
    /// Goes on with the body of the answer.
    in_flight: Option<InFlight>,
    due: Due,
    tried: Tried,
    attempts: u32,
}

impl Begun {
    /// How often it was sent so far.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The answer whose head has come.
    fn arriving(&mut self, answer: http::Response<Incoming>, connection: Option<Returned>, rules: &UpstreamRules) -> Arriving {
        let (head, incoming) = answer.into_parts();
        let body = UpstreamStream::new(incoming, head.version, rules.answer_bytes, self.due.deadline, connection, self.in_flight.take());
        Arriving { head, body }
    }
}

/// The addresses that a request was sent to, or should have been.
struct Tried {
    turn: u64,
    places: Places,
    /// The last of them.
    at: usize,
}

impl Tried {
    /// None yet. Requests take turns, however many addresses each of them tries.
    fn new(upstream: &Upstream) -> Self {
        let turn = if upstream.addresses.len() > 1 { upstream.state.turn.fetch_add(1, Ordering::Relaxed) } else { 0 };
        Self { turn, places: Places::default(), at: 0 }
    }

    /// Goes on to the next one, and tells how many there are still, itself included. Where all have been tried, any of them is again.
    fn next(&mut self, upstream: &Upstream) -> u32 {
        let addresses = &upstream.addresses;
        if addresses.len() == 1 {
            return 1;
        }
        if self.places.len() == addresses.len() {
            self.places = Places::default();
        }
        let rules = &upstream.rules;
        self.at = choose(addresses, rules.balance, &rules.ejection, self.places, self.turn, clock::millis());
        let left = (addresses.len() - self.places.len()) as u32;
        self.places.insert(self.at);
        left
    }
}

/// What another try may mend; a slow upstream is not asked twice.
fn is_transient(error: &UpstreamError) -> bool {
    matches!(error, UpstreamError::Connect(_) | UpstreamError::ConnectTimeout | UpstreamError::Reset(_))
}
