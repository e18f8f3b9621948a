//! Work that would hold a worker up is done on the pool, so that its other exchanges do not wait.

use futures_util::future::BoxFuture;

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
pub(super) fn aside<T, W>(exchange: &Exchange, work: W) -> BoxFuture<'_, Result<T, Rejection>>
where
    T: Send + 'static,
    W: FnOnce() -> T + Send + 'static,
{
    let pool = &exchange.worker.state.pool;
    Box::pin(async move { pool.run(Job::Body, work).await.map_err(|_| Rejection::Internal) })
}

/// Signs on the pool: an RSA signature takes the better part of a millisecond.
pub(super) async fn signing<T: Send + 'static>(exchange: &Exchange, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Rejection> {
    exchange.worker.state.pool.run(Job::Signature, work).await.map_err(|_| Rejection::Internal)
}
