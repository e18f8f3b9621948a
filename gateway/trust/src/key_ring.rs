use std::collections::VecDeque;
use std::sync::Arc;

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
    /// When an unknown key last caused a fetch.
    forced_at: Option<Timestamp>,
    /// Ids that a fetch did not find, and until when that is believed; the oldest first.
    refused: VecDeque<(Box<str>, Timestamp)>,
}

/// The durations of a [`KeyRing`], in seconds, and its bound.
#[derive(Clone, Copy, Debug)]
pub struct KeyRingRules {
    /// How long after a fetch the next one is due: an hour.
    pub refresh: u32,
    /// How long after a failed fetch the next one is due: half a minute.
    pub retry: u32,
    /// The least time between two fetches caused by unknown keys, so that inventing them floods nobody: a minute.
    pub forced: u32,
    /// How long an id that a fetch did not find is refused without another: a minute.
    pub refused: u32,
    /// How many such ids are remembered: 256.
    pub refused_ids: usize,
    /// How long keys are used that cannot be fetched again: a day.
    pub longest: u32,
    /// How long a fetch may take before it counts as lost: half a minute.
    pub fetch: u32,
}

impl Default for KeyRingRules {
    fn default() -> Self {
        Self { refresh: 3600, retry: 30, forced: 60, refused: 60, refused_ids: 256, longest: 86_400, fetch: 30 }
    }
}

/// The keys of an issuer and until when they may be used.
#[derive(Debug)]
pub struct DatedKeys {
    keys: Jwks,
    usable_until: Option<Timestamp>,
}

impl DatedKeys {
    /// Keys that stay usable, because nobody publishes others: those of a file that is the only source.
    pub fn fixed(keys: Jwks) -> Self {
        Self { keys, usable_until: None }
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
        Self { rules, keys: None, fetched_at: none, failed_at: none, started_at: none, forced_at: none, refused: VecDeque::new() }
    }

    /// A ring that starts with keys kept from before, from a file for instance. They are usable as long as fetched ones
    /// are, and a fetch is due at once.
    pub fn preloaded(rules: KeyRingRules, keys: Jwks, now: Timestamp) -> Self {
        let mut ring = Self::new(rules);
        ring.keys = Some(ring.dated(keys, now));
        ring
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
        if since(self.forced_at, now) >= self.rules.forced && since(self.failed_at, now) >= self.rules.retry {
            self.forced_at = Some(now);
            return KeyLook::RefreshThenRetry;
        }
        self.refuse(kid, now);
        KeyLook::Unknown
    }

    fn without_keys(&self, now: Timestamp) -> KeyLook {
        if self.in_flight(now) || self.due(now) {
            return KeyLook::RefreshThenRetry;
        }
        let waited = since(self.failed_at, now);
        KeyLook::Unavailable { retry_after: self.rules.retry.saturating_sub(waited).max(1) }
    }

    /// Whether keys should be fetched now, whoever asks for one.
    pub fn due(&self, now: Timestamp) -> bool {
        !self.in_flight(now) && since(self.fetched_at, now) >= self.rules.refresh && since(self.failed_at, now) >= self.rules.retry
    }

    /// A fetch begins.
    pub fn started(&mut self, now: Timestamp) {
        self.started_at = Some(now);
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
        Arc::new(DatedKeys { keys, usable_until: Some(after(now, self.rules.longest)) })
    }

    /// A fetch that never ended must not keep the next one from beginning.
    fn in_flight(&self, now: Timestamp) -> bool {
        since(self.started_at, now) < self.rules.fetch
    }

    /// That an issuer does not have a key was learnt when its keys were fetched, and is believed from then on.
    fn refuse(&mut self, kid: &str, now: Timestamp) {
        let Some(until) = self.fetched_at.map(|learnt| after(learnt, self.rules.refused)) else { return };
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

/// Whole seconds since an event; an event that never was, or lies ahead because the clock was set back, is as long ago as
/// can be, so that no interval waits for it.
fn since(event: Option<Timestamp>, now: Timestamp) -> u32 {
    let Some(event) = event.filter(|event| *event <= now) else { return u32::MAX };
    u32::try_from((now.nanos() - event.nanos()) / 1_000_000_000).unwrap_or(u32::MAX)
}

fn after(event: Timestamp, seconds: u32) -> Timestamp {
    event.plus_nanos(i64::from(seconds) * 1_000_000_000)
}
