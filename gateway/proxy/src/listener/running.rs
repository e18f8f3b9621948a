//! An exchange and the connection that waits for its answer.

use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderValue};
use http::{Method, StatusCode};

use super::connection::Connection;
use super::pulse::Pulse;
use crate::body::AnswerBody;
use crate::cohort::Cohort;
use crate::exchange::Exchange;
use crate::message::{Response, ResponseBody};
use crate::stage::layer::StageFuture;
use crate::stage::record::answer_body;

/// An exchange that its connection waits for. A caller who goes away ends the waiting and not the exchange: what is left of its
/// way becomes a task of its own, learns that nobody waits, and decides what that means.
pub(super) struct Running {
    under_way: Option<UnderWay>,
    cohort: Cohort,
    connection: Arc<Connection>,
}

impl Running {
    pub(super) fn new(
        connection: Arc<Connection>,
        way: StageFuture<Result<Response, Infallible>>,
        exchange: Arc<Exchange>,
        pulse: Arc<Pulse>,
    ) -> Self {
        Self { under_way: Some(UnderWay { way, exchange, pulse }), cohort: Cohort::default(), connection }
    }
}

struct UnderWay {
    way: StageFuture<Result<Response, Infallible>>,
    exchange: Arc<Exchange>,
    pulse: Arc<Pulse>,
}

impl UnderWay {
    /// The answer as hyper writes it. If nobody takes it any more, a streamed one still leaves its `exchange.closed`.
    fn written(self, response: Response) -> http::Response<AnswerBody> {
        if self.exchange.method == Method::HEAD {
            return self.head_written(response);
        }
        let mut written = http::Response::new(answer_body(&self.exchange, response.body).watched(self.pulse.answer()));
        *written.status_mut() = response.status;
        *written.headers_mut() = response.headers;
        // The body may be another than the upstream's: its length is what hyper counts.
        written.headers_mut().remove(CONTENT_LENGTH);
        written
    }

    /// The head alone, with the length that the body would have.
    fn head_written(self, response: Response) -> http::Response<AnswerBody> {
        let Response { status, mut headers, body } = response;
        if let Some(bytes) = body.bytes().filter(|bytes| !bytes.is_empty()) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
        }
        let mut written = http::Response::new(answer_body(&self.exchange, ResponseBody::Held(Bytes::new())).watched(self.pulse.answer()));
        (*written.status_mut(), *written.headers_mut()) = (status, headers);
        written
    }
}

impl Future for Running {
    type Output = Result<http::Response<AnswerBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(self.cohort.poll(cx));
        let Some(under_way) = &mut self.under_way else { return Poll::Pending };
        let polled = std::panic::catch_unwind(AssertUnwindSafe(|| under_way.way.as_mut().poll(cx)));
        let written = match (polled, self.under_way.take()) {
            (Ok(Poll::Pending), under_way) => {
                self.under_way = under_way;
                return Poll::Pending;
            }
            (Ok(Poll::Ready(Ok(response))), Some(under_way)) => under_way.written(response),
            // The stack catches panics of its stages; this is the last resort, outside any record.
            _ => {
                let mut written = http::Response::new(AnswerBody::bare(Bytes::new()));
                *written.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                written
            }
        };
        Poll::Ready(Ok(written))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(mut under_way) = self.under_way.take() else { return };
        under_way.exchange.caller_left();
        // Without a runtime the process is ending, past its deadline.
        if tokio::runtime::Handle::try_current().is_ok() {
            self.connection.tasks().spawn(async move {
                let Ok(response) = under_way.way.as_mut().await;
                under_way.written(response);
            });
        }
    }
}
