//! The process-wide budget of bytes held in bodies.
//!
//! Each listener and e-service limits one body; this limits all of them together, so that many callers at once cannot make
//! the process grow. Where the budget is spent, a request that must be held is refused with 503 and nobody else notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

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

/// A body that is being held: its pieces, counted against the budget as they come.
#[derive(Debug)]
pub struct Gathering {
    lease: Lease,
    announced: usize,
    length: usize,
    pieces: Vec<Bytes>,
}

impl Gathering {
    /// Reserves what was announced first, so that a body that will not fit is refused before it is read. `None`: it will not.
    pub fn begin(budget: &Arc<ByteBudget>, announced: Option<u64>) -> Option<Self> {
        let announced = announced.unwrap_or(0) as usize;
        let mut lease = budget.lease();
        lease.grow(announced).then_some(Self { lease, announced, length: 0, pieces: Vec::new() })
    }

    /// Takes one more piece. `false`: the budget is spent.
    pub fn add(&mut self, piece: Bytes) -> bool {
        self.length += piece.len();
        let fits = self.length <= self.announced || self.lease.grow(piece.len());
        self.pieces.push(piece);
        fits
    }

    /// The whole body, and the lease to be held for as long as it is. Nearly always there is one piece, and nothing is copied.
    pub fn finish(mut self) -> (Bytes, Lease) {
        let whole = if self.pieces.len() == 1 { self.pieces.swap_remove(0) } else { self.pieces.concat().into() };
        (whole, self.lease)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_counted_by_what_was_announced_and_then_by_what_comes() {
        let budget = ByteBudget::new(10);
        assert!(Gathering::begin(&budget, Some(11)).is_none());
        let mut body = Gathering::begin(&budget, Some(4)).expect("it fits");
        assert!(body.add(Bytes::from_static(b"abcd")) && budget.held() == 4);
        assert!(body.add(Bytes::from_static(b"efgh")) && budget.held() == 8);
        assert!(!body.add(Bytes::from_static(b"ijk")), "eleven do not fit");
        let (whole, lease) = Gathering::begin(&budget, None).expect("nothing is announced").finish();
        assert!(whole.is_empty());
        drop((lease, body));
        assert_eq!(budget.held(), 0);
    }

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
