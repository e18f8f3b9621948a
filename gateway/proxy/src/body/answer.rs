//! What is written to the caller, and what is told of it in the end.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use aws_lc_rs::digest;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::stream::{StreamError, UpstreamStream};
use crate::exchange::Exchange;
use crate::listener::Answering;

/// What a streamed answer came to, told once when it has ended or been cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closing {
    /// Bytes handed to the caller's connection.
    pub bytes: u64,
    /// SHA-256 of those bytes.
    pub digest: [u8; 32],
    /// Whether it was all of it.
    pub complete: bool,
}

/// The body that hyper writes to the caller.
pub struct AnswerBody {
    content: Content,
    /// Held until the body is gone: permits, leases and the caller's place in the limits end with the answer.
    _exchange: Option<Arc<Exchange>>,
    /// Told whenever the caller takes more, where that is watched.
    answering: Option<Arc<Answering>>,
}

enum Content {
    Held(Bytes),
    Streamed(Box<Streamed>),
}

struct Streamed {
    stream: UpstreamStream,
    digest: digest::Context,
    bytes: u64,
    complete: bool,
    closed: Option<Box<dyn FnOnce(Closing) + Send>>,
}

impl Drop for Streamed {
    fn drop(&mut self) {
        let context = std::mem::replace(&mut self.digest, digest::Context::new(&digest::SHA256));
        let mut digest = [0; 32];
        digest.copy_from_slice(context.finish().as_ref());
        if let Some(closed) = self.closed.take() {
            closed(Closing { bytes: self.bytes, digest, complete: self.complete });
        }
    }
}

impl AnswerBody {
    /// An answer held whole.
    pub fn held(bytes: Bytes, exchange: Arc<Exchange>) -> Self {
        Self { content: Content::Held(bytes), _exchange: Some(exchange), answering: None }
    }

    /// An answer outside any exchange.
    pub fn bare(bytes: Bytes) -> Self {
        Self { content: Content::Held(bytes), _exchange: None, answering: None }
    }

    /// An answer that passes through; `closed` is told how it ended.
    pub fn streamed(stream: UpstreamStream, exchange: Arc<Exchange>, closed: Box<dyn FnOnce(Closing) + Send>) -> Self {
        let complete = stream.is_end();
        let digest = digest::Context::new(&digest::SHA256);
        let streamed = Streamed { stream, digest, bytes: 0, complete, closed: Some(closed) };
        Self { content: Content::Streamed(Box::new(streamed)), _exchange: Some(exchange), answering: None }
    }

    /// The same, telling how the caller takes it.
    #[must_use]
    pub(crate) fn watched(mut self, answering: Option<Arc<Answering>>) -> Self {
        self.answering = answering;
        self
    }

    fn poll_content(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, StreamError>>> {
        match &mut self.content {
            Content::Held(bytes) if bytes.is_empty() => Poll::Ready(None),
            Content::Held(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Content::Streamed(streamed) => {
                let data = ready!(streamed.stream.poll_data(cx));
                if let Some(Ok(data)) = &data {
                    streamed.digest.update(data);
                    streamed.bytes += data.len() as u64;
                }
                streamed.complete = match &data {
                    None => true,
                    Some(Ok(_)) => streamed.stream.is_end(),
                    Some(Err(_)) => false,
                };
                Poll::Ready(data.map(|data| data.map(Frame::data)))
            }
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = StreamError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, StreamError>>> {
        let polled = self.poll_content(cx);
        if let Some(answering) = &self.answering {
            answering.asked(polled.is_ready());
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Held(bytes) => bytes.is_empty(),
            Content::Streamed(streamed) => streamed.stream.is_end(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Held(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Streamed(streamed) => streamed.stream.announced().map(SizeHint::with_exact).unwrap_or_default(),
        }
    }
}
