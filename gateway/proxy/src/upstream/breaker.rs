//! The circuit breaker of one upstream, counted over all workers.
//!
//! Closed until `failures` in a row; then open for a while, in which nobody waits for a dead system; then half-open, in which
//! a few probes at a time may try, and the first success closes it. All of it is three atomics: no request takes a lock.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// When an upstream counts as dead, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerRules {
    /// Failures in a row that open it.
    pub failures: u32,
    /// How long it stays open.
    pub open_for: Duration,
    /// How many requests at a time may probe when it is half-open.
    pub probes: u32,
}

impl Default for BreakerRules {
    fn default() -> Self {
        Self { failures: 5, open_for: Duration::from_secs(10), probes: 1 }
    }
}

/// The state of the breaker. Times are milliseconds of any monotonic clock that all workers share.
#[derive(Debug, Default)]
pub struct Breaker {
    failures: AtomicU32,
    /// 0: closed. Else: open until then, and half-open from then on.
    open_until: AtomicU64,
    probing: AtomicU32,
}

/// What a request may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// Go on.
    Closed,
    /// Go on, as one of the few that try whether the upstream lives.
    Probe,
    /// Not now; the upstream is tried again after so many milliseconds.
    Open(u64),
}

impl Breaker {
    /// Asks before a request. Whoever gets [`Passage::Probe`] must report [`Breaker::succeeded`] or [`Breaker::failed`], or
    /// [`Breaker::abandoned`].
    ///
    /// The time is asked for only if it matters.
    pub fn ask(&self, rules: &BreakerRules, now: impl FnOnce() -> u64) -> Passage {
        let until = self.open_until.load(Ordering::Acquire);
        if until == 0 {
            return Passage::Closed;
        }
        let now = now();
        if now < until {
            return Passage::Open(until - now);
        }
        let probes =
            self.probing.fetch_update(Ordering::AcqRel, Ordering::Acquire, |probing| (probing < rules.probes).then_some(probing + 1));
        if probes.is_ok() { Passage::Probe } else { Passage::Open(1000) }
    }

    /// The upstream answered, whatever it said.
    pub fn succeeded(&self, passage: Passage) {
        if passage == Passage::Probe {
            self.open_until.store(0, Ordering::Release);
            self.end_probe();
        }
        // Read before write: the line stays shared between the cores as long as all goes well.
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Release);
        }
    }

    /// The upstream could not be reached or did not answer.
    pub fn failed(&self, passage: Passage, rules: &BreakerRules, now: u64) {
        let failures = self.failures.fetch_add(1, Ordering::AcqRel).saturating_add(1);
        if passage == Passage::Probe || failures >= rules.failures {
            self.open_until.store(now + rules.open_for.as_millis() as u64, Ordering::Release);
        }
        if passage == Passage::Probe {
            self.end_probe();
        }
    }

    /// The request said nothing about the upstream: its caller's body broke, say.
    pub fn abandoned(&self, passage: Passage) {
        if passage == Passage::Probe {
            self.end_probe();
        }
    }

    fn end_probe(&self) {
        // Ends at zero even if the rules changed in between.
        let _ = self.probing.fetch_update(Ordering::AcqRel, Ordering::Acquire, |probing| probing.checked_sub(1));
    }

    /// For the metrics: 0 closed, 1 half-open, 2 open.
    pub fn level(&self, now: u64) -> u8 {
        match self.open_until.load(Ordering::Acquire) {
            0 => 0,
            until if now >= until => 1,
            _ => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_probes_and_closes() {
        let rules = BreakerRules { failures: 3, open_for: Duration::from_millis(100), probes: 1 };
        let breaker = Breaker::default();
        for now in 0..2 {
            assert_eq!(breaker.ask(&rules, || now), Passage::Closed);
            breaker.failed(Passage::Closed, &rules, now);
        }
        breaker.succeeded(Passage::Closed);
        for now in 10..13 {
            assert_eq!(breaker.ask(&rules, || now), Passage::Closed, "a success in between starts the count anew");
            breaker.failed(Passage::Closed, &rules, now);
        }
        assert_eq!(breaker.ask(&rules, || 50), Passage::Open(62));
        assert_eq!(breaker.level(50), 2);
        assert_eq!(breaker.ask(&rules, || 112), Passage::Probe);
        assert_eq!(breaker.ask(&rules, || 112), Passage::Open(1000), "one probe at a time");
        breaker.failed(Passage::Probe, &rules, 120);
        assert_eq!(breaker.ask(&rules, || 121), Passage::Open(99));
        assert_eq!(breaker.ask(&rules, || 220), Passage::Probe);
        breaker.abandoned(Passage::Probe);
        assert_eq!(breaker.ask(&rules, || 220), Passage::Probe);
        breaker.succeeded(Passage::Probe);
        assert_eq!((breaker.ask(&rules, || 221), breaker.level(221)), (Passage::Closed, 0));
    }
}
