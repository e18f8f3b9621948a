use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use exchange::Timestamp;

use crate::{Jwks, TrustError};

/// When the keys of an issuer are fetched, as decisions over a clock handed in; the fetching is somebody else's.
///
/// Exchanges do not come here: they take the current [`DatedKeys`], which the last [`KeyRing::loaded`] gave and whoever
/// fetches publishes to them. Only one that meets an unknown key asks [`KeyRing::look`], under whatever lock guards the
/// ring. Whoever fetches keeps one fetch in flight, calls [`KeyRing::started`] before it and then [`KeyRing::loaded`] or
/// [`KeyRing::failed`].
#[derive(Debug)]
pub struct KeyRing {
    rules: KeyRingRules,
    keys: Option<Arc<DatedKeys>>,
    /// When the keys were fetched; for keys from a file, never.
    fetched_at: Option<Timestamp>,
    failed_at: Option<Timestamp>,
    /// Since when a fetch is under way.
    started_at: Option<Timestamp>,
    /// Whether a look asked for a fetch that has not begun.
    asked: bool,
    /// When an unknown key last caused a fetch.
    forced_at: Option<Timestamp>,
    /// Ids that a fetch did not find, and until when that is believed; the oldest first.
    refused: VecDeque<(Box<str>, Timestamp)>,
}

/// The durations of a [`KeyRing`], and its bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRingRules {
    /// How long after a fetch the next one is due: an hour.
    pub refresh_after: Duration,
    /// How long after a failed fetch the next one is due: half a minute.
    pub retry_after: Duration,
    /// The least time between two fetches caused by unknown keys, so that inventing them floods nobody: a minute.
    pub forced_apart: Duration,
    /// How long an id that a fetch did not find is refused without another: a minute.
    pub refused_for: Duration,
    /// How many such ids are remembered: 256.
    pub refused_ids: usize,
    /// How long keys are used that cannot be fetched again: a day.
    pub longest_age: Duration,
    /// How long a fetch may take before it counts as lost: half a minute.
    pub fetch_deadline: Duration,
}

impl Default for KeyRingRules {
    fn default() -> Self {
        Self {
            refresh_after: Duration::from_hours(1),
            retry_after: Duration::from_secs(30),
            forced_apart: Duration::from_mins(1),
            refused_for: Duration::from_mins(1),
            refused_ids: 256,
            longest_age: Duration::from_hours(24),
            fetch_deadline: Duration::from_secs(30),
        }
    }
}

/// The keys of an issuer and until when they may be used.
#[derive(Debug)]
pub struct DatedKeys {
    keys: Jwks,
    /// When they were fetched, and until when another fetch should have come.
    fetched: Option<(Timestamp, Timestamp)>,
    usable_until: Option<Timestamp>,
}

impl DatedKeys {
    /// Keys that stay usable, because nobody publishes others: those of a file that is the only source.
    pub fn fixed(keys: Jwks) -> Self {
        Self { keys, fetched: None, usable_until: None }
    }

    /// Seconds since they were fetched, if they are older than they should be, because their issuer cannot be reached.
    pub fn overdue(&self, now: Timestamp) -> Option<u64> {
        let (at, due) = self.fetched?;
        (now > due).then(|| since(Some(at), now).as_secs())
    }

    /// The keys, unless they are too old: then nobody can be believed, and that is not the caller's fault.
    pub fn at(&self, now: Timestamp) -> Option<&Jwks> {
        self.usable_until.is_none_or(|until| now < until).then_some(&self.keys)
    }
}

/// What is to be done about a key.
#[derive(Clone, Debug)]
pub enum KeyLook {
    /// It is in these keys, which may be newer than those it was missed in.
    Known(Arc<DatedKeys>),
    /// Fetch, or wait for the fetch under way, and look again.
    RefreshThenRetry,
    /// The issuer does not have it.
    Unknown,
    /// There are no keys that may be used.
    Unavailable {
        /// Seconds until another attempt is worth while.
        retry_after: u32,
    },
}

impl KeyRing {
    /// A ring that has no keys yet; a fetch is due at once.
    pub fn new(rules: KeyRingRules) -> Self {
        let none = None;
        Self {
            rules,
            keys: None,
            fetched_at: none,
            failed_at: none,
            started_at: none,
            asked: false,
            forced_at: none,
            refused: VecDeque::new(),
        }
    }

    /// A ring that starts with keys kept from before, from a file for instance. They are usable as long as fetched ones
    /// are, and a fetch is due at once.
    #[must_use]
    pub fn preloaded(rules: KeyRingRules, keys: Jwks, now: Timestamp) -> Self {
        let mut ring = Self::new(rules);
        ring.keys = Some(ring.dated(keys, now));
        ring
    }

    /// Another ring with the same keys, for as long as they were to be used: under rules that have changed. A fetch is due at once.
    #[must_use]
    pub fn succeeded_by(&self, rules: KeyRingRules) -> Self {
        Self { keys: self.keys.clone(), ..Self::new(rules) }
    }

    /// The last good keys, if there were any, however old.
    pub fn keys(&self) -> Option<&Arc<DatedKeys>> {
        self.keys.as_ref()
    }

    /// When the keys were fetched, for whoever watches their age.
    pub fn fetched_at(&self) -> Option<Timestamp> {
        self.fetched_at
    }

    /// What to do about a key that the exchange did not find in the keys it held.
    pub fn look(&mut self, kid: &str, now: Timestamp) -> KeyLook {
        let Some((dated, keys)) = self.keys.as_ref().and_then(|dated| Some((dated, dated.at(now)?))) else {
            return self.without_keys(now);
        };
        if keys.key(kid).is_some() {
            return KeyLook::Known(dated.clone());
        }
        self.forget_refused(now);
        if self.refused.iter().any(|(refused, _)| **refused == *kid) {
            return KeyLook::Unknown;
        }
        if self.in_flight(now) {
            return KeyLook::RefreshThenRetry;
        }
        if since(self.forced_at, now) >= self.rules.forced_apart && since(self.failed_at, now) >= self.rules.retry_after {
            // Under way from here on, so that whoever asks before the fetch begins joins it.
            (self.forced_at, self.started_at, self.asked) = (Some(now), Some(now), true);
            return KeyLook::RefreshThenRetry;
        }
        self.refuse(kid, now);
        KeyLook::Unknown
    }

    fn without_keys(&mut self, now: Timestamp) -> KeyLook {
        let waited = since(self.failed_at, now);
        if self.in_flight(now) {
            return KeyLook::RefreshThenRetry;
        }
        if waited >= self.rules.retry_after {
            (self.started_at, self.asked) = (Some(now), true);
            return KeyLook::RefreshThenRetry;
        }
        KeyLook::Unavailable { retry_after: seconds_up(self.rules.retry_after.saturating_sub(waited)).max(1) }
    }

    /// Whether keys should be fetched now, whoever asks for one.
    pub fn due(&self, now: Timestamp) -> bool {
        !self.in_flight(now)
            && since(self.fetched_at, now) >= self.rules.refresh_after
            && since(self.failed_at, now) >= self.rules.retry_after
    }

    /// Whether whoever fetches should begin now: because keys are due, or because a look asked for them. However many ask,
    /// one fetch answers them.
    pub fn wants(&self, now: Timestamp) -> bool {
        self.asked || self.due(now)
    }

    /// A fetch begins.
    pub fn started(&mut self, now: Timestamp) {
        self.started_at = Some(now);
        self.asked = false;
    }

    /// A fetch brought these keys. They are the ones to publish to the exchanges.
    pub fn loaded(&mut self, keys: Jwks, now: Timestamp) -> Arc<DatedKeys> {
        let dated = self.dated(keys, now);
        self.keys = Some(dated.clone());
        self.fetched_at = Some(now);
        self.failed_at = None;
        self.started_at = None;
        dated
    }

    /// A fetch failed, or brought what is no key set: the last good keys stay.
    pub fn failed(&mut self, now: Timestamp) {
        self.failed_at = Some(now);
        self.started_at = None;
    }

    fn dated(&self, keys: Jwks, now: Timestamp) -> Arc<DatedKeys> {
        // One fetch that fails may be chance.
        let due = after(now, self.rules.refresh_after + 2 * self.rules.retry_after);
        Arc::new(DatedKeys { keys, fetched: Some((now, due)), usable_until: Some(after(now, self.rules.longest_age)) })
    }

    /// A fetch that never ended must not keep the next one from beginning.
    fn in_flight(&self, now: Timestamp) -> bool {
        since(self.started_at, now) < self.rules.fetch_deadline
    }

    /// That an issuer does not have a key was learnt when its keys were fetched, and is believed from then on.
    fn refuse(&mut self, kid: &str, now: Timestamp) {
        let Some(until) = self.fetched_at.map(|learnt| after(learnt, self.rules.refused_for)) else { return };
        if until <= now {
            return;
        }
        if self.refused.len() >= self.rules.refused_ids {
            self.refused.pop_front();
        }
        if self.rules.refused_ids > 0 {
            self.refused.push_back((kid.into(), until));
        }
    }

    fn forget_refused(&mut self, now: Timestamp) {
        self.refused.retain(|(_, until)| now < *until);
    }
}

impl KeyLook {
    /// The refusal that this look ends in when nothing more is to be done about it.
    pub fn refusal(&self, kid: &str) -> Option<TrustError> {
        match self {
            Self::Known(_) => None,
            Self::Unknown => Some(TrustError::UnknownKey { kid: kid.into() }),
            // Asked for again after a fetch: the fetch failed.
            Self::RefreshThenRetry => Some(TrustError::KeysUnavailable { retry_after: 1 }),
            Self::Unavailable { retry_after } => Some(TrustError::KeysUnavailable { retry_after: *retry_after }),
        }
    }
}

/// How long ago an event was; one that never was, or lies ahead because the clock was set back, is as long ago as can be, so
/// that no interval waits for it.
pub(crate) fn since(event: Option<Timestamp>, now: Timestamp) -> Duration {
    let nanos = event.and_then(|event| now.nanos().checked_sub(event.nanos()));
    nanos.and_then(|nanos| u64::try_from(nanos).ok()).map_or(Duration::MAX, Duration::from_nanos)
}

pub(crate) fn after(event: Timestamp, duration: Duration) -> Timestamp {
    event.plus_nanos(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
}

pub(crate) fn seconds_up(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    /// What happens at a second, and what is seen then.
    enum Step {
        Look(&'static str, &'static str),
        Due(bool),
        Wants(bool),
        Started,
        Loaded,
        Failed,
    }
    use Step::{Due, Failed, Loaded, Look, Started, Wants};

    fn check(mut ring: KeyRing, steps: &[(i64, Step)]) {
        for (second, step) in steps {
            let now = Timestamp::from_seconds(1_795_282_000 + second);
            match step {
                Look(kid, expected) => {
                    let look = match ring.look(kid, now) {
                        KeyLook::Known(keys) => {
                            assert!(keys.at(now).is_some_and(|keys| keys.key(kid).is_some()));
                            "known".to_owned()
                        }
                        KeyLook::RefreshThenRetry => "refresh".to_owned(),
                        KeyLook::Unknown => "unknown".to_owned(),
                        KeyLook::Unavailable { retry_after } => format!("unavailable {retry_after}"),
                    };
                    assert_eq!(look, *expected, "{kid} at {second} s");
                }
                Due(expected) => assert_eq!(ring.due(now), *expected, "due at {second} s"),
                Wants(expected) => assert_eq!(ring.wants(now), *expected, "wants at {second} s"),
                Started => ring.started(now),
                Loaded => drop(ring.loaded(sample::jwks(), now)),
                Failed => ring.failed(now),
            }
        }
    }

    #[test]
    fn starts_without_keys() {
        check(
            KeyRing::new(KeyRingRules::default()),
            &[
                (0, Due(true)),
                (0, Look(sample::KID, "refresh")),
                (0, Started),
                (0, Due(false)),
                (1, Look("other", "refresh")),
                (2, Failed),
                (2, Look(sample::KID, "unavailable 30")),
                (11, Look(sample::KID, "unavailable 21")),
                (31, Due(false)),
                (32, Due(true)),
                (32, Look(sample::KID, "refresh")),
                (32, Started),
                (33, Loaded),
                (33, Look(sample::KID, "known")),
            ],
        );
    }

    #[test]
    fn asks_again_for_unknown_keys_once_a_minute() {
        check(
            KeyRing::new(KeyRingRules::default()),
            &[
                (0, Loaded),
                (10, Look("new", "refresh")),
                // Joins the fetch, whatever the key.
                (10, Look("newer", "refresh")),
                (11, Loaded),
                (11, Look("new", "unknown")),
                (11, Look("newer", "unknown")),
                (69, Look("newest", "unknown")),
                (70, Look("newest", "unknown")), // refused until a minute after the fetch that did not find it
                (70, Look("another", "refresh")),
                (71, Failed),
                (71, Look("another", "unknown")),
                (130, Look("newest", "refresh")),
            ],
        );
    }

    #[test]
    fn however_many_ask_one_fetch_is_wanted() {
        check(
            KeyRing::new(KeyRingRules::default()),
            &[
                (0, Wants(true)),
                (0, Loaded),
                (10, Wants(false)),
                (10, Look("new", "refresh")),
                (10, Look("newer", "refresh")),
                (10, Wants(true)),
                (10, Started),
                (10, Look("newest", "refresh")),
                (10, Wants(false)),
                (11, Loaded),
                (11, Wants(false)),
            ],
        );
    }

    #[test]
    fn unknown_keys_do_not_press_a_source_that_fails() {
        check(
            KeyRing::new(KeyRingRules::default()),
            &[(0, Loaded), (20, Failed), (21, Look("new", "unknown")), (50, Look("newer", "refresh"))],
        );
        check(KeyRing::new(KeyRingRules::default()), &[(0, Failed), (1, Loaded), (2, Look("new", "refresh"))]);
    }

    #[test]
    fn refreshes_every_hour_and_gives_up_after_a_day() {
        check(
            KeyRing::new(KeyRingRules::default()),
            &[
                (0, Loaded),
                (3599, Due(false)),
                (3600, Due(true)),
                (3600, Started),
                (3610, Due(false)),
                (3629, Due(false)),
                // A fetch that never ended is given up.
                (3630, Due(true)),
                (3631, Failed),
                (3660, Due(false)),
                (3661, Due(true)),
                (86_399, Look(sample::KID, "known")),
                (86_400, Look(sample::KID, "refresh")),
                (86_400, Started),
                (86_401, Failed),
                (86_402, Look(sample::KID, "unavailable 29")),
                (86_440, Loaded),
                (86_440, Look(sample::KID, "known")),
            ],
        );
    }

    #[test]
    fn starts_offline_from_a_file() {
        let start = Timestamp::from_seconds(1_795_282_000);
        let ring = KeyRing::preloaded(KeyRingRules::default(), sample::jwks(), start);
        check(
            ring,
            &[
                (0, Due(true)),
                (0, Look(sample::KID, "known")),
                (1, Failed),
                (1, Look(sample::KID, "known")),
                (86_400, Look(sample::KID, "refresh")),
            ],
        );
        assert!(DatedKeys::fixed(sample::jwks()).at(Timestamp::from_nanos(i64::MAX)).is_some());
    }

    #[test]
    fn a_clock_set_back_blocks_nothing() {
        check(
            KeyRing::new(KeyRingRules::default()),
            &[
                (1000, Loaded),
                (1000, Look("new", "refresh")),
                (1001, Failed),
                (0, Due(true)),
                (0, Look("new", "refresh")),
                (0, Look(sample::KID, "known")),
            ],
        );
    }

    #[test]
    fn remembers_a_bounded_number_of_strangers() {
        let mut ring = KeyRing::new(KeyRingRules { refused_ids: 3, ..KeyRingRules::default() });
        let now = Timestamp::from_seconds(1_795_282_000);
        ring.loaded(sample::jwks(), now);
        assert!(matches!(ring.look("0", now), KeyLook::RefreshThenRetry));
        ring.loaded(sample::jwks(), now);
        for n in 0..100 {
            assert!(matches!(ring.look(&n.to_string(), now), KeyLook::Unknown));
            assert!(ring.refused.len() <= 3);
        }
    }
}
