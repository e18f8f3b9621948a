//! What hyper gives of a body, whichever way it goes: bounded in bytes, its end told from a cut, and looked at once for what
//! has come already.

use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http::Version;
use http_body::Body as _;
use hyper::body::Incoming;

/// The most bytes of a body that is looked for beside its head.
const SHORT: u64 = 16 << 10;

/// Why no more of a body can be had.
#[derive(Clone, Copy, Debug)]
pub(super) enum IntakeError {
    /// More bytes than the limit.
    TooLarge { limit: u64 },
    /// It was cut.
    Incomplete,
}

#[derive(Debug)]
pub(super) struct Intake {
    incoming: Incoming,
    multiplexed: bool,
    most_bytes: u64,
    read: u64,
    /// Read, and not passed on yet.
    first: Option<Result<Bytes, IntakeError>>,
}

impl Intake {
    /// The body of a message of this protocol version, with its limit.
    pub(super) fn new(incoming: Incoming, version: Version, most_bytes: u64) -> Self {
        Self { incoming, multiplexed: version == Version::HTTP_2, most_bytes, read: 0, first: None }
    }

    /// Another limit, if it is narrower.
    pub(super) fn limit(&mut self, most_bytes: u64) {
        self.most_bytes = self.most_bytes.min(most_bytes);
    }

    /// Bytes so far.
    pub(super) fn read(&self) -> u64 {
        self.read
    }

    /// Whether there is certainly nothing (more) in it.
    pub(super) fn is_end(&self) -> bool {
        self.first.is_none() && self.incoming.is_end_stream()
    }

    /// The length of what is still to come, if it was announced.
    pub(super) fn announced(&self) -> Option<u64> {
        let first = self.first.as_ref().map_or(0, |piece| piece.as_ref().map_or(0, |bytes| bytes.len() as u64));
        self.incoming.size_hint().exact().map(|rest| rest + first)
    }

    /// Refuses at once what announces more than the limit.
    pub(super) fn check_announced(&self) -> Result<(), IntakeError> {
        match self.announced() {
            Some(length) if length > self.most_bytes => Err(IntakeError::TooLarge { limit: self.most_bytes }),
            _ => Ok(()),
        }
    }

    /// All of it, if it is short and has come already: what arrived together with its head need not pass through by itself.
    pub(super) fn at_hand(&mut self) -> Option<Bytes> {
        if self.announced().is_none_or(|length| length > SHORT) {
            return None;
        }
        // Nobody is woken by this: whoever reads on asks again.
        match self.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(None) => return Some(Bytes::new()),
            Poll::Ready(Some(Ok(piece))) if self.is_end() => return Some(piece),
            Poll::Ready(Some(piece)) => self.first = Some(piece),
            Poll::Pending => {}
        }
        None
    }

    /// The next piece of data; trailers are passed over.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, IntakeError>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(first));
        }
        loop {
            let Some(frame) = ready!(Pin::new(&mut self.incoming).poll_frame(cx)) else {
                return Poll::Ready((!self.is_whole()).then_some(Err(IntakeError::Incomplete)));
            };
            let Ok(frame) = frame else { return Poll::Ready(Some(Err(IntakeError::Incomplete))) };
            let Ok(data) = frame.into_data() else { continue };
            self.read += data.len() as u64;
            if self.read > self.most_bytes {
                return Poll::Ready(Some(Err(IntakeError::TooLarge { limit: self.most_bytes })));
            }
            return Poll::Ready(Some(Ok(data)));
        }
    }

    /// Whether a body that has ended is all of it. hyper ends an h2 body at `RST_STREAM(NO_ERROR)` as if `END_STREAM` had come;
    /// in HTTP/1.1 a body that was cut is an error already.
    fn is_whole(&self) -> bool {
        !self.multiplexed || self.incoming.is_end_stream()
    }
}
