//! The retry budget of one upstream: retries are a share of requests, so that an outage is not multiplied by its callers.

use std::sync::atomic::{AtomicI64, Ordering};

/// Tenths of a retry that may be held back: 10 retries.
const MOST: i64 = 100;

/// Each request puts in a tenth of a retry, each retry takes out a whole one: 10 % in the long run.
#[derive(Debug)]
pub struct RetryBudget(AtomicI64);

impl Default for RetryBudget {
    /// Full, so that the first failures after a start can be retried.
    fn default() -> Self {
        Self(AtomicI64::new(MOST))
    }
}

impl RetryBudget {
    /// A request was sent for the first time.
    pub fn deposit(&self) {
        if self.0.load(Ordering::Relaxed) < MOST {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether one retry may be paid for; it is then paid.
    pub fn withdraw(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |tenths| (tenths >= 10).then_some(tenths - 10)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allows_one_retry_in_ten_requests() {
        let budget = RetryBudget::default();
        assert_eq!((0..20).filter(|_| budget.withdraw()).count(), 10);
        (0..1000).for_each(|_| budget.deposit());
        assert_eq!((0..20).filter(|_| budget.withdraw()).count(), 10, "what is saved up is bounded");
        (0..35).for_each(|_| budget.deposit());
        assert_eq!((0..20).filter(|_| budget.withdraw()).count(), 3);
    }
}
