//! Bodies that pass through, each with its limits.
//!
//! A caller's body is bounded in bytes and must come at a minimum rate; an upstream's is bounded in bytes and in total time.
//! Both apply backpressure by being polled only when the other side can take more.

mod intake;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use bytes::Bytes;
use http::Version;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Sleep;

use crate::budget::{ByteBudget, Gathering, Lease};
use crate::exchange::Exchange;
use crate::listener::Answering;
use crate::upstream::{InFlight, Returned};
use intake::{Intake, IntakeError};

/// An error of a body, for hyper.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a caller's body could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// More bytes than the limit.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// It came slower than the minimum rate.
    #[error("the body came too slowly")]
    TooSlow,
    /// The caller went away, or broke the framing.
    #[error("the body ended before it was whole")]
    Incomplete,
}

impl From<IntakeError> for BodyError {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::TooLarge { limit } => Self::TooLarge { limit },
            IntakeError::Incomplete => Self::Incomplete,
        }
    }
}

/// How a caller's body must come.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The most bytes.
    pub most_bytes: u64,
    /// Time that is given without looking at the rate.
    pub grace: Duration,
    /// Bytes a second, averaged since the beginning.
    pub minimum_rate: u64,
}

/// A caller's body that nobody has read yet.
#[derive(Debug)]
pub struct CallerBody {
    intake: Intake,
    grace: Duration,
    minimum_rate: u64,
    began: Instant,
    timer: Option<Pin<Box<Sleep>>>,
    broken: Option<Broken>,
}

/// Why a caller's body broke, for who has given the body away: an h2 upstream is told of it by a reset, and then the error
/// that comes back says nothing of the cause.
#[derive(Clone, Debug, Default)]
pub struct Broken(Arc<OnceLock<BodyError>>);

impl Broken {
    /// The cause, if it broke.
    pub fn cause(&self) -> Option<BodyError> {
        self.0.get().copied()
    }
}

impl CallerBody {
    /// Wraps hyper's body of a request of this protocol version, whose head came at `began`.
    pub fn new(incoming: Incoming, version: Version, pace: Pace, began: Instant) -> Self {
        let Pace { most_bytes, grace, minimum_rate } = pace;
        Self { intake: Intake::new(incoming, version, most_bytes), grace, minimum_rate, began, timer: None, broken: None }
    }

    /// Tells later whether it broke.
    pub fn broken(&mut self) -> Broken {
        self.broken.get_or_insert_default().clone()
    }

    /// The same body with another limit: the e-service's, once it is known.
    pub fn limit(&mut self, most_bytes: u64) {
        self.intake.limit(most_bytes);
    }

    /// Whether there is certainly nothing (more) in it.
    pub fn is_empty(&self) -> bool {
        self.intake.is_end()
    }

    /// The length of what is still to come, if the caller announced it.
    pub fn announced(&self) -> Option<u64> {
        self.intake.announced()
    }

    /// All of it, if it is short and has come already.
    pub fn at_hand(&mut self) -> Option<Bytes> {
        self.intake.at_hand()
    }

    /// Refuses at once what announces more than the limit.
    pub fn check_announced(&self) -> Result<(), BodyError> {
        Ok(self.intake.check_announced()?)
    }

    /// The next piece of data; trailers are passed over.
    pub async fn next(&mut self) -> Option<Result<Bytes, BodyError>> {
        std::future::poll_fn(|cx| self.poll_data(cx)).await
    }

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        let data = ready!(self.poll_within_limits(cx));
        if let (Some(Err(error)), Some(broken)) = (&data, &self.broken) {
            let _ = broken.0.set(*error);
        }
        Poll::Ready(data)
    }

    fn poll_within_limits(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        match self.intake.poll(cx) {
            Poll::Ready(data) => Poll::Ready(data.map(|data| data.map_err(Into::into))),
            Poll::Pending => self.poll_pace(cx),
        }
    }

    /// The timer is armed only when data is really awaited, which for ordinary bodies is never.
    fn poll_pace(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        let earned = self.intake.read().saturating_mul(1000).checked_div(self.minimum_rate);
        let earned = Duration::from_millis(earned.unwrap_or(u64::from(u32::MAX)));
        let deadline = self.began + self.grace + earned;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline.into())));
        if timer.deadline().into_std() != deadline {
            timer.as_mut().reset(deadline.into());
        }
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Some(Err(BodyError::TooSlow)))
    }
}

/// The body of an upstream request.
#[derive(Debug)]
pub enum UpstreamRequestBody {
    /// Held whole, and sent at most once per attempt.
    Held(Option<Bytes>),
    /// The caller's, passing through.
    Streamed(Box<CallerBody>),
}

impl Body for UpstreamRequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut *self {
            Self::Held(bytes) => Poll::Ready(bytes.take().filter(|bytes| !bytes.is_empty()).map(|bytes| Ok(Frame::data(bytes)))),
            Self::Streamed(body) => {
                let data = ready!(body.poll_data(cx));
                Poll::Ready(data.map(|data| data.map(Frame::data).map_err(Into::into)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Held(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Self::Streamed(body) => body.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Held(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Self::Streamed(body) => body.announced().map(SizeHint::with_exact).unwrap_or_default(),
        }
    }
}

/// Why an upstream's answer could not be had whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// More bytes than the limit.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// The total time is over.
    #[error("the answer was not whole in time")]
    TooLate,
    /// The connection broke.
    #[error("the answer ended before it was whole")]
    Incomplete,
    /// The bytes of all bodies held together are at their limit.
    #[error("the bodies held now are at the process's limit")]
    NoRoom,
}

impl From<IntakeError> for StreamError {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::TooLarge { limit } => Self::TooLarge { limit },
            IntakeError::Incomplete => Self::Incomplete,
        }
    }
}

/// An upstream's answer, passing through.
#[derive(Debug)]
pub struct UpstreamStream {
    intake: Intake,
    deadline: Instant,
    timer: Option<Pin<Box<Sleep>>>,
    /// Goes back to its pool when the body has been read to its end; else it is closed with it.
    connection: Option<Returned>,
    /// Its place among the requests under way.
    _in_flight: InFlight,
}

impl UpstreamStream {
    /// Wraps hyper's body; the connection goes back to its pool when it has been read to its end.
    pub fn new(
        incoming: Incoming,
        version: Version,
        most_bytes: u64,
        deadline: Instant,
        connection: Option<Returned>,
        in_flight: InFlight,
    ) -> Self {
        let intake = Intake::new(incoming, version, most_bytes);
        let mut stream = Self { intake, deadline, timer: None, connection, _in_flight: in_flight };
        if stream.is_end() {
            stream.finish();
        }
        stream
    }

    fn finish(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.give_back();
        }
    }

    /// Whether there is nothing (more) in it.
    pub fn is_end(&self) -> bool {
        self.intake.is_end()
    }

    /// The exact length of what is still to come, if the upstream announced it.
    pub fn announced(&self) -> Option<u64> {
        self.intake.announced()
    }

    /// Refuses at once what announces more than the limit.
    pub fn check_announced(&self) -> Result<(), StreamError> {
        Ok(self.intake.check_announced()?)
    }

    /// All of it, if it is short and has come already.
    pub fn at_hand(&mut self) -> Option<Bytes> {
        let whole = self.intake.at_hand();
        if whole.is_some() {
            self.finish();
        }
        whole
    }

    /// Reads it whole, taking its bytes from the budget; the lease is to be held for as long as they are.
    pub async fn collect(mut self, budget: &Arc<ByteBudget>) -> Result<(Bytes, Lease), StreamError> {
        self.check_announced()?;
        let mut body = Gathering::begin(budget, self.announced()).ok_or(StreamError::NoRoom)?;
        while let Some(piece) = self.next().await.transpose()? {
            if !body.add(piece) {
                return Err(StreamError::NoRoom);
            }
        }
        Ok(body.finish())
    }

    async fn next(&mut self) -> Option<Result<Bytes, StreamError>> {
        std::future::poll_fn(|cx| self.poll_data(cx)).await
    }

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, StreamError>>> {
        if let Poll::Ready(data) = self.intake.poll(cx) {
            let is_last = data.as_ref().is_none_or(|data| data.is_ok() && self.is_end());
            if is_last {
                self.finish();
            }
            return Poll::Ready(data.map(|data| data.map_err(Into::into)));
        }
        let deadline = self.deadline;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline.into())));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Some(Err(StreamError::TooLate)))
    }
}

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
