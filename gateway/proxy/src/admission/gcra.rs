//! The generic cell rate algorithm: a rate with a burst, kept in one atomic.
//!
//! A cell holds the theoretical arrival time of the next request. A request conforms if it comes no earlier than that time
//! less the burst's tolerance. No timer runs and nothing is swept: time does the refilling.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A rate: so many requests in a period, and how many may come at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Nanoseconds between two requests at the steady rate.
    interval: u64,
    /// How many may come at once.
    burst: u64,
}

impl Rate {
    /// `count` requests in `period`, at most `burst` at once. Zero counts as one: a rate of nothing is a missing permit, which
    /// policy expresses.
    pub fn new(count: u64, period: Duration, burst: u64) -> Self {
        let interval = u64::try_from(period.as_nanos()).unwrap_or(u64::MAX) / count.max(1);
        Self { interval: interval.max(1), burst: burst.max(1) }
    }

    /// How many may come at once: `X-RateLimit-Limit`.
    pub fn burst(&self) -> u64 {
        self.burst
    }
}

/// What a cell says to a request, in the terms of the ModI rate-limit headers (RAC_ROBUSTEZZA_001).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    /// Whether the request conforms; if not, nothing was taken.
    pub conforms: bool,
    /// How many may come at once.
    pub limit: u64,
    /// How many more may come right now.
    pub remaining: u64,
    /// Seconds until all of the burst is there again, rounded up.
    pub reset: u64,
    /// Seconds until one more conforms, rounded up; 0 if it does already.
    pub retry_after: u64,
}

/// The state of one limited party. Times are nanoseconds of one monotonic clock.
#[derive(Debug, Default)]
pub struct Cell(AtomicU64);

impl Cell {
    /// Asks for one request at `now`.
    pub fn take(&self, rate: &Rate, now: u64) -> Measure {
        let full = rate.interval.saturating_mul(rate.burst);
        // Under another rate, before a reload, the cell may have been filled far ahead: no more is owed than this one can owe.
        let latest = now.saturating_add(full);
        let mut arrival = self.0.load(Ordering::Relaxed);
        if arrival > latest {
            arrival = self.0.fetch_min(latest, Ordering::AcqRel).min(latest);
        }
        loop {
            let next = arrival.max(now).saturating_add(rate.interval);
            if next > latest {
                return measure(rate, arrival, now, false);
            }
            match self.0.compare_exchange_weak(arrival, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return measure(rate, next, now, true),
                Err(changed) => arrival = changed,
            }
        }
    }
}

fn measure(rate: &Rate, arrival: u64, now: u64, conforms: bool) -> Measure {
    let owed = arrival.saturating_sub(now);
    let full = rate.interval.saturating_mul(rate.burst);
    let remaining = full.saturating_sub(owed) / rate.interval;
    let seconds = |nanos: u64| nanos.div_ceil(1_000_000_000);
    let wait = owed.saturating_add(rate.interval).saturating_sub(full);
    Measure { conforms, limit: rate.burst, remaining, reset: seconds(owed), retry_after: if conforms { 0 } else { seconds(wait).max(1) } }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn counts_down_and_refills() {
        let (rate, cell) = (Rate::new(2, Duration::from_secs(1), 4), Cell::default());
        let mut now = 100 * SECOND;
        let taken: Vec<_> = (0..5).map(|_| cell.take(&rate, now)).map(|m| (m.conforms, m.remaining, m.reset, m.retry_after)).collect();
        assert_eq!(taken, [(true, 3, 1, 0), (true, 2, 1, 0), (true, 1, 2, 0), (true, 0, 2, 0), (false, 0, 2, 1)]);
        now += SECOND / 2;
        assert!(cell.take(&rate, now).conforms);
        assert!(!cell.take(&rate, now).conforms);
        now += 10 * SECOND;
        assert_eq!((0..10).filter(|_| cell.take(&rate, now).conforms).count(), 4);
    }

    #[test]
    fn a_raised_rate_relieves_at_once() {
        let (slow, fast, cell) = (Rate::new(3, Duration::from_hours(1), 3), Rate::new(1000, Duration::from_secs(1), 10), Cell::default());
        let mut now = 100 * SECOND;
        assert_eq!((0..9).filter(|_| cell.take(&slow, now).conforms).count(), 3);
        let spent = cell.take(&fast, now);
        assert_eq!((spent.conforms, spent.remaining, spent.retry_after), (false, 0, 1));
        now += SECOND / 100;
        assert_eq!((0..99).filter(|_| cell.take(&fast, now).conforms).count(), 10);
        assert_eq!(cell.take(&slow, now).remaining, 1, "and what was taken meanwhile counts for little under the slow one");
    }

    proptest! {
        /// In any window, no more than the burst plus what the rate gives in it.
        #[test]
        fn never_exceeds_rate_and_burst(count in 1u64..50, burst in 1u64..20, steps in prop::collection::vec(0u64..SECOND, 1..200)) {
            let (rate, cell) = (Rate::new(count, Duration::from_secs(1), burst), Cell::default());
            let (start, mut now, mut taken) = (SECOND, SECOND, 0);
            for step in steps {
                now += step;
                taken += u64::from(cell.take(&rate, now).conforms);
                let most = burst + (now - start) / (SECOND / count) + 1;
                prop_assert!(taken <= most, "{taken} of at most {most}");
            }
        }

        /// Two workers asking one cell get together what one would.
        #[test]
        fn is_shared(burst in 1u64..200) {
            let (rate, cell) = (Rate::new(1, Duration::from_hours(1), burst), Cell::default());
            let take = || (0..150).filter(|_| cell.take(&rate, SECOND).conforms).count() as u64;
            let taken = std::thread::scope(|scope| {
                let other = scope.spawn(take);
                take() + other.join().unwrap_or_default()
            });
            prop_assert_eq!(taken, burst.min(300));
        }
    }
}
