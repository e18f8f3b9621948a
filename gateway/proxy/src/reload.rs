//! Putting a configuration in force: at the start, and again while exchanges go on.
//!
//! Both go the same way. Everything that may be refused comes first and changes nothing: what needs a restart, sockets, the
//! record that says which configuration is in force from now on. Then every listener's [`Post`] is given its new listener, workers
//! get the sockets that are new, and those no longer configured are closed as a shutdown closes them: their backlog is served, their
//! connections end after the requests under way.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use audit::{Event, Record};
use document::Fault;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use crate::admin::ListenerStatus;
use crate::clock;
use crate::config::{self, Configuration};
use crate::keys::Issuer;
use crate::listener::{BindError, Bound, DoorId, Lines, Opened, Told, bind};
use crate::plan::{Plan, Word};
use crate::recall::recall;
use crate::snapshot::{Listener, Post, Snapshot};
use crate::state::State;
use crate::upstream;
use crate::watch::{Seen, watch};

/// How often it is looked whether a snapshot that was replaced is still in use.
const SWEEP: Duration = Duration::from_secs(1);

/// Why a configuration did not come into force. The one before goes on.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// It has faults.
    #[error("the configuration cannot be used; the one before goes on")]
    Faults(Vec<Fault>),
    /// Something in it can only be changed by a restart: what, by its names in the configuration.
    #[error("only a restart can change {}", .0.join(", "))]
    NeedsRestart(Vec<Word>),
    /// A listener cannot be opened.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// It cannot be recorded that it is in force, or not be read what was consumed of its quotas.
    #[error("the audit log cannot be used: {0}")]
    Record(String),
    /// The process ends.
    #[error("the gateway is ending")]
    Ending,
}

/// The configuration in force, and what it takes to put another in its place.
pub struct Reloader {
    state: Arc<State>,
    current: ArcSwap<Snapshot>,
    /// Where each worker takes sockets from.
    workers: Vec<mpsc::Sender<Told>>,
    /// Where keys are kept fresh.
    control: Handle,
    ending: CancellationToken,
    /// Where it is recorded which configuration is in force.
    log: store::WorkerLog,
    /// One reload at a time. It may take long, where a file is read from a disk that does not answer.
    turn: Mutex<()>,
    /// Never held while anything is read.
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    posts: HashMap<Arc<str>, Arc<Post>>,
    sockets: Vec<Listening>,
    doors: DoorId,
    /// Replaced, and perhaps in use still. They are dropped here and not by the last exchange, which would make its worker wait.
    replaced: Vec<Arc<Snapshot>>,
    /// Ends the checks of upstreams' addresses that the configuration in force asks for.
    checks: CancellationToken,
}

/// An address that is listened to.
struct Listening {
    listener: Arc<str>,
    /// As it is configured.
    address: SocketAddr,
    /// Port 0 resolved.
    resolved: SocketAddr,
    closing: CancellationToken,
    door: DoorId,
}

/// A configuration that nothing speaks against, with the sockets that it needs and nobody has yet.
pub(crate) struct Prepared {
    snapshot: Arc<Snapshot>,
    sockets: Vec<(Arc<str>, SocketAddr, Bound)>,
}

impl Prepared {
    /// The first configuration of a process.
    pub(crate) fn first(configuration: &Arc<Configuration>, state: &State) -> Result<Self, ReloadError> {
        Self::new(configuration, state, &[], configuration.workers)
    }

    fn new(configuration: &Arc<Configuration>, state: &State, listening: &[Listening], workers: usize) -> Result<Self, ReloadError> {
        let mut sockets = Vec::new();
        let mut addresses = Vec::new();
        for rules in &configuration.listeners {
            let mut resolved = Vec::new();
            for &address in &rules.addresses {
                let open = listening.iter().find(|open| open.listener == rules.name && open.address == address);
                resolved.push(if let Some(open) = open {
                    open.resolved
                } else {
                    let bound = bind(address, workers)?;
                    let at = bound.address;
                    sockets.push((rules.name.clone(), address, bound));
                    at
                });
            }
            addresses.push(resolved);
        }
        Ok(Self { snapshot: Arc::new(Snapshot::bind(configuration, state, &addresses)), sockets })
    }

    /// Recalls from the log what was consumed of quotas that the configuration before did not count.
    pub(crate) fn recall(&self, before: Option<&Snapshot>, state: &State) -> Result<(), ReloadError> {
        recall(&self.snapshot, before, state).map_err(|error| ReloadError::Record(error.to_string()))
    }

    /// Which configuration is in force is a record of its own, so that every later decision can be traced to its text.
    pub(crate) fn note(&self, log: &store::WorkerLog) -> Result<(), ReloadError> {
        let mut record = Record::new(Event::ConfigLoaded, &self.snapshot.common.node, clock::now());
        record.configuration = Some(&self.snapshot.common.hash);
        let mut bytes = Vec::new();
        let written = record.to_jcs(&mut bytes).map_err(|error| error.to_string());
        let ticket = written.and_then(|canonical| log.note(canonical).map_err(|error| error.to_string())).map_err(ReloadError::Record)?;
        ticket.wait().map(|_| ()).map_err(|error| ReloadError::Record(error.to_string()))
    }
}

impl Reloader {
    /// Puts the first configuration in force.
    pub(crate) fn begin(
        first: Prepared,
        state: Arc<State>,
        workers: Vec<mpsc::Sender<Told>>,
        control: Handle,
        ending: CancellationToken,
    ) -> Result<Arc<Self>, ReloadError> {
        let current = ArcSwap::new(first.snapshot.clone());
        let (log, turn, inner) = (state.audit.worker(), Mutex::default(), Mutex::default());
        let this = Arc::new(Self { state, current, workers, control, ending, log, turn, inner });
        first.note(&this.log)?;
        let seen = Seen::first(&first.snapshot.configuration);
        this.put_in_force(&mut this.inner.lock(), first)?;
        this.control.spawn(watch(Arc::downgrade(&this), seen));
        let sweeping = Arc::downgrade(&this);
        this.control.spawn(async move {
            let mut ticks = tokio::time::interval(SWEEP);
            loop {
                ticks.tick().await;
                let Some(this) = sweeping.upgrade() else { return };
                // While a configuration is on its way, what it has asked the state for must stay: this can wait for another tick.
                if let Some(_turn) = this.turn.try_lock() {
                    this.sweep(&mut this.inner.lock());
                }
            }
        });
        Ok(this)
    }

    /// The snapshot in force.
    pub fn current(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Where it listens, and for how many more connections there is room.
    pub(crate) fn listeners(&self) -> Vec<ListenerStatus> {
        let inner = self.inner.lock();
        let status = |listener: &Arc<Listener>| ListenerStatus {
            name: listener.rules.name.to_string(),
            addresses: listener.addresses.iter().map(ToString::to_string).collect(),
            free: inner.posts.get(&listener.rules.name).map_or(0, |post| post.places.available_permits()),
        };
        self.current().listeners.iter().map(status).collect()
    }

    /// What [`Reloader::reload`] would change. Reads and compiles files: not for a worker.
    pub fn plan(&self) -> Result<Plan, ReloadError> {
        Ok(Plan::between(&self.current().configuration, &self.read()?))
    }

    /// Reads the configuration again and puts it in force; tells what has changed. Not for a worker.
    pub fn reload(&self) -> Result<Plan, ReloadError> {
        let _turn = self.turn.lock();
        let result = self.try_reload();
        match &result {
            Ok(plan) if plan.is_empty() => tracing::info!("the configuration was read again; nothing in it has changed"),
            Ok(plan) => tracing::info!(changes = %plan.summary(), "the configuration was read again and is in force"),
            Err(error) => {
                tracing::error!(%error, "the configuration was not reloaded; the one before goes on");
                if let ReloadError::Faults(faults) = error {
                    for fault in faults {
                        tracing::error!("{fault}");
                    }
                }
            }
        }
        result
    }

    fn try_reload(&self) -> Result<Plan, ReloadError> {
        let configuration = Arc::new(self.read()?);
        let plan = Plan::between(&self.current().configuration, &configuration);
        if !plan.needs_restart.is_empty() {
            return Err(ReloadError::NeedsRestart(plan.needs_restart));
        }
        if self.ending.is_cancelled() {
            return Err(ReloadError::Ending);
        }
        let prepared = {
            let inner = self.inner.lock();
            Prepared::new(&configuration, &self.state, &inner.sockets, self.workers.len())?
        };
        prepared.recall(Some(&self.current()), &self.state)?;
        prepared.note(&self.log)?;
        self.put_in_force(&mut self.inner.lock(), prepared)?;
        Ok(plan)
    }

    fn read(&self) -> Result<Configuration, ReloadError> {
        let loaded = config::load(&self.current().configuration.path);
        loaded.configuration.ok_or(ReloadError::Faults(loaded.faults))
    }

    fn put_in_force(&self, inner: &mut Inner, prepared: Prepared) -> Result<(), ReloadError> {
        let Prepared { snapshot, sockets } = prepared;
        // Before any exchange sees the new listeners: the issuers' keys are those that their vouchers will be held against.
        let new = self.state.keep(&snapshot);
        let has_changed = !new.is_empty() || self.current().keyed().count() != snapshot.keyed().count();
        for issuer in new {
            self.control.spawn(Issuer::keep_fresh(issuer));
        }
        snapshot.keyed().for_each(|issuer| issuer.read_file());
        self.check(inner, &snapshot);
        for listener in &snapshot.listeners {
            self.post(inner, listener)?;
        }
        if has_changed {
            // After the last exchange could begin under the rules that it was verified by.
            self.state.vouchers.forget();
        }
        let replaced = self.current.swap(snapshot.clone());
        if !Arc::ptr_eq(&replaced, &snapshot) {
            inner.replaced.push(replaced);
        }
        for (listener, address, bound) in sockets {
            self.open(inner, &listener, address, bound)?;
        }
        let rules = |open: &Listening| snapshot.configuration.listeners.iter().find(|rules| rules.name == open.listener);
        inner.sockets.retain(|open| {
            let stays = rules(open).is_some_and(|rules| rules.addresses.contains(&open.address));
            if !stays {
                open.closing.cancel();
            }
            stays
        });
        inner.posts.retain(|name, _| snapshot.listeners.iter().any(|listener| listener.rules.name == *name));
        self.sweep(inner);
        Ok(())
    }

    /// Has the addresses of upstreams asked whether they live, as this configuration says.
    fn check(&self, inner: &mut Inner, snapshot: &Snapshot) {
        std::mem::replace(&mut inner.checks, self.ending.child_token()).cancel();
        for service in snapshot.services() {
            for (upstream, address) in service.addresses() {
                let Some(checks) = &upstream.rules.checks else {
                    address.health.unchecked();
                    continue;
                };
                let (name, ended) = (service.definition.name.clone(), inner.checks.clone());
                self.control.spawn(upstream::check(name, address.clone(), upstream.rules.clone(), checks.clone(), ended));
            }
        }
    }

    /// Gives a listener to those who look for it at its post.
    fn post(&self, inner: &mut Inner, listener: &Arc<Listener>) -> Result<(), ReloadError> {
        let most = |listener: &Listener| listener.rules.limits.connections.min(Semaphore::MAX_PERMITS);
        let Some(post) = inner.posts.get(&listener.rules.name) else {
            let name = listener.rules.name.clone();
            let places = Arc::new(Semaphore::new(most(listener)));
            let post = Post { name: name.clone(), listener: ArcSwap::new(listener.clone()), places, lines: Lines::default() };
            inner.posts.insert(name, Arc::new(post));
            return Ok(());
        };
        let replaced = post.listener.swap(listener.clone());
        if replaced.rules.admits != listener.rules.admits {
            // Who was let in without what is asked now, a certificate of these authorities say, does not stay.
            for open in inner.sockets.iter().filter(|open| open.listener == listener.rules.name) {
                self.tell(|| Told::Drain(open.door))?;
            }
        }
        let (before, now) = (most(&replaced), most(listener));
        if now > before {
            post.places.add_permits(now - before);
        }
        let places = post.places.clone();
        self.control.spawn(async move {
            // Fewer places than are taken: as connections end, their places go.
            for _ in now..before {
                if let Ok(place) = places.acquire().await {
                    place.forget();
                }
            }
        });
        Ok(())
    }

    /// Tells every worker.
    fn tell(&self, told: impl Fn() -> Told) -> Result<(), ReloadError> {
        self.workers.iter().try_for_each(|worker| worker.try_send(told()).map_err(|_| ReloadError::Ending))
    }

    fn open(&self, inner: &mut Inner, listener: &Arc<str>, address: SocketAddr, bound: Bound) -> Result<(), ReloadError> {
        let closing = self.ending.child_token();
        inner.doors += 1;
        for (worker, socket) in self.workers.iter().zip(bound.sockets) {
            let opened = Opened { door: inner.doors, post: inner.posts[listener].clone(), socket, closing: closing.clone() };
            worker.try_send(Told::Open(opened)).map_err(|_| ReloadError::Ending)?;
        }
        tracing::info!(%listener, address = %bound.address, "listening");
        inner.sockets.push(Listening { listener: listener.clone(), address, resolved: bound.address, closing, door: inner.doors });
        Ok(())
    }

    /// Drops what no exchange uses any more.
    fn sweep(&self, inner: &mut Inner) {
        let is_used = |snapshot: &Arc<Snapshot>| snapshot.listeners.iter().any(|listener| Arc::strong_count(listener) > 1);
        let before = inner.replaced.len();
        inner.replaced.retain(is_used);
        if inner.replaced.is_empty() && before > 0 {
            self.state.forget_all_but(&self.current());
        }
    }
}
