//! Work that would hold a worker up is done on its pool, so that its other exchanges do not wait.

use crate::rejection::Rejection;

/// Bodies larger than this are read, checked and mapped on the pool.
const LARGE: usize = 64 << 10;

/// Works on a body of so many bytes: at once if it is small, else on the pool.
pub(super) async fn aside<T: Send + 'static>(bytes: usize, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Rejection> {
    if bytes <= LARGE {
        return Ok(work());
    }
    tokio::task::spawn_blocking(work).await.map_err(|_| Rejection::Internal)
}
