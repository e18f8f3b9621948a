//! What a worker has of its own, beside what it shares.

use std::sync::Arc;
use std::time::{Duration, Instant};

use exchange::Caller;
use parking_lot::{Mutex, MutexGuard};

use crate::state::State;
use crate::upstream::Pools;

/// How often idle connections are looked at.
const TIDY: Duration = Duration::from_secs(1);

/// A worker's own part: its connections to upstreams, its handle of the log, its source of ids.
pub struct Worker {
    /// Its number.
    pub index: usize,
    /// What all workers share.
    pub state: Arc<State>,
    /// Its connections to upstreams.
    pub pools: Pools,
    /// Its handle of the audit log.
    pub log: store::WorkerLog,
    /// Nobody, for exchanges whose caller need not prove anything.
    pub nobody: Arc<Caller>,
    /// Where records are written before they are appended: as long as the longest so far.
    scratch: Mutex<Vec<u8>>,
    /// Random bytes drawn ahead: the system is asked once in a few hundred exchanges.
    random: Mutex<Random>,
}

struct Random {
    bytes: [u8; 4096],
    used: usize,
}

impl Worker {
    /// The worker of this number.
    pub fn new(index: usize, state: Arc<State>) -> Self {
        let log = state.audit.worker();
        Self {
            index,
            pools: Pools::default(),
            log,
            nobody: Arc::default(),
            scratch: Mutex::default(),
            random: Mutex::new(Random { bytes: [0; 4096], used: 4096 }),
            state,
        }
    }

    /// Closes upstream connections that nobody uses any more, for ever: a task of the worker.
    pub async fn tidy(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(TIDY);
        loop {
            ticks.tick().await;
            self.pools.tidy(Instant::now());
        }
    }

    /// An empty buffer to write a record into.
    pub fn scratch(&self) -> MutexGuard<'_, Vec<u8>> {
        let mut scratch = self.scratch.lock();
        scratch.clear();
        scratch
    }

    /// Fresh random bytes, for ids.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut random = self.random.lock();
        if random.used + N > random.bytes.len() {
            // The system's generator itself, because the library's first needs a tenth of a second to gather entropy of its own.
            // It does not fail once it runs; if it ever did, ids would still be unique by their time.
            let _ = getrandom::fill(&mut random.bytes);
            random.used = 0;
        }
        let mut out = [0; N];
        out.copy_from_slice(&random.bytes[random.used..random.used + N]);
        random.used += N;
        out
    }
}
