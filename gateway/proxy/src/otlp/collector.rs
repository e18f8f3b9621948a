//! The collector: one message, one answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use http::{Method, StatusCode};
use parking_lot::Mutex;

use crate::budget::ByteBudget;
use crate::config::OtlpRules;
use crate::upstream::{Arriving, Outgoing, OutgoingBody, Pools, Upstream};

/// The most bytes of its answer.
const MOST_BYTES: u64 = 64 << 10;
/// The longest time that it may ask to be left alone.
const LONGEST: Duration = Duration::from_mins(5);

/// A collector with the connections to it.
pub(super) struct Collector {
    rules: OtlpRules,
    upstream: Upstream,
    pools: Pools,
    headers: HeaderMap,
    /// Until when it asks to be left alone.
    alone: Mutex<Option<Instant>>,
}

/// Why a collector has not been told.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotTold {
    /// It may be told again.
    #[error("{cause}")]
    Later {
        /// After so long, if it said so.
        after: Option<Duration>,
        /// What came of it.
        cause: String,
    },
    /// It does not want it, and will not.
    #[error("it answered {0}")]
    Refused(StatusCode),
}

impl Collector {
    pub(super) fn new(rules: &OtlpRules) -> Self {
        let mut headers = rules.headers.clone();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        let mut upstream = (*rules.upstream).clone();
        // When it is told again is decided elsewhere, with the whole batch in view.
        (upstream.attempts, upstream.breaker.failures) = (1, u32::MAX);
        (upstream.first_byte_timeout, upstream.total_timeout) = (Duration::from_secs(10), Duration::from_secs(10));
        let upstream = Upstream::own(&Arc::new(upstream));
        Self { rules: rules.clone(), upstream, pools: Pools::default(), headers, alone: Mutex::default() }
    }

    /// Whether it is reached and shown what these rules say.
    pub(super) fn is_of(&self, rules: &OtlpRules) -> bool {
        self.rules == *rules
    }

    /// Until when it asks to be left alone, if that is still to come.
    pub(super) fn alone_until(&self) -> Option<Instant> {
        self.alone.lock().filter(|until| *until > Instant::now())
    }

    /// Tells it, and gives what it answered.
    pub(super) async fn tell(&self, path: &str, message: Bytes) -> Result<Bytes, NotTold> {
        let outgoing = Outgoing {
            method: Method::POST,
            path_and_query: path.to_owned(),
            headers: self.headers.clone(),
            body: OutgoingBody::Held(message),
            // Spans have ids of their own, and metrics are states: told twice, nothing is counted twice.
            repeatable: true,
            renewal: None,
        };
        let (answer, _) = self.upstream.send(&self.pools, Instant::now(), outgoing).await;
        let Arriving { head, body, .. } = answer.map_err(|error| NotTold::Later { after: None, cause: error.to_string() })?;
        if head.status.is_success() {
            // It has it, whatever becomes of the rest of what it says.
            return Ok(body.collect(&ByteBudget::new(MOST_BYTES)).await.map(|(bytes, _)| bytes).unwrap_or_default());
        }
        let error = not_told(head.status, &head.headers);
        if let NotTold::Later { after: Some(after), .. } = &error {
            *self.alone.lock() = Some(Instant::now() + *after);
        }
        Err(error)
    }
}

/// What a status other than of success means (OTLP 1.9, "Failures").
fn not_told(status: StatusCode, headers: &HeaderMap) -> NotTold {
    if !matches!(status.as_u16(), 429 | 502 | 503 | 504) {
        return NotTold::Refused(status);
    }
    let after = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok()).map(Duration::from_secs);
    NotTold::Later { after: after.map(|after| after.min(LONGEST)), cause: format!("it answered {}", status.as_u16()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_answers_ask_to_be_told_again() {
        let headers = |after: &str| HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_str(after).expect("a value"))]);
        let after = |status: u16, after: &str| match not_told(StatusCode::from_u16(status).expect("a status"), &headers(after)) {
            NotTold::Later { after, .. } => Some(after.map(|after| after.as_secs())),
            NotTold::Refused(_) => None,
        };
        assert_eq!(after(503, "7"), Some(Some(7)));
        assert_eq!(after(429, "999999"), Some(Some(300)), "not for ever");
        assert_eq!(after(504, "-1"), Some(None));
        assert_eq!(after(502, "Wed, 21 Oct 2026 07:28:00 GMT"), Some(None), "a date is not waited for");
        assert_eq!([302, 400, 401, 404, 413, 500, 501].map(|status| after(status, "7")), [None; 7]);
    }
}
