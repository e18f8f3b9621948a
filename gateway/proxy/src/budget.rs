//! The process-wide budget of bytes held in bodies.
//!
//! Each listener and e-service limits one body; this limits all of them together, so that many callers at once cannot make
//! the process grow. Where the budget is spent, a request that must be held is refused with 503 and nobody else notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many bytes may be held, and are.
#[derive(Debug)]
pub struct ByteBudget {
    limit: u64,
    held: AtomicU64,
}

impl ByteBudget {
    /// A budget of so many bytes.
    pub fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self { limit, held: AtomicU64::new(0) })
    }

    /// An empty lease, to be grown as bytes come.
    pub fn lease(self: &Arc<Self>) -> Lease {
        Lease { budget: self.clone(), bytes: 0 }
    }

    /// How many bytes are held now.
    pub fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }
}

/// Bytes taken from the budget; they go back when it is dropped.
#[derive(Debug)]
pub struct Lease {
    budget: Arc<ByteBudget>,
    bytes: u64,
}

impl Lease {
    /// Takes more. `false`: the budget is spent and nothing was taken.
    pub fn grow(&mut self, bytes: usize) -> bool {
        let bytes = bytes as u64;
        let limit = self.budget.limit;
        let grown = self
            .budget
            .held
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |held| held.checked_add(bytes).filter(|&held| held <= limit));
        if grown.is_ok() {
            self.bytes += bytes;
        }
        grown.is_ok()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.budget.held.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_and_gives_back() {
        let budget = ByteBudget::new(10);
        let (mut one, mut other) = (budget.lease(), budget.lease());
        assert!(one.grow(6) && !other.grow(5) && other.grow(4));
        assert_eq!(budget.held(), 10);
        drop(one);
        assert!(other.grow(6));
        drop(other);
        assert_eq!(budget.held(), 0);
    }
}
