//! An HTTP/1.1 connection without a task of its own: whoever waits for an answer moves the bytes.
//!
//! A task beside the exchange's would have to be woken for every request and would have to wake the exchange for every answer. Here
//! the exchange is woken by the socket itself. What hyper has between the two sides of a connection (channels with their wakers)
//! stays, but is only ever asked right after the connection was driven, while nobody is woken: an exchange that takes its answer
//! would otherwise wake itself, and be run once more for nothing.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use futures_util::task::AtomicWaker;
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Sleep;

use super::request::Prepared;
use crate::body::UpstreamRequestBody;

type Answered = Result<http::Response<Incoming>, TrySendError<http::Request<UpstreamRequestBody>>>;

/// The side of a connection that reads and writes. Nothing once it has ended.
type Driver = Option<Pin<Box<dyn Future<Output = hyper::Result<()>> + Send + Sync>>>;

pub(super) struct Http1 {
    sender: http1::SendRequest<UpstreamRequestBody>,
    driver: Driver,
    gate: Arc<Gate>,
    /// The gate's own, made once: what hyper and tokio keep of it stays the same from one exchange to the next.
    waker: Waker,
    /// Stays set from one request to the next: to put it off costs next to nothing.
    timer: Pin<Box<Sleep>>,
}

impl Http1 {
    pub(super) async fn handshake<T>(stream: T) -> hyper::Result<Self>
    where
        T: AsyncRead + AsyncWrite + Send + Sync + Unpin + 'static,
    {
        let (sender, driver) = http1::Builder::new().writev(false).handshake(TokioIo::new(stream)).await?;
        let gate = Arc::new(Gate::default());
        let waker = Waker::from(gate.clone());
        Ok(Self { sender, driver: Some(Box::pin(driver)), gate, waker, timer: Box::pin(tokio::time::sleep(Duration::ZERO)) })
    }

    /// Sends a request and waits for the head of its answer, until then: nothing if it did not come.
    pub(super) async fn send(&mut self, request: Prepared, until: Instant) -> Option<Answered> {
        let Self { sender, driver, gate, waker, timer } = self;
        timer.as_mut().reset(until.into());
        let mut answering = std::pin::pin!(sender.try_send_request(*request));
        std::future::poll_fn(|cx| {
            gate.open(cx);
            drive(driver, waker);
            match answering.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(answer) => {
                    gate.close();
                    Poll::Ready(Some(answer))
                }
                // With the real waker, and last: where tokio's budget for this turn is spent, nothing else would wake us again.
                Poll::Pending => timer.as_mut().poll(cx).map(|()| None),
            }
        })
        .await
    }

    /// Reads and writes what can be, and then asks for what has come: the body of an answer has to be asked for after this, and not
    /// before.
    pub(super) fn drive<T>(&mut self, cx: &mut Context<'_>, ask: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        self.gate.open(cx);
        drive(&mut self.driver, &self.waker);
        self.gate.close();
        let asked = ask(cx);
        if asked.is_pending() {
            self.gate.open(cx);
        }
        asked
    }

    /// Notices what has happened to it.
    pub(super) fn settle(&mut self) {
        drive(&mut self.driver, &self.waker);
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

fn drive(driver: &mut Driver, waker: &Waker) {
    // An error has been given to who waits for the answer; nobody else wants to know of it.
    if driver.as_mut().is_some_and(|driver| driver.as_mut().poll(&mut Context::from_waker(waker)).is_ready()) {
        *driver = None;
    }
}

/// Stands between a connection and whoever waits for it. Closed, it lets nobody be woken: by a connection that nobody uses, or by
/// oneself.
#[derive(Default)]
struct Gate(AtomicWaker);

impl Gate {
    fn open(&self, cx: &Context<'_>) {
        self.0.register(cx.waker());
    }

    fn close(&self) {
        self.0.take();
    }
}

impl Wake for Gate {
    fn wake(self: Arc<Self>) {
        self.0.wake();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.wake();
    }
}

impl fmt::Debug for Http1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http1").field("ready", &self.is_ready()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use bytes::Bytes;
    use futures_util::FutureExt as _;
    use http_body_util::BodyExt as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

    use super::*;

    /// Counts how often whoever waits is woken.
    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn get() -> Prepared {
        Box::new(http::Request::new(UpstreamRequestBody::Held(Some(Bytes::new()))))
    }

    async fn answers(mut upstream: DuplexStream, body: &str) -> DuplexStream {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(upstream.read_u8().await.expect("a request"));
        }
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        upstream.write_all(answer.as_bytes()).await.expect("it is read");
        upstream
    }

    #[tokio::test]
    async fn who_takes_an_answer_is_not_woken_by_taking_it() {
        let (ours, theirs) = tokio::io::duplex(4096);
        let mut http1 = Http1::handshake(ours).await.expect("a connection");
        let until = Instant::now() + Duration::from_mins(1);
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        let mut cx = Context::from_waker(&waker);
        let mut upstream = theirs;
        for body in ["one", "two"] {
            let mut sending = Box::pin(http1.send(get(), until));
            assert!(sending.as_mut().poll(&mut cx).is_pending());
            upstream = answers(upstream, body).await;
            assert_eq!(woken.0.swap(0, Ordering::Relaxed), 1, "the answer wakes once");
            let Poll::Ready(Some(Ok(answer))) = sending.as_mut().poll(&mut cx) else { panic!("the answer has come") };
            drop(sending);
            let Some(Ok(read)) = answer.into_body().collect().now_or_never() else { panic!("its body has come with it") };
            assert_eq!(read.to_bytes(), body);
            assert_eq!(woken.0.load(Ordering::Relaxed), 0);
            assert!(http1.is_ready(), "it can take the next request");
        }
    }
}
