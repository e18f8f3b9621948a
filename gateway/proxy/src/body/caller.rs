//! A caller's body: bounded in bytes, and to come at a minimum rate.

use std::future::Future as _;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Version;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Sleep;

use super::BoxError;
use super::intake::{Intake, IntakeError};

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
    /// Bytes a second, averaged since somebody waits for them.
    pub minimum_rate: u64,
}

/// A caller's body that nobody has read yet.
#[derive(Debug)]
pub struct CallerBody {
    intake: Intake,
    grace: Duration,
    minimum_rate: u64,
    /// When somebody began to read it: before, nobody waited for it.
    began: Option<Instant>,
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
    /// Wraps hyper's body of a request of this protocol version.
    pub fn new(incoming: Incoming, version: Version, pace: Pace) -> Self {
        let Pace { most_bytes, grace, minimum_rate } = pace;
        Self { intake: Intake::new(incoming, version, most_bytes), grace, minimum_rate, began: None, timer: None, broken: None }
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
        let deadline = *self.began.get_or_insert_with(Instant::now) + self.grace + earned;
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
