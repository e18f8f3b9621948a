//! The collector: one message, one answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use http::{Method, StatusCode};
use parking_lot::Mutex;

use crate::budget::ByteBudget;
use crate::config::OtlpRules;
use crate::upstream::{Arriving, Outgoing, OutgoingBody, Pools, Upstream, number};

/// The most bytes of its answer.
const MOST_BYTES: u64 = 64 << 10;
/// The longest time that it may ask to be left alone.
const MOST_THROTTLING: Duration = Duration::from_mins(5);

/// A collector with the connections to it.
pub(super) struct Collector {
    rules: OtlpRules,
    upstream: Upstream,
    pools: Pools,
    headers: HeaderMap,
    /// Until when it asks to be left alone ("OTLP/HTTP Throttling").
    throttled: Mutex<Option<Instant>>,
}

/// Why an export failed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ExportError {
    /// It may be sent again.
    #[error("{cause}")]
    Retryable {
        /// After so long, if it said so.
        after: Option<Duration>,
        /// What came of it.
        cause: String,
    },
    /// It does not want it, and will not.
    #[error("it answered {0}")]
    Rejected(StatusCode),
}

impl Collector {
    pub(super) fn new(rules: &OtlpRules) -> Self {
        let mut headers = rules.headers.clone();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        let mut upstream = (*rules.upstream).clone();
        // When it is sent again is decided elsewhere, with the whole batch in view.
        (upstream.attempts, upstream.breaker.failures) = (1, u32::MAX);
        (upstream.first_byte_timeout, upstream.total_timeout) = (Duration::from_secs(10), Duration::from_secs(10));
        let upstream = Upstream::own(&Arc::new(upstream));
        Self { rules: rules.clone(), upstream, pools: Pools::default(), headers, throttled: Mutex::default() }
    }

    /// Whether it is reached and shown what these rules say.
    pub(super) fn is_of(&self, rules: &OtlpRules) -> bool {
        self.rules == *rules
    }

    /// Until when it asks to be left alone, if that is still to come.
    pub(super) fn throttled_until(&self) -> Option<Instant> {
        self.throttled.lock().filter(|until| *until > Instant::now())
    }

    /// Sends it a message, and gives what it answered.
    pub(super) async fn export(&self, path: &str, message: Bytes) -> Result<Bytes, ExportError> {
        let outgoing = Outgoing {
            method: Method::POST,
            path_and_query: path.to_owned(),
            headers: self.headers.clone(),
            body: OutgoingBody::Held(message),
            // Spans have ids of their own, and metrics are states: sent twice, nothing is counted twice.
            repeatable: true,
            renewal: None,
        };
        let answer = self.upstream.send(&self.pools, Instant::now(), outgoing).await;
        let Arriving { head, body, .. } = answer.map_err(|error| ExportError::Retryable { after: None, cause: error.to_string() })?;
        if head.status.is_success() {
            // It has it, whatever becomes of the rest of what it says.
            return Ok(body.collect(&ByteBudget::new(MOST_BYTES)).await.map(|(bytes, _)| bytes).unwrap_or_default());
        }
        let error = export_error(head.status, &head.headers);
        if let ExportError::Retryable { after: Some(after), .. } = &error {
            *self.throttled.lock() = Some(Instant::now() + *after);
        }
        Err(error)
    }
}

/// What a status other than of success means (OTLP 1.9, "Failures").
fn export_error(status: StatusCode, headers: &HeaderMap) -> ExportError {
    if !matches!(status.as_u16(), 429 | 502 | 503 | 504) {
        return ExportError::Rejected(status);
    }
    let after = number(headers, &RETRY_AFTER).map(Duration::from_secs);
    ExportError::Retryable { after: after.map(|after| after.min(MOST_THROTTLING)), cause: format!("it answered {}", status.as_u16()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_answers_ask_for_another_attempt() {
        let headers = |after: &str| HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_str(after).expect("a value"))]);
        let after = |status: u16, after: &str| match export_error(StatusCode::from_u16(status).expect("a status"), &headers(after)) {
            ExportError::Retryable { after, .. } => Some(after.map(|after| after.as_secs())),
            ExportError::Rejected(_) => None,
        };
        assert_eq!(after(503, "7"), Some(Some(7)));
        assert_eq!(after(429, "999999"), Some(Some(300)), "not for ever");
        assert_eq!(after(504, "-1"), Some(None));
        assert_eq!(after(502, "Wed, 21 Oct 2026 07:28:00 GMT"), Some(None), "a date is not waited for");
        assert_eq!([302, 400, 401, 404, 413, 500, 501].map(|status| after(status, "7")), [None; 7]);
    }
}
