//! Listeners: sockets, TLS, HTTP/1.1 and h2, and the limits of what a connection may cost.
//!
//! What fails before a request exists (TLS, a malformed head) is no exchange: hyper answers with a bare status or the
//! connection is closed, it is counted by its cause and logged with the peer, as often as the log can bear.

mod connection;
mod heads;
mod lines;
mod paced;
mod proxy_protocol;
mod pulse;
mod running;
mod socket;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::gateway::Gateway;
use crate::metrics::CauseLabels;
use crate::snapshot::Post;
use crate::worker::Worker;

pub(crate) use connection::TRACEPARENT;
pub use lines::Lines;
pub use pulse::Pulses;
pub(crate) use pulse::{Answering, Place};
pub use socket::{BindError, Bound, bind};

/// What a worker needs to serve connections.
#[derive(Clone)]
pub struct Serving {
    /// The worker.
    pub worker: Arc<Worker>,
    /// The stack.
    pub gateway: Gateway,
    /// The connections of this worker, for their limits in time.
    pub pulses: Arc<Pulses>,
    /// The tasks that a drain waits for: connections, and their exchanges.
    pub tasks: TaskTracker,
}

/// Which socket a connection came in by, over all reloads: all workers' sockets of one address have the same.
pub type DoorId = u64;

/// What a worker is told.
#[derive(Debug)]
pub enum Told {
    /// To listen at a socket.
    Open(Opened),
    /// To have the connections that came in by this door end after the requests under way.
    Drain(DoorId),
}

/// A socket to listen at, and for how long.
#[derive(Debug)]
pub struct Opened {
    /// Which it is.
    pub door: DoorId,
    /// Whose it is.
    pub post: Arc<Post>,
    /// The socket.
    pub socket: std::net::TcpListener,
    /// Set when nobody is to be accepted any more: the process ends, or the address is no longer configured.
    pub closing: CancellationToken,
}

/// Accepts until it is closed, then empties the backlog: those who connected before are served.
pub async fn accept(serving: Serving, opened: Opened) {
    let Opened { door: id, post, socket, closing } = opened;
    let socket = match TcpListener::from_std(socket) {
        Ok(socket) => socket,
        Err(error) => {
            tracing::error!(listener = %post.name, %error, "a socket cannot be listened to");
            return;
        }
    };
    let door = Door { id, serving, post };
    let mut waiting = Vec::new();
    loop {
        let accepted = tokio::select! {
            () = closing.cancelled() => break,
            accepted = socket.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                door.cannot_accept(&error);
                // Out of descriptors, say: others must end before the next try can succeed.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        // At the cap one waits here, unread, and the others in the system's backlog, until a connection ends. The place is
        // taken only now: a socket that nobody comes to must not hold one.
        let place = tokio::select! {
            () = closing.cancelled() => None,
            place = door.place() => place,
        };
        let Some(place) = place else {
            waiting.push((stream, peer));
            break;
        };
        door.let_in(stream, peer, place);
    }
    // The socket is closed before anybody is served, so that nobody joins the queue any more.
    waiting.extend(backlog(socket));
    // Those who are here make room for those who wait, and leave like them.
    door.serving.pulses.drain_door(id);
    for (stream, peer) in waiting {
        let Some(place) = door.place().await else { return };
        door.let_in(stream, peer, place);
    }
    door.serving.pulses.drain_door(id);
}

/// Where the connections of one socket come in.
struct Door {
    id: DoorId,
    serving: Serving,
    post: Arc<Post>,
}

impl Door {
    /// Waits for a place among the connections of the listener.
    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        self.post.places.clone().acquire_owned().await.ok()
    }

    fn let_in(&self, stream: TcpStream, peer: SocketAddr, place: OwnedSemaphorePermit) {
        // As configured now: a renewed certificate serves whoever comes after it.
        let listener = self.post.listener.load();
        let limits = &listener.rules.limits;
        let tls = listener.rules.tls.as_ref().map(|tls| TlsAcceptor::from(tls.config.clone()));
        let pulse = self.serving.pulses.connect(limits, self.id);
        let connection = connection::Connection::new(self.serving.clone(), self.post.clone(), &listener.rules, peer, place);
        if listener.rules.proxy_protocol.contains(peer.ip()) {
            self.serving.tasks.spawn(connection.serve_after_proxy_header(stream, tls, pulse, listener.clone()));
        } else {
            self.serving.tasks.spawn(connection.serve(stream, tls, pulse));
        }
    }

    fn cannot_accept(&self, error: &std::io::Error) {
        self.serving.worker.state.metrics.failed_connections.get_or_create(&CauseLabels { cause: "accept" }).inc();
        tracing::warn!(listener = %self.post.name, %error, "a connection could not be accepted");
    }
}

/// Takes whoever waits at a socket out of it, and closes it. The system is asked directly, because the runtime may not have
/// heard yet of those who came last.
fn backlog(socket: TcpListener) -> Vec<(TcpStream, SocketAddr)> {
    let Ok(socket) = socket.into_std() else { return Vec::new() };
    let accept = || {
        let (stream, peer) = socket.accept().ok()?;
        stream.set_nonblocking(true).ok()?;
        Some((TcpStream::from_std(stream).ok()?, peer))
    };
    std::iter::from_fn(accept).take(socket::BACKLOG as usize).collect()
}
