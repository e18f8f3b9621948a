//! An HTTP/1.1 connection without a task of its own: whoever waits for an answer moves the bytes.
//!
//! A task beside the exchange's would have to be woken for every request and would have to wake the exchange for every answer. Here
//! the exchange is woken by the socket itself. What hyper has between the two sides of a connection (channels with their wakers)
//! stays, but is only ever asked right after the connection was driven, by a waker that wakes nobody.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Sleep;

use crate::body::UpstreamRequestBody;

type Request = http::Request<UpstreamRequestBody>;
type Answered = Result<http::Response<Incoming>, TrySendError<Request>>;

/// The side of a connection that reads and writes. Nothing once it has ended.
type Driver = Option<Pin<Box<dyn Future<Output = hyper::Result<()>> + Send + Sync>>>;

pub(super) struct Http1 {
    sender: http1::SendRequest<UpstreamRequestBody>,
    driver: Driver,
    /// Stays set from one request to the next: to put it off costs next to nothing.
    timer: Pin<Box<Sleep>>,
}

impl Http1 {
    pub(super) async fn handshake<T>(stream: T) -> hyper::Result<Self>
    where
        T: AsyncRead + AsyncWrite + Send + Sync + Unpin + 'static,
    {
        let (sender, driver) = http1::Builder::new().writev(false).handshake(TokioIo::new(stream)).await?;
        Ok(Self { sender, driver: Some(Box::pin(driver)), timer: Box::pin(tokio::time::sleep(Duration::ZERO)) })
    }

    /// Sends a request and waits for the head of its answer, until then: nothing if it did not come.
    pub(super) async fn send(&mut self, request: Request, until: Instant) -> Option<Answered> {
        self.timer.as_mut().reset(until.into());
        let mut answering = std::pin::pin!(self.sender.try_send_request(request));
        std::future::poll_fn(|cx| {
            drive(&mut self.driver, cx);
            match answering.as_mut().poll(&mut nobody()) {
                Poll::Ready(answer) => Poll::Ready(Some(answer)),
                // With the real waker, and last: where tokio's budget for this turn is spent, nothing else would wake us again.
                Poll::Pending => self.timer.as_mut().poll(cx).map(|()| None),
            }
        })
        .await
    }

    /// Reads and writes what can be. The body of an answer has to be asked after this, and not before.
    pub(super) fn drive(&mut self, cx: &mut Context<'_>) {
        drive(&mut self.driver, cx);
    }

    /// Notices what has happened to it, and forgets who last waited for it.
    pub(super) fn settle(&mut self) {
        drive(&mut self.driver, &mut nobody());
    }

    /// Whether it can take a request, as of when it was last driven.
    pub(super) fn is_ready(&self) -> bool {
        self.driver.is_some() && self.sender.is_ready()
    }

    /// Ends it in order: over TLS the other side is told.
    pub(super) fn close(self) {
        let Self { sender, driver, .. } = self;
        drop(sender);
        if let Some(driver) = driver {
            tokio::spawn(driver);
        }
    }
}

fn drive(driver: &mut Driver, cx: &mut Context<'_>) {
    // An error has been given to who waits for the answer; nobody else wants to know of it.
    if driver.as_mut().is_some_and(|driver| driver.as_mut().poll(cx).is_ready()) {
        *driver = None;
    }
}

fn nobody() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

impl fmt::Debug for Http1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http1").field("ready", &self.is_ready()).finish_non_exhaustive()
    }
}
