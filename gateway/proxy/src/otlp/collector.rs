//! The collector: one message, one answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use http::{Method, StatusCode};

use crate::budget::ByteBudget;
use crate::config::OtlpRules;
use crate::upstream::{Arriving, Outgoing, OutgoingBody, Pools, Upstream};

/// The most bytes of its answer.
const MOST_BYTES: u64 = 64 << 10;
/// The longest time that it may ask to be left alone.
const LONGEST: Duration = Duration::from_mins(5);

/// A collector with the connections to it.
pub(super) struct Collector {
    upstream: Upstream,
    pools: Pools,
    headers: HeaderMap,
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
        // When it is told again is decided here, with the whole batch in view.
        (upstream.attempts, upstream.breaker.failures) = (1, u32::MAX);
        (upstream.first_byte_timeout, upstream.total_timeout) = (Duration::from_secs(10), Duration::from_secs(10));
        Self { upstream: Upstream::own(&Arc::new(upstream)), pools: Pools::default(), headers }
    }

    /// Tells it. A connection that it closed meanwhile is one that was not used: another is made.
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
        let (answer, _) = self.upstream.send(&self.pools, std::time::Instant::now(), outgoing).await;
        let later = |cause: String| NotTold::Later { after: None, cause };
        let Arriving { head, body, .. } = answer.map_err(|error| later(error.to_string()))?;
        let (bytes, _lease) = body.collect(&ByteBudget::new(MOST_BYTES)).await.map_err(|error| later(error.to_string()))?;
        match (head.status, later_after(head.status, &head.headers)) {
            (StatusCode::OK, _) => Ok(bytes),
            (_, Some(error)) => Err(error),
            (status, None) => Err(NotTold::Refused(status)),
        }
    }
}

/// The answers that ask to be told again (OTLP 1.9, "Retryable Response Codes").
fn later_after(status: StatusCode, headers: &HeaderMap) -> Option<NotTold> {
    if !matches!(status.as_u16(), 429 | 502 | 503 | 504) {
        return None;
    }
    let after = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok()).map(Duration::from_secs);
    Some(NotTold::Later { after: after.map(|after| after.min(LONGEST)), cause: format!("it answered {}", status.as_u16()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_answers_ask_to_be_told_again() {
        let headers = |after: &str| HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_str(after).expect("a value"))]);
        let after = |status: u16, after: &str| {
            later_after(StatusCode::from_u16(status).expect("a status"), &headers(after)).map(|later| match later {
                NotTold::Later { after, .. } => after.map(|after| after.as_secs()),
                NotTold::Refused(_) => unreachable!("of those it says nothing"),
            })
        };
        assert_eq!(after(503, "7"), Some(Some(7)));
        assert_eq!(after(429, "999999"), Some(Some(300)), "not for ever");
        assert_eq!(after(502, "Wed, 21 Oct 2026 07:28:00 GMT"), Some(None), "a date is not waited for");
        assert_eq!([400, 401, 404, 413, 500, 501].map(|status| after(status, "7")), [None; 6]);
    }
}
