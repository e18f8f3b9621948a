//! The running gateway: threads, their start, and their end.
//!
//! One runtime of one thread for each worker, all listening on the same addresses; one control thread for admin and keys; the
//! committer thread is the audit log's own. Nothing is shared between workers but what [`State`] holds.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use audit::{Event, Record};
use store::AuditLog;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admin::{self, Admin};
use crate::clock;
use crate::config::{AdminAddress, Configuration};
use crate::gateway::gateway;
use crate::listener::{self, BindError, Bound, Pulses, Serving};
use crate::metrics::CommitObserver;
use crate::snapshot::Snapshot;
use crate::state::{State, Way};
use crate::worker::Worker;

/// How many threads of a worker may do what would block it: large bodies, names to be resolved.
const POOL: usize = 4;

/// Why the gateway could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The audit log cannot be opened.
    #[error("the audit log cannot be opened: {0}")]
    Audit(#[from] store::OpenError),
    /// A listener cannot be opened.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// A thread or runtime cannot be made.
    #[error("the system gives no thread: {0}")]
    System(#[from] std::io::Error),
    /// The first record cannot be written.
    #[error("the audit log does not take records: {0}")]
    Record(String),
}

/// How the gateway ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// As asked, with everything finished.
    Drained,
    /// As asked, but exchanges were still under way at the deadline.
    Cut,
    /// The disk under the audit log failed.
    Poisoned,
}

/// A gateway that runs.
pub struct Running {
    /// Where each listener listens, by its name.
    pub addresses: Vec<(Arc<str>, Vec<SocketAddr>)>,
    /// Where the admin listener listens: an address and port, or a path.
    pub admin: Option<String>,
    /// What is shared: for tests and the demo.
    pub state: Arc<State>,
    draining: CancellationToken,
    control: CancellationToken,
    workers: Vec<JoinHandle<bool>>,
    control_thread: Option<JoinHandle<()>>,
    drain: Duration,
}

/// Starts a gateway: the log, the sockets, the threads.
pub fn start(configuration: &Configuration) -> Result<Running, StartError> {
    let mut options = store::Options::new(configuration.audit.origin.clone(), configuration.installation.to_string());
    options.queue_bytes = configuration.audit.queue_bytes as usize;
    options.queue_reserve = options.queue_bytes / 4;
    let observer = Arc::new(CommitObserver::default());
    options.observer = Some(observer.clone());
    let audit = AuditLog::open(Path::new(&configuration.audit.store), options)?;
    let state = Arc::new(State::new(configuration, audit));
    observer.attach(&state.metrics);
    let mut bound = Vec::new();
    for rules in &configuration.listeners {
        bound.push(listener::bind(&rules.addresses, configuration.workers)?);
    }
    let addresses: Vec<Vec<SocketAddr>> = bound.iter().map(|bound| bound.addresses.clone()).collect();
    let snapshot = Arc::new(Snapshot::bind(configuration, &state, &addresses));
    let admin = configuration.admin.as_ref().map(AdminSocket::open).transpose()?;
    let admin_address = admin.as_ref().map(AdminSocket::name);
    // After everything that may be refused: a configuration that never came into force is not said to have.
    note_configuration(&state, &snapshot)?;
    let (draining, control) = (CancellationToken::new(), CancellationToken::new());
    let control_thread = control_thread(state.clone(), snapshot.clone(), admin, control.clone())?;
    let permits: Vec<Arc<Semaphore>> = configuration
        .listeners
        .iter()
        .map(|rules| Arc::new(Semaphore::new(rules.limits.connections.min(Semaphore::MAX_PERMITS))))
        .collect();
    let workers = spawn_workers(configuration, &state, &snapshot, bound, &permits, &draining)?;
    Ok(Running {
        addresses: configuration.listeners.iter().zip(addresses).map(|(rules, addresses)| (rules.name.clone(), addresses)).collect(),
        admin: admin_address,
        state,
        draining,
        control,
        workers,
        control_thread: Some(control_thread),
        drain: configuration.drain,
    })
}

/// Which configuration came into force is a record of its own, so that every later decision can be traced to its text.
fn note_configuration(state: &State, snapshot: &Snapshot) -> Result<(), StartError> {
    let mut record = Record::new(Event::ConfigLoaded, &snapshot.installation, clock::now());
    record.configuration = Some(&snapshot.hash);
    let mut bytes = Vec::new();
    let log = state.audit.worker();
    let written = record.to_jcs(&mut bytes).map_err(|error| error.to_string());
    let ticket = written.and_then(|canonical| log.note(canonical).map_err(|error| error.to_string())).map_err(StartError::Record)?;
    ticket.wait().map(|_| ()).map_err(|error| StartError::Record(error.to_string()))
}

fn spawn_workers(
    configuration: &Configuration,
    state: &Arc<State>,
    snapshot: &Arc<Snapshot>,
    mut bound: Vec<Bound>,
    permits: &[Arc<Semaphore>],
    draining: &CancellationToken,
) -> Result<Vec<JoinHandle<bool>>, StartError> {
    let mut threads = Vec::new();
    for number in 0..configuration.workers {
        let sockets: Vec<_> = bound.iter_mut().map(|bound| std::mem::take(&mut bound.sockets[number])).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(POOL).build()?;
        let worker = Worker::new(number, state.clone());
        let (snapshot, permits, draining) = (snapshot.clone(), permits.to_vec(), draining.clone());
        let drain = configuration.drain;
        let run = move || runtime.block_on(work(Arc::new(worker), snapshot, sockets, permits, draining, drain));
        threads.push(std::thread::Builder::new().name(format!("varco-worker-{number}")).spawn(run)?);
    }
    Ok(threads)
}

/// A worker's life: it accepts until it drains, then waits for what is under way. `true`: all of it finished in time.
async fn work(
    worker: Arc<Worker>,
    snapshot: Arc<Snapshot>,
    sockets: Vec<Vec<std::net::TcpListener>>,
    permits: Vec<Arc<Semaphore>>,
    draining: CancellationToken,
    drain: Duration,
) -> bool {
    tokio::spawn(worker.log.pump());
    tokio::spawn(worker.clone().tidy());
    let pulses = Arc::new(Pulses::default());
    tokio::spawn(pulses.clone().watch());
    let tasks = TaskTracker::new();
    let serving = Serving {
        worker,
        gateway: gateway(),
        snapshot: snapshot.clone(),
        pulses: pulses.clone(),
        draining: draining.clone(),
        tasks: tasks.clone(),
    };
    for ((listener, sockets), permits) in snapshot.listeners.iter().zip(sockets).zip(permits) {
        for socket in sockets {
            tasks.spawn(listener::accept(serving.clone(), listener.clone(), socket, permits.clone()));
        }
    }
    draining.cancelled().await;
    pulses.drain();
    tasks.close();
    tokio::time::timeout(drain, tasks.wait()).await.is_ok()
}

fn control_thread(
    state: Arc<State>,
    snapshot: Arc<Snapshot>,
    admin: Option<AdminSocket>,
    stop: CancellationToken,
) -> Result<JoinHandle<()>, StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let run = move || {
        runtime.block_on(async {
            for issuer in &state.issuers {
                tokio::spawn(issuer.clone().keep_fresh());
            }
            // The cryptographic library gathers entropy when it is first asked for any, which takes it a tenth of a second:
            // here, so that no worker stands still at its first handshake.
            tokio::task::spawn_blocking(|| aws_lc_rs::rand::fill(&mut [0]));
            let routes = admin::routes(Admin { state, snapshot });
            let serving = async {
                match admin {
                    Some(admin) => admin.serve(routes).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                served = serving => if let Err(error) = served { tracing::error!(%error, "the admin listener failed") },
                () = stop.cancelled() => {}
            }
        });
    };
    Ok(std::thread::Builder::new().name("varco-control".into()).spawn(run)?)
}

/// The admin listener's socket.
enum AdminSocket {
    Tcp(std::net::TcpListener),
    Unix(std::os::unix::net::UnixListener, PathBuf),
}

impl AdminSocket {
    fn open(address: &AdminAddress) -> Result<Self, BindError> {
        Self::bind(address).map_err(|source| BindError { address: address.to_string(), source })
    }

    fn bind(address: &AdminAddress) -> std::io::Result<Self> {
        match address {
            AdminAddress::Tcp(address) => {
                let socket = std::net::TcpListener::bind(address)?;
                socket.set_nonblocking(true)?;
                Ok(Self::Tcp(socket))
            }
            AdminAddress::Socket(path) => {
                if let Some(folder) = path.parent() {
                    std::fs::create_dir_all(folder)?;
                }
                // One that a killed gateway left behind; that no other uses the data folder was made sure of before.
                let _ = std::fs::remove_file(path);
                let socket = std::os::unix::net::UnixListener::bind(path)?;
                socket.set_nonblocking(true)?;
                Ok(Self::Unix(socket, path.clone()))
            }
        }
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

impl Running {
    /// The ways of the exchanges from now on. Only one may watch; what it does not take in time is lost to it.
    pub fn watch(&self) -> Option<std::sync::mpsc::Receiver<Way>> {
        let (sender, receiver) = std::sync::mpsc::sync_channel(1024);
        self.state.watcher.set(sender).ok().map(|()| receiver)
    }

    /// A future that ends when the disk under the audit log has failed.
    pub fn poisoned(&self) -> store::Poisoned {
        self.state.audit.poisoned()
    }

    /// Ends the gateway: stop accepting, empty the backlog, finish what is under way, close the log.
    pub fn stop(mut self) -> Ended {
        self.state.draining.store(true, Ordering::Relaxed);
        self.draining.cancel();
        let mut drained = true;
        for worker in self.workers.drain(..) {
            drained &= worker.join().unwrap_or(false);
        }
        self.control.cancel();
        if let Some(control) = self.control_thread.take() {
            let _ = control.join();
        }
        let poisoned = self.state.audit.admits() == store::Admission::Poisoned;
        let closed = self.state.audit.close(self.drain);
        match (poisoned, closed, drained) {
            (true, _, _) => Ended::Poisoned,
            (_, Err(error), _) => {
                tracing::error!(%error, "the audit log could not be closed");
                Ended::Cut
            }
            (_, Ok(()), drained) => {
                if drained {
                    Ended::Drained
                } else {
                    Ended::Cut
                }
            }
        }
    }
}
