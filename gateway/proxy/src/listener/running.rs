//! An exchange and the connection that waits for its answer.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::header::{CONTENT_LENGTH, HeaderValue};
use http::{Method, StatusCode};
use tokio::task::JoinHandle;

use super::connection::Connection;
use super::pulse::Pulse;
use crate::body::AnswerBody;
use crate::exchange::Exchange;
use crate::message::{Response, ResponseBody};
use crate::stage::layer::StageFuture;
use crate::stage::record::answer_body;

/// An exchange that its connection waits for: a task of its own. A caller who goes away ends the waiting and not the exchange, which
/// learns that nobody waits, and decides what that means.
pub(super) struct Running(Option<UnderWay>);

impl Running {
    pub(super) fn new(
        connection: &Connection,
        way: StageFuture<Result<Response, Infallible>>,
        exchange: Arc<Exchange>,
        pulse: Arc<Pulse>,
    ) -> Self {
        let (of, beats) = (exchange.clone(), pulse.clone());
        let answer = connection.tasks().spawn(async move {
            let Ok(response) = way.await;
            if of.is_caller_gone() {
                written(&of, &beats, response);
                return None;
            }
            Some(response)
        });
        Self(Some(UnderWay { answer, exchange, pulse }))
    }
}

struct UnderWay {
    answer: JoinHandle<Option<Response>>,
    exchange: Arc<Exchange>,
    pulse: Arc<Pulse>,
}

/// The answer as hyper writes it. If nobody takes it any more, a streamed one still leaves its `exchange.closed`.
fn written(exchange: &Arc<Exchange>, pulse: &Pulse, response: Response) -> http::Response<AnswerBody> {
    if exchange.method == Method::HEAD {
        return head_written(exchange, pulse, response);
    }
    let mut written = http::Response::new(answer_body(exchange, response.body).watched(pulse.answer()));
    *written.status_mut() = response.status;
    *written.headers_mut() = response.headers;
    // The body may be another than the upstream's: its length is what hyper counts.
    written.headers_mut().remove(CONTENT_LENGTH);
    written
}

/// The head alone, with the length that the body would have.
fn head_written(exchange: &Arc<Exchange>, pulse: &Pulse, response: Response) -> http::Response<AnswerBody> {
    let Response { status, mut headers, body } = response;
    if let Some(bytes) = body.bytes().filter(|bytes| !bytes.is_empty()) {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    }
    let mut written = http::Response::new(answer_body(exchange, ResponseBody::Held(Bytes::new())).watched(pulse.answer()));
    (*written.status_mut(), *written.headers_mut()) = (status, headers);
    written
}

impl Future for Running {
    type Output = Result<http::Response<AnswerBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(under_way) = &mut self.0 else { return Poll::Pending };
        let answer = ready!(Pin::new(&mut under_way.answer).poll(cx));
        let written = match (answer, self.0.take()) {
            (Ok(Some(response)), Some(under_way)) => written(&under_way.exchange, &under_way.pulse, response),
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
        let Some(under_way) = self.0.take() else { return };
        under_way.exchange.caller_left();
        // One that has its answer already will not look whether anybody waits.
        if let Some(Ok(Some(response))) = tokio::task::coop::unconstrained(under_way.answer).now_or_never() {
            written(&under_way.exchange, &under_way.pulse, response);
        }
    }
}
