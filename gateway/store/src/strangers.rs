use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use audit::{RefusalCount, RefusalsSummary};
use exchange::Timestamp;

use crate::shared::lock;

/// How many kinds of refusals a summary tells apart; further ones are counted together.
const KINDS: usize = 64;

/// How many refusals of strangers are recorded one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// So many a second in the long run. None, if 0.
    pub per_second: u32,
    /// So many at once after a quiet time.
    pub burst: u32,
}

/// A refusal, as far as a summary tells it.
#[derive(Clone, Copy, Debug)]
pub struct Refusal<'a> {
    /// The stage that refused.
    pub stage: &'a str,
    /// The kind of the problem.
    pub error: &'a str,
}

/// The budget of one listener, shared by all its workers. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Strangers(Arc<Coalesced>);

impl Strangers {
    pub(crate) fn new(listener: &str, budget: Budget) -> (Self, Arc<Coalesced>) {
        let coalesced = Arc::new(Coalesced { listener: listener.to_owned(), rate: Rate::new(budget), counts: Mutex::default() });
        (Self(Arc::clone(&coalesced)), coalesced)
    }

    pub(crate) fn admit(&self) -> bool {
        self.0.rate.admit(self.0.rate.start.elapsed().as_nanos())
    }

    /// Counts a refusal that gets no record of its own; whether it is the first since the last summary.
    pub(crate) fn count(&self, refusal: Refusal<'_>, now: Timestamp) -> bool {
        lock(&self.0.counts).add(refusal, now)
    }
}

/// The refusals of one listener beyond its budget.
#[derive(Debug)]
pub(crate) struct Coalesced {
    listener: String,
    rate: Rate,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
pub(crate) struct Counts {
    span: Option<(Timestamp, Timestamp)>,
    by_kind: BTreeMap<(String, String), u64>,
}

impl Coalesced {
    pub(crate) fn is_empty(&self) -> bool {
        lock(&self.counts).span.is_none()
    }

    /// Takes the counts out, to be summed up in a record.
    pub(crate) fn take(&self) -> Counts {
        std::mem::take(&mut *lock(&self.counts))
    }

    /// Puts counts back whose summary could not be written.
    pub(crate) fn put_back(&self, counts: Counts) {
        let mut now = lock(&self.counts);
        for ((stage, error), count) in counts.by_kind {
            *now.by_kind.entry((stage, error)).or_default() += count;
        }
        now.span = match (counts.span, now.span) {
            (Some((from, _)), Some((_, to))) => Some((from, to)),
            (older, newer) => older.or(newer),
        };
    }

    /// The summary's canonical bytes and how many refusals it tells; nothing if there is nothing to tell.
    pub(crate) fn summary(&self, node: &str, counts: &Counts) -> Option<(Vec<u8>, u64)> {
        let (from, to) = counts.span?;
        let list: Vec<_> = counts
            .by_kind
            .iter()
            .map(|((stage, error), &count)| RefusalCount { stage: stage.as_str(), error: error.as_str(), count })
            .collect();
        let mut bytes = Vec::new();
        RefusalsSummary { node, listener: &self.listener, from, to, counts: &list }.to_jcs(&mut bytes).ok()?;
        Some((bytes, counts.by_kind.values().sum()))
    }
}

impl Counts {
    fn add(&mut self, refusal: Refusal<'_>, now: Timestamp) -> bool {
        // Both are names of ours, but a summary must fit a record whatever they are.
        let plain = |c: char| if c.is_ascii_alphanumeric() || "-._:/".contains(c) { c } else { '_' };
        let short = |name: &str| name.chars().take(48).map(plain).collect::<String>();
        let mut kind = (short(refusal.stage), short(refusal.error));
        if self.by_kind.len() >= KINDS && !self.by_kind.contains_key(&kind) {
            kind = ("other".to_owned(), "other".to_owned());
        }
        *self.by_kind.entry(kind).or_default() += 1;
        let first = self.span.is_none();
        self.span = Some(self.span.map_or((now, now), |(from, _)| (from, now)));
        first
    }
}

/// The generic cell rate algorithm: one number says when the next refusal is in time.
#[derive(Debug)]
struct Rate {
    start: Instant,
    /// Nanoseconds between two refusals; 0 where none is admitted.
    interval: u64,
    tolerance: u64,
    /// The theoretical arrival time of the next, in nanoseconds since `start`.
    next: AtomicU64,
}

impl Rate {
    fn new(budget: Budget) -> Self {
        let interval = 1_000_000_000_u64.checked_div(u64::from(budget.per_second)).unwrap_or(0);
        let tolerance = interval.saturating_mul(u64::from(budget.burst.saturating_sub(1)));
        Self { start: Instant::now(), interval, tolerance, next: AtomicU64::new(0) }
    }

    fn admit(&self, now: u128) -> bool {
        let now = u64::try_from(now).unwrap_or(u64::MAX);
        let step = |next: u64| {
            let early = next.saturating_sub(now);
            (self.interval > 0 && early <= self.tolerance).then(|| next.max(now).saturating_add(self.interval))
        };
        self.next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_has_a_burst_and_then_a_rate() {
        let second = 1_000_000_000;
        let rate = Rate::new(Budget { per_second: 10, burst: 3 });
        let admitted = |at: u128, tries: usize| (0..tries).filter(|_| rate.admit(at)).count();
        assert_eq!(admitted(0, 10), 3);
        assert_eq!(admitted(second / 10, 10), 1);
        assert_eq!(admitted(second, 10), 3);
        let none = Rate::new(Budget { per_second: 0, burst: 3 });
        assert!(!none.admit(second));
    }

    #[test]
    fn counts_survive_a_summary_that_could_not_be_written() {
        let (strangers, coalesced) = Strangers::new("pdnd", Budget { per_second: 1, burst: 1 });
        let refusal = |error| Refusal { stage: "authenticate", error };
        assert!(strangers.count(refusal("voucher-missing"), Timestamp::from_seconds(1)));
        assert!(!strangers.count(refusal("voucher-missing"), Timestamp::from_seconds(2)));
        let taken = coalesced.take();
        assert!(coalesced.is_empty());
        assert!(strangers.count(refusal("voucher-expired"), Timestamp::from_seconds(3)));
        coalesced.put_back(taken);
        let (bytes, refusals) = coalesced.summary("gw01", &coalesced.take()).expect("something was counted");
        assert_eq!(refusals, 3);
        assert_eq!(
            String::from_utf8(bytes).expect("text"),
            concat!(
                r#"{"ev":"refusals.summary","listener":"pdnd","node":"gw01","refusals":["#,
                r#"{"err":"voucher-expired","n":1,"stage":"authenticate"},{"err":"voucher-missing","n":2,"stage":"authenticate"}],"#,
                r#""t0":"1970-01-01T00:00:01.000000000Z","t1":"1970-01-01T00:00:03.000000000Z","v":1}"#
            )
        );
    }

    #[test]
    fn a_summary_fits_a_record_whatever_was_refused() {
        let (strangers, coalesced) = Strangers::new("pdnd", Budget { per_second: 1, burst: 1 });
        for at in 0..10_000 {
            let error = format!("{at}-{}", "\u{1}".repeat(400));
            strangers.count(Refusal { stage: &error, error: &error }, Timestamp::from_seconds(at));
        }
        let (bytes, refusals) = coalesced.summary("gw01", &coalesced.take()).expect("it fits");
        assert!(bytes.len() <= audit::MAX_RECORD && refusals == 10_000, "{} bytes", bytes.len());
    }
}
