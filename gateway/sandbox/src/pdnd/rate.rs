use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use uuid::Uuid;

/// How many vouchers an organisation may ask in an interval; a fifth more in a burst, as in production.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenRate {
    /// How many in an interval.
    pub limit: u32,
    /// The interval.
    pub interval: Duration,
}

impl Default for TokenRate {
    fn default() -> Self {
        Self { limit: 450, interval: Duration::from_secs(1) }
    }
}

/// One bucket for each organisation. There are as many as the registry has tenants.
#[derive(Debug)]
pub(crate) struct Buckets {
    rate: TokenRate,
    buckets: Mutex<HashMap<Uuid, Bucket>>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

/// What the headers say after a request was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowance {
    pub(crate) rate: TokenRate,
    pub(crate) remaining: u32,
    pub(crate) allowed: bool,
}

impl Buckets {
    pub(crate) fn new(rate: TokenRate) -> Self {
        Self { rate, buckets: Mutex::default() }
    }

    /// Counts one request.
    pub(crate) fn take(&self, organisation: Uuid, now: Instant) -> Allowance {
        let burst = f64::from(self.rate.limit) * 1.2;
        let mut buckets = self.buckets.lock();
        let bucket = buckets.entry(organisation).or_insert(Bucket { left: burst, at: now });
        let gained = now.saturating_duration_since(bucket.at).as_secs_f64() / self.rate.interval.as_secs_f64() * f64::from(self.rate.limit);
        bucket.left = (bucket.left + gained).min(burst);
        bucket.at = now;
        let allowed = bucket.left >= 1.0;
        if allowed {
            bucket.left -= 1.0;
        }
        // What is told counts down from the limit; the burst comes after it reads 0.
        let told = bucket.left - (burst - f64::from(self.rate.limit));
        Allowance { rate: self.rate, remaining: told.max(0.0) as u32, allowed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let buckets = Buckets::new(TokenRate { limit: 5, interval: Duration::from_secs(1) });
        let (now, one, other) = (Instant::now(), Uuid::from_u128(1), Uuid::from_u128(2));
        let taken: Vec<bool> = (0..7).map(|_| buckets.take(one, now).allowed).collect();
        assert_eq!(taken, [true, true, true, true, true, true, false]);
        assert!(buckets.take(other, now).allowed, "one organisation does not empty another's");
        let later = buckets.take(one, now + Duration::from_millis(600));
        assert_eq!((later.allowed, later.remaining), (true, 1));
        assert_eq!(buckets.take(Uuid::from_u128(3), now).remaining, 4);
    }
}
