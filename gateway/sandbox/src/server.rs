//! One server of the sandbox: a socket, a switch that makes it misbehave, and the log of what it was asked.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::served::Served;
use crate::{Access, AccessLog, Misbehaviour, Switch};

/// The largest request body that is read.
const BODY_LIMIT: usize = 4 << 20;
/// How long a stopping server waits for what it is doing.
const GRACE: Duration = Duration::from_secs(2);

/// What a server answers, from the whole request; the name of the operation goes to the access log.
pub(crate) trait Service: Send + Sync + 'static {
    fn operation(&self, request: &Request<Bytes>) -> Option<&'static str>;
    fn answer(&self, request: &Request<Bytes>) -> Response<Bytes>;
}

#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) switch: Arc<Switch>,
    pub(crate) log: Arc<AccessLog>,
    stopping: CancellationToken,
    tasks: TaskTracker,
}

#[derive(Clone)]
struct Shared {
    service: Arc<dyn Service>,
    switch: Arc<Switch>,
    log: Arc<AccessLog>,
    stopping: CancellationToken,
}

impl Server {
    /// Serves a socket that is already listening, on the caller's runtime.
    pub(crate) fn start(listener: TcpListener, address: SocketAddr, service: Arc<dyn Service>) -> Self {
        let (switch, log, stopping, tasks) =
            (Arc::<Switch>::default(), Arc::<AccessLog>::default(), CancellationToken::new(), TaskTracker::new());
        let shared = Shared { service, switch: switch.clone(), log: log.clone(), stopping: stopping.clone() };
        tasks.spawn(accept(listener, shared, tasks.clone()));
        Self { address, switch, log, stopping, tasks }
    }

    /// Closes the socket and lets what is under way end, for a short while.
    pub(crate) async fn stop(&self) {
        self.stopping.cancel();
        self.tasks.close();
        let _ = timeout(GRACE, self.tasks.wait()).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}

async fn accept(listener: TcpListener, shared: Shared, tasks: TaskTracker) {
    loop {
        tokio::select! {
            () = shared.stopping.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    tasks.spawn(serve(stream, shared.clone()));
                }
                // Out of descriptors, or a peer that left at once: neither ends the server.
                Err(error) => {
                    tracing::warn!(%error, "the sandbox could not accept a connection");
                    sleep(Duration::from_millis(20)).await;
                }
            },
        }
    }
}

async fn serve(stream: TcpStream, shared: Shared) {
    let _ = stream.set_nodelay(true);
    let stopping = shared.stopping.clone();
    let service = service_fn(move |request| Box::pin(respond(request, shared.clone())));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(30));
    let mut connection = builder.serve_connection(TokioIo::new(stream), service);
    // Without hyper's own shutdown, so that the socket can still be reset, or written to in no protocol at all.
    let ended = tokio::select! {
        ended = poll_fn(|context| connection.poll_without_shutdown(context)) => ended,
        () = stopping.cancelled() => {
            Pin::new(&mut connection).graceful_shutdown();
            match timeout(GRACE, poll_fn(|context| connection.poll_without_shutdown(context))).await {
                Ok(ended) => ended,
                Err(_) => return,
            }
        }
    };
    let mut stream = connection.into_parts().io.into_inner();
    match ended.err().and_then(|error| cause(&error)) {
        Some(Broken::Reset) => drop(stream.set_zero_linger()),
        Some(Broken::NotHttp) => drop(stream.write_all(b"\x16\x03\x01 220 legacy.example ESMTP\r\n\r\n").await),
        None => drop(stream.shutdown().await),
    }
}

/// How a connection ends where there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Broken {
    #[error("the connection is reset on purpose")]
    Reset,
    #[error("what follows is not HTTP, on purpose")]
    NotHttp,
}

fn cause(error: &hyper::Error) -> Option<Broken> {
    std::error::Error::source(error).and_then(|source| source.downcast_ref::<Broken>()).copied()
}

async fn respond(request: Request<Incoming>, shared: Shared) -> Result<Response<Served>, Broken> {
    let (parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_LIMIT).collect().await else {
        return Ok(plain(StatusCode::PAYLOAD_TOO_LARGE));
    };
    let request = Request::from_parts(parts, body.to_bytes());
    shared.log.push(Access {
        at: SystemTime::now(),
        method: request.method().clone(),
        target: request.uri().path_and_query().map(ToString::to_string).unwrap_or_default(),
        operation: shared.service.operation(&request),
        headers: request.headers().clone(),
        body: request.body().clone(),
    });
    let right = shared.service.answer(&request);
    let Some(how) = shared.switch.next() else { return Ok(right.map(Served::whole)) };
    match &how {
        Misbehaviour::Hang => {
            shared.stopping.cancelled().await;
            Err(Broken::Reset)
        }
        Misbehaviour::Delay(delay) => {
            sleep(*delay).await;
            Ok(right.map(Served::whole))
        }
        Misbehaviour::Reset => Err(Broken::Reset),
        Misbehaviour::NotHttp => Err(Broken::NotHttp),
        Misbehaviour::Cut => Ok(right.map(|body| Served::cut(&body))),
        Misbehaviour::Drip(pause) => Ok(right.map(|body| Served::drip(body, *pause))),
        changed => Ok(changed.change(right).map(Served::whole)),
    }
}

fn plain(status: StatusCode) -> Response<Served> {
    let mut response = Response::new(Served::whole(Bytes::new()));
    *response.status_mut() = status;
    response
}
