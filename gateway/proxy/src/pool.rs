//! Threads for what would hold a worker up: signatures, and large bodies. One pool for all workers.

use std::sync::Arc;

use prometheus_client::metrics::counter::Counter;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinError;

use crate::metrics::{CauseLabels, Metrics};

/// What the pool is given to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// A large body is decoded, checked or mapped.
    Body,
    /// A message, or who asks, is signed for a provider.
    Signature,
    /// A voucher is asked for, with a signature.
    Token,
}

/// The pool, as whoever has work for it knows it.
#[derive(Clone)]
pub struct Pool {
    threads: Handle,
    /// Places for bodies: a thread is left for what is short, so that whoever sends large ones holds up no others' calls.
    bodies: Arc<Semaphore>,
    /// How much was done, by [`Job`].
    jobs: [Counter; 3],
}

impl Pool {
    /// A pool of so many threads of a runtime.
    pub fn new(threads: Handle, count: usize, metrics: &Metrics) -> Self {
        let jobs = ["body", "signature", "token"].map(|cause| metrics.pool_jobs.get_or_create_owned(&CauseLabels { cause }));
        Self { threads, bodies: Arc::new(Semaphore::new(count.saturating_sub(1).max(1))), jobs }
    }

    /// Works on one of its threads, as soon as one is free. What has begun is finished, whoever goes away. An error is a panic of the work.
    pub async fn run<T: Send + 'static>(&self, job: Job, work: impl FnOnce() -> T + Send + 'static) -> Result<T, JoinError> {
        // It is never closed; without a place the work would only wait elsewhere.
        let _place = if job == Job::Body { self.bodies.acquire().await.ok() } else { None };
        let worked = self.threads.spawn_blocking(work).await;
        self.jobs[job as usize].inc();
        worked
    }
}
