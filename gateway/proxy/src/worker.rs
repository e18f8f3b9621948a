//! What a worker has of its own, beside what it shares.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::state::State;
use crate::upstream::Pools;

/// A worker's own part: its connections to upstreams, its handle of the log, its source of ids.
pub struct Worker {
    /// What all workers share.
    pub state: Arc<State>,
    /// Its connections to upstreams.
    pub pools: Pools,
    /// Its handle of the audit log.
    pub log: store::WorkerLog,
    /// Random bytes drawn ahead: the system is asked once in a few hundred exchanges.
    random: Mutex<Random>,
}

struct Random {
    bytes: [u8; 4096],
    used: usize,
}

impl Worker {
    /// A worker of this state.
    pub fn new(state: Arc<State>) -> Self {
        let log = state.audit.worker();
        Self { pools: Pools::default(), log, random: Mutex::new(Random { bytes: [0; 4096], used: 4096 }), state }
    }

    /// Fresh random bytes, for ids.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut random = self.random.lock();
        if random.used + N > random.bytes.len() {
            // The system's generator does not fail once it runs; if it ever did, ids would still be unique by their time.
            let _ = aws_lc_rs::rand::fill(&mut random.bytes);
            random.used = 0;
        }
        let mut out = [0; N];
        out.copy_from_slice(&random.bytes[random.used..random.used + N]);
        random.used += N;
        out
    }
}
