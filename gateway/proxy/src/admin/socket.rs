//! Where the admin listener listens, and what of it the network may see.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::{Admin, metrics_routes, routes};
use crate::config::{AdminAddress, AdminRules};
use crate::listener::BindError;
use crate::reload::Reloader;
use crate::state::State;

/// The sockets of the admin listener.
pub struct AdminSockets {
    own: AdminSocket,
    metrics: Option<TcpListener>,
}

impl AdminSockets {
    /// Opens them.
    pub fn open(rules: &AdminRules) -> Result<Self, BindError> {
        let metrics = |address: &SocketAddr| tcp(address).map_err(|source| BindError { address: address.to_string(), source });
        Ok(Self { own: AdminSocket::open(&rules.address)?, metrics: rules.metrics.as_ref().map(metrics).transpose()? })
    }

    /// Where they are: the listener's own, and that of the metrics.
    pub fn names(&self) -> (String, Option<SocketAddr>) {
        (self.own.name(), self.metrics.as_ref().and_then(|socket| socket.local_addr().ok()))
    }

    /// Serves both, for ever.
    pub async fn serve(self, state: Arc<State>, reloader: Arc<Reloader>) -> std::io::Result<()> {
        let admin = Admin { state, reloader, is_guarded: self.own.is_guarded() };
        let metrics = async {
            match self.metrics {
                Some(socket) => serve_tcp(tokio::net::TcpListener::from_std(socket)?, metrics_routes(admin.clone())).await,
                None => std::future::pending().await,
            }
        };
        tokio::try_join!(self.own.serve(routes(admin.clone())), metrics).map(|((), ())| ())
    }
}

fn tcp(address: &SocketAddr) -> std::io::Result<TcpListener> {
    let socket = TcpListener::bind(address)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// The most connections at a time over TCP; more wait in the system's backlog.
const MOST: usize = 256;
/// The most of them from one address; more are closed, so that nobody takes the places of all.
const MOST_OF_ONE: usize = 16;
/// How long a head may take to come.
const HEAD: Duration = Duration::from_secs(3);
/// How long a connection lives, whatever is asked over it: a reload takes its time.
const LIFE: Duration = Duration::from_mins(1);

/// How many connections each address has.
type Callers = Arc<Mutex<HashMap<IpAddr, usize>>>;

/// One connection of an address, until it is dropped.
struct Caller(Callers, IpAddr);

impl Caller {
    fn enter(callers: &Callers, address: IpAddr) -> Option<Self> {
        let mut counts = callers.lock();
        let count = counts.entry(address).or_default();
        (*count < MOST_OF_ONE).then(|| {
            *count += 1;
            Self(callers.clone(), address)
        })
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        let mut counts = self.0.lock();
        if let Some(count) = counts.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.1);
            }
        }
    }
}

/// Strangers can reach it: each gets one answer a connection, and a few connections.
async fn serve_tcp(socket: tokio::net::TcpListener, routes: axum::Router) -> std::io::Result<()> {
    let (places, callers) = (Arc::new(Semaphore::new(MOST)), Callers::default());
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return Ok(()) };
        let (stream, caller) = match socket.accept().await {
            Ok((stream, peer)) => match Caller::enter(&callers, peer.ip().to_canonical()) {
                Some(caller) => (stream, caller),
                None => continue,
            },
            Err(error) => {
                tracing::warn!(%error, "a connection for metrics could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let service = TowerToHyperService::new(routes.clone());
        let mut builder = http1::Builder::new();
        let builder = builder.timer(TokioTimer::new()).header_read_timeout(HEAD).keep_alive(false);
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async move {
            let _ = tokio::time::timeout(LIFE, connection).await;
            drop((place, caller));
        });
    }
}

/// The admin listener's socket.
enum AdminSocket {
    Tcp(TcpListener),
    Unix(std::os::unix::net::UnixListener, PathBuf),
}

impl AdminSocket {
    fn open(address: &AdminAddress) -> Result<Self, BindError> {
        Self::bind(address).map_err(|source| BindError { address: address.to_string(), source })
    }

    fn bind(address: &AdminAddress) -> std::io::Result<Self> {
        match address {
            AdminAddress::Tcp(address) => Ok(Self::Tcp(tcp(address)?)),
            AdminAddress::Socket(path) => {
                if let Some(folder) = path.parent() {
                    std::fs::create_dir_all(folder)?;
                }
                // One that a killed gateway left behind; that no other uses the data folder was made sure of before.
                let _ = std::fs::remove_file(path);
                let socket = std::os::unix::net::UnixListener::bind(path)?;
                // Whoever may write to it may reload: the owner and the group, whatever the umask.
                std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
                socket.set_nonblocking(true)?;
                Ok(Self::Unix(socket, path.clone()))
            }
        }
    }

    /// Whether the system says who may ask: the rights of a socket's folder do, a port of the loopback is anybody's on the machine.
    fn is_guarded(&self) -> bool {
        matches!(self, Self::Unix(..))
    }

    fn name(&self) -> String {
        match self {
            Self::Tcp(socket) => socket.local_addr().map(|address| address.to_string()).unwrap_or_default(),
            Self::Unix(_, path) => path.display().to_string(),
        }
    }

    async fn serve(self, routes: axum::Router) -> std::io::Result<()> {
        match self {
            Self::Tcp(socket) => serve_tcp(tokio::net::TcpListener::from_std(socket)?, routes).await,
            Self::Unix(socket, _) => axum::serve(tokio::net::UnixListener::from_std(socket)?, routes).await,
        }
    }
}
