//! Listeners: sockets, TLS, HTTP/1.1 and h2, and the limits of what a connection may cost.
//!
//! What fails before a request exists (TLS, a malformed head) is no exchange: hyper answers with a bare status or the
//! connection is closed, it is counted by its cause and logged with the peer.

mod connection;
mod pulse;
mod socket;

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::gateway::Gateway;
use crate::metrics::CauseLabels;
use crate::snapshot::{Listener, Snapshot};
use crate::worker::Worker;

pub use pulse::Pulses;
pub use socket::{BindError, Bound, bind};

/// What a worker needs to serve connections.
#[derive(Clone)]
pub struct Serving {
    /// The worker.
    pub worker: Arc<Worker>,
    /// The stack.
    pub gateway: Gateway,
    /// The configuration.
    pub snapshot: Arc<Snapshot>,
    /// The connections of this worker, for their limits in time.
    pub pulses: Arc<Pulses>,
    /// Set when the worker begins to drain.
    pub draining: CancellationToken,
    /// The tasks that a drain waits for: connections and exchanges.
    pub tasks: TaskTracker,
}

/// Accepts until the worker drains, then empties the backlog: those who connected before the drain are served.
pub async fn accept(serving: Serving, listener: Arc<Listener>, socket: std::net::TcpListener, permits: Arc<Semaphore>) {
    let socket = match TcpListener::from_std(socket) {
        Ok(socket) => socket,
        Err(error) => {
            tracing::error!(listener = %listener.rules.name, %error, "a socket cannot be listened to");
            return;
        }
    };
    let tls = listener.rules.tls.clone().map(TlsAcceptor::from);
    loop {
        // At the cap nothing is accepted: who comes waits in the system's backlog until a connection ends.
        let permit = tokio::select! {
            () = serving.draining.cancelled() => break,
            permit = permits.clone().acquire_owned() => permit,
        };
        let Ok(permit) = permit else { break };
        let accepted = tokio::select! {
            () = serving.draining.cancelled() => break,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let connection = connection::Connection::new(serving.clone(), listener.clone(), peer, permit);
                serving.tasks.spawn(connection.serve(stream, tls.clone()));
            }
            Err(error) => {
                serving.worker.state.metrics.failed_connections.get_or_create(&CauseLabels { cause: "accept" }).inc();
                tracing::warn!(listener = %listener.rules.name, %error, "a connection could not be accepted");
                // Out of descriptors, say: others must end before the next try can succeed.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    empty_backlog(&serving, &listener, &socket, &permits, tls.as_ref());
}

fn empty_backlog(serving: &Serving, listener: &Arc<Listener>, socket: &TcpListener, permits: &Arc<Semaphore>, tls: Option<&TlsAcceptor>) {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    while let Ok(permit) = permits.clone().try_acquire_owned() {
        let std::task::Poll::Ready(Ok((stream, peer))) = socket.poll_accept(&mut context) else { return };
        let connection = connection::Connection::new(serving.clone(), listener.clone(), peer, permit);
        serving.tasks.spawn(connection.serve(stream, tls.cloned()));
    }
}
