//! Where the admin listener listens, and what of it the network may see.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
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
                Some(socket) => serve_network(tokio::net::TcpListener::from_std(socket)?, metrics_routes(admin.clone())).await,
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

/// The most connections at a time of those who read metrics over the network; more wait in the system's backlog.
const MOST: usize = 64;
/// How long a head may take to come.
const HEAD: Duration = Duration::from_secs(5);
/// How long a connection lives, whatever is asked over it.
const LIFE: Duration = Duration::from_mins(1);

/// Strangers can reach it: each gets little, and few get anything.
async fn serve_network(socket: tokio::net::TcpListener, routes: axum::Router) -> std::io::Result<()> {
    let places = Arc::new(Semaphore::new(MOST));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return Ok(()) };
        let stream = match socket.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection for metrics could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let service = TowerToHyperService::new(routes.clone());
        let connection =
            http1::Builder::new().timer(TokioTimer::new()).header_read_timeout(HEAD).serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async move {
            let _ = tokio::time::timeout(LIFE, connection).await;
            drop(place);
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
            Self::Tcp(socket) => axum::serve(tokio::net::TcpListener::from_std(socket)?, routes).await,
            Self::Unix(socket, _) => axum::serve(tokio::net::UnixListener::from_std(socket)?, routes).await,
        }
    }
}
