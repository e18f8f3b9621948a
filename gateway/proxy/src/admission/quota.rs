//! Quotas of a civil day: so many exchanges from midnight to midnight, by the clock on the wall.
//!
//! PDND declares a purpose's load by the day. A day has 23, 24 or 25 hours; where it begins is the time zone's to say. Counts belong
//! to a tenant and a party and are shared by all workers. An exchange that was admitted consumes one, whatever becomes of it; one
//! that was refused before, or here, consumes nothing.

use std::collections::HashMap;
use std::sync::Arc;

use ahash::RandomState;
use arc_swap::ArcSwap;
use exchange::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use parking_lot::Mutex;

use super::Measure;

/// A civil day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// Days since 1970-01-01, by the calendar.
    pub number: u32,
    /// Its first instant.
    pub starts: Timestamp,
    /// The first instant of the next one.
    pub ends: Timestamp,
}

impl Day {
    /// The day that an instant belongs to; `None` outside the years that calendars are made for.
    pub fn of(now: Timestamp, zone: &TimeZone) -> Option<Self> {
        let date = jiff::Timestamp::from_nanosecond(i128::from(now.nanos())).ok()?.to_zoned(zone.clone()).date();
        let instant = |date: Date| {
            let first = date.to_zoned(zone.clone()).ok()?;
            Some(Timestamp::from_nanos(i64::try_from(first.timestamp().as_nanosecond()).ok()?))
        };
        let days = date.duration_since(Date::constant(1970, 1, 1)).as_hours() / 24;
        Some(Self { number: u32::try_from(days).ok()?, starts: instant(date)?, ends: instant(date.tomorrow().ok()?)? })
    }

    fn holds(&self, now: Timestamp) -> bool {
        self.starts <= now && now < self.ends
    }

    /// Seconds until it is over, rounded up.
    pub fn left(&self, now: Timestamp) -> u64 {
        (self.ends.nanos() - now.nanos()).max(0).unsigned_abs().div_ceil(1_000_000_000)
    }
}

/// Which day it is. The calendar is asked once a day.
#[derive(Debug)]
pub struct Calendar {
    zone: TimeZone,
    day: ArcSwap<Day>,
}

impl Calendar {
    /// The calendar of a time zone.
    pub fn new(zone: TimeZone) -> Self {
        let never = Day { number: 0, starts: Timestamp::from_nanos(0), ends: Timestamp::from_nanos(0) };
        Self { zone, day: ArcSwap::from_pointee(never) }
    }

    /// The day that an instant belongs to.
    pub fn day(&self, now: Timestamp) -> Day {
        let known = **self.day.load();
        if known.holds(now) {
            return known;
        }
        let Some(day) = Day::of(now, &self.zone) else { return known };
        // Exchanges on both sides of midnight may meet here; whichever is last, the next one finds out.
        self.day.store(Arc::new(day));
        day
    }
}

/// How many parties of one kind are counted in a day.
const MOST: usize = 100_000;
const SHARDS: usize = 16;

/// What the parties of one kind have consumed, of one e-service, by tenant and party.
#[derive(Clone, Debug, Default)]
pub struct DailyCounts(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    hasher: RandomState,
    shards: [Mutex<Shard>; SHARDS],
}

#[derive(Debug, Default)]
struct Shard {
    counts: HashMap<Party, Count, RandomState>,
    /// The day on which those of other days were last thrown out.
    swept: u32,
}

/// A tenant and a consumer or purpose.
pub type Party = (Arc<str>, Arc<str>);

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    day: u32,
    used: u64,
}

impl DailyCounts {
    /// Consumes one of a party's, unless all of them are.
    pub fn take(&self, party: &Party, most: u64, day: &Day, now: Timestamp) -> Measure {
        let (conforms, used) = self.change(party, day, |used| if *used < most { (true, used.saturating_add(1)) } else { (false, *used) });
        let left = day.left(now);
        let retry_after = if conforms { 0 } else { left.max(1) };
        Measure { conforms, limit: most, remaining: most.saturating_sub(used), reset: left, retry_after }
    }

    /// Gives one back: the exchange was refused after all, by a limit that was asked later.
    pub fn give_back(&self, party: &Party, day: &Day) {
        self.change(party, day, |used| (true, used.saturating_sub(1)));
    }

    /// Forgets what was counted.
    pub fn clear(&self) {
        for shard in &self.0.shards {
            *shard.lock() = Shard::default();
        }
    }

    /// Counts what was consumed while nobody counted.
    pub fn recall(&self, party: &Party, day: &Day) {
        self.change(party, day, |used| (true, used.saturating_add(1)));
    }

    fn change(&self, party: &Party, day: &Day, change: impl FnOnce(&u64) -> (bool, u64)) -> (bool, u64) {
        let hash = self.0.hasher.hash_one(party);
        let mut shard = self.0.shards[hash as usize % SHARDS].lock();
        if shard.counts.len() >= MOST / SHARDS && !shard.counts.contains_key(party) {
            // Of other days nothing is owed any more. What is left is today's, and a party too many is refused.
            if shard.swept < day.number {
                shard.swept = day.number;
                shard.counts.retain(|_, count| count.day >= day.number);
            }
            if shard.counts.len() >= MOST / SHARDS {
                return (false, u64::MAX);
            }
        }
        let count = shard.counts.entry(party.clone()).or_default();
        // A clock that was set back does not give yesterday's quota out again.
        if count.day < day.number {
            *count = Count { day: day.number, used: 0 };
        }
        let (conforms, used) = change(&count.used);
        count.used = used;
        (conforms, used)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("an instant")
    }

    #[test]
    fn days_have_the_hours_that_they_have() {
        let rome = TimeZone::get("Europe/Rome").expect("the zone is built in");
        for (now, starts, ends, hours) in [
            ("2026-11-22T12:00:00Z", "2026-11-21T23:00:00Z", "2026-11-22T23:00:00Z", 24),
            ("2026-07-01T21:59:59.999999999Z", "2026-06-30T22:00:00Z", "2026-07-01T22:00:00Z", 24),
            ("2026-07-01T22:00:00Z", "2026-07-01T22:00:00Z", "2026-07-02T22:00:00Z", 24),
            // Summer time begins and ends.
            ("2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", 23),
            ("2026-10-25T01:30:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", 25),
        ] {
            let day = Day::of(at(now), &rome).expect("a day");
            assert_eq!((day.starts, day.ends), (at(starts), at(ends)), "{now}");
            assert_eq!(day.ends.seconds() - day.starts.seconds(), hours * 3600, "{now}");
        }
        let number = |now: &str| Day::of(at(now), &rome).expect("a day").number;
        assert_eq!(number("2026-10-25T22:59:59Z") + 1, number("2026-10-25T23:00:00Z"));
        assert_eq!(number("1970-01-01T12:00:00Z"), 0);
    }

    #[test]
    fn a_calendar_notices_midnight_and_a_clock_set_back() {
        let calendar = Calendar::new(TimeZone::get("Europe/Rome").expect("the zone is built in"));
        let (before, after) = (at("2026-11-22T22:59:59Z"), at("2026-11-22T23:00:00Z"));
        let days = [calendar.day(before), calendar.day(after), calendar.day(before)];
        assert_eq!([days[0].number + 1, days[2].number], [days[1].number, days[0].number]);
        assert_eq!((days[0].left(before), days[1].left(after)), (1, 24 * 3600));
    }

    #[test]
    fn three_a_day_are_three_a_day() {
        let rome = TimeZone::get("Europe/Rome").expect("the zone is built in");
        let (evening, midnight) = (at("2026-11-22T22:59:00.5Z"), at("2026-11-22T23:00:00Z"));
        let [today, tomorrow] = [evening, midnight].map(|now| Day::of(now, &rome).expect("a day"));
        let counts = DailyCounts::default();
        let party = |tenant: &str, name: &str| (Arc::from(tenant), Arc::from(name));
        let (a, other) = (party("x", "p"), party("y", "p"));
        let take = |party: &Party, day: &Day, now| {
            let measure = counts.take(party, 3, day, now);
            (measure.conforms, measure.remaining, measure.retry_after)
        };
        counts.recall(&a, &today);
        assert_eq!(take(&a, &today, evening), (true, 1, 0));
        assert_eq!(take(&a, &today, evening), (true, 0, 0));
        assert_eq!(take(&a, &today, evening), (false, 0, 60), "to the boundary, rounded up");
        counts.give_back(&a, &today);
        assert_eq!(take(&a, &today, evening), (true, 0, 0));
        assert_eq!(take(&other, &today, evening), (true, 2, 0), "another tenant's is another's");
        assert_eq!(take(&a, &tomorrow, midnight), (true, 2, 0));
        assert_eq!(take(&a, &today, evening), (true, 1, 0), "a clock that was set back gives nothing out again");
    }

    #[test]
    fn parties_are_bounded_and_yesterdays_make_room() {
        let rome = TimeZone::get("Europe/Rome").expect("the zone is built in");
        let now = at("2026-11-22T12:00:00Z");
        let [today, tomorrow] = [now, at("2026-11-23T12:00:00Z")].map(|now| Day::of(now, &rome).expect("a day"));
        let counts = DailyCounts::default();
        let party = |n: usize| (Arc::from("x"), Arc::from(n.to_string()));
        let refused = (0..MOST * 2).filter(|&n| !counts.take(&party(n), 9, &today, now).conforms).count();
        assert!(refused >= MOST, "{refused}");
        assert!(counts.take(&party(MOST * 3), 9, &tomorrow, now).conforms);
    }
}
