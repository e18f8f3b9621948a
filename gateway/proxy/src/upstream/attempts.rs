//! One request, sent until it is answered or nothing is left to try.
//!
//! What can be done before anybody waits is done in [`Upstream::prepare`], outside the future: thousands of them wait for an upstream at a
//! time, and each would carry what it needs no more.

use std::sync::atomic::Ordering;
use std::time::Instant;

use hyper::body::Incoming;

use super::address::{Load, Places, choose};
use super::pool::{Due, NotSent, Sending};
use super::request::{Again, Outgoing, Prepared, Renewal};
use super::{Arriving, InFlight, Passage, Pools, Returned, Upstream, UpstreamError};
use crate::body::{UpstreamRequestBody, UpstreamStream};
use crate::clock;

/// An answer whose head has come, with the connection that its body comes over if that is its own.
type Answered = (http::Response<Incoming>, Option<Returned>);

/// What the attempts to send one request have together: their time, their place among the requests under way, what they have tried.
pub struct Attempts {
    made: u32,
    repeatable: bool,
    renewal: Option<Box<dyn Renewal>>,
    in_flight: InFlight,
    due: Due,
    tried: Tried,
}

impl Attempts {
    /// How many there were so far.
    pub fn made(&self) -> u32 {
        self.made
    }

    /// The answer as it goes on, within the same time and in the same place.
    pub fn arriving(self, (answer, connection): Answered, upstream: &Upstream) -> Arriving {
        let (head, incoming) = answer.into_parts();
        let most_bytes = upstream.rules.answer_bytes;
        let body = UpstreamStream::new(incoming, head.version, most_bytes, self.due.deadline, connection, self.in_flight);
        Arriving { head, body }
    }
}

impl Upstream {
    /// Sends a request and waits for the head of the answer.
    pub async fn send(&self, pools: &Pools, now: Instant, outgoing: Outgoing) -> Result<Arriving, UpstreamError> {
        let (request, mut attempts) = self.prepare(now, outgoing)?;
        let answered = self.send_prepared(pools, request, &mut attempts).await?;
        Ok(attempts.arriving(answered, self))
    }

    /// Takes a place among the requests under way, and makes the request as it is sent.
    pub fn prepare(&self, now: Instant, mut outgoing: Outgoing) -> Result<(Prepared, Attempts), UpstreamError> {
        let rules = &self.rules;
        let in_flight = InFlight::enter(&self.state, rules.in_flight).ok_or(UpstreamError::Saturated)?;
        self.state.budget.deposit();
        let (repeatable, renewal) = (outgoing.repeatable, outgoing.renewal.take());
        let due = Due { now, deadline: now + rules.total_timeout };
        let request = outgoing.into_request(rules)?;
        Ok((request, Attempts { made: 0, repeatable, renewal, in_flight, due, tried: Tried::new(self) }))
    }

    /// Sends what was prepared and waits for the head of the answer.
    pub async fn send_prepared(&self, pools: &Pools, mut request: Prepared, attempts: &mut Attempts) -> Result<Answered, UpstreamError> {
        let rules = &self.rules;
        loop {
            let passage = match self.state.breaker.ask(&rules.breaker, clock::millis) {
                Passage::Open(retry_after) => return Err(UpstreamError::CircuitOpen { retry_after }),
                passage => passage,
            };
            let again = if attempts.repeatable && attempts.made + 1 < rules.attempts { Again::of(&request) } else { None };
            let broken = match request.body_mut() {
                UpstreamRequestBody::Streamed(body) => Some(body.broken()),
                UpstreamRequestBody::Held(_) => None,
            };
            let sent = self.send_somewhere(pools, request, attempts).await;
            attempts.made += 1;
            let at = attempts.tried.at;
            let error = match sent {
                Ok(answered) if answered.0.status().as_u16() < 600 => {
                    self.state.breaker.succeeded(passage);
                    self.addresses[at].health.succeeded();
                    return Ok(answered);
                }
                // RFC 9110 §15: what is no status means no more than that the upstream failed.
                Ok(_) => UpstreamError::Protocol("a status above 599".into()),
                Err(error) => error,
            };
            let error = broken.and_then(|broken| broken.cause()).map_or(error, UpstreamError::CallerBody);
            self.count_failure(passage, &error, at);
            match again {
                Some(again) if is_transient(&error) && self.state.budget.withdraw() => request = again.into_request(rules)?,
                _ => return Err(error),
            }
            if let Some(renewal) = &attempts.renewal {
                let renewing = renewal.renew(std::mem::take(request.headers_mut()));
                // Boxed: it is large and rare, as connecting is.
                let renewed = Box::pin(tokio::time::timeout_at(attempts.due.deadline.into(), renewing)).await;
                let Ok(Some(headers)) = renewed else { return Err(error) };
                *request.headers_mut() = headers;
            }
            attempts.due.now = Instant::now();
        }
    }

    /// Sends a request to one address after the other, until one of them has seen something of it: what nobody has seen is sent again
    /// whatever its method.
    async fn send_somewhere(&self, pools: &Pools, mut request: Prepared, attempts: &mut Attempts) -> Result<Answered, UpstreamError> {
        loop {
            let left = attempts.tried.next(self);
            let address = &self.addresses[attempts.tried.at];
            attempts.in_flight.load = (self.addresses.len() > 1).then(|| Load::on(&address.health));
            // Each gets its part of the time that is left, so that one which swallows everything leaves some for the others.
            let share = attempts.due.deadline.saturating_duration_since(attempts.due.now) / left;
            let connect_timeout = self.rules.connect_timeout.min(share);
            let mut sending = Sending::new(pools.of(&address.pool), self, &address.endpoint, attempts.due, connect_timeout);
            let NotSent { error, back } = match sending.send(request).await {
                Ok(answered) => return Ok(answered),
                Err(not_sent) => not_sent,
            };
            attempts.due.now = Instant::now();
            match back {
                Some(back) if left > 1 && attempts.due.now < attempts.due.deadline => {
                    self.address_failed(attempts.tried.at);
                    request = back;
                }
                _ => return Err(error),
            }
        }
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
