//! The running gateway: threads, their start, and their end.
//!
//! One runtime of one thread for each worker, all listening on the same addresses; one control thread for admin and keys; the
//! committer thread is the audit log's own. Nothing is shared between workers but what [`State`] holds.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use store::AuditLog;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admin::AdminSockets;
use crate::config::Configuration;
use crate::gateway::gateway;
use crate::listener::{self, BindError, Pulses, Serving, Told};
use crate::metrics::CommitObserver;
use crate::plan::Plan;
use crate::reload::{Prepared, ReloadError, Reloader};
use crate::siem;
use crate::state::{State, Way};
use crate::worker::Worker;

/// How many sockets a worker takes from the system at a time. Each part of an exchange's way is then run for some dozens of exchanges in
/// a row, and what they hold still fits the caches. Measured with 64 connections on one core: 2 % less time an exchange than with all.
const SOCKETS_A_ROUND: usize = 32;
/// How many tasks a worker runs before it asks the system again: enough for all of a round. Measured like that: 3 % less time than with
/// tokio's 61.
const TASKS_A_ROUND: u32 = 256;
/// How many names a worker may have resolved at a time: the system's resolver blocks, each on a thread.
const RESOLVING: usize = 4;

/// How many sockets may wait for a worker to take them.
const SOCKETS: usize = 4096;

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
    /// The configuration cannot be put in force.
    #[error(transparent)]
    Force(#[from] ReloadError),
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

/// The threads of the workers; each tells whether it finished what it had begun.
type Workers = Vec<JoinHandle<bool>>;

/// A gateway that runs.
pub struct Running {
    /// Where the admin listener listens: an address and port, or a path.
    pub admin: Option<String>,
    /// Where its metrics listen for the network, if they do.
    pub metrics: Option<SocketAddr>,
    /// What is shared: for tests and the demo.
    pub state: Arc<State>,
    /// The configuration in force.
    pub reloader: Arc<Reloader>,
    ending: CancellationToken,
    /// Ends the control thread.
    stopping: CancellationToken,
    workers: Workers,
    control_thread: Option<JoinHandle<()>>,
    drain: Duration,
}

/// Starts a gateway: the log, the sockets, the threads.
pub fn start(configuration: Configuration) -> Result<Running, StartError> {
    let configuration = Arc::new(configuration);
    let mut options = store::Options::new(configuration.audit.origin.clone(), configuration.node.to_string());
    options.queue_bytes = configuration.audit.queue_bytes as usize;
    options.queue_reserve = options.queue_bytes / 4;
    let observer = Arc::new(CommitObserver::default());
    options.observer = Some(observer.clone());
    let audit = AuditLog::open(Path::new(&configuration.audit.store), options)?;
    let control = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let pool = pool(configuration.pool_threads)?;
    let state = Arc::new(State::new(&configuration, audit, control.handle().clone(), pool.handle().clone()));
    observer.attach(&state.metrics);
    let first = Prepared::first(&configuration, &state)?;
    let admin = configuration.admin.as_ref().map(AdminSockets::open).transpose()?;
    let (admin_address, metrics_address) = admin.as_ref().map(AdminSockets::names).unzip();
    first.recall(None, &state)?;
    let (ending, stopping) = (CancellationToken::new(), CancellationToken::new());
    let (workers, doors) = spawn_workers(&configuration, &state, &ending)?;
    let reloader = Reloader::begin(first, state.clone(), doors, control.handle().clone(), ending.clone())?;
    let control_thread = control_thread(control, pool, reloader.clone(), state.clone(), admin, stopping.clone())?;
    Ok(Running {
        admin: admin_address,
        metrics: metrics_address.flatten(),
        state,
        reloader,
        ending,
        stopping,
        workers,
        control_thread: Some(control_thread),
        drain: configuration.drain,
    })
}

/// Threads and nothing else: a runtime that nobody drives.
fn pool(threads: usize) -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().max_blocking_threads(threads).thread_name("varco-pool").build()
}

fn spawn_workers(
    configuration: &Configuration,
    state: &Arc<State>,
    ending: &CancellationToken,
) -> Result<(Workers, Vec<mpsc::Sender<Told>>), StartError> {
    let (mut threads, mut doors) = (Vec::new(), Vec::new());
    for number in 0..configuration.workers {
        let (door, told) = mpsc::channel(SOCKETS);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_io_events_per_tick(SOCKETS_A_ROUND)
            .event_interval(TASKS_A_ROUND)
            .max_blocking_threads(RESOLVING)
            .build()?;
        let worker = Worker::new(number, state.clone());
        let (ending, drain) = (ending.clone(), configuration.drain);
        let run = move || runtime.block_on(work(Arc::new(worker), told, ending, drain));
        threads.push(std::thread::Builder::new().name(format!("varco-worker-{number}")).spawn(run)?);
        doors.push(door);
    }
    Ok((threads, doors))
}

/// A worker's life: it accepts until the process ends, then waits for what is under way. `true`: all of it finished in time.
async fn work(worker: Arc<Worker>, mut told: mpsc::Receiver<Told>, ending: CancellationToken, drain: Duration) -> bool {
    tokio::spawn(worker.log.pump());
    tokio::spawn(worker.clone().tidy());
    let pulses = Arc::new(Pulses::default());
    tokio::spawn(pulses.clone().watch());
    let tasks = TaskTracker::new();
    let serving = Serving { worker, gateway: gateway(), pulses: pulses.clone(), tasks: tasks.clone() };
    loop {
        tokio::select! {
            // First, so that whoever has connected to a socket that was just opened is served even so.
            biased;
            Some(told) = told.recv() => match told {
                Told::Open(opened) => { tasks.spawn(listener::accept(serving.clone(), opened)); }
                Told::Drain(door) => pulses.drain_door(door),
            },
            () = ending.cancelled() => break,
        }
    }
    pulses.drain();
    tasks.close();
    tokio::time::timeout(drain, tasks.wait()).await.is_ok()
}

fn control_thread(
    runtime: Runtime,
    pool: Runtime,
    reloader: Arc<Reloader>,
    state: Arc<State>,
    admin: Option<AdminSockets>,
    stop: CancellationToken,
) -> Result<JoinHandle<()>, StartError> {
    let run = move || {
        runtime.block_on(async {
            // The cryptographic library gathers entropy when it is first asked for any, which takes it a tenth of a second:
            // here, so that no worker stands still at its first handshake.
            tokio::task::spawn_blocking(|| aws_lc_rs::rand::fill(&mut [0]));
            let configuration = reloader.current().configuration.clone();
            if let Some(rules) = &configuration.siem {
                let metrics = state.metrics.siem(format!("{}:{}", rules.host, rules.port));
                let (known, store, node) = (reloader.clone(), configuration.audit.store.clone(), configuration.node.clone());
                tokio::spawn(siem::send(move || known.current().configuration.siem.clone(), store, node, metrics));
            }
            #[cfg(feature = "otlp")]
            let exporters = configuration.otlp.as_ref().map(|rules| crate::otlp::begin(rules, &state, &reloader));
            let serving = async {
                match admin {
                    Some(admin) => admin.serve(state, reloader).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                served = serving => if let Err(error) = served { tracing::error!(%error, "the admin listener failed") },
                () = stop.cancelled() => {}
            }
            #[cfg(feature = "otlp")]
            if let Some(exporters) = exporters {
                exporters.shut_down().await;
            }
        });
        // A configuration that is being read, from a disk that does not answer, keeps nobody from ending.
        runtime.shutdown_background();
        pool.shutdown_background();
    };
    Ok(std::thread::Builder::new().name("varco-control".into()).spawn(run)?)
}

impl Running {
    /// Where each listener listens now, by its name.
    pub fn addresses(&self) -> Vec<(Arc<str>, Vec<SocketAddr>)> {
        self.reloader.current().listeners.iter().map(|listener| (listener.rules.name.clone(), listener.addresses.clone())).collect()
    }

    /// Reads the configuration again and puts it in force; tells what has changed.
    pub fn reload(&self) -> Result<Plan, ReloadError> {
        self.reloader.reload()
    }

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
        self.ending.cancel();
        let mut drained = true;
        for worker in self.workers.drain(..) {
            drained &= worker.join().unwrap_or(false);
        }
        self.stopping.cancel();
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
