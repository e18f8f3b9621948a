use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use crate::server::Broken;

/// A body that promises its whole length and comes as it should, a byte each time, or half of it before a reset.
pub(crate) struct Served {
    rest: Bytes,
    promised: u64,
    manner: Manner,
}

enum Manner {
    Whole,
    Drip(Duration, Pin<Box<Sleep>>),
    /// The half that came must leave the socket before the connection breaks.
    Cut(Pin<Box<Sleep>>),
}

impl Served {
    pub(crate) fn whole(body: Bytes) -> Self {
        Self { promised: body.len() as u64, rest: body, manner: Manner::Whole }
    }

    pub(crate) fn cut(body: &Bytes) -> Self {
        let half = body.slice(..body.len() / 2);
        Self { promised: body.len() as u64, rest: half, manner: Manner::Cut(Box::pin(sleep(Duration::from_millis(20)))) }
    }

    pub(crate) fn drip(body: Bytes, pause: Duration) -> Self {
        Self { promised: body.len() as u64, rest: body, manner: Manner::Drip(pause, Box::pin(sleep(pause))) }
    }
}

impl Body for Served {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let rest = self.rest.len();
        let taken = match &mut self.manner {
            Manner::Cut(sleeping) if rest == 0 => {
                ready!(sleeping.as_mut().poll(context));
                return Poll::Ready(Some(Err(Broken::Reset)));
            }
            Manner::Drip(pause, sleeping) if rest > 0 => {
                ready!(sleeping.as_mut().poll(context));
                *sleeping = Box::pin(sleep(*pause));
                1
            }
            _ => rest,
        };
        let frame = (taken > 0).then(|| Ok(Frame::data(self.rest.split_to(taken))));
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && !matches!(self.manner, Manner::Cut(_))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.promised)
    }
}
