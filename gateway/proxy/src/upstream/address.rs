//! The addresses of one upstream: which of them is asked next, and which are left alone for a while.
//!
//! What is known of each is counted over all workers: who asks it now, how often it failed in a row, what its checks said. One that
//! fails is left alone (ejected) for a time and then comes back with a small share that grows. Where none is left, all are
//! tried: whether the upstream as a whole is dead is the breaker's to say.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use super::PoolPlace;

/// Where a connection is made to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// A name or an address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Its share beside the others.
    pub weight: u32,
    /// Whether it is reached without the proxy.
    pub direct: bool,
}

/// How one of several addresses is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Balance {
    /// The one with the fewest requests under way for its weight.
    #[default]
    LeastLoaded,
    /// Each as often as its weight says.
    Weighted,
}

/// When an address that fails is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EjectionRules {
    /// Failures in a row.
    pub failures: u32,
    /// For how long.
    pub time: Duration,
    /// How long after that until it has its whole share again.
    pub slow_return: Duration,
}

impl Default for EjectionRules {
    fn default() -> Self {
        Self { failures: 3, time: Duration::from_secs(10), slow_return: Duration::from_secs(30) }
    }
}

/// How addresses are asked whether they live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckRules {
    /// The path that is asked for with GET; 2xx means it lives.
    pub path: String,
    /// How often.
    pub every: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
    /// Failures in a row after which it counts as down.
    pub fall: u32,
    /// Successes in a row after which it is up again.
    pub rise: u32,
}

/// What is known of one address; it outlives a reload. Times are milliseconds of [`crate::clock::millis`].
#[derive(Debug, Default)]
pub struct Health {
    load: AtomicU32,
    failures: AtomicU32,
    /// Left alone until then; 0: never was.
    ejected_until: AtomicU64,
    down: AtomicBool,
    /// Checks in a row that say the opposite of `down`.
    contrary: AtomicU32,
    /// Since when it is up again after checks said that it was down.
    up_since: AtomicU64,
}

/// What an address can be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is asked.
    Up,
    /// It failed and is left alone for a while.
    Ejected,
    /// Its checks fail.
    Down,
}

/// All of its share, in thousandths.
const WHOLE: u64 = 1000;
/// With how much of it an address comes back.
const SMALL: u64 = 50;

impl Health {
    /// What it can be used for now.
    pub fn standing(&self, now: u64) -> Standing {
        if self.down.load(Ordering::Acquire) {
            Standing::Down
        } else if now < self.ejected_until.load(Ordering::Acquire) {
            Standing::Ejected
        } else {
            Standing::Up
        }
    }

    /// How much of its share it gets now, in thousandths; 0 if it is left alone.
    fn share(&self, rules: &EjectionRules, now: u64) -> u64 {
        if self.standing(now) != Standing::Up {
            return 0;
        }
        let back = self.ejected_until.load(Ordering::Acquire).max(self.up_since.load(Ordering::Acquire));
        let slow = rules.slow_return.as_millis() as u64;
        let passed = now.saturating_sub(back);
        if back == 0 || passed >= slow { WHOLE } else { (passed * WHOLE / slow).max(SMALL) }
    }

    /// It answered.
    pub fn succeeded(&self) {
        // Read before write, as the breaker does.
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Release);
        }
    }

    /// It could not be reached, or did not answer. Tells whether it is left alone from now on.
    pub fn failed(&self, rules: &EjectionRules, now: u64) -> bool {
        let failures = self.failures.fetch_add(1, Ordering::AcqRel).saturating_add(1);
        if failures < rules.failures {
            return false;
        }
        // Until it has answered once, one failure more is enough.
        self.failures.store(rules.failures - 1, Ordering::Release);
        let was_alone = self.standing(now) == Standing::Ejected;
        self.ejected_until.store(now + rules.time.as_millis() as u64, Ordering::Release);
        !was_alone
    }

    /// A check has ended. Tells whether it changed what is thought of it.
    pub fn checked(&self, rules: &CheckRules, lives: bool, now: u64) -> bool {
        let down = self.down.load(Ordering::Acquire);
        if lives != down {
            self.contrary.store(0, Ordering::Release);
            return false;
        }
        let contrary = self.contrary.fetch_add(1, Ordering::AcqRel).saturating_add(1);
        let needed = if down { rules.rise } else { rules.fall };
        if contrary < needed {
            return false;
        }
        self.contrary.store(0, Ordering::Release);
        if down {
            self.up_since.store(now, Ordering::Release);
        }
        self.down.store(!down, Ordering::Release);
        true
    }

    /// Its checks are no longer asked for: nothing would say that it is up again.
    pub fn unchecked(&self) {
        self.down.store(false, Ordering::Release);
    }
}

/// An address with what is known of it, and where each worker keeps its connections.
#[derive(Clone, Debug)]
pub struct Address {
    /// Where.
    pub endpoint: Endpoint,
    /// What is known.
    pub health: Arc<Health>,
    /// The connections.
    pub pool: PoolPlace,
}

/// One more request under way at an address, until it is dropped.
#[derive(Debug)]
pub(super) struct Load(Arc<Health>);

impl Load {
    pub(super) fn on(health: &Arc<Health>) -> Self {
        health.load.fetch_add(1, Ordering::AcqRel);
        Self(health.clone())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.0.load.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The most addresses of one upstream.
pub const MOST_ADDRESSES: usize = 64;

/// Some of the addresses of one upstream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Places(u64);

impl Places {
    pub(super) fn contains(self, place: usize) -> bool {
        self.0 >> place & 1 == 1
    }

    pub(super) fn insert(&mut self, place: usize) {
        self.0 |= 1 << place;
    }

    pub(super) fn len(self) -> usize {
        self.0.count_ones() as usize
    }
}

/// The address to ask. `turn` counts requests, so that equals take turns; `tried` have failed this one already.
pub(super) fn choose(addresses: &[Address], balance: Balance, rules: &EjectionRules, tried: Places, turn: u64, now: u64) -> usize {
    // Looked at once each: what others learn meanwhile would make the parts another sum than the whole.
    let mut shares = [0; MOST_ADDRESSES];
    let shares = &mut shares[..addresses.len()];
    let untried = |(at, _): &(usize, &mut u64)| !tried.contains(*at);
    for (at, share) in shares.iter_mut().enumerate().filter(untried) {
        *share = u64::from(addresses[at].endpoint.weight) * addresses[at].health.share(rules, now);
    }
    if shares.iter().all(|share| *share == 0) {
        for (at, share) in shares.iter_mut().enumerate().filter(untried) {
            *share = u64::from(addresses[at].endpoint.weight) * WHOLE;
        }
    }
    match balance {
        Balance::LeastLoaded => least_loaded(addresses, shares, turn),
        Balance::Weighted => weighted(shares, turn),
    }
}

fn least_loaded(addresses: &[Address], shares: &[u64], turn: u64) -> usize {
    let count = addresses.len();
    let first = (turn % count as u64) as usize;
    let candidates = (0..count).map(|step| (first + step) % count).filter(|&at| shares[at] > 0);
    // Requests for each part of the share, the new one included; compared without dividing.
    let load = |at: usize| (u64::from(addresses[at].health.load.load(Ordering::Acquire)) + 1, shares[at]);
    let less = |one: (u64, u64), other: (u64, u64)| one.0 * other.1 < other.0 * one.1;
    candidates
        .fold(None, |best: Option<usize>, at| if best.is_none_or(|best| less(load(at), load(best))) { Some(at) } else { best })
        .unwrap_or(first)
}

/// Spreads turns over the shares in a fixed order that looks like none.
fn weighted(shares: &[u64], turn: u64) -> usize {
    let total: u64 = shares.iter().sum();
    if total == 0 {
        return (turn % shares.len() as u64) as usize;
    }
    // The golden ratio of 2^64: successive turns fall evenly over the whole.
    let point = ((u128::from(turn.wrapping_mul(0x9e37_79b9_7f4a_7c15)) * u128::from(total)) >> 64) as u64;
    let mut below = 0;
    shares
        .iter()
        .position(|share| {
            below += share;
            point < below
        })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: EjectionRules = EjectionRules { failures: 2, time: Duration::from_secs(10), slow_return: Duration::from_secs(10) };

    fn addresses(weights: &[u32]) -> Vec<Address> {
        let address = |weight: &u32| Address {
            endpoint: Endpoint { host: "h".into(), port: 1, weight: *weight, direct: false },
            health: Arc::default(),
            pool: PoolPlace::default(),
        };
        weights.iter().map(address).collect()
    }

    /// How often each is chosen in so many turns at this time, each request staying under way or not.
    fn chosen(addresses: &[Address], balance: Balance, turns: u64, now: u64, stays: bool) -> Vec<usize> {
        let mut counts = vec![0; addresses.len()];
        let mut loads = Vec::new();
        for turn in 0..turns {
            let at = choose(addresses, balance, &RULES, Places::default(), turn, now);
            counts[at] += 1;
            if stays {
                loads.push(Load::on(&addresses[at].health));
            }
        }
        counts
    }

    #[test]
    fn each_is_asked_for_its_weight() {
        assert_eq!(chosen(&addresses(&[1, 1, 1]), Balance::LeastLoaded, 300, 1, false), [100, 100, 100]);
        assert_eq!(chosen(&addresses(&[1, 3]), Balance::LeastLoaded, 400, 1, true), [100, 300]);
        let weighted = chosen(&addresses(&[1, 3]), Balance::Weighted, 400, 1, false);
        assert!((99..=101).contains(&weighted[0]) && weighted[0] + weighted[1] == 400, "{weighted:?}");
    }

    #[test]
    fn one_that_fails_is_left_alone_and_comes_back_slowly() {
        for balance in [Balance::LeastLoaded, Balance::Weighted] {
            let addresses = addresses(&[1, 1]);
            let health = &addresses[0].health;
            health.failed(&RULES, 1_000);
            health.succeeded();
            health.failed(&RULES, 1_000);
            assert_eq!(health.standing(1_000), Standing::Up, "not in a row");
            assert!(health.failed(&RULES, 1_000) && !health.failed(&RULES, 1_000), "told once");
            assert_eq!(health.standing(10_999), Standing::Ejected);
            assert_eq!(chosen(&addresses, balance, 100, 10_999, true)[0], 0, "{balance:?}");
            let mut last = 0;
            for (now, least, most) in [(11_000, 3, 7), (13_000, 12, 22), (16_000, 28, 38), (21_000, 48, 52)] {
                let now_chosen = chosen(&addresses, balance, 100, now, true)[0];
                assert!((least..=most).contains(&now_chosen) && now_chosen >= last, "{balance:?} {now}: {now_chosen}");
                last = now_chosen;
            }
            assert!(health.failed(&RULES, 30_000), "it has not answered yet: one failure more is enough");
            health.succeeded();
            assert!(!health.failed(&RULES, 50_000));
        }
    }

    #[test]
    fn where_none_is_left_all_are_tried() {
        let addresses = addresses(&[1, 1]);
        for address in &addresses {
            address.health.failed(&RULES, 1);
            address.health.failed(&RULES, 1);
        }
        assert_eq!(chosen(&addresses, Balance::LeastLoaded, 100, 2, false), [50, 50]);
        for (failed, expected) in [(0, 1), (1, 0)] {
            let mut tried = Places::default();
            tried.insert(failed);
            assert_eq!(choose(&addresses, Balance::Weighted, &RULES, tried, 7, 2), expected, "not the one that just failed");
        }
    }

    #[test]
    fn checks_say_down_and_up_after_some_in_a_row() {
        let rules = CheckRules { path: "/".into(), every: Duration::from_secs(1), timeout: Duration::from_secs(1), fall: 2, rise: 3 };
        let health = Health::default();
        let steps: [(bool, bool, Standing); 9] = [
            (false, false, Standing::Up),
            (true, false, Standing::Up),
            (false, false, Standing::Up),
            (false, true, Standing::Down),
            (false, false, Standing::Down),
            (true, false, Standing::Down),
            (true, false, Standing::Down),
            (true, true, Standing::Up),
            (true, false, Standing::Up),
        ];
        for (at, (lives, changed, standing)) in steps.into_iter().enumerate() {
            assert_eq!((health.checked(&rules, lives, 1_000), health.standing(1_000)), (changed, standing), "step {at}");
        }
        assert_eq!(health.share(&RULES, 1_000), SMALL, "it comes back slowly");
        assert_eq!(health.share(&RULES, 11_000), WHOLE);
    }
}
