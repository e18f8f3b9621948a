//! Work that would hold a worker up is done on the pool, so that its other exchanges do not wait.

use crate::exchange::Exchange;
use crate::pool::Job;
use crate::rejection::Rejection;

/// Bodies larger than this are read, checked and mapped on the pool.
const LARGE: usize = 64 << 10;

/// Whether a body of so many bytes is worked on aside.
pub(super) fn is_large(bytes: usize) -> bool {
    bytes > LARGE
}

/// Works on a large body on the pool. Boxed, so that the many small ones do not pay for its place.
pub(super) async fn aside<T: Send + 'static>(exchange: &Exchange, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Rejection> {
    Box::pin(async { exchange.worker.state.pool.run(Job::Body, work).await.map_err(|_| Rejection::Internal) }).await
}

/// Signs on the pool: an RSA signature takes the better part of a millisecond.
pub(super) async fn signing<T: Send + 'static>(exchange: &Exchange, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Rejection> {
    exchange.worker.state.pool.run(Job::Signature, work).await.map_err(|_| Rejection::Internal)
}
